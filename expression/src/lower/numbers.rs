//! Integers and floats.

use arrow_buffer::i256;

use super::{Kept, Lowering};
use crate::{
    code::{Bank, Binary, By, Guard, Op, Operand, Part, SmallDivisor, Step, Value, WholeDivisor},
    interval::{Interval, Lane, MOST_SMALL},
    program::{ExactId, ExactNode, FloatId, FloatNode},
    syntax::Arithmetic,
};

impl Lowering<'_, '_> {
    /// A number in the lane of `T`, which its values fit. Constants have no register.
    pub(super) fn operand<T: Value>(&mut self, id: ExactId) -> Operand<T> {
        match self.exact_node(id) {
            ExactNode::Constant(value) => Operand::Constant(T::of(value)),
            ExactNode::Null => Operand::Constant(T::of(i256::ZERO)),
            _ => Operand::Register(self.exact(id, T::LANE)),
        }
    }

    /// The register of a number in a lane that its values fit.
    pub(super) fn exact(&mut self, id: ExactId, lane: Lane) -> usize {
        if let Some(register) = self.kept(Kept::Exact(id, lane)) {
            return register;
        }
        let out = match self.exact_node(id) {
            ExactNode::Number => {
                let out = self.register(lane.into());
                self.ops.push(Op::Number { lane, out });
                out
            }
            ExactNode::Column(column) => {
                let out = self.register(lane.into());
                self.ops.push(Op::Column { lane, column, out });
                out
            }
            ExactNode::Constant(value) => self.fill(lane, value),
            ExactNode::Null => self.fill(lane, i256::ZERO),
            ExactNode::Negate(_) | ExactNode::Binary(..) => {
                let (of, from) = self.compute(id);
                if from == lane {
                    return of;
                }
                let out = self.register(lane.into());
                self.ops.push(Op::Convert { from, of, to: lane, out });
                out
            }
        };
        self.keep(Kept::Exact(id, lane), out)
    }

    fn fill(&mut self, lane: Lane, value: i256) -> usize {
        let out = self.register(lane.into());
        self.ops.push(Op::FillExact { lane, value, out });
        out
    }

    /// The register of a number in the lane in which it is computed.
    pub(super) fn compute(&mut self, id: ExactId) -> (usize, Lane) {
        let lane_of = |lowering: &Self, id: ExactId| lowering.known(id).lane();
        let (operator, left, right) = match self.exact_node(id) {
            ExactNode::Binary(operator, left, right) => (Some(operator), left, right),
            ExactNode::Negate(operand) => (None, operand, operand),
            _ => {
                let lane = lane_of(self, id);
                return (self.exact(id, lane), lane);
            }
        };
        let mut lane = lane_of(self, id).max(lane_of(self, left)).max(lane_of(self, right));
        let product = self.divisor_of_product(operator, left, right);
        if product.is_some() {
            lane = Lane::Small;
        }
        if let Some(register) = self.kept(Kept::Exact(id, lane)) {
            return (register, lane);
        }
        let out = match (operator, product) {
            (_, Some(divisor)) => return (self.residue(left, divisor), lane),
            (Some(operator), None) => match lane {
                Lane::Small => self.small(operator, id, (left, right)),
                Lane::Whole => self.whole(operator, id, (left, right)),
                Lane::Wide => self.binary::<i128>(step(operator), id, (left, right)),
                Lane::Huge => self.binary::<i256>(step(operator), id, (left, right)),
            },
            (None, None) => match lane {
                Lane::Small => self.negate::<f64>(id, left),
                Lane::Whole => self.negate::<i64>(id, left),
                Lane::Wide => self.negate::<i128>(id, left),
                Lane::Huge => self.negate::<i256>(id, left),
            },
        };
        (self.keep(Kept::Exact(id, lane), out), lane)
    }

