//! Why bytes are not a block.

use parquet::errors::ParquetError;
use swath_kernel::ValueType;

use crate::{FooterError, MAX_FOOTER_BYTES, MAX_ROWS, column::Column};

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
    #[error("its footer has {0} bytes; {MAX_FOOTER_BYTES} are allowed")]
    FooterLength(usize),
    /// A footer that is not given to the parser.
    #[error("its footer cannot be read: {0}")]
    Footer(#[from] FooterError),
    /// Other bytes than those that were sent.
    #[error("its digest is not that of what was computed")]
    Digest,
    /// More rows than a block may have, or none.
    #[error("it has {0} rows; 1 to {MAX_ROWS} are allowed")]
    Rows(i64),
    /// Other columns than `n` and `value` of the type of the job.
    #[error("its columns are not `n` (int64) and `value` ({0})")]
    Columns(ValueType),
    /// Columns that leave room, or lie upon each other.
    #[error("its columns do not lie one behind the other from its start to its footer")]
    Layout,
    /// Numbers that do not follow each other.
    #[error("its numbers are not those that its statistics say")]
    Numbers,
    /// Pages that no block has.
    #[error("the pages of its column `{column}` {what}")]
    Pages {
        /// The column.
        column: &'static str,
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
    pub(crate) fn page(column: Column, what: &'static str) -> Self {
        Self::Pages { column: column.name(), what }
    }
}

impl From<BlockError> for ParquetError {
    fn from(error: BlockError) -> Self {
        Self::External(Box::new(error))
    }
}
