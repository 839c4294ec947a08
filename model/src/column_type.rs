//! The types that columns of results can have, and their names.
//!
//! A type that is added here has a name, travels between processes, and is accepted; the values of all but a few fast
//! ones are written and read by libraries that know every type.
//!
//! | name | type |
//! | --- | --- |
//! | `null`, `boolean` | |
//! | `int8` … `int64`, `uint8` … `uint64`, `float32`, `float64` | |
//! | `decimal128(p, s)`, `decimal256(p, s)` | precision and scale |
//! | `utf8`, `binary`, `fixed_size_binary(bytes)` | |
//! | `date32`, `timestamp(unit)`, `timestamp(unit, zone)` | the unit is `s`, `ms`, `us` or `ns`; the zone is a word |
//! | `list(type)` | its items may be null if the type ends with `?` |
//! | `struct(name type, …)` | |
//!
//! `?` after a type says that the column may be null. A name that is no word stands in double quotes, with `""` for a
//! quote in it.

use std::{fmt::Write, sync::Arc};

use arrow_schema::{DataType, Field, FieldRef, Fields, TimeUnit};
use thiserror::Error;

/// How deep types may be nested.
const MOST_DEPTH: usize = 8;
/// The most bytes of the text of all columns of a job.
const MOST_TEXT: usize = 64 << 10;

/// The types without arguments.
const PLAIN: [(&str, DataType); 15] = [
    ("null", DataType::Null),
    ("boolean", DataType::Boolean),
    ("int8", DataType::Int8),
    ("int16", DataType::Int16),
    ("int32", DataType::Int32),
    ("int64", DataType::Int64),
    ("uint8", DataType::UInt8),
    ("uint16", DataType::UInt16),
    ("uint32", DataType::UInt32),
    ("uint64", DataType::UInt64),
    ("float32", DataType::Float32),
    ("float64", DataType::Float64),
    ("utf8", DataType::Utf8),
    ("binary", DataType::Binary),
    ("date32", DataType::Date32),
];

const UNITS: [(&str, TimeUnit); 4] = [
    ("s", TimeUnit::Second),
    ("ms", TimeUnit::Millisecond),
    ("us", TimeUnit::Microsecond),
    ("ns", TimeUnit::Nanosecond),
];

/// A text that names no columns.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the columns {text:?} cannot be read from byte {at} on: {what}")]
pub struct TypeError {
    /// The text, or the beginning of it.
    pub text: String,
    /// Where in the text.
    pub at: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// Whether results can have this type.
pub(crate) fn is_supported(data_type: &DataType) -> bool {
    depth(data_type).is_some_and(|depth| depth <= MOST_DEPTH)
}

/// How deep a type is nested; `None` if results cannot have it.
fn depth(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::FixedSizeBinary(bytes) => (*bytes > 0).then_some(0),
        DataType::Decimal128(precision, scale) => is_decimal(*precision, *scale, 38).then_some(0),
        DataType::Decimal256(precision, scale) => is_decimal(*precision, *scale, 76).then_some(0),
        DataType::Timestamp(_, zone) => zone.as_ref().is_none_or(|zone| is_zone(zone)).then_some(0),
        DataType::List(item) => Some(depth(item.data_type())? + 1),
        DataType::Struct(fields) => {
            let depths: Option<Vec<usize>> = fields.iter().map(|field| depth(field.data_type())).collect();
            Some(depths?.into_iter().max()? + 1)
        }
        plain => PLAIN.iter().any(|(_, known)| known == plain).then_some(0),
    }
}

fn is_decimal(precision: u8, scale: i8, most: u8) -> bool {
    (1..=most).contains(&precision) && (0..=precision.cast_signed()).contains(&scale)
}

fn is_zone(zone: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-_/:".contains(&byte);
    (1..=64).contains(&zone.len()) && zone.bytes().all(is_plain)
}

/// The text of columns.
pub(crate) fn write_columns(fields: &Fields) -> String {
    let mut text = String::new();
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        write_name(field.name(), &mut text);
        text.push(' ');
        write_column_type(field, &mut text);
    }
    text
}

