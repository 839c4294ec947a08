//! Whether a message that has begun goes on.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Sleep, sleep};
use tonic::Status;

/// What must come of a message that is not whole yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand {
    pub(super) bytes: usize,
    pub(super) within: Duration,
}

impl Default for Demand {
    /// 26 kB a second: a worker behind a slower line could not deliver its blocks within its leases.
    fn default() -> Self {
        Self { bytes: 256 << 10, within: Duration::from_secs(10) }
    }
}

/// Watches one message.
#[derive(Debug)]
pub(super) struct Progress {
    demand: Demand,
    /// What came since the last look.
    bytes: usize,
    /// Set while a message is half sent and nothing more is there.
    next_look: Option<Pin<Box<Sleep>>>,
}

impl Progress {
    pub(super) fn new(demand: Demand) -> Self {
        Self { demand, bytes: 0, next_look: None }
    }

    pub(super) fn handle_bytes(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// The message is whole.
    pub(super) fn handle_whole(&mut self) {
        self.next_look = None;
    }

    /// To be polled while more of a message is waited for. Ready when too little came.
    pub(super) fn poll_stalled(&mut self, context: &mut Context<'_>) -> Poll<Status> {
        let Demand { bytes: demanded, within } = self.demand;
        loop {
            let look = match &mut self.next_look {
                Some(look) => look,
                none => {
                    self.bytes = 0;
                    none.insert(Box::pin(sleep(within)))
                }
            };
            ready!(look.as_mut().poll(context));
            let came = self.bytes;
            if came < demanded {
                return Poll::Ready(Status::deadline_exceeded(format!(
                    "of a message that has begun, {came} bytes came in {}; at least {demanded} must",
                    humantime::format_duration(within)
                )));
            }
            self.next_look = None;
        }
    }
}
