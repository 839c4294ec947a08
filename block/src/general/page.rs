//! Whether a page is whole: its levels, then as many PLAIN values as these say, to the last byte.
//!
//! Source of the format: Parquet, [data
//! pages](https://parquet.apache.org/docs/file-format/data-pages/) and [run lengths and bit
//! packing](https://github.com/apache/parquet-format/blob/master/Encodings.md#RLE). The parquet crate panics where levels
//! end too early, so it gets none that do.

use parquet::{basic::Type as PhysicalType, schema::types::ColumnDescriptor};

use crate::varint;

/// Checks a page of so many values, nulls among them. An error says what the page is.
pub(crate) fn check(mut page: &[u8], values: usize, column: &ColumnDescriptor) -> Result<(), &'static str> {
    const WRONG_LEVELS: &str = "have levels that cannot be";
    const WRONG_LENGTH: &str = "are longer or shorter than their values";
    let (repetition, definition) = (level(column.max_rep_level()), level(column.max_def_level()));
    let repeated = read_levels(&mut page, values, repetition).ok_or(WRONG_LEVELS)?;
    if repetition > 0 && repeated.first != 0 {
        return Err("begin in the middle of a row");
    }
    let present = read_levels(&mut page, values, definition).ok_or(WRONG_LEVELS)?.greatest;
    let width = match column.physical_type() {
        PhysicalType::BOOLEAN if page.len() == present.div_ceil(8) => return Ok(()),
        PhysicalType::BOOLEAN => return Err(WRONG_LENGTH),
        PhysicalType::BYTE_ARRAY => return check_byte_arrays(page, present).ok_or(WRONG_LENGTH),
        PhysicalType::FIXED_LEN_BYTE_ARRAY => usize::try_from(column.type_length()).unwrap_or_default(),
        PhysicalType::INT32 | PhysicalType::FLOAT => 4,
        PhysicalType::INT64 | PhysicalType::DOUBLE => 8,
        PhysicalType::INT96 => 12,
    };
    if present.checked_mul(width) == Some(page.len()) { Ok(()) } else { Err(WRONG_LENGTH) }
}

fn level(level: i16) -> u8 {
    u8::try_from(level).unwrap_or(u8::MAX)
}

/// What is known of the levels of a page.
#[derive(Clone, Copy, Default)]
struct Levels {
    first: u8,
    /// How many are the greatest that can be.
    greatest: usize,
}

/// Reads so many levels of 0 to `most` off the front of `page`, which has none where `most` is 0.
fn read_levels(page: &mut &[u8], values: usize, most: u8) -> Option<Levels> {
    if most == 0 {
        return Some(Levels { first: 0, greatest: values });
    }
    let (length, rest) = page.split_first_chunk::<4>()?;
    let (mut runs, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *page = rest;
    let width = u8::BITS - most.leading_zeros();
    let mut levels = Levels::default();
    let mut left = values;
    while left > 0 {
        let header = varint::read(&mut runs)?;
        let count = usize::try_from(header >> 1).ok().filter(|&count| count > 0)?;
        let is_first = left == values;
        if header & 1 == 0 {
            let (&level, rest) = runs.split_first()?;
            runs = rest;
            left = left.checked_sub(count).filter(|_| level <= most)?;
            levels.first = if is_first { level } else { levels.first };
            levels.greatest += if level == most { count } else { 0 };
        } else {
            let (packed, rest) = runs.split_at_checked(count.checked_mul(width as usize)?)?;
            runs = rest;
            // What pads the last group of eight is ignored.
            let used = left.min(count.checked_mul(8)?);
            if count > left.div_ceil(8) {
                return None;
            }
            for index in 0..used {
                let level = unpack(packed, index, width)?;
                if level > most {
                    return None;
                }
                levels.first = if is_first && index == 0 { level } else { levels.first };
                levels.greatest += usize::from(level == most);
            }
            left -= used;
        }
    }
    runs.is_empty().then_some(levels)
}

/// A level of at most 8 bits.
fn unpack(packed: &[u8], index: usize, width: u32) -> Option<u8> {
    let bit = index * width as usize;
    let low = u16::from(*packed.get(bit / 8)?);
    let high = u16::from(packed.get(bit / 8 + 1).copied().unwrap_or_default());
    let mask = u8::MAX >> (u8::BITS - width);
    Some(((low | (high << 8)) >> (bit % 8)) as u8 & mask)
}

/// Walks over so many texts, each behind its length.
fn check_byte_arrays(mut page: &[u8], values: usize) -> Option<()> {
    for _ in 0..values {
        let (length, rest) = page.split_first_chunk::<4>()?;
        page = rest.get(u32::from_le_bytes(*length) as usize..)?;
    }
    page.is_empty().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Behind their length.
    fn levels(runs: &[u8]) -> Vec<u8> {
        [&(runs.len() as u32).to_le_bytes()[..], runs].concat()
    }

    fn read(page: &[u8], values: usize, most: u8) -> Option<(u8, usize)> {
        read_levels(&mut &page[..], values, most).map(|levels| (levels.first, levels.greatest))
    }

    #[test]
    fn runs_and_packed_levels_are_read() {
        // Five times 1, then eight levels of a bit, of which four are wanted: 0, 1, 1, 0.
        let page = levels(&[5 << 1, 1, (1 << 1) | 1, 0b0110]);
        assert_eq!(read(&page, 9, 1), Some((1, 7)));
        // Two bits each: 2, 1, 0, 3, and padding.
        let packed = levels(&[(1 << 1) | 1, 0b1100_0110, 0]);
        assert_eq!(read(&packed, 4, 3), Some((2, 1)));
        assert_eq!(read(&packed, 4, 2), None);
        assert_eq!(read(&[], 7, 0), Some((0, 7)));
    }

    #[test]
    fn levels_that_end_early_or_go_on_are_refused() {
        let good = [5 << 1, 1, (1 << 1) | 1, 0b0110];
        for length in 0..good.len() {
            assert_eq!(read(&levels(&good[..length]), 9, 1), None);
        }
        assert_eq!(read(&levels(&good), 4, 1), None);
        assert_eq!(read(&levels(&good), 14, 1), None);
        assert_eq!(read(&levels(&[&good[..], &[0]].concat()), 9, 1), None);
        assert_eq!(read(&levels(&good)[..6], 9, 1), None);
        // A run of nothing, more groups than are wanted, and as many as no page has.
        assert_eq!(read(&levels(&[0, 1, 9 << 1, 1]), 9, 1), None);
        assert_eq!(read(&levels(&[(3 << 1) | 1, 0, 0, 0]), 9, 1), None);
        assert_eq!(read(&levels(&[0xFF; 10]), 9, 1), None);
    }

    #[test]
    fn texts_end_where_the_page_does() {
        let page = [&[2, 0, 0, 0, 7, 7][..], &[0, 0, 0, 0]].concat();
        assert!(check_byte_arrays(&page, 2).is_some());
        assert!(check_byte_arrays(&page, 1).is_none() && check_byte_arrays(&page, 3).is_none());
        assert!(check_byte_arrays(&[0xFF; 8], 1).is_none());
    }
}
