//! Where the parts of all jobs lie.

use std::{
    fmt,
    path::{Path as FilePath, PathBuf},
    str::FromStr,
};

/// Where the parts of all jobs lie. As text: `s3://bucket/prefix`, `file:///folder`, or empty for the data folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Place {
    /// In the data folder, beside the ledger.
    #[default]
    Data,
    /// In a folder of its own.
    Folder(PathBuf),
    /// In a bucket of S3, or of a server with the same protocol.
    Bucket {
        /// The name of the bucket.
        bucket: String,
        /// The start of the names of all objects; may be empty.
        prefix: String,
    },
}

/// Why a text names no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` {reason}; it should be like s3://bucket/prefix or file:///folder")]
pub struct PlaceError {
    text: String,
    reason: &'static str,
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let refused = |reason| Err(PlaceError { text: text.to_owned(), reason });
        if let Some(folder) = text.strip_prefix("file://") {
            if is_encoded(folder) {
                return refused(
                    "is ambiguous: write the path as it is, without escapes; a path with ?, # or % and two digits cannot \
                     be used",
                );
            }
            return match FilePath::new(folder).is_absolute() {
                true => Ok(Self::Folder(folder.into())),
                false => refused("is not a path from the root on"),
            };
        }
        let Some(rest) = text.strip_prefix("s3://") else { return refused("is not a place for results") };
        if rest.contains('@') {
            // It is not repeated in the error.
            let text = "s3://…@…".to_owned();
            return Err(PlaceError { text, reason: "holds credentials, which belong in the AWS_* variables" });
        }
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
        if bucket.is_empty() || !bucket.chars().all(is_name) {
            return refused("names no bucket");
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let is_plain = |name: &str| {
            !matches!(name, "" | "." | "..")
                && name.chars().all(|letter| is_name(letter) || matches!(letter, '=' | '+'))
        };
        if !prefix.is_empty() && !prefix.split('/').all(is_plain) {
            return refused("has a prefix with other than letters, digits and .-_=+ between its slashes");
        }
        Ok(Self::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

/// Whether a path means another one if it is read as a part of a URL.
fn is_encoded(path: &str) -> bool {
    let is_hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let bytes = path.as_bytes();
    let is_escape = |(at, byte): (usize, &u8)| *byte == b'%' && is_hex(bytes.get(at + 1)) && is_hex(bytes.get(at + 2));
    path.contains(['?', '#']) || bytes.iter().enumerate().any(is_escape)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data => Ok(()),
            Self::Folder(folder) => write!(f, "file://{}", folder.display()),
            Self::Bucket { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Self::Bucket { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        for text in ["s3://bucket", "s3://b.u-c_k/a/b=1", "file:///srv/results", "file:///srv/100% my ü"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        assert_eq!("s3://bucket/".parse::<Place>().unwrap().to_string(), "s3://bucket");
        assert_eq!("s3://bucket/a/".parse::<Place>().unwrap().to_string(), "s3://bucket/a");
    }

    #[test]
    fn what_is_no_place_is_refused_with_its_text() {
        let refused = [
            "file:///x%20y",
            "file:///x?y",
            "file:///x#y",
            "file:/x",
            "file:x",
            "",
            "bucket",
            "s3://",
            "s3:///a",
            "s3://b/a//c",
            "s3://b/../c",
            "s3://b/a?x",
            "gs://b",
            "file://a",
        ];
        for text in refused {
            let error = text.parse::<Place>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")) && error.contains("s3://bucket/prefix"), "{error}");
        }
        let error = "s3://AKIA:hush@bucket".parse::<Place>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
    }
}
