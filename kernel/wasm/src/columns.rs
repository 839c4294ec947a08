//! How columns take the results of a function.

use arrow_schema::{DataType, Field};
use swath_model::{Layout, Shape, ValueType};
use wasmparser::ValType;

use crate::WasmError;

/// The name of the memory that texts are read from, and that a batch is written to.
pub(crate) const MEMORY: &str = "memory";

/// Whether the module exports a memory of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    Exported,
    Absent,
}

/// A column, and what it takes of the results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    pub(crate) element: Element,
}

/// What lies in memory for each value of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    /// A byte that is not 0 where the value is true, from an i32 or i64.
    Flag(Integer),
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    /// The low and the high half of 128 bits.
    Wide,
    /// Where bytes are: the pointer in the low half of 64 bits, the length in the high half.
    Place(Place),
}

/// The type of a result that becomes a boolean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Integer {
    I32,
    I64,
}

/// How a function gives the place of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Two i32: pointer and length.
    Two,
    /// One i64: length << 32 | pointer.
    Packed,
}

impl Element {
    /// How many bytes it has.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Flag(_) | Self::Int8 => 1,
            Self::Int16 => 2,
            Self::Int32 | Self::Float32 => 4,
            Self::Int64 | Self::Float64 | Self::Place(_) => 8,
            Self::Wide => 16,
        }
    }
}

/// The columns of a function that nothing is said of; `None` if its results are no values.
pub(crate) fn of_results(results: &[ValType], memory: Memory) -> Option<Result<Layout, WasmError>> {
    if results == [ValType::I64, ValType::I64] {
        return Some(Ok(Layout::values(ValueType::Decimal128)));
    }
    if results == [ValType::I32, ValType::I32] && memory == Memory::Exported {
        return Some(Ok(Layout::of_column(Shape::Dense, Field::new("value", DataType::Utf8, false))));
    }
    let types: Vec<DataType> = results.iter().map(|result| of_result(*result)).collect::<Option<_>>()?;
    let fields: Vec<Field> = match types.as_slice() {
        [] => return None,
        [only] => vec![Field::new("value", only.clone(), false)],
        several => {
            let named = several.iter().enumerate();
            named
                .map(|(index, data_type)| Field::new(format!("value_{}", index + 1), data_type.clone(), false))
                .collect()
        }
    };
    Some(Layout::new(Shape::Dense, fields).map_err(WasmError::from))
}

fn of_result(result: ValType) -> Option<DataType> {
    Some(match result {
        ValType::I32 => DataType::Boolean,
        ValType::I64 => DataType::Int64,
        ValType::F32 => DataType::Float32,
        ValType::F64 => DataType::Float64,
        ValType::V128 | ValType::Ref(_) => return None,
    })
}

/// What each column takes of the results of a function that is called for each number.
///
/// The error is why they do not fit.
pub(crate) fn of_calls(layout: &Layout, results: &[ValType], memory: Memory) -> Result<Vec<Column>, String> {
    let mut left = results;
    let mut columns = Vec::new();
    for field in layout.columns().fields() {
        let (element, taken) = element_of_results(field, left)?;
        if matches!(element, Element::Place(_)) && memory == Memory::Absent {
            return Err(format!("the column {:?} needs the exported memory `{MEMORY}`", field.name()));
        }
        left = left.get(taken..).unwrap_or_default();
        columns.push(column(field, element));
    }
    match left.len() {
        0 => Ok(columns),
        more => Err(format!("{more} of its results belong to no column")),
    }
}

/// What each column is in memory after a batch.
///
/// The error is why a batch cannot give them.
pub(crate) fn of_batch(layout: &Layout) -> Result<Vec<Column>, String> {
    let columns = layout.columns().fields().iter().map(|field| {
        let element = element_of_type(field).filter(|_| !field.is_nullable());
        let refused = || format!("the column {:?} is {}, which a batch cannot give", field.name(), type_text(field));
        Ok(column(field, element.ok_or_else(refused)?))
    });
    columns.collect()
}

fn column(field: &Field, element: Element) -> Column {
    Column { name: field.name().clone(), data_type: field.data_type().clone(), element }
}

fn type_text(field: &Field) -> String {
    format!("{}{}", Layout::type_text(field.data_type()), if field.is_nullable() { "?" } else { "" })
}

/// How a value of a type of fixed size lies in memory.
fn element_of_type(field: &Field) -> Option<Element> {
    Some(match field.data_type() {
        DataType::Boolean => Element::Flag(Integer::I32),
        DataType::Int8 | DataType::UInt8 => Element::Int8,
        DataType::Int16 | DataType::UInt16 => Element::Int16,
        DataType::Int32 | DataType::UInt32 | DataType::Date32 => Element::Int32,
        DataType::Int64 | DataType::UInt64 | DataType::Timestamp(..) => Element::Int64,
        DataType::Float32 => Element::Float32,
        DataType::Float64 => Element::Float64,
        DataType::Decimal128(..) => Element::Wide,
        _ => return None,
    })
}

