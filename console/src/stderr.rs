//! Standard error, for the log and for messages to people.

use std::{
    env, fmt,
    io::{self, IsTerminal, Write},
    sync::OnceLock,
    thread,
    time::Duration,
};

use crate::{lossy::Lossy, text::plain_line, wait};

/// How long to wait for lines to be written: a slow reader gets all of them, and a pipe without a reader does not block
/// the process.
const PATIENCE: Duration = Duration::from_secs(2);

/// The lines on their way to standard error; `None` if there is no thread to write them.
static LINES: OnceLock<Option<&'static Lossy>> = OnceLock::new();

fn lines() -> Option<&'static Lossy> {
    *LINES.get_or_init(|| {
        let lines: &'static Lossy = Box::leak(Box::default());
        let writer = thread::Builder::new().name("stderr".to_owned());
        writer.spawn(|| lines.drive(Raw)).is_ok().then_some(lines)
    })
}

/// Standard error for whole lines: it takes them all and writes what can be written, in the background.
pub fn stderr() -> Stderr {
    Stderr(())
}

/// See [`stderr`].
#[derive(Debug, Clone, Copy)]
pub struct Stderr(());

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(lines) = lines() {
            lines.push(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        flush();
        Ok(())
    }
}

/// Waits until all lines are written, or until it is clear that they will not be.
pub fn flush() {
    if let Some(Some(lines)) = LINES.get() {
        lines.flush(PATIENCE);
    }
}

/// Says one line; see [`say!`](crate::say).
pub fn say_line(text: fmt::Arguments<'_>) {
    let line = format!("{}\n", plain_line(&text.to_string()));
    match lines() {
        Some(lines) => {
            lines.push(line.as_bytes());
            // What is printed next comes after it, on a terminal that shows both.
            lines.flush(PATIENCE);
        }
        // An error could not be reported anywhere.
        None => drop(Raw.write_all(line.as_bytes())),
    }
}

/// Whether standard error is a terminal.
pub fn stderr_is_terminal() -> bool {
    rustix::stdio::stderr().is_terminal()
}

/// Whether text on standard error should have colours; see <https://no-color.org>.
pub fn stderr_takes_colours() -> bool {
    stderr_is_terminal() && allows_colours()
}

pub(crate) fn allows_colours() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The descriptor itself. The standard library's takes any number of bytes for written when it is closed, and holds a
/// lock while it waits.
struct Raw;

impl Write for Raw {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        wait::write(rustix::stdio::stderr(), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
