//! Blocks of every shape, with columns of every type.

use std::{ops::Range, sync::Arc};

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, FixedSizeBinaryArray,
    Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, ListArray, NullArray, RecordBatch,
    StringArray, StructArray, TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array, cast::AsArray, types,
};
use arrow_buffer::{NullBuffer, OffsetBuffer, i256};
use arrow_schema::{DataType, Field, TimeUnit};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use swath_model::{Covers, Layout, Numbers, Shape};

use crate::{
    Block, BlockEncoder, BlockError, EncodeError, FileAssembler, MAX_BLOCK_BYTES, MAX_ENCODED_BYTES, PAGE_ROWS,
    checksum,
};

/// Every type that results can have, and some of them nested and null.
const ALL: &str = "nothing null?, b boolean, b0 boolean?, i8 int8, i16 int16?, i32 int32, i64 int64, i640 int64?, \
    u8 uint8, u16 uint16?, u32 uint32, u64 uint64?, f32 float32, f64 float64, f640 float64?, small decimal128(9, 2), \
    mid decimal128(18, 3)?, d decimal128(38, 0), dn decimal128(38, 0)?, d37 decimal128(37, 5), \
    huge decimal256(76, 10)?, t utf8, tn utf8?, raw binary?, fixed fixed_size_binary(5)?, day date32, \
    at timestamp(s)?, ms timestamp(ms, UTC), us timestamp(us)?, ns timestamp(ns, Europe/Berlin), s0 timestamp(s, UTC), \
    l list(int64), ln list(utf8?)?, ll list(list(timestamp(s)?)?)?, \
    g struct(a int64, b utf8?, c struct(x boolean?, y list(decimal128(10, 2)))?), gn struct(a float64, b date32?)?, \
    lg list(struct(k utf8, v int32?)), \"a name\" int64";

/// A repeatable source of values.
struct Source(u64);

