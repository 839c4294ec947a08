//! Parts of a condition with their types.

use arrow_schema::{DataType, TimeUnit};

use crate::{
    program::{Bytes, ExactId, FloatId, Truth},
    syntax::{Kind, Syntax},
    time::{NANOSECONDS_A_DAY, NANOSECONDS_A_SECOND},
};

/// A part whose type is known.
#[derive(Debug, Clone)]
pub(crate) enum Typed {
    /// An integer, or a decimal: the integer divided by 10^`scale`.
    Exact {
        id: ExactId,
        scale: u32,
    },
    /// A 64-bit float, or a 32-bit one made wider.
    Float(FloatId),
    /// A number that was written with an exponent: exact beside what is exact.
    FloatLiteral(f64),
    Truth(Truth),
    Text(Bytes),
    Binary(Bytes),
    Time {
        id: ExactId,
        unit: Unit,
        zoned: Zoned,
    },
    Null,
    /// A column of a type that is only there or not.
    Opaque {
        column: usize,
        data_type: DataType,
    },
}

/// What one is in a column of dates or timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Day,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
}

/// Whether a timestamp is a point in time, or what a clock shows somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zoned {
    Zoned,
    Local,
}

impl Unit {
    pub(crate) fn nanoseconds(self) -> i128 {
        match self {
            Self::Day => NANOSECONDS_A_DAY,
            Self::Second => NANOSECONDS_A_SECOND,
            Self::Millisecond => 1_000_000,
            Self::Microsecond => 1000,
            Self::Nanosecond => 1,
        }
    }

    /// The coarsest one in which this many nanoseconds are whole.
    pub(crate) fn of(nanoseconds: i128) -> Self {
        let units = [Self::Day, Self::Second, Self::Millisecond, Self::Microsecond];
        units.into_iter().find(|unit| nanoseconds % unit.nanoseconds() == 0).unwrap_or(Self::Nanosecond)
    }
}

impl From<TimeUnit> for Unit {
    fn from(unit: TimeUnit) -> Self {
        match unit {
            TimeUnit::Second => Self::Second,
            TimeUnit::Millisecond => Self::Millisecond,
            TimeUnit::Microsecond => Self::Microsecond,
            TimeUnit::Nanosecond => Self::Nanosecond,
        }
    }
}

impl Typed {
    /// What it is, for messages.
    pub(crate) fn describe(&self, syntax: &Syntax) -> String {
        let kind = match self {
            Self::Exact { .. } | Self::Float(_) | Self::FloatLiteral(_) => "a number",
            Self::Truth(_) => "a condition",
            Self::Text(_) => "a text",
            Self::Binary(_) => "a binary value",
            Self::Time { unit: Unit::Day, .. } => "a date",
            Self::Time { zoned: Zoned::Zoned, .. } => "a timestamp with a time zone",
            Self::Time { zoned: Zoned::Local, .. } => "a timestamp without a time zone",
            Self::Null => "null",
            Self::Opaque { data_type, .. } => return format!("a column of the type {data_type}"),
        };
        match &syntax.kind {
            Kind::Column(name) if name.text.chars().count() <= 40 => format!("{:?} ({kind})", name.text),
            _ => kind.to_owned(),
        }
    }
}
