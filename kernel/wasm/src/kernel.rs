//! A module as a kernel.

use std::{ops::RangeInclusive, sync::Arc};

use arrow_schema::DataType;
use swath_kernel::{Context, EvaluateError, Kernel, Rows, Stop};
use swath_model::{Layout, MAX_BLOCK_BYTES};

use crate::{
    bound::{Bound, Entry},
    collect::{Gathered, Misfit, append},
    columns::{Column, Element},
    error::size,
    instance::{Instance, Refusal, RefusalKind},
};

/// The name of every kernel that is a module.
pub(crate) const NAME: &str = "wasm";

/// How many numbers with texts are computed at a time: a text may have 16 MiB.
const TEXT_BATCH: usize = 256;
/// Texts of so many bytes become an array.
const GATHERED_BYTES: usize = 16 << 20;

/// See [`bind`](crate::bind).
#[derive(Debug)]
pub(crate) struct WasmKernel(Arc<Bound>);

impl WasmKernel {
    pub(crate) fn new(bound: Arc<Bound>) -> Self {
        Self(bound)
    }

    fn instance(&self, context: &mut Context, first: i64) -> Result<Instance, Refusal> {
        match context.take::<Instance>().filter(|instance| instance.is_of(&self.0)) {
            Some(instance) => Ok(instance),
            None => Instance::start(&self.0, first, context.stop()),
        }
    }

    fn check_types(&self, rows: &Rows) -> Result<(), EvaluateError> {
        let expected = self.0.columns.iter().map(|column| column.data_type.clone());
        if expected.eq(rows.columns.iter().map(swath_kernel::Values::data_type)) {
            return Ok(());
        }
        let got: Vec<String> = rows.columns.iter().map(|column| column.data_type().to_string()).collect();
        Err(EvaluateError::WrongType { kernel: NAME, expected: self.0.layout.to_string(), got: got.join(", ") })
    }

    /// Computes `count` numbers, at most as many as there are places for.
    fn compute(
        &self,
        instance: &mut Instance,
        batch: Batch,
        rows: &mut Rows,
        stop: &Stop,
    ) -> Result<(), EvaluateError> {
        if self.0.has_texts() {
            return self.compute_texts(instance, batch, rows, stop);
        }
        instance.begin(batch.count, stop);
        let called = instance.call(batch.first, batch.count).map_err(|refusal| self.blame(refusal, batch, stop));
        // Numbers before the one that failed may have failed, too: their values may not fit.
        let done = match &called {
            Ok(()) => batch.count,
            Err(_) if matches!(self.0.entry, Entry::Batch { .. }) => 0,
            Err(refusal) => batch.offset_of(refusal.number),
        };
        let columns = self.0.columns.iter().zip(&mut rows.columns).enumerate();
        let misfits =
            columns.filter_map(|(index, (column, values))| append(column, instance.values(index, done), values).err());
        match misfits.min_by_key(|misfit| misfit.index) {
            Some(misfit) => Err(batch.refused(misfit)),
            None => called.map_err(EvaluateError::from),
        }
    }

    /// Finds the number that a batch of the module's own has failed at: calls it for one number after the other.
    fn blame(&self, refusal: Refusal, batch: Batch, stop: &Stop) -> Refusal {
        let is_batch = matches!(self.0.entry, Entry::Batch { .. }) && batch.count > 1;
        if !is_batch || refusal.kind == RefusalKind::Interrupted {
            return refusal;
        }
        let mut instance = match Instance::start(&self.0, batch.first, stop) {
            Ok(instance) => instance,
            Err(refusal) => return refusal,
        };
        instance.begin(1, stop);
        let single = (0..batch.count).find_map(|offset| instance.call(batch.number(offset), 1).err());
        single.unwrap_or_else(|| {
            let reason = format!("{} (in a batch of {} numbers from this one on)", refusal.reason, batch.count);
            Refusal { reason, ..refusal }
        })
    }

