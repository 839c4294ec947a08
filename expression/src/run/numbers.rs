//! Operations that write numbers.

use arrow_buffer::i256;

use super::{
    Failure, Machine, Registers, Source,
    arithmetic::{self, Integer},
    load,
    masks::{self, Mask, zip},
};
use crate::{
    batch::Batch,
    code::{Binary, Guard, Op},
    error::Reason,
    interval::Lane,
};

impl Machine {
    #[inline(always)]
    pub(super) fn load(&mut self, op: &Op<'_>, batch: &Batch<'_>, start: usize) {
        match *op {
            Op::Number { lane, out } => match lane {
                Lane::Small => self.floats.write(out, |_, out| load::small_numbers(batch, start, out)),
                Lane::Whole => self.wholes.write(out, |_, out| load::numbers(batch, start, out)),
                Lane::Wide => self.wides.write(out, |_, out| load::numbers(batch, start, out)),
                Lane::Huge => self.huges.write(out, |_, out| load::numbers(batch, start, out)),
            },
            Op::Column { lane, column, out } => {
                let values = &batch.columns[column].values;
                match lane {
                    Lane::Small => self.floats.write(out, |_, out| load::integers(values, start, out)),
                    Lane::Whole => self.wholes.write(out, |_, out| load::integers(values, start, out)),
                    Lane::Wide => self.wides.write(out, |_, out| load::integers(values, start, out)),
                    Lane::Huge => self.huges.write(out, |_, out| load::integers(values, start, out)),
                }
            }
            Op::FloatColumn { column, out } => {
                self.floats.write(out, |_, out| load::floats(&batch.columns[column].values, start, out));
            }
            Op::FillFloat { value, out } => self.floats.write(out, |_, out| out.fill(value)),
            Op::FillExact { lane, value, out } => match lane {
                Lane::Small => self.floats.write(out, |_, out| out.fill(f64::from_i256(value))),
                Lane::Whole => self.wholes.write(out, |_, out| out.fill(i64::from_i256(value))),
                Lane::Wide => self.wides.write(out, |_, out| out.fill(i128::from_i256(value))),
                Lane::Huge => self.huges.write(out, |_, out| out.fill(value)),
            },
            Op::Convert { from, of, to, out } => self.convert((from, of), (to, out)),
            Op::ToFloat { from, of, scale, out } => self.write_float((from, of), scale, out),
            _ => {}
        }
    }

    #[inline(always)]
    fn convert(&mut self, (from, of): (Lane, usize), (to, out): (Lane, usize)) {
        match (from, to) {
            (Lane::Small, Lane::Whole) => {
                self.wholes.write(out, |_, out| arithmetic::each(self.floats.values(of), out, f64::to_i64));
            }
            (Lane::Whole, Lane::Small) => {
                self.floats.write(out, |_, out| arithmetic::each(self.wholes.values(of), out, f64::from_i64));
            }
            _ => self.convert_wide((from, of), (to, out)),
        }
    }

    fn convert_wide(&mut self, (from, of): (Lane, usize), (to, out): (Lane, usize)) {
        let values: Vec<i256> = match from {
            Lane::Small => self.floats.values(of).iter().map(|value| value.to_i256()).collect(),
            Lane::Whole => self.wholes.values(of).iter().map(|value| value.to_i256()).collect(),
            Lane::Wide => self.wides.values(of).iter().map(|value| value.to_i256()).collect(),
            Lane::Huge => self.huges.values(of).to_vec(),
        };
        match to {
            Lane::Small => self.floats.write(out, |_, out| arithmetic::each(&values, out, f64::from_i256)),
            Lane::Whole => self.wholes.write(out, |_, out| arithmetic::each(&values, out, i64::from_i256)),
            Lane::Wide => self.wides.write(out, |_, out| arithmetic::each(&values, out, i128::from_i256)),
            Lane::Huge => self.huges.write(out, |_, out| arithmetic::each(&values, out, |value| value)),
        }
    }