    /// The divisor of a remainder of a product that is too large for [`Lane::Small`], where the factors and the
    /// products of their remainders are not.
    fn divisor_of_product(&self, operator: Option<Arithmetic>, left: ExactId, right: ExactId) -> Option<i64> {
        if operator != Some(Arithmetic::Remainder) {
            return None;
        }
        let divisor = self.divisor(right)?;
        let most = i128::from(divisor).abs() - 1;
        let is_small = most < 1 << 32 && most * most <= MOST_SMALL;
        // What may not fit is computed as it stands, for then it is an error.
        let is_safe = !self.known(left).may_fail && self.known(left).lane() > Lane::Small;
        (is_small && is_safe && self.has_small_factors(left)).then_some(divisor)
    }

    fn has_small_factors(&self, id: ExactId) -> bool {
        match self.exact_node(id) {
            _ if self.known(id).lane() == Lane::Small => true,
            ExactNode::Binary(Arithmetic::Multiply, one, other) => {
                self.has_small_factors(one) && self.has_small_factors(other)
            }
            _ => false,
        }
    }

    /// The register of `id % divisor` in [`Lane::Small`]: a * b % c is (a % c) * (b % c) % c, signs included, for both
    /// products have the same sign.
    fn residue(&mut self, id: ExactId, divisor: i64) -> usize {
        let kept = Kept::Residue(id, divisor);
        if let Some(register) = self.kept(kept) {
            return register;
        }
        let of = match self.exact_node(id) {
            ExactNode::Binary(Arithmetic::Multiply, one, other) if self.known(id).lane() > Lane::Small => {
                let left = Operand::Register(self.residue(one, divisor));
                let right = Operand::Register(self.residue(other, divisor));
                let out = self.register(Bank::Float);
                self.ops.push(Op::Small(Binary { step: Step::Multiply, left, right, guard: None, out }));
                out
            }
            _ => self.exact(id, Lane::Small),
        };
        let out = self.small_by(Part::Remainder, of, divisor);
        self.keep(kept, out)
    }

    fn small_by(&mut self, part: Part, of: usize, divisor: i64) -> usize {
        let out = self.register(Bank::Float);
        self.ops.push(Op::SmallBy(By { part, of, divisor: SmallDivisor::new(divisor), out }));
        out
    }

    fn small(&mut self, operator: Arithmetic, id: ExactId, (left, right): (ExactId, ExactId)) -> usize {
        match (part(operator), self.divisor(right)) {
            (Some(part), Some(divisor)) => {
                let of = self.exact(left, Lane::Small);
                self.small_by(part, of, divisor)
            }
            _ => self.binary::<f64>(step(operator), id, (left, right)),
        }
    }

    fn whole(&mut self, operator: Arithmetic, id: ExactId, (left, right): (ExactId, ExactId)) -> usize {
        if let (Some(part), Some(divisor)) = (part(operator), self.divisor(right).and_then(WholeDivisor::new)) {
            let of = self.exact(left, Lane::Whole);
            let out = self.register(Bank::Whole);
            self.ops.push(Op::WholeBy(By { part, of, divisor, out }));
            return out;
        }
        let is_narrow = |id: ExactId| self.known(id).interval.is_some_and(Interval::is_narrow);
        let step = match step(operator) {
            Step::Multiply if is_narrow(left) && is_narrow(right) => Step::MultiplyNarrow,
            step => step,
        };
        self.binary::<i64>(step, id, (left, right))
    }

    /// A constant divisor.
    fn divisor(&self, id: ExactId) -> Option<i64> {
        i64::try_from(self.nodes.constant(id)?.to_i128()?).ok()
    }

    fn negate<T: Value>(&mut self, id: ExactId, operand: ExactId) -> usize {
        let guard = (T::LANE == Lane::Huge).then(|| self.guard(id));
        let left = Operand::Constant(T::of(i256::ZERO));
        // A constant is negated by the check; null is as good as zero.
        let right = Operand::Register(self.exact(operand, T::LANE));
        let out = self.register(T::LANE.into());
        self.ops.push(T::binary(Binary { step: Step::Subtract, left, right, guard, out }));
        out
    }

