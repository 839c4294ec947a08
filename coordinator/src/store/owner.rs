//! Whose a store is: two coordinators with one store by mistake would sweep each other's results.

use std::time::SystemTime;

use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::{
    Place, StoreConfig, StoreError,
    objects::{self, Objects},
    trouble::{Kind, Trouble},
};
use crate::ledger::{Identity, Ledger};

/// The object that names the owner.
const PATH: &str = "owner.json";

/// The coordinator that a store belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    /// What its ledger is known by.
    ledger: String,
    /// How often a coordinator was started on that ledger.
    #[serde(rename = "epoch")]
    starts: u64,
    host: String,
    data: String,
    since: String,
}

/// Makes the store the ledger's own, if it is nobody else's, and the other way round.
///
/// The data folder needs none of it: the ledger lies in it.
pub(super) async fn claim(objects: &Objects, ledger: &dyn Ledger, config: &StoreConfig) -> Result<(), StoreError> {
    let place = objects.place().to_string();
    let Identity { id, place: recorded } = ledger.identity()?;
    let mut is_known = recorded == place;
    if *objects.place() != Place::Data {
        let me = Owner {
            ledger: id,
            starts: ledger.starts(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            data: config.folder_name(),
            since: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        };
        // A store that was copied to another place, its owner with it, may be used there.
        is_known |= own(objects, &me, ledger, config).await?;
    }
    if !is_known && ledger.has_parts()? {
        let name = |place: String| if place.is_empty() { "its own folder".to_owned() } else { place };
        let folder = config.folder_name();
        return Err(StoreError::Elsewhere { folder, recorded: name(recorded), place: name(place) });
    }
    Ok(ledger.set_place(&place)?)
}

/// True if the store was this ledger's already.
async fn own(objects: &Objects, me: &Owner, ledger: &dyn Ledger, config: &StoreConfig) -> Result<bool, StoreError> {
    let path = Path::from(PATH);
    let failed = |error: Trouble| objects.refusal(error);
    let mine = || serde_json::to_vec_pretty(me).unwrap_or_default();
    let owner = match objects.get(&path).await {
        Ok(owner) => Some(owner),
        Err(error) if error.kind() == Kind::Missing => {
            let parts = objects.parts(None).await.map_err(failed)?;
            if objects::has_newer(&parts, ledger.last_job()?) {
                return Err(config.strange());
            }
            match objects.create(&path, mine()).await {
                Ok(()) => None,
                // Another was faster.
                Err(error) if error.kind() == Kind::Exists => Some(objects.get(&path).await.map_err(failed)?),
                // Not every server has puts with a condition.
                Err(error) if error.kind() == Kind::Unknown => {
                    objects.put(&path, mine()).await.map_err(failed)?;
                    None
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Err(error) => return Err(failed(error)),
    };
    let Some(owner) = owner else { return Ok(false) };
    let place = || objects.place().to_string();
    let owner: Owner = serde_json::from_slice(&owner)
        .map_err(|error| StoreError::Unowned { object: objects.name(PATH), reason: error.to_string() })?;
    if owner.ledger != me.ledger {
        let describe =
            |owner: &Owner| format!("the data folder {} on {} (ledger {})", owner.data, owner.host, owner.ledger);
        return Err(StoreError::Owned {
            place: place(),
            owner: describe(&owner),
            since: owner.since.clone(),
            me: describe(me),
            object: objects.name(PATH),
        });
    }
    if owner.starts >= me.starts {
        let folder = me.data.clone();
        return Err(StoreError::Older {
            place: place(),
            folder,
            used: owner.starts,
            known: me.starts,
            object: objects.name(PATH),
        });
    }
    objects.put(&path, mine()).await.map_err(failed)?;
    Ok(true)
}
