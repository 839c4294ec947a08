//! The output of a host: reports of the script, and anything else that its shells print before, between and after them.
//!
//! Logins print greetings, and not all of these end with a line break (a title for the terminal does not). So a report
//! begins wherever its mark is, and everything before the mark is noise. Each report is written at once, and no field
//! can contain the mark; see `remote/common.sh`.

use crate::report::{MARK, Report, plain};

/// The longest report, in bytes.
const LONGEST_REPORT: usize = 64 << 10;

/// How many of the last bytes of the noise are kept, to be shown if there is no report.
const KEPT_NOISE: usize = 4 << 10;

/// The bytes from a host that are not parsed yet, and the end of the noise so far.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    bytes: Vec<u8>,
    noise: Vec<u8>,
    noise_since_report: usize,
}

/// A report is too long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Heard {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next report, if it is complete.
    pub(crate) fn take_report(&mut self) -> Result<Option<Report>, TooLong> {
        while let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            let start = find_mark(&line).unwrap_or(line.len());
            let (noise, report) = line.split_at(start);
            match Report::parse(&String::from_utf8_lossy(report)) {
                Some(report) => {
                    self.add_noise(noise);
                    self.noise_since_report = 0;
                    return Ok(Some(report));
                }
                None => self.add_noise(&line),
            }
        }
        if self.bytes.len() > LONGEST_REPORT {
            // The end of what has no mark may be the first half of one.
            let start = find_mark(&self.bytes).unwrap_or(self.bytes.len() + 1 - MARK.len());
            let noise: Vec<u8> = self.bytes.drain(..start).collect();
            self.add_noise(&noise);
            if self.bytes.len() > LONGEST_REPORT {
                return Err(TooLong);
            }
        }
        Ok(None)
    }

    /// How many bytes were printed since the last report that are none.
    pub(crate) fn noise_since_report(&self) -> usize {
        self.noise_since_report + self.bytes.len()
    }

    /// The last line that was printed and is no report; may be empty.
    pub(crate) fn last_noise(&self) -> String {
        let rest = String::from_utf8_lossy(&self.bytes);
        let noise = String::from_utf8_lossy(&self.noise);
        let mut lines = rest.lines().rev().chain(noise.lines().rev()).map(plain);
        lines.find(|line| !line.is_empty()).unwrap_or_default()
    }

    fn add_noise(&mut self, noise: &[u8]) {
        self.noise_since_report += noise.len();
        self.noise.extend_from_slice(noise.get(noise.len().saturating_sub(KEPT_NOISE)..).unwrap_or_default());
        self.noise.drain(..self.noise.len().saturating_sub(KEPT_NOISE));
    }
}

/// Where the last mark is.
fn find_mark(bytes: &[u8]) -> Option<usize> {
    bytes.windows(MARK.len()).rposition(|window| window == MARK.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(pieces: &[&[u8]]) -> (Vec<Report>, Heard) {
        let (mut heard, mut reports) = (Heard::default(), Vec::new());
        for piece in pieces {
            heard.add(piece);
            while let Some(report) = heard.take_report().unwrap() {
                reports.push(report);
            }
        }
        (reports, heard)
    }

    fn system() -> Vec<u8> {
        format!("{MARK}system\tLinux x86_64\n").into_bytes()
    }

    #[test]
    fn a_report_is_found_wherever_it_begins() {
        let expected = [Report::System("Linux x86_64".to_owned())];
        let long = vec![b'x'; 10 * LONGEST_REPORT];
        let noises: [&[u8]; 8] = [
            b"",
            b"Welcome!\n",
            b"\x1b]0;h\x07",
            b"\0\0\0",
            b"ask the @swath team: ",
            b"\xff\xfe\x01@swath \x01@swath done\t",
            b"\x01@swat",
            &long,
        ];
        for noise in noises {
            // Whole, and in pieces of every small size: a mark may come in two.
            let all = [noise, &system(), b"and more"].concat();
            let piece = all.len().div_ceil(100);
            for pieces in [vec![&all[..]], all.chunks(piece).collect(), all.chunks(4096).collect()] {
                let (reports, heard) = hear(&pieces);
                assert_eq!(reports, expected, "{:?}", String::from_utf8_lossy(&noise[..noise.len().min(30)]));
                assert_eq!(heard.last_noise(), "and more");
            }
        }
    }

    #[test]
    fn noise_without_end_takes_no_memory_and_a_report_without_end_is_an_error() {
        let mut heard = Heard::default();
        for _ in 0..1000 {
            heard.add(&[b'y'; 4096]);
            assert_eq!(heard.take_report(), Ok(None));
        }
        assert_eq!(heard.noise_since_report(), 1000 * 4096);
        assert!(heard.bytes.len() + heard.noise.len() <= LONGEST_REPORT + KEPT_NOISE + 4096);
        heard.add(MARK.as_bytes());
        heard.add(&[b'y'; 2 * LONGEST_REPORT]);
        assert_eq!(heard.take_report(), Err(TooLong));
    }

    #[test]
    fn what_was_printed_last_can_be_shown() {
        let (_, heard) = hear(&[b"Which shell?\n\n", b"\x1b[1m[bash] "]);
        assert_eq!(heard.last_noise(), "[1m[bash]");
        let (_, heard) = hear(&[b"Which shell?\n", b"\n\0"]);
        assert_eq!(heard.last_noise(), "Which shell?");
    }
}
