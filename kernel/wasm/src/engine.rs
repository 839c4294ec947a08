//! What all modules of the process share: the compiler, the offered functions, and the clock that stops what is too
//! long.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::Duration,
};

use wasmtime::{Config, Engine, Inlining, Linker, OptLevel, WasmFeatures};

use crate::{WasmError, host::Host, module::FEATURES, offered};

/// How often running modules look whether they should stop.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// Address space of each memory from the start. A memory that outgrows it moves. The default of 4 GiB saves the bounds
/// checks, but with a memory of each thread it does not fit under the limits that people set.
const RESERVED_BYTES: u64 = 64 << 20;
const GUARD_BYTES: u64 = 64 << 10;
/// Address space behind a memory that has moved.
const GROWTH_BYTES: u64 = 64 << 20;

/// The stack of a module; threads have 2 MiB unless they were told otherwise.
const STACK_BYTES: usize = 512 << 10;

/// What is made once in a process.
pub(crate) struct Runtime {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<Host>,
    ticker: Arc<Ticker>,
}

impl Runtime {
    /// The one of this process.
    pub(crate) fn get() -> Result<&'static Self, WasmError> {
        static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
        RUNTIME.get_or_init(Self::start).as_ref().map_err(|error| WasmError::Engine(error.clone()))
    }

    fn start() -> Result<Self, String> {
        let engine = Engine::new(&config()).map_err(|error| format!("{error:#}"))?;
        let linker = offered::linker(&engine).map_err(|error| format!("{error:#}"))?;
        let ticker = Ticker::start(engine.clone()).map_err(|error| error.to_string())?;
        Ok(Self { engine, linker, ticker })
    }

    /// Keeps the ticker going until it is dropped.
    pub(crate) fn tick(&self) -> Ticking {
        *self.ticker.running() += 1;
        self.ticker.woken.notify_one();
        Ticking(Arc::clone(&self.ticker))
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .wasm_features(WasmFeatures::all(), false)
        .wasm_features(FEATURES, true)
        .relaxed_simd_deterministic(true)
        .cranelift_opt_level(OptLevel::Speed)
        .compiler_inlining(Inlining::Yes)
        .epoch_interruption(true)
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false)
        .native_unwind_info(false)
        .max_wasm_stack(STACK_BYTES)
        .memory_reservation(RESERVED_BYTES)
        .memory_guard_size(GUARD_BYTES)
        .memory_reservation_for_growth(GROWTH_BYTES);
    config
}

/// A thread that moves the epoch of the engine while anything runs.
#[derive(Debug, Default)]
struct Ticker {
    /// How many instances there are.
    running: Mutex<usize>,
    woken: Condvar,
}

impl Ticker {
    fn start(engine: Engine) -> std::io::Result<Arc<Self>> {
        let ticker = Arc::new(Self::default());
        let ticking = Arc::clone(&ticker);
        thread::Builder::new().name("wasm-ticker".to_owned()).spawn(move || {
            loop {
                ticking.wait();
                thread::sleep(TICK);
                engine.increment_epoch();
            }
        })?;
        Ok(ticker)
    }

    fn running(&self) -> MutexGuard<'_, usize> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something runs.
    fn wait(&self) {
        let is_idle = |running: &mut usize| *running == 0;
        drop(self.woken.wait_while(self.running(), is_idle).unwrap_or_else(PoisonError::into_inner));
    }
}

/// Something runs.
#[derive(Debug)]
pub(crate) struct Ticking(Arc<Ticker>);

impl Drop for Ticking {
    fn drop(&mut self) {
        let mut running = self.0.running();
        *running = running.saturating_sub(1);
    }
}
