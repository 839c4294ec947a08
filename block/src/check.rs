//! A look at all pages of a block, as deep as a reader looks.
//!
//! What passes is what this program writes: readers of Parquet find neither an encoding nor a size that surprises them,
//! and all values can be decoded. Integers are not unpacked for that. So of their statistics is known that the first
//! value of each page is within them; booleans and decimals are looked at each, and their statistics are exact.

use parquet::{
    basic::Encoding,
    file::{metadata::ColumnChunkMetaData, statistics::Statistics},
};
use swath_kernel::ValueType;

use crate::{Block, BlockError, Digest, column::Column, delta, pages::Pages};

/// The greatest decimal of 38 digits.
const MOST_DECIMAL: i128 = 10i128.pow(38) - 1;

impl Block {
    /// Checks all of a block that has come from elsewhere: its pages, to the last byte, and what the footer says of
    /// them.
    pub fn check(&self) -> Result<(), BlockError> {
        self.check_metadata(Column::N)?;
        let mut pages = Pages::open(self, Column::N)?;
        match pages.next_page()? {
            Some((rows, page)) if rows == self.rows() && delta::is_consecutive(page, self.first(), rows) => {}
            _ => return Err(BlockError::Numbers),
        }
        self.check_end(Column::N, pages)?;
        let column = Column::Value(self.value_type());
        self.check_metadata(column)?;
        let stated = stated(self.row_group().column(1), self.value_type())?;
        let mut pages = Pages::open(self, column)?;
        let mut found: Option<Span> = None;
        while let Some((rows, page)) = pages.next_page()? {
            let span = check_values(column, page, rows)?;
            found = Some(found.map_or(span, |found| found.with(span)));
        }
        self.check_end(column, pages)?;
        match (stated, found) {
            (Some(stated), Some(found)) if !stated.suits(found, self.value_type()) => Err(BlockError::Statistics),
            _ => Ok(()),
        }
    }

    /// Checks whether the block is still what it was when it came, and all that [`check`](Self::check) does; also that
    /// its statistics are exact, for which integers are decoded.
    pub fn verify(&self) -> Result<(), BlockError> {
        if !self.is_intact() {
            return Err(BlockError::Digest);
        }
        self.check()?;
        let stated = stated(self.row_group().column(1), self.value_type())?;
        let (ValueType::Int64, Some(stated)) = (self.value_type(), stated) else { return Ok(()) };
        let mut values = vec![0; self.rows()];
        self.decode_int64(&mut values)?;
        let found = Span::of(values.into_iter().map(i128::from));
        if found == Some(stated) { Ok(()) } else { Err(BlockError::Statistics) }
    }

    /// Whether the block is still what it was when it came.
    pub fn is_intact(&self) -> bool {
        Digest::of(self.bytes()).is_ok_and(|digest| digest == self.digest())
    }

    /// Of a column: that it has nothing but pages, all of one encoding.
    fn check_metadata(&self, column: Column) -> Result<(), BlockError> {
        let metadata = self.row_group().column(column.position());
        let encoding = match column {
            Column::N | Column::Value(ValueType::Int64) => Encoding::DELTA_BINARY_PACKED,
            Column::Value(ValueType::Boolean | ValueType::Decimal128) => Encoding::PLAIN,
        };
        if !metadata.encodings_mask().is_only(encoding) {
            return Err(BlockError::page(column, "are said to have another encoding"));
        }
        let has_more = metadata.file_path().is_some()
            || metadata.index_page_offset().is_some()
            || metadata.bloom_filter_offset().is_some()
            || metadata.column_index_offset().is_some()
            || metadata.offset_index_offset().is_some()
            || metadata.page_encoding_stats().is_some_and(|stats| !stats.is_empty())
            || metadata.geo_statistics().is_some()
            || metadata.definition_level_histogram().is_some()
            || metadata.repetition_level_histogram().is_some();
        if has_more { Err(BlockError::page(column, "are said to have indexes, which no block has")) } else { Ok(()) }
    }

    /// After the last page of a column.
    fn check_end(&self, column: Column, mut pages: Pages) -> Result<(), BlockError> {
        if pages.next_rows()?.is_some() {
            return Err(BlockError::page(column, "go on after the last value"));
        }
        let said = self.row_group().column(column.position()).uncompressed_size();
        let is_right = u64::try_from(said) == Ok(pages.uncompressed());
        if is_right { Ok(()) } else { Err(BlockError::page(column, "have not the size that the footer says")) }
    }
}

