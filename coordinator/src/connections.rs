//! The bound on connections. Beyond it nobody is turned away: connections wait in the backlog of the system.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures::Stream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::PollSemaphore;
use tonic::transport::server::{Connected, TcpConnectInfo, TcpIncoming};

/// Connections as they come, as long as there are not too many.
pub(crate) struct Connections {
    incoming: TcpIncoming,
    permits: PollSemaphore,
    /// For the next connection.
    permit: Option<OwnedSemaphorePermit>,
}

impl Connections {
    pub(crate) fn new(incoming: TcpIncoming, limit: usize) -> Self {
        Self { incoming, permits: PollSemaphore::new(Arc::new(Semaphore::new(limit))), permit: None }
    }
}

impl Stream for Connections {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.permit.is_none() {
            this.permit = ready!(this.permits.poll_acquire(cx));
        }
        let Some(accepted) = ready!(Pin::new(&mut this.incoming).poll_next(cx)) else { return Poll::Ready(None) };
        Poll::Ready(Some(accepted.map(|stream| Connection { stream, _permit: this.permit.take() })))
    }
}

/// A connection that counts until it is closed.
pub(crate) struct Connection {
    stream: TcpStream,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
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
