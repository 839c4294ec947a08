//! WebAssembly modules as kernels: they travel with the job, are kept while it needs them, and are stopped when they
//! must be.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::fs;

use swath_tests::{Coordinator, Direction, Proxy, Rows, Scene, Signal, collatz, square, until};

/// A function of a number, and nothing else.
const SQUARE: &str = r#"(module (func (export "square") (param i64) (result i64)
    (i64.mul (local.get 0) (local.get 0))))"#;

/// The same, compiled.
const SQUARE_BINARY: &[u8] = &[
    0, b'a', b's', b'm', 1, 0, 0, 0, // module
    1, 6, 1, 0x60, 1, 0x7e, 1, 0x7e, // a type: i64 to i64
    3, 2, 1, 0, // a function of it
    7, 5, 1, 1, b'f', 0, 0, // exported as f
    10, 9, 1, 7, 0, 0x20, 0, 0x20, 0, 0x7e, 0x0b, // local.get 0, local.get 0, i64.mul
];

/// How many steps the Collatz sequence takes to 1; slow enough that a job is caught in its midst.
const COLLATZ: &str = r#"(module (func (export "collatz") (param $n i64) (result i64) (local $steps i64)
    (block $done
        (loop $next
            (br_if $done (i64.le_u (local.get $n) (i64.const 1)))
            (local.set $steps (i64.add (local.get $steps) (i64.const 1)))
            (if (i64.eqz (i64.and (local.get $n) (i64.const 1)))
                (then (local.set $n (i64.shr_u (local.get $n) (i64.const 1))))
                (else (local.set $n (i64.add (i64.mul (local.get $n) (i64.const 3)) (i64.const 1)))))
            (br $next)))
    (local.get $steps)))"#;

const FIRST: i64 = 1_000_000_000_000;
const LAST: i64 = FIRST + 3_999_999;

/// Never ends at 7.
const ENDLESS: &str = r#"(module (func (export "f") (param $n i64) (result i64)
    (loop $again (br_if $again (i64.eq (local.get $n) (i64.const 7))))
    (local.get $n)))"#;

fn scene(name: &str) -> Scene {
    let scene = Scene::new(name);
    for (file, text) in [("square.wat", SQUARE), ("collatz.wat", COLLATZ), ("endless.wat", ENDLESS)] {
        fs::write(scene.path(file), text).unwrap();
    }
    fs::write(scene.path("square.wasm"), SQUARE_BINARY).unwrap();
    scene
}

/// A worker with a folder for programs of its own.
fn worker<'scene>(coordinator: &Coordinator<'scene>, name: &str) -> swath_tests::Process<'scene> {
    coordinator.worker_with(name, &format!("--threads 1 --cache cache-{name}"))
}

/// The names of the artifacts that a coordinator has.
fn artifacts(coordinator: &Coordinator<'_>) -> Vec<String> {
    let Ok(entries) = fs::read_dir(coordinator.path("data/artifacts")) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_module_of_one_function_is_enough() {
    let scene = scene("one_function");
    for kernel in ["./square.wat", "square.wat", "square.wasm"] {
        let printed = scene.swath(&format!("run -2..=5 -k {kernel}")).succeed();
        assert_eq!(printed.stdout(), "4\n1\n0\n1\n4\n9\n16\n25\n", "{kernel}");
        assert_eq!(printed.stderr(), "");
    }
    scene.swath("run 1..=3000000 --workers 2 --kernel square.wasm -o squares.csv").succeed();
    Rows::open(&scene.path("squares.csv")).assert_are(1..=3_000_000, square);
    assert_eq!(scene.running(), [] as [u32; 0], "processes that still run");
    assert_eq!(scene.files(), ["collatz.wat", "endless.wat", "square.wasm", "square.wat", "squares.csv"]);
    assert_eq!(scene.temporary_files(), [] as [&str; 0]);
}

#[test]
fn columns_conditions_reductions_and_parameters_are_as_with_other_kernels() {
    let scene = scene("columns_of_modules");
    let two = r#"(module
        (@custom "swath.columns" "half float64, is_even boolean")
        (func (export "f") (param $n i64) (param $offset i64) (result f64 i32)
            (f64.div (f64.convert_i64_s (i64.add (local.get $n) (local.get $offset))) (f64.const 2))
            (i64.eqz (i64.and (local.get $n) (i64.const 1)))))"#;
    fs::write(scene.path("two.wat"), two).unwrap();
    let run = |arguments: &str| scene.swath(&format!("run {arguments}")).succeed().stdout().to_owned();
    assert_eq!(
        run("1..=3 -k two.wat -p offset=1 --format csv"),
        "n,half,is_even\n1,1.0,false\n2,1.5,true\n3,2.0,false\n"
    );
    let chosen = scene.swath("run 1..=10 -k two.wat -p offset=0").args(["--where", "is_even and half > 2"]).succeed();
    assert_eq!(chosen.stdout(), "6\t3.0\ttrue\n8\t4.0\ttrue\n10\t5.0\ttrue\n");
    assert_eq!(run("1..=1000000 -k square.wat --reduce sum,max_n"), "333333833333500000\t1000000\n");
    let refused = scene.swath("run 1..=3 -k two.wat").end().assert_code(2);
    assert!(refused.stderr().contains("offset"), "{}", refused.stderr());
    let refused = scene.swath("run 1..=3 -k square.wat").args(["--where", "valu > 1"]).end().assert_code(2);
    assert!(refused.stderr().ends_with("  valu > 1\n  ^^^^\n"), "{}", refused.stderr());
}

