//! A kernel whose program is not there yet.

use std::{
    ops::RangeInclusive,
    sync::{Arc, OnceLock},
};

use swath_model::Layout;

use crate::{Context, EvaluateError, Kernel, Rows};

/// Stands for a kernel whose layout is known before its program has come.
#[derive(Debug)]
pub struct Deferred {
    layout: Layout,
    kernel: OnceLock<Arc<dyn Kernel>>,
}

impl Deferred {
    /// One that has rows like these.
    pub fn new(layout: Layout) -> Self {
        Self { layout, kernel: OnceLock::new() }
    }

    /// From now on this kernel is evaluated.
    ///
    /// # Errors
    /// A sentence: its rows do not look as was said.
    pub fn fill(&self, kernel: Arc<dyn Kernel>) -> Result<(), String> {
        let layout = kernel.layout(&(0..=0));
        if layout != self.layout {
            return Err(format!("it gives the columns {layout}, and the coordinator expects {}", self.layout));
        }
        // The first one counts; both compute the same.
        let _ = self.kernel.set(kernel);
        Ok(())
    }
}

impl Kernel for Deferred {
    fn name(&self) -> &'static str {
        self.kernel.get().map_or("deferred", |kernel| kernel.name())
    }

    fn layout(&self, _: &RangeInclusive<i64>) -> Layout {
        self.layout.clone()
    }

    fn batch_numbers(&self) -> usize {
        self.kernel.get().map_or(1, |kernel| kernel.batch_numbers())
    }

    fn is_total(&self) -> bool {
        self.kernel.get().is_some_and(|kernel| kernel.is_total())
    }

    fn evaluate(
        &self,
        numbers: RangeInclusive<i64>,
        rows: &mut Rows,
        context: &mut Context,
    ) -> Result<(), EvaluateError> {
        match self.kernel.get() {
            Some(kernel) => kernel.evaluate(numbers, rows, context),
            None => Err(EvaluateError::refused(*numbers.start(), "its program has not come yet")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Parameters, ValueType, find, testing::rows_of};

    #[test]
    fn it_is_evaluated_once_it_is_filled() {
        let deferred = Deferred::new(Layout::values(ValueType::Int64));
        let mut rows = rows_of(ValueType::Int64);
        let error = deferred.evaluate(3..=4, &mut rows, &mut Context::default()).unwrap_err();
        assert_eq!(error.number(), Some(3));
        let primes = find("is-prime", &Parameters::new()).unwrap();
        let refused = deferred.fill(primes).unwrap_err();
        assert_eq!(refused, "it gives the columns value boolean, and the coordinator expects value int64");
        deferred.fill(find("isqrt", &Parameters::new()).unwrap()).unwrap();
        deferred.evaluate(3..=4, &mut rows, &mut Context::default()).unwrap();
        assert_eq!(rows.len(), 2);
    }
}
