//! Arithmetic on registers.

use arrow_buffer::i256;

use super::{
    Source,
    masks::{Mask, NONE},
};
use crate::{
    code::{Part, SmallDivisor, Step, WholeDivisor},
    program,
    wide::to_float,
};

impl<T: Copy> Source<'_, T> {
    /// The rows in which something holds.
    #[inline(always)]
    pub(super) fn mask(self, holds: impl Fn(T) -> bool) -> Mask {
        let mut mask = NONE;
        match self {
            Source::Values(values) => {
                for (word, values) in mask.iter_mut().zip(values.as_chunks::<64>().0) {
                    for (bit, value) in values.iter().enumerate() {
                        *word |= u64::from(holds(*value)) << bit;
                    }
                }
                mask
            }
            Source::One(value) => {
                if holds(value) {
                    mask.fill(u64::MAX);
                }
                mask
            }
        }
    }
}

#[inline(always)]
pub(super) fn apply<T: Copy>(left: Source<'_, T>, right: Source<'_, T>, out: &mut [T], of: impl Fn(T, T) -> T) {
    match (left, right) {
        (Source::Values(left), Source::Values(right)) => {
            for ((out, left), right) in out.iter_mut().zip(left).zip(right) {
                *out = of(*left, *right);
            }
        }
        (Source::Values(left), Source::One(right)) => each(left, out, |left| of(left, right)),
        (Source::One(left), Source::Values(right)) => each(right, out, |right| of(left, right)),
        (Source::One(left), Source::One(right)) => out.fill(of(left, right)),
    }
}

#[inline(always)]
pub(super) fn each<T: Copy, U>(values: &[T], out: &mut [U], of: impl Fn(T) -> U) {
    for (out, value) in out.iter_mut().zip(values) {
        *out = of(*value);
    }
}

/// Toward zero. Processors that the code is compiled for without vectors of floats that round do it by a conversion,
/// for all that comes here fits `i64`, but for rows whose results are not wanted.
#[inline(always)]
fn truncate<const VECTOR: bool>(value: f64) -> f64 {
    if VECTOR || cfg!(target_arch = "aarch64") { value.trunc() } else { value as i64 as f64 }
}

/// Integers up to 2^50 as floats. Sums, differences and products are exact because their results are known to be as
/// small. A quotient of two such integers that is no integer is at least 1 / |right| away from one, which is more than
/// what rounding changes, so that truncating it is exact, too.
#[inline(always)]
pub(super) fn small<const VECTOR: bool>(step: Step, left: Source<'_, f64>, right: Source<'_, f64>, out: &mut [f64]) {
    match step {
        Step::Add => apply(left, right, out, |left, right| left + right),
        Step::Subtract => apply(left, right, out, |left, right| left - right),
        Step::Multiply | Step::MultiplyNarrow => apply(left, right, out, |left, right| left * right),
        Step::Divide => apply(left, right, out, |left, right| truncate::<VECTOR>(left / right)),
        Step::Remainder => apply(left, right, out, |left, right| left - truncate::<VECTOR>(left / right) * right),
    }
}

/// x · inverse is at least the quotient, and with x up to 2^50 less than 1 / divisor above it: the inverse is at most
/// one part in 2^51 too large, and rounding the product adds one in 2^53. So truncating it gives the quotient.
#[inline(always)]
pub(super) fn small_by<const VECTOR: bool>(part: Part, of: &[f64], divisor: SmallDivisor, out: &mut [f64]) {
    let SmallDivisor { magnitude, inverse, sign } = divisor;
    match part {
        Part::Quotient => each(of, out, |value| truncate::<VECTOR>(value * inverse) * sign),
        Part::Remainder => each(of, out, |value| value - truncate::<VECTOR>(value * inverse) * magnitude),
    }
}

#[inline(always)]
pub(super) fn float(step: Step, left: Source<'_, f64>, right: Source<'_, f64>, out: &mut [f64]) {
    match step {
        Step::Add => apply(left, right, out, |left, right| left + right),
        Step::Subtract => apply(left, right, out, |left, right| left - right),
        Step::Multiply | Step::MultiplyNarrow => apply(left, right, out, |left, right| left * right),
        Step::Divide => apply(left, right, out, |left, right| left / right),
        Step::Remainder => apply(left, right, out, |left, right| left % right),
    }
}

/// All results are known to fit, but for rows whose results are not wanted.
#[inline(always)]
pub(super) fn whole(step: Step, left: Source<'_, i64>, right: Source<'_, i64>, out: &mut [i64]) {
    match step {
        Step::Add => apply(left, right, out, i64::wrapping_add),
        Step::Subtract => apply(left, right, out, i64::wrapping_sub),
        Step::Multiply => apply(left, right, out, i64::wrapping_mul),
        Step::MultiplyNarrow => {
            apply(left, right, out, |left, right| i64::from(left as i32).wrapping_mul(i64::from(right as i32)));
        }
        Step::Divide => apply(left, right, out, |left, right| left.wrapping_div(if right == 0 { 1 } else { right })),
        Step::Remainder => apply(left, right, out, |left, right| left.wrapping_rem(if right == 0 { 1 } else { right })),
    }
}

