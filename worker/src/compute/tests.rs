use std::{ops::RangeInclusive, sync::Arc};

use arrow_array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray, cast::AsArray, types};
use arrow_schema::{DataType, Field};
use swath_block::{Block, MAX_BLOCK_BYTES, MAX_ROWS, PAGE_ROWS};
use swath_kernel::{Context, EvaluateError, Kernel, Layout, Rows, Values};
use swath_model::{Chunks, Covers, Fingerprint, JobId, JobRequest, Range, ValueType};

use super::*;

/// Its value is the number; 25 is refused and 57 makes it panic.
#[derive(Debug)]
struct Fragile;

impl Kernel for Fragile {
    fn name(&self) -> &'static str {
        "fragile"
    }

    fn layout(&self, _: &RangeInclusive<i64>) -> Layout {
        Layout::values(ValueType::Int64)
    }

    fn evaluate(&self, numbers: RangeInclusive<i64>, rows: &mut Rows, _: &mut Context) -> Result<(), EvaluateError> {
        let Some(Values::Int64(values)) = rows.only() else { panic!("not integers") };
        for number in numbers {
            match number {
                25 => return Err(EvaluateError::Refused { number, reason: "it is odd".to_owned() }),
                57 => panic!("it is not a prime"),
                _ => values.push(number),
            }
        }
        Ok(())
    }
}

/// A text of so many bytes, which ends with the number; a longer one for each hundredth number.
#[derive(Debug)]
struct Texts {
    bytes: usize,
    longest: usize,
}

impl Kernel for Texts {
    fn name(&self) -> &'static str {
        "texts"
    }

    fn layout(&self, _: &RangeInclusive<i64>) -> Layout {
        Layout::new(Shape::Dense, vec![Field::new("text", DataType::Utf8, false)]).unwrap()
    }

    fn evaluate(&self, numbers: RangeInclusive<i64>, rows: &mut Rows, _: &mut Context) -> Result<(), EvaluateError> {
        let Some(Values::Arrays(arrays)) = rows.only() else { panic!("not arrays") };
        let text = |number: i64| {
            let length = if number % 100 == 0 { self.longest } else { self.bytes };
            let digits = number.to_string();
            " ".repeat(length - digits.len()) + &digits
        };
        assert!(arrays.push(Arc::new(StringArray::from_iter_values(numbers.map(text)))));
        Ok(())
    }
}

/// What the numbers 1 to `last` become with this kernel, so many in a chunk.
struct Outcome {
    job: Arc<Job>,
    blocks: Vec<Block>,
    failures: Vec<(u64, i64, String)>,
}

impl Outcome {
    /// One task of all numbers.
    fn of(kernel: impl Kernel + 'static, last: i64, chunk_size: u64, change: impl FnOnce(&mut JobRequest)) -> Self {
        let range = Range::new(1, last).unwrap();
        let mut request = JobRequest::new(kernel.name(), range);
        change(&mut request);
        let evaluation = Evaluation::of_kernel(Arc::new(kernel), &request).unwrap();
        let chunks = Chunks::new(range, chunk_size).unwrap();
        let bounds = evaluation.layout().block_bounds(chunk_size);
        let job = Job { id: JobId(1), fingerprint: Fingerprint([7; 16]), chunks, bounds, kernel: evaluation };
        Self::of_task(Arc::new(job), OffsetRun::new(0, range.count()).unwrap())
    }

    fn of_task(job: Arc<Job>, offsets: OffsetRun) -> Self {
        let mut outcome = Self { job: Arc::clone(&job), blocks: Vec::new(), failures: Vec::new() };
        let task = Task { job, offsets };
        Computer::new().compute(&task, &swath_evaluation::Stop::default(), |product| outcome.take(product));
        outcome
    }

    fn take(&mut self, product: Product) {
        match product {
            Product::Block { offsets, block } => {
                let covers = Covers { first: offsets.start() as i64 + 1, numbers: offsets.len() };
                let layout = self.job.kernel.layout();
                let block = Block::receive(block.parquet, layout, covers, block.digest).unwrap();
                block.check().unwrap();
                self.blocks.push(block);
            }
            Product::Failed { chunk, number, reason } => self.failures.push((chunk, number, reason)),
        }
    }

    /// The numbers that each block covers.
    fn covered(&self) -> Vec<(i64, i64)> {
        self.blocks.iter().map(|block| (block.covers().first, block.covers().last().unwrap())).collect()
    }

    fn batches(&self) -> Vec<RecordBatch> {
        self.blocks.iter().flat_map(|block| block.batches(PAGE_ROWS).unwrap()).map(Result::unwrap).collect()
    }

    /// The numbers of all rows.
    fn numbers(&self) -> Vec<i64> {
        let of = |batch: &RecordBatch| batch.column(0).as_primitive::<types::Int64Type>().values().to_vec();
        self.batches().iter().flat_map(of).collect()
    }
}

#[test]
fn a_number_that_fails_costs_its_chunk_and_no_other() {
    for condition in [None, Some("value % 2 = 0")] {
        let outcome = Outcome::of(Fragile, 100, 10, |job| job.condition = condition.map(str::to_owned));
        assert_eq!(outcome.covered(), [(1, 20), (31, 50), (61, 100)]);
        let refused = (2, 25, "it is odd".to_owned());
        let panicked = (5, 57, "the kernel panicked: it is not a prime".to_owned());
        assert_eq!(outcome.failures, [refused, panicked]);
        let good = |number: &i64| !(21..=30).contains(number) && !(51..=60).contains(number);
        let expected: Vec<i64> =
            (1..=100).filter(good).filter(|number| condition.is_none() || number % 2 == 0).collect();
        assert_eq!(outcome.numbers(), expected);
    }
}

