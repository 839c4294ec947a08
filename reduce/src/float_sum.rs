//! Sums of floats, exact: the same, bit for bit, in whatever order the floats came.
//!
//! Every double is a multiple of 2^-1074, so a sum of doubles is an integer of some 2,200 bits in this unit. It is kept
//! in digits of 32 bits which lie in 64 bits each, so that carries may wait: a small superaccumulator.
//!
//! Source: Radford M. Neal, "Fast exact summation using small and large superaccumulators",
//! <https://arxiv.org/abs/1505.05571> (2015), section 2. Most floats do not get there one by one: see [`FloatSum::add_all`].

use crate::{
    lanes,
    ratio::{self, power_of_two},
    wide::{extended, negate, shortest},
};

/// Digits of 32 bits: the greatest double is below 2^(1074 + 1024) units, and there are up to 2^63 of them.
const DIGITS: usize = 68;

/// The bytes of a sum: its digits, and the upper half of the last one, which has the sign.
const BYTES: usize = DIGITS * 4 + 4;

/// Floats that are added before carries are due. Each adds up to 2^53 to a digit.
const MOST_ADDED: u32 = 1000;

/// Floats that are looked at together in [`FloatSum::add_all`].
const TOGETHER: usize = 2048;

/// Fewer are added one by one.
const FEW: usize = 32;

/// No double has more bits than this before it is a multiple of the unit.
const GREATEST_BITS: u32 = 1074 + 1024;

const NAN: u8 = 1;
const INFINITE: u8 = 2;
const NEGATIVE_INFINITE: u8 = 4;

/// The exact sum of some doubles.
#[derive(Clone, Debug)]
pub(crate) struct FloatSum {
    /// In units of 2^-1074, the least significant first.
    digits: [i64; DIGITS],
    /// How many floats may be added before carries are due.
    room: u32,
    /// What is among them that is no number.
    specials: u8,
}

impl FloatSum {
    pub(crate) fn new() -> Self {
        Self { digits: [0; DIGITS], room: MOST_ADDED, specials: 0 }
    }

    /// Adds floats. Nearly all of them lie in a narrow window below the largest of their neighbours: there, they are
    /// taken apart into multiples of two units, whose sums are exact in plain doubles, and only these sums are added
    /// here.
    pub(crate) fn add_all(&mut self, values: &[f64]) {
        for values in values.chunks(TOGETHER) {
            if values.len() < FEW || !self.add_together(values) {
                values.iter().for_each(|value| self.add(*value));
            }
        }
    }

    /// Adds up to [`TOGETHER`] floats, or returns false if their window is too wide.
    fn add_together(&mut self, values: &[f64]) -> bool {
        /// How far above a unit values may be. Each lane sums up to 2^8 + 1 of them.
        const SPAN: i32 = 44;
        const LEAST: i32 = -1074;
        let largest = lanes::largest(values);
        // All values are below 2 to this power.
        let above = ((largest.to_bits() >> 52) as i32).max(1) - 1022;
        let coarse = (above - SPAN).max(LEAST);
        let fine = (coarse - 1 - SPAN).max(LEAST);
        if coarse + 53 > 1023 {
            return false;
        }
        let split = lanes::split(values, [coarse, fine].map(|unit| 1.5 * power_of_two(unit + 52)));
        if split.rest != 0 {
            return false;
        }
        split.sums.iter().flatten().for_each(|sum| self.add(*sum));
        true
    }

    #[inline]
    fn add(&mut self, value: f64) {
        let bits = value.to_bits();
        let exponent = (bits >> 52 & 0x7FF) as usize;
        let fraction = bits & ((1 << 52) - 1);
        let is_negative = bits >> 63 == 1;
        if exponent == 0x7FF {
            self.specials |= match (fraction, is_negative) {
                (0, false) => INFINITE,
                (0, true) => NEGATIVE_INFINITE,
                _ => NAN,
            };
            return;
        }
        let mantissa = if exponent == 0 { fraction } else { fraction | 1 << 52 };
        let position = exponent.saturating_sub(1);
        let (digit, shift) = (position / 32, position % 32);
        let lower = (mantissa << shift & 0xFFFF_FFFF) as i64;
        let upper = (mantissa >> (32 - shift)) as i64;
        let sign = -i64::from(is_negative);
        if let Some([low, high]) = self.digits.get_mut(digit..digit + 2) {
            *low += (lower ^ sign) - sign;
            *high += (upper ^ sign) - sign;
        }
        self.room -= 1;
        if self.room == 0 {
            self.carry();
        }
    }

