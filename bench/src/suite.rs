//! The suite: lines one after the other, contenders in turns.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::{
    lines::{Counts, LineName},
    machine,
    measure::{Contender, Kind, Line},
    outcome::Outcome,
    picture,
    raw::{self, Head, Raw},
    report::{self, Section},
    setting::Setting,
};

const REPEATS: usize = 5;
const QUICK_REPEATS: usize = 2;

/// Run lines of the suite and write the table and the picture
#[derive(Args)]
pub(crate) struct Suite {
    /// Only this line; may be given several times
    #[arg(long = "line", value_name = "NAME")]
    lines: Vec<LineName>,
    /// Turns of each contender [default: 5, or 2 with --quick]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    repeats: Option<u16>,
    /// A hundredth of the work, and one turn of each peer, to try the suite; what it gives is no result
    #[arg(long)]
    quick: bool,
    /// The Python that has the peers; without it they are left out
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// Where performance.md and performance.svg go
    #[arg(long, value_name = "FOLDER")]
    output: PathBuf,
    /// Where raw figures and temporary files go: on the disk that is measured
    #[arg(long, value_name = "FOLDER")]
    work: PathBuf,
    /// Take no turns: show the raw figures of earlier runs, of as many lines as they have; may be given several times
    #[arg(long, value_name = "FIGURES", conflicts_with = "lines")]
    from: Vec<PathBuf>,
    /// Note the counts of instructions in bench/instructions.json, to be compared with later
    #[arg(long)]
    note_instructions: bool,
}

impl Suite {
    pub(crate) fn run(self) -> Result<()> {
        let setting = Setting::new(&self.work, self.python.clone(), self.quick)?;
        let sections = if self.from.is_empty() { self.measure(&setting)? } else { self.read()? };
        fs::create_dir_all(&self.output)?;
        write(&self.output.join("performance.svg"), &picture::draw(&sections))?;
        write(&self.output.join("performance.md"), &report::page(&sections, self.quick))?;
        eprintln!("swath-bench: {}", self.output.join("performance.md").display());
        let failed: Vec<_> = sections.iter().flat_map(Section::failures_of_swath).collect();
        if !failed.is_empty() {
            bail!("Swath failed: {}", failed.join("; "));
        }
        Ok(())
    }

    fn measure(&self, setting: &Setting) -> Result<Vec<Section>> {
        let mut raw = Raw::create(&self.work, self.quick)?;
        let machine = machine::describe(setting);
        let names = if self.lines.is_empty() { LineName::value_variants() } else { &self.lines };
        let mut sections = Vec::new();
        for name in names {
            let line = name.line(setting)?;
            let head = Head {
                line: line.name.to_owned(),
                quick: self.quick,
                work: line.work.clone(),
                remarks: line.remarks.clone(),
                machine: machine.clone(),
            };
            raw.begin(&head)?;
            let section = Section { head, outcomes: self.take_turns(setting, line, &mut raw)? };
            if *name == LineName::Instructions && self.note_instructions {
                Counts::of(&section.measures()).note()?;
            }
            sections.push(section);
        }
        Ok(sections)
    }

    /// What earlier runs found, in the order of the lines; of a line that several have, the last counts.
    fn read(&self) -> Result<Vec<Section>> {
        let mut found = BTreeMap::new();
        for path in &self.from {
            found.extend(raw::read(path, self.quick).with_context(|| format!("cannot read {}", path.display()))?);
        }
        let names = LineName::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let sections = names.filter_map(|name| found.remove(name.get_name()));
        Ok(sections.map(|(head, outcomes)| Section { head, outcomes }).collect())
    }

    /// Each contender once, then each once more: what disturbs the machine for a while hits all alike.
    fn take_turns(&self, setting: &Setting, line: Line, raw: &mut Raw) -> Result<Vec<Outcome>> {
        let Line { name, mut contenders, .. } = line;
        let repeats = match self.repeats {
            // Counts do not vary.
            _ if name == "instructions" => 1,
            Some(repeats) => usize::from(repeats),
            None if self.quick => QUICK_REPEATS,
            None => REPEATS,
        };
        let mut outcomes: Vec<Vec<Outcome>> = contenders.iter().map(|_| Vec::new()).collect();
        for round in 1..=repeats {
            for (contender, outcomes) in contenders.iter_mut().zip(&mut outcomes) {
                // With --quick one turn of a peer tells whether its script works, and some take long to start.
                let is_tried = self.quick && contender.kind == Kind::Peer && !outcomes.is_empty();
                if is_tried || outcomes.iter().any(Outcome::is_failure) {
                    continue;
                }
                let outcome = take_turn(setting, contender);
                eprintln!("swath-bench: {name} {round}/{repeats}: {outcome}");
                raw.note(name, round, &outcome)?;
                outcomes.push(outcome);
            }
        }
        Ok(outcomes.into_iter().flatten().collect())
    }
}

fn take_turn(setting: &Setting, contender: &mut Contender) -> Outcome {
    // What the one before has left to be written is not for this one to wait for.
    let _ = Command::new("sync").status();
    match contender.take_turn(setting) {
        Ok(measures) => Outcome::Measured(measures),
        Err(error) => {
            Outcome::Failed { system: contender.name.clone(), kind: contender.kind, reason: format!("{error:#}") }
        }
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
