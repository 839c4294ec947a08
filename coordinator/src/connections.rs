//! Connections: the bound on how many there are, and TLS.
//!
//! Connections beyond the bound are not refused: they wait in the backlog of the system. A connection that sends
//! nothing is closed after `PATIENCE`, and so is the connection of a stranger, who has been told by then: neither can
//! fill the backlog.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{Stream, StreamExt, future};
use swath_transport::{Acceptor, Peer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{CancellationToken, PollSemaphore, WaitForCancellationFutureOwned};
use tonic::transport::server::{Connected, TcpConnectInfo, TcpIncoming};
use tracing::{debug, warn};

/// How long the connection of a stranger stays open, and any connection that sends nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait when the system has no file for a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Connections as they come, as long as there are not too many.
pub(crate) struct Connections {
    incoming: TcpIncoming,
    limit: usize,
    permits: PollSemaphore,
    /// For the next connection.
    permit: Option<OwnedSemaphorePermit>,
    /// Before the next attempt, after one that failed.
    pause: Option<Pin<Box<Sleep>>>,
    has_failed: bool,
}

impl Connections {
    pub(crate) fn new(incoming: TcpIncoming, limit: usize) -> Self {
        let permits = PollSemaphore::new(Arc::new(Semaphore::new(limit)));
        Self { incoming, limit, permits, permit: None, pause: None, has_failed: false }
    }

    /// The same, after hands were shaken where there is TLS. Whoever does not manage to is dropped; none waits for
    /// another.
    pub(crate) fn admit(
        self,
        acceptor: Option<Arc<Acceptor>>,
    ) -> impl Stream<Item = io::Result<Connection>> + Send + 'static {
        let limit = self.limit;
        self.map(move |accepted| {
            let acceptor = acceptor.clone();
            async move {
                let (stream, permit) = match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => return Some(Err(error)),
                };
                let Some(acceptor) = acceptor else { return Some(Ok(Connection::plain(stream, permit))) };
                // On a task of its own, so that all cores shake hands when many come at once.
                let shaken = tokio::spawn(async move { Connection::with_tls(stream, permit, &acceptor).await });
                match shaken.await {
                    Ok(Ok(connection)) => Some(Ok(connection)),
                    Ok(Err(error)) => {
                        debug!(%error, "a connection came to nothing");
                        None
                    }
                    Err(_) => None,
                }
            }
        })
        .buffer_unordered(limit)
        .filter_map(future::ready)
    }
}

impl Stream for Connections {
    type Item = io::Result<(TcpStream, Option<OwnedSemaphorePermit>)>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.permit.is_none() {
            this.permit = ready!(this.permits.poll_acquire(cx));
        }
        loop {
            if let Some(pause) = &mut this.pause {
                ready!(pause.as_mut().poll(cx));
                this.pause = None;
            }
            match ready!(Pin::new(&mut this.incoming).poll_next(cx)) {
                Some(Ok(stream)) => {
                    this.has_failed = false;
                    return Poll::Ready(Some(Ok((stream, this.permit.take()))));
                }
                Some(Err(error)) => {
                    if !std::mem::replace(&mut this.has_failed, true) {
                        warn!(%error, "no connection can be accepted; it is tried again and again");
                    }
                    this.pause = Some(Box::pin(sleep(PAUSE)));
                }
                None => return Poll::Ready(None),
            }
        }
    }
}

/// A connection that counts until it is closed.
pub(crate) struct Connection {
    socket: Socket,
    info: ConnectionInfo,
    /// When it ends, if it is to.
    end: Option<Pin<Box<Sleep>>>,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// What services may know of a connection.
#[derive(Clone)]
pub(crate) struct ConnectionInfo {
    pub(crate) tcp: TcpConnectInfo,
    pub(crate) peer: Arc<Peer>,
    /// Closes the connection.
    pub(crate) close: CancellationToken,
}

impl ConnectionInfo {
    pub(crate) fn new(tcp: TcpConnectInfo, peer: Peer) -> Self {
        Self { tcp, peer: Arc::new(peer), close: CancellationToken::new() }
    }

    /// Where the peer is, for people.
    pub(crate) fn address(&self) -> String {
        self.tcp.remote_addr().map_or_else(String::new, |address| address.to_string())
    }
}

enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection {
    fn plain(stream: TcpStream, permit: Option<OwnedSemaphorePermit>) -> Self {
        let info = ConnectionInfo::new(stream.connect_info(), Peer::Anybody);
        Self::new(Socket::Plain(stream), info, permit)
    }

    fn new(socket: Socket, info: ConnectionInfo, permit: Option<OwnedSemaphorePermit>) -> Self {
        let closed = Box::pin(info.close.clone().cancelled_owned());
        Self { socket, info, end: Some(Box::pin(sleep(PATIENCE))), closed, _permit: permit }
    }

    async fn with_tls(
        stream: TcpStream,
        permit: Option<OwnedSemaphorePermit>,
        acceptor: &Acceptor,
    ) -> io::Result<Self> {
        let tcp = stream.connect_info();
        let (stream, peer) = acceptor.accept(stream).await?;
        Ok(Self::new(Socket::Tls(Box::new(stream)), ConnectionInfo::new(tcp, peer), permit))
    }

    /// The socket, unless the connection is to be closed.
    fn open_socket(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> io::Result<Pin<&mut dyn Duplex>> {
        if self.closed.as_mut().poll(cx).is_ready() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(self.socket())
    }

    fn socket(self: Pin<&mut Self>) -> Pin<&mut dyn Duplex> {
        match &mut self.get_mut().socket {
            Socket::Plain(stream) => Pin::<&mut TcpStream>::new(stream),
            Socket::Tls(stream) => Pin::<&mut TlsStream<TcpStream>>::new(stream),
        }
    }
}

trait Duplex: AsyncRead + AsyncWrite {}

impl<S: AsyncRead + AsyncWrite> Duplex for S {}

impl Connected for Connection {
    type ConnectInfo = ConnectionInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.info.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(end) = &mut self.end
            && end.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        ready!(self.as_mut().open_socket(cx)?.poll_read(cx, buffer))?;
        if buffer.filled().len() > before && !matches!(*self.info.peer, Peer::Stranger { .. }) {
            self.end = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.open_socket(cx)?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.open_socket(cx)?.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.socket {
            Socket::Plain(stream) => stream.is_write_vectored(),
            Socket::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.open_socket(cx)?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn those_beyond_the_bound_wait_until_others_are_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut connections = Connections::new(TcpIncoming::from(listener), 2);
        let _clients: Vec<_> =
            futures::future::try_join_all((0..3).map(|_| TcpStream::connect(address))).await.unwrap();
        let first = connections.next().await.unwrap().unwrap();
        let _second = connections.next().await.unwrap().unwrap();
        assert!(futures::poll!(connections.next()).is_pending());
        drop(first);
        connections.next().await.unwrap().unwrap();
    }
}
