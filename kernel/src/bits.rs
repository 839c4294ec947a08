//! Booleans, one bit each.

use std::fmt;

use arrow_buffer::{BooleanBuffer, Buffer};

/// Booleans packed as bits, the least significant bit of a byte first: as Arrow has them in memory and Parquet in
/// `PLAIN` pages, so that neither of them has to pack them again.
///
/// The bits of the last byte that stand for no value are 0.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Bits {
    bytes: Vec<u8>,
    len: usize,
}

impl Bits {
    /// No bits.
    pub fn new() -> Self {
        Self::default()
    }

    /// No bits, with room for `capacity` of them.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity.div_ceil(8)), len: 0 }
    }

    /// How many bits there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no bit.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bits, eight in a byte.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bit at `position`; `None` behind the last.
    pub fn get(&self, position: usize) -> Option<bool> {
        let byte = self.bytes.get(position / 8).filter(|_| position < self.len)?;
        Some(byte >> (position % 8) & 1 == 1)
    }

    /// All bits, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = bool> {
        (0..self.len).map(|position| self.get(position).unwrap_or_default())
    }

    /// How many bits are set.
    pub fn count_ones(&self) -> usize {
        let (words, rest) = self.bytes.as_chunks::<8>();
        let in_words: u32 = words.iter().map(|word| u64::from_le_bytes(*word).count_ones()).sum();
        let in_rest: u32 = rest.iter().map(|byte| byte.count_ones()).sum();
        in_words as usize + in_rest as usize
    }

    /// Removes all bits and keeps the room they took.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.len = 0;
    }

    /// Keeps the first bits only.
    pub fn truncate(&mut self, len: usize) {
        if len < self.len {
            self.len = len;
            self.bytes.truncate(len.div_ceil(8));
            self.clear_padding();
        }
    }

    /// Makes room for `additional` more bits.
    pub fn reserve(&mut self, additional: usize) {
        let bytes = self.len.saturating_add(additional).div_ceil(8);
        self.bytes.reserve(bytes.saturating_sub(self.bytes.len()));
    }

    /// Appends a bit.
    pub fn push(&mut self, bit: bool) {
        match self.bytes.last_mut() {
            Some(last) if !self.len.is_multiple_of(8) => *last |= u8::from(bit) << (self.len % 8),
            _ => self.bytes.push(u8::from(bit)),
        }
        self.len += 1;
    }

    /// Appends `count` bits that are not set.
    pub fn append_zeros(&mut self, count: usize) {
        self.len = self.len.saturating_add(count);
        self.bytes.resize(self.len.div_ceil(8), 0);
    }

    /// Appends `count` of the bits of `packed`, from the bit `from` of its first byte on (below 8); those that `packed`
    /// does not have are not set.
    ///
    /// Words of 64 bits take about as long as copying them, whether or not the bits on both sides begin with a byte.
    pub fn append_packed(&mut self, packed: &[u8], from: usize, count: usize) {
        let end = self.len.saturating_add(count);
        self.reserve(count);
        let filled = self.len % 8;
        // The first bits complete the byte that is there.
        let mut skip = from;
        if let Some(last) = self.bytes.last_mut().filter(|_| filled > 0) {
            *last |= read_byte(packed, skip) << filled;
            skip += 8 - filled;
        }
        let bytes = end.div_ceil(8).saturating_sub(self.bytes.len());
        append_shifted(packed.get(skip / 8..).unwrap_or_default(), skip % 8, bytes, &mut self.bytes);
        self.len = end;
        self.bytes.resize(end.div_ceil(8), 0);
        self.clear_padding();
    }

    /// Sets the bits of the last byte that stand for no value to 0.
    fn clear_padding(&mut self) {
        let used = self.len % 8;
        if let Some(last) = self.bytes.last_mut().filter(|_| used > 0) {
            *last &= !(u8::MAX << used);
        }
    }
}

/// Eight bits of `packed` from the bit `from` on; those that are not there are 0.
fn read_byte(packed: &[u8], from: usize) -> u8 {
    let byte = |index: usize| u32::from(packed.get(index).copied().unwrap_or_default());
    ((byte(from / 8) | byte(from / 8 + 1) << 8) >> (from % 8)) as u8
}

