//! The pages of a column of Parquet, one after the other.
//!
//! The bytes may come from anywhere. A page header is taken only as this program writes it: a data page of version 1
//! without statistics or checksum.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use swath_model::ValueType;

use crate::{
    Block, BlockError, MAX_ROWS, PAGE_ROWS, decimal, delta, fast,
    format::{Format, Kind},
    span::Span,
    varint::{self, unzigzag},
};

/// The most bytes that LZ4 makes of one.
const MOST_OF_A_BYTE: usize = 255;
/// What a page that is nearly empty may have beyond that.
const SMALL_PAGE: usize = 64;

const DECIMALS: Kind = Kind::Fast(ValueType::Decimal128);
const NOT_DECOMPRESSED: &str = "cannot be decompressed";

/// The pages of a column of Parquet of a block.
pub(crate) struct Pages {
    format: Arc<Format>,
    leaf: usize,
    kind: Kind,
    /// What is left of the column.
    bytes: Bytes,
    codec: Codec,
    values_left: usize,
    /// What the footer says that the rest of the column has before compression.
    uncompressed_left: u64,
    /// That of the next page, if it was read already.
    header: Option<Header>,
    /// The last page, and the same decompressed.
    page: Bytes,
    buffer: Vec<u8>,
}

/// How the pages of a column are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    None,
    Lz4,
    /// Decimals as [`decimal::runs`] compresses them.
    Runs,
}

/// What a page header says.
#[derive(Debug, Clone, Copy)]
struct Header {
    values: usize,
    compressed: usize,
    uncompressed: usize,
}

impl Pages {
    /// The pages of a column of Parquet, by position.
    pub(crate) fn open(block: &Block, leaf: usize) -> Result<Self, BlockError> {
        let format = Arc::clone(block.format());
        let column = block.row_group().and_then(|group| group.columns().get(leaf));
        let (Some(column), Some(kind)) = (column, format.leaves.get(leaf).map(|leaf| leaf.kind)) else {
            return Err(BlockError::Decode(format!("it has no column {leaf}")));
        };
        let codec = match column.compression() {
            Compression::UNCOMPRESSED => Codec::None,
            Compression::LZ4_RAW => Codec::Lz4,
            Compression::ZSTD(_) if kind == DECIMALS => Codec::Runs,
            _ => return Err(BlockError::page(&format, leaf, "are compressed in a way that no block has")),
        };
        // The frame was checked: neither is negative.
        let values_left = usize::try_from(column.num_values()).unwrap_or_default();
        let uncompressed_left = u64::try_from(column.uncompressed_size()).unwrap_or_default();
        let bytes = block.leaf_bytes(leaf);
        let (header, page, buffer) = (None, Bytes::new(), Vec::new());
        Ok(Self { format, leaf, kind, bytes, codec, values_left, uncompressed_left, header, page, buffer })
    }

    /// How many values the next page has; `None` after the last, with which the column must end.
    pub(crate) fn next_values(&mut self) -> Result<Option<usize>, BlockError> {
        if let Some(header) = self.header {
            return Ok(Some(header.values));
        }
        if self.values_left == 0 {
            return match (self.bytes.is_empty(), self.uncompressed_left) {
                (true, 0) => Ok(None),
                (true, _) => Err(self.error("have not the size that the footer says")),
                (false, _) => Err(self.error("end before their column does")),
            };
        }
        let mut rest = &self.bytes[..];
        let encoding = match self.kind {
            Kind::Consecutive => Encoding::DELTA_BINARY_PACKED,
            Kind::Fast(value_type) => fast::encoding(value_type),
            Kind::General => Encoding::PLAIN,
        };
        let header = read_header(&mut rest, encoding).ok_or_else(|| self.error("have a header that no block has"))?;
        let header_bytes = self.bytes.len() - rest.len();
        let fits = match self.kind {
            Kind::Consecutive => header.values == self.values_left && header.values <= MAX_ROWS,
            Kind::Fast(_) => header.values == self.values_left.min(PAGE_ROWS),
            Kind::General => (1..=self.values_left).contains(&header.values),
        };
        if !fits {
            return Err(self.error("have more or fewer values than they should"));
        }
        if header.compressed > rest.len() {
            return Err(self.error("are longer than their column"));
        }
        let most_bytes = match self.kind {
            Kind::Consecutive => delta::most_bytes_consecutive(header.values),
            Kind::Fast(value_type) => fast::most_bytes(value_type, header.values),
            Kind::General => header.compressed.saturating_mul(MOST_OF_A_BYTE).saturating_add(SMALL_PAGE),
        };
        let sizes_fit = self.codec != Codec::None || header.compressed == header.uncompressed;
        if !sizes_fit || header.uncompressed > most_bytes {
            return Err(self.error("have a size that their values cannot have"));
        }
        let uncompressed = (header_bytes + header.uncompressed) as u64;
        let Some(left) = self.uncompressed_left.checked_sub(uncompressed) else {
            return Err(self.error("have not the size that the footer says"));
        };
        self.uncompressed_left = left;
        self.values_left -= header.values;
        self.bytes = self.bytes.slice(header_bytes..);
        Ok(Some(self.header.insert(header).values))
    }

