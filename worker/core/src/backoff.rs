//! When to try the coordinator again.

use std::time::Duration;

use swath_model::Instant;

use crate::Config;

/// Why there is no session, or no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The coordinator was not reached; it may be later.
    Unreachable,
    /// Access was denied. This is final, unless the worker had a session before: then its access is good, and may just
    /// be being renewed on either side.
    Denied,
    /// The coordinator refused this worker. This is final.
    Refused,
    /// The connection broke.
    Broken,
}

/// A time without a session.
#[derive(Debug)]
pub(crate) struct Backoff {
    since: Instant,
    /// The last pause, without its random part; zero before the first.
    pause: Duration,
}

impl Backoff {
    pub(crate) fn new(now: Instant) -> Self {
        Self { since: now, pause: Duration::ZERO }
    }

    /// A session of this length has ended.
    pub(crate) fn note_session(&mut self, now: Instant, length: Duration, config: &Config) {
        self.since = now;
        if length > config.sound_session {
            self.pause = Duration::ZERO;
        }
    }

    /// How long to wait before the next attempt: twice the last pause, and up to half as much more, so that workers
    /// that lost their coordinator together do not come back together. `None` when patience has run out.
    pub(crate) fn next_pause(&mut self, now: Instant, random: u64, config: &Config) -> Option<Duration> {
        self.pause = self.pause.saturating_mul(2).clamp(config.first_pause, config.last_pause.max(config.first_pause));
        let share = random as f64 / u64::MAX as f64;
        let pause = self.pause.mul_f64(1.0 + share / 2.0);
        ((now - self.since).saturating_add(pause) <= config.patience).then_some(pause)
    }

    /// Whether the last pause was the first.
    pub(crate) fn has_just_begun(&self, config: &Config) -> bool {
        self.pause == config.first_pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn pauses_double_up_to_the_last_and_begin_small_after_a_sound_session() {
        let config = Config { patience: Duration::from_secs(3600), ..Config::default() };
        let mut backoff = Backoff::new(at(0));
        let pauses: Vec<u128> =
            (0..9).filter_map(|_| backoff.next_pause(at(0), 0, &config)).map(|pause| pause.as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        backoff.note_session(at(0), Duration::from_secs(1), &config);
        assert_eq!(backoff.next_pause(at(0), 0, &config), Some(Duration::from_secs(5)));
        backoff.note_session(at(0), Duration::from_secs(6), &config);
        assert_eq!(backoff.next_pause(at(0), u64::MAX, &config), Some(Duration::from_millis(75)));
        assert!(backoff.has_just_begun(&config));
    }

    #[test]
    fn patience_runs_out_and_is_new_after_each_session() {
        let config = Config { patience: Duration::from_millis(200), ..Config::default() };
        let mut backoff = Backoff::new(at(0));
        assert_eq!(backoff.next_pause(at(150), 0, &config), Some(Duration::from_millis(50)));
        assert_eq!(backoff.next_pause(at(150), 0, &config), None);
        backoff.note_session(at(1000), Duration::ZERO, &config);
        assert_eq!(backoff.next_pause(at(1000), 0, &config), Some(Duration::from_millis(200)));
    }
}
