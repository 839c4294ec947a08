//! What the rows of a job look like.

use std::{fmt, sync::Arc};

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use thiserror::Error;

use crate::{
    ValueType,
    column_type::{TypeError, is_supported, parse_columns, write_columns, write_data_type},
};

/// How rows stand to the numbers that a block covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// Exactly one row for each number.
    Dense,
    /// Any number of rows, in the order of their numbers.
    Sparse,
    /// Rows that are partial aggregates of all the numbers that the block covers.
    Reduced,
}

impl Shape {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dense => "dense",
            Self::Sparse => "sparse",
            Self::Reduced => "reduced",
        }
    }
}

/// The most rows of a block.
pub const MAX_ROWS: usize = 1 << 20;

/// The most bytes of a block, counted as values in memory.
pub const MAX_BLOCK_BYTES: usize = 16 << 20;

/// The rows of a page of a block: 256 KiB of integers, which stay in the processor's cache between being computed and
/// being encoded.
pub const PAGE_ROWS: usize = 1 << 15;

/// A chunk of numbers that may have no rows is cut into about so many pieces, so that several threads compute it.
const MOST_PIECES: u64 = 16;

/// How many numbers blocks cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockBounds {
    /// A chunk with more numbers is cut into pieces of so many numbers.
    pub piece: u64,
    /// The most numbers of several whole chunks.
    pub most: u64,
}

/// Where the blocks of a chunk that is too large for one may begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// At multiples of so many numbers from the start of the chunk on.
    Pieces(u64),
    /// Anywhere: it depends on the rows.
    Anywhere,
}

/// The shape and the columns of the results of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    shape: Shape,
    /// The columns after `n`.
    columns: SchemaRef,
    /// All columns.
    schema: SchemaRef,
}

impl Layout {
    /// The most columns of a job.
    pub const MOST_COLUMNS: usize = 1000;
    /// The most bytes of the name of a column.
    pub const MOST_NAME_BYTES: usize = 255;

    /// A layout with these columns after `n`.
    ///
    /// # Errors
    /// [`LayoutError`].
    pub fn new(shape: Shape, columns: impl Into<Fields>) -> Result<Self, LayoutError> {
        let columns: Fields = columns.into();
        if columns.is_empty() || columns.len() > Self::MOST_COLUMNS {
            return Err(LayoutError::Count(columns.len()));
        }
        for (index, field) in columns.iter().enumerate() {
            check_column(field)?;
            let is_taken = (shape != Shape::Reduced && field.name() == N)
                || columns.iter().take(index).any(|before| before.name() == field.name());
            if is_taken {
                return Err(LayoutError::Twice(field.name().clone()));
            }
        }
        Ok(Self::of_checked(shape, columns))
    }

    /// One column named `value`, and a row for each number.
    pub fn values(value_type: ValueType) -> Self {
        let value = Field::new("value", value_type.data_type(), false);
        Self::of_checked(Shape::Dense, vec![value].into())
    }

    /// One column, whose name and type are known to be good.
    ///
    /// # Panics
    /// They are not: a fault of the program.
    pub fn of_column(shape: Shape, column: Field) -> Self {
        Self::of_columns(shape, vec![column])
    }

    /// The same for several columns.
    ///
    /// # Panics
    /// Their names or types are not good: a fault of the program.
    #[expect(clippy::panic, reason = "only constants of the program are given to it")]
    pub fn of_columns(shape: Shape, columns: Vec<Field>) -> Self {
        Self::new(shape, columns).unwrap_or_else(|error| panic!("bad constant columns: {error}"))
    }

    fn of_checked(shape: Shape, columns: Fields) -> Self {
        let number = (shape != Shape::Reduced).then(|| Arc::new(Field::new(N, DataType::Int64, false)));
        let all: Fields = number.into_iter().chain(columns.iter().cloned()).collect();
        Self { shape, columns: Arc::new(Schema::new(columns)), schema: Arc::new(Schema::new(all)) }
    }

    /// The same columns in another shape, where their names are good for it.
    pub fn with_shape(self, shape: Shape) -> Self {
        Self::of_checked(shape, self.columns.fields().clone())
    }

    /// How rows stand to numbers.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The columns after `n`.
    pub fn columns(&self) -> &SchemaRef {
        &self.columns
    }

    /// All columns: `n`, except of [`Shape::Reduced`], and those after it.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The type of the values, where they are one dense column named `value` of a [`ValueType`].
    pub fn value_type(&self) -> Option<ValueType> {
        match &self.columns.fields()[..] {
            [only] if self.shape == Shape::Dense && only.name() == "value" => ValueType::of(only),
            _ => None,
        }
    }

    /// The bytes of a row, without `n`, where all rows have the same.
    pub fn row_bytes(&self) -> Option<usize> {
        self.columns.fields().iter().map(|field| fixed_width(field.data_type())).sum()
    }

    /// How many numbers blocks of this layout cover in a job with chunks of at most `chunk_size` numbers. They are the
    /// same for everybody who computes the job.
    pub fn block_bounds(&self, chunk_size: u64) -> BlockBounds {
        match (self.shape, self.row_bytes()) {
            (Shape::Dense, Some(bytes)) => {
                let piece = dense_rows(bytes);
                BlockBounds { piece, most: piece }
            }
            (Shape::Dense, None) => BlockBounds { piece: MAX_ROWS as u64, most: MAX_ROWS as u64 },
            // Most numbers may have no rows, and a block without rows should stand for many of them.
            (Shape::Sparse | Shape::Reduced, _) => {
                let piece = chunk_size.div_ceil(MOST_PIECES).max(MAX_ROWS as u64);
                BlockBounds { piece, most: u64::MAX }
            }
        }
    }

