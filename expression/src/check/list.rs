//! `in`: one operand, which is computed once, and a list.

use arrow_buffer::i256;

use super::{
    Check,
    compare::{Side, is_number, not_comparable},
    typed::{Typed, Unit},
};
use crate::{
    error::{Fault, Problem},
    program::{Bytes, ExactId, List, Truth, power_of_ten},
    syntax::Syntax,
    wide::compare_floats,
};

impl Check<'_> {
    pub(super) fn list(&mut self, operand: &Syntax, list: &[Syntax]) -> Result<Truth, Fault> {
        let typed = self.typed(operand)?;
        if matches!(typed, Typed::Truth(_)) {
            let (left, right) = (typed.describe(operand), "a list".to_owned());
            return Err(Problem::NotComparable { left, right }.at(operand.place));
        }
        let mut elements = Vec::new();
        for element in list {
            let found = self.typed(element)?;
            let (_, found) = self.adapted((typed.clone(), operand), (found, element))?;
            elements.push((found, element));
        }
        match typed {
            Typed::Exact { id, scale } => self.numbers(operand, (id, scale), elements),
            Typed::Float(_) | Typed::FloatLiteral(_) => self.floats((typed, operand), &elements),
            Typed::Text(ref of) | Typed::Binary(ref of) => self.texts((&typed, operand), of.clone(), elements),
            Typed::Time { id, unit, .. } => self.times((&typed, operand), (id, unit), &elements),
            // `null in (…)` is null whatever the list has.
            Typed::Null => Ok(Truth::Constant(None)),
            Typed::Truth(_) | Typed::Opaque { .. } => {
                let (left, right) = ((&typed, operand), (&Typed::Null, operand));
                Err(not_comparable(left, right))
            }
        }
    }

    /// Among numbers: those that are exact, and apart from them those that can be compared as floats only.
    fn numbers(
        &mut self,
        operand: &Syntax,
        (id, scale): (ExactId, u32),
        elements: Vec<Side<'_>>,
    ) -> Result<Truth, Fault> {
        let (floats, exact): (Vec<_>, Vec<_>) =
            elements.into_iter().partition(|(typed, _)| matches!(typed, Typed::Float(_) | Typed::FloatLiteral(_)));
        // The scale of all that is not constant. A constant that would need more digits is never equal.
        let finest = exact.iter().filter_map(|(typed, _)| match typed {
            Typed::Exact { id, scale } if self.nodes.constant(*id).is_none() => Some(*scale),
            _ => None,
        });
        let finest = finest.fold(scale, u32::max);
        let mut list = List::default();
        for (typed, element) in &exact {
            match typed {
                Typed::Null => list.has_null = true,
                Typed::Exact { id, scale } => match self.nodes.constant(*id) {
                    Some(value) => list.constants.extend(rescaled(value, *scale, finest)),
                    None => list
                        .others
                        .push(self.rescale(*id, *scale, finest).map_err(|problem| problem.at(element.place))?),
                },
                other => {
                    return Err(not_comparable((&Typed::Exact { id, scale }, operand), (other, element)));
                }
            }
        }
        list.constants.sort_unstable();
        list.constants.dedup();
        let finer = self.rescale(id, scale, finest).map_err(|problem| problem.at(operand.place))?;
        let among_exact = Truth::InExact(finer, list);
        if floats.is_empty() {
            return Ok(among_exact);
        }
        let among_floats = self.floats((Typed::Exact { id, scale }, operand), &floats)?;
        Ok(Truth::Any(vec![among_exact, among_floats]))
    }

    fn floats(&mut self, (typed, operand): Side<'_>, elements: &[Side<'_>]) -> Result<Truth, Fault> {
        let mut list = List::default();
        for (found, element) in elements {
            if !is_number(found) {
                return Err(not_comparable((&typed, operand), (found, element)));
            }
            match self.float_value(found) {
                Some(value) => list.constants.push(value),
                None if matches!(found, Typed::Null) => list.has_null = true,
                None => list.others.push(self.float(found)),
            }
        }
        list.constants.sort_unstable_by(|one, other| compare_floats(*one, *other));
        list.constants.dedup_by(|one, other| compare_floats(*one, *other).is_eq());
        let of = self.float(&typed);
        Ok(Truth::InFloat(of, list))
    }

    fn texts(&mut self, of: (&Typed, &Syntax), operand: Bytes, elements: Vec<Side<'_>>) -> Result<Truth, Fault> {
        let mut list = List::default();
        for (found, element) in elements {
            let is_same = matches!(
                (of.0, &found),
                (Typed::Text(_), Typed::Text(_)) | (Typed::Binary(_), Typed::Binary(_)) | (_, Typed::Null)
            );
            if !is_same {
                return Err(not_comparable(of, (&found, element)));
            }
            match found {
                Typed::Text(Bytes::Constant(value)) | Typed::Binary(Bytes::Constant(value)) => {
                    list.constants.push(value);
                }
                Typed::Text(other) | Typed::Binary(other) => list.others.push(other),
                _ => list.has_null = true,
            }
        }
        list.constants.sort_unstable();
        list.constants.dedup();
        Ok(Truth::InBytes(operand, list))
    }

    fn times(
        &mut self,
        of: (&Typed, &Syntax),
        (id, unit): (ExactId, Unit),
        elements: &[Side<'_>],
    ) -> Result<Truth, Fault> {
        let Typed::Time { zoned: of_operand, .. } = of.0 else { return Err(not_comparable(of, of)) };
        let mut finest = unit;
        for (found, element) in elements {
            match found {
                Typed::Null => {}
                Typed::Time { id, unit, zoned } if zoned == of_operand => {
                    if self.nodes.constant(*id).is_none() && unit.nanoseconds() < finest.nanoseconds() {
                        finest = *unit;
                    }
                }
                other => return Err(not_comparable(of, (other, element))),
            }
        }
        let mut list = List::default();
        for (found, element) in elements {
            let Typed::Time { id, unit, .. } = found else {
                list.has_null = true;
                continue;
            };
            match self.nodes.constant(*id) {
                Some(value) => {
                    let ratio = i256::from_i128(unit.nanoseconds());
                    let finest = i256::from_i128(finest.nanoseconds());
                    let value = value.checked_mul(ratio).and_then(|value| value.checked_div_rem(finest));
                    list.constants.extend(value.filter(|(_, rest)| *rest == i256::ZERO).map(|(value, _)| value));
                }
                None => {
                    let refined = self.refine(*id, *unit, finest);
                    list.others.push(refined.map_err(|problem| problem.at(element.place))?);
                }
            }
        }
        list.constants.sort_unstable();
        list.constants.dedup();
        let id = self.refine(id, unit, finest).map_err(|problem| problem.at(of.1.place))?;
        Ok(Truth::InExact(id, list))
    }
}

/// `value` / 10^`from` as an integer / 10^`to`, if it is one.
fn rescaled(value: i256, from: u32, to: u32) -> Option<i256> {
    if from <= to {
        return value.checked_mul(power_of_ten(to - from)?);
    }
    let (quotient, rest) = value.checked_div_rem(power_of_ten(from - to)?)?;
    (rest == i256::ZERO).then_some(quotient)
}
