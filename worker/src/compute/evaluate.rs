//! Calls of the kernel. One that panics fails its chunk, not the worker.

use std::{
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind},
};

use swath_evaluation::Failure;

use super::{Job, Stop};

/// Calls the kernel of a job about these numbers, with `call`. After a panic the kernel is called again for one number
/// after the other, with `again`, to find the one.
pub(super) fn guarded<T>(
    numbers: &RangeInclusive<i64>,
    call: impl FnOnce(RangeInclusive<i64>) -> Result<T, Failure>,
    job: &Job,
) -> Result<T, Stop> {
    let first = *numbers.start();
    match catch(|| call(numbers.clone())) {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(failure)) => Err(failed(&failure, first)),
        Err(said) => {
            let mut buffers = super::buffers(job);
            let panics = |&number: &i64| {
                buffers.truncate(0);
                catch(|| job.kernel.append(number..=number, &mut buffers)).is_err()
            };
            let number = numbers.clone().find(panics).unwrap_or(first);
            Err(Stop::Failed { number, reason: format!("the kernel panicked: {said}") })
        }
    }
}

/// What a failure means for the numbers from `first` on.
pub(super) fn failed(failure: &Failure, first: i64) -> Stop {
    Stop::Failed { number: failure.number().unwrap_or(first), reason: failure.reason() }
}

/// The result of a call, or what it said when it panicked.
fn catch<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned())
    })
}
