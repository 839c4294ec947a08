//! Why an object store did not do what it was asked.

use std::{error::Error, fmt, io, path::Path};

/// The most characters of a server's text that are passed on.
const LONGEST_TEXT: usize = 300;

/// Why an object store did not do what it was asked: a kind for programs, a sentence without secrets for people.
///
/// The answer of an S3 server can repeat the request that it refused, with a session token in it. Only the code and the
/// message of such an answer are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectStoreError {
    kind: ObjectStoreErrorKind,
    text: String,
}

/// What kind of error of an object store it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectStoreErrorKind {
    /// There is no such object.
    Missing,
    /// There is no such bucket.
    NoBucket,
    /// There is an object with this name already.
    AlreadyExists,
    /// The server does not support such a request.
    Unsupported,
    /// The server does not accept the credentials.
    Denied,
    /// The server cannot be reached, or does not work for now.
    Unavailable,
    /// A folder failed.
    Folder,
}

impl ObjectStoreError {
    /// What kind of error it is.
    pub fn kind(&self) -> ObjectStoreErrorKind {
        self.kind
    }

    /// Whether the same request may work later: the object is there, as far as one knows.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self.kind,
            ObjectStoreErrorKind::NoBucket | ObjectStoreErrorKind::Denied | ObjectStoreErrorKind::Unavailable
        )
    }

    /// The object is not there.
    pub(super) fn missing() -> Self {
        Self { kind: ObjectStoreErrorKind::Missing, text: "it is not there".to_owned() }
    }

    /// The request ended before its answer came.
    pub(super) fn interrupted() -> Self {
        Self { kind: ObjectStoreErrorKind::Unavailable, text: "the request was interrupted".to_owned() }
    }

    /// An error of a folder. Its text names the file, with its whole path, unless it is missing.
    pub(super) fn of_folder(error: &object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::missing(),
            object_store::Error::AlreadyExists { path, .. } => {
                Self { kind: ObjectStoreErrorKind::AlreadyExists, text: format!("{path} is there already") }
            }
            // Without the name of the library's part that it is of.
            object_store::Error::Generic { source, .. } => {
                Self { kind: ObjectStoreErrorKind::Folder, text: source.to_string() }
            }
            error => Self { kind: ObjectStoreErrorKind::Folder, text: error.to_string() },
        }
    }

    /// The system could not do this to a file or a folder.
    pub(super) fn of_file(action: &str, path: &Path, error: &io::Error) -> Self {
        // What a writer was told by another one has its sentence.
        if let Some(known) = error.get_ref().and_then(|error| error.downcast_ref::<Self>()) {
            return known.clone();
        }
        let text = format!("cannot {action} {}: {error}", path.display());
        Self { kind: ObjectStoreErrorKind::Folder, text }
    }

    /// An error of an S3 server.
    pub(super) fn of_server(error: &object_store::Error) -> Self {
        let answer = error.to_string();
        let (code, message) = (tag(&answer, "Code"), tag(&answer, "Message"));
        let kind = match (code, error) {
            (Some("NoSuchBucket"), _) => ObjectStoreErrorKind::NoBucket,
            (_, object_store::Error::NotFound { .. }) => ObjectStoreErrorKind::Missing,
            (_, object_store::Error::AlreadyExists { .. }) => ObjectStoreErrorKind::AlreadyExists,
            (_, object_store::Error::NotImplemented { .. }) | (Some("NotImplemented"), _) => {
                ObjectStoreErrorKind::Unsupported
            }
            (_, object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }) => {
                ObjectStoreErrorKind::Denied
            }
            // A server sends these with the status of a bad request.
            (Some("ExpiredToken" | "InvalidToken" | "TokenRefreshRequired"), _) => ObjectStoreErrorKind::Denied,
            _ => ObjectStoreErrorKind::Unavailable,
        };
        let text = match (code, message) {
            (Some(code), Some(message)) if !message.is_empty() => format!("{code}: {}", message.trim_end_matches('.')),
            (Some(code), _) => code.to_owned(),
            (None, _) => match kind {
                ObjectStoreErrorKind::Missing => "it is not there".to_owned(),
                ObjectStoreErrorKind::Denied => "access is denied".to_owned(),
                _ => first_line(&innermost(error)).to_owned(),
            },
        };
        Self { kind, text: shortened(text) }
    }
}

impl fmt::Display for ObjectStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for ObjectStoreError {}

/// The text between `<name>` and `</name>`.
fn tag<'answer>(answer: &'answer str, name: &str) -> Option<&'answer str> {
    let (_, rest) = answer.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0.trim())
}

/// The innermost error: those around it repeat addresses and requests.
fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// Only one line of an answer that is not XML, such as the page of a proxy.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(answer: &str) -> object_store::Error {
        object_store::Error::PermissionDenied { path: "a".to_owned(), source: answer.to_owned().into() }
    }

    #[test]
    fn only_code_and_message_of_an_answer_are_kept() {
        let answer = "403: <Error><Code>SignatureDoesNotMatch</Code><Message>The signature does not match.</Message>\
                    <CanonicalRequest>x-amz-security-token:hush</CanonicalRequest></Error>";
        let error = ObjectStoreError::of_server(&denied(answer));
        assert_eq!(error.kind(), ObjectStoreErrorKind::Denied);
        assert_eq!(error.to_string(), "SignatureDoesNotMatch: The signature does not match");
        assert!(!format!("{error:?}").contains("hush"));
    }

    #[test]
    fn a_missing_bucket_is_not_a_missing_object() {
        let missing =
            |answer: &str| object_store::Error::NotFound { path: "a".to_owned(), source: answer.to_owned().into() };
        let bucket = ObjectStoreError::of_server(&missing("<Code>NoSuchBucket</Code><Message></Message>"));
        assert_eq!((bucket.kind(), bucket.to_string().as_str()), (ObjectStoreErrorKind::NoBucket, "NoSuchBucket"));
        assert!(bucket.is_temporary());
        assert!(!ObjectStoreError::of_server(&missing("<Code>NoSuchKey</Code>")).is_temporary());
        assert_eq!(ObjectStoreError::of_server(&missing("404: ")).kind(), ObjectStoreErrorKind::Missing);
    }
}
