//! A host as people write it.

use std::{fmt, str::FromStr};

/// A host that ssh reaches: `[N/][user@]host[:port]`, where `N` is how many threads its worker has.
///
/// What is accepted is narrow on purpose: the words become arguments of `ssh`, and its configuration may put them into
/// a command line (`ProxyCommand`), so neither may look like an option or like anything that a shell acts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    user: Option<String>,
    name: String,
    port: Option<u16>,
    slots: Option<u32>,
}

/// Why a word does not name a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// It is empty, or a part is missing.
    #[error("it should be like user@host, user@host:22 or 8/user@host")]
    Shape,
    /// A character is not allowed in a host name.
    #[error("bad host name `{0}`: it takes letters, digits and `.-_:%`, and must not begin with `-`")]
    Name(String),
    /// A character is not allowed in a user name.
    #[error("bad user name `{0}`: it takes letters, digits and `.-_+@\\`, and must not begin with `-`")]
    User(String),
    /// The port is malformed.
    #[error("bad port `{0}`: it takes a number from 1 to 65535")]
    Port(String),
    /// The number of threads is malformed.
    #[error("it takes a number of threads from 1 to 65536")]
    Slots,
}

/// The most threads that a worker may have.
const MOST_SLOTS: u32 = 65_536;

impl Host {
    /// Who to log in as; otherwise the configuration of ssh says it.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The name that ssh looks up in its configuration, then in the network.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The port; otherwise the configuration of ssh says it.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Threads of its worker; `None` for all cores.
    pub fn slots(&self) -> Option<u32> {
        self.slots
    }

    /// The same host with so many threads.
    pub fn with_slots(self, slots: Option<u32>) -> Self {
        Self { slots, ..self }
    }

    /// Whether both are one place to log in to.
    pub fn is_same_place(&self, other: &Self) -> bool {
        (&self.user, &self.name, self.port) == (&other.user, &other.name, other.port)
    }
}

/// As it was written, without its slots.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match self.port {
            Some(port) if self.name.contains(':') => write!(f, "[{}]:{port}", self.name),
            Some(port) => write!(f, "{}:{port}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let (slots, rest) = match text.split_once('/') {
            Some((slots, rest)) => (Some(slots_of(slots)?), rest),
            None => (None, text),
        };
        // A user of a directory service may hold an `@` itself.
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user_of(user)?), place),
            None => (None, rest),
        };
        let (name, port) = split_port(place)?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:%".contains(c);
        match name {
            "" => Err(HostError::Shape),
            name if name.starts_with('-') || !name.chars().all(is_plain) => Err(HostError::Name(name.to_owned())),
            name => Ok(Self { user, name: name.to_owned(), port, slots }),
        }
    }
}

/// `8`, as in `slots=8` and `8/host`.
pub(crate) fn slots_of(text: &str) -> Result<u32, HostError> {
    let slots = text.parse().ok().filter(|slots| (1..=MOST_SLOTS).contains(slots));
    slots.ok_or(HostError::Slots)
}

fn user_of(text: &str) -> Result<String, HostError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_+@\\".contains(c);
    match text {
        "" => Err(HostError::Shape),
        user if user.starts_with('-') || !user.chars().all(is_plain) => Err(HostError::User(user.to_owned())),
        user => Ok(user.to_owned()),
    }
}

/// `host`, `host:22`, `::1`, `[::1]` and `[::1]:22`.
fn split_port(place: &str) -> Result<(&str, Option<u16>), HostError> {
    if let Some(rest) = place.strip_prefix('[') {
        let (name, rest) = rest.split_once(']').ok_or(HostError::Shape)?;
        // An address of IPv6 has more colons; with one this would be a name and a port without the brackets.
        if name.matches(':').count() == 1 {
            return Err(HostError::Name(name.to_owned()));
        }
        return match rest.strip_prefix(':') {
            Some(port) => Ok((name, Some(port_of(port)?))),
            None if rest.is_empty() => Ok((name, None)),
            None => Err(HostError::Shape),
        };
    }
    match place.split_once(':') {
        // More than one colon: an address of IPv6.
        Some((_, port)) if port.contains(':') => Ok((place, None)),
        Some((name, port)) => Ok((name, Some(port_of(port)?))),
        None => Ok((place, None)),
    }
}

fn port_of(text: &str) -> Result<u16, HostError> {
    text.parse().ok().filter(|port| *port != 0).ok_or_else(|| HostError::Port(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{Host, HostError};

    fn host(text: &str) -> Result<Host, HostError> {
        text.parse()
    }

    #[test]
    fn hosts_are_written_in_many_ways() {
        for (text, user, name, port, slots) in [
            ("h1", None, "h1", None, None),
            ("ada@h1.example.org:2222", Some("ada"), "h1.example.org", Some(2222), None),
            ("8/ada@h1", Some("ada"), "h1", None, Some(8)),
            ("ada@example.org@h1", Some("ada@example.org"), "h1", None, None),
            ("::1", None, "::1", None, None),
            ("[fe80::1%eth0]:22", None, "fe80::1%eth0", Some(22), None),
            ("CORP\\ada@h1", Some("CORP\\ada"), "h1", None, None),
        ] {
            let host = host(text).unwrap();
            assert_eq!((host.user(), host.name(), host.port(), host.slots()), (user, name, port, slots), "{text}");
        }
    }

    #[test]
    fn malformed_hosts_are_refused() {
        for text in ["", "ada@", "@h1", ":", "h1:", "h1:0", "h1:70000", "h1:ssh", "0/h1", "many/h1", "/h1", "70000/h1"]
        {
            assert!(host(text).is_err(), "{text}");
        }
        for text in [
            "-oProxyCommand=id",
            "ada@-h1",
            "-ada@h1",
            "h1;id",
            "$(id)",
            "h 1",
            "`id`",
            "a'b@h1",
            "[::1",
            "[:41]",
            "[h1:22]",
            "ü",
        ] {
            assert!(host(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_are_shown_as_they_were_written() {
        for text in ["h1", "ada@h1:22", "[::1]:22", "::1"] {
            assert_eq!(host(text).unwrap().to_string(), text);
        }
        assert_eq!(host("4/ada@h1").unwrap().to_string(), "ada@h1");
    }
}
