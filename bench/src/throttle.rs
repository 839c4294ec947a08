//! A process that has only a part of a processor.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// Stopped and let go in turn, for so long each.
const HALF_PERIOD: Duration = Duration::from_millis(5);

/// Slows a process to half until it is dropped: it is stopped half of the time.
pub(crate) struct Throttle {
    running_nanos: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    slowing: Option<JoinHandle<()>>,
}

impl Throttle {
    pub(crate) fn halve(pid: Pid) -> Self {
        let (running_nanos, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, stopped) = (Arc::clone(&running_nanos), Arc::clone(&stop));
        let slowing = thread::spawn(move || {
            // What one pause was too long or too short is made good by the next.
            let mut next = Instant::now();
            let mut sleep = || {
                next += HALF_PERIOD;
                thread::sleep(next.saturating_duration_since(Instant::now()));
            };
            while !stopped.load(Ordering::Relaxed) {
                let begun = Instant::now();
                sleep();
                let _ = kill_process(pid, Signal::STOP);
                counted.fetch_add(begun.elapsed().as_nanos() as u64, Ordering::Relaxed);
                sleep();
                let _ = kill_process(pid, Signal::CONT);
            }
        });
        Self { running_nanos, stop, slowing: Some(slowing) }
    }

    /// How long the process was let run so far.
    pub(crate) fn running(&self) -> Duration {
        Duration::from_nanos(self.running_nanos.load(Ordering::Relaxed))
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(slowing) = self.slowing.take() {
            let _ = slowing.join();
        }
    }
}
