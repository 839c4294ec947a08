//! Conditions and reductions: which rows are results, and what is kept of them, whatever happens to who computes them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking; the lints know test functions only")]

use std::fs;

use serde_json::{Value, json};
use swath_tests::{Coordinator, Ended, Process, Scene, Signal, blames_full_disk, fill_up, is_prime, square, until};

/// The lines of a file.
fn lines(scene: &Scene, file: &str) -> Vec<String> {
    fs::read_to_string(scene.path(file)).unwrap().lines().map(str::to_owned).collect()
}

/// What `swath run` prints.
fn printed(scene: &Scene, arguments: &[&str]) -> String {
    scene.swath("run").args(arguments).succeed().stdout().to_owned()
}

/// How `swath run` refuses this, with exit code 2.
fn refused(scene: &Scene, arguments: &[&str]) -> Ended {
    scene.swath("run").args(arguments).end().assert_code(2)
}

/// Submits a job.
fn submit(coordinator: &Coordinator<'_>, arguments: &[&str]) -> u64 {
    coordinator.swath("submit").args(arguments).succeed().stdout().trim().parse().unwrap()
}

#[test]
fn a_condition_leaves_the_rows_for_which_it_holds() {
    let scene = Scene::new("a_condition");
    let expected: Vec<String> =
        (1..=300_000i64).filter(|n| n * n % 7 == 4 && *n > 100).map(|n| format!("{n},{}", n * n)).collect();
    let condition = "value % 7 = 4 and not n <= 100";
    printed(&scene, &["1..=300000", "--where", condition, "-o", "x.csv"]);
    assert_eq!(lines(&scene, "x.csv")[1..], expected[..]);
    // Blocks of many chunks, and blocks of parts of one.
    for chunk_size in ["1", "977", "300000"] {
        let arguments = ["1..=300000", "--where", condition, "--chunk-size", chunk_size, "-o", "y.csv"];
        printed(&scene, &arguments);
        assert_eq!(fs::read(scene.path("y.csv")).unwrap(), fs::read(scene.path("x.csv")).unwrap(), "{chunk_size}");
    }
    let text = printed(&scene, &["1..=30", "-k", "is-prime", "--where", "value", "--column", "n"]);
    assert_eq!(text, "2\n3\n5\n7\n11\n13\n17\n19\n23\n29\n");
    assert_eq!(printed(&scene, &["1..=1000", "--where", "n < 0"]), "");
}

#[test]
fn reductions_are_exact() {
    let scene = Scene::new("reductions");
    assert_eq!(printed(&scene, &["1..=1000000000", "--reduce", "sum"]), "333333333833333333500000000\n");
    // More than 128 bits.
    let ends = printed(&scene, &["-9223372036854775808..=-9223372036854774809", "--reduce", "sum,min,max,min_n"]);
    let expected = "85070591730234606651694987040021353505500\t85070591730234597437546322222100986481\t\
                    85070591730234615865843651857942052864\t-9223372036854774809\n";
    assert_eq!(ends, expected);
    let all = "count,count(value),sum(value),mean,min,max,min_n,max_n,value_counts";
    let rows = printed(&scene, &["-2..=2", "--reduce", all, "--format", "jsonl"]);
    let expected = json!({
        "count": 5, "count(value)": 5, "sum": 10, "mean": 2.0, "min": 0, "max": 4,
        "min_n": 0, "max_n": -2,
        "value_counts": [{"value": 0, "count": 1}, {"value": 1, "count": 2}, {"value": 4, "count": 2}],
    });
    assert_eq!(serde_json::from_str::<Value>(&rows).unwrap(), expected);
    let none = printed(&scene, &["1..=10", "--where", "n > 10", "--reduce", "count,sum,min", "--format", "csv"]);
    assert_eq!(none, "count,sum,min\n0,,\n");
    let primes = printed(&scene, &["1..=10000000", "-k", "is-prime", "--where", "value", "--reduce", "count,max(n)"]);
    assert_eq!(primes, "664579\t9999991\n");
}

