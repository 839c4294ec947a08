//! What is known of speeds, and how long a lease should be.

use std::time::Duration;

use crate::{Instant, nanos};

/// The length of a worker's first lease in numbers for each of its threads, while nothing is known.
pub(crate) const FIRST_GUESS: u64 = 65_536;

/// By how much a lease may be longer than the worker's previous one: a rate measured on little is not yet
/// trusted with much.
const MAX_GROWTH: u64 = 8;

/// A lease is worth its round trip if it takes at least this long.
const SHORTEST: Duration = Duration::from_millis(5);

/// Numbers a second, as a moving average in which each new observation weighs one half.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    observed: Option<f64>,
    /// What is expected as long as nothing has been observed.
    expected: Option<f64>,
}

impl Rate {
    pub(crate) fn observe(&mut self, numbers: f64, busy: Duration) {
        let observed = per_second(numbers, busy);
        self.observed = Some(self.observed.map_or(observed, |rate| 0.5 * (rate + observed)));
    }

    /// Some work is not over yet, but this is how far it is: counts until something is observed.
    pub(crate) fn expect(&mut self, numbers: f64, elapsed: Duration) {
        self.expected = Some(per_second(numbers, elapsed));
    }

    pub(crate) fn is_observed(self) -> bool {
        self.observed.is_some()
    }

    pub(crate) fn per_second(self) -> Option<f64> {
        self.observed.or(self.expected)
    }
}

fn per_second(numbers: f64, time: Duration) -> f64 {
    // No worker is so fast; a time of 0 says that its clock is coarse.
    numbers / time.max(Duration::from_micros(1)).as_secs_f64()
}

/// How one worker gets on with one job.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WorkerRate {
    pub(crate) rate: Rate,
    /// The length in numbers that its last lease was to have.
    pub(crate) previous: Option<u64>,
}

/// How many numbers of a job are received in a second, over the last few seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Throughput {
    since: Instant,
    numbers: u64,
    per_second: Option<f64>,
}

impl Throughput {
    /// Shorter spans are too jumpy to be shown.
    const SPAN: Duration = Duration::from_millis(500);
    /// Spans as long as this weigh one half.
    const MEMORY: Duration = Duration::from_secs(3);

    pub(crate) fn new(now: Instant) -> Self {
        Throughput { since: now, numbers: 0, per_second: None }
    }

    pub(crate) fn add(&mut self, now: Instant, numbers: u64) {
        self.numbers = self.numbers.saturating_add(numbers);
        let span = now - self.since;
        if span < Self::SPAN {
            return;
        }
        let seconds = span.as_secs_f64();
        let observed = self.numbers as f64 / seconds;
        let weight = seconds / (seconds + Self::MEMORY.as_secs_f64());
        self.per_second = Some(match self.per_second {
            Some(before) => before + weight * (observed - before),
            None => observed,
        });
        self.since = now;
        self.numbers = 0;
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.per_second.unwrap_or(0.0)
    }
}

/// What the length of a lease depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeaseSizing {
    /// The worker's numbers a second for the job, if anything is known.
    pub(crate) rate: Option<f64>,
    /// Numbers a second of one thread of any worker, if anything is known.
    pub(crate) rate_per_thread: Option<f64>,
    /// The worker's threads.
    pub(crate) threads: u32,
    /// The threads of all active workers.
    pub(crate) all_threads: u64,
    /// How many numbers of the job wait.
    pub(crate) waiting: f64,
    /// The length that the worker's previous lease of the job was to have.
    pub(crate) previous: Option<u64>,
}

impl LeaseSizing {
    /// How many numbers the next lease should have, at least 1.
    ///
    /// Half of the worker's share of what waits, so that leases shrink toward the end and all workers finish
    /// together (guided self-scheduling: Polychronopoulos and Kuck, 1987), but no more than `target`.
    pub(crate) fn lease_numbers(&self, target: Duration, most: u64) -> u64 {
        let half_share = 0.5 * self.waiting * self.share();
        let wanted = match self.rate {
            Some(rate) => {
                let longest = rate * target.as_secs_f64();
                let shortest = rate * SHORTEST.min(target).as_secs_f64();
                half_share.max(shortest).min(longest)
            }
            None => half_share.min(first_guess(self.threads) as f64),
        };
        let wanted = (wanted as u64).max(1);
        let grown = self.previous.map_or(u64::MAX, |previous| previous.max(1).saturating_mul(MAX_GROWTH));
        wanted.min(grown).min(most.max(1))
    }

    /// How long `numbers` will take the worker. Unknown: as long as a lease should, in proportion.
    pub(crate) fn duration_of(&self, numbers: u64, target: Duration) -> Duration {
        match self.rate {
            Some(rate) => seconds(numbers as f64 / rate),
            None => {
                let part = numbers as f64 / first_guess(self.threads) as f64;
                seconds(target.as_secs_f64() * part.min(1.0))
            }
        }
    }

    /// Which part of all work this worker does, between 0 and 1.
    fn share(&self) -> f64 {
        let all_threads = self.all_threads.max(1) as f64;
        let share = match (self.rate, self.rate_per_thread) {
            (Some(rate), Some(thread)) => rate / (thread * all_threads),
            _ => f64::from(self.threads) / all_threads,
        };
        share.min(1.0)
    }
}

