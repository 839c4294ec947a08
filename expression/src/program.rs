//! A condition that was checked: what is computed, without how.
//!
//! Numbers are computed *exactly* (integers and decimals, as integers with a scale that the check has settled) or as
//! 64-bit *floats*. Both are lists of nodes, operands first, in which equal nodes are one; truths are a tree over them.

use std::collections::BTreeMap;

use arrow_buffer::i256;
use arrow_schema::DataType;

use crate::{
    like::Pattern,
    syntax::{Arithmetic, Relation},
};

/// The index of a node among those of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ExactId(pub(crate) usize);

/// The index of a node among those of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FloatId(pub(crate) usize);

/// A column that is read.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// Its index in the schema.
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    /// Whether it takes part in arithmetic: then it pays to know its least and its greatest value.
    pub(crate) is_computed: bool,
}

/// An integer. Columns are indices into [`Program::columns`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ExactNode {
    /// The number of the row.
    Number,
    Column(usize),
    Constant(i256),
    Null,
    Negate(ExactId),
    Binary(Arithmetic, ExactId, ExactId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FloatNode {
    Column(usize),
    /// The bits of a float.
    Constant(u64),
    Null,
    /// An integer divided by 10^`scale`.
    Exact {
        of: ExactId,
        scale: u8,
    },
    /// The same as `of`, after an error where `divisor` is zero.
    Divisor {
        of: FloatId,
        divisor: ExactId,
    },
    Negate(FloatId),
    Binary(Arithmetic, FloatId, FloatId),
}

/// Text or binary.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Bytes {
    Column(usize),
    Constant(Vec<u8>),
}

/// True, false or null.
#[derive(Debug, Clone)]
pub(crate) enum Truth {
    Constant(Option<bool>),
    Column(usize),
    Exact(Relation, ExactId, ExactId),
    Float(Relation, FloatId, FloatId),
    Bytes(Relation, Bytes, Bytes),
    Conditions(Relation, Box<Truth>, Box<Truth>),
    InExact(ExactId, List<i256, ExactId>),
    InFloat(FloatId, List<f64, FloatId>),
    InBytes(Bytes, List<Vec<u8>, Bytes>),
    Like(Bytes, Pattern),
    IsNullExact(ExactId),
    IsNullFloat(FloatId),
    IsNullCondition(Box<Truth>),
    IsNullColumn(usize),
    Not(Box<Truth>),
    Every(Vec<Truth>),
    Any(Vec<Truth>),
}

/// The values of `in`.
#[derive(Debug, Clone)]
pub(crate) struct List<C, O> {
    /// Ascending, each once.
    pub(crate) constants: Vec<C>,
    pub(crate) others: Vec<O>,
    pub(crate) has_null: bool,
}

impl<C, O> Default for List<C, O> {
    fn default() -> Self {
        Self { constants: Vec::new(), others: Vec::new(), has_null: false }
    }
}

/// All of a condition.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) nodes: Nodes,
    pub(crate) columns: Vec<Column>,
    pub(crate) truth: Truth,
}

/// All numbers of a condition, operands before what takes them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nodes {
    pub(crate) exact: Vec<ExactNode>,
    pub(crate) float: Vec<FloatNode>,
    exact_ids: BTreeMap<ExactNode, ExactId>,
    float_ids: BTreeMap<FloatNode, FloatId>,
}

/// A constant part has a value that does not fit 256 bits.
#[derive(Debug)]
pub(crate) struct ConstantOutOfRange;

impl Nodes {
    pub(crate) fn add_exact(&mut self, node: ExactNode) -> ExactId {
        let next = ExactId(self.exact.len());
        let id = *self.exact_ids.entry(node).or_insert(next);
        if id == next {
            self.exact.push(node);
        }
        id
    }

    pub(crate) fn add_float(&mut self, node: FloatNode) -> FloatId {
        let next = FloatId(self.float.len());
        let id = *self.float_ids.entry(node).or_insert(next);
        if id == next {
            self.float.push(node);
        }
        id
    }

    pub(crate) fn constant(&self, id: ExactId) -> Option<i256> {
        match self.exact.get(id.0) {
            Some(ExactNode::Constant(value)) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn float_constant(&self, id: FloatId) -> Option<f64> {
        match self.float.get(id.0) {
            Some(FloatNode::Constant(bits)) => Some(f64::from_bits(*bits)),
            _ => None,
        }
    }

    /// `-operand`; of a constant at once.
    pub(crate) fn negate(&mut self, operand: ExactId) -> Result<ExactId, ConstantOutOfRange> {
        let node = match self.constant(operand) {
            Some(value) => ExactNode::Constant(value.checked_neg().ok_or(ConstantOutOfRange)?),
            None => ExactNode::Negate(operand),
        };
        Ok(self.add_exact(node))
    }

    /// `left` `operator` `right`; of constants at once. A constant divisor must not be zero.
    pub(crate) fn binary(
        &mut self,
        operator: Arithmetic,
        left: ExactId,
        right: ExactId,
    ) -> Result<ExactId, ConstantOutOfRange> {
        let node = match (self.constant(left), self.constant(right)) {
            (Some(left), Some(right)) => {
                let value = match operator {
                    Arithmetic::Add => left.checked_add(right),
                    Arithmetic::Subtract => left.checked_sub(right),
                    Arithmetic::Multiply => left.checked_mul(right),
                    Arithmetic::Divide => left.checked_div(right),
                    Arithmetic::Remainder => remainder(left, right),
                };
                ExactNode::Constant(value.ok_or(ConstantOutOfRange)?)
            }
            _ => ExactNode::Binary(operator, left, right),
        };
        Ok(self.add_exact(node))
    }

    /// `operand` times a constant that is at least 1.
    pub(crate) fn times(&mut self, operand: ExactId, factor: i256) -> Result<ExactId, ConstantOutOfRange> {
        if factor == i256::ONE {
            return Ok(operand);
        }
        let factor = self.add_exact(ExactNode::Constant(factor));
        self.binary(Arithmetic::Multiply, operand, factor)
    }
}

/// The remainder with the sign of `left`; `None` if `right` is zero.
pub(crate) fn remainder(left: i256, right: i256) -> Option<i256> {
    // The least integer by -1 overflows as a quotient, not as a remainder.
    if right == i256::MINUS_ONE { Some(i256::ZERO) } else { left.checked_rem(right) }
}

/// 10^`exponent`; `None` beyond 76.
pub(crate) fn power_of_ten(exponent: u32) -> Option<i256> {
    i256::from_i128(10).checked_pow(exponent)
}
