//! Results as files and as text.

mod arrow;
mod compress;
mod content;
mod descriptor;
mod destination;
mod error;
mod format;
mod lines;
mod merged;
mod npy;
mod numpy_type;
mod parquet;
mod place;
mod room;
mod sink;
mod sink_error;
mod text;
mod unfinished;
mod writer;

use std::{
    io::Write,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use swath_block::Block;
use swath_model::{Covers, Range, Shape};
use tokio::sync::mpsc;

use self::{
    compress::Body,
    destination::{Destination, Opened},
    lines::{LineSink, Style},
    merged::Merged,
    room::Disk,
    sink::{RowSink, Sink},
    sink_error::SinkError,
    unfinished::Unfinished,
    writer::Writer,
};
pub use self::{
    content::Content,
    destination::Target,
    error::OutputError,
    format::{Compression, FileFormat, Format, FormatError},
};
use crate::{Results, reduce::begins_again, results::Item};

/// Blocks that may wait between the network and the file.
const BLOCKS_WAITING: usize = 4;
/// The final size of the file is estimated each time after this many blocks.
const BLOCKS_PROJECTED: u64 = 16;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Numbers with a result.
    pub numbers: u64,
    /// Rows that were written.
    pub rows: u64,
    /// Numbers without a result.
    pub missing: u64,
    /// Bytes.
    pub bytes: u64,
}

/// A target that was opened for writing.
pub struct OutputTarget {
    opened: Opened,
    format: FileFormat,
    name: String,
}

impl OutputTarget {
    /// Opens a target, so that one that cannot be written is found before anything is computed. Waits for the reader of
    /// a named pipe.
    pub fn open(target: Target, format: impl Into<FileFormat>) -> Result<Self, OutputError> {
        let format = format.into();
        let name = target.to_string();
        let opened = Opened::open(target).map_err(|error| OutputError::Write { destination: name.clone(), error })?;
        if format.is_binary() && opened.is_terminal {
            return Err(OutputError::Terminal { format });
        }
        Ok(Self { opened, format, name })
    }

    /// An error if the format cannot hold these columns, or if the disk certainly has no room for them.
    pub fn check(&self, content: &Content) -> Result<(), OutputError> {
        let columns = content.columns_for(self.format.format())?;
        let every_number = match content.layout.shape() {
            Shape::Dense if !content.may_miss => room::least(self.format, content.range, &columns.schema),
            _ => 0,
        };
        let needed = every_number.max(content.least_bytes);
        match self.opened.disk.as_ref().and_then(Disk::free) {
            Some(free) if needed > free => Err(OutputError::NoRoom { destination: self.name.clone(), needed, free }),
            _ => Ok(()),
        }
    }

    /// The approximate size of the file in bytes; `None` if it is no file or the size depends on the values.
    pub fn about(&self, content: &Content) -> Option<u64> {
        self.opened.unfinished.as_ref().filter(|_| content.layout.shape() == Shape::Dense)?;
        let columns = content.columns_for(self.format.format()).ok()?;
        let about = room::about(self.format, content.range, &columns.schema);
        about.max((content.least_bytes > 0).then_some(content.least_bytes))
    }

    /// Checks this content and begins to write it.
    pub fn begin(self, content: &Content) -> Result<Output, OutputError> {
        self.check(content)?;
        let format = self.format.format();
        let columns = content.columns_for(format)?;
        let Opened { destination, unfinished, disk, .. } = self.opened;
        let written = destination.written();
        let writer = open_writer(destination, self.format, content, columns);
        let writer = writer.map_err(|error| describe(error, &self.name))?;
        // Missing numbers make the file smaller, and how many are missing is not known.
        let disk = disk.filter(|_| !content.may_miss);
        let progress =
            Written { range: content.range, blocks: 0, last: None, numbers: 0, rows: 0, bytes: written, disk };
        let wanted = Wanted { format, shows_missing: content.shows_missing(format) };
        Ok(Output { writer, wanted, destination: self.name, written: progress, unfinished })
    }
}

