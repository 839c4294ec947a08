//! Counts in sentences.

use std::fmt;

/// `1 number`, `2 numbers`, `1,000,000 numbers`: a count with its noun, for people. The noun is one that takes an `s`.
pub fn counted(count: u64, noun: &str) -> Counted<'_> {
    Counted { count, noun }
}

/// See [`counted`].
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    count: u64,
    noun: &'a str,
}

impl fmt::Display for Counted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.count.to_string();
        for (index, digit) in digits.char_indices() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        let ending = if self.count == 1 { "" } else { "s" };
        write!(f, " {}{ending}", self.noun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        let cases = [(0, "0 chunks"), (1, "1 chunk"), (2, "2 chunks"), (999, "999 chunks"), (1000, "1,000 chunks")];
        for (count, expected) in cases {
            assert_eq!(counted(count, "chunk").to_string(), expected);
        }
        assert_eq!(counted(u64::MAX, "number").to_string(), "18,446,744,073,709,551,615 numbers");
    }
}
