//! What is kept of the values of one source.

use std::{borrow::Borrow, cmp::Ordering};

use arrow_buffer::i256;

use crate::{
    float_sum::FloatSum,
    lanes::{self, Summary},
    plan::{Keep, Wants},
    rows::Run,
    value_counts::{Counted, Full, ValueCounts, prefix},
    wide::Wide,
};

/// Floats whose keys are made together.
const KEYS: usize = 1024;

/// What is kept of values, which are kept as `T`.
#[derive(Clone, Debug)]
pub(crate) struct State<T> {
    pub(crate) wants: Wants,
    /// How many values there were.
    pub(crate) count: i64,
    pub(crate) sum: Sum,
    pub(crate) least: Option<Extreme<T>>,
    pub(crate) greatest: Option<Extreme<T>>,
    pub(crate) counts: ValueCounts<T>,
}

/// The least or the greatest value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extreme<T> {
    pub(crate) value: T,
    /// The smallest number at which it is, or 0 if nobody asks for that.
    pub(crate) number: i64,
}

/// A sum.
#[derive(Clone, Debug)]
pub(crate) enum Sum {
    /// Of integers, decimals without their point, or of booleans.
    Whole(Wide),
    Float(Box<FloatSum>),
}

/// A least or a greatest value that may replace the one that is kept.
#[derive(Clone, Copy)]
struct Offer<T> {
    value: T,
    /// How it compares to one that it replaces.
    replaces: Ordering,
    keep: Keep,
    /// No row that it could be in has a smaller number.
    earliest: i64,
}

impl<T> Extreme<T> {
    /// Puts the better one in `slot`; of equal ones that with the smaller number, which `number` finds.
    fn offer<Q>(slot: &mut Option<Self>, offer: Offer<&Q>, number: impl FnOnce() -> i64)
    where
        Q: Ord + ToOwned<Owned = T> + ?Sized,
        T: Borrow<Q>,
    {
        let place = |number: i64| if offer.keep == Keep::Place { number } else { 0 };
        let Some(kept) = slot else {
            *slot = Some(Self { value: offer.value.to_owned(), number: place(number()) });
            return;
        };
        let compared = offer.value.cmp(kept.value.borrow());
        if compared == offer.replaces {
            *kept = Self { value: offer.value.to_owned(), number: place(number()) };
        } else if compared == Ordering::Equal && offer.keep == Keep::Place && offer.earliest < kept.number {
            kept.number = kept.number.min(number());
        }
    }
}

impl<T: Ord> State<T> {
    pub(crate) fn new(wants: Wants, sum: Sum) -> Self {
        Self { wants, count: 0, sum, least: None, greatest: None, counts: ValueCounts::new() }
    }

    /// Whether anything but their count is wanted of the values.
    pub(crate) fn needs_values(&self) -> bool {
        self.wants.sum || self.wants.extremes() || self.wants.counts
    }

    fn offer_least<Q>(&mut self, value: &Q, earliest: i64, number: impl FnOnce() -> i64)
    where
        Q: Ord + ToOwned<Owned = T> + ?Sized,
        T: Borrow<Q>,
    {
        if self.wants.least > Keep::Nothing {
            let offer = Offer { value, replaces: Ordering::Less, keep: self.wants.least, earliest };
            Extreme::offer(&mut self.least, offer, number);
        }
    }

    fn offer_greatest<Q>(&mut self, value: &Q, earliest: i64, number: impl FnOnce() -> i64)
    where
        Q: Ord + ToOwned<Owned = T> + ?Sized,
        T: Borrow<Q>,
    {
        if self.wants.greatest > Keep::Nothing {
            let offer = Offer { value, replaces: Ordering::Greater, keep: self.wants.greatest, earliest };
            Extreme::offer(&mut self.greatest, offer, number);
        }
    }

    fn add_whole(&mut self, sum: Wide) {
        if let Sum::Whole(whole) = &mut self.sum {
            whole.add(sum);
        }
    }

