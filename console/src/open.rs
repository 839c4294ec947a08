//! Which standard descriptors were open when the program was started.
//!
//! Before `main`, the runtime of Rust opens `/dev/null` in the place of those that were not, so that no other file gets
//! their numbers. Afterwards nothing tells a descriptor that was closed from one that somebody sent to `/dev/null`: the
//! runtime opens it for reading and writing, and so do other programs for their children (Python's
//! `subprocess.DEVNULL`, `stdio: 'ignore'` of Node). So this code looks before the runtime does.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::fcntl_getfd;

/// False if standard output was closed.
static STDOUT: AtomicBool = AtomicBool::new(true);

ctor::declarative::ctor! {
    /// Runs before `main`, when the standard library is not to be used: it is two system calls and an atomic.
    #[ctor(unsafe)]
    fn look() {
        STDOUT.store(fcntl_getfd(rustix::stdio::stdout()).is_ok(), Ordering::Relaxed);
    }
}

/// Whether standard output was open when the program was started.
pub(crate) fn stdout_was_open() -> bool {
    STDOUT.load(Ordering::Relaxed)
}
