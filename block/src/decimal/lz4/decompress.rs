//! Columns of 16-byte values out of LZ4, by whoever it was compressed.
//!
//! Most sequences of such a column are the trailing bytes of a value, and then a match that ends within the next one. A
//! decoder for any bytes copies them, and each copy waits for bytes that the one before it wrote in another place. Here
//! a value is put together in a register and written once.

/// The bytes of a sequence without a long length, and what is read beyond because literals are read as 16 bytes.
const SEQUENCE: usize = 19;

/// For each number of leading bytes, their bits.
#[expect(clippy::indexing_slicing, reason = "evaluated when it is compiled")]
const LEADING: [u128; 17] = {
    let mut masks = [0; 17];
    let mut bytes = 1;
    while bytes <= 16 {
        masks[bytes] = u128::MAX << (128 - 8 * bytes);
        bytes += 1;
    }
    masks
};

/// Decompresses a block into `out`, as long as what comes out, of whole values. `None` if it is no such block.
pub(crate) fn decompress(block: &[u8], out: &mut [u8]) -> Option<()> {
    if !out.len().is_multiple_of(16) {
        return None;
    }
    let mut rest = block;
    let mut position = Position { index: 0, filled: 0, value: 0 };
    loop {
        while let Some((sequence, _)) = rest.split_first_chunk::<SEQUENCE>()
            && let Some(length) = position.short(sequence, out)
        {
            rest = rest.get(length..)?;
        }
        if position.any(&mut rest, out)? {
            return Some(());
        }
    }
}

/// Where the next byte goes.
struct Position {
    /// The value.
    index: usize,
    /// How many of its bytes are known, below 16.
    filled: usize,
    /// These; the others are 0.
    value: u128,
}

impl Position {
    /// A sequence that ends its value and begins the next. Returns how long it is; `None` if it is another one, of
    /// which nothing was taken.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "there are 17 masks, and a token has two numbers below 16")]
    fn short(&mut self, sequence: &[u8; SEQUENCE], out: &mut [u8]) -> Option<usize> {
        let literals = usize::from(sequence[0] >> 4);
        let length = usize::from(sequence[0] & 15) + 4;
        if literals == 15 || length == 15 + 4 {
            return None;
        }
        let offset = usize::from(u16::from_le_bytes([sequence[1 + literals], sequence[2 + literals]]));
        let end = self.filled + literals;
        let leading = (end + length).wrapping_sub(16);
        if end > 16 || leading > 15 || !offset.is_multiple_of(16) || offset == 0 {
            return None;
        }
        let (values, _) = out.as_chunks_mut::<16>();
        let before = u128::from_be_bytes(*values.get(self.index.checked_sub(offset / 16)?)?);
        let bytes: [u8; 16] = *sequence[1..].first_chunk()?;
        let literal = u128::from_be_bytes(bytes) & LEADING[literals];
        let value = self.value | literal >> (8 * self.filled) | before & !LEADING[end];
        // The last value ends with literals, so there is a next one.
        values.get(self.index + 1)?;
        *values.get_mut(self.index)? = value.to_be_bytes();
        self.index += 1;
        let before = u128::from_be_bytes(*values.get(self.index - offset / 16)?);
        self.value = before & LEADING[leading];
        self.filled = leading;
        Some(3 + literals)
    }

    /// Any sequence. Returns whether it was the last.
    fn any(&mut self, rest: &mut &[u8], out: &mut [u8]) -> Option<bool> {
        let mut at = self.index * 16 + self.filled;
        if let Some(place) = out.as_chunks_mut::<16>().0.get_mut(self.index) {
            *place = self.value.to_be_bytes();
        }
        let token = take(rest)?;
        let literals = read_length(usize::from(token >> 4), rest)?;
        let (bytes, after) = rest.split_at_checked(literals)?;
        out.get_mut(at..at.checked_add(literals)?)?.copy_from_slice(bytes);
        *rest = after;
        at += literals;
        if rest.is_empty() {
            return (at == out.len()).then_some(true);
        }
        let offset = usize::from(u16::from_le_bytes([take(rest)?, take(rest)?]));
        let length = read_length(usize::from(token & 15), rest)?.checked_add(4)?;
        let end = at.checked_add(length).filter(|end| *end <= out.len())?;
        let start = at.checked_sub(offset).filter(|_| offset > 0)?;
        // A match may reach into itself: each round has twice as much to copy.
        while at < end {
            let copied = (at - start).min(end - at);
            out.copy_within(start..start + copied, at);
            at += copied;
        }
        (self.index, self.filled) = (at / 16, at % 16);
        let value = out.as_chunks::<16>().0.get(self.index).map_or(0, |bytes| u128::from_be_bytes(*bytes));
        self.value = value & LEADING.get(self.filled)?;
        Some(false)
    }
}

fn take(rest: &mut &[u8]) -> Option<u8> {
    let (&byte, after) = rest.split_first()?;
    *rest = after;
    Some(byte)
}

/// A length of which the token says `length`.
fn read_length(mut length: usize, rest: &mut &[u8]) -> Option<usize> {
    if length == 15 {
        loop {
            let byte = take(rest)?;
            length = length.checked_add(usize::from(byte))?;
            if byte < 255 {
                break;
            }
        }
    }
    Some(length)
}
