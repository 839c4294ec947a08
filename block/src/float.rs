//! `PLAIN` 64-bit floats.
//!
//! A float is 8 bytes, the least significant first. `BYTE_STREAM_SPLIT` would compress better, but fastparquet does not
//! read it; this encoding is read by all, to the last bit.
//!
//! Source of the statistics: Parquet,
//! [`ColumnOrder`](https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift), where it speaks
//! of the total order of IEEE 754, which footers name for floats: -0 is less than +0, and NaN is the least or the
//! greatest only where there is nothing else.

use crate::span::{Span, order};

/// Appends the encoded `values` to `out`.
pub(crate) fn encode(values: &[f64], out: &mut Vec<u8>) {
    let before = out.len();
    out.resize(before + values.len() * 8, 0);
    let (places, _) = out.get_mut(before..).unwrap_or_default().as_chunks_mut::<8>();
    for (place, value) in places.iter_mut().zip(values) {
        *place = value.to_le_bytes();
    }
}

/// Appends the values of a page to `out`.
pub(crate) fn decode(page: &[u8], out: &mut Vec<f64>) {
    let (values, _) = page.as_chunks::<8>();
    out.extend(values.iter().map(|value| f64::from_le_bytes(*value)));
}

/// The least value of a page and the greatest, by their [order](order()). Several at a time, which the compiler
/// vectorises.
pub(crate) fn span(page: &[u8]) -> Span {
    const LANES: usize = 8;
    const NONE: (f64, f64, u64) = (f64::INFINITY, f64::NEG_INFINITY, 0);
    // A NaN is not less than anything, and nothing is less than it.
    let with = |(least, greatest, nans): (f64, f64, u64), value: f64| {
        let least = if value < least { value } else { least };
        (least, if value > greatest { value } else { greatest }, nans + u64::from(value.is_nan()))
    };
    let mut lanes = [NONE; LANES];
    let (values, _) = page.as_chunks::<8>();
    let (rows, rest) = values.as_chunks::<LANES>();
    for row in rows {
        for (lane, value) in lanes.iter_mut().zip(row) {
            *lane = with(*lane, f64::from_le_bytes(*value));
        }
    }
    let rest = rest.iter().fold(NONE, |all, value| with(all, f64::from_le_bytes(*value)));
    let (least, greatest, nans) = lanes.into_iter().fold(rest, |all, lane| {
        let least = if lane.0 < all.0 { lane.0 } else { all.0 };
        (least, if lane.1 > all.1 { lane.1 } else { all.1 }, all.2 + lane.2)
    });
    if least <= greatest && least != 0.0 && greatest != 0.0 {
        return Span { least: order(least), greatest: order(greatest), nans };
    }
    // To compare floats does not tell zeros apart, nor one NaN from another.
    let orders = values.iter().map(|value| f64::from_le_bytes(*value));
    let orders = orders.filter(|value| least > greatest || !value.is_nan()).map(order);
    Span { nans, ..Span::of(orders).unwrap_or_default() }
}

#[cfg(test)]
mod tests;
