//! The bounds on what waits in memory: blocks for the disk or their reader, and what readers hold.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

const UNIT: usize = 1 << 10;

/// What a block takes beside its bytes: its footer, decoded.
pub(super) const BLOCK_OVERHEAD: usize = 4 << 10;

/// Hands out room, in the order in which it is asked for. When there is none, uploads or readers wait and whoever can
/// free some is woken.
#[derive(Debug)]
pub(crate) struct Memory {
    room: Arc<Semaphore>,
    units: u32,
    waiting: AtomicUsize,
    wanted: Notify,
}

/// Room for some bytes; it is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    /// What was asked for; there may be less, if it is more than all of the memory.
    bytes: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Takes room for so many bytes off this. `None` if this is for fewer.
    pub(crate) fn split(&mut self, bytes: usize) -> Option<Self> {
        self.bytes = self.bytes.checked_sub(bytes)?;
        let permit = self.permit.as_mut().and_then(|all| all.split(bytes.div_ceil(UNIT).min(all.num_permits())));
        Some(Self { bytes, permit })
    }
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
        Some(Room { bytes, permit: Some(permit) })
    }

    /// Waits for room. Who asks for more than all of the memory gets all of it.
    pub(crate) async fn reserve(&self, bytes: usize) -> Room {
        if let Some(room) = self.try_reserve(bytes) {
            return room;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // So the count also goes down if who waits is dropped.
        let _counted = Counted(&self.waiting);
        self.wanted.notify_one();
        // The semaphore is never closed; if it were, going on without a permit would only loosen the bound.
        let permit = Arc::clone(&self.room).acquire_many_owned(self.units_of(bytes)).await.ok();
        Room { bytes, permit }
    }

    fn units_of(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.units)
    }

    /// Whether somebody waits for room.
    pub(crate) fn is_short(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Returns when somebody has begun to wait for room.
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

    #[tokio::test]
    async fn room_can_be_split() {
        let memory = Memory::new(4096);
        let mut room = memory.reserve(3 << 10).await;
        let one = room.split(1 << 10).unwrap();
        assert!(room.split(3 << 10).is_none());
        drop(one);
        assert!(memory.try_reserve(3 << 10).is_none() && memory.try_reserve(2 << 10).is_some());
        drop(room);
        // There is less than was asked for, and the parts are as if there were all.
        let mut all = memory.reserve(1 << 20).await;
        let parts = [all.split(1000 << 10).unwrap(), all.split(24 << 10).unwrap()];
        assert!(memory.try_reserve(1).is_none() && all.split(1).is_none());
        drop((parts, all));
        assert!(memory.try_reserve(4096).is_some());
    }
}