#[test]
fn the_same_reductions_come_however_the_range_is_split() {
    let scene = Scene::new("reductions_split");
    let list = "count,sum(steps),mean(steps),max(steps),max_n(steps),max(peak),max_n(peak),sum(peak)";
    let run = |more: &[&str]| {
        let arguments = ["1..=100000", "-k", "collatz", "-p", "peak=yes", "--reduce", list, "--where", "steps % 3 > 0"];
        printed(&scene, &[&arguments[..], more].concat())
    };
    let whole = run(&["--chunk-size", "100000", "--threads", "1"]);
    assert_eq!(whole, "66636\t7166992\t107.55435500330152\t350\t77031\t720170836\t94959\t42189637738\n");
    for more in [&["--chunk-size", "17"][..], &["--workers", "3", "--threads", "2"], &["--chunk-size", "50001"]] {
        assert_eq!(run(more), whole, "{more:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    let scene = Scene::new("unfit");
    for (arguments, sentence) in [
        (&["--where", "valu > 3"][..], "--where: character 1: unknown column \"valu\", did you mean \"value\"?"),
        (&["--where", "n > 3 and value like 'x'"], "--where: character 11: `like` takes text"),
        (&["--where", "n / 0 = 1"], "--where: character 5: division by zero"),
        (&["--where", "n"], "--where: "),
        (&["--where", ""], "--where: "),
        (&["--reduce", "count,summ"], "--reduce: character 7: unknown reduction `summ`"),
        (&["--reduce", "sum(x)"], "--reduce: character 1: `sum(x)`: there is no column `x`"),
        (&["--reduce", ""], "--reduce: "),
        (&["-k", "factor", "--reduce", "sum"], "--reduce: character 1: `sum`"),
        (&["--where", "n > 1", "-o", "x.npy"], "a .npy file begins with how many rows it has"),
        (
            &["--reduce", "value_counts", "-o", "x.npy"],
            "the .npy format cannot hold the list(struct(value int64, count",
        ),
        (&["-p", "type=auto", "-p", "type=decimal128"], "the parameter `type` is given twice, as `auto` and as"),
    ] {
        let said = refused(&scene, &[&["1..=10"], arguments].concat());
        assert!(said.stderr().contains(sentence), "{arguments:?}: {}", said.stderr());
    }
    let marked = refused(&scene, &["1..=10", "--where", "n > 1 and valu = 4"]);
    assert!(marked.stderr().contains("\n  n > 1 and valu = 4\n            ^^^^\n"), "{}", marked.stderr());
    let marked = refused(&scene, &["1..=10", "--reduce", "count, summ"]);
    assert!(marked.stderr().contains("\n  count, summ\n         ^^^^\n"), "{}", marked.stderr());
    // A condition may begin with a hyphen.
    let negative = scene.swath("run 1..=5 --column n").args(["--where", "-n = -5"]).end().assert_code(0);
    assert_eq!(negative.stdout(), "5\n");
    // A coordinator refuses the same, and stores nothing.
    let coordinator = scene.coordinator();
    for arguments in [["--where", "valu > 3"], ["--reduce", "summ"]] {
        let said = coordinator.swath("submit 1..=10").args(arguments).end().assert_code(2);
        assert!(said.stderr().ends_with("^^^^\n"), "{}", said.stderr());
    }
    assert_eq!(coordinator.jobs(), [] as [Value; 0]);
}

#[test]
fn a_number_without_an_answer_fails_its_chunk() {
    let scene = Scene::new("no_answer");
    let refused = scene.swath("run 1..=10").args(["--where", "100 / (n - 5) > 3"]).end().assert_code(1);
    assert!(refused.stderr().contains("failed at 5: the condition has no answer: division by zero"));
    let arguments = ["1..=10", "--where", "100 / (n - 5) > 3", "--keep-going", "--chunk-size", "2", "--column", "n"];
    let partly = scene.swath("run").args(arguments).end().assert_code(1);
    let expected: String =
        (1..=10).filter(|n| *n != 5 && *n != 6 && 100 / (n - 5) > 3).map(|n| format!("{n}\n")).collect();
    assert_eq!(partly.stdout(), expected);
    assert!(partly.stderr().contains("2 of 10 numbers failed"), "{}", partly.stderr());
}

#[test]
fn parts_of_sparse_results_are_read_and_those_of_reductions_are_refused() {
    let scene = Scene::new("parts_of_shapes");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    let sparse = submit(&coordinator, &["1..=1000000", "-k", "is-prime", "--where", "value"]);
    let reduced = submit(&coordinator, &["1..=1000000", "-k", "is-prime", "--where", "value", "--reduce", "count"]);
    coordinator.await_done(sparse);
    coordinator.await_done(reduced);
    let part = coordinator.swath(&format!("job results {sparse} --first 500000 --last 500100"));
    let expected: String = (500_000..=500_100).filter(|&n| is_prime(n)).map(|n| format!("{n}\ttrue\n")).collect();
    assert_eq!(part.succeed().stdout(), expected);
    assert_eq!(coordinator.swath(&format!("job results {reduced}")).succeed().stdout(), "78498\n");
    // Also where the part is all of it: a script should not depend on the bounds that it was given.
    for part in ["--first 2", "--first 1 --last 1000000"] {
        let refused = coordinator.swath(&format!("job results {reduced} {part}")).end().assert_code(2);
        assert!(refused.stderr().contains("are of all its numbers"), "{}", refused.stderr());
    }
    let listed = coordinator.swath("job list").succeed();
    assert!(listed.stdout().contains("  --where 'value' --reduce 'count'\n"), "{}", listed.stdout());
    // Most blocks have no rows, and are one row in the ledger.
    let rare = submit(&coordinator, &["1..=10", "--where", "n = 5"]);
    coordinator.await_done(rare);
    assert_eq!(coordinator.swath(&format!("job results {rare}")).succeed().stdout(), "5\t25\n");
    let shown = coordinator.job(reduced);
    assert_eq!(
        (&shown["shape"], &shown["condition"], &shown["reductions"]),
        (&json!("reduced"), &json!("value"), &json!("count"))
    );
    assert_eq!(shown["columns"], json!([{"name": "count", "type": "int64", "nullable": false}]));
    assert_eq!(coordinator.job(sparse)["shape"], "sparse");
}

/// Numbers of which a worker that is alone computes the steps for some seconds.
const SLOW: &str = "1000000000000..=1000039999999";
const FIRST: i64 = 1_000_000_000_000;

/// More of them, for reductions: their blocks are small, and wait for their part for as long as all of [`SLOW`] takes.
const LONG: &str = "1000000000000..=1000159999999";

fn numbers(arguments: &[&str]) -> &'static str {
    if arguments.contains(&"--reduce") { LONG } else { SLOW }
}

/// The exact answers for [`SLOW`], from this machine without any coordinator.
fn undisturbed(scene: &Scene, arguments: &[&str]) -> String {
    printed(scene, &[&[numbers(arguments), "-k", "collatz", "--chunk-size", "20000"], arguments].concat())
}

fn submit_slow(coordinator: &Coordinator<'_>, arguments: &[&str]) -> u64 {
    let job = [numbers(arguments), "-k", "collatz", "--chunk-size", "20000", "--crash-limit", "100"];
    submit(coordinator, &[&job[..], arguments].concat())
}

/// A job whose workers are killed, whose coordinator is killed, and that ends after all.
fn disturbed(scene: &Scene, arguments: &[&str]) -> String {
    let mut coordinator = scene.coordinator_with("--lease-timeout 1s --memory 1MiB");
    let address = coordinator.address().to_owned();
    let job = submit_slow(&coordinator, arguments);
    for kill in 1..=2 {
        let name = format!("victim-{kill}");
        let victim = coordinator.worker_with(&name, "--threads 1");
        coordinator.freeze_midst(job, &name, &victim);
        victim.signal(Signal::KILL);
        assert_eq!(victim.wait().signal(), Some(9));
        let (_worker, of_job) = (coordinator.worker_with("able", "--threads 1"), || coordinator.job(job));
        until("something is committed", || (of_job()["committed_chunks"] != 0).then_some(()));
        assert_eq!(coordinator.job(job)["state"], "running");
        assert_eq!(coordinator.stop(Signal::KILL).signal(), Some(9));
        coordinator = scene.coordinator_with(&format!("--lease-timeout 1s --memory 1MiB --listen {address}"));
        assert_eq!(coordinator.job(job)["state"], "running");
    }
    let _heirs = [coordinator.worker("heir-1"), coordinator.worker("heir-2")];
    coordinator.await_done(job);
    coordinator.swath(&format!("job results {job}")).succeed().stdout().to_owned()
}

#[test]
fn a_number_counts_once_in_a_sum_whatever_is_killed() {
    let scene = Scene::new("killed_reductions");
    let list = ["--reduce", "count,sum,max,max_n", "--where", "n % 3 = 1 and value > 0"];
    let expected = undisturbed(&scene, &list);
    assert!(expected.starts_with("53333334\t"), "{expected}");
    assert_eq!(disturbed(&scene, &list), expected);
}

#[test]
fn sparse_rows_come_once_and_in_order_whatever_is_killed() {
    let scene = Scene::new("killed_sparse");
    let list = ["--where", "value > 400"];
    let expected = undisturbed(&scene, &list);
    assert!(expected.lines().count() > 100, "{expected}");
    let first: i64 = expected.split('\t').next().unwrap().parse().unwrap();
    assert!(first > FIRST);
    assert_eq!(disturbed(&scene, &list), expected);
}

/// Enough rows that a reader has much to read.
const MANY: [&str; 2] = ["--where", "value % 7 = 3"];

const REDUCED: [&str; 4] = ["--reduce", "count,sum,mean,max_n", "--where", "value % 7 = 3"];

#[test]
fn a_reader_of_sparse_rows_goes_on_when_its_coordinator_is_killed() {
    let scene = Scene::new("sparse_reader");
    let expected = undisturbed(&scene, &MANY);
    let mut coordinator = scene.coordinator_with("--memory 1MiB");
    let address = coordinator.address().to_owned();
    let worker = coordinator.worker_with("able", "--threads 1");
    let job = submit_slow(&coordinator, &MANY);
    let mut reader = coordinator.swath(&format!("job results {job} --file read.txt")).start();
    let written = |reader: &Process<'_>| reader.open_files_in(&scene.path("")).into_iter().max().unwrap_or_default();
    for _ in 0..2 {
        let before = written(&reader);
        until("it reads more", || (written(&reader) > before).then_some(()));
        // The job cannot end meanwhile.
        coordinator.freeze_midst(job, "able", &worker);
        assert_eq!(coordinator.stop(Signal::KILL).signal(), Some(9));
        assert!(reader.is_running(), "it ended with its coordinator");
        coordinator = scene.coordinator_with(&format!("--memory 1MiB --listen {address}"));
        worker.thaw();
    }
    coordinator.await_done(job);
    reader.wait().assert_code(0);
    assert!(fs::read_to_string(scene.path("read.txt")).unwrap() == expected, "the rows differ");
}

#[test]
fn a_client_that_waits_for_reductions_gets_them_when_the_coordinator_is_killed() {
    let scene = Scene::new("reduced_reader");
    let expected = undisturbed(&scene, &REDUCED);
    let coordinator = scene.coordinator_with("--memory 1MiB");
    let address = coordinator.address().to_owned();
    let worker = coordinator.worker_with("able", "--threads 1");
    let arguments = [&[LONG, "-k", "collatz", "--chunk-size", "20000", "-o", "row.txt"], &REDUCED[..]].concat();
    let mut client = coordinator.swath("submit").args(arguments).start();
    until("the job is there", || (coordinator.jobs().len() == 1).then_some(()));
    let job = coordinator.jobs()[0]["id"].as_u64().unwrap();
    coordinator.freeze_midst(job, "able", &worker);
    assert_eq!(coordinator.stop(Signal::KILL).signal(), Some(9));
    assert!(client.is_running(), "it ended with its coordinator");
    let coordinator = scene.coordinator_with(&format!("--memory 1MiB --listen {address}"));
    worker.thaw();
    coordinator.await_done(job);
    client.wait().assert_code(0);
    assert_eq!(fs::read_to_string(scene.path("row.txt")).unwrap(), expected);
}

/// A job for whose results a disk has no room at first.
fn on_a_full_disk(name: &str, arguments: &[&str]) {
    let scene = Scene::new(name);
    let expected = undisturbed(&scene, arguments);
    let coordinator = scene.coordinator_on_a_small_disk(64 << 20, "--memory 1MiB");
    let job = submit_slow(&coordinator, arguments);
    let filler = coordinator.path("data/filler");
    fill_up(coordinator.process(), &coordinator.path(&format!("data/jobs/{job}")), &filler);
    let _worker = coordinator.worker("able");
    let reason = until("the job is paused", || {
        let job = coordinator.job(job);
        assert!(job["state"] == "running" || job["state"] == "paused", "{job:#}");
        job["paused"].as_str().map(str::to_owned)
    });
    assert!(blames_full_disk(&reason), "{reason}");
    assert_eq!(coordinator.committed(job), 0);
    fs::remove_file(&filler).unwrap();
    coordinator.await_done(job);
    let results = coordinator.swath(&format!("job results {job}")).succeed();
    assert!(results.stdout() == expected, "the rows differ");
}

#[test]
fn sparse_rows_wait_for_room_on_a_full_disk() {
    on_a_full_disk("sparse_on_a_full_disk", &MANY);
}

#[test]
fn reductions_wait_for_room_on_a_full_disk() {
    on_a_full_disk("reduced_on_a_full_disk", &REDUCED);
}

#[test]
fn flight_gives_rows_and_reductions() {
    let scene = Scene::new("flight_shapes");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    let sparse = submit(&coordinator, &["-100..=100000", "--where", "value % 1000 = 1"]);
    let reduced = submit(&coordinator, &["1..=100000", "--reduce", "count,sum,max_n"]);
    let lists = submit(&coordinator, &["1..=5000", "-k", "factor"]);
    for job in [sparse, reduced, lists] {
        coordinator.await_done(job);
    }
    let ids = [sparse, reduced, lists].map(|id| id.to_string());
    let seen = scene.python("shapes.py", [coordinator.address(), &ids[0], &ids[1], &ids[2]]);
    let rows = (-100..=100_000i64).filter(|&n| square(n) % 1000 == 1);
    assert_eq!(seen["sparse"]["n"], json!(rows.clone().collect::<Vec<_>>()));
    assert_eq!(seen["sparse"]["value"], json!(rows.map(|n| n * n).collect::<Vec<_>>()));
    let part = (500..=2000i64).filter(|&n| square(n) % 1000 == 1).collect::<Vec<_>>();
    assert_eq!(seen["part"], json!(part));
    assert_eq!(seen["reduced"], json!({"count": [100_000], "sum": ["333338333350000"], "max_n": [100_000]}));
    assert_eq!(seen["factors"]["of_4620"], json!([2, 2, 3, 5, 7, 11]));
    assert_eq!(seen["factors"]["rows"], 5000);
    assert!(seen["refused"].as_str().unwrap().contains("are of all its numbers"), "{}", seen["refused"]);
}

#[test]
fn columns_of_any_type_are_read_by_data_tools() {
    let scene = Scene::new("columns_of_any_type");
    printed(&scene, &["1..=3000", "-k", "factor", "-o", "factors.parquet"]);
    printed(&scene, &["1..=3000", "-k", "collatz", "-p", "peak=yes", "-o", "peaks.parquet"]);
    printed(&scene, &["1..=3000", "-k", "factor", "--reduce", "count", "-o", "count.parquet"]);
    let seen = scene.python("shapes.py", ["files"]);
    for reader in ["pyarrow", "duckdb", "polars"] {
        let seen = &seen[reader];
        assert_eq!(seen["factors of 2310"], json!([2, 3, 5, 7, 11]), "{reader}");
        assert_eq!(seen["steps and peak of 2919"], json!([216, "250504"]), "{reader}");
        assert_eq!(seen["count"], json!(3000), "{reader}");
    }
}
