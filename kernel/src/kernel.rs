//! The contract of a kernel.

use std::{fmt, ops::RangeInclusive};

use swath_model::Layout;

use crate::{Context, EvaluateError, Rows};

/// A pure function of a number, bound to its parameters.
///
/// The calls, in their order: [`layout`](Self::layout) once for the range of a whole job, then
/// [`evaluate`](Self::evaluate) for the parts of that range, in any order, from any number of
/// threads, with buffers of the layout that the first call gave.
///
/// The same number always has the same value (or always fails): what is evaluated twice gives the
/// same results, which is what lets a coordinator hand out a chunk again.
pub trait Kernel: Send + Sync + fmt::Debug {
    /// The name under which [`find`](crate::find) knows this kernel.
    fn name(&self) -> &'static str;

    /// The shape and the columns of the results of a job over the whole of `range`. The shape is
    /// dense or sparse.
    fn layout(&self, range: &RangeInclusive<i64>) -> Layout;

    /// How many numbers a call should be about: so many that what they cost once is nothing, and so few that what is
    /// computed stays in the cache.
    fn batch_numbers(&self) -> usize {
        1 << 13
    }

    /// Whether every number has a result, and one that costs little: then it is no harm to evaluate numbers that nobody
    /// asked for.
    fn is_total(&self) -> bool {
        false
    }

    /// Appends the rows of every number of `numbers`, in their order, to `rows`: one of each number
    /// if the layout is dense; otherwise any number of rows, and to [`Rows::numbers`] the number of
    /// each.
    ///
    /// What `rows` already holds is left alone; an empty range appends nothing. `numbers` may
    /// touch either end of `i64`.
    ///
    /// # Errors
    ///
    /// [`EvaluateError::Refused`] names the first number that has no result; what `rows` then has
    /// of the range is of no use. [`EvaluateError::WrongType`] when the buffers are of types that
    /// this kernel does not fill; `rows` is then unchanged.
    fn evaluate(
        &self,
        numbers: RangeInclusive<i64>,
        rows: &mut Rows,
        context: &mut Context,
    ) -> Result<(), EvaluateError>;
}

/// How many numbers `numbers` has; `usize::MAX` where more than that.
pub(crate) fn count(numbers: &RangeInclusive<i64>) -> usize {
    if numbers.is_empty() {
        return 0;
    }
    usize::try_from(numbers.end().abs_diff(*numbers.start())).unwrap_or(usize::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::reversed_empty_ranges)]
    fn counts_at_the_ends() {
        assert_eq!(count(&(1..=0)), 0);
        assert_eq!(count(&(i64::MAX..=i64::MIN)), 0);
        assert_eq!(count(&(i64::MAX..=i64::MAX)), 1);
        assert_eq!(count(&(-3..=3)), 7);
        assert_eq!(count(&(i64::MIN..=i64::MAX)), usize::MAX);
    }

    #[test]
    fn an_exhausted_range_is_empty() {
        let mut numbers = 1..=3;
        assert_eq!(numbers.by_ref().count(), 3);
        assert_eq!(count(&numbers), 0);
    }
}
