//! Comparisons of numbers.

use std::cmp::Ordering;

use arrow_buffer::i256;

use super::{
    Machine, Registers, Source,
    masks::{Mask, NONE, Trilean, zip},
};
use crate::{
    code::{Among, Compare, Op, Operand, Order},
    wide::compare_floats,
};

/// So many constants are compared with one after the other; more are searched.
const FEW: usize = 8;

impl Machine {
    #[inline(always)]
    pub(super) fn compare(&mut self, op: &Op<'_>) {
        let (yes, nulls, out) = match op {
            Op::CompareSmall(compare) => (small(&self.floats, compare), compare.nulls, compare.out),
            Op::CompareWhole(compare) => (ordered(&self.wholes, compare), compare.nulls, compare.out),
            Op::CompareFloat(compare) => (float(&self.floats, compare), compare.nulls, compare.out),
            Op::CompareWide(compare) => (wide(&self.wides, compare), compare.nulls, compare.out),
            Op::CompareHuge(compare) => (huge(&self.huges, compare), compare.nulls, compare.out),
            _ => return,
        };
        self.truths[out] = Trilean::new(&yes, &self.mask(nulls));
    }

    #[inline(always)]
    pub(super) fn among(&mut self, op: &Op<'_>) {
        let (yes, nulls, out) = match op {
            Op::AmongSmall(among) if among.constants.len() <= FEW => {
                (few(self.floats.values(among.of), &among.constants), among.nulls, among.out)
            }
            Op::AmongWhole(among) if among.constants.len() <= FEW => {
                (few(self.wholes.values(among.of), &among.constants), among.nulls, among.out)
            }
            Op::AmongSmall(among) | Op::AmongFloat(among) => {
                (search(&self.floats, among, |one, other| compare_floats(*one, *other)), among.nulls, among.out)
            }
            Op::AmongWhole(among) => (search(&self.wholes, among, i64::cmp), among.nulls, among.out),
            Op::AmongWide(among) => (search(&self.wides, among, i128::cmp), among.nulls, among.out),
            Op::AmongHuge(among) => (search(&self.huges, among, i256::cmp), among.nulls, among.out),
            _ => return,
        };
        self.truths[out] = Trilean::new(&yes, &self.mask(nulls));
    }
}

fn wide(registers: &Registers<i128>, compare: &Compare<i128>) -> Mask {
    ordered(registers, compare)
}

fn huge(registers: &Registers<i256>, compare: &Compare<i256>) -> Mask {
    ordered(registers, compare)
}

/// Small integers, or floats of which one side is no NaN: a NaN on the left is then neither equal nor less.
#[inline(always)]
fn small(registers: &Registers<f64>, compare: &Compare<f64>) -> Mask {
    let sides = (registers.values(compare.left), registers.source(compare.right));
    let mask = match compare.order {
        Order::Equal => pairs(sides, |left, right| left == right),
        Order::Less => pairs(sides, |left, right| left < right),
        Order::LessOrEqual => pairs(sides, |left, right| left <= right),
    };
    turned(mask, compare.negate)
}

#[inline(always)]
fn ordered<T: Copy + Default + Ord>(registers: &Registers<T>, compare: &Compare<T>) -> Mask {
    let sides = (registers.values(compare.left), registers.source(compare.right));
    let mask = match compare.order {
        Order::Equal => pairs(sides, |left, right| left == right),
        Order::Less => pairs(sides, |left, right| left < right),
        Order::LessOrEqual => pairs(sides, |left, right| left <= right),
    };
    turned(mask, compare.negate)
}

/// As [`compare_floats`] says. Where one side is known to be a number, plain comparisons agree with it.
#[inline(always)]
fn float(registers: &Registers<f64>, compare: &Compare<f64>) -> Mask {
    if let Operand::Constant(right) = compare.right
        && !right.is_nan()
    {
        return small(registers, compare);
    }
    let sides = (registers.values(compare.left), registers.source(compare.right));
    let mask = match compare.order {
        Order::Equal => pairs(sides, |left, right| (left == right) | (left.is_nan() & right.is_nan())),
        Order::Less => pairs(sides, |left, right| (left < right) | (!left.is_nan() & right.is_nan())),
        Order::LessOrEqual => pairs(sides, |left, right| (left <= right) | right.is_nan()),
    };
    turned(mask, compare.negate)
}

#[inline(always)]
fn turned(mask: Mask, negate: bool) -> Mask {
    let flip = if negate { u64::MAX } else { 0 };
    mask.map(|word| word ^ flip)
}

#[inline(always)]
fn pairs<T: Copy>((left, right): (&[T], Source<'_, T>), holds: impl Fn(T, T) -> bool) -> Mask {
    match right {
        Source::One(right) => Source::Values(left).mask(|left| holds(left, right)),
        Source::Values(right) => {
            let mut mask = NONE;
            let chunks = left.as_chunks::<64>().0.iter().zip(right.as_chunks::<64>().0);
            for (word, (left, right)) in mask.iter_mut().zip(chunks) {
                for (bit, (left, right)) in left.iter().zip(right).enumerate() {
                    *word |= u64::from(holds(*left, *right)) << bit;
                }
            }
            mask
        }
    }
}

#[inline(always)]
fn few<T: Copy + PartialEq>(values: &[T], constants: &[T]) -> Mask {
    let mut mask = NONE;
    for constant in constants {
        let equal = Source::Values(values).mask(|value| value == *constant);
        mask = zip(&mask, &equal, |one, other| one | other);
    }
    mask
}

fn search<T: Copy + Default>(registers: &Registers<T>, among: &Among<T>, order: impl Fn(&T, &T) -> Ordering) -> Mask {
    Source::Values(registers.values(among.of))
        .mask(|value| among.constants.binary_search_by(|constant| order(constant, &value)).is_ok())
}
