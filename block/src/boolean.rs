//! `PLAIN` booleans: one bit each, the least significant bit of a byte first.
//!
//! Source of the format: Parquet,
//! [Plain](https://github.com/apache/parquet-format/blob/master/Encodings.md#plain-plain--0). The format also allows
//! `RLE`, but in data pages of version 1 no mainstream writer uses it, and fastparquet reads such pages as `false`
//! throughout.

use swath_kernel::Bits;

/// Appends the encoded `values` to `out`.
pub(crate) fn encode(values: &Bits, out: &mut Vec<u8>) {
    out.extend_from_slice(values.as_bytes());
}

/// The least value and the greatest.
pub(crate) fn extremes(values: &Bits) -> (bool, bool) {
    let (whole, rest) = values.as_bytes().split_at(values.len() / 8);
    let all = whole.iter().all(|byte| *byte == u8::MAX)
        && rest.iter().all(|byte| byte.count_ones() as usize == values.len() % 8);
    (all, values.as_bytes().iter().any(|byte| *byte != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_and_the_greatest() {
        for length in 1..40 {
            assert_eq!(extremes(&(0..length).map(|_| true).collect()), (true, true));
            assert_eq!(extremes(&(0..length).map(|_| false).collect()), (false, false));
            for other in 0..length {
                let is_mixed = length > 1;
                assert_eq!(extremes(&(0..length).map(|at| at == other).collect()), (!is_mixed, true));
                assert_eq!(extremes(&(0..length).map(|at| at != other).collect()), (false, is_mixed));
            }
        }
    }
}
