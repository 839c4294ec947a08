//! Access files.

use std::io::Write;

use anyhow::Result;
use swath_console::plain;

use super::table::{new_table, print_table, time};
use crate::output::shown::ShownAccess;

pub(super) fn show(access: &ShownAccess<'_>) -> Result<()> {
    let mut out = new_table();
    writeln!(out, "role\t{}", access.roles.join(", "))?;
    writeln!(out, "holder\t{}", plain(access.subject))?;
    writeln!(out, "coordinator\t{}", plain(access.coordinator.unwrap_or("not named")))?;
    writeln!(out, "expires\t{}", time(access.expires))?;
    print_table(out)
}