#[test]
fn a_number_that_fails_is_in_no_aggregate() {
    let outcome = Outcome::of(Fragile, 100, 10, |job| job.reductions = Some("count,sum".to_owned()));
    assert_eq!(outcome.covered(), [(1, 20), (31, 50), (61, 100)]);
    let reductions = outcome.job.kernel.reductions().unwrap();
    let mut accumulator = reductions.accumulator();
    outcome.batches().iter().for_each(|batch| accumulator.merge(batch).unwrap());
    let result = accumulator.result().unwrap();
    let sum: i128 = (1..=20).chain(31..=50).chain(61..=100).sum();
    let expected: [ArrayRef; 2] = [
        Arc::new(Int64Array::from(vec![80])),
        Arc::new(Decimal128Array::from(vec![sum]).with_precision_and_scale(38, 0).unwrap()),
    ];
    assert_eq!(result.columns(), expected);
}

#[test]
fn a_thread_that_is_told_to_stop_gives_nothing() {
    let outcome = Outcome::of(Fragile, 20, 10, |_| {});
    let task = Task { job: outcome.job, offsets: OffsetRun::new(0, 20).unwrap() };
    let stop = swath_evaluation::Stop::default();
    stop.set();
    Computer::new().compute(&task, &stop, |product| panic!("{product:?}"));
}

#[test]
fn numbers_without_rows_are_covered_all_the_same() {
    let outcome = Outcome::of(Fragile, 20, 10, |job| job.condition = Some("value > 1000".to_owned()));
    assert_eq!(outcome.covered(), [(1, 20)]);
    assert_eq!(outcome.blocks[0].rows(), 0);
    assert!(outcome.failures.is_empty());
}

#[test]
fn blocks_of_large_rows_end_with_chunks_that_are_not_too_large() {
    // 100 rows of 10 KiB in a chunk: a quarter of a block is reached in the fifth.
    let outcome = Outcome::of(Texts { bytes: 10_000, longest: 10_000 }, 2000, 100, |_| {});
    assert!(outcome.blocks.len() > 3, "{:?}", outcome.covered());
    let bytes = outcome.blocks.iter().map(|block| block.bytes().len());
    assert!(bytes.clone().all(|bytes| bytes < MAX_BLOCK_BYTES), "{:?}", bytes.collect::<Vec<_>>());
    let mut next = 1;
    for (first, last) in outcome.covered() {
        assert_eq!((first, last % 100), (next, 0));
        next = last + 1;
    }
    assert_eq!(outcome.numbers(), (1..=2000).collect::<Vec<_>>());
}

#[test]
fn a_chunk_that_is_too_large_is_cut_where_everybody_cuts_it() {
    // 500 rows of 100 KB: three blocks in each chunk of 500.
    let all = Outcome::of(Texts { bytes: 100_000, longest: 100_000 }, 1000, 500, |_| {});
    assert_eq!(all.blocks.len(), 6, "{:?}", all.covered());
    assert!(all.covered().iter().any(|&(_, last)| last == 500), "{:?}", all.covered());
    let second = Outcome::of_task(Arc::clone(&all.job), OffsetRun::new(500, 1000).unwrap());
    let of_second: Vec<_> = all.covered().into_iter().filter(|&(first, _)| first > 500).collect();
    assert_eq!(second.covered(), of_second);
    assert_eq!(all.numbers(), (1..=1000).collect::<Vec<_>>());
}

#[test]
fn rows_that_no_block_can_hold_fail_their_number() {
    let outcome = Outcome::of(Texts { bytes: 10, longest: MAX_BLOCK_BYTES + 1 }, 250, 50, |_| {});
    let failed: Vec<_> = outcome.failures.iter().map(|(chunk, number, _)| (*chunk, *number)).collect();
    assert_eq!(failed, [(1, 100), (3, 200)]);
    let reason = &outcome.failures[0].2;
    assert!(reason.contains("at most 16777216 are allowed"), "{reason}");
    assert_eq!(outcome.numbers(), (1..=50).chain(101..=150).chain(201..=250).collect::<Vec<_>>());
}

#[test]
fn more_rows_than_a_block_has_are_several_blocks() {
    let last = MAX_ROWS as i64 + 300_000;
    let outcome = Outcome::of(Plain, last, 100_000, |job| job.condition = Some("n > 0".to_owned()));
    assert!(outcome.blocks.len() > 1);
    assert_eq!(outcome.numbers(), (1..=last).collect::<Vec<_>>());
}

/// Its value is the number.
#[derive(Debug)]
struct Plain;

impl Kernel for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn layout(&self, _: &RangeInclusive<i64>) -> Layout {
        Layout::values(ValueType::Int64)
    }

    fn evaluate(&self, numbers: RangeInclusive<i64>, rows: &mut Rows, _: &mut Context) -> Result<(), EvaluateError> {
        let Some(Values::Int64(values)) = rows.only() else { panic!("not integers") };
        values.extend(numbers);
        Ok(())
    }
}
