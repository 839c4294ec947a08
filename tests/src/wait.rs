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
pub fn until<T>(condition: &str, look: impl FnMut() -> Option<T>) -> T {
    look_often(condition, look, || thread::sleep(PAUSE))
}

/// The same without a pause between looks, for what is there to be seen only for moments.
#[track_caller]
pub fn until_seen<T>(condition: &str, look: impl FnMut() -> Option<T>) -> T {
    look_often(condition, look, thread::yield_now)
}

#[track_caller]
fn look_often<T>(condition: &str, mut look: impl FnMut() -> Option<T>, pause: impl Fn()) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < DEADLINE, "waited {DEADLINE:?} in vain until {condition}");
        pause();
    }
}

/// Returns when so much time has passed: for faults that must outlast a timeout of the program.
pub fn while_passes(time: Duration) {
    let begun = Instant::now();
    until("the time has passed", || (begun.elapsed() >= time).then_some(()));
}
