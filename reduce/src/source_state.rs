//! What is kept of the values of a source of any type, and arrays taken in.

use arrow_array::{Array, ArrayRef, BooleanArray, cast::AsArray, types};
use arrow_buffer::{NullBuffer, i256};
use arrow_schema::DataType;
use swath_model::Numbers;

use crate::{
    arrays::{Key, UNSIGNED_BIAS, for_keyed},
    column_type::{Class, Representation},
    float_sum::FloatSum,
    plan::SourcePlan,
    rows::{Run, runs},
    state::{State, Sum},
    value_counts::Full,
    wide::Wide,
};

/// A state, by what its values are kept as.
#[derive(Clone, Debug)]
pub(crate) enum SourceState {
    Small(State<i64>),
    Decimal(State<i128>),
    Large(State<i256>),
    Bytes(State<Vec<u8>>),
}

/// Evaluates an expression with the state, whatever its values are kept as, and with the type that they are looked up
/// by.
macro_rules! for_state {
    ($source:expr, $state:ident, $lookup:ident => $then:expr) => {
        match $source {
            $crate::source_state::SourceState::Small($state) => {
                #[allow(dead_code, reason = "not every expression looks values up")]
                type $lookup = i64;
                $then
            }
            $crate::source_state::SourceState::Decimal($state) => {
                #[allow(dead_code, reason = "not every expression looks values up")]
                type $lookup = i128;
                $then
            }
            $crate::source_state::SourceState::Large($state) => {
                #[allow(dead_code, reason = "not every expression looks values up")]
                type $lookup = arrow_buffer::i256;
                $then
            }
            $crate::source_state::SourceState::Bytes($state) => {
                #[allow(dead_code, reason = "not every expression looks values up")]
                type $lookup = [u8];
                $then
            }
        }
    };
}
pub(crate) use for_state;

impl SourceState {
    /// A state of no values.
    pub(crate) fn new(plan: &SourcePlan) -> Self {
        let sum = match Class::of(&plan.data_type) {
            Some(Class::Float) if plan.wants.sum => Sum::Float(Box::new(FloatSum::new())),
            _ => Sum::Whole(Wide::default()),
        };
        match Representation::of(&plan.data_type) {
            Representation::Small => Self::Small(State::new(plan.wants, sum)),
            Representation::Decimal => Self::Decimal(State::new(plan.wants, sum)),
            Representation::Large => Self::Large(State::new(plan.wants, sum)),
            Representation::Bytes => Self::Bytes(State::new(plan.wants, sum)),
        }
    }

    /// Takes in rows of the column, whose type was checked.
    pub(crate) fn add(&mut self, array: &ArrayRef, numbers: Numbers<'_>) -> Result<(), Full> {
        if !for_state!(self, state, Lookup => state.needs_values()) {
            let count = array.len() - array.null_count();
            for_state!(self, state, Lookup => state.count += count as i64);
            return Ok(());
        }
        match self {
            Self::Small(state) => add_small(state, array, numbers),
            Self::Decimal(state) => match array.as_primitive_opt::<types::Decimal128Type>() {
                Some(array) => plain(array.values(), array.nulls(), numbers, |run| state.add_decimals(run)),
                None => Ok(()),
            },
            Self::Large(state) => match array.as_primitive_opt::<types::Decimal256Type>() {
                Some(array) => plain(array.values(), array.nulls(), numbers, |run| state.add_decimals(run)),
                None => Ok(()),
            },
            Self::Bytes(state) => add_bytes(state, array, numbers),
        }
    }

    /// Takes in the numbers of rows as values.
    pub(crate) fn add_numbers(&mut self, numbers: Numbers<'_>) -> Result<(), Full> {
        let Self::Small(state) = self else { return Ok(()) };
        match numbers {
            Numbers::Consecutive { rows: 0, .. } => Ok(()),
            Numbers::Consecutive { first, rows } => state.add_consecutive(first, first.saturating_add(rows as i64 - 1)),
            Numbers::Listed(values) => state.add_integers(Run::whole(values, numbers), 0),
        }
    }

    pub(crate) fn count(&self) -> i64 {
        for_state!(self, state, Lookup => state.count)
    }

    /// Takes all values that are counted to where they are in order.
    pub(crate) fn settle(&mut self) -> Result<(), Full> {
        for_state!(self, state, Lookup => state.counts.settle::<Lookup>())
    }

    /// The bytes that its values take.
    pub(crate) fn bytes(&self) -> usize {
        let texts = match self {
            Self::Bytes(state) => {
                let extremes = [&state.least, &state.greatest];
                extremes.iter().map(|extreme| extreme.as_ref().map_or(0, |extreme| extreme.value.len())).sum()
            }
            _ => 0,
        };
        texts + for_state!(self, state, Lookup => state.counts.bytes())
    }

