//! Makes everything go wrong for a while and prints figures: `torture [MINUTES]`. `cargo xtask torture` runs it.

use std::{env, process::ExitCode, time::Duration};

fn main() -> ExitCode {
    let minutes = env::args().nth(1).map_or(Ok(0.0), |minutes| minutes.parse());
    let Some(time) = minutes.ok().and_then(|minutes: f64| Duration::try_from_secs_f64(60.0 * minutes).ok()) else {
        eprintln!("torture: the one argument is a number of minutes");
        return ExitCode::from(2);
    };
    let figures = swath_tests::torture::run(time);
    println!("{figures}");
    if figures.are_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
