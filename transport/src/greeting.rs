//! The first bytes that a peer sends.
//!
//! An HTTP/2 server begins with a SETTINGS frame (RFC 9113, section 3.4). A peer that begins with something else, or
//! sends nothing, is not a coordinator. It is recognised here, because later there would only be a protocol error.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::oneshot,
    time::{Sleep, sleep},
};

use crate::{
    address::Address,
    error::{DialError, Protocol},
};

/// The header of a frame.
const HEADER_BYTES: usize = 9;

/// Other protocols are recognised after this many bytes.
const ENOUGH_BYTES: usize = 5;

/// How a peer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginning {
    Http2,
    Tls,
    Other(Protocol),
}

impl Beginning {
    /// `None` if more bytes are needed to tell.
    pub(crate) fn of(heard: &[u8]) -> Option<Self> {
        match heard {
            [] => None,
            // A frame whose length fits what everybody accepts.
            [0, ..] if heard.len() < HEADER_BYTES => None,
            [0, _, _, 4, 0, 0, 0, 0, 0, ..] => Some(Self::Http2),
            // Records of TLS: an alert, a handshake.
            [0x15 | 0x16, 3, ..] => Some(Self::Tls),
            [b'H', b'T', b'T', b'P', b'/', ..] | [b'<', ..] => Some(Self::Other(Protocol::Http1)),
            [b'S', b'S', b'H', b'-', ..] => Some(Self::Other(Protocol::Ssh)),
            _ if heard.len() < ENOUGH_BYTES => None,
            _ => Some(Self::Other(Protocol::Unknown)),
        }
    }
}

/// The result of the greeting.
pub(crate) type Greeting = Result<(), DialError>;

/// A connection whose peer must begin as expected, and in time.
pub(crate) struct Greeted<S> {
    stream: S,
    address: Address,
    expected: Beginning,
    /// Until the greeting is over.
    waiting: Option<Waiting>,
}

struct Waiting {
    /// The first bytes.
    heard: Vec<u8>,
    limit: Duration,
    end: Pin<Box<Sleep>>,
    tell: Option<oneshot::Sender<Greeting>>,
}

impl<S> Greeted<S> {
    pub(crate) fn new(stream: S, address: Address, expected: Beginning, limit: Duration) -> Self {
        let waiting = Waiting { heard: Vec::new(), limit, end: Box::pin(sleep(limit)), tell: None };
        Self { stream, address, expected, waiting: Some(waiting) }
    }

    /// The same; the result of the greeting is also sent here.
    pub(crate) fn and_tell(mut self, tell: Option<oneshot::Sender<Greeting>>) -> Self {
        if let Some(waiting) = &mut self.waiting {
            waiting.tell = tell;
        }
        self
    }

    /// Takes bytes that were read; an error if a coordinator does not begin like this.
    fn hear(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(waiting) = &mut self.waiting else { return Ok(()) };
        waiting.heard.extend(bytes.iter().take(HEADER_BYTES - waiting.heard.len().min(HEADER_BYTES)));
        let address = self.address.to_string();
        let greeting = match Beginning::of(&waiting.heard) {
            Some(beginning) if beginning == self.expected => Ok(()),
            Some(Beginning::Http2) => {
                let reason = "it does not speak TLS: connect without an access file".to_owned();
                Err(DialError::Untrusted { address, reason })
            }
            Some(Beginning::Tls) => Err(DialError::NeedsAccess { address }),
            Some(Beginning::Other(protocol)) => Err(DialError::Foreign { address, protocol }),
            None => return Ok(()),
        };
        self.settle(greeting)
    }

    /// Takes note that no more bytes will come; an error if that is before the greeting.
    fn hear_end(&mut self) -> io::Result<()> {
        if self.waiting.is_none() {
            return Ok(());
        }
        let reason = "the connection was closed at once".to_owned();
        self.settle(Err(DialError::Unreachable { address: self.address.to_string(), reason }))
    }

    /// Ends the waiting.
    fn settle(&mut self, greeting: Greeting) -> io::Result<()> {
        if let Some(tell) = self.waiting.take().and_then(|waiting| waiting.tell) {
            // The receiver may be gone.
            let _ = tell.send(greeting.clone());
        }
        greeting.map_err(io::Error::other)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Greeted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(waiting) = &mut this.waiting
            && waiting.end.as_mut().poll(cx).is_ready()
        {
            let silent = DialError::Silent { address: this.address.to_string(), limit: waiting.limit };
            return Poll::Ready(this.settle(Err(silent)));
        }
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut this.stream).poll_read(cx, buffer));
        if this.waiting.is_some() {
            let heard = buffer.filled().get(before..).unwrap_or_default();
            if read.is_err() || heard.is_empty() {
                this.hear_end()?;
            } else {
                this.hear(heard)?;
            }
        }
        Poll::Ready(read)
    }
}

impl<S> Drop for Greeted<S> {
    fn drop(&mut self) {
        // There are no more reads.
        let _ = self.hear_end();
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Greeted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_told_by_how_they_begin() {
        for (heard, expected) in [
            (&b"\x00\x00\x24\x04\x00\x00\x00\x00\x00\x00"[..], Some(Beginning::Http2)),
            (b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", Some(Beginning::Http2)),
            (b"\x00\x00\x24\x04", None),
            (b"\x00\x00\x24\x01\x00\x00\x00\x00\x00", Some(Beginning::Other(Protocol::Unknown))),
            (b"\x15\x03\x03\x00\x02\x02\x0a", Some(Beginning::Tls)),
            (b"HTTP/1.1 400 Bad Request", Some(Beginning::Other(Protocol::Http1))),
            (b"<!DOCTYPE HTML>", Some(Beginning::Other(Protocol::Http1))),
            (b"SSH-2.0-x", Some(Beginning::Other(Protocol::Ssh))),
            (b"220 mail", Some(Beginning::Other(Protocol::Unknown))),
            (b"HT", None),
            (b"", None),
        ] {
            assert_eq!(Beginning::of(heard), expected, "{heard:?}");
        }
    }
}
