//! How values are written on the command line.

use std::{ops::RangeInclusive, time::Duration};

use bytesize::ByteSize;
use clap::{
    Arg, Command,
    builder::{PossibleValue, StringValueParser, TypedValueParser},
};
use swath_client::{
    Address, Range, RangeError,
    output::{FileFormat, Format},
};
use swath_transport::Security;

/// Replaces the minus sign of a range, which clap would take for the dash of an option.
pub(super) const MINUS: char = '\u{2212}';

pub(super) fn range(text: &str) -> Result<Range, RangeError> {
    match text.strip_prefix(MINUS) {
        Some(rest) => format!("-{rest}").parse(),
        None => text.parse(),
    }
}

/// The name of a kernel. Completions suggest the kernels of this program; a coordinator may have others.
#[derive(Clone)]
pub(super) struct KernelName;

impl TypedValueParser for KernelName {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<Self::Value, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(swath_kernel::catalogue().iter().map(|kernel| PossibleValue::new(kernel.name))))
    }
}

/// Where a coordinator is.
pub(super) fn address(text: &str) -> Result<Address, &'static str> {
    text.parse().map_err(|error: swath_transport::AddressError| error.reason())
}

/// Where a coordinator with TLS is.
pub(super) fn tls_address(text: &str) -> Result<Address, &'static str> {
    match address(text)? {
        address if address.security() == Some(Security::Plain) => {
            Err("its scheme means a connection without TLS, but access files require TLS")
        }
        address => Ok(address),
    }
}

/// Where to listen.
pub(super) fn listen(text: &str) -> Result<Address, &'static str> {
    without_scheme(address(text)?)
}

/// The same for a port that has no usual number.
pub(super) fn health_listen(text: &str) -> Result<Address, &'static str> {
    without_scheme(health_address(text)?)
}

/// Where a process answers for its health.
pub(super) fn health_address(text: &str) -> Result<Address, &'static str> {
    match Address::parse_with_port(text).map_err(|error| error.reason())? {
        address if address.security() == Some(Security::Tls) => {
            Err("health checks use no TLS: write http, grpc or no scheme")
        }
        address => Ok(address),
    }
}

fn without_scheme(address: Address) -> Result<Address, &'static str> {
    match address.security() {
        None => Ok(address),
        Some(_) => Err("it takes HOST:PORT, without a scheme"),
    }
}

/// A number of a range: `-5`, `1_000` or `1e6`.
pub(super) fn number(text: &str) -> Result<i64, &'static str> {
    let range = range(text).ok().filter(|range| range.count() == 1 && !text.contains(".."));
    range.map(|range| range.first()).ok_or("it takes a whole number, such as -5, 1_000 or 1e6")
}

/// The name of a format, perhaps with that of a compression behind it.
#[derive(Clone)]
pub(super) struct FormatName;

impl TypedValueParser for FormatName {
    type Value = FileFormat;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<Self::Value, clap::Error> {
        StringValueParser::new().try_map(|name| name.parse::<FileFormat>()).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Format::NAMES.into_iter().map(PossibleValue::new)))
    }
}

/// A whole number within these bounds, written as in a range: `1000`, `1_000` and `1e3` are the same.
pub(super) fn whole<T: TryFrom<u64>>(
    allowed: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = parse_whole(text).filter(|number| allowed.contains(number));
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
            let (first, last) = (allowed.start(), allowed.end());
            format!("it takes a whole number from {first} to {last}, such as 1000, 1_000 or 1e3")
        })
    }
}

/// The number of a job or a worker.
pub(super) fn id(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "it takes a whole number such as 1, as the list shows it".to_owned())
}

pub(super) fn size(text: &str) -> Result<ByteSize, String> {
    text.parse().map_err(|_| "it takes a size, such as 64MiB or 10GB".to_owned())
}

fn parse_whole(text: &str) -> Option<u64> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let range: Range = text.parse().ok().filter(|range: &Range| range.count() == 1)?;
    // `1..=1` is a range.
    u64::try_from(range.first()).ok().filter(|_| !text.contains(".."))
}

pub(super) fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it takes NAME=VALUE".to_owned()),
    }
}

/// The longest duration, in years of humantime. A clock would overflow if much longer ones were added to it.
const MOST_YEARS: u64 = 1000;

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= Duration::from_secs(MOST_YEARS * 31_557_600) => Ok(duration),
        Ok(_) | Err(humantime::DurationError::NumberOverflow) => Err(format!("the longest is {MOST_YEARS}years")),
        Err(error) => Err(format!("{error}; it takes a duration such as 10s or 1h 30m")),
    }
}

/// How many years a certificate may be valid: the year in which it expires has four digits.
const MOST_YEARS_VALID: u64 = 100;

/// How long a certificate is valid.
pub(super) fn validity(text: &str) -> Result<Duration, String> {
    let valid = duration(text)?;
    // A year of humantime has 365.25 days. So the longest is what `100years` means.
    if valid < Duration::from_secs(1) || valid > Duration::from_secs(MOST_YEARS_VALID * 31_557_600) {
        let text = humantime::format_duration(valid);
        return Err(format!(
            "certificates cannot be valid for {text}: the shortest is 1s, and the longest {MOST_YEARS_VALID}years"
        ));
    }
    Ok(valid)
}

pub(super) fn log_filter(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{duration, number, size, validity, whole};

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
        assert!(duration("soon").is_err_and(|error| error.contains("such as 10s")));
    }

    #[test]
    fn certificates_are_valid_from_a_second_to_a_hundred_years() {
        for text in ["1s", "100years", "99years 365days"] {
            assert!(validity(text).is_ok(), "{text}");
        }
        for text in ["100years 1s", "101years", "999ms", "0s"] {
            let error = validity(text).unwrap_err();
            assert!(error.contains("the longest 100years"), "{text}: {error}");
        }
    }

    #[test]
    fn whole_numbers_are_written_as_in_ranges() {
        let any = whole::<u64>(0..=u64::MAX);
        for (text, expected) in [("1000", 1000), ("1_000", 1000), ("1e3", 1000), ("18446744073709551615", u64::MAX)] {
            assert_eq!(any(text), Ok(expected), "{text}");
        }
        for text in ["-1", "1..=3", "1..=1", "1.5", "many", "", "18446744073709551616"] {
            assert!(any(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_written_as_in_ranges() {
        for (text, expected) in [("-5", -5), ("1_000", 1000), ("1e3", 1000), ("-9223372036854775808", i64::MIN)] {
            assert_eq!(number(text), Ok(expected), "{text}");
        }
        for text in ["", "1..=1", "x", "1.5", "9223372036854775808"] {
            assert!(number(text).is_err_and(|error| error.contains("such as -5")), "{text}");
        }
    }

    #[test]
    fn a_refusal_says_what_is_allowed() {
        let threads = whole::<u32>(1..=64);
        for text in ["0", "65", "x", "", "1e30"] {
            let said = threads(text).unwrap_err();
            assert!(said.contains("a whole number from 1 to 64"), "{said}");
        }
        assert!(size("much").unwrap_err().contains("64MiB"));
    }
}
