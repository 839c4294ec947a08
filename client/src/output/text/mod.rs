//! Values of any Arrow type as text.
//!
//! docs/results.md says what is written for each type. A list, a struct or a map is JSON in every notation.

mod escape;
mod nested;
mod number;
mod temporal;

use arrow_array::{
    Array, BinaryViewArray, BooleanArray, DictionaryArray, FixedSizeBinaryArray, GenericBinaryArray,
    GenericStringArray, RunArray, StringViewArray, UnionArray,
    types::{
        ArrowDictionaryKeyType, Int8Type, Int16Type, Int32Type, Int64Type, RunEndIndexType, UInt8Type, UInt16Type,
        UInt32Type, UInt64Type,
    },
};
use arrow_schema::DataType;

/// Where a value stands, and so how it is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    /// A value of JSON.
    Json,
    /// A field of RFC 4180. A null is an empty field, an empty text is quoted.
    Csv,
    /// A field of the text format of PostgreSQL's COPY, with its escapes. A null is `\N`.
    Tsv,
}

/// Appends the value of a row, which the array must have.
pub(super) type PushCell<'a> = Box<dyn Fn(usize, &mut Vec<u8>) + 'a>;

/// A type that has no text.
#[derive(Debug, thiserror::Error)]
#[error("{0} values cannot be written as text")]
pub(super) struct NoText(DataType);

impl Notation {
    fn null(self) -> &'static [u8] {
        match self {
            Self::Json => b"null",
            Self::Csv => b"",
            Self::Tsv => b"\\N",
        }
    }

    /// Appends a text, quoted or escaped.
    pub(super) fn push_text(self, text: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Json => escape::push_json(text, out),
            Self::Csv => escape::push_csv(text, out),
            Self::Tsv => escape::push_tsv(text, out),
        }
    }

    /// Appends what needs no escapes: in quotes where a text needs them.
    fn push_plain(self, out: &mut Vec<u8>, push: impl FnOnce(&mut Vec<u8>)) {
        if self == Self::Json {
            out.push(b'"');
        }
        let start = out.len();
        push(out);
        match self {
            Self::Json => out.push(b'"'),
            // An empty field is a null.
            Self::Csv if out.len() == start => out.extend_from_slice(b"\"\""),
            Self::Csv | Self::Tsv => {}
        }
    }
}

/// What appends the values of an array, nulls too.
pub(super) fn cells(array: &dyn Array, notation: Notation) -> Result<PushCell<'_>, NoText> {
    let push = valid_cells(array, notation)?;
    Ok(match array.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => push,
        Some(nulls) => {
            Box::new(
                move |row, out| {
                    if nulls.is_valid(row) { push(row, out) } else { out.extend_from_slice(notation.null()) }
                },
            )
        }
    })
}

/// The same where the array itself has no null.
fn valid_cells(array: &dyn Array, notation: Notation) -> Result<PushCell<'_>, NoText> {
    match array.data_type() {
        DataType::Null => Ok(Box::new(move |_, out| out.extend_from_slice(notation.null()))),
        DataType::Boolean => {
            let values = typed::<BooleanArray>(array)?;
            Ok(Box::new(|row, out| out.extend_from_slice(if values.value(row) { b"true" } else { b"false" })))
        }
        DataType::Int8 => number::integers::<Int8Type>(array),
        DataType::Int16 => number::integers::<Int16Type>(array),
        DataType::Int32 => number::integers::<Int32Type>(array),
        DataType::Int64 => number::integers::<Int64Type>(array),
        DataType::UInt8 => number::integers::<UInt8Type>(array),
        DataType::UInt16 => number::integers::<UInt16Type>(array),
        DataType::UInt32 => number::integers::<UInt32Type>(array),
        DataType::UInt64 => number::integers::<UInt64Type>(array),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => number::floats(array, notation),
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            number::decimals(array)
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => texts(array, notation),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            bytes(array, notation)
        }
        DataType::Date32
        | DataType::Date64
        | DataType::Timestamp(..)
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Duration(_)
        | DataType::Interval(_) => temporal::cells(array, notation),
        DataType::Dictionary(key, _) => dictionary(array, key, notation),
        DataType::RunEndEncoded(ends, _) => match ends.data_type() {
            DataType::Int16 => runs::<Int16Type>(array, notation),
            DataType::Int32 => runs::<Int32Type>(array, notation),
            _ => runs::<Int64Type>(array, notation),
        },
        DataType::Union(..) => union(array, notation),
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::FixedSizeList(..)
        | DataType::Struct(_)
        | DataType::Map(..) => nested::cells(array, notation),
    }
}

