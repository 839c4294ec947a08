//! Which function of a module is the kernel, and what it takes and gives.

use swath_kernel::Parameters;
use swath_model::{Layout, Shape, ValueType};
use wasmparser::{Export, FuncType, ValType};

use crate::{
    WasmError,
    columns::{self, Column, MEMORY, Memory},
    error::{listed, quoted},
    imports::signature,
    module::{Depth, Module},
    parameters::{self, ParameterDescription, ParameterType, describe as describe_parameters},
    text::to_binary,
};

/// The name of the function that is the kernel, where several can be.
const DEFAULT_EXPORT: &str = "kernel";

/// More candidates than this are not looked for.
const MOST_CANDIDATES: usize = 12;

/// What a module gives, as far as can be said without compiling it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The name of the function that is the kernel.
    pub export: String,
    /// Its type, for people: `(i64, i32) -> f64`.
    pub signature: String,
    /// The parameters that it takes after the number; all of them must be given.
    pub parameters: Vec<ParameterDescription>,
    /// What its results look like, whatever the range: a dense layout.
    pub layout: Layout,
}

/// Finds the kernel of a module: the function named `export`, or else the only one that can be it, or else `kernel`.
///
/// The bodies of functions are not read, so [`bind`](crate::bind) may still refuse the module. Time and memory are
/// bounded by a small multiple of the size of the module without code and data.
///
/// # Errors
/// [`WasmError`], for whatever bytes.
pub fn describe(module: &[u8], export: Option<&str>) -> Result<Description, WasmError> {
    let binary = to_binary(module)?;
    let module = Module::read(&binary, Depth::Outline)?;
    Function::find(&module, export).map(|function| function.description)
}

impl Description {
    /// Whether the function takes these parameters.
    ///
    /// # Errors
    /// [`WasmError`]: one is missing, or one too many, or its value cannot be.
    pub fn check_parameters(&self, given: &Parameters) -> Result<(), WasmError> {
        parameters::values(&self.export, &self.parameters, given).map(drop)
    }
}

/// The function that is the kernel.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) index: u32,
    pub(crate) call: Call,
    pub(crate) columns: Vec<Column>,
    parameters: Vec<ParameterType>,
    pub(crate) description: Description,
}

/// How a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// Once for each number.
    Number,
    /// Once for many numbers: `(first i64, count i32, out i32)`.
    Batch,
}

impl Function {
    pub(crate) fn find(module: &Module<'_>, export: Option<&str>) -> Result<Self, WasmError> {
        let described = module.columns()?.map(|columns| Layout::parse(Shape::Dense, columns)).transpose()?;
        let fit = |index| Self::fit(module, described.as_ref(), index);
        let chosen = match export {
            Some(name) => module
                .functions()
                .find(|function| function.name == name)
                .ok_or_else(|| WasmError::UnknownExport { export: quoted(name), exported: exported(module) })?,
            None => Self::choose(module, |index| fit(index).is_ok())?.ok_or_else(|| none_fits(module, fit))?,
        };
        match fit(chosen.index) {
            Ok(function) => Ok(function.named(module, chosen.name.to_owned())),
            Err(why) => Err(unfit(module, chosen.name, chosen.index, why)),
        }
    }

    /// `kernel`, if it is one, or the only function that is one.
    fn choose<'m, 'a>(
        module: &'m Module<'a>,
        is_fit: impl Fn(u32) -> bool,
    ) -> Result<Option<&'m Export<'a>>, WasmError> {
        let mut default = module.functions().filter(|function| function.name == DEFAULT_EXPORT);
        if let Some(function) = default.next().filter(|function| is_fit(function.index)) {
            return Ok(Some(function));
        }
        let fitting = module.functions().filter(|function| is_fit(function.index));
        let candidates: Vec<_> = fitting.take(MOST_CANDIDATES).collect();
        match candidates.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(only)),
            several => {
                Err(WasmError::SeveralKernels { candidates: listed(several.iter().map(|function| function.name)) })
            }
        }
    }

    /// The function as a kernel; otherwise why it is none.
    fn fit(module: &Module<'_>, described: Option<&Layout>, index: u32) -> Result<Self, String> {
        let function = module.function_type(index).ok_or("its type is not that of a function")?;
        if !module.defines_function(index) {
            return Err("it is imported".to_owned());
        }
        let memory = if module.exports_memory(MEMORY) { Memory::Exported } else { Memory::Absent };
        let [ValType::I64, rest @ ..] = function.params() else {
            return Err("its first parameter is not an i64, the number".to_owned());
        };
        let parameters: Option<Vec<_>> = rest.iter().map(|value| ParameterType::of(*value)).collect();
        let parameters = parameters.ok_or("one of its parameters is neither an integer nor a floating point number")?;
        let (call, layout, columns) = match (rest, function.results()) {
            ([ValType::I32, ValType::I32], []) => batch(described, memory)?,
            (_, []) => return Err("it has no results".to_owned()),
            (_, results) => calls(described, results, memory)?,
        };
        let parameters = if call == Call::Batch { Vec::new() } else { parameters };
        let signature = signature(function.params(), function.results());
        let description = Description { export: String::new(), signature, parameters: Vec::new(), layout };
        Ok(Self { index, call, columns, parameters, description })
    }

    /// The same with names.
    fn named(mut self, module: &Module<'_>, export: String) -> Self {
        let names = module.parameter_names(self.index, self.parameters.len() + 1);
        self.description.parameters = describe_parameters(&self.parameters, names.get(1..).unwrap_or_default());
        self.description.export = export;
        self
    }
}

type Found = (Call, Layout, Vec<Column>);

fn batch(described: Option<&Layout>, memory: Memory) -> Result<Found, String> {
    if memory == Memory::Absent {
        return Err(format!("a batch needs the exported memory `{MEMORY}`"));
    }
    let layout = described.cloned().unwrap_or_else(|| Layout::values(ValueType::Int64));
    let columns = columns::of_batch(&layout)?;
    Ok((Call::Batch, layout, columns))
}

fn calls(described: Option<&Layout>, results: &[ValType], memory: Memory) -> Result<Found, String> {
    let layout = match described {
        Some(layout) => layout.clone(),
        None => columns::of_results(results, memory)
            .ok_or("one of its results is neither an integer nor a floating point number")?
            .map_err(|error| error.to_string())?,
    };
    let columns = columns::of_calls(&layout, results, memory)?;
    Ok((Call::Number, layout, columns))
}

fn exported(module: &Module<'_>) -> String {
    let names: Vec<_> = module.functions().map(|function| function.name).collect();
    listed(names.into_iter())
}

fn unfit(module: &Module<'_>, name: &str, index: u32, why: String) -> WasmError {
    let text = |function: &FuncType| signature(function.params(), function.results());
    let signature = module.function_type(index).map(text).unwrap_or_default();
    WasmError::Unfit { export: quoted(name), signature, why }
}

/// Says of the one function that was probably meant why it does not fit; or else what there is.
fn none_fits(module: &Module<'_>, fit: impl Fn(u32) -> Result<Function, String>) -> WasmError {
    let takes_number =
        |index| module.function_type(index).is_some_and(|found| found.params().first() == Some(&ValType::I64));
    let mut meant =
        module.functions().filter(|function| function.name == DEFAULT_EXPORT || takes_number(function.index));
    match (meant.next(), meant.next()) {
        (Some(only), None) => {
            let why = fit(only.index).err().unwrap_or_default();
            unfit(module, only.name, only.index, why)
        }
        _ => WasmError::NoKernel { exported: exported(module) },
    }
}