    /// The next page: how many values it has, and what they are, encoded. `None` after the last.
    pub(crate) fn next_page(&mut self) -> Result<Option<(usize, &[u8])>, BlockError> {
        let Some(header) = self.take_compressed()? else { return Ok(None) };
        if self.codec == Codec::None {
            return Ok(Some((header.values, &self.page)));
        }
        self.buffer.resize(header.uncompressed, 0);
        let decompress = match (self.codec, self.kind) {
            (Codec::Runs, _) => decimal::runs::decompress,
            (_, DECIMALS) => decimal::lz4::decompress,
            _ => decompress_lz4,
        };
        let decompressed = decompress(&self.page, &mut self.buffer);
        decompressed.ok_or_else(|| self.error(NOT_DECOMPRESSED))?;
        Ok(Some((header.values, &self.buffer)))
    }

    /// Checks all pages that are left: what [`fast::check_page`] found in them.
    pub(crate) fn check_all(&mut self, value_type: ValueType) -> Result<Option<Span>, BlockError> {
        let mut found: Option<Span> = None;
        while self.next_values()?.is_some() {
            let page = if self.codec == Codec::Runs { self.check_runs()? } else { self.check_plain(value_type)? };
            found = found.map_or(page, |found| page.map(|page| found.with(page)).or(Some(found)));
        }
        Ok(found)
    }

    fn check_plain(&mut self, value_type: ValueType) -> Result<Option<Span>, BlockError> {
        let Some((values, page)) = self.next_page()? else { return Ok(None) };
        let found = fast::check_page(value_type, page, values);
        found.map(Some).map_err(|what| self.error(what))
    }

    /// Runs are looked at as they are.
    fn check_runs(&mut self) -> Result<Option<Span>, BlockError> {
        let Some(header) = self.take_compressed()? else { return Ok(None) };
        let is_right = header.uncompressed == header.values * 16;
        let extremes = decimal::runs::check(&self.page, header.values).filter(|_| is_right);
        let (least, greatest) = extremes.ok_or_else(|| self.error(NOT_DECOMPRESSED))?;
        fast::check_decimals(Span::new(least, greatest)).map(Some).map_err(|what| self.error(what))
    }

    /// Goes to the next page: it is in `page` then, as it was compressed.
    fn take_compressed(&mut self) -> Result<Option<Header>, BlockError> {
        self.next_values()?;
        let Some(header) = self.header.take() else { return Ok(None) };
        // Within bounds: the header was checked.
        self.page = self.bytes.split_to(header.compressed);
        Ok(Some(header))
    }

    /// The same, to keep.
    pub(crate) fn take_page(&mut self) -> Result<Option<(usize, Bytes)>, BlockError> {
        let Some((values, _)) = self.next_page()? else { return Ok(None) };
        let is_compressed = self.codec != Codec::None;
        let page = if is_compressed { Bytes::from(std::mem::take(&mut self.buffer)) } else { self.page.clone() };
        Ok(Some((values, page)))
    }

    pub(crate) fn error(&self, what: &'static str) -> BlockError {
        BlockError::page(&self.format, self.leaf, what)
    }
}

/// Decompresses a block of LZ4 into `out`, as long as what comes out. `None` if it is no such block.
fn decompress_lz4(block: &[u8], out: &mut [u8]) -> Option<()> {
    let expected = out.len();
    (lz4_flex::block::decompress_into(block, out).ok()? == expected).then_some(())
}

/// Reads a page header off the front of `bytes`; `None` if it is another than this program writes.
fn read_header(bytes: &mut &[u8], encoding: Encoding) -> Option<Header> {
    const DATA_PAGE: i32 = 0;
    const LEVELS_ENCODING: i32 = 3;
    // Fields 1, 2 and 3 are integers, 5 is a struct whose fields 1 to 4 are integers; then both end.
    let kind = integer(bytes)?;
    let uncompressed = usize::try_from(integer(bytes)?).ok()?;
    let compressed = usize::try_from(integer(bytes)?).ok()?;
    literal(bytes, 0x2C)?;
    let values = usize::try_from(integer(bytes)?).ok()?;
    let found = integer(bytes)?;
    let levels = (integer(bytes)?, integer(bytes)?);
    literal(bytes, 0)?;
    literal(bytes, 0)?;
    let expected = (DATA_PAGE, number_of(encoding), (LEVELS_ENCODING, LEVELS_ENCODING));
    ((kind, found, levels) == expected).then_some(Header { values, compressed, uncompressed })
}

/// The number of an encoding in the format.
fn number_of(encoding: Encoding) -> i32 {
    match encoding {
        Encoding::DELTA_BINARY_PACKED => 5,
        _ => 0,
    }
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
