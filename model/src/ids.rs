//! Identifiers. Newtypes, because all of them are integers and a worker passed where a job is meant
//! would otherwise compile.

use std::fmt;

/// Names a job; a small integer that the coordinator gives out and people type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// Names one session of a worker. A process that connects again gets a new one, so that what its former
/// session still sends cannot be taken for news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u64);

/// Names one start of a coordinator: 64 random bits, so that no two starts have the same, not even those on copies of
/// one data folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u64);

/// Names a lease, once and for all: the sequence never repeats within an incarnation, and every start of the
/// coordinator is an incarnation of its own, at random. A block that comes late therefore never matches a newer lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId {
    /// Which start of the coordinator gave it out.
    pub incarnation: Incarnation,
    /// Which lease of that start, counted from 1.
    pub sequence: u64,
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.incarnation, self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_shows_its_incarnation_and_its_sequence() {
        let lease = LeaseId { incarnation: Incarnation(0xa3), sequence: 17 };
        assert_eq!(lease.to_string(), "a3-17");
        assert_eq!(JobId(4).to_string(), "4");
        assert_eq!(WorkerId(5).to_string(), "5");
    }
}
