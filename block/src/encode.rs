//! From values to a block.

use std::sync::Arc;

use bytes::Bytes;
use parquet::{
    basic::{Compression, Encoding},
    column::{
        page::{CompressedPage, Page, PageWriter},
        writer::ColumnCloseResult,
    },
    data_type::{ByteArray, FixedLenByteArray},
    errors::ParquetError,
    file::{
        metadata::ColumnChunkMetaData,
        properties::{WriterProperties, WriterPropertiesPtr},
        statistics::Statistics,
        writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite},
    },
    schema::types::ColumnDescPtr,
};
use swath_kernel::{ValueType, Values};

use crate::{Digest, MAX_ROWS, PAGE_ROWS, boolean, decimal, delta, digest::checksum_of, frame::MAGIC, schema};

/// Why values were not encoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The values are of another type than the block's.
    #[error("a block of {expected} values cannot take {got} values")]
    WrongType {
        /// What the block holds.
        expected: ValueType,
        /// What came.
        got: ValueType,
    },
    /// A page or a block would be too long.
    #[error("{rows} rows are more than the {limit} that fit")]
    TooLong {
        /// Rows there would be.
        rows: usize,
        /// Rows there may be.
        limit: usize,
    },
    /// A block needs at least one row.
    #[error("a block needs at least one row")]
    Empty,
    /// The Parquet writer refused.
    #[error("cannot write Parquet: {0}")]
    Parquet(#[from] ParquetError),
}

/// Encodes one block: pages of values pushed in order, then [`finish`](Self::finish).
pub struct BlockEncoder {
    value_type: ValueType,
    first: i64,
    rows: usize,
    column: TrackedWrite<Vec<u8>>,
    uncompressed: usize,
    /// Found by the first page; a column has one for all of its pages.
    compression: Option<Compression>,
    least_and_greatest: Option<(i128, i128)>,
}

impl BlockEncoder {
    /// A block whose first row is the number `first`.
    pub fn new(value_type: ValueType, first: i64) -> Self {
        Self {
            value_type,
            first,
            rows: 0,
            column: TrackedWrite::new(Vec::new()),
            uncompressed: 0,
            compression: None,
            least_and_greatest: None,
        }
    }

    /// Appends a page: the values of the next numbers, at most [`PAGE_ROWS`].
    pub fn push(&mut self, values: &Values) -> Result<(), EncodeError> {
        if values.value_type() != self.value_type {
            return Err(EncodeError::WrongType { expected: self.value_type, got: values.value_type() });
        }
        if values.is_empty() {
            return Ok(());
        }
        check_length(values.len(), PAGE_ROWS)?;
        check_length(self.rows + values.len(), MAX_ROWS)?;
        let (mut page, mut uncompressed) = (Vec::new(), None);
        let (encoding, least, greatest) = match values {
            Values::Int64(values) => {
                page.reserve(values.len() * 2 + 64);
                let (least, greatest) = delta::encode(values, &mut page);
                (Encoding::DELTA_BINARY_PACKED, i128::from(least), i128::from(greatest))
            }
            Values::Boolean(values) => {
                boolean::encode(values, &mut page);
                let (least, greatest) = boolean::extremes(values);
                (Encoding::PLAIN, i128::from(least), i128::from(greatest))
            }
            Values::Decimal128(values) => {
                uncompressed = Some(values.len() * 16);
                self.encode_decimals(values, &mut page);
                let (least, greatest) = decimal::extremes(values);
                (Encoding::PLAIN, least, greatest)
            }
        };
        let (before_least, before_greatest) = self.least_and_greatest.unwrap_or((least, greatest));
        self.least_and_greatest = Some((before_least.min(least), before_greatest.max(greatest)));
        let uncompressed = uncompressed.unwrap_or_else(|| {
            let length = page.len();
            page = self.compress(std::mem::take(&mut page));
            length
        });
        self.uncompressed += write_page(&mut self.column, page, uncompressed, values.len(), encoding)?;
        self.rows += values.len();
        Ok(())
    }

    /// Decimals are compressed before they are encoded, for which they are better known than their bytes.
    fn encode_decimals(&mut self, values: &[i128], page: &mut Vec<u8>) {
        if self.compression != Some(Compression::UNCOMPRESSED) {
            decimal::compress(values, page);
        }
        let is_worth_it = || page.len() <= values.len() * 12;
        let compression = || if is_worth_it() { Compression::LZ4_RAW } else { Compression::UNCOMPRESSED };
        if *self.compression.get_or_insert_with(compression) == Compression::UNCOMPRESSED {
            page.clear();
            decimal::encode(values, page);
        }
    }

    /// The page as it is written: compressed, if that was worth it for the first one.
    fn compress(&mut self, page: Vec<u8>) -> Vec<u8> {
        match self.compression {
            Some(Compression::LZ4_RAW) => lz4_flex::block::compress(&page),
            Some(_) => page,
            None => {
                let (page, compression) = compress_if_worth_it(page);
                self.compression = Some(compression);
                page
            }
        }
    }

    /// The whole block: a Parquet file.
    pub fn finish(self) -> Result<Bytes, EncodeError> {
        self.finish_with_digest().map(|(block, _)| block)
    }

