//! Each rule with its edge.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use swath_model::{
    ChunkRun, FailedChunk, FailedChunks, Fingerprint, JobId, JobState, LeaseId, ResultMode, WaitReason, WorkerId,
};
use swath_scheduler::CancelError;

use super::world::{World, join, submit};
use crate::{
    AfterCancel, Answer, Claim, Ending, Moment, Notice, PersistErrorKind, Record, RecoveredJob, Refusal, RequestId,
    ResultIndex, Stamp, Stock, Submit, ToWorker, Unpersisted,
};

fn all(chunks: u64) -> ChunkRun {
    ChunkRun::new(0, chunks).unwrap()
}

/// Delivers whatever is leased until there is no lease.
fn compute(world: &mut World) {
    while world.sent.iter().any(|(_, message)| matches!(message, ToWorker::Lease(_))) {
        let (worker, assignment) = world.lease();
        world.deliver(worker, assignment, assignment.chunks);
    }
}

fn cancel(world: &mut World, id: JobId, after: AfterCancel) -> RequestId {
    let request = world.request();
    world.call(|core, now| core.cancel(now, request, id, after));
    request
}

fn forget(world: &mut World, id: JobId) -> RequestId {
    let request = world.request();
    world.call(|core, now| core.forget(now, request, id));
    request
}

#[test]
fn nobody_sees_a_job_before_the_ledger_has_it() {
    let mut world = World::new();
    world.join();
    let request = world.submit(3, |_| ());
    assert!(world.answers.is_empty() && world.core.jobs().is_empty() && world.sent.is_empty());
    assert!(matches!(world.persist(None)[..], [Record::Submitted(_)]));
    assert_eq!(world.status_of(request).id, JobId(1));
    assert_eq!(world.lease().1.job, JobId(1));
}

#[test]
fn a_submit_that_is_not_written_is_refused_and_its_token_is_free() {
    let mut world = World::new();
    let request = world.submit(3, |submit| submit.token = Some([1; 16]));
    world.persist(Some(PersistErrorKind::DiskFull));
    let Refusal::NotPersisted { what: Unpersisted::Submit, error } = world.refusal_of(request) else { panic!() };
    assert_eq!(error.kind, PersistErrorKind::DiskFull);
    let again = world.submit(3, |submit| submit.token = Some([1; 16]));
    world.persist(None);
    assert_eq!(world.status_of(again).id, JobId(2), "an id is not given twice");
}

#[test]
fn a_token_names_one_job() {
    let mut world = World::new();
    let token = Some([1; 16]);
    let first = world.submit(3, |submit| submit.token = token);
    let second = world.submit(3, |submit| submit.token = token);
    let other = world.submit(4, |submit| submit.token = token);
    assert_eq!(world.refusal_of(other), Refusal::TokenTaken(JobId(1)));
    world.persist(None);
    assert_eq!((world.status_of(first).id, world.status_of(second).id), (JobId(1), JobId(1)));
    let third = world.submit(3, |submit| submit.token = token);
    assert_eq!(world.status_of(third).id, JobId(1));
    assert!(world.batch.is_none());
}

#[test]
fn a_client_that_goes_away_is_not_answered_and_its_job_is_stored() {
    let mut world = World::new();
    let request = world.submit(3, |_| ());
    world.call(|core, _| core.handle_client_gone(request));
    world.persist(None);
    assert!(world.answers.is_empty());
    assert_eq!(world.core.jobs().len(), 1);
}

#[test]
fn reserved_jobs_count_for_the_limits() {
    let mut world = World::with(|config| config.max_jobs = 1);
    world.submit(3, |_| ());
    let second = world.submit(3, |_| ());
    assert_eq!(world.refusal_of(second), Refusal::TooManyJobs { max: 1 });
    let mut world = World::with(|config| config.scheduler.max_jobs = 1);
    world.submit(3, |_| ());
    let second = world.submit(3, |_| ());
    assert!(matches!(world.refusal_of(second), Refusal::NotScheduled(_)));
}

