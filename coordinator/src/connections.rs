//! Connections: the bound on how many there are, and TLS.
//!
//! Beyond the bound nobody is turned away: connections wait in the backlog of the system.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures::{Stream, StreamExt, future};
use swath_transport::{Acceptor, Peer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::PollSemaphore;
use tonic::transport::server::{Connected, TcpConnectInfo, TcpIncoming};
use tracing::debug;

/// Connections as they come, as long as there are not too many.
pub(crate) struct Connections {
    incoming: TcpIncoming,
    limit: usize,
    permits: PollSemaphore,
    /// For the next connection.
    permit: Option<OwnedSemaphorePermit>,
}

impl Connections {
    pub(crate) fn new(incoming: TcpIncoming, limit: usize) -> Self {
        let permits = PollSemaphore::new(Arc::new(Semaphore::new(limit)));
        Self { incoming, limit, permits, permit: None }
    }

    /// The same, after hands were shaken where there is TLS. Whoever does not manage to is dropped; none waits for another.
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
        let Some(accepted) = ready!(Pin::new(&mut this.incoming).poll_next(cx)) else { return Poll::Ready(None) };
        Poll::Ready(Some(accepted.map(|stream| (stream, this.permit.take()))))
    }
}

/// A connection that counts until it is closed.
pub(crate) struct Connection {
    socket: Socket,
    info: ConnectionInfo,
    _permit: Option<OwnedSemaphorePermit>,
}

/// What services may know of a connection.
#[derive(Clone)]
pub(crate) struct ConnectionInfo {
    pub(crate) tcp: TcpConnectInfo,
    pub(crate) peer: Arc<Peer>,
}

enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection {
    fn plain(stream: TcpStream, permit: Option<OwnedSemaphorePermit>) -> Self {
        let info = ConnectionInfo { tcp: stream.connect_info(), peer: Arc::new(Peer::Anybody) };
        Self { socket: Socket::Plain(stream), info, _permit: permit }
    }

    async fn with_tls(
        stream: TcpStream,
        permit: Option<OwnedSemaphorePermit>,
        acceptor: &Acceptor,
    ) -> io::Result<Self> {
        let tcp = stream.connect_info();
        let (stream, peer) = acceptor.accept(stream).await?;
        let info = ConnectionInfo { tcp, peer: Arc::new(peer) };
        Ok(Self { socket: Socket::Tls(Box::new(stream)), info, _permit: permit })
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
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.socket().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.socket().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.socket {
            Socket::Plain(stream) => stream.is_write_vectored(),
            Socket::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_flush(cx)
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
