//! Messages of gRPC in pieces, without a copy of what is in them.
//!
//! Source: [gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).

use std::{pin::Pin, sync::Arc};

use bytes::Bytes;
use futures::Stream;
use tonic::Status;

use crate::store::Room;

/// Messages in order, each in pieces.
pub(super) type Messages = Pin<Box<dyn Stream<Item = Result<Vec<Bytes>, Status>> + Send>>;

/// The first piece of a message: its length, then what it begins with; so many bytes follow in other pieces.
pub(super) fn frame(start: &[u8], rest: usize) -> Bytes {
    // A message is far smaller than its length can say.
    let length = u32::try_from(start.len() + rest).unwrap_or(u32::MAX);
    // 0: it is not compressed.
    [&[0], &length.to_be_bytes()[..], start].concat().into()
}

/// Bytes that hold their room until the transport has sent them.
pub(super) fn held<B: AsRef<[u8]> + Send + 'static>(bytes: B, room: Option<&Arc<Room>>) -> Bytes {
    Bytes::from_owner(Held { bytes, _room: room.map(Arc::clone) })
}

struct Held<B> {
    bytes: B,
    _room: Option<Arc<Room>>,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Held<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}
