//! `swath access create`, `issue` and `show`.

use anyhow::Result;
use swath_client::AccessSource;
use swath_console::say;
use swath_transport::{Authority, NewAccess};

use crate::{
    args::AccessCommand,
    output::{Output, ShownAccess},
};

pub(super) fn execute(command: AccessCommand, output: &dyn Output) -> Result<()> {
    match command {
        AccessCommand::Create { folder, address, valid } => {
            let files = Authority::create(&folder, &address, valid)?;
            output.access_files(&files)
        }
        AccessCommand::Issue { folder, role, name, file, valid } => {
            let name = name.unwrap_or_else(|| format!("swath {role}"));
            let new = NewAccess { role, name, valid };
            let authority = Authority::open(&folder)?;
            if let Some(exposure) = authority.exposure() {
                say!("swath: {exposure}");
            }
            authority.issue(&new, &file)?;
            output.access_files(&[file])
        }
        AccessCommand::Show { file } => {
            let source = AccessSource::new(file);
            let access = source.load()?;
            for warning in [access.warning(), source.exposure()].into_iter().flatten() {
                say!("swath: {warning}");
            }
            output.access(&ShownAccess {
                roles: access.roles().iter().map(|role| role.name()).collect(),
                subject: access.subject(),
                coordinator: access.address(),
                expires: access.expires(),
            })
        }
    }
}
