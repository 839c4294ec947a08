//! Why a host has no worker, from the messages of ssh, the system and the worker.

use std::time::Duration;

use crate::{
    notice::{LastWords, Notice},
    report::plain,
};

/// Why a host cannot be used. Each message is a sentence about that host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// There is no ssh on this machine.
    #[error("cannot start ssh here: {reason}")]
    NoSsh {
        /// The error of the system.
        reason: String,
    },
    /// The host does not answer.
    #[error("unreachable: {reason}")]
    Unreachable {
        /// The error of ssh.
        reason: String,
    },
    /// The host accepts no key.
    #[error("permission denied: the host accepts no key ({reason})")]
    Denied {
        /// The error of ssh.
        reason: String,
    },
    /// The host key is unknown or has changed.
    #[error("its host key is unknown or has changed: {reason}; check it with `ssh HOST`")]
    HostKey {
        /// The error of ssh.
        reason: String,
    },
    /// The host stopped answering.
    #[error("no answer for {patience:?}{}", if printed.is_empty() { String::new() } else { format!("; it printed: {printed}") })]
    Silent {
        /// The time limit.
        patience: Duration,
        /// The last line that the host printed and that is no answer; may be empty.
        printed: String,
    },
    /// The connection or the shell at its other end broke.
    #[error("the connection broke: {reason}")]
    Broken {
        /// The last message.
        reason: String,
    },
    /// The disk or the quota of the user is full.
    #[error("disk full: {reason}")]
    NoRoom {
        /// The error of the system there.
        reason: String,
    },
    /// The folder for copied files and records cannot be used.
    #[error("cannot use its folder: {reason}")]
    Folder {
        /// The error of the system there.
        reason: String,
    },
    /// The host does not have the program.
    #[error(
        "`{program}` was not found: install it, name its path with --remote-swath, or copy this program with --copy"
    )]
    NotFound {
        /// What was looked for.
        program: String,
    },
    /// This program is for another system.
    #[error("this program is for {ours}, but the host is {theirs}: install swath there, and leave out --copy")]
    OtherSystem {
        /// System and processor there.
        theirs: String,
        /// System and processor here.
        ours: String,
    },
    /// The program was copied, and does not run.
    #[error("the copied program does not run there: {reason}")]
    DoesNotRun {
        /// The error of the system there.
        reason: String,
    },
    /// The worker cannot reach the coordinator.
    #[error("its worker cannot reach the coordinator: {reason}")]
    NoCoordinator {
        /// The error of the worker.
        reason: String,
    },
    /// The program there speaks another version of the protocol.
    #[error("its swath is of another version: {reason}")]
    OtherVersion {
        /// The error of the worker.
        reason: String,
    },
    /// The program there does not understand its arguments.
    #[error("its swath does not understand its arguments, so it may be of another version: {reason}")]
    Misunderstood {
        /// Its error.
        reason: String,
    },
    /// The coordinator refused the worker.
    #[error("its worker was refused: {reason}")]
    Refused {
        /// The error of the worker.
        reason: String,
    },
    /// The worker ended with another error.
    #[error("its worker ended with exit code {code}: {reason}")]
    Ended {
        /// The exit code.
        code: String,
        /// The error of the worker.
        reason: String,
    },
    /// The worker did not join in time.
    #[error("its worker did not join in time: {reason}")]
    NotJoined {
        /// The last line of its log.
        reason: String,
    },
    /// The script on the host sent something unexpected.
    #[error("unexpected report: {0}")]
    Confused(String),
}

impl Failure {
    /// One word for programs; stable.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoSsh { .. } => "no_ssh",
            Self::Unreachable { .. } => "unreachable",
            Self::Denied { .. } => "permission_denied",
            Self::HostKey { .. } => "host_key",
            Self::Silent { .. } => "silent",
            Self::Broken { .. } | Self::Confused(_) => "broken",
            Self::NoRoom { .. } => "no_room",
            Self::Folder { .. } => "folder",
            Self::NotFound { .. } => "not_found",
            Self::OtherSystem { .. } => "other_system",
            Self::DoesNotRun { .. } => "does_not_run",
            Self::NoCoordinator { .. } => "no_coordinator",
            Self::OtherVersion { .. } => "other_version",
            Self::Misunderstood { .. } => "misunderstood",
            Self::Refused { .. } => "refused",
            Self::Ended { .. } => "ended",
            Self::NotJoined { .. } => "not_joined",
        }
    }
}