/// An array as what its type says that it is.
fn typed<A: 'static>(array: &dyn Array) -> Result<&A, NoText> {
    array.as_any().downcast_ref().ok_or_else(|| NoText(array.data_type().clone()))
}

fn texts(array: &dyn Array, notation: Notation) -> Result<PushCell<'_>, NoText> {
    Ok(match array.data_type() {
        DataType::Utf8 => {
            let values = typed::<GenericStringArray<i32>>(array)?;
            Box::new(move |row, out| notation.push_text(values.value(row).as_bytes(), out))
        }
        DataType::LargeUtf8 => {
            let values = typed::<GenericStringArray<i64>>(array)?;
            Box::new(move |row, out| notation.push_text(values.value(row).as_bytes(), out))
        }
        _ => {
            let values = typed::<StringViewArray>(array)?;
            Box::new(move |row, out| notation.push_text(values.value(row).as_bytes(), out))
        }
    })
}

/// Two hexadecimal digits a byte.
fn bytes(array: &dyn Array, notation: Notation) -> Result<PushCell<'_>, NoText> {
    let push = move |value: &[u8], out: &mut Vec<u8>| {
        notation.push_plain(out, |out| {
            let digit = |four: u8| if four < 10 { b'0' + four } else { b'a' + four - 10 };
            out.extend(value.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
        });
    };
    Ok(match array.data_type() {
        DataType::Binary => {
            let values = typed::<GenericBinaryArray<i32>>(array)?;
            Box::new(move |row, out| push(values.value(row), out))
        }
        DataType::LargeBinary => {
            let values = typed::<GenericBinaryArray<i64>>(array)?;
            Box::new(move |row, out| push(values.value(row), out))
        }
        DataType::BinaryView => {
            let values = typed::<BinaryViewArray>(array)?;
            Box::new(move |row, out| push(values.value(row), out))
        }
        _ => {
            let values = typed::<FixedSizeBinaryArray>(array)?;
            Box::new(move |row, out| push(values.value(row), out))
        }
    })
}

fn dictionary<'a>(array: &'a dyn Array, key: &DataType, notation: Notation) -> Result<PushCell<'a>, NoText> {
    fn of<K: ArrowDictionaryKeyType>(array: &dyn Array, notation: Notation) -> Result<PushCell<'_>, NoText> {
        let values = typed::<DictionaryArray<K>>(array)?;
        let push = cells(values.values(), notation)?;
        Ok(Box::new(move |row, out| match values.key(row) {
            Some(key) => push(key, out),
            None => out.extend_from_slice(notation.null()),
        }))
    }
    match key {
        DataType::Int8 => of::<Int8Type>(array, notation),
        DataType::Int16 => of::<Int16Type>(array, notation),
        DataType::Int32 => of::<Int32Type>(array, notation),
        DataType::Int64 => of::<Int64Type>(array, notation),
        DataType::UInt8 => of::<UInt8Type>(array, notation),
        DataType::UInt16 => of::<UInt16Type>(array, notation),
        DataType::UInt32 => of::<UInt32Type>(array, notation),
        _ => of::<UInt64Type>(array, notation),
    }
}

fn runs<R: RunEndIndexType>(array: &dyn Array, notation: Notation) -> Result<PushCell<'_>, NoText> {
    let runs = typed::<RunArray<R>>(array)?;
    let push = cells(runs.values(), notation)?;
    Ok(Box::new(move |row, out| push(runs.get_physical_index(row), out)))
}

/// The value alone: which type it is of is not written.
fn union(array: &dyn Array, notation: Notation) -> Result<PushCell<'_>, NoText> {
    let union = typed::<UnionArray>(array)?;
    let DataType::Union(fields, _) = array.data_type() else { return Err(NoText(array.data_type().clone())) };
    let children: Result<Vec<_>, _> =
        fields.iter().map(|(id, _)| Ok((id, cells(union.child(id).as_ref(), notation)?))).collect();
    let children = children?;
    Ok(Box::new(move |row, out| {
        let id = union.type_id(row);
        if let Some((_, push)) = children.iter().find(|(child, _)| *child == id) {
            push(union.value_offset(row), out);
        }
    }))
}
