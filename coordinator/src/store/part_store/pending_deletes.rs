//! Deletes that have not been carried out yet.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use swath_model::JobId;

use super::{DeletedPart, path::job_of};

/// A server refuses requests that were signed more than 15 minutes ago.
const LATEST_REQUEST: Duration = Duration::from_secs(16 * 60);

/// The objects that should be gone and may still be there, or may appear yet.
#[derive(Debug, Default)]
pub(super) struct PendingDeletes {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    deletes: BTreeMap<String, PendingDelete>,
    /// Bytes of parts whose place was taken by another part since they were last asked for.
    replaced_bytes: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct PendingDelete {
    /// The bytes that it frees.
    bytes: u64,
    /// Until then the object may appear again.
    until: Instant,
}

impl PendingDeletes {
    /// A part that could not be deleted.
    pub(super) fn add(&self, part: DeletedPart) {
        self.insert(part.path, PendingDelete { bytes: part.bytes, until: Instant::now() });
    }

    /// An object whose write was not answered: it may have been written, or be written yet.
    pub(super) fn add_uncertain(&self, path: String) {
        self.insert(path, PendingDelete { bytes: 0, until: Instant::now() + LATEST_REQUEST });
    }

    fn insert(&self, path: String, new: PendingDelete) {
        let mut state = self.lock();
        let delete = state.deletes.entry(path).or_insert(new);
        delete.bytes = delete.bytes.max(new.bytes);
        delete.until = delete.until.max(new.until);
    }

    /// Another part has this path now, and must not be deleted.
    pub(super) fn replaced(&self, path: &str) {
        let mut state = self.lock();
        if let Some(delete) = state.deletes.remove(path) {
            state.replaced_bytes += delete.bytes;
        }
    }

    /// The bytes of parts that were replaced since the last call.
    pub(super) fn take_replaced_bytes(&self) -> u64 {
        std::mem::take(&mut self.lock().replaced_bytes)
    }

    pub(super) fn all(&self) -> Vec<(String, PendingDelete)> {
        self.lock().deletes.iter().map(|(path, &delete)| (path.clone(), delete)).collect()
    }

    pub(super) fn of_job(&self, job: JobId) -> Vec<(String, PendingDelete)> {
        self.all().into_iter().filter(|(path, _)| job_of(path) == Some(job)).collect()
    }

    /// These were carried out. Those whose object may appear again stay. Returns the bytes that are free now.
    pub(super) fn done(&self, deletes: &[(String, PendingDelete)]) -> u64 {
        let mut state = self.lock();
        let now = Instant::now();
        let mut bytes = 0;
        for (path, done) in deletes {
            bytes += done.bytes;
            match state.deletes.get_mut(path) {
                Some(delete) if delete.until > now => delete.bytes = 0,
                _ => drop(state.deletes.remove(path)),
            }
        }
        bytes
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(path: &str, bytes: u64) -> DeletedPart {
        DeletedPart { path: path.to_owned(), bytes }
    }

    #[test]
    fn what_was_deleted_frees_its_bytes_once() {
        let pending = PendingDeletes::default();
        pending.add(part("jobs/1/part-0", 10));
        pending.add(part("jobs/1/part-0", 10));
        pending.add(part("jobs/2/part-0", 5));
        assert_eq!(pending.of_job(JobId(2)).len(), 1);
        let all = pending.all();
        assert_eq!(pending.done(&all), 15);
        assert!(pending.all().is_empty());
    }

    #[test]
    fn a_write_that_was_not_answered_is_deleted_again_and_again() {
        let pending = PendingDeletes::default();
        pending.add_uncertain("jobs/1/part-0".to_owned());
        pending.add(part("jobs/1/part-0", 10));
        let all = pending.all();
        assert_eq!(pending.done(&all), 10);
        let again = pending.all();
        assert_eq!((again.len(), pending.done(&again)), (1, 0));
    }

    #[test]
    fn a_part_that_was_written_again_is_not_deleted_but_its_old_bytes_are_free() {
        let pending = PendingDeletes::default();
        pending.add(part("jobs/1/part-0", 10));
        pending.replaced("jobs/1/part-0");
        assert!(pending.all().is_empty());
        assert_eq!((pending.take_replaced_bytes(), pending.take_replaced_bytes()), (10, 0));
    }
}
