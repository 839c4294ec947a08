//! `swath coordinator start`.

use std::{path::Path, time::Duration};

use anyhow::Result;
use serde::Serialize;
use swath_client::AccessSource;
use swath_coordinator::{Coordinator, CoordinatorConfig, StoreConfig};

use super::{listen, signals};
use crate::{
    args::{CoordinatorStart, OutputMode},
    exit::Ending,
    show,
};

/// A block waits no longer than this for its part to fill.
const PART_AGE: Duration = Duration::from_secs(2);
const PART_BYTES: u64 = 64 << 20;
/// What lies on the disk for a reader that does not keep up, where results are wanted only once.
const WINDOW_BYTES: u64 = 1 << 30;
/// A block that is larger than all of the memory gets all of it; without any there would be no bound.
const MIN_MEMORY: u64 = 1 << 20;

/// What is printed as JSON when the coordinator listens.
#[derive(Serialize)]
struct Listening {
    address: String,
    process_id: u32,
}

pub(super) async fn start(args: CoordinatorStart, mode: OutputMode) -> Result<()> {
    let listen = listen::resolve(&args.listen).await?;
    if !listen.ip().is_loopback() && args.access.is_none() && !args.insecure {
        return Err(Ending::Usage(format!(
            "{listen} can be reached from other machines, where anybody could use this coordinator: \
             add --access FILE (`swath access create` makes it), listen on 127.0.0.1, \
             or add --insecure if the network is trusted"
        ))
        .into());
    }
    if args.lease_timeout < Duration::from_millis(100) {
        return Err(
            Ending::Usage("a lease timeout below 100ms would take leases from healthy workers".to_owned()).into()
        );
    }
    refuse_urls(&args.data)?;
    let memory = args.memory.as_u64();
    if memory < MIN_MEMORY {
        return Err(Ending::Usage(format!("{memory} bytes of memory are too little: at least 1MiB is needed")).into());
    }
    let data = args.data.clone();
    let config = CoordinatorConfig {
        listen,
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
        health_listen: listen::at(args.health_listen.as_ref()).await?,
    };
    let stop = signals::stop_token()?;
    let coordinator = Coordinator::bind(config).await?;
    if mode == OutputMode::Json {
        let listening = Listening { address: coordinator.address().to_string(), process_id: std::process::id() };
        // Whoever does not read it any more does not need it.
        let _ = show::json(&listening);
    }
    // It is there by now.
    let data = std::fs::canonicalize(&data).unwrap_or(data);
    tracing::info!(folder = %data.display(), "jobs and their results are kept here");
    Ok(coordinator.serve(stop).await?)
}

/// A folder is no URL, although some programs would take it for one: where results would then lie is no question that may
/// have two answers. Other names with a colon in them are fine.
fn refuse_urls(data: &Path) -> Result<()> {
    let text = data.to_string_lossy();
    let scheme = text.split_once("://").map(|(scheme, _)| scheme).or_else(|| {
        // SQLite does not ask for the slashes.
        text.get(..5).filter(|start| start.eq_ignore_ascii_case("file:")).map(|start| &start[..4])
    });
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.'))
    };
    if scheme.is_some_and(is_scheme) {
        return Err(Ending::Usage(format!(
            "--data takes the path of a folder, and `{text}` is an URL: name a folder, and if results should lie elsewhere, \
             name that with --store (a folder of this very name is ./{text})"
        ))
        .into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_no_folders() {
        for data in ["file:///x", "FILE:x", "file:", "file:/x", "s3://b/p", "gs://x", "x+y.z-1://"] {
            assert!(refuse_urls(Path::new(data)).is_err(), "{data}");
        }
        let folders =
            ["x", "/x", "a:b", "s3:b", "./file:x", "/file:/x", "profile:x", "://x", "1://x", "x%20y?#", "ü://x"];
        for data in folders {
            assert!(refuse_urls(Path::new(data)).is_ok(), "{data}");
        }
    }
}