    /// Takes in another state of the same source.
    pub(crate) fn merge(&mut self, other: Self) -> Result<(), Full> {
        match (self, other) {
            (Self::Small(state), Self::Small(other)) => state.merge::<i64>(other),
            (Self::Decimal(state), Self::Decimal(other)) => state.merge::<i128>(other),
            (Self::Large(state), Self::Large(other)) => state.merge::<i256>(other),
            (Self::Bytes(state), Self::Bytes(other)) => state.merge::<[u8]>(other),
            _ => Ok(()),
        }
    }
}

/// Calls `each` with the values as they lie there if none is null, and otherwise with those that are not.
fn plain<V: Copy + Default, E>(
    values: &[V],
    nulls: Option<&NullBuffer>,
    numbers: Numbers<'_>,
    mut each: impl FnMut(Run<'_, V>) -> Result<(), E>,
) -> Result<(), E> {
    if nulls.is_none_or(|nulls| nulls.null_count() == 0) {
        return each(Run::whole(values, numbers));
    }
    runs(values, nulls, numbers, |value| value, each)
}

fn add_small(state: &mut State<i64>, array: &ArrayRef, numbers: Numbers<'_>) -> Result<(), Full> {
    if let Some(array) = array.as_boolean_opt() {
        return add_booleans(state, array, numbers);
    }
    match array.data_type() {
        DataType::Int64 => match array.as_primitive_opt::<types::Int64Type>() {
            Some(array) => plain(array.values(), array.nulls(), numbers, |run| state.add_integers(run, 0)),
            None => Ok(()),
        },
        DataType::Float64 => match array.as_primitive_opt::<types::Float64Type>() {
            Some(array) => plain(array.values(), array.nulls(), numbers, |run| state.add_floats(run)),
            None => Ok(()),
        },
        DataType::Float32 => match array.as_primitive_opt::<types::Float32Type>() {
            Some(array) => runs(array.values(), array.nulls(), numbers, f64::from, |run| state.add_floats(run)),
            None => Ok(()),
        },
        data_type => {
            let bias = if *data_type == DataType::UInt64 { UNSIGNED_BIAS } else { 0 };
            for_keyed!(data_type, T => match array.as_primitive_opt::<T>() {
                Some(array) => {
                    runs(array.values(), array.nulls(), numbers, Key::key, |run| state.add_integers(run, bias))
                }
                None => Ok(()),
            }, _ => Ok(()))
        }
    }
}

fn add_booleans(state: &mut State<i64>, array: &BooleanArray, numbers: Numbers<'_>) -> Result<(), Full> {
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    let trues = match nulls {
        Some(nulls) => array.values() & nulls.inner(),
        None => array.values().clone(),
    };
    let true_count = trues.count_set_bits();
    let valid = array.len() - array.null_count();
    let first = |value: bool| {
        let found = if value {
            trues.set_indices().next()
        } else {
            let falses = !array.values();
            let falses = nulls.map_or(falses.clone(), |nulls| &falses & nulls.inner());
            falses.set_indices().next()
        };
        found.and_then(|row| numbers.get(row)).unwrap_or_default()
    };
    state.add_booleans([valid - true_count, true_count], numbers.get(0).unwrap_or_default(), first)
}

fn add_bytes(state: &mut State<Vec<u8>>, array: &ArrayRef, numbers: Numbers<'_>) -> Result<(), Full> {
    /// The values that are not null, each with its number.
    fn numbered<'a, V: AsRef<[u8]> + ?Sized + 'a>(
        values: impl Iterator<Item = Option<&'a V>>,
        numbers: Numbers<'a>,
    ) -> impl Iterator<Item = (i64, &'a [u8])> {
        let rows = values.enumerate();
        rows.filter_map(move |(row, value)| value.map(|value| (numbers.get(row).unwrap_or_default(), value.as_ref())))
    }
    if let Some(array) = array.as_string_opt::<i32>() {
        state.add_bytes(numbered(array.iter(), numbers))
    } else if let Some(array) = array.as_string_opt::<i64>() {
        state.add_bytes(numbered(array.iter(), numbers))
    } else if let Some(array) = array.as_string_view_opt() {
        state.add_bytes(numbered(array.iter(), numbers))
    } else if let Some(array) = array.as_binary_opt::<i32>() {
        state.add_bytes(numbered(array.iter(), numbers))
    } else if let Some(array) = array.as_binary_opt::<i64>() {
        state.add_bytes(numbered(array.iter(), numbers))
    } else if let Some(array) = array.as_binary_view_opt() {
        state.add_bytes(numbered(array.iter(), numbers))
    } else {
        Ok(())
    }
}
