//! The bound on the blocks that wait in memory.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

const UNIT: usize = 1 << 10;

/// Hands out room for blocks. When there is none, uploads wait and whoever can free some is woken.
#[derive(Debug)]
pub(crate) struct Memory {
    room: Arc<Semaphore>,
    units: u32,
    waiting: AtomicUsize,
    wanted: Notify,
}

/// Room for one block; it is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Memory {
    pub(crate) fn new(bytes: usize) -> Self {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        Self {
            room: Arc::new(Semaphore::new(units as usize)),
            units,
            waiting: AtomicUsize::new(0),
            wanted: Notify::new(),
        }
    }

    /// Room, if there is enough now.
    pub(crate) fn try_reserve(&self, bytes: usize) -> Option<Room> {
        let permit = Arc::clone(&self.room).try_acquire_many_owned(self.units_of(bytes)).ok()?;
        Some(Room { _permit: Some(permit) })
    }

    /// Waits for room. A block larger than all of the memory gets all of it.
    pub(crate) async fn reserve(&self, bytes: usize) -> Room {
        if let Some(room) = self.try_reserve(bytes) {
            return room;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // So the count also goes down if the upload is dropped while it waits.
        let _counted = Counted(&self.waiting);
        self.wanted.notify_one();
        // The semaphore is never closed; if it were, going on without a permit would only loosen the bound.
        let permit = Arc::clone(&self.room).acquire_many_owned(self.units_of(bytes)).await.ok();
        Room { _permit: permit }
    }

    fn units_of(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.units)
    }

    /// Whether uploads wait for room.
    pub(crate) fn is_short(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Returns when an upload has begun to wait for room.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }
}

struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn room_is_bounded_and_comes_back() {
        let memory = Memory::new(4096);
        let held = memory.reserve(3000).await;
        assert!(!memory.is_short());
        {
            let mut second = std::pin::pin!(memory.reserve(3000));
            assert!(futures::poll!(second.as_mut()).is_pending());
            assert!(memory.is_short());
            memory.wanted().await;
            drop(held);
            second.await;
        }
        assert!(!memory.is_short());
        assert!(memory.try_reserve(3000).is_some() && memory.try_reserve(1 << 30).is_some());
        let all = memory.reserve(1 << 30).await;
        assert!(futures::poll!(std::pin::pin!(memory.reserve(1))).is_pending());
        assert!(memory.try_reserve(1).is_none() && !memory.is_short());
        drop(all);
        memory.reserve(1).await;
    }
}
