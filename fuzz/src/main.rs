//! The engine: libFuzzer, pointed at the target that `SWATH_FUZZ_TARGET` names. `cargo xtask fuzz` runs it.

#![no_main]
#![allow(unsafe_code, reason = "libFuzzer calls two functions by their names, which a macro writes")]

use std::{env, fs, path::PathBuf, sync::OnceLock};

use libfuzzer_sys::fuzz_target;
use swath_fuzz::{Target, seeds};

static TARGET: OnceLock<Target> = OnceLock::new();

fuzz_target!(
    init: {
        write_seeds(TARGET.get_or_init(target));
    },
    |input: &[u8]| {
        TARGET.get_or_init(target).run(input);
    }
);

/// Writes the seeds to the folder that `SWATH_FUZZ_SEEDS` names, before libFuzzer reads it.
#[allow(clippy::expect_used, reason = "a tool for developers, which ends here with this sentence")]
fn write_seeds(target: &Target) {
    let Some(folder) = env::var_os("SWATH_FUZZ_SEEDS").map(PathBuf::from) else { return };
    for (index, seed) in seeds::of(*target).expect("a seed cannot be encoded").iter().enumerate() {
        fs::write(folder.join(format!("seed-{index}")), seed).expect("a seed cannot be written");
    }
}

#[allow(clippy::expect_used, reason = "a tool for developers, which ends here with this sentence")]
fn target() -> Target {
    let name = env::var("SWATH_FUZZ_TARGET").unwrap_or_default();
    Target::find(&name).expect("SWATH_FUZZ_TARGET names no target")
}
