//! A condition from its text to the rows that it selects.

use std::fmt;

use arrow_array::ArrayRef;
use arrow_buffer::{BooleanBuffer, Buffer};
use arrow_schema::Schema;
use swath_model::Numbers;

use crate::{
    batch::{Batch, Bound, Values},
    check::{check, resolve},
    code::{Code, ROWS, WORDS},
    error::{EvaluateError, ExpressionError},
    interval::Interval,
    lower::{known, lower},
    parse::parse,
    program::{Column, Program, Truth},
    run::{self, Build, Machine},
};

/// Rows whose least and greatest values decide together in which lanes they are computed: as many as stay in the second
/// cache until they are read again.
const SPAN: usize = 8 * ROWS;

/// A condition on rows, checked against the columns that they have.
///
/// Its [`Display`](fmt::Display) is its canonical text: that parses to an equal condition over the same columns. Two
/// conditions are equal if their canonical texts are, and the types of the columns that they read.
#[derive(Clone)]
pub struct Condition {
    text: String,
    program: Program,
    reads: Vec<usize>,
}

impl Condition {
    /// Reads and checks `text`. `columns` are those of the results, without the number, which is called `n` and hides a
    /// column of that name.
    ///
    /// # Errors
    ///
    /// [`ExpressionError`] when the text is no condition over these columns. It has the place in the text.
    pub fn parse(text: &str, columns: &Schema) -> Result<Self, ExpressionError> {
        let parsed = parse(text).and_then(|mut syntax| {
            resolve(&mut syntax, columns)?;
            Ok((check(&syntax, columns)?, syntax))
        });
        let (program, syntax) = parsed.map_err(|fault| ExpressionError::new(fault, text))?;
        let mut reads: Vec<_> = program.columns.iter().map(|column| column.index).collect();
        reads.sort_unstable();
        Ok(Self { text: syntax.to_string(), program, reads })
    }

    /// The columns that it reads, as indices into the schema that it was checked against, ascending.
    pub fn columns(&self) -> &[usize] {
        &self.reads
    }

    /// Whether it reads no column, so that the numbers alone say which of them are selected.
    pub fn reads_only_n(&self) -> bool {
        self.reads.is_empty()
    }

    /// The rows in which the condition is true: a bit for each row.
    ///
    /// `columns` are arrays of one value for each row, as in the schema that the condition was checked against. Only
    /// those that it reads are looked at, so that `&[]` is enough where [`Condition::reads_only_n`].
    ///
    /// # Errors
    ///
    /// [`EvaluateError`] when the condition has no answer for a row; it names the first such number. Also when a column
    /// is missing, or is of another type or length.
    pub fn evaluate(&self, numbers: Numbers<'_>, columns: &[ArrayRef]) -> Result<BooleanBuffer, EvaluateError> {
        let batch = Batch::new(numbers, &self.program.columns, columns)?;
        if let (Truth::Column(column), rows) = (&self.program.truth, batch.rows())
            && let Some(bound) = batch.columns.get(*column)
            && let Values::Boolean(values) = bound.values
            && values.len() == rows
        {
            return Ok(match &bound.nulls {
                None => values.clone(),
                Some(nulls) => values & nulls.inner(),
            });
        }
        Evaluation::new(&self.program, &batch).run()
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Condition").field(&self.text).finish()
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        let types = |condition: &Self| -> Vec<_> {
            condition.program.columns.iter().map(|column| (column.index, column.data_type.clone())).collect()
        };
        self.text == other.text && types(self) == types(other)
    }
}

impl Eq for Condition {}

/// A program on its way through the rows.
struct Evaluation<'a> {
    program: &'a Program,
    batch: &'a Batch<'a>,
    number: Interval,
    has_nulls: Vec<bool>,
    build: Build,
    latest: Option<Prepared<'a>>,
    words: Vec<u64>,
}

/// Code, and the values of the columns that it was made for.
struct Prepared<'a> {
    columns: Vec<Option<Interval>>,
    code: Code<'a>,
    machine: Machine,
}

impl<'a> Evaluation<'a> {
    fn new(program: &'a Program, batch: &'a Batch<'a>) -> Self {
        let rows = batch.rows();
        let number = match batch.numbers {
            Numbers::Consecutive { first, rows } => {
                Interval::new(first, first.saturating_add_unsigned(rows.saturating_sub(1) as u64))
            }
            Numbers::Listed(numbers) => run::interval(&Values::I64(numbers), 0, rows).unwrap_or(Interval::I64),
        };
        let has_nulls = batch.columns.iter().map(|column| column.nulls.is_some()).collect();
        let words = Vec::with_capacity(rows.div_ceil(ROWS) * WORDS);
        Self { program, batch, number, has_nulls, build: Build::detect(), latest: None, words }
    }

