//! Lists of reductions, and states of reductions as they travel.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, ListArray, PrimitiveArray, RecordBatch,
    StringArray, StructArray, cast::AsArray, types::*,
};
use arrow_buffer::{OffsetBuffer, i256};
use arrow_schema::{ArrowError, DataType, Field, Schema, TimeUnit};
use swath_reduce::{Kind, Reductions};

use crate::Outcome;

/// The types of columns whose states are tried: one for each way in which values are kept, and each type of sum.
pub(crate) fn types() -> Vec<DataType> {
    vec![
        DataType::Int64,
        DataType::Boolean,
        DataType::UInt64,
        DataType::Float64,
        DataType::Decimal128(38, 2),
        DataType::Decimal256(76, 0),
        DataType::Utf8,
        DataType::Binary,
        DataType::Timestamp(TimeUnit::Second, None),
    ]
}

fn schema(columns: u8) -> Schema {
    let types = types().into_iter().take(usize::from(columns)).enumerate();
    let named = types.map(|(index, data_type)| Field::new(format!("c{index}"), data_type, true));
    let odd = Field::new("odd, \"name\")", DataType::Int32, true);
    Schema::new(named.chain([odd]).collect::<Vec<_>>())
}

/// A list reads the same when it is written again.
pub(crate) fn list(input: &[u8]) -> Outcome {
    let Some((&columns, text)) = input.split_first() else { return Outcome::Refused };
    let Ok(text) = str::from_utf8(text) else { return Outcome::Refused };
    let columns = schema(columns % 10);
    let reductions = match Reductions::parse(text, &columns) {
        Ok(reductions) => reductions,
        Err(error) => {
            let shown = error.to_string();
            assert!(!shown.contains(char::is_control), "an error shows control characters: {shown:?}");
            return Outcome::Refused;
        }
    };
    let again = Reductions::parse(&reductions.to_string(), &columns);
    assert_eq!(again.as_ref(), Ok(&reductions), "it is another list when it is read again");
    let mut accumulator = reductions.accumulator();
    let partial = accumulator.partial();
    assert!(partial.is_ok_and(|partial| accumulator.merge(&partial).is_ok()), "its own state is refused");
    assert!(accumulator.result().is_ok_and(|result| result.schema() == reductions.result_schema()), "no result");
    Outcome::Accepted
}

/// All reductions that are possible over a column of one type.
pub(crate) fn reductions(kind: u8) -> Option<Reductions> {
    let types = types();
    let data_type = types.get(usize::from(kind) % types.len())?;
    let columns = Schema::new(vec![Field::new("c", data_type.clone(), true)]);
    let possible = Kind::ALL.iter().filter(|kind| Reductions::parse(kind.as_str(), &columns).is_ok());
    let words: Vec<_> = possible.map(|kind| kind.as_str()).collect();
    Reductions::parse(&words.join(","), &columns).ok()
}

/// A state that is taken in is the same when it travels on.
pub(crate) fn partial(input: &[u8]) -> Outcome {
    let Some((&kind, bytes)) = input.split_first() else { return Outcome::Refused };
    let Some(reductions) = reductions(kind) else { return Outcome::Refused };
    let Some(batch) = read(&reductions.partial_schema(), &mut Bytes(bytes)) else { return Outcome::Refused };
    let mut accumulator = reductions.accumulator();
    if accumulator.merge(&batch).is_err() {
        return Outcome::Refused;
    }
    let first = accumulator.partial();
    let mut other = reductions.accumulator();
    let is_taken = first.as_ref().is_ok_and(|partial| other.merge(partial).is_ok());
    assert!(is_taken, "a state that was taken in is refused when it travels on");
    assert_eq!(first, other.partial(), "a state is another one when it travels on");
    // It may not have one: a sum may be too large.
    assert_eq!(accumulator.result(), other.result(), "the results of the same state differ");
    if accumulator.merge(&batch).is_ok() {
        let merged = accumulator.partial();
        let is_taken = merged.is_ok_and(|partial| reductions.accumulator().merge(&partial).is_ok());
        assert!(is_taken, "two states that were merged are refused");
    }
    Outcome::Accepted
}

/// What is read from the front; zeros where there is no more.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        for byte in &mut array {
            if let Some((first, rest)) = self.0.split_first() {
                *byte = *first;
                self.0 = rest;
            }
        }
        array
    }

    fn short(&mut self) -> usize {
        u16::from_le_bytes(self.array()).into()
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.short().min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes.to_vec()
    }
}

/// One row in the columns of a schema, in which everything may be null.
fn read(schema: &Schema, bytes: &mut Bytes<'_>) -> Option<RecordBatch> {
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    let relaxed = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let columns = schema.fields().iter().map(|field| column(field.data_type(), 1, bytes));
    RecordBatch::try_new(relaxed, columns.collect::<Option<_>>()?).ok()
}