impl Source {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 11
    }

    /// Often small, at times an end of the type.
    fn integer(&mut self, least: i128, most: i128) -> i128 {
        let wide = (i128::from(self.next()) << 64) ^ (i128::from(self.next()) << 32) ^ i128::from(self.next());
        match self.next() % 8 {
            0 => least,
            1 => most,
            2..5 => (wide % 100).clamp(least, most),
            _ => least.saturating_add(wide.rem_euclid(most.saturating_sub(least).max(1))),
        }
    }

    fn is_null(&mut self, field: &Field) -> bool {
        field.is_nullable() && self.next().is_multiple_of(3)
    }

    fn text(&mut self) -> String {
        let texts = [
            "",
            "a",
            "grass",
            "Wiese",
            "\u{1F33E}\u{1F33E}",
            "x\0y",
            "a rather long text, which is cut in statistics, because it has more bytes than these",
        ];
        texts[self.next() as usize % texts.len()].to_owned()
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

macro_rules! integers {
    ($array:ty, $native:ty, $field:expr, $rows:expr, $source:expr) => {
        Arc::new(
            (0..$rows)
                .map(|_| {
                    let value = $source.integer(<$native>::MIN.into(), <$native>::MAX.into()) as $native;
                    (!$source.is_null($field)).then_some(value)
                })
                .collect::<$array>(),
        )
    };
}

/// Values of a column.
#[expect(clippy::too_many_lines, reason = "a few lines for each type")]
fn values(field: &Field, rows: usize, source: &mut Source) -> ArrayRef {
    let nulls = |source: &mut Source| {
        let valid: Vec<bool> = (0..rows).map(|_| !source.is_null(field)).collect();
        field.is_nullable().then(|| NullBuffer::from(valid))
    };
    match field.data_type() {
        DataType::Null => Arc::new(NullArray::new(rows)),
        DataType::Boolean => {
            let value = |_| (!source.is_null(field)).then(|| source.next().is_multiple_of(2));
            Arc::new((0..rows).map(value).collect::<BooleanArray>())
        }
        DataType::Int8 => integers!(Int8Array, i8, field, rows, source),
        DataType::Int16 => integers!(Int16Array, i16, field, rows, source),
        DataType::Int32 => integers!(Int32Array, i32, field, rows, source),
        DataType::Int64 => integers!(Int64Array, i64, field, rows, source),
        DataType::UInt8 => integers!(UInt8Array, u8, field, rows, source),
        DataType::UInt16 => integers!(UInt16Array, u16, field, rows, source),
        DataType::UInt32 => integers!(UInt32Array, u32, field, rows, source),
        DataType::UInt64 => integers!(UInt64Array, u64, field, rows, source),
        DataType::Date32 => integers!(Date32Array, i32, field, rows, source),
        DataType::Float32 => {
            let floats = [0.0, -0.0, 1.5, f32::NAN, f32::INFINITY, f32::MIN_POSITIVE, f32::MAX];
            let value = |_| (!source.is_null(field)).then(|| floats[source.next() as usize % floats.len()]);
            Arc::new((0..rows).map(value).collect::<Float32Array>())
        }
        DataType::Float64 => {
            let floats = [0.0, -0.0, 1.5, f64::NAN, f64::NEG_INFINITY, f64::MIN_POSITIVE, f64::MAX];
            let value = |_| (!source.is_null(field)).then(|| floats[source.next() as usize % floats.len()]);
            Arc::new((0..rows).map(value).collect::<Float64Array>())
        }
        DataType::Decimal128(precision, scale) => {
            let most = 10i128.pow((*precision).into()) - 1;
            let value = |_| (!source.is_null(field)).then(|| source.integer(-most, most));
            let array = (0..rows).map(value).collect::<Decimal128Array>();
            Arc::new(array.with_precision_and_scale(*precision, *scale).unwrap())
        }
        DataType::Decimal256(precision, scale) => {
            let value = |_| {
                let wide = i256::from_i128(source.integer(i128::MIN, i128::MAX)) * i256::from_i128(10i128.pow(37));
                (!source.is_null(field)).then_some(wide)
            };
            let array = (0..rows).map(value).collect::<Decimal256Array>();
            Arc::new(array.with_precision_and_scale(*precision, *scale).unwrap())
        }
        DataType::Utf8 => {
            let value = |_| (!source.is_null(field)).then(|| source.text());
            Arc::new((0..rows).map(value).collect::<StringArray>())
        }
        DataType::Binary => {
            let value = |_| {
                let length = source.next() as usize % 9;
                (!source.is_null(field)).then(|| source.bytes(length))
            };
            Arc::new((0..rows).map(value).collect::<BinaryArray>())
        }
        DataType::FixedSizeBinary(bytes) => {
            let value = |_| (!source.is_null(field)).then(|| source.bytes(*bytes as usize));
            let values = (0..rows).map(value).collect::<Vec<_>>().into_iter();
            Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(values, *bytes).unwrap())
        }
        DataType::Timestamp(unit, zone) => {
            let field = Field::new("", DataType::Int64, field.is_nullable());
            let numbers: Vec<Option<i64>> = (0..rows)
                .map(|_| (!source.is_null(&field)).then(|| source.integer(-1 << 40, 1 << 40) as i64))
                .collect();
            let zone = zone.clone();
            match unit {
                TimeUnit::Second => Arc::new(TimestampSecondArray::from(numbers).with_timezone_opt(zone)),
                TimeUnit::Millisecond => Arc::new(TimestampMillisecondArray::from(numbers).with_timezone_opt(zone)),
                TimeUnit::Microsecond => Arc::new(TimestampMicrosecondArray::from(numbers).with_timezone_opt(zone)),
                TimeUnit::Nanosecond => Arc::new(TimestampNanosecondArray::from(numbers).with_timezone_opt(zone)),
            }
        }
        DataType::List(item) => {
            let lengths: Vec<usize> = (0..rows).map(|_| source.next() as usize % 4).collect();
            let items = values(item, lengths.iter().sum(), source);
            let offsets = OffsetBuffer::from_lengths(lengths);
            Arc::new(ListArray::try_new(Arc::clone(item), offsets, items, nulls(source)).unwrap())
        }
        DataType::Struct(fields) => {
            let children = fields.iter().map(|field| values(field, rows, source)).collect();
            Arc::new(StructArray::try_new(fields.clone(), children, nulls(source)).unwrap())
        }
        other => panic!("no values of {other}"),
    }
}

