//! The way back: from bit-packed differences to integers.
//!
//! The bytes may come from anywhere. Whatever they are, decoding ends after as many steps as values are wanted.

use super::{BLOCK, MINIBLOCK, MINIBLOCKS};
use crate::varint::{self, unzigzag};

/// A word is read from where a value begins, and may reach so many bytes beyond its miniblock.
const BEYOND: usize = 8;

/// Decodes as many values as `out` has; an error is a sentence that says what of the bytes cannot be.
pub(crate) fn decode(bytes: &[u8], out: &mut [i64]) -> Result<(), &'static str> {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("bmi2") {
        #[allow(unsafe_code, reason = "the same code, compiled for a processor that was just found to be this one")]
        // SAFETY: the features that the function needs were detected in the line above.
        unsafe {
            return decode_avx2(bytes, out);
        }
    }
    decode_portable(bytes, out)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi2")]
fn decode_avx2(bytes: &[u8], out: &mut [i64]) -> Result<(), &'static str> {
    decode_portable(bytes, out)
}

#[inline(always)]
fn decode_portable(mut bytes: &[u8], out: &mut [i64]) -> Result<(), &'static str> {
    let mut header = || varint::read(&mut bytes).ok_or("the header is cut short");
    if header()? != BLOCK as u64 || header()? != MINIBLOCKS as u64 {
        return Err("the values are not in blocks of 128");
    }
    if header()? != out.len() as u64 {
        return Err("there are more or fewer values than the page says");
    }
    let first = unzigzag(header()?);
    let Some((start, rest)) = out.split_first_mut() else { return Ok(()) };
    *start = first;
    let mut previous = first;
    for block in rest.chunks_mut(BLOCK) {
        let smallest = unzigzag(varint::read(&mut bytes).ok_or("a block is cut short")?);
        let (widths, packed) = bytes.split_first_chunk::<MINIBLOCKS>().ok_or("a block is cut short")?;
        bytes = packed;
        let (whole, rest) = block.as_chunks_mut::<MINIBLOCK>();
        let mut widths = widths.iter();
        for (values, &width) in whole.iter_mut().zip(widths.by_ref()) {
            previous = read_miniblock(&mut bytes, width, previous, smallest, values)?;
        }
        if let (false, Some(&width)) = (rest.is_empty(), widths.next()) {
            let mut values = [0; MINIBLOCK];
            read_miniblock(&mut bytes, width, previous, smallest, &mut values)?;
            for (place, value) in rest.iter_mut().zip(values) {
                *place = value;
            }
        }
    }
    Ok(())
}

/// Reads a miniblock off the front of `bytes`; returns the last of its values.
#[inline(always)]
fn read_miniblock(
    bytes: &mut &[u8],
    width: u8,
    previous: i64,
    smallest: i64,
    values: &mut [i64; MINIBLOCK],
) -> Result<i64, &'static str> {
    let (packed, rest) = bytes.split_at_checked(usize::from(width) * 4).ok_or("a miniblock is cut short")?;
    // It goes on after the miniblock, unless this is the end of the page.
    let beyond = std::mem::replace(bytes, rest);
    let mut sum = Sum { previous, smallest };
    unpack(packed, beyond, width, &mut sum, values)?;
    Ok(sum.previous)
}

/// Makes values of differences.
struct Sum {
    previous: i64,
    smallest: i64,
}

impl Sum {
    #[inline(always)]
    fn next(&mut self, difference: u64) -> i64 {
        self.previous = self.previous.wrapping_add(self.smallest.wrapping_add(difference as i64));
        self.previous
    }
}

macro_rules! unpack_by_width {
    ($packed:expr, $beyond:expr, $width:expr, $sum:expr, $values:expr, $($w:literal)*) => {
        match $width {
            0 => Ok($values.iter_mut().for_each(|value| *value = $sum.next(0))),
            $($w => Ok(unpack_narrow::<$w, { $w + BEYOND }, { $w * 4 + BEYOND }>($packed, $beyond, $sum, $values)),)*
            33..=64 => unpack_wide($packed, $width, $sum, $values),
            _ => Err("a width is more than 64 bits"),
        }
    };
}

