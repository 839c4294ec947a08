//! Kernels that are not built in: files that travel with a job.

use std::{fmt, str::FromStr, time::Duration};

use crate::Layout;

/// Names a file by what is in it: its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactId(pub [u8; ArtifactId::BYTES]);

impl ArtifactId {
    /// Its length.
    pub const BYTES: usize = 32;

    /// An id that came from elsewhere; `None` if it has not 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

/// As `sha256sum` prints it.
impl fmt::Display for ArtifactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ArtifactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no name of an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 has 64 hexadecimal digits")]
pub struct NotAnArtifactId;

impl FromStr for ArtifactId {
    type Err = NotAnArtifactId;

    fn from_str(text: &str) -> Result<Self, NotAnArtifactId> {
        let mut id = [0; Self::BYTES];
        let is_hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if text.len() != 2 * Self::BYTES || !is_hexadecimal {
            return Err(NotAnArtifactId);
        }
        for (index, byte) in id.iter_mut().enumerate() {
            let digits = text.get(2 * index..2 * index + 2).ok_or(NotAnArtifactId)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| NotAnArtifactId)?;
        }
        Ok(Self(id))
    }
}

/// A file that travels with a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Artifact {
    /// What is in it.
    pub id: ArtifactId,
    /// Its size.
    pub bytes: u64,
}

impl Artifact {
    /// The largest that travels: 1 GiB.
    pub const MAX_BYTES: u64 = 1 << 30;
}

/// What evaluates a kernel that is not built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Runtime {
    /// A WebAssembly module.
    Wasm,
}

impl Runtime {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wasm => "wasm",
        }
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The program of a kernel that is not built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// What evaluates it.
    pub runtime: Runtime,
    /// The file that it is in.
    pub artifact: Artifact,
    /// Which of its functions is the kernel; `None`: the only one that can be.
    pub export: Option<String>,
    /// How much memory it may have in each thread.
    pub memory_bytes: u64,
    /// How long it may take at one number; `None`: as long as it likes.
    pub number_timeout: Option<Duration>,
    /// What its rows look like. A coordinator looks that up in the file; a client leaves it out.
    pub layout: Option<Layout>,
}

impl Program {
    /// How much memory a program may have if nothing else is said: 256 MiB.
    pub const DEFAULT_MEMORY_BYTES: u64 = 256 << 20;

    /// A module, with limits as they are by default.
    pub fn wasm(artifact: Artifact) -> Self {
        Self {
            runtime: Runtime::Wasm,
            artifact,
            export: None,
            memory_bytes: Self::DEFAULT_MEMORY_BYTES,
            number_timeout: None,
            layout: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written() {
        let id = ArtifactId([0xab; 32]);
        assert_eq!(id.to_string(), "ab".repeat(32));
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "ab", &"g".repeat(64), &"é".repeat(32), &"ab".repeat(33), &format!("+{}", "a".repeat(63))] {
            assert_eq!(text.parse::<ArtifactId>(), Err(NotAnArtifactId), "{text}");
        }
        assert_eq!(ArtifactId::from_slice(&[0; 31]), None);
    }
}
