//! What happened: all of it as a hash, the last of it in words.

use std::{
    collections::VecDeque,
    fmt::{self, Write},
};

use swath_model::Instant;

use crate::event::seconds;

/// How many lines a failure shows.
const LINES: usize = 40;

#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    lines: VecDeque<String>,
    /// Prints every line at once.
    aloud: bool,
}

impl Trace {
    pub(crate) fn new(aloud: bool) -> Self {
        // FNV-1a, 64 bits.
        Trace { hash: 0xcbf2_9ce4_8422_2325, lines: VecDeque::with_capacity(LINES), aloud }
    }

    pub(crate) fn note(&mut self, now: Instant, what: fmt::Arguments<'_>) {
        let mut line = if self.lines.len() == LINES { self.lines.pop_front() } else { None }.unwrap_or_default();
        line.clear();
        // Writing to a string does not fail.
        let _ = write!(line, "{:10.6} {what}", seconds(now));
        for &byte in line.as_bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.aloud {
            println!("{line}");
        }
        self.lines.push_back(line);
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}
