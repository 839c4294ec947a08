//! Kernels whose program travels with the job.

use std::{borrow::Cow, sync::Arc};

use swath_kernel::{Deferred, Kernel};
use swath_model::{JobRequest, Layout, Parameters, Program, Runtime};

use crate::BindError;

/// A kernel that can be evaluated when its program has come.
#[derive(Debug, Clone)]
pub struct Awaited {
    program: Program,
    parameters: Parameters,
    kernel: Arc<Deferred>,
}

impl Awaited {
    /// What the program of this request will be, whose layout is known.
    pub(crate) fn of(request: &JobRequest, program: &Program) -> Result<Self, BindError> {
        let layout = program.layout.clone().ok_or(BindError::UnknownProgram)?;
        let kernel = Arc::new(Deferred::new(layout));
        Ok(Self { program: program.clone(), parameters: request.parameters.clone(), kernel })
    }

    pub(crate) fn kernel(&self) -> Arc<dyn Kernel> {
        Arc::clone(&self.kernel) as Arc<dyn Kernel>
    }

    /// The program that is awaited.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The program has come: makes it ready, which may take seconds. From then on the kernel can be evaluated.
    ///
    /// # Errors
    /// A sentence: it is no program, or does not give what was said.
    pub fn fill(&self, bytes: &[u8]) -> Result<(), String> {
        let kernel = match self.program.runtime {
            Runtime::Wasm => swath_wasm::bind(bytes, &wasm_options(&self.program, &self.parameters)),
        };
        self.kernel.fill(kernel.map_err(|error| error.to_string())?)
    }
}

/// What the rows of a program look like, for a job that asks for it with these parameters. It is looked at, but not
/// compiled.
///
/// # Errors
/// A sentence: it is no program, has no function that can be the kernel, or does not take the parameters.
pub fn layout_of_program(program: &Program, parameters: &Parameters, bytes: &[u8]) -> Result<Layout, BindError> {
    let described = match program.runtime {
        Runtime::Wasm => swath_wasm::describe(bytes, program.export.as_deref()),
    };
    let described = described.map_err(|error| BindError::Program(error.to_string()))?;
    described.check_parameters(parameters).map_err(|error| BindError::Program(error.to_string()))?;
    Ok(described.layout)
}

/// The module of a file, which may be its text (`.wat`).
///
/// # Errors
/// A sentence: the text is none of a module.
pub fn wasm_to_binary(file: &[u8]) -> Result<Cow<'_, [u8]>, BindError> {
    swath_wasm::to_binary(file).map_err(|error| BindError::Program(error.to_string()))
}

fn wasm_options(program: &Program, parameters: &Parameters) -> swath_wasm::Options {
    swath_wasm::Options {
        export: program.export.clone(),
        parameters: parameters.clone(),
        memory_bytes: program.memory_bytes,
        number_timeout: program.number_timeout,
    }
}
