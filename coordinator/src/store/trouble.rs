//! What an object store said, for people.

use std::{error::Error, fmt};

/// How much of what a server said is passed on.
const SAID: usize = 300;

/// Why an object store did not do what it was asked: a sentence, and nothing that should stay secret.
///
/// What a server of S3 says can hold the request that it refused, with a session token in it; of that only the code and
/// the message are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    kind: Kind,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// There is no such object.
    Missing,
    /// There is no such bucket.
    NoBucket,
    /// The object is there already.
    Exists,
    /// The server knows no such request.
    Unknown,
    /// The credentials are not accepted.
    Denied,
    /// The store is not reached, or does not work for now.
    Away,
    /// A folder failed.
    Folder,
}

impl Trouble {
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether the object is there, as far as one knows, and can be read later.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self.kind, Kind::NoBucket | Kind::Denied | Kind::Away)
    }

    /// The object is not there.
    pub(super) fn missing() -> Self {
        Self { kind: Kind::Missing, text: "it is not there".to_owned() }
    }

    /// The request ended before its answer came.
    pub(super) fn interrupted() -> Self {
        Self { kind: Kind::Away, text: "the request was interrupted".to_owned() }
    }

    pub(super) fn of_folder(error: &object_store::Error) -> Self {
        let kind = match error {
            object_store::Error::NotFound { .. } => Kind::Missing,
            object_store::Error::AlreadyExists { .. } => Kind::Exists,
            _ => Kind::Folder,
        };
        Self { kind, text: error.to_string() }
    }

    pub(super) fn of_server(error: &object_store::Error) -> Self {
        let said = error.to_string();
        let (code, message) = (tag(&said, "Code"), tag(&said, "Message"));
        let kind = match (code, error) {
            (Some("NoSuchBucket"), _) => Kind::NoBucket,
            (_, object_store::Error::NotFound { .. }) => Kind::Missing,
            (_, object_store::Error::AlreadyExists { .. }) => Kind::Exists,
            (_, object_store::Error::NotImplemented { .. }) | (Some("NotImplemented"), _) => Kind::Unknown,
            (_, object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }) => {
                Kind::Denied
            }
            // These come with the status of a bad request.
            (Some("ExpiredToken" | "InvalidToken" | "TokenRefreshRequired"), _) => Kind::Denied,
            _ => Kind::Away,
        };
        let text = match (code, message) {
            (Some(code), Some(message)) if !message.is_empty() => format!("{code}: {}", message.trim_end_matches('.')),
            (Some(code), _) => code.to_owned(),
            (None, _) => match kind {
                Kind::Missing => "it is not there".to_owned(),
                Kind::Denied => "access is denied".to_owned(),
                _ => first_line(&innermost(error)).to_owned(),
            },
        };
        Self { kind, text: shortened(text) }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Trouble {}

/// What stands between `<name>` and `</name>`.
fn tag<'said>(said: &'said str, name: &str) -> Option<&'said str> {
    let (_, rest) = said.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0.trim())
}

/// The error that all others are about; those around it name addresses and requests.
fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// An answer that is no XML, such as the page of a proxy, is not passed on whole.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(SAID) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(said: &str) -> object_store::Error {
        object_store::Error::PermissionDenied { path: "a".to_owned(), source: said.to_owned().into() }
    }

    #[test]
    fn of_what_a_server_says_only_code_and_message_are_kept() {
        let said = "403: <Error><Code>SignatureDoesNotMatch</Code><Message>The signature does not match.</Message>\
                    <CanonicalRequest>x-amz-security-token:hush</CanonicalRequest></Error>";
        let trouble = Trouble::of_server(&denied(said));
        assert_eq!(trouble.kind(), Kind::Denied);
        assert_eq!(trouble.to_string(), "SignatureDoesNotMatch: The signature does not match");
        assert!(!format!("{trouble:?}").contains("hush"));
    }

    #[test]
    fn a_missing_bucket_is_not_a_missing_object() {
        let missing =
            |said: &str| object_store::Error::NotFound { path: "a".to_owned(), source: said.to_owned().into() };
        let bucket = Trouble::of_server(&missing("<Code>NoSuchBucket</Code><Message></Message>"));
        assert_eq!((bucket.kind(), bucket.to_string().as_str()), (Kind::NoBucket, "NoSuchBucket"));
        assert!(bucket.may_pass());
        assert!(!Trouble::of_server(&missing("<Code>NoSuchKey</Code>")).may_pass());
        assert_eq!(Trouble::of_server(&missing("404: ")).kind(), Kind::Missing);
    }
}
