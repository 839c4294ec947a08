//! One connection of TCP to a name that may have several addresses.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::debug;

use crate::address::Address;

/// How long to wait for one address before the next one is tried, too (RFC 8305).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// How many addresses an error names with their reasons.
const NAMED: usize = 4;

/// Connects to the address that answers first. The addresses of a name are tried one after the other: each when the one
/// before has failed, or a moment later. So a dead address does not use up the whole limit.
pub(crate) async fn connect(address: &Address, limit: Duration) -> io::Result<TcpStream> {
    let mut failures = Vec::new();
    match timeout(limit, race(address, &mut failures)).await {
        Ok(connected) => connected,
        Err(_) => {
            let limit = humantime::format_duration(limit);
            let others = if failures.is_empty() { String::new() } else { format!(" ({})", list(&failures)) };
            Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {limit}{others}")))
        }
    }
}

async fn race(address: &Address, failures: &mut Vec<(SocketAddr, io::Error)>) -> io::Result<TcpStream> {
    let mut waiting = alternate(address.resolve().await?).into_iter().peekable();
    let mut attempts = JoinSet::new();
    loop {
        if let Some(next) = waiting.next() {
            attempts.spawn(attempt(next));
        }
        tokio::select! {
            ended = attempts.join_next() => match ended {
                Some(Ok((_, Ok(stream)))) => return Ok(stream),
                Some(Ok((address, Err(error)))) => failures.push((address, error)),
                Some(Err(error)) => return Err(error.into()),
                None => return Err(all_failed(failures)),
            },
            () = sleep(NEXT_ADDRESS), if waiting.peek().is_some() => {}
        }
    }
}

async fn attempt(address: SocketAddr) -> (SocketAddr, io::Result<TcpStream>) {
    debug!(%address, "connecting");
    let connected = TcpStream::connect(address).await;
    if let Err(error) = &connected {
        debug!(%address, %error, "not connected");
    }
    (address, connected)
}

/// IPv4 and IPv6 take turns, beginning with the one that the system prefers.
fn alternate(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(preferred) = addresses.first().map(SocketAddr::is_ipv6) else { return addresses };
    let (first, second): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| address.is_ipv6() == preferred);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return ordered;
        }
        ordered.extend(pair.into_iter().flatten());
    }
}

/// One reason if it is the same for all.
fn all_failed(failures: &mut Vec<(SocketAddr, io::Error)>) -> io::Error {
    let mut texts: Vec<_> = failures.iter().map(|(_, error)| error.to_string()).collect();
    texts.dedup();
    let listed = list(failures);
    match failures.pop() {
        Some((_, error)) if texts.len() == 1 => error,
        Some((_, error)) => io::Error::new(error.kind(), listed),
        None => io::ErrorKind::NotFound.into(),
    }
}

fn list(failures: &[(SocketAddr, io::Error)]) -> String {
    let named = failures.iter().take(NAMED).map(|(address, error)| format!("{}: {error}", address.ip()));
    named.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_take_turns() {
        let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
        let [a, b, c, x] = ["[::1]:1", "[::2]:1", "[::3]:1", "127.0.0.1:1"].map(parse);
        assert_eq!(alternate(vec![a, b, c, x]), [a, x, b, c]);
        assert_eq!(alternate(vec![x, a, b]), [x, a, b]);
        assert_eq!(alternate(Vec::new()), []);
    }
}
