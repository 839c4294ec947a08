//! The least value and the greatest, of all fast types in the same way.

use swath_model::ValueType;

/// The least value and the greatest; floats by their [order](order()).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) least: i128,
    pub(crate) greatest: i128,
    /// How many floats are NaN, which are the least or the greatest only where all are.
    pub(crate) nans: u64,
}

impl Span {
    pub(crate) fn new(least: impl Into<i128>, greatest: impl Into<i128>) -> Self {
        Self { least: least.into(), greatest: greatest.into(), nans: 0 }
    }

    pub(crate) fn of(values: impl IntoIterator<Item = i128>) -> Option<Self> {
        let mut values = values.into_iter();
        let first = values.next()?;
        let (least, greatest) =
            values.fold((first, first), |(least, greatest), value| (least.min(value), greatest.max(value)));
        Some(Self::new(least, greatest))
    }

    pub(crate) fn with(self, other: Self) -> Self {
        let nans = self.nans + other.nans;
        match (self.has_nans_alone(), other.has_nans_alone()) {
            (true, false) => Self { nans, ..other },
            (false, true) => Self { nans, ..self },
            _ => Self { least: self.least.min(other.least), greatest: self.greatest.max(other.greatest), nans },
        }
    }

    fn has_nans_alone(self) -> bool {
        self.nans > 0 && with_order(self.least).is_nan()
    }

    /// Whether statistics may say this of a column of which [`check_page`](crate::fast::check_page) found that.
    pub(crate) fn suits(self, found: Self, value_type: ValueType) -> bool {
        match value_type {
            ValueType::Int64 => self.least <= found.least && found.greatest <= self.greatest,
            ValueType::Boolean | ValueType::Float64 | ValueType::Decimal128 => self == found,
        }
    }
}

/// A number that has the same place among others as the float in the total order.
pub(crate) fn order(value: f64) -> i128 {
    flip(value.to_bits().cast_signed()).into()
}

/// The float with this [order](order()).
pub(crate) fn with_order(order: i128) -> f64 {
    f64::from_bits(flip(order as i64).cast_unsigned())
}

/// All bits but the sign are the other way round in negative floats.
fn flip(bits: i64) -> i64 {
    bits ^ if bits < 0 { i64::MAX } else { 0 }
}
