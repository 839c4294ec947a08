//! Text that comes from a peer or a file.

use std::{borrow::Cow, fmt};

/// The most characters of a text from elsewhere that are shown.
const LONGEST_TEXT: usize = 500;

/// Of a whole line, with paths in it that may be long.
const LONGEST_LINE: usize = 16_384;

/// Characters that the name of a worker may have.
pub const MAX_NAME: usize = 255;

/// Makes text from elsewhere safe for a terminal or a log: one line of bounded length, with blanks instead of
/// characters that control a terminal or change how text looks.
pub fn plain(text: &str) -> Plain<'_> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || is_deceptive(c));
    Plain { text, longest: LONGEST_TEXT }
}

/// The same for a line that says more than one thing, and may be indented.
pub fn plain_line(text: &str) -> Plain<'_> {
    Plain { text, longest: LONGEST_LINE }
}

/// See [`plain`].
#[derive(Debug, Clone, Copy)]
pub struct Plain<'a> {
    text: &'a str,
    longest: usize,
}

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for (index, c) in self.text.chars().enumerate() {
            if index == self.longest {
                return f.write_char('…');
            }
            f.write_char(if is_deceptive(c) { ' ' } else { c })?;
        }
        Ok(())
    }
}

/// Escapes in the text of a JSON value what [`plain`] makes blanks of, so that it is safe for a terminal and means the
/// same. JSON itself asks for that only of C0. The ends of lines stay: within strings there are none.
pub fn plain_json(json: &str) -> Cow<'_, str> {
    let is_escaped = |c: char| is_deceptive(c) && c != '\n';
    if !json.contains(is_escaped) {
        return Cow::Borrowed(json);
    }
    let escaped = |c: char| if is_escaped(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    Cow::Owned(json.chars().map(escaped).collect())
}

/// Control characters (C0, DEL, C1), separators of lines and paragraphs, and what changes the direction of text.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Why something cannot be a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is empty or blank.
    #[error("it is empty; a name has 1 to {MAX_NAME} characters")]
    Empty,
    /// It is too long for a list.
    #[error("it has {0} characters; a name has 1 to {MAX_NAME}")]
    Long(usize),
    /// It would not be shown as it is.
    #[error("it has the character U+{:04X}, which controls a terminal or the direction of text; use letters, digits and signs", u32::from(*.0))]
    Deceptive(char),
}

/// Whether a worker may be called so: what lists show must be what it is called.
pub fn check_name(name: &str) -> Result<(), NameError> {
    if name.trim().is_empty() {
        return Err(NameError::Empty);
    }
    if let Some(c) = name.chars().find(|c| is_deceptive(*c)) {
        return Err(NameError::Deceptive(c));
    }
    match name.chars().count() {
        length if length > MAX_NAME => Err(NameError::Long(length)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_acts_on_is_blank_and_letters_stay() {
        let text = "\x1b[2J\u{9b}31m Zoë\u{7f} 東京\u{202e}\u{2066}\u{2028}é\u{200e}\r\n";
        assert_eq!(plain(text).to_string(), "[2J 31m Zoë  東京   é");
        assert_eq!(plain(&"ä".repeat(5000)).to_string().chars().count(), LONGEST_TEXT + 1);
    }

    #[test]
    fn names_are_what_can_be_shown() {
        for name in ["w", "host-12", "Zoë 2", "東京", &"n".repeat(MAX_NAME)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", " ", "a\nb", "a\x1b[2J", "a\u{85}", "a\u{202e}b", &"n".repeat(MAX_NAME + 1)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        assert!(check_name("a\x1b").unwrap_err().to_string().contains("U+001B"));
    }
}
