//! What the scripts report.

/// Marks a line as a report.
const MARK: &str = "@swath ";

/// Of a text from another host, as much as a person reads.
const LONGEST_TEXT: usize = 400;

/// One line of a script that begins with the mark, parsed. Everything in it comes from another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Report {
    /// What `uname -sm` says.
    System(String),
    /// The script waits for the bytes of this.
    Want(String),
    /// The program is there already.
    Have,
    /// A worker runs already: its process, its threads as they were asked for, since when.
    Running { pid: u32, threads: String, since: String },
    /// The worker has joined: its process, and what it wrote into its ready file.
    Joined { pid: u32, ready: String },
    /// An attached worker has ended: its exit code and its last words.
    Ended { code: String, words: String },
    /// It did not work: which step, what was said, and more that was said.
    Failed { step: String, text: String, more: String },
    /// A worker was stopped: whether it ended by itself.
    Stopped { pid: u32, by_itself: bool },
    /// A worker that runs.
    Worker { pid: u32, joined: bool, threads: String, coordinator: String, name: String, since: String },
    /// All has been said.
    Done,
}

impl Report {
    /// `None` for a line that is none.
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
            "ended" => Self::Ended { code: text(), words: text() },
            "failed" => Self::Failed { step: text(), text: text(), more: text() },
            "stopped" => Self::Stopped { pid: text().parse().ok()?, by_itself: text() == "ended" },
            "worker" => Self::Worker {
                pid: text().parse().ok()?,
                joined: text() == "joined",
                threads: text(),
                coordinator: text(),
                name: text(),
                since: text(),
            },
            "done" => Self::Done,
            _ => return None,
        })
    }
}

/// Text of another machine for a terminal of ours: one line of bounded length, without anything that a terminal acts
/// on.
pub(crate) fn plain(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.trim();
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn reports_are_told_from_all_else_that_is_said() {
        assert_eq!(Report::parse("Welcome to h1!\n"), None);
        assert_eq!(Report::parse("@swath greeting\n"), None);
        assert_eq!(Report::parse("@swath joined\tmany\t\n"), None);
        assert_eq!(Report::parse("@swath system\tLinux x86_64\r\n"), Some(Report::System("Linux x86_64".to_owned())));
        assert_eq!(Report::parse("@swath stopped\t12\tkilled\n"), Some(Report::Stopped { pid: 12, by_itself: false }));
    }

    #[test]
    fn nothing_of_another_machine_reaches_a_terminal_as_more_than_text() {
        let Some(Report::System(text)) = Report::parse(&format!("@swath system\t\x1b[2J\u{7}{}", "ä".repeat(10_000)))
        else {
            panic!("a report");
        };
        assert!(!text.chars().any(char::is_control) && text.chars().count() < 1000);
    }
}
