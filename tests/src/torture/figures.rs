//! What was counted and measured.

use std::{collections::BTreeMap, fmt, time::Duration};

/// What was counted and measured. Every fault in it was seen to strike.
#[derive(Debug, Default)]
pub struct Figures {
    pub(super) worker_kills: u64,
    pub(super) coordinator_kills: u64,
    pub(super) kills_while_writing: u64,
    pub(super) worker_stalls: u64,
    pub(super) coordinator_stalls: u64,
    /// To the coordinator, from it, and both.
    pub(super) cuts: [u64; 3],
    pub(super) severed: u64,
    pub(super) disks_filled: u64,
    pub(super) jobs: u64,
    pub(super) numbers: u64,
    /// Results that were not what the oracle says, or were not there.
    pub(super) wrong: u64,
    /// From the kill of a worker until its leases are free for others.
    pub(super) leases_free: Vec<Duration>,
    /// From the kill of a worker until the frontier has moved.
    pub(super) commit_after_worker: Vec<Duration>,
    /// From the start of the next coordinator until more is committed than it found.
    pub(super) commit_after_coordinator: Vec<Duration>,
    /// Processor time of all workers, for each job that nothing happened to.
    pub(super) undisturbed: Vec<Duration>,
    /// The same for each job that something happened to, by kind of fault.
    disturbed: BTreeMap<String, Vec<Duration>>,
}

impl Figures {
    /// Whether every result was what the oracle says.
    pub fn are_good(&self) -> bool {
        self.wrong == 0
    }

    /// Notes the processor time of all workers of a job.
    pub(super) fn spend(&mut self, fault: &str, time: Duration) {
        self.disturbed.entry(fault.to_owned()).or_default().push(time);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [to, from, both] = self.cuts;
        let counts = [
            ("workers killed while they computed", self.worker_kills),
            ("coordinators killed", self.coordinator_kills),
            ("  while a part was being written", self.kills_while_writing),
            ("workers stopped for longer than a lease", self.worker_stalls),
            ("coordinators stopped for longer than a lease", self.coordinator_stalls),
            ("workers cut off on the way to the coordinator", to),
            ("  on the way from it", from),
            ("  both ways", both),
            ("connections severed", self.severed),
            ("disks filled that have room again", self.disks_filled),
            ("jobs", self.jobs),
            ("numbers compared", self.numbers),
            ("results wrong", self.wrong),
        ];
        for (what, count) in counts {
            writeln!(f, "{what:<46} {count:>12}")?;
        }
        let times = [
            ("worker killed: its leases are free", &self.leases_free),
            ("worker killed: the frontier moves", &self.commit_after_worker),
            ("coordinator started: more is committed", &self.commit_after_coordinator),
        ];
        writeln!(f, "\n{:<46} {:>12} {:>12}", "seconds from … until", "median", "worst")?;
        for (what, times) in times {
            let worst = times.iter().max().copied().unwrap_or_default();
            writeln!(f, "{what:<46} {:>12.3} {:>12.3}", median(times).as_secs_f64(), worst.as_secs_f64())?;
        }
        let alone = median(&self.undisturbed).as_secs_f64();
        writeln!(f, "\n{:<46} {:>12} {:>12}", "processor time of the workers, a job", "median", "more")?;
        writeln!(f, "{:<46} {alone:>10.2} s", "undisturbed")?;
        for (fault, times) in &self.disturbed {
            let time = median(times).as_secs_f64();
            writeln!(f, "{fault:<46} {time:>10.2} s {:>10.1} %", 100.0 * (time / alone - 1.0))?;
        }
        Ok(())
    }
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
