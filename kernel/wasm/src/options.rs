//! How a module is bound.

use std::time::Duration;

use swath_kernel::Parameters;

/// How much memory a module may have where nothing else is said: 256 MiB.
pub const DEFAULT_MEMORY_BYTES: u64 = 256 << 20;

/// How a module is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The name of the function that is the kernel, see [`describe`](crate::describe).
    pub export: Option<String>,
    /// The values of its parameters.
    pub parameters: Parameters,
    /// The most bytes of all its memories and tables, in each thread.
    pub memory_bytes: u64,
    /// How long it may compute one number. It is looked at every few milliseconds. A batch may take as many times as
    /// long as it has numbers.
    pub number_timeout: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self { export: None, parameters: Parameters::new(), memory_bytes: DEFAULT_MEMORY_BYTES, number_timeout: None }
    }
}
