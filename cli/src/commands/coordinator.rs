//! `swath coordinator start`.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Result;
use swath_client::AccessSource;
use swath_coordinator::{Coordinator, CoordinatorConfig, LedgerPlace, NoMetrics, StoreConfig};

use super::{listen, signals};
use crate::{
    args::CoordinatorStart,
    ending::Ending,
    output::{Listening, Output},
};

/// The longest time that a block waits for its part to fill.
const PART_AGE: Duration = Duration::from_secs(2);
const PART_BYTES: u64 = 64 << 20;
/// Bytes on the disk for a slow reader, where results are read only once.
const WINDOW_BYTES: u64 = 1 << 30;
/// A block that is larger than the memory gets all of it, so there must be some.
const MIN_MEMORY: u64 = 1 << 20;

pub(super) async fn start(args: CoordinatorStart, output: &dyn Output) -> Result<()> {
    let listen = listen::resolve(&args.listen).await?;
    if !listen.ip().is_loopback() && args.access.is_none() && !args.insecure {
        return Err(Ending::Usage(format!(
            "other machines can reach {listen}, and anybody there could use this coordinator: \
             add --access FILE (`swath access create` makes it), listen on 127.0.0.1, \
             or add --insecure if you trust the network"
        ))
        .into());
    }
    if args.lease_timeout < Duration::from_millis(100) {
        return Err(Ending::Usage(
            "the lease timeout must be at least 100ms: a shorter one would take leases from healthy workers".to_owned(),
        )
        .into());
    }
    refuse_urls(&args.data)?;
    let (memory, reader_memory) = (args.memory.as_u64(), args.reader_memory.as_u64());
    let least = memory.min(reader_memory);
    if least < MIN_MEMORY {
        return Err(Ending::Usage(format!("{least} bytes of memory are not enough: the minimum is 1MiB")).into());
    }
    let data = args.data.clone();
    let config = CoordinatorConfig {
        listen,
        store: StoreConfig {
            folder: args.data,
            place: args.store.unwrap_or_default(),
            ledger: LedgerPlace::Folder,
            memory_bytes: usize::try_from(memory)?,
            reader_memory_bytes: usize::try_from(reader_memory)?,
            part_bytes: usize::try_from(PART_BYTES.min(memory / 2))?,
            max_disk: args.max_disk.map(|size| size.as_u64()),
            window_bytes: WINDOW_BYTES,
            part_age: PART_AGE,
            metrics: Arc::new(NoMetrics),
        },
        max_artifacts: args.max_artifacts.as_u64(),
        lease_timeout: args.lease_timeout,
        reader_timeout: args.reader_timeout,
        retain: args.retain,
        access: args.access.map(AccessSource::new),
        health_listen: listen::at(args.health_listen.as_ref()).await?,
    };
    let stop = signals::stop_token()?;
    let coordinator = Coordinator::bind(config).await?;
    // A reader that has closed standard output does not need it.
    let _ = output.coordinator_listening(&Listening { address: coordinator.address() });
    // The coordinator has created it.
    let data = std::fs::canonicalize(&data).unwrap_or(data);
    tracing::info!(folder = %data.display(), "jobs and results are stored here");
    Ok(coordinator.serve(stop).await?)
}

/// A URL is not a path, although some programs take it for one: it must be clear where results are. Other names with a
/// colon are fine.
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
            "--data takes the path of a folder, and `{text}` is a URL: name a folder, and use --store to put results elsewhere \
             (for a folder of this name write ./{text})"
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
