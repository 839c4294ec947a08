//! Sets of indices that cost what their intervals cost, not what their members do.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use crate::{ChunkRun, OffsetRun, Run};

/// Chunks of a job.
pub type ChunkSet = IntervalSet<ChunkRun>;

/// Numbers of a range, by their offsets.
pub type OffsetSet = IntervalSet<OffsetRun>;

/// A set of `u64` indices, kept as disjoint runs that do not even touch.
///
/// Changes and look-ups take `O(log n)` of the number of intervals, plus the intervals they swallow or yield.
#[derive(Clone, PartialEq, Eq)]
pub struct IntervalSet<R> {
    /// Start and end of each interval.
    ends: BTreeMap<u64, u64>,
    len: u64,
    run: PhantomData<R>,
}

impl<R> Default for IntervalSet<R> {
    fn default() -> Self {
        Self { ends: BTreeMap::new(), len: 0, run: PhantomData }
    }
}

impl<R: Run> fmt::Debug for IntervalSet<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<R: Run> IntervalSet<R> {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds all of `run`.
    pub fn insert(&mut self, run: R) {
        let (mut start, mut end) = (run.start(), run.end());
        // Whatever overlaps or touches is swallowed; only the last interval that starts at or before the end can.
        while let Some((&near_start, &near_end)) = self.ends.range(..=end).next_back() {
            if near_end < start {
                break;
            }
            self.ends.remove(&near_start);
            self.len -= near_end - near_start;
            start = start.min(near_start);
            end = end.max(near_end);
        }
        self.ends.insert(start, end);
        self.len += end - start;
    }

    /// Takes all of `run` out.
    pub fn remove(&mut self, run: R) {
        while let Some((&start, &end)) = self.ends.range(..run.end()).next_back() {
            if end <= run.start() {
                break;
            }
            self.ends.remove(&start);
            self.len -= end - start;
            for (start, end) in [(start, run.start()), (run.end(), end)] {
                if start < end {
                    self.ends.insert(start, end);
                    self.len += end - start;
                }
            }
            if start <= run.start() {
                break;
            }
        }
    }

    /// Whether `index` is a member.
    pub fn contains(&self, index: u64) -> bool {
        let before = self.ends.range(..=index).next_back();
        before.is_some_and(|(_, &end)| index < end)
    }

    /// Whether every index of `run` is a member.
    pub fn contains_run(&self, run: R) -> bool {
        let before = self.ends.range(..=run.start()).next_back();
        before.is_some_and(|(_, &end)| run.end() <= end)
    }

    /// Whether any index of `run` is a member.
    pub fn overlaps(&self, run: R) -> bool {
        self.intersection(run).next().is_some()
    }

    /// What the set and `run` share, in order.
    pub fn intersection(&self, run: R) -> impl Iterator<Item = R> + '_ {
        let from = match self.ends.range(..=run.start()).next_back() {
            Some((&start, &end)) if end > run.start() => start,
            _ => run.start(),
        };
        let upto = run.end().max(from);
        self.ends.range(from..upto).filter_map(move |(&start, &end)| R::new(start.max(run.start()), end.min(run.end())))
    }

    /// What of `run` is missing from the set, in order.
    pub fn gaps(&self, run: R) -> impl Iterator<Item = R> + '_ {
        let mut from = run.start();
        let members = self.intersection(run).map(|member| (member.start(), member.end()));
        members.chain(std::iter::once((run.end(), run.end()))).filter_map(move |(start, end)| {
            let gap = R::new(from, start);
            from = end;
            gap
        })
    }

    /// The first interval.
    pub fn first(&self) -> Option<R> {
        let (&start, &end) = self.ends.first_key_value()?;
        R::new(start, end)
    }

    /// The last interval.
    pub fn last(&self) -> Option<R> {
        let (&start, &end) = self.ends.last_key_value()?;
        R::new(start, end)
    }

    /// The shortest run that holds all members.
    pub fn hull(&self) -> Option<R> {
        R::new(self.first()?.start(), self.last()?.end())
    }

    /// The first index from `from` on that is not a member.
    pub fn first_missing(&self, from: u64) -> u64 {
        match self.ends.range(..=from).next_back() {
            Some((_, &end)) => end.max(from),
            None => from,
        }
    }

    /// How many indices are members.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Of how many intervals the set consists.
    pub fn intervals(&self) -> usize {
        self.ends.len()
    }

    /// All intervals in order.
    pub fn iter(&self) -> impl Iterator<Item = R> + '_ {
        self.ends.iter().filter_map(|(&start, &end)| R::new(start, end))
    }
}

