//! Which values integers can have among some rows, and so in which lanes they are computed.

use arrow_buffer::i256;

use crate::{
    program::{ExactId, ExactNode},
    syntax::Arithmetic,
};

/// How integers are held while they are computed, the fastest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// As 64-bit floats, in which integers up to ±2^50 and all that is done with them are exact. Processors have
    /// vectors of floats for all of it, division included.
    Small,
    /// As `i64`.
    Whole,
    /// As `i128`.
    Wide,
    /// As `i256`, where operations may fail.
    Huge,
}

/// The greatest magnitude in [`Lane::Small`]. See `run/small.rs` for why it is not 2^53.
pub(crate) const MOST_SMALL: i128 = 1 << 50;

/// The least and the greatest value, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) least: i128,
    pub(crate) greatest: i128,
}

impl Interval {
    pub(crate) const I64: Self = Self { least: i64::MIN as i128, greatest: i64::MAX as i128 };

    pub(crate) fn new(least: impl Into<i128>, greatest: impl Into<i128>) -> Self {
        Self { least: least.into(), greatest: greatest.into() }
    }

    fn magnitude(self) -> u128 {
        self.least.unsigned_abs().max(self.greatest.unsigned_abs())
    }

    pub(crate) fn lane(self) -> Lane {
        if self.magnitude() <= MOST_SMALL.unsigned_abs() {
            Lane::Small
        } else if self.least >= Self::I64.least && self.greatest <= Self::I64.greatest {
            Lane::Whole
        } else {
            Lane::Wide
        }
    }

    pub(crate) fn contains(self, value: i128) -> bool {
        self.least <= value && value <= self.greatest
    }

    /// The least interval that holds both.
    pub(crate) fn hull(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), greatest: self.greatest.max(other.greatest) }
    }

    /// A slightly larger interval in the same lane and with the same signs, which is likely to hold the values of the
    /// next rows, too.
    pub(crate) fn rounded(self) -> Self {
        let step = |value: i128| {
            let bits = u128::BITS - value.unsigned_abs().leading_zeros();
            1i128 << bits.saturating_sub(4)
        };
        let most = match self.lane() {
            Lane::Small => Self::new(-MOST_SMALL, MOST_SMALL),
            Lane::Whole => Self::I64,
            Lane::Wide | Lane::Huge => return self,
        };
        let (down, up) = (step(self.least), step(self.greatest));
        let least = self.least.div_euclid(down) * down;
        let greatest = -(-self.greatest).div_euclid(up) * up;
        Self {
            least: if self.least > 0 { least.max(1) } else { least.max(most.least) },
            greatest: if self.greatest < 0 { greatest.min(-1) } else { greatest.min(most.greatest) },
        }
    }

    /// Whether all values fit `i32`.
    pub(crate) fn is_narrow(self) -> bool {
        i32::try_from(self.least).is_ok() && i32::try_from(self.greatest).is_ok()
    }
}

/// What is known of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    /// `None` if it may be beyond 128 bits.
    pub(crate) interval: Option<Interval>,
    /// Whether it, or what it is computed from, can be an error.
    pub(crate) may_fail: bool,
}

impl Known {
    const UNKNOWN: Self = Self { interval: None, may_fail: true };

    pub(crate) fn lane(self) -> Lane {
        self.interval.map_or(Lane::Huge, Interval::lane)
    }
}

