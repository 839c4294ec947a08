//! A module that runs.

use std::sync::Arc;

use swath_kernel::{EvaluateError, Stop};
use wasmtime::{Instance as Started, Memory, Store, Trap, TypedFunc};

use crate::{
    bound::{Bound, Entry},
    columns::MEMORY,
    engine::{Runtime, Ticking},
    error::{shown, size},
    host::{self, Ended, Host, MemoryLimit, Watch, World},
};

/// An instance of a module: it belongs to one block and is dropped when a call fails.
pub(crate) struct Instance {
    bound: Arc<Bound>,
    store: Store<Host>,
    run: Run,
    /// The memory that texts are in.
    memory: Option<Memory>,
    _ticking: Ticking,
}

/// What is called.
enum Run {
    /// The loop, which leaves results in a memory of its own.
    Loop(TypedFunc<(i64, i32), ()>, Memory),
    /// The function of the module, which writes from a place of its memory on.
    Batch(TypedFunc<(i64, i32, i32), ()>, Memory, u32),
}

/// A number without a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) number: i64,
    pub(crate) reason: String,
    pub(crate) kind: RefusalKind,
}

/// Whether the same would occur again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusalKind {
    /// The function itself has ended so.
    Trapped,
    /// It was stopped from outside, or took too long.
    Interrupted,
}

impl From<Refusal> for EvaluateError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { number: refusal.number, reason: refusal.reason }
    }
}

const PAGE: u64 = 1 << 16;

/// The most characters of standard error in a reason.
const ERROR_CHARACTERS: usize = 200;

impl Instance {
    /// Starts an instance; what goes wrong is blamed on `first`, the number that it is started for.
    pub(crate) fn start(bound: &Arc<Bound>, first: i64, stop: &Stop) -> Result<Self, Refusal> {
        let refused = |reason| Refusal { number: first, reason, kind: RefusalKind::Trapped };
        let runtime = Runtime::get().map_err(|error| refused(error.to_string()))?;
        let ticking = runtime.tick();
        // The memory of the loop is on top of what the module may have.
        let limit = bound.memory_bytes.saturating_add(bound.places.pages() * PAGE);
        let host =
            Host { memory: MemoryLimit::new(limit), world: World::new(), watch: Watch::default(), number: None, first };
        let mut store = Store::new(&runtime.engine, host);
        store.limiter(|host| &mut host.memory);
        // The deadline of a new store has passed already.
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(host::on_tick);
        store.data_mut().begin(stop, bound.number_timeout);
        match start(bound, &mut store) {
            Ok((run, memory)) => Ok(Self { bound: Arc::clone(bound), store, run, memory, _ticking: ticking }),
            Err(error) => {
                let (reason, kind) = reason(&error, &store, bound);
                let reason = match kind {
                    RefusalKind::Trapped => format!("the module did not start: {reason}"),
                    RefusalKind::Interrupted => reason,
                };
                Err(Refusal { number: first, reason, kind })
            }
        }
    }

    /// Whether it is one of this kernel.
    pub(crate) fn is_of(&self, bound: &Arc<Bound>) -> bool {
        Arc::ptr_eq(&self.bound, bound)
    }

    /// Begins calls that compute so many numbers each.
    pub(crate) fn begin(&mut self, count: usize, stop: &Stop) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let time = match self.run {
            Run::Loop(..) => self.bound.number_timeout,
            Run::Batch(..) => self.bound.number_timeout.map(|time| time.saturating_mul(count)),
        };
        self.store.data_mut().begin(stop, time);
    }

    /// Computes `count` numbers from `first` on, at least 1 and at most as many as there are places for.
    pub(crate) fn call(&mut self, first: i64, count: usize) -> Result<(), Refusal> {
        let numbers = i32::try_from(count).unwrap_or(i32::MAX);
        self.store.data_mut().first = first;
        let called = match &self.run {
            Run::Loop(run, _) => run.call(&mut self.store, (first, numbers)),
            Run::Batch(run, _, out) => run.call(&mut self.store, (first, numbers, out.cast_signed())),
        };
        called.map_err(|error| {
            let number = host::number_of(&mut self.store);
            let (mut reason, kind) = reason(&error, &self.store, &self.bound);
            if let (RefusalKind::Trapped, Some(text)) = (kind, self.store.data().world.error(number)) {
                reason = format!("{reason}: {}", shown(&text, ERROR_CHARACTERS));
            }
            Refusal { number, reason, kind }
        })
    }

    /// The first `count` values that the last call has left of a column; of a batch, all of them.
    pub(crate) fn values(&self, column: usize, count: usize) -> &[u8] {
        let Some(element) = self.bound.columns.get(column).map(|column| column.element) else { return &[] };
        let (memory, start) = match &self.run {
            Run::Loop(_, memory) => (memory, self.bound.places.starts.get(column).copied().unwrap_or_default()),
            Run::Batch(_, memory, out) => {
                let before: usize = self.bound.columns.iter().take(column).map(|before| before.element.bytes()).sum();
                (memory, *out as usize + before * count)
            }
        };
        let data = memory.data(&self.store).get(start..).unwrap_or_default();
        data.get(..count * element.bytes()).unwrap_or_default()
    }

    /// Bytes of the module's own memory.
    pub(crate) fn bytes(&self, pointer: u32, length: u32) -> Option<&[u8]> {
        self.memory?.data(&self.store).get(pointer as usize..)?.get(..length as usize)
    }
}

