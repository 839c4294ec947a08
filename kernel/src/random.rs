//! `random`: numbers that look random and are the same each time.

use std::{ops::RangeInclusive, sync::Arc};

use crate::{
    Context, Description, EvaluateError, FindError, Kernel, Layout, ParameterDescription, Parameters, Rows, ValueType,
    Values, kernel::count,
};

const NAME: &str = "random";

pub(crate) const DESCRIPTION: Description = Description {
    name: NAME,
    summary: "a pseudorandom number from 0 to below 1, the same for the same number and seed",
    parameters: &[ParameterDescription { name: "seed", summary: "another seed gives other values", default: "1" }],
    value: "float64",
    bind,
};

/// The value of the number n is made of the n-th output of SplitMix64, which is a function of n and the seed: so any
/// number can be evaluated without those before it. Numbers count modulo 2^64.
///
/// Source: Steele, Lea and Flood, [Fast splittable pseudorandom number
/// generators](https://doi.org/10.1145/2714064.2660195), 2014, with the constants of
/// [`splitmix64.c`](https://prng.di.unimi.it/splitmix64.c).
#[derive(Debug)]
struct Random {
    seed: u64,
}

fn bind(parameters: &Parameters) -> Result<Arc<dyn Kernel>, FindError> {
    let seed = match parameters.get("seed") {
        None => 1,
        Some(text) => text.parse().map_err(|_| FindError::BadValue {
            kernel: NAME,
            parameter: "seed",
            value: text.clone(),
            allowed: "a whole number from 0 to 18446744073709551615",
        })?,
    };
    Ok(Arc::new(Random { seed }))
}

impl Kernel for Random {
    fn name(&self) -> &'static str {
        NAME
    }

    fn layout(&self, _: &RangeInclusive<i64>) -> Layout {
        Layout::values(ValueType::Float64)
    }

    fn is_total(&self) -> bool {
        true
    }

    fn evaluate(&self, numbers: RangeInclusive<i64>, rows: &mut Rows, _: &mut Context) -> Result<(), EvaluateError> {
        let Some(Values::Float64(values)) = rows.only() else {
            return Err(EvaluateError::wrong_type(NAME, &self.layout(&numbers), rows));
        };
        let first = *numbers.start() as u64;
        values
            .extend((0..count(&numbers)).map(|offset| fraction(output(self.seed, first.wrapping_add(offset as u64)))));
        Ok(())
    }
}

/// The n-th output of SplitMix64.
fn output(seed: u64, n: u64) -> u64 {
    let state = seed.wrapping_add(n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mixed = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}

/// The highest 53 bits as a fraction, which a float has exactly.
fn fraction(bits: u64) -> f64 {
    const UNIT: f64 = 1.0 / (1_u64 << 53) as f64;
    (bits >> 11) as i64 as f64 * UNIT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        find,
        testing::{evaluate, rows_of},
    };

    fn floats(parameters: &[(&str, &str)], numbers: RangeInclusive<i64>) -> Vec<f64> {
        let parameters = parameters.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        match evaluate(&*find(NAME, &parameters).unwrap(), numbers) {
            (Values::Float64(values), Ok(())) => values,
            other => panic!("not whole float64 values: {other:?}"),
        }
    }

    /// From <https://rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64>.
    #[test]
    fn outputs_are_those_of_the_generator() {
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!([1, 2, 3, 4, 5].map(|n| output(1_234_567, n)), expected);
        // How many of 100,000 floats are in each fifth, from the same page.
        let mut fifths = [0; 5];
        for value in floats(&[("seed", "987654321")], 1..=100_000) {
            fifths[(value * 5.0) as usize] += 1;
        }
        assert_eq!(fifths, [20027, 19892, 20073, 19978, 20030]);
    }

    #[test]
    fn values_are_fractions_of_the_outputs() {
        assert_eq!(fraction(0), 0.0);
        assert_eq!(fraction(u64::MAX), 1.0 - f64::EPSILON / 2.0);
        assert_eq!(fraction(1 << 63), 0.5);
        let values = floats(&[("seed", "1234567")], 1..=2);
        assert_eq!(values, [6_457_827_717_110_365_317_u64, 3_203_168_211_198_807_973].map(fraction));
    }

    #[test]
    fn a_value_depends_on_the_number_and_the_seed_alone() {
        let all = floats(&[], -500..=500);
        let pieces = [floats(&[], -500..=-1), floats(&[], 0..=0), floats(&[("seed", "1")], 1..=500)].concat();
        assert_eq!(all, pieces);
        assert_ne!(all, floats(&[("seed", "2")], -500..=500));
        assert_eq!(floats(&[], i64::MIN..=i64::MIN + 1).len(), 2);
        assert_eq!(floats(&[("seed", "18446744073709551615")], i64::MAX - 1..=i64::MAX).len(), 2);
    }

    #[test]
    fn other_seeds_and_buffers_are_refused() {
        for seed in ["", "-1", "1.5", "x", "18446744073709551616"] {
            find(NAME, &[("seed".to_owned(), seed.to_owned())].into()).unwrap_err();
        }
        let mut values = rows_of(ValueType::Int64);
        let error = Random { seed: 1 }.evaluate(1..=3, &mut values, &mut Context::default()).unwrap_err();
        assert_eq!(error.number(), None);
        assert!(values.is_empty());
    }
}