/// The least value and the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    least: i128,
    greatest: i128,
}

impl Span {
    fn of(values: impl IntoIterator<Item = i128>) -> Option<Self> {
        let mut values = values.into_iter();
        let first = values.next()?;
        let (least, greatest) =
            values.fold((first, first), |(least, greatest), value| (least.min(value), greatest.max(value)));
        Some(Self { least, greatest })
    }

    fn with(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), greatest: self.greatest.max(other.greatest) }
    }

    /// Whether statistics may say this of a column of which that was found.
    fn suits(self, found: Self, value_type: ValueType) -> bool {
        match value_type {
            ValueType::Int64 => self.least <= found.least && found.greatest <= self.greatest,
            ValueType::Boolean | ValueType::Decimal128 => self == found,
        }
    }
}

/// Checks the values of a page. Returns the least and the greatest; of integers, those of the first alone.
fn check_values(column: Column, page: &[u8], rows: usize) -> Result<Span, BlockError> {
    let wrong_length = || BlockError::page(column, "are longer or shorter than their values");
    match column {
        Column::N | Column::Value(ValueType::Int64) => {
            let first = delta::check(page, rows).map_err(|what| BlockError::page(column, what))?;
            Ok(Span { least: first.into(), greatest: first.into() })
        }
        Column::Value(ValueType::Boolean) => {
            if page.len() != rows.div_ceil(8) {
                return Err(wrong_length());
            }
            let (bits, used) = page.split_at(rows / 8);
            let (words, rest) = bits.as_chunks::<8>();
            let (mut all, mut any) = (u64::MAX, 0);
            for word in words.iter().copied().map(u64::from_le_bytes).chain(rest.iter().map(|&byte| widen(byte))) {
                (all, any) = (all & word, any | word);
            }
            if let Some(&last) = used.first() {
                let padding = u8::MAX << (rows % 8);
                if last & padding != 0 {
                    return Err(BlockError::page(column, "have bits after their last value"));
                }
                (all, any) = (all & widen(last | padding), any | u64::from(last));
            }
            Ok(Span { least: (all == u64::MAX).into(), greatest: (any != 0).into() })
        }
        Column::Value(ValueType::Decimal128) => {
            let (values, rest) = page.as_chunks::<16>();
            if values.len() != rows || !rest.is_empty() {
                return Err(wrong_length());
            }
            let span = Span::of(values.iter().map(|value| i128::from_be_bytes(*value))).ok_or_else(wrong_length)?;
            if span.least < -MOST_DECIMAL || span.greatest > MOST_DECIMAL {
                return Err(BlockError::page(column, "have a decimal of more than 38 digits"));
            }
            Ok(span)
        }
    }
}

/// A byte eight times.
fn widen(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// What the footer says of the least value and the greatest; `None` if it says nothing.
fn stated(column: &ColumnChunkMetaData, value_type: ValueType) -> Result<Option<Span>, BlockError> {
    let Some(statistics) = column.statistics() else { return Ok(None) };
    if statistics.null_count_opt().is_some_and(|nulls| nulls > 0) || statistics.distinct_count_opt().is_some() {
        return Err(BlockError::Statistics);
    }
    let span = match (statistics, value_type) {
        (Statistics::Int64(found), ValueType::Int64) => {
            (found.min_opt().map(|&least| i128::from(least)), found.max_opt().map(|&most| i128::from(most)))
        }
        (Statistics::Boolean(found), ValueType::Boolean) => {
            (found.min_opt().map(|&least| i128::from(least)), found.max_opt().map(|&most| i128::from(most)))
        }
        (Statistics::FixedLenByteArray(found), ValueType::Decimal128) => {
            let decimal = |bytes: &[u8]| <[u8; 16]>::try_from(bytes).ok().map(i128::from_be_bytes);
            let least = found.min_bytes_opt().map(|bytes| decimal(bytes).ok_or(BlockError::Statistics)).transpose()?;
            (least, found.max_bytes_opt().map(|bytes| decimal(bytes).ok_or(BlockError::Statistics)).transpose()?)
        }
        _ => return Err(BlockError::Statistics),
    };
    match span {
        (Some(least), Some(greatest)) => Ok(Some(Span { least, greatest })),
        (None, None) => Ok(None),
        _ => Err(BlockError::Statistics),
    }
}
