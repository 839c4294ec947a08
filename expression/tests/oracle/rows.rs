//! Rows of every type that can be computed or compared.

use std::{ops::Range, sync::Arc};

use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, Float32Array,
    Float64Array, LargeStringArray, PrimitiveArray, StringArray, StringViewArray,
    types::{Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type},
};
use arrow_buffer::i256;
use arrow_schema::{DataType, Field, Schema};
use num_bigint::BigInt;
use proptest::prelude::*;
use swath_model::Numbers;

pub(crate) const EXACT: [&str; 12] =
    ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "whole", "cents", "hundreds", "tall"];
pub(crate) const SCALES: [i64; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 2, -2, 3];
pub(crate) const FLOATS: [&str; 2] = ["f32", "f64"];
pub(crate) const TRUTHS: [&str; 2] = ["yes", "no"];
pub(crate) const TEXTS: [&str; 3] = ["Text", "large", "view"];

fn exact_type(column: usize) -> DataType {
    match EXACT[column] {
        "i8" => DataType::Int8,
        "i16" => DataType::Int16,
        "i32" => DataType::Int32,
        "i64" => DataType::Int64,
        "u8" => DataType::UInt8,
        "u16" => DataType::UInt16,
        "u32" => DataType::UInt32,
        "u64" => DataType::UInt64,
        "whole" => DataType::Decimal128(38, 0),
        "cents" => DataType::Decimal128(20, 2),
        "hundreds" => DataType::Decimal128(10, -2),
        _ => DataType::Decimal256(76, 3),
    }
}

pub(crate) fn schema() -> Schema {
    let exact = (0..EXACT.len()).map(|column| (EXACT[column], exact_type(column)));
    let floats = FLOATS.into_iter().zip([DataType::Float32, DataType::Float64]);
    let truths = TRUTHS.map(|name| (name, DataType::Boolean));
    let texts = TEXTS.into_iter().zip([DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View]);
    let all = exact.chain(floats).chain(truths).chain(texts);
    let mut fields: Vec<_> = all.map(|(name, data_type)| Field::new(name, data_type, true)).collect();
    // Nothing reads it, so it need not be what the schema says.
    fields.push(Field::new("day", DataType::Date32, true));
    Schema::new(fields)
}

/// Values are made from a seed, so that thousands of rows are one number to shrink.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    first: i64,
    count: usize,
    seed: u64,
    /// How many bits the integers of each column have at most.
    bits: u32,
    has_nulls: bool,
    /// How many rows of its arrays a column hides before the first.
    offset: usize,
}

/// One row: `None` is null.
pub(crate) struct Row {
    pub(crate) number: i64,
    /// Unscaled.
    pub(crate) exact: Vec<Option<BigInt>>,
    pub(crate) floats: Vec<Option<f64>>,
    pub(crate) truths: Vec<Option<bool>>,
    pub(crate) texts: Vec<Option<String>>,
}

pub(crate) fn rows(count: Range<usize>) -> impl Strategy<Value = Rows> {
    let firsts = vec![0, -5, -1000, 1 << 25, (1 << 26) - 3, 3_037_000_490, (1 << 50) - 10, 1 << 62, i64::MIN];
    let first = prop_oneof![prop::sample::select(firsts), any::<i64>()];
    let bits = prop_oneof![1u32..8, 1u32..64, 1u32..128, Just(250)];
    (first, count, any::<u64>(), bits, any::<bool>(), 0usize..9).prop_map(
        |(first, count, seed, bits, has_nulls, offset)| {
            let first = first.min(i64::MAX - count as i64);
            Rows { first, count, seed, bits, has_nulls, offset }
        },
    )
}

impl Rows {
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn number(&self, row: usize) -> i64 {
        self.first + row as i64
    }

