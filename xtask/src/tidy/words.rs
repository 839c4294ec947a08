//! Words that are not used here, in names, comments, texts and pages.

use super::{Complaint, source::Source};

/// What is looked for, as words in lower case, and what to say instead. `InHand`, `in_hand` and `in hand` are the same.
const BANNED: &[(&[&str], &str)] = &[
    (&["manager"], "name the thing from its domain"),
    (&["managers"], "name the thing from its domain"),
    (&["helper"], "name the thing from its domain"),
    (&["helpers"], "name the thing from its domain"),
    (&["util"], "name the thing from its domain"),
    (&["utils"], "name the thing from its domain"),
    (&["hole"], "failed chunk"),
    (&["holes"], "failed chunk"),
    (&["spoiled"], "lost part"),
    (&["doubt"], "pending delete"),
    (&["doubts"], "pending delete"),
    (&["trouble"], "object store error, or backoff"),
    (&["crew"], "worker table"),
    (&["holdings"], "lease index"),
    (&["prospect"], "lease sizing"),
    (&["pace"], "worker rate"),
    (&["share", "out"], "dispatch"),
    (&["take", "back"], "rebalance"),
    (&["taken", "back"], "rebalanced"),
    (&["look", "around"], "rebalance due"),
    (&["acquit"], "clear"),
    (&["in", "hand"], "in flight"),
    (&["introduction"], "worker info"),
    (&["farewell"], "shut down"),
    (&["cannot", "be", "meant"], "malformed"),
    (&["passed", "over"], "skipped"),
    (&["who", "one", "is"], "your identity"),
    (&["whom", "to", "trust"], "the authority that you trust"),
    (&["is", "no", "host"], "say what is wrong with it"),
    (&["is", "no", "count"], "say what it takes"),
];

/// Names that others gave.
const FOREIGN: [&str; 6] =
    ["package manager", "tokio_util", "hyper_util", "http_body_util", "cert-manager", "cert_manager"];

/// Files that name these words to ban them or to tell how things were called.
const EXEMPT: [&str; 3] = ["xtask/src/tidy/words.rs", "xtask/src/tidy/tests.rs", "CHANGELOG.md"];

pub(super) fn check(source: &Source) -> Vec<Complaint> {
    if EXEMPT.contains(&source.path.as_str()) || source.path.ends_with(".toml") {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        let line = FOREIGN.iter().fold(line.to_owned(), |line, name| line.replace(name, " "));
        let words = words_of(&line);
        for (banned, instead) in BANNED {
            if words.windows(banned.len()).any(|window| window == *banned) {
                let text = format!("`{}`: {instead}", banned.join(" "));
                complaints.push(Complaint {
                    rule: format!("word:{}", banned.join("-")),
                    path: source.path.clone(),
                    line: index + 1,
                    text,
                });
            }
        }
    }
    complaints
}

/// The words of a line, in lower case; names are taken apart.
fn words_of(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for letter in line.chars() {
        // A new word begins at a capital after a small letter, and after whatever is no letter.
        if !letter.is_alphabetic() || (letter.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        if letter.is_alphabetic() {
            words.iter_mut().last().into_iter().for_each(|word| word.extend(letter.to_lowercase()));
        }
        was_lower = letter.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}
