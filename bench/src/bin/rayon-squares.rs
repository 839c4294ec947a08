//! What the machine can do without any system around it: a rayon loop over all cores, into memory.
//!
//! `rayon-squares LAST` fills fresh memory twice, and says in one line of JSON how long the second time took;
//! `rayon-squares LAST --cold` does it once and prints the sum; `rayon-squares LAST --reduce` keeps no values, and says
//! how long it took to find their count, sum, least and greatest.

use std::{env, process::ExitCode, time::Instant};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let Some(last) = arguments.next().and_then(|last| last.parse().ok()) else {
        eprintln!("usage: rayon-squares LAST [--cold]");
        return ExitCode::from(2);
    };
    match arguments.next().as_deref() {
        None => {}
        Some("--reduce") => {
            let begun = Instant::now();
            let (count, sum, first, last) = reduce(last);
            say(begun.elapsed().as_secs_f64(), count, sum, first, last);
            return ExitCode::SUCCESS;
        }
        Some(_) => {
            println!("{}", sum(&squares(last)));
            return ExitCode::SUCCESS;
        }
    }
    drop(squares(last));
    let begun = Instant::now();
    let values = squares(last);
    let seconds = begun.elapsed().as_secs_f64();
    let (count, sum) = (values.len(), sum(&values));
    let (first, last) = (values.first().copied().unwrap_or(0), values.last().copied().unwrap_or(0));
    say(seconds, count, sum, first, last);
    ExitCode::SUCCESS
}

fn say(seconds: f64, count: usize, sum: i128, first: i64, last: i64) {
    println!(r#"{{"seconds":{seconds},"count":{count},"sum":"{sum}","first":{first},"last":{last}}}"#);
}

/// Count, sum, least and greatest of the squares, a block of numbers at a time so that the sums stay in 64 bits.
fn reduce(last: i64) -> (usize, i128, i64, i64) {
    const BLOCK: i64 = 1 << 12;
    let block = |first: i64| {
        let (mut low, mut high, mut least, mut greatest) = (0_u64, 0_u64, i64::MAX, i64::MIN);
        let end = last.min(first + BLOCK - 1);
        for n in first..=end {
            let value = n * n;
            low += value as u64 & 0xffff_ffff;
            high += value as u64 >> 32;
            least = least.min(value);
            greatest = greatest.max(value);
        }
        ((end - first + 1) as usize, (i128::from(high) << 32) + i128::from(low), least, greatest)
    };
    let merge =
        |a: (usize, i128, i64, i64), b: (usize, i128, i64, i64)| (a.0 + b.0, a.1 + b.1, a.2.min(b.2), a.3.max(b.3));
    let blocks = (0..=(last - 1) / BLOCK).into_par_iter();
    blocks.map(|index| block(1 + index * BLOCK)).reduce(|| (0, 0, i64::MAX, i64::MIN), merge)
}

fn squares(last: i64) -> Vec<i64> {
    (1..=last).into_par_iter().map(|n| n * n).collect()
}

fn sum(values: &[i64]) -> i128 {
    values.iter().map(|&value| i128::from(value)).sum()
}
