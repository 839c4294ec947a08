//! The two columns, as Parquet and as Arrow describe them.

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::{
    basic::{LogicalType, Repetition, Type as PhysicalType},
    schema::types::{SchemaDescPtr, SchemaDescriptor, Type, TypePtr},
};
use swath_kernel::ValueType;

/// The Parquet schema of blocks, parts and files whose values are of this type: required columns `n` and `value`.
pub fn parquet_schema(value_type: ValueType) -> TypePtr {
    schemas(value_type).root_schema_ptr()
}

/// The same with its columns resolved, made once for each type.
pub(crate) fn schemas(value_type: ValueType) -> &'static SchemaDescPtr {
    static INT64: LazyLock<SchemaDescPtr> = LazyLock::new(|| describe(ValueType::Int64));
    static BOOLEAN: LazyLock<SchemaDescPtr> = LazyLock::new(|| describe(ValueType::Boolean));
    static DECIMAL128: LazyLock<SchemaDescPtr> = LazyLock::new(|| describe(ValueType::Decimal128));
    match value_type {
        ValueType::Int64 => &INT64,
        ValueType::Boolean => &BOOLEAN,
        ValueType::Decimal128 => &DECIMAL128,
    }
}

/// The Arrow schema of the same columns.
pub fn arrow_schema(value_type: ValueType) -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("n", DataType::Int64, false),
        Field::new("value", arrow_value_type(value_type), false),
    ]))
}

/// The Arrow type of the column `value`.
pub fn arrow_value_type(value_type: ValueType) -> DataType {
    match value_type {
        ValueType::Int64 => DataType::Int64,
        ValueType::Boolean => DataType::Boolean,
        ValueType::Decimal128 => DataType::Decimal128(38, 0),
    }
}

/// The type of the values of results with this schema; `None` if no block has it.
pub fn value_type_of(schema: &Schema) -> Option<ValueType> {
    let types = [ValueType::Int64, ValueType::Boolean, ValueType::Decimal128];
    types.into_iter().find(|&value_type| arrow_schema(value_type).fields() == schema.fields())
}

#[expect(clippy::expect_used, reason = "constant schemas, each built by the tests")]
fn describe(value_type: ValueType) -> SchemaDescPtr {
    let required = |name, physical| Type::primitive_type_builder(name, physical).with_repetition(Repetition::REQUIRED);
    let n = required("n", PhysicalType::INT64);
    let value = match value_type {
        ValueType::Int64 => required("value", PhysicalType::INT64),
        ValueType::Boolean => required("value", PhysicalType::BOOLEAN),
        ValueType::Decimal128 => required("value", PhysicalType::FIXED_LEN_BYTE_ARRAY)
            .with_length(16)
            .with_logical_type(Some(LogicalType::decimal(0, 38)))
            .with_precision(38)
            .with_scale(0),
    };
    let fields = [n, value].map(|column| Arc::new(column.build().expect("a valid column")));
    let root = Type::group_type_builder("swath").with_fields(fields.to_vec()).build().expect("a valid schema");
    Arc::new(SchemaDescriptor::new(Arc::new(root)))
}
