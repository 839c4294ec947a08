//! What a worker tells its launcher: lines of its log that are made for programs.
//!
//! A worker writes them if it was started with `SWATH_LAUNCHED`, as the script does; a program that does not know the
//! variable ignores it. `swath worker start` prints a [`Notice`], and the launcher parses the last one in the log.

use std::fmt;

/// How each line begins; start.sh looks for it.
const MARK: &str = "@worker";

/// Why a worker has not joined. Each has a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// It waits for the coordinator, which it did not reach or has lost.
    Waiting(String),
    /// The coordinator speaks another version of the protocol. The worker ends.
    OtherVersion(String),
    /// The coordinator refused it. The worker ends.
    Refused(String),
}

impl Notice {
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Waiting(reason) => ("waiting", reason),
            Self::OtherVersion(reason) => ("other_version", reason),
            Self::Refused(reason) => ("refused", reason),
        }
    }

    /// Parses a line of a log; `None` if it is no notice.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (word, reason) = line.strip_prefix(MARK)?.strip_prefix(' ')?.split_once(' ')?;
        let reason = reason.to_owned();
        Some(match word {
            "waiting" => Self::Waiting(reason),
            "other_version" => Self::OtherVersion(reason),
            "refused" => Self::Refused(reason),
            _ => return None,
        })
    }
}

/// The end of a worker's log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LastWords {
    /// The last notice, if there is one.
    pub(crate) notice: Option<Notice>,
    /// The last line that is an error, or the last of all; may be empty.
    pub(crate) line: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, reason) = self.parts();
        write!(f, "{MARK} {word} {reason}")
    }
}

#[cfg(test)]
mod tests {
    use super::Notice;

    #[test]
    fn what_is_written_is_read() {
        let reason = || "no coordinator answers at h1:7171: Connection refused".to_owned();
        for notice in [Notice::Waiting(reason()), Notice::OtherVersion(reason()), Notice::Refused(reason())] {
            assert_eq!(Notice::parse(&notice.to_string()), Some(notice));
        }
        for line in
            ["", "@worker", "@worker waiting", "@worker dances well", "swath: @worker waiting x", "@workers refused x"]
        {
            assert_eq!(Notice::parse(line), None, "{line}");
        }
    }
}
