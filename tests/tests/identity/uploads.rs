//! Workers that speak the protocol by themselves: what they send is not looked at unless somebody waits for it.

use swath_block::Digest;
use swath_proto::{
    PROTOCOL_VERSION,
    v1::{self, block_receipt::Outcome, workers_client::WorkersClient},
};
use swath_tests::{Rows, Scene, Signal, square};
use tokio::runtime::Runtime;
use tonic::{Code, transport::Channel};

use crate::session::{Session, client, upload};

/// Uploads with this key until it is refused.
async fn until_refused(client: &mut WorkersClient<Channel>, key: &str) {
    while upload(client, key, v1::UploadBlock::default()).await.is_ok_and(|outcome| outcome == Outcome::NotHeld) {}
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
        for key in ["", "0", &"0".repeat(32)] {
            let refusal = upload(&mut stranger, key, block.clone()).await.unwrap_err();
            assert_eq!(refusal.code(), Code::ResourceExhausted);
            assert!(refusal.message().contains("names no session that is open here"), "{refusal}");
        }

        let mut session = Session::join(&coordinator, PROTOCOL_VERSION).await.unwrap();
        assert_eq!(session.upload(v1::UploadBlock { job_id: 77, ..block }).await, Outcome::NotHeld);
        let lease = session.lease().await;
        assert_eq!(lease.fingerprint.len(), 16);
        let block = block_of(&lease, bottomless());
        // Numbers that the job does not have, under a lease that is not held.
        let elsewhere = v1::LeaseId { incarnation: session.welcome.incarnation, sequence: 99 };
        let foreign = v1::UploadBlock { lease: Some(elsewhere), first: 1 << 50, ..block.clone() };
        assert_eq!(session.upload(foreign).await, Outcome::NotHeld);
        // Of another job, as it says, or of none.
        for fingerprint in [vec![9; 16], vec![9; 15], vec![]] {
            let block = v1::UploadBlock { fingerprint: fingerprint.into(), ..block.clone() };
            assert_eq!(session.upload(block).await, Outcome::NotHeld);
        }
        let id = lease.id;
        // By another worker, who has a session of its own.
        let mut other = Session::join(&coordinator, PROTOCOL_VERSION).await.unwrap();
        assert_eq!(other.upload(block).await, Outcome::NotHeld);
        drop(other);
        // The worker of this lease leaves: then it is nobody's, and its key is good for nothing.
        let key = session.welcome.upload_key.clone();
        drop(session);
        until_refused(&mut stranger, &key).await;
        let mut session = Session::join(&coordinator, PROTOCOL_VERSION).await.unwrap();
        let lease = session.lease().await;
        assert_ne!(lease.id, id);
        let late = v1::UploadBlock { lease: id, ..block_of(&lease, bottomless()) };
        assert_eq!(session.upload(late).await, Outcome::NotHeld);
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
