//! What a host is asked to do: a script for its `sh`, sent over the connection.

use std::fmt::Write;

/// What the login shell of the host is told, whichever it is: to become `sh`, and to take the script from its standard
/// input. So no shell but `sh` needs to understand anything, and nothing is to be seen in a list of processes.
pub(crate) fn bootstrap(script: &str) -> String {
    format!("exec sh -c 'eval \"$(head -c {})\"'", script.len())
}

const COMMON: &str = include_str!("remote/common.sh");
const START: &str = include_str!("remote/start.sh");
const STOP: &str = include_str!("remote/stop.sh");
const STATUS: &str = include_str!("remote/status.sh");

/// Which script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Start,
    Stop,
    Status,
}

/// A script and the variables that it is sent with, every one of them quoted.
#[derive(Debug)]
pub(crate) struct Script {
    task: Task,
    settings: String,
}

/// A word that no shell can be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0:?}` cannot be given to another host: it has control characters")]
pub struct WordError(String);

impl Script {
    pub(crate) fn new(task: Task) -> Self {
        Self { task, settings: String::new() }
    }

    /// Sets a variable.
    pub(crate) fn set(mut self, name: &str, value: &str) -> Result<Self, WordError> {
        // Writing to a string cannot fail.
        let _ = writeln!(self.settings, "{name}={}", quoted(value)?);
        Ok(self)
    }

    /// Sets the words that are `"$@"`.
    pub(crate) fn words(mut self, words: &[String]) -> Result<Self, WordError> {
        let words: Result<Vec<_>, _> = words.iter().map(|word| quoted(word)).collect();
        let _ = writeln!(self.settings, "set -- {}", words?.join(" "));
        Ok(self)
    }

    /// The part that is not the same for all hosts.
    pub(crate) fn settings(&self) -> &str {
        &self.settings
    }

    /// The part that is.
    pub(crate) fn body(task: Task) -> String {
        let own = match task {
            Task::Start => START,
            Task::Stop => STOP,
            Task::Status => STATUS,
        };
        format!("{COMMON}\n{own}")
    }

    /// All of it. In braces: a shell that gets only a part of it does nothing.
    pub(crate) fn text(&self) -> String {
        format!("{{\n{}{}\n}}", self.settings, Self::body(self.task))
    }
}

fn quoted(word: &str) -> Result<String, WordError> {
    // A line break could be quoted, but not be kept in a record of one line.
    if word.chars().any(char::is_control) {
        return Err(WordError(word.to_owned()));
    }
    shlex::try_quote(word).map(Into::into).map_err(|_| WordError(word.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{Script, Task, bootstrap, quoted};

    #[test]
    fn whatever_a_word_is_made_of_arrives() {
        let words =
            ["a b", "$(id)", "`id`", "it's", "\"", "\\", "!", "*", "~", "", "-n", "ü", ";", "a=b", "#", "&", "{a,b}"];
        let line = words.map(|word| quoted(word).unwrap()).join(" ");
        let said = Command::new("sh").args(["-c", &format!("printf '%s\\n' {line}")]).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        assert_eq!(said.lines().collect::<Vec<_>>(), words);
    }

    #[test]
    fn control_characters_are_refused() {
        for word in ["a\0b", "a\nb", "\x1b[31m"] {
            assert!(Script::new(Task::Stop).set("name", word).is_err(), "{word:?}");
        }
    }

    #[test]
    fn the_login_shell_is_given_one_plain_line() {
        let line = bootstrap("echo hello");
        assert_eq!(line, "exec sh -c 'eval \"$(head -c 10)\"'");
    }

    #[test]
    fn the_scripts_can_be_parsed_if_they_are_whole() {
        for task in [Task::Start, Task::Stop, Task::Status] {
            let text = Script::new(task).set("folder", ".cache/swath").unwrap().text();
            let parses = |text: &str| {
                let output = Command::new("sh").args(["-n", "-c", text]).output().unwrap();
                output.status.success()
            };
            assert!(parses(&text), "{task:?}");
            for end in (1..text.len()).step_by(97) {
                assert!(!parses(&text[..end]), "{task:?}: a part of {end} bytes is a script, too");
            }
        }
    }
}
