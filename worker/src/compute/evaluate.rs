//! Calls of the kernel. One that panics fails its chunk, not the worker.

use std::{
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind},
};

use swath_evaluation::Failure;

use super::{Stop, steps::Walk};

/// Calls the kernel of the job about these numbers, with `call`. After a panic the kernel is called again for one
/// number after the other, with `again`, to find the one.
pub(super) fn guarded<T>(
    numbers: &RangeInclusive<i64>,
    call: impl FnOnce(RangeInclusive<i64>) -> Result<T, Failure>,
    walk: &Walk<'_>,
) -> Result<T, Stop> {
    let first = *numbers.start();
    match catch(|| call(numbers.clone())) {
        Ok(Ok(result)) => Ok(result),
        // A kernel that is told to stop may give up with any error.
        Ok(Err(_)) | Err(_) if walk.stop.is_set() => Err(Stop::Told),
        Ok(Err(failure)) => Err(failed(&failure, first)),
        Err(said) => {
            let kernel = &walk.job.kernel;
            let mut buffers = kernel.buffers(walk.stop);
            let panics = |&number: &i64| {
                buffers.clear();
                catch(|| kernel.append(number..=number, &mut buffers)).is_err()
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
