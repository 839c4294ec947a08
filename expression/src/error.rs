//! Why a text is not a condition, and why a condition has no answer for a number.

use std::{fmt, ops::Range};

use crate::{MOST_BYTES, MOST_DEPTH};

/// Names in a message beyond this many are counted, not listed.
const MOST_NAMES: usize = 20;

/// Characters of a text that a message repeats.
const MOST_SHOWN: usize = 40;

/// Bytes of the text that something is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Place {
    /// From the start of this to the end of `other`.
    pub(crate) fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A problem and where it is; becomes an [`ExpressionError`] where the text is known.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) problem: Problem,
    pub(crate) place: Place,
}

impl Problem {
    pub(crate) fn at(self, place: Place) -> Fault {
        Fault { problem: self, place }
    }
}

/// Why a text is not a condition over the columns that it was checked against: one sentence, with the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("character {character}: {problem}")]
pub struct ExpressionError {
    problem: Problem,
    place: Place,
    character: usize,
}

impl ExpressionError {
    pub(crate) fn new(fault: Fault, text: &str) -> Self {
        let Fault { problem, place } = fault;
        let character = text.char_indices().take_while(|(byte, _)| *byte < place.start).count() + 1;
        Self { problem, place, character }
    }

    /// What is wrong, without the place.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The bytes of the text that the problem is about; empty at the end of the text.
    pub fn place(&self) -> Range<usize> {
        self.place.start..self.place.end
    }

    /// Which character of the text the place starts at, counted from 1.
    pub fn character(&self) -> usize {
        self.character
    }

    /// The text, which is the one that was parsed, in one line, and below it a line with `^` under the place.
    ///
    /// A long text is cut around the place. Control characters are shown as spaces, so that both can go to a terminal.
    pub fn mark(&self, text: &str) -> String {
        let length = text.get(self.place()).unwrap_or_default().chars().count();
        swath_model::mark(text, self.character - 1, length)
    }
}

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The text is longer than is allowed.
    #[error("the condition has {0} bytes; at most {MOST_BYTES} are allowed")]
    TooLong(usize),
    /// Parentheses and operators are nested too deeply.
    #[error("the condition is nested more than {MOST_DEPTH} deep")]
    TooDeep,
    /// No word, number or operator begins with this character.
    #[error("unexpected {found:?}{hint}", hint = Hint(*hint))]
    UnexpectedCharacter {
        /// The character, or the characters that are one operator elsewhere.
        found: String,
        /// What to write instead, if that is known.
        hint: Option<&'static str>,
    },
    /// A quotation mark has no partner.
    #[error("the {0} that begins here does not end")]
    Unclosed(&'static str),
    /// Something else was expected.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What could stand here.
        expected: &'static str,
        /// What stands here.
        found: String,
    },
    /// `a < b < c`, which means different things to different people.
    #[error("comparisons do not chain; join two of them with `and`")]
    Chained,
    /// A number that is none.
    #[error("{} is not a number", Shown(.0))]
    BadNumber(String),
    /// An integer or a decimal with too many digits.
    #[error("{} has more than 38 digits", Shown(.0))]
    TooManyDigits(String),
    /// A number with an exponent that no 64-bit float is near to.
    #[error("{} is out of the range of 64-bit floats", Shown(.0))]
    FloatOutOfRange(String),
    /// `X'…'` with something else than pairs of hexadecimal digits.
    #[error("{} is not made of pairs of hexadecimal digits", Shown(.0))]
    BadBytes(String),
    /// There is no such column.
    #[error("unknown column {}{} (known: {})", Shown(.name), Suggestion(.suggestion), Names(.known))]
    UnknownColumn {
        /// The name as it was written.
        name: String,
        /// The name that was probably meant.
        suggestion: Option<String>,
        /// All columns, the number `n` first.
        known: Vec<String>,
    },
    /// Several columns have this name.
    #[error("{} may be any of several columns; write one of them in double quotes, as it is: {}", Shown(.name), Names(.columns))]
    AmbiguousColumn {
        /// The name as it was written.
        name: String,
        /// The columns that it may be.
        columns: Vec<String>,
    },
    /// Two sides that cannot be compared.
    #[error("{left} cannot be compared with {right}")]
    NotComparable {
        /// What the left side is.
        left: String,
        /// What the right side is.
        right: String,
    },
    /// Binary values have no order here.
    #[error("`{operator}` does not take binary values, which can be compared with `=`, `<>` and `in` alone")]
    NoOrder {
        /// The operator.
        operator: &'static str,
    },
    /// An operand of arithmetic that is not a number.
    #[error("`{operator}` takes numbers, not {found}")]
    NotANumber {
        /// The operator.
        operator: &'static str,
        /// What the operand is.
        found: String,
    },
    /// An operand of `and`, `or` or `not`, or the whole, that is neither true nor false.
    #[error("{whose} a condition, not {found}")]
    NotACondition {
        /// Who wants a condition, with the verb.
        whose: &'static str,
        /// What there is instead.
        found: String,
    },
    /// An operand of `like` that is not text.
    #[error("`like` takes text, not {0}")]
    NotText(String),
    /// A pattern that is not known in advance.
    #[error("the pattern of `like` must be a text in single quotes")]
    PatternNotConstant,
    /// A column of a type that can only be there or not.
    #[error("a column of the type {0} can only be tested with `is null` and `is not null`")]
    OnlyNull(String),
    /// A text that is compared with a date or a timestamp, and is neither.
    #[error("{} is not a time; it takes 'YYYY-MM-DD', 'YYYY-MM-DD hh:mm:ss' or 'YYYY-MM-DDThh:mm:ss.fff', and Z or +hh:mm \
             after it where the column has a time zone", Shown(.0))]
    BadTime(String),
    /// A text with a time zone that is compared with a column without one.
    #[error("{} has a time zone, but what it is compared with has none", Shown(.0))]
    UnwantedZone(String),
    /// An integer or a decimal is divided by a constant that is zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A constant part of the condition has a value that does not fit.
    #[error("the result of this does not fit 256 bits")]
    ConstantOutOfRange,
    /// A product of decimals with too many digits after the point.
    #[error("the result of this has {0} digits after the point; at most 76 are allowed")]
    ScaleTooLarge(u32),
}

