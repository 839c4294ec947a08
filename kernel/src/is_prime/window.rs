//! The numbers that a thread has sieved last.
//!
//! Values are asked for in short runs of numbers that follow each other, and a sieve is only cheap for many at once. So
//! each thread keeps a window, and sieves ahead as far as it expects to be asked.

use std::ops::Range;

use crate::{
    Bits, miller_rabin,
    sieve::{self, Primes, Segment},
};

/// How many numbers are sieved at a time, at most: those of a block.
const MOST: u64 = 1 << 20;

/// How many bytes of the wheel become bits at a time, which stay in the first cache.
const STEP: usize = 1 << 11;

/// A part of the wheel, and what was asked of it.
#[derive(Debug, Default)]
pub(super) struct Window {
    segment: Segment,
    /// Whether what the segment has set are primes; otherwise they are to be tested.
    is_decided: bool,
    /// The first number of the run that is asked for, and the number after the last of it.
    run: (u64, u64),
    /// How many numbers the run before that had.
    run_before: u64,
    /// Bits of a few numbers.
    bits: Vec<u8>,
}

impl Window {
    /// Appends to `bits` whether the numbers from `first` to `last`, below 2^63, are primes.
    pub(super) fn append(&mut self, first: u64, last: u64, bits: &mut Bits) {
        if first != self.run.1 {
            self.run_before = self.run.1 - self.run.0;
            self.run.0 = first;
        }
        self.run.1 = last + 1;
        bits.reserve(usize::try_from(last - first + 1).unwrap_or(usize::MAX));
        let mut next = first;
        while next <= last {
            if !self.numbers().contains(&next) {
                self.move_to(next, last);
            }
            next = self.expand(next, last, bits);
        }
    }

    /// The numbers that the segment stands for.
    fn numbers(&self) -> Range<u64> {
        let first = 30 * self.segment.first();
        first..first + 30 * self.segment.bytes().len() as u64
    }

    /// Sieves from `first` on: what is asked for, and as much more as has been asked for in this run, or was in the run
    /// before.
    fn move_to(&mut self, first: u64, last: u64) {
        let asked = first - self.run.0;
        let expected = asked.max(self.run_before.saturating_sub(asked));
        let numbers = (last - first + 1).max(expected).min(MOST);
        let (start, end) = (first / 30, (first + numbers).div_ceil(30));
        let length = (end - start) as usize;
        let primes = Primes::up_to((30 * end - 1).isqrt(), 30 * length);
        self.segment.sieve(start, length, primes.table, primes.limit);
        self.is_decided = primes.all;
    }

    /// Appends the bits of numbers from `first` to `last` that the segment has. Returns the first number after them.
    fn expand(&mut self, first: u64, last: u64, bits: &mut Bits) -> u64 {
        let start = (first / 30 - self.segment.first()) as usize;
        let wheel = self.segment.bytes().get(start..).unwrap_or_default();
        let wheel = wheel.get(..STEP).unwrap_or(wheel);
        let base = first / 30 * 30;
        let end = (base + 30 * wheel.len() as u64).min(last + 1);
        let wheel = wheel.get(..(end - base).div_ceil(30) as usize).unwrap_or(wheel);
        sieve::expand(wheel, &mut self.bits);
        if base == 0 {
            // The numbers that the wheel leaves out.
            if let Some(byte) = self.bits.first_mut() {
                *byte |= 1 << 2 | 1 << 3 | 1 << 5;
            }
        }
        if !self.is_decided {
            test(base, first..end, &mut self.bits);
        }
        let skip = (first - base) as usize;
        let packed = self.bits.get(skip / 8..).unwrap_or_default();
        bits.append_packed(packed, skip % 8, (end - first) as usize);
        end
    }
}

/// Clears the bits of those of `numbers` that are set and no primes. The first bit stands for `base`.
fn test(base: u64, numbers: Range<u64>, bits: &mut [u8]) {
    for (byte, eight) in bits.iter_mut().zip((base..).step_by(8)) {
        let mut left = *byte;
        while left != 0 {
            let bit = left.trailing_zeros();
            let number = eight + u64::from(bit);
            if numbers.contains(&number) && !miller_rabin::is_prime(number) {
                *byte &= !(1 << bit);
            }
            left &= left - 1;
        }
    }
}
