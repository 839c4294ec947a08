//! `--output json`: everything that prints has it, with names that stay.

use std::{env, fs, path::Path};

use serde_json::{Map, Value, json};
use swath_tests::{Process, Scene, Signal, until};

/// What all commands print. `SWATH_UPDATE_SNAPSHOTS=1` writes it anew, for a person to look at the difference.
const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/output.json");

/// What differs from run to run.
const VARYING: [(&str, &str); 12] = [
    ("submitted_at", "TIME"),
    ("ended_at", "TIME"),
    ("joined_at", "TIME"),
    ("expires_at", "TIME"),
    ("seconds", "SECONDS"),
    ("took_seconds", "SECONDS"),
    ("result_bytes", "BYTES"),
    ("process_id", "PROCESS"),
    ("address", "ADDRESS"),
    ("host", "HOST"),
    ("results_location", "PATH"),
    ("version", "VERSION"),
];

fn normalise(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(normalise),
        Value::Object(fields) => {
            for (name, value) in fields {
                match VARYING.iter().find(|(varying, _)| varying == name) {
                    Some((_, stands_for)) if !value.is_null() => *value = json!(stands_for),
                    _ => normalise(value),
                }
            }
        }
        _ => {}
    }
}

/// The first object that a process prints that goes on.
fn first_object(process: &Process<'_>) -> Value {
    until("it prints an object", || serde_json::from_str(&process.stdout()).ok())
}

#[test]
fn everything_that_prints_has_json_with_stable_names() {
    let scene = Scene::new("stable_names");
    let mut printed = Map::new();
    let mut add = |name: &str, mut value: Value| {
        normalise(&mut value);
        printed.insert(name.to_owned(), value);
    };
    let coordinator = scene.coordinator_with("--output json");
    add("coordinator start", first_object(coordinator.process()));
    let run = |arguments: &str| coordinator.swath(&format!("{arguments} --output json")).end().json();
    add("job list, without jobs", run("job list"));
    add("worker list, without workers", run("worker list"));
    add("submit", run("submit 1..=4 --chunk-size 2"));
    add("job cancel", run("job cancel 1"));
    let worker = coordinator.worker_with("one", "--threads 1 --output json");
    add("worker start", first_object(&worker));
    add("submit --wait", run("submit -2..=4 -k isqrt --chunk-size 1 --keep-going --max-retries 0 --wait"));
    add("job show", run("job show 2"));
    add("job wait", run("job wait 2"));
    add("job list", run("job list"));
    add("job results -o", run("job results 2 -o roots.csv"));
    add("worker list", run("worker list"));
    add("job forget", run("job forget 1"));
    // It stands, so that it is there to be sent away.
    worker.freeze();
    add("worker drain", run("worker drain 1"));

    let alone = |arguments: &str| scene.swath(&format!("{arguments} --output json")).end().json();
    add("run -o", alone("run 1..=4 -o squares.csv --workers 1 --threads 1"));
    add("kernels", alone("kernels"));
    add("access create", alone("access create access --address example.org:7171"));
    add("access issue", alone("access issue access --role worker -o worker.toml"));
    add("access show", alone("access show worker.toml"));
    add("launch --dry-run", {
        let mut previews = alone("launch --host example.org --coordinator h:7171 --dry-run");
        for field in ["command", "script"] {
            assert!(previews[0][field].is_array() || previews[0][field].is_string(), "{previews:#}");
            previews[0][field] = json!("…");
        }
        previews
    });
    let healthy =
        scene.swath("coordinator start --data other --listen 127.0.0.1:0 --health-listen 127.0.0.1:0").start();
    let address = until("it answers for its health", || {
        let said = healthy.stderr();
        let (_, rest) = said.split_once("health")?.1.split_once("address=")?;
        Some(rest.split_once('\n')?.0.split(' ').next()?.to_owned())
    });
    let health = until("it serves", || {
        let answer = alone(&format!("health {address}"));
        (answer["serving"] == true).then_some(answer)
    });
    add("health", health);

    let printed = Value::Object(printed);
    if env::var_os("SWATH_UPDATE_SNAPSHOTS").is_some() {
        fs::create_dir_all(Path::new(SNAPSHOT).parent().unwrap()).unwrap();
        fs::write(SNAPSHOT, format!("{printed:#}\n")).unwrap();
    }
    let expected: Value = serde_json::from_slice(&fs::read(SNAPSHOT).expect("the snapshot")).unwrap();
    for (name, printed) in printed.as_object().unwrap() {
        assert_eq!(printed, &expected[name], "{name} prints {printed:#}");
    }
    worker.signal(Signal::KILL);
}
