//! The numbers that a block covers.

use std::fmt;

/// The numbers that a block covers: all of them were evaluated, whether they have rows or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Covers {
    /// The first number.
    pub first: i64,
    /// How many there are.
    pub numbers: u64,
}

impl Covers {
    /// The last number; `None` if there is no number, or the last one does not fit an `i64`.
    pub fn last(self) -> Option<i64> {
        self.first.checked_add_unsigned(self.numbers.checked_sub(1)?)
    }

    /// Whether this is one of the numbers.
    pub fn contains(self, number: i64) -> bool {
        self.first <= number && self.last().is_some_and(|last| number <= last)
    }
}

impl fmt::Display for Covers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last() {
            Some(last) => write!(f, "{}..={last}", self.first),
            None => write!(f, "{} numbers from {} on", self.numbers, self.first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_covered() {
        let covers = Covers { first: -2, numbers: 5 };
        assert_eq!(covers.last(), Some(2));
        assert!(covers.contains(-2) && covers.contains(2) && !covers.contains(-3) && !covers.contains(3));
        assert_eq!(covers.to_string(), "-2..=2");
    }

    #[test]
    fn there_is_a_last_number_only_where_it_fits() {
        assert_eq!(Covers { first: i64::MAX, numbers: 1 }.last(), Some(i64::MAX));
        for (first, numbers) in [(i64::MAX, 2), (0, 0), (1, u64::MAX)] {
            let covers = Covers { first, numbers };
            assert!(covers.last().is_none() && !covers.contains(first));
        }
        assert_eq!(Covers { first: i64::MIN, numbers: u64::MAX }.last(), Some(i64::MAX - 1));
    }
}
