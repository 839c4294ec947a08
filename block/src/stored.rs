//! The types that the parquet crate is given in place of those of a layout.
//!
//! Parquet has no timestamps in seconds: they are stored in milliseconds, which all readers know. Its items of lists
//! are named `element`. A column of the type null has nothing but nulls, whatever its field says.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, ListArray, StructArray, TimestampMillisecondArray, TimestampSecondArray, cast::AsArray, types,
};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use swath_model::Layout;

use crate::widths::{leaf_widths, width};

/// The columns of a layout as they are stored.
pub(crate) fn schema(layout: &Layout) -> SchemaRef {
    Arc::new(Schema::new(fields(layout.schema().fields())))
}

fn fields(fields: &Fields) -> Fields {
    fields.iter().map(|field| stored(field, field.name())).collect()
}

fn stored(field: &Field, name: &str) -> FieldRef {
    let (data_type, is_nullable) = (field.data_type(), field.is_nullable());
    let (data_type, is_nullable) = match data_type {
        DataType::Null => (DataType::Null, true),
        DataType::Timestamp(TimeUnit::Second, zone) => {
            (DataType::Timestamp(TimeUnit::Millisecond, zone.clone()), is_nullable)
        }
        DataType::List(item) => (DataType::List(stored(item, "element")), is_nullable),
        DataType::Struct(inner) => (DataType::Struct(fields(inner)), is_nullable),
        other => (other.clone(), is_nullable),
    };
    Arc::new(Field::new(name, data_type, is_nullable))
}

/// The same values in the other type: from that of a layout to the stored one, or back.
pub(crate) fn convert(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == to {
        return Ok(Arc::clone(array));
    }
    match (array.data_type(), to) {
        (DataType::Timestamp(TimeUnit::Second, _), DataType::Timestamp(TimeUnit::Millisecond, zone)) => {
            let seconds = array.as_primitive::<types::TimestampSecondType>();
            let too_far = |second: i64| {
                ArrowError::ComputeError(format!("the timestamp of {second} seconds does not fit milliseconds"))
            };
            let millis: TimestampMillisecondArray =
                seconds.try_unary(|second| second.checked_mul(1000).ok_or_else(|| too_far(second)))?;
            Ok(Arc::new(millis.with_timezone_opt(zone.clone())))
        }
        (DataType::Timestamp(TimeUnit::Millisecond, _), DataType::Timestamp(TimeUnit::Second, zone)) => {
            let millis = array.as_primitive::<types::TimestampMillisecondType>();
            let odd = |milli: i64| {
                ArrowError::ComputeError(format!("the timestamp of {milli} milliseconds is no whole second"))
            };
            let seconds: TimestampSecondArray =
                millis.try_unary(|milli| if milli % 1000 == 0 { Ok(milli / 1000) } else { Err(odd(milli)) })?;
            Ok(Arc::new(seconds.with_timezone_opt(zone.clone())))
        }
        (DataType::List(_), DataType::List(item)) => {
            let list = array.as_list::<i32>();
            let values = convert(list.values(), item.data_type())?;
            let list = ListArray::try_new(Arc::clone(item), list.offsets().clone(), values, list.nulls().cloned())?;
            Ok(Arc::new(list))
        }
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let group = array.as_struct();
            let children = group.columns().iter().zip(fields).map(|(child, field)| convert(child, field.data_type()));
            let children = children.collect::<Result<Vec<_>, _>>()?;
            let group =
                StructArray::try_new_with_length(fields.clone(), children, group.nulls().cloned(), group.len())?;
            Ok(Arc::new(group))
        }
        (from, to) => Err(ArrowError::CastError(format!("{from} is not stored as {to}"))),
    }
}

/// Checks that no decimal has more digits than its type; Parquet would store others.
pub(crate) fn check_decimals(array: &dyn Array) -> Result<(), ArrowError> {
    match array.data_type() {
        DataType::Decimal128(precision, _) => {
            array.as_primitive::<types::Decimal128Type>().validate_decimal_precision(*precision)
        }
        DataType::Decimal256(precision, _) => {
            array.as_primitive::<types::Decimal256Type>().validate_decimal_precision(*precision)
        }
        DataType::List(_) => check_decimals(array.as_list::<i32>().values()),
        DataType::Struct(_) => array.as_struct().columns().iter().try_for_each(|child| check_decimals(child)),
        _ => Ok(()),
    }
}

/// The bytes that values are counted with: about what they take in memory, and not less than what they take in a page.
pub(crate) fn raw_bytes(array: &dyn Array) -> usize {
    let length = array.len();
    match array.data_type() {
        DataType::Utf8 => 4 * length + span(array.as_string::<i32>().value_offsets()),
        DataType::Binary => 4 * length + span(array.as_binary::<i32>().value_offsets()),
        DataType::List(item) => {
            let list = array.as_list::<i32>();
            let offsets = list.value_offsets();
            let start = offsets.first().copied().unwrap_or_default();
            let values = list.values().slice(start as usize, span(offsets));
            // Parquet writes a value for a list that has none.
            let empty = offsets.iter().zip(offsets.iter().skip(1)).filter(|(start, end)| start == end).count();
            let mut of_empty = 0usize;
            leaf_widths(item.data_type(), &mut |width| of_empty = of_empty.saturating_add(width));
            (4 * length).saturating_add(raw_bytes(&values)).saturating_add(empty.saturating_mul(of_empty))
        }
        DataType::Struct(_) => {
            array.as_struct().columns().iter().map(|child| raw_bytes(child)).fold(0, usize::saturating_add)
        }
        plain => length.saturating_mul(width(plain)),
    }
}

/// From the first offset to the last.
fn span(offsets: &[i32]) -> usize {
    match offsets {
        [first, .., last] => (last - first) as usize,
        _ => 0,
    }
}
