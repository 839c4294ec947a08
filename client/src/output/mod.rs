//! Results as files and as text.

mod arrow;
mod destination;
mod lines;
mod npy;
mod parquet;

use std::{
    fmt,
    io::{self, Write},
    path::Path,
    str::FromStr,
};

use swath_block::Block;
use swath_kernel::ValueType;
use swath_scheduler::Range;
use tokio::sync::mpsc;

pub use self::destination::Target;
use self::destination::{Destination, Unfinished};
use crate::{ClientError, Results, error::no_result};

/// Blocks that may wait between the network and the file.
const BLOCKS_WAITING: usize = 4;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Parquet: columns `n` and `value`; encoded columns are copied, nothing is decoded.
    Parquet,
    /// An Arrow IPC file: columns `n` and `value`.
    Arrow,
    /// Comma-separated values with the header `n,value`.
    Csv,
    /// One JSON object in each line: `{"n":3,"value":9}`.
    Jsonl,
    /// A NumPy array of the values alone.
    Npy,
    /// One value in each line.
    Text,
}

impl Format {
    /// All formats, by name.
    pub const NAMES: [&'static str; 6] = ["parquet", "arrow", "csv", "jsonl", "npy", "text"];

    /// The format that the ending of a file name stands for.
    pub fn from_path(path: &Path) -> Result<Self, OutputError> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        match ending.as_deref() {
            Some("txt") => Ok(Self::Text),
            Some("text") | None => Err(OutputError::UnknownEnding { path: path.display().to_string() }),
            Some(name) => name.parse().map_err(|_| OutputError::UnknownEnding { path: path.display().to_string() }),
        }
    }

    /// An array has a place for each number and no way to say that it is empty.
    fn check_missing(self, results: &Results) -> Result<(), OutputError> {
        match results.missing() {
            missing if missing > 0 && self == Self::Npy => Err(OutputError::Missing { missing }),
            _ => Ok(()),
        }
    }

    /// Whether it is for programs only.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow | Self::Npy)
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "parquet" => Ok(Self::Parquet),
            "arrow" => Ok(Self::Arrow),
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::Jsonl),
            "npy" => Ok(Self::Npy),
            "text" => Ok(Self::Text),
            _ => Err(format!("there is no format `{name}`; the formats are {}", Self::NAMES.join(", "))),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Npy => "npy",
            Self::Text => "text",
        })
    }
}

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
    #[error("{}, and a .npy file cannot say which; use .parquet, .arrow, .csv or .jsonl", no_result(*missing))]
    Missing {
        /// How many, so far.
        missing: u64,
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

/// Writes blocks in one format.
trait Sink: Send {
    /// Writes a block whose first number is `first`.
    fn write(&mut self, first: i64, block: &Block) -> Result<(), SinkError>;
    /// Writes what stands at the end, and gives the destination back.
    fn finish(self: Box<Self>) -> Result<Destination, SinkError>;
}

enum SinkError {
    Io(io::Error),
    Block(String),
}

impl From<io::Error> for SinkError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Numbers with a result.
    pub numbers: u64,
    /// Numbers without.
    pub missing: u64,
}

/// Results on their way into a file. The file appears under its name only when it is whole.
pub struct Output {
    sink: Box<dyn Sink>,
    format: Format,
    destination: String,
    unfinished: Option<Unfinished>,
}

impl Output {
    /// Opens the output of a job over this range. What cannot work is found here, before anything is computed.
    pub fn create(target: Target, format: Format, range: Range, value_type: ValueType) -> Result<Self, OutputError> {
        let name = target.to_string();
        if format == Format::Npy && value_type == ValueType::Decimal128 {
            return Err(OutputError::NoSuchValues { value_type });
        }
        if format.is_binary() && target.is_terminal() {
            return Err(OutputError::Terminal { format });
        }
        let failed = |error| OutputError::Write { destination: name.clone(), error };
        let (destination, unfinished) = Destination::open(target).map_err(failed)?;
        let sink: Result<Box<dyn Sink>, SinkError> = match format {
            Format::Parquet => parquet::ParquetSink::open(destination, value_type),
            Format::Arrow => arrow::ArrowSink::open(destination, value_type),
            Format::Npy => npy::NpySink::open(destination, range, value_type),
            Format::Csv => lines::LineSink::open(destination, lines::Style::Csv),
            Format::Jsonl => lines::LineSink::open(destination, lines::Style::Jsonl),
            Format::Text => lines::LineSink::open(destination, lines::Style::Text),
        };
        let sink = sink.map_err(|error| describe(error, &name))?;
        Ok(Self { sink, format, destination: name, unfinished })
    }

    /// Writes all results; `progress` is called with the numbers written so far.
    pub async fn save(
        self,
        mut results: Results,
        progress: impl Fn(u64) + Send + 'static,
    ) -> Result<Summary, OutputError> {
        // If this is dropped half way, so is `unfinished`, and the file goes with it.
        let Self { mut sink, format, destination, unfinished } = self;
        if format == Format::Parquet {
            results = results.to_be_copied();
        }
        let (sender, mut blocks) = mpsc::channel::<(i64, Block)>(BLOCKS_WAITING);
        let writer = tokio::task::spawn_blocking(move || {
            let mut numbers = 0;
            while let Some((first, block)) = blocks.blocking_recv() {
                sink.write(first, &block)?;
                numbers += block.rows() as u64;
                progress(numbers);
            }
            Ok((sink, numbers))
        });
        let fetched: Result<(), OutputError> = async {
            while let Some(block) = results.next().await? {
                if sender.send(block).await.is_err() {
                    // The writer has failed and says why.
                    break;
                }
                format.check_missing(&results)?;
            }
            format.check_missing(&results)
        }
        .await;
        drop(sender);
        let written = writer.await.map_err(|error| OutputError::Block(error.to_string()))?;
        let (sink, numbers) = written.map_err(|error| describe(error, &destination))?;
        fetched?;
        let summary = Summary { numbers, missing: results.missing() };
        let finish = move || sink.finish().and_then(|mut whole| Ok(whole.flush()?));
        let finished =
            tokio::task::spawn_blocking(finish).await.map_err(|error| OutputError::Block(error.to_string()))?;
        finished.map_err(|error| describe(error, &destination))?;
        if let Some(unfinished) = unfinished {
            unfinished.publish().map_err(|error| OutputError::Write { destination, error })?;
        }
        Ok(summary)
    }
}

fn describe(error: SinkError, destination: &str) -> OutputError {
    match error {
        SinkError::Io(error) => OutputError::Write { destination: destination.to_owned(), error },
        SinkError::Block(reason) => OutputError::Block(reason),
    }
}
