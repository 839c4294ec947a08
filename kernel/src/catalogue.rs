//! The built-in kernels by their names.

use std::sync::Arc;

use strsim::levenshtein;
use swath_model::Parameters;

use crate::{Description, FindError, Kernel, collatz, factor, is_prime, isqrt, random, square};

/// Binds the kernel called `name` to `parameters`; those that are not given take their defaults.
///
/// # Errors
///
/// [`FindError`] when there is no such kernel, when it has no such parameter, or when a parameter
/// does not take the value given. Each message says what is allowed.
pub fn find(name: &str, parameters: &Parameters) -> Result<Arc<dyn Kernel>, FindError> {
    let description =
        CATALOGUE.iter().find(|description| description.name == name).ok_or_else(|| FindError::UnknownKernel {
            name: name.to_owned(),
            suggestion: nearest(name),
            known: CATALOGUE.iter().map(|description| description.name).collect(),
        })?;
    description.check_names(parameters)?;
    (description.bind)(parameters)
}

/// All built-in kernels, for help texts.
pub fn catalogue() -> &'static [Description] {
    &CATALOGUE
}

static CATALOGUE: [Description; 6] = [
    square::DESCRIPTION,
    isqrt::DESCRIPTION,
    is_prime::DESCRIPTION,
    collatz::DESCRIPTION,
    factor::DESCRIPTION,
    random::DESCRIPTION,
];

/// The kernel that someone who wrote `name` probably meant.
fn nearest(name: &str) -> Option<&'static str> {
    // No name that near to a known one is this long, and the distance costs its length.
    if name.len() > 32 {
        return None;
    }
    let written = name.to_lowercase().replace('_', "-");
    CATALOGUE
        .iter()
        .map(|description| description.name)
        .map(|known| (levenshtein(&written, known), known))
        .filter(|(distance, known)| *distance <= 2 || (written.len() >= 3 && known.contains(&written)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(name: &str, parameters: &[(&str, &str)]) -> String {
        let parameters = parameters.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        find(name, &parameters).unwrap_err().to_string()
    }

    #[test]
    fn every_kernel_is_found_and_takes_its_defaults() {
        for description in catalogue() {
            let kernel = find(description.name, &Parameters::new()).unwrap();
            assert_eq!(kernel.name(), description.name);
            let defaults = description
                .parameters
                .iter()
                .map(|parameter| (parameter.name.to_owned(), parameter.default.to_owned()))
                .collect();
            let same = find(description.name, &defaults).unwrap();
            assert_eq!(format!("{kernel:?}"), format!("{same:?}"));
        }
    }

    #[test]
    fn an_unknown_kernel_is_named_with_a_suggestion() {
        assert_eq!(
            message("sqaure", &[]),
            "unknown kernel \"sqaure\", did you mean \"square\"? \
             (known: square, isqrt, is-prime, collatz, factor, random)"
        );
        assert_eq!(
            message("cube", &[]),
            "unknown kernel \"cube\" (known: square, isqrt, is-prime, collatz, factor, random)"
        );
    }

    #[test]
    fn suggestions() {
        assert_eq!(nearest("Is_Prime"), Some("is-prime"));
        assert_eq!(nearest("prime"), Some("is-prime"));
        assert_eq!(nearest("sqrt"), Some("isqrt"));
        assert_eq!(nearest("colatz"), Some("collatz"));
        assert_eq!(nearest(""), None);
        assert_eq!(nearest(&"square".repeat(1000)), None);
    }

    #[test]
    fn an_unknown_parameter_is_named_with_those_allowed() {
        assert_eq!(
            message("square", &[("typ", "auto")]),
            "unknown parameter \"typ\" of the kernel square, which takes type"
        );
        assert_eq!(
            message("isqrt", &[("type", "auto")]),
            "unknown parameter \"type\" of the kernel isqrt, which takes none"
        );
    }

    #[test]
    fn a_bad_value_is_named_with_those_allowed() {
        assert_eq!(
            message("square", &[("type", "float64")]),
            "bad value \"float64\" of the parameter type of the kernel square, \
             which takes auto or decimal128"
        );
        for value in ["", "0", "-1", "1e6", "many", "9223372036854775808"] {
            let error = message("collatz", &[("max-steps", value)]);
            assert!(error.ends_with("which takes a whole number from 1 to 9223372036854775807"), "{error}");
            assert!(error.contains(&format!("{value:?}")), "{error}");
        }
    }
}
