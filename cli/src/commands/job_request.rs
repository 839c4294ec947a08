//! From arguments to a job.

use anyhow::Result;
use swath_client::JobRequest;

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
    spec.parameters = args.parameters.into_iter().collect();
    Ok(spec)
}