    fn binary<T: Value>(&mut self, step: Step, id: ExactId, (left, right): (ExactId, ExactId)) -> usize {
        let may_be_zero = self.nodes.constant(right).is_none()
            && self.known(right).interval.is_none_or(|divisor| divisor.contains(0));
        let guard = (T::LANE == Lane::Huge || (step.divides() && may_be_zero)).then(|| self.guard(id));
        let (mut one, other) = (self.operand::<T>(left), self.operand::<T>(right));
        if let (Operand::Constant(_), Operand::Constant(_)) = (one, other) {
            one = Operand::Register(self.exact(left, T::LANE));
        }
        let out = self.register(T::LANE.into());
        self.ops.push(T::binary(Binary { step, left: one, right: other, guard, out }));
        out
    }

    fn guard(&mut self, id: ExactId) -> Guard {
        Guard { active: self.active, nulls: self.exact_nulls(id) }
    }

    pub(super) fn float_operand(&mut self, id: FloatId) -> Operand<f64> {
        match self.float_node(id) {
            FloatNode::Constant(bits) => Operand::Constant(f64::from_bits(bits)),
            FloatNode::Null => Operand::Constant(0.0),
            _ => Operand::Register(self.float(id)),
        }
    }

    /// The register of a float.
    pub(super) fn float(&mut self, id: FloatId) -> usize {
        if let Some(register) = self.kept(Kept::Float(id)) {
            return register;
        }
        let out = match self.float_node(id) {
            FloatNode::Column(column) => {
                let out = self.register(Bank::Float);
                self.ops.push(Op::FloatColumn { column, out });
                out
            }
            FloatNode::Constant(bits) => self.fill_float(f64::from_bits(bits)),
            FloatNode::Null => self.fill_float(0.0),
            FloatNode::Exact { of, scale } => {
                let (of, from) = self.compute(of);
                let out = self.register(Bank::Float);
                self.ops.push(Op::ToFloat { from, of, scale, out });
                out
            }
            FloatNode::Divisor { of, divisor } => {
                let register = self.float(of);
                if self.known(divisor).interval.is_none_or(|divisor| divisor.contains(0)) {
                    let guard = self.guard(divisor);
                    self.ops.push(Op::CheckDivisor { of: register, guard });
                }
                return register;
            }
            FloatNode::Negate(operand) => {
                let left = Operand::Register(self.float(operand));
                let out = self.register(Bank::Float);
                let right = Operand::Constant(-1.0);
                self.ops.push(Op::Float(Binary { step: Step::Multiply, left, right, guard: None, out }));
                out
            }
            FloatNode::Binary(operator, left, right) => {
                let (mut one, other) = (self.float_operand(left), self.float_operand(right));
                if let (Operand::Constant(_), Operand::Constant(_)) = (one, other) {
                    one = Operand::Register(self.float(left));
                }
                let out = self.register(Bank::Float);
                let step = step(operator);
                self.ops.push(Op::Float(Binary { step, left: one, right: other, guard: None, out }));
                out
            }
        };
        self.keep(Kept::Float(id), out)
    }

    fn fill_float(&mut self, value: f64) -> usize {
        let out = self.register(Bank::Float);
        self.ops.push(Op::FillFloat { value, out });
        out
    }
}

fn step(operator: Arithmetic) -> Step {
    match operator {
        Arithmetic::Add => Step::Add,
        Arithmetic::Subtract => Step::Subtract,
        Arithmetic::Multiply => Step::Multiply,
        Arithmetic::Divide => Step::Divide,
        Arithmetic::Remainder => Step::Remainder,
    }
}

fn part(operator: Arithmetic) -> Option<Part> {
    match operator {
        Arithmetic::Divide => Some(Part::Quotient),
        Arithmetic::Remainder => Some(Part::Remainder),
        Arithmetic::Add | Arithmetic::Subtract | Arithmetic::Multiply => None,
    }
}
