//! Blocks: the results of consecutive numbers as they travel.
//!
//! A block is a complete small Parquet file in memory with one row group and two columns, `n` (the number) and
//! `value`. It is encoded once, by the thread that computed it ([`BlockEncoder`]), and never decoded on the way:
//! whoever wants a file of many blocks appends their encoded columns to it ([`FileAssembler`]), and whoever wants
//! the values decodes them at the end ([`Block::batches`]).
//!
//! The encodings are those of the [Parquet format](https://parquet.apache.org/docs/file-format/data-pages/encodings/):
//!
//! | column | encoding |
//! | --- | --- |
//! | `n`, Int64 | `DELTA_BINARY_PACKED`; consecutive numbers take 5 bytes in 128 |
//! | `value`, Int64 | `DELTA_BINARY_PACKED` |
//! | `value`, Boolean | `PLAIN`, 1 bit |
//! | `value`, Decimal128(38, 0) | `PLAIN`, 16 bytes |
//!
//! All of them stand in data pages of version 1. These are pairs of encoding and page version that mainstream writers
//! use and that every reader reads.
//!
//! A column whose first page shrinks by a quarter is compressed with LZ4
//! ([LZ4_RAW](https://github.com/apache/parquet-format/blob/master/Compression.md#lz4_raw)): the packed differences of
//! squares repeat every 128 values, those of a kernel without a pattern do not.

#![warn(clippy::indexing_slicing)]

mod assemble;
mod batches;
mod block;
mod boolean;
mod check;
mod column;
mod cut;
mod decimal;
mod delta;
mod digest;
mod encode;
mod error;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod metadata;
mod pages;
mod schema;
mod thrift;
mod varint;

pub use assemble::FileAssembler;
pub use batches::Batches;
pub use block::Block;
pub use digest::{Digest, checksum};
pub use encode::{BlockEncoder, EncodeError};
pub use error::BlockError;
pub use frame::parse_footer;
pub use metadata::file_metadata;
pub use schema::{arrow_schema, arrow_value_type, parquet_schema, value_type_of};
pub use thrift::FooterError;

/// The largest number of rows of a block.
pub const MAX_ROWS: usize = 1 << 20;

/// The rows of a page, and so the most values that [`BlockEncoder::push`] takes at once: 256 KiB of integers, which
/// stay in the processor's cache between being computed and being encoded.
pub const PAGE_ROWS: usize = 1 << 15;

/// The largest footer of a block, whose own takes a few hundred bytes.
pub(crate) const MAX_FOOTER_BYTES: usize = 64 << 10;

#[cfg(test)]
mod forged;
#[cfg(test)]
mod tests;