/// Rows of a layout: numbers within those that are covered, and columns.
struct Rows {
    layout: Layout,
    covers: Covers,
    numbers: Vec<i64>,
    columns: Vec<ArrayRef>,
}

impl Rows {
    fn of(shape: Shape, columns: &str, rows: usize, seed: u64) -> Self {
        let layout = Layout::parse(shape, columns).unwrap();
        let mut source = Source(seed);
        let first = -3;
        let mut number = first;
        let numbers: Vec<i64> = (0..rows)
            .map(|row| {
                number += if shape == Shape::Dense { i64::from(row > 0) } else { source.next() as i64 % 3 };
                number
            })
            .collect();
        let beyond = if shape == Shape::Dense { 1 } else { 1000 };
        let covers = Covers { first, numbers: (number - first) as u64 + beyond };
        let columns = layout.columns().fields().iter().map(|field| values(field, rows, &mut source)).collect();
        Self { layout, covers, numbers, columns }
    }

    fn slice(&self, rows: Range<usize>) -> (&[i64], Vec<ArrayRef>) {
        let columns = self.columns.iter().map(|column| column.slice(rows.start, rows.len())).collect();
        (&self.numbers[rows], columns)
    }

    /// Encoded in pushes that end after these rows.
    fn encode(&self, ends: &[usize]) -> Bytes {
        let mut encoder = BlockEncoder::new(&self.layout, self.covers.first).unwrap();
        let mut start = 0;
        for end in ends.iter().copied().chain([self.numbers.len()]) {
            let (numbers, columns) = self.slice(start..end);
            let numbers = match self.layout.shape() {
                Shape::Reduced => Numbers::Consecutive { first: 0, rows: end - start },
                _ => Numbers::Listed(numbers),
            };
            encoder.push(numbers, &columns).unwrap();
            start = end;
        }
        encoder.finish_with_digest(self.covers).unwrap().0
    }

    fn block(&self) -> Block {
        Block::parse(self.encode(&[]), &self.layout, self.covers).unwrap()
    }

    /// All columns, as they should come back.
    fn expected(&self, rows: Range<usize>) -> RecordBatch {
        let (numbers, columns) = self.slice(rows);
        let n: ArrayRef = Arc::new(Int64Array::from(numbers.to_vec()));
        let n = (self.layout.shape() != Shape::Reduced).then_some(n);
        let all = n.into_iter().chain(columns).collect();
        RecordBatch::try_new(Arc::clone(self.layout.schema()), all).unwrap()
    }
}

/// NaN is not equal to itself, so texts are compared.
fn assert_same(found: &RecordBatch, expected: &RecordBatch) {
    assert_eq!(found.schema(), expected.schema());
    for (index, (found, expected)) in found.columns().iter().zip(expected.columns()).enumerate() {
        assert!(
            found.to_data() == expected.to_data() || format!("{found:?}") == format!("{expected:?}"),
            "column {index}: {found:?} {expected:?}"
        );
    }
}

fn gather(block: &Block, batch_rows: usize) -> RecordBatch {
    let batches: Vec<RecordBatch> = block.batches(batch_rows).unwrap().collect::<Result<_, _>>().unwrap();
    arrow_select::concat::concat_batches(block.layout().schema(), &batches).unwrap()
}

