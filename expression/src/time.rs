//! Dates and timestamps as people write them.

/// A point in time as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time {
    /// Nanoseconds since 1970-01-01T00:00:00, in UTC if there is a zone.
    pub(crate) nanoseconds: i128,
    pub(crate) has_zone: bool,
}

pub(crate) const NANOSECONDS_A_SECOND: i128 = 1_000_000_000;
pub(crate) const NANOSECONDS_A_DAY: i128 = 86_400 * NANOSECONDS_A_SECOND;

/// Reads `YYYY-MM-DD`, perhaps with `T` or a space and `hh:mm`, `hh:mm:ss` or `hh:mm:ss.fff` (at most 9 digits), and
/// then perhaps with `Z`, `+hh`, `+hh:mm` or the same with `-`.
pub(crate) fn parse(text: &str) -> Option<Time> {
    let text = text.trim();
    let (date, rest) = text.split_at_checked(10)?;
    let days = i128::from(parse_date(date)?);
    let Some(clock) = rest.strip_prefix([' ', 'T', 't']) else {
        return rest.is_empty().then_some(Time { nanoseconds: days * NANOSECONDS_A_DAY, has_zone: false });
    };
    let zone_start = clock.find(['Z', 'z', '+', '-']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at_checked(zone_start)?;
    let mut nanoseconds = days * NANOSECONDS_A_DAY + parse_clock(clock)?;
    if !zone.is_empty() {
        nanoseconds -= i128::from(parse_zone(zone)?) * 60 * NANOSECONDS_A_SECOND;
    }
    Some(Time { nanoseconds, has_zone: !zone.is_empty() })
}

/// Days since 1970-01-01.
fn parse_date(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let (year, month, day) = (digits::<4>(parts.next()?)?, digits::<2>(parts.next()?)?, digits::<2>(parts.next()?)?);
    let is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if parts.next().is_some() || year < 1 || !(1..=length).contains(&day) {
        return None;
    }
    // Years begin in March, so that the day that comes and goes is the last one. Source: Howard Hinnant,
    // <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// Nanoseconds since midnight.
fn parse_clock(clock: &str) -> Option<i128> {
    let (clock, fraction) = clock.split_once('.').map_or((clock, None), |(clock, fraction)| (clock, Some(fraction)));
    let mut parts = clock.split(':');
    let (hour, minute) = (digits::<2>(parts.next()?)?, digits::<2>(parts.next()?)?);
    let second = parts.next().map(digits::<2>);
    let nanoseconds = match fraction {
        None => 0,
        Some(fraction) if second.is_some() && (1..=9).contains(&fraction.len()) => {
            digits::<9>(&format!("{fraction:0<9}"))?
        }
        Some(_) => return None,
    };
    let second = second.unwrap_or(Some(0))?;
    let is_clock = parts.next().is_none() && hour < 24 && minute < 60 && second < 60;
    let seconds = i128::from(hour * 3600 + minute * 60 + second);
    is_clock.then(|| seconds * NANOSECONDS_A_SECOND + i128::from(nanoseconds))
}

/// Minutes that the zone is ahead of UTC.
fn parse_zone(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, offset) = zone.split_at_checked(1)?;
    let (hours, minutes) = offset.split_once(':').unwrap_or((offset, "00"));
    let (hours, minutes) = (digits::<2>(hours)?, digits::<2>(minutes)?);
    let offset = (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)?;
    Some(if sign == "-" { -offset } else { offset })
}

/// Exactly `N` decimal digits.
fn digits<const N: usize>(text: &str) -> Option<i64> {
    let are_digits = text.len() == N && text.bytes().all(|byte| byte.is_ascii_digit());
    are_digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let seconds = |text: &str| parse(text).map(|time| (time.nanoseconds / NANOSECONDS_A_SECOND, time.has_zone));
        assert_eq!(seconds("1970-01-01"), Some((0, false)));
        assert_eq!(seconds("2000-02-29 12:34:56"), Some((951_827_696, false)));
        assert_eq!(seconds("2024-12-31T23:59:59Z"), Some((1_735_689_599, true)));
        assert_eq!(seconds("2024-12-31T23:59:59+01:30"), Some((1_735_684_199, true)));
        assert_eq!(seconds("1969-12-31 19:00-05"), Some((0, true)));
        assert_eq!(seconds("0001-01-01"), Some((-62_135_596_800, false)));
        assert_eq!(seconds("9999-12-31"), Some((253_402_214_400, false)));
        assert_eq!(parse("1970-01-01 00:00:00.5").map(|time| time.nanoseconds), Some(500_000_000));
        assert_eq!(parse("1970-01-01 00:00:00.000000001").map(|time| time.nanoseconds), Some(1));
    }

    #[test]
    fn what_is_no_time() {
        let texts = [
            "",
            "1970",
            "1970-1-1",
            "1970-01-32",
            "1970-13-01",
            "1900-02-29",
            "2023-02-29",
            "0000-01-01",
            "1970-01-01x",
            "1970-01-01 24:00:00",
            "1970-01-01 00:60:00",
            "1970-01-01 00:00:60",
            "1970-01-01 00",
            "1970-01-01 00:00.5",
            "1970-01-01 00:00:00.",
            "1970-01-01 00:00:00.1234567890",
            "1970-01-01 00:00:00+1",
            "1970-01-01 00:00:00+24:00",
            "1970-01-01 00:00:00Zx",
            "1970-01-01Z",
            "+970-01-01",
            "197é-01-01",
        ];
        for text in texts {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
