//! Other systems, each driven by a script of `bench/python`.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::{
    measure::{Contender, Kind, Measure, Unit},
    process::{self, Ended},
    sampling::MemorySampler,
    setting::{Setting, is_on_path},
    statistics::size,
    verify::{self, Found},
};

/// What a script says.
#[derive(Deserialize)]
pub(crate) struct Answer {
    version: String,
    pub(crate) seconds: f64,
    #[serde(flatten)]
    pub(crate) found: Option<Found>,
    bytes: Option<u64>,
    files: Option<u64>,
}

impl Answer {
    /// The answer is the last line, whatever else was said.
    pub(crate) fn parse(ended: &Ended) -> Result<Self> {
        let line = ended.stdout.lines().rfind(|line| line.starts_with('{')).context("the script gave no answer")?;
        serde_json::from_str(line).context("the answer of the script")
    }

    /// Compares what was found with the squares of 1 to `last`; a system without results has nothing to compare.
    pub(crate) fn check(&self, last: u64) -> Result<String> {
        match &self.found {
            Some(found) => found.check(&verify::squares(last)),
            None => Ok("nothing: it has no results".to_owned()),
        }
    }

    fn detail(&self) -> String {
        let files = match (self.bytes, self.files) {
            (Some(bytes), Some(files)) => {
                format!("{} in {files} file{}", size(bytes), if files == 1 { "" } else { "s" })
            }
            _ => String::new(),
        };
        [format!("version {}", self.version.trim_start_matches('v')), files]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// A peer at one kind of work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    /// What the table calls it.
    pub(crate) name: &'static str,
    /// The script, without its ending.
    pub(crate) script: &'static str,
    /// What the script is asked to do.
    pub(crate) work: &'static str,
}

/// Whether a script works once before it looks at the clock.
#[derive(Debug, Clone, Copy)]
enum Start {
    Warm,
    Cold,
}

impl Start {
    /// What the scripts read from `SWATH_BENCH_WARM_UP`.
    fn warm_up(self) -> &'static str {
        match self {
            Self::Warm => "1",
            Self::Cold => "0",
        }
    }
}

pub(crate) const fn peer(name: &'static str, script: &'static str, work: &'static str) -> Peer {
    Peer { name, script, work }
}

impl Peer {
    /// Why it cannot run here.
    fn obstacle(&self) -> Option<String> {
        let needs_java = self.script == "spark_peer";
        (needs_java && !is_on_path("java")).then(|| format!("{} is left out: there is no `java`", self.name))
    }

    /// Measured by its own clock, after a warm-up.
    pub(crate) fn timed(self, last: u64) -> Contender {
        Contender::new(self.name, Kind::Peer, move |setting| {
            let answer = Answer::parse(&self.run(setting, last, Start::Warm)?)?;
            let measure = Measure::new(self.name, Kind::Peer, Unit::Seconds, answer.seconds);
            Ok(measure.verified(answer.check(last)?).detail(answer.detail()))
        })
    }

    /// The same where the result is a count.
    pub(crate) fn counting(self, last: u64, expected: u64) -> Contender {
        Contender::new(self.name, Kind::Peer, move |setting| {
            let answer = Answer::parse(&self.run(setting, last, Start::Warm)?)?;
            let count = answer.found.as_ref().context("the script counted nothing")?.count;
            ensure!(count == expected, "the result is wrong: {count} instead of {expected}");
            let measure = Measure::new(self.name, Kind::Peer, Unit::Seconds, answer.seconds);
            Ok(measure.verified("count").detail(answer.detail()))
        })
    }

    /// Measured as a whole process.
    pub(crate) fn whole(self, last: u64) -> Contender {
        Contender::new(self.name, Kind::Peer, move |setting| {
            let ended = self.run(setting, last, Start::Cold)?;
            let answer = Answer::parse(&ended)?;
            let measure = Measure::new(self.name, Kind::Peer, Unit::Seconds, ended.wall.as_secs_f64());
            Ok(measure.verified(answer.check(last)?).detail(answer.detail()))
        })
    }

    /// Its cost of one task, of `tasks` that it is given.
    pub(crate) fn per_task(self, tasks: u64) -> Contender {
        Contender::new(self.name, Kind::Peer, move |setting| {
            let answer = Answer::parse(&self.run(setting, tasks, Start::Warm)?)?;
            let micros = answer.seconds * 1e6 / tasks as f64;
            let measure = Measure::new(self.name, Kind::Peer, Unit::MicrosPerChunk, micros);
            Ok(measure.verified(answer.check(tasks)?).detail(format!("{tasks} tasks, {}", answer.detail())))
        })
    }

    /// The peak of its memory.
    pub(crate) fn memory(self, last: u64) -> Contender {
        Contender::new(self.name, Kind::Peer, move |setting| {
            let folder = setting.folder()?;
            let mut command = self.command(setting, last)?;
            command.arg(folder.path()).env("SWATH_BENCH_WARM_UP", Start::Cold.warm_up());
            let sampler = MemorySampler::watch(&mut command);
            let answer = Answer::parse(&process::finish(setting, &mut command)?)?;
            let measure = Measure::new(self.name, Kind::Peer, Unit::Mebibytes, sampler.peak_mib());
            Ok(measure.verified(answer.check(last)?).detail(answer.detail()))
        })
    }

    fn run(&self, setting: &Setting, last: u64, start: Start) -> Result<Ended> {
        let folder = setting.folder()?;
        let mut command = self.command(setting, last)?;
        command.arg(folder.path()).env("SWATH_BENCH_WARM_UP", start.warm_up());
        process::finish(setting, &mut command)
    }

    fn command(&self, setting: &Setting, last: u64) -> Result<Command> {
        let mut command = python(setting, self.script)?;
        command.args([self.work, &last.to_string()]);
        Ok(command)
    }
}

/// A script of `bench/python`, to be run by the Python of the suite.
pub(crate) fn python(setting: &Setting, script: &str) -> Result<Command> {
    let python = setting.python.as_ref().context("there is no Python for the peers")?;
    let mut command = Command::new(python);
    command.arg(setting.scripts.join(format!("{script}.py")));
    // What workers of the peers import too.
    command.env("PYTHONPATH", &setting.scripts).env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(command)
}

/// Makes contenders of the peers that can run here, and remarks of the others.
pub(crate) fn enlist(
    setting: &Setting,
    peers: &[Peer],
    contender: impl Fn(Peer) -> Contender,
) -> (Vec<Contender>, Vec<String>) {
    if !setting.has_peers() {
        return (Vec::new(), vec!["All peers are left out: no Python environment was given".to_owned()]);
    }
    let able = peers.iter().filter(|peer| peer.obstacle().is_none()).map(|&peer| contender(peer)).collect();
    (able, peers.iter().filter_map(Peer::obstacle).collect())
}