#[test]
fn one_batch_is_under_way_and_the_rest_goes_with_the_next() {
    let mut world = World::new();
    world.submit(1, |_| ());
    world.submit(2, |_| ());
    world.submit(3, |_| ());
    assert_eq!(world.persist(None).len(), 1);
    assert_eq!(world.persist(None).len(), 2);
    assert!(world.batch.is_none());
}

#[test]
fn a_job_is_done_when_the_ledger_has_its_end() {
    let mut world = World::new();
    let id = world.job(3);
    world.call(|core, now| core.watch(now, id)).unwrap();
    world.join();
    compute(&mut world);
    assert_eq!(world.core.job(id).unwrap().state, JobState::Running);
    assert!(world.published.iter().all(|status| status.state == JobState::Running));
    world.persist(None);
    let status = world.core.job(id).unwrap();
    assert_eq!((status.state, status.committed_chunks, status.frontier), (JobState::Done, 3, None));
    assert_eq!(world.published.last().unwrap().state, JobState::Done);
}

#[test]
fn an_end_that_is_not_written_holds_and_is_tried_again() {
    let mut world = World::new();
    let id = world.job(3);
    world.join();
    compute(&mut world);
    world.persist(Some(PersistErrorKind::Failed));
    assert_eq!(world.core.job(id).unwrap().state, JobState::Done);
    world.wait(Duration::from_secs(1));
    world.call(|core, now| core.handle_timeout(now));
    let [Record::Standing(standing)] = &world.persist(None)[..] else { panic!() };
    assert_eq!(standing.state, JobState::Done);
    world.wait(Duration::from_secs(1));
    world.call(|core, now| core.handle_timeout(now));
    assert!(world.batch.is_none(), "it is written once");
}

#[test]
fn a_cancelled_job_is_closed_before_its_end_is_written() {
    let mut world = World::new();
    let id = world.job(3);
    let first = cancel(&mut world, id, AfterCancel::KeepResults);
    assert!(world.closing.contains(&id) && world.batch.is_none());
    let second = cancel(&mut world, id, AfterCancel::KeepResults);
    world.call(|core, now| core.handle_closed(now, id));
    assert!(!world.answers.contains_key(&first) && !world.answers.contains_key(&second));
    world.persist(None);
    assert_eq!(world.status_of(first).state, JobState::Cancelled);
    assert_eq!(world.status_of(second).state, JobState::Cancelled);
    let third = cancel(&mut world, id, AfterCancel::KeepResults);
    assert_eq!(world.refusal_of(third), Refusal::NotCancelled { job: id, error: CancelError::Ended(id) });
}

#[test]
fn dropping_results_and_the_end_are_one_record() {
    let mut world = World::new();
    let id = world.job(3);
    let request = cancel(&mut world, id, AfterCancel::DropResults);
    let [Record::Standing(standing)] = &world.persist(None)[..] else { panic!() };
    assert!(standing.drops_results && standing.state == JobState::Cancelled);
    assert!(world.status_of(request).results_dropped);
    assert_eq!(world.dropped, [id]);
}

#[test]
fn results_that_the_ledger_keeps_are_not_dropped() {
    let mut world = World::new();
    let id = world.job(3);
    let request = cancel(&mut world, id, AfterCancel::DropResults);
    world.persist(Some(PersistErrorKind::DiskFull));
    assert!(matches!(world.refusal_of(request), Refusal::NotPersisted { what: Unpersisted::DroppedResults(_), .. }));
    assert!(world.dropped.is_empty());
    assert_eq!(world.core.job(id).unwrap().state, JobState::Cancelled);
}

#[test]
fn a_job_is_forgotten_after_its_end_and_with_its_files() {
    let mut world = World::new();
    let early = forget(&mut world, JobId(1));
    assert_eq!(world.refusal_of(early), Refusal::NoSuchJob(JobId(1)));
    let id = world.job(3);
    let running = forget(&mut world, id);
    assert_eq!(world.refusal_of(running), Refusal::NotEnded(id));
    world.join();
    compute(&mut world);
    world.persist(None);
    let failed = forget(&mut world, id);
    world.persist(Some(PersistErrorKind::Failed));
    assert!(matches!(world.refusal_of(failed), Refusal::NotPersisted { what: Unpersisted::Forgotten(_), .. }));
    assert!(world.core.job(id).is_ok() && world.deleted.is_empty());
    let (first, second) = (forget(&mut world, id), forget(&mut world, id));
    world.persist(None);
    assert!(matches!(world.answers[&first], Ok(Answer::Forgotten)));
    assert!(matches!(world.answers[&second], Ok(Answer::Forgotten)));
    assert_eq!(world.deleted, [id]);
}

