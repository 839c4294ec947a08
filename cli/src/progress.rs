//! The progress of a job, and why it makes none.
//!
//! On a terminal this is one line, which is redrawn and removed at the end. Elsewhere only the reasons are printed, one
//! line each.

mod line;
mod terminal;

use std::{
    convert::Infallible,
    fmt,
    fs::metadata,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use swath_client::{
    Job, Range,
    output::{SoFar, Target, row_text},
};
use swath_console::{plain, say, stderr_is_terminal, stdout_is_terminal};
use tokio::{sync::watch, time::timeout};

use self::line::{Standing, line};

const REFRESH: Duration = Duration::from_millis(100);
/// Reasons that last shorter are not printed: workers join a moment after `swath run` has started them, and jobs that
/// share workers take turns.
const LASTING: Duration = Duration::from_secs(1);

/// The progress of one job. The line on the terminal is gone when this is dropped.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Numbers that have failed, which count as settled.
    failed: Arc<AtomicU64>,
    /// Of how many numbers, if not of all of the job.
    part: Option<u64>,
    /// Why the job makes no progress; empty when it does.
    reason: watch::Sender<String>,
    /// The reductions so far; empty where there are none.
    reduced: watch::Sender<String>,
}

impl Progress {
    /// Progress while nothing else is written to the terminal.
    pub(crate) fn new() -> Self {
        Self::drawn_to(if stderr_is_terminal() { terminal::draw_target() } else { ProgressDrawTarget::hidden() })
    }

    /// Progress while results are written, perhaps to the same terminal.
    pub(crate) fn beside_results(results: &Target) -> Self {
        if is_terminal(results) { Self::drawn_to(ProgressDrawTarget::hidden()) } else { Self::new() }
    }

    fn drawn_to(target: ProgressDrawTarget) -> Self {
        // The length is set when the job is known.
        let bar = ProgressBar::with_draw_target(Some(0), target);
        let reason = watch::Sender::new(String::new());
        let shown = reason.subscribe();
        let reduced = watch::Sender::new(String::new());
        let so_far = reduced.subscribe();
        if let Ok(style) = ProgressStyle::with_template("{line}") {
            bar.set_style(style.with_key("line", move |state: &ProgressState, out: &mut dyn fmt::Write| {
                // A line that cannot be drawn is drawn the next time.
                let _ = out.write_str(&line(&Standing::of(state, &shown.borrow(), &so_far.borrow()), terminal::room()));
            }));
        }
        bar.enable_steady_tick(REFRESH);
        Self { bar, failed: Arc::default(), part: None, reason, reduced }
    }

    /// Progress over these numbers of the job.
    pub(crate) fn of_part(mut self, job: &Job, range: Range) -> Self {
        self.part = (range != job.range).then(|| range.count());
        self
    }

    /// Shows the state of a job that is waited for.
    pub(crate) fn update(&self, job: &Job) {
        self.update_reason(job);
        self.bar.set_position(job.committed_numbers.saturating_add(job.failed_numbers));
    }

    /// The same for a job whose results are written: then `written` sets the position.
    pub(crate) fn update_reason(&self, job: &Job) {
        self.bar.set_length(self.part.unwrap_or(job.range.count()));
        // How many of them are in the part is not known.
        self.failed.store(if self.part.is_some() { 0 } else { job.failed_numbers }, Ordering::Relaxed);
        let reason = job.waiting.as_ref().map(|waiting| plain(&waiting.text).to_string()).unwrap_or_default();
        self.reason.send_if_modified(|shown| {
            let is_other = *shown != reason;
            *shown = reason;
            is_other
        });
    }

    /// A function to call with what is written.
    pub(crate) fn written(&self) -> impl Fn(SoFar<'_>) + Send + 'static {
        let (bar, failed, reduced) = (self.bar.clone(), Arc::clone(&self.failed), self.reduced.clone());
        move |so_far| {
            bar.set_position(so_far.numbers.saturating_add(failed.load(Ordering::Relaxed)));
            if let Some(row) = so_far.reduced.filter(|_| !bar.is_hidden()) {
                reduced.send_replace(plain(&row_text(row)).to_string());
            }
        }
    }

    /// A function that prints a line above the bar.
    pub(crate) fn teller(&self) -> impl Fn(&str) + Send + Sync + 'static {
        let bar = self.bar.clone();
        move |line| bar.suspend(|| say!("{line}"))
    }

    /// Where there is no bar, prints why the job makes no progress, and when it continues. Never returns.
    pub(crate) async fn say_reasons(&self, job: u64) -> Infallible {
        let mut reasons = self.reason.subscribe();
        let mut shown = String::new();
        loop {
            let reason = reasons.borrow_and_update().clone();
            let is_lasting = timeout(LASTING, reasons.changed()).await.is_err();
            if !is_lasting {
                continue;
            }
            if reason != shown && self.bar.is_hidden() {
                say!("job {job}: {}", if reason.is_empty() { "running" } else { &reason });
            }
            shown = reason;
            // The sender lives as long as this does.
            let _ = reasons.changed().await;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Whether results that are written there appear on a terminal that a bar would be drawn on.
fn is_terminal(results: &Target) -> bool {
    let device = |path: &Path| metadata(path).ok().map(|meta| meta.rdev()).filter(|device| *device != 0);
    match results {
        Target::Stdout => stdout_is_terminal(),
        Target::File(path) => device(path).is_some_and(|results| {
            ["/dev/stderr", "/dev/tty"].iter().any(|terminal| device(Path::new(terminal)) == Some(results))
        }),
    }
}
