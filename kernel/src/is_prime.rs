//! `is-prime`: whether the number is a prime.

mod miller_rabin;
mod sieve;
#[cfg(test)]
mod tests;

use std::{ops::RangeInclusive, sync::Arc};

use crate::{Description, EvaluateError, FindError, Kernel, Layout, Parameters, Rows, ValueType, Values, kernel::count};

const NAME: &str = "is-prime";

pub(crate) const DESCRIPTION: Description = Description {
    name: NAME,
    summary: "whether the number is a prime, deterministic over all of int64",
    parameters: &[],
    value: "boolean",
    bind,
};

/// How many numbers are sieved at a time: a byte each, so that they stay in the second cache.
const SEGMENT: usize = 1 << 18;

#[derive(Debug)]
struct IsPrime;

fn bind(_: &Parameters) -> Result<Arc<dyn Kernel>, FindError> {
    Ok(Arc::new(IsPrime))
}

impl Kernel for IsPrime {
    fn name(&self) -> &'static str {
        NAME
    }

    fn layout(&self, _: &RangeInclusive<i64>) -> Layout {
        Layout::values(ValueType::Boolean)
    }

    #[expect(clippy::indexing_slicing, reason = "the values were just made longer")]
    fn evaluate(&self, numbers: RangeInclusive<i64>, rows: &mut Rows) -> Result<(), EvaluateError> {
        let Some(Values::Boolean(values)) = rows.only() else {
            return Err(EvaluateError::wrong_type(NAME, &self.layout(&numbers), rows));
        };
        let before = values.len();
        values.resize(before + count(&numbers), false);
        let mut appended = &mut values[before..];

        // Negative numbers are not primes and stay as they are.
        let first = *numbers.start();
        if first < 0 {
            let negative = usize::try_from(first.unsigned_abs()).unwrap_or(usize::MAX);
            appended = appended.get_mut(negative..).unwrap_or_default();
        }
        let mut first = first.max(0).unsigned_abs();
        for segment in appended.chunks_mut(SEGMENT) {
            decide(first, segment);
            first += segment.len() as u64;
        }
        Ok(())
    }
}

/// Sets each place of `segment`, which stands for `first` and the numbers after it, to whether its
/// number is a prime. All of them are below 2^63.
///
/// A sieve with all primes up to the root of the last number decides alone, and costs about one
/// division a prime. Where that is more than the numbers are worth, fewer primes leave a few
/// numbers over, and these are tested one by one.
fn decide(first: u64, segment: &mut [bool]) {
    let last = first + segment.len() as u64 - 1;
    let primes = sieve::Primes::up_to(last.isqrt(), segment.len());
    sieve::strike(first, segment, primes.struck);
    if !primes.all {
        for (number, is_prime) in (first..).zip(segment.iter_mut()) {
            *is_prime = *is_prime && miller_rabin::is_prime(number);
        }
    }
}
