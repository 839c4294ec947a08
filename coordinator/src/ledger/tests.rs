//! The contract of a ledger, kept by each of them, and what only one in a folder promises.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use swath_coordinator_core::{Stamp, Standing, Stock, Submitted};
use swath_model::{
    Artifact, ArtifactId, Chunks, FailedChunk, JobSpec, JobState, Layout, Limits, Parameters, Program, Range,
    ResultMode, Shape, Share, ValueType,
};
use tempfile::TempDir;

use super::{memory::MemoryLedger, sqlite::SqliteLedger, *};

fn job(id: u64) -> Submitted {
    let spec = JobSpec {
        kernel: "isqrt".to_owned(),
        parameters: [("odd name".to_owned(), "ü".to_owned())].into(),
        chunks: Chunks::new(Range::new(i64::MIN, i64::MAX - 1).unwrap(), u64::MAX).unwrap(),
        chunk_size: u64::MAX,
        program: Some(Program {
            layout: Some(Layout::values(ValueType::Int64)),
            export: Some("f".to_owned()),
            ..Program::wasm(Artifact { id: ArtifactId([9; 32]), bytes: 77 })
        }),
        condition: Some("n > 3".to_owned()),
        reductions: None,
        kernel_layout: Layout::values(ValueType::Int64),
        layout: Layout::values(ValueType::Int64).with_shape(Shape::Sparse),
        result_mode: ResultMode::Stored,
        limits: Limits { max_retries: 7, crash_limit: u32::MAX, keep_going: true },
        keep_for: Some(Duration::from_secs(3600)),
    };
    Submitted { id: JobId(id), spec: Arc::new(spec), submitted: stamp(0), token: Some([7; 16]) }
}

fn stamp(ms: u64) -> Stamp {
    Stamp {
        at: UNIX_EPOCH + Duration::from_millis(1_700_000_000_123 + ms),
        moment: Moment(Duration::from_millis(5 + ms)),
    }
}

fn part(path: &str) -> PartRow {
    let block = |first| BlockRow { first, numbers: 1 << 40, rows: 1 << 20, digest: u64::MAX - 3, sender: 1 };
    let sender = |worker, name: &str| Sender { worker, name: name.to_owned() };
    PartRow {
        path: path.to_owned(),
        bytes: 77,
        footer: FooterRow { bytes: 33, digest: u64::MAX - 9 },
        blocks: vec![block(0), block(u64::MAX - 5)],
        senders: vec![sender(3, "one"), sender(u64::MAX, "two")],
    }
}

fn end(id: u64) -> Record {
    Record::Standing(standing(id))
}

fn end_and_drop(id: u64) -> Record {
    Record::Standing(Standing { drops_results: true, ..standing(id) })
}

fn standing(id: u64) -> Standing {
    let share = Share { worker: "one".to_owned(), numbers: 5, chunks: 1 };
    Standing {
        job: JobId(id),
        state: JobState::Failed("at 7".to_owned()),
        ended: Some(stamp(1000)),
        shares: vec![(3, share)],
        drops_results: false,
    }
}

fn write(ledger: &dyn Ledger, records: &[Record]) {
    let written = ledger.write(records, Moment(Duration::from_secs(9)));
    assert!(written.len() == records.len() && written.iter().all(Result::is_ok), "{written:?}");
}

/// Every ledger there is; the folder is that of the one that has a folder.
fn ledgers() -> (TempDir, Vec<Box<dyn Ledger>>) {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteLedger::open(folder.path(), || Ok(())).unwrap();
    (folder, vec![Box::new(sqlite), Box::new(MemoryLedger::new("one".to_owned()))])
}

/// What a ledger says of job 4 after [`fill`].
fn check_filled(ledger: &dyn Ledger) {
    let id = JobId(4);
    assert_eq!(ledger.clock().unwrap(), Moment(Duration::from_secs(9)));
    let [row] = &ledger.jobs().unwrap()[..] else { panic!("not one job") };
    let spec = job(4).spec;
    assert_eq!((row.id, row.first, row.last, row.chunk_size), (id, i64::MIN, i64::MAX - 1, u64::MAX));
    assert_eq!((row.limits, row.keep_for, row.stock), (spec.limits, spec.keep_for, Stock::Kept));
    assert_eq!((&row.parameters, row.token), (&spec.parameters, Some([7; 16])));
    assert_eq!((&row.program, &row.condition), (&spec.program, &spec.condition));
    assert_eq!(row.state, JobState::Failed("at 7".to_owned()));
    assert_eq!((row.submitted, row.ended), (stamp(0), Some(stamp(1000))));
    assert_eq!((row.shares[0].0, row.shares[0].1.worker.as_str()), (3, "one"));
    assert_eq!(ledger.parts(id).unwrap(), [part("a")]);
    assert_eq!(ledger.failed_chunks(id).unwrap(), [(u64::MAX, FailedChunk::new(-3, "odd".to_owned()))].into());
}

