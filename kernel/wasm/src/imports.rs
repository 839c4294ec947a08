//! What modules may import: a few functions, none of which reaches the machine.

use wasmparser::{FuncType, Import, ValType};

use crate::{WasmError, error::shown};

/// The module name of WASI preview 1.
pub(crate) const WASI: &str = "wasi_snapshot_preview1";

/// A function that modules may import.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offered {
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
    /// The types of its parameters, a letter each: `i` is an i32, `I` an i64.
    pub(crate) parameters: &'static str,
    /// What it does.
    pub(crate) answer: Answer,
}

/// What an imported function does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// `swath.fail`: the number has no result.
    Fail,
    /// `env.abort` of AssemblyScript.
    Abort,
    /// `proc_exit`: the same, with a code.
    Exit,
    /// The function of WASI of this name is carried out.
    Wasi(Wasi),
    /// WASI: it does nothing, and reports this error.
    Error(i32),
}

/// The functions of WASI that do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wasi {
    /// No arguments and no variables: two zeros.
    NoWords,
    /// Success, without doing anything.
    Nothing,
    ClockResolution,
    ClockTime,
    Status,
    Read,
    Write,
    Poll,
    Random,
    /// Only for the three standard descriptors.
    OnStandard,
}

/// Errors of WASI.
pub(crate) mod errno {
    pub(crate) const SUCCESS: i32 = 0;
    pub(crate) const BADF: i32 = 8;
    pub(crate) const FAULT: i32 = 21;
    pub(crate) const INVAL: i32 = 28;
    pub(crate) const NOSYS: i32 = 52;
    pub(crate) const SPIPE: i32 = 70;
}

use errno::{BADF, NOSYS, SPIPE};

const fn wasi(name: &'static str, parameters: &'static str, answer: Answer) -> Offered {
    Offered { module: WASI, name, parameters, answer }
}

/// All of them. Source of the types: the header `wasi/api.h` of preview 1.
pub(crate) static OFFERED: &[Offered] = &[
    Offered { module: "swath", name: "fail", parameters: "ii", answer: Answer::Fail },
    Offered { module: "env", name: "abort", parameters: "iiii", answer: Answer::Abort },
    wasi("args_get", "ii", Answer::Wasi(Wasi::Nothing)),
    wasi("args_sizes_get", "ii", Answer::Wasi(Wasi::NoWords)),
    wasi("environ_get", "ii", Answer::Wasi(Wasi::Nothing)),
    wasi("environ_sizes_get", "ii", Answer::Wasi(Wasi::NoWords)),
    wasi("clock_res_get", "ii", Answer::Wasi(Wasi::ClockResolution)),
    wasi("clock_time_get", "iIi", Answer::Wasi(Wasi::ClockTime)),
    wasi("fd_advise", "iIIi", Answer::Error(BADF)),
    wasi("fd_allocate", "iII", Answer::Error(BADF)),
    wasi("fd_close", "i", Answer::Wasi(Wasi::OnStandard)),
    wasi("fd_datasync", "i", Answer::Error(BADF)),
    wasi("fd_fdstat_get", "ii", Answer::Wasi(Wasi::Status)),
    wasi("fd_fdstat_set_flags", "ii", Answer::Wasi(Wasi::OnStandard)),
    wasi("fd_fdstat_set_rights", "iII", Answer::Error(BADF)),
    wasi("fd_filestat_get", "ii", Answer::Error(BADF)),
    wasi("fd_filestat_set_size", "iI", Answer::Error(BADF)),
    wasi("fd_filestat_set_times", "iIIi", Answer::Error(BADF)),
    wasi("fd_pread", "iiiIi", Answer::Error(BADF)),
    wasi("fd_prestat_get", "ii", Answer::Error(BADF)),
    wasi("fd_prestat_dir_name", "iii", Answer::Error(BADF)),
    wasi("fd_pwrite", "iiiIi", Answer::Error(BADF)),
    wasi("fd_read", "iiii", Answer::Wasi(Wasi::Read)),
    wasi("fd_readdir", "iiiIi", Answer::Error(BADF)),
    wasi("fd_renumber", "ii", Answer::Error(BADF)),
    wasi("fd_seek", "iIii", Answer::Error(SPIPE)),
    wasi("fd_sync", "i", Answer::Error(BADF)),
    wasi("fd_tell", "ii", Answer::Error(SPIPE)),
    wasi("fd_write", "iiii", Answer::Wasi(Wasi::Write)),
    wasi("path_create_directory", "iii", Answer::Error(BADF)),
    wasi("path_filestat_get", "iiiii", Answer::Error(BADF)),
    wasi("path_filestat_set_times", "iiiiIIi", Answer::Error(BADF)),
    wasi("path_link", "iiiiiii", Answer::Error(BADF)),
    wasi("path_open", "iiiiiIIii", Answer::Error(BADF)),
    wasi("path_readlink", "iiiiii", Answer::Error(BADF)),
    wasi("path_remove_directory", "iii", Answer::Error(BADF)),
    wasi("path_rename", "iiiiii", Answer::Error(BADF)),
    wasi("path_symlink", "iiiii", Answer::Error(BADF)),
    wasi("path_unlink_file", "iii", Answer::Error(BADF)),
    wasi("poll_oneoff", "iiii", Answer::Wasi(Wasi::Poll)),
    wasi("proc_exit", "i", Answer::Exit),
    wasi("proc_raise", "i", Answer::Error(NOSYS)),
    wasi("random_get", "ii", Answer::Wasi(Wasi::Random)),
    wasi("sched_yield", "", Answer::Wasi(Wasi::Nothing)),
    wasi("sock_accept", "iii", Answer::Error(BADF)),
    wasi("sock_recv", "iiiiii", Answer::Error(BADF)),
    wasi("sock_send", "iiiii", Answer::Error(BADF)),
    wasi("sock_shutdown", "ii", Answer::Error(BADF)),
];

