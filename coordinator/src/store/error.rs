//! Why the result store failed.

use super::object_store_error::ObjectStoreError;
use crate::ledger::LedgerError;

/// Why the result store failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The folder cannot be used.
    #[error("cannot use the data folder {folder}: {reason}")]
    Folder {
        /// The folder.
        folder: String,
        /// The error of the system.
        reason: String,
    },
    /// A part could not be written.
    #[error("cannot write part {path}: {error}")]
    Write {
        /// The part.
        path: String,
        /// The error of the object store.
        error: ObjectStoreError,
    },
    /// The limit on results is smaller than any part.
    #[error(
        "a limit of {limit} bytes leaves no room for results: a part needs {part} at the least, and up to {most} where its \
         numbers are large; allow more"
    )]
    LimitTooSmall {
        /// The limit in bytes.
        limit: u64,
        /// The size of the smallest part.
        part: String,
        /// The size of the largest block, and so of the smallest part that has it.
        most: String,
    },
    /// The disk of a folder is too small.
    #[error(
        "the disk of the folder {folder} {what}, and the ledger and the smallest part need {needed}; name another folder"
    )]
    TooSmall {
        /// The folder.
        folder: String,
        /// What there is.
        what: String,
        /// What is needed.
        needed: String,
    },
    /// The next part is larger than the rest of what results may take.
    #[error(
        "the next part needs {needed}, and {free} of the {limit} that --max-disk allows is free; forget jobs, or allow more"
    )]
    DiskLimit {
        /// What the part needs.
        needed: String,
        /// What is left of the limit.
        free: String,
        /// What all results may take.
        limit: String,
    },
    /// A part could not be assembled.
    #[error("cannot assemble part {path}: {reason}")]
    Assemble {
        /// The part.
        path: String,
        /// The error of the writer.
        reason: String,
    },
    /// A part could not be read.
    #[error("cannot read part {path}: {error}")]
    Read {
        /// The part.
        path: String,
        /// The error of the object store.
        error: ObjectStoreError,
    },
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A part is not what was written.
    #[error("part {path} is damaged: {reason}")]
    Damaged {
        /// The part.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A block in memory is not what was received.
    #[error("the block at offset {first} was damaged in memory: {reason}")]
    BlockDamaged {
        /// Its first offset.
        first: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The settings of the store are wrong.
    #[error("cannot use the store {place}: {reason}")]
    Settings {
        /// The store.
        place: String,
        /// What is wrong with them.
        reason: ObjectStoreError,
    },
    /// The endpoint is not encrypted.
    #[error("the endpoint {endpoint} is not encrypted; set AWS_ALLOW_HTTP=true if the network is trusted")]
    Plain {
        /// The endpoint.
        endpoint: String,
    },
    /// The store cannot be reached.
    #[error("cannot reach the store {place} at {endpoint} with {credentials}: {reason}")]
    Unreachable {
        /// The store.
        place: String,
        /// The server.
        endpoint: String,
        /// What kind of credentials there are.
        credentials: &'static str,
        /// What went wrong.
        reason: ObjectStoreError,
    },
    /// The store does not accept the credentials.
    #[error("{endpoint} refuses {credentials} for the store {place}: {reason}")]
    Denied {
        /// The store.
        place: String,
        /// The server.
        endpoint: String,
        /// What kind of credentials there are.
        credentials: &'static str,
        /// The answer of the server.
        reason: ObjectStoreError,
    },
    /// The bucket does not exist.
    #[error("the bucket of the store {place} does not exist at {endpoint}; create it, or name another")]
    NoBucket {
        /// The store.
        place: String,
        /// The server.
        endpoint: String,
    },
    /// The store belongs to another coordinator.
    #[error(
        "the store {place} belongs since {since} to the coordinator of {owner}, not to that of {me}: name another prefix; \
         if the other coordinator will not come back, delete {object}, and this one takes over"
    )]
    Owned {
        /// The store.
        place: String,
        /// The data folder, host and ledger of its owner.
        owner: String,
        /// Since when.
        since: String,
        /// Those of this coordinator.
        me: String,
        /// The object that names the owner.
        object: String,
    },
    /// The ledger is older than the store.
    #[error(
        "the ledger in {folder} is older than the results in the store {place}: it counts {known} starts of its coordinator, \
         and the store was used by start {used}; the ledger is a copy, or comes from a backup: use the newest ledger, or \
         delete {object} to drop all results that this ledger does not know"
    )]
    OldLedger {
        /// The store.
        place: String,
        /// The folder of the ledger.
        folder: String,
        /// The last start of a coordinator that used the store.
        used: u64,
        /// How many starts the ledger counts.
        known: u64,
        /// The object that names the owner.
        object: String,
    },
    /// The object that names the owner of the store cannot be understood.
    #[error("cannot tell from {object} who owns the store ({reason}); name another prefix, or delete that object")]
    UnreadableOwner {
        /// The object.
        object: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The results lie in another place.
    #[error(
        "the results of the data folder {folder} lie in {recorded}, not in {place}: start the coordinator with that store, or \
         name another data folder"
    )]
    Elsewhere {
        /// The data folder.
        folder: String,
        /// The place of its results.
        recorded: String,
        /// The place that was given.
        place: String,
    },
    /// The system has no random numbers.
    #[error("the system has no random numbers; this start of the coordinator needs some, as its name")]
    Randomness,
    /// There are results of jobs that the ledger never had.
    #[error(
        "the store {place} holds results of jobs that the ledger in {folder} never had; nothing was deleted: name another \
         prefix, or put the ledger of these results back"
    )]
    UnknownResults {
        /// The store.
        place: String,
        /// The folder of the ledger.
        folder: String,
    },
}

impl StoreError {
    /// The error for whoever starts a coordinator on this data folder.
    pub(crate) fn at_start(self, folder: &str) -> Self {
        match self {
            Self::Ledger(error) => Self::Ledger(error.at_start(folder)),
            other => other,
        }
    }
}
