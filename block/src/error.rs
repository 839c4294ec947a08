//! Why bytes are not a block.

use parquet::errors::ParquetError;
use swath_model::Covers;

use crate::{FooterError, MAX_ENCODED_BYTES, MAX_ROWS, MOST_DECODED_BYTES, format::Format};

/// Why bytes are not a block.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// Not Parquet, or damaged.
    #[error("it is not a whole Parquet file: {0}")]
    Parquet(#[from] ParquetError),
    /// It does not begin and end as a Parquet file does.
    #[error("it is not a Parquet file of {0} bytes")]
    NotParquet(usize),
    /// A footer that no block has.
    #[error("its footer has {found} bytes; {allowed} are allowed")]
    FooterLength {
        /// How many it has.
        found: usize,
        /// How many it may have with its columns.
        allowed: usize,
    },
    /// More bytes than a block may have.
    #[error("it has {0} bytes; {MAX_ENCODED_BYTES} are allowed")]
    Size(usize),
    /// More values than a block may have.
    #[error("its values have {0} bytes when they are decoded; {MOST_DECODED_BYTES} are allowed")]
    Decoded(u64),
    /// A footer that is not given to the parser.
    #[error("its footer cannot be read: {0}")]
    Footer(#[from] FooterError),
    /// Other bytes than those that were sent.
    #[error("its digest is not that of what was computed")]
    Digest,
    /// More rows than a block may have, or none where there must be some.
    #[error("it has {0} rows; 1 to {MAX_ROWS} are allowed")]
    Rows(i64),
    /// Other columns than those of the job.
    #[error("its columns are not those of the job: {0}")]
    Columns(String),
    /// More or fewer rows than numbers.
    #[error("{rows} rows cannot cover {covers}")]
    Covers {
        /// What it should cover.
        covers: Covers,
        /// Its rows.
        rows: i64,
    },
    /// Columns that leave room, or lie upon each other.
    #[error("its columns do not lie one behind the other from its start to its footer")]
    Layout,
    /// Numbers that are in no order, or that it does not cover.
    #[error("its numbers are not those that it covers, or not those that its statistics say")]
    Numbers,
    /// Pages that no block has.
    #[error("the pages of its column `{column}` {what}")]
    Pages {
        /// The column.
        column: String,
        /// What is wrong.
        what: &'static str,
    },
    /// Statistics that would lead readers astray.
    #[error("its values are not those that its statistics say")]
    Statistics,
    /// The values cannot be decoded.
    #[error("its values cannot be decoded: {0}")]
    Decode(String),
}

impl BlockError {
    /// Of the pages of a column of Parquet.
    pub(crate) fn page(format: &Format, leaf: usize, what: &'static str) -> Self {
        Self::Pages { column: format.name_of_leaf(leaf).to_owned(), what }
    }

    pub(crate) fn columns(format: &Format) -> Self {
        let number = if format.has_numbers() { "n int64, " } else { "" };
        let text: String = format.layout.columns_text().chars().take(200).collect();
        Self::Columns(format!("{number}{text}"))
    }
}

impl From<BlockError> for ParquetError {
    fn from(error: BlockError) -> Self {
        Self::External(Box::new(error))
    }
}
