//! The numbers that a job is about.

use std::{fmt, str::FromStr};

use crate::RangeError;

/// Consecutive numbers, the first and the last both included.
///
/// One that exists is valid: `first <= last`, and the count fits `u64`. Written `1..=1000000`, `1..1000001`
/// (the end excluded) or `7`; `_` separates digits, and `1e6` or `2.5e3` are fine where they are integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range {
    first: i64,
    last: i64,
}

impl Range {
    /// The numbers from `first` to `last`, both included.
    ///
    /// # Errors
    /// [`RangeError::Reversed`], or [`RangeError::TooMany`] for `i64::MIN..=i64::MAX`.
    pub fn new(first: i64, last: i64) -> Result<Range, RangeError> {
        if last < first {
            let last = i128::from(last);
            return Err(RangeError::Reversed { first, last });
        }
        if first == i64::MIN && last == i64::MAX {
            return Err(RangeError::TooMany { first, last });
        }
        Ok(Range { first, last })
    }

    /// The first number.
    pub fn first(&self) -> i64 {
        self.first
    }

    /// The last number, included.
    pub fn last(&self) -> i64 {
        self.last
    }

    /// How many numbers there are, at least 1.
    pub fn count(&self) -> u64 {
        self.last.abs_diff(self.first) + 1 // the full range, the only one that overflows, is refused
    }

    /// How many numbers come before `n`, if it is one of the range.
    pub fn offset_of(&self, n: i64) -> Option<u64> {
        (self.first..=self.last).contains(&n).then(|| n.abs_diff(self.first))
    }

    /// The number that `offset` numbers come before, if there are so many.
    pub fn at(&self, offset: u64) -> Option<i64> {
        if offset >= self.count() {
            return None;
        }
        self.first.checked_add_unsigned(offset)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.first, self.last)
    }
}

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Range, RangeError> {
        let text = text.trim();
        let number = |part: &str| integer(part, text);
        let Some((first, rest)) = text.split_once("..") else {
            let only = in_i64(number(text)?, text)?;
            return Range::new(only, only);
        };
        let first = in_i64(number(first)?, first)?;
        if let Some(last) = rest.strip_prefix('=') {
            return Range::new(first, in_i64(number(last)?, last)?);
        }
        let end = number(rest)?;
        if end == i128::from(first) {
            return Err(RangeError::Empty { first });
        }
        if end < i128::from(first) && end >= i128::from(i64::MIN) {
            return Err(RangeError::Reversed { first, last: end - 1 });
        }
        // The end itself may be i64::MAX + 1: it is excluded.
        Range::new(first, in_i64(end - 1, rest)?)
    }
}

fn in_i64(value: i128, text: &str) -> Result<i64, RangeError> {
    let text = text.trim();
    i64::try_from(value).map_err(|_| RangeError::Outside { text: text.into() })
}

/// The integer that `part` of `whole` stands for. Exact: no float in between.
fn integer(part: &str, whole: &str) -> Result<i128, RangeError> {
    let text = part.trim();
    if text.is_empty() {
        return Err(RangeError::Missing { text: whole.into() });
    }
    let not_a_number = || RangeError::NotANumber { text: text.into() };
    let outside = || RangeError::Outside { text: text.into() };

    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole_digits, fraction) = match mantissa.split_once('.') {
        Some((digits, fraction)) => (digits, Some(fraction)),
        None => (mantissa, None),
    };
    let mut digits = digits_of(whole_digits).ok_or_else(not_a_number)?;
    let fraction = fraction.map(digits_of).map_or(Some(String::new()), |f| f);
    let fraction = fraction.ok_or_else(not_a_number)?;
    digits.push_str(&fraction);
    let digits = digits.trim_start_matches('0');
    let exponent = match exponent {
        Some(exponent) => exponent_of(exponent).ok_or_else(not_a_number)?,
        None => 0,
    };
    if digits.is_empty() {
        return Ok(0);
    }
    let significant = digits.trim_end_matches('0');
    let zeros = (digits.len() - significant.len()) as i64 - fraction.len() as i64;
    let zeros = zeros.saturating_add(exponent);
    if zeros < 0 {
        return Err(RangeError::NotAnInteger { text: text.into() });
    }
    // 2^63, the largest end, has 19 digits; more than 19 is outside for certain.
    if zeros > 19 || significant.len() as i64 + zeros > 19 {
        return Err(outside());
    }
    let magnitude: i128 = significant.parse().map_err(|_| outside())?;
    let magnitude = magnitude * 10_i128.pow(zeros as u32);
    Ok(if negative { -magnitude } else { magnitude })
}

