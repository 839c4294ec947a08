//! `rows`: rows that are selected, and rows that are reduced to one.

use std::process::Command;

use anyhow::{Result, bail, ensure};

use super::{RayonAnswer, power};
use crate::{
    measure::{Contender, Kind, Line, Measure, Unit},
    peer::{self, Peer, peer},
    process,
    setting::Setting,
    verify::{self, Found, VERIFIED},
};

const NUMBERS: u64 = 1_000_000_000;

/// Both remainders whose square leaves 4 when it is divided by 7.
const REMAINDERS: [u64; 2] = [2, 5];

const REDUCING: &[Peer] = &[
    peer("DuckDB, sum, min, max and count", "duckdb_peer", "reduce"),
    peer("Polars, sum, min, max and count", "polars_peer", "reduce"),
    peer("numpy in blocks, sum, min, max and count", "numpy_peer", "reduce"),
];

const SELECTING: &[Peer] = &[
    peer("DuckDB, count where value % 7 = 4", "duckdb_peer", "select"),
    peer("Polars, count where value % 7 = 4", "polars_peer", "select"),
    peer("numpy in blocks, count where value % 7 = 4", "numpy_peer", "select"),
];

pub(super) fn line(setting: &Setting) -> Line {
    let last = setting.numbers(NUMBERS);
    let (reducing, mut remarks) = peer::enlist(setting, REDUCING, |peer| peer.timed(last));
    let (selecting, _) = peer::enlist(setting, SELECTING, |peer| peer.counting(last, selected(last)));
    remarks.push(
        "Swath is timed as a whole command that starts its own workers; its peers are up and warm before the clock \
         starts"
            .to_owned(),
    );
    let mut contenders = vec![
        swath_reduces(last),
        swath_counts("Swath, --where 'value % 7 = 4' --reduce count", last, "value % 7 = 4"),
        swath_counts("Swath, --where 'n * n % 7 = 4' --reduce count", last, "n * n % 7 = 4"),
    ];
    contenders.extend(reducing);
    contenders.extend(selecting);
    contenders.push(rayon(last));
    Line { name: "rows", work: format!("{} squares, reduced to one row", power(last)), contenders, remarks }
}

/// How many of the numbers 1 to `last` have a square that leaves 4 when it is divided by 7.
fn selected(last: u64) -> u64 {
    REMAINDERS.iter().map(|remainder| (last + 7 - remainder) / 7).sum()
}

fn swath_reduces(last: u64) -> Contender {
    let name = "Swath, --reduce sum,min,max,count";
    Contender::new(name, Kind::Swath, move |setting| {
        let mut command = Command::new(&setting.swath);
        command.args(["run", &format!("1..={last}"), "--reduce", "sum,min,max,count"]);
        let ended = process::finish(setting, &mut command)?;
        let verified = row(&ended.stdout)?.check(&verify::squares(last))?;
        Ok(Measure::new(name, Kind::Swath, Unit::Seconds, ended.wall.as_secs_f64()).verified(verified))
    })
}

/// What `--reduce sum,min,max,count` prints: squares ascend, so the least is the first.
fn row(said: &str) -> Result<Found> {
    let columns: Vec<_> = said.split_whitespace().collect();
    let [sum, min, max, count] = columns[..] else { bail!("not four columns: {said:?}") };
    Ok(Found { count: count.parse()?, sum: sum.to_owned(), first: min.parse()?, last: max.parse()? })
}

fn swath_counts(name: &'static str, last: u64, condition: &'static str) -> Contender {
    let arguments = ["run", &format!("1..={last}"), "--where", condition, "--reduce", "count"].map(str::to_owned);
    swath_prints(name, arguments.to_vec(), selected(last))
}

/// A command of Swath that prints one number.
pub(super) fn swath_prints(name: &'static str, arguments: Vec<String>, expected: u64) -> Contender {
    Contender::new(name, Kind::Swath, move |setting| {
        let ended = process::finish(setting, Command::new(&setting.swath).args(&arguments))?;
        let verified = check_number(&ended.stdout, expected)?;
        Ok(Measure::new(name, Kind::Swath, Unit::Seconds, ended.wall.as_secs_f64()).verified(verified))
    })
}

/// What was printed ends with this number; returns what the table says.
pub(super) fn check_number(said: &str, expected: u64) -> Result<String> {
    let found = said.split_whitespace().last().unwrap_or_default();
    ensure!(found == expected.to_string(), "the result is wrong: {found:?} instead of {expected}");
    Ok("count".to_owned())
}

fn rayon(last: u64) -> Contender {
    let name = "limit: a rayon loop without memory, sum, min, max and count";
    Contender::new(name, Kind::Limit, move |setting| {
        let mut command = Command::new(setting.sibling("rayon-squares")?);
        let answer = RayonAnswer::parse(&process::finish(setting, command.arg(last.to_string()).arg("--reduce"))?)?;
        let measure = Measure::new(name, Kind::Limit, Unit::Seconds, answer.seconds);
        ensure!(answer.check(last)? == VERIFIED, "the rayon loop is wrong");
        Ok(measure.verified(VERIFIED))
    })
}

#[cfg(test)]
mod tests {
    use super::selected;

    #[test]
    fn the_count_agrees_with_counting() {
        for last in [1, 2, 4, 5, 7, 8, 100, 1234] {
            assert_eq!(selected(last), (1..=last).filter(|n| n * n % 7 == 4).count() as u64, "{last}");
        }
    }
}
