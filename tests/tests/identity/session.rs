//! Sessions of workers that speak the protocol by themselves.

use swath_proto::{
    upload_request,
    v1::{self, block_receipt::Outcome, coordinator_message, worker_message::Kind, workers_client::WorkersClient},
};
use swath_tests::Coordinator;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Status, Streaming, transport::Channel};

/// A session of a worker that does what the test wants.
pub(crate) struct Session {
    pub(crate) client: WorkersClient<Channel>,
    pub(crate) inbound: Streaming<v1::CoordinatorMessage>,
    pub(crate) welcome: v1::Welcome,
    _say: mpsc::UnboundedSender<v1::WorkerMessage>,
}

pub(crate) async fn client(coordinator: &Coordinator<'_>) -> WorkersClient<Channel> {
    WorkersClient::connect(format!("http://{}", coordinator.address())).await.unwrap()
}

impl Session {
    pub(crate) async fn join(coordinator: &Coordinator<'_>, protocol_version: u32) -> Result<Self, Status> {
        let mut client = client(coordinator).await;
        let (say, said) = mpsc::unbounded_channel();
        let hello = v1::Hello {
            protocol_version,
            program_version: "1".to_owned(),
            name: "by hand".to_owned(),
            host: "here".to_owned(),
            threads: 1,
            ..v1::Hello::default()
        };
        say.send(v1::WorkerMessage { kind: Some(Kind::Hello(hello)) }).unwrap();
        let mut inbound = client.join(UnboundedReceiverStream::new(said)).await?.into_inner();
        match next(&mut inbound).await {
            coordinator_message::Kind::Welcome(welcome) => Ok(Self { client, inbound, welcome, _say: say }),
            other => panic!("{other:?} instead of Welcome"),
        }
    }

    pub(crate) fn key(&self) -> String {
        self.welcome.upload_key.clone()
    }

    /// What the coordinator says to a block of this session.
    pub(crate) async fn upload(&mut self, block: v1::UploadBlock) -> Outcome {
        upload(&mut self.client, &self.welcome.upload_key, block).await.unwrap()
    }

    pub(crate) async fn lease(&mut self) -> v1::Lease {
        let described = match next(&mut self.inbound).await {
            coordinator_message::Kind::DescribeJob(described) => described,
            other => panic!("{other:?} before the first lease of a job"),
        };
        match next(&mut self.inbound).await {
            coordinator_message::Kind::Lease(lease) => {
                assert_eq!((lease.job_id, &lease.fingerprint), (described.job_id, &described.fingerprint));
                lease
            }
            other => panic!("{other:?} instead of a lease"),
        }
    }
}

async fn next(inbound: &mut Streaming<v1::CoordinatorMessage>) -> coordinator_message::Kind {
    inbound.message().await.unwrap().expect("a message").kind.expect("a kind")
}

/// What the coordinator says to one block that comes with this key.
pub(crate) async fn upload(
    client: &mut WorkersClient<Channel>,
    key: &str,
    block: v1::UploadBlock,
) -> Result<Outcome, Status> {
    let mut receipts = client.upload(upload_request(key, tokio_stream::once(block))?).await?.into_inner();
    Ok(receipts.message().await?.expect("a receipt").outcome())
}
