//! Bits of rows.

use arrow_buffer::BooleanBuffer;

use crate::code::{Keep, ROWS, WORDS};

/// A bit for each row of a chunk.
pub(super) type Mask = [u64; WORDS];

/// Bits of a word.
pub(super) const ROW_BITS: usize = u64::BITS as usize;

pub(super) const NONE: Mask = [0; WORDS];
pub(super) const ALL: Mask = [u64::MAX; WORDS];

/// Where a part is true, and where it is null; never both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trilean {
    pub(super) yes: Mask,
    pub(super) null: Mask,
}

impl Trilean {
    pub(super) const FALSE: Self = Self { yes: NONE, null: NONE };

    /// True where `yes` and not null.
    #[inline(always)]
    pub(super) fn new(yes: &Mask, null: &Mask) -> Self {
        Self { yes: zip(yes, null, |yes, null| yes & !null), null: *null }
    }

    #[inline(always)]
    fn no(&self) -> Mask {
        zip(&self.yes, &self.null, |yes, null| !(yes | null))
    }

    #[inline(always)]
    pub(super) fn not(&self) -> Self {
        Self { yes: self.no(), null: self.null }
    }

    #[inline(always)]
    pub(super) fn and(&self, other: &Self) -> Self {
        let yes = zip(&self.yes, &other.yes, |one, other| one & other);
        let no = zip(&self.no(), &other.no(), |one, other| one | other);
        Self { yes, null: zip(&yes, &no, |yes, no| !(yes | no)) }
    }

    #[inline(always)]
    pub(super) fn or(&self, other: &Self) -> Self {
        let yes = zip(&self.yes, &other.yes, |one, other| one | other);
        let no = zip(&self.no(), &other.no(), |one, other| one & other);
        Self { yes, null: zip(&yes, &no, |yes, no| !(yes | no)) }
    }

    /// The rows among `within` that are still of interest.
    #[inline(always)]
    pub(super) fn left(&self, within: &Mask, keep: Keep) -> Mask {
        match keep {
            Keep::NotFalse => zip(within, &self.no(), |within, no| within & !no),
            Keep::NotTrue => zip(within, &self.yes, |within, yes| within & !yes),
        }
    }
}

#[inline(always)]
pub(super) fn zip(one: &Mask, other: &Mask, both: impl Fn(u64, u64) -> u64) -> Mask {
    let mut out = NONE;
    for ((out, one), other) in out.iter_mut().zip(one).zip(other) {
        *out = both(*one, *other);
    }
    out
}

/// The mask of the first `rows` rows.
pub(super) fn first(rows: usize) -> Mask {
    let mut mask = NONE;
    for (index, word) in mask.iter_mut().enumerate() {
        let bits = rows.saturating_sub(index * 64);
        *word = if bits >= 64 { u64::MAX } else { (1 << bits) - 1 };
    }
    mask
}

/// The first row of a mask.
pub(super) fn first_row(mask: &Mask) -> Option<usize> {
    let (index, word) = mask.iter().enumerate().find(|(_, word)| **word != 0)?;
    Some(index * 64 + word.trailing_zeros() as usize)
}

/// The bits of `bits` from `row` on; zero past its end.
pub(super) fn load(bits: &BooleanBuffer, row: usize) -> Mask {
    let mut mask = NONE;
    let at = bits.offset() + row;
    let bytes = bits.values().get(at / 8..).unwrap_or_default();
    for (index, word) in mask.iter_mut().enumerate() {
        let mut window = [0; 16];
        let here = bytes.get(index * 8..).unwrap_or_default();
        for (to, from) in window.iter_mut().zip(here.iter().take(9)) {
            *to = *from;
        }
        *word = (u128::from_le_bytes(window) >> (at % 8)) as u64;
    }
    let there = first(bits.len().saturating_sub(row).min(ROWS));
    zip(&mask, &there, |word, there| word & there)
}
