//! What is known about results before the first value.

use arrow_schema::{Schema, SchemaRef};
use swath_block::{Origin, file_metadata};
use swath_evaluation::{BindError, Evaluation, Reductions};
use swath_model::{JobRequest, Layout, LayoutError, Range, Shape};

use super::{NUMBER, error::OutputError, format::Format, numpy_type};
use crate::{ClientError, Job};

/// What is known about the results before the first value, and which of it is wanted.
#[derive(Debug, Clone)]
pub struct Content {
    /// The numbers.
    pub range: Range,
    /// What the rows that are written look like.
    pub layout: Layout,
    /// What the blocks of the job are merged by, if they are partial aggregates; then one row is written.
    pub reductions: Option<Reductions>,
    /// The names of the columns that are written, in this order. Empty: all, but in text and `.npy` not the numbers
    /// where each has a row.
    pub columns: Vec<String>,
    /// A lower bound of the size in bytes, if it is known otherwise than from the format and the range; else 0.
    pub least_bytes: u64,
    /// Whether some numbers may have no result.
    pub may_miss: bool,
    /// What a Parquet file says about itself: keys and values for its footer.
    pub metadata: Vec<(String, String)>,
}

impl Content {
    /// All columns of rows of these numbers.
    pub fn new(range: Range, layout: Layout) -> Self {
        Self {
            range,
            layout,
            reductions: None,
            columns: Vec::new(),
            least_bytes: 0,
            may_miss: false,
            metadata: Vec::new(),
        }
    }

    /// All results of a job.
    ///
    /// # Errors
    /// [`ClientError::Protocol`]: this library does not know the reductions of the job.
    pub fn of(job: &Job) -> Result<Self, ClientError> {
        Self::of_part(job, job.range)
    }

    /// The results of a job for these of its numbers.
    ///
    /// # Errors
    /// [`ClientError::Protocol`]: this library does not know the reductions of the job.
    pub fn of_part(job: &Job, range: Range) -> Result<Self, ClientError> {
        let metadata = {
            let origin = Origin {
                kernel: &job.kernel,
                program: job.program.as_ref(),
                parameters: &job.parameters,
                condition: job.condition.as_deref(),
                reductions: job.reductions.as_deref(),
            };
            file_metadata(origin, &range)
        };
        let reductions = job.parse_reductions()?;
        let content = Self::reduced(range, job.layout.clone(), reductions)
            .map_err(|error| ClientError::Protocol(error.to_string()))?;
        Ok(Self { may_miss: job.keep_going, metadata, ..content })
    }

