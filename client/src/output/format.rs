//! The formats of results.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Parquet: columns `n` and `value`; encoded columns are copied, nothing is decoded.
    Parquet,
    /// An Arrow IPC file: columns `n` and `value`.
    Arrow,
    /// Comma-separated values with the header `n,value`.
    Csv,
    /// One JSON object in each line: `{"n":3,"value":9}`.
    Jsonl,
    /// A NumPy array of the values alone.
    Npy,
    /// One value in each line.
    Text,
}

/// The extension of a file name stands for no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the extension of {} names no format; use .parquet, .arrow, .csv, .jsonl, .npy or .txt, or add --format",
    .0.display()
)]
pub struct UnknownExtension(pub PathBuf);

impl Format {
    /// All formats, by name.
    pub const NAMES: [&'static str; 6] = ["parquet", "arrow", "csv", "jsonl", "npy", "text"];

    /// The format that the extension of a file name stands for.
    pub fn from_path(path: &Path) -> Result<Self, UnknownExtension> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        match ending.as_deref() {
            Some("txt") => Ok(Self::Text),
            Some("text") | None => Err(UnknownExtension(path.to_owned())),
            Some(name) => name.parse().map_err(|_| UnknownExtension(path.to_owned())),
        }
    }

    /// Whether a file needs a value for every number, because it cannot say which have none.
    pub fn needs_every_number(self) -> bool {
        matches!(self, Self::Npy | Self::Text)
    }

    /// Whether it is for programs only.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow | Self::Npy)
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "parquet" => Ok(Self::Parquet),
            "arrow" => Ok(Self::Arrow),
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::Jsonl),
            "npy" => Ok(Self::Npy),
            "text" => Ok(Self::Text),
            _ => Err(format!("unknown format `{name}`; the formats are {}", Self::NAMES.join(", "))),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Npy => "npy",
            Self::Text => "text",
        })
    }
}
