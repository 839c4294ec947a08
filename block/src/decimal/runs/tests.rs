use proptest::prelude::*;

use super::*;
use crate::decimal::{encode, extremes};

fn plain(values: &[i128]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(values, &mut bytes);
    bytes
}

/// Compresses, and has the result read by the reference implementation and by the one here. Returns the size.
fn assert_round_trip(values: &[i128]) -> usize {
    let mut frame = vec![7];
    compress(values, &mut frame);
    let frame = &frame[1..];
    let plain = plain(values);
    assert!(zstd::bulk::decompress(frame, plain.len()).unwrap() == plain, "read by others");
    let mut ours = vec![0xA5; plain.len()];
    assert_eq!(decompress(frame, &mut ours), Some(()));
    assert!(ours == plain, "read here");
    assert_eq!(check(frame, values.len()), Some(extremes(values)));
    assert_eq!(check(frame, values.len() + 1), None);
    assert_eq!(check(frame, values.len() - 1), None);
    frame.len()
}

#[test]
fn squares_take_little_more_than_what_changes() {
    let squares: Vec<i128> = (0..1 << 15).map(|n| (5_000_000_000 + n) * (5_000_000_000 + n)).collect();
    let size = assert_round_trip(&squares);
    assert!(size < squares.len() * 16 / 3, "{size} bytes");
}

#[test]
fn noise_takes_no_more_than_its_bytes() {
    let mut random = 1_u128;
    let values: Vec<i128> = (0..1 << 15)
        .map(|_| {
            random = random.wrapping_mul(0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645).wrapping_add(1);
            (random ^ random >> 64) as i128
        })
        .collect();
    let size = assert_round_trip(&values);
    assert!(size < values.len() * 16 + 64, "{size} bytes");
}

#[test]
fn every_number_of_shared_bytes_comes_back() {
    let mut random = 1_u128;
    for bits in 0..=128 {
        let values: Vec<i128> = (0..5000)
            .map(|_| {
                random = random.wrapping_mul(0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645).wrapping_add(1);
                let low = if bits == 0 { 0 } else { (random ^ random >> 64) >> (128 - bits) };
                (low ^ 0x0123_4567_89AB_CDEF_0123_4567_89AB_CDEF) as i128
            })
            .collect();
        for length in (1..40).chain([4095, 4096, 4097, 5000]) {
            assert_round_trip(&values[..length]);
        }
    }
}

#[test]
fn runs_and_noise_follow_each_other() {
    let mut random = 1_u128;
    let mut values = Vec::new();
    for piece in 0..300_usize {
        for _ in 0..piece * 7 % 150 {
            random = random.wrapping_mul(0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645).wrapping_add(1);
            values.push(((random ^ random >> 64) >> (piece * 11 % 128)) as i128);
        }
    }
    assert_round_trip(&values);
    values.reverse();
    assert_round_trip(&values);
}

proptest! {
    #[test]
    fn any_values_come_back(
        values in prop::collection::vec((0_u32..128, any::<i128>()), 1..200),
        mask: i128,
        repeat in 1_usize..4,
    ) {
        let values: Vec<i128> = values.into_iter().map(|(shift, value)| (value >> shift) & mask).collect();
        assert_round_trip(&values.repeat(repeat));
    }

    /// Whatever was done to a frame, it is read as others read it, or refused.
    #[test]
    fn damage_is_read_as_by_others(
        length in 1_i128..300,
        step in 1_i128..1 << 40,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in 0_usize..3,
    ) {
        let values: Vec<i128> = (0..length).map(|n| n * step + n * n).collect();
        let mut frame = Vec::new();
        compress(&values, &mut frame);
        for (at, byte) in damage {
            let at = at.index(frame.len());
            frame[at] = byte;
        }
        frame.truncate(frame.len() - cut.min(frame.len()));
        let mut ours = vec![0; values.len() * 16];
        let found = decompress(&frame, &mut ours).is_some();
        prop_assert_eq!(found, check(&frame, values.len()).is_some());
        if found {
            prop_assert_eq!(zstd::bulk::decompress(&frame, ours.len()).unwrap(), ours);
        }
    }
}
