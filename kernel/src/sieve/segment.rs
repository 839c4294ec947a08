//! Striking the multiples of primes.

use std::ops::Range;

use super::{
    presieve,
    table::Table,
    wheel::{RESIDUES, Turn},
};

/// The wheel from some byte on, with room before and behind it into which whole turns of primes up to [`MARGIN`] reach.
/// So their loops have no other end than that of a turn, which the processor predicts better than they cost.
#[derive(Debug, Default)]
pub(crate) struct Segment {
    /// [`MARGIN`], the wheel, [`MARGIN`].
    padded: Vec<u8>,
    first: u64,
    length: usize,
}

/// Primes up to this are struck in whole turns.
const MARGIN: usize = 1 << 17;

/// Primes up to this are struck in one part of the segment after the other, which stay in the first cache.
const NEAR: u32 = 1 << 12;
const PART: usize = 1 << 14;

impl Segment {
    /// The index of the first byte: its number divided by 30.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The wheel, a byte for 30 numbers.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.padded.get(MARGIN..MARGIN + self.length).unwrap_or_default()
    }

    /// Sets the bits of `length` bytes from `first` on: those of the primes up to `limit`, and of the numbers that
    /// none of these divides. The table must reach as far as `limit` does.
    pub(crate) fn sieve(&mut self, first: u64, length: usize, table: &Table, limit: u32) {
        (self.first, self.length) = (first, length);
        self.padded.resize(MARGIN + length + MARGIN, 0);
        presieve::fill(first, self.padded.get_mut(MARGIN..MARGIN + length).unwrap_or_default());
        self.strike::<0>(table, limit);
        self.strike::<1>(table, limit);
        self.strike::<2>(table, limit);
        self.strike::<3>(table, limit);
        self.strike::<4>(table, limit);
        self.strike::<5>(table, limit);
        self.strike::<6>(table, limit);
        self.strike::<7>(table, limit);
        self.restore(table, limit.max(presieve::LAST));
    }

    fn strike<const CLASS: usize>(&mut self, table: &Table, limit: u32) {
        let near = table.class(CLASS, presieve::LAST + 1..=limit.min(NEAR));
        for start in (0..self.length).step_by(PART) {
            let end = self.length.min(start + PART);
            strike_turns::<CLASS>(&mut self.padded, MARGIN + start..MARGIN + end, self.first + start as u64, near);
        }
        let middle = table.class(CLASS, NEAR + 1..=limit.min(MARGIN as u32));
        strike_turns::<CLASS>(&mut self.padded, MARGIN..MARGIN + self.length, self.first, middle);
        let far = table.class(CLASS, MARGIN as u32 + 1..=limit);
        let bytes = self.padded.get_mut(MARGIN..MARGIN + self.length).unwrap_or_default();
        if self.first < EXACT_FLOATS {
            strike_far::<CLASS>(bytes, far, |prime| phase_by_float(self.first, prime));
        } else {
            strike_far::<CLASS>(bytes, far, |prime| phase(self.first, prime));
        }
    }

    /// Primes are multiples of themselves, and 1 is no prime.
    fn restore(&mut self, table: &Table, limit: u32) {
        let first = self.first;
        if first > u64::from(limit) / 30 {
            return;
        }
        let bytes = self.padded.get_mut(MARGIN..MARGIN + self.length).unwrap_or_default();
        for (class, _) in RESIDUES.iter().enumerate() {
            for prime in table.class(class, 7..=limit) {
                let place = u64::from(prime / 30).checked_sub(first).and_then(|place| bytes.get_mut(place as usize));
                if let Some(byte) = place {
                    *byte |= 1 << class;
                }
            }
        }
        if let Some(byte) = bytes.first_mut().filter(|_| first == 0) {
            *byte &= !1;
        }
    }
}

/// Strikes the multiples of `primes` in `part` of `padded`, which begins with the byte `first` of all numbers, and some
/// outside of it, up to a turn on both sides.
#[expect(clippy::indexing_slicing, reason = "positions are below 8, and all bytes were just found to be within a turn")]
fn strike_turns<const CLASS: usize>(padded: &mut [u8], part: Range<usize>, first: u64, primes: &[u32]) {
    for prime in primes.iter().map(|prime| *prime as usize) {
        let begin = part.start - (first % prime as u64) as usize;
        let Some(mut rest) = padded.get_mut(begin..part.end + prime) else { return };
        let thirtieth = prime / 30;
        let mut bytes = [0; 8];
        for (position, byte) in bytes.iter_mut().enumerate() {
            *byte = Turn::<CLASS>::byte(position, thirtieth);
        }
        if bytes.iter().any(|byte| *byte >= prime) {
            return;
        }
        while let Some((turn, after)) = rest.split_at_mut_checked(prime) {
            for position in 0..8 {
                turn[bytes[position]] &= Turn::<CLASS>::MASKS[position];
            }
            rest = after;
        }
    }
}

/// Where the turn of a prime is at the beginning of the segment: the byte, and the thirtieth of the turn.
type Phase = (usize, usize);

/// Below this, the quotient of a byte's index and a prime is rounded to the right integer.
const EXACT_FLOATS: u64 = 1 << 47;

fn phase(first: u64, prime: u32) -> Phase {
    let byte = first % u64::from(prime);
    (byte as usize, (byte * 30 / u64::from(prime)) as usize)
}

/// The same with one division, and that of floats, which is several times faster than that of integers. The quotient is
/// exact but for 2^-53 of itself, which is below 2^-6 / prime; what it leaves over is 0 or 1 / prime at least.
#[inline(always)]
fn phase_by_float(first: u64, prime: u32) -> Phase {
    let quotient = first as i64 as f64 / f64::from(prime);
    let turns = quotient as i64;
    let byte = (first as i64).wrapping_sub(turns.wrapping_mul(i64::from(prime)));
    let thirtieth = (quotient - turns as f64) * 30.0;
    (byte as usize, thirtieth as i64 as usize)
}

/// The first residue that is a thirtieth or more, by its position.
#[expect(clippy::indexing_slicing, reason = "evaluated when it is compiled")]
const AT_LEAST: [u8; 30] = {
    let mut at_least = [0; 30];
    let mut thirtieth = 0;
    while thirtieth < 30 {
        let mut position = 0;
        while (RESIDUES[position] as usize) < thirtieth {
            position += 1;
        }
        at_least[thirtieth] = position as u8;
        thirtieth += 1;
    }
    at_least
};

/// Strikes the multiples of `primes` of which few or none are in the segment, one by one.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "thirtieths are below 30, and positions below 8")]
fn strike_far<const CLASS: usize>(bytes: &mut [u8], primes: &[u32], phase: impl Fn(u32) -> Phase) {
    for prime in primes {
        let thirtieth = *prime as usize / 30;
        let (begin, part) = phase(*prime);
        let mut position = usize::from(AT_LEAST[part.min(29)]);
        if Turn::<CLASS>::byte(position, thirtieth) < begin {
            position += 1;
        }
        let mut place = Turn::<CLASS>::byte(position, thirtieth).wrapping_sub(begin);
        while let Some(byte) = bytes.get_mut(place) {
            let step = &Turn::<CLASS>::STEPS[position % 16];
            *byte &= step.mask;
            place = place.wrapping_add(thirtieth.wrapping_mul(step.factor.into())).wrapping_add(step.carry.into());
            position = step.next.into();
        }
    }
}
