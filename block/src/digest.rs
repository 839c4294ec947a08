//! What a block is known by, from the thread that computed it to the reader.

use std::hash::Hasher;

use twox_hash::XxHash3_64;

use crate::{
    BlockError,
    frame::{MAGIC, footer_of},
};

/// The digest of a block: XXH3, 64 bits.
///
/// The encoded columns have one of their own, which stays the same in whatever file they are copied into. That of the
/// whole is made from it and the footer. So who has copied columns that have their digest knows that of the new file
/// without another look at them, and no byte is without cover in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    columns: u64,
    whole: u64,
}

impl Digest {
    /// The digest of a block's bytes. An error if they cannot be one.
    pub fn of(block: &[u8]) -> Result<Self, BlockError> {
        let footer = footer_of(block)?;
        let (columns, frame) = block.split_at_checked(footer.start).unwrap_or_default();
        Ok(Self::new(checksum(columns.get(MAGIC.len()..).unwrap_or_default()), frame))
    }

    /// The digest of a block whose columns have this one; `frame` is what comes behind them.
    pub(crate) fn new(columns: u64, frame: &[u8]) -> Self {
        Self { columns, whole: XxHash3_64::oneshot_with_seed(columns, frame) }
    }

    /// That of the encoded columns, wherever they are.
    pub fn columns(self) -> u64 {
        self.columns
    }

    /// That of the whole block.
    pub fn whole(self) -> u64 {
        self.whole
    }
}

/// XXH3 of any bytes, as of the columns of a block.
pub fn checksum(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

/// The same for bytes that are in several pieces.
pub(crate) fn checksum_of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let mut hasher = XxHash3_64::new();
    pieces.into_iter().for_each(|piece| hasher.write(piece));
    hasher.finish()
}
