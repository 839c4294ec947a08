//! Exit codes, and the one line on standard error that explains them.

use std::{
    error::Error,
    fmt,
    io::{self, Write},
    process::ExitCode,
};

use swath_client::{ClientError, output::OutputError};
use swath_console::{PrintError, plain_line, print, say, stderr, stderr_takes_colours, stdout_takes_colours};
use swath_coordinator::{CoordinatorError, StoreError};
use swath_health::AskError;
use swath_transport::{AccessError, DialError};
use swath_worker::SessionError;
use tonic::Code;

use crate::commands::connect::Attached;

/// The job or a part of it failed, or what was asked for cannot be done as things stand.
const FAILED: u8 = 1;
/// Bad usage: the arguments are wrong however things stand.
const USAGE: u8 = 2;
/// Cannot reach the coordinator.
const UNREACHABLE: u8 = 3;
/// The job was cancelled.
const CANCELLED: u8 = 4;
/// Ctrl-C.
const INTERRUPTED: u8 = 130;

/// An end that is no error of the program, but not the end that was asked for.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The job failed, or a part of it; a sentence that says why.
    JobFailed(String),
    /// The job was cancelled.
    JobCancelled(String),
    /// Ctrl-C; a hint how to go on.
    Interrupted(String),
    /// What was asked for cannot be; a sentence that says why.
    Usage(String),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JobFailed(sentence)
            | Self::JobCancelled(sentence)
            | Self::Interrupted(sentence)
            | Self::Usage(sentence) => f.write_str(sentence),
        }
    }
}

impl Error for Ending {}

/// Says what went wrong, with a hint what to do, and picks the exit code.
pub(crate) fn code(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    if error.chain().any(is_broken_pipe) {
        // Whoever reads has had enough.
        return ExitCode::SUCCESS;
    }
    let (code, hint) = classify(&error);
    if code == INTERRUPTED {
        say!("{error}");
    } else {
        say!("swath: {error:#}");
    }
    let attach = error.downcast_ref::<Attached>().map(Attached::hint);
    if let Some(hint) = attach.as_deref().or(hint) {
        say!("  {hint}");
    }
    ExitCode::from(code)
}

/// Prints the help that was asked for, or says why the command line cannot be meant, and ends the process.
pub(crate) fn misused(error: &clap::Error) -> ! {
    let text = |colours: bool| {
        let text = error.render();
        let (coloured, text) = (text.ansi().to_string(), text.to_string());
        // It repeats words of the command line, whatever is in them.
        let safe: String = text.split_inclusive('\n').map(safe_line).collect();
        if colours && safe == text { coloured } else { safe }
    };
    if error.use_stderr() {
        // Never fails.
        let _ = stderr().write_all(text(stderr_takes_colours()).as_bytes());
        end(USAGE.into());
    }
    match print(text(stdout_takes_colours())) {
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

/// Ends the process at once, but for what was said.
pub(crate) fn end(code: i32) -> ! {
    swath_console::flush();
    std::process::exit(code)
}

fn is_broken_pipe(cause: &(dyn Error + 'static)) -> bool {
    cause.downcast_ref::<OutputError>().is_some_and(OutputError::is_broken_pipe)
        || cause.downcast_ref::<PrintError>().is_some_and(PrintError::is_broken_pipe)
}

fn classify(error: &anyhow::Error) -> (u8, Option<&'static str>) {
    const ACCESS: &str = "show who you are with --access FILE or SWATH_ACCESS; `swath access create` makes such files";
    const OTHER: &str = "name the coordinator with --coordinator HOST:PORT or SWATH_COORDINATOR";
    const START: &str = "start one with `swath coordinator start`, or name another with --coordinator HOST:PORT";
    for cause in error.chain() {
        if let Some(ending) = cause.downcast_ref::<Ending>() {
            return match ending {
                Ending::JobFailed(_) => (FAILED, None),
                Ending::JobCancelled(_) => (CANCELLED, None),
                Ending::Interrupted(_) => (INTERRUPTED, None),
                Ending::Usage(_) => (USAGE, None),
            };
        }
        if let Some(error) = cause.downcast_ref::<DialError>() {
            return dial(error);
        }
        let is_coordinators = matches!(
            cause.downcast_ref(),
            Some(CoordinatorError::Access(_) | CoordinatorError::Store(StoreError::LimitTooSmall { .. }))
        );
        if is_coordinators || cause.is::<AccessError>() {
            return (USAGE, None);
        }
        if let Some(error) = cause.downcast_ref::<ClientError>() {
            return client(error);
        }
        if let Some(error) = cause.downcast_ref::<SessionError>() {
            return match error {
                SessionError::Dial(error) => dial(error),
                SessionError::Broken(_) => (UNREACHABLE, None),
                _ => (FAILED, None),
            };
        }
        if let Some(error) = cause.downcast_ref::<AskError>() {
            return match error {
                AskError::Other(_) => (USAGE, None),
                _ => (UNREACHABLE, None),
            };
        }
        match cause.downcast_ref::<OutputError>() {
            Some(OutputError::Client(error)) => return client(error),
            Some(
                OutputError::UnknownEnding { .. } | OutputError::NoSuchValues { .. } | OutputError::Terminal { .. },
            ) => {
                return (USAGE, None);
            }
            _ => {}
        }
        if let Some(CoordinatorError::Listen { error, .. }) = cause.downcast_ref::<CoordinatorError>() {
            let in_use = error.kind() == io::ErrorKind::AddrInUse;
            return (
                FAILED,
                in_use.then_some("stop what listens there, or choose another port with --listen HOST:PORT"),
            );
        }
    }
    return (FAILED, None);

    fn dial(error: &DialError) -> (u8, Option<&'static str>) {
        match error {
            DialError::Unreachable { .. } => (UNREACHABLE, Some(START)),
            DialError::Silent { .. } | DialError::Foreign { .. } => (UNREACHABLE, Some(OTHER)),
            DialError::NeedsAccess { .. } => (UNREACHABLE, Some(ACCESS)),
            DialError::Untrusted { .. } => (UNREACHABLE, None),
            _ => (USAGE, None),
        }
    }

    fn client(error: &ClientError) -> (u8, Option<&'static str>) {
        match error {
            ClientError::Dial(error) => dial(error),
            ClientError::GaveUp { error, .. } => client(error),
            ClientError::Refused { code: Code::Unauthenticated, .. } => (FAILED, Some(ACCESS)),
            ClientError::Broken(_) => (UNREACHABLE, None),
            ClientError::Refused { code: Code::InvalidArgument | Code::OutOfRange, .. } => (USAGE, None),
            _ => (FAILED, None),
        }
    }
}
