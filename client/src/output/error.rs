//! Why results were not written.

use std::io;

use bytesize::ByteSize;
use swath_kernel::ValueType;

use super::Format;
use crate::{ClientError, counted};

/// Why results were not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// The ending says nothing.
    #[error(
        "the ending of {path} names no format; use .parquet, .arrow, .csv, .jsonl, .npy or .txt, or name the format"
    )]
    UnknownEnding {
        /// The file.
        path: String,
    },
    /// The format has no such values.
    #[error("the .npy format has no {value_type} values; use .parquet, .arrow, .csv or .jsonl")]
    NoSuchValues {
        /// The values.
        value_type: ValueType,
    },
    /// Not for eyes.
    #[error("{format} is not for terminals; name a file with -o, or pipe it into a program")]
    Terminal {
        /// The format.
        format: Format,
    },
    /// The file cannot be written.
    #[error("cannot write {destination}: {error}")]
    Write {
        /// Where to.
        destination: String,
        /// What the system or the writer said.
        error: io::Error,
    },
    /// The format cannot say which numbers have no result.
    #[error("{} no result, and {} cannot say so; use .parquet, .arrow, .csv or .jsonl, where each value stands beside its number",
        missing(*.first, *.count), values_alone(*.format))]
    Missing {
        /// The first of them, if it is known.
        first: Option<i64>,
        /// How many are known so far.
        count: u64,
        /// The format.
        format: Format,
    },
    /// The disk is smaller than the file.
    #[error("{destination} will take at least {}, and its disk has {} free", size(*.needed), size(*.free))]
    NoRoom {
        /// Where to.
        destination: String,
        /// Bytes that the file has at least.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The disk will be full before the file is whole.
    #[error("{destination} will not fit: after {} about {} are still to come, and its disk has {} free",
        size(*.written), size(*.needed), size(*.free))]
    WillNotFit {
        /// Where to.
        destination: String,
        /// Bytes that were written.
        written: u64,
        /// Bytes that are still to come, if the rest is like what was written.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// A block cannot be decoded.
    #[error("a block is damaged: {0}")]
    Block(String),
    /// The results did not come.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl OutputError {
    /// Whoever read the output has gone away, as `head` does.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Write { error, .. } if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// Who has no result, with the verb.
fn missing(first: Option<i64>, count: u64) -> String {
    match (first, count) {
        (Some(first), _) => format!("{first} has"),
        (None, 1) => "1 number has".to_owned(),
        (None, count) => format!("{} have", counted(count, "number")),
    }
}

fn values_alone(format: Format) -> &'static str {
    match format {
        Format::Npy => "a .npy file",
        _ => "text, which is one value in each line,",
    }
}

fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}