/// What remains of a lease, and since when its worker has been at work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remainder {
    /// Numbers still outstanding.
    pub(crate) numbers: f64,
    /// Numbers that it had at first, but for those that others have by now.
    pub(crate) of: f64,
    /// Whether it is the one being computed.
    pub(crate) computing: bool,
    /// How long the worker has been computing what it computes now.
    pub(crate) elapsed: Duration,
    /// The worker's numbers a second for the job, if anything is known.
    pub(crate) rate: Option<f64>,
}

impl Remainder {
    /// How long it will take yet. One that is overdue is expected to stay so for as long again, and one about
    /// which nothing is known is expected to take as long as it has taken.
    pub(crate) fn time(&self) -> Duration {
        match self.rate {
            Some(rate) => {
                let due = seconds(self.of / rate);
                let overdue = self.elapsed.saturating_sub(due);
                let left = seconds(self.numbers / rate);
                if self.computing { left.max(overdue) } else { left }
            }
            None => {
                let done = self.of - self.numbers;
                if self.computing && done > 0.0 {
                    seconds(self.elapsed.as_secs_f64() * self.numbers / done)
                } else {
                    self.elapsed
                }
            }
        }
    }
}

/// What a lease of this duration costs a worker of so many threads, in nanoseconds of a thread.
pub(crate) fn thread_time(duration: Duration, threads: u32) -> u64 {
    nanos(duration).saturating_mul(u64::from(threads))
}

fn first_guess(threads: u32) -> u64 {
    FIRST_GUESS * u64::from(threads)
}

/// `seconds` as a duration; a year where it is longer or makes no sense.
fn seconds(seconds: f64) -> Duration {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    Duration::try_from_secs_f64(seconds).map_or(YEAR, |duration| duration.min(YEAR))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(500);
    const MOST: u64 = 1 << 24;

    fn sizing() -> LeaseSizing {
        LeaseSizing {
            rate: Some(1e6),
            rate_per_thread: Some(1e6),
            threads: 1,
            all_threads: 1,
            waiting: 1e9,
            previous: Some(1 << 20),
        }
    }

    #[test]
    fn a_lease_takes_the_target_and_shrinks_at_the_end() {
        let mut p = sizing();
        assert_eq!(p.lease_numbers(TARGET, MOST), 500_000);
        p.waiting = 100_000.0;
        assert_eq!(p.lease_numbers(TARGET, MOST), 50_000);
        p.all_threads = 4;
        assert_eq!(p.lease_numbers(TARGET, MOST), 12_500);
        p.waiting = 10.0;
        assert_eq!(p.lease_numbers(TARGET, MOST), 5_000, "5 ms at least");
    }

    #[test]
    fn a_lease_grows_eightfold_at_most_and_never_above_the_bound() {
        let mut p = sizing();
        p.previous = Some(1000);
        assert_eq!(p.lease_numbers(TARGET, MOST), 8000);
        p.previous = None;
        p.rate = Some(1e12);
        assert_eq!(p.lease_numbers(TARGET, MOST), MOST);
        p.rate = Some(1e-9);
        assert_eq!(p.lease_numbers(TARGET, MOST), 1);
        assert_eq!(p.lease_numbers(Duration::ZERO, 0), 1);
    }

    #[test]
    fn the_first_lease_is_a_guess() {
        let mut p = sizing();
        (p.rate, p.rate_per_thread, p.previous, p.threads) = (None, None, None, 4);
        p.all_threads = 8;
        assert_eq!(p.lease_numbers(TARGET, MOST), 4 * FIRST_GUESS);
        p.waiting = 1000.0;
        assert_eq!(p.lease_numbers(TARGET, MOST), 250);
        assert_eq!(p.duration_of(4 * FIRST_GUESS, TARGET), TARGET);
    }

    #[test]
    fn a_rate_follows_its_observations_by_half() {
        let mut rate = Rate::default();
        assert_eq!(rate.per_second(), None);
        rate.observe(100.0, Duration::from_secs(1));
        rate.observe(300.0, Duration::from_secs(1));
        assert_eq!(rate.per_second(), Some(200.0));
        rate.observe(1.0, Duration::ZERO);
        assert!(rate.per_second().is_some_and(f64::is_finite));
    }

    #[test]
    fn throughput_is_what_came_in_over_time() {
        let mut throughput = Throughput::new(Instant::ZERO);
        throughput.add(Instant::ZERO + Duration::from_millis(100), 500);
        assert_eq!(throughput.per_second(), 0.0);
        throughput.add(Instant::ZERO + Duration::from_secs(1), 500);
        assert_eq!(throughput.per_second(), 1000.0);
        throughput.add(Instant::ZERO + Duration::from_secs(4), 9000);
        assert_eq!(throughput.per_second(), 2000.0);
    }

    #[test]
    fn a_lease_that_is_overdue_is_not_about_to_end() {
        let mut remainder = Remainder {
            numbers: 10.0,
            of: 1000.0,
            computing: true,
            elapsed: Duration::from_secs(1),
            rate: Some(1000.0),
        };
        assert_eq!(remainder.time(), Duration::from_millis(10));
        remainder.elapsed = Duration::from_secs(5);
        assert_eq!(remainder.time(), Duration::from_secs(4));
        remainder.rate = None;
        remainder.numbers = 500.0;
        assert_eq!(remainder.time(), Duration::from_secs(5));
    }
}
