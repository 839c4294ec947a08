//! What a program becomes for some rows: a list of operations on registers of [`ROWS`] values.

use arrow_buffer::i256;

use crate::{interval::Lane, like::Pattern, program::Bytes, syntax::Relation};

/// Values of a register: the rows of a chunk. A handful of registers fits the first cache.
pub(crate) const ROWS: usize = 1024;

/// Words of a mask, a bit for each row.
pub(crate) const WORDS: usize = ROWS / 64;

/// The mask of the rows that there are; the last chunk may have fewer than [`ROWS`].
pub(crate) const PRESENT: usize = 0;

/// Where an operation takes a value from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Operand<T> {
    /// A register of the bank of `T`.
    Register(usize),
    Constant(T),
}

/// Says which rows an operation must not fail in; in others it gives any value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Guard {
    /// The mask of the rows whose result matters.
    pub(crate) active: usize,
    /// The mask of the rows in which an operand is null.
    pub(crate) nulls: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Add,
    Subtract,
    Multiply,
    /// Both factors fit `i32`.
    MultiplyNarrow,
    Divide,
    Remainder,
}

impl Step {
    /// Whether there is no result where the right operand is zero.
    pub(crate) fn divides(self) -> bool {
        matches!(self, Self::Divide | Self::Remainder)
    }
}

/// Arithmetic on two operands. `guard` is there if it can fail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Binary<T> {
    pub(crate) step: Step,
    pub(crate) left: Operand<T>,
    pub(crate) right: Operand<T>,
    pub(crate) guard: Option<Guard>,
    pub(crate) out: usize,
}

/// What there is to know of the quotient by a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Quotient,
    Remainder,
}

/// Division by a constant, by multiplication.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct By<D> {
    pub(crate) part: Part,
    pub(crate) of: usize,
    pub(crate) divisor: D,
    pub(crate) out: usize,
}

/// A divisor in [`Lane::Small`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SmallDivisor {
    pub(crate) magnitude: f64,
    /// The next float above 1 / `magnitude`.
    pub(crate) inverse: f64,
    /// 1 or -1, for the quotient.
    pub(crate) sign: f64,
}

/// A divisor in [`Lane::Whole`] of at least 2 in magnitude.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct WholeDivisor {
    pub(crate) magnitude: u64,
    /// 2^(63 + `shift` + 1) / `magnitude`, rounded up.
    pub(crate) multiplier: u64,
    pub(crate) shift: u32,
    pub(crate) is_negative: bool,
}

impl SmallDivisor {
    pub(crate) fn new(divisor: i64) -> Self {
        let magnitude = divisor.unsigned_abs() as f64;
        Self { magnitude, inverse: (1.0 / magnitude).next_up(), sign: if divisor < 0 { -1.0 } else { 1.0 } }
    }
}

impl WholeDivisor {
    /// `None` for 0, 1 and -1.
    ///
    /// With l = ceil(log2 d) and m = ceil(2^(63 + l) / d), the quotient of x by d is floor(x · m / 2^(63 + l)) for all
    /// x up to 2^63: m·d exceeds 2^(63 + l) by less than d, and so the product is too large by less than x / 2^63 ≤ 1
    /// part of d. Source: Granlund and Montgomery, Division by Invariant Integers using Multiplication, 1994, theorem
    /// 4.2.
    pub(crate) fn new(divisor: i64) -> Option<Self> {
        let magnitude = divisor.unsigned_abs();
        let below = magnitude.checked_sub(1).filter(|below| *below > 0)?;
        let bits = u64::BITS - below.leading_zeros();
        let multiplier = (1u128 << (63 + bits)).div_ceil(u128::from(magnitude));
        let multiplier = u64::try_from(multiplier).ok()?;
        Some(Self { magnitude, multiplier, shift: bits - 1, is_negative: divisor < 0 })
    }
}

/// A comparison that is computed; the others are these with `negate` or with the sides exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Equal,
    Less,
    LessOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Compare<T> {
    pub(crate) order: Order,
    pub(crate) negate: bool,
    pub(crate) left: usize,
    pub(crate) right: Operand<T>,
    pub(crate) nulls: Option<usize>,
    pub(crate) out: usize,
}

impl Order {
    /// The order that is computed, and whether it is the opposite that is wanted.
    pub(crate) fn of(relation: Relation) -> (Self, bool) {
        match relation {
            Relation::Equal => (Self::Equal, false),
            Relation::NotEqual => (Self::Equal, true),
            Relation::Less => (Self::Less, false),
            Relation::GreaterOrEqual => (Self::Less, true),
            Relation::LessOrEqual => (Self::LessOrEqual, false),
            Relation::Greater => (Self::LessOrEqual, true),
        }
    }
}

/// Whether a register has one of some constants, which are ascending.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Among<T> {
    pub(crate) of: usize,
    pub(crate) constants: Vec<T>,
    pub(crate) nulls: Option<usize>,
    pub(crate) out: usize,
}

/// Which rows are of interest after an operand of `and` or of `or`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    NotFalse,
    NotTrue,
}

