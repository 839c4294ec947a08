//! `PLAIN` 64-bit floats.
//!
//! A float is 8 bytes, the least significant first. `BYTE_STREAM_SPLIT` would compress better, but fastparquet refuses
//! it ("Encoding 9"); this encoding is read by all, with and without LZ4 around it, to the last bit.
//!
//! Source of the statistics: Parquet,
//! [`ColumnOrder`](https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift), where it speaks
//! of floats: NaN is never the least or the greatest, a least of 0 is written as -0 and a greatest of 0 as +0, for writers
//! and readers do not agree on which is less.

use parquet::file::statistics::Statistics;

/// Appends the encoded `values` to `out`.
pub(crate) fn encode(values: &[f64], out: &mut Vec<u8>) {
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

/// Decodes a page of as many values as `out` has places; `None` if it has more or fewer.
pub(crate) fn decode(page: &[u8], out: &mut [f64]) -> Option<()> {
    let (values, rest) = page.as_chunks::<8>();
    if values.len() != out.len() || !rest.is_empty() {
        return None;
    }
    for (place, value) in out.iter_mut().zip(values) {
        *place = f64::from_le_bytes(*value);
    }
    Some(())
}

/// The least value and the greatest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Extremes {
    least: f64,
    greatest: f64,
}

impl Extremes {
    /// Those of `values`; `None` where all of them are NaN. Several at a time, which the compiler vectorises.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        const LANES: usize = 8;
        let mut lanes = [Self { least: f64::INFINITY, greatest: f64::NEG_INFINITY }; LANES];
        let (rows, rest) = values.as_chunks::<LANES>();
        for row in rows {
            for (lane, value) in lanes.iter_mut().zip(row) {
                *lane = lane.with_value(*value);
            }
        }
        for (lane, value) in lanes.iter_mut().zip(rest) {
            *lane = lane.with_value(*value);
        }
        let [first, others @ ..] = lanes;
        let all = others.into_iter().fold(first, Self::with);
        // Nothing was compared with success: not even an infinity was there.
        (all.least <= all.greatest).then_some(all)
    }

    /// Those of both.
    pub(crate) fn with(self, other: Self) -> Self {
        self.with_value(other.least).with_value(other.greatest)
    }

    /// A NaN is not less than anything, and nothing is less than it.
    #[inline(always)]
    fn with_value(self, value: f64) -> Self {
        Self {
            least: if value < self.least { value } else { self.least },
            greatest: if value > self.greatest { value } else { self.greatest },
        }
    }
}

/// What the footer says of a column without nulls.
pub(crate) fn statistics(extremes: Option<Extremes>) -> Statistics {
    let least = extremes.map(|found| if found.least == 0.0 { -0.0 } else { found.least });
    let greatest = extremes.map(|found| if found.greatest == 0.0 { 0.0 } else { found.greatest });
    Statistics::double(least, greatest, None, Some(0), false)
}

