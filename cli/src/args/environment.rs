//! Environment variables: one for each flag, and the same rules for all.
//!
//! An empty variable counts as unset. Switches take the usual words for on and off. An error about a value names the
//! variable that the value comes from. A warning names each variable that begins with `SWATH_` and is unknown.

use std::ffi::{OsStr, OsString};

use clap::{
    Arg, ArgAction, Command,
    error::{ContextKind, ContextValue},
};

/// The prefix of all variables of this program.
const PREFIX: &str = "SWATH_";

/// Variables of the compose files and of the tests, which the program itself ignores.
const OTHERS: [&str; 6] =
    ["SWATH_ACCESS_FOLDER", "SWATH_BIN", "SWATH_IMAGE", "SWATH_PORT", "SWATH_PUBLISH", "SWATH_PYTHON"];

/// Names that are less similar than this are not suggested.
const ALIKE: f64 = 0.8;

/// Applies the rules above to a command.
pub(super) fn settle(command: Command) -> Command {
    command.mut_args(settle_argument).mut_subcommands(settle)
}

fn settle_argument(argument: Arg) -> Arg {
    let value = argument.get_env().and_then(std::env::var_os).unwrap_or_default();
    if !matches!(argument.get_action(), ArgAction::SetTrue) {
        return if value.is_empty() { argument.env(None::<&str>) } else { argument };
    }
    match value.to_str().map(switch) {
        // A switch that is off must not conflict with a flag.
        Some(Ok(false)) => argument.env(None::<&str>),
        _ if value.is_empty() => argument.env(None::<&str>),
        _ => argument.value_parser(switch),
    }
}

/// On or off.
fn switch(word: &str) -> Result<bool, &'static str> {
    match word.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" | "y" | "t" => Ok(true),
        "0" | "false" | "no" | "off" | "n" | "f" => Ok(false),
        _ => Err("it takes 1, true, yes or on, or 0, false, no or off"),
    }
}

/// Adds the names of variables to an error about arguments that were not given as flags.
pub(super) fn name_variables(error: &mut clap::Error, arguments: &[&Arg]) {
    let name = |text: &String| {
        let argument = arguments.iter().find(|argument| argument.to_string() == *text)?;
        let variable = argument.get_env()?;
        std::env::var_os(variable).filter(|value| !value.is_empty())?;
        Some(format!("{} ({text})", variable.to_string_lossy()))
    };
    for kind in [ContextKind::InvalidArg, ContextKind::PriorArg] {
        let named = match error.get(kind) {
            Some(ContextValue::String(text)) => name(text).map(ContextValue::String),
            Some(ContextValue::Strings(texts)) => Some(ContextValue::Strings(
                texts.iter().map(|text| name(text).unwrap_or_else(|| text.clone())).collect(),
            )),
            _ => None,
        };
        if let Some(named) = named {
            error.insert(kind, named);
        }
    }
}

/// A warning for each of these names that begins with the prefix and is unknown.
pub(super) fn unknown(command: &Command, names: impl Iterator<Item = OsString>) -> Vec<String> {
    let mut known: Vec<&str> = OTHERS.to_vec();
    collect(command, &mut known);
    let names: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
    // Kubernetes sets a dozen variables SWATH_X_… for a service called `swath-x`.
    let services: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix("_SERVICE_HOST")).collect();
    let is_of_service = |name: &str| {
        let rests = services.iter().filter_map(|service| name.strip_prefix(service));
        rests.into_iter().any(|rest| rest.starts_with("_SERVICE_") || rest.starts_with("_PORT"))
    };
    let is_unknown =
        |name: &&String| name.starts_with(PREFIX) && !known.contains(&name.as_str()) && !is_of_service(name);
    let mut unknown: Vec<_> = names.iter().filter(is_unknown).collect();
    unknown.sort();
    unknown
        .into_iter()
        .map(|name| {
            let name: String = name.chars().filter(|letter| !letter.is_control()).collect();
            match nearest(&name, &known) {
                Some(nearest) => format!("unknown variable {name} is ignored; did you mean {nearest}?"),
                None => format!("unknown variable {name} is ignored"),
            }
        })
        .collect()
}

fn nearest<'known>(name: &str, known: &[&'known str]) -> Option<&'known str> {
    let rest = |name: &str| name.trim_start_matches(PREFIX).to_owned();
    let likeness = |known: &&str| strsim::jaro_winkler(&rest(name), &rest(known));
    let best = known.iter().filter(|known| !OTHERS.contains(known));
    let (best, likeness) = best.map(|known| (*known, likeness(known))).max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    (likeness >= ALIKE).then_some(best)
}

fn collect<'command>(command: &'command Command, names: &mut Vec<&'command str>) {
    names.extend(command.get_arguments().filter_map(Arg::get_env).filter_map(OsStr::to_str));
    command.get_subcommands().for_each(|command| collect(command, names));
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Args;

    #[test]
    fn the_usual_words_are_taken() {
        for word in ["1", "true", "TRUE", "yes", "Yes", "on", "ON"] {
            assert_eq!(switch(word), Ok(true), "{word}");
        }
        for word in ["0", "false", "False", "no", "NO", "off"] {
            assert_eq!(switch(word), Ok(false), "{word}");
        }
        for word in ["", "2", "maybe", " yes"] {
            assert!(switch(word).is_err(), "{word}");
        }
    }

    #[test]
    fn what_is_no_variable_is_found_with_what_may_be_meant() {
        let unknown = |names: &[&str]| unknown(&Args::command(), names.iter().map(OsString::from));
        assert_eq!(unknown(&["SWATH_WORKERS", "SWATH_LOG", "SWATH_PORT", "PATH", "SWAT"]), [] as [&str; 0]);
        for (name, meant) in [
            ("SWATH_WORKRES", "SWATH_WORKERS"),
            ("SWATH_CORDINATOR", "SWATH_COORDINATOR"),
            ("SWATH_THREAD", "SWATH_THREADS"),
            ("SWATH_ACESS", "SWATH_ACCESS"),
        ] {
            let said = unknown(&[name]);
            assert!(said.len() == 1 && said[0].contains(name) && said[0].contains(&format!("{meant}?")), "{said:?}");
        }
        let said = unknown(&["SWATH_XYZZY\u{1b}[2J"]);
        assert_eq!(said, ["unknown variable SWATH_XYZZY[2J is ignored"]);
        // A service of Kubernetes.
        let service = [
            "SWATH_COORDINATOR_SERVICE_HOST",
            "SWATH_COORDINATOR_SERVICE_PORT_GRPC",
            "SWATH_COORDINATOR_PORT",
            "SWATH_COORDINATOR_PORT_7171_TCP_ADDR",
        ];
        assert_eq!(unknown(&service), [] as [&str; 0]);
    }
}