/// Why ssh ended before the last report. `printed` is the last line that the host printed.
pub(crate) fn of_ssh(code: Option<i32>, complaints: &str, printed: &str) -> Failure {
    let lines: Vec<_> = complaints.lines().map(plain).filter(|line| !line.is_empty()).collect();
    let said = |needles: &[&str]| {
        lines
            .iter()
            .rev()
            .find(|line| needles.iter().any(|needle| line.contains(needle)))
            .map(|line| words_of_ssh(line))
    };
    let last = lines.last().map_or_else(|| "ssh gave no reason".to_owned(), |line| words_of_ssh(line));
    if code != Some(255) {
        // The login succeeded: its shell cannot run the script, or the key is bound to another command.
        let code = code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
        let reason = match (lines.is_empty(), printed) {
            (false, _) => last,
            (true, "") => format!("it ended with {code} and reported nothing"),
            // Such as the shell of an account that nobody may log in to.
            (true, printed) => format!("it ended with {code} and printed: {printed}"),
        };
        return Failure::Broken { reason };
    }
    if let Some(reason) = said(&["Permission denied (", "Too many authentication failures", "No more authentication"]) {
        return Failure::Denied { reason };
    }
    for needle in ["host key is known for", "Offending", "Host key verification failed"] {
        if let Some(reason) = said(&[needle]) {
            return Failure::HostKey { reason };
        }
    }
    let unreachable =
        ["connect to host", "Could not resolve", "banner exchange", "kex_exchange", "Connection timed out"];
    if let Some(reason) = said(&unreachable) {
        return Failure::Unreachable { reason };
    }
    Failure::Broken { reason: last }
}

/// The message without the name of the program.
fn words_of_ssh(line: &str) -> String {
    line.strip_prefix("ssh: ").unwrap_or(line).trim_end_matches('.').to_owned()
}

/// Why a step of the script failed.
pub(crate) fn of_step(step: &str, text: String) -> Failure {
    match step {
        _ if is_full(&text) => Failure::NoRoom { reason: text },
        "folder" | "copy" => Failure::Folder { reason: text },
        "missing" => Failure::NotFound { program: text },
        "program" => Failure::DoesNotRun { reason: text },
        _ => Failure::Confused(format!("{step} {text}")),
    }
}

/// Why a worker ended.
pub(crate) fn of_worker(code: String, last: LastWords) -> Failure {
    let reason = without_prefix(&last.line);
    match (code.as_str(), last.notice) {
        _ if is_full(&last.line) => Failure::NoRoom { reason },
        (_, Some(Notice::OtherVersion(reason))) => Failure::OtherVersion { reason },
        (_, Some(Notice::Refused(reason))) => Failure::Refused { reason },
        // So begins what the parser of arguments prints.
        ("2", _) if last.line.starts_with("error: ") => Failure::Misunderstood { reason },
        ("3", _) => Failure::NoCoordinator { reason },
        _ => Failure::Ended { code, reason },
    }
}

/// Why a worker did not join in time.
pub(crate) fn of_late_worker(last: LastWords) -> Failure {
    match last.notice {
        Some(Notice::Waiting(reason)) => Failure::NoCoordinator { reason },
        _ if is_full(&last.line) => Failure::NoRoom { reason: last.line },
        _ => Failure::NotJoined { reason: without_prefix(&last.line) },
    }
}

/// Whether an error of the system is about a disk or a quota that is full.
fn is_full(text: &str) -> bool {
    ["No space left", "Disk quota exceeded", "ENOSPC"].iter().any(|words| text.contains(words))
}

