//! Blocks against the decoder of the parquet crate.

use arrow_array::{Array, BooleanArray, Decimal128Array, Int64Array, RecordBatch, cast::AsArray, types};
use arrow_schema::ArrowError;
use bytes::Bytes;
use parquet::{
    arrow::arrow_reader::ParquetRecordBatchReaderBuilder,
    basic::{Compression, Encoding},
};
use proptest::prelude::*;
use swath_kernel::{Bits, ValueType, Values};

use crate::{
    Block, BlockEncoder, BlockError, EncodeError, FileAssembler, FooterError, MAX_ROWS, PAGE_ROWS, arrow_schema,
    checksum,
};

fn boolean(values: &[bool]) -> Values {
    Values::Boolean(Bits::from(values))
}

fn page(values: &Values, start: usize, end: usize) -> Values {
    match values {
        Values::Int64(values) => Values::Int64(values[start..end].to_vec()),
        Values::Boolean(values) => Values::Boolean(values.iter().skip(start).take(end - start).collect()),
        Values::Decimal128(values) => Values::Decimal128(values[start..end].to_vec()),
    }
}

fn encode(first: i64, values: &Values) -> Bytes {
    let mut encoder = BlockEncoder::new(values.value_type(), first);
    for start in (0..values.len()).step_by(PAGE_ROWS) {
        encoder.push(&page(values, start, values.len().min(start + PAGE_ROWS))).unwrap();
    }
    encoder.finish().unwrap()
}

/// What the parquet crate makes of a block.
fn decode(block: &Block) -> (Vec<i64>, Values) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(block.bytes().clone()).unwrap();
    gather(block, reader.with_batch_size(10_000).build().unwrap())
}

fn gather(block: &Block, batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>) -> (Vec<i64>, Values) {
    let mut numbers = Vec::new();
    let mut values = Values::new(block.value_type());
    for batch in batches {
        let batch = batch.unwrap();
        assert_eq!(batch.schema(), arrow_schema(block.value_type()));
        numbers.extend(batch.column(0).as_primitive::<types::Int64Type>().values());
        let column = batch.column(1).as_any();
        match &mut values {
            Values::Int64(values) => values.extend(column.downcast_ref::<Int64Array>().unwrap().values()),
            Values::Boolean(values) => {
                values.extend(column.downcast_ref::<BooleanArray>().unwrap().iter().map(Option::unwrap));
            }
            Values::Decimal128(values) => values.extend(column.downcast_ref::<Decimal128Array>().unwrap().values()),
        }
    }
    (numbers, values)
}

fn assert_round_trip(first: i64, values: &Values) {
    let block = Block::parse(encode(first, values), values.value_type()).unwrap();
    block.verify().unwrap();
    assert_eq!((block.first(), block.rows()), (first, values.len()));
    let (numbers, decoded) = decode(&block);
    assert_eq!(numbers, (0..values.len() as i64).map(|offset| first + offset).collect::<Vec<_>>());
    assert!(decoded == *values, "decoded values differ");
    for batch_rows in [1, 1000, PAGE_ROWS, 100_000, MAX_ROWS] {
        let (ours, decoded) = gather(&block, block.batches(batch_rows).unwrap());
        assert!(ours == numbers && decoded == *values, "decoded here, in batches of {batch_rows}");
    }
    if let Values::Int64(values) = values {
        let mut decoded = vec![0; values.len()];
        block.decode_int64(&mut decoded).unwrap();
        assert!(decoded == *values, "decoded in place");
        assert!(block.decode_int64(&mut decoded[1..]).is_err());
    }
}

#[test]
fn squares_take_next_to_nothing_and_come_back() {
    let values = Values::Int64((1..=MAX_ROWS as i64).map(|n| n * n).collect());
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
    let both = |first: &[i64], then: &[i64]| Values::Int64([first, then].concat());
    for (values, expected) in [
        (both(&noise, &squares), Compression::UNCOMPRESSED),
        (both(&squares, &noise), Compression::LZ4_RAW),
        (Values::Int64(vec![7]), Compression::UNCOMPRESSED),
    ] {
        let block = Block::parse(encode(1, &values), ValueType::Int64).unwrap();
        assert_eq!(block.row_group().column(1).compression(), expected);
        assert_round_trip(1, &values);
    }
}

