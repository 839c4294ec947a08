//! Standard output, where results and answers go.

use std::io::{self, IsTerminal, Write};

use crate::{open, stderr::allows_colours, wait};

/// Standard output, without a buffer. Unlike the standard library's it says so when it was closed or is not for
/// writing, and it waits for room if the descriptor is non-blocking.
#[derive(Debug)]
pub struct Stdout(());

impl Stdout {
    /// An error if standard output was closed when the program was started.
    pub fn open() -> io::Result<Self> {
        if open::stdout_was_open() { Ok(Self(())) } else { Err(io::Error::other("it was closed from the start")) }
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        wait::write(rustix::stdio::stdout(), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether standard output is a terminal.
pub fn stdout_is_terminal() -> bool {
    rustix::stdio::stdout().is_terminal()
}

/// Whether answers on standard output should have colours.
pub fn stdout_takes_colours() -> bool {
    stdout_is_terminal() && allows_colours()
}

/// An answer could not be printed.
#[derive(Debug, thiserror::Error)]
#[error("cannot write standard output: {0}")]
pub struct PrintError(io::Error);

impl PrintError {
    /// Whether the reader of the output has closed it, as `head` does.
    pub fn is_broken_pipe(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Prints a whole answer on standard output.
pub fn print(answer: impl AsRef<[u8]>) -> Result<(), PrintError> {
    Stdout::open().and_then(|mut stdout| stdout.write_all(answer.as_ref())).map_err(PrintError)
}
