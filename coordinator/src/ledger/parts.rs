//! The parts in the ledger.

use rusqlite::params;
use swath_scheduler::JobId;

use super::{Ledger, LedgerError};

/// A part as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartRow {
    /// Within the store.
    pub(crate) path: String,
    /// The size of the file.
    pub(crate) bytes: u64,
    /// Its row groups, in order.
    pub(crate) blocks: Vec<BlockRow>,
}

/// A row group of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockRow {
    /// The offset of its first number.
    pub(crate) first: u64,
    pub(crate) rows: u32,
    /// CRC-32 of its encoded columns.
    pub(crate) checksum: u32,
}

impl Ledger {
    /// Whether there is any part.
    pub(crate) fn has_parts(&self) -> Result<bool, LedgerError> {
        Ok(self.lock().query_row("SELECT EXISTS (SELECT 1 FROM parts)", [], |row| row.get(0))?)
    }

    /// Notes a durable part. From now on its blocks are committed.
    pub(crate) fn insert_part(&self, job: JobId, part: &PartRow) -> Result<(), LedgerError> {
        self.lock().execute(
            "INSERT OR REPLACE INTO parts (path, job, bytes, blocks) VALUES (?, ?, ?, ?)",
            params![part.path, job.0 as i64, part.bytes as i64, blocks_to_bytes(&part.blocks)],
        )?;
        Ok(())
    }

    /// Forgets a part that is lost or damaged.
    pub(crate) fn delete_part(&self, path: &str) -> Result<(), LedgerError> {
        self.lock().execute("DELETE FROM parts WHERE path = ?", [path])?;
        Ok(())
    }

    /// The parts of a job, in the order of their names.
    pub(crate) fn parts(&self, job: JobId) -> Result<Vec<PartRow>, LedgerError> {
        let connection = self.lock();
        let mut query = connection.prepare("SELECT path, bytes, blocks FROM parts WHERE job = ? ORDER BY path")?;
        let rows = query.query_map([job.0 as i64], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?))
        })?;
        rows.map(|row| {
            let (path, bytes, blocks) = row?;
            let blocks = blocks_from_bytes(&blocks)
                .ok_or_else(|| LedgerError::Damaged(format!("the blocks of part {path} cannot be read")))?;
            Ok(PartRow { path, bytes: bytes.unsigned_abs(), blocks })
        })
        .collect()
    }
}

/// 16 bytes for each block: first offset, rows and checksum, little-endian.
fn blocks_to_bytes(blocks: &[BlockRow]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(blocks.len() * 16);
    for block in blocks {
        bytes.extend_from_slice(&block.first.to_le_bytes());
        bytes.extend_from_slice(&block.rows.to_le_bytes());
        bytes.extend_from_slice(&block.checksum.to_le_bytes());
    }
    bytes
}

fn blocks_from_bytes(bytes: &[u8]) -> Option<Vec<BlockRow>> {
    let (blocks, []) = bytes.as_chunks::<16>() else { return None };
    let block = |bytes: &[u8; 16]| {
        let (first, rest) = bytes.split_first_chunk::<8>()?;
        let (rows, checksum) = rest.split_first_chunk::<4>()?;
        Some(BlockRow {
            first: u64::from_le_bytes(*first),
            rows: u32::from_le_bytes(*rows),
            checksum: u32::from_le_bytes(*checksum.first_chunk()?),
        })
    };
    blocks.iter().map(block).collect()
}
