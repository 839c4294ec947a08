//! A program to [`Code`] for some rows: in which lanes, with which checks.

mod numbers;
mod registers;
mod truths;

use std::collections::BTreeSet;

pub(crate) use self::truths::holds;
use crate::{
    code::{BANKS, Bank, Code, Op, PRESENT},
    interval::{Interval, Known, Lane, analyze},
    program::{ExactId, ExactNode, FloatId, FloatNode, Nodes, Program},
};

/// Values that are kept for a second use. More would keep more registers busy.
const MOST_KEPT: usize = 32;

/// What is known of all integers of a program, given the values of the number and of the columns of the program: `None`
/// for what is no integer, or one beyond 128 bits.
pub(crate) fn known(program: &Program, number: Interval, columns: &[Option<Interval>]) -> Vec<Known> {
    analyze(&program.nodes.exact, number, columns)
}

/// The operations. Every row that they fail in has no answer. `has_nulls` says in which columns of the program are
/// nulls.
pub(crate) fn lower<'a>(program: &'a Program, known: &[Known], has_nulls: &[bool]) -> Code<'a> {
    let mut lowering = Lowering {
        nodes: &program.nodes,
        known,
        has_nulls,
        ops: Vec::new(),
        registers: [0; BANKS],
        truths: 0,
        masks: PRESENT + 1,
        kept: Vec::new(),
        active: PRESENT,
    };
    let result = lowering.truth(&program.truth);
    let Lowering { ops, registers, truths, masks, .. } = lowering;
    let mut code = Code { ops, registers, truths, masks, result };
    registers::assign(&mut code);
    code
}

struct Lowering<'p, 'k> {
    nodes: &'p Nodes,
    known: &'k [Known],
    has_nulls: &'k [bool],
    ops: Vec<Op<'p>>,
    /// How many registers of each bank were given out; each is written once.
    registers: [usize; BANKS],
    truths: usize,
    masks: usize,
    /// Registers whose values are known to be there, the latest last.
    kept: Vec<(Kept, usize)>,
    /// The mask of the rows that matter.
    active: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Exact(ExactId, Lane),
    Float(FloatId),
    /// The remainder by a constant.
    Residue(ExactId, i64),
}

impl<'p> Lowering<'p, '_> {
    #[expect(clippy::indexing_slicing, reason = "there are as many counts as banks")]
    fn register(&mut self, bank: Bank) -> usize {
        let count = &mut self.registers[bank as usize];
        *count += 1;
        *count - 1
    }

    fn new_truth(&mut self) -> usize {
        self.truths += 1;
        self.truths - 1
    }

    fn new_mask(&mut self) -> usize {
        self.masks += 1;
        self.masks - 1
    }

    fn kept(&self, wanted: Kept) -> Option<usize> {
        self.kept.iter().rev().find(|(kept, _)| *kept == wanted).map(|(_, register)| *register)
    }

    /// Keeps a register for a second use, as long as those that were kept before still fit.
    fn keep(&mut self, kept: Kept, register: usize) -> usize {
        if self.kept.len() < MOST_KEPT {
            self.kept.push((kept, register));
        }
        register
    }

    fn exact_node(&self, id: ExactId) -> ExactNode {
        self.nodes.exact.get(id.0).copied().unwrap_or(ExactNode::Null)
    }

    fn float_node(&self, id: FloatId) -> FloatNode {
        self.nodes.float.get(id.0).copied().unwrap_or(FloatNode::Null)
    }

    fn known(&self, id: ExactId) -> Known {
        self.known.get(id.0).copied().unwrap_or(Known { interval: None, may_fail: true })
    }

    /// The mask of the rows in which a number is null; `None` if it is in none.
    fn exact_nulls(&mut self, id: ExactId) -> Option<usize> {
        let mut sources = Sources::default();
        self.exact_sources(id, &mut sources);
        self.nulls(sources)
    }

    fn float_nulls(&mut self, id: FloatId) -> Option<usize> {
        let mut sources = Sources::default();
        self.float_sources(id, &mut sources);
        self.nulls(sources)
    }

    fn nulls(&mut self, sources: Sources) -> Option<usize> {
        if sources.is_null {
            let out = self.new_mask();
            self.ops.push(Op::AllNull { out });
            return Some(out);
        }
        let has_nulls = |column: &usize| self.has_nulls.get(*column).copied().unwrap_or(true);
        let columns: Vec<_> = sources.columns.into_iter().filter(has_nulls).collect();
        if columns.is_empty() {
            return None;
        }
        let out = self.new_mask();
        self.ops.push(Op::Nulls { columns, out });
        Some(out)
    }

    fn exact_sources(&self, id: ExactId, sources: &mut Sources) {
        match self.exact_node(id) {
            ExactNode::Number | ExactNode::Constant(_) => {}
            ExactNode::Column(column) => {
                sources.columns.insert(column);
            }
            ExactNode::Null => sources.is_null = true,
            ExactNode::Negate(operand) => self.exact_sources(operand, sources),
            ExactNode::Binary(_, left, right) => {
                self.exact_sources(left, sources);
                self.exact_sources(right, sources);
            }
        }
    }

    fn float_sources(&self, id: FloatId, sources: &mut Sources) {
        match self.float_node(id) {
            FloatNode::Constant(_) => {}
            FloatNode::Column(column) => {
                sources.columns.insert(column);
            }
            FloatNode::Null => sources.is_null = true,
            FloatNode::Exact { of, .. } => self.exact_sources(of, sources),
            FloatNode::Negate(operand) | FloatNode::Divisor { of: operand, .. } => self.float_sources(operand, sources),
            FloatNode::Binary(_, left, right) => {
                self.float_sources(left, sources);
                self.float_sources(right, sources);
            }
        }
    }

    /// Whether a float, or what it is computed from, can be an error.
    fn float_may_fail(&self, id: FloatId) -> bool {
        match self.float_node(id) {
            FloatNode::Column(_) | FloatNode::Constant(_) | FloatNode::Null => false,
            FloatNode::Exact { of, .. } => self.known(of).may_fail,
            FloatNode::Divisor { .. } => true,
            FloatNode::Negate(operand) => self.float_may_fail(operand),
            FloatNode::Binary(_, left, right) => self.float_may_fail(left) || self.float_may_fail(right),
        }
    }
}

/// Where the nulls of a number come from: whatever is computed from null is null.
#[derive(Default)]
struct Sources {
    columns: BTreeSet<usize>,
    is_null: bool,
}
