//! `BYTE_STREAM_SPLIT` of 128-bit decimals, compressed with LZ4.
//!
//! A decimal is 16 bytes, the most significant first, in two's complement. Split into 16 streams, one for each
//! byte, neighbours become runs, which the compression then takes away. Source of the formats: Parquet,
//! [byte stream split](https://github.com/apache/parquet-format/blob/master/Encodings.md#byte-stream-split-byte_stream_split--9)
//! and [LZ4_RAW](https://github.com/apache/parquet-format/blob/master/Compression.md#lz4_raw).

const BYTES: usize = 16;

/// Appends the split `values` to `out`, uncompressed.
pub(crate) fn split(values: &[i128], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + values.len() * BYTES, 0);
    let streams = &mut out[start..];
    for (byte, stream) in streams.chunks_exact_mut(values.len()).enumerate() {
        let shift = 8 * (BYTES - 1 - byte);
        for (split, &value) in stream.iter_mut().zip(values) {
            *split = (value >> shift) as u8;
        }
    }
}

/// The bytes as one LZ4 block.
pub(crate) fn compress(bytes: &[u8]) -> Vec<u8> {
    lz4_flex::block::compress(bytes)
}
