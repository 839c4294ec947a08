//! The footer of a Parquet file, before the parser of another crate sees it.
//!
//! A footer is one struct in Thrift's
//! [compact protocol](https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md). Parsers of it
//! recurse, and make room for as many elements as a list says that it has. So whatever comes from elsewhere is walked
//! over first, without recursion and without making room for anything: how deep it is, how long its lists and texts
//! are, and that its schema has the expected elements.

use crate::varint::{self, unzigzag};

/// Levels of structs and lists in each other: the statistics of a column are at the seventh.
const MAX_DEPTH: usize = 16;

/// Fields of the struct `FileMetaData`, and of `SchemaElement`.
const SCHEMA: i64 = 2;
const ROW_GROUPS: i64 = 4;
const NUM_CHILDREN: i64 = 5;

/// Why a footer is not given to a parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FooterError {
    /// It ends too early.
    #[error("it is cut short")]
    CutShort,
    /// It does not end where it should.
    #[error("{0} bytes follow its end")]
    GoesOn(usize),
    /// Too many levels.
    #[error("it is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// A list or a text that claims more than there is.
    #[error("it has a list or a text of {0} elements, more than there are bytes")]
    TooLong(u64),
    /// Fields that are repeated or in no order.
    #[error("its fields are not in their order")]
    Order,
    /// A type that no footer has.
    #[error("it has a field of the unknown type {0}")]
    UnknownType(u8),
    /// Another schema.
    #[error("its schema has other columns than expected")]
    Schema,
    /// Another number of row groups.
    #[error("it has {found} row groups instead of {expected}")]
    RowGroups {
        /// How many there are.
        found: u64,
        /// How many there should be.
        expected: u64,
    },
}

/// Checks that a footer may be given to a parser: that it is whole, within bounds, has this many row groups, and a
/// schema whose elements have so many `children` each, in their order.
pub(crate) fn check_footer(footer: &[u8], row_groups: u64, children: &[usize]) -> Result<(), FooterError> {
    let mut walk = Walk { bytes: footer, levels: [Level::Struct { field: 0 }; MAX_DEPTH], depth: 1 };
    let mut schema = 0;
    let mut found = 0;
    while let Some(value) = walk.step()? {
        match (walk.place(), value) {
            (Place::Top(SCHEMA), Value::List(elements, _)) => schema = elements,
            (Place::Top(ROW_GROUPS), Value::List(elements, _)) => found = elements,
            // Room is made for as many children as an element says that it has, and for theirs in turn.
            (Place::Element { list: SCHEMA, field: NUM_CHILDREN, left }, Value::Integer(said)) => {
                let index = schema.checked_sub(left + 1).and_then(|index| usize::try_from(index).ok());
                let expected = index.and_then(|index| children.get(index));
                if expected.is_none_or(|&expected| i64::try_from(expected) != Ok(said)) {
                    return Err(FooterError::Schema);
                }
            }
            _ => {}
        }
        walk.enter(value)?;
    }
    if !walk.bytes.is_empty() {
        return Err(FooterError::GoesOn(walk.bytes.len()));
    }
    if schema != children.len() as u64 {
        return Err(FooterError::Schema);
    }
    if found != row_groups {
        return Err(FooterError::RowGroups { found, expected: row_groups });
    }
    Ok(())
}

/// A struct or a list that was begun and not ended.
#[derive(Clone, Copy)]
enum Level {
    Struct { field: i64 },
    List { element: u8, left: u64 },
}

/// A value that was come by. Structs and lists are only begun.
#[derive(Clone, Copy)]
enum Value {
    Integer(i64),
    /// With so many elements, of this type.
    List(u64, u8),
    Struct,
    Other,
}

/// Where a value stands, as far as it matters.
enum Place {
    /// In this field of the whole.
    Top(i64),
    /// In this field of an element of the list in that field of the whole, which so many elements follow.
    Element {
        list: i64,
        field: i64,
        left: u64,
    },
    Elsewhere,
}

struct Walk<'a> {
    bytes: &'a [u8],
    levels: [Level; MAX_DEPTH],
    depth: usize,
}

