//! Dates and times as ISO 8601 has them.

use std::{
    fmt::{Arguments, Display},
    io::Write,
};

use arrow_array::{
    Array, ArrowPrimitiveType, PrimitiveArray,
    types::{
        Date32Type, Date64Type, DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType,
        DurationSecondType, IntervalDayTimeType, IntervalMonthDayNanoType, IntervalYearMonthType,
        Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
        TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    },
};
use arrow_schema::{DataType, IntervalUnit, TimeUnit};

use super::{NoText, Notation, PushCell, typed};

const SECONDS_A_DAY: i64 = 86_400;

pub(super) fn cells(array: &dyn Array, notation: Notation) -> Result<PushCell<'_>, NoText> {
    match array.data_type() {
        DataType::Date32 => each::<Date32Type>(array, notation, |days, out| push_date(days.into(), out)),
        DataType::Date64 => each::<Date64Type>(array, notation, push_date_64),
        DataType::Timestamp(unit, Some(_)) => timestamps(array, *unit, Clock::Utc, notation),
        DataType::Timestamp(unit, None) => timestamps(array, *unit, Clock::Local, notation),
        DataType::Time32(TimeUnit::Second) => {
            each::<Time32SecondType>(array, notation, |time, out| push_time(time.into(), TimeUnit::Second, out))
        }
        DataType::Time32(_) => {
            let unit = TimeUnit::Millisecond;
            each::<Time32MillisecondType>(array, notation, move |time, out| push_time(time.into(), unit, out))
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            each::<Time64MicrosecondType>(array, notation, |time, out| push_time(time, TimeUnit::Microsecond, out))
        }
        DataType::Time64(_) => {
            each::<Time64NanosecondType>(array, notation, |time, out| push_time(time, TimeUnit::Nanosecond, out))
        }
        DataType::Duration(unit) => durations(array, *unit, notation),
        DataType::Interval(unit) => intervals(array, *unit, notation),
        other => Err(NoText(other.clone())),
    }
}

fn each<'a, T: ArrowPrimitiveType>(
    array: &'a dyn Array,
    notation: Notation,
    push: impl Fn(T::Native, &mut Vec<u8>) + 'a,
) -> Result<PushCell<'a>, NoText> {
    let values = typed::<PrimitiveArray<T>>(array)?;
    Ok(Box::new(move |row, out| notation.push_plain(out, |out| push(values.value(row), out))))
}

fn timestamps(array: &dyn Array, unit: TimeUnit, clock: Clock, notation: Notation) -> Result<PushCell<'_>, NoText> {
    let push = move |value: i64, out: &mut Vec<u8>| push_timestamp(value, unit, clock, out);
    match unit {
        TimeUnit::Second => each::<TimestampSecondType>(array, notation, push),
        TimeUnit::Millisecond => each::<TimestampMillisecondType>(array, notation, push),
        TimeUnit::Microsecond => each::<TimestampMicrosecondType>(array, notation, push),
        TimeUnit::Nanosecond => each::<TimestampNanosecondType>(array, notation, push),
    }
}

fn durations(array: &dyn Array, unit: TimeUnit, notation: Notation) -> Result<PushCell<'_>, NoText> {
    let push = move |value: i64, out: &mut Vec<u8>| {
        write(out, format_args!("{}PT", if value < 0 { "-" } else { "" }));
        push_seconds(value.unsigned_abs(), unit, out);
    };
    match unit {
        TimeUnit::Second => each::<DurationSecondType>(array, notation, push),
        TimeUnit::Millisecond => each::<DurationMillisecondType>(array, notation, push),
        TimeUnit::Microsecond => each::<DurationMicrosecondType>(array, notation, push),
        TimeUnit::Nanosecond => each::<DurationNanosecondType>(array, notation, push),
    }
}

/// Each part has a sign of its own: months, days and seconds do not make up for each other.
fn intervals(array: &dyn Array, unit: IntervalUnit, notation: Notation) -> Result<PushCell<'_>, NoText> {
    match unit {
        IntervalUnit::YearMonth => {
            each::<IntervalYearMonthType>(array, notation, |months, out| write(out, format_args!("P{months}M")))
        }
        IntervalUnit::DayTime => each::<IntervalDayTimeType>(array, notation, |interval, out| {
            write(out, format_args!("P{}DT{}", interval.days, sign(interval.milliseconds)));
            push_seconds(interval.milliseconds.unsigned_abs().into(), TimeUnit::Millisecond, out);
        }),
        IntervalUnit::MonthDayNano => each::<IntervalMonthDayNanoType>(array, notation, |interval, out| {
            write(out, format_args!("P{}M{}DT{}", interval.months, interval.days, sign(interval.nanoseconds)));
            push_seconds(interval.nanoseconds.unsigned_abs(), TimeUnit::Nanosecond, out);
        }),
    }
}

fn sign(value: impl Into<i64>) -> impl Display {
    if value.into() < 0 { "-" } else { "" }
}

fn push_seconds(value: u64, unit: TimeUnit, out: &mut Vec<u8>) {
    let (a_second, _) = parts(unit);
    write(out, format_args!("{}", value / a_second.unsigned_abs()));
    push_fraction((value % a_second.unsigned_abs()).cast_signed(), unit, out);
    out.push(b'S');
}

