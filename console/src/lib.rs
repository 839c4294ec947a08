//! Standard output and standard error, and text from elsewhere on them.
//!
//! Nothing here panics if a descriptor is unusable: closed by its reader, on a full disk, a pipe without a reader, or
//! closed before the program started. Results and answers go to [`Stdout`], whose errors are errors of the command.
//! Messages to people and the log go to [`stderr`], which never fails and never blocks for long: it drops lines
//! instead, and counts them.
//!
//! Text from a peer or a file passes through [`plain`] before it reaches a terminal or a log, and names of workers
//! through [`check_name`].

#![warn(clippy::indexing_slicing)]

mod lossy;
mod open;
mod stderr;
mod stdout;
mod text;
mod wait;

pub use stderr::{Stderr, flush, say_line, stderr, stderr_is_terminal, stderr_takes_colours};
pub use stdout::{PrintError, Stdout, print, stdout_is_terminal, stdout_takes_colours};
pub use text::{MAX_NAME, NameError, Plain, check_name, plain, plain_json, plain_line};
pub use wait::write as write_when_ready;

/// Says one line on standard error, as `eprintln!` does, but never panics: a line that cannot be written is lost.
///
/// Whatever is in it, it is one line: control characters become blanks.
#[macro_export]
macro_rules! say {
    ($($argument:tt)*) => { $crate::say_line(::std::format_args!($($argument)*)) };
}
