//! Every figure of every turn, as JSON lines, and what must be known to read them: before the figures of a line stands
//! what was done, who was left out and why, and on which machine. So a page that is made of figures of an earlier run
//! says what was true of that run.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    path::Path,
    time::SystemTime,
};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::{
    measure::{Kind, Measure},
    outcome::Outcome,
};

/// One line of the file.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Entry {
    Head(Head),
    Figure(FigureEntry),
}

/// What must be known of the figures of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) line: String,
    pub(crate) quick: bool,
    pub(crate) work: String,
    pub(crate) remarks: Vec<String>,
    /// Properties by name, in the order of the table.
    pub(crate) machine: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
struct FigureEntry {
    line: String,
    round: usize,
    quick: bool,
    #[serde(flatten)]
    figure: Figure,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Figure {
    Measured(Measure),
    Failed { system: String, kind: Kind, failed: String },
}

/// The file of a run.
pub(crate) struct Raw {
    file: File,
    is_quick: bool,
}

impl Raw {
    /// A new file in this folder, named after the time.
    pub(crate) fn create(folder: &Path, is_quick: bool) -> Result<Self> {
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string().replace(':', "");
        let path = folder.join(format!("figures-{now}.jsonl"));
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { file, is_quick })
    }

    pub(crate) fn note(&mut self, line: &str, round: usize, outcome: &Outcome) -> Result<()> {
        let figures = match outcome {
            Outcome::Measured(measures) => measures.iter().cloned().map(Figure::Measured).collect(),
            Outcome::Failed { system, kind, reason } => {
                vec![Figure::Failed { system: system.clone(), kind: *kind, failed: reason.clone() }]
            }
        };
        for figure in figures {
            let entry = FigureEntry { line: line.to_owned(), round, quick: self.is_quick, figure };
            self.write(&Entry::Figure(entry))?;
        }
        Ok(())
    }

    /// Begins a line; its figures come after this.
    pub(crate) fn begin(&mut self, head: &Head) -> Result<()> {
        self.write(&Entry::Head(head.clone()))
    }

    fn write(&mut self, entry: &Entry) -> Result<()> {
        Ok(writeln!(self.file, "{}", serde_json::to_string(entry)?)?)
    }
}

/// What a file has, by line.
pub(crate) fn read(path: &Path, is_quick: bool) -> Result<BTreeMap<String, (Head, Vec<Outcome>)>> {
    let mut found: BTreeMap<String, (Head, Vec<Outcome>)> = BTreeMap::new();
    for line in fs::read_to_string(path)?.lines() {
        let entry = match serde_json::from_str(line)? {
            Entry::Head(head) => {
                ensure!(head.quick == is_quick, "quick figures and others do not go together");
                found.insert(head.line.clone(), (head, Vec::new()));
                continue;
            }
            Entry::Figure(entry) => entry,
        };
        let Some((_, outcomes)) = found.get_mut(&entry.line) else {
            bail!(
                "its figures of the line `{}` do not say what was left out, or where they are from: measure again",
                entry.line
            )
        };
        outcomes.push(match entry.figure {
            Figure::Measured(measure) => Outcome::Measured(vec![measure]),
            Figure::Failed { system, kind, failed } => Outcome::Failed { system, kind, reason: failed },
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Unit;

    fn written(write: impl FnOnce(&mut Raw)) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        write(&mut Raw::create(folder.path(), true).unwrap());
        let path = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        (folder, path)
    }

    #[test]
    fn figures_are_read_as_they_were_written_with_what_must_be_known_of_them() {
        let head = Head {
            line: "overhead".to_owned(),
            quick: true,
            work: "chunks".to_owned(),
            remarks: vec!["Spark is left out: there is no `java`".to_owned()],
            machine: vec![("cores".to_owned(), "2".to_owned())],
        };
        let measured = Measure::new("Swath", Kind::Swath, Unit::MicrosPerChunk, 0.5).verified("sum");
        let failed = Outcome::Failed { system: "a peer".to_owned(), kind: Kind::Peer, reason: "it hangs".to_owned() };
        let (_folder, path) = written(|raw| {
            raw.begin(&head).unwrap();
            raw.note("overhead", 1, &Outcome::Measured(vec![measured])).unwrap();
            raw.note("overhead", 1, &failed).unwrap();
        });
        let found = read(&path, true).unwrap();
        let (read_head, outcomes) = &found["overhead"];
        assert_eq!(*read_head, head);
        let said: Vec<_> = outcomes.iter().map(ToString::to_string).collect();
        assert_eq!(said, ["Swath: 0.500 µs/chunk", "a peer failed: it hangs"]);
        assert!(read(&path, false).is_err());
    }

    #[test]
    fn figures_that_do_not_say_what_they_are_of_are_refused() {
        let failed = Outcome::Failed { system: "a peer".to_owned(), kind: Kind::Peer, reason: "it hangs".to_owned() };
        let (_folder, path) = written(|raw| raw.note("file", 1, &failed).unwrap());
        let refused = read(&path, true).err().unwrap().to_string();
        assert!(refused.contains("line `file`") && refused.contains("measure again"), "{refused}");
    }
}