#[test]
fn a_job_expires_when_it_was_kept_long_enough() {
    let mut world = World::new();
    world.submit(3, |submit| submit.spec.keep_for = Some(Duration::from_secs(5)));
    world.persist(None);
    world.join();
    compute(&mut world);
    world.persist(None);
    world.wait(Duration::from_millis(4999));
    world.call(|core, now| core.handle_timeout(now));
    assert!(world.batch.is_none());
    world.wait(Duration::from_secs(1));
    world.call(|core, now| core.handle_timeout(now));
    assert!(matches!(world.persist(None)[..], [Record::Forgotten(JobId(1))]));
    assert!(world.core.jobs().is_empty());
}

#[test]
fn a_loss_after_the_last_chunk_keeps_the_job_running() {
    let mut world = World::new();
    let id = world.job(3);
    world.join();
    compute(&mut world);
    // The end is on its way to the ledger.
    let lost = world.indexes.with(id, |index| index.lose(&[swath_model::OffsetRun::new(0, 10).unwrap()])).unwrap();
    world.call(|core, now| core.handle_lost(now, id, &lost));
    world.persist(None);
    assert_eq!(world.core.job(id).unwrap().state, JobState::Running);
    let [Record::Standing(standing)] = &world.persist(None)[..] else { panic!() };
    assert_eq!(standing.state, JobState::Running);
    compute(&mut world);
    world.persist(None);
    assert_eq!(world.core.job(id).unwrap().state, JobState::Done);
}

#[test]
fn a_loss_of_a_job_that_is_done_makes_it_run_again() {
    let mut world = World::new();
    let id = world.job(3);
    world.join();
    compute(&mut world);
    world.persist(None);
    let lost = world.indexes.with(id, |index| index.lose(&[swath_model::OffsetRun::new(5, 10).unwrap()])).unwrap();
    world.call(|core, now| core.handle_lost(now, id, &lost));
    assert_eq!(world.core.job(id).unwrap().state, JobState::Running);
    assert_eq!(world.lease().1.chunks, ChunkRun::one(0));
}

#[test]
fn the_fence_wants_the_lease_the_chunks_and_the_fingerprint() {
    let mut world = World::new();
    let id = world.job(3);
    let worker = world.join().worker;
    let (_, lease) = world.lease();
    let good = Claim { lease: lease.lease, job: id, fingerprint: Some(lease.fingerprint), chunks: Some(lease.chunks) };
    assert_eq!(world.call(|core, now| core.fence(now, &good)), Some(worker));
    let later = LeaseId { sequence: good.lease.sequence + 99, ..good.lease };
    let beyond = ChunkRun::new(lease.chunks.end(), lease.chunks.end() + 1);
    for bad in [
        Claim { lease: later, ..good },
        Claim { job: JobId(9), ..good },
        Claim { fingerprint: None, chunks: beyond, ..good },
        Claim { chunks: beyond, ..good },
    ] {
        assert_eq!(world.call(|core, now| core.fence(now, &bad)), None, "{bad:?}");
    }
    assert_eq!(world.call(|core, now| core.fence(now, &good)), Some(worker));
    let other = Claim { fingerprint: Some(Fingerprint([9; 16])), ..good };
    assert_eq!(world.call(|core, now| core.fence(now, &other)), None);
    assert_eq!(world.call(|core, now| core.fence(now, &good)), None, "its chunks wait for another lease");
}

#[test]
fn nothing_passes_the_fence_after_the_session() {
    let mut world = World::new();
    let id = world.job(1);
    let worker = world.join().worker;
    let (_, lease) = world.lease();
    let claim = Claim { lease: lease.lease, job: id, fingerprint: Some(lease.fingerprint), chunks: Some(lease.chunks) };
    world.call(|core, now| core.handle_disconnected(now, worker));
    assert_eq!(world.call(|core, now| core.fence(now, &claim)), None);
    assert!(matches!(world.notices.last(), Some(Notice::WorkerLost { .. })));
}

