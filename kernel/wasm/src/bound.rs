//! A module that is compiled.

use std::{fmt, time::Duration};

use swath_model::Layout;
use wasmtime::InstancePre;

use crate::{
    Options, WasmError,
    columns::{Column, Element},
    describe::{Call, Function},
    engine::Runtime,
    error::shown,
    host::Host,
    looped::{self, BATCH, Callee, Places},
    module::Module,
    parameters::values,
};

/// A compiled module, its function and its limits.
pub(crate) struct Bound {
    pub(crate) module: InstancePre<Host>,
    pub(crate) entry: Entry,
    pub(crate) columns: Vec<Column>,
    pub(crate) layout: Layout,
    pub(crate) places: Places,
    pub(crate) memory_bytes: u64,
    pub(crate) number_timeout: Option<Duration>,
}

/// The names of what is used of an instance.
#[derive(Debug)]
pub(crate) enum Entry {
    /// What was appended to the module.
    Loop { run: String, results: String, number: String },
    /// The function of the module.
    Batch { run: String },
}

impl Bound {
    pub(crate) fn new(
        binary: &[u8],
        module: &Module<'_>,
        function: Function,
        options: &Options,
    ) -> Result<Self, WasmError> {
        let description = function.description;
        let constants = values(&description.export, &description.parameters, &options.parameters)?;
        // A text must be copied before the next number may overwrite it.
        let has_texts = function.columns.iter().any(|column| matches!(column.element, Element::Place(_)));
        let places = Places::new(&function.columns, if has_texts { 1 } else { BATCH });
        let (compiled, entry) = match function.call {
            Call::Batch => (compile(binary)?, Entry::Batch { run: description.export }),
            Call::Number => {
                let callee = Callee {
                    function: function.index,
                    constants: &constants,
                    columns: &function.columns,
                    places: &places,
                };
                let looped = looped::append(module, callee)?;
                let entry = Entry::Loop { run: looped.run, results: looped.results, number: looped.number };
                (compile(&looped.module)?, entry)
            }
        };
        Ok(Self {
            module: compiled,
            entry,
            columns: function.columns,
            layout: description.layout,
            places,
            memory_bytes: options.memory_bytes,
            number_timeout: options.number_timeout,
        })
    }

    /// Whether numbers are called one by one, because texts must be copied in between.
    pub(crate) fn has_texts(&self) -> bool {
        self.columns.iter().any(|column| matches!(column.element, Element::Place(_)))
    }
}

fn compile(binary: &[u8]) -> Result<InstancePre<Host>, WasmError> {
    let runtime = Runtime::get()?;
    let compile_error = |error: wasmtime::Error| WasmError::Compile(shown(&format!("{error:#}"), 500));
    let module = wasmtime::Module::from_binary(&runtime.engine, binary).map_err(compile_error)?;
    runtime.linker.instantiate_pre(&module).map_err(compile_error)
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound")
            .field("entry", &self.entry)
            .field("layout", &self.layout)
            .field("memory_bytes", &self.memory_bytes)
            .field("number_timeout", &self.number_timeout)
            .finish_non_exhaustive()
    }
}
