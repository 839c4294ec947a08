use proptest::prelude::*;

use super::*;
use crate::{
    Bits, Context, miller_rabin,
    testing::{evaluate, rows_of, rows_with, segment},
};

fn primality(numbers: RangeInclusive<i64>) -> Vec<bool> {
    match evaluate(&IsPrime, numbers) {
        (Values::Boolean(values), Ok(())) => values.iter().collect(),
        other => panic!("not whole boolean values: {other:?}"),
    }
}

fn boolean(values: &[bool]) -> Values {
    Values::Boolean(Bits::from(values))
}

fn is_prime(number: i64) -> bool {
    let alone = primality(number..=number);
    assert_eq!(alone.len(), 1);
    alone[0]
}

/// The sieve of Eratosthenes at its plainest, for 0 to `last`.
fn plain_sieve(last: usize) -> Vec<bool> {
    let mut is_prime = vec![true; last + 1];
    is_prime[0] = false;
    is_prime[1] = false;
    for n in 2..=last {
        if is_prime[n] {
            for multiple in (2 * n..=last).step_by(n) {
                is_prime[multiple] = false;
            }
        }
    }
    is_prime
}

/// Miller-Rabin to the first twelve prime bases in plain 128-bit arithmetic, enough below
/// 3.18 * 10^23 (J. Sorenson and J. Webster, "Strong pseudoprimes to twelve prime bases", 2015).
fn plain_test(number: i64) -> bool {
    const BASES: [u128; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];
    if number < 2 {
        return false;
    }
    let n = number as u128;
    if let Some(prime) = BASES.iter().find(|prime| n.is_multiple_of(**prime)) {
        return n == *prime;
    }
    let power = |base: u128, exponent: u128| {
        let (mut result, mut base, mut exponent) = (1, base, exponent);
        while exponent > 0 {
            if exponent % 2 == 1 {
                result = result * base % n;
            }
            base = base * base % n;
            exponent /= 2;
        }
        result
    };
    BASES.iter().all(|base| {
        let mut exponent = n - 1;
        loop {
            let root = power(*base, exponent);
            if root == n - 1 {
                return true;
            }
            if root != 1 {
                return false;
            }
            if exponent % 2 == 1 {
                return true;
            }
            exponent /= 2;
        }
    })
}

fn check(numbers: RangeInclusive<i64>) {
    let expected: Vec<bool> = numbers.clone().map(plain_test).collect();
    assert_eq!(primality(numbers.clone()), expected, "{numbers:?}");
}

#[test]
fn all_numbers_to_2_million() {
    const LAST: usize = 2_000_000;
    let expected = plain_sieve(LAST);
    assert_eq!(expected.iter().filter(|is_prime| **is_prime).count(), 148_933);
    assert!(primality(0..=LAST as i64) == expected, "in one piece");
    for step in [1, 7, 100, 8192, 65_536] {
        let mut values = rows_of(ValueType::Boolean);
        for first in (0..=LAST).step_by(step) {
            let last = LAST.min(first + step - 1);
            IsPrime.evaluate(first as i64..=last as i64, &mut values, &mut Context::default()).unwrap();
        }
        assert!(values.columns == [boolean(&expected)], "in steps of {step}");
    }
}

#[test]
fn the_test_agrees_with_the_sieve() {
    let expected = plain_sieve(2_000_000);
    for (number, expected) in (0..).zip(expected) {
        assert_eq!(miller_rabin::is_prime(number), expected, "{number}");
    }
}

#[test]
fn negative_numbers_are_no_primes() {
    assert_eq!(primality(-4..=5), [false, false, false, false, false, false, true, true, false, true]);
    assert_eq!(primality(i64::MIN..=i64::MIN + 99), [false; 100]);
    assert_eq!(primality(-100..=-1), [false; 100]);
    assert_eq!(primality(-1..=0), [false; 2]);
    let many = primality(-1_000_000..=1_000_000);
    assert_eq!(many.iter().filter(|is_prime| **is_prime).count(), 78_498);
}

#[test]
fn the_largest_primes_below_2_to_the_63() {
    // 2^63 - k for these k: <https://t5k.org/lists/2small/0bit.html>.
    let expected: Vec<i64> = [301, 259, 165, 25].into_iter().map(|k| i64::MAX - (k - 1)).collect();
    let first = i64::MAX - 350;
    let found: Vec<i64> = (first..=i64::MAX)
        .zip(primality(first..=i64::MAX))
        .filter_map(|(number, is_prime)| is_prime.then_some(number))
        .collect();
    assert_eq!(found[found.len() - 4..], expected);
    assert_eq!(found.last(), Some(&9_223_372_036_854_775_783));
    check(i64::MAX - 20_000..=i64::MAX);
}

