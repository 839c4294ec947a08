//! The numbers that rows stand for.

/// The numbers of some rows, in the order of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers<'a> {
    /// One row for each number from `first` on.
    Consecutive {
        /// The number of the first row.
        first: i64,
        /// How many rows there are; the last number is still an `i64`.
        rows: usize,
    },
    /// One number for each row, ascending; a number may have several rows.
    Listed(&'a [i64]),
}

impl Numbers<'_> {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        match self {
            Self::Consecutive { rows, .. } => *rows,
            Self::Listed(numbers) => numbers.len(),
        }
    }

    /// The number of a row; `None` past the last row.
    pub fn get(&self, row: usize) -> Option<i64> {
        match self {
            Self::Consecutive { first, rows } => (row < *rows).then(|| first.wrapping_add(row as i64)),
            Self::Listed(numbers) => numbers.get(row).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_its_number() {
        let consecutive = Numbers::Consecutive { first: i64::MAX - 1, rows: 2 };
        assert_eq!((consecutive.get(1), consecutive.get(2)), (Some(i64::MAX), None));
        let listed = Numbers::Listed(&[3, 3, 8]);
        assert_eq!((listed.rows(), listed.get(1), listed.get(3)), (3, Some(3), None));
    }
}
