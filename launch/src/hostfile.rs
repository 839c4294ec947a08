//! Files that list hosts.

use crate::host::{Host, HostError, slots_of};

/// Why a file lists no hosts; names the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostfileError {
    /// A host or its number of threads is malformed.
    #[error("line {line}: bad `{text}`: {error}")]
    Host {
        /// Which line, from 1.
        line: usize,
        /// The word.
        text: String,
        /// What is wrong with it.
        error: HostError,
    },
    /// An unknown word follows a host.
    #[error("line {line}: unknown word `{text}`; only slots=N may follow a host")]
    Word {
        /// Which line, from 1.
        line: usize,
        /// The word.
        text: String,
    },
    /// The number of threads is given twice.
    #[error("line {line}: the number of threads is given twice, as N/host and as slots=N")]
    Twice {
        /// Which line, from 1.
        line: usize,
    },
}

/// The hosts that a file lists, one in each line: `[user@]host[:port] [slots=N]`, as Open MPI has it, or
/// `N/[user@]host`, as GNU parallel has it. `#` begins a comment; a bound that Open MPI knows (`max_slots=N`) means
/// nothing here.
pub fn parse(text: &str) -> Result<Vec<Host>, HostfileError> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    lines.filter_map(|(number, line)| parse_line(number, line).transpose()).collect()
}

fn parse_line(line: usize, text: &str) -> Result<Option<Host>, HostfileError> {
    let mut words = text.split('#').next().unwrap_or_default().split_whitespace();
    let Some(first) = words.next() else { return Ok(None) };
    let no_host = |text: &str, error| HostfileError::Host { line, text: text.to_owned(), error };
    let mut host: Host = first.parse().map_err(|error| no_host(first, error))?;
    for word in words {
        match word.split_once('=') {
            Some(("slots", _)) if host.slots().is_some() => return Err(HostfileError::Twice { line }),
            Some(("slots", slots)) => {
                let slots = slots_of(slots).map_err(|error| no_host(word, error))?;
                host = host.with_slots(Some(slots));
            }
            Some(("max_slots" | "max-slots", _)) => {}
            _ => return Err(HostfileError::Word { line, text: word.to_owned() }),
        }
    }
    Ok(Some(host))
}

/// Each place once, in the order of their first mention: the slots of one that is named several times add up, and all
/// cores are all cores.
pub fn merge(hosts: impl IntoIterator<Item = Host>) -> Vec<Host> {
    let mut merged: Vec<Host> = Vec::new();
    for host in hosts {
        match merged.iter_mut().find(|known| known.is_same_place(&host)) {
            Some(known) => {
                let slots = known.slots().zip(host.slots()).map(|(one, other)| one.saturating_add(other));
                *known = host.with_slots(slots);
            }
            None => merged.push(host),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::{HostfileError, merge, parse};

    #[test]
    fn both_ways_of_writing_slots_are_understood() {
        let text = "\u{23} the rack on the left\n\nh1\nada@h2:2222 slots=4 max_slots=8 # old\n\t2/ada@h3\r\n";
        let hosts: Vec<_> = parse(text).unwrap().iter().map(|host| (host.to_string(), host.slots())).collect();
        let expected = [("h1", None), ("ada@h2:2222", Some(4)), ("ada@h3", Some(2))];
        assert_eq!(hosts, expected.map(|(host, slots)| (host.to_owned(), slots)));
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        for (text, begin) in [
            ("h1\nh2 slots=many", "line 2: bad `slots=many`: it takes a number of threads from 1 to 65536"),
            ("h1 h2", "line 1: unknown word `h2`"),
            ("# a\n-oProxyCommand=id", "line 2: bad `-oProxyCommand=id`: bad host name"),
            ("4/h1 slots=4", "line 1: the number of threads is given twice"),
        ] {
            let error: HostfileError = parse(text).unwrap_err();
            assert!(error.to_string().starts_with(begin), "{error}");
        }
    }

    #[test]
    fn a_host_that_is_named_twice_has_the_slots_of_both() {
        let hosts = merge(parse("2/h1\nh2 slots=1\nh1 slots=3\nada@h1\nh2\n").unwrap());
        let hosts: Vec<_> = hosts.iter().map(|host| (host.to_string(), host.slots())).collect();
        assert_eq!(hosts, [("h1".to_owned(), Some(5)), ("h2".to_owned(), None), ("ada@h1".to_owned(), None)]);
    }
}
