//! A segmented sieve of Eratosthenes.

use std::sync::LazyLock;

/// The primes to sieve a segment with.
pub(super) struct Primes {
    /// The first primes after those of the wheel, in their order.
    pub(super) struck: &'static [u32],
    /// Whether these and the wheel are all the primes there are up to the root.
    pub(super) all: bool,
}

impl Primes {
    /// All primes up to `root` where a sieve with them is cheaper for `count` numbers than testing
    /// what fewer primes leave; otherwise about as many as pay for themselves.
    #[expect(clippy::indexing_slicing, reason = "both ends are at most where the table was partitioned")]
    pub(super) fn up_to(root: u64, count: usize) -> Self {
        let end = TABLE.partition_point(|prime| u64::from(*prime) <= root);
        let known = root <= u64::from(TABLE_END);
        if known && end <= count.saturating_mul(ALL_A_NUMBER) {
            return Self { struck: &TABLE[..end], all: true };
        }
        let some = (count / NUMBERS_A_PRIME).max(FEWEST).min(end);
        Self { struck: &TABLE[..some], all: known && some == end }
    }
}

/// Up to this many primes a number, a sieve with all of them is the cheapest. Measured.
const ALL_A_NUMBER: usize = 8;

/// A sieve that leaves numbers over takes one prime for this many numbers. Measured; the cost is
/// flat around it.
const NUMBERS_A_PRIME: usize = 4;

/// A sieve that leaves numbers over takes at least this many primes, however few numbers.
const FEWEST: usize = 24;

/// The primes of the table end here; their squares at 2^40.
const TABLE_END: u32 = 1 << 20;

/// The primes from 17 to [`TABLE_END`], 82,019 of them.
#[expect(clippy::indexing_slicing, reason = "the sieve has a place for each number up to TABLE_END")]
static TABLE: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let mut is_prime = vec![true; TABLE_END as usize + 1];
    for n in 2..=1 << 10 {
        if is_prime[n] {
            for multiple in (n * n..is_prime.len()).step_by(n) {
                is_prime[multiple] = false;
            }
        }
    }
    (17..=TABLE_END).filter(|n| is_prime[*n as usize]).collect()
});

/// The product of the primes below 17.
const WHEEL_LENGTH: usize = 2 * 3 * 5 * 7 * 11 * 13;

/// Whether a number is divisible by no prime below 17, by its remainder.
#[expect(clippy::indexing_slicing, reason = "evaluated when it is compiled")]
static WHEEL: [bool; WHEEL_LENGTH] = {
    let mut wheel = [true; WHEEL_LENGTH];
    let mut n = 0;
    while n < WHEEL_LENGTH {
        wheel[n] = !(n.is_multiple_of(2)
            || n.is_multiple_of(3)
            || n.is_multiple_of(5)
            || n.is_multiple_of(7)
            || n.is_multiple_of(11)
            || n.is_multiple_of(13));
        n += 1;
    }
    wheel
};

/// Sets each place of `segment`, which stands for `first` and the numbers after it, to whether its
/// number is a prime below 17, or above that and has no divisor other than itself among the primes
/// below 17 and `primes`. All numbers are below 2^63.
pub(super) fn strike(first: u64, segment: &mut [bool], primes: &[u32]) {
    turn_wheel(first, segment);
    let last = first + segment.len() as u64 - 1;
    for prime in primes.iter().map(|prime| u64::from(*prime)) {
        let square = prime * prime;
        if square > last {
            break;
        }
        // The wheel has struck the even ones.
        let multiple = (first.div_ceil(prime) | 1) * prime;
        let offset = multiple.max(square) - first;
        strike_every(2 * prime as usize, offset as usize, segment);
    }
    for (number, is_prime) in (first..17).zip(segment) {
        *is_prime = matches!(number, 2 | 3 | 5 | 7 | 11 | 13);
    }
}

#[expect(clippy::indexing_slicing, reason = "the phase and the length end at WHEEL_LENGTH together")]
fn turn_wheel(first: u64, segment: &mut [bool]) {
    let mut phase = (first % WHEEL_LENGTH as u64) as usize;
    let mut rest = segment;
    while !rest.is_empty() {
        let length = rest.len().min(WHEEL_LENGTH - phase);
        let (turned, after) = rest.split_at_mut(length);
        turned.copy_from_slice(&WHEEL[phase..phase + length]);
        rest = after;
        phase = 0;
    }
}

fn strike_every(step: usize, offset: usize, segment: &mut [bool]) {
    let mut place = offset;
    while let Some(is_prime) = segment.get_mut(place) {
        *is_prime = false;
        place += step;
    }
}