fn fill(ledger: &dyn Ledger) {
    assert_eq!((ledger.clock().unwrap(), ledger.last_job().unwrap()), (Moment::default(), 0));
    let id = JobId(4);
    write(ledger, &[Record::Submitted(job(4))]);
    for path in ["b", "a"] {
        assert_eq!(ledger.insert_part(id, &part(path)).unwrap(), Inserted::Inserted);
    }
    ledger.delete_part("b").unwrap();
    let failed = vec![(id, u64::MAX, FailedChunk::new(-3, "odd".to_owned()))];
    write(ledger, &[Record::FailedChunks(failed), end(4)]);
}

#[test]
fn every_ledger_gives_back_what_was_written_until_it_is_dropped() {
    let (_folder, ledgers) = ledgers();
    for ledger in ledgers {
        let ledger = &*ledger;
        fill(ledger);
        check_filled(ledger);
        // The shares of a job that has ended are final.
        write(ledger, &[Record::Shares(vec![(JobId(4), Vec::new())])]);
        check_filled(ledger);
        write(ledger, &[end_and_drop(4)]);
        assert!(ledger.parts(JobId(4)).unwrap().is_empty() && ledger.jobs().unwrap()[0].stock == Stock::Dropped);
        write(ledger, &[Record::Forgotten(JobId(4))]);
        assert!(ledger.jobs().unwrap().is_empty() && ledger.failed_chunks(JobId(4)).unwrap().is_empty());
        assert_eq!(ledger.last_job().unwrap(), 4, "ids are not used again");
    }
}

#[test]
fn a_ledger_in_a_folder_outlives_its_coordinator() {
    let folder = tempfile::tempdir().unwrap();
    let (starts, identity) = {
        let ledger = SqliteLedger::open(folder.path(), || Ok(())).unwrap();
        fill(&ledger);
        ledger.set_place("s3://bucket").unwrap();
        (ledger.starts(), ledger.identity().unwrap())
    };
    let ledger = SqliteLedger::open(folder.path(), || Ok(())).unwrap();
    assert_eq!((ledger.starts(), ledger.identity().unwrap()), (starts + 1, identity));
    check_filled(&ledger);
}

#[test]
fn a_ledger_knows_where_its_parts_lie() {
    let (_folder, ledgers) = ledgers();
    for ledger in ledgers {
        let new = ledger.identity().unwrap();
        assert!(new.place.is_empty() && !new.id.is_empty());
        ledger.set_place("s3://bucket").unwrap();
        assert_eq!(ledger.identity().unwrap(), Identity { place: "s3://bucket".to_owned(), ..new });
    }
}

#[test]
fn the_clock_never_goes_back() {
    let (_folder, ledgers) = ledgers();
    for ledger in ledgers {
        for (written, expected) in [(5, 5), (3, 5), (6, 6)] {
            assert!(ledger.write(&[], Moment(Duration::from_secs(written))).is_empty());
            assert_eq!(ledger.clock().unwrap(), Moment(Duration::from_secs(expected)));
        }
    }
}

#[test]
fn a_record_that_cannot_be_written_does_not_keep_out_the_others() {
    let (_folder, ledgers) = ledgers();
    for ledger in ledgers {
        let same_token = Record::Submitted(job(2));
        let same_id = Record::Submitted(Submitted { token: None, ..job(1) });
        let other_token = Record::Submitted(Submitted { token: Some([8; 16]), ..job(3) });
        let none = |id| Record::Submitted(Submitted { token: None, ..job(id) });
        let records = [Record::Submitted(job(1)), same_token, same_id, other_token, none(4), none(5)];
        let written = ledger.write(&records, Moment::default());
        let is_taken = |written: &Result<(), LedgerError>| matches!(written, Err(LedgerError::Taken { .. }));
        assert_eq!(written.iter().map(is_taken).collect::<Vec<_>>(), [false, true, true, false, false, false]);
        assert_eq!(written.iter().filter(|written| written.is_ok()).count(), 4);
        let ids: Vec<u64> = ledger.jobs().unwrap().iter().map(|row| row.id.0).collect();
        assert_eq!(ids, [1, 3, 4, 5]);
    }
}