    #[inline(always)]
    fn write_float(&mut self, (from, of): (Lane, usize), scale: u8, out: usize) {
        match from {
            // Not -0, which is an integer's zero in this lane, but another float.
            Lane::Small if scale == 0 => self.floats.write(out, |floats, out| {
                arithmetic::each(floats.values(of), out, |value| value + 0.0);
            }),
            Lane::Whole if scale == 0 => self.floats.write(out, |_, out| {
                arithmetic::each(self.wholes.values(of), out, |value| value as f64);
            }),
            Lane::Small => self.floats.write(out, |floats, out| arithmetic::to_floats(floats.values(of), scale, out)),
            Lane::Whole => self.floats.write(out, |_, out| arithmetic::to_floats(self.wholes.values(of), scale, out)),
            Lane::Wide => self.floats.write(out, |_, out| arithmetic::to_floats(self.wides.values(of), scale, out)),
            Lane::Huge => self.floats.write(out, |_, out| arithmetic::to_floats(self.huges.values(of), scale, out)),
        }
    }

    #[inline(always)]
    pub(super) fn arithmetic<const VECTOR: bool>(&mut self, op: &Op<'_>) {
        match op {
            Op::Small(binary) => {
                if let Some(guard) = binary.guard {
                    self.fail(&zeros(&self.floats, binary, 0.0), guard, Reason::DivisionByZero);
                }
                operate(&mut self.floats, binary, |left, right, out| {
                    arithmetic::small::<VECTOR>(binary.step, left, right, out);
                });
            }
            Op::Whole(binary) => {
                if let Some(guard) = binary.guard {
                    self.fail(&zeros(&self.wholes, binary, 0), guard, Reason::DivisionByZero);
                }
                operate(&mut self.wholes, binary, |left, right, out| {
                    arithmetic::whole(binary.step, left, right, out);
                });
            }
            Op::Float(binary) => operate(&mut self.floats, binary, |left, right, out| {
                arithmetic::float(binary.step, left, right, out);
            }),
            Op::SmallBy(by) => self.floats.write(by.out, |floats, out| {
                arithmetic::small_by::<VECTOR>(by.part, floats.values(by.of), by.divisor, out);
            }),
            Op::WholeBy(by) => self.wholes.write(by.out, |wholes, out| {
                arithmetic::whole_by(by.part, wholes.values(by.of), by.divisor, out);
            }),
            _ => self.arithmetic_wide(op),
        }
    }

    fn arithmetic_wide(&mut self, op: &Op<'_>) {
        match op {
            Op::Wide(binary) => {
                if let Some(guard) = binary.guard {
                    self.fail(&zeros(&self.wides, binary, 0), guard, Reason::DivisionByZero);
                }
                operate(&mut self.wides, binary, |left, right, out| {
                    arithmetic::wide(binary.step, left, right, out);
                });
            }
            Op::Huge(binary) => {
                if let (Some(guard), true) = (binary.guard, binary.step.divides()) {
                    self.fail(&zeros(&self.huges, binary, i256::ZERO), guard, Reason::DivisionByZero);
                }
                let mut unfit = masks::NONE;
                operate(&mut self.huges, binary, |left, right, out| {
                    unfit = arithmetic::huge(binary.step, left, right, out);
                });
                if let Some(guard) = binary.guard {
                    self.fail(&unfit, guard, Reason::OutOfRange);
                }
            }
            Op::CheckDivisor { of, guard } => {
                let zeros = Source::Values(self.floats.values(*of)).mask(|value| value == 0.0);
                self.fail(&zeros, *guard, Reason::DivisionByZero);
            }
            _ => {}
        }
    }

    /// Notes the first of these rows whose result matters. An error in an earlier row counts more, and the first one in
    /// the same row.
    fn fail(&mut self, rows: &Mask, guard: Guard, reason: Reason) {
        let rows = zip(rows, &self.masks[guard.active], |rows, active| rows & active);
        let rows = zip(&rows, &self.mask(guard.nulls), |rows, nulls| rows & !nulls);
        if let Some(row) = masks::first_row(&rows)
            && self.failure.is_none_or(|failure| row < failure.row)
        {
            self.failure = Some(Failure { row, reason });
        }
    }
}

#[inline(always)]
fn operate<T: Copy + Default>(
    registers: &mut Registers<T>,
    binary: &Binary<T>,
    operate: impl FnOnce(Source<'_, T>, Source<'_, T>, &mut [T]),
) {
    registers.write(binary.out, |registers, out| {
        operate(registers.source(binary.left), registers.source(binary.right), out);
    });
}

/// The rows in which a divisor is zero.
#[inline(always)]
fn zeros<T: Copy + Default + PartialEq>(registers: &Registers<T>, binary: &Binary<T>, zero: T) -> Mask {
    registers.source(binary.right).mask(|value| value == zero)
}
