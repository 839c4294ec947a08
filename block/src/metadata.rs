//! What a file of results says about itself.

use std::fmt::Display;

use swath_model::Parameters;

/// Keys and values for the footer of a file with the results of these numbers. They are the same for the same job.
pub fn file_metadata(kernel: &str, parameters: &Parameters, range: &dyn Display) -> Vec<(String, String)> {
    let mut metadata = vec![
        ("swath.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("swath.kernel".to_owned(), kernel.to_owned()),
        ("swath.range".to_owned(), range.to_string()),
    ];
    metadata.extend(parameters.iter().map(|(name, value)| (format!("swath.parameter.{name}"), value.clone())));
    metadata
}