#[test]
fn a_part_that_was_written_while_its_job_was_dropped_or_forgotten_is_not_added() {
    let (_folder, ledgers) = ledgers();
    for ledger in ledgers {
        let other = Submitted { token: None, ..job(2) };
        write(&*ledger, &[Record::Submitted(job(1)), Record::Submitted(other)]);
        assert_eq!(ledger.insert_part(JobId(1), &part("1")).unwrap(), Inserted::Inserted);
        write(&*ledger, &[end_and_drop(1), Record::Forgotten(JobId(2))]);
        for id in [1, 2] {
            assert_eq!(ledger.insert_part(JobId(id), &part(&format!("{id}"))).unwrap(), Inserted::JobGone);
        }
        assert!(!ledger.has_parts().unwrap());
    }
}

#[test]
fn a_row_of_a_job_says_what_the_job_computes() {
    let row = |kernel: &str| {
        let row = JobRow { kernel: kernel.to_owned(), parameters: Parameters::new(), ..JobRow::from(&job(4)) };
        JobRow { first: 1, last: 9, program: None, ..row }.recovered(FailedChunks::new())
    };
    let known = row("isqrt").unwrap();
    assert_eq!((known.spec.kernel.as_str(), known.spec.range().last()), ("isqrt", 9));
    assert_eq!(known.spec.kernel_layout, Layout::values(ValueType::Int64));
    assert_eq!(known.spec.layout.shape(), Shape::Sparse);
    assert_eq!(known.fingerprint, swath_proto::fingerprint(&known.spec));
    let unknown = row("of another version").unwrap_err();
    assert!(matches!(unknown, LedgerError::UnknownJob { job: 4, .. }), "{unknown}");
}

#[test]
fn a_folder_that_is_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = SqliteLedger::open(folder.path(), || Ok(())).unwrap();
    let error = SqliteLedger::open(folder.path(), || Ok(())).unwrap_err();
    assert!(matches!(error, LedgerError::InUse { .. }), "{error}");
}

/// The columns that a version has more than the one before it, newest first.
const NEWER: [(i64, &[&str]); 2] = [
    (4, &["ALTER TABLE jobs DROP COLUMN program"]),
    (
        3,
        &[
            "ALTER TABLE jobs DROP COLUMN condition",
            "ALTER TABLE jobs DROP COLUMN reductions",
            "ALTER TABLE parts DROP COLUMN numbers",
        ],
    ),
];

#[test]
fn a_folder_of_an_older_format_is_brought_to_this_one() {
    for steps in 1..=NEWER.len() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::open(folder.path(), || Ok(())).unwrap();
        write(&ledger, &[Record::Submitted(job(4))]);
        drop(ledger);
        let file = rusqlite::Connection::open(folder.path().join("ledger.sqlite")).unwrap();
        for (format, columns) in NEWER.iter().take(steps) {
            columns.iter().for_each(|column| file.execute_batch(column).unwrap());
            file.pragma_update(None, "user_version", format).unwrap();
        }
        drop(file);
        let ledger = SqliteLedger::open(folder.path(), || Ok(())).unwrap();
        let [row] = &ledger.jobs().unwrap()[..] else { panic!("not one job") };
        assert_eq!((row.id, &row.program), (JobId(4), &None));
        assert_eq!(row.condition.is_some(), steps == 1);
        write(&ledger, &[Record::Submitted(Submitted { token: None, ..job(5) })]);
        assert_eq!(ledger.jobs().unwrap()[1].program, job(5).spec.program);
    }
}

#[test]
fn a_folder_of_another_format_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    drop(SqliteLedger::open(folder.path(), || Ok(())).unwrap());
    let path = folder.path().join("ledger.sqlite");
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = SqliteLedger::open(folder.path(), || Ok(())).unwrap_err();
    assert!(matches!(error, LedgerError::Format { found: 7, .. }), "{error}");
    assert!(std::fs::read(&path).unwrap() == before);
}

#[test]
fn a_file_that_is_no_ledger_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    std::fs::write(&path, [b'x'; 5000]).unwrap();
    let error = SqliteLedger::open(folder.path(), || Ok(())).unwrap_err();
    assert!(matches!(error, LedgerError::Unreadable { .. }), "{error}");
    assert!(std::fs::read(&path).unwrap() == [b'x'; 5000]);
}

#[test]
fn a_folder_with_jobs_and_no_ledger_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("jobs/1")).unwrap();
    assert!(matches!(SqliteLedger::open(folder.path(), || Ok(())), Err(LedgerError::NoLedger { .. })));
}
