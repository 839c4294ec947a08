//! Tells jobs apart by what they compute.

use std::fmt;

use ring::digest::{Context, SHA256};

use crate::v1::{JobSpec, ValueType};

/// Begins what is digested, so that another layout is another fingerprint.
const LAYOUT: &[u8] = b"swath job 1\0";

/// What a job computes, in 16 bytes: two jobs with the same fingerprint have the same results, laid out in the same chunks.
///
/// A job's id does not say that: a coordinator that was given an older copy of its data gives the same ids to other jobs.
/// So leases, blocks and resume offers carry the fingerprint too, and both sides compute it here.
///
/// It is the first 16 bytes of the SHA-256 of these bytes, one after the other, integers little-endian:
///
/// | bytes | what |
/// | --- | --- |
/// | 12 | `swath job 1` and a zero byte |
/// | 8 + n | the name of the kernel: its length in bytes (u64), then UTF-8 |
/// | 8 | how many parameters (u64) |
/// | 8 + n, 8 + n | each parameter, in the order of the bytes of the names: its name, then its value, written like the kernel's name |
/// | 8 | the first number (i64) |
/// | 8 | the last number (i64) |
/// | 8 | numbers in a chunk, as chosen, never 0 (u64) |
/// | 4 | the number of the value type in `ValueType` (i32) |
///
/// Retention and limits are not in it: they decide how long results are kept, not what they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; Self::BYTES]);

impl Fingerprint {
    /// Its length.
    pub const BYTES: usize = 16;

    /// The fingerprint of a job whose chunk size is chosen and whose values are of this type.
    pub fn of(job: &JobSpec, value_type: ValueType) -> Self {
        let mut digest = Context::new(&SHA256);
        let text = |digest: &mut Context, text: &str| {
            digest.update(&(text.len() as u64).to_le_bytes());
            digest.update(text.as_bytes());
        };
        digest.update(LAYOUT);
        text(&mut digest, &job.kernel);
        let mut parameters: Vec<_> = job.parameters.iter().collect();
        parameters.sort_unstable();
        digest.update(&(parameters.len() as u64).to_le_bytes());
        for (name, value) in parameters {
            text(&mut digest, name);
            text(&mut digest, value);
        }
        digest.update(&job.first.to_le_bytes());
        digest.update(&job.last.to_le_bytes());
        digest.update(&job.chunk_size.to_le_bytes());
        digest.update(&i32::from(value_type).to_le_bytes());
        let mut fingerprint = [0; Self::BYTES];
        fingerprint.iter_mut().zip(digest.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Self(fingerprint)
    }

    /// A fingerprint that came in a message; `None` if it has not 16 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// As it goes into a message.
    pub fn to_bytes(self) -> bytes::Bytes {
        bytes::Bytes::copy_from_slice(&self.0)
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
    use crate::v1::Retention;

    fn job() -> JobSpec {
        JobSpec {
            kernel: "square".to_owned(),
            parameters: [("type", "auto"), ("a", "b")].map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            first: -5,
            last: 1_000_000,
            chunk_size: 5000,
            ..JobSpec::default()
        }
    }

    /// Computed by another program, which read the table above:
    /// `hashlib.sha256(b"swath job 1\0" + text(b"square") + struct.pack("<Q", 2) + …).hexdigest()[:32]`.
    #[test]
    fn the_layout_is_the_documented_one() {
        let fingerprint = Fingerprint::of(&job(), ValueType::Int64);
        assert_eq!(fingerprint.to_string(), "5b2bbb0d146c0bf127ce68c70e131484");
        assert_eq!(Fingerprint::from_bytes(&fingerprint.to_bytes()), Some(fingerprint));
        assert_eq!(Fingerprint::from_bytes(&[0; 15]), None);
        assert_eq!(Fingerprint::from_bytes(&[]), None);
    }

    #[test]
    fn all_that_decides_results_and_their_layout_is_in_it_and_nothing_else() {
        let of = |change: fn(&mut JobSpec)| {
            let mut job = job();
            change(&mut job);
            Fingerprint::of(&job, ValueType::Int64)
        };
        let same = of(|_| {});
        let others = [
            of(|job| job.kernel = "collatz".to_owned()),
            of(|job| drop(job.parameters.insert("a".to_owned(), "c".to_owned()))),
            of(|job| drop(job.parameters.remove("a"))),
            // The same bytes, cut elsewhere.
            of(|job| {
                job.parameters = [("ab".to_owned(), String::new()), ("type".to_owned(), "auto".to_owned())].into();
            }),
            of(|job| job.first += 1),
            of(|job| job.last += 1),
            of(|job| job.chunk_size += 1),
            Fingerprint::of(&job(), ValueType::Boolean),
        ];
        assert!(others.iter().all(|other| *other != same));
        let keeps = of(|job| {
            job.set_retention(Retention::Delivered);
            (job.max_retries, job.crash_limit, job.keep_going, job.retain_ms) = (Some(9), Some(9), true, Some(9));
        });
        assert_eq!(keeps, same);
    }
}
