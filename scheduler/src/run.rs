//! Consecutive indices.

use std::fmt;

/// Consecutive indices, `start` included and `end` excluded: of chunks in a job, or of numbers in a range.
///
/// Never empty when made by [`Run::new`]. One written out with `end <= start` holds nothing, and everything
/// here treats it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run {
    /// The first index.
    pub start: u64,
    /// The index after the last one.
    pub end: u64,
}

impl Run {
    /// The indices from `start` up to but without `end`; `None` if there are none.
    pub fn new(start: u64, end: u64) -> Option<Run> {
        (start < end).then_some(Run { start, end })
    }

    /// How many indices there are.
    #[allow(clippy::len_without_is_empty, reason = "one made by `new` is never empty")]
    pub fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether `index` is one of them.
    pub fn contains(&self, index: u64) -> bool {
        (self.start..self.end).contains(&index)
    }

    /// What both have, if anything.
    pub fn intersect(&self, other: Run) -> Option<Run> {
        Run::new(self.start.max(other.start), self.end.min(other.end))
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_never_empty() {
        assert_eq!(Run::new(3, 3), None);
        assert_eq!(Run::new(4, 3), None);
        let all = Run::new(0, u64::MAX).unwrap();
        assert_eq!(all.len(), u64::MAX);
        assert!(all.contains(u64::MAX - 1) && !all.contains(u64::MAX));
        let run = Run::new(2, 5).unwrap();
        assert_eq!(run.intersect(Run { start: 5, end: 9 }), None);
        assert_eq!(run.intersect(Run { start: 4, end: 9 }), Run::new(4, 5));
    }
}
