//! One row at a time, with integers of any size. Nothing of the crate is used.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

use crate::{
    rows::{Row, SCALES},
    tree::{Number, Text, Truth},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    DivisionByZero,
    OutOfRange,
}

/// A number that is not null.
#[derive(Debug, Clone)]
enum Value {
    /// Unscaled.
    Exact(BigInt),
    Float(f64),
}

/// What is known of a number without a row: its scale, `None` if it is a float.
fn scale(number: &Number) -> Option<Option<u32>> {
    match number {
        Number::N => Some(Some(0)),
        Number::Exact(column) => Some(Some(SCALES[*column].max(0) as u32)),
        Number::Literal(digits, scale) => {
            // Zeros at the end say nothing.
            let (mut digits, mut scale) = (*digits, *scale);
            while scale > 1 && digits % 10 == 0 {
                (digits, scale) = (digits / 10, scale - 1);
            }
            Some(Some(scale))
        }
        Number::Float(_) | Number::FloatLiteral(_) => Some(None),
        Number::Null => None,
        Number::Negate(operand) => scale(operand),
        Number::Binary(operator, left, right) => {
            let (left, right) = match (scale(left), scale(right)) {
                (None, None) => return None,
                (Some(None), _) | (_, Some(None)) => return Some(None),
                (Some(Some(left)), Some(Some(right))) => (left, right),
                // Null takes the scale of the other side.
                (Some(Some(one)), None) | (None, Some(Some(one))) => (one, one),
            };
            Some(match operator {
                '*' => Some(left + right),
                '/' if left.max(right) > 0 => None,
                _ => Some(left.max(right)),
            })
        }
    }
}

fn fits(value: BigInt) -> Result<BigInt, Failure> {
    let limit = BigInt::from(1) << 255;
    if value >= limit || value < -limit { Err(Failure::OutOfRange) } else { Ok(value) }
}

fn power(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
}

fn rescale(value: BigInt, from: u32, to: u32) -> Result<BigInt, Failure> {
    fits(value * power(to - from))
}

fn to_float(value: &BigInt, scale: u32) -> f64 {
    format!("{value}e-{scale}").parse().unwrap()
}

/// A number of a row as a float, or an error.
fn float(number: &Number, row: &Row) -> Result<Option<f64>, Failure> {
    Ok(match evaluate(number, row)? {
        Some(Value::Exact(value)) => Some(to_float(&value, scale(number).flatten().unwrap_or(0))),
        Some(Value::Float(value)) => Some(value),
        None => None,
    })
}

fn exact(number: &Number, row: &Row) -> Result<Option<BigInt>, Failure> {
    match evaluate(number, row)? {
        Some(Value::Exact(value)) => Ok(Some(value)),
        Some(Value::Float(value)) => panic!("{value} is a float"),
        None => Ok(None),
    }
}

fn evaluate(number: &Number, row: &Row) -> Result<Option<Value>, Failure> {
    Ok(match number {
        Number::N => Some(Value::Exact(row.number.into())),
        Number::Exact(column) => match row.exact[*column].clone() {
            Some(value) if SCALES[*column] < 0 => {
                Some(Value::Exact(fits(value * power(SCALES[*column].unsigned_abs() as u32))?))
            }
            value => value.map(Value::Exact),
        },
        Number::Literal(digits, written) => {
            let drop = written - scale(number).flatten().unwrap_or(0);
            Some(Value::Exact(BigInt::from(*digits) / power(drop)))
        }
        Number::Float(column) => row.floats[*column].map(Value::Float),
        Number::FloatLiteral(value) => Some(Value::Float(*value)),
        Number::Null => None,
        Number::Negate(operand) => match evaluate(operand, row)? {
            Some(Value::Exact(value)) => Some(Value::Exact(fits(-value)?)),
            Some(Value::Float(value)) => Some(Value::Float(-value)),
            None => None,
        },
        Number::Binary(operator, left, right) => return binary(number, *operator, (left, right), row),
    })
}

