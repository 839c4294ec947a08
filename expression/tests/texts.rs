//! Texts: what they say in their canonical form, and what is wrong with those that are refused.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; the lints know test functions only")]

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, ListArray, NullArray, types::Int64Type};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use proptest::prelude::*;
use swath_expression::{Condition, EvaluateError, MOST_BYTES, MOST_DEPTH, Problem};
use swath_model::Numbers;

fn schema() -> Schema {
    let zone = Some("Europe/Berlin".into());
    let fields = [
        ("value", DataType::Int64),
        ("flag", DataType::Boolean),
        ("name", DataType::Utf8),
        ("Name2", DataType::Utf8),
        ("rate", DataType::Float64),
        ("price", DataType::Decimal128(10, 2)),
        ("raw", DataType::Binary),
        ("day", DataType::Date32),
        ("at", DataType::Timestamp(TimeUnit::Millisecond, None)),
        ("when", DataType::Timestamp(TimeUnit::Second, zone)),
        ("list", DataType::new_list(DataType::Int64, true)),
        ("a b", DataType::Int64),
        ("in", DataType::Int64),
        ("twin", DataType::Int64),
        ("Twin", DataType::Int64),
        ("n", DataType::Utf8),
    ];
    Schema::new(fields.map(|(name, data_type)| Field::new(name, data_type, true)).to_vec())
}

#[track_caller]
fn canonical(text: &str) -> String {
    let condition = Condition::parse(text, &schema()).unwrap_or_else(|error| panic!("{text}: {error}"));
    let canonical = condition.to_string();
    assert_eq!(Condition::parse(&canonical, &schema()).as_ref(), Ok(&condition), "{text}");
    canonical
}

#[test]
fn canonical_texts() {
    let cases = [
        (" N*N%7=4 ", "n * n % 7 = 4"),
        ("(((n)))=((1))", "n = 1"),
        ("NOT (n=1 OR n=2) AND Flag", "not (n = 1 or n = 2) and flag"),
        ("not (n = 1)", "not n = 1"),
        ("n=1 and (n=2 and n=3) and n=4", "n = 1 and n = 2 and n = 3 and n = 4"),
        ("n=1 or (n=2 and n=3)", "n = 1 or n = 2 and n = 3"),
        ("n - (1 - n) - (n * 2) / (3 * n) > 0", "n - (1 - n) - n * 2 / (3 * n) > 0"),
        ("(n - 1) - n = -(-n) + - - 2", "n - 1 - n = -(-n) + -(-2)"),
        ("-n * -(n + 1) = + 3", "-n * -(n + 1) = 3"),
        ("n != 007 and value <> 1_000", "n <> 7 and value <> 1000"),
        (
            "price = 1.50 or price = .5 or price = 2. or price = 0.0",
            "price = 1.5 or price = 0.5 or price = 2.0 or price = 0.0",
        ),
        ("rate > 1E6 or rate < 2.50e-3", "rate > 1e6 or rate < 2.5e-3"),
        ("NAME2 LIKE 'it''s %'", "\"Name2\" like 'it''s %'"),
        ("\"a b\" NOT IN (1,2) or \"in\" In (3)", "\"a b\" not in (1, 2) or \"in\" in (3)"),
        ("\"value\" Between 1+1 and 3 aNd flag", "value between 1 + 1 and 3 and flag"),
        ("(n = 1) is null and flag IS NOT NULL", "n = 1 is null and flag is not null"),
        ("(flag is null) is null", "(flag is null) is null"),
        ("(n = 1) = (n in (2)) and (not flag) = true", "(n = 1) = n in (2) and (not flag) = true"),
        ("raw = X'00FF' or raw in ('a', x'')", "raw = x'00ff' or raw in ('a', x'')"),
        ("\"twin\" = \"Twin\" and Twin > 0", "twin = \"Twin\" and \"Twin\" > 0"),
        ("TRUE", "true"),
        ("when >= '2024-02-29T00:00:00+01:00'", "when >= '2024-02-29T00:00:00+01:00'"),
    ];
    for (text, expected) in cases {
        assert_eq!(canonical(text), expected, "{text}");
    }
}

#[test]
fn conditions_are_equal_by_their_texts_and_columns() {
    let parse = |text: &str, schema: &Schema| Condition::parse(text, schema).unwrap();
    assert_eq!(parse("VALUE=1", &schema()), parse("(value) = 01", &schema()));
    assert_ne!(parse("value=1", &schema()), parse("value=2", &schema()));
    let other = Schema::new(vec![Field::new("value", DataType::Int32, true)]);
    assert_ne!(parse("value=1", &schema()), parse("value=1", &other));
}