#[test]
fn booleans_take_a_bit_and_next_to_nothing_where_all_are_equal() {
    for (values, most) in [
        (Values::Boolean((0..MAX_ROWS).map(|n| n.is_power_of_two()).collect()), MAX_ROWS / 8),
        (boolean(&[false; MAX_ROWS]), 4096),
        (boolean(&[true; MAX_ROWS]), 4096),
    ] {
        let block = Block::parse(encode(1, &values), ValueType::Boolean).unwrap();
        assert!(block.bytes().len() < most, "{} bytes for {} booleans", block.bytes().len(), values.len());
        // No other encoding of booleans in data pages of version 1 is read by all.
        assert_eq!(block.row_group().column(1).encodings().collect::<Vec<_>>(), [Encoding::PLAIN]);
        assert!(decode(&block).1 == values);
    }
}

#[test]
fn every_length_around_the_sizes_of_the_format_comes_back() {
    for rows in (1..=300).chain([PAGE_ROWS - 1, PAGE_ROWS, PAGE_ROWS + 1, PAGE_ROWS + 129]) {
        assert_round_trip(-7, &Values::Int64((0..rows as i64).map(|n| n * n * n).collect()));
        assert_round_trip(-7, &Values::Boolean((0..rows).map(|n| n % 3 == 0).collect()));
        assert_round_trip(-7, &Values::Decimal128((0..rows as i128).map(|n| n * n - 5).collect()));
    }
}

#[test]
fn every_width_of_difference_comes_back() {
    for width in 0..=64 {
        let step = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
        let values = (0..200u64).map(|i| if i % 2 == 0 { 0 } else { step as i64 }).collect();
        assert_round_trip(0, &Values::Int64(values));
    }
    assert_round_trip(i64::MIN, &Values::Int64(vec![i64::MIN, i64::MAX, i64::MIN, 0, -1, i64::MAX]));
}

#[test]
fn both_ends_of_the_numbers_and_of_the_decimals_come_back() {
    let most = 10i128.pow(38) - 1;
    assert_round_trip(i64::MAX - 2, &Values::Decimal128(vec![most, -most, 0]));
    assert_round_trip(i64::MIN, &boolean(&[true; 5000]));
}

#[test]
fn a_file_of_several_blocks_holds_them_in_order_and_gives_them_back() {
    let all: Vec<i64> = (1..=100_000).map(|n| n * n).collect();
    let mut file = FileAssembler::new(Vec::new(), ValueType::Int64).unwrap();
    for (index, values) in all.chunks(30_000).enumerate() {
        let bytes = encode(1 + index as i64 * 30_000, &Values::Int64(values.to_vec()));
        file.append(&Block::parse(bytes, ValueType::Int64).unwrap()).unwrap();
    }
    let file = Bytes::from(file.finish().unwrap());
    let metadata = parquet::file::metadata::ParquetMetaDataReader::new().parse_and_finish(&file).unwrap();
    assert_eq!(metadata.num_row_groups(), 4);
    let mut seen = Vec::new();
    for group in metadata.row_groups() {
        let start = group.column(0).byte_range().0;
        let end = group.column(1).byte_range().0 + group.column(1).byte_range().1;
        let columns = file.slice(start as usize..end as usize);
        let digest = checksum(&columns);
        assert!(Block::from_row_group(group, start, columns.clone(), ValueType::Int64, digest ^ 1).is_err());
        let block = Block::from_row_group(group, start, columns, ValueType::Int64, digest).unwrap();
        block.verify().unwrap();
        let (numbers, values) = decode(&block);
        assert_eq!(numbers[0], seen.len() as i64 + 1);
        let Values::Int64(values) = values else { panic!("not integers") };
        seen.extend(values);
    }
    assert!(seen == all);
}

