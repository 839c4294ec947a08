//! The inner loops over plain values, each compiled twice: as the compiler does by default, and for processors with
//! AVX2.

/// Values that are looked at in one go of [`split`].
const LANES: usize = 8;

/// Of an integer of 64 bits, the lower half.
const LOWER: u64 = 0xFFFF_FFFF;

/// The most values whose halves are summed before the sums might not fit 64 bits.
const MOST_HALVES: usize = 1 << 30;

/// The sum and the extremes of some integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) sum: i128,
    pub(crate) least: i64,
    pub(crate) greatest: i64,
}

/// Floats as multiples of two units, see [`split`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Split {
    /// The sums of the multiples of the coarse unit, and of those of the fine one.
    pub(crate) sums: [[f64; LANES]; 2],
    /// 0 if nothing is left of any value.
    pub(crate) rest: u64,
}

/// Compiles a function for AVX2, too, and calls what the processor has.
macro_rules! compiled_twice {
    ($(#[$doc:meta])* $name:ident, $avx2:ident, $portable:ident, ($($argument:ident: $kind:ty),*) -> $result:ty) => {
        $(#[$doc])*
        pub(crate) fn $name($($argument: $kind),*) -> $result {
            #[cfg(target_arch = "x86_64")]
            if std::is_x86_feature_detected!("avx2") {
                #[allow(unsafe_code, reason = "the same code, compiled for a processor that was just found to be this one")]
                // SAFETY: the feature that the function needs was detected in the line above.
                unsafe {
                    return $avx2($($argument),*);
                }
            }
            $portable($($argument),*)
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2")]
        fn $avx2($($argument: $kind),*) -> $result {
            $portable($($argument),*)
        }
    };
}

compiled_twice! {
    /// The sum of integers.
    sum, sum_avx2, sum_portable, (values: &[i64]) -> i128
}

compiled_twice! {
    /// The sum and the extremes of integers. Without any, the least is the greatest `i64` and the other way round.
    summarise, summarise_avx2, summarise_portable, (values: &[i64]) -> Summary
}

compiled_twice! {
    /// The least and the greatest of integers, as [`summarise`] gives them.
    extremes, extremes_avx2, extremes_portable, (values: &[i64]) -> (i64, i64)
}

compiled_twice! {
    /// Where the first of these values is.
    position, position_avx2, position_portable, (values: &[i64], value: i64) -> Option<usize>
}

compiled_twice! {
    /// The greatest distance from 0, as far as there are numbers.
    largest, largest_avx2, largest_portable, (values: &[f64]) -> f64
}

compiled_twice! {
    /// Takes each float apart: a multiple of a coarse unit, a multiple of a fine unit, and what is left, and sums the
    /// multiples. `roundings` are 1.5 · 2^52 of the coarse and the fine unit.
    ///
    /// Adding such a number rounds to a multiple of the unit, and subtracting it again leaves that multiple; both, and
    /// the difference to the value, are exact where the value is below 2^50 units. The sums are exact where those of
    /// each lane stay below 2^53 units. So whoever calls chooses the units and the number of values.
    ///
    /// Source: Demmel and Nguyen, "Fast Reproducible Floating-Point Summation", ARITH 21 (2013), algorithm 4 (Extract).
    split, split_avx2, split_portable, (values: &[f64], roundings: [f64; 2]) -> Split
}

compiled_twice! {
    /// For each float an integer: they are ordered as the floats are, NaN after all others, and equal where those are.
    float_keys, float_keys_avx2, float_keys_portable, (values: &[f64], keys: &mut [i64]) -> ()
}

/// The sum of integers is that of their upper and lower halves; an integer is made positive by 2^63.
#[inline(always)]
fn sum_portable(values: &[i64]) -> i128 {
    let mut sum = 0;
    for values in values.chunks(MOST_HALVES) {
        let (mut upper, mut lower) = (0u64, 0u64);
        for &value in values {
            let positive = value as u64 ^ (1 << 63);
            upper = upper.wrapping_add(positive >> 32);
            lower = lower.wrapping_add(positive & LOWER);
        }
        sum += whole(upper, lower, values.len());
    }
    sum
}

#[inline(always)]
fn summarise_portable(values: &[i64]) -> Summary {
    let mut summary = Summary { sum: 0, least: i64::MAX, greatest: i64::MIN };
    for values in values.chunks(MOST_HALVES) {
        let (mut upper, mut lower) = (0u64, 0u64);
        let (mut least, mut greatest) = (i64::MAX, i64::MIN);
        for &value in values {
            let positive = value as u64 ^ (1 << 63);
            upper = upper.wrapping_add(positive >> 32);
            lower = lower.wrapping_add(positive & LOWER);
            least = least.min(value);
            greatest = greatest.max(value);
        }
        summary.sum += whole(upper, lower, values.len());
        summary.least = summary.least.min(least);
        summary.greatest = summary.greatest.max(greatest);
    }
    summary
}

/// A sum put together from those of the halves of integers that were made positive.
#[inline(always)]
fn whole(upper: u64, lower: u64, values: usize) -> i128 {
    (i128::from(upper) << 32) + i128::from(lower) - ((values as i128) << 63)
}

#[inline(always)]
fn extremes_portable(values: &[i64]) -> (i64, i64) {
    values.iter().fold((i64::MAX, i64::MIN), |(least, greatest), &value| (least.min(value), greatest.max(value)))
}

#[inline(always)]
fn position_portable(values: &[i64], value: i64) -> Option<usize> {
    const STEP: usize = 64;
    for (index, step) in values.chunks(STEP).enumerate() {
        let is_there = step.iter().fold(0, |found, &other| found | u64::from(other == value));
        if is_there != 0 {
            return step.iter().position(|other| *other == value).map(|position| index * STEP + position);
        }
    }
    None
}

#[inline(always)]
fn largest_portable(values: &[f64]) -> f64 {
    let larger = |one: f64, other: f64| if other > one { other } else { one };
    let (groups, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for group in groups {
        for (lane, value) in lanes.iter_mut().zip(group) {
            *lane = larger(*lane, value.abs());
        }
    }
    lanes.into_iter().chain(rest.iter().map(|value| value.abs())).fold(0.0, larger)
}

#[inline(always)]
fn split_portable(values: &[f64], roundings: [f64; 2]) -> Split {
    let [coarse, fine] = roundings;
    let (groups, rest) = values.as_chunks::<LANES>();
    let (mut first, mut second, mut left) = ([0.0; LANES], [0.0; LANES], [0u64; LANES]);
    let mut last = [0.0; LANES];
    for (last, value) in last.iter_mut().zip(rest) {
        *last = *value;
    }
    for group in groups.iter().chain([&last]) {
        for (((first, second), left), &value) in first.iter_mut().zip(&mut second).zip(&mut left).zip(group) {
            let multiple = (value + coarse) - coarse;
            let rest = value - multiple;
            *first += multiple;
            let multiple = (rest + fine) - fine;
            let rest = rest - multiple;
            *second += multiple;
            // Without the sign: a zero may have one.
            *left |= rest.to_bits() << 1;
        }
    }
    Split { sums: [first, second], rest: left.into_iter().fold(0, |all, left| all | left) }
}

#[inline(always)]
fn float_keys_portable(values: &[f64], keys: &mut [i64]) {
    for (key, &value) in keys.iter_mut().zip(values) {
        *key = float_key(value);
    }
}

/// See [`float_keys`].
#[inline(always)]
pub(crate) fn float_key(value: f64) -> i64 {
    // -0 and 0 are 0. The bits of negative floats are in the wrong order.
    let bits = (value + 0.0).to_bits() as i64;
    let key = bits ^ ((bits >> 63) as u64 >> 1) as i64;
    if value.is_nan() { i64::MAX } else { key }
}

/// The float of this key.
pub(crate) fn float_of_key(key: i64) -> f64 {
    if key == i64::MAX {
        return f64::NAN;
    }
    f64::from_bits((key ^ ((key >> 63) as u64 >> 1) as i64) as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn floats() -> impl Strategy<Value = f64> {
        prop_oneof![any::<f64>(), any::<u64>().prop_map(f64::from_bits), (-9i32..9).prop_map(f64::from), Just(-0.0)]
    }

    proptest! {
        #[test]
        fn integers_are_summed_and_compared(values in prop::collection::vec(any::<i64>(), 0..300)) {
            let sum: i128 = values.iter().map(|value| i128::from(*value)).sum();
            let least = values.iter().min().copied().unwrap_or(i64::MAX);
            let greatest = values.iter().max().copied().unwrap_or(i64::MIN);
            let expected = Summary { sum, least, greatest };
            prop_assert_eq!(summarise(&values), expected);
            prop_assert_eq!(summarise_portable(&values), expected);
            prop_assert_eq!(super::sum(&values), sum);
            prop_assert_eq!(extremes(&values), (least, greatest));
            prop_assert_eq!(position(&values, least), values.iter().position(|value| *value == least));
            prop_assert_eq!(position(&values, 5), values.iter().position(|value| *value == 5));
        }

        #[test]
        fn keys_are_ordered_as_floats_are(one in floats(), other in floats()) {
            let expected = match (one.is_nan(), other.is_nan()) {
                (false, false) => one.partial_cmp(&other).unwrap(),
                (one, other) => one.cmp(&other),
            };
            let mut keys = [0; 2];
            float_keys(&[one, other], &mut keys);
            prop_assert_eq!(keys[0].cmp(&keys[1]), expected);
            prop_assert_eq!(keys[0], float_key(one));
            let again = float_of_key(keys[0]);
            prop_assert!(again == one || (again.is_nan() && one.is_nan()));
            prop_assert!(again.to_bits() != (-0.0f64).to_bits());
        }

        #[test]
        fn portable_code_gives_the_same(values in prop::collection::vec(-1e6..1e6, 0..100)) {
            let roundings = [1.5 * 2f64.powi(30), 1.5 * 2f64.powi(-10)];
            let (one, other) = (split(&values, roundings), split_portable(&values, roundings));
            prop_assert_eq!((one.sums, one.rest), (other.sums, other.rest));
            prop_assert_eq!(largest(&values).to_bits(), largest_portable(&values).to_bits());
        }
    }
}
