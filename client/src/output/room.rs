//! Whether there is room for what will be written.

use std::os::fd::{AsFd, OwnedFd};

use rustix::{
    fs::{FileType, fstat, fstatfs, fstatvfs},
    process::geteuid,
};
use swath_kernel::ValueType;
use swath_model::Range;

use super::format::Format;

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

/// The bytes that a file of these values has at least, whatever the values are, if each number has one.
pub(super) fn least(format: Format, range: Range, value_type: ValueType) -> u64 {
    let count = u128::from(range.count());
    // `true`, or one digit.
    let text = if value_type == ValueType::Boolean { 4 } else { 1 };
    let bytes = match (format, value_type) {
        // Encoded and compressed.
        (Format::Parquet, _) => 0,
        (Format::Npy, ValueType::Boolean) => count,
        (Format::Npy, _) => count * 8,
        (Format::Arrow, ValueType::Boolean) => count * 8 + count / 8,
        (Format::Arrow, ValueType::Int64) => count * 16,
        (Format::Arrow, ValueType::Decimal128) => count * 24,
        (Format::Text, _) => count * (text + 1),
        (Format::Csv, _) => characters(range) + count * (text + 2),
        (Format::Jsonl, _) => characters(range) + count * (text + br#"{"n":,"value":}"#.len() as u128 + 1),
    };
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// About how many bytes a file has, where that can be told without the values.
pub(super) fn about(format: Format, range: Range, value_type: ValueType) -> Option<u64> {
    match (format, value_type) {
        // Of 16 bytes, compression takes away those that neighbours share: for squares a half.
        (Format::Parquet, ValueType::Decimal128) => Some(range.count().saturating_mul(8)),
        (Format::Parquet, _) => None,
        _ => Some(least(format, range, value_type)),
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
        for (format, value_type, text) in [
            (Format::Text, ValueType::Int64, "0\n1\n4\n"),
            (Format::Csv, ValueType::Int64, "1,1\n2,4\n3,9\n"),
            (Format::Text, ValueType::Boolean, "true\ntrue\ntrue\n"),
            (Format::Jsonl, ValueType::Int64, "{\"n\":1,\"value\":1}\n{\"n\":2,\"value\":4}\n{\"n\":3,\"value\":9}\n"),
        ] {
            assert_eq!(least(format, range, value_type), text.len() as u64, "{format}");
        }
        assert_eq!(least(Format::Npy, Range::new(i64::MIN, 0).unwrap(), ValueType::Int64), u64::MAX);
    }
}
