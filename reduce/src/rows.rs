//! Values of an array as plain slices, without the nulls, with the numbers of their rows.

use arrow_buffer::NullBuffer;
use swath_model::Numbers;

/// Values that are converted, or of which the nulls are taken out, in one go.
const TOGETHER: usize = 1024;

/// Some values that are not null, in the order of their rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a, V> {
    pub(crate) values: &'a [V],
    numbers: Numbers<'a>,
    /// The row of the first value.
    start: usize,
    /// The row of each value after `start`, if nulls lie between them.
    rows: Option<&'a [usize]>,
}

impl<'a, V> Run<'a, V> {
    /// Values without nulls.
    pub(crate) fn whole(values: &'a [V], numbers: Numbers<'a>) -> Self {
        Self { values, numbers, start: 0, rows: None }
    }

    /// The same rows with other values, and as many of them.
    pub(crate) fn with<W>(self, values: &'a [W]) -> Run<'a, W> {
        Run { values, numbers: self.numbers, start: self.start, rows: self.rows }
    }

    /// The part of up to so many values from one on.
    pub(crate) fn parts(self, length: usize) -> impl Iterator<Item = Self> {
        self.values.chunks(length).enumerate().map(move |(index, values)| {
            let from = index * length;
            let rows = self.rows.map(|rows| rows.get(from..).unwrap_or_default());
            let start = if rows.is_some() { self.start } else { self.start + from };
            Self { values, numbers: self.numbers, start, rows }
        })
    }

    /// The number of the row of a value.
    pub(crate) fn number(&self, index: usize) -> i64 {
        let row = self.rows.map_or(index, |rows| rows.get(index).copied().unwrap_or_default());
        self.numbers.get(self.start + row).unwrap_or_default()
    }
}

/// Calls `each` with runs of all values that are not null, converted.
pub(crate) fn runs<N: Copy, V: Copy + Default, E>(
    values: &[N],
    nulls: Option<&NullBuffer>,
    numbers: Numbers<'_>,
    convert: impl Fn(N) -> V,
    mut each: impl FnMut(Run<'_, V>) -> Result<(), E>,
) -> Result<(), E> {
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
    let mut converted = [V::default(); TOGETHER];
    let mut rows = [0; TOGETHER];
    for (index, values) in values.chunks(TOGETHER).enumerate() {
        let start = index * TOGETHER;
        let Some(nulls) = nulls.map(|nulls| nulls.slice(start, values.len())) else {
            for (converted, value) in converted.iter_mut().zip(values) {
                *converted = convert(*value);
            }
            let values = converted.get(..values.len()).unwrap_or_default();
            each(Run { values, numbers, start, rows: None })?;
            continue;
        };
        // Each value is written to the next place, which a null leaves to the one that follows.
        let mut length = 0;
        for (index, (value, is_valid)) in values.iter().zip(nulls.iter()).enumerate() {
            if let (Some(place), Some(row)) = (converted.get_mut(length), rows.get_mut(length)) {
                *place = convert(*value);
                *row = index;
            }
            length += usize::from(is_valid);
        }
        let values = converted.get(..length).unwrap_or_default();
        each(Run { values, numbers, start, rows: rows.get(..length) })?;
    }
    Ok(())
}
