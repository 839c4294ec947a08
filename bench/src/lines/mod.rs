//! The lines of the suite.

mod balance;
mod cold;
mod collect;
mod file;
mod instructions;
mod memory;
mod overhead;
mod primes;
mod rows;
mod scale;
mod search;
mod types;
mod wire;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Deserialize;

use crate::{
    measure::Line,
    process::Ended,
    setting::Setting,
    verify::{self, Found},
};

pub(crate) use instructions::Counts;

/// A line by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LineName {
    /// Squares into one Parquet file
    File,
    /// Squares into the memory of a client
    Collect,
    /// What a chunk costs by itself
    Overhead,
    /// Two workers of which one is slow
    Balance,
    /// A small range from nothing
    Cold,
    /// The peak of memory
    Memory,
    /// A slow link between worker and coordinator
    Wire,
    /// A thousand workers at one coordinator
    Scale,
    /// Rows that are selected and reduced
    Rows,
    /// Primes that are counted and listed
    Primes,
    /// Decimals and doubles into one Parquet file
    Types,
    /// A few hits in very many numbers
    Search,
    /// Instructions of the inner parts
    Instructions,
}

impl LineName {
    pub(crate) fn line(self, setting: &Setting) -> Result<Line> {
        Ok(match self {
            Self::File => file::line(setting),
            Self::Collect => collect::line(setting),
            Self::Overhead => overhead::line(setting),
            Self::Balance => balance::line(setting),
            Self::Cold => cold::line(setting),
            Self::Memory => memory::line(setting),
            Self::Wire => wire::line(setting),
            Self::Scale => scale::line(setting),
            Self::Rows => rows::line(setting),
            Self::Primes => primes::line(setting),
            Self::Types => types::line(setting),
            Self::Search => search::line(setting),
            Self::Instructions => instructions::line(setting)?,
        })
    }
}

/// What `rayon-squares` says.
#[derive(Deserialize)]
struct RayonAnswer {
    seconds: f64,
    #[serde(flatten)]
    found: Found,
}

impl RayonAnswer {
    fn parse(ended: &Ended) -> Result<Self> {
        serde_json::from_str(&ended.stdout).context("the answer of the rayon loop")
    }

    fn check(&self, last: u64) -> Result<String> {
        self.found.check(&verify::squares(last))
    }
}

/// A count of numbers as the table writes it: 10⁸ rather than 100,000,000.
fn power(numbers: u64) -> String {
    let exponent = numbers.max(1).ilog10();
    let rest = numbers / 10_u64.pow(exponent);
    if 10_u64.pow(exponent) * rest != numbers {
        return crate::statistics::group(numbers as f64);
    }
    let digits: String = exponent.to_string().chars().map(superscript).collect();
    if rest == 1 { format!("10{digits}") } else { format!("{rest}·10{digits}") }
}

fn superscript(digit: char) -> char {
    match digit {
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => digit.to_digit(10).and_then(|digit| char::from_u32(0x2070 + digit)).unwrap_or(digit),
    }
}

#[cfg(test)]
mod tests {
    use super::power;

    #[test]
    fn counts_are_powers_where_they_are() {
        assert_eq!([1, 10, 30_000_000, 100_000_000, 1_234_567].map(power), ["10⁰", "10¹", "3·10⁷", "10⁸", "1,234,567"]);
    }
}
