//! A chunk that was given up.

/// Why there will be no results of a chunk of a job that keeps going.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// The number that the kernel failed at last; the first one of a chunk that crashed workers.
    pub number: i64,
    /// What the kernel said, or how many workers crashed; cut to at most [`Hole::LONGEST_REASON`] bytes.
    pub reason: String,
}

impl Hole {
    /// The most bytes of a reason.
    pub const LONGEST_REASON: usize = 512;

    /// The most holes in a job. One more, and it fails.
    pub const MOST: usize = 10_000;

    /// A hole whose reason is not too long.
    pub fn new(number: i64, mut reason: String) -> Self {
        if reason.len() > Self::LONGEST_REASON {
            let end = (0..=Self::LONGEST_REASON).rev().find(|&end| reason.is_char_boundary(end));
            reason.truncate(end.unwrap_or(0));
        }
        Hole { number, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        assert_eq!(Hole::new(1, "odd".into()).reason, "odd");
        let long = Hole::new(1, "ü".repeat(400)).reason;
        assert_eq!(long.len(), 512);
        assert_eq!(Hole::new(1, format!("x{}", "ü".repeat(400))).reason.len(), 511);
    }
}