/// The element of a column, and how many of the results are in it.
fn element_of_results(field: &Field, results: &[ValType]) -> Result<(Element, usize), String> {
    let is_bytes = matches!(field.data_type(), DataType::Utf8 | DataType::Binary);
    let by_type = element_of_type(field);
    if field.is_nullable() || (by_type.is_none() && !is_bytes) {
        return Err(format!("the column {:?} is {}, which no result can be", field.name(), type_text(field)));
    }
    let expected = |what: &str| {
        let name = field.name();
        Err(format!("the column {name:?} is {}, which takes {what}", type_text(field)))
    };
    Ok(match (by_type, results) {
        (None, [ValType::I32, ValType::I32, ..]) => (Element::Place(Place::Two), 2),
        (None, [ValType::I64, ..]) => (Element::Place(Place::Packed), 1),
        (None, _) => return expected("two i32 or one i64"),
        (Some(Element::Wide), [ValType::I64, ValType::I64, ..]) => (Element::Wide, 2),
        (Some(Element::Wide), _) => return expected("two i64"),
        (Some(Element::Float32), [ValType::F32, ..]) => (Element::Float32, 1),
        (Some(Element::Float32), _) => return expected("an f32"),
        (Some(Element::Float64), [ValType::F64, ..]) => (Element::Float64, 1),
        (Some(Element::Float64), _) => return expected("an f64"),
        (Some(Element::Flag(_)), [ValType::I32, ..]) => (Element::Flag(Integer::I32), 1),
        (Some(Element::Flag(_)), [ValType::I64, ..]) => (Element::Flag(Integer::I64), 1),
        (Some(_), [ValType::I32, ..]) => (Element::Int32, 1),
        (Some(_), [ValType::I64, ..]) => (Element::Int64, 1),
        (Some(_), _) => return expected("an i32 or i64"),
    })
}

#[cfg(test)]
mod tests {
    use ValType::{F32, F64, I32, I64, V128};

    use super::*;

    fn text_of(results: &[ValType], memory: Memory) -> Option<String> {
        of_results(results, memory).map(|layout| layout.unwrap().columns_text())
    }

    fn elements(columns: &str, results: &[ValType]) -> Result<Vec<Element>, String> {
        let layout = Layout::parse(Shape::Dense, columns).unwrap();
        let columns = of_calls(&layout, results, Memory::Exported)?;
        Ok(columns.into_iter().map(|column| column.element).collect())
    }

    #[test]
    fn columns_follow_the_results() {
        let text = |results: &[ValType]| text_of(results, Memory::Absent);
        assert_eq!(text(&[I64]).unwrap(), "value int64");
        assert_eq!(text(&[F64]).unwrap(), "value float64");
        assert_eq!(text(&[F32]).unwrap(), "value float32");
        assert_eq!(text(&[I32]).unwrap(), "value boolean");
        assert_eq!(text(&[I64, I64]).unwrap(), "value decimal128(38, 0)");
        assert_eq!(text(&[I32, I32]).unwrap(), "value_1 boolean, value_2 boolean");
        assert_eq!(text(&[I64, F64, I32]).unwrap(), "value_1 int64, value_2 float64, value_3 boolean");
        assert_eq!(text_of(&[I32, I32], Memory::Exported).unwrap(), "value utf8");
        assert_eq!(text(&[]), None);
        assert_eq!(text(&[I64, V128]), None);
    }

    #[test]
    fn each_column_takes_its_results() {
        let all =
            "a int8, b uint64, c boolean, d decimal128(20, 2), e utf8, f binary, g float32, h date32, i timestamp(us)";
        let results = [I32, I64, I64, I64, I64, I32, I32, I64, F32, I32, I64];
        let expected = [
            Element::Int32,
            Element::Int64,
            Element::Flag(Integer::I64),
            Element::Wide,
            Element::Place(Place::Two),
            Element::Place(Place::Packed),
            Element::Float32,
            Element::Int32,
            Element::Int64,
        ];
        assert_eq!(elements(all, &results).unwrap(), expected);
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let error = |columns: &str, results: &[ValType]| elements(columns, results).unwrap_err();
        assert_eq!(error("a int64", &[F64]), "the column \"a\" is int64, which takes an i32 or i64");
        assert_eq!(error("a int64, b float64", &[I64]), "the column \"b\" is float64, which takes an f64");
        assert_eq!(error("a int64", &[I64, I64]), "1 of its results belong to no column");
        assert_eq!(error("a utf8", &[I32]), "the column \"a\" is utf8, which takes two i32 or one i64");
        assert_eq!(error("a int64?", &[I64]), "the column \"a\" is int64?, which no result can be");
        assert!(error("a list(int64)", &[I64]).contains("which no result can be"));
        let text = Layout::parse(Shape::Dense, "a utf8").unwrap();
        assert!(of_calls(&text, &[I64], Memory::Absent).unwrap_err().contains("needs the exported memory"));
        assert!(of_batch(&text).unwrap_err().contains("which a batch cannot give"));
    }
}