/// One operation. Indices are those of registers, truths, masks, and columns of the program.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Op<'a> {
    Number {
        lane: Lane,
        out: usize,
    },
    Column {
        lane: Lane,
        column: usize,
        out: usize,
    },
    FloatColumn {
        column: usize,
        out: usize,
    },
    FillFloat {
        value: f64,
        out: usize,
    },
    FillExact {
        lane: Lane,
        value: i256,
        out: usize,
    },
    Convert {
        from: Lane,
        of: usize,
        to: Lane,
        out: usize,
    },
    ToFloat {
        from: Lane,
        of: usize,
        scale: u8,
        out: usize,
    },
    Small(Binary<f64>),
    Whole(Binary<i64>),
    Wide(Binary<i128>),
    Huge(Binary<i256>),
    Float(Binary<f64>),
    SmallBy(By<SmallDivisor>),
    WholeBy(By<WholeDivisor>),
    /// Fails where a float is zero.
    CheckDivisor {
        of: usize,
        guard: Guard,
    },
    CompareSmall(Compare<f64>),
    CompareWhole(Compare<i64>),
    CompareWide(Compare<i128>),
    CompareHuge(Compare<i256>),
    CompareFloat(Compare<f64>),
    AmongSmall(Among<f64>),
    AmongWhole(Among<i64>),
    AmongWide(Among<i128>),
    AmongHuge(Among<i256>),
    AmongFloat(Among<f64>),
    AmongBytes {
        of: &'a Bytes,
        constants: &'a [Vec<u8>],
        nulls: Option<usize>,
        out: usize,
    },
    CompareBytes {
        relation: Relation,
        left: &'a Bytes,
        right: &'a Bytes,
        nulls: Option<usize>,
        out: usize,
    },
    Like {
        of: &'a Bytes,
        pattern: &'a Pattern,
        nulls: Option<usize>,
        out: usize,
    },
    /// The rows in which one of these columns is null.
    Nulls {
        columns: Vec<usize>,
        out: usize,
    },
    AllNull {
        out: usize,
    },
    TruthColumn {
        column: usize,
        nulls: Option<usize>,
        out: usize,
    },
    /// Null where `nulls` says so.
    TruthConstant {
        value: Option<bool>,
        nulls: Option<usize>,
        out: usize,
    },
    IsNull {
        nulls: Option<usize>,
        out: usize,
    },
    IsNullTruth {
        of: usize,
        out: usize,
    },
    CompareTruths {
        relation: Relation,
        left: usize,
        right: usize,
        out: usize,
    },
    Not {
        of: usize,
        out: usize,
    },
    And {
        left: usize,
        right: usize,
        out: usize,
    },
    Or {
        left: usize,
        right: usize,
        out: usize,
    },
    Activate {
        within: usize,
        truth: usize,
        keep: Keep,
        out: usize,
    },
    /// Goes on at the operation `to` if no row is left.
    SkipUnless {
        any: usize,
        to: usize,
    },
}

/// All operations, and how many registers of each kind they take.
#[derive(Debug, Default)]
pub(crate) struct Code<'a> {
    pub(crate) ops: Vec<Op<'a>>,
    pub(crate) registers: [usize; BANKS],
    pub(crate) truths: usize,
    pub(crate) masks: usize,
    /// The truth of the whole.
    pub(crate) result: usize,
}

/// Registers of the same type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bank {
    /// Floats, and integers of [`Lane::Small`].
    Float,
    Whole,
    Wide,
    Huge,
}

pub(crate) const BANKS: usize = 4;

impl From<Lane> for Bank {
    fn from(lane: Lane) -> Self {
        match lane {
            Lane::Small => Self::Float,
            Lane::Whole => Self::Whole,
            Lane::Wide => Self::Wide,
            Lane::Huge => Self::Huge,
        }
    }
}

/// A type of registers.
pub(crate) trait Value: Copy {
    const LANE: Lane;

    /// `value`, which fits.
    fn of(value: i256) -> Self;

    fn binary<'a>(binary: Binary<Self>) -> Op<'a>;

    fn compare<'a>(compare: Compare<Self>) -> Op<'a>;

    fn among<'a>(among: Among<Self>) -> Op<'a>;
}

macro_rules! value {
    ($type:ty, $lane:ident, $compare:ident, $among:ident, |$value:ident| $of:expr) => {
        impl Value for $type {
            const LANE: Lane = Lane::$lane;

            fn of($value: i256) -> Self {
                $of
            }

            fn binary<'a>(binary: Binary<Self>) -> Op<'a> {
                Op::$lane(binary)
            }

            fn compare<'a>(compare: Compare<Self>) -> Op<'a> {
                Op::$compare(compare)
            }

            fn among<'a>(among: Among<Self>) -> Op<'a> {
                Op::$among(among)
            }
        }
    };
}

value!(f64, Small, CompareSmall, AmongSmall, |value| value.as_i128() as f64);
value!(i64, Whole, CompareWhole, AmongWhole, |value| value.as_i128() as i64);
value!(i128, Wide, CompareWide, AmongWide, |value| value.as_i128());
value!(i256, Huge, CompareHuge, AmongHuge, |value| value);
