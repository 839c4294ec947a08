//! The owner of a store. Without one, two coordinators on the same store would delete each other's results.

use std::time::SystemTime;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    config::StoreConfig,
    error::StoreError,
    object_store_error::{ObjectStoreError, ObjectStoreErrorKind},
    part_store::{PartStore, path::has_newer},
    place::Place,
};
use crate::ledger::{Identity, Ledger, LedgerError};

/// The object that names the owner.
const PATH: &str = "owner.json";

/// The coordinator that a store belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    /// The name of its ledger.
    ledger: String,
    /// How often a coordinator was started on that ledger.
    #[serde(rename = "epoch")]
    starts: u64,
    host: String,
    data: String,
    since: String,
}

/// Makes this ledger the owner of the store, unless another one is, and the store the place of the ledger's parts,
/// unless they lie in another place.
///
/// Results in the data folder need no owner: their ledger lies beside them.
pub(super) async fn claim(parts: &dyn PartStore, ledger: &dyn Ledger, config: &StoreConfig) -> Result<(), StoreError> {
    let place = parts.place().to_string();
    let Identity { id, place: recorded } = ledger.identity()?;
    let mut is_known = recorded == place;
    if *parts.place() != Place::Data {
        let me = Owner {
            ledger: id,
            starts: ledger.starts(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            data: config.folder_name(),
            since: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        };
        // A store that was copied to another place, with its owner, may be used there.
        is_known |= own(parts, &me, ledger, config).await? == Claim::Renewed;
    }
    if !is_known && ledger.has_parts()? {
        let name = |place: String| if place.is_empty() { "its own folder".to_owned() } else { place };
        let folder = config.folder_name();
        return Err(StoreError::Elsewhere { folder, recorded: name(recorded), place: name(place) });
    }
    Ok(ledger.set_place(&place)?)
}

/// How a ledger became the owner of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// The store had no owner.
    New,
    /// The ledger owned it before.
    Renewed,
}

async fn own(
    parts: &dyn PartStore,
    me: &Owner,
    ledger: &dyn Ledger,
    config: &StoreConfig,
) -> Result<Claim, StoreError> {
    let failed = |error: ObjectStoreError| parts.unusable(error);
    let mine = || serde_json::to_vec_pretty(me).unwrap_or_default();
    let owner = match parts.get(PATH).await {
        Ok(owner) => owner,
        Err(error) if error.kind() == ObjectStoreErrorKind::Missing => {
            let listed = parts.list().await.map_err(failed)?;
            if has_newer(&listed, ledger.last_job()?) {
                return Err(unknown_results(config));
            }
            match parts.put_new(PATH, mine()).await {
                Ok(()) => return Ok(Claim::New),
                // Another coordinator was faster.
                Err(error) if error.kind() == ObjectStoreErrorKind::AlreadyExists => {
                    parts.get(PATH).await.map_err(failed)?
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Err(error) => return Err(failed(error)),
    };
    check(parts, me, &owner)?;
    parts.put(PATH, mine()).await.map_err(failed)?;
    Ok(Claim::Renewed)
}

/// An error unless the owner of the store is this ledger, and at an earlier start.
fn check(parts: &dyn PartStore, me: &Owner, owner: &Bytes) -> Result<(), StoreError> {
    let (place, object) = (parts.place().to_string(), parts.location(PATH));
    let owner: Owner = match serde_json::from_slice(owner) {
        Ok(owner) => owner,
        Err(error) => return Err(StoreError::UnreadableOwner { object, reason: error.to_string() }),
    };
    if owner.ledger != me.ledger {
        let describe =
            |owner: &Owner| format!("the data folder {} on {} (ledger {})", owner.data, owner.host, owner.ledger);
        let (since, me) = (owner.since.clone(), describe(me));
        return Err(StoreError::Owned { place, owner: describe(&owner), since, me, object });
    }
    if owner.starts >= me.starts {
        let (folder, used, known) = (me.data.clone(), owner.starts, me.starts);
        return Err(StoreError::OldLedger { place, folder, used, known, object });
    }
    Ok(())
}

/// The store holds results of jobs that the ledger never had.
pub(super) fn unknown_results(config: &StoreConfig) -> StoreError {
    match &config.place {
        Place::Data => LedgerError::NoLedger { folder: config.folder.display().to_string() }.into(),
        place => StoreError::UnknownResults { place: place.to_string(), folder: config.folder_name() },
    }
}
