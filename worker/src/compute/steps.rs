//! The numbers of a task, a few at a time.

use std::{
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use swath_model::{JobId, OffsetRun};

use super::{Job, Stop};

/// A thread looks whether it should stop after each step; steps grow and shrink to take about this long.
const STEP: Duration = Duration::from_millis(4);

/// The first step of a job whose rows may be large.
const FIRST_STEP: u64 = 16;

/// How many numbers the next step has, as those before it suggest.
#[derive(Debug)]
pub(super) struct Steps {
    job: Option<JobId>,
    numbers: u64,
}

impl Default for Steps {
    fn default() -> Self {
        Self { job: None, numbers: FIRST_STEP }
    }
}

impl Steps {
    /// Walks over the numbers at these offsets.
    pub(super) fn walk<'a>(
        &'a mut self,
        job: &'a Job,
        offsets: OffsetRun,
        stop: &'a swath_evaluation::Stop,
    ) -> Walk<'a> {
        if self.job != Some(job.id) {
            *self = Self { job: Some(job.id), ..Self::default() };
        }
        Walk { steps: self, job, offsets, next: offsets.start(), stop, since: None }
    }

    /// After a step of so many numbers, which took so long.
    fn adapt(&mut self, numbers: u64, took: Duration) {
        if took < STEP / 2 && numbers >= self.numbers {
            self.numbers = self.numbers.saturating_mul(2);
        } else if took > STEP * 2 {
            self.numbers = (numbers / 2).max(1);
        }
    }
}

/// A walk over the numbers of a task.
pub(super) struct Walk<'a> {
    steps: &'a mut Steps,
    pub(super) job: &'a Job,
    pub(super) offsets: OffsetRun,
    next: u64,
    pub(super) stop: &'a swath_evaluation::Stop,
    /// When the last step began, and how many numbers it has.
    since: Option<(Instant, u64)>,
}

/// Some of the numbers.
pub(super) struct Step {
    pub(super) offsets: OffsetRun,
    pub(super) numbers: RangeInclusive<i64>,
}

impl Walk<'_> {
    /// The next numbers, at most so many; none after the last. An error if the thread was told to stop.
    pub(super) fn next(&mut self, most: u64) -> Result<Option<Step>, Stop> {
        let now = Instant::now();
        if let Some((since, numbers)) = self.since.take() {
            self.steps.adapt(numbers, now - since);
        }
        if self.stop.is_set() {
            return Err(Stop::Told);
        }
        let end = self.offsets.end().min(self.next.saturating_add(self.steps.numbers.min(most).max(1)));
        let Some(offsets) = OffsetRun::new(self.next, end) else { return Ok(None) };
        self.next = end;
        self.since = Some((now, offsets.len()));
        let range = self.job.chunks.range();
        let number = |offset| range.at(offset).unwrap_or_default();
        Ok(Some(Step { offsets, numbers: number(offsets.start())..=number(offsets.last()) }))
    }

    /// The next step should have about half as many numbers: their rows are large.
    pub(super) fn shorten(&mut self) {
        if let Some((_, numbers)) = self.since.take() {
            self.steps.numbers = (numbers / 2).max(1);
        }
    }

    /// The number at an offset of the job.
    pub(super) fn number(&self, offset: u64) -> i64 {
        self.job.chunks.range().at(offset).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_become_as_long_as_they_should() {
        let after = |before: u64, numbers: u64, took: Duration| {
            let mut steps = Steps { job: None, numbers: before };
            steps.adapt(numbers, took);
            steps.numbers
        };
        assert_eq!(after(1024, 1024, STEP / 100), 2048);
        assert_eq!(after(1024, 10, STEP / 100), 1024, "a step that was cut short says nothing");
        assert_eq!(after(1024, 1024, STEP * 10), 512);
        assert_eq!(after(1, 1, STEP * 10), 1);
        assert_eq!(after(1024, 1024, STEP), 1024);
    }
}
