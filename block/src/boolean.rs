//! `PLAIN` booleans: one bit each, the least significant bit of a byte first.
//!
//! Source of the format: Parquet,
//! [Plain](https://github.com/apache/parquet-format/blob/master/Encodings.md#plain-plain--0). The format also allows
//! `RLE`, but in data pages of version 1 no mainstream writer uses it, and fastparquet reads such pages as `false`
//! throughout.

use arrow_buffer::BooleanBuffer;

/// Appends the encoded `values` to `out`; the bits after the last value are 0. Returns the least value and the
/// greatest.
pub(crate) fn encode(values: &BooleanBuffer, out: &mut Vec<u8>) -> (bool, bool) {
    let bits = values.sliced();
    out.extend_from_slice(bits.get(..values.len().div_ceil(8)).unwrap_or(&bits));
    if let (false, Some(last)) = (values.len().is_multiple_of(8), out.last_mut()) {
        *last &= !(u8::MAX << (values.len() % 8));
    }
    let ones = values.count_set_bits();
    (ones == values.len(), ones > 0)
}

/// The least and the greatest of the `rows` values of a page of the right length; `None` if a bit after the last is
/// set.
pub(crate) fn check(page: &[u8], rows: usize) -> Option<(bool, bool)> {
    let (bits, used) = page.split_at(rows / 8);
    let (words, rest) = bits.as_chunks::<8>();
    let (mut all, mut any) = (u64::MAX, 0);
    for word in words.iter().copied().map(u64::from_le_bytes).chain(rest.iter().map(|&byte| widen(byte))) {
        (all, any) = (all & word, any | word);
    }
    if let Some(&last) = used.first() {
        let padding = u8::MAX << (rows % 8);
        if last & padding != 0 {
            return None;
        }
        (all, any) = (all & widen(last | padding), any | u64::from(last));
    }
    Some((all == u64::MAX, any != 0))
}

/// A byte eight times.
fn widen(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}
