//! `factor`: the prime factors of the number.

mod lists;
mod rho;
#[cfg(test)]
mod tests;

use std::{ops::RangeInclusive, sync::Arc};

use arrow_array::{Int64Array, ListArray};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, FieldRef};
use swath_model::Shape;

use self::lists::{Lists, factor};
use crate::{Context, Description, EvaluateError, FindError, Kernel, Layout, Parameters, Rows, Values, kernel::count};

const NAME: &str = "factor";

pub(crate) const DESCRIPTION: Description = Description {
    name: NAME,
    summary: "the prime factors in ascending order, without the sign; none for 1 and -1; refuses 0",
    parameters: &[],
    value: "factors list(int64)",
    bind,
};

/// As many numbers as are sieved at a time.
const BATCH: usize = 1 << 15;

#[derive(Debug)]
struct Factor;

fn bind(_: &Parameters) -> Result<Arc<dyn Kernel>, FindError> {
    Ok(Arc::new(Factor))
}

fn item() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Int64, false))
}

impl Kernel for Factor {
    fn name(&self) -> &'static str {
        NAME
    }

    fn layout(&self, _: &RangeInclusive<i64>) -> Layout {
        Layout::of_column(Shape::Dense, Field::new("factors", DataType::List(item()), false))
    }

    fn batch_numbers(&self) -> usize {
        BATCH
    }

    fn evaluate(&self, numbers: RangeInclusive<i64>, rows: &mut Rows, _: &mut Context) -> Result<(), EvaluateError> {
        let wrong_type = |rows: &Rows| EvaluateError::wrong_type(NAME, &self.layout(&(0..=0)), rows);
        if !matches!(rows.only(), Some(Values::Arrays(_))) {
            return Err(wrong_type(rows));
        }
        let (mut next, last) = (*numbers.start(), *numbers.end());
        let mut left = count(&numbers);
        // No list has more than 63 factors, so that positions in an array of a batch fit its offsets.
        while left > 0 {
            let taken = left.min(BATCH);
            let end = if taken == left { last } else { next + (taken as i64 - 1) };
            let mut lists = Lists::default();
            factor(&(next..=end), &mut lists)?;
            let array = array_of(lists);
            let is_taken = match rows.only() {
                Some(Values::Arrays(arrays)) => arrays.push(Arc::new(array)),
                _ => false,
            };
            if !is_taken {
                return Err(wrong_type(rows));
            }
            left -= taken;
            next = end.wrapping_add(1);
        }
        Ok(())
    }
}

fn array_of(lists: Lists) -> ListArray {
    let ends = lists.ends.iter().map(|&end| end as i32);
    let offsets: ScalarBuffer<i32> = std::iter::once(0).chain(ends).collect();
    let values = Int64Array::from(lists.values);
    ListArray::new(item(), OffsetBuffer::new(offsets), Arc::new(values), None)
}