fn binary(
    whole: &Number,
    operator: char,
    (left, right): (&Number, &Number),
    row: &Row,
) -> Result<Option<Value>, Failure> {
    let scales = (scale(left), scale(right));
    let are_exact = !matches!(scales.0, Some(None)) && !matches!(scales.1, Some(None));
    if scale(whole) == Some(None) {
        let (one, other) = (float(left, row)?, float(right, row)?);
        if are_exact && other == Some(0.0) {
            return Err(Failure::DivisionByZero);
        }
        let (Some(one), Some(other)) = (one, other) else { return Ok(None) };
        return Ok(Some(Value::Float(match operator {
            '+' => one + other,
            '-' => one - other,
            '*' => one * other,
            '/' => one / other,
            _ => one % other,
        })));
    }
    let either = scales.0.or(scales.1).flatten().unwrap_or(0);
    let (of_left, of_right) = (scales.0.flatten().unwrap_or(either), scales.1.flatten().unwrap_or(either));
    let (mut one, mut other) = (exact(left, row)?, exact(right, row)?);
    if operator != '*' {
        let finest = of_left.max(of_right);
        one = one.map(|value| rescale(value, of_left, finest)).transpose()?;
        other = other.map(|value| rescale(value, of_right, finest)).transpose()?;
    }
    let (Some(one), Some(other)) = (one, other) else { return Ok(None) };
    if matches!(operator, '/' | '%') && other.sign() == Sign::NoSign {
        return Err(Failure::DivisionByZero);
    }
    let result = match operator {
        '+' => one + other,
        '-' => one - other,
        '*' => one * other,
        '/' => one / other,
        _ => one % other,
    };
    Ok(Some(Value::Exact(fits(result)?)))
}

fn holds(relation: &str, order: Ordering) -> bool {
    match relation {
        "=" => order.is_eq(),
        "<>" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }
}

/// The order of two numbers; NaN is the greatest.
fn order(left: &Number, right: &Number, row: &Row) -> Result<Option<Ordering>, Failure> {
    let is_exact = |number: &Number| !matches!(scale(number), Some(None));
    // A literal beside what is exact is the decimal that is written, but for one that has too many digits.
    let literal = |number: &Number| match number {
        Number::FloatLiteral(value) if value.abs() < 1e38 => Some(decimal(*value)),
        Number::Negate(operand) => match &**operand {
            Number::FloatLiteral(value) if value.abs() < 1e38 => Some(decimal(-value)),
            _ => None,
        },
        _ => None,
    };
    let side = |number: &Number| -> Option<Number> {
        if is_exact(number) {
            Some(number.clone())
        } else {
            literal(number).map(|(digits, scale)| Number::Literal(digits, scale))
        }
    };
    let is_null = |number: &Number| scale(number).is_none();
    let either_exact = (is_exact(left) && !is_null(left)) || (is_exact(right) && !is_null(right));
    if let (true, Some(left), Some(right)) = (either_exact, side(left), side(right)) {
        let finest = scale(&left).flatten().unwrap_or(0).max(scale(&right).flatten().unwrap_or(0));
        let scaled = |number: &Number| -> Result<Option<BigInt>, Failure> {
            let of = scale(number).flatten().unwrap_or(finest);
            exact(number, row)?.map(|value| rescale(value, of, finest)).transpose()
        };
        let (one, other) = (scaled(&left)?, scaled(&right)?);
        return Ok(one.zip(other).map(|(one, other)| one.cmp(&other)));
    }
    let (mut one, mut other) = (float(left, row)?, float(right, row)?);
    // Beside a column of 32 bits a constant has 32 bits, too.
    if is_single(left) && is_constant(right) {
        other = other.map(|value| f64::from(value as f32));
    }
    if is_single(right) && is_constant(left) {
        one = one.map(|value| f64::from(value as f32));
    }
    Ok(one.zip(other).map(|(one, other)| compare(one, other)))
}

fn compare(one: f64, other: f64) -> Ordering {
    one.partial_cmp(&other).unwrap_or_else(|| one.is_nan().cmp(&other.is_nan()))
}

/// A column of 32 bits.
fn is_single(number: &Number) -> bool {
    matches!(number, Number::Float(0))
}

/// Constants alone, but for those that are floats and not literals, which are computed as any others.
fn is_constant(number: &Number) -> bool {
    match number {
        Number::Literal(..) | Number::FloatLiteral(_) => true,
        Number::Negate(operand) => is_constant(operand),
        Number::Binary(_, left, right) => {
            !matches!(scale(number), Some(None)) && is_constant(left) && is_constant(right)
        }
        _ => false,
    }
}

/// The literals of the generator are short.
fn decimal(value: f64) -> (i128, u32) {
    let text = format!("{value}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    (format!("{whole}{fraction}").parse().unwrap(), fraction.len() as u32)
}

fn text(text: &Text, row: &Row) -> Option<String> {
    match text {
        Text::Column(column) => row.texts[*column].clone(),
        Text::Literal(text) => Some(text.clone()),
    }
}

fn like(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('%', rest)) => (0..=text.len()).any(|from| like(rest, &text[from..])),
        Some(('_', rest)) => !text.is_empty() && like(rest, &text[1..]),
        Some((letter, rest)) => text.first() == Some(letter) && like(rest, &text[1..]),
    }
}

