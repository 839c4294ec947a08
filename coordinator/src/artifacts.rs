//! Files that travel with jobs, in the folder `artifacts` of the data folder.
//!
//! A file has the SHA-256 of its contents as its name, and gets it when it is whole and checked. Before that it is
//! `HASH.partial`, and an upload that was cut off goes on with it. A file is checked again before it is first given
//! out, because disks err.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fs::{self, File, FileTimes, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, SystemTime},
};

use bytesize::ByteSize;
use ring::digest::{Context, SHA256};
use swath_model::{Artifact, ArtifactId};
use swath_proto::ARTIFACT_DATA_BYTES;
use tokio::sync::Mutex as Turns;

/// How long a file is kept that no job needs.
pub(crate) const SPARE_TIME: Duration = Duration::from_secs(60 * 60);

/// Behind the name of a file that is not whole.
const PARTIAL: &str = "partial";

/// Why a file cannot be taken, or given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArtifactError {
    #[error("the artifact has {}; at most {} are allowed", ByteSize(*.0), ByteSize(Artifact::MAX_BYTES))]
    TooLarge(u64),
    #[error(
        "there is no room for an artifact of {}: artifacts may have {} together (--max-artifacts), and {} are in use",
        ByteSize(*bytes), ByteSize(*limit), ByteSize(*used)
    )]
    NoRoom { bytes: u64, limit: u64, used: u64 },
    #[error("the upload begins at byte {offset}, but {received} bytes are there")]
    Gap { offset: u64, received: u64 },
    #[error("more than the {} that were announced came", ByteSize(*.0))]
    TooMuch(u64),
    #[error("what came is another file than was announced: its SHA-256 is not {0}")]
    Other(ArtifactId),
    #[error("the artifact {0} is not here; upload it first")]
    Missing(ArtifactId),
    #[error("the artifact {0} was damaged on the disk and is deleted; submit the job again to upload it again")]
    Damaged(ArtifactId),
    #[error("cannot use the folder of artifacts: {0}")]
    Disk(#[from] io::Error),
}

/// What is there of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Whole,
    /// So many bytes.
    Part(u64),
}

/// The files.
pub(crate) struct Artifacts {
    folder: PathBuf,
    limit: u64,
    /// Files that were checked since the start.
    checked: Mutex<HashSet<ArtifactId>>,
    /// One upload of a file at a time.
    turns: Mutex<HashMap<ArtifactId, Weak<Turns<()>>>>,
}

impl Artifacts {
    /// Those in a data folder, with at most so many bytes.
    pub(crate) fn new(data: &Path, limit: u64) -> Self {
        Self { folder: data.join("artifacts"), limit, checked: Mutex::default(), turns: Mutex::default() }
    }