impl Offered {
    /// Whether it gives an error number; those that end the number give nothing.
    pub(crate) fn has_result(&self) -> bool {
        matches!(self.answer, Answer::Wasi(_) | Answer::Error(_))
    }

    fn parameter_types(&self) -> impl Iterator<Item = ValType> {
        self.parameters.bytes().map(|letter| if letter == b'I' { ValType::I64 } else { ValType::I32 })
    }

    fn is_of_type(&self, function: &FuncType) -> bool {
        let results: &[ValType] = if self.has_result() { &[ValType::I32] } else { &[] };
        self.parameter_types().eq(function.params().iter().copied()) && function.results() == results
    }

    fn signature(&self) -> String {
        let parameters: Vec<_> = self.parameter_types().collect();
        signature(&parameters, if self.has_result() { &[ValType::I32] } else { &[] })
    }
}

/// Refuses an import that is not offered; `function` is its type, if it is a function.
pub(crate) fn check(import: &Import<'_>, function: Option<&FuncType>) -> Result<(), WasmError> {
    let name = || format!("`{}.{}`", shown(import.module, 80), shown(import.name, 80));
    let known = OFFERED.iter().find(|offered| offered.module == import.module && offered.name == import.name);
    match (known, function) {
        (Some(offered), Some(function)) if offered.is_of_type(function) => Ok(()),
        (Some(offered), Some(function)) => Err(WasmError::ImportType {
            import: name(),
            imported: signature(function.params(), function.results()),
            offered: offered.signature(),
        }),
        _ => Err(WasmError::UnknownImport { import: name() }),
    }
}

/// The most types that a signature shows.
const SHOWN_TYPES: usize = 16;

/// The type of a function as people write it: `(i64, i32) -> f64`.
pub(crate) fn signature(parameters: &[ValType], results: &[ValType]) -> String {
    let listed = |types: &[ValType]| {
        let mut names: Vec<String> = types.iter().take(SHOWN_TYPES).map(ToString::to_string).collect();
        if types.len() > SHOWN_TYPES {
            names.push("…".to_owned());
        }
        names.join(", ")
    };
    match results {
        [only] => format!("({}) -> {only}", listed(parameters)),
        results => format!("({}) -> ({})", listed(parameters), listed(results)),
    }
}