fn without_prefix(words: &str) -> String {
    let words = words.strip_prefix("swath: ").or_else(|| words.strip_prefix("error: ")).unwrap_or(words);
    if words.is_empty() { "it gave no reason".to_owned() } else { words.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ssh_says_is_understood() {
        for (said, kind) in [
            ("ssh: connect to host h1 port 22: Connection timed out\r\n", "unreachable"),
            ("ssh: connect to host h1 port 22: Connection refused\r\n", "unreachable"),
            ("ssh: Could not resolve hostname h9: Name or service not known\r\n", "unreachable"),
            ("Connection timed out during banner exchange\nConnection to 10.0.0.1 port 22 timed out", "unreachable"),
            ("ada@h1: Permission denied (publickey,password).\r\n", "permission_denied"),
            (
                "No ED25519 host key is known for h1 and you have requested strict checking.\r\n\
              Host key verification failed.\r\n",
                "host_key",
            ),
            ("client_loop: send disconnect: Broken pipe\r\n", "broken"),
            ("", "broken"),
        ] {
            assert_eq!(of_ssh(Some(255), said, "Welcome!").kind(), kind, "{said}");
        }
        let failure = of_ssh(Some(127), "sh: head: not found.\n", "Welcome!");
        assert_eq!(failure.to_string(), "the connection broke: sh: head: not found");
        let failure = of_ssh(Some(1), "", "This account is currently not available.");
        assert_eq!(
            failure.to_string(),
            "the connection broke: it ended with exit code 1 and printed: This account is currently not available."
        );
        let failure = of_ssh(None, "", "");
        assert_eq!(failure.to_string(), "the connection broke: it ended with a signal and reported nothing");
    }

    #[test]
    fn what_the_host_says_is_understood() {
        let step = |step, text: &str| of_step(step, text.to_owned()).kind();
        assert_eq!(step("copy", "head: write error: No space left on device"), "no_room");
        assert_eq!(step("folder", "mkdir: cannot create directory: Permission denied"), "folder");
        assert_eq!(step("missing", "swath"), "not_found");
        assert_eq!(step("dance", ""), "broken");
    }

    fn last(notice: Option<Notice>, line: &str) -> LastWords {
        LastWords { notice, line: line.to_owned() }
    }

    #[test]
    fn what_the_worker_says_is_understood() {
        let waiting = || Some(Notice::Waiting("no coordinator answers at h1:7171: Connection refused".to_owned()));
        let other_version = Notice::OtherVersion("the worker speaks version 1 of the protocol".to_owned());
        let refused = Notice::Refused("its name is too long".to_owned());
        for (code, notice, line, kind, reason) in [
            ("3", waiting(), "swath: no coordinator answers at h1:7171", "no_coordinator", "no coordinator answers at"),
            ("2", None, "error: unexpected argument '--ready-file' found", "misunderstood", "unexpected argument"),
            ("2", None, "swath: the access file cannot be read", "ended", "exit code 2: the access file"),
            (
                "1",
                Some(other_version),
                "swath: the coordinator refused",
                "other_version",
                ": the worker speaks version 1",
            ),
            ("1", Some(refused), "swath: the coordinator refused", "refused", ": its name is too long"),
            ("126", None, "nohup: failed to run command 'x': Exec format error", "ended", "exit code 126: nohup"),
            // It waited once, and was killed much later.
            ("137", waiting(), "INFO joined", "ended", "exit code 137: INFO joined"),
            ("1", waiting(), "swath: write: No space left on device", "no_room", "No space left"),
            // No sentence is taken for another.
            ("1", None, "swath: the coordinator refused this worker: x of the protocol", "ended", "exit code 1"),
        ] {
            let failure = of_worker(code.to_owned(), last(notice, line));
            assert_eq!(failure.kind(), kind, "{line}");
            assert!(failure.to_string().contains(reason), "{failure}");
        }
    }

    #[test]
    fn what_a_worker_that_is_late_waits_for_is_understood() {
        let waiting = Notice::Waiting("no coordinator answers at h1:7171: Connection refused".to_owned());
        let failure = of_late_worker(last(Some(waiting), "WARN waiting for the coordinator"));
        assert_eq!(
            failure.to_string(),
            "its worker cannot reach the coordinator: no coordinator answers at h1:7171: Connection refused"
        );
        assert_eq!(failure.kind(), "no_coordinator");
        assert_eq!(of_late_worker(last(None, "swath: hm")).to_string(), "its worker did not join in time: hm");
        assert_eq!(of_late_worker(LastWords::default()).kind(), "not_joined");
    }
}
