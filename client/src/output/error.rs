//! Why results were not written.

use std::io;

use arrow_schema::DataType;
use bytesize::ByteSize;
use swath_model::{Layout, quoted};

use super::format::{FileFormat, Format, FormatError};
use crate::{counted, error::ClientError};

const NO_NPY: &str = "use .parquet, .arrow, .csv or .jsonl";

/// Why results were not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// There is no such format, or it is not compressed so.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The format cannot hold values of this type.
    #[error("the .npy format cannot hold the {} values of the column `{column}`; {NO_NPY}", lowercase(data_type))]
    UnsupportedType {
        /// The column.
        column: String,
        /// Its values.
        data_type: DataType,
    },
    /// The results have no such column.
    #[error("there is no column `{name}`; the columns are {}", named(columns))]
    UnknownColumn {
        /// What was asked for.
        name: String,
        /// What there is.
        columns: Vec<String>,
    },
    /// A column would be there twice.
    #[error("the column `{0}` is asked for twice")]
    RepeatedColumn(String),
    /// The format says first how many rows there are, and that depends on the values.
    #[error("a .npy file begins with how many rows it has, and how many these are is known at the end; {NO_NPY}")]
    UnknownRows,
    /// A value that the format cannot hold.
    #[error("{0}")]
    Value(String),
    /// A binary format would go to a terminal.
    #[error("{format} is binary and not written to a terminal; name a file with -o, or pipe it into a program")]
    Terminal {
        /// The format.
        format: FileFormat,
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
    #[error("{} no result, and {} cannot show that; {}",
        missing(*.first, *.count), values_alone(*.format), with_numbers(*.format))]
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
        Format::Text => "text, which has one value in each line,",
        _ => "values without the column `n`",
    }
}

fn with_numbers(format: Format) -> &'static str {
    match format {
        Format::Npy | Format::Text => "use .parquet, .arrow, .csv or .jsonl, which write each value with its number",
        _ => "write that column, too",
    }
}

/// The name of a type as kernels write it.
fn lowercase(data_type: &DataType) -> String {
    Layout::type_text(data_type)
}

fn named(columns: &[String]) -> String {
    quoted(columns.iter().map(String::as_str))
}

fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}
