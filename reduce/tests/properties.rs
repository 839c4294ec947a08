//! Reductions of random columns against integers without end and fractions, in random splits.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; the lints know test functions only")]

mod oracle;

use arrow_array::{Array, RecordBatch, cast::AsArray, types::Int64Type};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use num_bigint::BigInt;
use proptest::{collection::vec, prelude::*, sample::Index};
use swath_model::Numbers;
use swath_reduce::{Accumulator, Kind, Reductions};

use oracle::{Value, array, is_nearest, values};

/// The types of columns that there are.
fn types() -> Vec<DataType> {
    vec![
        DataType::Boolean,
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
        DataType::Float32,
        DataType::Float64,
        DataType::Decimal32(9, 2),
        DataType::Decimal64(18, 0),
        DataType::Decimal128(19, 3),
        DataType::Decimal128(38, 0),
        DataType::Decimal256(76, 7),
        DataType::Date32,
        DataType::Date64,
        DataType::Time32(TimeUnit::Second),
        DataType::Time64(TimeUnit::Nanosecond),
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Utf8View,
        DataType::Binary,
        DataType::BinaryView,
    ]
}

/// All reductions that are possible over the only column `c` of this type.
fn reductions(data_type: &DataType) -> Reductions {
    let schema = Schema::new(vec![Field::new("c", data_type.clone(), true)]);
    let possible = |kind: &Kind| *kind != Kind::Count && Reductions::parse(kind.as_str(), &schema).is_ok();
    let kinds: Vec<_> = Kind::ALL.iter().filter(|kind| possible(kind)).map(|kind| kind.as_str()).collect();
    let text = format!("count,count(c),{},sum(n),mean(n),min(n),max(n),min_n(n)", kinds.join(","));
    let reductions = Reductions::parse(&text, &schema).unwrap();
    assert_eq!(reductions.to_string(), text);
    assert_eq!(Reductions::parse(&reductions.to_string(), &schema).unwrap(), reductions);
    reductions
}

/// A column with numbers that ascend, some of them several times.
#[derive(Debug, Clone)]
struct Table {
    data_type: DataType,
    values: Vec<Option<Value>>,
    numbers: Vec<i64>,
    is_consecutive: bool,
}

impl Table {
    fn update(&self, accumulator: &mut Accumulator, from: usize, to: usize) {
        let column = array(&self.values, &self.data_type).slice(from, to - from);
        let listed = &self.numbers[from..to];
        let numbers = match listed.first() {
            Some(&first) if self.is_consecutive => Numbers::Consecutive { first, rows: listed.len() },
            _ => Numbers::Listed(listed),
        };
        accumulator.update(numbers, &[column]).unwrap();
    }
}

fn table(rows: std::ops::Range<usize>) -> impl Strategy<Value = Table> {
    let columns = (0..types().len(), vec((any::<[u64; 4]>(), 0u8..8, any::<bool>(), 0u8..3), rows));
    (columns, any::<i64>(), any::<bool>(), 0u8..12).prop_map(|((index, seeds), first, is_consecutive, nulls)| {
        let data_type = types().swap_remove(index);
        let value = |(words, kind, _, null): &([u64; 4], u8, bool, u8)| {
            (nulls > 3 || *null > 0).then(|| oracle::value(&data_type, *words, *kind))
        };
        let values: Vec<_> = seeds.iter().map(value).collect();
        let mut number = first.min(i64::MAX - 6000);
        let mut next = |(_, _, is_same, _): &([u64; 4], u8, bool, u8)| {
            number += i64::from(is_consecutive || !is_same);
            number
        };
        let numbers = seeds.iter().map(&mut next).collect();
        Table { data_type, values, numbers, is_consecutive }
    })
}

/// Checks one row of results.
fn check(table: &Table, result: &RecordBatch) {
    let all: Vec<_> = table.values.iter().zip(&table.numbers).collect();
    let present: Vec<(&Value, i64)> =
        all.iter().filter_map(|(value, number)| value.as_ref().map(|value| (value, **number))).collect();
    let column = |name: &str| result.column_by_name(name).map(|column| values(column).swap_remove(0));
    let whole = |number: i64| Some(Value::Whole(number.into()));
    assert_eq!(column("count"), Some(whole(all.len() as i64)));
    assert_eq!(column("count(c)"), Some(whole(present.len() as i64)));
    let least = present.iter().min_by(|one, other| (one.0, one.1).cmp(&(other.0, other.1)));
    let greatest =
        present.iter().max_by(|one, other| (one.0, -i128::from(one.1)).cmp(&(other.0, -i128::from(other.1))));
    for (name, extreme) in [("min", least), ("max", greatest)] {
        assert_eq!(column(name), Some(extreme.map(|(value, _)| (*value).clone())), "{name}");
        assert_eq!(column(&format!("{name}_n")), Some(extreme.and_then(|(_, number)| whole(*number))), "{name}_n");
    }
    if column("sum").is_some() {
        check_sum(table, &present, result);
    }
    let mut counted: Vec<(Value, i64)> = Vec::new();
    let mut sorted: Vec<_> = present.iter().map(|(value, _)| (*value).clone()).collect();
    sorted.sort();
    for value in sorted {
        match counted.last_mut() {
            Some((last, count)) if *last == value => *count += 1,
            _ => counted.push((value, 1)),
        }
    }
    let list = result.column_by_name("value_counts").unwrap().as_list::<i32>().value(0);
    let list = list.as_struct();
    let found = values(list.column(0)).into_iter().flatten().zip(list.column(1).as_primitive::<Int64Type>().values());
    assert_eq!(found.map(|(value, count)| (value, *count)).collect::<Vec<_>>(), counted);
    check_numbers(table, result);
}

