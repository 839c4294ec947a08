//! `PLAIN` 64-bit floats.
//!
//! A float is 8 bytes, the least significant first. `BYTE_STREAM_SPLIT` would compress better, but fastparquet does not
//! read it; this encoding is read by all, to the last bit.
//!
//! Source of the statistics: Parquet,
//! [`ColumnOrder`](https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift), where it speaks
//! of floats: NaN is never the least or the greatest, a least of 0 is written as -0 and a greatest of 0 as +0.

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

/// The least value of a page and the greatest, as the footer says them; `None` where all are NaN. Several at a time,
/// which the compiler vectorises.
pub(crate) fn extremes(page: &[u8]) -> Option<(f64, f64)> {
    const LANES: usize = 8;
    const NONE: (f64, f64) = (f64::INFINITY, f64::NEG_INFINITY);
    // A NaN is not less than anything, and nothing is less than it.
    let with = |(least, greatest): (f64, f64), value: f64| {
        (if value < least { value } else { least }, if value > greatest { value } else { greatest })
    };
    let mut lanes = [NONE; LANES];
    let (values, _) = page.as_chunks::<8>();
    let (rows, rest) = values.as_chunks::<LANES>();
    for row in rows {
        for (lane, value) in lanes.iter_mut().zip(row) {
            *lane = with(*lane, f64::from_le_bytes(*value));
        }
    }
    let all = lanes.into_iter().fold(NONE, |all, lane| (with(all, lane.0).0, with(all, lane.1).1));
    let (least, greatest) = rest.iter().fold(all, |all, value| with(all, f64::from_le_bytes(*value)));
    stated(least, greatest)
}

/// What the footer says of such extremes; `None` where there are none.
pub(crate) fn stated(least: f64, greatest: f64) -> Option<(f64, f64)> {
    let least = if least == 0.0 { -0.0 } else { least };
    let greatest = if greatest == 0.0 { 0.0 } else { greatest };
    (least <= greatest).then_some((least, greatest))
}

/// A number that has the same order among others as the float, which is no NaN.
pub(crate) fn order(value: f64) -> i64 {
    flip(value.to_bits().cast_signed())
}

/// The float with this [order](order).
pub(crate) fn with_order(order: i64) -> f64 {
    f64::from_bits(flip(order).cast_unsigned())
}

/// All bits but the sign are the other way round in negative floats.
fn flip(bits: i64) -> i64 {
    bits ^ if bits < 0 { i64::MAX } else { 0 }
}

#[cfg(test)]
mod tests;
