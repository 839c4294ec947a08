//! `DELTA_BINARY_PACKED`: integers as bit-packed differences.
//!
//! Source of the format: Parquet, [Delta
//! encoding](https://github.com/apache/parquet-format/blob/master/Encodings.md#delta-encoding-delta_binary_packed--5).
//! It is written here for the purpose because encoding is the slowest step of a cheap kernel, and decoding that of a
//! client that wants the values: the differences, their minimum and their width are plain loops over 128 values that
//! the compiler vectorises, and packing is unrolled for each width.

mod check;
mod decode;

pub(crate) use self::{
    check::{check, is_consecutive, most_bytes, most_bytes_consecutive},
    decode::decode,
};
use crate::varint::{self, zigzag};

const BLOCK: usize = 128;
const MINIBLOCK: usize = 32;
const MINIBLOCKS: usize = BLOCK / MINIBLOCK;

/// A block of consecutive integers: the smallest difference, 1, as a zigzag varint, then a width of 0 for each
/// miniblock.
const ONE_BLOCK: [u8; 1 + MINIBLOCKS] = [2, 0, 0, 0, 0];

/// Appends the encoded `values`, which must not be empty, to `out`. Returns the least and the greatest of them.
pub(crate) fn encode(values: &[i64], out: &mut Vec<u8>) -> (i64, i64) {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("bmi2") {
        #[allow(unsafe_code, reason = "the same code, compiled for a processor that was just found to be this one")]
        // SAFETY: the features that the function needs were detected in the line above.
        unsafe {
            return encode_avx2(values, out);
        }
    }
    encode_portable(values, out)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi2")]
fn encode_avx2(values: &[i64], out: &mut Vec<u8>) -> (i64, i64) {
    encode_portable(values, out)
}

#[inline(always)]
#[expect(
    clippy::indexing_slicing,
    reason = "of what this process computed: the caller has a value, and chunks have BLOCK of them"
)]
fn encode_portable(values: &[i64], out: &mut Vec<u8>) -> (i64, i64) {
    write_header(values.len(), values[0], out);
    let mut previous = values[0];
    let mut blocks = values[1..].chunks_exact(BLOCK);
    let mut differences = [0u64; BLOCK];
    for block in blocks.by_ref() {
        differences[0] = block[0].wrapping_sub(previous) as u64;
        for i in 1..BLOCK {
            differences[i] = block[i].wrapping_sub(block[i - 1]) as u64;
        }
        previous = block[BLOCK - 1];
        write_block(&mut differences, MINIBLOCKS, out);
    }
    let rest = blocks.remainder();
    if let Some(&last) = rest.last() {
        differences[0] = rest[0].wrapping_sub(previous) as u64;
        for i in 1..rest.len() {
            differences[i] = rest[i].wrapping_sub(rest[i - 1]) as u64;
        }
        // What pads the last miniblock is ignored; a copy of a difference costs no width.
        let padding = last.wrapping_sub(if rest.len() > 1 { rest[rest.len() - 2] } else { previous }) as u64;
        differences[rest.len()..].fill(padding);
        write_block(&mut differences, rest.len().div_ceil(MINIBLOCK), out);
    }
    extremes(values)
}

#[inline(always)]
fn extremes(values: &[i64]) -> (i64, i64) {
    values.iter().fold((i64::MAX, i64::MIN), |(least, greatest), &value| (least.min(value), greatest.max(value)))
}

/// Appends `rows` consecutive integers from `first` on, encoded, to `out`: all differences are 1 and take no bits.
pub(crate) fn encode_consecutive(first: i64, rows: usize, out: &mut Vec<u8>) {
    write_header(rows, first, out);
    let blocks = (rows - 1).div_ceil(BLOCK);
    out.reserve(blocks * ONE_BLOCK.len());
    out.extend(std::iter::repeat_n(ONE_BLOCK, blocks).flatten());
}

fn write_header(values: usize, first: i64, out: &mut Vec<u8>) {
    varint::write(BLOCK as u64, out);
    varint::write(MINIBLOCKS as u64, out);
    varint::write(values as u64, out);
    varint::write(zigzag(first), out);
}

/// One block: the smallest difference, the width of each miniblock, then the first `used` miniblocks.
#[inline(always)]
fn write_block(differences: &mut [u64; BLOCK], used: usize, out: &mut Vec<u8>) {
    let smallest = differences.iter().fold(i64::MAX, |least, &difference| least.min(difference as i64));
    varint::write(zigzag(smallest), out);
    let mut widths = [0u8; MINIBLOCKS];
    let (miniblocks, _) = differences.as_chunks_mut::<MINIBLOCK>();
    for (miniblock, width) in miniblocks.iter_mut().zip(&mut widths).take(used) {
        let mut bits = 0;
        for difference in miniblock.iter_mut() {
            *difference = difference.wrapping_sub(smallest as u64);
            bits |= *difference;
        }
        *width = (u64::BITS - bits.leading_zeros()) as u8;
    }
    out.extend_from_slice(&widths);
    for (miniblock, &width) in miniblocks.iter().zip(&widths).take(used) {
        pack(miniblock, width, out);
    }
}

macro_rules! pack_by_width {
    ($miniblock:expr, $width:expr, $out:expr, $($w:literal)*) => {
        match $width {
            0 => {}
            $($w => pack_narrow::<$w, { $w * 4 }>($miniblock, $out),)*
            _ => pack_wide($miniblock, $width, $out),
        }
    };
}

#[inline(always)]
fn pack(miniblock: &[u64; MINIBLOCK], width: u8, out: &mut Vec<u8>) {
    pack_by_width!(miniblock, width, out, 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
}

/// Packs 32 values of `W` bits, at most 32, into `BYTES` = 4·`W` bytes. All shifts are known at compile time.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "32 values of W bits fill W words")]
fn pack_narrow<const W: usize, const BYTES: usize>(miniblock: &[u64; MINIBLOCK], out: &mut Vec<u8>) {
    let mut packed = [0u8; BYTES];
    let (words, _) = packed.as_chunks_mut::<4>();
    let mut pending = 0u64;
    let mut bits = 0;
    let mut word = 0;
    for &value in miniblock {
        pending |= value << bits;
        bits += W;
        if bits >= 32 {
            words[word] = (pending as u32).to_le_bytes();
            word += 1;
            pending >>= 32;
            bits -= 32;
        }
    }
    out.extend_from_slice(&packed);
}

/// Packs 32 values of more than 32 bits.
fn pack_wide(miniblock: &[u64; MINIBLOCK], width: u8, out: &mut Vec<u8>) {
    let mut pending = 0u128;
    let mut bits = 0;
    for &value in miniblock {
        pending |= u128::from(value) << bits;
        bits += u32::from(width);
        while bits >= 32 {
            out.extend_from_slice(&(pending as u32).to_le_bytes());
            pending >>= 32;
            bits -= 32;
        }
    }
}
