//! A worker that joins, is leased numbers, and sends what is no block of them.

use swath_proto::{
    PROTOCOL_VERSION, upload_key, upload_request,
    v1::{self, block_receipt::Outcome, coordinator_message, worker_message::Kind, workers_client::WorkersClient},
};
use swath_tests::{Coordinator, Rows, Scene, square, until};
use tokio::{runtime::Runtime, sync::mpsc};
use tokio_stream::wrappers::UnboundedReceiverStream;

use crate::{bottomless, digest, footer_length, squares, with_footer};

const NUMBERS: i64 = 1000;

/// Joins, and answers the next leases with blocks made of these changes of the right one, until there are no more.
/// Returns what the coordinator said to each.
async fn send(coordinator: &Coordinator<'_>, changes: &[fn(Vec<u8>) -> v1::UploadBlock]) -> Vec<Outcome> {
    let mut client = WorkersClient::connect(format!("http://{}", coordinator.address())).await.unwrap();
    let (say, said) = mpsc::unbounded_channel();
    let hello = v1::Hello {
        protocol_version: PROTOCOL_VERSION,
        threads: 1,
        name: "forger".to_owned(),
        host: "elsewhere".to_owned(),
        program_version: "0".to_owned(),
        ..v1::Hello::default()
    };
    say.send(v1::WorkerMessage { kind: Some(Kind::Hello(hello)) }).unwrap();
    let mut inbound = client.join(UnboundedReceiverStream::new(said)).await.unwrap().into_inner();
    let key = upload_key(&inbound.message().await.unwrap().expect("a welcome"));
    let mut outcomes = Vec::new();
    let mut changes = changes.iter();
    while changes.len() > 0 {
        let message = inbound.message().await.unwrap().expect("a message").kind;
        let Some(coordinator_message::Kind::Lease(lease)) = message else { continue };
        let chunks = lease.chunks.unwrap();
        for (chunk, change) in (chunks.start..chunks.start + chunks.count).zip(changes.by_ref()) {
            let first = 1 + chunk as i64 * NUMBERS;
            let block = block_of(&lease, first, change(squares(first, NUMBERS)));
            let upload = upload_request(&key, tokio_stream::once(block)).unwrap();
            let mut receipts = client.upload(upload).await.unwrap().into_inner();
            outcomes.push(receipts.message().await.unwrap().expect("a receipt").outcome());
        }
    }
    // It leaves as an honest one would, so that nothing is suspected of having killed it.
    say.send(v1::WorkerMessage { kind: Some(Kind::Leaving(v1::Leaving {})) }).unwrap();
    while inbound
        .message()
        .await
        .unwrap()
        .is_some_and(|message| !matches!(message.kind, Some(coordinator_message::Kind::ShutDown(_))))
    {}
    outcomes
}

fn block_of(lease: &v1::Lease, first: i64, block: v1::UploadBlock) -> v1::UploadBlock {
    v1::UploadBlock {
        lease: lease.id,
        job_id: lease.job_id,
        first,
        numbers: NUMBERS as u64,
        fingerprint: lease.fingerprint.clone(),
        ..block
    }
}

/// A block with the digest of what it is.
fn as_it_is(parquet: Vec<u8>) -> v1::UploadBlock {
    v1::UploadBlock { digest: digest(&parquet), parquet: parquet.into(), ..v1::UploadBlock::default() }
}

/// Compressed pages that cannot be decompressed, with a footer that says what is right.
fn without_sense(mut block: Vec<u8>) -> v1::UploadBlock {
    let footer = block.len() - 8 - footer_length(&block);
    block[footer - 60..footer].fill(0xFF);
    as_it_is(block)
}

#[test]
fn what_no_reader_could_read_is_refused_and_computed_by_another_worker() {
    let scene = Scene::new("forged");
    let coordinator = scene.coordinator();
    let job = coordinator.submit(&format!("1..=20000 --chunk-size {NUMBERS}"));
    let changes: [fn(Vec<u8>) -> v1::UploadBlock; 6] = [
        as_it_is,
        without_sense,
        |block| v1::UploadBlock { digest: 7, ..as_it_is(block) },
        |block| as_it_is(with_footer(&block, &bottomless(3000))),
        |_| as_it_is(squares(5, NUMBERS)),
        |block| as_it_is(block[..block.len() / 2].to_vec()),
    ];
    let outcomes = Runtime::new().unwrap().block_on(send(&coordinator, &changes));
    assert_eq!(outcomes[0], Outcome::Accepted);
    assert!(outcomes[1..].iter().all(|&outcome| outcome == Outcome::Refused), "{outcomes:?}");
    until("all five are named", || {
        let said = coordinator.process().stderr();
        let named = said.lines().filter(|line| line.contains("a worker sent a block that cannot be taken"));
        (named.filter(|line| line.contains("forger")).count() == 5).then_some(())
    });

    let _worker = coordinator.worker("able");
    coordinator.await_done(job);
    coordinator.save(job, "squares.csv");
    Rows::open(&scene.path("squares.csv")).assert_are(1..=20_000, square);
}

#[test]
fn a_job_of_which_nobody_sends_a_block_that_can_be_taken_fails_and_says_so() {
    let scene = Scene::new("forged_always");
    let coordinator = scene.coordinator();
    let job = coordinator.submit(&format!("1..={NUMBERS} --chunk-size {NUMBERS}"));
    let outcomes = Runtime::new().unwrap().block_on(send(&coordinator, &[without_sense as fn(_) -> _; 4]));
    assert_eq!(outcomes, [Outcome::Refused; 4]);
    let ended = coordinator.swath(&format!("job wait {job}")).end();
    let ended = ended.assert_code(1);
    let said = ended.stderr();
    assert!(said.contains("(forger) sent a block that cannot be taken: the pages of its column `value`"), "{said}");
}
