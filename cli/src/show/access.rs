//! Access files.

use std::{io::Write, path::PathBuf};

use anyhow::Result;
use swath_console::{plain, print};

use super::{json, new_table, print_table};
use crate::{args::OutputMode, commands::access::ShownAccess};

/// Prints what an access file is for.
pub(crate) fn access(access: &ShownAccess<'_>, mode: OutputMode) -> Result<()> {
    if mode == OutputMode::Json {
        return json(access);
    }
    let mut out = new_table();
    writeln!(out, "role\t{}", access.roles.join(", "))?;
    writeln!(out, "holder\t{}", plain(access.subject))?;
    writeln!(out, "coordinator\t{}", plain(access.coordinator.unwrap_or("not named")))?;
    writeln!(out, "expires\t{}", access.expires_at)?;
    print_table(out)
}

/// Prints the files that were made, a line each.
pub(crate) fn files(files: &[PathBuf], mode: OutputMode) -> Result<()> {
    if mode == OutputMode::Json {
        return json(&files);
    }
    Ok(print(files.iter().map(|file| format!("{}\n", file.display())).collect::<String>())?)
}
