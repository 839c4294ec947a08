//! The text of a list of reductions.
//!
//! ```text
//! list      = reduction { "," reduction }
//! reduction = word [ "(" column ")" ]
//! column    = letters, digits, "_", "-" and "."  |  any text in double quotes, with those in it doubled
//! ```
//!
//! Blanks may stand between these.

use crate::{
    MAX_REDUCTIONS, MAX_TEXT_BYTES,
    error::{Place, Problem, ReduceError},
    kind::Kind,
};

/// The longest piece of a text that an error shows, in characters.
const SHOWN: usize = 60;

/// One reduction as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) kind: Kind,
    /// The column, if one was named.
    pub(crate) column: Option<String>,
    /// Where it is in the text.
    pub(crate) place: Place,
    /// What was written, for errors.
    pub(crate) text: String,
}

/// The reductions of a text, which are not checked yet.
pub(crate) fn parse(text: &str) -> Result<Vec<Term>, ReduceError> {
    if text.len() > MAX_TEXT_BYTES {
        let place = Place { start: 0, length: 1 };
        return Err(Problem::TooLong(text.len()).at(place));
    }
    let mut cursor = Cursor { text, at: 0 };
    let mut terms = Vec::new();
    loop {
        cursor.skip_blanks();
        if terms.len() == MAX_REDUCTIONS {
            return Err(Problem::TooMany.at(cursor.place(cursor.at)));
        }
        terms.push(cursor.term()?);
        cursor.skip_blanks();
        if cursor.rest().is_empty() {
            return Ok(terms);
        }
        cursor.expect(',', "a comma or the end")?;
    }
}

/// A column as it is written in a list, so that it is read back.
pub(crate) fn column_text(column: &str) -> String {
    if !column.is_empty() && column.chars().all(is_plain) {
        return column.to_owned();
    }
    format!("\"{}\"", column.replace('"', "\"\""))
}

/// A piece of a text that a stranger wrote, for an error: short and without control characters.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).flat_map(escaped).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

fn escaped(letter: char) -> impl Iterator<Item = char> {
    // Quotes stay as they are: the text stands in backquotes.
    let (plain, escaped) =
        if matches!(letter, '"' | '\'' | '\\') { (Some(letter), None) } else { (None, Some(letter)) };
    plain.into_iter().chain(escaped.into_iter().flat_map(char::escape_debug))
}

fn is_plain(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.')
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// From a byte of the text to where the cursor is; one character if it is there.
    fn place(&self, from: usize) -> Place {
        Place { start: self.characters(0, from), length: self.characters(from, self.at).max(1) }
    }

    /// How many characters these bytes have.
    fn characters(&self, from: usize, to: usize) -> usize {
        self.text.get(from..to).unwrap_or_default().chars().count()
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Takes the letters that a name has.
    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|letter| !is_plain(letter)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn expect(&mut self, letter: char, expected: &'static str) -> Result<(), ReduceError> {
        if !self.rest().starts_with(letter) {
            return Err(self.unexpected(expected));
        }
        self.at += letter.len_utf8();
        Ok(())
    }

    fn unexpected(&self, expected: &'static str) -> ReduceError {
        let found = if self.rest().is_empty() { "the end".to_owned() } else { format!("`{}`", shown(self.rest())) };
        Problem::Unexpected { expected, found }.at(self.place(self.at))
    }

    fn term(&mut self) -> Result<Term, ReduceError> {
        let at = self.at;
        let word = self.word();
        if word.is_empty() {
            let is_missing = self.rest().is_empty() || self.rest().starts_with([',', '(']);
            return Err(if is_missing { Problem::Missing.at(self.place(at)) } else { self.unexpected("a reduction") });
        }
        let kind = Kind::find(word).ok_or_else(|| Problem::Unknown(shown(word)).at(self.place(at)))?;
        let mut end = self.at;
        self.skip_blanks();
        let mut column = None;
        if self.rest().starts_with('(') {
            column = Some(self.column()?);
            end = self.at;
        }
        let text = shown(self.text.get(at..end).unwrap_or_default());
        let place = Place { length: self.characters(at, end), ..self.place(at) };
        Ok(Term { kind, column, place, text })
    }

    /// Takes a column with its parentheses.
    fn column(&mut self) -> Result<String, ReduceError> {
        self.expect('(', "a parenthesis")?;
        self.skip_blanks();
        let column = if self.rest().starts_with('"') { self.quoted()? } else { self.word().to_owned() };
        if column.is_empty() {
            return Err(self.unexpected("the name of a column, in double quotes if it is no plain word"));
        }
        self.skip_blanks();
        self.expect(')', "a closing parenthesis")?;
        Ok(column)
    }

    fn quoted(&mut self) -> Result<String, ReduceError> {
        self.expect('"', "a quote")?;
        let mut column = String::new();
        loop {
            let rest = self.rest();
            let Some(end) = rest.find('"') else {
                self.at = self.text.len();
                return Err(self.unexpected("a closing quote"));
            };
            column.push_str(rest.get(..end).unwrap_or_default());
            self.at += end + 1;
            if !self.rest().starts_with('"') {
                return Ok(column);
            }
            column.push('"');
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn lists_are_read() {
        let terms = parse(" count, sum (value) ,max_n(\"odd, \"\"name\"\")\")").unwrap();
        let parts: Vec<_> = terms.iter().map(|term| (term.kind, term.column.as_deref(), term.place.start)).collect();
        let expected =
            [(Kind::Count, None, 1), (Kind::Sum, Some("value"), 8), (Kind::MaxN, Some("odd, \"name\")"), 21)];
        assert_eq!(parts, expected);
        assert_eq!(terms[1].text, "sum (value)");
        let quoted = column_text("odd, \"name\")");
        assert_eq!(parse(&format!("max_n({quoted})")).unwrap()[0].column, terms[2].column);
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let cases = [
            ("", "character 1: a reduction is missing;"),
            ("count,", "character 7: a reduction is missing;"),
            ("count,,sum", "character 7: a reduction is missing;"),
            ("avg(x)", "character 1: unknown reduction `avg` (known: count,"),
            (
                "count(",
                "character 7: expected the name of a column, in double quotes if it is no plain word, found the end",
            ),
            ("sum()", "character 5: expected the name of a column, in double quotes if it is no plain word, found `)`"),
            ("sum(a b)", "character 7: expected a closing parenthesis, found `b)`"),
            ("sum(\"a)", "character 8: expected a closing quote, found the end"),
            ("sum x", "character 5: expected a comma or the end, found `x`"),
            ("\u{1b}[31m", "character 1: expected a reduction, found `\\u{1b}[31m`"),
        ];
        for (text, expected) in cases {
            assert!(error(text).starts_with(expected), "{text}: {}", error(text));
        }
    }

    #[test]
    fn lists_are_bounded() {
        let many = parse(&"count,".repeat(MAX_REDUCTIONS)).unwrap_err();
        assert_eq!((many.problem(), many.character()), (&Problem::TooMany, 6 * MAX_REDUCTIONS + 1));
        let long = " ".repeat(MAX_TEXT_BYTES + 1);
        assert_eq!(parse(&long).unwrap_err().problem(), &Problem::TooLong(MAX_TEXT_BYTES + 1));
        let word = "x".repeat(1000);
        assert!(error(&word).len() < 300, "an error repeats all of a long text");
    }
}
