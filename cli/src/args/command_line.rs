//! From the words of the command line to the matches of clap.

use std::{collections::BTreeSet, ffi::OsString};

use clap::{
    Arg, ArgMatches, Command,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{environment, values::MINUS};

/// The name of the argument that takes a range.
const RANGE: &str = "range";

/// Parses these words, the first of which is the program, and the environment.
pub(super) fn matches(words: Vec<OsString>, command: &dyn Fn() -> Command) -> Result<ArgMatches, clap::Error> {
    let mut built = command();
    built.build();
    let scan = Scan::of(words, &built);
    let parsed = environment::settle(command()).try_get_matches_from(scan.words.iter());
    parsed.map_err(|error| match error.kind() {
        // The help lists all variables, also empty ones.
        ErrorKind::DisplayHelp => command().try_get_matches_from(scan.words.iter()).err().unwrap_or(error),
        _ => {
            let mut error = error;
            with_dashes(&mut error);
            environment::name_variables(&mut error, &scan.arguments(&built));
            error
        }
    })
}

/// What can be told about the words before they are parsed.
struct Scan {
    words: Vec<OsString>,
    /// The names of the subcommands.
    path: Vec<String>,
    /// The options that were given, by their ids.
    given: BTreeSet<String>,
}

impl Scan {
    /// A range that begins with a minus sign looks like an option. No option begins with a digit, so `-` and a digit
    /// are a range; its minus sign is replaced. Everything else that begins with a dash is an option, known or unknown.
    fn of(words: Vec<OsString>, command: &Command) -> Self {
        let mut scan = Self { words: Vec::new(), path: Vec::new(), given: BTreeSet::new() };
        let mut current = command;
        let mut words = words.into_iter();
        scan.words.extend(words.next());
        let mut is_value = false;
        while let Some(word) = words.next() {
            let text = word.to_str().unwrap_or_default();
            if std::mem::take(&mut is_value) {
                scan.words.push(word);
            } else if text == "--" {
                scan.words.push(word);
                // All that follows are values.
                scan.words.extend(words.by_ref());
            } else if is_negative(text) && current.get_positionals().any(|argument| argument.get_id() == RANGE) {
                scan.words.push(text.replacen('-', &MINUS.to_string(), 1).into());
            } else if let Some(option) = text.strip_prefix('-').filter(|rest| !rest.is_empty()) {
                is_value = scan.take_option(option, current);
                scan.words.push(word);
            } else {
                if let Some(next) = current.find_subcommand(text) {
                    scan.path.push(next.get_name().to_owned());
                    current = next;
                }
                scan.words.push(word);
            }
        }
        scan
    }

    /// Notes the options of a word (without its first dash). True if the next word is the value of the last one.
    fn take_option(&mut self, option: &str, command: &Command) -> bool {
        if let Some(long) = option.strip_prefix('-') {
            let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let found = command.get_arguments().find(|argument| argument.get_long() == Some(name));
            return found.is_some_and(|argument| self.note(argument) && value.is_none());
        }
        let mut letters = option.chars();
        while let Some(letter) = letters.next() {
            let Some(argument) = command.get_arguments().find(|argument| argument.get_short() == Some(letter)) else {
                return false;
            };
            if self.note(argument) {
                return letters.as_str().is_empty();
            }
        }
        false
    }

    /// Whether it takes a value.
    fn note(&mut self, argument: &Arg) -> bool {
        self.given.insert(argument.get_id().to_string());
        argument.get_action().takes_values()
    }

    /// The arguments of the command that were not given.
    fn arguments<'command>(&self, command: &'command Command) -> Vec<&'command Arg> {
        let mut current = command;
        for name in &self.path {
            current = current.find_subcommand(name).unwrap_or(current);
        }
        current.get_arguments().filter(|argument| !self.given.contains(argument.get_id().as_str())).collect()
    }
}

