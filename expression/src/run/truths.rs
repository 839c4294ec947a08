//! Operations that write truths and masks.

use super::{
    Machine,
    masks::{self, ALL, Mask, NONE, ROW_BITS, Trilean, zip},
};
use crate::{
    batch::{Batch, Values},
    code::{Op, PRESENT, ROWS},
    lower::holds,
    program::Bytes,
    syntax::Relation,
};

impl Machine {
    pub(super) fn truth(&mut self, op: &Op<'_>, batch: &Batch<'_>, start: usize) {
        match op {
            Op::Nulls { columns, out } => {
                let mut mask = NONE;
                for column in columns {
                    if let Some(nulls) = &batch.columns[*column].nulls {
                        let valid = masks::load(nulls.inner(), start);
                        mask = zip(&mask, &valid, |mask, valid| mask | !valid);
                    }
                }
                self.masks[*out] = mask;
            }
            Op::AllNull { out } => self.masks[*out] = ALL,
            Op::Activate { within, truth, keep, out } => {
                self.masks[*out] = self.truths[*truth].left(&self.masks[*within], *keep);
            }
            Op::TruthColumn { column, nulls, out } => {
                let yes = match &batch.columns[*column].values {
                    Values::Boolean(bits) => masks::load(bits, start),
                    _ => NONE,
                };
                self.truths[*out] = Trilean::new(&yes, &self.mask(*nulls));
            }
            Op::TruthConstant { value, nulls, out } => {
                self.truths[*out] = match value {
                    Some(true) => Trilean::new(&ALL, &self.mask(*nulls)),
                    Some(false) => Trilean::new(&NONE, &self.mask(*nulls)),
                    None => Trilean::new(&NONE, &ALL),
                };
            }
            Op::IsNull { nulls, out } => self.truths[*out] = Trilean::new(&self.mask(*nulls), &NONE),
            Op::IsNullTruth { of, out } => self.truths[*out] = Trilean::new(&self.truths[*of].null, &NONE),
            Op::CompareTruths { relation, left, right, out } => {
                self.truths[*out] = compare(*relation, &self.truths[*left], &self.truths[*right]);
            }
            Op::Not { of, out } => self.truths[*out] = self.truths[*of].not(),
            Op::And { left, right, out } => self.truths[*out] = self.truths[*left].and(&self.truths[*right]),
            Op::Or { left, right, out } => self.truths[*out] = self.truths[*left].or(&self.truths[*right]),
            _ => {}
        }
    }

    /// What reads texts and binary values, row by row.
    pub(super) fn bytes(&mut self, op: &Op<'_>, batch: &Batch<'_>, start: usize) {
        // Only where it matters: the values of other rows may be long.
        let mut matters = masks::first(batch.rows().saturating_sub(start).min(ROWS));
        matters = zip(&matters, &self.masks[PRESENT], |one, other| one & other);
        let (yes, nulls, out) = match op {
            Op::CompareBytes { relation, left, right, nulls, out } => {
                let yes = rows(&matters, |row| {
                    holds(*relation, value(batch, left, start + row).cmp(value(batch, right, start + row)))
                });
                (yes, nulls, out)
            }
            Op::AmongBytes { of, constants, nulls, out } => {
                let is_one = |row| {
                    let value = value(batch, of, start + row);
                    constants.binary_search_by(|constant| constant.as_slice().cmp(value)).is_ok()
                };
                (rows(&matters, is_one), nulls, out)
            }
            Op::Like { of, pattern, nulls, out } => {
                let yes = match of {
                    Bytes::Constant(text) => {
                        let matches = std::str::from_utf8(text).is_ok_and(|text| pattern.matches(text));
                        if matches { ALL } else { NONE }
                    }
                    Bytes::Column(column) => {
                        let values = &batch.columns[*column].values;
                        rows(&matters, |row| pattern.matches(values.text(start + row)))
                    }
                };
                (yes, nulls, out)
            }
            _ => return,
        };
        self.truths[*out] = Trilean::new(&yes, &self.mask(*nulls));
    }
}

fn value<'a>(batch: &'a Batch<'_>, of: &'a Bytes, row: usize) -> &'a [u8] {
    match of {
        Bytes::Constant(value) => value,
        Bytes::Column(column) => batch.columns[*column].values.bytes(row),
    }
}

/// The rows among these for which something holds.
fn rows(among: &Mask, holds: impl Fn(usize) -> bool) -> Mask {
    let mut mask = NONE;
    for (index, (word, among)) in mask.iter_mut().zip(among).enumerate() {
        for bit in 0..ROW_BITS {
            if among >> bit & 1 == 1 && holds(index * ROW_BITS + bit) {
                *word |= 1 << bit;
            }
        }
    }
    mask
}

/// False is less than true.
fn compare(relation: Relation, left: &Trilean, right: &Trilean) -> Trilean {
    let null = zip(&left.null, &right.null, |left, right| left | right);
    let yes = zip(&left.yes, &right.yes, |left, right| match relation {
        Relation::Equal => !(left ^ right),
        Relation::NotEqual => left ^ right,
        Relation::Less => !left & right,
        Relation::LessOrEqual => !left | right,
        Relation::Greater => left & !right,
        Relation::GreaterOrEqual => left | !right,
    });
    Trilean::new(&yes, &null)
}
