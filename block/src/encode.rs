//! From arrays to a block.

use std::{mem, sync::Arc};

use arrow_array::{Array, ArrayRef, Int64Array};
use arrow_schema::Field;
use bytes::Bytes;
use parquet::{
    basic::{Compression, Encoding},
    file::{statistics::Statistics, writer::SerializedFileWriter, writer::TrackedWrite},
};
use swath_model::{Covers, Layout, Numbers, Shape, ValueType};

use crate::{
    Digest, EncodeError, MAX_BLOCK_BYTES, MAX_ROWS, MOST_PUSHED_BYTES, MOST_RAW_BYTES, PAGE_ROWS, delta,
    digest::checksum_of,
    fast,
    format::{Format, Kind},
    frame::MAGIC,
    general,
    leaf::{EncodedLeaf, properties, write_page},
    span::Span,
    stored,
};

/// Encodes one block: rows pushed in order, then [`finish_with_digest`](Self::finish_with_digest).
pub struct BlockEncoder {
    format: Arc<Format>,
    first: i64,
    rows: usize,
    /// Numbers of the first row and of the last.
    ends: Option<(i64, i64)>,
    /// Rows that are not encoded yet, column by column.
    pending: Vec<Vec<ArrayRef>>,
    pending_rows: usize,
    pending_bytes: usize,
    /// What all rows are counted with; see [`stored::raw_bytes`].
    raw_bytes: usize,
    /// One for each column that this crate encodes.
    fast: Vec<FastColumn>,
    general: Option<general::Writer>,
}

impl BlockEncoder {
    /// A block that covers numbers from `first` on.
    ///
    /// # Errors
    /// [`EncodeError::Parquet`] for a type that Parquet does not have; none of those that a [`Layout`] takes.
    pub fn new(layout: &Layout, first: i64) -> Result<Self, EncodeError> {
        let format = Format::new(layout)?;
        let fast_columns = format.columns.iter().enumerate().filter_map(|(position, column)| match column.kind {
            Kind::Fast(value_type) => Some(FastColumn::new(position, value_type)),
            Kind::Consecutive | Kind::General => None,
        });
        Ok(Self {
            first,
            rows: 0,
            ends: None,
            pending: vec![Vec::new(); format.columns.len()],
            pending_rows: 0,
            pending_bytes: 0,
            raw_bytes: 0,
            fast: fast_columns.collect(),
            general: general::Writer::new(&format)?,
            format,
        })
    }

    /// Appends rows, at most [`PAGE_ROWS`]: their numbers, and the columns after `n`. The rows of [`Shape::Reduced`]
    /// have no numbers: only how many there are is looked at.
    ///
    /// Rows that are refused for being too many leave the block as it was.
    ///
    /// # Errors
    /// [`EncodeError`].
    pub fn push(&mut self, numbers: Numbers<'_>, columns: &[ArrayRef]) -> Result<(), EncodeError> {
        let rows = numbers.rows();
        self.check_columns(columns, rows)?;
        if rows == 0 {
            return Ok(());
        }
        check_length(rows, PAGE_ROWS)?;
        check_length(self.rows + rows, MAX_ROWS)?;
        let raw = self.raw_bytes_of(columns);
        if !self.has_room_for(raw) {
            return Err(EncodeError::TooLarge { bytes: self.encoded_bytes().saturating_add(raw) });
        }
        let ends = self.check_numbers(numbers)?;
        let has_numbers = self.format.layout.shape() == Shape::Sparse;
        let numbers: Option<ArrayRef> = has_numbers.then(|| Arc::new(Int64Array::from(list(numbers))) as ArrayRef);
        let (first_row, last_row) = ends;
        self.ends = Some((self.ends.map_or(first_row, |(before, _)| before), last_row));
        self.rows += rows;
        self.raw_bytes += raw;
        let mut start = 0;
        while start < rows {
            let length = (rows - start).min(PAGE_ROWS - self.pending_rows);
            let slice = |array: &ArrayRef| if length == rows { Arc::clone(array) } else { array.slice(start, length) };
            let skipped = self.format.columns.len() - columns.len();
            for (pending, column) in self.pending.iter_mut().zip(&numbers) {
                pending.push(slice(column));
            }
            for (pending, column) in self.pending.iter_mut().skip(skipped).zip(columns) {
                pending.push(slice(column));
            }
            self.pending_rows += length;
            self.pending_bytes += raw * length / rows;
            start += length;
            if self.pending_rows == PAGE_ROWS {
                self.encode_pending()?;
            }
        }
        Ok(())
    }

