//! What a file of results says about itself.

use std::fmt::Display;

use swath_model::{Parameters, Program};

/// What computed the results of a file: the parts of a job, as it was submitted.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The name of the kernel.
    pub kernel: &'a str,
    /// Its program, if it is not built in.
    pub program: Option<&'a Program>,
    /// Its parameters.
    pub parameters: &'a Parameters,
    /// Which rows are results.
    pub condition: Option<&'a str>,
    /// What is kept of them.
    pub reductions: Option<&'a str>,
}

/// Keys and values for the footer of a file with the results of these numbers. They are the same for the same job.
pub fn file_metadata(origin: Origin<'_>, range: &dyn Display) -> Vec<(String, String)> {
    let Origin { kernel, program, parameters, condition, reductions } = origin;
    let mut metadata = vec![
        ("swath.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("swath.kernel".to_owned(), kernel.to_owned()),
        ("swath.range".to_owned(), range.to_string()),
    ];
    metadata.extend(program.map(|program| ("swath.program".to_owned(), program.artifact.id.to_string())));
    metadata.extend(condition.map(|condition| ("swath.where".to_owned(), condition.to_owned())));
    metadata.extend(reductions.map(|reductions| ("swath.reduce".to_owned(), reductions.to_owned())));
    metadata.extend(parameters.iter().map(|(name, value)| (format!("swath.parameter.{name}"), value.clone())));
    metadata
}