/// Values of a type: for each a byte that is 0 for null, then the value.
fn column(data_type: &DataType, rows: usize, bytes: &mut Bytes<'_>) -> Option<ArrayRef> {
    fn natives<T: ArrowPrimitiveType, const N: usize>(
        data_type: &DataType,
        rows: usize,
        bytes: &mut Bytes<'_>,
        native: impl Fn([u8; N]) -> T::Native,
    ) -> ArrayRef {
        let values = (0..rows).map(|_| (bytes.array() != [0]).then(|| native(bytes.array())));
        Arc::new(values.collect::<PrimitiveArray<T>>().with_data_type(data_type.clone()))
    }
    Some(match data_type {
        DataType::Int64 => natives::<Int64Type, 8>(data_type, rows, bytes, i64::from_le_bytes),
        DataType::UInt64 => natives::<UInt64Type, 8>(data_type, rows, bytes, u64::from_le_bytes),
        DataType::Float64 => natives::<Float64Type, 8>(data_type, rows, bytes, f64::from_le_bytes),
        DataType::Decimal128(..) => natives::<Decimal128Type, 16>(data_type, rows, bytes, i128::from_le_bytes),
        DataType::Decimal256(..) => natives::<Decimal256Type, 32>(data_type, rows, bytes, i256::from_le_bytes),
        DataType::Timestamp(..) => natives::<TimestampSecondType, 8>(data_type, rows, bytes, i64::from_le_bytes),
        DataType::Boolean => {
            let values = (0..rows).map(|_| (bytes.array() != [0]).then(|| bytes.array() != [0]));
            Arc::new(values.collect::<BooleanArray>())
        }
        DataType::Binary => {
            let values: Vec<_> = (0..rows).map(|_| (bytes.array() != [0]).then(|| bytes.bytes())).collect();
            Arc::new(values.iter().map(|value| value.as_deref()).collect::<BinaryArray>())
        }
        DataType::Utf8 => {
            let values =
                (0..rows).map(|_| (bytes.array() != [0]).then(|| String::from_utf8_lossy(&bytes.bytes()).into_owned()));
            Arc::new(values.collect::<StringArray>())
        }
        DataType::List(element) => {
            let DataType::Struct(fields) = element.data_type() else { return None };
            let length = if bytes.array() == [0] { 0 } else { bytes.short().min(bytes.0.len()) };
            let columns = fields.iter().map(|field| column(field.data_type(), length, bytes)).collect::<Option<_>>()?;
            let rows = StructArray::try_new(fields.clone(), columns, None).ok()?;
            let offsets = OffsetBuffer::from_lengths([length]);
            Arc::new(ListArray::try_new(element.clone(), offsets, Arc::new(rows), None).ok()?)
        }
        _ => return None,
    })
}

/// What [`read`] reads as this row.
pub(crate) fn write(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let mut bytes = Vec::new();
    batch.columns().iter().try_for_each(|column| write_column(column, &mut bytes))?;
    Ok(bytes)
}

fn write_column(column: &ArrayRef, bytes: &mut Vec<u8>) -> Result<(), ArrowError> {
    fn natives<T: ArrowPrimitiveType, const N: usize>(
        column: &ArrayRef,
        bytes: &mut Vec<u8>,
        native: impl Fn(T::Native) -> [u8; N],
    ) {
        for value in column.as_primitive::<T>() {
            bytes.push(value.is_some().into());
            bytes.extend(value.map(&native).iter().flatten());
        }
    }
    fn texts<'a>(values: impl Iterator<Item = Option<&'a [u8]>>, bytes: &mut Vec<u8>) {
        for value in values {
            bytes.push(value.is_some().into());
            bytes.extend(value.map(|value| (value.len() as u16).to_le_bytes()).iter().flatten());
            bytes.extend_from_slice(value.unwrap_or_default());
        }
    }
    match column.data_type() {
        DataType::Int64 => natives::<Int64Type, 8>(column, bytes, i64::to_le_bytes),
        DataType::UInt64 => natives::<UInt64Type, 8>(column, bytes, u64::to_le_bytes),
        DataType::Float64 => natives::<Float64Type, 8>(column, bytes, f64::to_le_bytes),
        DataType::Decimal128(..) => natives::<Decimal128Type, 16>(column, bytes, i128::to_le_bytes),
        DataType::Decimal256(..) => natives::<Decimal256Type, 32>(column, bytes, i256::to_le_bytes),
        DataType::Timestamp(..) => natives::<TimestampSecondType, 8>(column, bytes, i64::to_le_bytes),
        DataType::Boolean => {
            for value in column.as_boolean() {
                bytes.push(value.is_some().into());
                bytes.extend(value.map(u8::from));
            }
        }
        DataType::Binary => texts(column.as_binary::<i32>().iter(), bytes),
        DataType::Utf8 => {
            texts(column.as_string::<i32>().iter().map(|value| value.map(str::as_bytes)), bytes);
        }
        DataType::List(_) => {
            let rows = column.as_list::<i32>().value(0);
            bytes.push(1);
            bytes.extend((rows.len() as u16).to_le_bytes());
            rows.as_struct().columns().iter().try_for_each(|column| write_column(column, bytes))?;
        }
        other => return Err(ArrowError::NotYetImplemented(format!("a state with {other}"))),
    }
    Ok(())
}