    /// How many of the first of these rows can be pushed; `columns` are those after `n`. Where it is none, and the
    /// block has no rows yet, the first row alone is too large for any block.
    pub fn rows_that_fit(&self, columns: &[ArrayRef]) -> usize {
        let rows = columns.first().map_or(0, |column| column.len());
        let most = rows.min(PAGE_ROWS).min(MAX_ROWS - self.rows);
        let fits = |rows: usize| {
            let slices: Vec<_> = columns.iter().map(|column| column.slice(0, rows.min(column.len()))).collect();
            self.has_room_for(self.raw_bytes_of(&slices))
        };
        if fits(most) {
            return most;
        }
        // That many fit, and one more than `too_many` does not.
        let (mut fitting, mut too_many) = (0, most);
        while fitting + 1 < too_many {
            let middle = fitting.midpoint(too_many);
            if fits(middle) { fitting = middle } else { too_many = middle }
        }
        fitting
    }

    /// The rows so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// About how many bytes the block has so far. A block is full when it has [`MAX_BLOCK_BYTES`]. Rows that compress
    /// well count with a quarter of their size, so that what is decoded is bounded, too.
    pub fn encoded_bytes(&self) -> usize {
        let fast: usize = self.fast.iter().map(|column| column.bytes.bytes_written()).sum();
        let general = self.general.as_ref().map_or(0, general::Writer::encoded_bytes);
        (fast + general + self.pending_bytes).max(self.raw_bytes / (MOST_RAW_BYTES / MAX_BLOCK_BYTES))
    }

    /// The whole block, a Parquet file, with its digest, which is made of the columns before they are put together.
    ///
    /// # Errors
    /// [`EncodeError`]; above all where `covers` are not the numbers of a dense block, or not all numbers of others.
    pub fn finish_with_digest(mut self, covers: Covers) -> Result<(Bytes, Digest), EncodeError> {
        self.check_covers(covers)?;
        self.encode_pending()?;
        let leaves = self.leaves()?;
        let descriptor = &self.format.descriptor;
        let digest = checksum_of(leaves.iter().map(|leaf| &leaf.bytes[..]));
        let columns: usize = leaves.iter().map(|leaf| leaf.bytes.len()).sum();
        let buffer = Vec::with_capacity(columns + 1024);
        let mut file = SerializedFileWriter::new(buffer, descriptor.root_schema_ptr(), properties())?;
        if self.rows > 0 {
            let mut row_group = file.next_row_group()?;
            for (leaf, description) in leaves.into_iter().zip(descriptor.columns()) {
                leaf.append_to(&mut row_group, Arc::clone(description), self.rows)?;
            }
            row_group.close()?;
        }
        let block = Bytes::from(file.into_inner()?);
        // What is written behind the columns begins where they end.
        let digest = Digest::new(digest, block.get(columns + MAGIC.len()..).unwrap_or_default());
        Ok((block, digest))
    }

    /// The encoded columns in their order; none where there are no rows.
    fn leaves(&mut self) -> Result<Vec<EncodedLeaf>, EncodeError> {
        let mut leaves = Vec::new();
        if self.rows == 0 {
            return Ok(leaves);
        }
        let mut fast = mem::take(&mut self.fast).into_iter();
        let mut general = self.general.take().map(general::Writer::finish).transpose()?.unwrap_or_default().into_iter();
        for column in &self.format.columns {
            match column.kind {
                Kind::Consecutive => leaves.push(consecutive(self.first, self.rows)?),
                Kind::Fast(_) => leaves.extend(fast.next().map(|column| column.finish(self.rows)).transpose()?),
                Kind::General => leaves.extend(general.by_ref().take(column.leaves.len())),
            }
        }
        Ok(leaves)
    }

