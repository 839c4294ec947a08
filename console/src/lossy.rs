//! Lines on their way to a writer that may be slow, stuck or broken.
//!
//! Callers only put lines into a bounded buffer; one thread writes them. Lines for which there is no room,
//! and lines that could not be written, are lost and counted, and the count is told once lines are written again.

use std::{
    io::{self, Write},
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// Bytes that may wait.
const CAPACITY: usize = 1 << 20;

/// The thread that writes gets a turn within this.
const LONGEST_TURN: Duration = Duration::from_secs(10);

/// A buffer of lines, shared by those who speak and the thread that writes.
#[derive(Debug, Default)]
pub(crate) struct Lossy {
    state: Mutex<State>,
    /// There is something to write.
    filled: Condvar,
    /// Something was written, or could not be.
    progressed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// Lines that came when there was no room.
    lost: u64,
    /// The thread has taken lines and is not done with them.
    is_writing: bool,
    /// Lines that the thread is done with, in all.
    done: u64,
    /// A flush waited in vain, and nothing was done since.
    is_stuck: bool,
}

impl State {
    fn is_busy(&self) -> bool {
        self.is_writing || !self.waiting.is_empty() || self.lost > 0
    }
}

impl Lossy {
    /// Takes whole lines, or loses them. Never waits for the writer.
    pub(crate) fn push(&self, lines: &[u8]) {
        let mut state = self.lock();
        // What was lost is told before what comes later.
        if state.lost > 0 || state.waiting.len() + lines.len() > CAPACITY {
            state.lost += count(lines);
        } else {
            state.waiting.extend_from_slice(lines);
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Waits until all is written, but no longer than this after the last line that was. On a machine with much to do
    /// the thread may get no turn for long: until it has taken the lines, nobody can say that they are not read.
    pub(crate) fn flush(&self, patience: Duration) {
        let begun = Instant::now();
        let mut state = self.lock();
        while state.is_busy() && !state.is_stuck {
            let done = state.done;
            let waited = self.progressed.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
            state = waited.0;
            let had_its_turn = state.is_writing || begun.elapsed() > LONGEST_TURN;
            state.is_stuck |= waited.1.timed_out() && state.done == done && had_its_turn;
        }
    }

    /// Writes for as long as the process lives.
    pub(crate) fn drive(&self, out: impl Write) {
        let mut pen = Pen { out, lost: 0, is_torn: false };
        loop {
            let (lines, lost) = self.take();
            pen.tell_lost();
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                pen.write(line);
                self.note_done();
            }
            pen.lost += lost;
            pen.tell_lost();
            self.lock().is_writing = false;
            self.progressed.notify_all();
        }
    }

    fn take(&self) -> (Vec<u8>, u64) {
        let mut state = self.lock();
        while state.waiting.is_empty() && state.lost == 0 {
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_writing = true;
        (mem::take(&mut state.waiting), mem::take(&mut state.lost))
    }

    fn note_done(&self) {
        let mut state = self.lock();
        state.done += 1;
        state.is_stuck = false;
        drop(state);
        self.progressed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(lines: &[u8]) -> u64 {
    lines.iter().filter(|byte| **byte == b'\n').count().max(1) as u64
}

/// The writer, and what has become of it.
struct Pen<W> {
    out: W,
    /// Lines that could not be written.
    lost: u64,
    /// The last line was written in part.
    is_torn: bool,
}

impl<W: Write> Pen<W> {
    /// Writes one line; counts it if that does not work.
    fn write(&mut self, line: &[u8]) {
        if self.try_write(line).is_err() {
            self.lost += 1;
        }
    }

    /// Says how many lines are missing here, if that can be written.
    fn tell_lost(&mut self) {
        if self.lost == 0 {
            return;
        }
        let now = humantime::format_rfc3339_micros(SystemTime::now());
        let lines = if self.lost == 1 { "1 line".to_owned() } else { format!("{} lines", self.lost) };
        let notice = format!("{now}  WARN {lines} of this log could not be written and were lost\n");
        if self.try_write(notice.as_bytes()).is_ok() {
            self.lost = 0;
        }
    }

    fn try_write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.out.write_all(b"\n")?;
            self.is_torn = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    rest = rest.get(written..).unwrap_or_default();
                    self.is_torn = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, mpsc},
        thread,
    };

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// A writer that takes what it is allowed to, and reports each try.
    struct Gate {
        room: mpsc::Receiver<io::Result<usize>>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let room = self.room.recv().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
            self.written.lock().unwrap().extend_from_slice(&bytes[..room]);
            Ok(room)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Log {
        lines: Arc<Lossy>,
        room: mpsc::Sender<io::Result<usize>>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Log {
        fn start() -> Self {
            let (room, allowed) = mpsc::channel();
            let (lines, written) = (Arc::<Lossy>::default(), Arc::<Mutex<Vec<u8>>>::default());
            let (writing, gate) = (Arc::clone(&lines), Gate { room: allowed, written: Arc::clone(&written) });
            thread::spawn(move || writing.drive(gate));
            Self { lines, room, written }
        }

        /// All that was written once nothing holds the writer any more.
        fn finish(self) -> String {
            drop(self.room);
            // A flush that was in vain makes those after it short, until the thread goes on.
            while self.lines.lock().is_busy() {
                self.lines.flush(LONG);
                thread::yield_now();
            }
            String::from_utf8(self.written.lock().unwrap().clone()).unwrap()
        }
    }

    #[test]
    fn a_writer_that_is_stuck_holds_nobody_and_what_is_lost_is_counted() {
        let log = Log::start();
        let line = format!("{}\n", "x".repeat(1023));
        let fits = CAPACITY / line.len();
        // The thread may have taken one batch of them from the buffer already.
        for _ in 0..3 * fits {
            log.lines.push(line.as_bytes());
        }
        log.lines.flush(Duration::from_millis(1));
        let text = log.finish();
        let written = text.lines().filter(|line| line.starts_with('x')).count();
        assert!((fits..3 * fits).contains(&written), "{written} lines");
        let notices: Vec<_> = text.lines().filter(|line| line.contains("WARN")).collect();
        // More may be lost while the first are told.
        let count = |notice: &&str| notice.split_once("WARN ")?.1.split(' ').next()?.parse::<usize>().ok();
        let told: usize = notices.iter().filter_map(count).sum();
        assert_eq!(told, 3 * fits - written, "{notices:?}");
    }

    #[test]
    fn lines_that_fail_are_told_of_in_their_place() {
        let log = Log::start();
        let full = || Err(io::ErrorKind::StorageFull.into());
        log.lines.push(b"first\n");
        log.room.send(Ok(usize::MAX)).unwrap();
        log.lines.flush(LONG);
        // Half of a line fits; then the disk is full, for the next line too, and for what says so.
        log.room.send(Ok(3)).unwrap();
        for _ in 0..2 {
            log.room.send(full()).unwrap();
        }
        log.lines.push(b"second\n");
        log.lines.flush(LONG);
        log.lines.push(b"third\n");
        let text = log.finish();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0] == "first" && lines[1] == "sec" && lines[3] == "third", "{text}");
        assert!(lines[2].ends_with("1 line of this log could not be written and were lost"), "{text}");
    }
}
