//! Two sides that are compared, brought to one type.

use arrow_buffer::i256;
use arrow_schema::DataType;
use swath_model::Layout;

use super::{
    Check, out_of_range,
    typed::{Typed, Unit, Zoned},
};
use crate::{
    error::{Fault, Place, Problem},
    program::{Bytes, ExactId, ExactNode, FloatId, FloatNode, Truth},
    syntax::{Relation, Syntax},
    time,
    wide::decimal_of,
};

/// A side of a comparison.
pub(super) type Side<'a> = (Typed, &'a Syntax);

impl Check<'_> {
    pub(super) fn compare(&mut self, relation: Relation, left: Side<'_>, right: Side<'_>) -> Result<Truth, Fault> {
        let ((one, left), (other, right)) = (left, right);
        let place = left.place.to(right.place);
        let (one, other) = self.adapted((one, left), (other, right))?;
        if let Some(((one, of_one), (other, of_other))) = self.both_exact(&one, &other) {
            let scale = of_one.max(of_other);
            let one = self.rescale(one, of_one, scale).map_err(|problem| problem.at(place))?;
            let other = self.rescale(other, of_other, scale).map_err(|problem| problem.at(place))?;
            return Ok(Truth::Exact(relation, one, other));
        }
        Ok(match (one, other) {
            (Typed::Null, Typed::Null | Typed::Text(_) | Typed::Binary(_) | Typed::Time { .. })
            | (Typed::Text(_) | Typed::Binary(_) | Typed::Time { .. }, Typed::Null) => Truth::Constant(None),
            (one, other) if is_number(&one) && is_number(&other) => {
                let (one, other) = (self.float(&one), self.float(&other));
                Truth::Float(relation, one, other)
            }
            (Typed::Truth(one), Typed::Null) => {
                Truth::Conditions(relation, Box::new(one), Box::new(Truth::Constant(None)))
            }
            (Typed::Null, Typed::Truth(other)) => {
                Truth::Conditions(relation, Box::new(Truth::Constant(None)), Box::new(other))
            }
            (Typed::Truth(one), Typed::Truth(other)) => Truth::Conditions(relation, Box::new(one), Box::new(other)),
            (Typed::Text(one), Typed::Text(other)) => Truth::Bytes(relation, one, other),
            (Typed::Binary(one), Typed::Binary(other)) => match relation {
                Relation::Equal | Relation::NotEqual => Truth::Bytes(relation, one, other),
                _ => return Err(Problem::NoOrder { operator: relation.symbol() }.at(place)),
            },
            (Typed::Time { id: one, unit, zoned }, Typed::Time { id: other, unit: of_other, zoned: zoned_other })
                if zoned == zoned_other =>
            {
                let finest = if unit.nanoseconds() <= of_other.nanoseconds() { unit } else { of_other };
                let one = self.refine(one, unit, finest).map_err(|problem| problem.at(place))?;
                let other = self.refine(other, of_other, finest).map_err(|problem| problem.at(place))?;
                Truth::Exact(relation, one, other)
            }
            (one, other) => return Err(not_comparable((&one, left), (&other, right))),
        })
    }

    /// Both sides, constants changed to what the other side is: texts to times and binary values, floats to decimals.
    pub(super) fn adapted(&mut self, left: Side<'_>, right: Side<'_>) -> Result<(Typed, Typed), Fault> {
        let other = self.adapt(&left.0, right.0, right.1.place)?;
        let one = self.adapt(&other, left.0, left.1.place)?;
        Ok((one, other))
    }

    fn adapt(&mut self, to: &Typed, constant: Typed, place: Place) -> Result<Typed, Fault> {
        Ok(match (to, constant) {
            (Typed::Time { zoned, .. }, Typed::Text(Bytes::Constant(text))) => {
                let text = String::from_utf8_lossy(&text).into_owned();
                let time = time::parse(&text).ok_or_else(|| Problem::BadTime(text.clone()).at(place))?;
                if time.has_zone && *zoned == Zoned::Local {
                    return Err(Problem::UnwantedZone(text).at(place));
                }
                let unit = Unit::of(time.nanoseconds);
                let value = i256::from_i128(time.nanoseconds / unit.nanoseconds());
                let id = self.nodes.add_exact(ExactNode::Constant(value));
                Typed::Time { id, unit, zoned: *zoned }
            }
            (Typed::Binary(_), Typed::Text(constant @ Bytes::Constant(_))) => Typed::Binary(constant),
            (Typed::Exact { scale, .. }, Typed::FloatLiteral(value)) => match decimal_of(value, *scale) {
                Some((digits, scale)) => self.constant(digits, scale),
                None => Typed::FloatLiteral(value),
            },
            (Typed::Float(id), constant) if self.is_single(*id) => match self.float_value(&constant) {
                // As a column of 32 bits has it: 0.1 is not the same number with 64.
                Some(value) => Typed::FloatLiteral(f64::from(value as f32)),
                None => constant,
            },
            (_, constant) => constant,
        })
    }

    fn is_single(&self, id: FloatId) -> bool {
        match self.nodes.float.get(id.0) {
            Some(FloatNode::Column(column)) => {
                self.columns.get(*column).is_some_and(|column| column.data_type == DataType::Float32)
            }
            _ => false,
        }
    }

    /// The value of a constant as a float.
    pub(super) fn float_value(&mut self, typed: &Typed) -> Option<f64> {
        match typed {
            Typed::Exact { .. } | Typed::FloatLiteral(_) => {
                let id = self.float(typed);
                self.nodes.float_constant(id)
            }
            _ => None,
        }
    }

    /// The same time counted in a finer unit, of which the coarser one is a multiple.
    pub(super) fn refine(&mut self, id: ExactId, from: Unit, to: Unit) -> Result<ExactId, Problem> {
        self.nodes.times(id, i256::from_i128(from.nanoseconds() / to.nanoseconds())).map_err(out_of_range)
    }
}

pub(super) fn is_number(typed: &Typed) -> bool {
    matches!(typed, Typed::Exact { .. } | Typed::Float(_) | Typed::FloatLiteral(_) | Typed::Null)
}

pub(super) fn not_comparable((one, left): (&Typed, &Syntax), (other, right): (&Typed, &Syntax)) -> Fault {
    for (typed, syntax) in [(one, left), (other, right)] {
        if let Typed::Opaque { data_type, .. } = typed {
            return Problem::OnlyNull(Layout::type_text(data_type)).at(syntax.place);
        }
    }
    let (left_is, right_is) = (one.describe(left), other.describe(right));
    Problem::NotComparable { left: left_is, right: right_is }.at(left.place.to(right.place))
}