/// The column of the numbers themselves.
const NUMBER: &str = "n";

fn open_writer(
    destination: Destination,
    format: FileFormat,
    content: &Content,
    columns: content::Columns,
) -> Result<Writer, SinkError> {
    let sink = open_sink(destination, format, content, columns)?;
    let Some(reductions) = &content.reductions else { return Ok(Writer::Direct(sink)) };
    let covers = Covers { first: content.range.first(), numbers: content.range.count() };
    let merged = Merged::new(reductions.accumulator(), content.layout.clone(), covers, sink);
    Ok(Writer::Merged(Box::new(merged)))
}

fn open_sink(
    destination: Destination,
    format: FileFormat,
    content: &Content,
    columns: content::Columns,
) -> Result<Sink, SinkError> {
    let content::Columns { positions, schema } = columns;
    if format.format() == Format::Parquet {
        let sink = parquet::ParquetSink::open(destination, &content.layout, &positions, &content.metadata)?;
        return Ok(Sink::Blocks(Box::new(sink)));
    }
    let sink = open_row_sink(destination, format, content.rows().unwrap_or_default(), &schema)?;
    Ok(Sink::Rows { sink, columns: positions })
}

/// `count`: how many rows there will be, for the formats that say it first.
fn open_row_sink(
    destination: Destination,
    format: FileFormat,
    count: u64,
    schema: &Schema,
) -> Result<Box<dyn RowSink>, SinkError> {
    let body = |destination| Body::new(destination, format.compression());
    let lines = |destination, style| -> Result<Box<dyn RowSink>, SinkError> {
        Ok(Box::new(LineSink::open(body(destination)?, style, schema)?))
    };
    match format.format() {
        Format::Parquet => Err(SinkError::Value("Parquet is put together from blocks".to_owned())),
        Format::Arrow => Ok(Box::new(arrow::ArrowSink::open(destination, schema)?)),
        Format::ArrowStream => Ok(Box::new(arrow::ArrowStreamSink::open(body(destination)?, schema)?)),
        Format::Npy => Ok(Box::new(npy::NpySink::open(destination, count, schema)?)),
        Format::Csv => lines(destination, Style::Csv),
        Format::Tsv => lines(destination, Style::Tsv),
        Format::Jsonl => lines(destination, Style::Jsonl),
        Format::Text => lines(destination, Style::Text),
    }
}

/// Writes rows that are not the results of a job, with columns of any types: for tests of the formats.
#[doc(hidden)]
pub fn write_rows(file: PathBuf, format: FileFormat, rows: &[RecordBatch]) -> Result<(), OutputError> {
    let target = Target::File(file);
    let name = target.to_string();
    let schema = rows.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
    let count = rows.iter().map(|rows| rows.num_rows() as u64).sum();
    let Opened { destination, unfinished, .. } =
        Opened::open(target).map_err(|error| OutputError::Write { destination: name.clone(), error })?;
    let write = || {
        let mut sink = open_row_sink(destination, format, count, &schema)?;
        rows.iter().try_for_each(|rows| sink.write(rows))?;
        sink.finish()?.flush()?;
        Ok(unfinished.map_or(Ok(()), Unfinished::publish)?)
    };
    write().map_err(|error| describe(error, &name))
}

/// What an output wants of the results.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    format: Format,
    /// Whether it shows which numbers have no result.
    shows_missing: bool,
}

/// A row in one line: `count 10, sum 385`. Values that have no text are left out.
pub fn row_text(row: &RecordBatch) -> String {
    let mut parts = Vec::new();
    for (field, column) in row.schema_ref().fields().iter().zip(row.columns()) {
        let Ok(push) = text::cells(column.as_ref(), text::Notation::Tsv) else { continue };
        let mut value = Vec::new();
        if row.num_rows() > 0 {
            push(0, &mut value);
        }
        parts.push(format!("{} {}", field.name(), String::from_utf8_lossy(&value)));
    }
    parts.join(", ")
}

