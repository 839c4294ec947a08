//! The parts in the ledger.

use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};
use swath_model::JobId;

use super::{Ledger, LedgerError};

/// A part as the ledger has it. What it says covers all bytes of the file that are ever looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartRow {
    /// Within the store.
    pub(crate) path: String,
    /// The size of the file.
    pub(crate) bytes: u64,
    pub(crate) footer: FooterRow,
    /// Its row groups, in order.
    pub(crate) blocks: Vec<BlockRow>,
    /// The workers that sent them.
    pub(crate) senders: Vec<Sender>,
}

/// What is behind the columns of a part, to the end of the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FooterRow {
    pub(crate) bytes: u32,
    /// See [`swath_block::checksum`].
    pub(crate) digest: u64,
}

/// A row group of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockRow {
    /// The offset of its first number.
    pub(crate) first: u64,
    pub(crate) rows: u32,
    /// The digest of its encoded columns, as its worker sent it; see [`swath_block::Digest`].
    pub(crate) digest: u64,
    /// Which of the senders of the part it came from.
    pub(crate) sender: u32,
}

/// The worker that sent a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sender {
    pub(crate) worker: u64,
    pub(crate) name: String,
}

impl PartRow {
    /// Who sent this block; `None` if the ledger does not say.
    pub(crate) fn sender(&self, block: usize) -> Option<&Sender> {
        self.senders.get(self.blocks.get(block)?.sender as usize)
    }
}

impl Ledger {
    /// Whether there is any part.
    pub(crate) fn has_parts(&self) -> Result<bool, LedgerError> {
        Ok(self.lock().query_row("SELECT EXISTS (SELECT 1 FROM parts)", [], |row| row.get(0))?)
    }

    /// Notes a durable part. From now on its blocks are committed. False, and nothing is noted, if the job was forgotten
    /// or its results were dropped while the part was being written.
    pub(crate) fn insert_part(&self, job: JobId, part: &PartRow) -> Result<bool, LedgerError> {
        let senders = serde_json::to_string(&part.senders).map_err(|error| LedgerError::Damaged(error.to_string()))?;
        let inserted = self.lock().execute(
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
        Ok(inserted > 0)
    }

    /// Forgets a part that is lost or damaged.
    pub(crate) fn delete_part(&self, path: &str) -> Result<(), LedgerError> {
        self.lock().execute("DELETE FROM parts WHERE path = ?", [path])?;
        Ok(())
    }

    /// The parts of a job, in the order of their names.
    pub(crate) fn parts(&self, job: JobId) -> Result<Vec<PartRow>, LedgerError> {
        let connection = self.lock();
        let mut query = connection.prepare(
            "SELECT path, bytes, footer_bytes, footer_digest, senders, blocks FROM parts WHERE job = ? ORDER BY path",
        )?;
        let rows = query.query_map([job.0 as i64], |row| Ok(part_from_row(row)))?;
        rows.map(|row| row?).collect()
    }
}

fn part_from_row(row: &Row<'_>) -> Result<PartRow, LedgerError> {
    let path: String = row.get(0)?;
    let damaged = |what: &str| LedgerError::Damaged(format!("the {what} of part {path} cannot be read"));
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
