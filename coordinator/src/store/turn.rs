//! The turn of a reader: the room that it has for what it holds.

use std::sync::Arc;

use super::memory::{Memory, Room};

/// What a reader holds of the memory for readers. A turn ends when others wait for room: then the reader gives back all
/// that it has and waits behind them, so readers of long results get one block each in turn. Nobody holds room while it
/// waits for more.
#[derive(Debug)]
pub(super) struct Turn {
    memory: Arc<Memory>,
    /// What its stream needs beside its blocks.
    working_bytes: usize,
    /// The room for that, in this turn.
    working: Option<Arc<Room>>,
    /// Room that was waited for and is not used yet.
    prepared: Option<Room>,
}

/// Room for one step of a reader.
#[derive(Debug)]
pub(super) struct Budget {
    memory: Arc<Memory>,
    prepared: Option<Room>,
}

impl Turn {
    pub(super) fn new(memory: Arc<Memory>, working_bytes: usize) -> Self {
        Self { memory, working_bytes, working: None, prepared: None }
    }

    /// The room for a step, if it can be made now. It has what was waited for.
    pub(super) fn go_on(&mut self) -> Option<Budget> {
        if self.prepared.is_none() && self.memory.is_short() {
            return None;
        }
        let mut budget = Budget { memory: Arc::clone(&self.memory), prepared: self.prepared.take() };
        if self.working.is_none() && self.working_bytes > 0 {
            self.working = Some(Arc::new(budget.take(self.working_bytes)?));
        }
        Some(budget)
    }

    /// Room for what is read before it is asked for; nobody waits for that.
    pub(super) fn ahead(&self) -> Option<Budget> {
        (!self.memory.is_short()).then(|| Budget { memory: Arc::clone(&self.memory), prepared: None })
    }

    /// Gives back what it has, and waits until there is room for so many bytes beside the working bytes.
    pub(super) async fn wait(&mut self, bytes: usize) {
        (self.working, self.prepared) = (None, None);
        self.prepared = Some(self.memory.reserve(self.working_bytes.saturating_add(bytes)).await);
    }

    /// Gives back what it has: it waits for something else.
    pub(super) fn rest(&mut self) {
        (self.working, self.prepared) = (None, None);
    }

    /// The room for the working bytes. Whoever holds a clone keeps it.
    pub(super) fn working(&self) -> Option<Arc<Room>> {
        self.working.clone()
    }
}

impl Budget {
    /// Room for so many bytes, if there is any now.
    pub(super) fn take(&mut self, bytes: usize) -> Option<Room> {
        match self.prepared.as_mut().and_then(|prepared| prepared.split(bytes)) {
            Some(room) => Some(room),
            None => self.memory.try_reserve(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn readers_take_turns() {
        let memory = Arc::new(Memory::new(10 << 10));
        let (mut first, mut second) =
            (Turn::new(Arc::clone(&memory), 2 << 10), Turn::new(Arc::clone(&memory), 2 << 10));
        let block = first.go_on().unwrap().take(6 << 10).unwrap();
        assert!(second.go_on().unwrap().take(6 << 10).is_none());
        {
            let mut waits = std::pin::pin!(second.wait(7 << 10));
            assert!(futures::poll!(waits.as_mut()).is_pending());
            // Somebody waits, so the first may not go on, though there is room.
            assert!(first.go_on().is_none() && first.ahead().is_none());
            drop(block);
            assert!(futures::poll!(waits.as_mut()).is_pending(), "the working bytes of the first are in use");
            let mut again = std::pin::pin!(first.wait(6 << 10));
            assert!(futures::poll!(again.as_mut()).is_pending());
            waits.await;
            assert!(futures::poll!(again.as_mut()).is_pending());
        }
        let block = second.go_on().unwrap().take(6 << 10).unwrap();
        second.rest();
        drop(block);
        assert!(memory.try_reserve(10 << 10).is_some());
    }
}
