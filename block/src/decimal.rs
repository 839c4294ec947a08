//! `PLAIN` 128-bit decimals.
//!
//! A decimal is 16 bytes, the most significant first, in two's complement. Neighbours share their leading bytes, which
//! the compression of pages takes away. `BYTE_STREAM_SPLIT` would take a fifth of the room, but DuckDB and Polars read
//! no other encoding of 16-byte decimals than this one.

/// Appends the encoded `values` to `out`, uncompressed.
pub(crate) fn encode(values: &[i128], out: &mut Vec<u8>) {
    out.extend(values.iter().flat_map(|value| value.to_be_bytes()));
}
