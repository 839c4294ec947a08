//! Messages of Flight as they travel, without a copy of what is in them.
//!
//! Results are most of what a flight is: 8 bytes for each integer. The codec of gRPC would copy them into a message,
//! after that of Arrow has copied them together. Here a message is put together of pieces, and the values are a piece
//! as they were decoded.
//!
//! Sources: `FlightData` in [Flight.proto](https://github.com/apache/arrow/blob/main/format/Flight.proto), and the
//! [encapsulated message](https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format) of Arrow.

use std::{collections::VecDeque, sync::Arc};

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_flight::{FlightData, SchemaAsIpc};
use arrow_ipc::writer::{IpcWriteOptions, StreamEncoder};
use arrow_schema::{ArrowError, Schema};
use bytes::Bytes;
use prost::encoding::{WireType, encode_key, encode_varint};

use crate::{
    services::messages::{frame, held},
    store::Room,
};

/// The fields of `FlightData`.
const DATA_HEADER: u32 = 2;
const DATA_BODY: u32 = 1000;

/// The first message of a flight, in pieces.
pub(super) fn schema_message(schema: &Schema) -> Vec<Bytes> {
    let data = FlightData::from(SchemaAsIpc::new(schema, &IpcWriteOptions::default()));
    message(&data.data_header, VecDeque::new(), None)
}

/// A message with a record batch, in pieces that hold this room. It has no dictionaries.
pub(super) fn batch_message(batch: &RecordBatch, room: Option<&Arc<Room>>) -> Result<Vec<Bytes>, ArrowError> {
    let mut stream: VecDeque<_> = StreamEncoder::try_new(&batch.schema())?.encode(batch)?.into();
    // It begins with its schema, which was sent.
    take_header(&mut stream)?;
    let header = take_header(&mut stream)?;
    Ok(message(&header, stream, room))
}

/// Takes the header of an encapsulated message off the front of an Arrow stream.
fn take_header(stream: &mut VecDeque<Buffer>) -> Result<Vec<u8>, ArrowError> {
    let unexpected = || ArrowError::IpcError("a stream has no message where one should be".to_owned());
    let start = take(stream, 8).ok_or_else(unexpected)?;
    let [255, 255, 255, 255, length @ ..] = start.as_slice() else { return Err(unexpected()) };
    let length = length.try_into().map(u32::from_le_bytes).map_err(|_| unexpected())?;
    take(stream, length as usize).ok_or_else(unexpected)
}

/// Takes so many bytes off the front.
fn take(stream: &mut VecDeque<Buffer>, length: usize) -> Option<Vec<u8>> {
    let mut taken = Vec::with_capacity(length);
    while taken.len() < length {
        let buffer = stream.pop_front()?;
        let (now, later) = buffer.as_slice().split_at(buffer.len().min(length - taken.len()));
        taken.extend_from_slice(now);
        if !later.is_empty() {
            stream.push_front(buffer.slice(now.len()));
        }
    }
    Some(taken)
}

/// `FlightData` in a message of gRPC, in pieces: what comes before the body, then the body, which holds the room.
fn message(header: &[u8], body: VecDeque<Buffer>, room: Option<&Arc<Room>>) -> Vec<Bytes> {
    let body_bytes: usize = body.iter().map(Buffer::len).sum();
    let mut start = Vec::with_capacity(header.len() + 32);
    encode_key(DATA_HEADER, WireType::LengthDelimited, &mut start);
    encode_varint(header.len() as u64, &mut start);
    start.extend_from_slice(header);
    if body_bytes > 0 {
        encode_key(DATA_BODY, WireType::LengthDelimited, &mut start);
        encode_varint(body_bytes as u64, &mut start);
    }
    let body = body.into_iter().map(|piece| held(piece, room));
    std::iter::once(frame(&start, body_bytes)).chain(body).collect()
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, BooleanArray, Int64Array, StringArray};
    use arrow_flight::utils::flight_data_to_batches;
    use prost::Message;

    use super::*;

    /// What prost makes of a message.
    fn decoded(pieces: &[Bytes]) -> FlightData {
        let bytes = pieces.concat();
        let length = u32::from_be_bytes(bytes[1..5].try_into().unwrap());
        assert_eq!((bytes[0], length as usize), (0, bytes.len() - 5));
        FlightData::decode(&bytes[5..]).unwrap()
    }

    #[test]
    fn messages_are_read_by_the_usual_codecs() {
        let rows = 0..1000;
        let batch = RecordBatch::try_from_iter([
            ("n", Arc::new(Int64Array::from_iter_values(rows.clone())) as ArrayRef),
            ("b", Arc::new(BooleanArray::from_iter(rows.clone().map(|row| (row % 3 > 0).then_some(row % 2 == 0))))),
            ("t", Arc::new(StringArray::from_iter_values(rows.map(|row| row.to_string())))),
        ])
        .unwrap();
        for part in [batch.clone(), batch.slice(37, 101), batch.slice(999, 1)] {
            let messages = [schema_message(&batch.schema()), batch_message(&part, None).unwrap()];
            let data: Vec<_> = messages.iter().map(|pieces| decoded(pieces)).collect();
            assert_eq!(flight_data_to_batches(&data).unwrap(), [part]);
        }
    }

    #[test]
    fn values_are_not_copied() {
        let values = Int64Array::from_iter_values(0..65_536);
        let memory = values.values().inner().as_ptr();
        let batch = RecordBatch::try_from_iter([("value", Arc::new(values) as ArrayRef)]).unwrap();
        let pieces = batch_message(&batch, None).unwrap();
        assert!(pieces.iter().any(|piece| piece.as_ptr() == memory && piece.len() == 8 * 65_536));
    }
}
