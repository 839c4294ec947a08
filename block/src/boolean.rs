//! `PLAIN` booleans: one bit each, the least significant bit of a byte first.
//!
//! Source of the format: Parquet,
//! [Plain](https://github.com/apache/parquet-format/blob/master/Encodings.md#plain-plain--0). The format also allows
//! `RLE`, but in data pages of version 1 no mainstream writer uses it, and fastparquet reads such pages as `false`
//! throughout.

/// Appends the encoded `values` to `out`.
pub(crate) fn encode(values: &[bool], out: &mut Vec<u8>) {
    out.extend(
        values
            .chunks(8)
            .map(|bits| bits.iter().enumerate().fold(0u8, |byte, (position, &bit)| byte | (u8::from(bit) << position))),
    );
}
