//! What breaks a rule and is known: xtask/tidy.allow.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use super::Complaint;

/// One line of the list: a rule, a file or a folder (which ends with `/`), and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    rule: String,
    place: String,
    reason: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.rule, self.place, self.reason)
    }
}

impl Entry {
    fn parse(line: &str) -> Option<Self> {
        let (rule, rest) = line.split_once(' ')?;
        let (place, reason) = rest.trim_start().split_once(' ')?;
        let reason = reason.trim();
        (!reason.is_empty()).then(|| Self { rule: rule.to_owned(), place: place.to_owned(), reason: reason.to_owned() })
    }

    fn allows(&self, complaint: &Complaint) -> bool {
        let is_there =
            complaint.path == self.place || (self.place.ends_with('/') && complaint.path.starts_with(&self.place));
        self.rule == complaint.rule && is_there
    }
}

pub(super) struct Allowed {
    path: PathBuf,
    lines: Vec<String>,
    pub(super) entries: Vec<Entry>,
}

impl Allowed {
    pub(super) fn read(root: &Path) -> Result<Self> {
        let path = root.join("xtask/tidy.allow");
        let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let mut allowed = Self::parse(&text)?;
        allowed.path = path;
        Ok(allowed)
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        let mut entries = Vec::new();
        for line in lines.iter().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            match Entry::parse(line) {
                Some(entry) => entries.push(entry),
                None => bail!("xtask/tidy.allow: `{line}` is not RULE PLACE REASON"),
            }
        }
        Ok(Self { path: PathBuf::new(), lines, entries })
    }

    pub(super) fn allows(&self, complaint: &Complaint) -> bool {
        self.entries.iter().any(|entry| entry.allows(complaint))
    }

    /// The entries that allow nothing.
    pub(super) fn unused(&self, complaints: &[Complaint]) -> Vec<Entry> {
        let is_unused = |entry: &&Entry| !complaints.iter().any(|complaint| entry.allows(complaint));
        self.entries.iter().filter(is_unused).cloned().collect()
    }

    /// Removes entries, also from the file.
    pub(super) fn remove(&mut self, unused: &[Entry]) -> Result<()> {
        self.entries.retain(|entry| !unused.contains(entry));
        self.lines.retain(|line| !Entry::parse(line).is_some_and(|entry| unused.contains(&entry)));
        let text: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(&self.path, text).with_context(|| format!("failed to write {}", self.path.display()))
    }
}
