use super::{Complaint, allowed::Allowed, complaints, source::Source};

fn source(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}

/// What the rule finds in these files, as `path:line`.
fn found(rule: &str, sources: &[Source]) -> Vec<String> {
    let complaints = complaints(sources).unwrap();
    let of_rule = complaints.iter().filter(|complaint| complaint.rule.split(':').next() == Some(rule));
    of_rule.map(|complaint| format!("{}:{}", complaint.path, complaint.line)).collect()
}

#[test]
fn long_files_and_wide_comments_are_found() {
    assert!(found("file-length", &[source("a/src/lib.rs", &"\n".repeat(600))]).is_empty());
    assert_eq!(found("file-length", &[source("a/src/lib.rs", &"\n".repeat(601))]), ["a/src/lib.rs:601"]);
    let wide = format!("// {}\n// https://{}\n", "x".repeat(118), "x".repeat(118));
    assert_eq!(found("line-length", &[source("a/src/lib.rs", &wide)]), ["a/src/lib.rs:1"]);
}

#[test]
fn banned_words_are_found_in_names_comments_and_pages() {
    let text = "struct WorkInHand;\nfn in_hand() {}\n// What is in hand.\n// A handle.\nstruct PartManager;\nlet shandhole = 1;\n";
    let lines = ["a/src/lib.rs:1", "a/src/lib.rs:2", "a/src/lib.rs:3", "a/src/lib.rs:5"];
    let code = text.replace("let shandhole = 1;\n", "");
    assert_eq!(found("word", &[source("a/src/lib.rs", &code)]), lines);
    assert_eq!(found("word", &[source("docs/a.md", "Holes\n\nwhole\n")]), ["docs/a.md:1"]);
}

#[test]
fn imports_have_one_style() {
    let good = "mod child;\nuse std::{fmt, fs};\nuse tokio::time;\nuse crate::x;\npub use child::Thing;\n";
    assert!(found("imports", &[source("a/src/lib.rs", good)]).is_empty());
    assert_eq!(found("imports", &[source("a/src/b.rs", "use std::fmt;\nuse std::fs;\n")]), ["a/src/b.rs:2"]);
    assert_eq!(found("imports", &[source("a/src/b.rs", "use crate::x;\nuse std::fs;\n")]), ["a/src/b.rs:2"]);
    assert_eq!(found("imports", &[source("a/src/b.rs", "mod c;\nuse c::D;\nuse tokio::x;\n")]), ["a/src/b.rs:3"]);
}

#[test]
fn circles_are_found_through_exports_and_paths() {
    let root = source("a/src/lib.rs", "mod one;\nmod two;\nmod three;\npub use two::Two;\n");
    let three = source("a/src/three.rs", "pub struct Three;\n");
    let one = source("a/src/one.rs", "use crate::Two;\npub struct One;\n");
    let two = source("a/src/two.rs", "fn f() -> crate::one::One { todo() }\nuse super::three::Three;\n");
    let sources = [root.clone(), one.clone(), two, three.clone()];
    assert_eq!(found("circle", &sources), ["a/src/one.rs:1", "a/src/two.rs:1"]);
    let two = source("a/src/two.rs", "use crate::three::Three;\n#[cfg(test)]\nmod tests { use crate::one::One; }\n");
    assert!(found("circle", &[root.clone(), one.clone(), two, three.clone()]).is_empty());
    // What a file for tests imports is no circle either.
    let two = source("a/src/two.rs", "#[cfg(test)]\nmod tests;\n");
    let tests = source("a/src/two/tests.rs", "use crate::one::One;\n");
    assert!(found("circle", &[root, one, two, tests, three]).is_empty());
}

#[test]
fn bare_booleans_are_found_where_the_function_is_ours() {
    let text = "impl A { fn new(on: bool) {} fn set(&self, at: u8, on: bool) {} }\nfn f() {\nA::new(true);\n\
                AtomicBool::new(true);\na.set(1, false);\na.set(true);\nSome(true);\nlet on = true;\nA::new(on);\n}\n";
    assert_eq!(found("bare-bool", &[source("a/src/lib.rs", text)]), ["a/src/lib.rs:3", "a/src/lib.rs:5"]);
}

#[test]
fn the_list_allows_what_it_names_and_only_shrinks() {
    let complaint = |rule: &str, path: &str| Complaint {
        rule: rule.to_owned(),
        path: path.to_owned(),
        line: 1,
        text: String::new(),
    };
    let allowed = Allowed::parse("# why\nword:a a/src/lib.rs it moves\nimports b/ it moves\n").unwrap();
    assert!(
        allowed.allows(&complaint("word:a", "a/src/lib.rs")) && allowed.allows(&complaint("imports", "b/src/c.rs"))
    );
    assert!(
        !allowed.allows(&complaint("word:a", "a/src/lib.rs2")) && !allowed.allows(&complaint("word:a", "b/src/c.rs"))
    );
    let unused = allowed.unused(&[complaint("word:a", "a/src/lib.rs")]);
    assert_eq!(unused.iter().map(ToString::to_string).collect::<Vec<_>>(), ["imports b/ it moves"]);
    assert!(Allowed::parse("word a/src/lib.rs\n").is_err(), "without a reason");
}
