//! The way there.

use super::{
    ALL_EQUAL, BITS_OF_RUN, BITS_OF_START, COMPRESSED, DESCRIPTOR, MAGIC, MOST_BLOCK_BYTES, PLAIN, RAW_LITERALS,
    SAME_OFFSET, SHARED, SHORTEST, START_LITERALS, START_OFFSET,
};

/// So many values are looked at together: how many leading bytes most of them share.
const GROUP: usize = 4096;
/// One of so many is looked at.
const SAMPLE: usize = 4;
/// The bytes of a block beside its values, about.
const BYTES_OF_BLOCK: usize = 13;
/// Shorter runs are not worth a block.
const SHORTEST_RUN: usize = 4;
/// The values of a plain block.
const MOST_PLAIN: usize = MOST_BLOCK_BYTES / 16 - 1;

/// Appends `values`, encoded as by [`encode`](crate::decimal::encode) and compressed, to `out`. They must be fewer than
/// 2^28.
pub(crate) fn compress(values: &[i128], out: &mut Vec<u8>) {
    out.extend(MAGIC);
    out.push(DESCRIPTOR);
    out.extend(((values.len() * 16) as u32).to_le_bytes());
    let mut pieces = Vec::new();
    for group in values.chunks(GROUP) {
        cut(group, &mut pieces);
    }
    write(values, &pieces, out);
}

/// Values that become a block.
struct Piece {
    values: usize,
    /// How many leading bytes they share; 0 where they are written as they are.
    shared: usize,
}

/// Cuts a group of values into pieces.
fn cut(mut group: &[i128], pieces: &mut Vec<Piece>) {
    let shared = most_shared(group);
    while !group.is_empty() {
        let length = if shared == 0 { group.len() } else { run_length(group, shared) };
        let (_, rest) = group.split_at(length);
        group = rest;
        match pieces.last_mut() {
            _ if length >= SHORTEST_RUN && shared > 0 => pieces.push(Piece { values: length, shared }),
            Some(before) if before.shared == 0 && before.values + length <= MOST_PLAIN => before.values += length,
            _ => pieces.push(Piece { values: length, shared: 0 }),
        }
    }
}

/// With how many shared leading bytes a group takes the least bytes; 0 if it is to be written as it is.
fn most_shared(group: &[i128]) -> usize {
    // For each number of leading bytes, how many values share so many with the one before.
    let mut sharing = [0_usize; 17];
    let mut samples = 0;
    for pair in group.windows(2).step_by(SAMPLE) {
        let &[before, value] = pair else { continue };
        let shared = ((before ^ value).leading_zeros() / 8) as usize;
        if let Some(count) = sharing.get_mut(shared) {
            *count += 1;
            samples += 1;
        }
    }
    let (mut best, mut least) = (0, samples * 16);
    let mut breaks = 0;
    for (shared, &count) in sharing.iter().enumerate() {
        let bytes = samples * (16 - shared) + breaks * (BYTES_OF_BLOCK + shared);
        if SHARED.contains(&shared) && bytes < least {
            (best, least) = (shared, bytes);
        }
        breaks += count;
    }
    best
}

/// How many of the first values share so many leading bytes.
fn run_length(values: &[i128], shared: usize) -> usize {
    const STEP: usize = 16;
    let Some(&first) = values.first() else { return 0 };
    let mask = -1_i128 << (128 - 8 * shared);
    let differs = |value: &i128| (value ^ first) & mask;
    let (steps, _) = values.as_chunks::<STEP>();
    let whole = steps.iter().take_while(|step| step.iter().fold(0, |found, value| found | differs(value)) == 0);
    let sure = whole.count() * STEP;
    sure + values.iter().skip(sure).take_while(|value| differs(value) == 0).count()
}

