//! What a reduction makes, and of what.

use std::fmt;

/// What a reduction makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// How many rows there are, or how many values of a column are not null.
    Count,
    /// The sum.
    Sum,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The sum divided by the count of values.
    Mean,
    /// The smallest number at which the least value is.
    MinN,
    /// The smallest number at which the greatest value is.
    MaxN,
    /// The distinct values, ascending, each with its count.
    ValueCounts,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Count, Self::Sum, Self::Min, Self::Max, Self::Mean, Self::MinN, Self::MaxN, Self::ValueCounts];

    /// The word for it in a list.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Mean => "mean",
            Self::MinN => "min_n",
            Self::MaxN => "max_n",
            Self::ValueCounts => "value_counts",
        }
    }

    /// The one of this word.
    pub fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a reduction is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The number of each row, the column `n`.
    Number,
    /// A column of the results, by its index in their schema.
    Column(usize),
}
