//! A tree of syntax to a [`Program`], checked against the columns.

mod compare;
mod list;
mod names;
mod typed;

use arrow_buffer::i256;
use arrow_schema::{DataType, Schema};
use swath_model::Layout;

pub(crate) use self::names::resolve;
use self::typed::{Typed, Unit, Zoned};
use crate::{
    NUMBER,
    error::{Fault, Place, Problem},
    like::Pattern,
    program::{
        Bytes, Column, ConstantOutOfRange, ExactId, ExactNode, FloatId, FloatNode, Nodes, Program, Truth, power_of_ten,
    },
    syntax::{Arithmetic, Kind, Literal, Relation, Sense, Syntax},
    wide::to_float,
};

/// Digits after the point that an exact number can have: as many as 256 bits hold.
const MOST_SCALE: u32 = 76;

/// Checks a condition whose names are resolved.
pub(crate) fn check(syntax: &Syntax, columns: &Schema) -> Result<Program, Fault> {
    let mut check = Check { schema: columns, nodes: Nodes::default(), columns: Vec::new() };
    let truth = check.truth(syntax, "the whole must be")?;
    let Check { nodes, mut columns, .. } = check;
    for node in &nodes.exact {
        let operands = match node {
            ExactNode::Negate(operand) => [Some(operand), None],
            ExactNode::Binary(_, left, right) => [Some(left), Some(right)],
            _ => [None, None],
        };
        for operand in operands.into_iter().flatten() {
            if let Some(ExactNode::Column(column)) = nodes.exact.get(operand.0)
                && let Some(column) = columns.get_mut(*column)
            {
                column.is_computed = true;
            }
        }
    }
    Ok(Program { nodes, columns, truth })
}

struct Check<'a> {
    schema: &'a Schema,
    nodes: Nodes,
    columns: Vec<Column>,
}

