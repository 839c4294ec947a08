//! Blocks against the decoder of the parquet crate.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, Decimal128Array, Int64Array, RecordBatch, cast::AsArray, types};
use arrow_schema::ArrowError;
use bytes::Bytes;
use parquet::{
    arrow::arrow_reader::ParquetRecordBatchReaderBuilder,
    basic::{Compression, Encoding},
};
use proptest::prelude::*;
use swath_model::{Covers, Layout, Numbers, ValueType};

use crate::{Block, BlockEncoder, BlockError, EncodeError, FileAssembler, FooterError, MAX_ROWS, PAGE_ROWS, checksum};

fn integers(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn booleans(values: impl IntoIterator<Item = bool>) -> ArrayRef {
    Arc::new(BooleanArray::from(values.into_iter().collect::<Vec<_>>()))
}

fn decimals(values: impl IntoIterator<Item = i128>) -> ArrayRef {
    Arc::new(Decimal128Array::from_iter_values(values).with_precision_and_scale(38, 0).unwrap())
}

fn layout_of(values: &ArrayRef) -> Layout {
    let known = ValueType::ALL.into_iter().find(|known| known.data_type() == *values.data_type());
    Layout::values(known.unwrap())
}

fn covers(first: i64, numbers: usize) -> Covers {
    Covers { first, numbers: numbers as u64 }
}

fn encode(first: i64, values: &ArrayRef) -> Bytes {
    let mut encoder = BlockEncoder::new(&layout_of(values), first).unwrap();
    for start in (0..values.len()).step_by(PAGE_ROWS) {
        let rows = PAGE_ROWS.min(values.len() - start);
        let numbers = Numbers::Consecutive { first: first + start as i64, rows };
        encoder.push(numbers, &[values.slice(start, rows)]).unwrap();
    }
    encoder.finish_with_digest(covers(first, values.len())).unwrap().0
}

fn block_of(first: i64, values: &ArrayRef) -> Block {
    Block::parse(encode(first, values), &layout_of(values), covers(first, values.len())).unwrap()
}

/// What the parquet crate makes of a block.
fn decode(block: &Block) -> (Vec<i64>, ArrayRef) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(block.bytes().clone()).unwrap();
    gather(block, reader.with_batch_size(10_000).build().unwrap())
}

fn gather(block: &Block, batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>) -> (Vec<i64>, ArrayRef) {
    let batches: Vec<RecordBatch> = batches.collect::<Result<_, _>>().unwrap();
    assert!(batches.iter().all(|batch| batch.schema() == *block.layout().schema()));
    let numbers = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<types::Int64Type>().values().to_vec());
    let values: Vec<&dyn Array> = batches.iter().map(|batch| &**batch.column(1)).collect();
    (numbers.collect(), arrow_select::concat::concat(&values).unwrap())
}

fn assert_round_trip(first: i64, values: &ArrayRef) {
    let block = block_of(first, values);
    block.verify().unwrap();
    assert_eq!((block.covers().first, block.rows()), (first, values.len()));
    let (numbers, decoded) = decode(&block);
    assert_eq!(numbers, (0..values.len() as i64).map(|offset| first + offset).collect::<Vec<_>>());
    assert!(&decoded == values, "decoded values differ");
    for batch_rows in [1, 1000, PAGE_ROWS, 100_000, MAX_ROWS] {
        let (ours, decoded) = gather(&block, block.batches(batch_rows).unwrap());
        assert!(ours == numbers && &decoded == values, "decoded here, in batches of {batch_rows}");
    }
    if let Some(values) = values.as_primitive_opt::<types::Int64Type>() {
        let mut decoded = vec![0; values.len()];
        block.decode_int64(1, &mut decoded).unwrap();
        assert!(decoded == *values.values(), "decoded in place");
        block.decode_int64(0, &mut decoded).unwrap();
        assert!(decoded == numbers, "numbers in place");
        assert!(block.decode_int64(1, &mut decoded[1..]).is_err());
    }
}

