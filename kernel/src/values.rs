//! Typed column buffers.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, new_empty_array};
use arrow_schema::{ArrowError, DataType, Field};
use arrow_select::concat::concat;
use swath_model::ValueType;

use crate::Bits;

/// A buffer that the values of one column are appended to.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Values of [`ValueType::Int64`].
    Int64(Vec<i64>),
    /// Values of [`ValueType::Boolean`], one bit each.
    Boolean(Bits),
    /// Values of [`ValueType::Float64`].
    Float64(Vec<f64>),
    /// Values of [`ValueType::Decimal128`], unscaled (the scale is 0).
    Decimal128(Vec<i128>),
    /// Values of any other type, as arrays one after the other.
    Arrays(Arrays),
}

/// Arrays of one type that stand for their values, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrays {
    data_type: DataType,
    arrays: Vec<ArrayRef>,
    rows: usize,
}

impl Arrays {
    /// Appends the values of an array; one of another type is not taken.
    #[must_use]
    pub fn push(&mut self, array: ArrayRef) -> bool {
        let is_of_type = *array.data_type() == self.data_type;
        if is_of_type {
            self.rows += array.len();
            self.arrays.push(array);
        }
        is_of_type
    }
}

impl Values {
    /// An empty buffer for a column.
    pub fn new(column: &Field) -> Self {
        match ValueType::of(column) {
            Some(ValueType::Int64) => Self::Int64(Vec::new()),
            Some(ValueType::Boolean) => Self::Boolean(Bits::new()),
            Some(ValueType::Float64) => Self::Float64(Vec::new()),
            Some(ValueType::Decimal128) => Self::Decimal128(Vec::new()),
            None => {
                let data_type = column.data_type().clone();
                Self::Arrays(Arrays { data_type, arrays: Vec::new(), rows: 0 })
            }
        }
    }

    /// The type of the values.
    pub fn data_type(&self) -> DataType {
        match self {
            Self::Int64(_) => DataType::Int64,
            Self::Boolean(_) => DataType::Boolean,
            Self::Float64(_) => DataType::Float64,
            Self::Decimal128(_) => ValueType::Decimal128.data_type(),
            Self::Arrays(arrays) => arrays.data_type.clone(),
        }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Int64(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::Float64(values) => values.len(),
            Self::Decimal128(values) => values.len(),
            Self::Arrays(arrays) => arrays.rows,
        }
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes room for so many more values.
    pub fn reserve(&mut self, values: usize) {
        match self {
            Self::Int64(room) => room.reserve(values),
            Self::Boolean(room) => room.reserve(values),
            Self::Float64(room) => room.reserve(values),
            Self::Decimal128(room) => room.reserve(values),
            Self::Arrays(_) => {}
        }
    }

    /// Keeps the first values only.
    pub fn truncate(&mut self, values: usize) {
        match self {
            Self::Int64(room) => room.truncate(values),
            Self::Boolean(room) => room.truncate(values),
            Self::Float64(room) => room.truncate(values),
            Self::Decimal128(room) => room.truncate(values),
            Self::Arrays(arrays) => arrays.truncate(values),
        }
    }

    /// Takes all values, as an array; the buffer is empty then.
    ///
    /// # Errors
    /// The arrays of the buffer are too large to be one.
    pub fn take(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Int64(values) => Arc::new(Int64Array::from(std::mem::take(values))),
            Self::Boolean(values) => Arc::new(BooleanArray::new(std::mem::take(values).into(), None)),
            Self::Float64(values) => Arc::new(Float64Array::from(std::mem::take(values))),
            Self::Decimal128(values) => {
                let values = Decimal128Array::from(std::mem::take(values));
                Arc::new(values.with_precision_and_scale(38, 0)?)
            }
            Self::Arrays(arrays) => arrays.take()?,
        })
    }
}

impl Arrays {
    fn truncate(&mut self, values: usize) {
        let mut room = values;
        for array in &mut self.arrays {
            let length = array.len().min(room);
            *array = array.slice(0, length);
            room -= length;
        }
        self.arrays.retain(|array| !array.is_empty());
        self.rows = self.rows.min(values);
    }

    fn take(&mut self) -> Result<ArrayRef, ArrowError> {
        let arrays = std::mem::take(&mut self.arrays);
        self.rows = 0;
        match &arrays[..] {
            [] => Ok(new_empty_array(&self.data_type)),
            [only] => Ok(Arc::clone(only)),
            several => concat(&several.iter().map(AsRef::as_ref).collect::<Vec<_>>()),
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::StringArray;

    use super::*;

    #[test]
    fn what_is_taken_is_what_was_appended() {
        let mut values = Values::Int64(vec![1, 2, 3]);
        values.truncate(2);
        assert_eq!(&*values.take().unwrap(), &Int64Array::from(vec![1, 2]) as &dyn Array);
        assert!(values.is_empty());
        let decimals = Values::Decimal128(vec![-5]).take().unwrap();
        assert_eq!(*decimals.data_type(), DataType::Decimal128(38, 0));
    }

    #[test]
    fn other_types_are_appended_as_arrays() {
        let mut values = Values::new(&Field::new("name", DataType::Utf8, false));
        let Values::Arrays(arrays) = &mut values else { panic!("{values:?}") };
        let text = |text: &[&str]| Arc::new(StringArray::from(text.to_vec())) as ArrayRef;
        assert!(arrays.push(text(&["a", "b"])) && arrays.push(text(&["c"])));
        assert!(!arrays.push(Arc::new(Int64Array::from(vec![1]))));
        assert_eq!(values.len(), 3);
        values.truncate(1);
        assert_eq!(&values.take().unwrap(), &text(&["a"]));
        assert_eq!(&values.take().unwrap(), &text(&[]));
    }
}