#[test]
fn pseudoprimes_are_composite() {
    for number in [
        // Carmichael numbers; the last is (6k + 1)(12k + 1)(18k + 1) for k = 192,296.
        561,
        1_105,
        1_729,
        825_265,
        321_197_185,
        9_746_347_772_161,
        1_436_697_831_295_441,
        60_977_817_398_996_785,
        7_156_857_700_403_137_441,
        9_215_447_790_472_998_049,
        // The smallest strong pseudoprimes to the first 1, 2, … 11 primes (OEIS A014233).
        2_047,
        1_373_653,
        25_326_001,
        3_215_031_751,
        2_152_302_898_747,
        3_474_749_660_383,
        341_550_071_728_321,
        3_825_123_056_546_413_051,
        // The bound of the bases 2, 7, 61.
        4_759_123_141,
        // The largest p(2p - 1) below 2^63 that are strong pseudoprimes to base 2.
        9_223_367_129_855_292_781,
        9_223_346_514_029_275_981,
        9_223_287_759_051_531_301,
        // Squares and products of primes near the end.
        3_037_000_493 * 3_037_000_493,
        3_037_000_453 * 3_037_000_493,
        2_147_483_647 * 4_294_967_291,
    ] {
        assert!(!is_prime(number), "{number}");
        assert!(!plain_test(number), "{number}");
        // Found by a sieve as by a test.
        let around = segment(number - 500, 10_000);
        assert!(!primality(around)[500], "{number}");
    }
}

#[test]
fn known_primes() {
    for number in [
        1_000_003,
        2_147_483_647,
        4_294_967_291,
        4_294_967_311,
        1_000_000_000_039,
        1_099_511_627_689,
        1_099_511_627_791,
        2_305_843_009_213_693_951,
        9_223_372_036_854_775_783,
    ] {
        assert!(is_prime(number), "{number}");
        assert!(plain_test(number), "{number}");
    }
}

/// Around every bound at which the way of deciding changes, for short and long segments.
#[test]
fn across_the_switch_overs() {
    for bound in [
        17 * 17,
        1 << 32,
        4_759_123_141,
        // The squares of the last prime of the table and of its end.
        1_048_573 * 1_048_573,
        1 << 40,
        2_152_302_898_747,
        3_474_749_660_383,
    ] {
        for length in [1, 2, 30, 1000, 8192, 65_536] {
            check(segment(bound - length / 2, length));
        }
    }
}

/// Where the sieve decides alone, the test says the same.
#[test]
fn long_segments_agree_with_the_test() {
    for first in [1 << 30, (1 << 40) - (1 << 19)] {
        let long = primality(segment(first, 1 << 19));
        for (number, is_prime) in (first.unsigned_abs()..).zip(long) {
            assert_eq!(miller_rabin::is_prime(number), is_prime, "{number}");
        }
    }
}

#[test]
fn what_the_buffer_holds_stays() {
    let mut values = rows_with(boolean(&[true, true]));
    IsPrime.evaluate(8..=11, &mut values, &mut Context::default()).unwrap();
    assert_eq!(values.columns, [boolean(&[true, true, false, false, false, true])]);
}

#[test]
fn a_buffer_of_another_type_is_refused() {
    let mut values = rows_of(ValueType::Int64);
    let error = IsPrime.evaluate(1..=3, &mut values, &mut Context::default()).unwrap_err();
    assert_eq!(error.number(), None);
    assert!(values.is_empty());
}

#[test]
#[allow(clippy::reversed_empty_ranges)]
fn an_empty_range_has_no_values() {
    assert!(primality(5..=4).is_empty());
    assert!(primality(-5..=-6).is_empty());
    assert!(primality(i64::MAX..=i64::MIN).is_empty());
}

proptest! {
    #[test]
    fn random_segments(first: i64, length in 1i64..300) {
        check(segment(first, length));
    }

    #[test]
    fn random_segments_of_any_size(bits in 0u32..63, first: i64, length in 1i64..2000) {
        check(segment((first & i64::MAX) >> bits, length));
    }
}
