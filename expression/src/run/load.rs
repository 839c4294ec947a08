//! Numbers and columns to registers.

use arrow_buffer::i256;
use swath_model::Numbers;

use super::arithmetic::{Integer, each};
use crate::{
    batch::{Batch, Values},
    interval::Interval,
};

/// Part of a slice; shorter at its end.
#[inline(always)]
fn part<T>(values: &[T], start: usize, rows: usize) -> &[T] {
    let values = values.get(start..).unwrap_or_default();
    values.get(..rows).unwrap_or(values)
}

/// The numbers of the rows from `start` on.
#[inline(always)]
pub(super) fn numbers<T: Integer>(batch: &Batch<'_>, start: usize, out: &mut [T]) {
    match batch.numbers {
        Numbers::Consecutive { first, .. } => {
            let first = first.wrapping_add(start as i64);
            let mut row = 0i32;
            for out in out.iter_mut() {
                *out = T::from_i64(first.wrapping_add(i64::from(row)));
                row = row.wrapping_add(1);
            }
        }
        Numbers::Listed(numbers) => each(part(numbers, start, out.len()), out, T::from_i64),
    }
}

/// The same in the lane of small integers.
#[inline(always)]
pub(super) fn small_numbers(batch: &Batch<'_>, start: usize, out: &mut [f64]) {
    match batch.numbers {
        Numbers::Consecutive { first, .. } => {
            let first = first.wrapping_add(start as i64) as f64;
            let mut row = 0i32;
            for out in out.iter_mut() {
                *out = first + f64::from(row);
                row = row.wrapping_add(1);
            }
        }
        Numbers::Listed(_) => numbers(batch, start, out),
    }
}

/// The integers of a column from row `start` on, which the lane of `T` is known to hold.
#[inline(always)]
pub(super) fn integers<T: Integer>(values: &Values<'_>, start: usize, out: &mut [T]) {
    let rows = out.len();
    match values {
        Values::I64(values) => each(part(values, start, rows), out, T::from_i64),
        Values::I32(values) => each(part(values, start, rows), out, |value| T::from_i64(value.into())),
        _ => other_integers(values, start, out),
    }
}

fn other_integers<T: Integer>(values: &Values<'_>, start: usize, out: &mut [T]) {
    let rows = out.len();
    match values {
        Values::I8(values) => each(part(values, start, rows), out, |value| T::from_i64(value.into())),
        Values::I16(values) => each(part(values, start, rows), out, |value| T::from_i64(value.into())),
        Values::U8(values) => each(part(values, start, rows), out, |value| T::from_i64(value.into())),
        Values::U16(values) => each(part(values, start, rows), out, |value| T::from_i64(value.into())),
        Values::U32(values) => each(part(values, start, rows), out, |value| T::from_i64(value.into())),
        Values::U64(values) => each(part(values, start, rows), out, |value| T::from_i128(value.into())),
        Values::I128(values) => each(part(values, start, rows), out, T::from_i128),
        Values::I256(values) => each(part(values, start, rows), out, T::from_i256),
        _ => out.fill(T::from_i64(0)),
    }
}

/// The floats of a column from row `start` on.
#[inline(always)]
pub(super) fn floats(values: &Values<'_>, start: usize, out: &mut [f64]) {
    let rows = out.len();
    match values {
        Values::F64(values) => each(part(values, start, rows), out, |value| value),
        Values::F32(values) => each(part(values, start, rows), out, f64::from),
        _ => out.fill(0.0),
    }
}

/// The least and the greatest of some integers of a column, nulls and all; `None` if one is beyond 128 bits.
#[inline(always)]
pub(super) fn interval(values: &Values<'_>, start: usize, rows: usize) -> Option<Interval> {
    match values {
        Values::I64(values) => {
            let values = part(values, start, rows);
            let extremes = values
                .iter()
                .fold((i64::MAX, i64::MIN), |(least, greatest), value| (least.min(*value), greatest.max(*value)));
            Some(if values.is_empty() { Interval::new(0, 0) } else { Interval::new(extremes.0, extremes.1) })
        }
        _ => other_interval(values, start, rows),
    }
}

fn other_interval(values: &Values<'_>, start: usize, rows: usize) -> Option<Interval> {
    fn of<T: Copy + Ord + Into<i128>>(values: &[T], start: usize, rows: usize) -> Interval {
        let values = part(values, start, rows);
        let (least, greatest) = (values.iter().min(), values.iter().max());
        least.zip(greatest).map_or(Interval::new(0, 0), |(least, greatest)| Interval::new(*least, *greatest))
    }
    match values {
        Values::I8(_) => Some(Interval::new(i8::MIN, i8::MAX)),
        Values::I16(_) => Some(Interval::new(i16::MIN, i16::MAX)),
        Values::I32(_) => Some(Interval::new(i32::MIN, i32::MAX)),
        Values::U8(_) => Some(Interval::new(u8::MIN, u8::MAX)),
        Values::U16(_) => Some(Interval::new(u16::MIN, u16::MAX)),
        Values::U32(_) => Some(Interval::new(u32::MIN, u32::MAX)),
        Values::U64(values) => Some(of(values, start, rows)),
        Values::I128(values) => Some(of(values, start, rows)),
        Values::I256(values) => {
            let narrow: Option<Vec<i128>> =
                part(values, start, rows).iter().map(|value: &i256| value.to_i128()).collect();
            narrow.map(|narrow| of(&narrow, 0, rows))
        }
        _ => None,
    }
}
