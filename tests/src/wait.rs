//! Waiting for conditions.

use std::{
    thread,
    time::{Duration, Instant},
};

/// What takes longer is taken for hung.
pub const DEADLINE: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(10);

/// Looks again and again until there is something to see, and returns it. Panics with the name of the condition after
/// [`DEADLINE`].
#[track_caller]
pub fn until<T>(condition: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < DEADLINE, "waited {DEADLINE:?} in vain until {condition}");
        thread::sleep(PAUSE);
    }
}