    /// All results of a job that is not submitted yet. `None` if this library does not know its kernel; the coordinator
    /// may know it.
    ///
    /// # Errors
    /// The condition or the reductions do not fit the kernel.
    pub fn of_request(request: &JobRequest) -> Result<Option<Self>, BindError> {
        let evaluation = match Evaluation::bind(request) {
            Ok(evaluation) => evaluation,
            Err(BindError::Kernel(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let metadata = {
            let origin = Origin {
                kernel: &request.kernel,
                program: request.program.as_ref(),
                parameters: &request.parameters,
                condition: request.condition.as_deref(),
                reductions: request.reductions.as_deref(),
            };
            file_metadata(origin, &request.range)
        };
        let content = Self::reduced(request.range, evaluation.layout().clone(), evaluation.reductions().cloned())?;
        Ok(Some(Self { may_miss: request.keep_going, metadata, ..content }))
    }

    /// Rows of this layout, merged by these reductions.
    fn reduced(range: Range, layout: Layout, reductions: Option<Reductions>) -> Result<Self, LayoutError> {
        let layout = match &reductions {
            Some(list) => Layout::new(Shape::Reduced, list.result_schema().fields().clone())?,
            None => layout,
        };
        Ok(Self { reductions, ..Self::new(range, layout) })
    }

    /// How many rows are written if every number has a result; `None` if that depends on the values.
    pub(super) fn rows(&self) -> Option<u64> {
        match self.layout.shape() {
            Shape::Dense => Some(self.range.count()),
            Shape::Sparse => None,
            Shape::Reduced => Some(1),
        }
    }

    fn schema(&self) -> &SchemaRef {
        self.layout.schema()
    }

    /// The columns that a format writes. An error if it cannot.
    pub(super) fn columns_for(&self, format: Format) -> Result<Columns, OutputError> {
        let positions = if self.columns.is_empty() { self.usual(format) } else { self.asked_for()? };
        let schema = self.schema().project(&positions).map_err(|error| OutputError::Value(error.to_string()))?;
        if format == Format::Npy && self.rows().is_none() {
            return Err(OutputError::UnknownRows);
        }
        if format == Format::Npy
            && let Some(field) = schema.fields().iter().find(|field| numpy_type::element(field.data_type()).is_none())
        {
            let (column, data_type) = (field.name().clone(), field.data_type().clone());
            return Err(OutputError::UnsupportedType { column, data_type });
        }
        Ok(Columns { positions, schema: schema.into() })
    }

    fn usual(&self, format: Format) -> Vec<usize> {
        let has_numbers = !format.has_values_alone() || self.layout.shape() != Shape::Dense;
        let is_usual = |name: &str| has_numbers || name != NUMBER;
        let fields = self.schema().fields().iter().enumerate();
        fields.filter(|(_, field)| is_usual(field.name())).map(|(position, _)| position).collect()
    }

    fn asked_for(&self) -> Result<Vec<usize>, OutputError> {
        let mut positions = Vec::new();
        for name in &self.columns {
            let unknown = |_| OutputError::UnknownColumn { name: name.clone(), columns: names(self.schema()) };
            let position = self.schema().index_of(name).map_err(unknown)?;
            if positions.contains(&position) {
                return Err(OutputError::RepeatedColumn(name.clone()));
            }
            positions.push(position);
        }
        Ok(positions)
    }

    /// Whether a file of this format shows which numbers have no result.
    pub fn shows_missing(&self, format: Format) -> bool {
        if self.layout.shape() == Shape::Reduced {
            // It is one row of all numbers that have a result; how many have none is said beside it.
            return true;
        }
        let has_numbers = if self.columns.is_empty() {
            !format.has_values_alone() || self.layout.shape() == Shape::Sparse
        } else {
            self.columns.iter().any(|name| name == NUMBER)
        };
        has_numbers && format != Format::Npy
    }
}

/// The columns that are written.
pub(super) struct Columns {
    /// Their positions in the results.
    pub(super) positions: Vec<usize>,
    pub(super) schema: SchemaRef,
}

fn names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}

#[cfg(test)]
mod tests {
    use arrow_schema::{DataType, Field};

    use super::*;

    fn content(columns: &[&str]) -> Content {
        let fields = vec![Field::new("x", DataType::Float64, false), Field::new("y", DataType::Utf8, true)];
        let range = Range::new(1, 3).unwrap();
        let columns = columns.iter().map(|&name| name.to_owned()).collect();
        Content { columns, ..Content::new(range, Layout::new(Shape::Dense, fields).unwrap()) }
    }

    #[test]
    fn columns_are_written_in_the_order_in_which_they_are_asked_for() {
        let positions =
            |columns: &[&str], format| content(columns).columns_for(format).map(|columns| columns.positions);
        assert_eq!(positions(&[], Format::Csv).unwrap(), [0, 1, 2]);
        assert_eq!(positions(&["y", "n"], Format::Csv).unwrap(), [2, 0]);
        assert_eq!(positions(&["x"], Format::Text).unwrap(), [1]);
        assert_eq!(positions(&["n", "x"], Format::Npy).unwrap(), [0, 1]);
        for (columns, format, sentence) in [
            (&["z"][..], Format::Csv, "there is no column `z`; the columns are `n`, `x` and `y`"),
            (&["x", "x"], Format::Csv, "the column `x` is asked for twice"),
            (&[], Format::Npy, "cannot hold the utf8 values of the column `y`"),
        ] {
            let error = positions(columns, format).unwrap_err().to_string();
            assert!(error.contains(sentence), "{error}");
        }
    }

    #[test]
    fn only_files_with_numbers_show_which_are_missing() {
        for (columns, format, shows) in [
            (&[][..], Format::Parquet, true),
            (&["x"], Format::Parquet, false),
            (&["x", "n"], Format::Csv, true),
            (&[], Format::Text, false),
            (&["n"], Format::Text, true),
            (&["n"], Format::Npy, false),
        ] {
            assert_eq!(content(columns).shows_missing(format), shows, "{columns:?} {format}");
        }
    }
}
