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
        "INSERT OR REPLACE INTO parts (path, job, bytes, footer_bytes, footer_digest, senders, blocks)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE EXISTS (SELECT 1 FROM jobs WHERE id = ?2 AND NOT results_dropped)",
        params![
            part.path,
            job.0 as i64,
            part.bytes as i64,
            part.footer.bytes,
            part.footer.digest as i64,
            senders,
            blocks_to_bytes(&part.blocks)
        ],
    )?;
    Ok(if inserted > 0 { Inserted::Inserted } else { Inserted::JobGone })
}

/// The parts of a job, in the order of their paths.
pub(super) fn of_job(connection: &Connection, job: JobId) -> Result<Vec<PartRow>, SqliteError> {
    let mut query = connection.prepare(
        "SELECT path, bytes, footer_bytes, footer_digest, senders, blocks FROM parts WHERE job = ? ORDER BY path",
    )?;
    let rows = query.query_map([job.0 as i64], |row| Ok(part_from_row(row)))?;
    rows.map(|row| row?).collect()
}

fn part_from_row(row: &Row<'_>) -> Result<PartRow, SqliteError> {
    let path: String = row.get(0)?;
    let damaged = |what: &str| LedgerError::Damaged { reason: format!("the {what} of part {path} cannot be read") };
    let (senders, blocks): (String, Vec<u8>) = (row.get(4)?, row.get(5)?);
    Ok(PartRow {
        bytes: row.get::<_, i64>(1)?.unsigned_abs(),
        footer: FooterRow { bytes: row.get(2)?, digest: row.get::<_, i64>(3)? as u64 },
        senders: serde_json::from_str(&senders).map_err(|_| damaged("workers"))?,
        blocks: blocks_from_bytes(&blocks).ok_or_else(|| damaged("blocks"))?,
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

fn blocks_from_bytes(bytes: &[u8]) -> Option<Vec<BlockRow>> {
    let (blocks, []) = bytes.as_chunks::<24>() else { return None };
    let block = |bytes: &[u8; 24]| {
        let (first, rest) = bytes.split_first_chunk::<8>()?;
        let (digest, rest) = rest.split_first_chunk::<8>()?;
        let (rows, sender) = rest.split_first_chunk::<4>()?;
        Some(BlockRow {
            first: u64::from_le_bytes(*first),
            digest: u64::from_le_bytes(*digest),
            rows: u32::from_le_bytes(*rows),
            sender: u32::from_le_bytes(*sender.first_chunk()?),
        })
    };
    blocks.iter().map(block).collect()
}
