//! The arguments of `swath access …`.

use std::{path::PathBuf, time::Duration};

use clap::Subcommand;
use swath_client::{Address, Role};

use super::values::{tls_address, validity};

/// How long certificates are valid by default.
const VALID: &str = "1year";

#[derive(Debug, Subcommand)]
pub(crate) enum AccessCommand {
    /// Make a certificate authority, and an access file for each role: coordinator, worker, client and admin.
    Create {
        /// The folder for these files; it is created if needed.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        /// The address at which workers and clients reach the coordinator. Of several, the access files name the first.
        #[arg(long, env = "SWATH_ADDRESS", value_name = "HOST:PORT", required = true, value_delimiter = ',',
              value_parser = tls_address)]
        address: Vec<Address>,
        /// How long the certificates are valid.
        #[arg(long, env = "SWATH_VALID", default_value = VALID, value_name = "DURATION", value_parser = validity)]
        valid: Duration,
    },
    /// Make or renew one access file.
    Issue {
        /// The folder with the authority.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        /// What its holder may do. coordinator: be the coordinator; worker: compute; client: submit jobs and read
        /// results; admin: the same as client, and drain workers.
        #[arg(long, env = "SWATH_ROLE", value_name = "ROLE")]
        role: Role,
        /// The name in the certificate, for people [default: the role].
        #[arg(long, env = "SWATH_NAME")]
        name: Option<String>,
        /// The access file to write; an existing one is replaced.
        #[arg(long, short = 'o', env = "SWATH_FILE", value_name = "FILE")]
        file: PathBuf,
        /// How long the certificate is valid.
        #[arg(long, env = "SWATH_VALID", default_value = VALID, value_name = "DURATION", value_parser = validity)]
        valid: Duration,
    },
    /// Show the role of an access file, and when it expires.
    Show {
        /// The access file, or a folder with ca.crt, tls.crt and tls.key.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}
