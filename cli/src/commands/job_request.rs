//! From arguments to a job.

use anyhow::Result;
use swath_client::{BindError, JobRequest, output::Content};

use crate::{args::JobArgs, ending::Ending};

/// The job that the arguments describe.
pub(super) fn job_request(args: JobArgs) -> Result<JobRequest> {
    if args.chunk_size == Some(0) {
        return Err(
            Ending::Usage("a chunk size of 0 is not possible: a chunk has at least one number".to_owned()).into()
        );
    }
    let mut spec = JobRequest::new(args.kernel, args.range);
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
    // A coordinator would refuse it, too, but cannot mark the place. It judges kernels that are unknown here.
    Content::of_request(&spec).map_err(|error| unfit(&spec, &error))?;
    Ok(spec)
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
