//! Conditions as trees of their own, and how they are written.

use std::fmt;

use proptest::prelude::*;

use crate::rows::{EXACT, FLOATS, TEXTS, TRUTHS};

/// A number. Columns are indices into lists of names.
#[derive(Debug, Clone)]
pub(crate) enum Number {
    N,
    Exact(usize),
    /// Digits and scale.
    Literal(i128, u32),
    Float(usize),
    FloatLiteral(f64),
    Null,
    Negate(Box<Number>),
    Binary(char, Box<Number>, Box<Number>),
}

#[derive(Debug, Clone)]
pub(crate) enum Text {
    Column(usize),
    Literal(String),
}

#[derive(Debug, Clone)]
pub(crate) enum Truth {
    Column(usize),
    Literal(Option<bool>),
    Compare(&'static str, Number, Number),
    Texts(&'static str, Text, Text),
    Like(Text, String),
    InTexts(Text, Vec<Text>),
    /// The list is exact.
    In(Number, Vec<Number>),
    Between(Number, Number, Number),
    NumberIsNull(Number),
    IsNull(Box<Truth>),
    Same(Box<Truth>, Box<Truth>),
    Not(Box<Truth>),
    Every(Vec<Truth>),
    Any(Vec<Truth>),
}

fn literal() -> impl Strategy<Value = Number> {
    prop_oneof![
        6 => (0i128..12).prop_map(|digits| Number::Literal(digits, 0)),
        2 => (0u32..120).prop_map(|bits| Number::Literal((1i128 << bits) - i128::from(bits % 3), 0)),
        2 => (0i128..5000, 1u32..4).prop_map(|(digits, scale)| Number::Literal(digits, scale)),
        1 => Just(Number::Null),
    ]
}

fn leaf() -> impl Strategy<Value = Number> {
    prop_oneof![4 => Just(Number::N), 4 => (0..EXACT.len()).prop_map(Number::Exact), 4 => literal()]
}

fn exact() -> impl Strategy<Value = Number> {
    leaf().prop_recursive(4, 16, 2, |inner| {
        let operator = prop::sample::select(vec!['+', '-', '*', '*', '%', '%', '/']);
        prop_oneof![
            1 => inner.clone().prop_map(|operand| Number::Negate(Box::new(operand))),
            6 => (operator, inner.clone(), inner.clone())
                .prop_map(|(operator, left, right)| Number::Binary(operator, Box::new(left), Box::new(right))),
            // The ways that constants open.
            3 => (prop::sample::select(vec!['%', '/']), inner, 1i128..1000).prop_map(|(operator, left, divisor)| {
                Number::Binary(operator, Box::new(left), Box::new(Number::Literal(divisor, 0)))
            }),
        ]
    })
}

fn float() -> impl Strategy<Value = Number> {
    let literals = vec![0.0, 1.0, -2.5, 1e6, 3.25e-2, 1e300, 4e-7];
    let leaf = prop_oneof![
        2 => (0..FLOATS.len()).prop_map(Number::Float),
        1 => prop::sample::select(literals).prop_map(Number::FloatLiteral),
        1 => exact(),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        let operator = prop::sample::select(vec!['+', '-', '*', '%', '/']);
        prop_oneof![
            1 => inner.clone().prop_map(|operand| Number::Negate(Box::new(operand))),
            4 => (operator, inner.clone(), inner)
                .prop_map(|(operator, left, right)| Number::Binary(operator, Box::new(left), Box::new(right))),
        ]
    })
}

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![(0..TEXTS.len()).prop_map(Text::Column), "[ab'é]{0,2}".prop_map(Text::Literal)]
}

fn relation() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["=", "<>", "<", "<=", ">", ">="])
}

