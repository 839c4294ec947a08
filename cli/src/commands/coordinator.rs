//! `swath coordinator start`.

use std::time::Duration;

use anyhow::Result;
use swath_client::AccessSource;
use swath_coordinator::{Coordinator, CoordinatorConfig, StoreConfig};

use super::signals;
use crate::{args::CoordinatorStart, exit::Ending};

/// A block waits no longer than this for its part to fill.
const PART_AGE: Duration = Duration::from_secs(2);
const PART_BYTES: u64 = 64 << 20;
/// What lies on the disk for a reader that does not keep up, where results are wanted only once.
const WINDOW_BYTES: u64 = 1 << 30;
/// A block that is larger than all of the memory gets all of it; without any there would be no bound.
const MIN_MEMORY: u64 = 1 << 20;

pub(super) async fn start(args: CoordinatorStart) -> Result<()> {
    if !args.listen.ip().is_loopback() && args.access.is_none() && !args.insecure {
        return Err(Ending::Usage(format!(
            "{} can be reached from other machines, where anybody could use this coordinator: \
             add --access FILE (`swath access create` makes it), listen on 127.0.0.1, \
             or add --insecure if the network is trusted",
            args.listen
        ))
        .into());
    }
    if args.lease_timeout < Duration::from_millis(100) {
        return Err(
            Ending::Usage("a lease timeout below 100ms would take leases from healthy workers".to_owned()).into()
        );
    }
    let memory = args.memory.as_u64();
    if memory < MIN_MEMORY {
        return Err(Ending::Usage(format!("{} of memory is too little; at least 1MiB is needed", args.memory)).into());
    }
    let config = CoordinatorConfig {
        listen: args.listen,
        store: StoreConfig {
            folder: args.data,
            place: args.store.unwrap_or_default(),
            durable: true,
            memory_bytes: usize::try_from(memory)?,
            part_bytes: usize::try_from(PART_BYTES.min(memory / 2))?,
            max_disk: args.max_disk.map(|size| size.as_u64()),
            window_bytes: WINDOW_BYTES,
            part_age: PART_AGE,
        },
        lease_timeout: args.lease_timeout,
        retain: args.retain,
        access: args.access.map(AccessSource::new),
        health_listen: args.health_listen,
    };
    let stop = signals::stop_token()?;
    let coordinator = Coordinator::bind(config).await?;
    Ok(coordinator.serve(stop).await?)
}
