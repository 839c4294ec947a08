//! Workers that speak the protocol by themselves: what they send is not looked at unless somebody waits for it.

use swath_block::Digest;
use swath_proto::{
    PROTOCOL_VERSION,
    v1::{self, block_receipt::Outcome, coordinator_message, worker_message::Kind, workers_client::WorkersClient},
};
use swath_tests::{Coordinator, Rows, Scene, Signal, square};
use tokio::{runtime::Runtime, sync::mpsc};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Status, Streaming, transport::Channel};

/// A session of a worker that does what the test wants.
struct Session {
    client: WorkersClient<Channel>,
    inbound: Streaming<v1::CoordinatorMessage>,
    welcome: v1::Welcome,
    _say: mpsc::UnboundedSender<v1::WorkerMessage>,
}

async fn client(coordinator: &Coordinator<'_>) -> WorkersClient<Channel> {
    WorkersClient::connect(format!("http://{}", coordinator.address())).await.unwrap()
}

impl Session {
    async fn join(coordinator: &Coordinator<'_>, protocol_version: u32) -> Result<Self, Status> {
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

    async fn lease(&mut self) -> v1::Lease {
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

/// What the coordinator says to one block.
async fn upload(client: &mut WorkersClient<Channel>, block: v1::UploadBlock) -> Result<Outcome, Status> {
    let mut receipts = client.upload(tokio_stream::once(block)).await?.into_inner();
    Ok(receipts.message().await?.expect("a receipt").outcome())
}

/// A Parquet file without rows whose schema is nested so deep that reading it takes more than a thread's stack.
fn bottomless() -> Vec<u8> {
    const DEPTH: u64 = 20_000;
    // In Thrift's compact protocol: version 1, and a list of groups named `s` with one child each.
    let mut footer = vec![0x15, 2, 0x19, 0xfc];
    let mut count = DEPTH + 1;
    while count >= 0x80 {
        footer.push(count as u8 | 0x80);
        count >>= 7;
    }
    footer.push(count as u8);
    (0..DEPTH).for_each(|_| footer.extend([0x48, 1, b's', 0x15, 2, 0]));
    // The one column, of integers; no rows, no row groups.
    footer.extend([0x15, 4, 0x25, 0, 0x18, 1, b'n', 0, 0x16, 0, 0x19, 0x0c, 0]);
    let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
    [b"PAR1".as_slice(), &footer, &length, b"PAR1"].concat()
}

/// What should be the first block of a job that begins with 1.
fn block_of(lease: &v1::Lease, parquet: Vec<u8>) -> v1::UploadBlock {
    let (lease, fingerprint, job_id) = (lease.id, lease.fingerprint.clone(), lease.job_id);
    let digest = Digest::of(&parquet).map_or(0, Digest::whole);
    v1::UploadBlock { lease, job_id, first: 1, numbers: 10, parquet: parquet.into(), fingerprint, digest }
}

#[test]
fn blocks_that_nobody_waits_for_are_not_read() {
    let scene = Scene::new("blocks_not_read");
    let mut coordinator = scene.coordinator();
    let job = coordinator.submit("1..=100 --chunk-size 10");
    Runtime::new().unwrap().block_on(async {
        let mut stranger = client(&coordinator).await;
        let lease = Some(v1::LeaseId { incarnation: 1, sequence: 1 });
        let mut block = v1::UploadBlock { lease, job_id: job, first: 1, numbers: 10, ..v1::UploadBlock::default() };
        block.parquet = bottomless().into();
        // Without a session.
        assert_eq!(upload(&mut stranger, block.clone()).await.unwrap(), Outcome::NotHeld);
        assert_eq!(upload(&mut stranger, v1::UploadBlock { job_id: 77, ..block }).await.unwrap(), Outcome::NotHeld);

        let mut session = Session::join(&coordinator, PROTOCOL_VERSION).await.unwrap();
        let lease = session.lease().await;
        assert_eq!(lease.fingerprint.len(), 16);
        let block = block_of(&lease, bottomless());
        // Numbers that the job does not have, under a lease that is not held.
        let elsewhere = v1::LeaseId { incarnation: session.welcome.incarnation, sequence: 99 };
        let foreign = v1::UploadBlock { lease: Some(elsewhere), first: 1 << 50, ..block.clone() };
        assert_eq!(upload(&mut session.client, foreign).await.unwrap(), Outcome::NotHeld);
        // Of another job, as it says, or of none.
        for fingerprint in [vec![9; 16], vec![9; 15], vec![]] {
            let block = v1::UploadBlock { fingerprint: fingerprint.into(), ..block.clone() };
            assert_eq!(upload(&mut session.client, block).await.unwrap(), Outcome::NotHeld);
        }
        let id = lease.id;
        // The worker of this lease leaves: then it is nobody's.
        drop(session);
        let mut session = Session::join(&coordinator, PROTOCOL_VERSION).await.unwrap();
        let lease = session.lease().await;
        assert_ne!(lease.id, id);
        let late = v1::UploadBlock { lease: id, ..block_of(&lease, bottomless()) };
        assert_eq!(upload(&mut session.client, late).await.unwrap(), Outcome::NotHeld);
    });
    assert!(coordinator.process_mut().is_running());
    let _worker = coordinator.worker("able");
    coordinator.await_done(job);
    coordinator.save(job, "squares.csv");
    Rows::open(&scene.path("squares.csv")).assert_are(1..=100, square);
}

#[test]
fn no_two_starts_of_a_coordinator_are_the_same_whatever_their_folder() {
    let scene = Scene::new("incarnations");
    let runtime = Runtime::new().unwrap();
    let mut seen = Vec::new();
    scene.coordinator().stop(Signal::TERM).assert_code(0);
    scene.bash("cp -a data copy").succeed();
    for _ in 0..3 {
        scene.bash("rm -r data && cp -a copy data").succeed();
        let coordinator = scene.coordinator();
        let job = coordinator.submit("1..=100");
        let lease = runtime.block_on(async {
            let mut session = Session::join(&coordinator, PROTOCOL_VERSION).await.unwrap();
            let lease = session.lease().await;
            assert_eq!(lease.id.unwrap().incarnation, session.welcome.incarnation);
            lease
        });
        assert_eq!((lease.job_id, job), (1, 1), "all else repeats");
        seen.push(lease.id.unwrap().incarnation);
        coordinator.stop(Signal::KILL);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 3);
}

#[test]
fn a_worker_of_another_version_of_the_protocol_is_refused_in_a_sentence() {
    let scene = Scene::new("other_version");
    let coordinator = scene.coordinator();
    Runtime::new().unwrap().block_on(async {
        let refusal = Session::join(&coordinator, 2).await.err().expect("a refusal");
        assert_eq!(refusal.code(), Code::FailedPrecondition);
        let sentence = refusal.message();
        assert!(sentence.contains("speaks version 2 of the protocol"), "{sentence}");
        assert!(sentence.contains("run the same swath on both"), "{sentence}");
    });
}