#[test]
fn a_worker_that_joins_again_replaces_its_former_session() {
    let mut world = World::with(|config| config.scheduler.max_workers = 1);
    let former = world.join();
    assert_eq!(world.call(|core, now| core.join(now, join())), Err(Refusal::TooManyWorkers { count: 1 }));
    let mut other = join();
    other.former = Some((former.incarnation, former.worker));
    other.info.process_id = 2;
    assert!(world.call(|core, now| core.join(now, other)).is_err(), "another process");
    let mut again = join();
    again.former = Some((former.incarnation, former.worker));
    let joined = world.call(|core, now| core.join(now, again)).unwrap();
    assert_eq!((joined.worker, &world.closed_sessions[..]), (WorkerId(2), &[former.worker][..]));
}

#[test]
fn a_worker_that_receives_nothing_loses_its_session() {
    let mut world = World::new();
    world.job(1);
    let worker = world.join().worker;
    assert!(!world.sent.is_empty());
    for _ in 0..100 {
        world.wait(Duration::from_millis(100));
        world.call(|core, now| core.handle_heartbeat(now, worker, 0));
    }
    assert!(world.closed_sessions.is_empty(), "exactly ten seconds are fine");
    world.wait(Duration::from_millis(100));
    world.call(|core, now| core.handle_heartbeat(now, worker, 0));
    assert_eq!(world.closed_sessions, [worker]);
}

#[test]
fn a_suspended_coordinator_excuses_its_workers() {
    let mut world = World::new();
    world.job(1);
    let worker = world.join().worker;
    let (_, lease) = world.lease();
    world.wait(Duration::from_secs(30));
    world.call(|core, now| core.handle_timeout(now));
    assert!(world.notices.contains(&Notice::Suspended { away: Duration::from_secs(30) }));
    world.deliver(worker, lease, lease.chunks);
    assert_eq!(world.core.job(lease.job).unwrap().committed_chunks, 1, "the lease is still held");
    world.persist(None);
    // The same silence while the coordinator ran.
    let id = world.job(1);
    let (_, lease) = world.lease();
    for _ in 0..110 {
        world.wait(Duration::from_millis(100));
        world.call(|core, now| core.handle_timeout(now));
        if world.batch.is_some() {
            world.persist(None);
        }
    }
    world.deliver(worker, lease, all(1));
    assert_eq!(world.core.job(id).unwrap().committed_chunks, 0, "a silent worker has lost its lease");
}

#[test]
fn a_drained_worker_leaves_without_a_crash() {
    let mut world = World::new();
    let worker = world.join().worker;
    assert_eq!(world.call(|core, now| core.drain(now, WorkerId(9))), Err(Refusal::NoSuchWorker(WorkerId(9))));
    world.call(|core, now| core.drain(now, worker)).unwrap();
    assert!(matches!(world.sent.back(), Some((_, ToWorker::ShutDown))));
    world.call(|core, now| core.handle_disconnected(now, worker));
    assert!(matches!(world.notices.last(), Some(Notice::WorkerLeft { .. })));
}

#[test]
fn a_status_says_why_a_job_waits() {
    let mut world = World::new();
    let id = world.job(1);
    let reason = |world: &World| world.core.job(id).unwrap().waiting.map(|waiting| waiting.reason);
    assert_eq!(reason(&world), Some(WaitReason::NoWorkers));
    world.call(|core, now| core.handle_paused(now, id, "the disk is full".into()));
    assert_eq!(reason(&world), Some(WaitReason::Paused));
    world.call(|core, now| core.handle_resumed(now, id));
    world.call(|core, now| core.watch(now, id)).unwrap();
    world.join();
    assert_eq!(reason(&world), None);
    world.wait(Duration::from_millis(100));
    world.call(|core, now| core.handle_timeout(now));
    assert_eq!(world.published.len(), 1, "who watches hears that a worker came");
}