/// What is written of the results so far.
#[derive(Debug, Clone, Copy)]
pub struct SoFar<'a> {
    /// Numbers with a result.
    pub numbers: u64,
    /// Of a job with reductions: the result if these were all numbers.
    pub reduced: Option<&'a RecordBatch>,
}

/// Results that are being written. A file appears under its name only when it is complete.
pub struct Output {
    writer: Writer,
    wanted: Wanted,
    destination: String,
    written: Written,
    unfinished: Option<Unfinished>,
}

impl Output {
    /// Opens the output of a job. An error if it cannot be written.
    pub fn create(target: Target, format: impl Into<FileFormat>, content: &Content) -> Result<Self, OutputError> {
        OutputTarget::open(target, format)?.begin(content)
    }

    /// Writes all results; `progress` is called with what is written so far.
    pub async fn save(
        self,
        mut results: Results,
        progress: impl Fn(SoFar<'_>) + Send + 'static,
    ) -> Result<Summary, OutputError> {
        // If this future is dropped, `unfinished` is dropped with it and deletes the file.
        let Self { mut writer, wanted, destination, mut written, unfinished } = self;
        if writer.copies() {
            results = results.for_copying();
        }
        let (sender, mut blocks) = mpsc::channel::<Block>(BLOCKS_WAITING);
        let name = destination.clone();
        let writing = tokio::task::spawn_blocking(move || {
            while let Some(block) = blocks.blocking_recv() {
                writer.write(&block).map_err(|error| describe(error, &name))?;
                written.add(&block, &name)?;
                let reduced = writer.so_far().map_err(|error| describe(error, &name))?;
                progress(SoFar { numbers: written.numbers, reduced: reduced.as_ref() });
            }
            Ok::<_, OutputError>((writer, written))
        });
        let fetched = fetch(&mut results, wanted, &sender).await;
        drop(sender);
        let (writer, mut written) = writing.await.map_err(|error| OutputError::Block(error.to_string()))??;
        fetched?;
        let is_reduced = writer.merges();
        let finish = move || {
            writer.finish().and_then(|mut whole| Ok(whole.flush()?))?;
            Ok(unfinished.map_or(Ok(()), Unfinished::publish)?)
        };
        let finished =
            tokio::task::spawn_blocking(finish).await.map_err(|error| OutputError::Block(error.to_string()))?;
        finished.map_err(|error| describe(error, &destination))?;
        let bytes = written.bytes.load(Ordering::Relaxed);
        if is_reduced {
            written.rows = 1;
        }
        Ok(Summary { numbers: written.numbers, rows: written.rows, missing: results.missing(), bytes })
    }
}

/// Sends all blocks to the writer. An error at the first number without a result if the output cannot show that;
/// nothing behind it is written then.
async fn fetch(results: &mut Results, wanted: Wanted, writer: &mpsc::Sender<Block>) -> Result<(), OutputError> {
    while let Some(item) = results.next_item().await? {
        match item {
            Item::Block { block, .. } => {
                if writer.send(block).await.is_err() {
                    // The writer has failed and says why.
                    return Ok(());
                }
            }
            Item::Missing if !wanted.shows_missing => {
                let (first, count, format) = (results.first_missing(), results.missing(), wanted.format);
                return Err(OutputError::Missing { first, count, format });
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
    /// The first number of the last block.
    last: Option<i64>,
    numbers: u64,
    rows: u64,
    bytes: Arc<AtomicU64>,
    disk: Option<Disk>,
}

impl Written {
    /// Counts a block. An error if the disk has no room for the rest, provided that it is like what was written.
    fn add(&mut self, block: &Block, destination: &str) -> Result<(), OutputError> {
        if begins_again(self.last.replace(block.covers().first), block.covers().first) {
            (self.blocks, self.numbers, self.rows) = (0, 0, 0);
        }
        self.blocks += 1;
        self.numbers += block.covers().numbers;
        self.rows += block.rows() as u64;
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
        SinkError::Value(reason) => OutputError::Value(reason),
    }
}
