//! Results as files and as text.

mod arrow;
mod descriptor;
mod destination;
mod error;
mod format;
mod lines;
mod npy;
mod parquet;
mod place;
mod room;
mod sink;
mod unfinished;

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use swath_block::Block;
use swath_kernel::ValueType;
use swath_model::Range;
use tokio::sync::mpsc;

use self::{
    destination::Opened,
    room::Disk,
    sink::{Sink, SinkError},
    unfinished::Unfinished,
};
pub use self::{
    destination::Target,
    error::OutputError,
    format::{Format, UnknownExtension},
};
use crate::{Results, results::Item};

/// Blocks that may wait between the network and the file.
const BLOCKS_WAITING: usize = 4;
/// The final size of the file is estimated each time after this many blocks.
const BLOCKS_PROJECTED: u64 = 16;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Numbers with a result.
    pub numbers: u64,
    /// Numbers without a result.
    pub missing: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What is known about the results before the first value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// The numbers.
    pub range: Range,
    /// The type of their values.
    pub value_type: ValueType,
    /// A lower bound of the size in bytes, if it is known otherwise than from the format and the range; else 0.
    pub least_bytes: u64,
    /// Whether some numbers may have no result.
    pub may_miss: bool,
}

/// A target that was opened for writing.
pub struct OutputTarget {
    opened: Opened,
    format: Format,
    name: String,
}

impl OutputTarget {
    /// Opens a target, so that one that cannot be written is found before anything is computed. Waits for the reader of
    /// a named pipe.
    pub fn open(target: Target, format: Format) -> Result<Self, OutputError> {
        let name = target.to_string();
        let opened = Opened::open(target).map_err(|error| OutputError::Write { destination: name.clone(), error })?;
        if format.is_binary() && opened.is_terminal {
            return Err(OutputError::Terminal { format });
        }
        Ok(Self { opened, format, name })
    }

    /// An error if the format cannot hold these values, or if the disk certainly has no room for them.
    pub fn check(&self, content: &Content) -> Result<(), OutputError> {
        let Content { range, value_type, .. } = *content;
        if self.format == Format::Npy && value_type == ValueType::Decimal128 {
            return Err(OutputError::UnsupportedType { value_type });
        }
        let every_number = if content.may_miss { 0 } else { room::least(self.format, range, value_type) };
        let needed = every_number.max(content.least_bytes);
        match self.opened.disk.as_ref().and_then(Disk::free) {
            Some(free) if needed > free => Err(OutputError::NoRoom { destination: self.name.clone(), needed, free }),
            _ => Ok(()),
        }
    }

    /// The approximate size of the file in bytes; `None` if it is no file or the size depends on the values.
    pub fn about(&self, content: &Content) -> Option<u64> {
        self.opened.unfinished.as_ref()?;
        let about = room::about(self.format, content.range, content.value_type);
        about.max((content.least_bytes > 0).then_some(content.least_bytes))
    }

    /// Checks this content and begins to write it.
    pub fn begin(self, content: &Content) -> Result<Output, OutputError> {
        self.check(content)?;
        let Content { range, value_type, .. } = *content;
        let Opened { destination, unfinished, disk, .. } = self.opened;
        let written = destination.written();
        let sink: Result<Box<dyn Sink>, SinkError> = match self.format {
            Format::Parquet => parquet::ParquetSink::open(destination, value_type),
            Format::Arrow => arrow::ArrowSink::open(destination, value_type),
            Format::Npy => npy::NpySink::open(destination, range, value_type),
            Format::Csv => lines::LineSink::open(destination, lines::Style::Csv),
            Format::Jsonl => lines::LineSink::open(destination, lines::Style::Jsonl),
            Format::Text => lines::LineSink::open(destination, lines::Style::Text),
        };
        let sink = sink.map_err(|error| describe(error, &self.name))?;
        // Missing numbers make the file smaller, and how many are missing is not known.
        let disk = disk.filter(|_| !content.may_miss);
        let progress = Written { range, blocks: 0, numbers: 0, bytes: written, disk };
        Ok(Output { sink, format: self.format, destination: self.name, written: progress, unfinished })
    }
}

