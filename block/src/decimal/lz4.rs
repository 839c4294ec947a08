//! LZ4 for columns of 16-byte values.

mod compress;
mod decompress;

pub(crate) use self::{compress::compress, decompress::decompress};

#[cfg(test)]
mod tests;