#[test]
fn squares_take_next_to_nothing_and_come_back() {
    let values = integers((1..=MAX_ROWS as i64).map(|n| n * n));
    let block = encode(1, &values);
    assert!(block.len() < values.len() / 16, "{} bytes for {} squares", block.len(), values.len());
    assert_round_trip(1, &values);
}

#[test]
fn a_column_is_compressed_where_its_first_page_says_that_it_is_worth_it() {
    let mut random = 1u64;
    let mut without_pattern = || {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (random >> 40) as i64
    };
    let noise: Vec<i64> = (0..PAGE_ROWS).map(|_| without_pattern()).collect();
    let squares: Vec<i64> = (0..PAGE_ROWS as i64).map(|n| n * n).collect();
    let both = |first: &[i64], then: &[i64]| integers([first, then].concat());
    for (values, expected) in [
        (both(&noise, &squares), Compression::UNCOMPRESSED),
        (both(&squares, &noise), Compression::LZ4_RAW),
        (integers([7]), Compression::UNCOMPRESSED),
    ] {
        let block = block_of(1, &values);
        assert_eq!(block.row_group().unwrap().column(1).compression(), expected);
        assert_round_trip(1, &values);
    }
}

#[test]
fn booleans_take_a_bit_and_next_to_nothing_where_all_are_equal() {
    for (values, most) in [
        (booleans((0..MAX_ROWS).map(|n| n.is_power_of_two())), MAX_ROWS / 8),
        (booleans(vec![false; MAX_ROWS]), 4096),
        (booleans(vec![true; MAX_ROWS]), 4096),
    ] {
        let block = block_of(1, &values);
        assert!(block.bytes().len() < most, "{} bytes for {} booleans", block.bytes().len(), values.len());
        // No other encoding of booleans in data pages of version 1 is read by all.
        assert_eq!(block.row_group().unwrap().column(1).encodings().collect::<Vec<_>>(), [Encoding::PLAIN]);
        assert!(decode(&block).1 == values);
    }
}

#[test]
fn every_length_around_the_sizes_of_the_format_comes_back() {
    for rows in (1..=300).chain([PAGE_ROWS - 1, PAGE_ROWS, PAGE_ROWS + 1, PAGE_ROWS + 129]) {
        assert_round_trip(-7, &integers((0..rows as i64).map(|n| n * n * n)));
        assert_round_trip(-7, &booleans((0..rows).map(|n| n % 3 == 0)));
        assert_round_trip(-7, &decimals((0..rows as i128).map(|n| n * n - 5)));
    }
}

#[test]
fn every_width_of_difference_comes_back() {
    for width in 0..=64 {
        let step = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
        assert_round_trip(0, &integers((0..200u64).map(|i| if i % 2 == 0 { 0 } else { step as i64 })));
    }
    assert_round_trip(i64::MIN, &integers([i64::MIN, i64::MAX, i64::MIN, 0, -1, i64::MAX]));
}

#[test]
fn both_ends_of_the_numbers_and_of_the_decimals_come_back() {
    let most = 10i128.pow(38) - 1;
    assert_round_trip(i64::MAX - 2, &decimals([most, -most, 0]));
    assert_round_trip(i64::MIN, &booleans(vec![true; 5000]));
}

