//! What this worker says to the coordinator.

use std::sync::{Arc, Mutex, PoisonError};

use swath_proto::v1;
use tokio::sync::mpsc;

/// A line to the coordinator of the present session. Between sessions nobody listens: what is then said of a lease is
/// said again when the lease goes on, or of no use when it does not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outbox(Arc<Mutex<Option<mpsc::UnboundedSender<v1::WorkerMessage>>>>);

impl Outbox {
    pub(crate) fn say(&self, message: v1::WorkerMessage) {
        if let Some(line) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = line.send(message);
        }
    }

    /// From now on this line is spoken into.
    pub(crate) fn connect(&self, line: mpsc::UnboundedSender<v1::WorkerMessage>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
    }

    /// Whether there is a session.
    pub(crate) fn is_connected(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The session is over.
    pub(crate) fn disconnect(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
