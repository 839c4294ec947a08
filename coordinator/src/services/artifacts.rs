//! `swath.v1.Artifacts`: files that travel with jobs.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures::Stream;
use swath_model::{Artifact, ArtifactId};
use swath_proto::{
    ARTIFACT_DATA_BYTES, codec,
    v1::{self, artifacts_server::Artifacts as ArtifactsMethods},
};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::warn;

use crate::{
    artifacts::{ArtifactError, Artifacts, Found, Incoming},
    driver::DriverHandle,
};

/// An upload that sends nothing for this long ends, and so does a fetch of which nothing is taken.
const SILENCE: Duration = Duration::from_secs(60);

/// How often files that nobody needs are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// Messages of a file that wait for its reader.
const MESSAGES_AHEAD: usize = 2;

pub(crate) struct ArtifactsService {
    pub(crate) artifacts: Arc<Artifacts>,
}

impl From<ArtifactError> for Status {
    fn from(error: ArtifactError) -> Self {
        let sentence = error.to_string();
        match error {
            ArtifactError::TooLarge(_) | ArtifactError::TooMuch(_) | ArtifactError::Other(_) => {
                Self::invalid_argument(sentence)
            }
            ArtifactError::Gap { .. } => Self::aborted(sentence),
            ArtifactError::NoRoom { .. } => Self::resource_exhausted(sentence),
            ArtifactError::Missing(_) => Self::not_found(sentence),
            ArtifactError::Damaged(_) => Self::data_loss(sentence),
            ArtifactError::Disk(error) if error.kind() == io::ErrorKind::StorageFull => {
                Self::resource_exhausted(sentence)
            }
            ArtifactError::Disk(_) => Self::internal(sentence),
        }
    }
}

/// Does what waits for the disk on a thread that may wait.
pub(crate) async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ArtifactError> + Send + 'static,
) -> Result<T, Status> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|_| Status::internal("the folder of artifacts cannot be used; the log says why"))??)
}

fn named(message: Option<v1::Artifact>) -> Result<Artifact, Status> {
    codec::artifact(message).map_err(|error| Status::invalid_argument(error.to_string()))
}

#[tonic::async_trait]
impl ArtifactsMethods for ArtifactsService {
    async fn find(
        &self,
        request: Request<v1::FindArtifactRequest>,
    ) -> Result<Response<v1::FindArtifactResponse>, Status> {
        let artifact = named(request.into_inner().artifact)?;
        let artifacts = Arc::clone(&self.artifacts);
        let (complete, received) = match on_disk(move || artifacts.find(artifact)).await? {
            Found::Whole => (true, artifact.bytes),
            Found::Part(received) => (false, received),
        };
        Ok(Response::new(v1::FindArtifactResponse { complete, received }))
    }

    async fn upload(
        &self,
        request: Request<Streaming<v1::UploadArtifactRequest>>,
    ) -> Result<Response<v1::UploadArtifactResponse>, Status> {
        let mut messages = request.into_inner();
        let first = next(&mut messages).await?.ok_or_else(|| Status::invalid_argument("the upload has no message"))?;
        let (artifact, offset) = (named(first.artifact)?, first.offset);
        let turn = self.artifacts.turn(artifact.id);
        let _turn = turn.lock().await;
        let artifacts = Arc::clone(&self.artifacts);
        if let Some(incoming) = on_disk(move || artifacts.begin(artifact, offset)).await? {
            receive(incoming, first.data, &mut messages).await?;
        }
        Ok(Response::new(v1::UploadArtifactResponse {}))
    }

    type FetchStream = Pin<Box<dyn Stream<Item = Result<v1::FetchArtifactResponse, Status>> + Send>>;

    async fn fetch(&self, request: Request<v1::FetchArtifactRequest>) -> Result<Response<Self::FetchStream>, Status> {
        let v1::FetchArtifactRequest { sha256, offset } = request.into_inner();
        let id = ArtifactId::from_slice(&sha256).ok_or_else(|| Status::invalid_argument("a SHA-256 has 32 bytes"))?;
        let artifacts = Arc::clone(&self.artifacts);
        let open = move || {
            let mut file = artifacts.open(id)?;
            file.seek(SeekFrom::Start(offset))?;
            Ok(file)
        };
        let file = on_disk(open).await?;
        let (sender, receiver) = mpsc::channel(MESSAGES_AHEAD);
        tokio::spawn(send(file, sender));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// The next message of an upload; an error if none comes for long.
async fn next(
    messages: &mut Streaming<v1::UploadArtifactRequest>,
) -> Result<Option<v1::UploadArtifactRequest>, Status> {
    let silence = || Status::deadline_exceeded(format!("nothing came for {} seconds", SILENCE.as_secs()));
    timeout(SILENCE, messages.message()).await.map_err(|_| silence())?
}

/// Takes a file to its end.
async fn receive(
    mut incoming: Incoming,
    first: prost::bytes::Bytes,
    messages: &mut Streaming<v1::UploadArtifactRequest>,
) -> Result<(), Status> {
    let mut data = first;
    loop {
        if data.len() > ARTIFACT_DATA_BYTES {
            let sentence = format!("a message has {} bytes; at most {ARTIFACT_DATA_BYTES} are allowed", data.len());
            return Err(Status::invalid_argument(sentence));
        }
        incoming = on_disk(move || {
            incoming.take(&data)?;
            Ok(incoming)
        })
        .await?;
        match next(messages).await? {
            Some(message) => data = message.data,
            None => return on_disk(move || incoming.finish()).await,
        }
    }
}

/// Sends a file to its end, or until its reader takes nothing for long: no thread waits for a reader.
async fn send(mut file: File, messages: mpsc::Sender<Result<v1::FetchArtifactResponse, Status>>) {
    loop {
        let read = on_disk(move || {
            let mut data = Vec::with_capacity(ARTIFACT_DATA_BYTES);
            Read::by_ref(&mut file).take(ARTIFACT_DATA_BYTES as u64).read_to_end(&mut data)?;
            Ok((file, data))
        });
        let message = match read.await {
            Ok((_, data)) if data.is_empty() => return,
            Ok((rest, data)) => {
                file = rest;
                Ok(v1::FetchArtifactResponse { data: data.into() })
            }
            Err(status) => {
                let _ = messages.send_timeout(Err(status), SILENCE).await;
                return;
            }
        };
        if messages.send_timeout(message, SILENCE).await.is_err() {
            return;
        }
    }
}

/// Deletes files that no job needs, now and then.
pub(crate) async fn keep_swept(artifacts: Arc<Artifacts>, driver: DriverHandle) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        // A job that is submitted meanwhile has asked for its file a moment ago.
        let Ok(jobs) = driver.jobs().await else { return };
        let needed: BTreeSet<_> =
            jobs.iter().filter_map(|job| job.spec.program.as_ref()).map(|program| program.artifact.id).collect();
        let artifacts = Arc::clone(&artifacts);
        let swept = on_disk(move || Ok(artifacts.sweep(&needed, SystemTime::now())?)).await;
        if let Err(error) = swept {
            warn!(error = error.message(), "cannot delete artifacts that nobody needs");
        }
    }
}