impl Walk<'_> {
    /// The next value; `None` at the end of the whole.
    fn step(&mut self) -> Result<Option<Value>, FooterError> {
        loop {
            let Some(level) = self.depth.checked_sub(1).and_then(|top| self.levels.get_mut(top)) else {
                return Ok(None);
            };
            match level {
                Level::List { left: 0, .. } => self.depth -= 1,
                Level::List { element, left } => {
                    *left -= 1;
                    let element = *element;
                    return self.element(element).map(Some);
                }
                Level::Struct { field } => {
                    let (&header, rest) = self.bytes.split_first().ok_or(FooterError::CutShort)?;
                    self.bytes = rest;
                    if header == 0 {
                        self.depth -= 1;
                        continue;
                    }
                    let next = match header >> 4 {
                        0 => unzigzag(varint::read(&mut self.bytes).ok_or(FooterError::CutShort)?),
                        step => *field + i64::from(step),
                    };
                    if next <= *field || next > i64::from(i16::MAX) {
                        return Err(FooterError::Order);
                    }
                    *field = next;
                    return self.value(header & 0xF).map(Some);
                }
            }
        }
    }

    /// A value of a field: of a boolean, the type says which.
    fn value(&mut self, kind: u8) -> Result<Value, FooterError> {
        match kind {
            1 | 2 => Ok(Value::Other),
            _ => self.element(kind),
        }
    }

    /// An element of a list, in which each takes a byte at least.
    fn element(&mut self, kind: u8) -> Result<Value, FooterError> {
        match kind {
            1..=3 => self.skip(1),
            4..=6 => Ok(Value::Integer(unzigzag(self.varint()?))),
            7 => self.skip(8),
            8 => {
                let length = self.varint()?;
                self.skip(length)
            }
            9 => {
                let header = self.byte()?;
                let elements = match header >> 4 {
                    15 => self.varint()?,
                    few => u64::from(few),
                };
                if elements > self.bytes.len() as u64 {
                    return Err(FooterError::TooLong(elements));
                }
                Ok(Value::List(elements, header & 0xF))
            }
            12 => Ok(Value::Struct),
            other => Err(FooterError::UnknownType(other)),
        }
    }

    fn enter(&mut self, value: Value) -> Result<(), FooterError> {
        let level = match value {
            Value::List(left, element) => Level::List { element, left },
            Value::Struct => Level::Struct { field: 0 },
            Value::Integer(_) | Value::Other => return Ok(()),
        };
        *self.levels.get_mut(self.depth).ok_or(FooterError::TooDeep)? = level;
        self.depth += 1;
        Ok(())
    }

    /// Where the value stands that was come by last.
    fn place(&self) -> Place {
        match self.levels.get(..self.depth) {
            Some([Level::Struct { field }]) => Place::Top(*field),
            Some([Level::Struct { field: list }, Level::List { left, .. }, Level::Struct { field }]) => {
                Place::Element { list: *list, field: *field, left: *left }
            }
            _ => Place::Elsewhere,
        }
    }

    fn byte(&mut self) -> Result<u8, FooterError> {
        let (&byte, rest) = self.bytes.split_first().ok_or(FooterError::CutShort)?;
        self.bytes = rest;
        Ok(byte)
    }

    fn varint(&mut self) -> Result<u64, FooterError> {
        varint::read(&mut self.bytes).ok_or(FooterError::CutShort)
    }

    fn skip(&mut self, bytes: u64) -> Result<Value, FooterError> {
        let skipped = usize::try_from(bytes).ok().and_then(|bytes| self.bytes.split_at_checked(bytes));
        let (_, rest) = skipped.ok_or(FooterError::TooLong(bytes))?;
        self.bytes = rest;
        Ok(Value::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root with two columns.
    const TWO: &[usize] = &[2, 0, 0];

    /// A list of `count` structs that are empty, in field 2, then in field 4 a list of one.
    fn lists(schema: u8) -> Vec<u8> {
        let mut bytes = vec![0x29, (schema << 4) | 12];
        bytes.extend(vec![0; schema.into()]);
        bytes.extend([0x29, 0x1C, 0, 0]);
        bytes
    }

    #[test]
    fn a_footer_of_two_columns_passes() {
        assert_eq!(check_footer(&lists(3), 1, TWO), Ok(()));
        assert_eq!(check_footer(&lists(4), 1, TWO), Err(FooterError::Schema));
        assert_eq!(check_footer(&lists(3), 2, TWO), Err(FooterError::RowGroups { found: 1, expected: 2 }));
        assert_eq!(check_footer(&[lists(3), vec![7]].concat(), 1, TWO), Err(FooterError::GoesOn(1)));
        for length in 0..lists(3).len() {
            assert!(check_footer(&lists(3)[..length], 1, TWO).is_err());
        }
    }

    #[test]
    fn a_footer_without_bounds_is_refused() {
        // Structs in structs, and lists in lists.
        assert_eq!(check_footer(&[0x1C; 200_000], 1, TWO), Err(FooterError::TooDeep));
        assert_eq!(check_footer(&[&[0x19][..], &[0x19; 200_000]].concat(), 1, TWO), Err(FooterError::TooDeep));
        // 2^31 - 1 structs in a list, then as many bytes in a text.
        let many = [0xFF, 0xFF, 0xFF, 0xFF, 0x07];
        let list = [&[0x29, 0xFC][..], &many].concat();
        assert_eq!(check_footer(&list, 1, TWO), Err(FooterError::TooLong(0x7FFF_FFFF)));
        let text = [&[0x28][..], &many].concat();
        assert_eq!(check_footer(&text, 1, TWO), Err(FooterError::TooLong(0x7FFF_FFFF)));
        // An element of the schema with 2^30 children.
        let children = [0x29, 0x3C, 0x55, 0x80, 0x80, 0x80, 0x80, 0x08, 0, 0, 0, 0x29, 0x1C, 0, 0];
        assert_eq!(check_footer(&children, 1, TWO), Err(FooterError::Schema));
        // The same field twice, and one that goes back.
        assert_eq!(check_footer(&[0x29, 0x0C, 0x09, 4, 0x0C, 0], 1, TWO), Err(FooterError::Order));
        assert_eq!(check_footer(&[0x1B, 0], 1, TWO), Err(FooterError::UnknownType(11)));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_come_to_an_end(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            let _ = check_footer(&bytes, 1, TWO);
        }
    }
}
