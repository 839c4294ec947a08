//! What has to be kept for a list of reductions.

use std::{fmt, sync::Arc};

use arrow_schema::{DataType, Field, SchemaRef};

use crate::{
    column_type::kept_type,
    kind::{Kind, Source},
};

/// One reduction of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reduction {
    pub(crate) kind: Kind,
    pub(crate) source: Option<Source>,
    pub(crate) data_type: DataType,
    pub(crate) name: String,
}

impl Reduction {
    /// What it makes.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What it is over; `None` for a count of rows.
    pub fn source(&self) -> Option<Source> {
        self.source
    }

    /// The type of its result.
    pub fn data_type(&self) -> &DataType {
        &self.data_type
    }
}

/// Its canonical text, which is also the name of its column in the result.
impl fmt::Display for Reduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

/// All that accumulators of the same reductions have in common.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) list: Vec<Reduction>,
    /// What is reduced, in order: `n` first, then columns by their index.
    pub(crate) sources: Vec<SourcePlan>,
    /// The columns among the sources.
    pub(crate) columns: Vec<usize>,
    pub(crate) reads_numbers: bool,
    pub(crate) partial_schema: SchemaRef,
    pub(crate) result_schema: SchemaRef,
}

/// One source, with all that the reductions over it need. Its values that are not null are counted always.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourcePlan {
    pub(crate) source: Source,
    /// As it is written in a list.
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    pub(crate) wants: Wants,
}

impl SourcePlan {
    /// The type of a list of its values with their counts.
    pub(crate) fn counts_type(&self) -> DataType {
        counts_type(&self.data_type)
    }
}

/// The type of a list of values with their counts.
pub(crate) fn counts_type(data_type: &DataType) -> DataType {
    let value = Field::new("value", kept_type(data_type), false);
    let count = Field::new("count", DataType::Int64, false);
    DataType::List(Arc::new(Field::new_list_field(DataType::Struct([value, count].into_iter().collect()), false)))
}

/// What is kept of the values of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wants {
    pub(crate) sum: bool,
    pub(crate) least: Keep,
    pub(crate) greatest: Keep,
    pub(crate) counts: bool,
}

/// What is kept of the least or the greatest value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Keep {
    #[default]
    Nothing,
    Value,
    /// The value, and the smallest number at which it is.
    Place,
}

impl Wants {
    pub(crate) fn extremes(self) -> bool {
        self.least > Keep::Nothing || self.greatest > Keep::Nothing
    }

    pub(crate) fn reads_numbers(self) -> bool {
        self.least == Keep::Place || self.greatest == Keep::Place
    }
}
