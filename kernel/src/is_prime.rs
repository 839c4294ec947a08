//! `is-prime`: whether the number is a prime.

#[cfg(test)]
mod tests;
mod window;

use std::{cell::RefCell, ops::RangeInclusive, sync::Arc};

use self::window::Window;
use crate::{
    Context, Description, EvaluateError, FindError, Kernel, Layout, Parameters, Rows, ValueType, Values, kernel::count,
};

const NAME: &str = "is-prime";

pub(crate) const DESCRIPTION: Description = Description {
    name: NAME,
    summary: "whether the number is a prime, deterministic over all of int64",
    parameters: &[],
    value: "boolean",
    bind,
};

thread_local! {
    /// What this thread has sieved last, for whatever range it was asked.
    static WINDOW: RefCell<Window> = RefCell::default();
}

#[derive(Debug)]
struct IsPrime;

fn bind(_: &Parameters) -> Result<Arc<dyn Kernel>, FindError> {
    Ok(Arc::new(IsPrime))
}

impl Kernel for IsPrime {
    fn name(&self) -> &'static str {
        NAME
    }

    fn layout(&self, _: &RangeInclusive<i64>) -> Layout {
        Layout::values(ValueType::Boolean)
    }

    fn is_total(&self) -> bool {
        true
    }

    /// A sieve with all primes up to the root of the last number decides alone. Where these are too many for what the
    /// numbers are worth, fewer primes leave a few numbers over, and these are tested one by one.
    fn evaluate(&self, numbers: RangeInclusive<i64>, rows: &mut Rows, _: &mut Context) -> Result<(), EvaluateError> {
        let Some(Values::Boolean(values)) = rows.only() else {
            return Err(EvaluateError::wrong_type(NAME, &self.layout(&numbers), rows));
        };
        let (first, last) = (*numbers.start(), *numbers.end());
        if first < 0 {
            values.append_zeros(count(&(first..=last.min(-1))));
        }
        if let (Ok(first), Ok(last)) = (u64::try_from(first.max(0)), u64::try_from(last))
            && first <= last
        {
            WINDOW.with_borrow_mut(|window| window.append(first, last, values));
        }
        Ok(())
    }
}
