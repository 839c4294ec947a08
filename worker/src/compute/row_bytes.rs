//! How many bytes rows have.

use arrow_array::{Array, ArrayRef, cast::AsArray};
use arrow_schema::DataType;

/// The bytes of the first rows of these columns, for each count of rows from 0 on. They are those of the values,
/// however these are encoded, so a row counts the same wherever it stands.
pub(super) fn cumulative(columns: &[ArrayRef], rows: usize) -> Vec<u64> {
    let mut sums = Vec::with_capacity(rows + 1);
    let mut sum = 0;
    sums.push(sum);
    for row in 0..rows {
        sum += 8 + columns.iter().map(|column| bytes(column, row, row + 1)).sum::<u64>();
        sums.push(sum);
    }
    sums
}

/// The bytes of these rows of a column.
fn bytes(column: &dyn Array, from: usize, to: usize) -> u64 {
    let rows = (to - from) as u64;
    let between = |offsets: &[i32]| match (offsets.get(from), offsets.get(to)) {
        (Some(&start), Some(&end)) => (start.max(0) as usize, end.max(0) as usize),
        _ => (0, 0),
    };
    match column.data_type() {
        DataType::Utf8 => {
            let (start, end) = between(column.as_string::<i32>().value_offsets());
            (end - start) as u64 + 4 * rows
        }
        DataType::Binary => {
            let (start, end) = between(column.as_binary::<i32>().value_offsets());
            (end - start) as u64 + 4 * rows
        }
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            let (start, end) = between(list.value_offsets());
            bytes(list.values(), start, end) + 4 * rows
        }
        DataType::Struct(_) => column.as_struct().columns().iter().map(|field| bytes(field, from, to)).sum(),
        DataType::FixedSizeBinary(width) => rows * u64::from(width.unsigned_abs()),
        other => rows * other.primitive_width().unwrap_or(1) as u64,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, StringArray};

    use super::*;

    #[test]
    fn a_row_counts_the_same_wherever_it_stands() {
        let text: ArrayRef = Arc::new(StringArray::from(vec!["", "four", "four"]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        assert_eq!(cumulative(&[text.clone(), numbers.clone()], 3), [0, 20, 44, 68]);
        assert_eq!(cumulative(&[text.slice(1, 2), numbers.slice(1, 2)], 2), [0, 24, 48]);
    }
}
