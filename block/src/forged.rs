//! Blocks that this program would not write: each is refused, or can be decoded to its end.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array};
use bytes::Bytes;
use proptest::prelude::*;
use swath_model::{Covers, Layout, Numbers, ValueType};

use crate::{
    Block, BlockEncoder, BlockError, MAX_ROWS, PAGE_ROWS, delta,
    varint::{self, zigzag},
};

const ROWS: i64 = 1000;

const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// A struct in Thrift's compact protocol, field by field.
#[derive(Clone, Default)]
struct Fields {
    bytes: Vec<u8>,
    last: u8,
}

impl Fields {
    fn field(mut self, id: u8, kind: u8, value: &[u8]) -> Self {
        match id - self.last {
            step @ 1..=15 => self.bytes.push((step << 4) | kind),
            _ => {
                self.bytes.push(kind);
                varint::write(zigzag(id.into()), &mut self.bytes);
            }
        }
        self.bytes.extend_from_slice(value);
        self.last = id;
        self
    }

    fn i32(self, id: u8, value: i32) -> Self {
        self.field(id, I32, &number(value.into()))
    }

    fn i64(self, id: u8, value: i64) -> Self {
        self.field(id, I64, &number(value))
    }

    fn binary(self, id: u8, value: &[u8]) -> Self {
        self.field(id, BINARY, &text(value))
    }

    fn nested(self, id: u8, value: Self) -> Self {
        self.field(id, STRUCT, &value.end())
    }

    fn list(self, id: u8, kind: u8, elements: &[Vec<u8>]) -> Self {
        self.list_of(id, kind, elements.len() as u64, elements)
    }

    /// A list that says that it has so many elements.
    fn list_of(self, id: u8, kind: u8, said: u64, elements: &[Vec<u8>]) -> Self {
        let mut list = vec![0xF0 | kind];
        varint::write(said, &mut list);
        list.extend(elements.concat());
        self.field(id, LIST, &list)
    }