#[test]
fn a_file_of_several_blocks_holds_them_in_order_and_gives_them_back() {
    let layout = Layout::values(ValueType::Int64);
    let all: Vec<i64> = (1..=100_000).map(|n| n * n).collect();
    let mut file = FileAssembler::new(Vec::new(), &layout).unwrap();
    for (index, values) in all.chunks(30_000).enumerate() {
        file.append(&block_of(1 + index as i64 * 30_000, &integers(values.to_vec()))).unwrap();
    }
    file.describe("swath.kernel".to_owned(), "square".to_owned());
    let file = Bytes::from(file.finish().unwrap());
    let metadata = parquet::file::metadata::ParquetMetaDataReader::new().parse_and_finish(&file).unwrap();
    assert_eq!(metadata.num_row_groups(), 4);
    let said = metadata.file_metadata().key_value_metadata().unwrap();
    assert_eq!((said[0].key.as_str(), said[0].value.as_deref()), ("swath.kernel", Some("square")));
    let mut seen: Vec<i64> = Vec::new();
    for group in metadata.row_groups() {
        let start = group.column(0).byte_range().0;
        let end = group.column(1).byte_range().0 + group.column(1).byte_range().1;
        let columns = file.slice(start as usize..end as usize);
        let digest = checksum(&columns);
        let covers = covers(1 + seen.len() as i64, group.num_rows() as usize);
        let take = |digest| Block::from_row_group(group, start, columns.clone(), &layout, covers, digest);
        assert!(take(digest ^ 1).is_err());
        let block = take(digest).unwrap();
        block.verify().unwrap();
        assert_eq!(block.columns_bytes(), columns);
        let (numbers, values) = decode(&block);
        assert_eq!(numbers[0], seen.len() as i64 + 1);
        seen.extend(values.as_primitive::<types::Int64Type>().values());
    }
    assert!(seen == all);
}

#[test]
fn a_file_may_have_some_columns_alone() {
    let layout = Layout::values(ValueType::Int64);
    let mut file = FileAssembler::with_columns(Vec::new(), &layout, &[1]).unwrap();
    file.append(&block_of(5, &integers([7, 9]))).unwrap();
    let file = Bytes::from(file.finish().unwrap());
    let batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batches: Vec<_> = batches.map(Result::unwrap).collect();
    assert_eq!(batches[0].columns(), [integers([7, 9])]);
    assert!(FileAssembler::with_columns(Vec::new(), &layout, &[2]).is_err());
    let mut other = FileAssembler::new(Vec::new(), &Layout::values(ValueType::Boolean)).unwrap();
    assert!(other.append(&block_of(5, &integers([7, 9]))).is_err());
}