#[test]
fn delivered_jobs_commit_on_arrival_and_keep_no_memory() {
    let mut world = World::new();
    world.submit(2, |submit| submit.spec.result_mode = ResultMode::Delivered);
    world.persist(None);
    world.join();
    compute(&mut world);
    world.persist(None);
    assert_eq!(world.core.job(JobId(1)).unwrap().committed_chunks, 2);
    let request = world.submit(2, |submit| submit.spec.result_mode = ResultMode::Delivered);
    world.persist(None);
    let id = world.status_of(request).id;
    cancel(&mut world, id, AfterCancel::KeepResults);
    assert!(world.closing.is_empty() && world.batch.is_some(), "its end is written at once");
}

#[test]
fn shutting_down_writes_the_clock_once_more() {
    let mut world = World::new();
    world.call(|core, now| core.shut_down(now));
    assert!(!world.core.is_settled());
    assert!(world.persist(None).is_empty());
    assert!(world.core.is_settled());
}

#[test]
fn a_job_is_described_once_in_a_session_and_until_it_ends() {
    let mut world = World::new();
    let (id, other) = (world.job(3), world.job(2));
    let first = world.join().worker;
    let told = |world: &World, wanted: WorkerId| -> Vec<JobId> {
        let described = |(worker, message): &(WorkerId, ToWorker)| match message {
            ToWorker::DescribeJob { job, .. } if *worker == wanted => Some(*job),
            _ => None,
        };
        world.sent.iter().filter_map(described).collect()
    };
    assert_eq!(told(&world, first), [id, other]);
    let second = world.join().worker;
    let mut described = told(&world, second);
    let count = described.len();
    described.sort_unstable();
    described.dedup();
    assert_eq!(described.len(), count, "no job is described twice");
    let request = world.request();
    world.call(|core, now| core.cancel(now, request, id, AfterCancel::DropResults));
    let ended = |(worker, message): &(WorkerId, ToWorker)| {
        *worker == first && matches!(message, ToWorker::JobEnded(job) if *job == id)
    };
    assert_eq!(world.sent.iter().filter(|sent| ended(sent)).count(), 1);
}

#[test]
fn the_answer_to_a_submit_does_not_say_that_the_job_waits() {
    let mut world = World::new();
    let request = world.submit(1, |_| ());
    world.persist(None);
    let status = world.status_of(request);
    assert_eq!(status.waiting, None);
    assert!(world.core.job(status.id).unwrap().waiting.is_some(), "there is no worker");
}

/// A job of ten chunks that an earlier coordinator left like this.
fn recover(world: &mut World, change: impl FnOnce(&mut RecoveredJob)) -> JobId {
    recover_with(world, 0, change)
}

/// The same; so many of its chunks are in parts.
fn recover_with(world: &mut World, durable: u64, change: impl FnOnce(&mut RecoveredJob)) -> JobId {
    let Submit { spec, fingerprint, token } = submit(10);
    let submitted = Stamp { at: SystemTime::UNIX_EPOCH, moment: Moment::default() };
    let mut job = RecoveredJob {
        id: JobId(7),
        spec,
        fingerprint,
        state: JobState::Running,
        submitted,
        ended: None,
        shares: BTreeMap::new(),
        failed: FailedChunks::new(),
        stock: Stock::Kept,
        token,
    };
    change(&mut job);
    let id = job.id;
    let mut index = ResultIndex::new(job.spec.chunks, job.spec.result_mode);
    if let Some(durable) = ChunkRun::new(0, durable) {
        index.recover(&[job.spec.chunks.offsets(durable)]);
    }
    for &chunk in job.failed.keys().filter(|&&chunk| chunk < job.spec.chunks.count()) {
        index.fail_chunk(chunk);
    }
    if job.stock == Stock::Dropped {
        index.drop_all("job 7 was cancelled".into());
    }
    world.indexes.insert(id, index);
    world.call(|core, now| core.recover(now, job));
    id
}

fn ended(state: JobState) -> impl FnOnce(&mut RecoveredJob) {
    move |job| {
        job.state = state;
        job.ended = Some(job.submitted);
    }
}

