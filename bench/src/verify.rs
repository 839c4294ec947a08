//! Whether a result is right.

use std::{fs::File, path::Path};

use anyhow::{Context, Result, bail, ensure};
use arrow_array::{Int64Array, RecordBatch, cast::AsArray, types::Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::{Deserialize, Serialize};

/// What the table says of a result that was compared with what is expected.
pub(crate) const VERIFIED: &str = "count, sum, first, last";

/// What is known of values in order. The sum is text, because JSON has no integer of its size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    pub(crate) count: u64,
    pub(crate) sum: String,
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl Found {
    /// Compares with what is expected; returns what the table says.
    pub(crate) fn check(&self, expected: &Self) -> Result<String> {
        ensure!(self == expected, "the result is wrong: {self:?} instead of {expected:?}");
        Ok(VERIFIED.to_owned())
    }
}

/// The squares of 1 to `last`.
pub(crate) fn squares(last: u64) -> Found {
    let n = i128::from(last);
    let sum = n * (n + 1) * (2 * n + 1) / 6;
    Found { count: last, sum: sum.to_string(), first: 1, last: (last * last) as i64 }
}

/// The integer square roots of 1 to `last`: each root k below that of `last` stands for 2k + 1 numbers.
pub(crate) fn roots(last: u64) -> Found {
    let n = i128::from(last);
    let root = i128::from(last.isqrt());
    let below = root - 1;
    let whole = 2 * (below * (below + 1) * (2 * below + 1) / 6) + below * (below + 1) / 2;
    let sum = whole + root * (n - root * root + 1);
    Found { count: last, sum: sum.to_string(), first: 1, last: root as i64 }
}

/// Sums values up as they come.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    count: u64,
    sum: i128,
    first: Option<i64>,
    last: i64,
}

impl Tally {
    pub(crate) fn add(&mut self, values: &[i64]) {
        // The sum of so few values fits twice over.
        self.sum += values.iter().map(|&value| i128::from(value)).sum::<i128>();
        self.count += values.len() as u64;
        self.first = self.first.or(values.first().copied());
        self.last = values.last().copied().unwrap_or(self.last);
    }

    pub(crate) fn found(&self) -> Found {
        let first = self.first.unwrap_or_default();
        Found { count: self.count, sum: self.sum.to_string(), first, last: self.last }
    }
}

/// Reads a file of Swath: the numbers must be 1 and on without a gap.
pub(crate) fn read_file(path: &Path) -> Result<Found> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(1 << 16).build()?;
    let mut tally = Tally::default();
    for batch in reader {
        let batch = batch?;
        let n = column(&batch, "n")?;
        let expected = tally.count as i64 + 1..;
        if let Some((found, expected)) = n.values().iter().zip(expected).find(|(found, expected)| *found != expected) {
            bail!("the file has {found} where {expected} should be");
        }
        tally.add(column(&batch, "value")?.values());
    }
    Ok(tally.found())
}

/// How many rows a file has, as its footer says.
pub(crate) fn count_rows(path: &Path) -> Result<u64> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let rows = ParquetRecordBatchReaderBuilder::try_new(file)?.metadata().file_metadata().num_rows();
    Ok(rows.try_into()?)
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a Int64Array> {
    let column = batch.column_by_name(name).with_context(|| format!("there is no column `{name}`"))?;
    column.as_primitive_opt::<Int64Type>().with_context(|| format!("the column `{name}` is not of int64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(values: impl Iterator<Item = i64>) -> Found {
        let mut tally = Tally::default();
        for value in values {
            tally.add(&[value]);
        }
        tally.found()
    }

    #[test]
    fn the_formulas_agree_with_adding_up() {
        for last in [1, 2, 3, 4, 8, 9, 10, 1000] {
            assert_eq!(squares(last), tally((1..=last as i64).map(|n| n * n)));
            assert_eq!(roots(last), tally((1..=last as i64).map(i64::isqrt)));
        }
    }

    #[test]
    fn a_wrong_result_is_refused() {
        assert!(squares(10).check(&squares(10)).is_ok());
        assert!(squares(10).check(&squares(11)).is_err());
    }
}
