//! A segmented sieve of Eratosthenes.

mod presieve;
mod primes;
mod segment;
mod table;
mod wheel;

pub(crate) use self::{
    primes::{Primes, ordered_primes},
    segment::Segment,
    wheel::expand,
};
