//! A job that can be computed.

use std::{ops::RangeInclusive, sync::Arc};

use arrow_array::{ArrayRef, BooleanArray};
use arrow_buffer::BooleanBuffer;
use arrow_select::filter::{FilterBuilder, FilterPredicate};
use swath_expression::Condition;
use swath_kernel::{Kernel, Stop, find};
use swath_model::{JobRequest, JobSpec, Layout, Layouts, Numbers, Shape};
use swath_reduce::{Accumulator, ReduceError, Reductions};

use crate::{Awaited, Batch, BindError, Buffers, Failure};

/// The kernel, the condition and the reductions of a job. It can be shared by as many threads as there are.
#[derive(Debug, Clone)]
pub struct Evaluation {
    kernel: Arc<dyn Kernel>,
    /// What it waits for, if it is not built in.
    awaited: Option<Awaited>,
    /// What the kernel gives.
    rows: Layout,
    condition: Option<Condition>,
    reductions: Option<Reductions>,
    /// What the job gives.
    layout: Layout,
}

impl Evaluation {
    /// Finds the kernel and checks the condition and the reductions against its columns. The program of a kernel that
    /// is not built in comes [later](Self::awaited); its layout must be known.
    ///
    /// # Errors
    /// [`BindError`] says what does not fit.
    pub fn bind(request: &JobRequest) -> Result<Self, BindError> {
        let Some(program) = &request.program else {
            return Self::of_kernel(find(&request.kernel, &request.parameters)?, request);
        };
        let awaited = Awaited::of(request, program)?;
        Ok(Self { awaited: Some(awaited.clone()), ..Self::of_kernel(awaited.kernel(), request)? })
    }

    /// The same with a kernel that was found already.
    ///
    /// # Errors
    /// [`BindError`] says what does not fit.
    pub fn of_kernel(kernel: Arc<dyn Kernel>, request: &JobRequest) -> Result<Self, BindError> {
        let rows = kernel.layout(&(request.range.first()..=request.range.last()));
        let condition = request.condition.as_deref().map(|text| Condition::parse(text, rows.columns())).transpose()?;
        let reductions =
            request.reductions.as_deref().map(|text| Reductions::parse(text, rows.columns())).transpose()?;
        let layout = match &reductions {
            Some(reductions) => Layout::new(Shape::Reduced, reductions.partial_schema().fields().clone())?,
            None if condition.is_some() => rows.clone().with_shape(Shape::Sparse),
            None => rows.clone(),
        };
        Ok(Self { kernel, awaited: None, rows, condition, reductions, layout })
    }

    /// What must come before the kernel can be evaluated, if it is not built in.
    pub fn awaited(&self) -> Option<&Awaited> {
        self.awaited.as_ref()
    }

    /// What the rows of the results look like.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What the rows of the kernel look like, and those of the results.
    pub fn layouts(&self) -> Layouts {
        Layouts { kernel: self.rows.clone(), results: self.layout.clone() }
    }

    /// The reductions, if the results are aggregates.
    pub fn reductions(&self) -> Option<&Reductions> {
        self.reductions.as_ref()
    }

    /// How many numbers should be computed at a time, about.
    pub fn batch_numbers(&self) -> usize {
        self.kernel.batch_numbers()
    }

    /// Buffers for the rows of the kernel, for the time of one block. A kernel that is long at one number looks at
    /// `stop`.
    pub fn buffers(&self, stop: &Stop) -> Buffers {
        Buffers::new(&self.rows, stop)
    }

