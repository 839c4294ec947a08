//! The parts in the ledger.

use rusqlite::{Connection, Row, params};
use swath_model::JobId;

use super::error::SqliteError;
use crate::ledger::{
    Inserted,
    error::LedgerError,
    rows::{BlockRow, FooterRow, PartRow},
};

/// Adds a part, or replaces the one with its path, unless its job is gone.
pub(super) fn insert(connection: &Connection, job: JobId, part: &PartRow) -> Result<Inserted, SqliteError> {
    let senders =
        serde_json::to_string(&part.senders).map_err(|error| LedgerError::Failed { reason: error.to_string() })?;
    let inserted = connection.execute(
        "INSERT OR REPLACE INTO parts (path, job, bytes, footer_bytes, footer_digest, senders, blocks, numbers)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE EXISTS (SELECT 1 FROM jobs WHERE id = ?2 AND NOT results_dropped)",
        params![
            part.path,
            job.0 as i64,
            part.bytes as i64,
            part.footer.bytes,
            part.footer.digest as i64,
            senders,
            blocks_to_bytes(&part.blocks),
            numbers_to_bytes(&part.blocks)
        ],
    )?;
    Ok(if inserted > 0 { Inserted::Inserted } else { Inserted::JobGone })
}

/// The parts of a job, in the order of their paths.
pub(super) fn of_job(connection: &Connection, job: JobId) -> Result<Vec<PartRow>, SqliteError> {
    let mut query = connection.prepare(
        "SELECT path, bytes, footer_bytes, footer_digest, senders, blocks, numbers FROM parts WHERE job = ? ORDER BY path",
    )?;
    let rows = query.query_map([job.0 as i64], |row| Ok(part_from_row(row)))?;
    rows.map(|row| row?).collect()
}

fn part_from_row(row: &Row<'_>) -> Result<PartRow, SqliteError> {
    let path: String = row.get(0)?;
    let damaged = |what: &str| LedgerError::Damaged { reason: format!("the {what} of part {path} cannot be read") };
    let (senders, blocks, numbers): (String, Vec<u8>, Option<Vec<u8>>) = (row.get(4)?, row.get(5)?, row.get(6)?);
    let mut blocks = blocks_from_bytes(&blocks).ok_or_else(|| damaged("blocks"))?;
    if let Some(numbers) = numbers {
        set_numbers(&mut blocks, &numbers).ok_or_else(|| damaged("numbers"))?;
    }
    Ok(PartRow {
        bytes: row.get::<_, i64>(1)?.unsigned_abs(),
        footer: FooterRow { bytes: row.get(2)?, digest: row.get::<_, i64>(3)? as u64 },
        senders: serde_json::from_str(&senders).map_err(|_| damaged("workers"))?,
        blocks,
        path,
    })
}

/// 24 bytes for each block: first offset, digest, rows and sender, little-endian.
fn blocks_to_bytes(blocks: &[BlockRow]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(blocks.len() * 24);
    for block in blocks {
        bytes.extend_from_slice(&block.first.to_le_bytes());
        bytes.extend_from_slice(&block.digest.to_le_bytes());
        bytes.extend_from_slice(&block.rows.to_le_bytes());
        bytes.extend_from_slice(&block.sender.to_le_bytes());
    }
    bytes
}

/// 8 bytes for each block, how many numbers it covers; `None` where each covers as many as it has rows.
fn numbers_to_bytes(blocks: &[BlockRow]) -> Option<Vec<u8>> {
    let is_dense = blocks.iter().all(|block| block.numbers == u64::from(block.rows));
    (!is_dense).then(|| blocks.iter().flat_map(|block| block.numbers.to_le_bytes()).collect())
}

fn set_numbers(blocks: &mut [BlockRow], bytes: &[u8]) -> Option<()> {
    let (numbers, []) = bytes.as_chunks::<8>() else { return None };
    if numbers.len() != blocks.len() {
        return None;
    }
    for (block, numbers) in blocks.iter_mut().zip(numbers) {
        block.numbers = u64::from_le_bytes(*numbers);
    }
    Some(())
}

fn blocks_from_bytes(bytes: &[u8]) -> Option<Vec<BlockRow>> {
    let (blocks, []) = bytes.as_chunks::<24>() else { return None };
    let block = |bytes: &[u8; 24]| {
        let (first, rest) = bytes.split_first_chunk::<8>()?;
        let (digest, rest) = rest.split_first_chunk::<8>()?;
        let (rows, sender) = rest.split_first_chunk::<4>()?;
        let rows = u32::from_le_bytes(*rows);
        Some(BlockRow {
            numbers: rows.into(),
            first: u64::from_le_bytes(*first),
            digest: u64::from_le_bytes(*digest),
            rows,
            sender: u32::from_le_bytes(*sender.first_chunk()?),
        })
    };
    blocks.iter().map(block).collect()
}
