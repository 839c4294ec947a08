//! The progress bar: done, rate and time to go, where standard error is a terminal.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const REFRESH: Duration = Duration::from_millis(100);

/// A bar over so many numbers; it draws nothing where nobody would see it.
pub(crate) fn bar(numbers: u64) -> ProgressBar {
    let target =
        if io::stderr().is_terminal() { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(numbers), target);
    let template = "{bar:30} {percent:>3} %  {human_pos} of {human_len} numbers, {per_sec}, {eta} to go{msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
    }
    bar.enable_steady_tick(REFRESH);
    bar
}
