//! What can be wrong with a module.

use swath_model::LayoutError;
use thiserror::Error;

/// Why a module is no kernel; fits "failed to take … as a kernel: {error}".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WasmError {
    /// The bytes are something else.
    #[error("it is neither a WebAssembly module nor the text of one")]
    NotAModule,
    /// It was built for the component model.
    #[error("it is a component; a core module is needed")]
    Component,
    /// The text of a module has a mistake.
    #[error("its text cannot be read: {0}")]
    Text(String),
    /// A module that is against the rules of WebAssembly, or that uses a proposal that is not supported.
    #[error("it is not valid at byte {at}: {what}")]
    Invalid {
        /// Where.
        at: usize,
        /// What is wrong there.
        what: String,
    },
    /// It has more of something than a module may have.
    #[error("it has {count} {what}; at most {most} are allowed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many it has.
        count: u64,
        /// How many it may have.
        most: u64,
    },
    /// It imports what nobody gives it.
    #[error("it imports {import}, which is not offered")]
    UnknownImport {
        /// Module and name, quoted.
        import: String,
    },
    /// It imports what it is given as another type.
    #[error("it imports {import} as {imported}; it is offered as {offered}")]
    ImportType {
        /// Module and name, quoted.
        import: String,
        /// The type that the module expects.
        imported: String,
        /// The type that there is.
        offered: String,
    },
    /// No export of this name is a function.
    #[error("it exports no function {export} (exported functions: {exported})")]
    UnknownExport {
        /// The name that was given, quoted.
        export: String,
        /// The names that there are.
        exported: String,
    },
    /// The function cannot be a kernel.
    #[error("the function {export} {signature} is no kernel: {why}")]
    Unfit {
        /// Its name, quoted.
        export: String,
        /// Its type.
        signature: String,
        /// Why not.
        why: String,
    },
    /// None of the functions can be a kernel.
    #[error(
        "none of its exported functions takes the number as an i64 first and gives results (exported functions: {exported})"
    )]
    NoKernel {
        /// The names that there are.
        exported: String,
    },
    /// Several functions can be a kernel, and none was chosen.
    #[error("several of its functions can be the kernel: {candidates}; choose one, or name it `kernel`")]
    SeveralKernels {
        /// Their names.
        candidates: String,
    },
    /// The section with the columns cannot be read.
    #[error("its section `swath.columns` is refused: {0}")]
    Columns(#[from] LayoutError),
    /// The section with the columns is no text.
    #[error("its section `swath.columns` is not UTF-8")]
    ColumnsText,
    /// There is no parameter of this name.
    #[error("unknown parameter {parameter} of {export}, which takes {allowed}")]
    UnknownParameter {
        /// The name that was given, quoted.
        parameter: String,
        /// The function, quoted.
        export: String,
        /// The parameters that there are.
        allowed: String,
    },
    /// A parameter has no default, so it must be given.
    #[error("the parameter {parameter} of {export} is missing; it takes {allowed}")]
    MissingParameter {
        /// Its name, quoted.
        parameter: String,
        /// The function, quoted.
        export: String,
        /// The values that are allowed, in words.
        allowed: &'static str,
    },
    /// A parameter is given by its name and by its position.
    #[error("the parameter {parameter} of {export} is given twice, by name and by position")]
    ParameterTwice {
        /// Its name, quoted.
        parameter: String,
        /// The function, quoted.
        export: String,
    },
    /// The parameter does not take this value.
    #[error("bad value {value:?} of the parameter {parameter} of {export}, which takes {allowed}")]
    BadValue {
        /// Its name, quoted.
        parameter: String,
        /// The function, quoted.
        export: String,
        /// The value that was given, or the beginning of it.
        value: String,
        /// The values that are allowed, in words.
        allowed: &'static str,
    },
    /// Its memories and tables are too large from the start.
    #[error("it needs {needed} of memory from the start, and may have {allowed}")]
    Memory {
        /// How much it needs.
        needed: String,
        /// How much it may have.
        allowed: String,
    },
    /// It could not be compiled.
    #[error("it cannot be compiled: {0}")]
    Compile(String),
    /// Nothing can be compiled or run in this process.
    #[error("WebAssembly cannot run on this machine: {0}")]
    Engine(String),
}

impl From<wasmparser::BinaryReaderError> for WasmError {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Invalid { at: error.offset(), what: error.message().to_owned() }
    }
}

/// The most characters of a name that are shown.
const SHOWN_CHARACTERS: usize = 80;
/// The most names that are shown.
const SHOWN_NAMES: usize = 12;

/// A name in backquotes; a long one is cut, and control characters are replaced.
pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", shown(name, SHOWN_CHARACTERS))
}

/// Names in backquotes, the first ones.
pub(crate) fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = names.len().saturating_sub(SHOWN_NAMES);
    let first: Vec<_> = names.take(SHOWN_NAMES).map(quoted).collect();
    match (first.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (false, 0) => first.join(", "),
        (false, more) => format!("{} and {more} more", first.join(", ")),
    }
}

/// The beginning of a text, without control characters.
pub(crate) fn shown(text: &str, characters: usize) -> String {
    let mut shown: String =
        text.chars().take(characters).map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if text.chars().nth(characters).is_some() {
        shown.push('…');
    }
    shown
}

/// A size in words: `256 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let exact = UNITS.iter().find(|(shift, _)| bytes > 0 && bytes.trailing_zeros() as u64 >= *shift);
    match exact {
        Some((shift, unit)) => format!("{} {unit}", bytes >> shift),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_strangers_are_cut_and_made_plain() {
        assert_eq!(quoted("a\nb"), "`a b`");
        assert_eq!(quoted(&"x".repeat(100)).chars().count(), 83);
        assert_eq!(listed([].into_iter()), "none");
        assert_eq!(listed(["a", "b"].into_iter()), "`a`, `b`");
        let many: Vec<_> = (0..15).map(|index| index.to_string()).collect();
        assert!(listed(many.iter().map(String::as_str)).ends_with("`11` and 3 more"));
    }

    #[test]
    fn sizes_are_exact() {
        assert_eq!(size(256 << 20), "256 MiB");
        assert_eq!(size(3 << 30), "3 GiB");
        assert_eq!(size(65_537), "65537 bytes");
        assert_eq!(size(0), "0 bytes");
    }
}
