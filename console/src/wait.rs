//! Writing to a descriptor that may be non-blocking.

use std::{io, os::fd::BorrowedFd};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};

/// Writes some of the bytes. The descriptor may be shared with another process that made it non-blocking: then waits
/// for room as a blocking one does.
pub fn write(descriptor: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match rustix::io::write(descriptor, bytes) {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait_for_room(descriptor)?,
            written => return Ok(written?),
        }
    }
}

fn wait_for_room(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    match poll(&mut [PollFd::new(&descriptor, PollFlags::OUT)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