    /// Appends what the kernel gives at these numbers to the buffers: the results of a job without condition and
    /// reductions.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn append(&self, numbers: RangeInclusive<i64>, buffers: &mut Buffers) -> Result<(), Failure> {
        let Buffers { rows, context } = buffers;
        let (first, last) = (*numbers.start(), *numbers.end());
        let before = rows.len();
        self.kernel.evaluate(numbers, rows, context)?;
        let count = last.abs_diff(first) as usize + 1;
        let given = rows.len() - before;
        match self.rows.shape() {
            Shape::Dense if given != count => {
                Err(Failure::Rows(format!("the kernel gave {given} values for {count} numbers")))
            }
            _ => Ok(()),
        }
    }

    /// The rows of these numbers in the results of a job without reductions. `buffers` are empty before and after.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn batch(&self, numbers: RangeInclusive<i64>, buffers: &mut Buffers) -> Result<Batch, Failure> {
        match self.choose(&numbers)? {
            Chosen::Unknown => {
                let batch = self.all(numbers, buffers)?;
                match &self.condition {
                    Some(condition) => {
                        let selected = condition.evaluate(batch.numbers(), &batch.columns)?;
                        select(&batch, selected)
                    }
                    None => Ok(batch),
                }
            }
            Chosen::Known(selected) => self.only(numbers, selected, buffers),
        }
    }

    /// Takes the rows of these numbers into `accumulator`, for a job with reductions.
    ///
    /// # Errors
    /// [`Failure`]; what `accumulator` has is then of no use.
    pub fn reduce(
        &self,
        numbers: RangeInclusive<i64>,
        buffers: &mut Buffers,
        accumulator: &mut Accumulator,
    ) -> Result<(), Failure> {
        let Some(reductions) = &self.reductions else { return Ok(()) };
        let needs_rows = reductions.reads_numbers() || !reductions.columns().is_empty();
        let batch = match self.choose(&numbers)? {
            // Nobody needs to know the values, and they cannot fail.
            Chosen::Known(selected) if !needs_rows && self.kernel.is_total() => {
                accumulator.update_count(selected.count_set_bits() as u64)?;
                return Ok(());
            }
            Chosen::Known(selected) => self.only(numbers, selected, buffers)?,
            Chosen::Unknown => {
                let batch = self.all(numbers, buffers)?;
                match &self.condition {
                    Some(condition) => {
                        let selected = condition.evaluate(batch.numbers(), &batch.columns)?;
                        match selected.count_set_bits() {
                            0 => return Ok(()),
                            all if all == batch.rows => batch,
                            some if !needs_rows => {
                                Batch { rows: some, numbers: Vec::new(), columns: Vec::new(), ..batch }
                            }
                            _ => select(&batch, selected)?,
                        }
                    }
                    None => batch,
                }
            }
        };
        if !needs_rows {
            accumulator.update_count(batch.rows as u64)?;
            return Ok(());
        }
        let read: Vec<ArrayRef> =
            reductions.columns().iter().filter_map(|&index| batch.columns.get(index)).map(Arc::clone).collect();
        Ok(accumulator.update(batch.numbers(), &read)?)
    }

    /// What is known of the condition before the kernel is called.
    fn choose(&self, numbers: &RangeInclusive<i64>) -> Result<Chosen, Failure> {
        match &self.condition {
            Some(condition) if condition.reads_only_n() && self.rows.shape() == Shape::Dense => {
                let (first, last) = (*numbers.start(), *numbers.end());
                let all = Numbers::Consecutive { first, rows: last.abs_diff(first) as usize + 1 };
                Ok(Chosen::Known(condition.evaluate(all, &[])?))
            }
            _ => Ok(Chosen::Unknown),
        }
    }

    /// The rows that the kernel has at all of these numbers.
    fn all(&self, numbers: RangeInclusive<i64>, buffers: &mut Buffers) -> Result<Batch, Failure> {
        let first = *numbers.start();
        buffers.clear();
        self.append(numbers, buffers)?;
        let rows = buffers.rows.len();
        let columns = buffers.take_columns()?;
        Ok(Batch { first, rows, numbers: std::mem::take(&mut buffers.rows.numbers), columns })
    }

    /// The rows at those numbers that are selected. The kernel is called for others as well only if that is cheaper and
    /// cannot fail.
    fn only(
        &self,
        numbers: RangeInclusive<i64>,
        selected: BooleanBuffer,
        buffers: &mut Buffers,
    ) -> Result<Batch, Failure> {
        let first = *numbers.start();
        let count = selected.count_set_bits();
        if count == selected.len() {
            return self.all(numbers, buffers);
        }
        if self.kernel.is_total() && count >= selected.len() / MOST_UNWANTED {
            return select(&self.all(numbers, buffers)?, selected);
        }
        buffers.clear();
        let mut listed = Vec::with_capacity(count);
        for (start, end) in selected.set_slices() {
            // Both are inside the numbers.
            let run = first.wrapping_add(start as i64)..=first.wrapping_add(end as i64 - 1);
            listed.extend(run.clone());
            self.append(run, buffers)?;
        }
        Ok(Batch { first, rows: count, numbers: listed, columns: buffers.take_columns()? })
    }
}

/// What is known of a condition before the kernel is called.
enum Chosen {
    /// It is about the values.
    Unknown,
    /// It is about the numbers alone, and holds at these.
    Known(BooleanBuffer),
}

/// For how many numbers a kernel is called, at most, where one of them is wanted: what a call costs by itself.
const MOST_UNWANTED: usize = 8;

/// The reductions of a job; `None` if it has none.
///
/// # Errors
/// They do not fit the columns of its kernel.
pub fn reductions_of(job: &JobSpec) -> Result<Option<Reductions>, ReduceError> {
    job.reductions.as_deref().map(|text| Reductions::parse(text, job.kernel_layout.columns())).transpose()
}

/// The selected rows of a batch.
fn select(batch: &Batch, selected: BooleanBuffer) -> Result<Batch, Failure> {
    let numbers = match batch.numbers() {
        Numbers::Consecutive { first, .. } => {
            selected.set_indices().map(|row| first.wrapping_add(row as i64)).collect()
        }
        Numbers::Listed(numbers) => selected.set_indices().filter_map(|row| numbers.get(row).copied()).collect(),
    };
    let predicate = predicate(selected);
    let columns: Result<Vec<ArrayRef>, _> = batch.columns.iter().map(|column| predicate.filter(column)).collect();
    let rows = predicate.count();
    Ok(Batch { first: batch.first, rows, numbers, columns: columns? })
}

fn predicate(selected: BooleanBuffer) -> FilterPredicate {
    FilterBuilder::new(&BooleanArray::new(selected, None)).optimize().build()
}
