//! Gives each target its seeds and its corpus. An input that once broke a promise stays in the corpus.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; the lints know test functions only")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use swath_fuzz::{Outcome, Target, seeds};

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn corpus(target: Target) -> Vec<(String, Vec<u8>)> {
    let folder = corpora().join(target.name());
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = files.map(|file| file.unwrap().path());
    paths.map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect()
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let folders: BTreeSet<_> =
        fs::read_dir(corpora()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(folders, Target::ALL.map(|target| target.name().to_owned()).into());
}

#[test]
fn seeds_are_accepted() {
    for target in Target::ALL {
        for seed in seeds::of(target).unwrap() {
            assert_eq!(target.run(&seed), Outcome::Accepted, "{target:?}: {}", String::from_utf8_lossy(&seed));
        }
    }
}

#[test]
fn corpora_break_no_promise() {
    for target in Target::ALL {
        let inputs = corpus(target);
        let mut accepted = BTreeSet::new();
        for (path, input) in &inputs {
            // Shown if the target panics.
            println!("{path}");
            if target.run(input) == Outcome::Accepted {
                accepted.insert(path);
            }
        }
        if target == Target::Access {
            // No key stands in the repository, so none of these is whole.
            assert!(accepted.is_empty(), "{accepted:?}");
            continue;
        }
        assert!(
            !accepted.is_empty(),
            "{target:?}: of {} inputs none is accepted: the corpus is of an older format",
            inputs.len()
        );
        assert!(accepted.len() < inputs.len(), "{target:?}: no input is refused");
    }
}

#[test]
fn every_seed_that_is_cut_short_breaks_no_promise() {
    for target in Target::ALL {
        let inputs = seeds::of(target).unwrap().into_iter().chain(corpus(target).into_iter().map(|(_, input)| input));
        for input in inputs {
            for length in 0..input.len().min(2000) {
                target.run(&input[..length]);
            }
        }
    }
}
