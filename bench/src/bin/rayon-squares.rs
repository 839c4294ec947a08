//! What the machine can do without any system around it: a rayon loop over all cores, into memory.
//!
//! `rayon-squares LAST` fills fresh memory twice, and says in one line of JSON how long the second time took;
//! `rayon-squares LAST --cold` does it once and prints the sum.

use std::{env, process::ExitCode, time::Instant};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let Some(last) = arguments.next().and_then(|last| last.parse().ok()) else {
        eprintln!("usage: rayon-squares LAST [--cold]");
        return ExitCode::from(2);
    };
    if arguments.next().is_some() {
        println!("{}", sum(&squares(last)));
        return ExitCode::SUCCESS;
    }
    drop(squares(last));
    let begun = Instant::now();
    let values = squares(last);
    let seconds = begun.elapsed().as_secs_f64();
    let (count, sum) = (values.len(), sum(&values));
    let (first, last) = (values.first().copied().unwrap_or(0), values.last().copied().unwrap_or(0));
    println!(r#"{{"seconds":{seconds},"count":{count},"sum":"{sum}","first":{first},"last":{last}}}"#);
    ExitCode::SUCCESS
}

fn squares(last: i64) -> Vec<i64> {
    (1..=last).into_par_iter().map(|n| n * n).collect()
}

fn sum(values: &[i64]) -> i128 {
    values.iter().map(|&value| i128::from(value)).sum()
}