    fn compute_texts(
        &self,
        instance: &mut Instance,
        batch: Batch,
        rows: &mut Rows,
        stop: &Stop,
    ) -> Result<(), EvaluateError> {
        let mut gathered: Vec<Gathered> = self.0.columns.iter().map(|_| Gathered::new()).collect();
        // The first number whose values are gathered.
        let mut begin = 0;
        instance.begin(1, stop);
        for offset in 0..batch.count {
            let called = instance.call(batch.number(offset), 1).map_err(EvaluateError::from);
            let read = called.and_then(|()| {
                self.gather(instance, &mut gathered).map_err(|reason| batch.refused(Misfit { index: offset, reason }))
            });
            let bytes: usize = gathered.iter().map(|column| column.bytes.len()).sum();
            if read.is_err() || bytes >= GATHERED_BYTES || offset + 1 == batch.count {
                let columns = self.0.columns.iter().zip(&mut rows.columns).zip(&mut gathered);
                let misfits =
                    columns.filter_map(|((column, values), gathered)| gathered.append_to(column, values).err());
                if let Some(misfit) = misfits.min_by_key(|misfit| misfit.index) {
                    return Err(batch.refused(Misfit { index: begin + misfit.index, reason: misfit.reason }));
                }
                begin = offset + 1;
            }
            read?;
        }
        Ok(())
    }

    /// Reads the values of one number.
    fn gather(&self, instance: &Instance, gathered: &mut [Gathered]) -> Result<(), String> {
        for (index, (column, gathered)) in self.0.columns.iter().zip(gathered).enumerate() {
            let value = instance.values(index, 1);
            match column.element {
                Element::Place(_) => gathered.push_text(text_at(instance, value, &column.name, encoding_of(column))?),
                _ => gathered.push(value),
            }
        }
        Ok(())
    }
}

/// Whether bytes must be text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Any,
}

fn encoding_of(column: &Column) -> Encoding {
    if column.data_type == DataType::Utf8 { Encoding::Utf8 } else { Encoding::Any }
}

/// The bytes whose pointer and length are `place`.
fn text_at<'i>(instance: &'i Instance, place: &[u8], column: &str, encoding: Encoding) -> Result<&'i [u8], String> {
    let place = place.first_chunk().map(|place| u64::from_le_bytes(*place)).unwrap_or_default();
    let (pointer, length) = (place as u32, (place >> 32) as u32);
    if length as usize > MAX_BLOCK_BYTES {
        let most = size(MAX_BLOCK_BYTES as u64);
        return Err(format!("its column {column:?} has {length} bytes; {most} are allowed"));
    }
    let Some(bytes) = instance.bytes(pointer, length) else {
        return Err(format!(
            "its column {column:?} has {length} bytes at {pointer}, which is out of bounds of its memory"
        ));
    };
    if encoding == Encoding::Utf8 && std::str::from_utf8(bytes).is_err() {
        return Err(format!("its column {column:?} is not UTF-8"));
    }
    Ok(bytes)
}

/// Numbers that are computed by one call.
#[derive(Debug, Clone, Copy)]
struct Batch {
    first: i64,
    count: usize,
}

impl Batch {
    fn number(self, offset: usize) -> i64 {
        self.first.wrapping_add(offset as i64)
    }

    fn offset_of(self, number: i64) -> usize {
        usize::try_from(number.abs_diff(self.first)).unwrap_or(usize::MAX).min(self.count)
    }

    fn refused(self, misfit: Misfit) -> EvaluateError {
        EvaluateError::Refused { number: self.number(misfit.index), reason: misfit.reason }
    }
}

impl Kernel for WasmKernel {
    fn name(&self) -> &'static str {
        NAME
    }

    fn layout(&self, _: &RangeInclusive<i64>) -> Layout {
        self.0.layout.clone()
    }

    fn batch_numbers(&self) -> usize {
        if self.0.has_texts() { TEXT_BATCH } else { (1 << 13_usize).min(self.0.places.numbers.saturating_mul(2)) }
    }

    fn evaluate(
        &self,
        numbers: RangeInclusive<i64>,
        rows: &mut Rows,
        context: &mut Context,
    ) -> Result<(), EvaluateError> {
        self.check_types(rows)?;
        if numbers.is_empty() {
            return Ok(());
        }
        let (mut first, last) = (*numbers.start(), *numbers.end());
        let mut instance = self.instance(context, first)?;
        let most = if self.0.has_texts() { TEXT_BATCH } else { self.0.places.numbers };
        loop {
            // How many numbers there are behind the first.
            let more = usize::try_from(last.abs_diff(first)).unwrap_or(usize::MAX);
            let batch = Batch { first, count: more.saturating_add(1).min(most) };
            self.compute(&mut instance, batch, rows, context.stop())?;
            if batch.count > more {
                context.keep(instance);
                return Ok(());
            }
            first = batch.number(batch.count);
        }
    }
}
