//! Exit codes, and the one line on standard error that explains them.

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

use swath_client::{ClientError, output::OutputError};
use swath_console::{PrintError, plain_line, print, say, stderr, stderr_takes_colours, stdout_takes_colours};
use swath_coordinator::{CoordinatorError, StoreError};
use swath_health::AskError;
use swath_transport::{AccessError, DialError};
use swath_worker::SessionError;

use crate::ending::{Attached, Ending};

/// The job or a part of it failed, or the request is not possible now.
const FAILED: u8 = 1;
/// Bad usage: the arguments are wrong.
const USAGE: u8 = 2;
/// Cannot reach the coordinator.
const UNREACHABLE: u8 = 3;
/// The job was cancelled.
const CANCELLED: u8 = 4;
/// Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Prints what went wrong and a hint what to do; returns the exit code.
pub(crate) fn code(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    if error.chain().any(is_broken_pipe) {
        // The reader has closed the output: it has all that it wants.
        return ExitCode::SUCCESS;
    }
    let (code, hint) = classify(&error);
    if code == INTERRUPTED {
        say!("{error}");
    } else {
        say!("swath: {error:#}");
    }
    if let Some(Ending::Misplaced { mark, .. }) = error.downcast_ref() {
        mark.lines().for_each(|line| say!("  {line}"));
    }
    let attach = error.downcast_ref::<Attached>().map(Attached::hint);
    if let Some(hint) = attach.as_deref().or(hint) {
        say!("  {hint}");
    }
    ExitCode::from(code)
}

/// Prints the help that was asked for, or what is wrong with the command line, and ends the process.
pub(crate) fn misused(error: &clap::Error) -> ! {
    let styled = error.render();
    let text = styled.to_string();
    // It repeats words of the command line, whatever is in them.
    let safe: String = text.split_inclusive('\n').map(safe_line).collect();
    let coloured = || if safe == text { styled.ansi().to_string() } else { safe.clone() };
    if error.use_stderr() {
        let text = if stderr_takes_colours() { coloured() } else { safe };
        // Never fails.
        let _ = stderr().write_all(text.as_bytes());
        end(USAGE.into());
    }
    match print(if stdout_takes_colours() { coloured() } else { safe }) {
        Err(error) if !error.is_broken_pipe() => {
            say!("swath: {error}");
            end(FAILED.into())
        }
        _ => end(0),
    }
}

fn safe_line(line: &str) -> String {
    match line.strip_suffix('\n') {
        Some(line) => format!("{}\n", plain_line(line)),
        None => plain_line(line).to_string(),
    }
}

/// Ends the process at once, after writing what waits for standard error.
pub(crate) fn end(code: i32) -> ! {
    swath_console::flush();
    std::process::exit(code)
}

