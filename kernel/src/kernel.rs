//! The contract of a kernel.

use std::{fmt, ops::RangeInclusive};

use crate::{EvaluateError, ValueType, Values};

/// A pure function of a number, bound to its parameters.
///
/// The calls, in their order: [`value_type`](Self::value_type) once for the range of a whole job,
/// then [`evaluate`](Self::evaluate) for the parts of that range, in any order, from any number of
/// threads, with buffers of the type that the first call named.
///
/// The same number always has the same value (or always fails): what is evaluated twice gives the
/// same results, which is what lets a coordinator hand out a chunk again.
pub trait Kernel: Send + Sync + fmt::Debug {
    /// The name under which [`find`](crate::find) knows this kernel.
    fn name(&self) -> &'static str;

    /// The type of the values of a job over the whole of `range`.
    fn value_type(&self, range: &RangeInclusive<i64>) -> ValueType;

    /// Appends the value at every number of `numbers`, in their order, to `values`.
    ///
    /// What `values` already holds is left alone; an empty range appends nothing. `numbers` may
    /// touch either end of `i64`. The buffer grows by one value a number, so a caller bounds its
    /// memory by the length of the ranges it asks for.
    ///
    /// # Errors
    ///
    /// [`EvaluateError::Refused`] names the first number that has no value; `values` then holds
    /// those of all numbers before it. [`EvaluateError::WrongType`] when the buffer is of a type
    /// that this kernel does not fill; `values` is then unchanged.
    fn evaluate(&self, numbers: RangeInclusive<i64>, values: &mut Values) -> Result<(), EvaluateError>;
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
