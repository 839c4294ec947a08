//! Carries out [`Code`], a chunk of rows at a time.
//!
//! Operations are plain loops over registers that the compiler vectorises. All of it is compiled a second time for
//! processors with AVX2, as the encoding of integers in the crate `block` is, so whatever is called here in a loop is
//! inlined.

#![expect(clippy::indexing_slicing, reason = "registers, truths and masks are those that lowering has given out")]

mod arithmetic;
mod compare;
mod load;
mod masks;
mod numbers;
mod truths;

use arrow_buffer::i256;

use self::masks::{ALL, Mask, NONE, Trilean};
use crate::{
    batch::{Batch, Values},
    code::{Bank, Code, Op, Operand, PRESENT, ROWS, WORDS},
    error::Reason,
    interval::Interval,
};

/// A row that has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Counted from the start of the chunk.
    pub(crate) row: usize,
    pub(crate) reason: Reason,
}

/// For which processors the code was compiled that is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// For all of this architecture.
    Portable,
    /// For those with AVX2; made by [`Build::detect`] alone.
    #[cfg(target_arch = "x86_64")]
    Avx2(Detected),
}

/// A proof that this processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Detected(());

impl Build {
    /// The best one for this processor.
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx2") {
            return Self::Avx2(Detected(()));
        }
        Self::Portable
    }
}

/// Registers, and what became of a chunk.
pub(crate) struct Machine {
    build: Build,
    floats: Registers<f64>,
    wholes: Registers<i64>,
    wides: Registers<i128>,
    huges: Registers<i256>,
    truths: Vec<Trilean>,
    masks: Vec<Mask>,
    failure: Option<Failure>,
}

/// The least and the greatest of some integers of a column, nulls and all; `None` if one is beyond 128 bits.
pub(crate) fn interval(values: &Values<'_>, start: usize, rows: usize) -> Option<Interval> {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") {
        #[target_feature(enable = "avx2")]
        fn interval_avx2(values: &Values<'_>, start: usize, rows: usize) -> Option<Interval> {
            load::interval(values, start, rows)
        }

        #[allow(unsafe_code, reason = "the same code, compiled for a processor that was just found to be this one")]
        // SAFETY: the feature that the function needs was detected in the line above.
        unsafe {
            return interval_avx2(values, start, rows);
        }
    }
    load::interval(values, start, rows)
}

impl Machine {
    /// A machine for this code alone.
    pub(crate) fn new(code: &Code<'_>, build: Build) -> Self {
        let registers = |bank: Bank| code.registers[bank as usize];
        Self {
            build,
            floats: Registers::new(registers(Bank::Float)),
            wholes: Registers::new(registers(Bank::Whole)),
            wides: Registers::new(registers(Bank::Wide)),
            huges: Registers::new(registers(Bank::Huge)),
            truths: vec![Trilean::FALSE; code.truths],
            masks: vec![NONE; code.masks],
            failure: None,
        }
    }

    /// Carries out the code on `rows` rows from `start` on, at most [`ROWS`] of them. Returns the rows in which the
    /// condition is true; bits after the last row have no meaning.
    pub(crate) fn run(
        &mut self,
        code: &Code<'_>,
        batch: &Batch<'_>,
        start: usize,
        rows: usize,
    ) -> Result<[u64; WORDS], Failure> {
        self.failure = None;
        self.masks[PRESENT] = if rows < ROWS { masks::first(rows) } else { ALL };
        self.dispatch(code, batch, start);
        self.failure.map_or(Ok(self.truths[code.result].yes), Err)
    }

    fn dispatch(&mut self, code: &Code<'_>, batch: &Batch<'_>, start: usize) {
        match self.build {
            Build::Portable => self.operations::<false>(code, batch, start),
            #[cfg(target_arch = "x86_64")]
            Build::Avx2(Detected(())) => {
                #[target_feature(enable = "avx2")]
                fn operations_avx2(machine: &mut Machine, code: &Code<'_>, batch: &Batch<'_>, start: usize) {
                    machine.operations::<true>(code, batch, start);
                }

                #[allow(unsafe_code, reason = "the same code, compiled for a processor that was found to be this one")]
                // SAFETY: the feature that the function needs was detected when `Detected` was made.
                unsafe {
                    operations_avx2(self, code, batch, start);
                }
            }
        }
    }

    #[inline(always)]
    fn operations<const VECTOR: bool>(&mut self, code: &Code<'_>, batch: &Batch<'_>, start: usize) {
        let mut at = 0;
        while let Some(op) = code.ops.get(at) {
            at += 1;
            match op {
                Op::SkipUnless { any, to } => {
                    if self.masks[*any] == NONE {
                        at = *to;
                    }
                }
                Op::Number { .. }
                | Op::Column { .. }
                | Op::FloatColumn { .. }
                | Op::FillFloat { .. }
                | Op::FillExact { .. }
                | Op::Convert { .. }
                | Op::ToFloat { .. } => self.load(op, batch, start),
                Op::Small(_)
                | Op::Whole(_)
                | Op::Wide(_)
                | Op::Huge(_)
                | Op::Float(_)
                | Op::SmallBy(_)
                | Op::WholeBy(_)
                | Op::CheckDivisor { .. } => self.arithmetic::<VECTOR>(op),
                Op::CompareSmall(_)
                | Op::CompareWhole(_)
                | Op::CompareWide(_)
                | Op::CompareHuge(_)
                | Op::CompareFloat(_) => self.compare(op),
                Op::AmongSmall(_) | Op::AmongWhole(_) | Op::AmongWide(_) | Op::AmongHuge(_) | Op::AmongFloat(_) => {
                    self.among(op);
                }
                Op::AmongBytes { .. } | Op::CompareBytes { .. } | Op::Like { .. } => self.bytes(op, batch, start),
                _ => self.truth(op, batch, start),
            }
        }
    }

    /// A mask, or the empty one.
    #[inline(always)]
    fn mask(&self, mask: Option<usize>) -> Mask {
        mask.map_or(NONE, |mask| self.masks[mask])
    }
}

/// Registers of one type.
struct Registers<T>(Vec<Box<[T]>>);

/// An operand: the values of a register, or one value for all rows.
#[derive(Clone, Copy)]
enum Source<'a, T> {
    Values(&'a [T]),
    One(T),
}

impl<T: Copy + Default> Registers<T> {
    fn new(count: usize) -> Self {
        Self((0..count).map(|_| vec![T::default(); ROWS].into_boxed_slice()).collect())
    }

    #[inline(always)]
    fn values(&self, register: usize) -> &[T] {
        &self.0[register]
    }

    #[inline(always)]
    fn source(&self, operand: Operand<T>) -> Source<'_, T> {
        match operand {
            Operand::Register(register) => Source::Values(&self.0[register]),
            Operand::Constant(value) => Source::One(value),
        }
    }

    /// Writes a register, which must not be one that is read meanwhile.
    #[inline(always)]
    fn write(&mut self, out: usize, write: impl FnOnce(&Self, &mut [T])) {
        let mut register = std::mem::take(&mut self.0[out]);
        write(self, &mut register);
        self.0[out] = register;
    }
}
