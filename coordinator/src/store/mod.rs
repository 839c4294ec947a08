//! The result store: blocks in memory, parts in a folder or a bucket, and which numbers are where.
//!
//! A block comes in ([`Store::accept`]), is served to readers from memory, becomes a piece of a part, and leaves
//! memory when the part is durable; that is its commit. Blocks of a job in `delivered` mode count as
//! committed when they are in memory, and leave it when their reader has had them. They become parts only where memory
//! is short and the reader does not keep up.
//!
//! What is held is kept as intervals of *offsets*: positions of numbers in the range of the job, from 0. A number
//! is held at most once, so whatever was computed twice is committed once.

mod config;
mod disk;
mod error;
mod fact;
mod flush;
mod folders;
mod job;
mod memory;
mod object_store_error;
mod owner;
mod part;
mod part_store;
mod place;
mod read_ahead;
mod reader;
mod recheck;
mod recover;
mod result_store;
#[cfg(test)]
mod tests;
mod wanted;

pub use self::{
    config::{LedgerPlace, StoreConfig},
    error::StoreError,
    object_store_error::{ObjectStoreError, ObjectStoreErrorKind},
    place::{Place, PlaceError},
};
pub(crate) use self::{
    fact::Fact,
    job::JobResults,
    memory::Room,
    reader::{BlockReader, Piece, ReadError},
    recheck::Verdict,
    result_store::{DroppedParts, Store},
    wanted::Wanted,
};