    fn run(mut self) -> Result<BooleanBuffer, EvaluateError> {
        let rows = self.batch.rows();
        for start in (0..rows).step_by(SPAN) {
            self.span(start, SPAN.min(rows - start))?;
        }
        // Bits of Arrow count from the least one of the first byte.
        if cfg!(target_endian = "big") {
            self.words.iter_mut().for_each(|word| *word = word.to_le());
        }
        Ok(BooleanBuffer::new(Buffer::from_vec(self.words), 0, rows))
    }

    fn span(&mut self, start: usize, rows: usize) -> Result<(), EvaluateError> {
        let columns = self.intervals(start, rows);
        let Prepared { code, machine, .. } = match self.latest.take() {
            Some(latest) if covers(&latest.columns, &columns) => self.latest.insert(latest),
            latest => {
                let columns = match latest {
                    Some(latest) => hulls(&latest.columns, &columns),
                    None => columns.iter().map(|interval| interval.map(Interval::rounded)).collect(),
                };
                let known = known(self.program, self.number, &columns);
                let code = lower(self.program, &known, &self.has_nulls);
                let machine = Machine::new(&code, self.build);
                self.latest.insert(Prepared { columns, code, machine })
            }
        };
        for chunk in (start..start + rows).step_by(ROWS) {
            let rows = ROWS.min(start + rows - chunk);
            match machine.run(code, self.batch, chunk, rows) {
                Ok(words) => self.words.extend_from_slice(&words),
                Err(failure) => {
                    let number = self.batch.numbers.get(chunk + failure.row).unwrap_or_default();
                    return Err(EvaluateError::Number { number, reason: failure.reason });
                }
            }
        }
        Ok(())
    }

    /// The values that the columns have in these rows.
    fn intervals(&self, start: usize, rows: usize) -> Vec<Option<Interval>> {
        let columns = self.program.columns.iter().zip(&self.batch.columns);
        let interval = |(column, bound): (&Column, &Bound<'_>)| match bound.values {
            // A comparison alone is as fast in any case.
            Values::I64(_) if !column.is_computed => Some(Interval::I64),
            _ => run::interval(&bound.values, start, rows),
        };
        columns.map(interval).collect()
    }
}

/// Whether code that was made for the one serves the other, too.
fn covers(one: &[Option<Interval>], other: &[Option<Interval>]) -> bool {
    one.iter().zip(other).all(|pair| match pair {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(one), Some(other)) => one.contains(other.least) && one.contains(other.greatest),
    })
}

fn hulls(one: &[Option<Interval>], other: &[Option<Interval>]) -> Vec<Option<Interval>> {
    let hull = |(one, other): (&Option<Interval>, &Option<Interval>)| {
        one.zip(*other).map(|(one, other)| one.hull(other).rounded())
    };
    one.iter().zip(other).map(hull).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Float64Array, Int64Array};
    use arrow_schema::{DataType, Field};

    use super::*;

    const TEXTS: [&str; 12] = [
        "n * n % 7 = 4",
        "n / 7 * 7 + n % 7 = n",
        "n % -13 = -5 or n / -13 = 4",
        "value % 7 = 4 or value / 1000003 % 2 = 1",
        "value * 3 % 1000003 < 500 and value <> 0 and n % value = 3",
        "value * value / 12345678901 > 7 or value % 1 = 1",
        "n * n * n % 1000 in (1, 8, 27, 64, 125, 216, 343, 512, 729)",
        "n / 9007199254740993 = value or value % -9223372036854775807 > n",
        "rate * 2e0 > n and rate % 3 <= 1.5",
        "rate in (1, 2.5) or rate = rate and not rate < 0",
        "n + 5 > value and value between -100 and 100",
        "value / (n - 7777777) >= 0",
    ];

    fn columns(seed: i64) -> Vec<ArrayRef> {
        let value = |row: i64| (row * row * seed).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64) >> (row % 60);
        let rate = |row: i64| if row % 9 == 0 { f64::NAN } else { (row % 17) as f64 / 4.0 };
        vec![
            Arc::new(Int64Array::from_iter_values((0..5000).map(value))),
            Arc::new(Float64Array::from_iter_values((0..5000).map(rate))),
        ]
    }

    /// The code for processors without AVX2 says the same as the one for this processor.
    #[test]
    fn both_builds_select_the_same_rows() {
        let fields = [("value", DataType::Int64), ("rate", DataType::Float64)];
        let schema = Schema::new(fields.map(|(name, data_type)| Field::new(name, data_type, false)).to_vec());
        for (text, first) in TEXTS.iter().flat_map(|text| [-2500, 1 << 40, i64::MIN].map(|first| (text, first))) {
            let condition = Condition::parse(text, &schema).unwrap();
            let numbers = Numbers::Consecutive { first, rows: 5000 };
            let columns = columns(first % 1000 + 1);
            let selected = condition.evaluate(numbers, &columns).unwrap();
            let batch = Batch::new(numbers, &condition.program.columns, &columns).unwrap();
            let mut portable = Evaluation::new(&condition.program, &batch);
            portable.build = Build::Portable;
            assert_eq!(portable.run(), Ok(selected), "{text} from {first} on");
        }
    }
}