    /// One upload of a file at a time: whoever has this.
    pub(crate) fn turn(&self, id: ArtifactId) -> Arc<Turns<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = turns.get(&id).and_then(Weak::upgrade).unwrap_or_default();
        turns.insert(id, Arc::downgrade(&turn));
        turn
    }

    /// What is there of a file. It is kept for some time from now on.
    pub(crate) fn find(&self, artifact: Artifact) -> Result<Found, ArtifactError> {
        if artifact.bytes > Artifact::MAX_BYTES {
            return Err(ArtifactError::TooLarge(artifact.bytes));
        }
        if touch(&self.path(artifact.id))?.is_some_and(|bytes| bytes == artifact.bytes) {
            return Ok(Found::Whole);
        }
        let received = touch(&self.partial(artifact.id))?.unwrap_or(0);
        if received > artifact.bytes {
            // Somebody has announced the file with another size.
            fs::remove_file(self.partial(artifact.id))?;
            return Ok(Found::Part(0));
        }
        Ok(Found::Part(received))
    }

    /// Begins to take a file, or goes on, from a byte on. `None`: all of it is there.
    pub(crate) fn begin(&self, artifact: Artifact, offset: u64) -> Result<Option<Incoming>, ArtifactError> {
        let Found::Part(received) = self.find(artifact)? else { return Ok(None) };
        if offset != received {
            return Err(ArtifactError::Gap { offset, received });
        }
        fs::create_dir_all(&self.folder)?;
        let used = self.used()?;
        if used.saturating_sub(received).saturating_add(artifact.bytes) > self.limit {
            return Err(ArtifactError::NoRoom { bytes: artifact.bytes, limit: self.limit, used });
        }
        let path = self.partial(artifact.id);
        let mut file = OpenOptions::new().create(true).read(true).write(true).truncate(false).open(&path)?;
        let mut digest = Context::new(&SHA256);
        digest_of(&mut file, &mut digest)?;
        Ok(Some(Incoming { artifact, file, received, digest, path, target: self.path(artifact.id) }))
    }

    /// All bytes of a file, for whoever looks into it.
    pub(crate) fn read(&self, id: ArtifactId) -> Result<Vec<u8>, ArtifactError> {
        let mut bytes = Vec::new();
        self.open(id)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A file, checked, at its first byte.
    pub(crate) fn open(&self, id: ArtifactId) -> Result<File, ArtifactError> {
        let path = self.path(id);
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(ArtifactError::Missing(id)),
            file => file?,
        };
        let lock = || self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if !lock().contains(&id) {
            let mut digest = Context::new(&SHA256);
            digest_of(&mut file, &mut digest)?;
            if digest.finish().as_ref() != id.0 {
                fs::remove_file(&path)?;
                return Err(ArtifactError::Damaged(id));
            }
            lock().insert(id);
            file.seek(SeekFrom::Start(0))?;
        }
        touch(&path)?;
        Ok(file)
    }

    /// Deletes what nobody needs and nobody has asked for lately.
    pub(crate) fn sweep(&self, needed: &BTreeSet<ArtifactId>, now: SystemTime) -> io::Result<()> {
        for entry in self.entries()? {
            let is_needed = entry.id.is_some_and(|id| needed.contains(&id));
            if is_needed || now.duration_since(entry.used).is_ok_and(|spare| spare < SPARE_TIME) {
                continue;
            }
            fs::remove_file(&entry.path)?;
            if let Some(id) = entry.id {
                self.checked.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            }
        }
        Ok(())
    }

    fn used(&self) -> io::Result<u64> {
        Ok(self.entries()?.iter().map(|entry| entry.bytes).sum())
    }

    fn entries(&self) -> io::Result<Vec<Entry>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            let metadata = entry.metadata()?;
            // Whole files are named by their contents alone.
            let id = entry.file_name().to_str().and_then(|name| name.parse().ok());
            found.push(Entry { path: entry.path(), id, bytes: metadata.len(), used: metadata.modified()? });
        }
        Ok(found)
    }

    fn path(&self, id: ArtifactId) -> PathBuf {
        self.folder.join(id.to_string())
    }

    fn partial(&self, id: ArtifactId) -> PathBuf {
        self.path(id).with_extension(PARTIAL)
    }
}

/// A file in the folder.
struct Entry {
    path: PathBuf,
    /// If it is whole.
    id: Option<ArtifactId>,
    bytes: u64,
    /// When somebody asked for it last.
    used: SystemTime,
}

/// A file that is coming in.
pub(crate) struct Incoming {
    artifact: Artifact,
    file: File,
    received: u64,
    digest: Context,
    path: PathBuf,
    target: PathBuf,
}

impl Incoming {
    /// Takes the next bytes.
    pub(crate) fn take(&mut self, data: &[u8]) -> Result<(), ArtifactError> {
        self.received = self.received.saturating_add(data.len() as u64);
        if self.received > self.artifact.bytes {
            return Err(ArtifactError::TooMuch(self.artifact.bytes));
        }
        self.file.write_all(data)?;
        self.digest.update(data);
        Ok(())
    }