impl<R: Run> From<R> for IntervalSet<R> {
    fn from(run: R) -> Self {
        Self::from_iter([run])
    }
}

impl<R: Run> FromIterator<R> for IntervalSet<R> {
    fn from_iter<I: IntoIterator<Item = R>>(runs: I) -> Self {
        let mut set = Self::new();
        for run in runs {
            set.insert(run);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    const SPAN: u64 = 48;

    fn runs_of(members: &BTreeSet<u64>) -> Vec<OffsetRun> {
        let mut runs: Vec<OffsetRun> = Vec::new();
        for &member in members {
            match runs.last_mut() {
                Some(run) if run.end() == member => *run = OffsetRun::new(run.start(), member + 1).unwrap(),
                _ => runs.push(OffsetRun::new(member, member + 1).unwrap()),
            }
        }
        runs
    }

    fn within(members: &BTreeSet<u64>, run: OffsetRun) -> BTreeSet<u64> {
        (run.start()..run.end()).filter(|i| members.contains(i)).collect()
    }

    fn assert_same(set: &OffsetSet, model: &BTreeSet<u64>, probe: OffsetRun) {
        let runs = runs_of(model);
        assert_eq!(set.iter().collect::<Vec<_>>(), runs);
        assert_eq!(set.len(), model.len() as u64);
        assert_eq!(set.intervals(), runs.len());
        assert_eq!(set.is_empty(), model.is_empty());
        assert_eq!(set.first(), runs.first().copied());
        assert_eq!(set.last(), runs.last().copied());
        let hull = runs.first().zip(runs.last()).and_then(|(first, last)| OffsetRun::new(first.start(), last.end()));
        assert_eq!(set.hull(), hull);
        let shared = within(model, probe);
        let missing: BTreeSet<u64> = (probe.start()..probe.end()).filter(|i| !model.contains(i)).collect();
        assert_eq!(set.intersection(probe).collect::<Vec<_>>(), runs_of(&shared));
        assert_eq!(set.gaps(probe).collect::<Vec<_>>(), runs_of(&missing));
        assert_eq!(set.overlaps(probe), !shared.is_empty());
        assert_eq!(set.contains_run(probe), missing.is_empty());
        assert_eq!(set.contains(probe.start()), model.contains(&probe.start()));
        let first_missing = (probe.start()..).find(|i| !model.contains(i)).unwrap();
        assert_eq!(set.first_missing(probe.start()), first_missing);
    }

    fn run() -> impl Strategy<Value = OffsetRun> {
        (0..SPAN, 1..SPAN / 2).prop_map(|(start, len)| OffsetRun::new(start, start + len).unwrap())
    }

    proptest! {
        #[test]
        fn agrees_with_a_set_of_members(
            steps in prop::collection::vec((any::<bool>(), run(), run()), 1..60),
        ) {
            let mut set = OffsetSet::new();
            let mut model = BTreeSet::new();
            for (insert, run, probe) in steps {
                if insert {
                    set.insert(run);
                    model.extend(run.start()..run.end());
                } else {
                    set.remove(run);
                    model.retain(|&i| !run.contains(i));
                }
                assert_same(&set, &model, probe);
            }
        }
    }

    #[test]
    fn the_last_index_is_the_one_below_the_largest() {
        let all = OffsetRun::new(0, u64::MAX).unwrap();
        let mut set = OffsetSet::from(all);
        assert_eq!(set.len(), u64::MAX);
        assert_eq!(set.first_missing(7), u64::MAX);
        set.remove(OffsetRun::new(u64::MAX - 1, u64::MAX).unwrap());
        assert_eq!(set.len(), u64::MAX - 1);
        set.insert(all);
        assert_eq!((set.len(), set.intervals()), (u64::MAX, 1));
    }
}