    /// The same, with its digest, which is made of the columns before they are put together.
    pub fn finish_with_digest(self) -> Result<(Bytes, Digest), EncodeError> {
        let Some((least, greatest)) = self.least_and_greatest else { return Err(EncodeError::Empty) };
        let schema = schema::schemas(self.value_type);
        let last = self.first.wrapping_add(self.rows as i64 - 1);

        let mut n = TrackedWrite::new(Vec::new());
        let mut page = Vec::new();
        delta::encode_consecutive(self.first, self.rows, &mut page);
        let length = page.len();
        let (page, n_compression) = compress_if_worth_it(page);
        let n_uncompressed = write_page(&mut n, page, length, self.rows, Encoding::DELTA_BINARY_PACKED)?;
        let n = Column {
            bytes: Bytes::from(n.into_inner()?),
            uncompressed: n_uncompressed,
            rows: self.rows,
            encoding: Encoding::DELTA_BINARY_PACKED,
            compression: n_compression,
            statistics: Statistics::int64(Some(self.first), Some(last), None, Some(0), false),
        };
        let (encoding, statistics) = match self.value_type {
            ValueType::Int64 => (
                Encoding::DELTA_BINARY_PACKED,
                Statistics::int64(Some(least as i64), Some(greatest as i64), None, Some(0), false),
            ),
            ValueType::Boolean => {
                (Encoding::PLAIN, Statistics::boolean(Some(least != 0), Some(greatest != 0), None, Some(0), false))
            }
            ValueType::Decimal128 => {
                let bytes = |value: i128| FixedLenByteArray::from(ByteArray::from(value.to_be_bytes().to_vec()));
                (
                    Encoding::PLAIN,
                    Statistics::fixed_len_byte_array(Some(bytes(least)), Some(bytes(greatest)), None, Some(0), false),
                )
            }
        };
        let value = Column {
            bytes: Bytes::from(self.column.into_inner()?),
            uncompressed: self.uncompressed,
            rows: self.rows,
            encoding,
            compression: self.compression.unwrap_or(Compression::UNCOMPRESSED),
            statistics,
        };

        let digest = checksum_of([&n.bytes[..], &value.bytes]);
        let columns = n.bytes.len() + value.bytes.len();
        let buffer = Vec::with_capacity(columns + 1024);
        let mut file = SerializedFileWriter::new(buffer, schema.root_schema_ptr(), properties())?;
        let mut row_group = file.next_row_group()?;
        n.append_to(&mut row_group, schema.column(0))?;
        value.append_to(&mut row_group, schema.column(1))?;
        row_group.close()?;
        let block = Bytes::from(file.into_inner()?);
        // What is written behind the columns begins where they end.
        let digest = Digest::new(digest, block.get(columns + MAGIC.len()..).unwrap_or_default());
        Ok((block, digest))
    }
}

/// An encoded column, not yet in a file.
struct Column {
    bytes: Bytes,
    uncompressed: usize,
    rows: usize,
    encoding: Encoding,
    compression: Compression,
    statistics: Statistics,
}

impl Column {
    fn append_to<W: std::io::Write + Send>(
        self,
        row_group: &mut parquet::file::writer::SerializedRowGroupWriter<'_, W>,
        description: ColumnDescPtr,
    ) -> Result<(), ParquetError> {
        let metadata = ColumnChunkMetaData::builder(description)
            .set_encodings(vec![self.encoding])
            .set_num_values(self.rows as i64)
            .set_compression(self.compression)
            .set_total_compressed_size(self.bytes.len() as i64)
            .set_total_uncompressed_size(self.uncompressed as i64)
            .set_data_page_offset(0)
            .set_statistics(self.statistics)
            .build()?;
        row_group.append_column(&self.bytes, close_result(metadata, self.rows as u64))
    }
}

/// What [`SerializedRowGroupWriter::append_column`](parquet::file::writer::SerializedRowGroupWriter::append_column)
/// needs to know of an encoded column.
pub(crate) fn close_result(metadata: ColumnChunkMetaData, rows: u64) -> ColumnCloseResult {
    ColumnCloseResult {
        bytes_written: metadata.compressed_size() as u64,
        rows_written: rows,
        metadata,
        bloom_filter: None,
        column_index: None,
        offset_index: None,
    }
}

/// The properties of every file that is written.
pub(crate) fn properties() -> WriterPropertiesPtr {
    static PROPERTIES: std::sync::LazyLock<WriterPropertiesPtr> = std::sync::LazyLock::new(|| {
        Arc::new(
            WriterProperties::builder()
                .set_created_by(concat!("swath version ", env!("CARGO_PKG_VERSION")).to_owned())
                .set_offset_index_disabled(true)
                .build(),
        )
    });
    Arc::clone(&PROPERTIES)
}

/// Writes a page and returns its uncompressed size with its header.
fn write_page(
    column: &mut TrackedWrite<Vec<u8>>,
    page: Vec<u8>,
    uncompressed: usize,
    rows: usize,
    encoding: Encoding,
) -> Result<usize, ParquetError> {
    let page = Page::DataPage {
        buf: Bytes::from(page),
        num_values: rows as u32,
        encoding,
        // Required columns have no levels; the format wants the encoding named all the same.
        def_level_encoding: Encoding::RLE,
        rep_level_encoding: Encoding::RLE,
        statistics: None,
    };
    let written = SerializedPageWriter::new(column).write_page(CompressedPage::new(page, uncompressed))?;
    Ok(written.uncompressed_size)
}

/// Compressed to three quarters or less, or as it was.
fn compress_if_worth_it(page: Vec<u8>) -> (Vec<u8>, Compression) {
    let compressed = lz4_flex::block::compress(&page);
    if compressed.len() <= page.len() - page.len() / 4 {
        (compressed, Compression::LZ4_RAW)
    } else {
        (page, Compression::UNCOMPRESSED)
    }
}

fn check_length(rows: usize, limit: usize) -> Result<(), EncodeError> {
    if rows > limit { Err(EncodeError::TooLong { rows, limit }) } else { Ok(()) }
}