    /// Ends when all has come: the file gets its name.
    pub(crate) fn finish(self) -> Result<(), ArtifactError> {
        if self.received < self.artifact.bytes {
            return Err(ArtifactError::Gap { offset: self.artifact.bytes, received: self.received });
        }
        if self.digest.finish().as_ref() != self.artifact.id.0 {
            // Nothing of it can be trusted.
            fs::remove_file(&self.path)?;
            return Err(ArtifactError::Other(self.artifact.id));
        }
        self.file.sync_all()?;
        fs::rename(&self.path, &self.target)?;
        if let Some(folder) = self.target.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

/// Notes that a file was asked for; its size, or `None` if it does not exist.
fn touch(path: &Path) -> io::Result<Option<u64>> {
    let file = match OpenOptions::new().append(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    file.set_times(FileTimes::new().set_modified(SystemTime::now()))?;
    Ok(Some(file.metadata()?.len()))
}

/// Digests a file to its end.
fn digest_of(file: &mut File, digest: &mut Context) -> io::Result<()> {
    let mut buffer = vec![0; ARTIFACT_DATA_BYTES];
    loop {
        let length = file.read(&mut buffer)?;
        let Some(data) = buffer.get(..length).filter(|data| !data.is_empty()) else { return Ok(()) };
        digest.update(data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(content: &[u8]) -> Artifact {
        let digest = ring::digest::digest(&SHA256, content);
        Artifact { id: ArtifactId::from_slice(digest.as_ref()).unwrap(), bytes: content.len() as u64 }
    }

    fn folder() -> (tempfile::TempDir, Artifacts) {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::new(folder.path(), 1000);
        (folder, artifacts)
    }

    fn begin(artifacts: &Artifacts, artifact: Artifact, offset: u64) -> Incoming {
        artifacts.begin(artifact, offset).unwrap().unwrap()
    }

    fn put(artifacts: &Artifacts, content: &[u8]) -> Artifact {
        let artifact = artifact(content);
        let mut incoming = begin(artifacts, artifact, 0);
        incoming.take(content).unwrap();
        incoming.finish().unwrap();
        artifact
    }

    #[test]
    fn an_upload_that_was_cut_off_goes_on() {
        let (_folder, artifacts) = folder();
        let artifact = artifact(b"hello, world");
        assert_eq!(artifacts.find(artifact).unwrap(), Found::Part(0));
        let mut incoming = begin(&artifacts, artifact, 0);
        incoming.take(b"hello").unwrap();
        drop(incoming);
        assert_eq!(artifacts.find(artifact).unwrap(), Found::Part(5));
        assert!(matches!(artifacts.begin(artifact, 0), Err(ArtifactError::Gap { received: 5, .. })));
        let mut incoming = begin(&artifacts, artifact, 5);
        incoming.take(b", world").unwrap();
        assert!(matches!(artifacts.read(artifact.id), Err(ArtifactError::Missing(_))));
        incoming.finish().unwrap();
        assert_eq!(artifacts.find(artifact).unwrap(), Found::Whole);
        assert_eq!(artifacts.read(artifact.id).unwrap(), b"hello, world");
        // What is there already is not written again.
        assert!(artifacts.begin(artifact, 0).unwrap().is_none());
        assert_eq!(artifacts.entries().unwrap().len(), 1);
    }

    #[test]
    fn another_file_than_was_announced_is_refused_and_gone() {
        let (_folder, artifacts) = folder();
        let announced = artifact(b"right");
        let mut incoming = begin(&artifacts, announced, 0);
        incoming.take(b"wrong").unwrap();
        assert!(matches!(incoming.finish(), Err(ArtifactError::Other(_))));
        assert_eq!(artifacts.find(announced).unwrap(), Found::Part(0));
        let mut incoming = begin(&artifacts, announced, 0);
        assert!(matches!(incoming.take(b"right and more"), Err(ArtifactError::TooMuch(5))));
        let mut incoming = begin(&artifacts, announced, 0);
        incoming.take(b"rig").unwrap();
        assert!(matches!(incoming.finish(), Err(ArtifactError::Gap { received: 3, .. })));
    }

    #[test]
    fn files_are_bounded_each_and_together() {
        let (_folder, artifacts) = folder();
        put(&artifacts, &[1; 600]);
        let large = artifact(&[2; 600]);
        assert!(matches!(artifacts.begin(large, 0), Err(ArtifactError::NoRoom { used: 600, .. })));
        let huge = Artifact { bytes: Artifact::MAX_BYTES + 1, ..large };
        assert!(matches!(artifacts.find(huge), Err(ArtifactError::TooLarge(_))));
    }

    #[test]
    fn a_file_that_was_damaged_on_the_disk_is_not_given_out() {
        let (_folder, artifacts) = folder();
        let artifact = put(&artifacts, b"precious");
        fs::write(artifacts.path(artifact.id), b"precioux").unwrap();
        assert!(matches!(artifacts.read(artifact.id), Err(ArtifactError::Damaged(_))));
        assert!(matches!(artifacts.read(artifact.id), Err(ArtifactError::Missing(_))));
    }

    #[test]
    fn what_no_job_needs_goes_after_some_time() {
        let (_folder, artifacts) = folder();
        let (needed, spare) = (put(&artifacts, b"needed"), put(&artifacts, b"spare"));
        let jobs = [needed.id].into();
        artifacts.sweep(&jobs, SystemTime::now()).unwrap();
        assert_eq!(artifacts.find(spare).unwrap(), Found::Whole);
        artifacts.sweep(&jobs, SystemTime::now() + 2 * SPARE_TIME).unwrap();
        assert_eq!(artifacts.find(spare).unwrap(), Found::Part(0));
        assert_eq!(artifacts.find(needed).unwrap(), Found::Whole);
    }
}