/// Appends `count` bytes of the bits of `packed` from the bit `shift` (below 8) on, as far as there are bytes.
fn append_shifted(packed: &[u8], shift: usize, count: usize, out: &mut Vec<u8>) {
    if shift == 0 {
        out.extend_from_slice(packed.get(..count).unwrap_or(packed));
        return;
    }
    let (words, _) = packed.as_chunks::<8>();
    let next_words = packed.get(8..).unwrap_or_default().as_chunks::<8>().0;
    let whole = (count / 8).min(next_words.len());
    let before = out.len();
    out.resize(before + whole * 8, 0);
    let places = out.get_mut(before..).unwrap_or_default().as_chunks_mut::<8>().0;
    for ((place, word), next) in places.iter_mut().zip(words).zip(next_words) {
        let (word, next) = (u64::from_le_bytes(*word), u64::from_le_bytes(*next));
        *place = (word >> shift | next << (64 - shift)).to_le_bytes();
    }
    let rest = packed.get(whole * 8..).unwrap_or_default();
    out.extend((0..count - whole * 8).map(|index| read_byte(rest, index * 8 + shift)));
}

impl Extend<bool> for Bits {
    fn extend<T: IntoIterator<Item = bool>>(&mut self, bits: T) {
        let bits = bits.into_iter();
        self.reserve(bits.size_hint().0);
        bits.for_each(|bit| self.push(bit));
    }
}

impl FromIterator<bool> for Bits {
    fn from_iter<T: IntoIterator<Item = bool>>(bits: T) -> Self {
        let mut all = Self::new();
        all.extend(bits);
        all
    }
}

impl From<&[bool]> for Bits {
    fn from(bits: &[bool]) -> Self {
        bits.iter().copied().collect()
    }
}

/// Without a copy.
impl From<Bits> for BooleanBuffer {
    fn from(bits: Bits) -> Self {
        Self::new(Buffer::from_vec(bits.bytes), 0, bits.len)
    }
}

impl fmt::Debug for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_bit_is_the_least_significant() {
        let mut bits = Bits::from(&[true, false, true, true, false, false, false, false][..]);
        assert_eq!(bits.as_bytes(), [0b1101]);
        bits.push(true);
        assert_eq!((bits.as_bytes(), bits.len()), (&[0b1101, 1][..], 9));
        assert_eq!((bits.get(8), bits.get(7), bits.get(9)), (Some(true), Some(false), None));
        assert_eq!(format!("{:?}", Bits::from(&[true, false][..])), "[true, false]");
    }

    #[test]
    fn clearing_leaves_nothing_behind() {
        let mut bits: Bits = [true; 11].into_iter().collect();
        bits.clear();
        assert!(bits.is_empty());
        assert_eq!(bits.count_ones(), 0);
        bits.append_zeros(9);
        assert_eq!(bits, Bits::from(&[false; 9][..]));
        assert_eq!(bits.as_bytes(), [0, 0]);
    }

    #[test]
    fn bits_that_are_not_there_are_not_set() {
        let mut bits = Bits::from(&[true][..]);
        bits.append_packed(&[0xFF], 3, 30);
        let expected: Bits = (0..31).map(|position| position < 6).collect();
        assert_eq!(bits, expected);
        bits.append_packed(&[], 0, 3);
        assert_eq!(bits.len(), 34);
        assert_eq!(bits.count_ones(), 6);
    }

    proptest! {
        #[test]
        fn packed_bits_are_appended_from_anywhere_to_anywhere(
            before in prop::collection::vec(any::<bool>(), 0..20),
            packed in prop::collection::vec(any::<u8>(), 0..60),
            from in 0usize..8,
            count in 0usize..500,
            after in prop::collection::vec(any::<bool>(), 0..20),
        ) {
            let mut plain = before.clone();
            plain.extend((from..from + count).map(|at| packed.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1)));
            let mut bits = Bits::from(&before[..]);
            bits.append_packed(&packed, from, count);
            prop_assert_eq!(bits.iter().collect::<Vec<_>>(), plain.clone());
            prop_assert_eq!(bits.count_ones(), plain.iter().filter(|bit| **bit).count());
            plain.extend(&after);
            bits.extend(after);
            prop_assert_eq!(&bits, &Bits::from(&plain[..]));
            prop_assert_eq!(bits.as_bytes().len(), plain.len().div_ceil(8));
        }
    }
}