    /// Takes in another state of the same source. Both counts together fit an `i64`.
    pub(crate) fn merge<Q>(&mut self, mut other: Self) -> Result<(), Full>
    where
        Q: Counted + ToOwned<Owned = T> + ?Sized,
        T: Borrow<Q>,
    {
        other.counts.settle::<Q>()?;
        self.counts.merge::<Q>(other.counts)?;
        self.count = self.count.saturating_add(other.count);
        match (&mut self.sum, other.sum) {
            (Sum::Whole(sum), Sum::Whole(other)) => sum.add(other),
            (Sum::Float(sum), Sum::Float(other)) => sum.merge(*other),
            _ => {}
        }
        if let Some(least) = other.least {
            self.offer_least::<Q>(least.value.borrow(), least.number, || least.number);
        }
        if let Some(greatest) = other.greatest {
            self.offer_greatest::<Q>(greatest.value.borrow(), greatest.number, || greatest.number);
        }
        Ok(())
    }
}

impl State<i64> {
    /// Takes in integers, or what is kept as such. Each stands for a value that is greater by `bias`.
    pub(crate) fn add_integers(&mut self, run: Run<'_, i64>, bias: i128) -> Result<(), Full> {
        if run.values.is_empty() {
            return Ok(());
        }
        let count = run.values.len() as i64;
        let mut summary = Summary { sum: 0, least: 0, greatest: 0 };
        match (self.wants.sum, self.wants.extremes()) {
            (true, true) => summary = lanes::summarise(run.values),
            (true, false) => summary.sum = lanes::sum(run.values),
            (false, true) => (summary.least, summary.greatest) = lanes::extremes(run.values),
            (false, false) => {}
        }
        self.count += count;
        self.add_whole(Wide::from(summary.sum + bias * i128::from(count)));
        self.add_extremes(run, summary.least, summary.greatest);
        self.count_values(run)
    }

    /// Takes in floats.
    pub(crate) fn add_floats(&mut self, run: Run<'_, f64>) -> Result<(), Full> {
        self.count += run.values.len() as i64;
        if let (true, Sum::Float(sum)) = (self.wants.sum, &mut self.sum) {
            sum.add_all(run.values);
        }
        if !self.wants.extremes() && !self.wants.counts {
            return Ok(());
        }
        let mut keys = [0; KEYS];
        for part in run.parts(KEYS) {
            lanes::float_keys(part.values, &mut keys);
            let part = part.with(keys.get(..part.values.len()).unwrap_or_default());
            if self.wants.extremes() {
                let (least, greatest) = lanes::extremes(part.values);
                self.add_extremes(part, least, greatest);
            }
            self.count_values(part)?;
        }
        Ok(())
    }

    /// Takes in booleans: how many are false and true, and where the `first` of each is, none of them before
    /// `earliest`.
    pub(crate) fn add_booleans(
        &mut self,
        counts: [usize; 2],
        earliest: i64,
        first: impl Fn(bool) -> i64,
    ) -> Result<(), Full> {
        let [falses, trues] = counts.map(|count| count as i64);
        self.count += falses + trues;
        self.add_whole(Wide::from(i128::from(trues)));
        for (value, count) in [(false, falses), (true, trues)].into_iter().filter(|(_, count)| *count > 0) {
            let key = i64::from(value);
            self.offer_least(&key, earliest, || first(value));
            self.offer_greatest(&key, earliest, || first(value));
            if self.wants.counts {
                self.counts.add::<i64>(key, count)?;
            }
        }
        Ok(())
    }

    /// Takes in the numbers from one to another as values of themselves.
    pub(crate) fn add_consecutive(&mut self, first: i64, last: i64) -> Result<(), Full> {
        let count = i128::from(last) - i128::from(first) + 1;
        self.count += count as i64;
        // One of the two factors is even.
        self.add_whole(Wide::from((i128::from(first) + i128::from(last)) * count / 2));
        self.offer_least(&first, first, || first);
        self.offer_greatest(&last, last, || last);
        if self.wants.counts {
            return (first..=last).try_for_each(|number| self.counts.add::<i64>(number, 1));
        }
        Ok(())
    }

