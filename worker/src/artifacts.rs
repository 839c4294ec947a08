//! Programs that travel with jobs: fetched from the coordinator when they are needed, and kept in a folder.
//!
//! A file has its SHA-256 as its name, so workers on the same host share what is there. What is not as its name says is
//! fetched again.

use std::{
    fs::{self, File, FileTimes},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use ring::digest::{Context, SHA256, digest};
use swath_model::{Artifact, ArtifactId};
use swath_proto::{
    ARTIFACT_DATA_BYTES,
    v1::{self, artifacts_client::ArtifactsClient},
};
use tonic::transport::Channel;
use tracing::{debug, warn};

/// How often a program is asked for, before its job cannot be computed here.
const ATTEMPTS: u32 = 3;

/// The pause after the first attempt; later ones are longer.
const PAUSE: Duration = Duration::from_millis(200);

/// A folder of programs.
#[derive(Debug, Clone)]
pub struct ArtifactCache {
    /// The folder; it is made when it is needed.
    pub folder: PathBuf,
    /// Bytes that all files in it together may have. The ones that were not used for the longest time go.
    pub limit: u64,
}

/// The bytes of an artifact: from the folder, or from the coordinator.
///
/// # Errors
/// A sentence that says why it cannot be had.
pub(crate) async fn fetch(cache: Arc<ArtifactCache>, artifact: Artifact, channel: Channel) -> Result<Vec<u8>, String> {
    let look = {
        let cache = Arc::clone(&cache);
        move || cache.get(artifact.id)
    };
    if let Ok(Some(bytes)) = tokio::task::spawn_blocking(look).await {
        return Ok(bytes);
    }
    let mut attempts = 1;
    let bytes = loop {
        match download(artifact, channel.clone()).await {
            Ok(bytes) => break bytes,
            Err(reason) if attempts < ATTEMPTS => {
                warn!(artifact = %artifact.id, reason, "a program could not be fetched; it is tried again");
                tokio::time::sleep(PAUSE * attempts).await;
                attempts += 1;
            }
            Err(reason) => return Err(format!("cannot fetch its program: {reason}")),
        }
    };
    let keep = move || {
        // It works without the folder, too.
        if let Err(error) = cache.put(artifact.id, &bytes) {
            warn!(folder = %cache.folder.display(), %error, "cannot keep a program for later");
        }
        bytes
    };
    tokio::task::spawn_blocking(keep).await.map_err(|error| error.to_string())
}

async fn download(artifact: Artifact, channel: Channel) -> Result<Vec<u8>, String> {
    if artifact.bytes > Artifact::MAX_BYTES {
        return Err(format!("it has {} bytes; at most {} are allowed", artifact.bytes, Artifact::MAX_BYTES));
    }
    let request = v1::FetchArtifactRequest { sha256: artifact.id.0.to_vec().into(), offset: 0 };
    let mut service = ArtifactsClient::new(channel).max_decoding_message_size(2 * ARTIFACT_DATA_BYTES);
    let said = |status: tonic::Status| status.message().to_owned();
    let mut messages = service.fetch(request).await.map_err(said)?.into_inner();
    let (mut bytes, mut digest) = (Vec::new(), Context::new(&SHA256));
    while let Some(message) = messages.message().await.map_err(said)? {
        if (bytes.len() + message.data.len()) as u64 > artifact.bytes {
            return Err(format!("more than its {} bytes came", artifact.bytes));
        }
        digest.update(&message.data);
        bytes.extend_from_slice(&message.data);
    }
    if digest.finish().as_ref() != artifact.id.0 {
        return Err("what came is another file: it was damaged on the way".to_owned());
    }
    debug!(artifact = %artifact.id, bytes = bytes.len(), "a program was fetched");
    Ok(bytes)
}

impl ArtifactCache {
    /// A file that is there and whole.
    fn get(&self, id: ArtifactId) -> Option<Vec<u8>> {
        let path = self.path(id);
        let bytes = fs::read(&path).ok()?;
        if digest(&SHA256, &bytes).as_ref() != id.0 {
            warn!(file = %path.display(), "a program was damaged on the disk; it is fetched again");
            return None;
        }
        // The time of its last use; a folder that others own does not let us.
        let _ = File::open(&path).and_then(|file| file.set_times(FileTimes::new().set_modified(SystemTime::now())));
        Some(bytes)
    }

    /// Keeps a file, and makes room for it.
    fn put(&self, id: ArtifactId, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() as u64 > self.limit {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        self.make_room(bytes.len() as u64)?;
        // Others may write the same file now; the last one gets the name.
        let mut file = tempfile::Builder::new().prefix("new-").tempfile_in(&self.folder)?;
        file.write_all(bytes)?;
        file.persist(self.path(id)).map_err(|error| error.error)?;
        Ok(())
    }

    /// Deletes what was not used for the longest time.
    fn make_room(&self, bytes: u64) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let is_ours = entry.file_name().to_str().is_some_and(|name| name.parse::<ArtifactId>().is_ok());
            if is_ours {
                let metadata = entry.metadata()?;
                files.push((metadata.modified()?, metadata.len(), entry.path()));
            }
        }
        files.sort();
        let mut used: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, size, path) in files {
            if used.saturating_add(bytes) <= self.limit {
                break;
            }
            remove(&path)?;
            used -= size;
        }
        Ok(())
    }

    fn path(&self, id: ArtifactId) -> PathBuf {
        self.folder.join(id.to_string())
    }
}

/// Deletes a file that another worker may delete, too.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(bytes: &[u8]) -> ArtifactId {
        ArtifactId::from_slice(digest(&SHA256, bytes).as_ref()).unwrap()
    }

    #[test]
    fn a_damaged_file_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let cache = ArtifactCache { folder: folder.path().join("new"), limit: 100 };
        assert_eq!(cache.get(id(b"one")), None);
        cache.put(id(b"one"), b"one").unwrap();
        assert_eq!(cache.get(id(b"one")).as_deref(), Some(&b"one"[..]));
        fs::write(cache.path(id(b"one")), b"two").unwrap();
        assert_eq!(cache.get(id(b"one")), None);
        cache.put(id(b"one"), b"one").unwrap();
        assert!(cache.get(id(b"one")).is_some());
    }

    #[test]
    fn what_was_not_used_for_the_longest_time_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let cache = ArtifactCache { folder: folder.path().to_owned(), limit: 100 };
        fs::write(folder.path().join("not ours"), [0; 1000]).unwrap();
        let files: Vec<[u8; 40]> = (0..3).map(|byte| [byte; 40]).collect();
        for (age, file) in (0..2).zip(&files) {
            cache.put(id(file), file).unwrap();
            let time = SystemTime::now() - Duration::from_secs(100 - age);
            let kept = File::options().append(true).open(cache.path(id(file))).unwrap();
            kept.set_times(FileTimes::new().set_modified(time)).unwrap();
        }
        assert!(cache.get(id(&files[0])).is_some(), "it is the one that was used last now");
        cache.put(id(&files[2]), &files[2]).unwrap();
        let there: Vec<_> = files.iter().map(|file| cache.get(id(file)).is_some()).collect();
        assert_eq!(there, [true, false, true]);
        cache.put(id(&[9; 200]), &[9; 200]).unwrap();
        assert!(folder.path().join("not ours").exists());
        assert_eq!(cache.get(id(&[9; 200])), None, "it is larger than all of the room");
    }
}
