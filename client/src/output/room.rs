//! Whether there is room for what will be written.

use std::os::fd::{AsFd, OwnedFd};

use arrow_schema::{DataType, Field, Schema};
use rustix::{
    fs::{FileType, fstat, fstatfs, fstatvfs},
    process::geteuid,
};
use swath_model::Range;

use super::{
    NUMBER,
    format::{FileFormat, Format},
    numpy_type,
};

/// File systems that take for a file the room that it is long: the others may compress it, or say nothing of the disk
/// below them. From `linux/magic.h`: ext2 to ext4, XFS, tmpfs, VFAT, exFAT.
const PLAIN: [i128; 5] = [0xEF53, 0x5846_5342, 0x0102_1994, 0x4D44, 0x2011_BAB0];

/// The file system of an open file.
pub(super) struct Disk(OwnedFd);

impl Disk {
    /// `None` for what is not a file, or lies where the room that it takes is not known from its length.
    pub(super) fn of(file: impl AsFd) -> Option<Self> {
        let is_file = FileType::from_raw_mode(fstat(&file).ok()?.st_mode) == FileType::RegularFile;
        let is_plain = PLAIN.contains(&(fstatfs(&file).ok()?.f_type.into()));
        (is_file && is_plain).then(|| file.as_fd().try_clone_to_owned().ok()).flatten().map(Self)
    }

    /// Bytes that still fit; `None` if that is not known.
    pub(super) fn free(&self) -> Option<u64> {
        let disk = fstatvfs(&self.0).ok()?;
        // Some is kept for root.
        let blocks = if geteuid().is_root() { disk.f_bfree } else { disk.f_bavail };
        // A tmpfs without a limit has no blocks.
        (disk.f_blocks > 0).then(|| blocks.saturating_mul(disk.f_frsize))
    }
}

