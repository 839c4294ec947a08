//! The state of reductions over some rows.

use std::{fmt, sync::Arc};

use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch};
use arrow_schema::DataType;
use swath_model::Numbers;

use crate::{
    MAX_PARTIAL_BYTES,
    arrays::Stored,
    column_type::scale,
    error::AccumulateError,
    kind::{Kind, Source},
    partial::{self, States, counts_array, extreme_array, integer},
    plan::{Plan, Reduction, SourcePlan},
    ratio,
    source_state::{SourceState, for_state},
    state::{State, Sum},
    value_counts::Full,
    wide::Wide,
};

/// Takes in rows and partial states, in any order, and gives the state or the result of all of them.
///
/// A partial state that is refused as [`AccumulateError::Malformed`] leaves everything as it was, and so do columns
/// that are refused; after any other error the accumulator is of no use any more.
#[derive(Clone, Debug)]
pub struct Accumulator {
    plan: Arc<Plan>,
    states: States,
}

impl Accumulator {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        let sources = plan.sources.iter().map(SourceState::new).collect();
        Self { plan, states: States { rows: 0, sources } }
    }

    /// How many rows were taken in.
    pub fn rows(&self) -> i64 {
        self.states.rows
    }

    /// Takes in rows: their numbers, and the columns that [`crate::Reductions::columns`] names, in that order.
    pub fn update(&mut self, numbers: Numbers<'_>, columns: &[ArrayRef]) -> Result<(), AccumulateError> {
        self.check_columns(numbers, columns)?;
        self.states.rows = more_rows(self.states.rows, numbers.rows() as u64)?;
        let mut columns = columns.iter();
        for (index, source) in self.states.sources.iter_mut().enumerate() {
            let plan = self.plan.sources.get(index);
            let added = match plan.map(|plan| plan.source) {
                Some(Source::Column(_)) => columns.next().map_or(Ok(()), |column| source.add(column, numbers)),
                _ => source.add_numbers(numbers),
            };
            added.map_err(|full| full_error(&self.plan, plan, full))?;
        }
        self.check_size()
    }

    /// Takes in rows of which nothing is read but that they are there. It is an error if more is.
    pub fn update_count(&mut self, rows: u64) -> Result<(), AccumulateError> {
        if !self.plan.sources.is_empty() {
            return Err(AccumulateError::Columns("only a count of rows takes no columns".to_owned()));
        }
        self.states.rows = more_rows(self.states.rows, rows)?;
        Ok(())
    }

    /// The state as one row in the columns of [`crate::Reductions::partial_schema`]. The same rows always give the same
    /// state.
    pub fn partial(&mut self) -> Result<RecordBatch, AccumulateError> {
        self.settle()?;
        partial::encode(&self.plan, &self.states).map_err(|error| unexpected(&error))
    }

    /// Takes in the state of other rows, from whomever it comes.
    pub fn merge(&mut self, partial: &RecordBatch) -> Result<(), AccumulateError> {
        let other = partial::decode(&self.plan, partial).map_err(AccumulateError::Malformed)?;
        self.states.rows = more_rows(self.states.rows, other.rows.unsigned_abs())?;
        for (index, (source, other)) in self.states.sources.iter_mut().zip(other.sources).enumerate() {
            source.merge(other).map_err(|full| full_error(&self.plan, self.plan.sources.get(index), full))?;
        }
        self.check_size()
    }

    /// The result as one row in the columns of [`crate::Reductions::result_schema`].
    pub fn result(&mut self) -> Result<RecordBatch, AccumulateError> {
        self.settle()?;
        let columns = self.plan.list.iter().map(|reduction| self.result_of(reduction)).collect::<Result<_, _>>()?;
        RecordBatch::try_new(self.plan.result_schema.clone(), columns).map_err(|error| unexpected(&error))
    }

    fn check_columns(&self, numbers: Numbers<'_>, columns: &[ArrayRef]) -> Result<(), AccumulateError> {
        let expected = self.plan.sources.iter().filter(|source| source.source != Source::Number);
        if columns.len() != self.plan.columns.len() {
            let text = format!("{} were given, {} are read", columns.len(), self.plan.columns.len());
            return Err(AccumulateError::Columns(text));
        }
        for (source, column) in expected.zip(columns) {
            if *column.data_type() != source.data_type {
                let text = format!("`{}` is {} instead of {}", source.name, column.data_type(), source.data_type);
                return Err(AccumulateError::Columns(text));
            }
            if column.len() != numbers.rows() {
                let text = format!("`{}` has {} values for {} rows", source.name, column.len(), numbers.rows());
                return Err(AccumulateError::Columns(text));
            }
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), AccumulateError> {
        for (source, plan) in self.states.sources.iter_mut().zip(&self.plan.sources) {
            source.settle().map_err(|full| full_error(&self.plan, Some(plan), full))?;
        }
        self.check_size()
    }

    /// The values of all sources together may have so many bytes.
    fn check_size(&self) -> Result<(), AccumulateError> {
        let sizes = || self.states.sources.iter().map(SourceState::bytes);
        if sizes().sum::<usize>() <= MAX_PARTIAL_BYTES {
            return Ok(());
        }
        let largest = self.plan.sources.iter().zip(sizes()).max_by_key(|(_, bytes)| *bytes);
        Err(full_error(&self.plan, largest.map(|(source, _)| source), Full::Bytes))
    }

    fn result_of(&self, reduction: &Reduction) -> Result<ArrayRef, AccumulateError> {
        let mut sources = self.plan.sources.iter().zip(&self.states.sources);
        match sources.find(|(plan, _)| Some(plan.source) == reduction.source) {
            None => Ok(integer(Some(self.states.rows))),
            Some((plan, state)) => for_state!(state, state, Lookup => result_of_state(reduction, plan, state)),
        }
    }
}

