//! The progress bar: done, rate and time to go, where standard error is a terminal.

use std::{fmt, time::Duration};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use swath_console::{plain, stderr_is_terminal};

const REFRESH: Duration = Duration::from_millis(100);

/// A bar over so many numbers; it draws nothing where nobody would see it.
pub(crate) fn bar(numbers: u64) -> ProgressBar {
    let target =
        if stderr_is_terminal() { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(numbers), target);
    let template = "{bar:30} {percent:>3} %  {human_pos} of {human_len} numbers, {rate}/s, {eta} to go{msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
            // A line that cannot be drawn is drawn the next time.
            let _ = write!(out, "{}", HumanCount(state.per_sec() as u64));
        };
        bar.set_style(style.with_key("rate", rate).progress_chars("█▉▊▋▌▍▎▏ "));
    }
    bar.enable_steady_tick(REFRESH);
    bar
}

/// What the bar says of a job that is paused for this reason.
pub(crate) fn pause(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" (paused: {})", plain(reason)) }
}
