//! `PLAIN` 128-bit decimals.
//!
//! A decimal is 16 bytes, the most significant first, in two's complement. Neighbours share their leading bytes, which
//! the compression of pages takes away. `BYTE_STREAM_SPLIT` would take a fifth of the room, but DuckDB and Polars read
//! no other encoding of 16-byte decimals than this one.

mod compress;

pub(crate) use self::compress::compress;

/// Appends the encoded `values` to `out`, uncompressed.
pub(crate) fn encode(values: &[i128], out: &mut Vec<u8>) {
    out.extend(values.iter().flat_map(|value| value.to_be_bytes()));
}

/// The least value and the greatest; 0 where there is no value.
pub(crate) fn extremes(values: &[i128]) -> (i128, i128) {
    let first = values.first().copied().unwrap_or_default();
    values.iter().fold((first, first), |(least, greatest), &value| (least.min(value), greatest.max(value)))
}

#[cfg(test)]
mod tests;
