//! What can go wrong.

use arrow_schema::ArrowError;
use swath_expression::ExpressionError;
use swath_kernel::{EvaluateError, FindError};
use swath_model::LayoutError;
use swath_reduce::{AccumulateError, ReduceError};
use thiserror::Error;

/// Why a job cannot be computed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// There is no such kernel, or it does not take these parameters.
    #[error(transparent)]
    Kernel(#[from] FindError),
    /// The kernel is not built in, and nobody has looked up what its rows look like.
    #[error("what the rows of the program look like is not known")]
    UnknownProgram,
    /// The program is none, or not one for this job.
    #[error("{0}")]
    Program(String),
    /// The condition does not fit the columns of the kernel.
    #[error("the condition is refused: {0}")]
    Condition(#[from] ExpressionError),
    /// The reductions do not fit the columns of the kernel.
    #[error("the reductions are refused: {0}")]
    Reductions(#[from] ReduceError),
    /// The results would have columns that no job has.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

/// Why numbers have no result.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Failure {
    /// The kernel failed.
    #[error(transparent)]
    Kernel(#[from] EvaluateError),
    /// The kernel gave other rows than its layout says.
    #[error("{0}")]
    Rows(String),
    /// The condition has no value.
    #[error(transparent)]
    Condition(#[from] swath_expression::EvaluateError),
    /// The reductions cannot take the rows in.
    #[error(transparent)]
    Reductions(#[from] AccumulateError),
    /// The rows cannot be put together.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

impl Failure {
    /// The number that has no result, where one is known.
    pub fn number(&self) -> Option<i64> {
        match self {
            Self::Kernel(error) => error.number(),
            Self::Condition(swath_expression::EvaluateError::Number { number, .. }) => Some(*number),
            Self::Condition(_) | Self::Rows(_) | Self::Reductions(_) | Self::Arrow(_) => None,
        }
    }

    /// What is wrong, without the number.
    pub fn reason(&self) -> String {
        match self {
            Self::Kernel(EvaluateError::Refused { reason, .. }) => reason.clone(),
            Self::Condition(swath_expression::EvaluateError::Number { reason, .. }) => {
                format!("the condition has no answer: {reason}")
            }
            other => other.to_string(),
        }
    }
}
