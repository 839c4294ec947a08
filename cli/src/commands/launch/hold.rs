//! Workers that live as long as this process.

use anyhow::Result;
use swath_client::counted;
use swath_console::say;
use swath_launch::{Attached, Failure, Host};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{commands::signals::StopSignals, ending::Ending};

/// Attached workers, each with its connection.
#[derive(Default)]
pub(super) struct AttachedWorkers {
    workers: JoinSet<(Host, Result<(), Failure>)>,
    stop: CancellationToken,
}

impl AttachedWorkers {
    /// Holds one more connection from now on.
    pub(super) fn add(&mut self, host: Host, worker: Box<Attached>) {
        self.workers.spawn(hold(host, worker, self.stop.clone()));
    }

    /// Waits until all workers have ended, or until a signal ends them.
    pub(super) async fn wait(mut self, signals: &mut StopSignals) -> Result<()> {
        let all = self.workers.len() as u64;
        if all == 0 {
            return Ok(());
        }
        say!("{} attached; they stop when this command stops", counted(all, "worker"));
        let mut failed = 0;
        loop {
            let ended = tokio::select! {
                ended = self.workers.join_next() => ended,
                () = signals.received() => {
                    if self.stop.is_cancelled() {
                        // The second signal: at once, by the end of this process.
                        break;
                    }
                    self.stop.cancel();
                    continue;
                }
            };
            match ended {
                None => break,
                Some(Ok((_, Ok(())))) if self.stop.is_cancelled() => {}
                Some(Ok((host, Ok(())))) => say!("{host}: its worker has ended"),
                Some(Ok((host, Err(failure)))) => {
                    failed += 1;
                    say!("{host}: {failure}");
                }
                Some(Err(error)) => return Err(error.into()),
            }
        }
        if self.stop.is_cancelled() {
            return Err(Ending::Interrupted("the workers have ended".to_owned()).into());
        }
        match failed {
            0 => Ok(()),
            failed => Err(Ending::JobFailed(format!("{failed} of {} failed", counted(all, "worker"))).into()),
        }
    }
}

async fn hold(host: Host, mut attached: Box<Attached>, stop: CancellationToken) -> (Host, Result<(), Failure>) {
    let ended = tokio::select! {
        ended = attached.hold() => Some(ended),
        () = stop.cancelled() => None,
    };
    match ended {
        Some(ended) => (host, ended),
        None => {
            attached.end().await;
            (host, Ok(()))
        }
    }
}
