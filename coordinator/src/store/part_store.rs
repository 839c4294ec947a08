//! Where parts lie: the seam between the result store and a folder or a bucket.

pub(super) mod bucket;
pub(super) mod folder;
mod objects;
pub(super) mod path;
mod pending_deletes;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, io::Write, ops::Range, sync::Arc};

use bytes::Bytes;
use futures::future::BoxFuture;
use swath_model::JobId;

use super::{error::StoreError, object_store_error::ObjectStoreError, place::Place};
use crate::ledger::PartRow;

/// The answer of a store, when it comes.
pub(super) type Answer<'a, T> = BoxFuture<'a, Result<T, ObjectStoreError>>;

/// A store of parts, which are files or objects. Paths are relative to the store, with slashes.
///
/// A part appears under its path whole or not at all. What is deleted is gone now or later: a store remembers by itself
/// what it could not delete, and tries again when [`retry_deletes`](Self::retry_deletes) is called. Whatever is left
/// when the coordinator ends is found by the [`list`](Self::list) of the next one.
pub(super) trait PartStore: fmt::Debug + Send + Sync {
    /// Where the store is.
    fn place(&self) -> &Place;

    /// Where an object is, for people and for other programs: a path from the root on, or a URL.
    fn location(&self, path: &str) -> String;

    /// How an error sentence names an object whose [`ObjectStoreError`] it also shows.
    fn name_in_errors(&self, path: &str) -> String;

    /// The sentence for an error at the start of a coordinator.
    fn unusable(&self, reason: ObjectStoreError) -> StoreError;

    /// A path for a part of a job that begins at this offset. No late request of an earlier part can write to it.
    fn part_path(&self, job: JobId, first: u64) -> String;

    /// Begins to write a part of about so many bytes. It replaces what is under its path when it is finished.
    fn create<'a>(&'a self, path: &'a str, size_hint: usize) -> Answer<'a, Box<dyn PartWriter>>;

    /// Reads these bytes of an object; fewer are an error.
    fn read<'a>(&'a self, path: &'a str, bytes: Range<u64>) -> Answer<'a, Bytes>;

    /// The size of an object in bytes.
    fn size<'a>(&'a self, path: &'a str) -> Answer<'a, u64>;

    /// How readers of parts should read ahead.
    fn read_ahead(&self) -> ReadAhead;

    /// Deletes parts. Returns how many bytes that has freed by now.
    fn delete(&self, parts: Vec<DeletedPart>) -> BoxFuture<'_, u64>;

    /// Deletes these parts of a job, and everything else that there is of it. Returns how many bytes that has freed by
    /// now.
    fn delete_job(&self, job: JobId, parts: Vec<DeletedPart>) -> BoxFuture<'_, u64>;

    /// Tries again to delete what could not be deleted. Returns how many bytes that has freed.
    fn retry_deletes(&self) -> BoxFuture<'_, u64>;

    /// All parts that are there, also unfinished ones, with their sizes.
    fn list(&self) -> Answer<'_, BTreeMap<String, u64>>;

    /// Deletes what was [listed](Self::list) and is not in the ledger. An error says that something is still there.
    fn sweep(&self, paths: Vec<String>) -> Answer<'_, ()>;

    /// Reads a small object whole.
    fn get<'a>(&'a self, path: &'a str) -> Answer<'a, Bytes>;

    /// Writes a small object, unless there is one with this path.
    fn put_new<'a>(&'a self, path: &'a str, contents: Vec<u8>) -> Answer<'a, ()>;

    /// Writes a small object, and replaces one with this path.
    fn put<'a>(&'a self, path: &'a str, contents: Vec<u8>) -> Answer<'a, ()>;
}

/// A part that is being written. It blocks, so it belongs on a thread that may wait. An error of the store is the inner
/// error of its [`io::Error`](std::io::Error). If it is dropped before [`finish`](Self::finish), nothing is left of the
/// part.
pub(super) trait PartWriter: Write + Send {
    /// Makes the part durable under its path. Returns its size in bytes.
    fn finish(self: Box<Self>) -> Answer<'static, u64>;
}

/// How much a reader asks for at once, and how many such requests are under way or wait for the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReadAhead {
    /// A request for several blocks has about this size.
    pub(super) request_bytes: u64,
    pub(super) requests: usize,
}

/// A part that should be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeletedPart {
    pub(super) path: String,
    /// The bytes that are counted as used until it is gone.
    pub(super) bytes: u64,
}

impl DeletedPart {
    /// A part that is counted as used.
    pub(super) fn counted(part: &PartRow) -> Self {
        Self { path: part.path.clone(), bytes: part.bytes }
    }

    /// A part that was written just now and not counted yet.
    pub(super) fn uncounted(part: &PartRow) -> Self {
        Self { path: part.path.clone(), bytes: 0 }
    }
}

/// Several parts that are counted as used.
pub(super) fn counted(parts: &[Arc<PartRow>]) -> Vec<DeletedPart> {
    parts.iter().map(|part| DeletedPart::counted(part)).collect()
}