pub(crate) fn truth() -> impl Strategy<Value = Truth> {
    let leaf = prop_oneof![
        2 => (0..TRUTHS.len()).prop_map(Truth::Column),
        1 => prop::option::of(any::<bool>()).prop_map(Truth::Literal),
        8 => (relation(), exact(), exact()).prop_map(|(relation, left, right)| Truth::Compare(relation, left, right)),
        3 => (relation(), float(), float()).prop_map(|(relation, left, right)| Truth::Compare(relation, left, right)),
        2 => (relation(), text(), text()).prop_map(|(relation, left, right)| Truth::Texts(relation, left, right)),
        1 => (text(), "[ab_%é]{0,4}").prop_map(|(text, pattern)| Truth::Like(text, pattern)),
        1 => (text(), prop::collection::vec(text(), 1..4)).prop_map(|(text, list)| Truth::InTexts(text, list)),
        2 => (exact(), prop::collection::vec(prop_oneof![3 => literal(), 1 => exact()], 1..14))
            .prop_map(|(operand, list)| Truth::In(operand, list)),
        2 => (exact(), exact(), exact()).prop_map(|(operand, low, high)| Truth::Between(operand, low, high)),
        1 => prop_oneof![exact(), float()].prop_map(Truth::NumberIsNull),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        let several = || prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            2 => inner.clone().prop_map(|truth| Truth::Not(Box::new(truth))),
            4 => several().prop_map(Truth::Every),
            4 => several().prop_map(Truth::Any),
            1 => inner.clone().prop_map(|truth| Truth::IsNull(Box::new(truth))),
            1 => (inner.clone(), inner.clone()).prop_map(|(one, other)| Truth::Same(Box::new(one), Box::new(other))),
        ]
    })
}

impl fmt::Display for Number {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::N => to.write_str("N"),
            Self::Exact(column) => to.write_str(EXACT[*column]),
            Self::Float(column) => to.write_str(FLOATS[*column]),
            Self::Literal(digits, 0) => write!(to, "{digits}"),
            Self::Literal(digits, scale) => {
                let power = 10i128.pow(*scale);
                write!(to, "{}.{:0>width$}", digits / power, digits % power, width = *scale as usize)
            }
            Self::FloatLiteral(value) => write!(to, "({value:e})"),
            Self::Null => to.write_str("null"),
            Self::Negate(operand) => write!(to, "(- {operand})"),
            Self::Binary(operator, left, right) => write!(to, "({left} {operator} {right})"),
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(column) => write!(to, "\"{}\"", TEXTS[*column]),
            Self::Literal(text) => write!(to, "'{}'", text.replace('\'', "''")),
        }
    }
}

struct Joined<'a, T>(&'a [T], &'a str);

impl<T: fmt::Display> fmt::Display for Joined<'_, T> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.0.iter().enumerate() {
            write!(to, "{}{part}", if index == 0 { "" } else { self.1 })?;
        }
        Ok(())
    }
}

impl fmt::Display for Truth {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(column) => to.write_str(TRUTHS[*column]),
            Self::Literal(Some(value)) => write!(to, "{value}"),
            Self::Literal(None) => to.write_str("(null)"),
            Self::Compare(relation, left, right) => write!(to, "({left} {relation} {right})"),
            Self::Texts(relation, left, right) => write!(to, "({left} {relation} {right})"),
            Self::Like(text, pattern) => write!(to, "({text} LIKE '{pattern}')"),
            Self::InTexts(text, list) => write!(to, "({text} in ({}))", Joined(list, ", ")),
            Self::In(operand, list) => write!(to, "({operand} In ({}))", Joined(list, ",")),
            Self::Between(operand, low, high) => write!(to, "({operand} between {low} AND {high})"),
            Self::NumberIsNull(operand) => write!(to, "({operand} is null)"),
            Self::IsNull(operand) => write!(to, "({operand} is not null)"),
            Self::Same(one, other) => write!(to, "({one} = {other})"),
            Self::Not(operand) => write!(to, "(not {operand})"),
            Self::Every(operands) => write!(to, "({})", Joined(operands, " and ")),
            Self::Any(operands) => write!(to, "({})", Joined(operands, "\nor ")),
        }
    }
}
