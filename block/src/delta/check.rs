//! Whether bytes are integers as they are encoded here, without unpacking them.

use super::{BLOCK, MINIBLOCK, MINIBLOCKS, ONE_BLOCK, write_header};
use crate::varint::{self, unzigzag};

/// Magnitudes of the parts of the encoding: the header, and a block of differences of the widest kind.
const MOST_HEADER_BYTES: usize = 2 + 1 + 4 + 10;
const MOST_BLOCK_BYTES: usize = 10 + MINIBLOCKS + BLOCK * 8;

/// The most bytes that so many integers take.
pub(crate) fn most_bytes(values: usize) -> usize {
    MOST_HEADER_BYTES + values.div_ceil(BLOCK) * MOST_BLOCK_BYTES
}

/// The most bytes that so many consecutive integers take.
pub(crate) fn most_bytes_consecutive(values: usize) -> usize {
    MOST_HEADER_BYTES + values.div_ceil(BLOCK) * (1 + MINIBLOCKS)
}

/// Checks that `bytes` are exactly `values` encoded integers, to the last byte; returns the first of them. What passes
/// can be decoded.
pub(crate) fn check(mut bytes: &[u8], values: usize) -> Result<i64, &'static str> {
    let mut header = || varint::read(&mut bytes).ok_or("have a header that is cut short");
    if header()? != BLOCK as u64 || header()? != MINIBLOCKS as u64 {
        return Err("are not in blocks of 128");
    }
    if header()? != values as u64 {
        return Err("have more or fewer values than they say");
    }
    let first = unzigzag(header()?);
    let mut left = values.saturating_sub(1);
    while left > 0 {
        varint::read(&mut bytes).ok_or("have a block that is cut short")?;
        let (widths, packed) = bytes.split_first_chunk::<MINIBLOCKS>().ok_or("have a block that is cut short")?;
        let mut widths = u32::from_le_bytes(*widths);
        if left < BLOCK {
            let used = 8 * left.div_ceil(MINIBLOCK) as u32;
            if widths.checked_shr(used).unwrap_or(0) != 0 {
                return Err("have a width of no values");
            }
            widths &= 1u32.checked_shl(used).map_or(u32::MAX, |bit| bit - 1);
        }
        // All four at once: a byte of 65 or more, and no other, reaches the highest bit when 63 is added, or has it
        // already.
        if (widths | (widths & 0x7F7F_7F7F).wrapping_add(0x3F3F_3F3F)) & 0x8080_8080 != 0 {
            return Err("have a width of more than 64 bits");
        }
        let pairs = (widths & 0x00FF_00FF) + ((widths >> 8) & 0x00FF_00FF);
        let packed_bytes = ((pairs & 0xFFFF) + (pairs >> 16)) as usize * (MINIBLOCK / 8);
        bytes = packed.split_at_checked(packed_bytes).ok_or("have a block that is cut short")?.1;
        left = left.saturating_sub(BLOCK);
    }
    if bytes.is_empty() { Ok(first) } else { Err("go on after their last value") }
}

/// Whether `bytes` are exactly `values` consecutive integers from `first` on.
pub(crate) fn is_consecutive(bytes: &[u8], first: i64, values: usize) -> bool {
    let mut header = Vec::new();
    write_header(values, first, &mut header);
    let Some((start, blocks)) = bytes.split_at_checked(header.len()) else { return false };
    let (blocks, rest) = blocks.as_chunks::<{ 1 + MINIBLOCKS }>();
    let expected = values.saturating_sub(1).div_ceil(BLOCK);
    start == header && rest.is_empty() && blocks.len() == expected && blocks.iter().all(|block| *block == ONE_BLOCK)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::delta::{decode, encode, encode_consecutive};

    fn encoded(values: &[i64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(values, &mut bytes);
        bytes
    }

    #[test]
    fn consecutive_integers_are_told_from_others() {
        for (first, values) in [(7, 1), (-3, 128), (i64::MIN, 129), (1 << 40, 1000)] {
            let mut bytes = Vec::new();
            encode_consecutive(first, values, &mut bytes);
            assert!(is_consecutive(&bytes, first, values) && bytes.len() <= most_bytes_consecutive(values));
            assert!(!is_consecutive(&bytes, first + 1, values) && !is_consecutive(&bytes, first, values + 1));
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_passes(values in prop::collection::vec(any::<i64>(), 1..700), shift in 0..64_u32) {
            let values: Vec<i64> = values.iter().map(|value| value >> shift).collect();
            let bytes = encoded(&values);
            prop_assert!(bytes.len() <= most_bytes(values.len()));
            prop_assert_eq!(check(&bytes, values.len()), Ok(values[0]));
            prop_assert!(check(&bytes, values.len() + 1).is_err());
            prop_assert!(check(&bytes[..bytes.len() - 1], values.len()).is_err());
            prop_assert!(check(&[&bytes[..], &[0]].concat(), values.len()).is_err());
        }

        #[test]
        fn widths_are_told_apart(widths in any::<[u8; 4]>(), values in 2..129_usize) {
            let mut bytes = Vec::new();
            write_header(values, 7, &mut bytes);
            bytes.push(2);
            bytes.extend(widths);
            let (used, unused) = widths.split_at((values - 1).div_ceil(MINIBLOCK));
            bytes.extend(vec![0; used.iter().map(|&width| usize::from(width) * 4).sum()]);
            let is_right = used.iter().all(|&width| width <= 64) && unused.iter().all(|&width| width == 0);
            prop_assert_eq!(check(&bytes, values).is_ok(), is_right);
        }

        #[test]
        fn what_passes_can_be_decoded(
            values in prop::collection::vec(-1000..1000_i64, 1..400),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut bytes = encoded(&values);
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if check(&bytes, values.len()).is_ok() {
                prop_assert_eq!(decode(&bytes, &mut vec![0; values.len()]), Ok(()));
            }
        }
    }
}
