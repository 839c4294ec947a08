//! Every figure of every turn, as JSON lines.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    path::Path,
    time::SystemTime,
};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::{
    measure::{Kind, Measure},
    report::Outcome,
};

/// One line of the file.
#[derive(Serialize, Deserialize)]
struct Entry {
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
            let entry = Entry { line: line.to_owned(), round, quick: self.is_quick, figure };
            writeln!(self.file, "{}", serde_json::to_string(&entry)?)?;
        }
        Ok(())
    }
}

/// What a file has, by line.
pub(crate) fn read(path: &Path, is_quick: bool) -> Result<BTreeMap<String, Vec<Outcome>>> {
    let mut found: BTreeMap<String, Vec<Outcome>> = BTreeMap::new();
    for line in fs::read_to_string(path)?.lines() {
        let entry: Entry = serde_json::from_str(line)?;
        ensure!(entry.quick == is_quick, "quick figures and others do not go together");
        found.entry(entry.line).or_default().push(match entry.figure {
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

    #[test]
    fn figures_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut raw = Raw::create(folder.path(), true).unwrap();
        let measured = Measure::new("Swath", Kind::Swath, Unit::MicrosPerChunk, 0.5).verified("sum");
        let failed = Outcome::Failed { system: "a peer".to_owned(), kind: Kind::Peer, reason: "it hangs".to_owned() };
        raw.note("overhead", 1, &Outcome::Measured(vec![measured])).unwrap();
        raw.note("overhead", 1, &failed).unwrap();
        let path = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        let found = read(&path, true).unwrap();
        let said: Vec<_> = found["overhead"].iter().map(ToString::to_string).collect();
        assert_eq!(said, ["Swath: 0.500 µs/chunk", "a peer failed: it hangs"]);
        assert!(read(&path, false).is_err());
    }
}