    fn encode_pending(&mut self) -> Result<(), EncodeError> {
        if self.pending_rows == 0 {
            return Ok(());
        }
        let mut page = Vec::with_capacity(self.pending.len());
        for pieces in &mut self.pending {
            page.push(match &pieces[..] {
                // Consecutive numbers are not written here.
                [] => None,
                [one] => Some(Arc::clone(one)),
                several => {
                    let several: Vec<&dyn Array> = several.iter().map(|array| &**array).collect();
                    Some(arrow_select::concat::concat(&several)?)
                }
            });
            pieces.clear();
        }
        for column in &mut self.fast {
            if let Some(Some(values)) = page.get(column.position) {
                column.push(values, &self.format)?;
            }
        }
        if let Some(general) = &mut self.general {
            general.push(&page, &self.format)?;
        }
        self.pending_rows = 0;
        self.pending_bytes = 0;
        Ok(())
    }

    fn has_room_for(&self, raw: usize) -> bool {
        let raw_after = self.raw_bytes.saturating_add(raw);
        self.encoded_bytes().saturating_add(raw) <= MOST_PUSHED_BYTES
            && (raw_after <= MOST_RAW_BYTES || self.raw_bytes == 0)
    }

    /// What rows are counted with.
    fn raw_bytes_of(&self, columns: &[ArrayRef]) -> usize {
        let rows = columns.first().map_or(0, |column| column.len());
        let numbers = if self.format.layout.shape() == Shape::Sparse { rows * 8 } else { 0 };
        columns.iter().map(|column| stored::raw_bytes(column)).fold(numbers, usize::saturating_add)
    }

    fn check_columns(&self, columns: &[ArrayRef], rows: usize) -> Result<(), EncodeError> {
        let fields = self.format.layout.columns().fields();
        if columns.len() != fields.len() {
            return Err(EncodeError::Columns { expected: fields.len(), got: columns.len() });
        }
        for (column, field) in columns.iter().zip(fields) {
            check_column(column, field, rows)?;
        }
        Ok(())
    }

    /// Checks that numbers follow those before; returns the first and the last.
    fn check_numbers(&self, numbers: Numbers<'_>) -> Result<(i64, i64), EncodeError> {
        let refuse = |expected: String, got: i64| Err(EncodeError::Number { expected, got });
        let first = numbers.get(0).unwrap_or_default();
        let last = numbers.get(numbers.rows() - 1).unwrap_or_default();
        match (self.format.layout.shape(), numbers) {
            (Shape::Reduced, _) => {}
            (Shape::Dense, Numbers::Consecutive { .. }) => {
                let expected = self.first.checked_add(self.rows as i64).filter(|&due| due == first && last >= first);
                if expected.is_none() {
                    return refuse(self.first.wrapping_add(self.rows as i64).to_string(), first);
                }
            }
            (Shape::Dense, Numbers::Listed(numbers)) => {
                let mut due = self.first.checked_add(self.rows as i64);
                for &number in numbers {
                    if due != Some(number) {
                        return refuse(due.map_or_else(|| "none".to_owned(), |due| due.to_string()), number);
                    }
                    due = number.checked_add(1);
                }
            }
            (Shape::Sparse, numbers) => {
                let before = self.ends.map_or(self.first, |(_, last)| last);
                let (at_least, got) = match numbers {
                    Numbers::Listed(list) => list
                        .iter()
                        .try_fold(
                            before,
                            |before, &number| if number < before { Err((before, number)) } else { Ok(number) },
                        )
                        .map_or_else(|wrong| wrong, |_| (before, before)),
                    Numbers::Consecutive { .. } => (before.max(first.min(last)), first.min(last)),
                };
                if got < at_least || last < first {
                    return refuse(format!("{at_least} or more"), got);
                }
            }
        }
        Ok((first, last))
    }

    fn check_covers(&self, covers: Covers) -> Result<(), EncodeError> {
        let shape = self.format.layout.shape();
        if shape == Shape::Dense && self.rows == 0 {
            return Err(EncodeError::Empty);
        }
        let (first, last) = self.ends.unwrap_or((covers.first, covers.first));
        let is_right = match shape {
            Shape::Dense => covers == Covers { first: self.first, numbers: self.rows as u64 },
            Shape::Sparse => covers.contains(first) && covers.contains(last),
            Shape::Reduced => covers.last().is_some(),
        };
        if is_right { Ok(()) } else { Err(EncodeError::Covers { covers, first, last }) }
    }
}

