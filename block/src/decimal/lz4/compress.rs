//! The way there.
//!
//! Source of the format: the [LZ4 block format](https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md). A block
//! is a row of sequences: a token (how many literals, and how long the match), the literals, the distance of the match.
//! The last sequence has literals alone.
//!
//! An encoder for any bytes looks for matches by hashes. Here it is known where they are: a value shares its leading
//! bytes with the one before it. So most values become one sequence, the trailing bytes of the value before and then
//! the shared leading bytes. A match gets longer where it begins in the trailing bytes, so the value before is also
//! looked for among the last ones by its last byte.

use std::ops::Range;

/// Most values become a sequence of fewer bytes than this: a token, 14 literals, a distance, and what is written beyond
/// because all literals are copied as 16 bytes.
const SEQUENCE: usize = 24;

/// Sequences are gathered here before they are appended.
const BUFFER: usize = 4096;

/// The longest distance of a match, in values.
const FARTHEST: usize = u16::MAX as usize / 16;

/// The least bytes of a match.
const SHORTEST: usize = 4;

/// What the half bytes of a token cannot say goes on behind it.
const LONG: usize = 15;

/// Appends `values`, encoded as by [`encode`](crate::decimal::encode) and compressed, to `out`. They must be fewer than
/// 2^16.
pub(crate) fn compress(values: &[i128], out: &mut Vec<u8>) {
    let mut compressor = Compressor { values, pending: 0, with_last_byte: [u16::MAX; 256] };
    let mut buffer = Buffer { out, bytes: [0; BUFFER], used: 0 };
    // A block must end with 5 literals, and 12 bytes before its end the last match must have begun: the last value.
    let last = values.len().saturating_sub(1);
    let mut index = 1;
    while index < last {
        if buffer.used > BUFFER - SEQUENCE {
            buffer.flush();
        }
        index = compressor.step(index, last, &mut buffer);
    }
    let pending = compressor.pending;
    buffer.flush();
    let literals = values.len() * 16 - pending;
    buffer.out.push((literals.min(LONG) << 4) as u8);
    write_length(literals, buffer.out);
    write_literals(values, pending..values.len() * 16, buffer.out);
}

/// Sequences on their way.
struct Buffer<'a> {
    out: &'a mut Vec<u8>,
    bytes: [u8; BUFFER],
    used: usize,
}

impl Buffer<'_> {
    fn flush(&mut self) {
        self.out.extend_from_slice(self.bytes.get(..self.used).unwrap_or_default());
        self.used = 0;
    }
}

struct Compressor<'a> {
    values: &'a [i128],
    /// The first byte that is in no sequence yet.
    pending: usize,
    /// Where a value with such a last byte was seen last.
    with_last_byte: [u16; 256],
}

/// Bytes that were there before.
#[derive(Clone, Copy)]
struct Match {
    /// How many values before.
    distance: usize,
    /// Of the value before the one that is looked at.
    trailing: usize,
    /// Of the one that is looked at.
    leading: usize,
}

impl Compressor<'_> {
    /// Looks at the value at `index`. Returns which is to be looked at next.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "the index is between the first and the last, and a byte below 256")]
    fn step(&mut self, index: usize, last: usize, buffer: &mut Buffer<'_>) -> usize {
        let (before, value) = (self.values[index - 1], self.values[index]);
        let mut found = Match { distance: 1, trailing: 0, leading: leading_bytes(before ^ value) };
        let covered = self.pending.saturating_sub((index - 1) * 16);
        let seen = usize::from(std::mem::replace(&mut self.with_last_byte[before as u8 as usize], (index - 1) as u16));
        let distance = (index - 1).wrapping_sub(seen);
        if (1..=FARTHEST).contains(&distance) {
            let trailing = trailing_bytes(self.values[seen] ^ before).min(16 - covered);
            let leading = leading_bytes(self.values[seen + 1] ^ value);
            if trailing + leading > found.leading {
                found = Match { distance, trailing, leading };
            }
        }
        let length = found.trailing + found.leading;
        let literals = index * 16 - found.trailing - self.pending;
        let is_short = (SHORTEST..SHORTEST + LONG).contains(&length) && literals < LONG && found.leading < 16;
        if is_short && self.pending >= (index - 1) * 16 {
            if let Some(place) = buffer.bytes.get_mut(buffer.used..).and_then(|rest| rest.first_chunk_mut::<SEQUENCE>())
            {
                place[0] = (literals << 4 | (length - SHORTEST)) as u8;
                place[1..17].copy_from_slice(&(before as u128).unbounded_shl(8 * covered as u32).to_be_bytes());
                place[1 + literals..3 + literals].copy_from_slice(&((found.distance * 16) as u16).to_le_bytes());
                buffer.used += 3 + literals;
            }
            self.pending = index * 16 + found.leading;
            return index + 1;
        }
        if length < SHORTEST { index + 1 } else { self.write_long(index, last, found, buffer) }
    }

    /// A sequence of any length. Returns which value is to be looked at next.
    #[cold]
    #[expect(clippy::indexing_slicing, reason = "below the last value, and not before the first")]
    fn write_long(&mut self, index: usize, last: usize, found: Match, buffer: &mut Buffer<'_>) -> usize {
        let equals_at = |place: usize| leading_bytes(self.values[place] ^ self.values[place - found.distance]);
        let mut end = index;
        while end < last && equals_at(end) == 16 {
            end += 1;
        }
        let leading = if end < last { equals_at(end) } else { 0 };
        let length = (end - index) * 16 + found.trailing + leading - SHORTEST;
        let literals = self.pending..index * 16 - found.trailing;
        buffer.flush();
        buffer.out.push((literals.len().min(LONG) << 4 | length.min(LONG)) as u8);
        write_length(literals.len(), buffer.out);
        write_literals(self.values, literals, buffer.out);
        buffer.out.extend(((found.distance * 16) as u16).to_le_bytes());
        write_length(length, buffer.out);
        self.pending = end * 16 + leading;
        end + 1
    }
}

/// How many leading bytes of two values are equal, by their difference.
#[inline(always)]
fn leading_bytes(difference: i128) -> usize {
    difference.leading_zeros() as usize / 8
}

#[inline(always)]
fn trailing_bytes(difference: i128) -> usize {
    difference.trailing_zeros() as usize / 8
}

/// What the token cannot say of a length.
fn write_length(length: usize, out: &mut Vec<u8>) {
    let Some(mut rest) = length.checked_sub(LONG) else { return };
    while rest >= 255 {
        out.push(255);
        rest -= 255;
    }
    out.push(rest as u8);
}

/// These bytes of the encoded values.
#[expect(clippy::indexing_slicing, reason = "positions are of bytes that there are")]
fn write_literals(values: &[i128], bytes: Range<usize>, out: &mut Vec<u8>) {
    let before = out.len();
    crate::decimal::encode(&values[bytes.start / 16..bytes.end.div_ceil(16)], out);
    out.truncate(out.len() - (bytes.end.next_multiple_of(16) - bytes.end));
    out.drain(before..before + bytes.start % 16);
}