fn check_sum(table: &Table, present: &[(&Value, i64)], result: &RecordBatch) {
    let cell = |name: &str| values(result.column_by_name(name).unwrap()).swap_remove(0);
    let (sum, mean) = (cell("sum"), cell("mean"));
    if present.is_empty() {
        assert_eq!((sum, mean), (None, None));
        return;
    }
    let Some(Value::Float(mean)) = mean else { panic!("a mean is a float: {mean:?}") };
    let count = BigInt::from(present.len());
    let scale = match table.data_type {
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) => scale,
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => scale,
        _ => 0,
    };
    if present.iter().any(|(value, _)| matches!(value, Value::Float(_))) {
        let floats: Vec<_> = present.iter().map(|(value, _)| value.float()).collect();
        let Some(Value::Float(sum)) = sum else { panic!("a sum of floats is a float: {sum:?}") };
        let special = floats.iter().copied().filter(|float| !float.is_finite()).reduce(|one, other| one + other);
        if let Some(special) = special {
            assert!(Value::Float(sum) == Value::Float(special) && Value::Float(mean) == Value::Float(special));
            return;
        }
        let exact: BigInt = floats.iter().map(|float| oracle::units(*float)).sum();
        let unit = BigInt::from(1) << 1074;
        assert!(is_nearest(sum, &exact, &unit), "{sum} is not the sum of {floats:?}");
        assert!(is_nearest(mean, &exact, &(count * unit)), "{mean} is not the mean of {floats:?}");
        return;
    }
    let exact: BigInt = present.iter().map(|(value, _)| value.whole()).sum();
    assert_eq!(sum, Some(Value::Whole(exact.clone())));
    let denominator = count * BigInt::from(10).pow(u32::try_from(scale).unwrap());
    assert!(is_nearest(mean, &exact, &denominator), "{mean} is not {exact} / {denominator}");
}

fn check_numbers(table: &Table, result: &RecordBatch) {
    let cell = |name: &str| values(result.column_by_name(name).unwrap()).swap_remove(0);
    let exact: Option<BigInt> =
        (!table.numbers.is_empty()).then(|| table.numbers.iter().map(|number| BigInt::from(*number)).sum());
    assert_eq!(cell("sum(n)"), exact.clone().map(Value::Whole));
    let whole = |number: Option<&i64>| number.map(|number| Value::Whole((*number).into()));
    assert_eq!(cell("min(n)"), whole(table.numbers.first()));
    assert_eq!(cell("max(n)"), whole(table.numbers.last()));
    assert_eq!(cell("min_n(n)"), whole(table.numbers.first()));
    let mean = exact.zip(cell("mean(n)"));
    assert!(mean.is_none_or(|(exact, mean)| is_nearest(mean.float(), &exact, &table.numbers.len().into())));
}

/// Merges states two by two in the order that `picks` says, until one is left.
fn merged(reductions: &Reductions, mut partials: Vec<RecordBatch>, picks: &[Index]) -> RecordBatch {
    for pick in picks.iter().cycle() {
        if partials.len() == 1 {
            break;
        }
        let one = partials.swap_remove(pick.index(partials.len()));
        let other = partials.swap_remove(pick.index(partials.len()));
        let mut accumulator = reductions.accumulator();
        accumulator.merge(&one).unwrap();
        accumulator.merge(&other).unwrap();
        partials.push(accumulator.partial().unwrap());
    }
    partials.swap_remove(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn results_are_exact_and_independent_of_splits(
        table in table(0..40),
        mut cuts in vec(any::<Index>(), 0..5),
        picks in vec(any::<Index>(), 1..8),
    ) {
        split(&table, &mut cuts, &picks);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn results_of_many_rows_are_exact_too(
        table in table(500..5000),
        mut cuts in vec(any::<Index>(), 0..5),
        picks in vec(any::<Index>(), 1..8),
    ) {
        split(&table, &mut cuts, &picks);
    }
}

fn split(table: &Table, cuts: &mut [Index], picks: &[Index]) {
    let reductions = reductions(&table.data_type);
    let rows = table.values.len();
    let mut at_once = reductions.accumulator();
    table.update(&mut at_once, 0, rows);
    check(table, &at_once.result().unwrap());

    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(rows + 1)).chain([0, rows]).collect();
    cuts.sort_unstable();
    let mut in_turn = reductions.accumulator();
    let mut partials = Vec::new();
    for window in cuts.windows(2) {
        table.update(&mut in_turn, window[0], window[1]);
        let mut part = reductions.accumulator();
        table.update(&mut part, window[0], window[1]);
        partials.push(part.partial().unwrap());
    }
    let expected = at_once.partial().unwrap();
    assert_eq!(in_turn.partial().unwrap(), expected, "rows that come in several updates");
    let partial = merged(&reductions, partials, picks);
    assert_eq!(partial, expected, "states that are merged");
    let mut last = reductions.accumulator();
    last.merge(&partial).unwrap();
    assert_eq!(last.result().unwrap(), at_once.result().unwrap());
}

#[test]
fn every_type_of_column_is_tried() {
    // The arrays of the oracle have the types that they should.
    for data_type in types() {
        let seeds = (0..50u64).map(|seed| [seed << 58, seed, seed * seed, seed << 60]);
        let column: Vec<_> = seeds.map(|words| Some(oracle::value(&data_type, words, words[1] as u8 % 8))).collect();
        let array = array(&column, &data_type);
        assert_eq!(*array.data_type(), data_type);
        assert_eq!(values(&array), column);
    }
}
