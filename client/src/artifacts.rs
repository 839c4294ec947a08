//! Files that travel with jobs.

use bytes::Bytes;
use ring::digest::{SHA256, digest};
use swath_model::{Artifact, ArtifactId};
use swath_proto::{
    ARTIFACT_DATA_BYTES, codec,
    v1::{self, artifacts_client::ArtifactsClient},
};
use tokio_stream::iter;

use crate::{Client, ClientError, connection::status, patience::Pauses};

/// What a file is called when it travels with a job.
pub fn artifact_of(content: &[u8]) -> Artifact {
    let mut id = [0; ArtifactId::BYTES];
    id.iter_mut().zip(digest(&SHA256, content).as_ref()).for_each(|(to, from)| *to = *from);
    Artifact { id: ArtifactId(id), bytes: content.len() as u64 }
}

impl Client {
    /// Brings a file to the coordinator, for jobs that name it. What is there already is not sent again, and an upload
    /// that was cut off goes on where it was. The file is kept for an hour, and as long as a job needs it.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] if it is larger than [`Artifact::MAX_BYTES`]; [`ClientError::Exhausted`] if the
    /// coordinator has no room for it.
    pub async fn upload(&self, content: Bytes) -> Result<Artifact, ClientError> {
        let artifact = artifact_of(&content);
        if artifact.bytes > Artifact::MAX_BYTES {
            let (bytes, most) = (artifact.bytes, Artifact::MAX_BYTES);
            return Err(ClientError::Invalid(format!("the file has {bytes} bytes; at most {most} are allowed")));
        }
        let mut pauses = Pauses::new(self.connection().persistence());
        loop {
            match self.send(artifact, &content).await {
                Ok(()) => return Ok(artifact),
                Err(error) => pauses.wait_after(error).await?,
            }
        }
    }

    /// Sends what the coordinator does not have.
    async fn send(&self, artifact: Artifact, content: &Bytes) -> Result<(), ClientError> {
        let mut service = ArtifactsClient::new(self.connection().channel());
        let message = || Some(codec::artifact_to_proto(artifact));
        let request = v1::FindArtifactRequest { artifact: message() };
        let found = service.find(request).await.map_err(status)?.into_inner();
        if found.complete {
            return Ok(());
        }
        let offset = usize::try_from(found.received).unwrap_or(usize::MAX).min(content.len());
        let first = v1::UploadArtifactRequest { artifact: message(), offset: offset as u64, data: Bytes::new() };
        let content = content.slice(offset..);
        let pieces = (0..content.len()).step_by(ARTIFACT_DATA_BYTES).map(move |start| {
            let data = content.slice(start..content.len().min(start + ARTIFACT_DATA_BYTES));
            v1::UploadArtifactRequest { artifact: None, offset: 0, data }
        });
        service.upload(iter(std::iter::once(first).chain(pieces))).await.map_err(status)?;
        Ok(())
    }
}
