//! Jobs that fail or are cancelled: what was delivered of them becomes parts before their end.

use super::{Ending, JobResults};
use crate::store::Wanted;

/// Whether a job that failed or was cancelled is on its way to its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Closing {
    #[default]
    Not,
    /// No block comes any more; those in memory are being written.
    Writing,
    /// None is in memory.
    Written,
}

impl JobResults {
    /// Takes no more blocks; those in memory are due.
    pub(in crate::store) fn close(&self) {
        self.lock().closing = Closing::Writing;
    }

    /// True once, when all blocks of a job that was closed are in parts.
    pub(in crate::store) fn is_written_out(&self) -> bool {
        let mut state = self.lock();
        let is_written = state.closing == Closing::Writing && state.memory.is_empty();
        if is_written {
            state.closing = Closing::Written;
        }
        is_written
    }

    /// The blocks of a job that was closed cannot be written: drops them. Returns how many numbers they have; `None` if the
    /// job was not closed.
    pub(in crate::store) fn give_up(&self) -> Option<u64> {
        let mut state = self.lock();
        if state.closing != Closing::Writing {
            return None;
        }
        state.closing = Closing::Written;
        let numbers = state.memory.values().map(|held| held.block.rows() as u64).sum();
        state.drop_memory();
        Some(numbers)
    }

    /// Why there is nothing to read for somebody who wants all, or what there is; `None` if there is.
    pub(crate) fn refusal(&self, wanted: Wanted) -> Option<String> {
        let state = self.lock();
        match &state.ending {
            Some(Ending::Broken(reason)) if wanted == Wanted::Whole || state.cleared => Some(reason.clone()),
            _ => None,
        }
    }
}
