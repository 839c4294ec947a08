//! What the fuzz targets reach of this crate beside its public functions; not for anybody else.

use bytes::Bytes;
use parquet::file::statistics::Statistics;
use swath_model::{Covers, Layout};

use crate::{BlockError, delta, frame::footer_of, parse_footer};

/// What the footer of a block says that it covers, as who sent it would say; the number 0 if it says nothing.
pub fn stated_covers(block: &Bytes, layout: &Layout) -> Result<Covers, BlockError> {
    let footer = footer_of(block)?;
    let footer = block.get(footer).unwrap_or_default();
    let metadata = parse_footer(footer, 1, layout).or_else(|_| parse_footer(footer, 0, layout))?;
    let n = metadata.row_groups().first().and_then(|group| group.columns().first()?.statistics());
    let ends = match n {
        Some(Statistics::Int64(n)) => n.min_opt().zip(n.max_opt()),
        _ => None,
    };
    let (&first, &last) = ends.unwrap_or((&0, &0));
    Ok(Covers { first, numbers: last.abs_diff(first).saturating_add(1) })
}

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
