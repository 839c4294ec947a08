//! The simulator's command line; `cargo xtask simulate` is the same.

use std::{
    io::Write,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use swath_simulation::{Campaign, Tally, run_aloud};

/// Simulate whole clusters, one for each seed, in which everything goes wrong
#[derive(Parser)]
#[command(name = "simulate", bin_name = "cargo xtask simulate")]
struct Arguments {
    /// How many seeds
    #[arg(default_value_t = 10_000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Run this seed alone, and print everything that happens
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// How many threads; all cores by default
    #[arg(long)]
    threads: Option<usize>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // A panic of a core is a failure of its seed, and shown with it.
    std::panic::set_hook(Box::new(|_| {}));
    match arguments.seed {
        Some(seed) => replay(seed),
        None => simulate(&arguments),
    }
}

fn replay(seed: u64) -> ExitCode {
    match run_aloud(seed) {
        Ok(report) => {
            println!("{}seed {seed} holds; hash {:016x}", report.tally, report.hash);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("seed {seed} failed: {}", failure.what);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "says now and then how far it is; no seed sees this clock")]
fn simulate(arguments: &Arguments) -> ExitCode {
    let begun = Instant::now();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let campaign = Campaign::new(arguments.from, arguments.seeds);
    let shown = std::sync::Mutex::new(begun);
    campaign.run(arguments.threads.unwrap_or(cores), |done| {
        let Ok(mut shown) = shown.try_lock() else { return };
        if shown.elapsed() >= Duration::from_secs(5) {
            *shown = Instant::now();
            eprintln!("simulate: {done} of {} seeds in {} s", arguments.seeds, begun.elapsed().as_secs());
        }
    });
    for failure in campaign.failures() {
        println!("{failure}\n");
    }
    // If nobody reads the output, there is nothing to do.
    let _ = write!(std::io::stdout(), "{}", summary(&campaign, begun.elapsed()));
    if campaign.failures().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn summary(campaign: &Campaign, elapsed: Duration) -> String {
    let tally = campaign.tally();
    let hours = tally.get("simulated milliseconds") as f64 / 3_600_000.0;
    format!(
        "{tally}{:>16}  seeds in {:.1} s\n{hours:>16.1}  simulated hours\n{:>15.2}%  of the numbers were computed in vain\n{:>15.2}%  were computed before\n{:>16}  failures\n",
        campaign.seeds(),
        elapsed.as_secs_f64(),
        in_vain(&tally) * 100.0,
        tally.get("numbers computed again") as f64 * 100.0 / tally.get("numbers computed").max(1) as f64,
        campaign.failures().len(),
    )
}

/// Which part of all that was computed was not committed.
fn in_vain(tally: &Tally) -> f64 {
    let computed = tally.get("numbers computed").max(1) as f64;
    1.0 - tally.get("numbers committed") as f64 / computed
}
