//! What the fuzz targets reach of this crate beside its public functions; not for anybody else.

use crate::delta;

/// Treats bytes as a page of integers that came from elsewhere. Returns them if the page passes the check that a block
/// must pass; panics if a page that passed cannot be decoded.
pub fn decode_delta(page: &[u8], rows: usize) -> Option<Vec<i64>> {
    let checked = delta::check(page, rows);
    let mut values = vec![0; rows];
    let decoded = delta::decode(page, &mut values);
    let first = checked.ok()?;
    assert_eq!(decoded, Ok(()), "a page that passed the check cannot be decoded");
    assert_eq!(values.first(), Some(&first), "the check and the decoder read another first value");
    Some(values)
}

/// Encodes integers, of which there must be one, as a page.
pub fn encode_delta(values: &[i64]) -> Vec<u8> {
    let mut page = Vec::new();
    delta::encode(values, &mut page);
    page
}
