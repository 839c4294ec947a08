//! Tables of text.

use std::{
    io::{self, Write},
    time::SystemTime,
};

use anyhow::Result;
use swath_console::print;
use tabwriter::TabWriter;

/// Columns that line up.
pub(super) type Table = TabWriter<Vec<u8>>;

/// A table without rows.
pub(super) fn new_table() -> Table {
    TabWriter::new(Vec::new()).padding(2)
}

/// Prints a table.
pub(super) fn print_table(table: Table) -> Result<()> {
    let text = table.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    Ok(print(text)?)
}

/// Prints a header and a line for each row.
pub(super) fn table<T>(header: &str, rows: &[T], mut line: impl FnMut(&mut Table, &T) -> io::Result<()>) -> Result<()> {
    let mut out = new_table();
    writeln!(out, "{header}")?;
    for row in rows {
        line(&mut out, row)?;
    }
    print_table(out)
}

/// A time for people, in UTC.
pub(super) fn time(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(at).to_string()
}
