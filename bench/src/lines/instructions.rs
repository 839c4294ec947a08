//! `instructions`: what the inner parts take, counted by valgrind, so that a noisy machine does not matter.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{
    measure::{Contender, Kind, Line, Measure, Unit},
    setting::{Setting, is_on_path},
};

/// The programs of `probe`, what they do, and the program that does all of it but that.
const PROGRAMS: [(&str, &str, Option<&str>); 3] = [
    ("encode", "encode a block of 1,048,576 squares", Some("nothing")),
    ("decode", "decode its values", Some("encode")),
    ("schedule", "100,000 events of the scheduler, 100 workers", None),
];

/// Instructions by program, in millions.
#[derive(Debug, Default)]
pub(crate) struct Counts(BTreeMap<String, f64>);

impl Counts {
    fn path() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("instructions.json")
    }

    /// What they were when they were last noted; nothing if they never were.
    fn noted() -> Result<Self> {
        match fs::read_to_string(Self::path()) {
            Ok(text) => Ok(Self(serde_json::from_str(&text).context("bench/instructions.json")?)),
            Err(_) => Ok(Self::default()),
        }
    }

    /// Of the measures of this line.
    pub(crate) fn of(measures: &[&Measure]) -> Self {
        let counts = measures.iter().filter_map(|measure| {
            let (program, ..) = PROGRAMS.iter().find(|(_, what, _)| measure.system.ends_with(what))?;
            Some(((*program).to_owned(), measure.value))
        });
        Self(counts.collect())
    }

    /// Notes them, to be compared with later.
    pub(crate) fn note(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.0)? + "\n";
        fs::write(Self::path(), text).context("cannot write bench/instructions.json")
    }
}

pub(super) fn line(_: &Setting) -> Result<Line> {
    let noted = Counts::noted()?;
    let mut line = Line {
        name: "instructions",
        work: "Inner parts of Swath, instructions counted by valgrind".to_owned(),
        contenders: Vec::new(),
        remarks: Vec::new(),
    };
    if !is_on_path("valgrind") {
        line.remarks.push("Left out: there is no `valgrind`".to_owned());
        return Ok(line);
    }
    for (program, what, without) in PROGRAMS {
        let before = noted.0.get(program).copied();
        let name = format!("Swath, {what}");
        line.contenders.push(Contender::new(name.clone(), Kind::Swath, move |setting| {
            let baseline = without.map_or(Ok(0), |without| count(setting, without))?;
            let instructions = count(setting, program)?.saturating_sub(baseline);
            let value = (instructions as f64 / 1e4).round() / 100.0;
            let change = match before {
                Some(before) => format!("{:+.2} % since bench/instructions.json", 100.0 * (value / before - 1.0)),
                None => "not in bench/instructions.json".to_owned(),
            };
            Ok(Measure::new(name.clone(), Kind::Swath, Unit::MegaInstructions, value).detail(change))
        }));
    }
    Ok(line)
}

/// Instructions of a program of `probe`.
fn count(setting: &Setting, program: &str) -> Result<u64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(setting.sibling("probe")?).arg(program);
    let output = command.output().context("cannot start valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "valgrind ended with {}: {said}", output.status);
    let line = said.lines().find_map(|line| line.split_once("Collected :")).context("valgrind counted nothing")?;
    line.1.trim().parse().context("the count of valgrind")
}
