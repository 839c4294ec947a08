use proptest::prelude::*;

use super::*;
use crate::{
    Context, miller_rabin,
    testing::{evaluate, segment},
};

fn lists(numbers: RangeInclusive<i64>) -> Vec<Vec<i64>> {
    let mut lists = Lists::default();
    factor(&numbers, &mut lists).unwrap();
    let mut start = 0;
    let mut all = Vec::new();
    for end in lists.ends {
        all.push(lists.values[start..end].to_vec());
        start = end;
    }
    assert_eq!(start, lists.values.len());
    all
}

fn of(number: i64) -> Vec<i64> {
    lists(number..=number).remove(0)
}

/// By division alone.
fn plain(number: i64) -> Vec<i64> {
    let mut rest = number.unsigned_abs();
    let mut primes = Vec::new();
    let mut divisor = 2;
    while divisor * divisor <= rest {
        while rest.is_multiple_of(divisor) {
            primes.push(divisor as i64);
            rest /= divisor;
        }
        divisor += 1;
    }
    if rest > 1 {
        primes.push(rest as i64);
    }
    primes
}

/// Whether these are the prime factors of the number: ascending primes whose product it is. There is but one such list.
fn assert_factors(number: i64, primes: &[i64]) {
    let product: u128 = primes.iter().map(|prime| u128::from(prime.unsigned_abs())).product();
    assert_eq!(product, u128::from(number.unsigned_abs()), "{number}: {primes:?}");
    assert!(primes.is_sorted(), "{number}: {primes:?}");
    for prime in primes {
        assert!(*prime > 1 && miller_rabin::is_prime(prime.unsigned_abs()), "{number}: {primes:?}");
    }
}

fn check(numbers: RangeInclusive<i64>) {
    let found = lists(numbers.clone());
    assert_eq!(found.len() as i64, numbers.end() - numbers.start() + 1);
    for (number, primes) in numbers.zip(found) {
        assert_factors(number, &primes);
    }
}

#[test]
fn small_numbers() {
    let expected: Vec<Vec<i64>> = (1..=200_000).map(plain).collect();
    assert!(lists(1..=200_000) == expected);
    assert!(expected[..5] == [vec![], vec![2], vec![3], vec![2, 2], vec![5]]);
    let mut backwards = lists(-200_000..=-1);
    backwards.reverse();
    assert!(backwards == expected);
    for number in 1..=3000 {
        assert_eq!(of(number), expected[number as usize - 1]);
        assert_eq!(of(-number), expected[number as usize - 1]);
    }
}

#[test]
fn zero_is_refused_and_those_before_stay() {
    let mut lists = Lists::default();
    let error = factor(&(-3..=3), &mut lists).unwrap_err();
    assert_eq!(error.to_string(), "the number 0 was refused: every prime divides it");
    assert_eq!(lists, Lists { values: vec![3, 2], ends: vec![1, 2, 2] });
    assert_eq!(factor(&(0..=0), &mut lists).unwrap_err().number(), Some(0));
    factor(&(4..=5), &mut lists).unwrap();
    assert_eq!(lists, Lists { values: vec![3, 2, 2, 2, 5], ends: vec![1, 2, 2, 4, 5] });
}

#[test]
fn both_ends_of_the_numbers() {
    assert_eq!(of(i64::MIN), [2; 63]);
    assert_eq!(of(i64::MAX), [7, 7, 73, 127, 337, 92_737, 649_657]);
    check(i64::MAX - 300..=i64::MAX);
    check(i64::MIN..=i64::MIN + 300);
}

#[test]
fn numbers_of_two_large_primes() {
    for (p, q) in [
        (2_147_483_647, 4_294_967_291),
        (3_037_000_453, 3_037_000_493),
        (3_037_000_493, 3_037_000_493),
        (16_777_213, 16_777_213),
        (16_777_259, 16_777_259),
        (1_048_573, 1_048_583),
        (1_000_003, 1_000_000_000_039),
    ] {
        let number: i64 = p * q;
        assert_eq!(of(number), [p, q]);
        assert_eq!(of(-number), [p, q]);
        let around = segment(number - 100, 300);
        assert_eq!(lists(around)[100], [p, q]);
    }
    let (p, q, r) = (2_097_143, 2_097_133, 2_097_131);
    assert_eq!(of(p * q * r), [r, q, p]);
    assert_eq!(of(p * p * p), [p; 3]);
}

#[test]
fn across_the_limits_of_the_sieve() {
    for bound in [1 << 16, 1 << 32, 1 << 40, 1 << 48, 1_000_000_000_000, 1_000_000_000_000_000] {
        for length in [1, 10, 1000, 40_000] {
            check(segment(bound - length / 2, length));
        }
    }
}

#[test]
#[allow(clippy::reversed_empty_ranges)]
fn an_empty_range_has_no_lists() {
    assert_eq!(lists(1..=0), Vec::<Vec<i64>>::new());
    assert_eq!(lists(-1..=-2), Vec::<Vec<i64>>::new());
}

proptest! {
    #[test]
    fn random_segments(bits in 0u32..63, first: i64, length in 1i64..30) {
        let numbers = segment((first >> bits) | 1, length);
        prop_assume!(!numbers.contains(&0));
        check(numbers);
    }

    #[test]
    fn random_numbers_as_by_division(number in 1i64..1 << 40) {
        prop_assert_eq!(of(number), plain(number));
    }
}

#[test]
fn the_kernel_gives_a_list_for_each_number() {
    let (values, result) = evaluate(&Factor, 1..=12);
    result.unwrap();
    let Values::Arrays(mut arrays) = values else { panic!("{values:?}") };
    assert!(arrays.push(Arc::new(array_of(Lists { values: vec![3], ends: vec![0, 1] }))));
    let mut rows = Rows::new(&Factor.layout(&(0..=0)));
    rows.columns = vec![Values::Arrays(arrays)];
    assert_eq!(rows.len(), 14);
    let column = rows.take_columns().unwrap().remove(0);
    let list = column.as_any().downcast_ref::<ListArray>().unwrap();
    let factors = |row: usize| list.value(row).as_any().downcast_ref::<Int64Array>().unwrap().values().to_vec();
    assert_eq!((factors(0), factors(11), factors(13)), (vec![], vec![2, 2, 3], vec![3]));
}

#[test]
fn numbers_beyond_a_batch_are_in_order() {
    let mut rows = Rows::new(&Factor.layout(&(0..=0)));
    let numbers = i64::MAX - BATCH as i64 - 1..=i64::MAX;
    Factor.evaluate(numbers, &mut rows, &mut Context::default()).unwrap();
    assert_eq!(rows.len(), BATCH + 2);
    assert_eq!(Factor.evaluate(-1..=1, &mut rows, &mut Context::default()).unwrap_err().number(), Some(0));
}