/// Results that are being written. A file appears under its name only when it is complete.
pub struct Output {
    sink: Box<dyn Sink>,
    format: Format,
    destination: String,
    written: Written,
    unfinished: Option<Unfinished>,
}

impl Output {
    /// Opens the output of a job over this range in which each number will have a result. An error if it cannot be
    /// written.
    pub fn create(target: Target, format: Format, range: Range, value_type: ValueType) -> Result<Self, OutputError> {
        let content = Content { range, value_type, least_bytes: 0, may_miss: false };
        OutputTarget::open(target, format)?.begin(&content)
    }

    /// Writes all results; `progress` is called with the numbers written so far.
    pub async fn save(
        self,
        mut results: Results,
        progress: impl Fn(u64) + Send + 'static,
    ) -> Result<Summary, OutputError> {
        // If this future is dropped, `unfinished` is dropped with it and deletes the file.
        let Self { mut sink, format, destination, mut written, unfinished } = self;
        if format == Format::Parquet {
            results = results.for_copying();
        }
        let (sender, mut blocks) = mpsc::channel::<(i64, Block)>(BLOCKS_WAITING);
        let name = destination.clone();
        let writer = tokio::task::spawn_blocking(move || {
            while let Some((first, block)) = blocks.blocking_recv() {
                sink.write(first, &block).map_err(|error| describe(error, &name))?;
                written.add(&block, &name)?;
                progress(written.numbers);
            }
            Ok::<_, OutputError>((sink, written))
        });
        let fetched = fetch(&mut results, format, &sender).await;
        drop(sender);
        let (sink, written) = writer.await.map_err(|error| OutputError::Block(error.to_string()))??;
        fetched?;
        let finish = move || {
            sink.finish().and_then(|mut whole| Ok(whole.flush()?))?;
            Ok(unfinished.map_or(Ok(()), Unfinished::publish)?)
        };
        let finished =
            tokio::task::spawn_blocking(finish).await.map_err(|error| OutputError::Block(error.to_string()))?;
        finished.map_err(|error| describe(error, &destination))?;
        let bytes = written.bytes.load(Ordering::Relaxed);
        Ok(Summary { numbers: written.numbers, missing: results.missing(), bytes })
    }
}

/// Sends all blocks to the writer. An error at the first number without a result if the format cannot show that;
/// nothing behind it is written then.
async fn fetch(results: &mut Results, format: Format, writer: &mpsc::Sender<(i64, Block)>) -> Result<(), OutputError> {
    while let Some(item) = results.next_item().await? {
        match item {
            Item::Block { first, block } => {
                if writer.send((first, block)).await.is_err() {
                    // The writer has failed and says why.
                    return Ok(());
                }
            }
            Item::Missing if format.needs_every_number() => {
                return Err(OutputError::Missing { first: results.first_missing(), count: results.missing(), format });
            }
            Item::Missing => {}
        }
    }
    Ok(())
}

/// What was written so far.
struct Written {
    range: Range,
    blocks: u64,
    numbers: u64,
    bytes: Arc<AtomicU64>,
    disk: Option<Disk>,
}

impl Written {
    /// Counts a block. An error if the disk has no room for the rest, provided that it is like what was written.
    fn add(&mut self, block: &Block, destination: &str) -> Result<(), OutputError> {
        self.blocks += 1;
        self.numbers += block.rows() as u64;
        if !self.blocks.is_multiple_of(BLOCKS_PROJECTED) {
            return Ok(());
        }
        let Some(free) = self.disk.as_ref().and_then(Disk::free) else { return Ok(()) };
        let written = self.bytes.load(Ordering::Relaxed);
        let needed = room::rest(written, self.numbers, self.range.count());
        if room::fits(needed, free, self.numbers, self.range.count()) {
            return Ok(());
        }
        Err(OutputError::WillNotFit { destination: destination.to_owned(), written, needed, free })
    }
}

fn describe(error: SinkError, destination: &str) -> OutputError {
    match error {
        SinkError::Io(error) => OutputError::Write { destination: destination.to_owned(), error },
        SinkError::Block(reason) => OutputError::Block(reason),
    }
}
