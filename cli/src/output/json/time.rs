//! Points in time in JSON.

use std::time::SystemTime;

/// RFC 3339 in UTC, with milliseconds.
pub(super) fn time(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}
