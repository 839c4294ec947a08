//! `swath access create`, `issue` and `show`.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use clap::Subcommand;
use serde::Serialize;
use swath_client::{AccessSource, Address, Role};
use swath_console::say;
use swath_transport::{Authority, NewAccess};

use crate::{
    args::{OutputMode, duration, tls_address},
    exit::Ending,
    show,
};

/// How long certificates are valid unless told otherwise.
const VALID: &str = "1year";

#[derive(Debug, Subcommand)]
pub(crate) enum AccessCommand {
    /// Make an authority, and an access file for each role: coordinator, worker, client and admin.
    Create {
        /// The folder for them; is made if it is not there.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        /// Where workers and clients reach the coordinator; of several, the first stands in the access files.
        #[arg(long, env = "SWATH_ADDRESS", value_name = "HOST:PORT", required = true, value_delimiter = ',',
              value_parser = tls_address)]
        address: Vec<Address>,
        /// How long the certificates are valid.
        #[arg(long, env = "SWATH_VALID", default_value = VALID, value_name = "DURATION", value_parser = duration)]
        valid: Duration,
    },
    /// Make one more access file, or renew one.
    Issue {
        /// The folder with the authority.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        /// What its holder may do: be the coordinator, work, submit and read, or all of that and send workers away.
        #[arg(long, env = "SWATH_ROLE", value_name = "ROLE")]
        role: Role,
        /// Whom the certificate names, for people [default: the role].
        #[arg(long, env = "SWATH_NAME")]
        name: Option<String>,
        /// The access file; one that is there is replaced.
        #[arg(long, short = 'o', env = "SWATH_FILE", value_name = "FILE")]
        file: PathBuf,
        /// How long the certificate is valid.
        #[arg(long, env = "SWATH_VALID", default_value = VALID, value_name = "DURATION", value_parser = duration)]
        valid: Duration,
    },
    /// Show what an access file is for and how long.
    Show {
        /// The access file, or a folder with ca.crt, tls.crt and tls.key.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

pub(super) fn execute(command: AccessCommand, mode: OutputMode) -> Result<()> {
    match command {
        AccessCommand::Create { folder, address, valid } => {
            let files = Authority::create(&folder, &address, checked(valid)?)?;
            show::files(&files, mode)
        }
        AccessCommand::Issue { folder, role, name, file, valid } => {
            let name = name.unwrap_or_else(|| format!("swath {role}"));
            let new = NewAccess { role, name, valid: checked(valid)? };
            let authority = Authority::open(&folder)?;
            if let Some(exposure) = authority.exposure() {
                say!("swath: {exposure}");
            }
            authority.issue(&new, &file)?;
            show::files(&[file], mode)
        }
        AccessCommand::Show { file } => {
            let source = AccessSource::new(file);
            let access = source.load()?;
            for warning in [access.warning(), source.exposure()].into_iter().flatten() {
                say!("swath: {warning}");
            }
            show::access(
                &ShownAccess {
                    roles: access.roles().iter().map(|role| role.name()).collect(),
                    subject: access.subject(),
                    coordinator: access.address(),
                    expires_at: humantime::format_rfc3339_seconds(access.expires()).to_string(),
                },
                mode,
            )
        }
    }
}

/// What is shown of access; nothing of it is secret.
#[derive(Serialize)]
pub(crate) struct ShownAccess<'a> {
    pub(crate) roles: Vec<&'static str>,
    pub(crate) subject: &'a str,
    pub(crate) coordinator: Option<&'a str>,
    pub(crate) expires_at: String,
}

/// How many years a certificate may be valid: the year in which it expires has four digits.
const MOST_YEARS: u64 = 100;

fn checked(valid: Duration) -> Result<Duration> {
    // As durations are written: a year of humantime has 365.25 days. The longest that is allowed is written as it is said.
    let longest = Duration::from_secs(MOST_YEARS * 31_557_600);
    if valid < Duration::from_secs(1) || valid > longest {
        let text = humantime::format_duration(valid);
        return Err(Ending::Usage(format!(
            "certificates cannot be valid for {text}: the shortest is 1s, and the longest {MOST_YEARS}years"
        ))
        .into());
    }
    Ok(valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_that_are_named_are_possible_and_nothing_beyond_them() {
        for (text, possible) in [
            ("1s", true),
            ("100years", true),
            ("99years 365days", true),
            ("100years 1s", false),
            ("101years", false),
            ("999ms", false),
            ("0s", false),
        ] {
            let checked = checked(duration(text).unwrap());
            assert_eq!(checked.is_ok(), possible, "{text}");
            if let Err(error) = checked {
                assert!(error.to_string().contains("the longest 100years"), "{error}");
            }
        }
    }
}
