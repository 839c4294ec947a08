//! Result files of text, read back line by line.

use std::{
    fmt::Display,
    fs::File,
    io::{BufRead, BufReader, Lines},
    ops::RangeInclusive,
    path::Path,
};

use serde_json::Value;

/// The rows of a result file: a number and its value as text; no number where the format has none.
pub struct Rows {
    lines: Lines<BufReader<File>>,
    parse: fn(&str) -> (Option<i64>, String),
}

impl Rows {
    /// Opens a `.csv`, `.jsonl` or `.txt` file; any other ending is read as text.
    pub fn open(path: &Path) -> Self {
        let file = File::open(path).unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()));
        let mut lines = BufReader::new(file).lines();
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("csv") => {
                let header = lines.next().expect("a header").expect("text");
                assert_eq!(header, "n,value", "the header of {}", path.display());
                Self { lines, parse: parse_csv }
            }
            Some("jsonl") => Self { lines, parse: parse_jsonl },
            _ => Self { lines, parse: |line| (None, line.to_owned()) },
        }
    }

    /// Asserts that these are the rows of the numbers, all of them, in order, each with the value that `oracle` says.
    #[track_caller]
    pub fn assert_are<T: Display>(self, numbers: RangeInclusive<i64>, oracle: impl Fn(i64) -> T) {
        let mut rows = self;
        for n in numbers.clone() {
            let Some((found, value)) = rows.next() else { panic!("the rows of {numbers:?} end before {n}") };
            assert_eq!(found.unwrap_or(n), n, "the next number of {numbers:?}");
            // Formatting is most of the work of a long test, and a wrong row is rare.
            assert!(value == oracle(n).to_string(), "the value of {n} is {} and not {value}", oracle(n));
        }
        assert_eq!(rows.next(), None, "nothing follows the rows of {numbers:?}");
    }
}

impl Iterator for Rows {
    type Item = (Option<i64>, String);

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.lines.next()?.expect("a line of text");
        Some((self.parse)(&line))
    }
}

fn parse_csv(line: &str) -> (Option<i64>, String) {
    let (n, value) = line.split_once(',').unwrap_or_else(|| panic!("not like n,value: {line}"));
    (Some(n.parse().expect("a number")), value.to_owned())
}

/// Exact beyond 64 bits too, where `serde_json` would make a float of the value.
fn parse_jsonl(line: &str) -> (Option<i64>, String) {
    let object: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON: {line}: {error}"));
    let value = line.strip_suffix('}').and_then(|line| line.split_once(r#","value":"#)).expect("a value last").1;
    (Some(object["n"].as_i64().expect("a number")), value.to_owned())
}
