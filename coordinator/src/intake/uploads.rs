//! Uploads: which session they belong to, and the room of their blocks.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{FutureExt, future::BoxFuture};
use ring::rand::{SecureRandom, SystemRandom};
use swath_coordinator_core::ToWorker;
use swath_model::WorkerId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tonic::Status;

use crate::store::{Room, Store};

/// Which session has which key.
#[derive(Clone, Default)]
pub(crate) struct UploadKeys(Arc<Mutex<BTreeMap<String, Session>>>);

/// A key that nobody can guess: whoever sends it with an upload is the worker of a session. It is good as long as
/// that session is open, and not longer than this is kept.
#[derive(Debug)]
pub(crate) struct UploadKey {
    key: String,
    keys: UploadKeys,
}

/// What an upload knows of its session.
#[derive(Debug, Clone)]
pub(super) struct Session {
    worker: WorkerId,
    /// The driver drops its end when the session is over.
    outbox: mpsc::WeakSender<ToWorker>,
    /// Held while a block is half sent: one at a time, whatever the number of streams.
    turn: Arc<Semaphore>,
}

impl UploadKeys {
    /// A new key. No upload is let through with it before [`Self::open`].
    pub(crate) fn draw(&self) -> Result<UploadKey, Status> {
        let mut bytes = [0; 16];
        SystemRandom::new().fill(&mut bytes).map_err(|_| Status::internal("the system has no random numbers"))?;
        Ok(UploadKey { key: format!("{:032x}", u128::from_le_bytes(bytes)), keys: self.clone() })
    }

    pub(super) fn session(&self, key: &str) -> Option<Session> {
        self.lock().get(key).filter(|session| session.is_open()).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without the keys, which are secrets.
impl fmt::Debug for UploadKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadKeys").finish_non_exhaustive()
    }
}

impl UploadKey {
    /// From now on the worker with this outbox may upload with it.
    pub(crate) fn open(&self, worker: WorkerId, outbox: mpsc::WeakSender<ToWorker>) {
        let session = Session { worker, outbox, turn: Arc::new(Semaphore::new(1)) };
        self.keys.lock().insert(self.key.clone(), session);
    }

    pub(crate) fn text(&self) -> &str {
        &self.key
    }
}

impl Drop for UploadKey {
    fn drop(&mut self) {
        self.keys.lock().remove(&self.key);
    }
}

impl Session {
    fn is_open(&self) -> bool {
        self.outbox.upgrade().is_some()
    }
}

/// The refusal of an upload without an open session.
pub(super) fn no_session() -> Status {
    Status::resource_exhausted("nothing is read of this upload: it names no session that is open here")
}

/// One stream of blocks.
#[derive(Debug)]
pub(super) struct Uploads {
    store: Arc<Store>,
    session: Session,
    arrivals: Arrivals,
}

/// The session that an upload belongs to, and the rooms of its blocks, in their order.
#[derive(Debug, Clone)]
pub(crate) struct Arrivals {
    worker: WorkerId,
    rooms: Arc<Mutex<VecDeque<Room>>>,
}

impl Uploads {
    pub(super) fn new(store: Arc<Store>, session: Session) -> Self {
        let arrivals = Arrivals { worker: session.worker, rooms: Arc::default() };
        Self { store, session, arrivals }
    }

    pub(super) fn arrivals(&self) -> Arrivals {
        self.arrivals.clone()
    }

    /// Waits until a block of this size may come. The room is left with the arrivals; what is returned is to be kept
    /// until the block is whole.
    pub(super) fn reserve(&self, bytes: usize) -> BoxFuture<'static, Result<OwnedSemaphorePermit, Status>> {
        let (store, session, arrivals) = (Arc::clone(&self.store), self.session.clone(), self.arrivals.clone());
        async move {
            // It is never closed.
            let turn = Arc::clone(&session.turn).acquire_owned().await.map_err(|_| no_session())?;
            let room = store.reserve(bytes).await;
            if !session.is_open() {
                return Err(no_session());
            }
            arrivals.lock().push_back(room);
            Ok(turn)
        }
        .boxed()
    }
}

impl Arrivals {
    /// The worker whose session it is.
    pub(crate) fn worker(&self) -> WorkerId {
        self.worker
    }

    /// The room of the next block.
    pub(crate) fn next_room(&self) -> Option<Room> {
        self.lock().pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Room>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
