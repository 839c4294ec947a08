//! The terminal that the line is drawn on.

use std::io;

use console::Term;
use indicatif::{ProgressDrawTarget, TermLike};

/// Drawings a second, at most.
const RATE: u8 = 10;
/// Columns that stay free: the terminal prints `^C` at the end of the line when Ctrl-C is pressed, and that must not
/// begin a line of its own, which nobody would clear.
const MARGIN: u16 = 3;
/// Where the terminal does not say.
const USUAL_WIDTH: u16 = 80;

/// Draws to standard error, which is a terminal.
pub(super) fn draw_target() -> ProgressDrawTarget {
    ProgressDrawTarget::term_like_with_hz(Box::new(Narrowed(Term::buffered_stderr())), RATE)
}

/// How many columns a line may have.
pub(super) fn room() -> usize {
    usize::from(width(&Term::stderr()))
}

fn width(terminal: &Term) -> u16 {
    let width = terminal.size_checked().map_or(USUAL_WIDTH, |(_, columns)| columns);
    width.saturating_sub(MARGIN).max(1)
}

/// A terminal without its last columns. What draws would otherwise fill them with blanks.
#[derive(Debug)]
struct Narrowed(Term);

impl TermLike for Narrowed {
    fn width(&self) -> u16 {
        width(&self.0)
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}
