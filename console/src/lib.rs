//! Standard output and standard error, and the text of others on them.
//!
//! Nothing here panics, whatever became of a descriptor: its reader has gone, its disk is full, nobody reads it, it was
//! closed before the program began. Results and answers go to [`Stdout`], whose errors are errors of the command. What
//! is said to people, and the log, goes to [`stderr`], which never fails and never waits for long: lines are lost
//! instead, and counted.
//!
//! Text that a peer or a file chose passes through [`plain`] before a terminal or a log gets it, and names of workers
//! through [`check_name`].

mod lossy;
mod open;
mod stderr;
mod stdout;
mod text;
mod wait;

pub use stderr::{Stderr, flush, say_line, stderr, stderr_is_terminal, stderr_takes_colours};
pub use stdout::{PrintError, Stdout, print, stdout_is_terminal, stdout_takes_colours};
pub use text::{MAX_NAME, NameError, Plain, check_name, plain, plain_line};
pub use wait::write as write_when_ready;

/// Says one line on standard error, as `eprintln!` does, but never panics: a line that cannot be written is lost.
///
/// Whatever is in it, it is one line: control characters become blanks.
#[macro_export]
macro_rules! say {
    ($($argument:tt)*) => { $crate::say_line(::std::format_args!($($argument)*)) };
}