struct Hint(Option<&'static str>);

impl fmt::Display for Hint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |hint| write!(formatter, "; {hint}"))
    }
}

/// A text of the user's, quoted, escaped and cut.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.char_indices().nth(MOST_SHOWN).map(|(byte, _)| byte);
        match end.and_then(|end| self.0.get(..end)) {
            Some(start) => write!(formatter, "{:?}", format!("{start}…")),
            None => write!(formatter, "{:?}", self.0),
        }
    }
}

struct Suggestion<'a>(&'a Option<String>);

impl fmt::Display for Suggestion<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |name| write!(formatter, ", did you mean {}?", Shown(name)))
    }
}

struct Names<'a>(&'a [String]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().take(MOST_NAMES).enumerate() {
            write!(formatter, "{}{}", if index == 0 { "" } else { ", " }, Shown(name))?;
        }
        match self.0.len().saturating_sub(MOST_NAMES) {
            0 => Ok(()),
            more => write!(formatter, " and {more} more"),
        }
    }
}

/// Why a condition has no answer for some rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// The condition has no answer for this number, the first such one of the rows.
    #[error("the condition has no answer for {number}: {reason}")]
    Number {
        /// The number of the row.
        number: i64,
        /// Why.
        reason: Reason,
    },
    /// A column that the condition reads is missing, or not what it was checked against.
    #[error("the condition reads the column {name:?} as {expected}, but {found}")]
    Column {
        /// Its name.
        name: String,
        /// Its type when the condition was checked.
        expected: String,
        /// What there is instead.
        found: String,
    },
    /// Numbers that go on after the last `i64`.
    #[error("{rows} rows from the number {first} on go beyond the last number")]
    Numbers {
        /// The number of the first row.
        first: i64,
        /// How many rows there are said to be.
        rows: usize,
    },
}

/// Why a condition has no answer for a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// An integer or a decimal is divided by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// An exact result beyond 256 bits.
    #[error("a result that does not fit 256 bits")]
    OutOfRange,
}
