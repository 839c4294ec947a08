//! Tells jobs apart by what they compute.

use std::fmt;

/// What a job computes, in 16 bytes: two jobs with the same fingerprint have the same results, laid out in the same
/// chunks.
///
/// A job's id does not say that: a coordinator that was given an older copy of its data gives the same ids to other
/// jobs. So leases, blocks and resume offers carry the fingerprint too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; Fingerprint::BYTES]);

impl Fingerprint {
    /// Its length.
    pub const BYTES: usize = 16;

    /// A fingerprint that came from elsewhere; `None` if it has not 16 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sixteen_bytes_are_a_fingerprint() {
        let fingerprint = Fingerprint::from_slice(&[0xab; 16]).unwrap();
        assert_eq!(fingerprint.to_string(), "ab".repeat(16));
        assert_eq!(Fingerprint::from_slice(&[0; 15]), None);
        assert_eq!(Fingerprint::from_slice(&[]), None);
    }
}