impl Check<'_> {
    /// A part that must be true, false or null.
    fn truth(&mut self, syntax: &Syntax, whose: &'static str) -> Result<Truth, Fault> {
        match self.typed(syntax)? {
            Typed::Truth(truth) => Ok(truth),
            Typed::Null => Ok(Truth::Constant(None)),
            other => Err(Problem::NotACondition { whose, found: other.describe(syntax) }.at(syntax.place)),
        }
    }

    fn typed(&mut self, syntax: &Syntax) -> Result<Typed, Fault> {
        let truth = match &syntax.kind {
            Kind::Literal(literal) => return Ok(self.literal(literal)),
            Kind::Column(name) => return self.column(&name.text, syntax.place),
            Kind::Negate(operand) => return self.negate(operand, syntax.place),
            Kind::Arithmetic(operator, left, right) => return self.arithmetic(*operator, left, right),
            Kind::Not(operand) => negated(self.truth(operand, "`not` takes")?, Sense::Negated),
            Kind::Every(operands) => Truth::Every(self.truths(operands, "`and` takes")?),
            Kind::Any(operands) => Truth::Any(self.truths(operands, "`or` takes")?),
            Kind::Compare(relation, left, right) => {
                let (one, other) = (self.typed(left)?, self.typed(right)?);
                self.compare(*relation, (one, left), (other, right))?
            }
            Kind::Between(operands, sense) => self.between(operands, *sense)?,
            Kind::In(operand, list, sense) => negated(self.list(operand, list)?, *sense),
            Kind::Like(operand, pattern, sense) => negated(self.like(operand, pattern)?, *sense),
            Kind::IsNull(operand, sense) => negated(self.is_null(operand)?, *sense),
        };
        Ok(Typed::Truth(truth))
    }

    fn truths(&mut self, operands: &[Syntax], whose: &'static str) -> Result<Vec<Truth>, Fault> {
        operands.iter().map(|operand| self.truth(operand, whose)).collect()
    }

    fn literal(&mut self, literal: &Literal) -> Typed {
        match literal {
            Literal::Integer(value) => self.constant(i256::from_i128(*value), 0),
            Literal::Decimal { digits, scale } => self.constant(i256::from_i128(*digits), u32::from(*scale)),
            Literal::Float(value) => Typed::FloatLiteral(*value),
            Literal::Text(text) => Typed::Text(Bytes::Constant(text.clone().into_bytes())),
            Literal::Bytes(bytes) => Typed::Binary(Bytes::Constant(bytes.clone())),
            Literal::Boolean(value) => Typed::Truth(Truth::Constant(Some(*value))),
            Literal::Null => Typed::Null,
        }
    }

    fn constant(&mut self, value: i256, scale: u32) -> Typed {
        Typed::Exact { id: self.nodes.add_exact(ExactNode::Constant(value)), scale }
    }

    fn column(&mut self, name: &str, place: Place) -> Result<Typed, Fault> {
        if name == NUMBER {
            return Ok(Typed::Exact { id: self.nodes.add_exact(ExactNode::Number), scale: 0 });
        }
        let found = self.schema.fields().iter().enumerate().find(|(_, field)| field.name() == name);
        let Some((index, field)) = found else {
            let problem = Problem::UnknownColumn { name: name.to_owned(), suggestion: None, known: Vec::new() };
            return Err(problem.at(place));
        };
        let data_type = field.data_type().clone();
        let column = self.columns.iter().position(|column| column.index == index).unwrap_or_else(|| {
            let (name, data_type) = (name.to_owned(), data_type.clone());
            self.columns.push(Column { index, name, data_type, is_computed: false });
            self.columns.len() - 1
        });
        self.column_of(column, data_type).map_err(|problem| problem.at(place))
    }

    fn column_of(&mut self, column: usize, data_type: DataType) -> Result<Typed, Problem> {
        let mut exact = || self.nodes.add_exact(ExactNode::Column(column));
        Ok(match data_type {
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32
            | DataType::UInt64 => Typed::Exact { id: exact(), scale: 0 },
            DataType::Decimal32(_, scale)
            | DataType::Decimal64(_, scale)
            | DataType::Decimal128(_, scale)
            | DataType::Decimal256(_, scale) => {
                let factor = power_of_ten(u32::from(scale.min(0).unsigned_abs()));
                let (Some(factor), true) = (factor, i64::from(scale) <= i64::from(MOST_SCALE)) else {
                    return Ok(Typed::Opaque { column, data_type });
                };
                let id = exact();
                let id = self.nodes.times(id, factor).map_err(out_of_range)?;
                Typed::Exact { id, scale: u32::from(scale.max(0).unsigned_abs()) }
            }
            DataType::Float32 | DataType::Float64 => Typed::Float(self.nodes.add_float(FloatNode::Column(column))),
            DataType::Boolean => Typed::Truth(Truth::Column(column)),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Typed::Text(Bytes::Column(column)),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                Typed::Binary(Bytes::Column(column))
            }
            DataType::Date32 => Typed::Time { id: exact(), unit: Unit::Day, zoned: Zoned::Local },
            DataType::Timestamp(unit, zone) => {
                let zoned = if zone.is_some() { Zoned::Zoned } else { Zoned::Local };
                Typed::Time { id: exact(), unit: unit.into(), zoned }
            }
            data_type => Typed::Opaque { column, data_type },
        })
    }

    fn negate(&mut self, operand: &Syntax, place: Place) -> Result<Typed, Fault> {
        Ok(match self.typed(operand)? {
            Typed::Exact { id, scale } => {
                let id = self.nodes.negate(id).map_err(|error| out_of_range(error).at(place))?;
                Typed::Exact { id, scale }
            }
            Typed::Float(id) => Typed::Float(self.nodes.add_float(FloatNode::Negate(id))),
            Typed::FloatLiteral(value) => Typed::FloatLiteral(-value),
            Typed::Null => Typed::Null,
            other => return Err(not_a_number("-", &other, operand)),
        })
    }

    fn arithmetic(&mut self, operator: Arithmetic, left: &Syntax, right: &Syntax) -> Result<Typed, Fault> {
        let (one, other) = (self.typed(left)?, self.typed(right)?);
        for (typed, syntax) in [(&one, left), (&other, right)] {
            let is_number =
                matches!(typed, Typed::Exact { .. } | Typed::Float(_) | Typed::FloatLiteral(_) | Typed::Null);
            if !is_number {
                return Err(not_a_number(operator.symbol(), typed, syntax));
            }
        }
        if let Some((one, other)) = self.both_exact(&one, &other) {
            let divides = matches!(operator, Arithmetic::Divide | Arithmetic::Remainder);
            if divides && self.nodes.constant(other.0) == Some(i256::ZERO) {
                return Err(Problem::DivisionByZero.at(right.place));
            }
            return self.exact(operator, one, other).map_err(|problem| problem.at(left.place.to(right.place)));
        }
        match (one, other) {
            (Typed::Null, Typed::Null) => Ok(Typed::Null),
            (one, other) => {
                let (one, other) = (self.float(&one), self.float(&other));
                Ok(Typed::Float(self.nodes.add_float(FloatNode::Binary(operator, one, other))))
            }
        }
    }

    /// Both sides with their scales, if both are exact or one is and the other is null.
    fn both_exact(&mut self, one: &Typed, other: &Typed) -> Option<((ExactId, u32), (ExactId, u32))> {
        match (one, other) {
            (Typed::Exact { id: one, scale }, Typed::Exact { id: other, scale: of_other }) => {
                Some(((*one, *scale), (*other, *of_other)))
            }
            (Typed::Exact { id, scale }, Typed::Null) => {
                Some(((*id, *scale), (self.nodes.add_exact(ExactNode::Null), *scale)))
            }
            (Typed::Null, Typed::Exact { id, scale }) => {
                Some(((self.nodes.add_exact(ExactNode::Null), *scale), (*id, *scale)))
            }
            _ => None,
        }
    }

    fn exact(
        &mut self,
        operator: Arithmetic,
        (one, of_one): (ExactId, u32),
        (other, of_other): (ExactId, u32),
    ) -> Result<Typed, Problem> {
        let scale = match operator {
            Arithmetic::Multiply => of_one + of_other,
            _ => of_one.max(of_other),
        };
        if operator == Arithmetic::Divide && scale > 0 {
            // Most quotients of decimals have no end.
            let one = self.float_of(one, of_one);
            let divisor = self.float_of(other, of_other);
            let divisor = self.nodes.add_float(FloatNode::Divisor { of: divisor, divisor: other });
            return Ok(Typed::Float(self.nodes.add_float(FloatNode::Binary(operator, one, divisor))));
        }
        if scale > MOST_SCALE {
            return Err(Problem::ScaleTooLarge(scale));
        }
        let id = if operator == Arithmetic::Multiply {
            self.nodes.binary(operator, one, other)
        } else {
            let one = self.rescale(one, of_one, scale)?;
            let other = self.rescale(other, of_other, scale)?;
            self.nodes.binary(operator, one, other)
        };
        Ok(Typed::Exact { id: id.map_err(out_of_range)?, scale })
    }

    /// The same number with more digits after the point.
    fn rescale(&mut self, id: ExactId, from: u32, to: u32) -> Result<ExactId, Problem> {
        let factor = power_of_ten(to.saturating_sub(from)).ok_or(Problem::ConstantOutOfRange)?;
        self.nodes.times(id, factor).map_err(out_of_range)
    }

    fn float_of(&mut self, of: ExactId, scale: u32) -> FloatId {
        let scale = u8::try_from(scale).unwrap_or(u8::MAX);
        self.nodes.add_float(match self.nodes.constant(of) {
            Some(value) => FloatNode::Constant(to_float(value, scale).to_bits()),
            None => FloatNode::Exact { of, scale },
        })
    }

    /// A number, or null, as a float.
    fn float(&mut self, typed: &Typed) -> FloatId {
        match typed {
            Typed::Exact { id, scale } => self.float_of(*id, *scale),
            Typed::Float(id) => *id,
            Typed::FloatLiteral(value) => self.nodes.add_float(FloatNode::Constant(value.to_bits())),
            _ => self.nodes.add_float(FloatNode::Null),
        }
    }

    fn between(&mut self, operands: &[Syntax; 3], sense: Sense) -> Result<Truth, Fault> {
        let [operand, low, high] = operands;
        let (typed, least, most) = (self.typed(operand)?, self.typed(low)?, self.typed(high)?);
        if matches!(typed, Typed::Truth(_)) {
            let (left, right) = (typed.describe(operand), "a range".to_owned());
            return Err(Problem::NotComparable { left, right }.at(operand.place));
        }
        let from = self.compare(Relation::GreaterOrEqual, (typed.clone(), operand), (least, low))?;
        let to = self.compare(Relation::LessOrEqual, (typed, operand), (most, high))?;
        Ok(negated(Truth::Every(vec![from, to]), sense))
    }

    fn like(&mut self, operand: &Syntax, pattern: &Syntax) -> Result<Truth, Fault> {
        let text = match self.typed(operand)? {
            Typed::Text(text) => Some(text),
            Typed::Null => None,
            other => return Err(Problem::NotText(other.describe(operand)).at(operand.place)),
        };
        let pattern = match &pattern.kind {
            Kind::Literal(Literal::Text(pattern)) => Some(Pattern::new(pattern)),
            Kind::Literal(Literal::Null) => None,
            _ => return Err(Problem::PatternNotConstant.at(pattern.place)),
        };
        Ok(match (text, pattern) {
            (Some(text), Some(pattern)) => Truth::Like(text, pattern),
            _ => Truth::Constant(None),
        })
    }

    fn is_null(&mut self, operand: &Syntax) -> Result<Truth, Fault> {
        Ok(match self.typed(operand)? {
            Typed::Exact { id, .. } | Typed::Time { id, .. } => Truth::IsNullExact(id),
            Typed::Float(id) => Truth::IsNullFloat(id),
            Typed::Truth(truth) => Truth::IsNullCondition(Box::new(truth)),
            Typed::Text(Bytes::Column(column)) | Typed::Binary(Bytes::Column(column)) => Truth::IsNullColumn(column),
            Typed::Opaque { column, .. } => Truth::IsNullColumn(column),
            Typed::FloatLiteral(_) | Typed::Text(_) | Typed::Binary(_) => Truth::Constant(Some(false)),
            Typed::Null => Truth::Constant(Some(true)),
        })
    }
}

fn negated(truth: Truth, sense: Sense) -> Truth {
    match sense {
        Sense::Plain => truth,
        Sense::Negated => Truth::Not(Box::new(truth)),
    }
}

fn not_a_number(operator: &'static str, found: &Typed, syntax: &Syntax) -> Fault {
    let problem = match found {
        Typed::Opaque { data_type, .. } => Problem::OnlyNull(Layout::type_text(data_type)),
        _ => Problem::NotANumber { operator, found: found.describe(syntax) },
    };
    problem.at(syntax.place)
}

fn out_of_range(_: ConstantOutOfRange) -> Problem {
    Problem::ConstantOutOfRange
}
