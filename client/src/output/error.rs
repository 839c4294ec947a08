//! Why results were not written.

use std::io;

use bytesize::ByteSize;
use swath_kernel::ValueType;

use super::format::{Format, UnknownExtension};
use crate::{counted, error::ClientError};

/// Why results were not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// The extension of the file name is unknown.
    #[error(transparent)]
    UnknownExtension(#[from] UnknownExtension),
    /// The format cannot hold values of this type.
    #[error("the .npy format cannot hold {value_type} values; use .parquet, .arrow, .csv or .jsonl")]
    UnsupportedType {
        /// The values.
        value_type: ValueType,
    },
    /// A binary format would go to a terminal.
    #[error("{format} is binary and not written to a terminal; name a file with -o, or pipe it into a program")]
    Terminal {
        /// The format.
        format: Format,
    },
    /// The file cannot be written.
    #[error("cannot write {destination}: {error}")]
    Write {
        /// Where to.
        destination: String,
        /// What the system or the encoder reported.
        error: io::Error,
    },
    /// Some numbers have no result, and the format cannot say which.
    #[error("{} no result, and {} cannot show that; use .parquet, .arrow, .csv or .jsonl, which write each value with its number",
        missing(*.first, *.count), values_alone(*.format))]
    Missing {
        /// The first of them, if it is known.
        first: Option<i64>,
        /// How many are known so far.
        count: u64,
        /// The format.
        format: Format,
    },
    /// The file is larger than the free space of the disk.
    #[error("{destination} needs at least {}, but its disk has only {} free", size(*.needed), size(*.free))]
    NoRoom {
        /// Where to.
        destination: String,
        /// Bytes that the file has at least.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The disk will be full before the file is complete.
    #[error("{destination} will not fit: {} are written, about {} more are needed, but its disk has only {} free",
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
    /// Whether the reader of the output has closed it, as `head` does.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Write { error, .. } if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// The numbers without a result, with the verb.
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
        _ => "text, which has one value in each line,",
    }
}

fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}
