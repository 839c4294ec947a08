//! The log on standard error.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    fmt,
    io::Write,
    panic::{self, PanicHookInfo},
    thread,
};

use swath_console::{plain, plain_line, stderr, stderr_takes_colours};
use tracing::field::Field;
use tracing_subscriber::{
    EnvFilter,
    field::MakeExt,
    fmt::{format, format::Writer},
};

use crate::args::{Args, Command};

/// Starts the log. Logging never blocks, and a broken standard error never ends the process: see `swath_console`.
pub(crate) fn start(args: &Args) {
    let level = match &args.command {
        // The object store logs each attempt; the coordinator logs the outcome.
        Command::Coordinator(_) | Command::Worker(_) => "info,object_store=warn",
        _ => "warn",
    };
    let filter = args.log.as_deref().unwrap_or(level);
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .fmt_fields(format::debug_fn(write_field).delimited(" "))
        .with_writer(stderr)
        .with_ansi(stderr_takes_colours())
        .with_target(false)
        .log_internal_errors(false)
        .init();
    panic::set_hook(Box::new(tell_panic));
}

/// One field of a line. Its text may come from a peer (the name of a worker, the message of a server), so it must not
/// end the line, forge another one or control a terminal.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let text = format!("{value:?}");
    let text = plain_line(&text);
    match field.name() {
        "message" => write!(writer, "{text}"),
        name if name.starts_with("log.") => Ok(()),
        name => write!(writer, "{}={text}", name.trim_start_matches("r#")),
    }
}

/// Like the hook of the standard library, which may block for ever.
fn tell_panic(info: &PanicHookInfo<'_>) {
    let thread = thread::current();
    let name = thread.name().unwrap_or("<unnamed>");
    let backtrace = Backtrace::capture();
    let mut text = format!("thread '{}' {info}\n", plain(name));
    if backtrace.status() == BacktraceStatus::Captured {
        text += &format!("stack backtrace:\n{backtrace}");
    }
    let lines: String = text.lines().map(|line| format!("{}\n", plain_line(line))).collect();
    // Never fails.
    let _ = stderr().write_all(lines.as_bytes());
}
