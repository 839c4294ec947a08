//! The limit on the bytes of all parts.

use std::sync::atomic::{AtomicU64, Ordering};

use bytesize::ByteSize;

use super::error::StoreError;

/// Counts the bytes of all parts.
#[derive(Debug)]
pub(super) struct Disk {
    used: AtomicU64,
    limit: Option<u64>,
}

impl Disk {
    pub(super) fn new(limit: Option<u64>) -> Self {
        Self { used: AtomicU64::new(0), limit }
    }

    /// An error if there is no room for so many bytes more.
    pub(super) fn check(&self, bytes: u64) -> Result<(), StoreError> {
        let used = self.used.load(Ordering::Relaxed);
        match self.limit {
            Some(limit) if used.saturating_add(bytes) > limit => Err(StoreError::DiskLimit {
                needed: ByteSize(bytes).to_string(),
                free: ByteSize(limit.saturating_sub(used)).to_string(),
                limit: ByteSize(limit).to_string(),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn add(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn remove(&self, bytes: u64) {
        // Not below zero: it would wrap, and there would be no room ever again.
        let _ = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| Some(used.saturating_sub(bytes)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deleted_makes_room() {
        let disk = Disk::new(Some(100));
        disk.add(80);
        assert!(disk.check(20).is_ok());
        let refused = disk.check(21).unwrap_err().to_string();
        assert!(refused.contains("the next part needs 21 B, and 20 B of the 100 B"), "{refused}");
        disk.remove(81);
        assert!(disk.check(100).is_ok());
        assert!(Disk::new(None).check(u64::MAX).is_ok());
    }
}