#[test]
fn a_job_that_was_done_and_has_lost_results_runs_again_after_a_start() {
    let mut world = World::new();
    let id = recover(&mut world, ended(JobState::Done));
    assert_eq!(world.core.job(id).unwrap().state, JobState::Running);
    let records = world.persist(None);
    assert!(matches!(&records[..], [Record::Standing(standing)] if standing.state == JobState::Running));
    // One that has nothing but failed chunks is done all the same.
    let mut world = World::new();
    let failed = (0..10).map(|chunk| (chunk, FailedChunk::new(1, "odd".into()))).collect();
    let id = recover(&mut world, |job| {
        ended(JobState::Done)(job);
        job.failed = failed;
    });
    assert_eq!(world.core.job(id).unwrap().state, JobState::Done);
    assert_eq!(world.indexes.with(id, |index| index.ending()), Some(Some(Ending::Done)));
}

#[test]
fn a_job_whose_results_were_being_delivered_has_failed_after_a_start() {
    let mut world = World::new();
    let id = recover(&mut world, |job| job.spec.result_mode = ResultMode::Delivered);
    let status = world.core.job(id).unwrap();
    assert!(status.state.failure().is_some_and(|failure| failure.contains("started again")), "{status:?}");
    assert!(matches!(world.indexes.with(id, |index| index.ending()), Some(Some(Ending::Broken(_)))));
    // The ledger hears of it.
    world.wait(Duration::from_secs(1));
    world.call(|core, now| core.handle_timeout(now));
    let records = world.persist(None);
    assert!(matches!(&records[..], [Record::Standing(standing)] if standing.state == status.state), "{records:?}");
}

#[test]
fn readers_of_a_job_that_had_ended_are_told_how() {
    for (state, stock, expected) in [
        (JobState::Cancelled, Stock::Kept, Some(Ending::Broken("job 7 was cancelled".into()))),
        (JobState::Failed("at 3".into()), Stock::Kept, Some(Ending::Broken("job 7 failed: at 3".into()))),
        (JobState::Cancelled, Stock::Dropped, Some(Ending::Broken("job 7 was cancelled".into()))),
    ] {
        let mut world = World::new();
        let id = recover(&mut world, |job| {
            ended(state)(job);
            job.stock = stock;
        });
        assert_eq!(world.indexes.with(id, |index| index.ending()), Some(expected));
    }
}

#[test]
fn a_start_finds_where_each_job_stands() {
    let stands = |mode, state, durable: u64| {
        let mut world = World::new();
        let id = recover_with(&mut world, durable, |job| {
            ended(state)(job);
            job.ended = job.state.has_ended().then_some(job.submitted);
            job.spec.result_mode = mode;
        });
        world.core.job(id).unwrap().state
    };
    assert_eq!(stands(ResultMode::Stored, JobState::Running, 1), JobState::Running);
    assert_eq!(stands(ResultMode::Stored, JobState::Done, 10), JobState::Done);
    assert_eq!(stands(ResultMode::Stored, JobState::Done, 9), JobState::Running, "a part is lost");
    assert_eq!(stands(ResultMode::Stored, JobState::Cancelled, 1), JobState::Cancelled);
    assert_eq!(stands(ResultMode::Delivered, JobState::Done, 0), JobState::Done, "its reader had everything");
}

#[test]
fn nothing_is_committed_of_dropped_results() {
    let mut world = World::new();
    let request = world.submit(3, |submit| submit.spec.result_mode = ResultMode::Delivered);
    world.persist(None);
    let id = world.status_of(request).id;
    world.join();
    let (worker, assignment) = world.lease();
    world.deliver(worker, assignment, ChunkRun::one(assignment.chunks.start()));
    let cancelled = cancel(&mut world, id, AfterCancel::DropResults);
    world.persist(None);
    let status = world.status_of(cancelled);
    assert!(status.results_dropped);
    assert_eq!(status.committed_chunks, 0);
}

#[test]
fn failed_chunks_that_the_job_does_not_have_are_ignored() {
    let mut world = World::new();
    let failed = [10, u64::MAX].map(|chunk| (chunk, FailedChunk::new(1, "odd".into()))).into();
    let id = recover(&mut world, |job| job.failed = failed);
    let status = world.core.job(id).unwrap();
    assert_eq!((status.state, status.failed_chunks, status.failed_numbers), (JobState::Running, 0, 0));
}