#[test]
fn a_block_is_cut_at_any_row() {
    let whole = integers((1..=70_000).map(|n| n * n));
    let block = block_of(1, &whole);
    let ends = [0, 1, 127, PAGE_ROWS - 1, PAGE_ROWS, PAGE_ROWS + 1, 2 * PAGE_ROWS, 69_999, 70_000];
    for (first, last) in ends.iter().flat_map(|&first| ends.map(|last| (first, last))).filter(|(a, b)| a < b) {
        let cut = block.cut(first as u64..last as u64).unwrap();
        cut.verify().unwrap();
        assert_eq!(cut.covers(), covers(first as i64 + 1, last - first));
        let (numbers, values) = decode(&cut);
        assert_eq!((numbers[0], numbers.len()), (first as i64 + 1, last - first));
        assert!(values == whole.slice(first, last - first), "{first}..{last}");
    }
    let (_, values) = decode(&block_of(1, &decimals([1, 2, 3])).cut(2..3).unwrap());
    assert!(values == decimals([3]));
    let (_, values) = decode(&block_of(1, &booleans([true, false, true])).cut(1..2).unwrap());
    assert!(values == booleans([false]));
    let (backwards, beyond) = (std::ops::Range { start: 2, end: 1 }, 69_999..70_001);
    for numbers in [0..0, backwards, beyond, 70_000..70_000] {
        assert!(block.cut(numbers).is_err());
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let layout = Layout::values(ValueType::Int64);
    let mut encoder = BlockEncoder::new(&layout, 0).unwrap();
    let consecutive = |first, rows| Numbers::Consecutive { first, rows };
    let mut refused = |numbers, columns: &[ArrayRef]| encoder.push(numbers, columns).unwrap_err();
    assert!(matches!(refused(consecutive(0, 1), &[booleans([true])]), EncodeError::WrongType { .. }));
    assert!(matches!(refused(consecutive(0, 1), &[]), EncodeError::Columns { .. }));
    assert!(matches!(refused(consecutive(0, 2), &[integers([1])]), EncodeError::Length { .. }));
    assert!(matches!(refused(consecutive(1, 1), &[integers([1])]), EncodeError::Number { .. }));
    assert!(matches!(refused(Numbers::Listed(&[0, 2]), &[integers([1, 2])]), EncodeError::Number { .. }));
    let null: ArrayRef = Arc::new(Int64Array::from(vec![None, Some(1)]));
    assert!(matches!(refused(consecutive(0, 2), &[null]), EncodeError::Null(_)));
    let long = integers(0..=PAGE_ROWS as i64);
    assert!(matches!(refused(consecutive(0, PAGE_ROWS + 1), &[long]), EncodeError::TooLong { .. }));
    let of = |first| BlockEncoder::new(&layout, first).unwrap();
    assert!(matches!(of(0).finish_with_digest(covers(0, 1)), Err(EncodeError::Empty)));
    let mut last = of(i64::MAX);
    assert!(last.push(consecutive(i64::MAX, 2), &[integers([1, 2])]).is_err());
    last.push(consecutive(i64::MAX, 1), &[integers([1])]).unwrap();
    assert!(matches!(last.finish_with_digest(covers(i64::MAX, 2)), Err(EncodeError::Covers { .. })));
    let mut wide = BlockEncoder::new(&Layout::values(ValueType::Decimal128), 0).unwrap();
    let too_many_digits: ArrayRef =
        Arc::new(Decimal128Array::from(vec![10i128.pow(38)]).with_precision_and_scale(38, 0).unwrap());
    wide.push(consecutive(0, 1), &[too_many_digits]).unwrap();
    assert!(matches!(wide.finish_with_digest(covers(0, 1)), Err(EncodeError::Value { .. })));
}

#[test]
fn bytes_that_are_not_a_block_are_refused_and_never_panic() {
    let layout = Layout::values(ValueType::Int64);
    let good = encode(1, &integers(1..500));
    let parse = |bytes: Bytes| Block::parse(bytes, &layout, covers(1, 499));
    let boolean = Layout::values(ValueType::Boolean);
    assert!(matches!(Block::parse(good.clone(), &boolean, covers(1, 499)), Err(BlockError::Columns(_))));
    assert!(matches!(Block::parse(good.clone(), &layout, covers(1, 498)), Err(BlockError::Covers { .. })));
    assert!(matches!(Block::parse(good.clone(), &layout, covers(2, 499)), Err(BlockError::Numbers)));
    assert!(parse(Bytes::new()).is_err());
    for length in 0..good.len() {
        assert!(parse(good.slice(..length)).is_err());
    }
    let mut file = FileAssembler::new(Vec::new(), &layout).unwrap();
    let block = parse(good.clone()).unwrap();
    file.append(&block).unwrap();
    file.append(&block).unwrap();
    let two = Bytes::from(file.finish().unwrap());
    let refused = FooterError::RowGroups { found: 2, expected: 1 };
    assert!(matches!(parse(two), Err(BlockError::Footer(error)) if error == refused));
    for position in 0..good.len() {
        let mut damaged = good.to_vec();
        damaged[position] ^= 0xA5;
        // Values are not looked at, so damage to them is not found here; what matters is that nothing panics.
        if let Ok(block) = parse(damaged.into()) {
            assert!(FileAssembler::new(Vec::new(), &layout).unwrap().append(&block).is_ok());
        }
    }
}

proptest! {
    #[test]
    fn any_integers_come_back(first in -1_000_000i64..1_000_000, values in prop::collection::vec(any::<i64>(), 1..700)) {
        assert_round_trip(first, &integers(values));
    }

    #[test]
    fn any_small_integers_come_back(bits in 1u32..40, seed in prop::collection::vec(any::<u64>(), 1..700)) {
        assert_round_trip(0, &integers(seed.into_iter().map(|value| (value >> (64 - bits)) as i64)));
    }

    #[test]
    fn any_booleans_come_back(values in prop::collection::vec(any::<bool>(), 1..700)) {
        assert_round_trip(0, &booleans(values));
    }

    #[test]
    fn any_decimals_come_back(values in prop::collection::vec(-(10i128.pow(38) - 1)..10i128.pow(38), 1..300)) {
        assert_round_trip(0, &decimals(values));
    }
}