/// The bytes that a file of these columns has at least, whatever the values are, if each number has a row.
pub(super) fn least(format: FileFormat, range: Range, schema: &Schema) -> u64 {
    if format.compression().is_some() {
        return 0;
    }
    let format = format.format();
    let count = u128::from(range.count());
    let each: u128 = schema.fields().iter().map(|field| column(format, count, range, field)).sum();
    let columns = schema.fields().len() as u128;
    let bytes = match format {
        // Encoded and compressed.
        Format::Parquet => 0,
        Format::Npy | Format::Arrow | Format::ArrowStream => each,
        // A separator or the end of the line behind each value.
        Format::Text | Format::Csv | Format::Tsv => each + count * columns,
        Format::Jsonl => each + count * (columns + 2),
    };
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// The bytes of a column of so many rows, at least.
fn column(format: Format, count: u128, range: Range, field: &Field) -> u128 {
    let is_number = field.name() == NUMBER && *field.data_type() == DataType::Int64;
    let text = if is_number { characters(range) } else { count * shortest(field) };
    match format {
        Format::Parquet => 0,
        Format::Npy => count * u128::from(numpy_type::element(field.data_type()).map_or(0, |(_, bytes)| bytes)),
        Format::Arrow | Format::ArrowStream => count * bits(field.data_type()) / 8,
        Format::Text | Format::Csv | Format::Tsv => text,
        // Its name in quotes, and a colon.
        Format::Jsonl => text + count * (field.name().len() as u128 + 3),
    }
}

/// The fewest characters of a value.
fn shortest(field: &Field) -> u128 {
    match field.data_type() {
        _ if field.is_nullable() => 0,
        DataType::Boolean => "true".len() as u128,
        data_type if data_type.is_numeric() => 1,
        _ => 0,
    }
}

/// What a value takes in memory, at least.
fn bits(data_type: &DataType) -> u128 {
    match data_type {
        DataType::Boolean => 1,
        other => other.primitive_width().map_or(0, |bytes| bytes as u128 * 8),
    }
}

/// About how many bytes a file has, where that can be told without the values.
pub(super) fn about(format: FileFormat, range: Range, schema: &Schema) -> Option<u64> {
    let has_decimals = schema.fields().iter().any(|field| matches!(field.data_type(), DataType::Decimal128(..)));
    match format.format() {
        _ if format.compression().is_some() => None,
        // Of 16 bytes, compression takes away those that neighbours share: for squares a half.
        Format::Parquet if has_decimals => Some(range.count().saturating_mul(8)),
        Format::Parquet => None,
        _ => Some(least(format, range, schema)),
    }
}

/// The bytes of the numbers that are still to come, if they take as many as those before them.
pub(super) fn rest(bytes: u64, numbers: u64, count: u64) -> u64 {
    let left = u128::from(count.saturating_sub(numbers));
    u64::try_from(left * u128::from(bytes) / u128::from(numbers.max(1))).unwrap_or(u64::MAX)
}

/// Whether so many bytes may still fit. The first numbers may be unlike the rest: of these it has to be twice what is
/// free, toward the end it has to be more.
pub(super) fn fits(bytes: u64, free: u64, numbers: u64, count: u64) -> bool {
    let (numbers, count) = (u128::from(numbers), u128::from(count.max(1)));
    u128::from(bytes) * count <= u128::from(free).saturating_mul(2 * count - numbers.min(count))
}

/// The characters of all numbers, minus signs included.
fn characters(range: Range) -> u128 {
    let (first, last) = (i128::from(range.first()), i128::from(range.last()));
    let minus_signs = (last.min(-1) - first + 1).max(0);
    let mut characters = minus_signs;
    // Numbers with more digits than `digits`: those from this power of ten on, on both sides of zero.
    let mut power = 1i128;
    for digits in 0..19 {
        if digits == 0 {
            characters += last - first + 1;
        } else {
            power *= 10;
            characters += (last - first.max(power) + 1).max(0) + (last.min(-power) - first + 1).max(0);
        }
    }
    characters.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_without_counting() {
        for (first, last) in [(0, 0), (-1, 1), (1, 12345), (-12345, -99), (-1000, 100_000), (9, 10), (-10, -9)] {
            let counted: usize = (first..=last).map(|n: i64| n.to_string().len()).sum();
            assert_eq!(characters(Range::new(first, last).unwrap()), counted as u128, "{first}..={last}");
        }
        let ends = Range::new(i64::MAX, i64::MAX).unwrap();
        assert_eq!(characters(ends), 19);
        let ends = Range::new(i64::MIN, i64::MIN).unwrap();
        assert_eq!(characters(ends), 20);
    }

    #[test]
    fn the_margin_shrinks_toward_the_end() {
        assert_eq!(rest(100, 10, 110), 1000);
        assert!(fits(1990, 1000, 1, 100) && !fits(1991, 1000, 1, 100));
        assert!(fits(1010, 1000, 99, 100) && !fits(1011, 1000, 99, 100));
        assert!(!fits(u64::MAX, 1 << 60, u64::MAX / 2, u64::MAX) && fits(u64::MAX, u64::MAX, 1, u64::MAX));
    }

    #[test]
    fn no_file_is_shorter_than_the_least() {
        let range = Range::new(1, 3).unwrap();
        let schema = |value, columns: &[usize]| {
            let number = Field::new("n", DataType::Int64, false);
            Schema::new(vec![number, Field::new("value", value, false)]).project(columns).unwrap()
        };
        for (format, schema, text) in [
            (Format::Text, schema(DataType::Int64, &[1]), "0\n1\n4\n"),
            (Format::Csv, schema(DataType::Int64, &[0, 1]), "1,1\n2,4\n3,9\n"),
            (Format::Tsv, schema(DataType::Int64, &[1, 0]), "1\t1\n4\t2\n9\t3\n"),
            (Format::Text, schema(DataType::Boolean, &[1]), "true\ntrue\ntrue\n"),
            (
                Format::Jsonl,
                schema(DataType::Int64, &[0, 1]),
                "{\"n\":1,\"value\":1}\n{\"n\":2,\"value\":4}\n{\"n\":3,\"value\":9}\n",
            ),
            (Format::Jsonl, schema(DataType::Int64, &[1]), "{\"value\":1}\n{\"value\":4}\n{\"value\":9}\n"),
        ] {
            assert_eq!(least(format.into(), range, &schema), text.len() as u64, "{format}");
        }
        let all = Range::new(i64::MIN, 0).unwrap();
        assert_eq!(least(Format::Npy.into(), all, &schema(DataType::Int64, &[1])), u64::MAX);
        assert_eq!(least("csv.gz".parse().unwrap(), all, &schema(DataType::Int64, &[1])), 0);
        // n and a boolean.
        assert_eq!(least(Format::Arrow.into(), Range::new(1, 800).unwrap(), &schema(DataType::Boolean, &[0, 1])), 6500);
    }
}