fn write_name(name: &str, text: &mut String) {
    if is_word(name) {
        text.push_str(name);
    } else {
        text.push('"');
        text.push_str(&name.replace('"', "\"\""));
        text.push('"');
    }
}

fn is_word(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The name of a type.
pub(crate) fn write_data_type(data_type: &DataType) -> String {
    let mut text = String::new();
    write_type(data_type, &mut text);
    text
}

fn write_column_type(field: &Field, text: &mut String) {
    write_type(field.data_type(), text);
    if field.is_nullable() {
        text.push('?');
    }
}

fn write_type(data_type: &DataType, text: &mut String) {
    // Writing to a string cannot fail.
    let _ = match data_type {
        DataType::FixedSizeBinary(bytes) => write!(text, "fixed_size_binary({bytes})"),
        DataType::Decimal128(precision, scale) => write!(text, "decimal128({precision}, {scale})"),
        DataType::Decimal256(precision, scale) => write!(text, "decimal256({precision}, {scale})"),
        DataType::Timestamp(unit, zone) => {
            let unit = UNITS.iter().find(|(_, known)| known == unit).map_or("", |(name, _)| name);
            match zone {
                Some(zone) => write!(text, "timestamp({unit}, {zone})"),
                None => write!(text, "timestamp({unit})"),
            }
        }
        DataType::List(item) => {
            text.push_str("list(");
            write_column_type(item, text);
            text.write_char(')')
        }
        DataType::Struct(fields) => write!(text, "struct({})", write_columns(fields)),
        plain => {
            let name = PLAIN.iter().find(|(_, known)| known == plain).map_or("?", |(name, _)| name);
            text.write_str(name)
        }
    };
}

/// Columns out of their text.
pub(crate) fn parse_columns(text: &str) -> Result<Fields, TypeError> {
    let mut parser = Parser { text, at: 0 };
    if text.len() > MOST_TEXT {
        return Err(parser.error("it is too long"));
    }
    let columns = parser.columns(0)?;
    if parser.rest().is_empty() { Ok(columns) } else { Err(parser.error("a comma or the end is expected")) }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn error(&self, what: &'static str) -> TypeError {
        TypeError { text: self.text.chars().take(200).collect(), at: self.at, what }
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(' ').len();
    }

    /// Takes this punctuation, if it comes next.
    fn take(&mut self, punctuation: char) -> bool {
        self.skip_spaces();
        let is_next = self.rest().starts_with(punctuation);
        self.at += if is_next { punctuation.len_utf8() } else { 0 };
        is_next
    }

    fn expect(&mut self, punctuation: char, what: &'static str) -> Result<(), TypeError> {
        if self.take(punctuation) { Ok(()) } else { Err(self.error(what)) }
    }

    /// The bytes that come next as long as these are allowed.
    fn word(&mut self, is_allowed: fn(u8) -> bool) -> String {
        self.skip_spaces();
        let length = self.rest().bytes().take_while(|&byte| is_allowed(byte)).count();
        let word = self.rest().get(..length).unwrap_or_default().to_owned();
        self.at += length;
        word
    }

    fn number<T: std::str::FromStr>(&mut self) -> Result<T, TypeError> {
        let digits = self.word(|byte| byte.is_ascii_digit());
        digits.parse().map_err(|_| self.error("a number is expected"))
    }

    fn columns(&mut self, depth: usize) -> Result<Fields, TypeError> {
        let mut columns: Vec<FieldRef> = Vec::new();
        loop {
            let name = self.name()?;
            let (data_type, is_nullable) = self.data_type(depth)?;
            columns.push(Arc::new(Field::new(name, data_type, is_nullable)));
            if !self.take(',') {
                return Ok(columns.into());
            }
        }
    }

    fn name(&mut self) -> Result<String, TypeError> {
        if !self.take('"') {
            let word = self.word(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            return if is_word(&word) { Ok(word) } else { Err(self.error("the name of a column is expected")) };
        }
        let mut name = String::new();
        loop {
            let Some(end) = self.rest().find('"') else { return Err(self.error("a quote is not closed")) };
            name.push_str(self.rest().get(..end).unwrap_or_default());
            self.at += end + 1;
            if !self.rest().starts_with('"') {
                return Ok(name);
            }
            name.push('"');
            self.at += 1;
        }
    }

    fn data_type(&mut self, depth: usize) -> Result<(DataType, bool), TypeError> {
        if depth > MOST_DEPTH {
            return Err(self.error("types are nested too deep"));
        }
        let name = self.word(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let plain = PLAIN.iter().find(|(known, _)| *known == name).map(|(_, data_type)| data_type.clone());
        let data_type = match plain {
            Some(plain) => plain,
            None => {
                self.expect('(', "a type is expected")?;
                let data_type = self.with_arguments(&name, depth)?;
                self.expect(')', "a closing parenthesis is expected")?;
                data_type
            }
        };
        if !is_supported(&data_type) {
            return Err(self.error("the arguments of this type are out of bounds"));
        }
        let is_nullable = self.take('?');
        Ok((data_type, is_nullable))
    }

    fn with_arguments(&mut self, name: &str, depth: usize) -> Result<DataType, TypeError> {
        Ok(match name {
            "fixed_size_binary" => DataType::FixedSizeBinary(self.number()?),
            "decimal128" => {
                let (precision, scale) = self.precision_and_scale()?;
                DataType::Decimal128(precision, scale)
            }
            "decimal256" => {
                let (precision, scale) = self.precision_and_scale()?;
                DataType::Decimal256(precision, scale)
            }
            "timestamp" => {
                let unit = self.word(|byte| byte.is_ascii_lowercase());
                let unit = UNITS.iter().find(|(known, _)| *known == unit).map(|(_, unit)| *unit);
                let unit = unit.ok_or_else(|| self.error("the unit of a timestamp is s, ms, us or ns"))?;
                let zone = self.take(',').then(|| self.word(|byte| is_zone(&char::from(byte).to_string())));
                DataType::Timestamp(unit, zone.map(Arc::from))
            }
            "list" => {
                let (item, is_nullable) = self.data_type(depth + 1)?;
                DataType::List(Arc::new(Field::new_list_field(item, is_nullable)))
            }
            "struct" => DataType::Struct(self.columns(depth + 1)?),
            _ => return Err(self.error("this type is unknown")),
        })
    }

    fn precision_and_scale(&mut self) -> Result<(u8, i8), TypeError> {
        let precision = self.number()?;
        self.expect(',', "the scale of a decimal is expected")?;
        Ok((precision, self.number()?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_type_is_read_as_it_was_written() {
        let text = "a null?, b boolean, c int8, d uint64?, e float32, f float64, g decimal128(38, 0), \
                    h decimal256(76, 76), i utf8, j binary?, k fixed_size_binary(16), l date32, m timestamp(us), \
                    n timestamp(ns, Europe/Berlin)?, o list(int64?), \
                    p list(struct(value utf8, \"how many \"\"\" int64))?";
        let columns = parse_columns(text).unwrap();
        assert_eq!(write_columns(&columns), text);
        assert_eq!(columns.len(), 16);
        assert!(matches!(columns[14].data_type(), DataType::List(item) if item.is_nullable()));
    }

    #[test]
    fn an_error_says_where() {
        let error = |text: &str| parse_columns(text).unwrap_err().to_string();
        assert_eq!(error("a int65"), "the columns \"a int65\" cannot be read from byte 7 on: a type is expected");
        for text in
            ["", "a", "a int64,", "a int64 b", "1 int64", "\"a int64", "a decimal128(39, 0)", "a list()", "a x(1)"]
        {
            assert!(error(text).contains("cannot be read"), "{text}");
        }
        let deep = format!("a {}int64{}", "list(".repeat(500), ")".repeat(500));
        assert!(error(&deep).contains("too deep"), "{}", error(&deep));
        assert!(error(&"a".repeat(MOST_TEXT + 1)).contains("too long"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z0-9_\"(),? äé]{0,60}") {
            if let Ok(columns) = parse_columns(&text) {
                prop_assert_eq!(parse_columns(&write_columns(&columns)), Ok(columns));
            }
        }
    }
}
