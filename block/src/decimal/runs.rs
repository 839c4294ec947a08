//! Zstandard for columns of 16-byte values.
//!
//! Source of the format: [RFC 8878](https://www.rfc-editor.org/rfc/rfc8878). A frame is a header and blocks; a block
//! has bytes as they are, or literals and sequences of literals and matches.
//!
//! Where values share their leading bytes with the one before, all sequences are equal: the trailing bytes of a value
//! as literals, then a match with the leading bytes, 16 bytes back. The format can say so once for all sequences of a
//! block. Then a sequence takes no bit, and a block is little more than the trailing bytes of its values one after the
//! other. This is less than LZ4 needs, which says for each sequence how long it is, and nothing is searched for.
//!
//! A frame that is written here has three kinds of blocks, and only these are read:
//!
//! - plain: values, and maybe the leading bytes of the next;
//! - start, the first with a sequence: a value, and a match with the leading bytes of the next;
//! - run: values that share so many leading bytes, of which those of the first are in the block before; maybe the
//!   leading bytes of the next value behind them.

mod read;
mod write;

pub(crate) use self::{
    read::{check, decompress},
    write::compress,
};

/// What a frame begins with.
const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
/// Of the header: one segment, a length of 4 bytes, no checksum and no dictionary.
const DESCRIPTOR: u8 = 0b1010_0000;

/// The kinds of blocks in their headers.
const PLAIN: u32 = 0;
const COMPRESSED: u32 = 2;

/// The most bytes of a block, decompressed.
const MOST_BLOCK_BYTES: usize = 128 << 10;

/// How many leading bytes values of a run share. A match has 3 bytes or more, and there is a literal in each sequence.
const SHARED: std::ops::RangeInclusive<usize> = 3..=15;

/// The codes of literal lengths, offsets and match lengths are each the same in all sequences.
const ALL_EQUAL: u8 = 0b0101_0100;
/// Literals as they are, behind a length of 20 bits.
const RAW_LITERALS: u32 = 0b1100;

/// The bits of all sequences of a run: none but the mark of the end.
const BITS_OF_RUN: u8 = 1;
/// Those of the sequence of a start: the mark, 4 bits of the offset, which are 16 + 3 - 2^4, and one of the literals,
/// which are 16 + 0.
const BITS_OF_START: u8 = 0b10_0110;
/// The codes of 16 literals or 17, and of an offset from 16 - 3 to 31 - 3.
const START_LITERALS: u8 = 16;
const START_OFFSET: u8 = 4;
/// The code of the offset before.
const SAME_OFFSET: u8 = 0;
/// The least length of a match, whose code is 0.
const SHORTEST: usize = 3;

#[cfg(test)]
mod tests;
