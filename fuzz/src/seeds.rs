//! Inputs that are accepted, made by the code that writes them, so that they are never those of an older format.

use std::{fs, io, sync::Arc, time::Duration};

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, Float64Array,
    Int64Array, StringArray, TimestampSecondArray, UInt64Array, new_empty_array, new_null_array,
};
use arrow_buffer::i256;
use arrow_schema::{ArrowError, DataType, Field};
use prost::Message;
use swath_block::{BlockEncoder, Digest, EncodeError, fuzzing};
use swath_model::{Covers, Layout, LayoutError, Numbers, Shape, ValueType};
use swath_proto::v1::{self, worker_message::Kind};
use swath_reduce::AccumulateError;
use swath_transport::{Address, AddressError, Authority, AuthorityError};

use crate::{Target, blocks as block_targets, reductions};

/// Why there are no seeds.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// A block cannot be encoded.
    #[error("failed to encode a block: {0}")]
    Encode(#[from] EncodeError),
    /// A layout is none.
    #[error("failed to read a layout: {0}")]
    Layout(#[from] LayoutError),
    /// Access files cannot be made.
    #[error("failed to make access files: {0}")]
    Access(#[from] AuthorityError),
    /// Their address is none.
    #[error("failed to read an address: {0}")]
    Address(#[from] AddressError),
    /// A state of reductions cannot be made.
    #[error("failed to reduce rows: {0}")]
    Reduce(#[from] AccumulateError),
    /// It cannot be written.
    #[error("failed to write a state of reductions: {0}")]
    Arrow(#[from] ArrowError),
    /// They cannot be written to a temporary folder, or read there.
    #[error("failed to keep access files: {0}")]
    Io(#[from] io::Error),
}

/// The inputs that a target starts from; all of them are accepted.
pub fn of(target: Target) -> Result<Vec<Vec<u8>>, SeedError> {
    match target {
        Target::Access => access_files(),
        Target::Condition => Ok(texts(&[
            "n * n % 7 = 4 and value > -3",
            "value in (1, 4, 9, n) or not flag",
            "100 / small between 3 and 5.5",
            "whole * whole * whole * whole * n > 1e20 or value is null",
            "name like 'a%_' and \"name\" <> 'it''s'",
            "day >= '2024-02-29' or at < '2024-02-29 12:00:00.5'",
            "rate * 2e0 / n <= price - 0.25 and raw = x'00ff'",
        ])),
        Target::Block => blocks(),
        Target::Delta => Ok(pages()),
        Target::Hello => Ok(worker_messages().iter().map(Message::encode_to_vec).collect()),
        Target::Hostfile => {
            Ok(texts(&["h1\nada@h2:2222 slots=4 max_slots=8 # old\n2/ada@h3\n", "[::1]:22\nfe80::1%eth0\n"]))
        }
        Target::Partial => partials(),
        Target::Range => {
            Ok(texts(&["1..=1000000", "-5..10", "7", "1_000", "1e6", "2.5e3..=3e3", "0..9223372036854775808"]))
        }
        Target::Reduce => Ok(lists()),
        Target::Submit => Ok(submits().iter().map(Message::encode_to_vec).collect()),
        Target::Ticket => {
            let some = r#"{"job": 3, "columns": ["value", "n"], "first": -100, "last": 100}"#;
            Ok(texts(&["3", r#"{"job": 3, "column": "value", "first": -100}"#, r#"{"job":1,"partial":true}"#, some]))
        }
        Target::Upload => Ok(vec![upload()?.encode_to_vec()]),
    }
}

/// Made anew each time, so that no key stands in the repository.
fn access_files() -> Result<Vec<Vec<u8>>, SeedError> {
    let folder = tempfile::tempdir()?;
    let address: Address = "field.example:7171".parse()?;
    Authority::create(folder.path(), &[address], Duration::from_secs(3600))?;
    let files = ["client.toml", "coordinator.toml"].map(|name| fs::read(folder.path().join(name)));
    Ok(files.into_iter().collect::<Result<_, _>>()?)
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn blocks() -> Result<Vec<Vec<u8>>, SeedError> {
    let integers = |rows: i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values((0..rows).map(|n| n * n))) };
    let scattered = (0..300_i64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64));
    let booleans = (0..77).map(|n| Some(n % 3 == 0)).collect::<BooleanArray>();
    let decimals = Decimal128Array::from_iter_values((0..20).map(|n| i128::from(n) << 90));
    let decimals = decimals.with_precision_and_scale(38, 0).map_err(EncodeError::from)?;
    let squares = Decimal128Array::from_iter_values((5_000_000_000_i128..).map(|n| n * n).take(300));
    let squares = squares.with_precision_and_scale(38, 0).map_err(EncodeError::from)?;
    let floats = Float64Array::from_iter_values((0..300).map(|n| f64::from(n).sin()));
    let mut seeds = Vec::new();
    for (kind, values) in [
        (0, integers(1)),
        (0, integers(400)),
        (0, Arc::new(Int64Array::from_iter_values(scattered)) as ArrayRef),
        (1, Arc::new(booleans)),
        (2, Arc::new(decimals)),
        (2, Arc::new(squares)),
        (3, Arc::new(floats)),
    ] {
        let (block, _) = encode(&block_targets::layout(kind)?, &[values])?;
        seeds.push([vec![kind], block].concat());
    }
    for kind in block_targets::ANY_COLUMNS..block_targets::ANY_COLUMNS + 4 {
        for rows in [0, 1, 300] {
            let layout = block_targets::layout(kind)?;
            if rows > 0 || layout.shape() != Shape::Dense {
                let (block, _) = encode(&layout, &any_columns(&layout, rows)?)?;
                seeds.push([vec![kind], block].concat());
            }
        }
    }
    Ok(seeds)
}

/// Of no columns but one, and of all of them.
fn lists() -> Vec<Vec<u8>> {
    let only = "count,count(n),sum,min,max,mean,min_n,max_n,value_counts,sum(n)";
    let several = " sum ( c0 ),max_n(c1) , value_counts(c6),min(\"odd, \"\"name\"\")\"),count";
    [(0, only), (9, several)].map(|(columns, text)| [&[columns], text.as_bytes()].concat()).into()
}

/// States of no rows and of some, for each type of column.
fn partials() -> Result<Vec<Vec<u8>>, SeedError> {
    let mut seeds = Vec::new();
    for (kind, data_type) in (0..).zip(reductions::types()) {
        let Some(reductions) = reductions::reductions(kind) else { continue };
        let mut accumulator = reductions.accumulator();
        seeds.push([vec![kind], reductions::write(&accumulator.partial()?)?].concat());
        let column = column(&data_type);
        accumulator.update(Numbers::Consecutive { first: -2, rows: column.len() }, &[column])?;
        seeds.push([vec![kind], reductions::write(&accumulator.partial()?)?].concat());
    }
    Ok(seeds)
}

/// Some values of a type, with a null among them.
fn column(data_type: &DataType) -> ArrayRef {
    let integers = [Some(-3i64), Some(1 << 62), None, Some(4), Some(4)];
    let decimals = integers.map(|value| value.map(|value| i128::from(value) << 60));
    let texts = integers.map(|value| value.map(|value| value.to_string()));
    match data_type {
        DataType::Boolean => Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        DataType::UInt64 => Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(0)])),
        DataType::Float64 => Arc::new(Float64Array::from(vec![Some(0.1), None, Some(-1e300), Some(f64::NAN)])),
        DataType::Decimal128(..) => {
            Arc::new(Decimal128Array::from(decimals.to_vec()).with_data_type(data_type.clone()))
        }
        DataType::Decimal256(..) => {
            let values = decimals.map(|value| value.map(i256::from_i128));
            Arc::new(Decimal256Array::from(values.to_vec()).with_data_type(data_type.clone()))
        }
        DataType::Utf8 => Arc::new(StringArray::from(texts.to_vec())),
        DataType::Binary => {
            let bytes = texts.iter().map(|text| text.as_deref().map(str::as_bytes));
            Arc::new(BinaryArray::from(bytes.collect::<Vec<_>>()))
        }
        DataType::Timestamp(..) => Arc::new(TimestampSecondArray::from(integers.to_vec())),
        _ => Arc::new(Int64Array::from(integers.to_vec())),
    }
}

/// Columns with so many rows: nulls where there may be some, and something small elsewhere.
fn any_columns(layout: &Layout, rows: usize) -> Result<Vec<ArrayRef>, EncodeError> {
    let column = |field: &Arc<Field>| -> Result<ArrayRef, EncodeError> {
        if field.is_nullable() {
            return Ok(new_null_array(field.data_type(), rows));
        }
        Ok(match field.data_type() {
            DataType::Int64 => Arc::new(Int64Array::from_iter_values(0..rows as i64)),
            DataType::Boolean => Arc::new((0..rows).map(|row| Some(row % 3 == 0)).collect::<BooleanArray>()),
            DataType::Date32 => Arc::new(Date32Array::from_iter_values(0..rows as i32)),
            DataType::Decimal256(precision, scale) => {
                let values = Decimal256Array::from_iter_values((0..rows as i128).map(i256::from_i128));
                Arc::new(values.with_precision_and_scale(*precision, *scale)?)
            }
            DataType::Timestamp(_, zone) => {
                let values = TimestampSecondArray::from_iter_values(0..rows as i64);
                Arc::new(values.with_timezone_opt(zone.clone()))
            }
            other => new_empty_array(other),
        })
    };
    layout.columns().fields().iter().map(column).collect()
}

fn encode(layout: &Layout, columns: &[ArrayRef]) -> Result<(Vec<u8>, Digest), EncodeError> {
    let rows = columns.first().map_or(0, |column| column.len());
    let covers = Covers { first: -7, numbers: rows.max(1) as u64 };
    let mut encoder = BlockEncoder::new(layout, covers.first)?;
    encoder.push(Numbers::Consecutive { first: covers.first, rows }, columns)?;
    let (block, digest) = encoder.finish_with_digest(covers)?;
    Ok((block.to_vec(), digest))
}

fn pages() -> Vec<Vec<u8>> {
    let lists: [Vec<i64>; 4] =
        [vec![5], (0..33).collect(), (0..200).map(|n| n * n).collect(), (0..40).map(|n| i64::MIN >> n).collect()];
    let page = |values: &Vec<i64>| {
        let rows = (values.len() as u16).wrapping_sub(1).to_le_bytes();
        [rows.to_vec(), fuzzing::encode_delta(values)].concat()
    };
    lists.iter().map(page).collect()
}

fn lease() -> v1::LeaseId {
    v1::LeaseId { incarnation: u64::MAX, sequence: 3 }
}

fn worker_messages() -> Vec<v1::WorkerMessage> {
    let hello = v1::Hello {
        protocol_version: swath_proto::PROTOCOL_VERSION,
        program_version: "0.1.0".to_owned(),
        name: "mower-1".to_owned(),
        host: "field".to_owned(),
        process_id: 4711,
        threads: 8,
        offers: vec![v1::ResumeOffer {
            lease: Some(lease()),
            job_id: 3,
            offsets: vec![v1::OffsetRun { start: 10, count: 20 }, v1::OffsetRun { start: 40, count: 1 }],
            fingerprint: vec![7; 16].into(),
        }],
        former: Some(v1::FormerWorker { incarnation: 1, worker_id: 2 }),
    };
    let chunks = Some(v1::ChunkRun { start: 5, count: 6 });
    let kinds = [
        Kind::Hello(hello),
        Kind::Heartbeat(v1::Heartbeat { received: 9 }),
        Kind::LeaseComputed(v1::LeaseComputed { lease: Some(lease()), busy_nanos: 1_000_000 }),
        Kind::ChunksReturned(v1::ChunksReturned { lease: Some(lease()), chunks }),
        Kind::ChunkFailed(v1::ChunkFailed { lease: Some(lease()), chunk: 5, number: -3, reason: "odd".to_owned() }),
        Kind::Leaving(v1::Leaving {}),
    ];
    kinds.map(|kind| v1::WorkerMessage { kind: Some(kind) }).into()
}

fn submits() -> Vec<v1::SubmitRequest> {
    let spec = |kernel: &str, first, last| v1::JobSpec {
        kernel: kernel.to_owned(),
        first,
        last,
        chunk_size: 1000,
        max_retries: Some(2),
        keep_for_ms: Some(60_000),
        ..v1::JobSpec::default()
    };
    let request = |spec, token: &[u8]| v1::SubmitRequest { spec: Some(spec), token: token.to_vec().into() };
    vec![request(spec("square", -10, 1_000_000), &[1; 16]), request(spec("is-prime", 1, 2), &[])]
}

fn upload() -> Result<v1::UploadBlock, EncodeError> {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![49, 36, 25]));
    let (block, digest) = encode(&Layout::values(ValueType::Int64), &[values])?;
    Ok(v1::UploadBlock {
        lease: Some(lease()),
        job_id: 3,
        first: -7,
        numbers: 3,
        parquet: block.into(),
        fingerprint: vec![7; 16].into(),
        digest: digest.whole(),
    })
}