#[test]
fn columns_are_those_that_are_read() {
    let columns = |text: &str| Condition::parse(text, &schema()).unwrap().columns().to_vec();
    assert_eq!(columns("rate > 1 and (value = 2 or rate < 0)"), [0, 4]);
    assert_eq!(columns("list is null"), [10]);
    assert!(Condition::parse("n > 3 and true", &schema()).unwrap().reads_only_n());
    assert!(!Condition::parse("n > value", &schema()).unwrap().reads_only_n());
}

/// The text, what is under the marks, and the message.
const REFUSED: [(&str, &str, &str); 58] = [
    ("", "", "character 1: expected a value, found the end"),
    ("n = ", "", "character 5: expected a value, found the end"),
    ("n 3", "3", "character 3: expected an operator or the end, found a number"),
    ("n = 3)", ")", "character 6: expected an operator or the end, found `)`"),
    ("(n = 3", "(", "character 1: the parenthesis that begins here does not end"),
    ("n in 3", "3", "character 6: expected `(` and the values of `in`, found a number"),
    ("n in ()", ")", "character 7: expected a value, found `)`"),
    ("n not 3", "3", "character 7: expected `in`, `between` or `like`, found a number"),
    ("n is 3", "3", "character 6: expected `null` or `not null`, found a number"),
    ("n between 1 or 2", "or", "character 13: expected `and` and the upper bound of `between`, found `or`"),
    ("1 < n < 3", "<", "character 7: comparisons do not chain; join two of them with `and`"),
    ("flag = not flag", "not", "character 8: expected a value (`not` takes parentheses here), found `not`"),
    ("n == 3", "==", "character 3: unexpected \"==\"; write `=`"),
    ("é = 3", "é", "character 1: unknown column \"é\" (known: "),
    ("name = \"Ada", "\"", "character 8: the name that begins here does not end"),
    ("name = 'Ada", "'", "character 8: the text that begins here does not end"),
    ("n = 3 -- three", "--", "character 7: unexpected \"--\"; comments are not allowed, and two minus signs take"),
    ("n = 12abc", "12abc", "character 5: \"12abc\" is not a number"),
    (
        "n = 123456789012345678901234567890123456789",
        "123456789012345678901234567890123456789",
        "character 5: \"123456789012345678901234567890123456789\" has more than 38 digits",
    ),
    ("rate < 1e999", "1e999", "character 8: \"1e999\" is out of the range of 64-bit floats"),
    ("raw = x'0'", "x'0'", "character 7: \"0\" is not made of pairs of hexadecimal digits"),
    ("valeu > 3", "valeu", "character 1: unknown column \"valeu\", did you mean \"value\"?"),
    ("\"Value\" > 3", "\"Value\"", "character 1: unknown column \"Value\", did you mean \"value\"?"),
    ("n > 0 and xyz = 3", "xyz", "character 11: unknown column \"xyz\" (known: \"n\", \"value\", \"flag\""),
    ("TWIN = 3", "TWIN", "character 1: \"TWIN\" may be any of several columns"),
    ("n", "n", "character 1: the whole must be a condition, not \"n\" (a number)"),
    ("n + 1", "n + 1", "character 1: the whole must be a condition, not a number"),
    ("flag and n", "n", "character 10: `and` takes a condition, not \"n\" (a number)"),
    ("n or flag", "n", "character 1: `or` takes a condition, not \"n\" (a number)"),
    ("not value", "value", "character 5: `not` takes a condition, not \"value\" (a number)"),
    ("n = 'three'", "n = 'three'", "character 1: \"n\" (a number) cannot be compared with a text"),
    ("name > 3", "name > 3", "character 1: \"name\" (a text) cannot be compared with a number"),
    ("n in (1, 'a')", "n in (1, 'a'", "character 1: \"n\" (a number) cannot be compared with a text"),
    ("flag in (true)", "flag", "character 1: \"flag\" (a condition) cannot be compared with a list"),
    ("flag between 1 and 2", "flag", "character 1: \"flag\" (a condition) cannot be compared with a range"),
    ("flag + 1 = 2", "flag", "character 1: `+` takes numbers, not \"flag\" (a condition)"),
    ("-name = 'a'", "name", "character 2: `-` takes numbers, not \"name\" (a text)"),
    ("day + 1 > '2024-01-01'", "day", "character 1: `+` takes numbers, not \"day\" (a date)"),
    ("n = flag", "n = flag", "character 1: \"n\" (a number) cannot be compared with \"flag\" (a condition)"),
    ("raw < x'00'", "raw < x'00'", "character 1: `<` does not take binary values, which can be compared with"),
    ("n like '3%'", "n", "character 1: `like` takes text, not \"n\" (a number)"),
    ("name like name", "name", "character 11: the pattern of `like` must be a text in single quotes"),
    ("list = null", "list", "character 1: a column of the type list(int64?) can only be tested with `is null`"),
    ("list + 1 > 0", "list", "character 1: a column of the type list(int64?) can only be tested with `is null`"),
    ("day > '2024-02-30'", "'2024-02-30'", "character 7: \"2024-02-30\" is not a time; it takes 'YYYY-MM-DD'"),
    ("day in ('2024-02-28', 'x')", "'x'", "character 23: \"x\" is not a time; it takes"),
    ("at < '2024-02-28 00:00Z'", "'2024-02-28 00:00Z'", "character 6: \"2024-02-28 00:00Z\" has a time zone, but"),
    (
        "at < when",
        "at < when",
        "character 1: \"at\" (a timestamp without a time zone) cannot be compared with \"when\"",
    ),
    ("n / 0 = 1", "0", "character 5: division by zero"),
    ("n % (1 - 1) = 1", "(1 - 1)", "character 5: division by zero"),
    ("price / 0.0 > 1", "0.0", "character 9: division by zero"),
    (
        "n > 99999999999999999999999999999999999999 * 99999999999999999999999999999999999999 * 9",
        "99999999999999999999999999999999999999 * 99999999999999999999999999999999999999 * 9",
        "character 5: the result of this does not fit 256 bits",
    ),
    (
        "0.12345678901234567890123456789012345678 * 0.12345678901234567890123456789012345678 * price = 1",
        "",
        "character 1: the result of this has 78 digits after the point; at most 76 are allowed",
    ),
    ("is", "is", "character 1: expected a value, found `is`"),
    ("n = 3;", ";", "character 6: unexpected \";\"; a condition has no end but that of the text"),
    ("name = “Ada”", "“", "character 8: unexpected \"“\"; names stand in double quotes"),
    ("n = 3 && flag", "&&", "character 7: unexpected \"&&\"; write `and`"),
    ("(n, 1) = 2", ",", "character 3: expected `)` or an operator, found `,`"),
];

