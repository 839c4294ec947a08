//! The way back. The bytes may come from anywhere.

use super::{
    ALL_EQUAL, BITS_OF_RUN, BITS_OF_START, COMPRESSED, DESCRIPTOR, MAGIC, MOST_BLOCK_BYTES, PLAIN, RAW_LITERALS,
    SAME_OFFSET, SHARED, SHORTEST, START_LITERALS, START_OFFSET,
};

/// Decompresses a frame into `out`, as long as what comes out. `None` if it is no frame that is written here.
pub(crate) fn decompress(frame: &[u8], out: &mut [u8]) -> Option<()> {
    let (places, rest) = out.as_chunks_mut::<16>();
    if !rest.is_empty() {
        return None;
    }
    let expected = places.len();
    let mut places = places.iter_mut();
    read(frame, expected, |run| {
        run.for_each(|value| {
            if let Some(place) = places.next() {
                *place = value.to_be_bytes();
            }
        });
    })
}

/// The least value and the greatest of a frame of so many values. `None` if it is no frame that is written here.
pub(crate) fn check(frame: &[u8], values: usize) -> Option<(i128, i128)> {
    let mut found: Option<(i128, i128)> = None;
    read(frame, values, |run| {
        let Some((low, high)) = run.extremes() else { return };
        let (least, greatest) = found.unwrap_or((low, high));
        found = Some((least.min(low), greatest.max(high)));
    })?;
    found
}

/// Values that share leading bytes.
struct Run<'a> {
    /// The shared bytes; the others are 0.
    leading: u128,
    /// How many bytes each value has of its own, from 1 to 16.
    width: usize,
    /// These bytes of all values; a whole number of values.
    bytes: &'a [u8],
}

impl Run<'_> {
    #[inline(always)]
    fn for_each(&self, mut value: impl FnMut(u128)) {
        if self.width <= 8 {
            self.for_each_narrow(|trailing| value(self.leading | u128::from(trailing)));
        } else {
            self.for_each_wide(|trailing| value(self.leading | trailing));
        }
    }

    fn extremes(&self) -> Option<(i128, i128)> {
        if self.bytes.is_empty() {
            return None;
        }
        if self.width <= 8 {
            let (mut least, mut greatest) = (u64::MAX, 0);
            self.for_each_narrow(|trailing| {
                least = least.min(trailing);
                greatest = greatest.max(trailing);
            });
            let whole = |trailing: u64| (self.leading | u128::from(trailing)) as i128;
            return Some((whole(least), whole(greatest)));
        }
        let (mut least, mut greatest) = (i128::MAX, i128::MIN);
        self.for_each_wide(|trailing| {
            let value = (self.leading | trailing) as i128;
            least = least.min(value);
            greatest = greatest.max(value);
        });
        Some((least, greatest))
    }

    /// What each value has of its own, at most 8 bytes.
    #[inline(always)]
    fn for_each_narrow(&self, mut value: impl FnMut(u64)) {
        let shift = 64 - 8 * self.width as u32;
        let mut rest = self.bytes;
        while let Some(bytes) = rest.first_chunk::<8>() {
            value(u64::from_be_bytes(*bytes) >> shift);
            rest = rest.get(self.width..).unwrap_or_default();
        }
        for bytes in rest.chunks(self.width) {
            value(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)));
        }
    }

    #[inline(always)]
    fn for_each_wide(&self, mut value: impl FnMut(u128)) {
        let shift = 128 - 8 * self.width as u32;
        let mut rest = self.bytes;
        while let Some(bytes) = rest.first_chunk::<16>() {
            value(u128::from_be_bytes(*bytes) >> shift);
            rest = rest.get(self.width..).unwrap_or_default();
        }
        for bytes in rest.chunks(self.width) {
            value(bytes.iter().fold(0, |value, byte| value << 8 | u128::from(*byte)));
        }
    }
}

