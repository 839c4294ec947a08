//! Making parts of blocks.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    Fact, JobResults, Store,
    job::{Ending, Held, Part},
    part,
};

/// How often the age of what waits is looked at, and a failed part tried again.
const LOOK: Duration = Duration::from_millis(500);

impl Store {
    /// Writes parts as they become due, until `stop`; then writes what is left, and readers that wait are told.
    pub(crate) async fn drive_flushes(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = self.flush.notified() => {}
                () = self.memory.wanted() => {}
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => break,
            }
            self.flush_due(false).await;
        }
        self.flush_due(true).await;
        for results in self.lock_jobs().values() {
            results.end(Ending::GoingAway);
        }
    }

    /// Writes what is due; all that waits if it is the last time.
    async fn flush_due(&self, last_time: bool) {
        let jobs: Vec<Arc<JobResults>> = self.lock_jobs().values().cloned().collect();
        for results in jobs {
            loop {
                let blocks = results.take_for_part(&self.config, last_time || self.memory.is_short());
                if blocks.is_empty() || !self.write_part(&results, blocks).await {
                    break;
                }
            }
        }
    }

    /// True if the part is durable.
    async fn write_part(&self, results: &JobResults, blocks: Vec<(u64, Held)>) -> bool {
        let job = results.job();
        let path = self.part_path(job, blocks[0].0);
        let encoded = blocks.iter().map(|(_, held)| held.block.clone()).collect();
        match part::write(self.objects.as_ref(), &path, results.value_type(), encoded).await {
            Ok(bytes) => {
                debug!(%job, %path, bytes, blocks = blocks.len(), "part is durable");
                let was_failing = results.was_failing();
                for chunks in results.part_is_durable(Part { path, bytes }, &blocks) {
                    self.tell(Fact::Committed { job, chunks });
                }
                if was_failing {
                    self.tell(Fact::Resumed { job });
                }
                true
            }
            Err(error) => {
                if results.part_failed() {
                    warn!(%job, %error, "results wait in memory");
                    self.tell(Fact::Paused { job, reason: error.to_string() });
                }
                false
            }
        }
    }

    fn tell(&self, fact: Fact) {
        // The driver outlives the store but for the last moments of a shutdown, when nobody needs the fact.
        let _ = self.facts.send(fact);
    }
}