fn assert_round_trip(rows: &Rows, ends: &[usize]) {
    let block = Block::parse(rows.encode(ends), &rows.layout, rows.covers).unwrap();
    block.check().unwrap();
    block.verify().unwrap();
    assert_eq!((block.rows(), block.covers()), (rows.numbers.len(), rows.covers));
    let expected = rows.expected(0..rows.numbers.len());
    assert_same(&gather(&block, PAGE_ROWS), &expected);
    assert_same(&gather(&block, 1 << 20), &expected);
    // Some of the columns, in another order, one twice.
    let last = rows.layout.schema().fields().len() - 1;
    let chosen = [last, 0, last];
    let some: Vec<RecordBatch> = block.columns(&chosen, PAGE_ROWS).unwrap().collect::<Result<_, _>>().unwrap();
    if let Some(first) = some.first() {
        assert_same(first, &expected.slice(0, first.num_rows()).project(&chosen).unwrap());
    }
    // The parquet crate reads the whole file; its types are nearly the same.
    let theirs = ParquetRecordBatchReaderBuilder::try_new(block.bytes().clone()).unwrap().build().unwrap();
    let theirs: Vec<RecordBatch> = theirs.collect::<Result<_, _>>().unwrap();
    assert_eq!(theirs.iter().map(RecordBatch::num_rows).sum::<usize>(), rows.numbers.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn all_types_in_all_shapes_come_back_in_any_split(
        shape in prop::sample::select(vec![Shape::Dense, Shape::Sparse, Shape::Reduced]),
        rows in 1..300usize,
        seed in any::<u64>(),
        ends in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let rows = Rows::of(shape, ALL, rows, seed);
        let mut ends: Vec<usize> = ends.iter().map(|end| end.index(rows.numbers.len() + 1)).collect();
        ends.sort_unstable();
        assert_round_trip(&rows, &ends);
        // However the rows came, the block is the same.
        prop_assert_eq!(rows.encode(&ends), rows.encode(&[]));
    }

    #[test]
    fn damage_is_refused_or_decodes(
        shape in prop::sample::select(vec![Shape::Sparse, Shape::Reduced]),
        columns in prop::sample::select(vec![ALL, "a utf8?", "l list(int8?)?", "s struct(x utf8, y int64?)", "d decimal256(76, 1)?"]),
        rows in 1..200usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let rows = Rows::of(shape, columns, rows, 7);
        let mut bytes = rows.encode(&[]).to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let Ok(block) = Block::parse(bytes.into(), &rows.layout, rows.covers) else { return Ok(()) };
        let is_good = block.check().is_ok();
        let _ = block.verify();
        if let Ok(batches) = block.batches(PAGE_ROWS) {
            let decoded = batches.collect::<Result<Vec<_>, _>>();
            prop_assert!(!is_good || decoded.is_ok(), "a block that passed the check cannot be decoded");
        }
    }
}

#[test]
fn several_pages_of_fast_and_general_columns_come_back_together() {
    let columns = "a int64, t utf8?, b boolean, d decimal128(38, 0), l list(int32?)?, f float64";
    for shape in [Shape::Dense, Shape::Sparse, Shape::Reduced] {
        let rows = Rows::of(shape, columns, 2 * PAGE_ROWS + 777, 3);
        assert_round_trip(&rows, &[1, 5, PAGE_ROWS, 2 * PAGE_ROWS - 3]);
    }
}

#[test]
fn a_block_may_have_no_rows() {
    for (shape, columns) in [(Shape::Sparse, "a int64"), (Shape::Sparse, ALL), (Shape::Reduced, ALL)] {
        let rows = Rows::of(shape, columns, 0, 1);
        let block = rows.block();
        block.verify().unwrap();
        assert_eq!((block.rows(), block.covers().numbers, block.columns_bytes().len()), (0, 1000, 0));
        assert_eq!(block.batches(PAGE_ROWS).unwrap().count(), 0);
        block.decode_int64(0, &mut []).unwrap();
        let mut file = FileAssembler::new(Vec::new(), &rows.layout).unwrap();
        file.append(&block).unwrap();
        let file = Bytes::from(file.finish().unwrap());
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        assert_eq!(
            (reader.metadata().num_row_groups(), reader.schema().fields().len()),
            (0, rows.layout.schema().fields().len())
        );
        let other = Layout::parse(shape, "other int64").unwrap();
        assert!(
            matches!(Block::parse(rows.encode(&[]), &other, rows.covers), Err(BlockError::Columns(_)))
                || columns == ALL
        );
    }
    let dense = BlockEncoder::new(&Layout::parse(Shape::Dense, ALL).unwrap(), 1).unwrap();
    assert!(matches!(dense.finish_with_digest(Covers { first: 1, numbers: 1 }), Err(EncodeError::Empty)));
}

#[test]
fn numbers_of_a_sparse_block_are_within_its_cover_and_ascend() {
    let layout = Layout::parse(Shape::Sparse, "a int64").unwrap();
    let covers = |first, numbers| Covers { first, numbers };
    let encode = |numbers: &[i64], cover: Covers| {
        let mut encoder = BlockEncoder::new(&layout, cover.first)?;
        let column: ArrayRef = Arc::new(Int64Array::from(numbers.to_vec()));
        encoder.push(Numbers::Listed(numbers), &[column])?;
        encoder.finish_with_digest(cover).map(|(bytes, _)| bytes)
    };
    let good = encode(&[5, 5, 9], covers(3, 7)).unwrap();
    let block = Block::parse(good.clone(), &layout, covers(3, 7)).unwrap();
    block.verify().unwrap();
    for (cover, is_good) in [
        (covers(5, 5), true),
        (covers(6, 9), false),
        (covers(0, 9), false),
        (covers(5, 0), false),
        (covers(5, u64::MAX), false),
    ] {
        assert_eq!(Block::parse(good.clone(), &layout, cover).is_ok(), is_good, "{cover}");
    }
    assert!(matches!(encode(&[5, 4], covers(3, 7)), Err(EncodeError::Number { got: 4, .. })));
    assert!(matches!(encode(&[2], covers(3, 7)), Err(EncodeError::Number { got: 2, .. })));
    assert!(matches!(encode(&[10], covers(3, 7)), Err(EncodeError::Covers { .. })));
    assert!(matches!(encode(&[3], covers(3, 0)), Err(EncodeError::Covers { .. })));
}

#[test]
fn a_sparse_block_is_cut_at_a_number_and_a_reduced_one_is_not() {
    let rows = Rows::of(Shape::Sparse, ALL, 400, 11);
    let block = rows.block();
    let covered = rows.covers.numbers;
    for numbers in [0..covered, 1..covered, 17..30, 0..200, covered - 1..covered] {
        let cut = block.cut(numbers.clone()).unwrap();
        cut.verify().unwrap();
        let first = rows.covers.first + numbers.start as i64;
        assert_eq!(cut.covers(), Covers { first, numbers: numbers.end - numbers.start });
        let start = rows.numbers.partition_point(|&number| number < first);
        let end = rows.numbers.partition_point(|&number| number < rows.covers.first + numbers.end as i64);
        assert_eq!(cut.rows(), end - start);
        if start < end {
            assert_same(&gather(&cut, PAGE_ROWS), &rows.expected(start..end));
        }
    }
    assert!(block.cut(covered..covered + 1).is_err());
    assert!(Rows::of(Shape::Reduced, "a int64", 4, 1).block().cut(0..1).is_err());
}

#[test]
fn blocks_of_any_columns_stand_in_files_and_come_out_of_them() {
    let blocks: Vec<Rows> = (0..3).map(|seed| Rows::of(Shape::Sparse, ALL, 50 + seed as usize, seed)).collect();
    let mut file = FileAssembler::new(Vec::new(), &blocks[0].layout).unwrap();
    blocks.iter().for_each(|rows| file.append(&rows.block()).unwrap());
    let file = Bytes::from(file.finish().unwrap());
    let metadata = parquet::file::metadata::ParquetMetaDataReader::new().parse_and_finish(&file).unwrap();
    for (group, rows) in metadata.row_groups().iter().zip(&blocks) {
        let start = group.column(0).byte_range().0;
        let (last, length) = group.columns().last().unwrap().byte_range();
        let columns = file.slice(start as usize..(last + length) as usize);
        let digest = checksum(&columns);
        let block = Block::from_row_group(group, start, columns, &rows.layout, rows.covers, digest).unwrap();
        block.verify().unwrap();
        assert_same(&gather(&block, PAGE_ROWS), &rows.expected(0..rows.numbers.len()));
    }
}

#[test]
fn a_row_may_have_16_mib_and_no_more() {
    let layout = Layout::parse(Shape::Sparse, "t utf8").unwrap();
    let of = |length: usize| -> ArrayRef {
        let mut source = Source(5);
        let text: String = (0..length).map(|_| char::from(b' ' + (source.next() % 90) as u8)).collect();
        Arc::new(StringArray::from(vec![text]))
    };
    let covers = Covers { first: 1, numbers: 9 };
    let large = of(MAX_BLOCK_BYTES);
    let mut encoder = BlockEncoder::new(&layout, 1).unwrap();
    assert_eq!(encoder.rows_that_fit(std::slice::from_ref(&large)), 1);
    encoder.push(Numbers::Listed(&[4]), std::slice::from_ref(&large)).unwrap();
    assert_eq!(encoder.rows_that_fit(&[of(1 << 20)]), 0);
    assert!(encoder.encoded_bytes() >= MAX_BLOCK_BYTES);
    assert!(matches!(encoder.push(Numbers::Listed(&[5]), &[of(1 << 20)]), Err(EncodeError::TooLarge { .. })));
    let (bytes, digest) = encoder.finish_with_digest(covers).unwrap();
    assert!(bytes.len() <= MAX_ENCODED_BYTES);
    let block = Block::receive(bytes, &layout, covers, digest.whole()).unwrap();
    block.check().unwrap();
    assert!(gather(&block, PAGE_ROWS).column(1).to_data() == large.to_data());
    let too_large = of(MAX_BLOCK_BYTES + (1 << 20));
    assert_eq!(BlockEncoder::new(&layout, 1).unwrap().rows_that_fit(&[too_large]), 0);
}

#[test]
fn long_texts_fill_blocks_that_are_taken() {
    let layout = Layout::parse(Shape::Dense, "t utf8?, x int64").unwrap();
    // Texts of a MiB that compress to nothing: their size counts all the same.
    let texts: Vec<Option<String>> = (0..100).map(|row| (row % 7 != 0).then(|| "grass ".repeat(1 << 18))).collect();
    let columns: Vec<ArrayRef> =
        vec![Arc::new(StringArray::from(texts)), Arc::new(Int64Array::from_iter_values(0..100))];
    let mut start = 0;
    let mut blocks = 0;
    while start < 100 {
        let mut encoder = BlockEncoder::new(&layout, start as i64).unwrap();
        let begin = start;
        while start < 100 && encoder.encoded_bytes() < MAX_BLOCK_BYTES {
            let rest: Vec<ArrayRef> = columns.iter().map(|column| column.slice(start, 100 - start)).collect();
            let rows = encoder.rows_that_fit(&rest);
            if rows == 0 {
                break;
            }
            let page: Vec<ArrayRef> = rest.iter().map(|column| column.slice(0, rows)).collect();
            encoder.push(Numbers::Consecutive { first: start as i64, rows }, &page).unwrap();
            start += rows;
        }
        assert!(start > begin);
        let covers = Covers { first: begin as i64, numbers: (start - begin) as u64 };
        let (bytes, digest) = encoder.finish_with_digest(covers).unwrap();
        let block = Block::receive(bytes, &layout, covers, digest.whole()).unwrap();
        block.check().unwrap();
        let found = gather(&block, PAGE_ROWS);
        assert!(*found.column(1) == columns[0].slice(begin, start - begin));
        blocks += 1;
    }
    assert!((3..12).contains(&blocks), "{blocks} blocks");
}

#[test]
fn empty_lists_of_wide_items_count_with_what_parquet_writes_for_them() {
    let layout = Layout::parse(Shape::Dense, "l list(struct(w fixed_size_binary(100000), x int64))?").unwrap();
    let empty = arrow_array::new_null_array(layout.columns().field(0).data_type(), 5000);
    let mut encoder = BlockEncoder::new(&layout, 1).unwrap();
    let rows = encoder.rows_that_fit(std::slice::from_ref(&empty));
    assert!((100..1000).contains(&rows), "{rows} rows");
    encoder.push(Numbers::Consecutive { first: 1, rows }, &[empty.slice(0, rows)]).unwrap();
    let covers = Covers { first: 1, numbers: rows as u64 };
    let (bytes, _) = encoder.finish_with_digest(covers).unwrap();
    Block::parse(bytes, &layout, covers).unwrap().verify().unwrap();
}

#[test]
fn as_many_columns_as_a_job_may_have_come_back() {
    let types = ["int64", "utf8?", "boolean", "list(int64)", "decimal128(38, 0)?", "float64"];
    let name = |index: usize| format!("\"{}{index:04}\"", "column ".repeat(35));
    let wide: Vec<String> = (0..200).map(|index| format!("{} {}", name(index), types[index % types.len()])).collect();
    let many: Vec<String> = (0..1000).map(|index| format!("c{index} {}", types[index % types.len()])).collect();
    let nested: Vec<String> = (0..4000).map(|index| format!("c{index} int8")).collect();
    for columns in [wide.join(", "), many.join(", "), format!("s struct({})", nested.join(", "))] {
        for shape in [Shape::Dense, Shape::Sparse] {
            assert_round_trip(&Rows::of(shape, &columns, 20, 9), &[]);
        }
    }
}

#[test]
fn timestamps_in_seconds_are_stored_in_milliseconds() {
    let layout = Layout::parse(Shape::Sparse, "at timestamp(s)").unwrap();
    let mut encoder = BlockEncoder::new(&layout, 1).unwrap();
    let far: ArrayRef = Arc::new(TimestampSecondArray::from(vec![i64::MAX]));
    encoder.push(Numbers::Listed(&[1]), &[far]).unwrap();
    let refused = encoder.finish_with_digest(Covers { first: 1, numbers: 1 });
    assert!(matches!(refused, Err(EncodeError::Value { .. })), "{refused:?}");
    let rows = Rows::of(Shape::Sparse, "at timestamp(s)", 5, 2);
    let theirs = ParquetRecordBatchReaderBuilder::try_new(rows.encode(&[])).unwrap();
    assert_eq!(*theirs.schema().field(1).data_type(), DataType::Timestamp(TimeUnit::Millisecond, None));
}

#[test]
fn the_numbers_of_a_sparse_block_are_packed() {
    let layout = Layout::parse(Shape::Sparse, "a boolean").unwrap();
    let mut encoder = BlockEncoder::new(&layout, 0).unwrap();
    for page in 0..4 {
        let numbers: Vec<i64> = (0..PAGE_ROWS as i64).map(|row| (page * PAGE_ROWS as i64 + row) * 10).collect();
        let column: ArrayRef = Arc::new(BooleanArray::from(vec![true; PAGE_ROWS]));
        encoder.push(Numbers::Listed(&numbers), &[column]).unwrap();
    }
    let covers = Covers { first: 0, numbers: 10 * 4 * PAGE_ROWS as u64 };
    let (bytes, _) = encoder.finish_with_digest(covers).unwrap();
    assert!(bytes.len() < 8192, "{} bytes", bytes.len());
    let block = Block::parse(bytes, &layout, covers).unwrap();
    block.verify().unwrap();
    let batches: Vec<RecordBatch> = block.columns(&[0], PAGE_ROWS).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(batches.len(), 4);
    assert_eq!(batches[3].column(0).as_primitive::<types::Int64Type>().value(7), (3 * PAGE_ROWS as i64 + 7) * 10);
}

#[test]
fn the_schema_of_results_of_one_column_is_what_it_was() {
    let text = |layout: &Layout| {
        let mut text = Vec::new();
        parquet::schema::printer::print_schema(&mut text, &crate::parquet_schema(layout).unwrap());
        String::from_utf8(text).unwrap()
    };
    use swath_model::ValueType;
    for (value_type, value) in [
        (ValueType::Int64, "INT64 value"),
        (ValueType::Boolean, "BOOLEAN value"),
        (ValueType::Float64, "DOUBLE value"),
        (ValueType::Decimal128, "FIXED_LEN_BYTE_ARRAY (16) value (DECIMAL(38,0))"),
    ] {
        let expected = format!("message swath {{\n  REQUIRED INT64 n;\n  REQUIRED {value};\n}}\n");
        assert_eq!(text(&Layout::values(value_type)), expected);
    }
}
