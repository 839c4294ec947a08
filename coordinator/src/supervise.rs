//! Tasks that a coordinator cannot run without.

use std::{any::Any, fmt, future::Future};

use tokio_util::sync::CancellationToken;

/// How a task ended that should have run for as long as the coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It returned.
    Returned,
    /// It panicked, with these words.
    Panicked(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Returned => f.write_str("it returned"),
            Self::Panicked(words) => write!(f, "it panicked: {words}"),
        }
    }
}

/// Runs a task that must run until `stop`. If it ends before, by a return or a panic, everything else is stopped, and
/// the fault is returned.
pub(crate) async fn supervise(
    task: impl Future<Output = ()> + Send + 'static,
    stop: CancellationToken,
) -> Result<(), Fault> {
    // A task of its own, whose panic is its result.
    let ended = tokio::spawn(task).await;
    let was_told = stop.is_cancelled();
    stop.cancel();
    match ended {
        Ok(()) if was_told => Ok(()),
        Ok(()) => Err(Fault::Returned),
        Err(error) => Err(match error.try_into_panic() {
            Ok(panic) => Fault::Panicked(words(&*panic)),
            // The runtime ends, and all with it.
            Err(_) => Fault::Returned,
        }),
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a word".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_ends_by_itself_stops_all_and_is_a_fault() {
        let stop = CancellationToken::new();
        assert_eq!(supervise(async {}, stop.clone()).await, Err(Fault::Returned));
        assert!(stop.is_cancelled());

        let stop = CancellationToken::new();
        let panicked = supervise(async { panic!("an index of {}", 7) }, stop.clone()).await;
        assert_eq!(panicked, Err(Fault::Panicked("an index of 7".to_owned())));
        assert!(stop.is_cancelled());
    }

    #[tokio::test]
    async fn what_ends_as_told_is_none_unless_it_panics() {
        let stop = CancellationToken::new();
        let told = stop.clone();
        let task = supervise(async move { told.cancelled().await }, stop.clone());
        stop.cancel();
        assert_eq!(task.await, Ok(()));
        let panicked = supervise(async { panic!("late") }, stop).await;
        assert_eq!(panicked, Err(Fault::Panicked("late".to_owned())));
    }
}
