//! Jobs, workers and the rest, for people and for programs.

mod access;
mod job;
mod kernel;
mod worker;

use std::{
    io::{self, Write},
    time::{Duration, SystemTime},
};

use anyhow::Result;
use indicatif::HumanDuration;
use serde::Serialize;
use swath_console::print;
use tabwriter::TabWriter;

pub(crate) use self::{
    access::{access, files},
    job::{Written, failed_chunk, failed_numbers, forgotten, job, jobs},
    kernel::kernels,
    worker::{draining, joined, workers},
};

/// Columns that line up.
type Table = TabWriter<Vec<u8>>;

fn new_table() -> Table {
    TabWriter::new(Vec::new()).padding(2)
}

fn print_table(table: Table) -> Result<()> {
    let text = table.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    Ok(print(text)?)
}

/// Prints a header and a line for each of these.
fn table<T>(header: &str, rows: &[T], mut line: impl FnMut(&mut Table, &T) -> io::Result<()>) -> Result<()> {
    let mut out = new_table();
    writeln!(out, "{header}")?;
    for row in rows {
        line(&mut out, row)?;
    }
    print_table(out)
}

/// Prints a value as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(print(text)?)
}

/// A time for people.
fn time(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(at).to_string()
}

/// A time for programs.
fn precise(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}

fn took(took: Duration) -> String {
    if took < Duration::from_secs(60) { format!("{:.3}s", took.as_secs_f64()) } else { HumanDuration(took).to_string() }
}
