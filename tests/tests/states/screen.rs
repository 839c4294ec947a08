//! The progress bar on a real terminal.

use swath_tests::{Scene, Screen};

/// More than is computed while a test runs, and as many digits as there are.
const LONG: &str = "run 1..=1e18 -k collatz -o /dev/null --format csv";

#[track_caller]
fn assert_one_line(screen: &Screen) {
    assert_eq!(screen.most_bars, 1, "{screen:#?}");
    assert!(!screen.bars.is_empty(), "{screen:#?}");
}

#[test]
fn the_bar_is_one_line_and_ctrl_c_leaves_nothing_of_it() {
    let scene = Scene::new("the_bar_is_one_line");
    for columns in [200, 80, 40, 20] {
        let screen = scene.interrupted_on_screen(columns, "/s", LONG);
        assert_one_line(&screen);
        assert_eq!(screen.code, 130, "{screen:#?}");
        // Wrapped where it does not fit.
        assert_eq!(screen.lines.concat().replace(' ', ""), "interrupted;nothingwaskept", "{screen:#?}");
    }
}

#[test]
fn the_bar_says_why_a_job_waits() {
    let scene = Scene::new("the_bar_says_why");
    let coordinator = scene.coordinator();
    coordinator.submit("1..=1e18");
    for columns in [80, 40, 20] {
        let command = format!("job wait 1 --coordinator {}", coordinator.address());
        let reason = if columns == 20 { "waiting f…" } else { "waiting for workers: none" };
        let screen = scene.interrupted_on_screen(columns, reason, &command);
        assert_one_line(&screen);
        assert!(screen.bars.iter().any(|bar| bar.contains(reason)), "{screen:#?}");
        assert!(screen.lines.concat().starts_with("job 1 continues"), "{screen:#?}");
    }
}

#[test]
fn there_is_no_bar_between_results_on_the_same_terminal() {
    let scene = Scene::new("no_bar_between_results");
    let screen = scene.on_screen(80, "run 1..=60000 -k collatz");
    assert_eq!((screen.code, screen.most_bars), (0, 0), "{screen:#?}");
    // The bottom line is where the cursor stands.
    assert_eq!(screen.lines.last().map(String::as_str), Some("179"), "{screen:#?}");
    for target in ["/dev/tty", "/dev/stdout"] {
        let screen = scene.on_screen(80, &format!("run 1..=60000 -k collatz --format text -o {target}"));
        assert_eq!((screen.code, screen.most_bars), (0, 0), "{target}: {screen:#?}");
    }
}
