//! Addresses as people write them.

use std::{
    fmt, io,
    net::{Ipv6Addr, SocketAddr},
    str::FromStr,
};

/// The port of a coordinator where none is named.
pub const DEFAULT_PORT: u16 = 7171;

/// The host where only a port is named: this machine alone.
const LOOPBACK: &str = "127.0.0.1";

/// Longer names are not in the DNS.
const MAX_HOST_BYTES: usize = 253;

/// What is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an address: {reason}")]
pub struct AddressError {
    text: String,
    reason: &'static str,
}

impl AddressError {
    /// What is wrong with it, without the text itself.
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

/// Whether a connection has TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// In plain text.
    Plain,
    /// With TLS.
    Tls,
}

/// A host and a port.
///
/// Written as `HOST:PORT`, where the host is a name, an IPv4 address, or an IPv6 address in brackets. `PORT` and
/// `:PORT` are that port on this machine alone (127.0.0.1), and a host alone has the default port. In front of it may
/// stand a scheme, which says whether there is TLS: `http://`, `grpc://` and `grpc+tcp://`, or `https://`, `grpcs://`
/// and `grpc+tls://`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
    security: Option<Security>,
}

impl Address {
    /// The default address of a coordinator.
    pub fn of_coordinator() -> Self {
        Self { host: LOOPBACK.to_owned(), port: DEFAULT_PORT, security: None }
    }

    /// An address whose port may be left out.
    pub fn parse_with_default(text: &str, port: u16) -> Result<Self, AddressError> {
        Self::parse(text, Some(port))
    }

    /// An address that has to name its port.
    pub fn parse_with_port(text: &str) -> Result<Self, AddressError> {
        Self::parse(text, None)
    }

    fn parse(text: &str, default_port: Option<u16>) -> Result<Self, AddressError> {
        let wrong = |reason| AddressError { text: text.to_owned(), reason };
        let (security, rest) = match text.split_once("://") {
            Some((scheme, rest)) => {
                let security = security_of(scheme)
                    .ok_or_else(|| wrong("its scheme should be http, grpc, https or grpcs, or none"))?;
                (Some(security), rest.strip_suffix('/').unwrap_or(rest))
            }
            None => (None, text),
        };
        let (host, port) = split(rest).map_err(wrong)?;
        let port = match port {
            Some(port) => parse_port(port).map_err(wrong)?,
            None => default_port.ok_or_else(|| wrong("it names no port; it should be like host:port"))?,
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if !is_ipv6(host) && (host.is_empty() || host.len() > MAX_HOST_BYTES || !host.bytes().all(is_name)) {
            return Err(wrong("it should be like host:port"));
        }
        Ok(Self { host: host.to_owned(), port, security })
    }

    /// The host: a name or an IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether there is TLS, if the address has a scheme.
    pub fn security(&self) -> Option<Security> {
        self.security
    }

    /// All socket addresses that the host has, in the order in which the system prefers them.
    pub async fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let found: Vec<_> = tokio::net::lookup_host((self.host.as_str(), self.port)).await?.collect();
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        Ok(found)
    }

    /// The one address of a host to listen at: of a name with several, the first of IPv4, which clients of this machine
    /// try under any name.
    pub async fn resolve_to_listen(&self) -> io::Result<SocketAddr> {
        let found = self.resolve().await?;
        let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
        first.copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// For the header of requests, which knows no zones of IPv6.
    pub(crate) fn authority(&self) -> String {
        let host = self.host.split('%').next().unwrap_or_default();
        join(host, self.port)
    }
}

/// Without the scheme: `HOST:PORT`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&join(&self.host, self.port))
    }
}

/// With the port of a coordinator where none is named.
impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse_with_default(text, DEFAULT_PORT)
    }
}

fn join(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn security_of(scheme: &str) -> Option<Security> {
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "grpc" | "grpc+tcp" => Some(Security::Plain),
        "https" | "grpcs" | "grpc+tls" => Some(Security::Tls),
        _ => None,
    }
}

/// The host, and the port if there is one.
fn split(text: &str) -> Result<(&str, Option<&str>), &'static str> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("the bracket of its IPv6 address is not closed")?;
        if !is_ipv6(host) {
            return Err("what stands in brackets should be an IPv6 address");
        }
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err("it should be like [::1]:7171"),
        };
    }
    if is_ipv6(text) {
        return Ok((text, None));
    }
    match text.rsplit_once(':') {
        Some(("", port)) => Ok((LOOPBACK, Some(port))),
        Some((host, port)) => Ok((host, Some(port))),
        None if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok((LOOPBACK, Some(text))),
        None => Ok((text, None)),
    }
}

fn parse_port(text: &str) -> Result<u16, &'static str> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err("it should be like host:port, and the port a number");
    }
    text.parse().map_err(|_| "its port should be at most 65535")
}

/// With or without a zone, as in `fe80::1%eth0`.
fn is_ipv6(host: &str) -> bool {
    let (address, zone) = host.split_once('%').unwrap_or((host, "zone"));
    let is_zone = !zone.is_empty() && zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    is_zone && address.parse::<Ipv6Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_an_address() {
        for (text, expected, security) in [
            ("localhost:7311", "localhost:7311", None),
            ("10.0.0.1:1", "10.0.0.1:1", None),
            ("[::1]:7311", "[::1]:7311", None),
            ("[fe80::1%eth0]:7311", "[fe80::1%eth0]:7311", None),
            ("my_service-1.name.svc:0", "my_service-1.name.svc:0", None),
            (":7311", "127.0.0.1:7311", None),
            ("7311", "127.0.0.1:7311", None),
            ("h", "h:7171", None),
            ("10.0.0.1", "10.0.0.1:7171", None),
            ("::1", "[::1]:7171", None),
            ("[::1]", "[::1]:7171", None),
            ("http://h:7311", "h:7311", Some(Security::Plain)),
            ("grpc://h:7311/", "h:7311", Some(Security::Plain)),
            ("grpc+tcp://h", "h:7171", Some(Security::Plain)),
            ("HTTPS://h:7311", "h:7311", Some(Security::Tls)),
            ("grpcs://[::1]", "[::1]:7171", Some(Security::Tls)),
            ("grpc+tls://h/", "h:7171", Some(Security::Tls)),
        ] {
            let address: Address = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((address.to_string().as_str(), address.security()), (expected, security), "{text}");
            let again: Address = address.to_string().parse().unwrap();
            assert_eq!((again.host(), again.port()), (address.host(), address.port()), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_is_wrong() {
        for (text, part) in [
            ("", "host:port"),
            (":", "number"),
            ("h:", "number"),
            ("h:port", "number"),
            ("h:+1", "number"),
            ("h:70000", "65535"),
            ("70000", "65535"),
            ("a b:1", "host:port"),
            ("h:1/x", "number"),
            ("h/x", "host:port"),
            ("h:1#x", "number"),
            ("ada@h:1", "host:port"),
            ("[::1:7171", "bracket"),
            ("[h]:7171", "IPv6"),
            ("[::1]7171", "[::1]:7171"),
            ("1:2:3", "host:port"),
            ("ftp://h:1", "scheme"),
            ("http://", "host:port"),
            ("http://h:1/path", "number"),
            ("http://ada@h:1", "host:port"),
            ("h\u{1b}[2J:1", "host:port"),
        ] {
            let refused = text.parse::<Address>().unwrap_err();
            assert!(refused.reason().contains(part), "{text}: {refused}");
        }
        assert!("x".repeat(254).parse::<Address>().is_err());
        assert!(Address::parse_with_port("h").unwrap_err().reason().contains("names no port"));
    }
}
