//! Trajectories of the Collatz problem, ten halvings at a time.
//!
//! Write T(n) for n/2 (even) and (3n+1)/2 (odd). What T does [`HALVINGS`] times to a number depends on as many of its
//! lowest bits: `2^k * a + b` becomes `3^c * a + T^k(b)`, where c is how many of the numbers on the way from b are odd.
//! So a table for all b does it in one multiplication (E. Roosendaal, "On the 3x + 1 problem",
//! <http://www.ericr.nl/wondrus/techpage.html>).
//!
//! All numbers on the way are such linear functions of a, and the one that grows the fastest is the greatest already
//! where a is 0; a test looks at all of them.

use std::sync::LazyLock;

/// How many halvings a jump has; the table stays in the first cache.
const HALVINGS: u32 = 10;
const JUMPS: usize = 1 << HALVINGS;

/// Below this, neither the end of a jump nor what is on the way leaves 64 bits.
const JUMPS_END: u64 = 1 << 56;

/// Why a trajectory was not followed to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Abandoned {
    /// More steps than are allowed.
    TooManySteps,
    /// A number on the way does not fit 128 bits.
    TooLarge,
}

/// What is known of a trajectory that leads to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trajectory {
    /// How many steps it has.
    pub(crate) steps: u64,
    /// Its greatest number, which may be the first.
    pub(crate) peak: i128,
}

/// What [`HALVINGS`] of T do to numbers with the same lowest bits.
#[derive(Debug, Clone, Copy, Default)]
struct Jump {
    factor: u32,
    addend: u32,
    /// The same for the greatest number on the way.
    peak_factor: u32,
    peak_addend: u32,
    /// The steps, of which an odd T has two.
    steps: u32,
}

static TABLE: LazyLock<Box<[Jump; JUMPS]>> = LazyLock::new(|| {
    let mut table = Box::new([Jump::default(); JUMPS]);
    for (low, jump) in (0..).zip(table.iter_mut()) {
        *jump = Jump::new(low);
    }
    table
});

/// Steps and peak of the numbers below [`JUMPS`], each found by way of the smaller ones.
static SMALL: LazyLock<Box<[(u32, u32); JUMPS]>> = LazyLock::new(|| {
    let mut small = Box::new([(0, 1); JUMPS]);
    for number in 2..JUMPS {
        let (mut n, mut steps, mut peak) = (number, 0, number);
        while n >= number {
            n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
            steps += 1;
            peak = peak.max(n);
        }
        let (more, higher) = small.get(n).copied().unwrap_or_default();
        if let Some(place) = small.get_mut(number) {
            *place = (steps + more, higher.max(peak as u32));
        }
    }
    small
});

impl Jump {
    fn new(low: u32) -> Self {
        let (mut factor, mut addend) = (JUMPS as u32, low);
        let mut greatest = (factor, addend);
        for _ in 0..HALVINGS {
            if !addend.is_multiple_of(2) {
                (factor, addend) = (3 * factor, 3 * addend + 1);
                greatest = greatest.max((factor, addend));
            }
            (factor, addend) = (factor / 2, addend / 2);
        }
        let (peak_factor, peak_addend) = greatest;
        Self { factor, addend, peak_factor, peak_addend, steps: HALVINGS + factor.ilog(3) }
    }
}

/// How many steps lead from `number`, at least 1, to 1.
pub(crate) fn stopping_time(number: u64, max_steps: u64) -> Result<u64, Abandoned> {
    follow(number, max_steps, &mut Unwatched)
}

/// The whole trajectory of `number`, at least 1. One whose peak does not fit `i128` is [`Abandoned::TooLarge`].
pub(crate) fn trajectory(number: u64, max_steps: u64) -> Result<Trajectory, Abandoned> {
    let mut peak = Peak { in_jumps: number, beyond: 0 };
    let steps = follow(number, max_steps, &mut peak)?;
    let peak = i128::try_from(u128::from(peak.in_jumps).max(peak.beyond)).map_err(|_| Abandoned::TooLarge)?;
    Ok(Trajectory { steps, peak })
}

/// Sees the numbers on the way.
trait Watch {
    /// All numbers of a jump from `high * 2^k` and its lowest bits.
    fn jump(&mut self, high: u64, jump: &Jump);
    /// All numbers from one below [`JUMPS`] on.
    fn small(&mut self, peak: u32);
    /// One that may not fit a jump.
    fn large(&mut self, number: u128);
}

struct Unwatched;

impl Watch for Unwatched {
    fn jump(&mut self, _: u64, _: &Jump) {}
    fn small(&mut self, _: u32) {}
    fn large(&mut self, _: u128) {}
}

struct Peak {
    in_jumps: u64,
    beyond: u128,
}

impl Watch for Peak {
    #[inline(always)]
    fn jump(&mut self, high: u64, jump: &Jump) {
        let greatest = high.wrapping_mul(jump.peak_factor.into()).wrapping_add(jump.peak_addend.into());
        self.in_jumps = self.in_jumps.max(greatest);
    }

    fn small(&mut self, peak: u32) {
        self.in_jumps = self.in_jumps.max(peak.into());
    }