/// Gives all values of a frame, which must be so many.
fn read(mut frame: &[u8], expected: usize, mut run: impl FnMut(Run<'_>)) -> Option<()> {
    let frame = &mut frame;
    let length = u32::try_from(expected.checked_mul(16)?).ok()?;
    let is_right = take(frame)? == MAGIC && take(frame)? == [DESCRIPTOR] && take(frame)? == length.to_le_bytes();
    if !is_right {
        return None;
    }
    let mut position = Position { left: expected, leading: 0, shared: 0, has_started: false };
    loop {
        let header = take_number(frame)?;
        let (block, rest) = frame.split_at_checked((header >> 3) as usize)?;
        *frame = rest;
        let found = match header >> 1 & 3 {
            PLAIN => position.plain(block)?,
            COMPRESSED if position.has_started => position.run(block)?,
            COMPRESSED => position.start(block)?,
            _ => return None,
        };
        run(found);
        if header & 1 == 1 {
            return (frame.is_empty() && position.left == 0 && position.shared == 0).then_some(());
        }
    }
}

/// Between two blocks.
struct Position {
    /// How many values are to come.
    left: usize,
    /// How many leading bytes of the next value are known, and these; the others are 0.
    shared: usize,
    leading: u128,
    /// Whether there was a match, so that it is known how far back they are.
    has_started: bool,
}

impl Position {
    fn plain<'a>(&mut self, block: &'a [u8]) -> Option<Run<'a>> {
        if self.shared != 0 || block.len() > MOST_BLOCK_BYTES {
            return None;
        }
        let run = self.values(block, block.len() / 16, 16)?;
        // Without a match no run can follow.
        (self.has_started || self.shared == 0).then_some(run)
    }

    fn start<'a>(&mut self, mut block: &'a [u8]) -> Option<Run<'a>> {
        let literals = take_literals(&mut block)?;
        let [1, ALL_EQUAL, START_LITERALS, START_OFFSET, match_code, BITS_OF_START] = *block else { return None };
        let shared = usize::from(match_code) + SHORTEST;
        if self.shared != 0 || literals.len() != 16 || !SHARED.contains(&shared) {
            return None;
        }
        let run = self.values(literals, 1, 16)?;
        self.shared = shared;
        self.leading = u128::from_be_bytes(*literals.first_chunk()?) & leading_bits(shared);
        self.left.checked_sub(1)?;
        self.has_started = true;
        Some(run)
    }

    fn run<'a>(&mut self, mut block: &'a [u8]) -> Option<Run<'a>> {
        let literals = take_literals(&mut block)?;
        let block = &mut block;
        let mut sequences = usize::from(take::<1>(block)?[0]);
        if sequences >= 128 {
            sequences = (sequences - 128) << 8 | usize::from(take::<1>(block)?[0]);
        }
        let shared = self.shared;
        let match_code = shared.checked_sub(SHORTEST)? as u8;
        let width = 16 - shared;
        if **block != [ALL_EQUAL, width as u8, SAME_OFFSET, match_code, BITS_OF_RUN] {
            return None;
        }
        let is_small = (1..=MOST_BLOCK_BYTES / 16 - 2).contains(&sequences);
        let leading = std::mem::take(&mut self.leading);
        self.shared = 0;
        let run = self.values(literals, sequences + 1, width)?;
        is_small.then_some(Run { leading, ..run })
    }

    /// So many values, and maybe the leading bytes of the next.
    fn values<'a>(&mut self, bytes: &'a [u8], values: usize, width: usize) -> Option<Run<'a>> {
        let (bytes, next) = bytes.split_at_checked(values * width)?;
        self.left = self.left.checked_sub(values)?;
        self.shared = next.len();
        if !next.is_empty() {
            if !SHARED.contains(&next.len()) || self.left == 0 {
                return None;
            }
            let leading = next.iter().fold(0, |leading, byte| leading << 8 | u128::from(*byte));
            self.leading = leading << (128 - 8 * next.len());
        }
        Some(Run { leading: 0, width, bytes })
    }
}

fn leading_bits(bytes: usize) -> u128 {
    u128::MAX << (128 - 8 * bytes)
}

fn take_literals<'a>(block: &mut &'a [u8]) -> Option<&'a [u8]> {
    let header = take_number(block)?;
    let (literals, rest) = block.split_at_checked((header >> 4) as usize)?;
    *block = rest;
    (header & 15 == RAW_LITERALS).then_some(literals)
}

/// A number of 3 bytes.
fn take_number(bytes: &mut &[u8]) -> Option<u32> {
    let [low, middle, high] = take(bytes)?;
    Some(u32::from_le_bytes([low, middle, high, 0]))
}

fn take<const LENGTH: usize>(bytes: &mut &[u8]) -> Option<[u8; LENGTH]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}
