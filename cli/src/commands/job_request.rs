//! From arguments to a job.

use std::{ffi::OsStr, path::Path};

use anyhow::Result;
use bytes::Bytes;
use swath_client::{
    BindError, Client, ClientError, Job, JobRequest, Parameters, Program, artifact_of, layout_of_program,
    output::Content, wasm_to_binary,
};

use crate::{
    args::{JobArgs, ProgramArgs},
    ending::Ending,
};

/// A job that may need a file on the coordinator.
pub(super) struct Planned {
    pub(super) request: JobRequest,
    program: Option<Bytes>,
}

impl Planned {
    /// Submits it; the coordinator gets the file first.
    pub(super) async fn submit(self, client: &Client) -> Result<Job, ClientError> {
        if let Some(program) = self.program {
            client.upload(program).await?;
        }
        client.submit(self.request).await
    }
}

/// The job that the arguments describe.
pub(super) fn job_request(args: JobArgs) -> Result<Planned> {
    if args.chunk_size == Some(0) {
        return Err(
            Ending::Usage("a chunk size of 0 is not possible: a chunk has at least one number".to_owned()).into()
        );
    }
    let module = is_file(&args.kernel).then(|| read_module(&args.kernel)).transpose()?;
    let name = Path::new(&args.kernel).file_name().map_or(args.kernel.clone().into(), OsStr::to_string_lossy);
    let mut spec = JobRequest::new(name, args.range);
    spec.chunk_size = args.chunk_size;
    spec.max_retries = args.max_retries;
    spec.crash_limit = args.crash_limit;
    spec.keep_going = args.keep_going;
    spec.condition = args.condition;
    spec.reductions = args.reductions;
    for (name, value) in args.parameters {
        if let Some(former) = spec.parameters.insert(name.clone(), value.clone()) {
            let sentence = format!("the parameter `{name}` is given twice, as `{former}` and as `{value}`");
            return Err(Ending::Usage(sentence).into());
        }
    }
    match &module {
        Some(module) => spec.program = Some(program(module, &args.program, &spec.parameters)?),
        None if args.program.is_given() => {
            let sentence = "--export, --memory and --timeout are for WebAssembly modules: --kernel FILE.wasm";
            return Err(Ending::Usage(sentence.to_owned()).into());
        }
        None => {}
    }
    // A coordinator would refuse it, too, but cannot mark the place. It judges kernels that are unknown here.
    Content::of_request(&spec).map_err(|error| unfit(&spec, &error))?;
    Ok(Planned { request: spec, program: module })
}

/// Whether a kernel is a file, and not one that is built in.
fn is_file(kernel: &str) -> bool {
    let extension = Path::new(kernel).extension();
    kernel.contains('/') || extension.is_some_and(|extension| extension == "wasm" || extension == "wat")
}

/// The module in a file.
fn read_module(file: &str) -> Result<Bytes> {
    let unusable = |error: String| Ending::Usage(format!("the kernel {file}: {error}"));
    let content = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
    let module = wasm_to_binary(&content).map_err(|error| unusable(error.to_string()))?;
    Ok(Bytes::copy_from_slice(&module))
}

/// A module as the program of a job with these parameters.
fn program(module: &Bytes, args: &ProgramArgs, parameters: &Parameters) -> Result<Program> {
    let wasm = Program::wasm(artifact_of(module));
    let program = Program {
        export: args.export.clone(),
        memory_bytes: args.memory.map_or(wasm.memory_bytes, |size| size.as_u64()),
        number_timeout: args.timeout,
        ..wasm
    };
    let layout = layout_of_program(&program, parameters, module);
    let layout = layout.map_err(|error| Ending::Usage(format!("--kernel: {error}")))?;
    Ok(Program { layout: Some(layout), ..program })
}

/// A condition or reductions that do not fit the kernel, with the place.
fn unfit(request: &JobRequest, error: &BindError) -> Ending {
    match error {
        BindError::Condition(error) => {
            misplaced(format!("--where: {error}"), &request.condition, |text| error.mark(text))
        }
        BindError::Reductions(error) => {
            misplaced(format!("--reduce: {error}"), &request.reductions, |text| error.mark(text))
        }
        other => Ending::Usage(format!("the job: {other}")),
    }
}

/// A mark in an empty text would show nothing.
fn misplaced(sentence: String, text: &Option<String>, mark: impl Fn(&str) -> String) -> Ending {
    match text.as_deref().filter(|text| !text.trim().is_empty()) {
        Some(text) => Ending::Misplaced { sentence, mark: mark(text) },
        None => Ending::Usage(sentence),
    }
}
