//! What many turns come to.

/// Least, middle and greatest of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) greatest: f64,
}

/// `None` of no values. Of an even number of values the median is the mean of the two in the middle.
pub(crate) fn summarize(values: &[f64]) -> Option<Summary> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (&least, &greatest) = (sorted.first()?, sorted.last()?);
    let (below, above) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    Some(Summary { least, median: f64::midpoint(below, above), greatest })
}

/// Three significant digits, as people write them.
pub(crate) fn short(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 1e6 {
        return group(value);
    }
    let digits = match magnitude {
        m if m >= 100.0 || m == 0.0 => 0,
        m if m >= 10.0 => 1,
        m if m >= 1.0 => 2,
        m if m >= 0.1 => 3,
        m if m >= 0.01 => 4,
        _ => 5,
    };
    if magnitude >= 1000.0 { group(value) } else { format!("{value:.digits$}") }
}

/// Whole, in groups of three digits.
pub(crate) fn group(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if value < 0.0 { format!("-{grouped}") } else { grouped }
}

/// A size as people write it.
pub(crate) fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let fitting = units.into_iter().find(|(_, shift)| bytes >> shift > 0);
    fitting.map_or_else(
        || format!("{bytes} B"),
        |(unit, shift)| format!("{} {unit}", short(bytes as f64 / f64::from(1 << shift))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        assert_eq!(summarize(&[4.0, 1.0, 2.0, 3.0]), Some(Summary { least: 1.0, median: 2.5, greatest: 4.0 }));
        assert_eq!(summarize(&[7.0]), Some(Summary { least: 7.0, median: 7.0, greatest: 7.0 }));
        assert_eq!(summarize(&[]), None);
    }

    #[test]
    fn sizes_have_a_unit_that_fits() {
        assert_eq!([7, 2048, 99 << 20, 3 << 29].map(size), ["7 B", "2.00 KiB", "99.0 MiB", "1.50 GiB"]);
    }

    #[test]
    fn values_are_short() {
        let written = [0.0, 0.004_567, 0.5678, 1.234, 56.78, 567.8, 5678.0, 12_345_678.0].map(short);
        assert_eq!(written, ["0", "0.00457", "0.568", "1.23", "56.8", "568", "5,678", "12,345,678"]);
    }
}
