//! The suite itself works: quick runs of Swath alone, without Python.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// `SWATH_BIN`, or else what was built beside the benchmarks.
fn swath() -> PathBuf {
    env::var_os("SWATH_BIN")
        .map_or_else(|| Path::new(env!("CARGO_BIN_EXE_swath-bench")).with_file_name("swath"), PathBuf::from)
}

#[test]
fn a_quick_suite_of_two_lines_writes_its_page_and_its_picture() {
    let folder = tempfile::tempdir().unwrap();
    let suite = Command::new(env!("CARGO_BIN_EXE_swath-bench"))
        .args(["suite", "--quick", "--line", "cold", "--line", "file", "--output"])
        .arg(folder.path().join("docs"))
        .arg("--work")
        .arg(folder.path().join("work"))
        .env("SWATH_BIN", swath())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&suite.stderr);
    assert!(suite.status.success(), "{said}");

    let page = fs::read_to_string(folder.path().join("docs/performance.md")).unwrap();
    for row in ["**Swath, swath run -o**", "**Swath, one ordered file**"] {
        let row = page.lines().find(|line| line.contains(row)).unwrap_or_else(|| panic!("no {row} in:\n{page}"));
        assert!(row.contains("count, sum, first, last"), "{row}");
    }
    assert!(!page.contains("failed"), "{page}");
    assert!(page.contains("quick run"), "{page}");
    let picture = fs::read_to_string(folder.path().join("docs/performance.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("Swath, one ordered file"), "{picture}");

    let figures = fs::read_dir(folder.path().join("work")).unwrap().map(|entry| entry.unwrap().path());
    let figures: Vec<_> = figures.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl")).collect();
    assert_eq!(figures.len(), 1, "{figures:?}");
    // Two turns of two contenders on each of two lines, and what must be known of each line.
    assert_eq!(fs::read_to_string(&figures[0]).unwrap().lines().count(), 10);

    // What is made of these figures later, with a Python at hand, says what was true of them: nothing else than before.
    let suite = Command::new(env!("CARGO_BIN_EXE_swath-bench"))
        .args(["suite", "--quick", "--python", "python3", "--output"])
        .arg(folder.path().join("again"))
        .arg("--work")
        .arg(folder.path().join("work"))
        .arg("--from")
        .arg(&figures[0])
        .env("SWATH_BIN", "/nonexistent/swath")
        .output()
        .unwrap();
    assert!(suite.status.success(), "{}", String::from_utf8_lossy(&suite.stderr));
    let again = fs::read_to_string(folder.path().join("again/performance.md")).unwrap();
    let blocks = |page: &str| {
        let mut lines: Vec<_> = page.lines().map(str::to_owned).collect();
        // The lines come in the order of the suite, not in that of the run.
        lines.sort();
        lines
    };
    assert_eq!(blocks(&again), blocks(&page));
    assert!(page.contains("`file`: All peers are left out: no Python environment was given."), "{page}");
}
