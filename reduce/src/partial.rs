//! States as a row that travels.
//!
//! The columns are those of [`crate::Reductions::partial_schema`]: `count`, the rows, and for each source `c` that is
//! read those of these that are needed:
//!
//! | column | holds |
//! | --- | --- |
//! | `count(c)` | the values that are not null |
//! | `sum(c)` | their sum, see below |
//! | `min(c)`, `min_n(c)` | the least of them, and the smallest number at which it is |
//! | `max(c)`, `max_n(c)` | the greatest of them, likewise |
//! | `value_counts(c)` | the distinct ones with their counts, ascending |
//!
//! A sum of integers, decimals (without their point) and booleans is an integer in two's complement, the least
//! significant byte first, in as few bytes as it takes. A sum of floats is a byte that says what is no number among
//! them (the sum of 1 for NaN, 2 for infinity, 4 for negative infinity), then such an integer, in units of 2^-1074.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, Int64Array, ListArray, RecordBatch, StructArray, cast::AsArray, types::Int64Type,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{ArrowError, DataType, Fields};

use crate::{
    MAX_DISTINCT,
    arrays::Stored,
    column_type::{kept_type, magnitude_bits},
    float_sum::FloatSum,
    plan::{Keep, Plan, SourcePlan, Wants},
    source_state::{SourceState, for_state},
    state::{Extreme, State, Sum},
    value_counts::{Counted, ValueCounts},
    wide::Wide,
};

/// The states of all sources, and the rows that they are of.
#[derive(Clone, Debug)]
pub(crate) struct States {
    pub(crate) rows: i64,
    pub(crate) sources: Vec<SourceState>,
}

/// The row of states which are settled.
pub(crate) fn encode(plan: &Plan, states: &States) -> Result<RecordBatch, ArrowError> {
    let mut columns: Vec<ArrayRef> = vec![integer(Some(states.rows))];
    for (source, state) in plan.sources.iter().zip(&states.sources) {
        for_state!(state, state, Lookup => encode_state(source, state, &mut columns));
    }
    RecordBatch::try_new(plan.partial_schema.clone(), columns)
}

fn encode_state<T: Stored + Ord>(source: &SourcePlan, state: &State<T>, columns: &mut Vec<ArrayRef>) {
    let Wants { sum, least, greatest, counts } = source.wants;
    columns.push(integer(Some(state.count)));
    if sum {
        let bytes = match &state.sum {
            Sum::Whole(sum) => sum.to_bytes(),
            Sum::Float(sum) => sum.to_bytes(),
        };
        columns.push(Arc::new(BinaryArray::from_iter_values([bytes])));
    }
    for (keep, extreme) in [(least, &state.least), (greatest, &state.greatest)] {
        if keep >= Keep::Value {
            columns.extend(extreme_array(extreme.as_ref(), source));
        }
        if keep >= Keep::Place {
            columns.push(integer(extreme.as_ref().map(|extreme| extreme.number)));
        }
    }
    if counts {
        columns.extend(counts_array(&state.counts, source));
    }
}

/// A column of one integer.
pub(crate) fn integer(value: Option<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(vec![value]))
}

/// A column of one value.
pub(crate) fn extreme_array<T: Stored>(extreme: Option<&Extreme<T>>, source: &SourcePlan) -> Option<ArrayRef> {
    T::array(&[extreme.map(|extreme| extreme.value.clone())], &kept_type(&source.data_type))
}

/// A column of one list of values with their counts.
pub(crate) fn counts_array<T: Stored + Ord>(counts: &ValueCounts<T>, source: &SourcePlan) -> Option<ArrayRef> {
    let DataType::List(element) = source.counts_type() else { return None };
    let DataType::Struct(fields) = element.data_type() else { return None };
    let (values, counts): (Vec<_>, Vec<_>) = counts.iter().map(|(value, count)| (Some(value.clone()), count)).unzip();
    let length = values.len();
    let values = T::array(&values, &kept_type(&source.data_type))?;
    let rows = StructArray::try_new(fields.clone(), vec![values, Arc::new(Int64Array::from(counts))], None).ok()?;
    let list = ListArray::try_new(element, OffsetBuffer::from_lengths([length]), Arc::new(rows), None).ok()?;
    Some(Arc::new(list))
}

/// Reads a row that a peer sent. The error says what is wrong with it.
pub(crate) fn decode(plan: &Plan, partial: &RecordBatch) -> Result<States, String> {
    let (expected, found) = (plan.partial_schema.fields(), partial.schema());
    if !is_alike(expected, found.fields()) {
        return Err("its columns are not those of these reductions".to_owned());
    }
    if partial.num_rows() != 1 {
        return Err(format!("it has {} rows instead of 1", partial.num_rows()));
    }
    for (field, column) in expected.iter().zip(partial.columns()) {
        if !field.is_nullable() && column.null_count() > 0 {
            return Err(format!("`{}` is null", field.name()));
        }
    }
    let mut columns = partial.columns().iter();
    let rows = count(columns.next()).ok_or("`count` is negative")?;
    let mut sources = Vec::with_capacity(plan.sources.len());
    for source in &plan.sources {
        let mut state = SourceState::new(source);
        for_state!(&mut state, state, Lookup => decode_state::<_, Lookup>(source, state, &mut columns))
            .map_err(|what| format!("{what} of `{}`", source.name))?;
        if state.count() > rows {
            return Err(format!("there are more values of `{}` than rows", source.name));
        }
        sources.push(state);
    }
    Ok(States { rows, sources })
}