    /// Makes all digits but the last ones of 32 bits. There is one such form of each sum.
    fn carry(&mut self) {
        let mut carry = 0;
        let [digits @ .., last] = &mut self.digits;
        for digit in digits {
            let sum = *digit + carry;
            carry = sum >> 32;
            *digit = sum & 0xFFFF_FFFF;
        }
        *last += carry;
        self.room = MOST_ADDED;
    }

    /// Adds another sum.
    pub(crate) fn merge(&mut self, mut other: Self) {
        other.carry();
        self.carry();
        for (digit, other) in self.digits.iter_mut().zip(other.digits) {
            *digit += other;
        }
        self.carry();
        self.specials |= other.specials;
    }

    /// The bytes that say this sum, always the same: what is no number, then an integer in two's complement.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.specials];
        bytes.extend_from_slice(shortest(&self.integer()));
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote of the sum of so many floats; `None` if that cannot be.
    pub(crate) fn from_bytes(bytes: &[u8], count: i64) -> Option<Self> {
        let (&specials, bytes) = bytes.split_first()?;
        let integer: [u8; BYTES] = extended(bytes)?;
        let mut sum = Self { specials, ..Self::new() };
        let (lower, upper) = integer.split_last_chunk::<8>()?;
        let (last, digits) = sum.digits.split_last_mut()?;
        for (digit, bytes) in digits.iter_mut().zip(lower.as_chunks().0) {
            *digit = i64::from(u32::from_le_bytes(*bytes));
        }
        *last = i64::from_le_bytes(*upper);
        // So the sum of 2^63 floats does not come near the end of the last digit.
        let most_bits = GREATEST_BITS + 64 - count.leading_zeros();
        let is_possible = bytes.len() <= most_bits as usize / 8 + 1 && (count > 0 || sum.is_nothing());
        (is_possible && specials <= NAN | INFINITE | NEGATIVE_INFINITE).then_some(sum)
    }

    fn is_nothing(&self) -> bool {
        self.specials == 0 && self.digits == [0; DIGITS]
    }

    /// All digits in one, in two's complement.
    fn integer(&self) -> [u8; BYTES] {
        let mut carried = self.clone();
        carried.carry();
        let mut bytes = [0; BYTES];
        for (bytes, digit) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(carried.digits) {
            *bytes = (digit as u32).to_le_bytes();
        }
        if let (Some(last), Some(bytes)) = (carried.digits.last(), bytes.last_chunk_mut::<8>()) {
            *bytes = last.to_le_bytes();
        }
        bytes
    }

    /// The sum as the nearest double.
    pub(crate) fn rounded(&self) -> f64 {
        self.divided(1)
    }

    /// The sum divided by a count, as the nearest double.
    pub(crate) fn divided(&self, count: i64) -> f64 {
        match self.specials {
            0 => {}
            INFINITE => return f64::INFINITY,
            NEGATIVE_INFINITE => return f64::NEG_INFINITY,
            _ => return f64::NAN,
        }
        let integer = self.integer();
        let is_negative = integer.last().is_some_and(|byte| byte >> 7 == 1);
        let sign = if is_negative { 0xFF } else { 0 };
        let mut words = [0; BYTES.div_ceil(8)];
        for (word, bytes) in words.iter_mut().zip(integer.chunks(8)) {
            let mut whole = [sign; 8];
            whole.iter_mut().zip(bytes).for_each(|(whole, byte)| *whole = *byte);
            *word = u64::from_le_bytes(whole);
        }
        if is_negative {
            negate(&mut words);
        }
        ratio::nearest(is_negative, &words, &[count.unsigned_abs()], -1074)
    }
}
