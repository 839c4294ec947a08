//! Why a range was refused. Each message is a fragment that fits "failed to …: {error}".

use thiserror::Error;

/// Why a range was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RangeError {
    /// There is no text at all, or no number where one belongs.
    #[error("a number is missing in `{text}`; a range is written 1..=10 (last included), 1..11 (end excluded) or 7")]
    Missing {
        /// The whole text.
        text: String,
    },
    /// Something that is not written like a number.
    #[error("`{text}` is not a number; allowed are integers such as 1000, 1_000, 1e3 or -5")]
    NotANumber {
        /// The part that was meant to be a number.
        text: String,
    },
    /// A number with a fraction.
    #[error("`{text}` is not an integer; allowed are integers such as 2500, 2_500 or 2.5e3")]
    NotAnInteger {
        /// The number as it was written.
        text: String,
    },
    /// An integer below `i64::MIN` or above `i64::MAX`.
    #[error(
        "{text} does not fit 64 bits; numbers from {min} to {max} are allowed",
        min = i64::MIN,
        max = i64::MAX
    )]
    Outside {
        /// The number as it was written.
        text: String,
    },
    /// A half-open range that ends where it starts.
    #[error("{first}..{first} holds no number; the end is excluded, so it must be above the first number")]
    Empty {
        /// Where it starts, and ends.
        first: i64,
    },
    /// The last number is below the first.
    #[error("the last number {last} is below the first number {first}; it must not be")]
    Reversed {
        /// The first number.
        first: i64,
        /// The last number, included; wide, because the end of a half-open range may be `i64::MIN`.
        last: i128,
    },
    /// All 2^64 numbers, one more than can be counted.
    #[error(
        "{first}..={last} holds 18446744073709551616 numbers; at most {max} are allowed",
        max = u64::MAX
    )]
    TooMany {
        /// The first number.
        first: i64,
        /// The last number, included.
        last: i64,
    },
}

/// Why a range was not split.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChunksError {
    /// A chunk size of 0.
    #[error("chunk size 0 is not allowed; it must be at least 1 number")]
    SizeZero,
}
