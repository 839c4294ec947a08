//! Consecutive indices, of chunks or of numbers.

use std::{fmt, ops};

/// Consecutive indices, at least one. Implemented by [`ChunkRun`] and [`OffsetRun`], so that
/// [`IntervalSet`](crate::IntervalSet) holds either and mixes them never.
pub trait Run: Copy + fmt::Debug + Ord {
    /// The indices from `start` up to but without `end`; `None` if there are none.
    fn new(start: u64, end: u64) -> Option<Self>;

    /// The first index.
    fn start(self) -> u64;

    /// The index after the last one.
    fn end(self) -> u64;
}

macro_rules! run {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            start: u64,
            end: u64,
        }

        impl $name {
            /// The indices from `start` up to but without `end`; `None` if there are none.
            pub const fn new(start: u64, end: u64) -> Option<Self> {
                if start < end { Some(Self { start, end }) } else { None }
            }

            /// `count` indices from `start` on; `None` if there are none, or if the last one would not fit `u64`.
            pub const fn from_start(start: u64, count: u64) -> Option<Self> {
                match start.checked_add(count) {
                    Some(end) => Self::new(start, end),
                    None => None,
                }
            }

            /// This index alone. `u64::MAX` is no index, because no end lies behind it: it stands for the one before.
            pub const fn one(index: u64) -> Self {
                let start = if index == u64::MAX { index - 1 } else { index };
                Self { start, end: start + 1 }
            }

            /// The first index.
            pub const fn start(self) -> u64 {
                self.start
            }

            /// The index after the last one.
            pub const fn end(self) -> u64 {
                self.end
            }

            /// The last index.
            pub const fn last(self) -> u64 {
                self.end - 1 // at least 0: a run is never empty
            }

            /// How many indices there are, at least 1.
            #[allow(clippy::len_without_is_empty, reason = "a run is never empty")]
            pub const fn len(self) -> u64 {
                self.end - self.start
            }

            /// Whether `index` is one of them.
            pub const fn contains(self, index: u64) -> bool {
                self.start <= index && index < self.end
            }

            /// Whether all of `other` is in it.
            pub const fn contains_run(self, other: Self) -> bool {
                self.start <= other.start && other.end <= self.end
            }

            /// What both have, if anything.
            pub fn intersect(self, other: Self) -> Option<Self> {
                Self::new(self.start.max(other.start), self.end.min(other.end))
            }

            /// The part from `index` on, if there is one.
            pub fn from(self, index: u64) -> Option<Self> {
                Self::new(self.start.max(index), self.end)
            }

            /// The part before `index`, if there is one.
            pub fn before(self, index: u64) -> Option<Self> {
                Self::new(self.start, self.end.min(index))
            }

            /// All indices in order.
            pub fn iter(self) -> ops::Range<u64> {
                self.start..self.end
            }
        }

        impl Run for $name {
            fn new(start: u64, end: u64) -> Option<Self> {
                Self::new(start, end)
            }

            fn start(self) -> u64 {
                self.start
            }

            fn end(self) -> u64 {
                self.end
            }
        }

        impl IntoIterator for $name {
            type Item = u64;
            type IntoIter = ops::Range<u64>;

            fn into_iter(self) -> Self::IntoIter {
                self.iter()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}..{}", self.start, self.end)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

run! {
    /// Consecutive chunks of a job, by their index; at least one.
    ChunkRun
}

run! {
    /// Consecutive numbers of a range, by their offset: how many numbers of the range come before; at least one.
    OffsetRun
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_never_empty() {
        assert_eq!(ChunkRun::new(3, 3), None);
        assert_eq!(ChunkRun::new(4, 3), None);
        assert_eq!(ChunkRun::from_start(4, 0), None);
        assert_eq!(ChunkRun::from_start(u64::MAX, 1), None);
        assert_eq!(ChunkRun::one(u64::MAX), ChunkRun::one(u64::MAX - 1));
        let all = OffsetRun::new(0, u64::MAX).unwrap();
        assert_eq!((all.len(), all.last()), (u64::MAX, u64::MAX - 1));
        assert!(all.contains(u64::MAX - 1) && !all.contains(u64::MAX));
    }

    #[test]
    fn parts_of_a_run() {
        let run = |start, end| OffsetRun::new(start, end).unwrap();
        assert_eq!(run(2, 5).intersect(run(5, 9)), None);
        assert_eq!(run(2, 5).intersect(run(4, 9)), Some(run(4, 5)));
        assert_eq!((run(2, 5).from(4), run(2, 5).from(5)), (Some(run(4, 5)), None));
        assert_eq!((run(2, 5).before(4), run(2, 5).before(2)), (Some(run(2, 4)), None));
        assert!(run(2, 5).contains_run(run(2, 5)) && !run(2, 5).contains_run(run(2, 6)));
        assert_eq!((run(2, 5).to_string(), run(2, 5).iter().sum::<u64>()), ("2..5".to_owned(), 9));
    }
}
