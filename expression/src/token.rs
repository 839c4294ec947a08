//! Text to tokens.
//!
//! `sqlparser` has a tokenizer, too, but its dialects, which that takes, refer to its parser, and it reads far more
//! than is wanted here: comments, dollar quotes, national strings. What is left to do is less than a page.

use crate::error::{Fault, Place, Problem};

/// What a text is made of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token<'a> {
    /// Digits, perhaps with a point and an exponent, as they stand there.
    Number(&'a str),
    /// `'text'`, without its quotes.
    Text(String),
    /// `X'00ff'`.
    Bytes(Vec<u8>),
    /// A keyword or a name.
    Word(&'a str),
    /// `"name"`, without its quotes.
    Quoted(String),
    /// An operator, a parenthesis or a comma.
    Symbol(&'static str),
    /// Nothing is left.
    End,
}

/// Longer symbols first.
const SYMBOLS: [&str; 15] = ["<>", "!=", "<=", ">=", "<", ">", "=", "+", "-", "*", "/", "%", "(", ")", ","];

/// Operators of other languages, and what to write here.
const FOREIGN: [(&str, &str); 9] = [
    ("--", "comments are not allowed, and two minus signs take a space or parentheses between them"),
    ("/*", "comments are not allowed"),
    ("==", "write `=`"),
    ("&&", "write `and`"),
    ("||", "write `or`"),
    ("!", "write `not`"),
    ("**", "write a product"),
    ("//", "write `/`, which truncates toward zero between integers"),
    (";", "a condition has no end but that of the text"),
];

/// The tokens of a text, one after the other.
pub(crate) struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token and where it is.
    pub(crate) fn next(&mut self) -> Result<(Token<'a>, Place), Fault> {
        self.skip(char::is_whitespace);
        let start = self.at;
        let token = self.token()?;
        Ok((token, Place { start, end: self.at }))
    }

    fn token(&mut self) -> Result<Token<'a>, Fault> {
        let rest = self.rest();
        let mut letters = rest.chars();
        let (first, second) = (letters.next(), letters.next());
        match (first, second) {
            (None, _) => Ok(Token::End),
            (Some('0'..='9'), _) | (Some('.'), Some('0'..='9')) => self.number(),
            (Some('x' | 'X'), Some('\'')) => self.bytes(),
            (Some('\''), _) => Ok(Token::Text(self.quoted('\'', "text")?)),
            (Some('"'), _) => Ok(Token::Quoted(self.quoted('"', "name")?)),
            (Some(letter), _) if letter.is_alphabetic() || letter == '_' => Ok(Token::Word(self.skip(is_of_word))),
            (Some(letter), _) => self.symbol(letter),
        }
    }

    fn symbol(&mut self, first: char) -> Result<Token<'a>, Fault> {
        let rest = self.rest();
        let foreign = FOREIGN.iter().find(|(symbol, _)| rest.starts_with(symbol) && !rest.starts_with("!="));
        if foreign.is_none()
            && let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol))
        {
            self.at += symbol.len();
            return Ok(Token::Symbol(symbol));
        }
        let (found, hint) = match foreign {
            Some((symbol, hint)) => ((*symbol).to_owned(), Some(*hint)),
            None => (first.to_string(), quotes(first)),
        };
        let place = Place { start: self.at, end: self.at + found.len() };
        Err(Problem::UnexpectedCharacter { found, hint }.at(place))
    }

    /// Digits with underscores between them, a point and more digits, an exponent.
    fn number(&mut self) -> Result<Token<'a>, Fault> {
        let (text, start) = (self.text, self.at);
        let mut exponent = false;
        let mut last = ' ';
        self.skip(|letter| {
            let is_part =
                is_of_word(letter) || letter == '.' || (exponent && matches!(letter, '+' | '-') && last == 'e');
            // In `1e5e-3` only the first one is an exponent, so that the whole is refused, not taken apart.
            exponent |= matches!(letter, 'e' | 'E');
            last = letter.to_ascii_lowercase();
            is_part
        });
        let written = text.get(start..self.at).unwrap_or_default();
        let digits_at =
            |at: Option<usize>| at.and_then(|at| written.as_bytes().get(at)).is_some_and(u8::is_ascii_digit);
        let separated =
            written.match_indices('_').all(|(at, _)| digits_at(at.checked_sub(1)) && digits_at(Some(at + 1)));
        let (mantissa, exponent) = written.split_once(['e', 'E']).unwrap_or((written, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
        let is_number = separated && !exponent.is_empty() && [whole, fraction, exponent].into_iter().all(are_digits);
        if is_number {
            Ok(Token::Number(written))
        } else {
            Err(Problem::BadNumber(written.to_owned()).at(Place { start, end: self.at }))
        }
    }

    fn bytes(&mut self) -> Result<Token<'a>, Fault> {
        let start = self.at;
        self.at += 1;
        let digits = self.quoted('\'', "value")?;
        let pairs = digits.as_bytes().chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2 && !pair.starts_with('+'))?;
            u8::from_str_radix(pair, 16).ok()
        });
        match pairs.collect() {
            Some(bytes) => Ok(Token::Bytes(bytes)),
            None => Err(Problem::BadBytes(digits).at(Place { start, end: self.at })),
        }
    }

    /// What stands between two quotation marks; two of them in a row stand for one.
    fn quoted(&mut self, mark: char, what: &'static str) -> Result<String, Fault> {
        let start = self.at;
        let mut content = String::new();
        let rest = self.rest();
        let mut letters = rest.char_indices().skip(1).peekable();
        while let Some((at, letter)) = letters.next() {
            if letter == mark && letters.next_if(|(_, next)| *next == mark).is_none() {
                self.at += at + 1;
                return Ok(content);
            }
            content.push(letter);
        }
        Err(Problem::Unclosed(what).at(Place { start, end: start + 1 }))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Goes on as long as the letters are such; returns them.
    fn skip(&mut self, mut is_such: impl FnMut(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|letter| !is_such(letter)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Quotation marks that a word processor or a habit put there.
fn quotes(found: char) -> Option<&'static str> {
    match found {
        '‘' | '’' | '´' => Some("texts stand in single quotes: 'text'"),
        '`' | '“' | '”' | '„' | '[' => Some("names stand in double quotes: \"name\""),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<Token<'_>>, Problem> {
        let mut tokens = Tokens::new(text);
        let mut found = Vec::new();
        loop {
            match tokens.next().map_err(|fault| fault.problem)?.0 {
                Token::End => return Ok(found),
                token => found.push(token),
            }
        }
    }

    #[test]
    fn tokens_are_told_apart() {
        let found = all("n*2>=.5 and\t\"a \"\"b\" <>'it''s' X'00fF' 1e-3+x'' 1_000.25E+2").unwrap();
        let expected = [
            Token::Word("n"),
            Token::Symbol("*"),
            Token::Number("2"),
            Token::Symbol(">="),
            Token::Number(".5"),
            Token::Word("and"),
            Token::Quoted("a \"b".to_owned()),
            Token::Symbol("<>"),
            Token::Text("it's".to_owned()),
            Token::Bytes(vec![0, 255]),
            Token::Number("1e-3"),
            Token::Symbol("+"),
            Token::Bytes(Vec::new()),
            Token::Number("1_000.25E+2"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for number in ["1x", "1e", "1e+", "1.2.3", "1__0", "1_", "1e5e3", "1e5.0", "0x10", "1._5", "1_e3", "1é"] {
            assert_eq!(all(number), Err(Problem::BadNumber(number.to_owned())), "{number}");
        }
        assert_eq!(all("a 'b"), Err(Problem::Unclosed("text")));
        assert_eq!(all("\"b\"\""), Err(Problem::Unclosed("name")));
        for bytes in ["0", "0g", "+1", "é"] {
            assert_eq!(all(&format!("x'{bytes}'")), Err(Problem::BadBytes(bytes.to_owned())));
        }
        for text in ["a == 1", "a -- b", "a && b", "a | b", "!a", "#", "“a”", "é$", "a // b", "a /* b */", "1;"] {
            assert!(matches!(all(text), Err(Problem::UnexpectedCharacter { .. })), "{text}");
        }
        assert_eq!(all("a!=1").unwrap().len(), 3);
    }
}
