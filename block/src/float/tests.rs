use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, cast::AsArray, types};
use bytes::Bytes;
use parquet::{
    arrow::arrow_reader::ParquetRecordBatchReaderBuilder,
    basic::{Encoding, Repetition, Type as PhysicalType},
    column::page::Page,
    data_type::DoubleType,
    file::{
        properties::{WriterProperties, WriterVersion},
        reader::{FileReader, SerializedFileReader},
        statistics::Statistics,
        writer::SerializedFileWriter,
    },
    schema::types::Type,
};
use proptest::prelude::*;
use swath_model::{Covers, Layout, Numbers, ValueType};

use super::*;
use crate::{Block, BlockEncoder, PAGE_ROWS, span::with_order};

/// The page and the statistics that the parquet crate writes for `values`.
fn theirs(values: &[f64]) -> (Vec<u8>, Option<Span>) {
    let column = Type::primitive_type_builder("value", PhysicalType::DOUBLE).with_repetition(Repetition::REQUIRED);
    let fields = vec![Arc::new(column.build().unwrap())];
    let schema = Type::group_type_builder("floats").with_fields(fields).build().unwrap();
    let properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_dictionary_enabled(false)
        .set_encoding(Encoding::PLAIN)
        .build();
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties)).unwrap();
    let mut group = file.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<DoubleType>().write_batch(values, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    let file = SerializedFileReader::new(Bytes::from(file.into_inner().unwrap())).unwrap();
    let group = file.get_row_group(0).unwrap();
    let statistics = said(group.metadata().column(0).statistics());
    let page = group.get_column_page_reader(0).unwrap().next().unwrap().unwrap();
    assert!(matches!(page, Page::DataPage { encoding: Encoding::PLAIN, .. }));
    (page.buffer().to_vec(), statistics)
}

fn said(statistics: Option<&Statistics>) -> Option<Span> {
    match statistics {
        Some(Statistics::Double(found)) => Some(Span {
            least: order(*found.min_opt()?),
            greatest: order(*found.max_opt()?),
            nans: found.nan_count_opt()?,
        }),
        _ => None,
    }
}

fn bits(values: impl IntoIterator<Item = f64>) -> Vec<u64> {
    values.into_iter().map(f64::to_bits).collect()
}

fn check(values: &[f64]) {
    let (mut page, mut decoded) = (Vec::new(), Vec::new());
    encode(values, &mut page);
    decode(&page, &mut decoded);
    assert_eq!(bits(decoded), bits(values.iter().copied()));
    let (their_page, their_statistics) = theirs(values);
    assert_eq!(page, their_page);
    assert_eq!(Some(span(&page)), their_statistics, "{values:?}");
}

/// A block of floats is what the parquet crate reads from it, and what this crate does.
fn check_block(values: &[f64]) -> usize {
    let layout = Layout::values(ValueType::Float64);
    let mut encoder = BlockEncoder::new(&layout, 7).unwrap();
    for (page, first) in values.chunks(PAGE_ROWS).zip((7..).step_by(PAGE_ROWS)) {
        let column: ArrayRef = Arc::new(Float64Array::from(page.to_vec()));
        encoder.push(Numbers::Consecutive { first, rows: page.len() }, &[column]).unwrap();
    }
    let covers = Covers { first: 7, numbers: values.len() as u64 };
    let (bytes, _) = encoder.finish_with_digest(covers).unwrap();
    let expected = bits(values.iter().copied());
    let size = bytes.len();
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).unwrap();
    let stated = said(reader.metadata().row_group(0).column(1).statistics());
    let batches = reader.build().unwrap().map(|batch| batch.unwrap());
    let read = batches.flat_map(|batch| batch.column(1).as_primitive::<types::Float64Type>().values().to_vec());
    assert_eq!(bits(read), expected);
    let block = Block::parse(bytes, &layout, covers).unwrap();
    block.verify().unwrap();
    let batches = block.columns(&[1], PAGE_ROWS).unwrap().map(|batch| batch.unwrap());
    let read = batches.flat_map(|batch| batch.column(0).as_primitive::<types::Float64Type>().values().to_vec());
    assert_eq!(bits(read), expected);
    let mut whole = Vec::new();
    encode(values, &mut whole);
    assert_eq!(stated, Some(span(&whole)));
    size
}

const SPECIAL: [f64; 8] =
    [0.0, -0.0, f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.5, f64::MIN_POSITIVE / 4.0];

#[test]
fn zeros_infinities_and_what_is_no_number() {
    for first in SPECIAL {
        check(&[first]);
        check_block(&[first]);
        for second in SPECIAL {
            check(&[first, second]);
            check(&[vec![first; 9], vec![second; 9]].concat());
        }
    }
    check(&SPECIAL);
    check_block(&SPECIAL);
}

#[test]
fn the_order_is_that_of_the_floats() {
    let ascending = [f64::NEG_INFINITY, -2.0, -f64::MIN_POSITIVE, -0.0, 0.0, 1e-300, 1.0, f64::MAX, f64::INFINITY];
    assert!(ascending.map(order).is_sorted());
    assert_eq!(bits(ascending.map(order).map(with_order)), bits(ascending));
}

#[test]
fn pages_are_compressed_where_it_pays() {
    let noise: Vec<f64> =
        (0..2 * PAGE_ROWS as u64 + 5).map(|n| f64::from_bits(n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 2)).collect();
    let few: Vec<f64> = (0..2 * PAGE_ROWS + 5).map(|n| (n % 10) as f64).collect();
    for rows in [1, PAGE_ROWS - 1, PAGE_ROWS, PAGE_ROWS + 1, 2 * PAGE_ROWS + 5] {
        let size = check_block(&noise[..rows]);
        assert!(size <= rows * 8 + 2000, "{size} bytes for {rows} floats");
        check_block(&few[..rows]);
    }
    assert!(check_block(&few) < few.len());
    // A page without any number beside one that has some.
    check_block(&[vec![f64::NAN; PAGE_ROWS], vec![1.0]].concat());
}

proptest! {
    #[test]
    fn any_bits_come_back(values in prop::collection::vec(any::<u64>().prop_map(f64::from_bits), 1..100)) {
        check(&values);
        check_block(&values);
    }

    #[test]
    fn any_numbers_come_back(values in prop::collection::vec(-10.0..10.0, 1..100)) {
        check(&values);
    }
}
