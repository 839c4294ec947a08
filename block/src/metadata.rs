//! What a file of results says about itself.

use std::fmt::Display;

use swath_model::Parameters;

/// Keys and values for the footer of a file with the results of these numbers. They are the same for the same job.
/// `condition` and `reductions` are those of the job, as they were submitted.
pub fn file_metadata(
    kernel: &str,
    parameters: &Parameters,
    range: &dyn Display,
    condition: Option<&str>,
    reductions: Option<&str>,
) -> Vec<(String, String)> {
    let mut metadata = vec![
        ("swath.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("swath.kernel".to_owned(), kernel.to_owned()),
        ("swath.range".to_owned(), range.to_string()),
    ];
    metadata.extend(condition.map(|condition| ("swath.where".to_owned(), condition.to_owned())));
    metadata.extend(reductions.map(|reductions| ("swath.reduce".to_owned(), reductions.to_owned())));
    metadata.extend(parameters.iter().map(|(name, value)| (format!("swath.parameter.{name}"), value.clone())));
    metadata
}
