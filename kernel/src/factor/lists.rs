//! Prime factors of consecutive numbers, as lists.

use std::ops::RangeInclusive;

use super::rho;
use crate::{EvaluateError, miller_rabin, sieve::ordered_primes};

/// Lists of integers, one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lists {
    /// What is in them.
    pub(crate) values: Vec<i64>,
    /// Where each of them ends.
    pub(crate) ends: Vec<usize>,
}

/// How many numbers are sieved at a time.
const SEGMENT: usize = 1 << 15;

/// These are tried on each number: what a sieve writes down of them would be read as often.
const TRIED: [u64; 5] = [3, 5, 7, 11, 13];

/// The sieve goes up to the root of the last number, or to this many times the numbers: a prime costs about 3 ns, and a
/// number whose factors it does not find some microseconds. An estimate, not measured yet.
const LIMIT_A_NUMBER: u64 = 512;

/// Appends the prime factors of each of `numbers`, without their signs: in ascending order, each as often as it divides
/// the number; none for 1.
///
/// # Errors
///
/// [`EvaluateError::Refused`] at 0; `lists` then holds those of the numbers before it.
pub(crate) fn factor(numbers: &RangeInclusive<i64>, lists: &mut Lists) -> Result<(), EvaluateError> {
    let (first, last) = (*numbers.start(), *numbers.end());
    if numbers.is_empty() {
        return Ok(());
    }
    let mut segment = Segment::default();
    if first < 0 {
        // The magnitudes fall.
        let (mut greatest, least) = (first.unsigned_abs(), last.min(-1).unsigned_abs());
        while greatest >= least {
            let start = least.max(greatest.saturating_sub(SEGMENT as u64 - 1));
            segment.sieve(start, greatest);
            (start..=greatest).rev().for_each(|number| segment.append(number, lists));
            greatest = start - 1;
        }
    }
    if numbers.contains(&0) {
        return Err(EvaluateError::refused(0, "every prime divides it"));
    }
    if last > 0 {
        let (mut start, last) = (first.max(1).unsigned_abs(), last.unsigned_abs());
        while start <= last {
            let end = last.min(start + (SEGMENT as u64 - 1));
            segment.sieve(start, end);
            (start..=end).for_each(|number| segment.append(number, lists));
            start = end + 1;
        }
    }
    Ok(())
}

/// Consecutive numbers, and which primes divide each of them.
#[derive(Default)]
struct Segment {
    first: u64,
    /// All primes up to this are tried or sieved with.
    limit: u64,
    /// The primes of all numbers, and for each of them the next one of its number.
    found: Vec<(u32, u32)>,
    /// For each number, the first prime that it has.
    heads: Vec<u32>,
}

/// No next one.
const NONE: u32 = u32::MAX;

impl Segment {
    /// Finds the primes that divide the numbers from `first`, at least 1, to `last`, at most 2^63.
    fn sieve(&mut self, first: u64, last: u64) {
        let numbers = last - first + 1;
        self.first = first;
        self.found.clear();
        self.heads.clear();
        self.heads.resize(numbers as usize, NONE);
        let wanted = last.isqrt().min(numbers.saturating_mul(LIMIT_A_NUMBER));
        let primes = ordered_primes(wanted);
        self.limit = wanted.min(primes.limit).max(16);
        // The greatest first, so that the least comes first in the lists.
        for prime in primes.primes.iter().rev() {
            let step = u64::from(*prime);
            let mut offset = (step - 1 - (first - 1) % step) as usize;
            while let Some(head) = self.heads.get_mut(offset) {
                let next = std::mem::replace(head, self.found.len() as u32);
                self.found.push((*prime, next));
                offset += step as usize;
            }
        }
    }

    fn append(&self, number: u64, lists: &mut Lists) {
        let primes = &mut lists.values;
        let twos = number.trailing_zeros();
        primes.extend((0..twos).map(|_| 2));
        let mut rest = number >> twos;
        for prime in TRIED {
            divide(&mut rest, prime, primes);
        }
        let mut next = self.heads.get((number - self.first) as usize).copied().unwrap_or(NONE);
        while let Some((prime, after)) = self.found.get(next as usize) {
            divide(&mut rest, u64::from(*prime), primes);
            next = *after;
        }
        if rest > 1 {
            // Without a divisor up to the limit, it has none at all or is beyond the square.
            if rest <= self.limit * self.limit || miller_rabin::is_prime(rest) {
                primes.push(rest.cast_signed());
            } else {
                let before = primes.len();
                split(rest, primes);
                primes.get_mut(before..).unwrap_or_default().sort_unstable();
            }
        }
        lists.ends.push(lists.values.len());
    }
}

#[inline(always)]
fn divide(rest: &mut u64, prime: u64, primes: &mut Vec<i64>) {
    while rest.is_multiple_of(prime) {
        *rest /= prime;
        primes.push(prime.cast_signed());
    }
}

/// Appends the prime factors of an odd composite number.
fn split(composite: u64, primes: &mut Vec<i64>) {
    let mut left = vec![composite];
    while let Some(number) = left.pop() {
        if miller_rabin::is_prime(number) {
            primes.push(number.cast_signed());
        } else {
            let divisor = rho::divisor(number);
            left.extend([divisor, number / divisor]);
        }
    }
}
