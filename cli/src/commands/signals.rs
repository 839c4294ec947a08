//! Being told to stop.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::exit;

/// Ctrl-C, SIGTERM, and the terminal that closes.
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Option<Signal>,
}

impl StopSignals {
    pub(crate) fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        let hang_up = if is_ignored(SignalKind::hangup()) { None } else { Some(listen(SignalKind::hangup())?) };
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())?, hang_up })
    }

    /// Returns when one has come.
    pub(crate) async fn received(&mut self) {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hang_up => {}
        }
    }
}

/// Whether this process was started with a signal ignored, as `nohup` does. Listening would undo that.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (kind.as_raw_value() - 1) & 1 == 1
}

/// From now on, writing beyond the limit on file sizes (`ulimit -f`) is an error of the write, like a full disk.
/// Without a listener, the signal that comes with it would end the process.
pub(crate) fn survive_file_size_limit() -> Result<()> {
    let kind = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    // Tokio keeps listening after the listener is dropped.
    signal(kind).map(drop).context("cannot listen for signals")
}

/// A token that is cancelled at the first signal; at the second the process ends at once.
pub(crate) fn stop_token() -> Result<CancellationToken> {
    let mut signals = StopSignals::listen()?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        signals.received().await;
        token.cancel();
        info!("stopping; a second signal stops at once");
        signals.received().await;
        info!("stopped at once");
        exit::end(1);
    });
    Ok(stop)
}
