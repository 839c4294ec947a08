//! Objects of a bucket that should be gone.
//!
//! A request that was given up may have been carried out, or be carried out yet: what it wrote is not in the ledger. And
//! what nobody wants any more cannot be deleted while the bucket is out of reach. The rest of both is swept at the next
//! start.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use object_store::path::Path;
use swath_model::JobId;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{Store, objects::job_of};
use crate::ledger::PartRow;

/// How often they are deleted.
const LOOK: Duration = Duration::from_secs(2);

/// A server takes no request that was signed longer ago than 15 minutes.
const LATE: Duration = Duration::from_secs(16 * 60);

/// Paths of objects that should be gone.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    paths: Mutex<BTreeMap<String, Doubt>>,
    sequence: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct Doubt {
    /// What its deletion makes room of.
    bytes: u64,
    /// It may come back until then.
    until: Instant,
}

impl Doubts {
    /// Another number each time.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed)
    }

    /// An object that may have been written, and is not wanted.
    pub(super) fn uncertain(&self, path: &str) {
        self.insert(path, Doubt { bytes: 0, until: Instant::now() + LATE });
    }

    /// An object that is there and could not be deleted.
    pub(super) fn unwanted(&self, path: &str, bytes: u64) {
        self.insert(path, Doubt { bytes, until: Instant::now() });
    }

    fn insert(&self, path: &str, new: Doubt) {
        let mut doubts = self.lock();
        let doubt = doubts.entry(path.to_owned()).or_insert(new);
        doubt.bytes = doubt.bytes.max(new.bytes);
        doubt.until = doubt.until.max(new.until);
    }

    fn all(&self) -> Vec<(String, Doubt)> {
        self.lock().iter().map(|(path, &doubt)| (path.clone(), doubt)).collect()
    }

    /// These were deleted; returns how much room that made.
    fn deleted(&self, paths: &[(String, Doubt)]) -> u64 {
        let mut doubts = self.lock();
        let now = Instant::now();
        let mut bytes = 0;
        for (path, seen) in paths {
            bytes += seen.bytes;
            match doubts.get_mut(path) {
                Some(doubt) if doubt.until > now => doubt.bytes = 0,
                _ => drop(doubts.remove(path)),
            }
        }
        bytes
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Doubt>> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Deletes what should be gone, again and again, until `stop`.
    pub(super) async fn settle_doubts(&self, stop: &CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => return,
            }
            let doubts = self.doubts.all();
            if doubts.is_empty() {
                continue;
            }
            let paths = doubts.iter().map(|(path, _)| Path::from(path.as_str())).collect();
            let deleted = tokio::select! {
                deleted = self.objects.delete(paths) => deleted,
                () = stop.cancelled() => return,
            };
            match deleted {
                Ok(()) => {
                    self.disk.remove(self.doubts.deleted(&doubts));
                    self.flush.notify_one();
                }
                Err(error) => debug!(%error, objects = doubts.len(), "objects that nobody wants are still there"),
            }
        }
    }

    /// Deletes all objects of a job in a bucket, these parts of it and what else there is.
    pub(super) async fn clear_remote(&self, job: JobId, parts: &[Arc<PartRow>]) {
        for part in parts {
            self.doubts.unwanted(&part.path, part.bytes);
        }
        if let Ok(others) = self.objects.parts(Some(job)).await {
            let known: BTreeSet<&str> = parts.iter().map(|part| part.path.as_str()).collect();
            others.keys().filter(|path| !known.contains(path.as_str())).for_each(|path| self.doubts.unwanted(path, 0));
        }
        let doubts: Vec<_> = self.doubts.all().into_iter().filter(|(path, _)| job_of(path) == Some(job)).collect();
        let paths = doubts.iter().map(|(path, _)| Path::from(path.as_str())).collect();
        match self.objects.delete(paths).await {
            Ok(()) => self.disk.remove(self.doubts.deleted(&doubts)),
            Err(error) => {
                warn!(%job, %error, objects = doubts.len(), "its results are deleted when the store can be reached");
            }
        }
    }
}
