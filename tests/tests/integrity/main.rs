//! Results that came to harm, or were made to do harm: on a worker, on their way, on the disk, on their way to a
//! reader.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

mod damaged;
mod forged;
mod liar;
mod stored;

use std::sync::Arc;

use arrow_array::Int64Array;
use swath_block::{BlockEncoder, Digest, PAGE_ROWS};
use swath_model::{Covers, Layout, Numbers, ValueType};

/// The block of the squares of these numbers.
fn squares(first: i64, numbers: i64) -> Vec<u8> {
    let layout = Layout::values(ValueType::Int64);
    let covers = Covers { first, numbers: numbers as u64 };
    let values: Vec<i64> = (first..first + numbers).map(|n| n * n).collect();
    let mut encoder = BlockEncoder::new(&layout, first).unwrap();
    for (page, first) in values.chunks(PAGE_ROWS).zip((first..).step_by(PAGE_ROWS)) {
        let numbers = Numbers::Consecutive { first, rows: page.len() };
        encoder.push(numbers, &[Arc::new(Int64Array::from(page.to_vec()))]).unwrap();
    }
    encoder.finish_with_digest(covers).unwrap().0.to_vec()
}

/// What a block is known by, whatever is in it.
fn digest(block: &[u8]) -> u64 {
    Digest::of(block).map_or(0, Digest::whole)
}

/// The same block with a footer of which only the frame is right.
fn with_footer(block: &[u8], footer: &[u8]) -> Vec<u8> {
    let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
    let columns = block.len() - 8 - footer_length(block);
    [&block[..columns], footer, &length, b"PAR1"].concat()
}

fn footer_length(block: &[u8]) -> usize {
    let (length, _) = block[block.len() - 8..].split_first_chunk().unwrap();
    u32::from_le_bytes(*length) as usize
}

/// A footer with so many groups in each other, and a column of integers in the last, in Thrift's compact protocol.
fn bottomless(depth: u16) -> Vec<u8> {
    let elements = depth + 1;
    let mut footer = vec![0x15, 4, 0x19, 0xFC, (elements & 0x7F) as u8 | 0x80, (elements >> 7) as u8];
    (0..depth).for_each(|_| footer.extend([0x48, 0, 0x15, 2, 0]));
    footer.extend([0x15, 4, 0x25, 0, 0x18, 1, b'n', 0]);
    footer.extend([0x16, 2, 0x19, 0x0C, 0]);
    footer
}