/// The digits of `text` without separators; `_` may stand between two digits only.
fn digits_of(text: &str) -> Option<String> {
    let separated = text.split('_').all(|group| !group.is_empty());
    let digits: String = text.chars().filter(|&c| c != '_').collect();
    (separated && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

/// An exponent, cut to what makes a difference to any number that fits in memory.
fn exponent_of(text: &str) -> Option<i64> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let value: i64 = digits_of(unsigned)?.parse().unwrap_or(i64::MAX);
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> (i64, i64) {
        let range: Range = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        (range.first(), range.last())
    }

    fn refused(text: &str) -> String {
        match text.parse::<Range>() {
            Ok(range) => panic!("{text} was taken for {range}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_way_of_writing_a_range() {
        assert_eq!(parsed("1..=1000000"), (1, 1_000_000));
        assert_eq!(parsed("1..1000001"), (1, 1_000_000));
        assert_eq!(parsed("7"), (7, 7));
        assert_eq!(parsed("-7"), (-7, -7));
        assert_eq!(parsed("-5..=-1"), (-5, -1));
        assert_eq!(parsed(" 1_000 .. 1e6 "), (1000, 999_999));
        assert_eq!(parsed("0..=2.5e3"), (0, 2500));
        assert_eq!(parsed("1.0..=+1.50E1"), (1, 15));
        assert_eq!(parsed("100e-2..=1e+1"), (1, 10));
        assert_eq!(parsed("-0..=0e999999999999999999999"), (0, 0));
        assert_eq!(parsed("000000000000000000000000007"), (7, 7));
    }

    #[test]
    fn both_ends_of_i64_can_be_written() {
        assert_eq!(parsed("9223372036854775807..9223372036854775808"), (i64::MAX, i64::MAX));
        assert_eq!(parsed("-9223372036854775808..=-9223372036854775808"), (i64::MIN, i64::MIN));
        assert_eq!(parsed("-9223372036854775807..9223372036854775808"), (-i64::MAX, i64::MAX));
        let most = Range::new(i64::MIN, i64::MAX - 1).unwrap();
        assert_eq!(most.count(), u64::MAX);
        assert_eq!(most.at(u64::MAX - 1), Some(i64::MAX - 1));
        assert_eq!(most.at(u64::MAX), None);
        assert_eq!(most.offset_of(i64::MAX - 1), Some(u64::MAX - 1));
        assert_eq!(most.offset_of(i64::MAX), None);
    }

    #[test]
    fn a_refusal_names_the_value_and_what_is_allowed() {
        for (text, wanted) in [
            ("", "missing"),
            ("5..", "missing in `5..`"),
            ("..5", "missing in `..5`"),
            ("1..=", "missing"),
            ("abc", "`abc` is not a number"),
            ("1..=x", "`x` is not a number"),
            ("1__0", "not a number"),
            ("_1", "not a number"),
            ("1e", "not a number"),
            (".5", "not a number"),
            ("--1", "not a number"),
            ("1-5", "not a number"),
            ("1.5", "`1.5` is not an integer"),
            ("1e-1", "not an integer"),
            ("1e-99999999999999999999", "not an integer"),
            ("9223372036854775808", "9223372036854775808 does not fit"),
            ("1..=9223372036854775808", "does not fit"),
            ("1..9223372036854775809", "does not fit"),
            ("-9223372036854775809..=1", "does not fit"),
            ("1..-9223372036854775809", "does not fit"),
            ("1..=1e99999999999999999999", "does not fit"),
            ("3..3", "holds no number"),
            ("3..=2", "2 is below the first number 3"),
            ("3..1", "0 is below the first number 3"),
            ("0..-9223372036854775808", "-9223372036854775809 is below"),
            ("-9223372036854775808..=9223372036854775807", "18446744073709551616 numbers"),
            ("-9223372036854775808..9223372036854775808", "18446744073709551616 numbers"),
        ] {
            let message = refused(text);
            assert!(message.contains(wanted), "{text}: {message}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(a: i64, b: i64) {
            prop_assume!(a.min(b) != i64::MIN || a.max(b) != i64::MAX);
            let range = Range::new(a.min(b), a.max(b)).unwrap();
            prop_assert_eq!(range.to_string().parse::<Range>().unwrap(), range);
        }

        #[test]
        fn offsets_and_numbers_agree(a: i64, b: i64, n: i64) {
            prop_assume!(a.min(b) != i64::MIN || a.max(b) != i64::MAX);
            let range = Range::new(a.min(b), a.max(b)).unwrap();
            match range.offset_of(n) {
                Some(offset) => prop_assert_eq!(range.at(offset), Some(n)),
                None => prop_assert!(n < range.first() || n > range.last()),
            }
        }

        #[test]
        fn no_text_is_a_panic(text in "[-+0-9._eE= ]{0,24}") {
            let _ = text.parse::<Range>();
        }
    }
}
