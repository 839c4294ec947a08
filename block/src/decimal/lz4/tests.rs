use proptest::prelude::*;

use super::*;
use crate::decimal::encode;

fn plain(values: &[i128]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(values, &mut bytes);
    bytes
}

/// Compresses, and has the result read by the decoder of lz4_flex and by the one here. Returns the size.
fn assert_round_trip(values: &[i128]) -> usize {
    let mut compressed = vec![7];
    compress(values, &mut compressed);
    let compressed = &compressed[1..];
    let plain = plain(values);
    assert!(lz4_flex::block::decompress(compressed, plain.len()).unwrap() == plain, "read by lz4_flex");
    assert_ends_as_the_format_says(compressed, plain.len());
    let mut ours = vec![0xA5; plain.len()];
    assert_eq!(decompress(compressed, &mut ours), Some(()));
    assert!(ours == plain, "read here");
    let mut other = vec![0xA5; plain.len()];
    assert_eq!(decompress(&lz4_flex::block::compress(&plain), &mut other), Some(()));
    assert!(other == plain, "written by lz4_flex");
    compressed.len()
}

/// The last match begins at least 12 bytes before the end, and the last 5 bytes are literals.
fn assert_ends_as_the_format_says(mut block: &[u8], length: usize) {
    fn number(token: u8, block: &mut &[u8]) -> usize {
        let mut number = usize::from(token);
        while number >= 15 {
            let (byte, rest) = block.split_first().unwrap();
            *block = rest;
            number += usize::from(*byte);
            if *byte < 255 {
                break;
            }
        }
        number
    }
    let (mut at, mut last_match) = (0, 0..0);
    loop {
        let token = block[0];
        block = &block[1..];
        let literals = number(token >> 4, &mut block);
        at += literals;
        block = &block[literals..];
        if block.is_empty() {
            break;
        }
        block = &block[2..];
        let matched = number(token & 15, &mut block) + 4;
        last_match = at..at + matched;
        at += matched;
    }
    assert_eq!(at, length);
    assert!(last_match.is_empty() || last_match.start + 12 <= length && last_match.end + 5 <= length);
}

#[test]
fn squares_take_half_their_bytes() {
    let squares: Vec<i128> = (0..1 << 15).map(|n| (5_000_000_000 + n) * (5_000_000_000 + n)).collect();
    let size = assert_round_trip(&squares);
    let general = lz4_flex::block::compress(&plain(&squares)).len();
    assert!(size <= general, "{size} bytes, and {general} without knowing the values");
}

#[test]
fn equal_values_take_next_to_nothing() {
    for period in [1, 2, 3, 100] {
        let values: Vec<i128> = (0..1 << 15).map(|n: i128| ((n % period) << 77) | (n % period)).collect();
        let size = assert_round_trip(&values);
        assert!(size < 6000, "{size} bytes with a period of {period}");
    }
    let runs: Vec<i128> = (0..1 << 15).map(|n: i128| 10i128.pow(30) + n / 1000).collect();
    assert!(assert_round_trip(&runs) < 3000);
}

#[test]
fn every_number_of_shared_bytes_comes_back() {
    let mut random = 1u128;
    for bits in 0..=128 {
        let values: Vec<i128> = (0..600)
            .map(|_| {
                random = random.wrapping_mul(0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645).wrapping_add(1);
                let low = if bits == 0 { 0 } else { (random ^ random >> 64) >> (128 - bits) };
                (low ^ 0x0123_4567_89AB_CDEF_0123_4567_89AB_CDEF) as i128
            })
            .collect();
        for length in (0..40).chain([599, 600]) {
            assert_round_trip(&values[..length]);
        }
    }
}

proptest! {
    #[test]
    fn any_values_come_back(
        values in prop::collection::vec((0u32..128, any::<i128>()), 0..200),
        mask: i128,
        repeat in 1usize..4,
    ) {
        let values: Vec<i128> = values.into_iter().map(|(shift, value)| (value >> shift) & mask).collect();
        assert_round_trip(&values.repeat(repeat));
    }

    /// Whatever was done to a block, it is read as lz4_flex reads it, or refused as it refuses it.
    #[test]
    fn damage_is_read_as_by_others(
        length in 1i128..300,
        step in 1i128..1 << 40,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in 0usize..3,
    ) {
        let values: Vec<i128> = (0..length).map(|n| n * step + n * n).collect();
        let mut block = Vec::new();
        compress(&values, &mut block);
        for (at, byte) in damage {
            let at = at.index(block.len());
            block[at] = byte;
        }
        block.truncate(block.len() - cut.min(block.len()));
        let mut theirs = vec![0; values.len() * 16];
        let expected = lz4_flex::block::decompress_into(&block, &mut theirs).is_ok_and(|length| length == theirs.len());
        let mut ours = vec![0; values.len() * 16];
        let found = decompress(&block, &mut ours).is_some();
        // What no encoder writes, a block that ends with a match, only one of them may take.
        if found {
            prop_assert!(expected);
            prop_assert_eq!(ours, theirs);
        }
    }
}