/// Unpacks the values of one miniblock. `beyond` begins as `packed` does, and goes on after it.
#[inline(always)]
fn unpack(
    packed: &[u8],
    beyond: &[u8],
    width: u8,
    sum: &mut Sum,
    values: &mut [i64; MINIBLOCK],
) -> Result<(), &'static str> {
    unpack_by_width!(packed, beyond, width, sum, values, 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32)
}

/// Values of `W` bits, at most 32, in 4·`W` bytes, of which `BYTES` with some beyond. Eight values take `W` bytes,
/// `EIGHT` with some beyond, so that all shifts are known at compile time.
#[inline(always)]
#[expect(
    clippy::indexing_slicing,
    reason = "what was read is longer than W bytes, and the padding longer than what is packed"
)]
fn unpack_narrow<const W: usize, const EIGHT: usize, const BYTES: usize>(
    packed: &[u8],
    beyond: &[u8],
    sum: &mut Sum,
    values: &mut [i64; MINIBLOCK],
) {
    let mut padded = [0u8; BYTES];
    let mut bytes = beyond;
    if bytes.len() < BYTES {
        padded[..packed.len()].copy_from_slice(packed);
        bytes = &padded;
    }
    let (eights, _) = values.as_chunks_mut::<8>();
    for eight in eights {
        let Some(group) = bytes.first_chunk::<EIGHT>() else { return };
        bytes = &bytes[W..];
        let mut differences = [0u64; 8];
        for (at, difference) in differences.iter_mut().enumerate() {
            *difference = (word_at(group, at * W / 8) >> (at * W % 8)) & ((1 << W) - 1);
        }
        for (value, difference) in eight.iter_mut().zip(differences) {
            *value = sum.next(difference);
        }
    }
}

#[inline(always)]
fn word_at<const EIGHT: usize>(group: &[u8; EIGHT], at: usize) -> u64 {
    let mut word = [0u8; 8];
    word.copy_from_slice(&group[at..at + 8]);
    u64::from_le_bytes(word)
}

/// Values of more than 32 bits.
fn unpack_wide(packed: &[u8], width: u8, sum: &mut Sum, values: &mut [i64; MINIBLOCK]) -> Result<(), &'static str> {
    let (words, _) = packed.as_chunks::<4>();
    let mut words = words.iter();
    let mut pending = 0u128;
    let mut bits = 0;
    let mask = u64::MAX >> (u64::BITS - u32::from(width));
    for value in values {
        while bits < u32::from(width) {
            let word = words.next().ok_or("a miniblock is cut short")?;
            pending |= u128::from(u32::from_le_bytes(*word)) << bits;
            bits += 32;
        }
        *value = sum.next(pending as u64 & mask);
        pending >>= width;
        bits -= u32::from(width);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::delta::encode;

    fn encoded(values: &[i64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(values, &mut bytes);
        bytes
    }

    proptest! {
        #[test]
        fn what_is_encoded_comes_back(
            values in prop::collection::vec(any::<i64>(), 1..700),
            shift in 0..64_u32,
        ) {
            let values: Vec<i64> = values.iter().map(|value| value >> shift).collect();
            let mut decoded = vec![0; values.len()];
            decode(&encoded(&values), &mut decoded).unwrap();
            prop_assert_eq!(decoded, values);
        }

        #[test]
        fn damaged_bytes_give_wrong_values_or_a_reason_and_never_more(
            values in prop::collection::vec(-1000..1000_i64, 1..400),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            length in any::<prop::sample::Index>(),
        ) {
            let mut bytes = encoded(&values);
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let mut decoded = vec![0; values.len()];
            let _ = decode(&bytes, &mut decoded);
            bytes.truncate(length.index(bytes.len()));
            let _ = decode(&bytes, &mut decoded);
        }
    }

    #[test]
    fn bytes_that_are_cut_short_are_refused_wherever_it_is() {
        let values: Vec<i64> = (0..300).map(|n: i64| n * n * 1_000_003).collect();
        let bytes = encoded(&values);
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length], &mut vec![0; values.len()]).is_err(), "{length} of {} bytes", bytes.len());
        }
        assert!(decode(&bytes, &mut vec![0; values.len() + 1]).is_err());
    }
}
