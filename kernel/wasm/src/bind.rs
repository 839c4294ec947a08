//! From a module to a kernel.

use std::sync::Arc;

use swath_kernel::Kernel;

use crate::{
    Options, WasmError,
    bound::Bound,
    describe::Function,
    error::size,
    kernel::WasmKernel,
    module::{Depth, Module},
    text::to_binary,
};

/// Compiles a module and makes a kernel of it.
///
/// This takes about a second for each megabyte of code, and cannot be stopped.
///
/// # Errors
/// [`WasmError`], for whatever bytes.
pub fn bind(module: &[u8], options: &Options) -> Result<Arc<dyn Kernel>, WasmError> {
    let binary = to_binary(module)?;
    let module = Module::read(&binary, Depth::Bodies)?;
    let function = Function::find(&module, options.export.as_deref())?;
    if module.memory_bytes() > options.memory_bytes {
        let (needed, allowed) = (size(module.memory_bytes()), size(options.memory_bytes));
        return Err(WasmError::Memory { needed, allowed });
    }
    let bound = Bound::new(&binary, &module, function, options)?;
    Ok(Arc::new(WasmKernel::new(Arc::new(bound))))
}
