//! Jobs.

use std::time::Duration;

use swath_model::{
    Artifact, ArtifactId, JobRequest, JobSpec, Layout, Layouts, Program, Range, ResultMode, Runtime, Shape,
};

use super::CodecError;
use crate::v1;

/// A job as a client asks for it, out of a message; a chunk size of 0 is none.
///
/// # Errors
/// [`CodecError::Range`], [`CodecError::Unknown`].
pub fn job_request(message: v1::JobSpec) -> Result<JobRequest, CodecError> {
    let result_mode = match v1::ResultMode::try_from(message.result_mode) {
        Ok(v1::ResultMode::Unspecified | v1::ResultMode::Stored) => ResultMode::Stored,
        Ok(v1::ResultMode::Delivered) => ResultMode::Delivered,
        // It must not be kept, or given away, in another way than was asked for.
        Err(_) => return Err(CodecError::Unknown(message.result_mode, "result mode")),
    };
    Ok(JobRequest {
        range: Range::new(message.first, message.last)?,
        kernel: message.kernel,
        program: message.program.map(program).transpose()?,
        parameters: message.parameters.into_iter().collect(),
        condition: (!message.condition.is_empty()).then_some(message.condition),
        reductions: (!message.reductions.is_empty()).then_some(message.reductions),
        chunk_size: (message.chunk_size > 0).then_some(message.chunk_size),
        result_mode,
        max_retries: message.max_retries,
        crash_limit: message.crash_limit,
        keep_going: message.keep_going,
        keep_for: message.keep_for_ms.map(Duration::from_millis),
    })
}

/// The same as a message.
pub fn job_request_to_proto(request: JobRequest) -> v1::JobSpec {
    let result_mode = match request.result_mode {
        ResultMode::Stored => v1::ResultMode::Stored,
        ResultMode::Delivered => v1::ResultMode::Delivered,
    };
    v1::JobSpec {
        kernel: request.kernel,
        program: request.program.map(program_to_proto),
        parameters: request.parameters.into_iter().collect(),
        first: request.range.first(),
        last: request.range.last(),
        condition: request.condition.unwrap_or_default(),
        reductions: request.reductions.unwrap_or_default(),
        chunk_size: request.chunk_size.unwrap_or(0),
        result_mode: result_mode.into(),
        max_retries: request.max_retries,
        crash_limit: request.crash_limit,
        keep_going: request.keep_going,
        keep_for_ms: request.keep_for.map(|keep_for| u64::try_from(keep_for.as_millis()).unwrap_or(u64::MAX)),
    }
}

/// A job out of a message. `resolve` knows the kernels: it gives the layouts of what it computes, or
/// says why there are none.
///
/// # Errors
/// A [`CodecError`], converted, or the error of `resolve`.
pub fn job_spec<E: From<CodecError>>(
    message: v1::JobSpec,
    resolve: impl FnOnce(&JobRequest) -> Result<Layouts, E>,
) -> Result<JobSpec, E> {
    let request = job_request(message)?;
    let layouts = resolve(&request)?;
    Ok(request.complete(layouts).map_err(CodecError::from)?)
}

/// A job as a message.
pub fn job_spec_to_proto(job: &JobSpec) -> v1::JobSpec {
    job_request_to_proto(job.clone().into())
}

/// The program of a kernel, out of a message.
///
/// # Errors
/// [`CodecError::Missing`], [`CodecError::Unknown`] or [`CodecError::Layout`].
pub fn program(message: v1::Program) -> Result<Program, CodecError> {
    let runtime = match message.runtime() {
        v1::Runtime::Wasm => Runtime::Wasm,
        v1::Runtime::Unspecified => return Err(CodecError::Unknown(message.runtime, "runtime")),
    };
    Ok(Program {
        runtime,
        artifact: artifact(message.artifact)?,
        export: (!message.export.is_empty()).then_some(message.export),
        memory_bytes: if message.memory_bytes > 0 { message.memory_bytes } else { Program::DEFAULT_MEMORY_BYTES },
        number_timeout: message.number_timeout_ms.map(Duration::from_millis),
        layout: message.layout.map(|message| layout(Some(message))).transpose()?,
    })
}

/// The same as a message.
pub fn program_to_proto(program: Program) -> v1::Program {
    let runtime = match program.runtime {
        Runtime::Wasm => v1::Runtime::Wasm,
    };
    let milliseconds = |timeout: Duration| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    v1::Program {
        runtime: runtime.into(),
        artifact: Some(artifact_to_proto(program.artifact)),
        export: program.export.unwrap_or_default(),
        memory_bytes: program.memory_bytes,
        number_timeout_ms: program.number_timeout.map(milliseconds),
        layout: program.layout.as_ref().map(layout_to_proto),
    }
}

