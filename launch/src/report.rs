//! The reports of the scripts.

use crate::notice::{LastWords, Notice};

/// How each report begins. The control character makes it different from all other output, and no field of a report has
/// it.
pub(crate) const MARK: &str = "\u{1}@swath ";

/// A report of a script, parsed. Everything in it comes from another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Report {
    /// What `uname -sm` says.
    System(String),
    /// The script waits for the bytes of this file.
    Want(String),
    /// The host already has the program.
    Have,
    /// A worker already runs: its process, its threads as requested, and its start time.
    Running { pid: u32, threads: String, since: String },
    /// The worker has joined: its process, and what it wrote into its ready file.
    Joined { pid: u32, ready: String },
    /// An attached worker has ended: its exit code and its last words.
    Ended { code: String, last: LastWords },
    /// The same of a worker that ended before it joined.
    Died { code: String, last: LastWords },
    /// A worker did not join in time, and was stopped.
    Late(LastWords),
    /// A step failed: which one, and its error.
    Failed { step: String, text: String },
    /// A worker was told to stop, and ended like this.
    Stopped { pid: u32, end: End },
    /// A worker that runs.
    Worker { pid: u32, joined: bool, threads: String, coordinator: String, name: String, since: String },
    /// The last report: how many reports of workers came before it.
    Done { reports: usize },
}

/// How a worker that was told to stop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Ended,
    /// It was killed.
    Killed,
    /// Not at all, although it was killed.
    Alive,
}

impl Report {
    /// Parses a line that begins with the mark; `None` if it is not a report.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let line = line.strip_prefix(MARK)?.trim_end_matches(['\r', '\n']);
        let mut fields = line.split('\t').map(plain);
        let word = fields.next()?;
        let mut text = || fields.next().unwrap_or_default();
        Some(match word.as_str() {
            "system" => Self::System(text()),
            "want" => Self::Want(text()),
            "have" => Self::Have,
            "running" => Self::Running { pid: text().parse().ok()?, threads: text(), since: text() },
            "joined" => Self::Joined { pid: text().parse().ok()?, ready: text() },
            "ended" => Self::Ended { code: text(), last: last_words(text) },
            "died" => Self::Died { code: text(), last: last_words(text) },
            "late" => Self::Late(last_words(text)),
            "failed" => Self::Failed { step: text(), text: text() },
            "stopped" => Self::Stopped {
                pid: text().parse().ok()?,
                end: match text().as_str() {
                    "ended" => End::Ended,
                    "killed" => End::Killed,
                    "alive" => End::Alive,
                    _ => return None,
                },
            },
            "worker" => Self::Worker {
                pid: text().parse().ok()?,
                joined: text() == "joined",
                threads: text(),
                coordinator: text(),
                name: text(),
                since: text(),
            },
            "done" => Self::Done { reports: text().parse().ok()? },
            _ => return None,
        })
    }
}

fn last_words(mut field: impl FnMut() -> String) -> LastWords {
    LastWords { notice: Notice::parse(&field()), line: field() }
}

/// Text of another machine for a terminal of ours: one line of bounded length, without anything that a terminal acts
/// on.
pub(crate) fn plain(text: &str) -> String {
    swath_console::plain(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::{End, LastWords, MARK, Notice, Report};

    fn parse(text: &str) -> Option<Report> {
        Report::parse(&format!("{MARK}{text}\n"))
    }

    #[test]
    fn reports_are_told_from_all_else_that_is_said() {
        assert_eq!(Report::parse("Welcome to h1!\n"), None);
        assert_eq!(Report::parse("@swath system\tLinux x86_64\n"), None);
        assert_eq!(parse("greeting"), None);
        assert_eq!(parse("joined\tmany\t"), None);
        assert_eq!(parse("stopped\t12\tsomehow"), None);
        assert_eq!(parse("system\tLinux x86_64\r"), Some(Report::System("Linux x86_64".to_owned())));
        assert_eq!(parse("stopped\t12\tkilled"), Some(Report::Stopped { pid: 12, end: End::Killed }));
        assert_eq!(parse("done\t3"), Some(Report::Done { reports: 3 }));
        let last = LastWords { notice: Some(Notice::Refused("no more".to_owned())), line: "swath: no".to_owned() };
        let code = || "1".to_owned();
        let words = "@worker refused no more\tswath: no";
        assert_eq!(parse(&format!("late\t{words}")), Some(Report::Late(last.clone())));
        assert_eq!(parse(&format!("ended\t1\t{words}")), Some(Report::Ended { code: code(), last: last.clone() }));
        assert_eq!(parse(&format!("died\t1\t{words}")), Some(Report::Died { code: code(), last }));
        assert_eq!(parse("died\t1"), Some(Report::Died { code: code(), last: LastWords::default() }));
    }

    #[test]
    fn nothing_of_another_machine_reaches_a_terminal_as_more_than_text() {
        let Some(Report::System(text)) = parse(&format!("system\t\x1b[2J\u{7}{}", "ä".repeat(10_000))) else {
            panic!("a report");
        };
        assert!(!text.chars().any(char::is_control) && text.chars().count() < 1000);
    }
}
