//! What is known about results before the first value.

use arrow_schema::{Schema, SchemaRef};
use swath_model::{JobRequest, Range};

use super::{NUMBER, error::OutputError, format::Format, numpy_type};
use crate::Job;

/// What is known about the results before the first value, and which of it is wanted.
#[derive(Debug, Clone)]
pub struct Content {
    /// The numbers.
    pub range: Range,
    /// The columns of the results.
    pub schema: SchemaRef,
    /// The names of the columns that are written, in this order. Empty: all, but in text and `.npy` not the numbers.
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
    pub fn new(range: Range, schema: SchemaRef) -> Self {
        Self { range, schema, columns: Vec::new(), least_bytes: 0, may_miss: false, metadata: Vec::new() }
    }

    /// All results of a job.
    pub fn of(job: &Job) -> Self {
        Self::of_part(job, job.range)
    }

    /// The results of a job for these of its numbers.
    pub fn of_part(job: &Job, range: Range) -> Self {
        let metadata = swath_block::file_metadata(&job.kernel, &job.parameters, &range);
        Self { may_miss: job.keep_going, metadata, ..Self::new(range, job.schema()) }
    }

    /// All results of a job that is not submitted yet. `None` if this library does not know its kernel; the coordinator
    /// may know it.
    pub fn of_request(request: &JobRequest) -> Option<Self> {
        let kernel = swath_kernel::find(&request.kernel, &request.parameters).ok()?;
        let range = request.range;
        let schema = swath_block::arrow_schema(kernel.value_type(&(range.first()..=range.last())));
        let metadata = swath_block::file_metadata(&request.kernel, &request.parameters, &range);
        Some(Self { may_miss: request.keep_going, metadata, ..Self::new(range, schema) })
    }

    /// The columns that a format writes. An error if it cannot.
    pub(super) fn columns_for(&self, format: Format) -> Result<Columns, OutputError> {
        let positions = if self.columns.is_empty() { self.usual(format) } else { self.asked_for()? };
        let schema = self.schema.project(&positions).map_err(|error| OutputError::Value(error.to_string()))?;
        if format == Format::Text && positions.len() != 1 {
            return Err(OutputError::NotOneColumn { columns: names(&schema) });
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
        let is_usual = |name: &str| !format.has_values_alone() || name != NUMBER;
        let fields = self.schema.fields().iter().enumerate();
        fields.filter(|(_, field)| is_usual(field.name())).map(|(position, _)| position).collect()
    }

    fn asked_for(&self) -> Result<Vec<usize>, OutputError> {
        let mut positions = Vec::new();
        for name in &self.columns {
            let unknown = |_| OutputError::UnknownColumn { name: name.clone(), columns: names(&self.schema) };
            let position = self.schema.index_of(name).map_err(unknown)?;
            if positions.contains(&position) {
                return Err(OutputError::RepeatedColumn(name.clone()));
            }
            positions.push(position);
        }
        Ok(positions)
    }

    /// Whether a file of this format shows which numbers have no result.
    pub fn shows_missing(&self, format: Format) -> bool {
        let has_numbers = if self.columns.is_empty() {
            !format.has_values_alone()
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
    use std::sync::Arc;

    use arrow_schema::{DataType, Field};

    use super::*;

    fn content(columns: &[&str]) -> Content {
        let fields = vec![
            Field::new("n", DataType::Int64, false),
            Field::new("x", DataType::Float64, false),
            Field::new("y", DataType::Utf8, true),
        ];
        let range = Range::new(1, 3).unwrap();
        let columns = columns.iter().map(|&name| name.to_owned()).collect();
        Content { columns, ..Content::new(range, Arc::new(Schema::new(fields))) }
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
            (&[], Format::Text, "one value in each line, which cannot be those of the columns `x` and `y`"),
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
