//! `RLE` of booleans: a run of equal values, or packed bits.
//!
//! Source of the format: Parquet, [RLE / bit-packing hybrid](https://github.com/apache/parquet-format/blob/master/Encodings.md#run-length-encoding--bit-packing-hybrid-rle--3).

use crate::varint;

/// Appends the encoded `values`, which must not be empty, to `out`: the length in 4 bytes, then one run.
pub(crate) fn encode(values: &[bool], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    if values.iter().all(|&value| value == values[0]) {
        varint::write((values.len() as u64) << 1, out);
        out.push(u8::from(values[0]));
    } else {
        varint::write(((values.len().div_ceil(8) as u64) << 1) | 1, out);
        out.extend(values.chunks(8).map(|bits| {
            bits.iter().enumerate().fold(0u8, |byte, (position, &bit)| byte | (u8::from(bit) << position))
        }));
    }
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}
