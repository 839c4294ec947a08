//! The pages of a column, one after the other.
//!
//! The bytes may come from anywhere. A page header is taken only as this program writes it: a data page of version 1
//! without levels, statistics or checksum.

use bytes::Bytes;
use parquet::basic::Compression;

use crate::{
    Block, BlockError,
    column::Column,
    varint::{self, unzigzag},
};

/// The pages of a column of a block.
pub(crate) struct Pages {
    column: Column,
    /// What is left of the column.
    bytes: Bytes,
    is_compressed: bool,
    rows_left: usize,
    /// That of the next page, if it was read already.
    header: Option<Header>,
    /// The last page, and the same decompressed.
    page: Bytes,
    buffer: Vec<u8>,
    /// Of all pages so far: their sizes before compression, with their headers.
    uncompressed: u64,
}

/// What a page header says.
#[derive(Debug, Clone, Copy)]
struct Header {
    rows: usize,
    compressed: usize,
    uncompressed: usize,
}

impl Pages {
    pub(crate) fn open(block: &Block, column: Column) -> Result<Self, BlockError> {
        let is_compressed = match block.row_group().column(column.position()).compression() {
            Compression::UNCOMPRESSED => false,
            Compression::LZ4_RAW => true,
            _ => return Err(BlockError::page(column, "are compressed in another way than LZ4_RAW")),
        };
        let bytes = block.column_bytes(column);
        let (page, buffer) = (Bytes::new(), Vec::new());
        Ok(Self { column, bytes, is_compressed, rows_left: block.rows(), header: None, page, buffer, uncompressed: 0 })
    }

    /// How many values the next page has; `None` after the last, with which the column must end.
    pub(crate) fn next_rows(&mut self) -> Result<Option<usize>, BlockError> {
        if let Some(header) = self.header {
            return Ok(Some(header.rows));
        }
        if self.rows_left == 0 {
            return match self.bytes.is_empty() {
                true => Ok(None),
                false => Err(self.error("end before their column does")),
            };
        }
        let mut rest = &self.bytes[..];
        let header =
            read_header(&mut rest, self.column).ok_or_else(|| self.error("have a header that no block has"))?;
        let header_bytes = self.bytes.len() - rest.len();
        if !(1..=self.column.page_rows()).contains(&header.rows) || header.rows > self.rows_left {
            return Err(self.error("have more values than the column, or none"));
        }
        if header.compressed > rest.len() {
            return Err(self.error("are longer than their column"));
        }
        let sizes_fit = self.is_compressed || header.compressed == header.uncompressed;
        if !sizes_fit || header.uncompressed > self.column.most_bytes(header.rows) {
            return Err(self.error("have a size that their values cannot have"));
        }
        self.rows_left -= header.rows;
        self.uncompressed += (header_bytes + header.uncompressed) as u64;
        self.bytes = self.bytes.slice(header_bytes..);
        Ok(Some(self.header.insert(header).rows))
    }

    /// The next page: its values, encoded, and how many they are. `None` after the last.
    pub(crate) fn next_page(&mut self) -> Result<Option<(usize, &[u8])>, BlockError> {
        self.next_rows()?;
        let Some(header) = self.header.take() else { return Ok(None) };
        // Within bounds: the header was checked.
        self.page = self.bytes.split_to(header.compressed);
        if !self.is_compressed {
            return Ok(Some((header.rows, &self.page)));
        }
        self.buffer.resize(header.uncompressed, 0);
        match lz4_flex::block::decompress_into(&self.page, &mut self.buffer) {
            Ok(length) if length == header.uncompressed => Ok(Some((header.rows, &self.buffer))),
            Ok(_) => Err(self.error("are shorter than they say")),
            Err(_) => Err(self.error("cannot be decompressed")),
        }
    }

    /// Of all pages so far: their sizes before compression, with their headers.
    pub(crate) fn uncompressed(&self) -> u64 {
        self.uncompressed
    }

    fn error(&self, what: &'static str) -> BlockError {
        BlockError::page(self.column, what)
    }
}

/// Reads a page header off the front of `bytes`; `None` if it is another than this program writes.
fn read_header(bytes: &mut &[u8], column: Column) -> Option<Header> {
    const DATA_PAGE: i32 = 0;
    const LEVELS_ENCODING: i32 = 3;
    // Fields 1, 2 and 3 are integers, 5 is a struct whose fields 1 to 4 are integers; then both end.
    let kind = integer(bytes)?;
    let uncompressed = usize::try_from(integer(bytes)?).ok()?;
    let compressed = usize::try_from(integer(bytes)?).ok()?;
    literal(bytes, 0x2C)?;
    let rows = usize::try_from(integer(bytes)?).ok()?;
    let encoding = integer(bytes)?;
    let levels = (integer(bytes)?, integer(bytes)?);
    literal(bytes, 0)?;
    literal(bytes, 0)?;
    let expected = (DATA_PAGE, column.encoding(), (LEVELS_ENCODING, LEVELS_ENCODING));
    ((kind, encoding, levels) == expected).then_some(Header { rows, compressed, uncompressed })
}

/// An `i32` in the next field of a struct of Thrift's compact protocol.
fn integer(bytes: &mut &[u8]) -> Option<i32> {
    literal(bytes, 0x15)?;
    i32::try_from(unzigzag(varint::read(bytes)?)).ok()
}

fn literal(bytes: &mut &[u8], expected: u8) -> Option<()> {
    let (&byte, rest) = bytes.split_first()?;
    *bytes = rest;
    (byte == expected).then_some(())
}