    pub(crate) fn numbers(&self) -> Numbers<'_> {
        Numbers::Consecutive { first: self.first, rows: self.count }
    }

    /// Random bits of a cell (SplitMix64).
    fn random(&self, column: usize, row: usize) -> u64 {
        let mut bits = self.seed ^ (column as u64) << 48 ^ (row as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    fn is_null(&self, column: usize, row: usize) -> bool {
        self.has_nulls && self.random(column + 100, row).is_multiple_of(4)
    }

    /// The integer of a cell, null or not, within what its column can hold.
    fn exact(&self, column: usize, row: usize) -> i256 {
        let (low, high) = match exact_type(column) {
            DataType::Int8 => (-128, 127),
            DataType::Int16 => (-32_768, 32_767),
            DataType::Int32 => (-2_147_483_648, 2_147_483_647),
            DataType::Int64 => (i128::from(i64::MIN), i128::from(i64::MAX)),
            DataType::UInt8 => (0, 255),
            DataType::UInt16 => (0, 65_535),
            DataType::UInt32 => (0, 4_294_967_295),
            DataType::UInt64 => (0, i128::from(u64::MAX)),
            DataType::Decimal128(precision, _) => {
                let most = 10i128.pow(u32::from(precision)) - 1;
                (-most, most)
            }
            _ => (i128::MIN, i128::MAX),
        };
        let random = |more: usize| i128::from(self.random(column + more, row));
        let wide = (random(200) << 64 | random(300)) >> (128 - self.bits.clamp(1, 127));
        if high == i128::MAX && self.bits > 128 {
            return i256::from_parts(wide as u128, random(400) << 58);
        }
        i256::from_i128(if wide < low || wide > high { low + wide.rem_euclid(high - low) } else { wide })
    }

    fn float(&self, column: usize, row: usize) -> f64 {
        let random = self.random(column + 500, row);
        match random % 16 {
            0 => f64::NAN,
            1 => f64::INFINITY,
            2 => -0.0,
            3 => 0.0,
            4 => f64::NEG_INFINITY,
            5..8 => (random >> 60) as f64,
            _ => ((random >> 20) as i32) as f64 / 64.0,
        }
    }

    fn text(&self, column: usize, row: usize) -> String {
        let random = self.random(column + 600, row);
        let letters = [["a", "b", "é", "'"], ["", "a", "b", "%"], ["", "", "_", "b"]];
        letters.iter().enumerate().map(|(at, choice)| choice[(random >> (2 * at)) as usize % 4]).collect()
    }

    fn truth(&self, column: usize, row: usize) -> bool {
        self.random(column + 700, row).is_multiple_of(3)
    }

    pub(crate) fn row(&self, row: usize) -> Row {
        let unless_null = |column: usize| !self.is_null(column, row);
        Row {
            number: self.number(row),
            exact: (0..EXACT.len())
                .map(|column| unless_null(column).then(|| self.exact(column, row).to_string().parse().unwrap()))
                .collect(),
            floats: (0..FLOATS.len())
                .map(|column| {
                    let value = self.float(column, row);
                    let value = if FLOATS[column] == "f32" { f64::from(value as f32) } else { value };
                    unless_null(20 + column).then_some(value)
                })
                .collect(),
            truths: (0..TRUTHS.len()).map(|column| unless_null(30 + column).then(|| self.truth(column, row))).collect(),
            texts: (0..TEXTS.len()).map(|column| unless_null(40 + column).then(|| self.text(column, row))).collect(),
        }
    }

    fn cells<T>(&self, column: usize, value: impl Fn(usize) -> T) -> Vec<Option<T>> {
        (0..self.count).map(|row| (!self.is_null(column, row)).then(|| value(row))).collect()
    }

    fn integers<T: ArrowPrimitiveType>(&self, column: usize) -> ArrayRef
    where
        T::Native: TryFrom<i128>,
    {
        let cell = |row: usize| T::Native::try_from(self.exact(column, row).as_i128()).ok();
        Arc::new(PrimitiveArray::<T>::from_iter(self.cells(column, |row| cell(row).unwrap())))
    }

    fn exact_column(&self, column: usize) -> ArrayRef {
        let wide = || self.cells(column, |row| self.exact(column, row).as_i128());
        match exact_type(column) {
            DataType::Int8 => self.integers::<Int8Type>(column),
            DataType::Int16 => self.integers::<Int16Type>(column),
            DataType::Int32 => self.integers::<Int32Type>(column),
            DataType::Int64 => self.integers::<Int64Type>(column),
            DataType::UInt8 => self.integers::<UInt8Type>(column),
            DataType::UInt16 => self.integers::<UInt16Type>(column),
            DataType::UInt32 => self.integers::<UInt32Type>(column),
            DataType::UInt64 => self.integers::<UInt64Type>(column),
            DataType::Decimal128(precision, scale) => {
                Arc::new(Decimal128Array::from_iter(wide()).with_precision_and_scale(precision, scale).unwrap())
            }
            DataType::Decimal256(precision, scale) => {
                let cells = self.cells(column, |row| self.exact(column, row));
                Arc::new(Decimal256Array::from_iter(cells).with_precision_and_scale(precision, scale).unwrap())
            }
            other => panic!("{other}"),
        }
    }

    /// The arrays, with rows before the first that are cut away again.
    pub(crate) fn columns(&self) -> Vec<ArrayRef> {
        let mut columns: Vec<ArrayRef> = (0..EXACT.len()).map(|column| self.exact_column(column)).collect();
        columns.push(Arc::new(Float32Array::from_iter(self.cells(20, |row| self.float(0, row) as f32))));
        columns.push(Arc::new(Float64Array::from_iter(self.cells(21, |row| self.float(1, row)))));
        for column in 0..TRUTHS.len() {
            let cells = self.cells(30 + column, |row| self.truth(column, row));
            let hidden = std::iter::repeat_n(Some(true), self.offset);
            let array = BooleanArray::from_iter(hidden.chain(cells));
            columns.push(Arc::new(array.slice(self.offset, self.count)));
        }
        columns.push(Arc::new(StringArray::from_iter(self.cells(40, |row| self.text(0, row)))));
        columns.push(Arc::new(LargeStringArray::from_iter(self.cells(41, |row| self.text(1, row)))));
        columns.push(Arc::new(StringViewArray::from_iter(self.cells(42, |row| self.text(2, row)))));
        columns.push(Arc::new(Date32Array::from(Vec::<i32>::new())));
        columns
    }
}