    fn large(&mut self, number: u128) {
        self.beyond = self.beyond.max(number);
    }
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "both tables have a place for each number below JUMPS")]
fn follow(number: u64, max_steps: u64, watch: &mut impl Watch) -> Result<u64, Abandoned> {
    let (table, small) = (&**TABLE, &**SMALL);
    let (mut n, mut steps) = (number, 0u64);
    while n >= JUMPS as u64 {
        if n >= JUMPS_END {
            (n, steps) = climb_down(n.into(), steps, max_steps, watch)?;
            continue;
        }
        let jump = &table[n as usize % JUMPS];
        let high = n >> HALVINGS;
        watch.jump(high, jump);
        n = high.wrapping_mul(jump.factor.into()).wrapping_add(jump.addend.into());
        steps = steps.wrapping_add(jump.steps.into());
        if steps > max_steps {
            return Err(Abandoned::TooManySteps);
        }
    }
    let (more, peak) = small[n as usize];
    watch.small(peak);
    steps = steps.wrapping_add(more.into());
    if steps > max_steps { Err(Abandoned::TooManySteps) } else { Ok(steps) }
}

/// Follows the trajectory from `n` after `steps`, one step at a time, until it fits a jump again. Returns where that is
/// and after how many steps.
fn climb_down(mut n: u128, mut steps: u64, max_steps: u64, watch: &mut impl Watch) -> Result<(u64, u64), Abandoned> {
    loop {
        let halvings = n.trailing_zeros();
        n >>= halvings;
        steps = steps.saturating_add(halvings.into());
        if steps > max_steps {
            return Err(Abandoned::TooManySteps);
        }
        if n < u128::from(JUMPS_END) {
            return Ok((n as u64, steps));
        }
        n = n.checked_mul(3).and_then(|n| n.checked_add(1)).ok_or(Abandoned::TooLarge)?;
        watch.large(n);
        steps = steps.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One step at a time.
    fn naive(number: u64) -> Trajectory {
        let (mut n, mut steps, mut peak) = (u128::from(number), 0, u128::from(number));
        while n != 1 {
            n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
            steps += 1;
            peak = peak.max(n);
        }
        Trajectory { steps, peak: peak as i128 }
    }

    fn check(number: u64) {
        let expected = naive(number);
        assert_eq!(trajectory(number, u64::MAX), Ok(expected), "{number}");
        assert_eq!(stopping_time(number, expected.steps), Ok(expected.steps), "{number}");
        assert_eq!(trajectory(number, expected.steps), Ok(expected), "{number}");
        if let Some(fewer) = expected.steps.checked_sub(1) {
            assert_eq!(stopping_time(number, fewer), Err(Abandoned::TooManySteps), "{number}");
            assert_eq!(trajectory(number, fewer), Err(Abandoned::TooManySteps), "{number}");
        }
    }

    /// OEIS A025586.
    #[test]
    fn the_first_peaks() {
        let peaks = [1, 2, 16, 4, 16, 16, 52, 8, 52, 16, 52, 16, 40, 52, 160, 16, 52, 52, 88, 20, 64];
        for (number, peak) in (1..).zip(peaks) {
            assert_eq!(trajectory(number, 1000).unwrap().peak, peak, "{number}");
        }
    }

    /// OEIS A006884, A006885.
    #[test]
    fn known_records() {
        for (number, peak) in [
            (27, 9232),
            (703, 250_504),
            (9663, 27_114_424),
            (319_804_831, 1_414_236_446_719_942_480),
            (8_528_817_511, 18_144_594_937_356_598_024),
            (12_327_829_503, 20_722_398_914_405_051_728),
            (1_980_976_057_694_848_447, 64_024_667_322_193_133_530_165_877_294_264_738_020),
        ] {
            assert_eq!(trajectory(number, u64::MAX).unwrap().peak, peak, "{number}");
            check(number);
        }
    }

    #[test]
    fn all_small_numbers() {
        (1..300_000).for_each(check);
    }

    #[test]
    fn around_the_bounds() {
        for bound in [JUMPS as u64, JUMPS_END, 1 << 32, 1 << 62, i64::MAX as u64 - 1000] {
            (bound - 1000..=bound + 1000).for_each(check);
        }
        // Ends of jumps.
        (0..63).for_each(|bit| check(1 << bit));
    }

    #[test]
    fn the_greatest_number_of_a_jump_is_so_for_all_numbers() {
        for low in 0..JUMPS as u32 {
            let jump = Jump::new(low);
            let mut at = (JUMPS as u32, low);
            for _ in 0..HALVINGS {
                if at.1 % 2 == 1 {
                    at = (3 * at.0, 3 * at.1 + 1);
                }
                assert!(at.0 <= jump.peak_factor && at.1 <= jump.peak_addend, "{low}");
                at = (at.0 / 2, at.1 / 2);
            }
            assert_eq!(at, (jump.factor, jump.addend));
        }
    }

    #[test]
    fn leaving_128_bits_is_noticed() {
        // 3n + 1 is 2^128 for the first, and 2^128 - 6 for the second.
        let smallest = u128::MAX / 3;
        assert_eq!(climb_down(smallest, 0, 1, &mut Unwatched), Err(Abandoned::TooLarge));
        assert_eq!(climb_down(smallest - 2, 0, 1, &mut Unwatched), Err(Abandoned::TooManySteps));
    }

    proptest! {
        #[test]
        fn random_numbers(bits in 0u32..63, number in 1u64..1 << 63) {
            check((number >> bits).max(1));
        }
    }
}
