//! The formats of results, and how files of them are compressed.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Parquet; encoded columns are copied, nothing is decoded.
    Parquet,
    /// An Arrow IPC file.
    Arrow,
    /// An Arrow IPC stream, which can be read while it is written.
    ArrowStream,
    /// Comma-separated values below a header of the names, as RFC 4180 has them.
    Csv,
    /// Values separated by tabs below a header of the names, with the escapes of PostgreSQL.
    Tsv,
    /// One JSON object in each line: `{"n":3,"value":9}`.
    Jsonl,
    /// A NumPy array: of the values of one column, or of structs of several.
    Npy,
    /// One value in each line.
    Text,
}

/// How a file is compressed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Gzip, RFC 1952.
    Gzip,
    /// Zstandard, RFC 8878.
    Zstd,
}

/// A format, and how the file is compressed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileFormat {
    format: Format,
    compression: Option<Compression>,
}

const EXTENSIONS: &str = ".parquet, .arrow, .arrows, .csv, .tsv, .jsonl, .ndjson, .npy or .txt";

/// Why no format was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The extension of a file name stands for no format.
    #[error("the extension of {} names no format; use {EXTENSIONS}, or add --format", .0.display())]
    UnknownExtension(PathBuf),
    /// No format has this name.
    #[error("unknown format `{0}`; {known}", known = known())]
    UnknownName(String),
    /// Files of this format are not compressed as a whole.
    #[error("{}", incompressible(*.format, *.compression))]
    Incompressible {
        /// The format.
        format: Format,
        /// What was asked for.
        compression: Compression,
    },
}

fn known() -> String {
    format!("the formats are {}; all but parquet, arrow and npy may end with .gz or .zst", Format::NAMES.join(", "))
}

fn incompressible(format: Format, compression: Compression) -> String {
    let reason = match format {
        Format::Parquet => "Parquet is compressed inside, and its readers need to seek",
        Format::Arrow => "readers of Arrow files need to seek; the Arrow stream (.arrows) can be compressed",
        _ => "its readers need to seek",
    };
    format!("{format} is not written with {compression}: {reason}")
}

impl Format {
    /// The names of all formats. `ndjson` and `jsonl` are the same.
    pub const NAMES: [&'static str; 9] = ["parquet", "arrow", "arrows", "csv", "tsv", "jsonl", "ndjson", "npy", "text"];

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "parquet" => Self::Parquet,
            "arrow" => Self::Arrow,
            "arrows" => Self::ArrowStream,
            "csv" => Self::Csv,
            "tsv" => Self::Tsv,
            "jsonl" | "ndjson" => Self::Jsonl,
            "npy" => Self::Npy,
            "text" => Self::Text,
            _ => return None,
        })
    }

    /// Whether it has values alone unless columns are named: the column `n` is left out.
    pub fn has_values_alone(self) -> bool {
        matches!(self, Self::Npy | Self::Text)
    }

    /// Whether it is for programs only.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow | Self::ArrowStream | Self::Npy)
    }

    /// Whether whoever reads it from its start to its end needs nothing more.
    fn is_sequential(self) -> bool {
        !matches!(self, Self::Parquet | Self::Arrow | Self::Npy)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::ArrowStream => "arrows",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Jsonl => "jsonl",
            Self::Npy => "npy",
            Self::Text => "text",
        })
    }
}

impl Compression {
    /// The compression that the last extension of a file name stands for.
    fn from_path(path: &Path) -> Option<Self> {
        match extension(path)?.as_str() {
            "gz" => Some(Self::Gzip),
            "zst" => Some(Self::Zstd),
            _ => None,
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.extension())
    }
}

impl FileFormat {
    /// An error if files of this format are not compressed as a whole.
    pub fn new(format: Format, compression: Option<Compression>) -> Result<Self, FormatError> {
        match compression {
            Some(compression) if !format.is_sequential() => Err(FormatError::Incompressible { format, compression }),
            _ => Ok(Self { format, compression }),
        }
    }

