//! What is known of processes after they have gone, for the scene to print.

use std::{
    fmt, fs,
    path::PathBuf,
    process::{Command, ExitStatus},
    sync::{Arc, Mutex},
};

/// Of what a process wrote, so many bytes at the end are printed when a test fails.
const SHOWN_BYTES: usize = 4096;

/// The records of all processes of a scene.
pub(crate) struct Records {
    /// The folder of their output.
    said: PathBuf,
    records: Mutex<Vec<Arc<Record>>>,
}

impl Records {
    pub(crate) fn new(said: PathBuf) -> Self {
        Self { said, records: Mutex::default() }
    }

    /// The record of a process that is about to be started.
    pub(crate) fn begin(&self, command: &Command) -> Arc<Record> {
        let mut records = self.records.lock().expect("no panic while it was held");
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        let said = self.said.join((records.len() + 1).to_string());
        let record = Arc::new(Record { line: words.join(" "), said, status: Mutex::new(None) });
        records.push(Arc::clone(&record));
        record
    }

    /// Prints them in the order in which they were begun.
    pub(crate) fn print(&self) {
        for record in self.records.lock().into_iter().flat_map(|records| records.clone()) {
            let status = record.status.lock().ok().and_then(|status| *status);
            let status = status.map_or_else(|| "still running".to_owned(), |status| status.to_string());
            println!("\n=== {record}\n--- {status}");
            println!("--- standard output\n{}", tail(&record.stdout()));
            println!("--- standard error\n{}", tail(&record.stderr()));
        }
    }
}

/// What is known of one process.
pub(crate) struct Record {
    line: String,
    /// The path of the files that hold its output, without their endings.
    said: PathBuf,
    status: Mutex<Option<ExitStatus>>,
}

impl Record {
    pub(crate) fn stdout_path(&self) -> PathBuf {
        self.said.with_extension("stdout")
    }

    pub(crate) fn stderr_path(&self) -> PathBuf {
        self.said.with_extension("stderr")
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.stdout_path()).unwrap_or_default()).into_owned()
    }

    pub(crate) fn stderr(&self) -> String {
        without_colours(&String::from_utf8_lossy(&fs::read(self.stderr_path()).unwrap_or_default()))
    }

    pub(crate) fn set_status(&self, status: ExitStatus) {
        *self.status.lock().expect("no panic while it was held") = Some(status);
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

/// Removes the escape sequences that set colours.
fn without_colours(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        plain.push_str(piece.split_once('m').map_or(piece, |(_, rest)| rest));
    }
    plain
}

fn tail(text: &str) -> &str {
    let mut from = text.len().saturating_sub(SHOWN_BYTES);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}
