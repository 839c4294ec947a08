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

    /// Room for so many bytes more, until it is dropped; an error if there is none.
    pub(super) fn reserve(&self, bytes: u64) -> Result<Room<'_>, StoreError> {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed);
        let room = Room { disk: self, bytes };
        match self.limit {
            Some(limit) if used.saturating_add(bytes) > limit => Err(StoreError::DiskLimit {
                needed: ByteSize(bytes).to_string(),
                free: ByteSize(limit.saturating_sub(used)).to_string(),
                limit: ByteSize(limit).to_string(),
            }),
            _ => Ok(room),
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

/// Room for a part that is being written.
#[derive(Debug)]
#[must_use]
pub(super) struct Room<'disk> {
    disk: &'disk Disk,
    bytes: u64,
}

impl Room<'_> {
    /// The part is there, and has so many bytes.
    pub(super) fn take(self, bytes: u64) {
        self.disk.add(bytes);
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.disk.remove(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deleted_makes_room() {
        let disk = Disk::new(Some(100));
        disk.add(80);
        assert!(disk.reserve(20).is_ok());
        let refused = disk.reserve(21).unwrap_err().to_string();
        assert!(refused.contains("the next part needs 21 B, and 20 B of the 100 B"), "{refused}");
        disk.remove(81);
        assert!(disk.reserve(100).is_ok());
        assert!(Disk::new(None).reserve(u64::MAX).is_ok());
    }

    #[test]
    fn parts_that_are_written_at_once_share_what_is_left() {
        let disk = Disk::new(Some(100));
        let one = disk.reserve(60).unwrap();
        assert!(disk.reserve(41).is_err());
        let two = disk.reserve(40).unwrap();
        one.take(50);
        assert!(disk.reserve(11).is_err());
        drop(two);
        assert!(disk.reserve(50).is_ok() && disk.reserve(51).is_err());
    }
}