#[test]
fn a_block_is_cut_at_any_row() {
    let whole = Values::Int64((1..=70_000).map(|n| n * n).collect());
    let block = Block::parse(encode(1, &whole), ValueType::Int64).unwrap();
    let ends = [0, 1, 127, PAGE_ROWS - 1, PAGE_ROWS, PAGE_ROWS + 1, 2 * PAGE_ROWS, 69_999, 70_000];
    for (first, last) in ends.iter().flat_map(|&first| ends.map(|last| (first, last))).filter(|(a, b)| a < b) {
        let cut = block.cut(first..last).unwrap();
        cut.check().unwrap();
        let (numbers, values) = decode(&cut);
        assert_eq!((numbers[0], numbers.len()), (first as i64 + 1, last - first));
        assert!(values == page(&whole, first, last), "{first}..{last}");
    }
    let wide = Block::parse(encode(1, &Values::Decimal128(vec![1, 2, 3])), ValueType::Decimal128).unwrap();
    assert!(decode(&wide.cut(2..3).unwrap()).1 == Values::Decimal128(vec![3]));
    let odd = Block::parse(encode(1, &boolean(&[true, false, true])), ValueType::Boolean).unwrap();
    assert!(decode(&odd.cut(1..2).unwrap()).1 == boolean(&[false]));
    let (backwards, beyond) = (std::ops::Range { start: 2, end: 1 }, 69_999..70_001);
    for rows in [0..0, backwards, beyond, 70_000..70_000] {
        assert!(block.cut(rows).is_err());
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut encoder = BlockEncoder::new(ValueType::Int64, 0);
    assert!(matches!(encoder.push(&boolean(&[true])), Err(EncodeError::WrongType { .. })));
    assert!(matches!(encoder.push(&Values::Int64(vec![0; PAGE_ROWS + 1])), Err(EncodeError::TooLong { .. })));
    assert!(matches!(BlockEncoder::new(ValueType::Int64, 0).finish(), Err(EncodeError::Empty)));
}

#[test]
fn bytes_that_are_not_a_block_are_refused_and_never_panic() {
    let good = encode(1, &Values::Int64((1..500).collect()));
    assert!(matches!(Block::parse(good.clone(), ValueType::Boolean), Err(BlockError::Columns(_))));
    assert!(Block::parse(Bytes::new(), ValueType::Int64).is_err());
    for length in 0..good.len() {
        assert!(Block::parse(good.slice(..length), ValueType::Int64).is_err());
    }
    let mut file = FileAssembler::new(Vec::new(), ValueType::Int64).unwrap();
    let block = Block::parse(good.clone(), ValueType::Int64).unwrap();
    file.append(&block).unwrap();
    file.append(&block).unwrap();
    let two = Bytes::from(file.finish().unwrap());
    let refused = FooterError::RowGroups { found: 2, expected: 1 };
    assert!(matches!(Block::parse(two, ValueType::Int64), Err(BlockError::Footer(error)) if error == refused));
    for position in 0..good.len() {
        let mut damaged = good.to_vec();
        damaged[position] ^= 0xA5;
        // Values are not looked at, so damage to them is not found here; what matters is that nothing panics.
        if let Ok(block) = Block::parse(damaged.into(), ValueType::Int64) {
            assert!(FileAssembler::new(Vec::new(), ValueType::Int64).unwrap().append(&block).is_ok());
        }
    }
}

proptest! {
    #[test]
    fn any_integers_come_back(first in -1_000_000i64..1_000_000, values in prop::collection::vec(any::<i64>(), 1..700)) {
        assert_round_trip(first, &Values::Int64(values));
    }

    #[test]
    fn any_small_integers_come_back(bits in 1u32..40, seed in prop::collection::vec(any::<u64>(), 1..700)) {
        assert_round_trip(0, &Values::Int64(seed.into_iter().map(|value| (value >> (64 - bits)) as i64).collect()));
    }

    #[test]
    fn any_booleans_come_back(values in prop::collection::vec(any::<bool>(), 1..700)) {
        assert_round_trip(0, &boolean(&values));
    }

    #[test]
    fn any_decimals_come_back(values in prop::collection::vec(-(10i128.pow(38) - 1)..10i128.pow(38), 1..300)) {
        assert_round_trip(0, &Values::Decimal128(values));
    }
}