/// Whether the footer may say this of a column that has these extremes.
pub(crate) fn suits(stated: &Statistics, found: Option<Extremes>) -> bool {
    let Statistics::Double(stated) = stated else { return false };
    match (stated.min_opt(), stated.max_opt()) {
        (None, None) => true,
        (Some(least), Some(greatest)) => {
            // -0 and +0 are equal here.
            found.is_some_and(|found| found.least == *least && found.greatest == *greatest)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use parquet::{
        basic::{Encoding, Repetition, Type as PhysicalType},
        column::page::Page,
        data_type::DoubleType,
        file::{
            properties::{WriterProperties, WriterVersion},
            reader::{FileReader, SerializedFileReader},
            writer::SerializedFileWriter,
        },
        schema::types::Type,
    };
    use proptest::prelude::*;

    use super::*;

    /// The page and the least and greatest value that the parquet crate writes for `values`.
    fn theirs(values: &[f64]) -> (Vec<u8>, Option<(f64, f64)>) {
        let column = Type::primitive_type_builder("value", PhysicalType::DOUBLE).with_repetition(Repetition::REQUIRED);
        let fields = vec![Arc::new(column.build().unwrap())];
        let schema = Type::group_type_builder("floats").with_fields(fields).build().unwrap();
        let properties = WriterProperties::builder()
            .set_writer_version(WriterVersion::PARQUET_1_0)
            .set_dictionary_enabled(false)
            .set_encoding(Encoding::PLAIN)
            .build();
        let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties)).unwrap();
        let mut group = file.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<DoubleType>().write_batch(values, None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
        let file = SerializedFileReader::new(Bytes::from(file.into_inner().unwrap())).unwrap();
        let group = file.get_row_group(0).unwrap();
        let statistics = group.metadata().column(0).statistics();
        let extremes = statistics.and_then(|found| match found {
            Statistics::Double(found) => Some((*found.min_opt()?, *found.max_opt()?)),
            _ => None,
        });
        let page = group.get_column_page_reader(0).unwrap().next().unwrap().unwrap();
        assert!(matches!(page, Page::DataPage { encoding: Encoding::PLAIN, .. }));
        (page.buffer().to_vec(), extremes)
    }

    fn bits(values: impl IntoIterator<Item = f64>) -> Vec<u64> {
        values.into_iter().map(f64::to_bits).collect()
    }

    fn check(values: &[f64]) {
        let mut page = Vec::new();
        encode(values, &mut page);
        let mut decoded = vec![7.0; values.len()];
        assert_eq!(decode(&page, &mut decoded), Some(()));
        assert_eq!(bits(decoded), bits(values.iter().copied()));
        let extremes = Extremes::of(values);
        let statistics = statistics(extremes);
        assert!(suits(&statistics, extremes));
        let Statistics::Double(stated) = &statistics else { panic!("not of floats") };
        let stated = stated.min_opt().copied().zip(stated.max_opt().copied());

        let (their_page, their_extremes) = theirs(values);
        assert_eq!(page, their_page);
        let both = |extremes: Option<(f64, f64)>| extremes.map(|(least, greatest)| bits([least, greatest]));
        assert_eq!(both(stated), both(their_extremes), "{values:?}");
    }

    #[test]
    fn zeros_infinities_and_what_is_no_number() {
        let special = [0.0, -0.0, f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.5, f64::MIN_POSITIVE / 4.0];
        for first in special {
            check(&[first]);
            for second in special {
                check(&[first, second]);
                check(&[vec![first; 9], vec![second; 9]].concat());
            }
        }
        check(&special);
    }

    #[test]
    fn nothing_is_said_where_there_is_no_number() {
        assert_eq!(Extremes::of(&[f64::NAN; 20]), None);
        let none = statistics(None);
        assert!(suits(&none, None));
        let some = statistics(Extremes::of(&[1.0]));
        assert!(!suits(&some, None));
        assert!(!suits(&some, Extremes::of(&[1.0, 2.0])));
        assert!(suits(&some, Extremes::of(&[f64::NAN, 1.0])));
        assert!(suits(&statistics(Extremes::of(&[0.0])), Extremes::of(&[-0.0])));
        assert!(!suits(&Statistics::int64(Some(1), Some(1), None, Some(0), false), Extremes::of(&[1.0])));
    }

    #[test]
    fn pages_of_another_length_are_refused() {
        let mut out = [0.0; 2];
        for length in (0..40).filter(|length| *length != 16) {
            assert_eq!(decode(&vec![0; length], &mut out), None);
        }
    }

    proptest! {
        #[test]
        fn any_bits_come_back(values in prop::collection::vec(any::<u64>().prop_map(f64::from_bits), 1..100)) {
            check(&values);
        }

        #[test]
        fn any_numbers_come_back(values in prop::collection::vec(-10.0..10.0, 1..100)) {
            check(&values);
        }
    }
}
