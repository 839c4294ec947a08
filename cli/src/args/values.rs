//! How values are written on the command line.

use std::time::Duration;

use swath_client::Range;

/// A number as in a range: `1000`, `1_000` and `1e3` are the same.
pub(super) fn count(text: &str) -> Result<u64, String> {
    if let Ok(count) = text.parse() {
        return Ok(count);
    }
    let range: Range = text.parse().map_err(|error: swath_client::RangeError| error.to_string())?;
    match u64::try_from(range.first()) {
        Ok(count) if range.count() == 1 => Ok(count),
        _ => Err("it should be one number that is not negative, such as 1000, 1_000 or 1e3".to_owned()),
    }
}

pub(super) fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it should be like NAME=VALUE".to_owned()),
    }
}

/// The longest duration, in years of humantime. Longer ones mean nothing, and a clock that they are added to overflows.
const MOST_YEARS: u64 = 1000;

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= Duration::from_secs(MOST_YEARS * 31_557_600) => Ok(duration),
        Ok(_) | Err(humantime::DurationError::NumberOverflow) => Err(format!("the longest is {MOST_YEARS}years")),
        Err(error) => Err(format!("{error}; it should be like 10s or 1h 30m")),
    }
}

pub(super) fn log_filter(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{count, duration};

    #[test]
    fn durations_are_bounded_and_the_bound_is_possible() {
        for (text, possible) in [
            ("0s", true),
            ("1h 30m", true),
            ("1000years", true),
            ("1000years 1s", false),
            ("584942417355years", false),
            ("999999999999999999999years", false),
        ] {
            match duration(text) {
                Ok(_) => assert!(possible, "{text}"),
                Err(error) => assert!(!possible && error == "the longest is 1000years", "{text}: {error}"),
            }
        }
        assert!(duration("soon").is_err_and(|error| error.contains("it should be like 10s")));
    }

    #[test]
    fn counts_are_written_as_in_ranges() {
        for (text, expected) in [("1000", 1000), ("1_000", 1000), ("1e3", 1000), ("18446744073709551615", u64::MAX)] {
            assert_eq!(count(text), Ok(expected), "{text}");
        }
        for text in ["-1", "1..=3", "1.5", "many", ""] {
            assert!(count(text).is_err(), "{text}");
        }
    }
}
