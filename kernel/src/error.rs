//! What can go wrong with a kernel.

use thiserror::Error;

use swath_model::Layout;

use crate::Rows;

/// Why a kernel could not be evaluated; fits "failed to evaluate …: {error}".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EvaluateError {
    /// The kernel has no value at this number.
    #[error("the number {number} was refused: {reason}")]
    Refused {
        /// The first number without a value.
        number: i64,
        /// Why, as a sentence without its full stop.
        reason: String,
    },
    /// The buffers are of types that the kernel does not fill.
    #[error("the kernel {kernel} gives the columns {expected}, and the buffers hold {got}")]
    WrongType {
        /// The name of the kernel.
        kernel: &'static str,
        /// The columns that the kernel gives.
        expected: String,
        /// The types of the buffers.
        got: String,
    },
}

impl EvaluateError {
    /// The number that has no value, where the error is about one.
    pub fn number(&self) -> Option<i64> {
        match self {
            Self::Refused { number, .. } => Some(*number),
            Self::WrongType { .. } => None,
        }
    }

    pub(crate) fn refused(number: i64, reason: impl Into<String>) -> Self {
        Self::Refused { number, reason: reason.into() }
    }

    pub(crate) fn wrong_type(kernel: &'static str, expected: &Layout, rows: &Rows) -> Self {
        let got: Vec<String> = rows.columns.iter().map(|column| column.data_type().to_string()).collect();
        Self::WrongType { kernel, expected: expected.to_string(), got: got.join(", ") }
    }
}

/// Why no kernel could be bound; fits "failed to find the kernel: {error}".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FindError {
    /// No kernel has this name.
    #[error("unknown kernel {name:?}{} (known: {})", hint(*suggestion), known.join(", "))]
    UnknownKernel {
        /// The name that was given.
        name: String,
        /// The name that was probably meant.
        suggestion: Option<&'static str>,
        /// The names of all kernels.
        known: Vec<&'static str>,
    },
    /// The kernel has no parameter of this name.
    #[error("unknown parameter {parameter:?} of the kernel {kernel}, which takes {}", listed(allowed))]
    UnknownParameter {
        /// The name of the kernel.
        kernel: &'static str,
        /// The name of the parameter that was given.
        parameter: String,
        /// The names of the parameters that the kernel has.
        allowed: Vec<&'static str>,
    },
    /// The parameter does not take this value.
    #[error("bad value {value:?} of the parameter {parameter} of the kernel {kernel}, which takes {allowed}")]
    BadValue {
        /// The name of the kernel.
        kernel: &'static str,
        /// The name of the parameter.
        parameter: &'static str,
        /// The value that was given.
        value: String,
        /// The values that are allowed, in words.
        allowed: &'static str,
    },
}

fn hint(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |name| format!(", did you mean {name:?}?"))
}

fn listed(allowed: &[&str]) -> String {
    match allowed {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ValueType;

    #[test]
    fn messages_are_fragments() {
        let refused = EvaluateError::refused(-3, "negative numbers have no real square root");
        assert_eq!(refused.number(), Some(-3));
        assert_eq!(refused.to_string(), "the number -3 was refused: negative numbers have no real square root");

        let (expected, rows) = (Layout::values(ValueType::Boolean), Rows::new(&Layout::values(ValueType::Int64)));
        let wrong = EvaluateError::wrong_type("is-prime", &expected, &rows);
        assert_eq!(wrong.number(), None);
        let message = "the kernel is-prime gives the columns value boolean, and the buffers hold Int64";
        assert_eq!(wrong.to_string(), message);
    }
}