    /// How chunks that are too large for one block are cut.
    pub fn cut(&self) -> Cut {
        match self.row_bytes() {
            Some(bytes) if self.shape == Shape::Dense => Cut::Pieces(dense_rows(bytes)),
            _ => Cut::Anywhere,
        }
    }

    /// The columns after `n`, as [`Layout::parse`] reads them: `steps int64, peak decimal128(38, 0)`.
    pub fn columns_text(&self) -> String {
        write_columns(self.columns.fields())
    }

    /// The name of a type, as in the text of columns.
    pub fn type_text(data_type: &DataType) -> String {
        write_data_type(data_type)
    }

    /// A layout out of the text of its columns.
    ///
    /// # Errors
    /// [`LayoutError`].
    pub fn parse(shape: Shape, columns: &str) -> Result<Self, LayoutError> {
        Self::new(shape, parse_columns(columns)?)
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.columns_text())
    }
}

/// The most rows of a dense block, where each has so many bytes: whole pages of which 16 MiB are enough.
fn dense_rows(bytes: usize) -> u64 {
    let fitting = MAX_BLOCK_BYTES / bytes.max(1);
    (fitting - fitting % PAGE_ROWS).clamp(PAGE_ROWS.min(fitting).max(1), MAX_ROWS) as u64
}

/// The name of the column of numbers.
const N: &str = "n";

fn check_column(field: &Field) -> Result<(), LayoutError> {
    let name = field.name();
    if name.is_empty() || name.len() > Layout::MOST_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(LayoutError::Name(name.chars().take(40).collect()));
    }
    if is_supported(field.data_type()) {
        Ok(())
    } else {
        Err(LayoutError::Unsupported { column: name.clone(), data_type: field.data_type().to_string() })
    }
}

fn fixed_width(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::Boolean | DataType::Null => Some(1),
        DataType::FixedSizeBinary(bytes) => usize::try_from(*bytes).ok(),
        DataType::Struct(fields) => fields.iter().map(|field| fixed_width(field.data_type())).sum(),
        other => other.primitive_width(),
    }
}

/// What a job goes through on its way to its results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layouts {
    /// What the kernel gives.
    pub kernel: Layout,
    /// What the condition and the reductions leave of that: the results.
    pub results: Layout,
}

impl From<Layout> for Layouts {
    /// Those of a job without a condition and without reductions.
    fn from(layout: Layout) -> Self {
        Self { kernel: layout.clone(), results: layout }
    }
}

/// Why columns are not those of a job.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LayoutError {
    /// None, or too many.
    #[error("{0} columns; a job has 1 to {most}", most = Layout::MOST_COLUMNS)]
    Count(usize),
    /// A name that no column may have.
    #[error("the name {0:?} of a column is refused: it needs 1 to {most} bytes of plain text", most = Layout::MOST_NAME_BYTES)]
    Name(String),
    /// The same name again; `n` is the column of numbers.
    #[error("two columns are named {0:?}")]
    Twice(String),
    /// A type that results cannot have.
    #[error("the column {column:?} has the type {data_type}, which results cannot have")]
    Unsupported {
        /// Its name.
        column: String,
        /// Its type.
        data_type: String,
    },
    /// A text that names no columns.
    #[error(transparent)]
    Text(#[from] TypeError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_first_unless_rows_are_aggregates() {
        let layout = Layout::parse(Shape::Dense, "steps int64, peak decimal128(38, 0)").unwrap();
        let names = |schema: &SchemaRef| schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
        assert_eq!(names(layout.schema()), ["n", "steps", "peak"]);
        assert_eq!(names(layout.columns()), ["steps", "peak"]);
        assert_eq!((layout.row_bytes(), layout.value_type()), (Some(24), None));
        let reduced = Layout::parse(Shape::Reduced, "n int64").unwrap();
        assert_eq!(names(reduced.schema()), ["n"]);
    }

    #[test]
    fn a_single_column_of_values_has_a_value_type() {
        for value_type in ValueType::ALL {
            assert_eq!(Layout::values(value_type).value_type(), Some(value_type));
        }
        let sparse = Layout::values(ValueType::Int64).with_shape(Shape::Sparse);
        assert_eq!(sparse.value_type(), None);
        assert_eq!(Layout::parse(Shape::Dense, "value int64?").unwrap().value_type(), None);
    }

    #[test]
    fn what_cannot_be_a_column_is_refused() {
        let error = |columns: &str| Layout::parse(Shape::Dense, columns).unwrap_err();
        assert_eq!(error("a int64, a utf8"), LayoutError::Twice("a".to_owned()));
        assert_eq!(error("n int64"), LayoutError::Twice("n".to_owned()));
        assert_eq!(error("\"\" int64"), LayoutError::Name(String::new()));
        let interval = Field::new("a", DataType::Interval(arrow_schema::IntervalUnit::DayTime), false);
        assert!(matches!(Layout::new(Shape::Dense, vec![interval]), Err(LayoutError::Unsupported { .. })));
        assert_eq!(Layout::new(Shape::Dense, Fields::empty()), Err(LayoutError::Count(0)));
    }
}