#[test]
fn what_is_no_kernel_is_refused_before_anything_starts() {
    let scene = scene("no_kernel");
    let module = |text: &str| format!("(module {text})");
    let cases = [
        ("empty.wasm", String::new(), "empty.wasm"),
        ("text.wat", "(module (func".to_owned(), "text.wat"),
        ("nothing.wat", module(""), "--kernel: "),
        ("wrong.wat", module(r#"(func (export "f") (param i32) (result i64) (i64.const 1))"#), "--kernel: "),
        ("unknown.wat", module(r#"(import "env" "socket" (func (param i32)))"#), "env.socket"),
    ];
    let coordinator = scene.coordinator();
    for (file, text, sentence) in cases {
        fs::write(scene.path(file), text).unwrap();
        let refused = scene.swath(&format!("run 1..=3 -k {file}")).end().assert_code(2);
        assert!(refused.stderr().contains(sentence), "{file}: {}", refused.stderr());
        coordinator.swath(&format!("submit 1..=3 -k {file}")).end().assert_code(2);
    }
    let missing = scene.swath("run 1..=3 -k ./missing.wasm").end().assert_code(2);
    assert!(missing.stderr().contains("the kernel ./missing.wasm: "), "{}", missing.stderr());
    let builtin = scene.swath("run 1..=3 --memory 1MiB").end().assert_code(2);
    assert!(builtin.stderr().contains("--export, --memory and --timeout are for WebAssembly modules"));
    assert_eq!(artifacts(&coordinator), [] as [&str; 0]);
    assert!(coordinator.jobs().is_empty());
}

#[test]
fn a_number_at_which_a_module_traps_is_named() {
    let scene = scene("traps");
    let divides = r#"(module (func (export "f") (param i64) (result i64)
        (i64.div_s (i64.const 100) (i64.sub (local.get 0) (i64.const 5)))))"#;
    fs::write(scene.path("divides.wat"), divides).unwrap();
    let failed = scene.swath("run 1..=10 -k divides.wat").end().assert_code(1);
    assert!(failed.stderr().contains("failed at 5: "), "{}", failed.stderr());
    let partly = scene.swath("run 1..=10 -k divides.wat --chunk-size 1 --keep-going --format csv").end().assert_code(1);
    assert_eq!(partly.stdout(), "n,value\n1,-25\n2,-33\n3,-50\n4,-100\n6,100\n7,50\n8,33\n9,25\n10,20\n");
    let late = scene.swath("run 1..=10 -k endless.wat --timeout 200ms --max-retries 0").end().assert_code(1);
    assert!(late.stderr().contains("failed at 7: "), "{}", late.stderr());
}

#[test]
fn an_endless_loop_ends_with_its_job() {
    let scene = scene("endless_job");
    let coordinator = scene.coordinator();
    let worker = worker(&coordinator, "able");
    let job = coordinator.submit("1..=10 -k endless.wat --chunk-size 1");
    until("it computes the number that never ends", || (coordinator.committed(job) >= 6).then_some(()));
    coordinator.swath(&format!("job cancel {job}")).succeed();
    // The thread is free again.
    let next = coordinator.submit("1..=10");
    coordinator.await_done(next);
    worker.signal(Signal::TERM);
    worker.wait().assert_code(0);
}

#[test]
fn modules_reach_late_workers_and_outlive_coordinators() {
    let scene = scene("late_workers");
    let mut coordinator = scene.coordinator_with("--lease-timeout 1s --memory 1MiB");
    let address = coordinator.address().to_owned();
    let job = coordinator.submit(&format!("{FIRST}..={LAST} -k collatz.wat --chunk-size 20000 --crash-limit 100"));
    let [artifact] = &artifacts(&coordinator)[..] else { panic!("{:?}", artifacts(&coordinator)) };
    assert_eq!(artifact.len(), 64);
    for name in ["first", "second"] {
        let victim = worker(&coordinator, name);
        coordinator.freeze_midst(job, name, &victim);
        victim.signal(Signal::KILL);
        victim.wait();
        assert_eq!(coordinator.stop(Signal::KILL).signal(), Some(9));
        coordinator = scene.coordinator_with(&format!("--lease-timeout 1s --memory 1MiB --listen {address}"));
    }
    let _heirs = [worker(&coordinator, "third"), worker(&coordinator, "fourth")];
    coordinator.await_done(job);
    coordinator.save(job, "steps.csv");
    Rows::open(&scene.path("steps.csv")).assert_are(FIRST..=LAST, collatz);
    // It is there for the next job, and is not sent again.
    assert_eq!(artifacts(&coordinator).len(), 1);
    let again = coordinator.submit("1..=10 -k collatz.wat");
    coordinator.await_done(again);
    assert_eq!(artifacts(&coordinator).len(), 1);
    let shown = coordinator.job(again);
    assert_eq!((&shown["kernel"], &shown["program"]["runtime"]), (&"collatz.wat".into(), &"wasm".into()), "{shown:#}");
    assert_eq!(shown["program"]["sha256"].as_str(), artifacts(&coordinator).first().map(String::as_str));
    let shown = coordinator.swath(&format!("job show {again}")).succeed();
    assert!(shown.stdout().contains("\nprogram    wasm "), "{}", shown.stdout());
}

#[test]
fn a_module_that_is_damaged_on_a_disk_is_not_used() {
    let scene = scene("damaged_modules");
    let coordinator = scene.coordinator();
    let first = coordinator.submit("1..=10 -k square.wasm");
    let [artifact] = &artifacts(&coordinator)[..] else { panic!("{:?}", artifacts(&coordinator)) };
    let able = worker(&coordinator, "able");
    coordinator.await_done(first);
    // In the folder of a worker: it is fetched again.
    let cached = scene.path("cache-able").join(artifact);
    let mut damaged = fs::read(&cached).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&cached, &damaged).unwrap();
    able.signal(Signal::TERM);
    able.wait().assert_code(0);
    let second = coordinator.submit("1..=10 -k square.wasm");
    let able = worker(&coordinator, "able");
    coordinator.await_done(second);
    assert!(able.stderr().contains("was damaged on the disk"), "{}", able.stderr());
    assert_eq!(fs::read(&cached).unwrap(), SQUARE_BINARY);
}

/// A module that is the larger by a custom section in front.
fn padded(bytes: usize) -> Vec<u8> {
    let section: Vec<u8> = [4, b'p', b'a', b'd', b'd'].into_iter().chain((0..bytes).map(|byte| byte as u8)).collect();
    let mut length = Vec::new();
    let mut rest = section.len();
    while rest > 0x7f {
        length.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    length.push(rest as u8);
    let (header, code) = SQUARE_BINARY.split_at(8);
    [header, &[0], &length, &section, code].concat()
}

#[test]
fn an_upload_that_is_cut_off_goes_on() {
    let scene = scene("cut_upload");
    fs::write(scene.path("large.wasm"), padded(64 << 20)).unwrap();
    let coordinator = scene.coordinator();
    let _worker = worker(&coordinator, "able");
    let proxy = Proxy::start(coordinator.address());
    let way = Direction::ToCoordinator;
    let submit = scene.swath("submit 1..=10 -k large.wasm --coordinator").arg(proxy.address()).start();
    until("some of it has come", || (proxy.forwarded(way) > 4 << 20).then_some(()));
    proxy.cut(way);
    until("some of it is held up", || (proxy.held(way) > 0).then_some(()));
    let before = proxy.forwarded(way);
    assert!(before < 60 << 20, "all of it has come already");
    proxy.sever();
    proxy.mend();
    let job = submit.wait().assert_code(0).stdout().trim().parse().unwrap();
    assert!(proxy.forwarded(way) < before + (66 << 20), "it began anew");
    coordinator.await_done(job);
    assert_eq!(coordinator.swath(&format!("job results {job}")).succeed().stdout().lines().last(), Some("100"));
    assert_eq!(artifacts(&coordinator).len(), 1);
}

#[test]
fn a_module_that_is_damaged_on_its_way_is_not_used() {
    let scene = scene("damaged_on_the_way");
    fs::write(scene.path("large.wasm"), padded(1 << 20)).unwrap();
    let coordinator = scene.coordinator();
    let proxy = Proxy::start(coordinator.address());
    proxy.damage(Direction::ToCoordinator, 1);
    let submit = || scene.swath("submit 1..=10 -k large.wasm --coordinator").arg(proxy.address());
    let refused = submit().end().assert_code(2);
    assert!(refused.stderr().contains("is another file than was announced"), "{}", refused.stderr());
    assert_eq!((artifacts(&coordinator), coordinator.jobs().len()), (Vec::<String>::new(), 0));
    let job = submit().succeed().stdout().trim().parse().unwrap();
    proxy.damage(Direction::FromCoordinator, 1);
    let able = coordinator.worker_through(&proxy, "able", "--threads 1 --cache cache");
    coordinator.await_done(job);
    assert_eq!(proxy.to_be_damaged(Direction::FromCoordinator), 0);
    assert!(able.stderr().contains("it was damaged on the way"), "{}", able.stderr());
}

#[test]
fn artifacts_are_bounded() {
    let scene = scene("bounded_artifacts");
    let coordinator = scene.coordinator_with("--max-artifacts 60B");
    coordinator.submit("1..=10 -k square.wasm");
    let refused = coordinator.swath("submit 1..=10 -k collatz.wat").end().assert_code(1);
    assert!(refused.stderr().contains("--max-artifacts"), "{}", refused.stderr());
    assert_eq!(artifacts(&coordinator).len(), 1);
}
