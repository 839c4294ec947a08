//! The progress of a job, in one line that fits.

use std::time::Duration;

use console::{measure_text_width, truncate_str};
use indicatif::{HumanCount, HumanDuration, ProgressState};
use swath_client::counted;

/// What a line shows.
pub(super) struct Standing<'a> {
    settled: u64,
    all: u64,
    per_second: u64,
    to_go: Duration,
    reason: &'a str,
    /// The reductions so far.
    reduced: &'a str,
}

impl<'a> Standing<'a> {
    pub(super) fn of(state: &ProgressState, reason: &'a str, reduced: &'a str) -> Self {
        Self {
            settled: state.pos(),
            all: state.len().unwrap_or_default(),
            per_second: state.per_sec() as u64,
            to_go: state.eta(),
            reason,
            reduced,
        }
    }

    fn percent(&self) -> u64 {
        // At most 100, unless more is settled than there is.
        u64::try_from(u128::from(self.settled) * 100 / u128::from(self.all)).unwrap_or(u64::MAX)
    }

    /// How fast, or why there is no progress.
    fn rate(&self) -> String {
        match self {
            Self { reason, .. } if !reason.is_empty() => (*reason).to_owned(),
            Self { per_second: 0, .. } => String::new(),
            _ => format!("{}/s", short(self.per_second)),
        }
    }

    /// How fast and for how long, or why there is no progress.
    fn rate_and_rest(&self, count: impl Fn(u64) -> String) -> String {
        match self {
            Self { reason, .. } if !reason.is_empty() => (*reason).to_owned(),
            Self { per_second: 0, .. } => String::new(),
            _ => format!("{}/s, {:#} to go", count(self.per_second), HumanDuration(self.to_go)),
        }
    }
}

/// The longest line that fits; none while nothing is known.
pub(super) fn line(standing: &Standing<'_>, room: usize) -> String {
    if standing.all == 0 {
        return String::new();
    }
    let percent = format!("{:>3} %", standing.percent());
    let exact = format!("{} of {}", HumanCount(standing.settled), counted(standing.all, "number"));
    let rounded = format!("{} of {}", short(standing.settled), short(standing.all));
    let rate = standing.rate();
    let (full, short_rest) =
        (standing.rate_and_rest(|count| HumanCount(count).to_string()), standing.rate_and_rest(short));
    let reduced = standing.reduced.to_owned();
    let with_reduced = [
        (30, vec![&percent, &exact, &full, &reduced]),
        (10, vec![&percent, &rounded, &short_rest, &reduced]),
        (0, vec![&percent, &short_rest, &reduced]),
    ];
    let lines = [
        (30, vec![&percent, &exact, &full]),
        (10, vec![&percent, &exact, &full]),
        (10, vec![&percent, &rounded, &short_rest]),
        (0, vec![&percent, &rounded, &short_rest]),
        (0, vec![&percent, &short_rest]),
        (0, vec![&percent, &rate]),
    ];
    let shown = with_reduced.into_iter().filter(|_| !reduced.is_empty());
    for (width, parts) in shown.chain(lines) {
        let parts = parts.into_iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>();
        let line = format!("{}{}", blocks(standing, width), parts.join("  "));
        if measure_text_width(&line) <= room {
            return line;
        }
    }
    let reason = format!("{percent}  {}", standing.reason);
    if !standing.reason.is_empty() && room > 2 * percent.len() {
        return truncate_str(&reason, room, "…").into_owned();
    }
    if percent.len() <= room { percent } else { String::new() }
}

/// The bar of the line, with a blank behind it.
fn blocks(standing: &Standing<'_>, width: usize) -> String {
    if width == 0 {
        return String::new();
    }
    let full = (u128::from(standing.settled) * width as u128 / u128::from(standing.all)) as usize;
    let full = full.min(width);
    format!("{}{} ", "█".repeat(full), "░".repeat(width - full))
}

/// A count in few characters, rounded down: `999`, `1.23M`, `18.4E`.
fn short(count: u64) -> String {
    let mut unit = 1;
    for suffix in ["", "k", "M", "G", "T", "P", "E"] {
        let (whole, rest) = (count / unit, count % unit);
        if whole < 1000 {
            let hundredths = u128::from(rest) * 100 / u128::from(unit);
            return match whole {
                _ if suffix.is_empty() => whole.to_string(),
                0..10 => format!("{whole}.{hundredths:02}{suffix}"),
                10..100 => format!("{whole}.{}{suffix}", hundredths / 10),
                _ => format!("{whole}{suffix}"),
            };
        }
        unit = unit.saturating_mul(1000);
    }
    count.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(settled: u64, all: u64, reason: &str) -> Standing<'_> {
        Standing { settled, all, per_second: 1_234_567_890, to_go: Duration::from_secs(7200), reason, reduced: "" }
    }

    #[test]
    fn a_line_fits_whatever_the_width() {
        let reason = "paused: the next part needs 64.0 MiB, and 1.2 MiB of the 1.0 GiB of --max-disk are free";
        for room in 0..200 {
            for all in [1, 10_000_000, 1_000_000_000_000_000_000, u64::MAX] {
                for (settled, reason) in [(0, ""), (all / 3, ""), (all, ""), (all / 3, reason), (0, "wartet auf 数")] {
                    let line = line(&standing(settled, all, reason), room);
                    assert!(measure_text_width(&line) <= room, "{room}: {line}");
                    assert!(!line.is_empty() || room < 5, "{room}");
                }
            }
        }
    }

    #[test]
    fn a_line_says_as_much_as_fits() {
        let all = 1_000_000_000_000_000_000;
        let lines = [
            (
                77,
                "█████████░░░░░░░░░░░░░░░░░░░░░  33 %  3,333,333 of 10,000,000 numbers",
                Standing { per_second: 0, ..standing(3_333_333, 10_000_000, "") },
            ),
            (77, "███░░░░░░░  33 %  333P of 1.00E  1.23G/s, 2h to go", standing(all / 3, all, "")),
            (37, " 33 %  1.23G/s, 2h to go", standing(all / 3, all, "")),
            (17, " 33 %  1.23G/s", standing(all / 3, all, "")),
            (13, " 33 %", standing(all / 3, all, "")),
            (17, "  0 %  waiting f…", standing(0, all, "waiting for workers: none connected")),
        ];
        for (room, expected, standing) in lines {
            assert_eq!(line(&standing, room), expected);
        }
    }

    #[test]
    fn counts_are_short() {
        let cases =
            [(0, "0"), (999, "999"), (1000, "1.00k"), (12_345, "12.3k"), (999_999, "999k"), (u64::MAX, "18.4E")];
        for (count, expected) in cases {
            assert_eq!(short(count), expected);
        }
    }
}
