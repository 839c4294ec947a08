//! True, false and null.

use std::cmp::Ordering;

use arrow_buffer::i256;

use super::{Lowering, Sources};
use crate::{
    code::{Among, Compare, Keep, Op, Operand, Order, Value},
    interval::Lane,
    program::{Bytes, ExactId, FloatId, List, Truth},
    syntax::Relation,
};

impl<'p> Lowering<'p, '_> {
    /// The truth of a part, in the rows that matter.
    pub(super) fn truth(&mut self, truth: &'p Truth) -> usize {
        match truth {
            Truth::Constant(value) => self.constant(*value, None),
            Truth::Column(column) => {
                let nulls = self.column_nulls(*column);
                self.emit(|out| Op::TruthColumn { column: *column, nulls, out })
            }
            Truth::Exact(relation, left, right) => self.compare_exact(*relation, *left, *right),
            Truth::Float(relation, left, right) => self.compare_float(*relation, *left, *right),
            Truth::Bytes(relation, left, right) => {
                let nulls = self.bytes_nulls([left, right]);
                self.emit(|out| Op::CompareBytes { relation: *relation, left, right, nulls, out })
            }
            Truth::Conditions(relation, left, right) => {
                let (left, right) = (self.truth(left), self.truth(right));
                self.emit(|out| Op::CompareTruths { relation: *relation, left, right, out })
            }
            Truth::InExact(of, list) => self.among_exact(*of, list),
            Truth::InFloat(of, list) => self.among_float(*of, list),
            Truth::InBytes(of, list) => self.among_bytes(of, list),
            Truth::Like(of, pattern) => {
                let nulls = self.bytes_nulls([of, of]);
                self.emit(|out| Op::Like { of, pattern, nulls, out })
            }
            Truth::IsNullExact(of) => {
                if self.known(*of).may_fail {
                    self.compute(*of);
                }
                let nulls = self.exact_nulls(*of);
                self.emit(|out| Op::IsNull { nulls, out })
            }
            Truth::IsNullFloat(of) => {
                if self.float_may_fail(*of) {
                    self.float(*of);
                }
                let nulls = self.float_nulls(*of);
                self.emit(|out| Op::IsNull { nulls, out })
            }
            Truth::IsNullColumn(column) => {
                let nulls = self.column_nulls(*column);
                self.emit(|out| Op::IsNull { nulls, out })
            }
            Truth::IsNullCondition(of) => {
                let of = self.truth(of);
                self.emit(|out| Op::IsNullTruth { of, out })
            }
            Truth::Not(of) => {
                let of = self.truth(of);
                self.emit(|out| Op::Not { of, out })
            }
            Truth::Every(operands) => self.joined(operands, Keep::NotFalse),
            Truth::Any(operands) => self.joined(operands, Keep::NotTrue),
        }
    }

    fn emit(&mut self, op: impl FnOnce(usize) -> Op<'p>) -> usize {
        let out = self.new_truth();
        self.ops.push(op(out));
        out
    }

    fn constant(&mut self, value: Option<bool>, nulls: Option<usize>) -> usize {
        self.emit(|out| Op::TruthConstant { value, nulls, out })
    }

    /// `and` or `or`: an operand is computed for the rows that those before it do not decide, and left out where there
    /// is none. So an operand is never an error in a row that was decided before.
    fn joined(&mut self, operands: &'p [Truth], keep: Keep) -> usize {
        let Some((first, rest)) = operands.split_first() else {
            return self.constant(Some(keep == Keep::NotFalse), None);
        };
        let outer = self.active;
        let result = self.truth(first);
        let mut skips = Vec::new();
        // What the first operand has computed is there later, too. What others have may have been left out.
        let first_kept = self.kept.len();
        for operand in rest {
            let active = self.new_mask();
            self.ops.push(Op::Activate { within: self.active, truth: result, keep, out: active });
            skips.push((self.ops.len(), active));
            self.ops.push(Op::SkipUnless { any: active, to: 0 });
            self.active = active;
            let right = self.truth(operand);
            self.ops.push(match keep {
                Keep::NotFalse => Op::And { left: result, right, out: result },
                Keep::NotTrue => Op::Or { left: result, right, out: result },
            });
        }
        let to = self.ops.len();
        for (at, any) in skips {
            if let Some(op) = self.ops.get_mut(at) {
                *op = Op::SkipUnless { any, to };
            }
        }
        self.active = outer;
        self.kept.truncate(first_kept);
        result
    }

    fn compare_exact(&mut self, relation: Relation, left: ExactId, right: ExactId) -> usize {
        let (one, other) = (self.known(left), self.known(right));
        if let (Some(one), Some(other)) = (one.interval, other.interval)
            && !(self.known(left).may_fail || self.known(right).may_fail)
        {
            let order = if one.greatest < other.least {
                Some(Ordering::Less)
            } else if one.least > other.greatest {
                Some(Ordering::Greater)
            } else {
                None
            };
            if let Some(order) = order {
                let nulls = self.both_nulls(left, right);
                return self.constant(Some(holds(relation, order)), nulls);
            }
        }
        match one.lane().max(other.lane()) {
            Lane::Small => self.compare::<f64>(relation, left, right),
            Lane::Whole => self.compare::<i64>(relation, left, right),
            Lane::Wide => self.compare::<i128>(relation, left, right),
            Lane::Huge => self.compare::<i256>(relation, left, right),
        }
    }

    fn both_nulls(&mut self, left: ExactId, right: ExactId) -> Option<usize> {
        let mut sources = Sources::default();
        self.exact_sources(left, &mut sources);
        self.exact_sources(right, &mut sources);
        self.nulls(sources)
    }

    fn compare<T: Value>(&mut self, relation: Relation, left: ExactId, right: ExactId) -> usize {
        let (one, other) = (self.operand::<T>(left), self.operand::<T>(right));
        let nulls = self.both_nulls(left, right);
        let (relation, left, right) = match (one, other) {
            (Operand::Register(left), right) => (relation, left, right),
            (Operand::Constant(_), Operand::Register(right)) => (relation.flipped(), right, one),
            (Operand::Constant(_), Operand::Constant(_)) => (relation, self.exact(left, T::LANE), other),
        };
        let (order, negate) = Order::of(relation);
        self.emit(|out| T::compare(Compare { order, negate, left, right, nulls, out }))
    }

    fn compare_float(&mut self, relation: Relation, left: FloatId, right: FloatId) -> usize {
        let (one, other) = (self.float_operand(left), self.float_operand(right));
        let mut sources = Sources::default();
        self.float_sources(left, &mut sources);
        self.float_sources(right, &mut sources);
        let nulls = self.nulls(sources);
        let (relation, left, right) = match (one, other) {
            (Operand::Register(left), right) => (relation, left, right),
            (Operand::Constant(_), Operand::Register(right)) => (relation.flipped(), right, one),
            (Operand::Constant(_), Operand::Constant(_)) => (relation, self.float(left), other),
        };
        let (order, negate) = Order::of(relation);
        self.emit(|out| Op::CompareFloat(Compare { order, negate, left, right, nulls, out }))
    }

    fn among_exact(&mut self, of: ExactId, list: &'p List<i256, ExactId>) -> usize {
        let known = self.known(of);
        let lane = list.others.iter().map(|other| self.known(*other).lane()).fold(known.lane(), Lane::max);
        let (nulls, others) = (self.exact_nulls(of), &list.others);
        let mut result = match lane {
            Lane::Small => self.among::<f64>(of, &list.constants, nulls, others),
            Lane::Whole => self.among::<i64>(of, &list.constants, nulls, others),
            Lane::Wide => self.among::<i128>(of, &list.constants, nulls, others),
            Lane::Huge => self.among::<i256>(of, &list.constants, nulls, others),
        };
        if list.has_null {
            result = self.or_null(result);
        }
        result
    }

    /// One register for the operand, however many values it is compared with.
    fn among<T: Value>(&mut self, of: ExactId, constants: &[i256], nulls: Option<usize>, others: &[ExactId]) -> usize {
        let interval = self.known(of).interval;
        let can_be = |value: &&i256| match (interval, value.to_i128()) {
            (None, _) => true,
            (Some(interval), Some(value)) => interval.contains(value),
            (Some(_), None) => false,
        };
        let constants = constants.iter().filter(can_be).map(|value| T::of(*value)).collect();
        let register = self.exact(of, T::LANE);
        let result = self.emit(|out| T::among(Among { of: register, constants, nulls, out }));
        for other in others {
            let right = self.operand::<T>(*other);
            let of_other = self.exact_nulls(*other);
            // Where the operand is null, the first comparison says so already.
            let compare =
                Compare { order: Order::Equal, negate: false, left: register, right, nulls: of_other, out: 0 };
            let equal = self.emit(|out| T::compare(Compare { out, ..compare }));
            self.ops.push(Op::Or { left: result, right: equal, out: result });
        }
        if nulls.is_some() && !others.is_empty() {
            return self.null_where(result, nulls);
        }
        result
    }

    fn among_float(&mut self, of: FloatId, list: &'p List<f64, FloatId>) -> usize {
        let (register, nulls) = (self.float(of), self.float_nulls(of));
        let constants = list.constants.clone();
        let mut result = self.emit(|out| Op::AmongFloat(Among { of: register, constants, nulls, out }));
        for other in &list.others {
            let right = self.float_operand(*other);
            let nulls = self.float_nulls(*other);
            let compare = Compare { order: Order::Equal, negate: false, left: register, right, nulls, out: 0 };
            let equal = self.emit(|out| Op::CompareFloat(Compare { out, ..compare }));
            self.ops.push(Op::Or { left: result, right: equal, out: result });
        }
        if nulls.is_some() && !list.others.is_empty() {
            result = self.null_where(result, nulls);
        }
        if list.has_null {
            result = self.or_null(result);
        }
        result
    }

    fn among_bytes(&mut self, of: &'p Bytes, list: &'p List<Vec<u8>, Bytes>) -> usize {
        let (nulls, constants) = (self.bytes_nulls([of, of]), &list.constants);
        let mut result = self.emit(|out| Op::AmongBytes { of, constants, nulls, out });
        for other in &list.others {
            let nulls = self.bytes_nulls([of, other]);
            let relation = Relation::Equal;
            let equal = self.emit(|out| Op::CompareBytes { relation, left: of, right: other, nulls, out });
            self.ops.push(Op::Or { left: result, right: equal, out: result });
        }
        if list.has_null {
            result = self.or_null(result);
        }
        result
    }

    /// `truth or null`.
    fn or_null(&mut self, truth: usize) -> usize {
        let null = self.constant(None, None);
        self.ops.push(Op::Or { left: truth, right: null, out: truth });
        truth
    }

    /// The same truth, but null in these rows.
    fn null_where(&mut self, truth: usize, nulls: Option<usize>) -> usize {
        // False in other rows, so that it changes nothing there; null in these, where it must not be true.
        let null = self.constant(Some(true), nulls);
        self.ops.push(Op::And { left: truth, right: null, out: truth });
        let either = self.constant(Some(false), nulls);
        self.ops.push(Op::Or { left: truth, right: either, out: truth });
        truth
    }

    fn bytes_nulls(&mut self, sides: [&Bytes; 2]) -> Option<usize> {
        let columns = sides.into_iter().filter_map(|side| match side {
            Bytes::Column(column) => Some(*column),
            Bytes::Constant(_) => None,
        });
        self.nulls(Sources { columns: columns.collect(), is_null: false })
    }

    fn column_nulls(&mut self, column: usize) -> Option<usize> {
        self.nulls(Sources { columns: [column].into(), is_null: false })
    }
}

/// Whether a relation holds between two sides in this order.
pub(crate) fn holds(relation: Relation, order: Ordering) -> bool {
    match relation {
        Relation::Equal => order.is_eq(),
        Relation::NotEqual => order.is_ne(),
        Relation::Less => order.is_lt(),
        Relation::LessOrEqual => order.is_le(),
        Relation::Greater => order.is_gt(),
        Relation::GreaterOrEqual => order.is_ge(),
    }
}