/// A file that travels with a job, out of a message.
///
/// # Errors
/// [`CodecError::Missing`].
pub fn artifact(message: Option<v1::Artifact>) -> Result<Artifact, CodecError> {
    let message = message.ok_or(CodecError::Missing("artifact"))?;
    let id = ArtifactId::from_slice(&message.sha256).ok_or(CodecError::Missing("SHA-256 of an artifact"))?;
    Ok(Artifact { id, bytes: message.bytes })
}

/// The same as a message.
pub fn artifact_to_proto(artifact: Artifact) -> v1::Artifact {
    v1::Artifact { sha256: artifact.id.0.to_vec().into(), bytes: artifact.bytes }
}

/// What rows look like.
///
/// # Errors
/// [`CodecError::Missing`], [`CodecError::Unknown`] or [`CodecError::Layout`].
pub fn layout(message: Option<v1::Layout>) -> Result<Layout, CodecError> {
    let message = message.ok_or(CodecError::Missing("layout"))?;
    let shape = match message.shape() {
        v1::Shape::Dense => Shape::Dense,
        v1::Shape::Sparse => Shape::Sparse,
        v1::Shape::Reduced => Shape::Reduced,
        v1::Shape::Unspecified => return Err(CodecError::Unknown(message.shape, "shape")),
    };
    Ok(Layout::parse(shape, &message.columns)?)
}

/// The same as a message.
pub fn layout_to_proto(layout: &Layout) -> v1::Layout {
    v1::Layout { shape: shape_to_proto(layout.shape()).into(), columns: layout.columns_text() }
}

/// A shape as a message.
pub(crate) fn shape_to_proto(shape: Shape) -> v1::Shape {
    match shape {
        Shape::Dense => v1::Shape::Dense,
        Shape::Sparse => v1::Shape::Sparse,
        Shape::Reduced => v1::Shape::Reduced,
    }
}

#[cfg(test)]
mod tests {
    use swath_model::{Chunks, Limits, ValueType};

    use super::*;

    #[test]
    fn a_job_is_read_as_it_was_written() {
        let job = JobSpec {
            kernel: "square".to_owned(),
            program: Some(Program {
                export: Some("f".to_owned()),
                number_timeout: Some(Duration::from_millis(250)),
                layout: Some(Layout::values(ValueType::Int64)),
                ..Program::wasm(Artifact { id: ArtifactId([7; 32]), bytes: 99 })
            }),
            parameters: [("type".to_owned(), "auto".to_owned())].into(),
            chunks: Chunks::new(Range::new(i64::MIN, i64::MAX - 1).unwrap(), 3).unwrap(),
            chunk_size: 3,
            condition: Some("n > 3".to_owned()),
            reductions: None,
            kernel_layout: Layout::values(ValueType::Decimal128),
            layout: Layout::values(ValueType::Decimal128).with_shape(Shape::Sparse),
            result_mode: ResultMode::Delivered,
            limits: Limits { max_retries: 0, crash_limit: 7, keep_going: true },
            keep_for: Some(Duration::from_millis(1500)),
        };
        let back = |of: &Layout| layout(Some(layout_to_proto(of))).unwrap();
        let same = Layouts { kernel: back(&job.kernel_layout), results: back(&job.layout) };
        let read: Result<JobSpec, CodecError> = job_spec(job_spec_to_proto(&job), |_| Ok(same));
        assert_eq!(read, Ok(job));
        assert_eq!(
            layout(Some(v1::Layout::default())).unwrap_err().to_string(),
            "0 is not a shape that this version of the protocol has"
        );
    }

    #[test]
    fn what_is_left_out_takes_its_default() {
        let message = v1::JobSpec { first: 1, last: 4096 * 100, ..Default::default() };
        let job = job_spec::<CodecError>(message, |_| Ok(Layout::values(ValueType::Int64).into())).unwrap();
        assert_eq!((job.chunk_size, job.limits, job.keep_for), (100, Limits::default(), None));
        assert_eq!(job.result_mode, ResultMode::Stored);
        let unknown = v1::JobSpec { first: 1, last: 2, result_mode: 77, ..Default::default() };
        let error = job_spec::<CodecError>(unknown, |_| Ok(Layout::values(ValueType::Int64).into())).unwrap_err();
        assert_eq!(error.to_string(), "77 is not a result mode that this version of the protocol has");
        let reversed = v1::JobSpec { first: 2, last: 1, ..Default::default() };
        let error = job_spec::<CodecError>(reversed, |_| Ok(Layout::values(ValueType::Int64).into())).unwrap_err();
        assert!(error.to_string().contains("below the first number"), "{error}");
    }
}
