//! A descriptor that the parent of this process opened.

use std::{
    io::{self, ErrorKind, IsTerminal, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd},
};

use rustix::{
    fs::{OFlags, fcntl_getfl},
    io::{FdFlags, fcntl_dupfd_cloexec, fcntl_getfd},
};
use swath_console::{Stdout, write_when_ready};

/// Writes where the descriptor stands, or at the end if it was opened so: what others write through it stays.
pub(super) struct Descriptor(OwnedFd);

impl Descriptor {
    /// An error if this descriptor was not open when the program was started, or is not for writing.
    pub(super) fn open(number: RawFd) -> io::Result<Self> {
        let invalid = |message: String| io::Error::new(ErrorKind::InvalidInput, message);
        if number < 0 {
            return Err(invalid(format!("there is no descriptor {number}")));
        }
        if number == 1 {
            Stdout::open()?;
        }
        let descriptor = borrow(number);
        // What this program opened itself is closed when it starts another; what it was given is not.
        let is_given = fcntl_getfd(descriptor).is_ok_and(|flags| !flags.contains(FdFlags::CLOEXEC));
        if !is_given {
            return Err(invalid(format!("descriptor {number} is not open")));
        }
        let mode = fcntl_getfl(descriptor)? & OFlags::RWMODE;
        if mode != OFlags::WRONLY && mode != OFlags::RDWR {
            return Err(invalid(format!("descriptor {number} is not open for writing")));
        }
        Ok(Self(fcntl_dupfd_cloexec(descriptor, 3)?))
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.0.is_terminal()
    }
}

#[expect(unsafe_code, reason = "descriptors of others have only a number")]
fn borrow(number: RawFd) -> BorrowedFd<'static> {
    // SAFETY: it is not -1. The kernel is asked whether it is open, and then it is duplicated; nothing here closes it.
    unsafe { BorrowedFd::borrow_raw(number) }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Write for Descriptor {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write_when_ready(self.0.as_fd(), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