/// True if one is; otherwise null if one is.
fn any(truths: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    let mut any = Some(false);
    for truth in truths {
        any = match (any, truth) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (None, _) | (_, None) => None,
            _ => Some(false),
        };
    }
    any
}

/// All values of the list are computed, but those that are floats only where no other decides.
fn is_in(operand: &Number, list: &[Number], row: &Row) -> Result<Option<bool>, Failure> {
    let Some(of_operand) = scale(operand) else {
        // `null in (…)`; the list is not computed.
        return Ok(None);
    };
    let (floats, others): (Vec<_>, Vec<_>) =
        list.iter().partition(|element| of_operand.is_none() || scale(element) == Some(None));
    let first = match of_operand {
        Some(scale) => among_exact((operand, scale), &others, row)?,
        None => Some(false),
    };
    if first == Some(true) || floats.is_empty() {
        return Ok(first);
    }
    let value = float(operand, row)?;
    let mut truths = vec![first];
    for element in floats {
        let other = float(element, row)?;
        let other =
            if is_single(operand) && is_constant(element) { other.map(|value| f64::from(value as f32)) } else { other };
        truths.push(value.zip(other).map(|(one, other)| compare(one, other).is_eq()));
    }
    Ok(any(truths))
}

fn among_exact((operand, of_operand): (&Number, u32), list: &[&Number], row: &Row) -> Result<Option<bool>, Failure> {
    let others = list.iter().filter(|element| !is_constant(element));
    let finest = others.filter_map(|element| scale(element).flatten()).fold(of_operand, u32::max);
    let mut truths = Vec::new();
    let value = exact(operand, row)?.map(|value| rescale(value, of_operand, finest)).transpose()?;
    for element in list {
        let of_element = scale(element).flatten().unwrap_or(0);
        let other = exact(element, row)?;
        let (one, other) = if is_constant(element) {
            let both = finest.max(of_element);
            let wide = |value: Option<BigInt>, from: u32| value.map(|value| value * power(both - from));
            (wide(value.clone(), finest), wide(other, of_element))
        } else {
            (value.clone(), other.map(|other| rescale(other, of_element, finest)).transpose()?)
        };
        truths.push(one.zip(other).map(|(one, other)| one == other));
    }
    Ok(any(truths))
}

/// True, false, null or an error. `and` and `or` look at an operand only where those before it do not decide.
pub(crate) fn truth(of: &Truth, row: &Row) -> Result<Option<bool>, Failure> {
    Ok(match of {
        Truth::Column(column) => row.truths[*column],
        Truth::Literal(value) => *value,
        Truth::Compare(relation, left, right) => order(left, right, row)?.map(|order| holds(relation, order)),
        Truth::Texts(relation, left, right) => {
            let both = text(left, row).zip(text(right, row));
            both.map(|(left, right)| holds(relation, left.as_bytes().cmp(right.as_bytes())))
        }
        Truth::Like(of, pattern) => text(of, row).map(|text| {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            like(&letters(pattern), &letters(&text))
        }),
        Truth::InTexts(of, list) => {
            let of = text(of, row);
            any(list.iter().map(|element| of.clone().zip(text(element, row)).map(|(one, other)| one == other)))
        }
        Truth::In(operand, list) => is_in(operand, list, row)?,
        Truth::Between(operand, low, high) => {
            let from = order(operand, low, row)?.map(Ordering::is_ge);
            if from == Some(false) {
                return Ok(from);
            }
            let to = order(operand, high, row)?.map(Ordering::is_le);
            any([from, to].map(|truth| truth.map(|truth| !truth))).map(|truth| !truth)
        }
        Truth::NumberIsNull(number) => Some(evaluate(number, row)?.is_none()),
        Truth::IsNull(operand) => Some(truth(operand, row)?.is_some()),
        Truth::Same(one, other) => {
            let (one, other) = (truth(one, row)?, truth(other, row)?);
            one.zip(other).map(|(one, other)| one == other)
        }
        Truth::Not(operand) => truth(operand, row)?.map(|truth| !truth),
        Truth::Every(operands) => first_decides(operands, row, Decides::False)?,
        Truth::Any(operands) => first_decides(operands, row, Decides::True)?,
    })
}

/// Which truth of one operand is that of all.
#[derive(Clone, Copy, PartialEq)]
enum Decides {
    False,
    True,
}

fn first_decides(operands: &[Truth], row: &Row, decides: Decides) -> Result<Option<bool>, Failure> {
    let decides = decides == Decides::True;
    let mut result = Some(!decides);
    for operand in operands {
        match truth(operand, row)? {
            Some(truth) if truth == decides => return Ok(Some(decides)),
            Some(_) => {}
            None => result = None,
        }
    }
    Ok(result)
}
