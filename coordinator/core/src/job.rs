//! What is known of a job, and where it is between being submitted and being gone.

use std::{collections::BTreeMap, sync::Arc};

use swath_model::{FailedChunks, Fingerprint, JobId, JobSpec, JobState, Share, WaitReason, WorkerId};

use crate::{RequestId, Stamp, Standing, Token};

/// A job of this coordinator.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) spec: Arc<JobSpec>,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) phase: Phase,
    /// As clients see it.
    pub(crate) state: JobState,
    pub(crate) submitted: Stamp,
    pub(crate) ended: Option<Stamp>,
    pub(crate) token: Option<Token>,
    /// Why it is paused; empty if it is not.
    pub(crate) paused: String,
    pub(crate) shares: BTreeMap<WorkerId, Share>,
    pub(crate) failed: FailedChunks,
    pub(crate) stock: Stock,
    pub(crate) loss: Loss,
    /// The reason for no progress that was published last.
    pub(crate) published_reason: Option<WaitReason>,
}

/// Whether results were lost after the scheduler had ended the job as done, and before that is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    None,
    AfterDone,
}

impl Job {
    pub(crate) fn new(spec: Arc<JobSpec>, fingerprint: Fingerprint, submitted: Stamp, token: Option<Token>) -> Self {
        Self {
            spec,
            fingerprint,
            phase: Phase::Running,
            state: JobState::Running,
            submitted,
            ended: None,
            token,
            paused: String::new(),
            shares: BTreeMap::new(),
            failed: FailedChunks::new(),
            stock: Stock::Kept,
            loss: Loss::None,
            published_reason: None,
        }
    }

    pub(crate) fn ledger_shares(&self) -> Vec<(u64, Share)> {
        self.shares.iter().map(|(worker, share)| (worker.0, share.clone())).collect()
    }

    /// The record that says where the job stands.
    pub(crate) fn standing(&self, job: JobId) -> Standing {
        let (state, ended, shares) = (self.state.clone(), self.ended, self.ledger_shares());
        Standing { job, state, ended, shares, drops_results: false }
    }

    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing(_))
    }

    pub(crate) fn waiting_mut(&mut self) -> Option<&mut Vec<RequestId>> {
        self.phase.waiting_mut()
    }
}

/// Where a job is between running and being gone. Clients see an end, and that the job is gone, when the ledger has it.
#[derive(Debug)]
pub(crate) enum Phase {
    /// The scheduler has it.
    Running,
    /// It failed or was cancelled; what is in memory of it is being written as parts.
    Closing(End),
    /// Its end is on its way to the ledger.
    Ending(End),
    /// The ledger has its end.
    Ended,
    /// It has ended, but the ledger could not be told yet.
    Unsaved,
    /// The record that it is forgotten is on its way to the ledger; the requests that wait for that.
    Forgetting(Vec<RequestId>),
}

/// An end that is not durable yet.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) state: JobState,
    pub(crate) at: Stamp,
    pub(crate) after: AfterCancel,
    /// Who cancelled it.
    pub(crate) waiting: Vec<RequestId>,
}

/// How a job was cancelled, until the scheduler has ended it.
#[derive(Debug)]
pub(crate) struct Cancel {
    pub(crate) after: AfterCancel,
    pub(crate) waiting: Vec<RequestId>,
}

impl Cancel {
    pub(crate) fn waiting_mut(&mut self) -> &mut Vec<RequestId> {
        &mut self.waiting
    }
}

impl Phase {
    pub(crate) fn waiting(&self) -> &[RequestId] {
        match self {
            Self::Closing(end) | Self::Ending(end) => &end.waiting,
            Self::Forgetting(waiting) => waiting,
            Self::Running | Self::Ended | Self::Unsaved => &[],
        }
    }

    pub(crate) fn waiting_mut(&mut self) -> Option<&mut Vec<RequestId>> {
        match self {
            Self::Closing(end) | Self::Ending(end) => Some(&mut end.waiting),
            Self::Forgetting(waiting) => Some(waiting),
            Self::Running | Self::Ended | Self::Unsaved => None,
        }
    }
}

/// What becomes of the results of a cancelled job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterCancel {
    /// What was delivered is kept.
    KeepResults,
    /// They are dropped, together with the end of the job.
    DropResults,
}

/// Whether a job still has its results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stock {
    /// It has those that were committed.
    Kept,
    /// They were dropped when the job was cancelled.
    Dropped,
}

/// A job whose submit is on its way to the ledger.
#[derive(Debug)]
pub(crate) struct Reserved {
    pub(crate) spec: Arc<JobSpec>,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) submitted: Stamp,
    pub(crate) token: Option<Token>,
    /// Those who submitted it.
    pub(crate) waiting: Vec<RequestId>,
}