    fn end(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

fn number(value: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint::write(zigzag(value), &mut bytes);
    bytes
}

fn text(value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint::write(value.len() as u64, &mut bytes);
    bytes.extend_from_slice(value);
    bytes
}

/// What a page header says.
#[derive(Clone, Copy)]
struct PageHeader {
    kind: i32,
    rows: i32,
    uncompressed: i32,
    compressed: i32,
    encoding: i32,
}

impl PageHeader {
    /// Of a page of differences.
    fn of(rows: i64, bytes: usize) -> Self {
        let bytes = bytes as i32;
        Self { kind: 0, rows: rows as i32, uncompressed: bytes, compressed: bytes, encoding: 5 }
    }

    fn before(self, page: &[u8]) -> Vec<u8> {
        let inner = Fields::default().i32(1, self.rows).i32(2, self.encoding);
        let header = Fields::default().i32(1, self.kind).i32(2, self.uncompressed).i32(3, self.compressed);
        let header = match self.kind {
            2 => header.nested(7, inner),
            3 => header.nested(8, inner.i32(3, self.rows).i32(4, self.encoding).i32(5, 0).i32(6, 0)),
            _ => header.nested(5, inner.i32(3, 3).i32(4, 3)),
        };
        [header.end(), page.to_vec()].concat()
    }
}

fn squares() -> Vec<i64> {
    (1..=ROWS).map(|n| n * n).collect()
}

fn differences(values: &[i64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    delta::encode(values, &mut bytes);
    bytes
}

/// A page of these values, with its header.
fn page(values: &[i64]) -> Vec<u8> {
    let bytes = differences(values);
    PageHeader::of(values.len() as i64, bytes.len()).before(&bytes)
}

/// Bytes without a pattern.
fn noise(length: usize) -> Vec<u8> {
    let mut random = 7u64;
    let mut next = || {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (random >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// What the footer says of the column `value`, and what its bytes are.
#[derive(Clone)]
struct Forgery {
    /// Of the values of both columns, if they are not what is there.
    rows: i64,
    n: Vec<u8>,
    n_statistics: Option<(Vec<u8>, Vec<u8>)>,
    value: Vec<u8>,
    schema: Vec<Vec<u8>>,
    root: Vec<u8>,
    physical: i32,
    encoding: i32,
    codec: i32,
    values: i64,
    offset: i64,
    size: i64,
    uncompressed: i64,
    dictionary: Option<i64>,
    statistics: Option<(Vec<u8>, Vec<u8>)>,
    row_groups: usize,
    /// What the file says of its rows, if it is not what its row group says.
    file_rows: Option<i64>,
    footer: fn(Fields) -> Fields,
}

fn le(value: i64) -> Vec<u8> {
    value.to_le_bytes().to_vec()
}

fn column(physical: i32, name: &[u8]) -> Fields {
    Fields::default().i32(1, physical).i32(3, 0).binary(4, name)
}

fn root(children: i32) -> Vec<u8> {
    Fields::default().binary(4, b"schema").i32(5, children).end()
}

impl Forgery {
    /// A block of squares with these pages of the column `value`, which is what it says that it is.
    fn with(value: Vec<u8>) -> Self {
        let n = page(&(1..=ROWS).collect::<Vec<_>>());
        Self {
            rows: ROWS,
            n_statistics: Some((le(1), le(ROWS))),
            schema: vec![column(2, b"n").end(), column(2, b"value").end()],
            root: root(2),
            physical: 2,
            encoding: 5,
            codec: 0,
            values: ROWS,
            offset: 4 + n.len() as i64,
            size: value.len() as i64,
            uncompressed: value.len() as i64,
            dictionary: None,
            statistics: None,
            row_groups: 1,
            file_rows: None,
            footer: |fields| fields,
            n,
            value,
        }
    }

    fn good() -> Self {
        Self::with(page(&squares()))
    }

    /// The bytes of the block, after this was changed.
    fn but(mut self, change: impl FnOnce(&mut Self)) -> Vec<u8> {
        change(&mut self);
        let statistics = |fields: Fields, statistics: &Option<(Vec<u8>, Vec<u8>)>| match statistics {
            Some((least, greatest)) => {
                fields.nested(12, Fields::default().i64(3, 0).binary(5, greatest).binary(6, least))
            }
            None => fields,
        };
        let chunk = |physical: i32, name: &[u8], encoding: i32, codec: i32| {
            let fields = Fields::default().i32(1, physical).list(2, I32, &[number(encoding.into())]);
            fields.list(3, BINARY, &[text(name)]).i32(4, codec)
        };
        let n_bytes = self.n.len() as i64;
        let n = chunk(2, b"n", 5, 0).i64(5, self.rows).i64(6, n_bytes).i64(7, n_bytes).i64(9, 4);
        let value = chunk(self.physical, b"value", self.encoding, self.codec).i64(5, self.values);
        let mut value = value.i64(6, self.uncompressed).i64(7, self.size).i64(9, self.offset);
        if let Some(dictionary) = self.dictionary {
            value = value.i64(11, dictionary);
        }
        let columns = [statistics(n, &self.n_statistics), statistics(value, &self.statistics)]
            .map(|metadata| Fields::default().i64(2, 0).nested(3, metadata).end());
        let bytes = (self.n.len() + self.value.len()) as i64;
        let group = Fields::default().list(1, STRUCT, &columns).i64(2, bytes).i64(3, self.rows).end();
        let schema = [vec![self.root], self.schema].concat();
        let footer = Fields::default().i32(1, 2).list(2, STRUCT, &schema).i64(3, self.file_rows.unwrap_or(self.rows));
        let footer = footer.list(4, STRUCT, &vec![group; self.row_groups]).binary(6, b"someone");
        file(&[self.n, self.value].concat(), &(self.footer)(footer).end())
    }
}

fn file(columns: &[u8], footer: &[u8]) -> Vec<u8> {
    let length = (footer.len() as u32).to_le_bytes();
    [&b"PAR1"[..], columns, footer, &length, b"PAR1"].concat()
}

/// As the coordinator takes it, then as readers decode it.
fn take(bytes: Vec<u8>, value_type: ValueType, rows: i64) -> Result<Block, BlockError> {
    let covers = Covers { first: 1, numbers: rows.cast_unsigned() };
    let block = Block::parse(Bytes::from(bytes), &Layout::values(value_type), covers)?;
    block.check()?;
    let mut rows = 0;
    for batch in block.batches(PAGE_ROWS).unwrap() {
        rows += batch.unwrap().num_rows();
    }
    assert_eq!(rows, block.rows());
    if value_type == ValueType::Int64 {
        block.decode_int64(1, &mut vec![0; rows]).unwrap();
    }
    Ok(block)
}

#[track_caller]
fn assert_refused(name: &str, bytes: Vec<u8>) {
    assert!(take(bytes, ValueType::Int64, ROWS).is_err(), "{name} was taken");
}

#[test]
fn what_differs_in_nothing_that_matters_is_taken() {
    let taken = |bytes| take(bytes, ValueType::Int64, ROWS).unwrap();
    let good = taken(Forgery::good().but(|_| {}));
    assert_eq!((good.covers().first, good.rows()), (1, ROWS as usize));
    taken(Forgery::good().but(|forged| forged.statistics = Some((le(1), le(ROWS * ROWS)))));
    // Statistics of integers may be wide; only who decodes them can tell.
    let wide = taken(Forgery::good().but(|forged| forged.statistics = Some((le(-5), le(i64::MAX)))));
    assert!(matches!(wide.verify(), Err(BlockError::Statistics)));
    taken(Forgery::good().but(|forged| forged.footer = |fields| fields.binary(99, &[b'x'; 1000])));
}

#[test]
fn bytes_that_are_no_file_are_refused() {
    let good = Forgery::good().but(|_| {});
    let body = &good[..good.len() - 8];
    for (name, bytes) in [
        ("nothing", Vec::new()),
        ("a magic", b"PAR1".to_vec()),
        ("two of them", b"PAR1PAR1".to_vec()),
        ("noise", noise(8000)),
        ("noise in a frame", [&b"PAR1"[..], &noise(8000), b"PAR1"].concat()),
        ("a footer of 4 GiB", [body, &[0xFF; 4], b"PAR1"].concat()),
        ("a footer that is longer than the file", [body, &(good.len() as u32 * 2).to_le_bytes(), b"PAR1"].concat()),
        ("an encrypted footer", [&good[..good.len() - 4], b"PARE"].concat()),
        ("another start", [b"PAR2", &good[4..]].concat()),
        ("a half", good[..good.len() / 2].to_vec()),
    ] {
        assert_refused(name, bytes);
    }
}

#[test]
fn footers_without_bounds_are_refused() {
    type Change = fn(&mut Forgery);
    let many = 0x7FFF_FFFF;
    let changes: [(&str, Change); 9] = [
        ("3,000 roots in each other", |forged| forged.schema = [vec![root(1); 3000], vec![root(1)]].concat()),
        ("100,000 of them", |forged| forged.schema = vec![root(1); 100_000]),
        ("three columns", |forged| forged.schema.push(column(2, b"x").end())),
        ("one column", |forged| forged.schema.truncate(1)),
        ("2^31 children", |forged| forged.root = root(i32::MAX)),
        ("-1 children", |forged| forged.root = root(-1)),
        ("a name that is no text", |forged| forged.schema[1] = column(2, &[0xFF, 0xFE]).end()),
        ("no row group", |forged| forged.row_groups = 0),
        ("two row groups", |forged| forged.row_groups = 2),
    ];
    for (name, change) in changes {
        assert_refused(name, Forgery::good().but(change));
    }
    let start = || Fields::default().i32(1, 2);
    for (name, footer) in [
        ("200,000 structs in each other", vec![0x1C; 200_000]),
        ("a list of 2^31 elements of the schema", start().list_of(2, STRUCT, many, &[]).end()),
        ("a list of 2^31 row groups", start().list_of(4, STRUCT, many, &[]).end()),
        ("2^31 pairs of keys and values", start().list_of(5, STRUCT, many, &[]).end()),
        ("a text of 2^31 bytes", start().field(6, BINARY, &[0xFF, 0xFF, 0xFF, 0xFF, 7]).end()),
        ("70 KiB of text", start().binary(6, &[b'x'; 70 << 10]).end()),
    ] {
        assert_refused(name, file(&[], &footer));
    }
}

#[test]
fn footers_that_lie_are_refused() {
    type Change = fn(&mut Forgery);
    let changes: [(&str, Change); 33] = [
        ("rows of the file: none", |forged| forged.file_rows = Some(0)),
        ("rows of the file: 2^62", |forged| forged.file_rows = Some(1 << 62)),
        ("rows: 2^62", |forged| (forged.rows, forged.values) = (1 << 62, 1 << 62)),
        ("rows: -1", |forged| (forged.rows, forged.values) = (-1, -1)),
        ("rows: none", |forged| (forged.rows, forged.values) = (0, 0)),
        ("rows: one too many", |forged| {
            let rows = MAX_ROWS as i64 + 1;
            (forged.rows, forged.values, forged.n_statistics) = (rows, rows, Some((le(1), le(rows))));
        }),
        ("values of one column: 10 times as many", |forged| forged.values = 10 * ROWS),
        ("values of one column: -1", |forged| forged.values = -1),
        ("booleans", |forged| {
            forged.physical = 0;
            forged.schema[1] = column(0, b"value").end();
        }),
        ("decimals", |forged| {
            forged.physical = 7;
            forged.schema[1] = Fields::default().i32(1, 7).i32(2, 16).i32(3, 0).binary(4, b"value").end();
        }),
        ("an optional column", |forged| {
            forged.schema[1] = Fields::default().i32(1, 2).i32(3, 1).binary(4, b"value").end();
        }),
        ("a column with another name", |forged| forged.schema[1] = column(2, b"valuE").end()),
        ("columns in another order", |forged| forged.schema.reverse()),
        ("outside of the file", |forged| forged.size = 1_000_000_000),
        ("before the file", |forged| forged.offset = -5),
        ("a size of less than nothing", |forged| forged.size = -5),
        ("an end beyond all numbers", |forged| (forged.offset, forged.size) = (i64::MAX, i64::MAX)),
        ("a dictionary behind the data", |forged| forged.dictionary = Some(1_000_000)),
        ("a dictionary at 0", |forged| forged.dictionary = Some(0)),
        ("both columns at one place", |forged| forged.offset = 4),
        ("in the magic", |forged| forged.offset = 0),
        ("no bytes", |forged| forged.size = 0),
        ("one byte less", |forged| forged.size -= 1),
        ("a byte that is no column's", |forged| forged.value.push(0)),
        ("another size before compression", |forged| forged.uncompressed += 1),
        ("another encoding", |forged| forged.encoding = 0),
        ("no statistics of the numbers", |forged| forged.n_statistics = None),
        ("statistics of three bytes", |forged| forged.n_statistics = Some((b"abc".to_vec(), b"abc".to_vec()))),
        ("statistics the wrong way round", |forged| forged.n_statistics = Some((le(ROWS), le(1)))),
        ("statistics of other numbers", |forged| forged.n_statistics = Some((le(2), le(ROWS + 1)))),
        ("statistics beyond all numbers", |forged| {
            forged.n_statistics = Some((le(i64::MAX - 5), le((i64::MAX - 5).wrapping_add(ROWS - 1))));
        }),
        ("values that are less than the least", |forged| forged.statistics = Some((le(2), le(ROWS * ROWS)))),
        ("values that are more than the greatest", |forged| forged.statistics = Some((le(-5), le(0)))),
    ];
    for (name, change) in changes {
        assert_refused(name, Forgery::good().but(change));
    }
    for codec in [1, 2, 3, 4, 5, 6, 7, 99] {
        assert_refused("another codec", Forgery::good().but(|forged| forged.codec = codec));
    }
}

#[test]
fn pages_that_no_reader_can_read_are_refused() {
    let squares = squares();
    let values = differences(&squares);
    let header = PageHeader::of(ROWS, 100);
    let of = |header: PageHeader| header.before(&noise(100));
    let plain: Vec<u8> = squares.iter().flat_map(|value| value.to_le_bytes()).collect();
    let plain_header = PageHeader { encoding: 0, ..PageHeader::of(ROWS, plain.len()) };
    let mut many = Vec::new();
    [128, 4, 1_000_000_000].into_iter().for_each(|value| varint::write(value, &mut many));
    let mut wide = Vec::new();
    [128, 4, ROWS as u64, 2, 0].into_iter().for_each(|value| varint::write(value, &mut wide));
    wide.extend([0xFF; 4]);
    wide.extend(noise(8000));
    let page_of = |bytes: &[u8]| PageHeader::of(ROWS, bytes.len()).before(bytes);
    for (name, value) in [
        ("noise behind a header", PageHeader::of(ROWS, 8000).before(&noise(8000))),
        ("noise alone", noise(8000)),
        ("longer than the column", PageHeader { compressed: 101, uncompressed: 101, ..header }.before(&noise(100))),
        ("-1 bytes", of(PageHeader { compressed: -1, ..header })),
        ("2 GiB", of(PageHeader { compressed: i32::MAX, ..header })),
        ("2 GiB before compression", of(PageHeader { uncompressed: i32::MAX, ..header })),
        ("-1 values", of(PageHeader { rows: -1, ..header })),
        ("2^31 - 1 values", of(PageHeader { rows: i32::MAX, ..header })),
        ("no values, again and again", PageHeader::of(0, 0).before(&[]).repeat(400)),
        ("other values than are named", plain_header.before(&plain)),
        ("a dictionary", [PageHeader { kind: 2, ..PageHeader::of(1, 8) }.before(&le(7)), page(&squares)].concat()),
        ("version 2", PageHeader { kind: 3, ..PageHeader::of(ROWS, values.len()) }.before(&values)),
        ("an index", of(PageHeader { kind: 1, ..header })),
        ("too few values", page(&squares[..500])),
        ("a page that is short before the last", [page(&squares[..500]), page(&squares[500..])].concat()),
        ("too many values", page(&[&squares[..], &squares].concat())),
        ("a page after the last", [page(&squares), page(&squares)].concat()),
        ("10^9 values in its differences", page_of(&many)),
        ("a width of 255", page_of(&wide)),
        ("differences that are cut short", page_of(&values[..values.len() - 1])),
        ("differences that go on", page_of(&[&values[..], &[0]].concat())),
    ] {
        assert_refused(name, Forgery::with(value).but(|_| {}));
    }
    let n = |bytes: Vec<u8>| {
        Forgery::good().but(|forged| {
            forged.offset = 4 + bytes.len() as i64;
            forged.n = bytes;
        })
    };
    assert_refused("other numbers", n(page(&(5000..5000 + ROWS).collect::<Vec<_>>())));
    assert_refused("numbers out of order", n(page(&squares)));
    assert_refused("noise as numbers", n(of(header)));
}

#[test]
fn compressed_pages_that_lie_are_refused() {
    let values = differences(&squares());
    let compressed = lz4_flex::block::compress(&values);
    let page = |bytes: &[u8], uncompressed: i32| {
        let value = PageHeader { uncompressed, ..PageHeader::of(ROWS, bytes.len()) }.before(bytes);
        let headers = value.len() - bytes.len();
        Forgery::with(value).but(|forged| {
            forged.codec = 7;
            forged.uncompressed = headers as i64 + i64::from(uncompressed);
        })
    };
    let length = values.len() as i32;
    take(page(&compressed, length), ValueType::Int64, ROWS).unwrap();
    for (name, bytes, uncompressed) in [
        ("noise", noise(8000), 9000),
        ("2 GiB", noise(100), i32::MAX),
        ("less than nothing", noise(100), -1),
        ("a byte more than there is", compressed.clone(), length + 1),
        ("a byte less than there is", compressed.clone(), length - 1),
        ("cut short", compressed[..compressed.len() - 1].to_vec(), length),
    ] {
        assert_refused(name, page(&bytes, uncompressed));
    }
}

/// How many kinds of blocks [`own`] knows.
const KINDS: usize = 7;

fn decimals(values: impl Iterator<Item = i128>) -> ArrayRef {
    Arc::new(Decimal128Array::from_iter_values(values).with_precision_and_scale(38, 0).unwrap())
}

/// A block of this program's own, and its value type.
fn own(kind: usize, rows: usize) -> (Vec<u8>, ValueType) {
    let (value_type, values): (_, ArrayRef) = match kind {
        0 => (ValueType::Int64, Arc::new(Int64Array::from_iter_values((0..rows as i64).map(|n| n * n)))),
        1 => (ValueType::Int64, Arc::new(Int64Array::from_iter_values((0..rows as i64).map(|n| (n * 7919) % 1009)))),
        2 => (ValueType::Boolean, Arc::new((0..rows).map(|n| Some(n % 3 == 0)).collect::<BooleanArray>())),
        3 => (ValueType::Decimal128, decimals((0..rows as i128).map(|n| n.wrapping_mul(i128::MAX / 12_345) >> 12))),
        4 => (ValueType::Decimal128, decimals((0..rows as i128).map(|n| n * n + 5))),
        5 => (ValueType::Decimal128, decimals((0..rows as i128).map(|n| n % 3))),
        _ => (ValueType::Float64, Arc::new(Float64Array::from_iter_values((0..rows).map(|n| (n as f64).sin())))),
    };
    let mut encoder = BlockEncoder::new(&Layout::values(value_type), 1).unwrap();
    encoder.push(Numbers::Consecutive { first: 1, rows }, &[values]).unwrap();
    (encoder.finish_with_digest(covers(rows)).unwrap().0.to_vec(), value_type)
}

fn covers(rows: usize) -> Covers {
    Covers { first: 1, numbers: rows as u64 }
}

#[test]
fn booleans_floats_and_decimals_have_exact_statistics_and_no_bits_too_many() {
    let damaged = |kind: usize, at: fn(&Block) -> usize| {
        let (bytes, value_type) = own(kind, 99);
        let place = at(&Block::parse(bytes.clone().into(), &Layout::values(value_type), covers(99)).unwrap());
        let mut damaged = bytes;
        damaged[place] ^= 0x80;
        take(damaged, value_type, 99)
    };
    // The last byte of the columns is that of the last values: three booleans, or the end of a decimal.
    let last = |block: &Block| 3 + block.columns_bytes().len();
    assert!(matches!(damaged(2, last), Err(BlockError::Pages { .. })));
    assert!(matches!(damaged(3, last), Err(BlockError::Statistics)));
    // A byte of the last value of a run, and the mark of the end behind it.
    assert!(matches!(damaged(4, |block| 3 + block.columns_bytes().len() - 7), Err(BlockError::Statistics)));
    let found = damaged(4, last);
    assert!(matches!(found, Err(BlockError::Pages { .. })), "{found:?}");
    // The start of the last decimal makes it one of 39 digits.
    assert!(matches!(damaged(3, |block| 3 + block.columns_bytes().len() - 15), Err(BlockError::Pages { .. })));
}

#[test]
fn any_flipped_bit_is_noticed_by_the_digest() {
    for kind in 0..KINDS {
        let (bytes, value_type) = own(kind, 99);
        let layout = Layout::values(value_type);
        let digest = Block::parse(bytes.clone().into(), &layout, covers(99)).unwrap().digest().whole();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Block::receive(damaged.into(), &layout, covers(99), digest).is_err(), "bit {bit}");
        }
        assert!(Block::receive(bytes.into(), &layout, covers(99), digest).is_ok());
    }
}

proptest! {
    #[test]
    fn damage_of_any_kind_is_refused_or_decodes(
        kind in 0..KINDS,
        rows in 1..600usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (mut bytes, value_type) = own(kind, rows);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = take(bytes.clone(), value_type, rows as i64);
        // Readers that were not told to check do not panic either.
        if let Ok(block) = Block::parse(bytes.into(), &Layout::values(value_type), covers(rows)) {
            if let Ok(batches) = block.batches(PAGE_ROWS) {
                batches.for_each(drop);
            }
            let _ = block.decode_int64(1, &mut vec![0; block.rows()]);
        }
    }
}
