//! Few registers for many values: a register is used again when its value is not read any more.

use crate::code::{BANKS, Bank, Binary, Code, Op, Operand};

/// Numbers the registers anew. Until here each was written once; a jump leads forward only, and what it leaves out is
/// read nowhere else, so the order of the list is enough.
#[expect(clippy::indexing_slicing, reason = "the counts are those of the registers that were given out")]
pub(super) fn assign(code: &mut Code<'_>) {
    let mut last_reads: [Vec<usize>; BANKS] = code.registers.map(|count| vec![0; count]);
    for (at, op) in code.ops.iter_mut().enumerate() {
        visit(op, &mut |bank, register, _| last_reads[bank as usize][*register] = at);
    }
    let mut places: [Vec<usize>; BANKS] = code.registers.map(|count| vec![0; count]);
    let mut free: [Vec<usize>; BANKS] = Default::default();
    let mut used = [0; BANKS];
    for (at, op) in code.ops.iter_mut().enumerate() {
        let mut done = Vec::new();
        visit(op, &mut |bank, register, access| {
            let (of, value) = (bank as usize, *register);
            if access == Access::Write {
                // Not one of those that the same operation reads, which are freed below.
                places[of][value] = free[of].pop().unwrap_or_else(|| {
                    used[of] += 1;
                    used[of] - 1
                });
            }
            *register = places[of][value];
            if last_reads[of][value] == at && !done.contains(&(of, *register)) {
                done.push((of, *register));
            }
        });
        for (of, register) in done {
            free[of].push(register);
        }
    }
    code.registers = used;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

type Visitor<'a> = &'a mut dyn FnMut(Bank, &mut usize, Access);

/// All registers that an operation names, those that it reads first.
fn visit(op: &mut Op<'_>, visitor: Visitor<'_>) {
    match op {
        Op::Number { lane, out } | Op::Column { lane, out, .. } | Op::FillExact { lane, out, .. } => {
            visitor((*lane).into(), out, Access::Write);
        }
        Op::FloatColumn { out, .. } | Op::FillFloat { out, .. } => visitor(Bank::Float, out, Access::Write),
        Op::Convert { from, of, to, out } => {
            visitor((*from).into(), of, Access::Read);
            visitor((*to).into(), out, Access::Write);
        }
        Op::ToFloat { from, of, out, .. } => {
            visitor((*from).into(), of, Access::Read);
            visitor(Bank::Float, out, Access::Write);
        }
        Op::Small(binary) | Op::Float(binary) => visit_binary(Bank::Float, binary, visitor),
        Op::Whole(binary) => visit_binary(Bank::Whole, binary, visitor),
        Op::Wide(binary) => visit_binary(Bank::Wide, binary, visitor),
        Op::Huge(binary) => visit_binary(Bank::Huge, binary, visitor),
        Op::SmallBy(by) => {
            visitor(Bank::Float, &mut by.of, Access::Read);
            visitor(Bank::Float, &mut by.out, Access::Write);
        }
        Op::WholeBy(by) => {
            visitor(Bank::Whole, &mut by.of, Access::Read);
            visitor(Bank::Whole, &mut by.out, Access::Write);
        }
        Op::CheckDivisor { of, .. } => visitor(Bank::Float, of, Access::Read),
        Op::CompareSmall(compare) | Op::CompareFloat(compare) => {
            visit_sides(Bank::Float, &mut compare.left, &mut compare.right, visitor);
        }
        Op::CompareWhole(compare) => visit_sides(Bank::Whole, &mut compare.left, &mut compare.right, visitor),
        Op::CompareWide(compare) => visit_sides(Bank::Wide, &mut compare.left, &mut compare.right, visitor),
        Op::CompareHuge(compare) => visit_sides(Bank::Huge, &mut compare.left, &mut compare.right, visitor),
        Op::AmongSmall(among) | Op::AmongFloat(among) => visitor(Bank::Float, &mut among.of, Access::Read),
        Op::AmongWhole(among) => visitor(Bank::Whole, &mut among.of, Access::Read),
        Op::AmongWide(among) => visitor(Bank::Wide, &mut among.of, Access::Read),
        Op::AmongHuge(among) => visitor(Bank::Huge, &mut among.of, Access::Read),
        Op::AmongBytes { .. }
        | Op::CompareBytes { .. }
        | Op::Like { .. }
        | Op::Nulls { .. }
        | Op::AllNull { .. }
        | Op::TruthColumn { .. }
        | Op::TruthConstant { .. }
        | Op::IsNull { .. }
        | Op::IsNullTruth { .. }
        | Op::CompareTruths { .. }
        | Op::Not { .. }
        | Op::And { .. }
        | Op::Or { .. }
        | Op::Activate { .. }
        | Op::SkipUnless { .. } => {}
    }
}

fn visit_binary<T>(bank: Bank, binary: &mut Binary<T>, visitor: Visitor<'_>) {
    for operand in [&mut binary.left, &mut binary.right] {
        if let Operand::Register(register) = operand {
            visitor(bank, register, Access::Read);
        }
    }
    visitor(bank, &mut binary.out, Access::Write);
}

fn visit_sides<T>(bank: Bank, left: &mut usize, right: &mut Operand<T>, visitor: Visitor<'_>) {
    visitor(bank, left, Access::Read);
    if let Operand::Register(right) = right {
        visitor(bank, right, Access::Read);
    }
}
