//! Random conditions on random rows, against an interpreter that computes one row at a time with integers of any size.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; the lints know test functions only")]

mod interpreter;
mod rows;
mod tree;

use proptest::{prelude::*, strategy::ValueTree};
use swath_expression::{Condition, EvaluateError, Problem, Reason};
use swath_model::Numbers;

use self::{interpreter::Failure, rows::Rows, tree::Truth};

/// What the interpreter says of all rows: which are selected, or the first number without an answer.
fn expected(truth: &Truth, rows: &Rows) -> Result<Vec<bool>, (i64, Failure)> {
    let answer = |row: usize| {
        let selected = interpreter::truth(truth, &rows.row(row));
        selected.map(|truth| truth == Some(true)).map_err(|failure| (rows.number(row), failure))
    };
    (0..rows.count()).map(answer).collect()
}

/// What the crate says of the same.
fn found(condition: &Condition, rows: &Rows) -> Result<Vec<bool>, (i64, Failure)> {
    match condition.evaluate(rows.numbers(), &rows.columns()) {
        Ok(selected) => {
            assert_eq!(selected.len(), rows.count());
            Ok(selected.iter().collect())
        }
        Err(EvaluateError::Number { number, reason }) => Err((
            number,
            match reason {
                Reason::DivisionByZero => Failure::DivisionByZero,
                Reason::OutOfRange => Failure::OutOfRange,
                other => panic!("{other}"),
            },
        )),
        Err(other) => panic!("{other}"),
    }
}

/// Whether constants alone have no answer, which the check finds before there are rows.
fn is_about_constants(problem: &Problem) -> bool {
    matches!(problem, Problem::DivisionByZero | Problem::ConstantOutOfRange | Problem::ScaleTooLarge(_))
}

fn check(truth: &Truth, rows: &Rows) -> Result<bool, TestCaseError> {
    let text = truth.to_string();
    let condition = match Condition::parse(&text, &rows::schema()) {
        Ok(condition) => condition,
        Err(error) if is_about_constants(error.problem()) => return Ok(false),
        Err(error) => return Err(TestCaseError::fail(format!("{error}\n{}", error.mark(&text)))),
    };
    let canonical = condition.to_string();
    let again = Condition::parse(&canonical, &rows::schema());
    prop_assert_eq!(again.as_ref(), Ok(&condition), "{}", text);
    prop_assert_eq!(again.unwrap().to_string(), canonical);
    let expected = expected(truth, rows);
    prop_assert_eq!(found(&condition, rows), expected, "{}", text);
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn few_rows(truth in tree::truth(), rows in rows::rows(0..70)) {
        check(&truth, &rows)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn many_rows(truth in tree::truth(), rows in rows::rows(1000..20_000)) {
        check(&truth, &rows)?;
    }
}

/// The generator makes what the properties are about.
#[test]
fn conditions_select_some_rows_and_fail_in_some() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut checked, mut selected, mut failed) = (0, 0, 0);
    for _ in 0..1000 {
        let truth = tree::truth().new_tree(&mut runner).unwrap().current();
        let rows = rows::rows(1..40).new_tree(&mut runner).unwrap().current();
        checked += usize::from(check(&truth, &rows).unwrap());
        match expected(&truth, &rows) {
            Ok(rows) => selected += usize::from(rows.contains(&true) && rows.contains(&false)),
            Err(_) => failed += 1,
        }
    }
    assert!(checked > 700 && selected > 150 && failed > 50, "{checked} checked, {selected} selected, {failed} failed");
}

/// The numbers may be listed, and then they need not be consecutive.
#[test]
fn numbers_may_be_listed() {
    let listed: Vec<i64> = (0..3000).map(|n| n * n).collect();
    let condition = Condition::parse("n % 7 = 4 or n > 8990000", &rows::schema()).unwrap();
    assert!(condition.reads_only_n());
    let selected = condition.evaluate(Numbers::Listed(&listed), &[]).unwrap();
    let expected: Vec<bool> = listed.iter().map(|n| n % 7 == 4 || *n > 8_990_000).collect();
    assert_eq!(selected.iter().collect::<Vec<_>>(), expected);
}