    fn add_extremes(&mut self, run: Run<'_, i64>, least: i64, greatest: i64) {
        if self.wants.extremes() && !run.values.is_empty() {
            let number = |value| lanes::position(run.values, value).map_or(0, |index| run.number(index));
            self.offer_least(&least, run.number(0), || number(least));
            self.offer_greatest(&greatest, run.number(0), || number(greatest));
        }
    }

    fn count_values(&mut self, run: Run<'_, i64>) -> Result<(), Full> {
        if self.wants.counts {
            return run.values.iter().try_for_each(|value| self.counts.count(value));
        }
        Ok(())
    }
}

/// Values that are added as they are.
pub(crate) trait Decimal: Copy + Counted + ToOwned<Owned = Self> {
    fn sum(values: &[Self]) -> Wide;
}

impl Decimal for i128 {
    fn sum(values: &[Self]) -> Wide {
        // The sum, modulo 2^128, and how often it left that range upwards.
        let (mut sum, mut carries) = (0i128, 0i128);
        for value in values {
            let (next, is_outside) = sum.overflowing_add(*value);
            sum = next;
            if is_outside {
                carries += if *value < 0 { -1 } else { 1 };
            }
        }
        Wide::from(i256::from_parts(sum as u128, carries + (sum >> 127)))
    }
}

impl Decimal for i256 {
    fn sum(values: &[Self]) -> Wide {
        let mut sum = Wide::default();
        values.iter().for_each(|value| sum.add(Wide::from(*value)));
        sum
    }
}

impl<T: Decimal> State<T> {
    /// Takes in decimals, without their point.
    pub(crate) fn add_decimals(&mut self, run: Run<'_, T>) -> Result<(), Full> {
        self.count += run.values.len() as i64;
        if self.wants.sum {
            self.add_whole(T::sum(run.values));
        }
        if let (true, Some((first, rest))) = (self.wants.extremes(), run.values.split_first()) {
            let (mut least, mut greatest) = (first, first);
            for value in rest {
                least = value.min(least);
                greatest = value.max(greatest);
            }
            let number =
                |value| run.values.iter().position(|other| other == value).map_or(0, |index| run.number(index));
            self.offer_least(least, run.number(0), || number(least));
            self.offer_greatest(greatest, run.number(0), || number(greatest));
        }
        if self.wants.counts {
            return run.values.iter().try_for_each(|value| self.counts.count(value));
        }
        Ok(())
    }
}

/// A text among others.
#[derive(Clone, Copy)]
struct Found<'a> {
    /// Its beginning decides most comparisons.
    order: (u64, &'a [u8]),
    number: i64,
}

impl State<Vec<u8>> {
    /// Takes in texts or bytes, each with the number of its row.
    pub(crate) fn add_bytes<'a>(&mut self, values: impl Iterator<Item = (i64, &'a [u8])>) -> Result<(), Full> {
        let (mut least, mut greatest) = (None::<Found<'_>>, None::<Found<'_>>);
        for (number, value) in values {
            self.count += 1;
            if self.wants.extremes() {
                let found = Found { order: (prefix(value), value), number };
                if least.is_none_or(|least| found.order < least.order) {
                    least = Some(found);
                }
                if greatest.is_none_or(|greatest| found.order > greatest.order) {
                    greatest = Some(found);
                }
            }
            if self.wants.counts {
                self.counts.count(value)?;
            }
        }
        if let Some(Found { order: (_, value), number }) = least {
            self.offer_least(value, number, || number);
        }
        if let Some(Found { order: (_, value), number }) = greatest {
            self.offer_greatest(value, number, || number);
        }
        Ok(())
    }
}