fn is_broken_pipe(cause: &(dyn Error + 'static)) -> bool {
    cause.downcast_ref::<OutputError>().is_some_and(OutputError::is_broken_pipe)
        || cause.downcast_ref::<PrintError>().is_some_and(PrintError::is_broken_pipe)
}

const ACCESS: &str = "identify yourself with --access FILE or SWATH_ACCESS; `swath access create` makes such files";
const OTHER: &str = "name the coordinator with --coordinator HOST:PORT or SWATH_COORDINATOR";
const START: &str = "start one with `swath coordinator start`, or name another with --coordinator HOST:PORT";
const PORT: &str = "stop what listens there, or choose another port with --listen HOST:PORT";

/// An exit code, and what to do about it.
type Verdict = (u8, Option<&'static str>);

/// The exit code of an error: that of the first of its causes that has one.
fn classify(error: &anyhow::Error) -> Verdict {
    error.chain().find_map(verdict).unwrap_or((FAILED, None))
}

fn verdict(cause: &(dyn Error + 'static)) -> Option<Verdict> {
    if let Some(ending) = cause.downcast_ref() {
        return Some((of_ending(ending), None));
    }
    if let Some(error) = cause.downcast_ref() {
        return Some(of_dial(error));
    }
    if cause.is::<AccessError>() {
        return Some((USAGE, None));
    }
    if let Some(error) = cause.downcast_ref() {
        return Some(of_client(error));
    }
    if let Some(error) = cause.downcast_ref() {
        return Some(of_session(error));
    }
    if let Some(error) = cause.downcast_ref() {
        return Some(of_health(error));
    }
    cause.downcast_ref().and_then(of_output).or_else(|| cause.downcast_ref().and_then(of_coordinator))
}

fn of_ending(ending: &Ending) -> u8 {
    match ending {
        Ending::JobFailed(_) => FAILED,
        Ending::JobCancelled(_) => CANCELLED,
        Ending::Interrupted(_) => INTERRUPTED,
        Ending::Usage(_) | Ending::Misplaced { .. } => USAGE,
    }
}

fn of_dial(error: &DialError) -> Verdict {
    match error {
        DialError::Unreachable { .. } => (UNREACHABLE, Some(START)),
        DialError::Silent { .. } | DialError::Foreign { .. } => (UNREACHABLE, Some(OTHER)),
        DialError::NeedsAccess { .. } => (UNREACHABLE, Some(ACCESS)),
        DialError::Untrusted { .. } => (UNREACHABLE, None),
        _ => (USAGE, None),
    }
}

fn of_client(error: &ClientError) -> Verdict {
    match error {
        ClientError::Unreachable(error) => of_dial(error),
        ClientError::GaveUp { error, .. } => of_client(error),
        ClientError::Disconnected(_) => (UNREACHABLE, None),
        ClientError::Unauthenticated(_) => (FAILED, Some(ACCESS)),
        ClientError::Invalid(_) => (USAGE, None),
        ClientError::JobCancelled { .. } => (CANCELLED, None),
        _ => (FAILED, None),
    }
}

fn of_session(error: &SessionError) -> Verdict {
    match error {
        SessionError::Dial(error) => of_dial(error),
        SessionError::Broken(_) => (UNREACHABLE, None),
        _ => (FAILED, None),
    }
}

fn of_health(error: &AskError) -> Verdict {
    match error {
        AskError::Other(_) => (USAGE, None),
        _ => (UNREACHABLE, None),
    }
}

fn of_output(error: &OutputError) -> Option<Verdict> {
    match error {
        OutputError::Client(error) => Some(of_client(error)),
        OutputError::Format(_)
        | OutputError::UnsupportedType { .. }
        | OutputError::UnknownColumn { .. }
        | OutputError::RepeatedColumn(_)
        | OutputError::UnknownRows
        | OutputError::Terminal { .. } => Some((USAGE, None)),
        _ => None,
    }
}

fn of_coordinator(error: &CoordinatorError) -> Option<Verdict> {
    match error {
        CoordinatorError::Access(_) | CoordinatorError::Store(StoreError::LimitTooSmall { .. }) => Some((USAGE, None)),
        CoordinatorError::Listen { error, .. } => {
            Some((FAILED, (error.kind() == io::ErrorKind::AddrInUse).then_some(PORT)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use swath_client::output::FormatError;

    use super::*;

    fn unreachable() -> DialError {
        DialError::Unreachable { address: "h:1".to_owned(), reason: "Connection refused".to_owned() }
    }

    #[test]
    fn each_kind_of_error_has_the_exit_code_that_is_documented() {
        let text = || "x".to_owned();
        let silent = || DialError::Silent { address: text(), limit: Duration::from_secs(5) };
        let gave_up = ClientError::GaveUp { patience: Duration::from_secs(1), error: Box::new(unreachable().into()) };
        let cases: [(anyhow::Error, u8, Option<&str>); 17] = [
            (Ending::JobFailed(text()).into(), 1, None),
            (Ending::Usage(text()).into(), 2, None),
            (Ending::JobCancelled(text()).into(), 4, None),
            (Ending::Interrupted(text()).into(), 130, None),
            (ClientError::NotFound(text()).into(), 1, None),
            (ClientError::Refused(text()).into(), 1, None),
            (ClientError::JobFailed { job: 1, reason: text(), results_dropped: false }.into(), 1, None),
            (ClientError::Unauthenticated(text()).into(), 1, Some(ACCESS)),
            (ClientError::Invalid(text()).into(), 2, None),
            (ClientError::Disconnected(text()).into(), 3, None),
            (gave_up.into(), 3, Some(START)),
            (ClientError::JobCancelled { job: 1, results_dropped: false }.into(), 4, None),
            (unreachable().into(), 3, Some(START)),
            (silent().into(), 3, Some(OTHER)),
            (OutputError::Format(FormatError::UnknownExtension("x.xlsx".into())).into(), 2, None),
            (OutputError::Client(ClientError::Disconnected(text())).into(), 3, None),
            (anyhow::anyhow!("no room"), 1, None),
        ];
        for (error, code, hint) in cases {
            assert_eq!(classify(&error), (code, hint), "{error:?}");
            // What was being done does not change it.
            assert_eq!(classify(&error.context("the results did not arrive whole")), (code, hint));
        }
    }
}
