//! Blocks: the results of consecutive numbers as they travel.
//!
//! A block is a complete small Parquet file in memory with one row group: the column `n` (the number), except of
//! aggregates, and the columns of a [`Layout`](swath_model::Layout). It covers numbers that need not all have rows; one
//! without any row has no row group. It is encoded once, by the thread that computed it ([`BlockEncoder`]), and never
//! decoded on the way: whoever wants a file of many blocks appends their encoded columns to it ([`FileAssembler`]), and
//! whoever wants the values decodes them at the end ([`Block::batches`]).
//!
//! The encodings are those of the [Parquet format](https://parquet.apache.org/docs/file-format/data-pages/encodings/):
//!
//! | column | encoding |
//! | --- | --- |
//! | `n`, Int64 | `DELTA_BINARY_PACKED`; consecutive numbers take 5 bytes in 128 |
//! | Int64 | `DELTA_BINARY_PACKED` |
//! | Boolean | `PLAIN`, 1 bit |
//! | Float64 | `PLAIN`, 8 bytes |
//! | Decimal128(38, 0) | `PLAIN`, 16 bytes |
//! | all others, and all that may be null or are nested | `PLAIN`, by the parquet crate |
//!
//! All of them stand in data pages of version 1. These are pairs of encoding and page version that mainstream writers
//! use and that every reader reads.
//!
//! A column whose first page shrinks by a quarter is compressed with LZ4
//! ([LZ4_RAW](https://github.com/apache/parquet-format/blob/master/Compression.md#lz4_raw)): the packed differences of
//! squares repeat every 128 values, those of a kernel without a pattern do not. Decimals may be compressed with
//! Zstandard instead, of which they use next to nothing (`decimal/runs.rs`). What the parquet crate writes is always
//! compressed with LZ4.

#![warn(clippy::indexing_slicing)]

mod assemble;
mod batches;
mod block;
mod boolean;
mod check;
mod cut;
mod decimal;
mod delta;
mod digest;
mod encode;
mod error;
mod fast;
mod float;
mod format;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod general;
mod leaf;
mod metadata;
mod pages;
mod refused;
mod span;
mod stored;
mod thrift;
mod varint;
mod widths;

pub use assemble::FileAssembler;
pub use batches::Batches;
pub use block::Block;
pub use digest::{Digest, checksum};
pub use encode::BlockEncoder;
pub use error::BlockError;
pub use format::parquet_schema;
pub use frame::parse_footer;
pub use metadata::{Origin, file_metadata};
pub use refused::EncodeError;
pub use thrift::FooterError;

pub use swath_model::{MAX_BLOCK_BYTES, MAX_ROWS, PAGE_ROWS};

/// The most bytes of a block that is taken from elsewhere: [`MAX_BLOCK_BYTES`], and what encoding may add to them.
pub const MAX_ENCODED_BYTES: usize = 20 << 20;

/// With so many bytes, of which the last rows are not yet encoded, nothing more is pushed. It is more than
/// [`MAX_BLOCK_BYTES`], so that [`MAX_ROWS`] decimals and their page headers fit, and a row of the greatest size.
pub(crate) const MOST_PUSHED_BYTES: usize = MAX_BLOCK_BYTES + (1 << 20);

/// The most bytes of the rows of a block as they are pushed, however well they compress.
pub(crate) const MOST_RAW_BYTES: usize = 4 * MAX_BLOCK_BYTES;

/// The most bytes of the rows of a block that is taken from elsewhere.
pub(crate) const MOST_DECODED_BYTES: usize = MOST_RAW_BYTES + MOST_RAW_BYTES / 2;

#[cfg(test)]
mod forged;
#[cfg(test)]
mod shapes;
#[cfg(test)]
mod tests;