#[test]
fn what_is_refused_is_said_with_its_place() {
    for (text, place, message) in REFUSED {
        let Err(error) = Condition::parse(text, &schema()) else { panic!("{text} was accepted") };
        let said = error.to_string();
        assert!(said.starts_with(message), "{text}: {said}");
        if !place.is_empty() {
            assert_eq!(text.get(error.place()), Some(place), "{text}");
        }
    }
}

#[test]
fn the_place_is_marked() {
    let mark = |text: &str| Condition::parse(text, &schema()).unwrap_err().mark(text);
    assert_eq!(mark("n * valeu > 3"), "n * valeu > 3\n    ^^^^^");
    assert_eq!(mark("n ="), "n =\n   ^");
    assert_eq!(mark("'é' = 'é' and n"), "'é' = 'é' and n\n              ^");
    assert_eq!(mark("n\t=\n\u{1b}3"), "n = \u{20}3\n    ^");
    let long = format!("{} and nn = 3", vec!["n = 1"; 100].join(" and "));
    let marked = mark(&long);
    let (line, carets) = marked.split_once('\n').unwrap();
    assert!(line.chars().count() <= 100, "{marked}");
    let at = carets.find('^').unwrap();
    assert_eq!(&line[at..at + 2], "nn", "{marked}");
}

