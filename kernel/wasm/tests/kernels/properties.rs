//! Small functions give what the same functions give in Rust.

use proptest::prelude::*;
use swath_wasm::{Options, bind};

use crate::support::{integers, refused};

/// An expression of the number.
#[derive(Debug, Clone)]
enum Expression {
    Number,
    Constant(i64),
    Binary(Operator, Box<Self>, Box<Self>),
    /// The first of the two if the condition is not 0.
    Select(Box<Self>, Box<Self>, Box<Self>),
}

#[derive(Debug, Clone, Copy)]
enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    And,
    Xor,
    ShiftLeft,
    Less,
}

impl Operator {
    fn text(self) -> &'static str {
        match self {
            Self::Add => "i64.add",
            Self::Subtract => "i64.sub",
            Self::Multiply => "i64.mul",
            Self::Divide => "i64.div_s",
            Self::And => "i64.and",
            Self::Xor => "i64.xor",
            Self::ShiftLeft => "i64.shl",
            Self::Less => "i64.lt_s",
        }
    }
}

impl Expression {
    fn text(&self) -> String {
        match self {
            Self::Number => "(local.get 0)".to_owned(),
            Self::Constant(value) => format!("(i64.const {value})"),
            Self::Binary(Operator::Less, left, right) => {
                format!("(i64.extend_i32_u (i64.lt_s {} {}))", left.text(), right.text())
            }
            Self::Binary(operator, left, right) => format!("({} {} {})", operator.text(), left.text(), right.text()),
            Self::Select(condition, first, second) => {
                format!("(select {} {} (i64.ne (i64.const 0) {}))", first.text(), second.text(), condition.text())
            }
        }
    }

    /// `None` where it traps.
    fn value(&self, number: i64) -> Option<i64> {
        Some(match self {
            Self::Number => number,
            Self::Constant(value) => *value,
            Self::Binary(operator, left, right) => {
                let (left, right) = (left.value(number)?, right.value(number)?);
                match operator {
                    Operator::Add => left.wrapping_add(right),
                    Operator::Subtract => left.wrapping_sub(right),
                    Operator::Multiply => left.wrapping_mul(right),
                    Operator::Divide => left.checked_div(right)?,
                    Operator::And => left & right,
                    Operator::Xor => left ^ right,
                    Operator::ShiftLeft => left.wrapping_shl((right & 63) as u32),
                    Operator::Less => i64::from(left < right),
                }
            }
            Self::Select(condition, first, second) => {
                let (first, second) = (first.value(number)?, second.value(number)?);
                if condition.value(number)? != 0 { first } else { second }
            }
        })
    }
}

fn expressions() -> impl Strategy<Value = Expression> {
    let leaf = prop_oneof![
        2 => Just(Expression::Number),
        1 => (-9..9_i64).prop_map(Expression::Constant),
        1 => any::<i64>().prop_map(Expression::Constant),
    ];
    let operators = prop::sample::select(vec![
        Operator::Add,
        Operator::Subtract,
        Operator::Multiply,
        Operator::Divide,
        Operator::And,
        Operator::Xor,
        Operator::ShiftLeft,
        Operator::Less,
    ]);
    leaf.prop_recursive(4, 24, 3, move |inner| {
        prop_oneof![
            4 => (operators.clone(), inner.clone(), inner.clone())
                .prop_map(|(operator, left, right)| Expression::Binary(operator, left.into(), right.into())),
            1 => (inner.clone(), inner.clone(), inner)
                .prop_map(|(condition, first, second)| Expression::Select(condition.into(), first.into(), second.into())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn functions_agree_with_rust(
        expression in expressions(),
        first in prop_oneof![-50..50_i64, any::<i64>(), Just(i64::MAX - 20), Just(i64::MIN)],
        length in prop_oneof![1..40_i64, Just(2048), Just(2500)],
    ) {
        let last = first.saturating_add(length - 1);
        let text = format!(r#"(module (func (export "f") (param i64) (result i64) {}))"#, expression.text());
        let kernel = bind(text.as_bytes(), &Options::default()).unwrap();
        let expected: Result<Vec<i64>, i64> = (first..=last).map(|number| expression.value(number).ok_or(number)).collect();
        match expected {
            Ok(expected) => prop_assert_eq!(integers(kernel.as_ref(), first..=last), expected),
            Err(number) => prop_assert_eq!(refused(kernel.as_ref(), first..=last).0, number),
        }
    }
}