    /// The format that the extensions of a file name stand for: `.csv`, `.csv.gz`.
    pub fn from_path(path: &Path) -> Result<Self, FormatError> {
        let unknown = || FormatError::UnknownExtension(path.to_owned());
        let compression = Compression::from_path(path);
        let name = if compression.is_some() { path.with_extension("") } else { path.to_owned() };
        let format = match extension(&name).as_deref() {
            Some("txt") => Format::Text,
            Some("text") | None => return Err(unknown()),
            Some(name) => Format::named(name).ok_or_else(unknown)?,
        };
        Self::new(format, compression)
    }

    /// The same format in a file of this name, whose last extension may say that it is compressed.
    pub fn in_file(self, path: &Path) -> Result<Self, FormatError> {
        Self::new(self.format, self.compression.or_else(|| Compression::from_path(path)))
    }

    /// The format.
    pub fn format(self) -> Format {
        self.format
    }

    /// How the file is compressed as a whole.
    pub fn compression(self) -> Option<Compression> {
        self.compression
    }

    /// Whether it is for programs only.
    pub fn is_binary(self) -> bool {
        self.format.is_binary() || self.compression.is_some()
    }
}

impl From<Format> for FileFormat {
    fn from(format: Format) -> Self {
        Self { format, compression: None }
    }
}

impl FromStr for FileFormat {
    type Err = FormatError;

    /// The name of a format, perhaps with `.gz` or `.zst` behind it.
    fn from_str(name: &str) -> Result<Self, FormatError> {
        let compression = [Compression::Gzip, Compression::Zstd]
            .into_iter()
            .find_map(|compression| Some((name.strip_suffix(compression.extension())?, compression)));
        let (format, compression) = match compression {
            Some((format, compression)) => (format, Some(compression)),
            None => (name, None),
        };
        let format = Format::named(format).ok_or_else(|| FormatError::UnknownName(name.to_owned()))?;
        Self::new(format, compression)
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.format, self.compression.map_or("", Compression::extension))
    }
}

fn extension(path: &Path) -> Option<String> {
    path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_and_of_formats_mean_the_same() {
        for (file, name, shown) in [
            ("x.parquet", "parquet", "parquet"),
            ("x.arrow", "arrow", "arrow"),
            ("X.ARROWS", "arrows", "arrows"),
            ("a.b/x.csv", "csv", "csv"),
            ("x.tsv.gz", "tsv.gz", "tsv.gz"),
            ("x.ndjson", "ndjson", "jsonl"),
            ("x.jsonl.ZST", "jsonl.zst", "jsonl.zst"),
            ("x.arrows.zst", "arrows.zst", "arrows.zst"),
            ("x.npy", "npy", "npy"),
            ("x.txt.gz", "text.gz", "text.gz"),
        ] {
            let format = FileFormat::from_path(Path::new(file)).unwrap();
            assert_eq!(name.parse(), Ok(format), "{file}");
            assert_eq!(format.to_string(), shown, "{file}");
        }
        for file in ["x", "x.gz", "x.zst", "x.xlsx", "x.text", "x.csv.bz2", "csv", "x.gz.csv.gz.gz"] {
            let error = FileFormat::from_path(Path::new(file)).unwrap_err();
            assert!(matches!(error, FormatError::UnknownExtension(_)), "{file}: {error}");
        }
        for name in ["", ".gz", "CSV", "txt", "csv.gz.zst"] {
            assert_eq!(name.parse::<FileFormat>(), Err(FormatError::UnknownName(name.to_owned())));
        }
    }

    #[test]
    fn what_is_read_by_seeking_is_not_compressed_as_a_whole() {
        for format in ["parquet", "arrow", "npy"] {
            for compression in ["gz", "zst"] {
                let file = format!("x.{format}.{compression}");
                let errors = [
                    FileFormat::from_path(Path::new(&file)).unwrap_err(),
                    format!("{format}.{compression}").parse::<FileFormat>().unwrap_err(),
                    format.parse::<FileFormat>().unwrap().in_file(Path::new(&file)).unwrap_err(),
                ];
                for error in errors {
                    let said = error.to_string();
                    assert!(said.starts_with(&format!("{format} is not written with .{compression}: ")), "{said}");
                }
            }
        }
        let csv: FileFormat = "csv".parse().unwrap();
        assert_eq!(csv.in_file(Path::new("x.gz")), "csv.gz".parse());
        assert_eq!(csv.in_file(Path::new("x.txt")), Ok(csv));
    }
}
