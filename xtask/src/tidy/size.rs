//! The length of files and of lines.

use super::{Complaint, source::Source};

/// A file with more lines holds several things.
const MOST_LINES: usize = 600;

/// What rustfmt keeps to in code; it does not break comments and texts.
const MOST_COLUMNS: usize = 120;

pub(super) fn check(source: &Source) -> Vec<Complaint> {
    if !source.is_rust() {
        return Vec::new();
    }
    let complaint = |rule: &str, line, text| Complaint { rule: rule.to_owned(), path: source.path.clone(), line, text };
    let lines = source.text.lines().count();
    let too_long = (lines > MOST_LINES).then(|| {
        complaint("file-length", lines, format!("{lines} lines; {MOST_LINES} are allowed: split it by thing"))
    });
    let wide = source.text.lines().enumerate().filter_map(|(index, line)| {
        let columns = line.chars().count();
        // A text that holds a table, a script or an address cannot be broken everywhere.
        let is_comment = line.trim_start().starts_with("//");
        (columns > MOST_COLUMNS && is_comment && !line.contains("://"))
            .then(|| complaint("line-length", index + 1, format!("{columns} columns; {MOST_COLUMNS} are allowed")))
    });
    too_long.into_iter().chain(wide).collect()
}
