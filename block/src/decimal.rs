//! `PLAIN` 128-bit decimals, compressed with LZ4.
//!
//! A decimal is 16 bytes, the most significant first, in two's complement. Neighbours share their leading bytes, which
//! the compression takes away. `BYTE_STREAM_SPLIT` would take a fifth of the room, but DuckDB and Polars read no other
//! encoding of 16-byte decimals than this one. Source of the compression's format: Parquet,
//! [LZ4_RAW](https://github.com/apache/parquet-format/blob/master/Compression.md#lz4_raw).

/// Appends the encoded `values` to `out`, uncompressed.
pub(crate) fn encode(values: &[i128], out: &mut Vec<u8>) {
    out.extend(values.iter().flat_map(|value| value.to_be_bytes()));
}

/// The bytes as one LZ4 block.
pub(crate) fn compress(bytes: &[u8]) -> Vec<u8> {
    lz4_flex::block::compress(bytes)
}
