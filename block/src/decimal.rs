//! `PLAIN` 128-bit decimals.
//!
//! A decimal is 16 bytes, the most significant first, in two's complement. Neighbours share their leading bytes, which
//! the compression of pages takes away. `BYTE_STREAM_SPLIT` would take a fifth of the room, but DuckDB and Polars read
//! no other encoding of 16-byte decimals than this one.

pub(crate) mod lz4;
pub(crate) mod runs;

/// Appends the encoded `values` to `out`, uncompressed.
pub(crate) fn encode(values: &[i128], out: &mut Vec<u8>) {
    let before = out.len();
    out.resize(before + values.len() * 16, 0);
    let (places, _) = out.get_mut(before..).unwrap_or_default().as_chunks_mut::<16>();
    for (place, value) in places.iter_mut().zip(values) {
        *place = value.to_be_bytes();
    }
}

/// The least value and the greatest; 0 where there is no value. Several at a time, which do not wait for each other.
pub(crate) fn extremes(values: &[i128]) -> (i128, i128) {
    const LANES: usize = 4;
    let first = values.first().copied().unwrap_or_default();
    let with = |(least, greatest): (i128, i128), value: i128| (least.min(value), greatest.max(value));
    let mut lanes = [(first, first); LANES];
    let (rows, rest) = values.as_chunks::<LANES>();
    for row in rows {
        for (lane, value) in lanes.iter_mut().zip(row) {
            *lane = with(*lane, *value);
        }
    }
    let found = lanes.into_iter().flat_map(|(least, greatest)| [least, greatest]);
    found.chain(rest.iter().copied()).fold((first, first), with)
}

#[cfg(test)]
mod tests;
