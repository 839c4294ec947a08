//! What can go wrong with a kernel.

use thiserror::Error;

use crate::{ValueType, Values};

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
    /// The buffer is of a type that the kernel does not fill.
    #[error("the kernel {kernel} gives {expected} values, and the buffer holds {got}")]
    WrongType {
        /// The name of the kernel.
        kernel: &'static str,
        /// The type that the kernel gives.
        expected: ValueType,
        /// The type of the buffer.
        got: ValueType,
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

    pub(crate) fn wrong_type(kernel: &'static str, expected: ValueType, values: &Values) -> Self {
        Self::WrongType { kernel, expected, got: values.value_type() }
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

    #[test]
    fn messages_are_fragments() {
        let refused = EvaluateError::refused(-3, "negative numbers have no real square root");
        assert_eq!(refused.number(), Some(-3));
        assert_eq!(refused.to_string(), "the number -3 was refused: negative numbers have no real square root");

        let values = Values::new(ValueType::Int64);
        let wrong = EvaluateError::wrong_type("is-prime", ValueType::Boolean, &values);
        assert_eq!(wrong.number(), None);
        assert_eq!(wrong.to_string(), "the kernel is-prime gives boolean values, and the buffer holds int64");
    }
}
