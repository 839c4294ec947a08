//! Output that is compressed as a whole, or as it is.

use std::io::{self, Write};

use flate2::write::GzEncoder;
use zstd::stream::write::Encoder as ZstdEncoder;

use super::{destination::Destination, format::Compression};

/// What a sink writes to.
pub(super) enum Body {
    Plain(Destination),
    // The name and the time of a gzip file are left out: the same results are the same bytes.
    Gzip(Box<GzEncoder<Destination>>),
    Zstd(ZstdEncoder<'static, Destination>),
}

impl Body {
    pub(super) fn new(destination: Destination, compression: Option<Compression>) -> io::Result<Self> {
        Ok(match compression {
            None => Self::Plain(destination),
            Some(Compression::Gzip) => {
                Self::Gzip(Box::new(GzEncoder::new(destination, flate2::Compression::default())))
            }
            Some(Compression::Zstd) => {
                let mut encoder = ZstdEncoder::new(destination, zstd::DEFAULT_COMPRESSION_LEVEL)?;
                encoder.include_checksum(true)?;
                Self::Zstd(encoder)
            }
        })
    }

    /// Writes the end of what is compressed, and gives the destination back.
    pub(super) fn finish(self) -> io::Result<Destination> {
        match self {
            Self::Plain(destination) => Ok(destination),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl Write for Body {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(output) => output.write(bytes),
            Self::Gzip(output) => output.write(bytes),
            Self::Zstd(output) => output.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(output) => output.flush(),
            Self::Gzip(output) => output.flush(),
            Self::Zstd(output) => output.flush(),
        }
    }
}