fn is_negative(text: &str) -> bool {
    text.strip_prefix('-').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// Restores the minus signs that were replaced.
fn with_dashes(error: &mut clap::Error) {
    for kind in [ContextKind::InvalidArg, ContextKind::InvalidValue] {
        if let Some(ContextValue::String(word)) = error.get(kind)
            && word.starts_with(MINUS)
        {
            let word = word.replacen(MINUS, "-", 1);
            error.insert(kind, ContextValue::String(word));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, path::PathBuf};

    use crate::args::{Args, Command, Run};

    fn parse(line: &str) -> Result<Args, clap::Error> {
        let words = ["swath"].into_iter().chain(line.split_whitespace());
        Args::parse_words(words.map(OsString::from).collect())
    }

    fn run(line: &str) -> Run {
        match parse(line).unwrap_or_else(|error| panic!("{line}: {error}")).command {
            Command::Run(run) => run,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn short_options_stand_anywhere_attached_or_not() {
        for (range, (first, last)) in [("1..=3", (1, 3)), ("-5..=5", (-5, 5)), ("-9..=-7", (-9, -7)), ("-5", (-5, -5))]
        {
            for option in ["-w2", "-w 2", "-w=2", "--workers 2", "--workers=2"] {
                for line in [
                    format!("run {option} {range}"),
                    format!("run {range} {option}"),
                    format!("run {option} -- {range}"),
                ] {
                    let parsed = run(&line);
                    assert_eq!((parsed.job.range.first(), parsed.job.range.last()), (first, last), "{line}");
                    assert_eq!(parsed.workers, 2, "{line}");
                }
            }
            for (options, expected) in [
                ("-t1 -kisqrt -ofile.csv -pa=-1", "file.csv"),
                ("-t 1 -k isqrt -o file.csv -p a=-1", "file.csv"),
                ("-t1 -kisqrt -o-5.csv -pa=-1", "-5.csv"),
                ("-pa=-1 -t1 -kisqrt -o=-", "-"),
            ] {
                for line in [
                    format!("run {options} {range}"),
                    format!("run {range} {options}"),
                    format!("--output json run {options} {range}"),
                ] {
                    let parsed = run(&line);
                    assert_eq!((parsed.job.range.first(), parsed.job.range.last()), (first, last), "{line}");
                    assert_eq!((parsed.threads, parsed.job.kernel.as_str()), (Some(1), "isqrt"), "{line}");
                    assert_eq!(parsed.results.file, PathBuf::from(expected), "{line}");
                    assert_eq!(parsed.job.parameters, [("a".to_owned(), "-1".to_owned())], "{line}");
                }
            }
            for line in [format!("submit -c127.0.0.1:7300 {range}"), format!("submit {range} -c 127.0.0.1:7300")] {
                let Command::Submit(submit) = parse(&line).unwrap().command else { panic!("{line}") };
                assert_eq!(submit.client.coordinator.coordinator.unwrap().to_string(), "127.0.0.1:7300", "{line}");
                assert_eq!(submit.job.range.first(), first, "{line}");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named_itself() {
        for (line, parts) in [
            ("run --workres 2 1..=3", &["'--workres'", "'--workers'"][..]),
            ("run 1..=3 --workres 2", &["'--workres'", "'--workers'"]),
            ("run -x 1..=3", &["'-x'"]),
            ("run -w2x 1..=3", &["'2x'", "--workers"]),
            ("run --kernal isqrt -5..=5", &["'--kernal'", "'--kernel'"]),
            ("submit --kep-going -5..=5", &["'--kep-going'", "'--keep-going'"]),
            ("run 1..=3 -5", &["'-5'"]),
            ("run -5..=x", &["'-5..=x'", "RANGE"]),
            ("job show -1", &["'-1'"]),
            ("run", &["<RANGE>"]),
        ] {
            let refused = parse(line).err().unwrap_or_else(|| panic!("{line}")).to_string();
            for part in parts {
                assert!(refused.contains(part), "{line}: {refused}");
            }
            assert!(!refused.contains("1..=3'"), "{line}: {refused}");
        }
    }
}
