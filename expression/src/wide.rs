//! Numbers of 256 bits, decimals and floats: conversions and orders.

use std::cmp::Ordering;

use arrow_buffer::i256;

/// Powers of ten that are exact as 64-bit floats.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Digits behind the point of an exact constant.
const MOST_DECIMALS: i64 = 38;

/// Digits that always fit 256 bits.
const MOST_DIGITS: i64 = 76;

/// The float nearest to `value` / 10^`scale`.
pub(crate) fn to_float(value: i256, scale: u8) -> f64 {
    if let Some(narrow) = value.to_i128() {
        if scale == 0 {
            return narrow as f64;
        }
        if let Some(nearest) = i64::try_from(narrow).ok().and_then(|narrow| scaled(narrow, scale)) {
            return nearest;
        }
    }
    // All digits are looked at; a text of digits with an exponent is a float.
    format!("{value}e-{scale}").parse().unwrap_or(f64::NAN)
}

/// The float nearest to `value` / 10^`scale`, if both are exact as floats, so that one division rounds once.
fn scaled(value: i64, scale: u8) -> Option<f64> {
    let power = EXACT_POWERS.get(usize::from(scale))?;
    (value.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS).then(|| value as f64 / power)
}

/// The decimal that is written with the fewest digits among those that are nearest to this float: its digits and its
/// scale. `None` if it has more than 38 digits behind the point, or is larger than any 256 bits with so many
/// `decimals`.
pub(crate) fn decimal_of(value: f64, decimals: u32) -> Option<(i256, u32)> {
    let shortest = format!("{value:e}");
    let (mantissa, exponent) = shortest.split_once('e')?;
    let exponent: i64 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = i64::try_from(fraction.len()).ok()? - exponent;
    if scale > MOST_DECIMALS || exponent + i64::from(decimals) >= MOST_DIGITS {
        return None;
    }
    let digits = i256::from_i128(digits);
    match u32::try_from(scale) {
        Ok(scale) => Some((digits, scale)),
        Err(_) => {
            let power = i256::from_i128(10).checked_pow(u32::try_from(-scale).ok()?)?;
            Some((digits.checked_mul(power)?, 0))
        }
    }
}

/// The order of floats: both zeros are equal, NaN is equal to itself and greater than all else. As in DuckDB and
/// PostgreSQL.
pub(crate) fn compare_floats(one: f64, other: f64) -> Ordering {
    one.partial_cmp(&other).unwrap_or_else(|| one.is_nan().cmp(&other.is_nan()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_of_floats() {
        let of = |value| decimal_of(value, 0);
        let narrow = |digits, scale| Some((i256::from_i128(digits), scale));
        assert_eq!(of(1e6), narrow(1_000_000, 0));
        assert_eq!(of(-2.5e-1), narrow(-25, 2));
        assert_eq!(of(0.0), narrow(0, 0));
        assert_eq!(of(1e37), narrow(10i128.pow(37), 0));
        assert_eq!(of(1e75), Some((i256::from_i128(10).checked_pow(75).unwrap(), 0)));
        assert_eq!(of(1e76), None);
        assert_eq!(decimal_of(1e75, 1), None);
        assert_eq!(of(1e-38), narrow(1, 38));
        assert_eq!(of(1e-39), None);
        assert_eq!(of(5e-324), None);
    }

    #[test]
    fn floats_are_the_nearest() {
        assert_eq!(to_float(i256::from_i128(1), 1), 0.1);
        assert_eq!(to_float(i256::from_i128(123_456_789_012_345_678_901_234_567_890), 29), 1.234_567_890_123_456_8);
        assert_eq!(to_float(i256::MIN, 0), -(2f64.powi(255)));
        assert_eq!(to_float(i256::from_i128(-(1 << 53) - 1), 0), -9_007_199_254_740_992.0);
    }

    #[test]
    fn floats_are_ordered() {
        let sorted = [f64::NEG_INFINITY, -1.0, 0.0, 1.0, f64::INFINITY, f64::NAN];
        assert!(sorted.is_sorted_by(|one, other| compare_floats(*one, *other).is_lt()));
        assert!(compare_floats(-0.0, 0.0).is_eq() && compare_floats(f64::NAN, -f64::NAN).is_eq());
    }
}
