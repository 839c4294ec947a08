//! The files that the rules are about.

use std::{fs, path::Path};

use anyhow::{Context, Result};

/// Folders that hold nothing written by hand.
const SKIPPED: [&str; 3] = ["target", ".git", "corpus"];

/// What is read: code, the protocol, pages, and settings of clippy.
const ENDINGS: [&str; 4] = ["rs", "proto", "md", "toml"];

/// A file of the workspace.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Relative to the root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

/// A file of Rust, parsed.
pub(super) struct Parsed<'source> {
    pub(super) source: &'source Source,
    pub(super) file: syn::File,
}

impl Source {
    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub(super) fn parse(&self) -> Result<Parsed<'_>> {
        let file = syn::parse_file(&self.text).with_context(|| format!("failed to parse {}", self.path))?;
        Ok(Parsed { source: self, file })
    }
}

/// Reads all files below the root, in the order of their paths.
pub(super) fn read(root: &Path) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    collect(root, "", &mut sources)?;
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(sources)
}

fn collect(folder: &Path, prefix: &str, sources: &mut Vec<Source>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("failed to read {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
            collect(&entry.path(), &format!("{path}/"), sources)?;
        } else if kind.is_file() && ENDINGS.iter().any(|ending| name.ends_with(&format!(".{ending}"))) {
            let text = fs::read_to_string(entry.path()).with_context(|| format!("failed to read {path}"))?;
            sources.push(Source { path, text });
        }
    }
    Ok(())
}

/// Whether an item is there in tests only.
pub(super) fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let is_test = |path: &syn::Path| path.is_ident("test");
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| is_test(&path))
    })
}
