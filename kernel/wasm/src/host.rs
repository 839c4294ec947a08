//! What an instance has on the side of the host: its limits, the time it takes, and the state of what it imports.

use std::time::{Duration, Instant};

use swath_kernel::Stop;
use thiserror::Error;
use wasmtime::{AsContextMut, Global, ResourceLimiter, StoreContextMut, UpdateDeadline};

use crate::module::TABLE_ELEMENT_BYTES;

/// The data of a store.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) memory: MemoryLimit,
    pub(crate) world: World,
    pub(crate) watch: Watch,
    /// The global with the number that is being computed, where there is one.
    pub(crate) number: Option<Global>,
    /// The first number of the call.
    pub(crate) first: i64,
}

/// Why the host ended a call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Ended {
    /// The module said that the number has no result.
    #[error("{0}")]
    Failed(String),
    /// Nobody wants the result any more.
    #[error("it was stopped")]
    Stopped,
    /// It has used up its time.
    #[error("it ran longer than {0:?}")]
    TimedOut(Duration),
}

/// The number that is being computed.
pub(crate) fn number_of(mut context: impl AsContextMut<Data = Host>) -> i64 {
    let host = context.as_context().data();
    match (host.number, host.first) {
        (Some(global), first) => global.get(context.as_context_mut()).i64().unwrap_or(first),
        (None, first) => first,
    }
}

impl Host {
    /// Begins calls: each number of them may take so long.
    pub(crate) fn begin(&mut self, stop: &Stop, time: Option<Duration>) {
        self.memory.refused = false;
        self.watch = Watch { stop: stop.clone(), limit: time, current: None };
    }
}

/// What is looked at when the epoch moves.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    stop: Stop,
    limit: Option<Duration>,
    /// What was computed at the last tick.
    current: Option<Computing>,
}

/// A number, and how long it has been computed so far.
#[derive(Debug)]
struct Computing {
    number: i64,
    spent: Duration,
    seen: Instant,
}

/// The most time that counts between two ticks: a process that was suspended has computed nothing.
const MOST_BETWEEN_TICKS: Duration = Duration::from_millis(100);

/// Ends the call if it should stop, or if the number takes too long.
pub(crate) fn on_tick(mut context: StoreContextMut<'_, Host>) -> wasmtime::Result<UpdateDeadline> {
    let number = number_of(&mut context);
    let watch = &mut context.data_mut().watch;
    if watch.stop.is_set() {
        return Err(Ended::Stopped.into());
    }
    if let Some(limit) = watch.limit {
        let now = Instant::now();
        let spent = match &watch.current {
            Some(current) if current.number == number => {
                current.spent + now.saturating_duration_since(current.seen).min(MOST_BETWEEN_TICKS)
            }
            _ => Duration::ZERO,
        };
        watch.current = Some(Computing { number, spent, seen: now });
        if spent > limit {
            return Err(Ended::TimedOut(limit).into());
        }
    }
    Ok(UpdateDeadline::Continue(1))
}

/// How much memory an instance may have, in all its memories and tables.
#[derive(Debug)]
pub(crate) struct MemoryLimit {
    left: usize,
    /// Whether it wanted more.
    pub(crate) refused: bool,
}

impl MemoryLimit {
    pub(crate) fn new(bytes: u64) -> Self {
        Self { left: usize::try_from(bytes).unwrap_or(usize::MAX), refused: false }
    }

    fn take(&mut self, bytes: usize) -> bool {
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => self.refused = true,
        }
        !self.refused
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let is_allowed = maximum.is_none_or(|maximum| desired <= maximum);
        Ok(is_allowed && self.take(desired.saturating_sub(current)))
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let is_allowed = maximum.is_none_or(|maximum| desired <= maximum);
        Ok(is_allowed && self.take(desired.saturating_sub(current).saturating_mul(TABLE_ELEMENT_BYTES as usize)))
    }
}

/// What the offered functions remember: a world without anything in it, the same on every machine.
#[derive(Debug)]
pub(crate) struct World {
    /// Nanoseconds since 1970.
    pub(crate) clock: u64,
    random: Random,
    errors: Errors,
}

/// What was written to standard error while a number was computed: the beginning, where a panic says why.
#[derive(Debug, Default)]
struct Errors {
    number: Option<i64>,
    text: Vec<u8>,
}

/// The most bytes of standard error that are kept.
const ERROR_BYTES: usize = 1 << 10;

/// The time at which every instance begins: 2020-01-01T00:00:00Z.
const EPOCH: u64 = 1_577_836_800_000_000_000;
/// How much later it is at each look at the clock. A clock that stands still lets the runtime of Go recurse.
const LOOK: u64 = 1_000;

/// Random numbers that depend on the number alone, wherever its block begins.
#[derive(Debug)]
struct Random {
    number: Option<i64>,
    state: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { clock: EPOCH, random: Random { number: None, state: 0 }, errors: Errors::default() }
    }

    pub(crate) fn look_at_clock(&mut self) -> u64 {
        self.clock = self.clock.wrapping_add(LOOK);
        self.clock
    }

    /// Keeps what was written to standard error.
    pub(crate) fn keep_error(&mut self, number: i64, bytes: &[u8]) {
        if self.errors.number != Some(number) {
            self.errors = Errors { number: Some(number), text: Vec::new() };
        }
        let room = ERROR_BYTES - self.errors.text.len().min(ERROR_BYTES);
        self.errors.text.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// What was written to standard error for this number.
    pub(crate) fn error(&self, number: i64) -> Option<String> {
        let text = String::from_utf8_lossy(&self.errors.text);
        (self.errors.number == Some(number) && !text.trim().is_empty()).then(|| text.trim().to_owned())
    }

    /// Fills a buffer with random bytes for a number.
    pub(crate) fn fill(&mut self, number: i64, buffer: &mut [u8]) {
        if self.random.number != Some(number) {
            self.random = Random { number: Some(number), state: number.cast_unsigned() };
        }
        for chunk in buffer.chunks_mut(8) {
            let word = self.random.next().to_le_bytes();
            chunk.iter_mut().zip(word).for_each(|(place, byte)| *place = byte);
        }
    }
}

impl Random {
    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_follow_the_number() {
        let bytes = |world: &mut World, number| {
            let mut buffer = [0; 12];
            world.fill(number, &mut buffer);
            buffer
        };
        let (mut one, mut other) = (World::new(), World::new());
        let first = bytes(&mut one, 7);
        assert_ne!(bytes(&mut one, 7), first, "the next bytes are others");
        bytes(&mut other, 6);
        assert_eq!(bytes(&mut other, 7), first, "whatever came before");
    }

    #[test]
    fn memory_is_counted_over_all_memories_and_tables() {
        let mut limit = MemoryLimit::new(100);
        assert!(limit.memory_growing(0, 60, None).unwrap());
        assert!(limit.table_growing(1, 3, None).unwrap());
        assert!(!limit.memory_growing(10, 20, Some(15)).unwrap());
        assert!(!limit.refused, "the module itself said so");
        assert!(!limit.memory_growing(0, 25, None).unwrap());
        assert!(limit.refused);
    }
}
