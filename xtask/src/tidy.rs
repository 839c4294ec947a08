//! `cargo xtask tidy`: what the compiler and clippy cannot tell about the house style.
//!
//! A rule is one file below `tidy/` with a function from sources to [`Complaint`]s, and one line in [`complaints`].

mod allowed;
mod arguments;
mod circles;
mod imports;
mod lints;
mod paths;
mod size;
mod source;
#[cfg(test)]
mod tests;
mod words;

use anyhow::{Result, bail};
use clap::Args;

use self::{allowed::Allowed, source::Source};
use crate::workspace::Workspace;

/// Check the house style: sizes, names, imports, arguments
///
/// Checks the length of files and lines, words that are not used here, the order of imports, circles of imports between
/// the files of a crate, and arguments that are a bare `true` or `false`. The length of functions and the number of
/// their arguments are clippy's (`cargo xtask check`). What breaks a rule and is known stands in xtask/tidy.allow with
/// the reason. That list only shrinks: an entry that is not needed any more is an error, too.
#[derive(Default, Args)]
pub(crate) struct Tidy {
    /// Remove the entries of xtask/tidy.allow that are not needed any more
    #[arg(long)]
    shrink: bool,
}

impl Tidy {
    pub(crate) fn run(self, workspace: &Workspace) -> Result<()> {
        let sources = source::read(&workspace.root)?;
        let mut allowed = Allowed::read(&workspace.root)?;
        let complaints = complaints(&sources)?;
        let unused = allowed.unused(&complaints);
        if self.shrink && !unused.is_empty() {
            allowed.remove(&unused)?;
        }
        let refused: Vec<_> = complaints.iter().filter(|complaint| !allowed.allows(complaint)).collect();
        for complaint in &refused {
            eprintln!("{}:{}: {} [{}]", complaint.path, complaint.line, complaint.text, complaint.rule);
        }
        if !self.shrink {
            for entry in &unused {
                eprintln!("xtask/tidy.allow: not needed any more: {entry}");
            }
        }
        let stale = if self.shrink { 0 } else { unused.len() };
        if refused.len() + stale > 0 {
            bail!(
                "tidy: {} violations of the house style, {stale} entries to remove from xtask/tidy.allow",
                refused.len()
            );
        }
        eprintln!("xtask: tidy: {} files, {} violations that xtask/tidy.allow names", sources.len(), complaints.len());
        Ok(())
    }
}

/// What breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Complaint {
    /// The name of the rule, as in xtask/tidy.allow.
    rule: String,
    /// The file, relative to the root.
    path: String,
    /// From 1.
    line: usize,
    text: String,
}

/// All that breaks a rule, in the order of the rules.
fn complaints(sources: &[Source]) -> Result<Vec<Complaint>> {
    let parsed = sources.iter().filter(|source| source.is_rust()).map(Source::parse).collect::<Result<Vec<_>>>()?;
    let mut complaints = Vec::new();
    complaints.extend(sources.iter().flat_map(size::check));
    complaints.extend(sources.iter().flat_map(words::check));
    complaints.extend(parsed.iter().flat_map(imports::check));
    complaints.extend(circles::check(&parsed));
    complaints.extend(arguments::check(&parsed));
    complaints.extend(lints::check(sources));
    Ok(complaints)
}
