//! Sums of integers and decimals.

use arrow_buffer::i256;

const WORDS: usize = 6;
const BYTES: usize = WORDS * 8;

/// An integer of 384 bits, in two's complement. The sum of 2^63 values of 256 bits has 319.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wide([u64; WORDS]);

impl From<i128> for Wide {
    fn from(value: i128) -> Self {
        let above = if value < 0 { u64::MAX } else { 0 };
        Self([value as u64, (value >> 64) as u64, above, above, above, above])
    }
}

impl From<i256> for Wide {
    fn from(value: i256) -> Self {
        let (low, high) = value.to_parts();
        let above = if high < 0 { u64::MAX } else { 0 };
        Self([low as u64, (low >> 64) as u64, high as u64, (high >> 64) as u64, above, above])
    }
}

impl Wide {
    /// Adds. Whoever calls keeps to counts below 2^63, so nothing is lost.
    pub(crate) fn add(&mut self, other: Self) {
        let mut carry = false;
        for (word, other) in self.0.iter_mut().zip(other.0) {
            let (sum, first) = word.overflowing_add(other);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            *word = sum;
            carry = first | second;
        }
    }

    pub(crate) fn is_negative(&self) -> bool {
        self.0.last().is_some_and(|word| word >> 63 == 1)
    }

    /// Its distance from zero, the least significant word first.
    pub(crate) fn magnitude(&self) -> [u64; WORDS] {
        let mut words = self.0;
        if self.is_negative() {
            negate(&mut words);
        }
        words
    }

    /// Whether it can be the sum of so many values, none of which is further from 0 than 2 to the power of `bits`.
    pub(crate) fn is_sum_of(&self, count: i64, bits: u32) -> bool {
        let mut most = [0; WORDS];
        let (word, shift) = (bits as usize / 64, bits % 64);
        let shifted = u128::from(count.unsigned_abs()) << shift;
        for (most, part) in most.iter_mut().skip(word).zip([shifted as u64, (shifted >> 64) as u64]) {
            *most = part;
        }
        self.magnitude().iter().rev().le(most.iter().rev())
    }

    pub(crate) fn to_i64(self) -> Option<i64> {
        self.to_i256()?.to_i128()?.try_into().ok()
    }

    pub(crate) fn to_i256(self) -> Option<i256> {
        let [a, b, c, d, ..] = self.0;
        let join = |low: u64, high: u64| u128::from(high) << 64 | u128::from(low);
        let value = i256::from_parts(join(a, b), join(c, d) as i128);
        (Self::from(value) == self).then_some(value)
    }

    /// The fewest bytes that hold it: two's complement, the least significant byte first.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        shortest(&self.0.map(u64::to_le_bytes).concat()).to_vec()
    }

    /// Reads what [`Self::to_bytes`] wrote; `None` if that did not write it.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; BYTES] = extended(bytes)?;
        let mut wide = Self::default();
        for (word, bytes) in wide.0.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Some(wide)
    }
}

/// Negates an integer in two's complement.
pub(crate) fn negate(words: &mut [u64]) {
    let mut carry = true;
    for word in words {
        (*word, carry) = (!*word).overflowing_add(u64::from(carry));
    }
}

/// An integer in two's complement without the bytes at its end that say nothing but its sign; at least one.
pub(crate) fn shortest(bytes: &[u8]) -> &[u8] {
    let mut bytes = bytes;
    while let [before @ .., last] = bytes
        && let Some(next) = before.last()
        && *last == sign_byte(*next)
    {
        bytes = before;
    }
    bytes
}

/// Undoes [`shortest`]; `None` if the bytes are not the shortest, or too many.
pub(crate) fn extended<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let last = *bytes.last()?;
    if shortest(bytes).len() < bytes.len() {
        return None;
    }
    let mut extended = [sign_byte(last); N];
    extended.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(extended)
}

/// A byte full of the sign of an integer that ends with this byte.
fn sign_byte(last: u8) -> u8 {
    if last & 0x80 == 0 { 0 } else { 0xFF }
}