fn check_column(column: &ArrayRef, field: &Field, rows: usize) -> Result<(), EncodeError> {
    let name = || field.name().clone();
    if column.data_type() != field.data_type() {
        let (expected, got) = (field.data_type().clone(), column.data_type().clone());
        return Err(EncodeError::WrongType { column: name(), expected, got });
    }
    if column.len() != rows {
        return Err(EncodeError::Length { column: name(), expected: rows, got: column.len() });
    }
    if !field.is_nullable() && column.null_count() > 0 {
        return Err(EncodeError::Null(name()));
    }
    Ok(())
}

/// The numbers of rows as a list.
fn list(numbers: Numbers<'_>) -> Vec<i64> {
    match numbers {
        Numbers::Listed(numbers) => numbers.to_vec(),
        Numbers::Consecutive { first, rows } => (0..rows as i64).map(|row| first.wrapping_add(row)).collect(),
    }
}

/// A column that this crate encodes.
struct FastColumn {
    position: usize,
    value_type: ValueType,
    bytes: TrackedWrite<Vec<u8>>,
    uncompressed: usize,
    /// Found by the first page; a column has one for all of its pages.
    compression: Option<Compression>,
    span: Option<Span>,
}

impl FastColumn {
    fn new(position: usize, value_type: ValueType) -> Self {
        let bytes = TrackedWrite::new(Vec::new());
        Self { position, value_type, bytes, uncompressed: 0, compression: None, span: None }
    }

    /// Appends a page of values, of which there must be one.
    fn push(&mut self, values: &ArrayRef, format: &Format) -> Result<(), EncodeError> {
        let column = || format.layout.schema().field(self.position).name().clone();
        let Some(page) = fast::encode_page(self.value_type, values, &mut self.compression) else {
            let (expected, got) = (self.value_type.data_type(), values.data_type().clone());
            return Err(EncodeError::WrongType { column: column(), expected, got });
        };
        let is_decimal = self.value_type == ValueType::Decimal128;
        if is_decimal && fast::check_decimals(page.span).is_err() {
            let reason = "a decimal of more than 38 digits".to_owned();
            return Err(EncodeError::Value { column: column(), reason });
        }
        self.span = Some(self.span.map_or(page.span, |span| span.with(page.span)));
        let encoding = fast::encoding(self.value_type);
        self.uncompressed += write_page(&mut self.bytes, page.bytes, page.uncompressed, values.len(), encoding)?;
        Ok(())
    }

    fn finish(self, rows: usize) -> Result<EncodedLeaf, EncodeError> {
        Ok(EncodedLeaf {
            bytes: Bytes::from(self.bytes.into_inner()?),
            uncompressed: self.uncompressed,
            values: rows,
            encodings: vec![fast::encoding(self.value_type)],
            compression: self.compression.unwrap_or(Compression::UNCOMPRESSED),
            statistics: self.span.map(|span| fast::statistics(self.value_type, span)),
        })
    }
}

/// The column of so many numbers that follow each other.
fn consecutive(first: i64, rows: usize) -> Result<EncodedLeaf, EncodeError> {
    let encoding = Encoding::DELTA_BINARY_PACKED;
    let (mut bytes, mut page, mut compression) = (TrackedWrite::new(Vec::new()), Vec::new(), None);
    delta::encode_consecutive(first, rows, &mut page);
    let length = page.len();
    let page = fast::compress(page, &mut compression);
    let uncompressed = write_page(&mut bytes, page, length, rows, encoding)?;
    let last = first.wrapping_add(rows as i64 - 1);
    Ok(EncodedLeaf {
        bytes: Bytes::from(bytes.into_inner()?),
        uncompressed,
        values: rows,
        encodings: vec![encoding],
        compression: compression.unwrap_or(Compression::UNCOMPRESSED),
        statistics: Some(Statistics::int64(Some(first), Some(last), None, Some(0), false)),
    })
}

fn check_length(rows: usize, limit: usize) -> Result<(), EncodeError> {
    if rows > limit { Err(EncodeError::TooLong { rows, limit }) } else { Ok(()) }
}