fn result_of_state<T: Stored + Ord>(
    reduction: &Reduction,
    plan: &SourcePlan,
    state: &State<T>,
) -> Result<ArrayRef, AccumulateError> {
    let missing = || unexpected(&format!("no value of {reduction}"));
    Ok(match reduction.kind {
        Kind::Count => integer(Some(state.count)),
        Kind::Min => extreme_array(state.least.as_ref(), plan).ok_or_else(missing)?,
        Kind::Max => extreme_array(state.greatest.as_ref(), plan).ok_or_else(missing)?,
        Kind::MinN => integer(state.least.as_ref().map(|least| least.number)),
        Kind::MaxN => integer(state.greatest.as_ref().map(|greatest| greatest.number)),
        Kind::ValueCounts => counts_array(&state.counts, plan).ok_or_else(missing)?,
        Kind::Sum => sum(reduction, state)?,
        Kind::Mean => {
            let mean = (state.count > 0).then(|| mean(&state.sum, state.count, scale(&plan.data_type)));
            Arc::new(Float64Array::from(vec![mean]))
        }
    })
}

fn sum<T>(reduction: &Reduction, state: &State<T>) -> Result<ArrayRef, AccumulateError> {
    let is_some = state.count > 0;
    let sum = match &state.sum {
        Sum::Float(sum) => return Ok(Arc::new(Float64Array::from(vec![is_some.then(|| sum.rounded())]))),
        Sum::Whole(sum) => *sum,
    };
    let too_large = |digits| AccumulateError::SumTooLarge { reduction: reduction.name.clone(), digits };
    let array = match &reduction.data_type {
        DataType::Decimal128(digits, _) => {
            let value = sum.to_i256().and_then(|sum| sum.to_i128()).filter(|_| fits(sum, *digits));
            let value = value.ok_or_else(|| too_large(*digits))?;
            Stored::array(&[is_some.then_some(value)], &reduction.data_type)
        }
        DataType::Decimal256(digits, _) => {
            let value = sum.to_i256().filter(|_| fits(sum, *digits)).ok_or_else(|| too_large(*digits))?;
            Stored::array(&[is_some.then_some(value)], &reduction.data_type)
        }
        _ => {
            let value = sum.to_i64().ok_or(AccumulateError::TooManyRows)?;
            Some(Arc::new(Int64Array::from(vec![is_some.then_some(value)])) as ArrayRef)
        }
    };
    array.ok_or_else(|| unexpected(&format!("no value of {reduction}")))
}

/// Whether an integer has at most so many digits.
fn fits(sum: Wide, digits: u8) -> bool {
    let beyond = ratio::times_power_of_ten(&[1], u32::from(digits));
    let magnitude = sum.magnitude();
    let words = magnitude.len().max(beyond.len());
    let padded = |words_of: &[u64]| {
        let mut padded = words_of.to_vec();
        padded.resize(words, 0);
        padded.reverse();
        padded
    };
    padded(&magnitude) < padded(&beyond)
}

/// The sum, which is scaled by a power of ten, divided by the count.
fn mean(sum: &Sum, count: i64, scale: i8) -> f64 {
    let sum = match sum {
        Sum::Float(sum) => return sum.divided(count),
        Sum::Whole(sum) => sum,
    };
    let (magnitude, count) = (sum.magnitude(), [count.unsigned_abs()]);
    let power = u32::from(scale.unsigned_abs());
    let (above, below) = if scale < 0 {
        (ratio::times_power_of_ten(&magnitude, power), count.to_vec())
    } else {
        (magnitude.to_vec(), ratio::times_power_of_ten(&count, power))
    };
    ratio::nearest(sum.is_negative(), &above, &below, 0)
}

fn more_rows(rows: i64, more: u64) -> Result<i64, AccumulateError> {
    rows.checked_add_unsigned(more).ok_or(AccumulateError::TooManyRows)
}

/// The limit that the values of a source reached.
fn full_error(plan: &Plan, source: Option<&SourcePlan>, full: Full) -> AccumulateError {
    let of = |reduction: &&Reduction| reduction.source == source.map(|source| source.source);
    let by_kind = |kinds: &[Kind]| plan.list.iter().filter(of).find(|reduction| kinds.contains(&reduction.kind));
    let reduction = by_kind(&[Kind::ValueCounts]).or_else(|| by_kind(&[Kind::Min, Kind::Max, Kind::MinN, Kind::MaxN]));
    let reduction = reduction.map_or_else(String::new, ToString::to_string);
    match full {
        Full::Values => AccumulateError::TooManyValues { reduction },
        Full::Bytes => AccumulateError::TooManyBytes { reduction },
    }
}

/// An array that does not fit its own schema: cannot come about.
fn unexpected(error: &dyn fmt::Display) -> AccumulateError {
    AccumulateError::Columns(error.to_string())
}