#[inline(always)]
pub(super) fn whole_by(part: Part, of: &[i64], divisor: WholeDivisor, out: &mut [i64]) {
    let WholeDivisor { magnitude, multiplier, shift, is_negative } = divisor;
    let quotient = |value: u64| ((u128::from(value).wrapping_mul(u128::from(multiplier)) >> 64) as u64) >> shift;
    // `value` or `-value`.
    let signed = |value: u64, sign: i64| (value as i64 ^ sign).wrapping_sub(sign);
    match part {
        Part::Quotient => {
            let flip = if is_negative { -1 } else { 0 };
            each(of, out, |value| signed(quotient(value.unsigned_abs()), (value >> 63) ^ flip));
        }
        Part::Remainder => each(of, out, |value| {
            let positive = value.unsigned_abs();
            signed(positive.wrapping_sub(quotient(positive).wrapping_mul(magnitude)), value >> 63)
        }),
    }
}

/// All results are known to fit, but for rows whose results are not wanted.
pub(super) fn wide(step: Step, left: Source<'_, i128>, right: Source<'_, i128>, out: &mut [i128]) {
    match step {
        Step::Add => apply(left, right, out, i128::wrapping_add),
        Step::Subtract => apply(left, right, out, i128::wrapping_sub),
        Step::Multiply | Step::MultiplyNarrow => apply(left, right, out, i128::wrapping_mul),
        Step::Divide => apply(left, right, out, |left, right| left.wrapping_div(if right == 0 { 1 } else { right })),
        Step::Remainder => apply(left, right, out, |left, right| left.wrapping_rem(if right == 0 { 1 } else { right })),
    }
}

/// Returns the rows whose results do not fit. A divisor of zero is looked for elsewhere.
pub(super) fn huge(step: Step, left: Source<'_, i256>, right: Source<'_, i256>, out: &mut [i256]) -> Mask {
    let mut failed = NONE;
    let value = |source: Source<'_, i256>, row: usize| match source {
        Source::Values(values) => values.get(row).copied().unwrap_or_default(),
        Source::One(value) => value,
    };
    for (row, out) in out.iter_mut().enumerate() {
        let (left, right) = (value(left, row), value(right, row));
        let result = match step {
            Step::Add => left.checked_add(right),
            Step::Subtract => left.checked_sub(right),
            Step::Multiply | Step::MultiplyNarrow => left.checked_mul(right),
            Step::Divide if right == i256::ZERO => Some(i256::ZERO),
            Step::Divide => left.checked_div(right),
            Step::Remainder => Some(program::remainder(left, right).unwrap_or_default()),
        };
        if result.is_none()
            && let Some(word) = failed.get_mut(row / 64)
        {
            *word |= 1 << (row % 64);
        }
        *out = result.unwrap_or_default();
    }
    failed
}

/// A float that is 2^52 + 2^51: its last bit counts ones, so that an integer added to its bits is added to it.
const SHIFTER: f64 = 6_755_399_441_055_744.0;

/// An integer up to 2^51 as a float.
#[inline(always)]
pub(super) fn to_small(value: i64) -> f64 {
    f64::from_bits(SHIFTER.to_bits().wrapping_add(value as u64)) - SHIFTER
}

#[inline(always)]
pub(super) fn of_small(value: f64) -> i64 {
    (value + SHIFTER).to_bits().wrapping_sub(SHIFTER.to_bits()) as i64
}

/// Integers in some lane as the nearest floats, divided by 10^`scale`.
pub(super) fn to_floats<T: Integer>(of: &[T], scale: u8, out: &mut [f64]) {
    each(of, out, |value| to_float(value.to_i256(), scale));
}

/// A type that integers are converted to and from.
pub(super) trait Integer: Copy + Default {
    fn from_i64(value: i64) -> Self;
    fn from_i128(value: i128) -> Self;
    fn from_i256(value: i256) -> Self;
    fn to_i64(self) -> i64;
    fn to_i256(self) -> i256;
}

macro_rules! integer {
    ($type:ty, $i64:expr, $i128:expr, $i256:expr, $to_i64:expr, $to_i256:expr) => {
        impl Integer for $type {
            #[inline(always)]
            fn from_i64(value: i64) -> Self {
                $i64(value)
            }

            #[inline(always)]
            fn from_i128(value: i128) -> Self {
                $i128(value)
            }

            #[inline(always)]
            fn from_i256(value: i256) -> Self {
                $i256(value)
            }

            #[inline(always)]
            fn to_i64(self) -> i64 {
                $to_i64(self)
            }

            #[inline(always)]
            fn to_i256(self) -> i256 {
                $to_i256(self)
            }
        }
    };
}

integer!(
    f64,
    to_small,
    |value: i128| to_small(value as i64),
    |value: i256| to_small(value.as_i128() as i64),
    of_small,
    |value| i256::from_i128(of_small(value).into())
);
integer!(
    i64,
    |value| value,
    |value: i128| value as i64,
    |value: i256| value.as_i128() as i64,
    |value| value,
    |value: i64| i256::from_i128(value.into())
);
integer!(i128, i128::from, |value| value, i256::as_i128, |value: i128| value as i64, i256::from_i128);
integer!(
    i256,
    |value: i64| i256::from_i128(value.into()),
    i256::from_i128,
    |value| value,
    |value: i256| value.as_i128() as i64,
    |value| value
);
