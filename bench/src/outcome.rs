//! What came of one turn of a contender.

use std::fmt;

use crate::{
    measure::{Kind, Measure},
    statistics::short,
};

/// What came of one turn.
pub(crate) enum Outcome {
    Measured(Vec<Measure>),
    Failed { system: String, kind: Kind, reason: String },
}

impl Outcome {
    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Measured(measures) => {
                for (index, measure) in measures.iter().enumerate() {
                    let separator = if index > 0 { "; " } else { "" };
                    write!(f, "{separator}{}: {} {}", measure.system, short(measure.value), measure.unit.name())?;
                }
                Ok(())
            }
            Self::Failed { system, reason, .. } => write!(f, "{system} failed: {reason}"),
        }
    }
}