/// Whether these are the same columns. Names within lists are up to the writer of a file.
fn is_alike(expected: &Fields, found: &Fields) -> bool {
    let is_same = |one: &DataType, other: &DataType| one.equals_datatype(other);
    expected.len() == found.len()
        && expected
            .iter()
            .zip(found)
            .all(|(one, other)| one.name() == other.name() && is_same(one.data_type(), other.data_type()))
}

type Columns<'a> = std::slice::Iter<'a, ArrayRef>;

fn count(column: Option<&ArrayRef>) -> Option<i64> {
    cell(column).filter(|count| *count >= 0)
}

/// The integer in a column of one; `None` if it is null.
fn cell(column: Option<&ArrayRef>) -> Option<i64> {
    column?.as_primitive_opt::<Int64Type>()?.iter().next()?
}

fn decode_state<T, Q>(source: &SourcePlan, state: &mut State<T>, columns: &mut Columns<'_>) -> Result<(), &'static str>
where
    T: Stored + Ord + std::borrow::Borrow<Q>,
    Q: Counted + ?Sized,
{
    let Wants { sum, least, greatest, counts } = source.wants;
    state.count = count(columns.next()).ok_or("a negative count")?;
    if sum {
        let bytes =
            columns.next().and_then(|column| column.as_binary_opt::<i32>()).and_then(|column| column.iter().next());
        state.sum =
            decode_sum(source, &state.sum, bytes.flatten().unwrap_or_default(), state.count).ok_or("a wrong sum")?;
    }
    state.least = extreme(least, state.count, columns)?;
    state.greatest = extreme(greatest, state.count, columns)?;
    if let (Some(least), Some(greatest)) = (&state.least, &state.greatest)
        && least.value > greatest.value
    {
        return Err("a minimum above the maximum");
    }
    if counts {
        let list = columns.next().and_then(|column| column.as_list_opt::<i32>()).ok_or("no list of values")?;
        decode_counts::<T, Q>(state, list)?;
    }
    Ok(())
}

fn decode_sum(source: &SourcePlan, kind: &Sum, bytes: &[u8], count: i64) -> Option<Sum> {
    if let Sum::Float(_) = kind {
        return FloatSum::from_bytes(bytes, count).map(|sum| Sum::Float(Box::new(sum)));
    }
    let sum = Wide::from_bytes(bytes)?;
    let is_possible = sum.is_sum_of(count, magnitude_bits(&source.data_type));
    let is_positive = source.data_type != DataType::Boolean || !sum.is_negative();
    (is_possible && is_positive).then_some(Sum::Whole(sum))
}

/// The least or the greatest value, if it is kept; there is one where there are values.
fn extreme<T: Stored>(keep: Keep, count: i64, columns: &mut Columns<'_>) -> Result<Option<Extreme<T>>, &'static str> {
    if keep == Keep::Nothing {
        return Ok(None);
    }
    let value = columns.next().and_then(|column| T::values(column)).and_then(|values| values.into_iter().next());
    let value = value.flatten();
    let number = if keep == Keep::Place { cell(columns.next()) } else { Some(0) };
    match (value, number) {
        (Some(value), Some(number)) if count > 0 => Ok(Some(Extreme { value, number })),
        (None, number) if count == 0 && (number.is_none() || keep == Keep::Value) => Ok(None),
        _ => Err("a minimum or maximum, or its number, that is there without values or the other way round"),
    }
}

fn decode_counts<T, Q>(state: &mut State<T>, list: &ListArray) -> Result<(), &'static str>
where
    T: Stored + Ord + std::borrow::Borrow<Q>,
    Q: Counted + ?Sized,
{
    let rows = list.value(0);
    let rows = rows.as_struct_opt().ok_or("no list of values with counts")?;
    if rows.len() > MAX_DISTINCT {
        return Err("too many distinct values");
    }
    let [values, counts] = rows.columns() else { return Err("no list of values with counts") };
    if rows.null_count() + values.null_count() + counts.null_count() > 0 {
        return Err("a null among the values or their counts");
    }
    let values = T::values(values).ok_or("values of another type")?;
    let counts = counts.as_primitive_opt::<Int64Type>().ok_or("counts of another type")?;
    let mut total = 0i64;
    let mut before: Option<T> = None;
    for (value, count) in values.into_iter().flatten().zip(counts.values()) {
        if before.as_ref().is_some_and(|before| *before >= value) {
            return Err("values out of order");
        }
        total = total.checked_add(*count).filter(|_| *count > 0).ok_or("a wrong count of a value")?;
        before = Some(value.clone());
        state.counts.add::<Q>(value, *count).map_err(|_| "values that are too large")?;
    }
    if total == state.count { Ok(()) } else { Err("counts of values that do not add up to the count") }
}
