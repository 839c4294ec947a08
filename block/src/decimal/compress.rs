//! LZ4 for columns of 16-byte values.
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

/// Appends `values`, encoded as by [`encode`](super::encode) and compressed, to `out`. They must be fewer than 2^16.
#[expect(clippy::indexing_slicing, reason = "the index is between the first and the last value")]
pub(crate) fn compress(values: &[i128], out: &mut Vec<u8>) {
    // All of this is apart, not in a struct, so that what changes with each value stays in registers.
    let mut with_last_byte = [u16::MAX; 256];
    let (mut buffer, mut used) = ([0; BUFFER], 0);
    // The first byte that is in no sequence yet.
    let mut pending = 0usize;
    // A block must end with 5 literals, and 12 bytes before its end the last match must have begun: the last value.
    let last = values.len().saturating_sub(1);
    let mut index = 1;
    while index < last {
        if used > BUFFER - SEQUENCE {
            out.extend_from_slice(&buffer[..used]);
            used = 0;
        }
        let covered = pending.saturating_sub((index - 1) * 16);
        let found = find(values, index, covered, &mut with_last_byte);
        let length = found.trailing + found.leading;
        let literals = index * 16 - found.trailing - pending;
        let is_short = (SHORTEST..SHORTEST + LONG).contains(&length) && literals < LONG && found.leading < 16;
        if is_short && pending >= (index - 1) * 16 {
            if let Some(place) = buffer.get_mut(used..).and_then(|rest| rest.first_chunk_mut::<SEQUENCE>()) {
                place[0] = (literals << 4 | (length - SHORTEST)) as u8;
                let bytes = (values[index - 1] as u128).unbounded_shl(8 * covered as u32).to_be_bytes();
                place[1..17].copy_from_slice(&bytes);
                place[1 + literals..3 + literals].copy_from_slice(&((found.distance * 16) as u16).to_le_bytes());
            }
            used += 3 + literals;
            pending = index * 16 + found.leading;
        } else if length >= SHORTEST {
            out.extend_from_slice(&buffer[..used]);
            used = 0;
            (index, pending) = write_long(values, index..last, pending..index * 16 - found.trailing, found, out);
        }
        index += 1;
    }
    out.extend_from_slice(&buffer[..used]);
    let literals = values.len() * 16 - pending;
    out.push((literals.min(LONG) << 4) as u8);
    write_length(literals, out);
    write_literals(values, pending..values.len() * 16, out);
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

/// The longest match that ends in the value at `index`, of two that there may be. `covered` bytes of the value before
/// are in another match already.
///
/// Which of the two it is cannot be predicted, so both are looked at, and nothing branches.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "the index is between the first and the last value, and a byte below 256")]
fn find(values: &[i128], index: usize, covered: usize, with_last_byte: &mut [u16; 256]) -> Match {
    let (before, value) = (values[index - 1], values[index]);
    let near = leading_bytes(before ^ value);
    let place = &mut with_last_byte[usize::from(before as u8)];
    let seen = usize::from(*place).min(index - 1);
    *place = (index - 1) as u16;
    let distance = index - 1 - seen;
    let trailing = trailing_bytes(values[seen] ^ before).min(16 - covered);
    let far = leading_bytes(values[seen + 1] ^ value);
    let is_longer = (trailing + far > near) & (distance.wrapping_sub(1) < FARTHEST);
    Match {
        distance: if is_longer { distance } else { 1 },
        trailing: if is_longer { trailing } else { 0 },
        leading: if is_longer { far } else { near },
    }
}

/// A sequence of any length, whose match begins in the value before `range` and ends within it. Returns in which value
/// it ends, and behind which byte.
#[cold]
#[expect(clippy::indexing_slicing, reason = "below the last value, and not before the first")]
fn write_long(
    values: &[i128],
    range: Range<usize>,
    literals: Range<usize>,
    found: Match,
    out: &mut Vec<u8>,
) -> (usize, usize) {
    let equals_at = |place: usize| leading_bytes(values[place] ^ values[place - found.distance]);
    let mut end = range.start;
    while end < range.end && equals_at(end) == 16 {
        end += 1;
    }
    let leading = if end < range.end { equals_at(end) } else { 0 };
    let length = (end - range.start) * 16 + found.trailing + leading - SHORTEST;
    out.push((literals.len().min(LONG) << 4 | length.min(LONG)) as u8);
    write_length(literals.len(), out);
    write_literals(values, literals, out);
    out.extend(((found.distance * 16) as u16).to_le_bytes());
    write_length(length, out);
    (end, end * 16 + leading)
}

/// How many leading bytes of two values are equal, by their difference.
#[inline(always)]
fn leading_bytes(difference: i128) -> usize {
    difference.leading_zeros() as usize / 8
}

/// How many trailing bytes are equal, at most 7.
#[inline(always)]
fn trailing_bytes(difference: i128) -> usize {
    (difference as u64 | 1 << 63).trailing_zeros() as usize / 8
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
    super::encode(&values[bytes.start / 16..bytes.end.div_ceil(16)], out);
    out.truncate(out.len() - (bytes.end.next_multiple_of(16) - bytes.end));
    out.drain(before..before + bytes.start % 16);
}