/// How many of them are a second, and the digits behind its point.
fn parts(unit: TimeUnit) -> (i64, usize) {
    match unit {
        TimeUnit::Second => (1, 0),
        TimeUnit::Millisecond => (1_000, 3),
        TimeUnit::Microsecond => (1_000_000, 6),
        TimeUnit::Nanosecond => (1_000_000_000, 9),
    }
}

/// As many digits as the unit has.
fn push_fraction(fraction: i64, unit: TimeUnit, out: &mut Vec<u8>) {
    let (_, digits) = parts(unit);
    if digits > 0 {
        write(out, format_args!(".{fraction:0digits$}"));
    }
}

/// Which clock a timestamp is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clock {
    /// That of UTC.
    Utc,
    /// One somewhere.
    Local,
}

/// The time of UTC, with a Z, or of a clock somewhere, without.
fn push_timestamp(value: i64, unit: TimeUnit, clock: Clock, out: &mut Vec<u8>) {
    let (a_second, _) = parts(unit);
    let (seconds, fraction) = (value.div_euclid(a_second), value.rem_euclid(a_second));
    push_date(seconds.div_euclid(SECONDS_A_DAY), out);
    out.push(b'T');
    push_clock(seconds.rem_euclid(SECONDS_A_DAY), out);
    push_fraction(fraction, unit, out);
    if clock == Clock::Utc {
        out.push(b'Z');
    }
}

/// A time of day, which has no zone.
fn push_time(value: i64, unit: TimeUnit, out: &mut Vec<u8>) {
    let (a_second, _) = parts(unit);
    push_clock(value.div_euclid(a_second), out);
    push_fraction(value.rem_euclid(a_second), unit, out);
}

fn push_clock(seconds: i64, out: &mut Vec<u8>) {
    let (hours, minutes, seconds) = (seconds.div_euclid(3600), seconds.rem_euclid(3600) / 60, seconds.rem_euclid(60));
    write(out, format_args!("{hours:02}:{minutes:02}:{seconds:02}"));
}

/// Milliseconds of whole days; what is not whole has its time, too.
fn push_date_64(milliseconds: i64, out: &mut Vec<u8>) {
    if milliseconds.rem_euclid(SECONDS_A_DAY * 1000) == 0 {
        push_date(milliseconds.div_euclid(SECONDS_A_DAY * 1000), out);
    } else {
        push_timestamp(milliseconds, TimeUnit::Millisecond, Clock::Local, out);
    }
}

/// The date of a day, counted from 1970-01-01. Years that have not four digits have a sign.
///
/// Source of the arithmetic: Howard Hinnant,
/// [civil_from_days](https://howardhinnant.github.io/date_algorithms.html#civil_from_days).
fn push_date(days: i64, out: &mut Vec<u8>) {
    // From 0000-03-01 on, so that the leap day is the last of its year; and in eras of 400 years.
    let day = i128::from(days) + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i128::from(month <= 2);
    match year {
        0..=9999 => write(out, format_args!("{year:04}-{month:02}-{day:02}")),
        _ => write(out, format_args!("{year:+05}-{month:02}-{day:02}")),
    }
}

fn write(out: &mut Vec<u8>, arguments: Arguments<'_>) {
    // Memory takes all that is written to it.
    let _ = out.write_fmt(arguments);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn days_are_dates() {
        // Each day of 1600 to 2400, counted by hand.
        let mut days = -135_140;
        for year in 1600..2400 {
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let lengths = [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            for (month, length) in lengths.into_iter().enumerate() {
                for day in 1..=length {
                    let expected = format!("{year}-{:02}-{day:02}", month + 1);
                    assert_eq!(text(|out| push_date(days, out)), expected);
                    days += 1;
                }
            }
        }
        assert_eq!(text(|out| push_date(0, out)), "1970-01-01");
        assert_eq!(text(|out| push_date(-719_529, out)), "-0001-12-31");
        assert_eq!(text(|out| push_date(2_932_897, out)), "+10000-01-01");
        for days in [i64::MIN, i64::MAX] {
            assert!(!text(|out| push_date(days, out)).is_empty());
        }
    }

    #[test]
    fn times_before_1970_and_at_the_ends_are_times() {
        let micro = TimeUnit::Microsecond;
        assert_eq!(text(|out| push_timestamp(-1, micro, Clock::Utc, out)), "1969-12-31T23:59:59.999999Z");
        assert_eq!(text(|out| push_timestamp(0, TimeUnit::Second, Clock::Local, out)), "1970-01-01T00:00:00");
        let ends = [(i64::MIN, "1677-09-21T00:12:43.145224192Z"), (i64::MAX, "2262-04-11T23:47:16.854775807Z")];
        for (value, expected) in ends {
            assert_eq!(text(|out| push_timestamp(value, TimeUnit::Nanosecond, Clock::Utc, out)), expected);
            assert!(text(|out| push_timestamp(value, TimeUnit::Second, Clock::Utc, out)).ends_with('Z'));
        }
        assert_eq!(text(|out| push_time(86_399_999, TimeUnit::Millisecond, out)), "23:59:59.999");
        assert_eq!(text(|out| push_date_64(-86_400_000, out)), "1969-12-31");
        assert_eq!(text(|out| push_date_64(1, out)), "1970-01-01T00:00:00.001");
    }
}
