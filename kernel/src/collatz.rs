//! `collatz`: the total stopping time of the Collatz problem.

mod trajectory;

use std::{ops::RangeInclusive, sync::Arc};

use arrow_schema::{DataType, Field};
use swath_model::Shape;

use self::trajectory::{Abandoned, Trajectory, stopping_time, trajectory};
use crate::{
    Context, Description, EvaluateError, FindError, Kernel, Layout, ParameterDescription, Parameters, Rows, ValueType,
    Values, kernel::count,
};

const NAME: &str = "collatz";

pub(crate) const DESCRIPTION: Description = Description {
    name: NAME,
    summary: "how many steps n/2 (even) or 3n+1 (odd) lead to 1; refuses numbers below 1",
    parameters: &[
        ParameterDescription {
            name: "max-steps",
            summary: "refuse a number that takes more steps than this",
            default: "1000000",
        },
        ParameterDescription {
            name: "peak",
            summary: "yes: two columns, steps and peak, the greatest number on the way",
            default: "no",
        },
    ],
    value: "int64; with peak=yes steps int64, peak decimal128(38, 0)",
    bind,
};

#[derive(Debug)]
struct Collatz {
    /// At most `i64::MAX`, so that every count fits its column.
    max_steps: u64,
    columns: Columns,
}

/// What is given of each number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Columns {
    Steps,
    StepsAndPeak,
}

fn bind(parameters: &Parameters) -> Result<Arc<dyn Kernel>, FindError> {
    let max_steps = match parameters.get("max-steps") {
        None => 1_000_000,
        Some(text) => text
            .parse::<i64>()
            .ok()
            .filter(|steps| *steps >= 1)
            .ok_or_else(|| FindError::BadValue {
                kernel: NAME,
                parameter: "max-steps",
                value: text.clone(),
                allowed: "a whole number from 1 to 9223372036854775807",
            })?
            .unsigned_abs(),
    };
    let columns = match parameters.get("peak").map_or("no", String::as_str) {
        "no" => Columns::Steps,
        "yes" => Columns::StepsAndPeak,
        other => {
            return Err(FindError::BadValue {
                kernel: NAME,
                parameter: "peak",
                value: other.to_owned(),
                allowed: "yes or no",
            });
        }
    };
    Ok(Arc::new(Collatz { max_steps, columns }))
}

