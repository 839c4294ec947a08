//! Typed column buffers.

use swath_model::ValueType;

use crate::Bits;

/// A typed column buffer: the values of consecutive numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// Values of [`ValueType::Int64`].
    Int64(Vec<i64>),
    /// Values of [`ValueType::Boolean`], one bit each.
    Boolean(Bits),
    /// Values of [`ValueType::Decimal128`], unscaled (the scale is 0).
    Decimal128(Vec<i128>),
}

impl Values {
    /// An empty buffer of `value_type`.
    pub fn new(value_type: ValueType) -> Self {
        Self::with_capacity(value_type, 0)
    }

    /// An empty buffer of `value_type` with room for `capacity` values.
    pub fn with_capacity(value_type: ValueType, capacity: usize) -> Self {
        match value_type {
            ValueType::Int64 => Self::Int64(Vec::with_capacity(capacity)),
            ValueType::Boolean => Self::Boolean(Bits::with_capacity(capacity)),
            ValueType::Decimal128 => Self::Decimal128(Vec::with_capacity(capacity)),
        }
    }

    /// The type of the values.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Int64(_) => ValueType::Int64,
            Self::Boolean(_) => ValueType::Boolean,
            Self::Decimal128(_) => ValueType::Decimal128,
        }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Int64(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::Decimal128(values) => values.len(),
        }
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes all values and keeps the room they took.
    pub fn clear(&mut self) {
        match self {
            Self::Int64(values) => values.clear(),
            Self::Boolean(values) => values.clear(),
            Self::Decimal128(values) => values.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clearing_keeps_type_and_room() {
        for value_type in ValueType::ALL {
            assert_eq!(Values::new(value_type).value_type(), value_type);
            assert!(Values::with_capacity(value_type, 10).is_empty());
        }
        let mut values = Values::Int64(vec![1, 2, 3]);
        assert_eq!(values.len(), 3);
        values.clear();
        assert!(values.is_empty());
        assert_eq!(values.value_type(), ValueType::Int64);
        assert!(matches!(values, Values::Int64(room) if room.capacity() >= 3));
    }
}