fn start(bound: &Bound, store: &mut Store<Host>) -> wasmtime::Result<(Run, Option<Memory>)> {
    let instance = bound.module.instantiate(&mut *store)?;
    let memory = instance.get_memory(&mut *store, MEMORY);
    if let Some(initialize) = instance.get_func(&mut *store, "_initialize")
        && let Ok(initialize) = initialize.typed::<(), ()>(&*store)
    {
        initialize.call(&mut *store, ())?;
    }
    let run = match &bound.entry {
        Entry::Loop { run, results, number } => {
            let function = instance.get_typed_func(&mut *store, run)?;
            let results = instance.get_memory(&mut *store, results);
            store.data_mut().number = instance.get_global(&mut *store, number);
            Run::Loop(function, results.ok_or_else(missing)?)
        }
        Entry::Batch { run } => batch(bound, &instance, run, memory.ok_or_else(missing)?, store)?,
    };
    Ok((run, memory))
}

/// Makes a place for the results at the end of the module's memory.
fn batch(
    bound: &Bound,
    instance: &Started,
    run: &str,
    memory: Memory,
    store: &mut Store<Host>,
) -> wasmtime::Result<Run> {
    let function = instance.get_typed_func(&mut *store, run)?;
    let grown = memory.grow(&mut *store, bound.places.pages());
    let out = grown.ok().and_then(|pages| u32::try_from(pages.saturating_mul(PAGE)).ok());
    let out = out.ok_or_else(|| {
        let reason = format!("its memory cannot grow by the {} that a batch needs", size(bound.places.pages() * PAGE));
        wasmtime::Error::from(Ended::Failed(reason))
    })?;
    Ok(Run::Batch(function, memory, out))
}

/// Of what was appended to the module or found in it before: a fault of the program.
fn missing() -> wasmtime::Error {
    Ended::Failed("what was found in the module before is gone".to_owned()).into()
}

/// Why a call has ended, as a sentence without its full stop.
fn reason(error: &wasmtime::Error, store: &Store<Host>, bound: &Bound) -> (String, RefusalKind) {
    if let Some(ended @ (Ended::Stopped | Ended::TimedOut(_))) = error.downcast_ref::<Ended>() {
        return (ended.to_string(), RefusalKind::Interrupted);
    }
    if store.data().memory.refused {
        return (format!("it needs more than {} of memory", size(bound.memory_bytes)), RefusalKind::Trapped);
    }
    let reason = match (error.downcast_ref::<Ended>(), error.downcast_ref::<Trap>()) {
        (Some(ended), _) => ended.to_string(),
        (None, Some(trap)) => trapped(*trap),
        (None, None) => shown(&format!("{error:#}"), 300),
    };
    (reason, RefusalKind::Trapped)
}

fn trapped(trap: Trap) -> String {
    let reason = match trap {
        Trap::StackOverflow => "it needs more stack than there is: it may call itself without end",
        Trap::MemoryOutOfBounds => "out of bounds access of memory",
        Trap::TableOutOfBounds => "out of bounds access of a table",
        Trap::IndirectCallToNull => "call of a function that is not there",
        Trap::BadSignature => "call of a function that has another type",
        Trap::IntegerOverflow => "integer overflow",
        Trap::IntegerDivisionByZero => "division by zero",
        Trap::BadConversionToInteger => "conversion of a number that fits no integer",
        Trap::UnreachableCodeReached => "it gave up (`unreachable`)",
        other => return other.to_string(),
    };
    reason.to_owned()
}
