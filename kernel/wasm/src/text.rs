//! Modules that are written as text.

use std::borrow::Cow;

use crate::{WasmError, error::shown};

/// The most bytes of the text of a module: what is written by hand is far smaller, and a parsed text takes many times
/// as much memory.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// What every module begins with.
const MAGIC: &[u8] = b"\0asm";

/// The module in its binary format: as it is, or converted if it is text (`.wat`).
///
/// # Errors
/// The bytes are neither, or the text has a mistake.
pub fn to_binary(bytes: &[u8]) -> Result<Cow<'_, [u8]>, WasmError> {
    if bytes.starts_with(MAGIC) {
        return Ok(Cow::Borrowed(bytes));
    }
    let text = bytes.get(..MAX_TEXT_BYTES).unwrap_or(bytes);
    let is_text = matches!(std::str::from_utf8(text), Ok(text) if begins_as_text(text));
    match bytes.len() {
        0 => Err(WasmError::NotAModule),
        _ if !is_text => Err(WasmError::NotAModule),
        _ if text.trim_ascii_start().starts_with(b"(component") => Err(WasmError::Component),
        length if length > MAX_TEXT_BYTES => {
            Err(WasmError::TooMany { what: "bytes of text", count: length as u64, most: MAX_TEXT_BYTES as u64 })
        }
        _ => wat::parse_bytes(bytes).map_err(|error| WasmError::Text(one_line(&error.to_string()))),
    }
}

/// Whether the first thing is a parenthesis or a comment.
fn begins_as_text(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with('(') || text.starts_with(";;")
}

/// A message without the excerpt of the text that follows it: `unknown operator (line 3, column 5)`.
fn one_line(message: &str) -> String {
    let mut lines = message.lines();
    let what = shown(lines.next().unwrap_or_default(), 200);
    let place = lines.find_map(|line| line.trim_start().strip_prefix("--> <anon>:"));
    match place.and_then(|place| place.split_once(':')) {
        Some((line, column)) => format!("{what} (line {line}, column {column})"),
        None => what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_stays_and_text_is_converted() {
        assert!(matches!(to_binary(b"\0asm\x01\0\0\0"), Ok(Cow::Borrowed(_))));
        for text in ["(module)", "  ;; a comment\n(module)", "(; a comment ;) (module)"] {
            assert_eq!(to_binary(text.as_bytes()).unwrap().as_ref(), b"\0asm\x01\0\0\0", "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        for bytes in [&b""[..], b"hello", b"\x7fELF", b"\xff(module)", b"fn main() {}"] {
            assert_eq!(to_binary(bytes), Err(WasmError::NotAModule));
        }
        let long = format!("(module) ;;{}", "x".repeat(MAX_TEXT_BYTES));
        assert!(matches!(to_binary(long.as_bytes()), Err(WasmError::TooMany { .. })));
    }

    #[test]
    fn a_mistake_in_a_text_has_its_place() {
        let error = to_binary(b"(module\n  (func i64.foo))").unwrap_err().to_string();
        assert!(error.starts_with("its text cannot be read: "), "{error}");
        assert!(error.ends_with("(line 2, column 9)"), "{error}");
        let deep = "(".repeat(100_000);
        assert!(matches!(to_binary(deep.as_bytes()), Err(WasmError::Text(_))));
    }
}
