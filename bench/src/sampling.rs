//! What processes use: memory and processor time, read from `/proc`.

use std::{
    collections::BTreeSet,
    fs,
    process::{self, Command},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

const INTERVAL: Duration = Duration::from_millis(20);
const MARK: &str = "SWATH_BENCH_TREE";

/// Samples the memory of a tree of processes. Its members are found by a variable of their environment, which they
/// inherit even where they leave their parent.
pub(crate) struct MemorySampler {
    peak: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    sampling: Option<JoinHandle<()>>,
}

impl MemorySampler {
    /// Marks a command that is to be started, and begins to sample.
    pub(crate) fn watch(command: &mut Command) -> Self {
        static TREES: AtomicU64 = AtomicU64::new(0);
        let mark = format!("{}-{}", process::id(), TREES.fetch_add(1, Ordering::Relaxed));
        command.env(MARK, &mark);
        let (peak, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut tree = Tree {
            variable: format!("{MARK}={mark}").into_bytes(),
            others: process_ids().into_iter().collect(),
            members: BTreeSet::new(),
        };
        let (peak_of_thread, stop_of_thread) = (Arc::clone(&peak), Arc::clone(&stop));
        let sampling = thread::spawn(move || {
            // Often at first, so that short runs are seen.
            let mut pause = Duration::from_millis(1);
            while !stop_of_thread.load(Ordering::Relaxed) {
                peak_of_thread.fetch_max(tree.proportional_kib(), Ordering::Relaxed);
                thread::sleep(pause);
                pause = INTERVAL.min(pause * 2);
            }
        });
        Self { peak, stop, sampling: Some(sampling) }
    }

    /// The peak so far: the sum of the proportional set sizes of all processes, in MiB.
    pub(crate) fn peak_mib(mut self) -> f64 {
        self.end();
        self.peak.load(Ordering::Relaxed) as f64 / 1024.0
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(sampling) = self.sampling.take() {
            let _ = sampling.join();
        }
    }
}

impl Drop for MemorySampler {
    fn drop(&mut self) {
        self.end();
    }
}

struct Tree {
    variable: Vec<u8>,
    /// What ran before it.
    others: BTreeSet<u32>,
    /// What was found to belong to it. A new process has the environment of its parent until it begins its program, so
    /// one that does not belong now is looked at again.
    members: BTreeSet<u32>,
}

impl Tree {
    fn proportional_kib(&mut self) -> u64 {
        let mut sum = 0;
        for id in process_ids().into_iter().filter(|id| !self.others.contains(id)) {
            if self.members.contains(&id) || has_variable(id, &self.variable) {
                self.members.insert(id);
                sum += proportional_kib(id).unwrap_or(0);
            }
        }
        sum
    }
}

fn process_ids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn has_variable(id: u32, variable: &[u8]) -> bool {
    let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
    environment.split(|&byte| byte == 0).any(|entry| entry == variable)
}

/// Memory of a process, where what it shares with others counts in parts.
pub(crate) fn proportional_kib(id: u32) -> Option<u64> {
    kib(&fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?, "Pss:")
}

fn kib(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Processor time of a process.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CpuTime {
    /// On a processor.
    pub(crate) busy: Duration,
    /// Ready, but others were on the processors.
    pub(crate) waiting: Duration,
}

impl CpuTime {
    /// Of the threads that a process has now.
    pub(crate) fn of(id: u32) -> Self {
        let tasks = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
        let mut sum = Self::default();
        for task in tasks {
            let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            let mut nanos = text.split_whitespace().map(|field| Duration::from_nanos(field.parse().unwrap_or(0)));
            sum.busy += nanos.next().unwrap_or_default();
            sum.waiting += nanos.next().unwrap_or_default();
        }
        sum
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self { busy: self.busy.saturating_sub(earlier.busy), waiting: self.waiting.saturating_sub(earlier.waiting) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_tree_is_that_of_its_members() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 0.2; true"]);
        let sampler = MemorySampler::watch(&mut command);
        assert!(command.status().unwrap().success());
        assert!(sampler.peak_mib() > 0.0);
    }

    #[test]
    fn this_process_has_used_some_time() {
        let busy = (0..1_000_000_u64).fold(0_u64, |sum, n| std::hint::black_box(sum.wrapping_add(n)));
        assert!(busy > 0);
        assert!(CpuTime::of(process::id()).busy > Duration::ZERO);
    }
}
