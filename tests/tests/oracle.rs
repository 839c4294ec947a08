//! Random jobs of the whole program against an oracle in Python that shares no code with it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking; the lints know test functions only")]

use serde_json::json;
use swath_tests::Scene;

/// As many as take about half a minute. `tests/python/oracle` takes others by hand.
const SEEDS: &str = "1..140";

/// On a machine that is slower, no seed begins later.
const SECONDS: &str = "--seconds=40";

/// Fewer prove nothing.
const LEAST_SEEDS: u64 = 10;

#[test]
fn random_jobs_give_what_the_oracle_says() {
    let scene = Scene::new("oracle");
    let found = scene.python("oracle", [SECONDS, SEEDS]);
    assert_eq!(found["wrong"], json!([]));
    let (seeds, checks) = (found["seeds"].as_u64().unwrap(), found["checks"].as_u64().unwrap());
    assert!(seeds >= LEAST_SEEDS && checks >= 3 * seeds, "{checks} comparisons for {seeds} seeds");
}

#[test]
fn the_oracle_notices_a_row_that_is_missing_or_wrong() {
    let scene = Scene::new("oracle_notices");
    for fault in ["drop", "change"] {
        let found = scene.python("oracle", ["--break", fault, "1..5"]);
        let wrong = found["wrong"].as_array().unwrap();
        assert!(wrong.len() >= 2, "{fault}: {found:#}");
        assert!(wrong.iter().all(|wrong| wrong["seed"].is_u64() && wrong["commands"].is_array()), "{found:#}");
    }
}