impl Kernel for Collatz {
    fn name(&self) -> &'static str {
        NAME
    }

    fn layout(&self, _: &RangeInclusive<i64>) -> Layout {
        match self.columns {
            Columns::Steps => Layout::values(ValueType::Int64),
            Columns::StepsAndPeak => Layout::of_columns(
                Shape::Dense,
                vec![
                    Field::new("steps", DataType::Int64, false),
                    Field::new("peak", ValueType::Decimal128.data_type(), false),
                ],
            ),
        }
    }

    fn evaluate(&self, numbers: RangeInclusive<i64>, rows: &mut Rows, _: &mut Context) -> Result<(), EvaluateError> {
        if !matches!(rows.columns[..], [Values::Int64(_)] | [Values::Int64(_), Values::Decimal128(_)]) {
            return Err(EvaluateError::wrong_type(NAME, &self.layout(&numbers), rows));
        }
        if numbers.is_empty() {
            return Ok(());
        }
        if *numbers.start() < 1 {
            let reason = "the problem is posed for numbers from 1 on";
            return Err(EvaluateError::refused(*numbers.start(), reason));
        }
        rows.reserve(count(&numbers));
        let refused = |number, end: Abandoned| EvaluateError::refused(number, end.reason(self.max_steps));
        match &mut rows.columns[..] {
            [Values::Int64(values)] => {
                for number in numbers {
                    let steps = stopping_time(number.unsigned_abs(), self.max_steps);
                    values.push(steps.map_err(|end| refused(number, end))?.cast_signed());
                }
            }
            [Values::Int64(steps), Values::Decimal128(peaks)] => {
                for number in numbers {
                    let found = trajectory(number.unsigned_abs(), self.max_steps);
                    let Trajectory { steps: taken, peak } = found.map_err(|end| refused(number, end))?;
                    steps.push(taken.cast_signed());
                    peaks.push(peak);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Abandoned {
    fn reason(&self, max_steps: u64) -> String {
        match self {
            Self::TooManySteps => format!("it takes more than {max_steps} steps (max-steps)"),
            Self::TooLarge => "it leads to a number that does not fit 128 bits".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{evaluate, integers, rows_of, segment};

    fn steps_within(max_steps: u64) -> Collatz {
        Collatz { max_steps, columns: Columns::Steps }
    }

    #[test]
    fn peaks_stand_beside_the_steps() {
        let kernel = Collatz { max_steps: 1000, columns: Columns::StepsAndPeak };
        let mut rows = Rows::new(&kernel.layout(&(1..=9)));
        kernel.evaluate(1..=7, &mut rows, &mut Context::default()).unwrap();
        let steps = Values::Int64(vec![0, 1, 7, 2, 5, 8, 16]);
        assert_eq!(rows.columns, [steps, Values::Decimal128(vec![1, 2, 16, 4, 16, 16, 52])]);
        kernel.evaluate(27..=27, &mut rows, &mut Context::default()).unwrap();
        assert!(matches!(&rows.columns[1], Values::Decimal128(peaks) if peaks[7] == 9232));
    }

    /// One step at a time, all in 128 bits.
    fn naive(number: i64) -> i64 {
        let mut n = u128::try_from(number).unwrap();
        let mut steps = 0;
        while n != 1 {
            n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
            steps += 1;
        }
        steps
    }

    fn check(numbers: RangeInclusive<i64>) {
        let expected: Vec<i64> = numbers.clone().map(naive).collect();
        assert_eq!(integers(NAME, numbers), expected);
    }

    #[test]
    fn small_numbers() {
        assert_eq!(integers(NAME, 1..=10), [0, 1, 7, 2, 5, 8, 16, 3, 19, 6]);
        check(1..=100_000);
    }

    /// Numbers that take longer than all below them (OEIS A006877, A006878).
    #[test]
    fn known_records() {
        for (number, steps) in [
            (27, 111),
            (97, 118),
            (871, 178),
            (6_171, 261),
            (77_031, 350),
            (837_799, 524),
            (8_400_511, 685),
            (63_728_127, 949),
            (670_617_279, 986),
            (9_780_657_630, 1132),
            (75_128_138_247, 1228),
            (989_345_275_647, 1348),
        ] {
            assert_eq!(integers(NAME, number..=number), [steps], "{number}");
        }
    }

    #[test]
    fn trajectories_beyond_64_bits() {
        check(i64::MAX - 1000..=i64::MAX);
        // Records of the largest number on the way (OEIS A006884, A006885): just below 2^64, just
        // above it, and 2^125.6.
        for number in [8_528_817_511, 12_327_829_503, 1_980_976_057_694_848_447] {
            check(number..=number);
        }
    }

    #[test]
    fn numbers_below_1_are_refused() {
        for first in [i64::MIN, -1, 0] {
            let (values, result) = evaluate(&steps_within(9), first..=i64::MAX);
            assert_eq!(result.unwrap_err().number(), Some(first));
            assert!(values.is_empty());
        }
    }

    #[test]
    fn too_many_steps_are_refused_and_the_values_before_stay() {
        let kernel = steps_within(110);
        let (values, result) = evaluate(&kernel, 24..=30);
        let error = result.unwrap_err();
        assert_eq!(error.number(), Some(27));
        assert_eq!(error.to_string(), "the number 27 was refused: it takes more than 110 steps (max-steps)");
        assert_eq!(values, Values::Int64(vec![10, 23, 10]));

        let kernel = steps_within(111);
        let (values, result) = evaluate(&kernel, 27..=27);
        assert_eq!((values, result), (Values::Int64(vec![111]), Ok(())));
        // The limit is met while the trajectory is beyond 64 bits as well.
        let (_, result) = evaluate(&steps_within(3), i64::MAX..=i64::MAX);
        assert_eq!(result.unwrap_err().number(), Some(i64::MAX));
    }

    #[test]
    fn what_does_not_fit_is_said() {
        assert_eq!(Abandoned::TooLarge.reason(1), "it leads to a number that does not fit 128 bits");
    }

    #[test]
    fn a_buffer_of_another_type_is_refused() {
        let mut values = rows_of(ValueType::Boolean);
        let error = steps_within(9).evaluate(1..=3, &mut values, &mut Context::default()).unwrap_err();
        assert_eq!(error.number(), None);
        assert!(values.is_empty());
    }

    #[test]
    #[allow(clippy::reversed_empty_ranges)]
    fn an_empty_range_has_no_values() {
        assert_eq!(integers(NAME, 0..=-1), []);
    }

    proptest! {
        #[test]
        fn random_segments(first in 1i64.., length in 1i64..100) {
            check(segment(first, length));
        }
    }
}