#[test]
fn sizes_are_bounded() {
    let nested = |depth: usize| format!("{}n = 1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Condition::parse(&nested(MOST_DEPTH - 2), &schema()).is_ok());
    for depth in [MOST_DEPTH, 30_000] {
        let error = Condition::parse(&nested(depth), &schema()).unwrap_err();
        assert_eq!(error.problem(), &Problem::TooDeep);
    }
    for text in [
        format!("{}flag", "not ".repeat(10_000)),
        format!("n = {}1", "- ".repeat(30_000)),
        format!("n = 1{}", " + 1".repeat(10_000)),
        format!("n{} = 1", " * n".repeat(10_000)),
        format!("n is null{}", " is null".repeat(7_000)),
    ] {
        assert_eq!(Condition::parse(&text, &schema()).unwrap_err().problem(), &Problem::TooDeep);
    }
    let long = format!("n = 1{}", " ".repeat(MOST_BYTES));
    assert_eq!(Condition::parse(&long, &schema()).unwrap_err().problem(), &Problem::TooLong(MOST_BYTES + 5));
    // However many operands there are, they are one level.
    let wide = format!("n = 1{}", " or n = 1".repeat(7_000));
    let condition = Condition::parse(&wide, &schema()).unwrap();
    let selected = condition.evaluate(Numbers::Consecutive { first: 0, rows: 5 }, &[]).unwrap();
    assert_eq!(selected.set_indices().collect::<Vec<_>>(), [1]);
    let list = format!("n in ({})", (0..10_000).map(|n| (n * n).to_string()).collect::<Vec<_>>().join(","));
    let list = list.get(..MOST_BYTES.min(list.len())).unwrap().rsplit_once(',').unwrap().0;
    let condition = Condition::parse(&format!("{list})"), &schema()).unwrap();
    let selected = condition.evaluate(Numbers::Consecutive { first: 0, rows: 5000 }, &[]).unwrap();
    assert_eq!(selected.count_set_bits(), 71);
}

#[test]
fn rows_without_an_answer_are_named() {
    let numbers = Numbers::Consecutive { first: -5000, rows: 10_000 };
    let evaluate = |text: &str| Condition::parse(text, &schema()).unwrap().evaluate(numbers, &[]);
    let said = |text: &str| evaluate(text).unwrap_err().to_string();
    assert_eq!(said("100 / n > 5"), "the condition has no answer for 0: division by zero");
    assert_eq!(said("n > -7 and 100 % (n - 7) > 5"), "the condition has no answer for 7: division by zero");
    assert_eq!(evaluate("n <> 0 and 1000 / n >= 500").unwrap().set_indices().collect::<Vec<_>>(), [5001, 5002]);
    assert_eq!(evaluate("n = 0 or 1000 / n >= 500").unwrap().count_set_bits(), 3);
    let power = ["(n + 4000000000000000000)"; 5].join(" * ");
    let beyond = format!("n > 4990 and {power} > 0");
    assert_eq!(said(&beyond), "the condition has no answer for 4991: a result that does not fit 256 bits");
}

#[test]
fn columns_must_be_what_they_were() {
    let condition = Condition::parse("value > 3 or flag", &schema()).unwrap();
    let numbers = Numbers::Consecutive { first: 0, rows: 2 };
    let flags: ArrayRef = Arc::new(BooleanArray::from(vec![true, false]));
    let values: ArrayRef = Arc::new(Int64Array::from(vec![4, 3]));
    let said = |columns: &[ArrayRef]| condition.evaluate(numbers, columns).unwrap_err().to_string();
    assert_eq!(said(&[]), "the condition reads the column \"value\" as Int64, but it is missing");
    let wrong = said(&[flags.clone(), flags.clone()]);
    assert_eq!(wrong, "the condition reads the column \"value\" as Int64, but it is of the type Boolean");
    let short = said(&[values.slice(0, 1), flags.clone()]);
    assert_eq!(short, "the condition reads the column \"value\" as Int64, but it has 1 values for 2 rows");
    let beyond = Numbers::Consecutive { first: i64::MAX, rows: 2 };
    let error = condition.evaluate(beyond, &[values, flags]).unwrap_err();
    assert_eq!(error, EvaluateError::Numbers { first: i64::MAX, rows: 2 });
}

#[test]
fn other_columns_are_null_or_not() {
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![Some(vec![Some(1)]), None]);
    let nulls = NullArray::new(2);
    let schema = Schema::new(vec![
        Field::new("list", lists.data_type().clone(), true),
        Field::new("nothing", DataType::Null, true),
    ]);
    let columns: Vec<ArrayRef> = vec![Arc::new(lists), Arc::new(nulls)];
    let selected = |text: &str| {
        let condition = Condition::parse(text, &schema).unwrap();
        let selected = condition.evaluate(Numbers::Consecutive { first: 0, rows: 2 }, &columns).unwrap();
        selected.iter().collect::<Vec<_>>()
    };
    assert_eq!(selected("list is null"), [false, true]);
    assert_eq!(selected("list is not null"), [true, false]);
    assert_eq!(selected("nothing is null"), [true, true]);
}

proptest! {
    /// Whatever it is made of, a text is a condition or is refused with a place in it.
    #[test]
    fn any_text_is_read(words in prop::collection::vec(prop::sample::select(vec![
        "n", "value", "flag", "rate", "price", "name", "raw", "day", "at", "list", "and", "or", "not", "in", "(", ")", "(",
        ")", ",", "is", "null", "between", "like", "'2024-01-01'", "'a%'", "x'00'", "1", "0", "2.5", "1e3", "=", "<>", "<",
        ">=", "+", "-", "*", "/", "%", "true", "é", "\"", "'", "--", ".", "_",
    ]), 0..14), between in "| ") {
        let text = words.join(&between);
        match Condition::parse(&text, &schema()) {
            Ok(condition) => {
                let again = Condition::parse(&condition.to_string(), &schema());
                prop_assert_eq!(again, Ok(condition));
            }
            Err(error) => {
                prop_assert!(text.get(error.place()).is_some(), "{:?} of {text:?}", error.place());
                prop_assert!(error.mark(&text).contains('^'));
            }
        }
    }
}