/// What is known of all nodes, given that of the number and of the columns.
pub(crate) fn analyze(nodes: &[ExactNode], number: Interval, columns: &[Option<Interval>]) -> Vec<Known> {
    let mut all: Vec<Known> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let of = |id: &ExactId| all.get(id.0).copied().unwrap_or(Known::UNKNOWN);
        let known = match node {
            ExactNode::Number => Known { interval: Some(number), may_fail: false },
            ExactNode::Column(column) => Known { interval: columns.get(*column).copied().flatten(), may_fail: false },
            ExactNode::Constant(value) => {
                Known { interval: value.to_i128().map(|value| Interval::new(value, value)), may_fail: false }
            }
            ExactNode::Null => Known { interval: Some(Interval::new(0, 0)), may_fail: false },
            ExactNode::Negate(operand) => negate(of(operand)),
            ExactNode::Binary(operator, left, right) => {
                let divisor = match nodes.get(right.0) {
                    Some(ExactNode::Constant(value)) => Some(*value),
                    _ => None,
                };
                binary(*operator, of(left), of(right), divisor)
            }
        };
        all.push(known);
    }
    all
}

fn negate(operand: Known) -> Known {
    let interval = operand.interval.and_then(|operand| {
        Some(Interval { least: operand.greatest.checked_neg()?, greatest: operand.least.checked_neg()? })
    });
    Known { interval, may_fail: operand.may_fail || interval.is_none() }
}

fn binary(operator: Arithmetic, left: Known, right: Known, divisor: Option<i256>) -> Known {
    let may_fail = left.may_fail || right.may_fail;
    let both = left.interval.zip(right.interval);
    let interval = match operator {
        Arithmetic::Add => both.and_then(|(left, right)| {
            Some(Interval {
                least: left.least.checked_add(right.least)?,
                greatest: left.greatest.checked_add(right.greatest)?,
            })
        }),
        Arithmetic::Subtract => both.and_then(|(left, right)| {
            Some(Interval {
                least: left.least.checked_sub(right.greatest)?,
                greatest: left.greatest.checked_sub(right.least)?,
            })
        }),
        Arithmetic::Multiply => both.and_then(|(left, right)| multiply(left, right)),
        Arithmetic::Divide => both.and_then(|(left, right)| divide(left, right)),
        Arithmetic::Remainder => remainder(left.interval, right.interval),
    };
    let fails = match operator {
        Arithmetic::Add | Arithmetic::Subtract | Arithmetic::Multiply => interval.is_none(),
        Arithmetic::Divide | Arithmetic::Remainder => {
            let may_be_zero = divisor.is_none() && right.interval.is_none_or(|right| right.contains(0));
            // Only the least integer of 256 bits by -1 has no quotient.
            may_be_zero || (operator == Arithmetic::Divide && interval.is_none())
        }
    };
    Known { interval, may_fail: may_fail || fails }
}

fn multiply(left: Interval, right: Interval) -> Option<Interval> {
    let products = [
        left.least.checked_mul(right.least)?,
        left.least.checked_mul(right.greatest)?,
        left.greatest.checked_mul(right.least)?,
        left.greatest.checked_mul(right.greatest)?,
    ];
    let (least, greatest) = (products.iter().min()?, products.iter().max()?);
    Some(Interval { least: *least, greatest: *greatest })
}

fn divide(left: Interval, right: Interval) -> Option<Interval> {
    if right.least > 0 {
        // The nearer the divisor is to zero, the further is the quotient.
        let least = left.least / if left.least < 0 { right.least } else { right.greatest };
        let greatest = left.greatest / if left.greatest < 0 { right.greatest } else { right.least };
        return Some(Interval { least, greatest });
    }
    let magnitude = i128::try_from(left.magnitude()).ok()?;
    Some(Interval { least: -magnitude, greatest: magnitude })
}

fn remainder(left: Option<Interval>, right: Option<Interval>) -> Option<Interval> {
    let below = right.map(|right| right.magnitude().saturating_sub(1));
    let of_left = left.map(Interval::magnitude);
    let most = match (below, of_left) {
        (Some(below), Some(of_left)) => below.min(of_left),
        (one, other) => one.or(other)?,
    };
    let most = i128::try_from(most).ok()?;
    let (is_negative, is_positive) = left.map_or((true, true), |left| (left.least < 0, left.greatest > 0));
    Some(Interval { least: if is_negative { -most } else { 0 }, greatest: if is_positive { most } else { 0 } })
}
