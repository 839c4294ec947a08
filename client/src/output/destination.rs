//! Where output goes: a file that appears when it is whole, or what is there already.

use std::{
    fmt,
    fs::File,
    io::{self, BufWriter, IsTerminal, Write},
    os::fd::AsFd,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::fs::{Mode, OFlags, open};
use swath_console::{Stdout, stdout_is_terminal};

use super::{descriptor::Descriptor, place::Place, room::Disk, unfinished::Unfinished};

const BUFFER: usize = 1 << 20;

/// What the user named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A path: of a file, or of anything else that can be written.
    File(PathBuf),
    /// Standard output.
    Stdout,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Stdout => f.write_str("standard output"),
        }
    }
}

/// An open target, to which nothing is written yet.
pub(super) struct Opened {
    pub(super) destination: Destination,
    /// A new file, or one that replaces another, until it gets its name.
    pub(super) unfinished: Option<Unfinished>,
    pub(super) is_terminal: bool,
    /// The disk that it is on, if that is known.
    pub(super) disk: Option<Disk>,
}

impl Opened {
    /// Waits for the reader of a named pipe.
    pub(super) fn open(target: Target) -> io::Result<Self> {
        let path = match target {
            Target::Stdout => {
                let disk = Disk::of(rustix::stdio::stdout());
                return Ok(Self::in_place(Stdout::open()?, stdout_is_terminal(), disk));
            }
            Target::File(path) => path,
        };
        match Place::find(&path)? {
            Place::Descriptor(number) => {
                let descriptor = Descriptor::open(number)?;
                let (is_terminal, disk) = (descriptor.is_terminal(), Disk::of(descriptor.as_fd()));
                Ok(Self::in_place(descriptor, is_terminal, disk))
            }
            Place::Device(path) => {
                let file = File::from(open(path, OFlags::WRONLY | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?);
                let is_terminal = file.is_terminal();
                Ok(Self::in_place(file, is_terminal, None))
            }
            Place::File { path, replaced } => {
                let (file, unfinished) = Unfinished::create(path, replaced.as_ref())?;
                let disk = Disk::of(file.as_fd());
                let destination = Destination::new(file);
                Ok(Self { destination, unfinished: Some(unfinished), is_terminal: false, disk })
            }
        }
    }

    fn in_place(output: impl Write + Send + 'static, is_terminal: bool, disk: Option<Disk>) -> Self {
        Self { destination: Destination::new(output), unfinished: None, is_terminal, disk }
    }
}

/// Writes to a target.
pub(super) struct Destination {
    output: BufWriter<Box<dyn Write + Send>>,
    written: Arc<AtomicU64>,
}

impl Destination {
    fn new(output: impl Write + Send + 'static) -> Self {
        Self { output: BufWriter::with_capacity(BUFFER, Box::new(output)), written: Arc::default() }
    }

    /// How many bytes were written so far; it grows while the destination is elsewhere.
    pub(super) fn written(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.written)
    }
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.written.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}
