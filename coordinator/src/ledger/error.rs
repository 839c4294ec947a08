//! Why a ledger failed.

/// Why the ledger failed. The variants are for programs, the sentences for people; nobody needs to read a sentence to
/// find out what happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Another coordinator uses the folder.
    #[error("the data folder {folder} is in use by another coordinator; stop it, or name another folder")]
    InUse {
        /// The folder.
        folder: String,
    },
    /// The file of the ledger may also be that of another folder.
    #[error(
        "the ledger of the data folder {folder} {reason}, so it may also be the ledger of another folder: name that folder, \
         or put a copy of the file in its place (--store keeps results elsewhere)"
    )]
    Linked {
        /// The folder.
        folder: String,
        /// What kind of link.
        reason: &'static str,
    },
    /// The folder is of another version of the program.
    #[error("the data folder {folder} has format {found}, and this swath knows format {known}; it was left as it is")]
    Format {
        /// The folder.
        folder: String,
        /// Its format.
        found: i64,
        /// The format that this program knows.
        known: i64,
    },
    /// There are results, but not the ledger that they belong to.
    #[error(
        "the data folder {folder} holds results but their ledger is missing, empty or older; it was left as it is: \
             name another folder, or put the ledger back"
    )]
    NoLedger {
        /// The folder.
        folder: String,
    },
    /// The folder cannot be used.
    #[error("cannot use the data folder {folder}: {reason}")]
    Folder {
        /// The folder.
        folder: String,
        /// The error of the system.
        reason: String,
    },
    /// The file is not a ledger, or cannot be read.
    #[error("cannot read the ledger of the data folder {folder}: {reason}; it was left as it is")]
    Unreadable {
        /// The folder.
        folder: String,
        /// The error of the database.
        reason: String,
    },
    /// There is no room: the disk is full, or a limit of this process or its user is reached.
    #[error("the ledger failed: {reason}")]
    Full {
        /// The error of the database.
        reason: String,
    },
    /// The ledger has another job with this id or this token.
    #[error("the ledger has another job with this id or token: {reason}")]
    Taken {
        /// The error of the database.
        reason: String,
    },
    /// The database failed in another way.
    #[error("the ledger failed: {reason}")]
    Failed {
        /// The error of the database.
        reason: String,
    },
    /// A row is not what this program wrote.
    #[error("the ledger is damaged: {reason}")]
    Damaged {
        /// What is wrong.
        reason: String,
    },
    /// A coordinator cannot start because of its ledger.
    #[error("cannot start on the data folder {folder}: {error}")]
    AtStart {
        /// The folder.
        folder: String,
        /// What is wrong.
        error: Box<LedgerError>,
    },
    /// A job is in the ledger that this program cannot compute.
    #[error("cannot use job {job} of the ledger: {reason}")]
    UnknownJob {
        /// The id of the job.
        job: u64,
        /// What is wrong with it.
        reason: String,
    },
}

impl LedgerError {
    /// Whether there was no room: on the disk, or within a limit of this process or its user.
    pub(crate) fn is_disk_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }

    /// The error for whoever starts a coordinator on this folder, which the errors of a database do not name.
    pub(crate) fn at_start(self, folder: &str) -> Self {
        match self {
            Self::Full { .. } | Self::Taken { .. } | Self::Failed { .. } | Self::Damaged { .. } => {
                Self::AtStart { folder: folder.to_owned(), error: Box::new(self) }
            }
            named => named,
        }
    }
}