/// Writes a block for each piece, and one that starts.
fn write(mut values: &[i128], pieces: &[Piece], out: &mut Vec<u8>) {
    let (mut has_started, mut last) = (false, out.len());
    for (index, piece) in pieces.iter().enumerate() {
        let (mut own, rest) = values.split_at(piece.values);
        values = rest;
        // The leading bytes of a run stand in the block before, but for those of the first run.
        let next = if piece.shared > 0 || has_started { pieces.get(index + 1) } else { None };
        let leading = next.map_or(0, |next| next.shared);
        if piece.shared == 0 {
            let block = Block::begin(out);
            write_values(own, 16, out);
            write_leading(rest, leading, out);
            block.end(PLAIN, out);
            last = block.start;
            continue;
        }
        if !has_started {
            let Some((first, others)) = own.split_first() else { continue };
            let block = Block::begin_with_literals(out);
            out.extend(first.to_be_bytes());
            block.end_literals(out);
            let match_code = (piece.shared - SHORTEST) as u8;
            out.extend([1, ALL_EQUAL, START_LITERALS, START_OFFSET, match_code, BITS_OF_START]);
            block.end(COMPRESSED, out);
            own = others;
            has_started = true;
        }
        let block = Block::begin_with_literals(out);
        write_values(own, 16 - piece.shared, out);
        write_leading(rest, leading, out);
        block.end_literals(out);
        let sequences = own.len() - 1;
        if sequences < 128 {
            out.push(sequences as u8);
        } else {
            out.extend([128 | (sequences >> 8) as u8, sequences as u8]);
        }
        let (literals, match_code) = ((16 - piece.shared) as u8, (piece.shared - SHORTEST) as u8);
        out.extend([ALL_EQUAL, literals, SAME_OFFSET, match_code, BITS_OF_RUN]);
        block.end(COMPRESSED, out);
        last = block.start;
    }
    // The lowest bit of a header says that nothing follows.
    if let Some(header) = out.get_mut(last) {
        *header |= 1;
    }
}

/// A block that is being written.
struct Block {
    /// Where it begins.
    start: usize,
}

impl Block {
    const HEADER: usize = 3;

    fn begin(out: &mut Vec<u8>) -> Self {
        let start = out.len();
        out.extend([0; Self::HEADER]);
        Self { start }
    }

    fn begin_with_literals(out: &mut Vec<u8>) -> Self {
        let block = Self::begin(out);
        out.extend([0; 3]);
        block
    }

    /// All literals are written.
    fn end_literals(&self, out: &mut [u8]) {
        let start = self.start + Self::HEADER;
        let length = (out.len() - start - 3) as u32;
        put(out, start, RAW_LITERALS | length << 4);
    }

    fn end(&self, kind: u32, out: &mut [u8]) {
        let length = (out.len() - self.start - Self::HEADER) as u32;
        put(out, self.start, kind << 1 | length << 3);
    }
}

/// Puts a number of 3 bytes in its place.
fn put(out: &mut [u8], at: usize, number: u32) {
    let [low, middle, high, _] = number.to_le_bytes();
    if let Some(place) = out.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *place = [low, middle, high];
    }
}

/// So many leading bytes of the first value.
fn write_leading(values: &[i128], bytes: usize, out: &mut Vec<u8>) {
    let first = values.first().copied().unwrap_or_default().to_be_bytes();
    out.extend_from_slice(first.get(..bytes).unwrap_or_default());
}

/// So many trailing bytes of each value.
fn write_values(values: &[i128], bytes: usize, out: &mut Vec<u8>) {
    const STEP: usize = 64;
    for step in values.chunks(STEP) {
        // The last value may be written with more bytes than it has.
        let mut buffer = [0; STEP * 16 + 16];
        let mut at = 0;
        for &value in step {
            if bytes <= 8
                && let Some(place) = buffer.get_mut(at..).and_then(<[u8]>::first_chunk_mut)
            {
                *place = ((value as u64) << (64 - 8 * bytes)).to_be_bytes();
            } else if let Some(place) = buffer.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
                *place = ((value as u128) << (128 - 8 * bytes)).to_be_bytes();
            }
            at += bytes;
        }
        out.extend_from_slice(buffer.get(..at).unwrap_or_default());
    }
}
