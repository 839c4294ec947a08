//! What peers send.

use prost::Message;
use swath_block::Block;
use swath_coordinator::fuzzing;
use swath_model::{Covers, Layout, ValueType};
use swath_proto::v1;

use crate::{Outcome, blocks};

pub(crate) fn hello(input: &[u8]) -> Outcome {
    Outcome::accepted_if(v1::WorkerMessage::decode(input).is_ok_and(fuzzing::worker_message))
}

pub(crate) fn submit(input: &[u8]) -> Outcome {
    Outcome::accepted_if(v1::SubmitRequest::decode(input).is_ok_and(fuzzing::submit))
}

pub(crate) fn ticket(input: &[u8]) -> Outcome {
    Outcome::accepted_if(fuzzing::ticket(input))
}

/// As the coordinator takes it: what it is, then its digest, then all of it.
pub(crate) fn upload(input: &[u8]) -> Outcome {
    let Ok(upload) = v1::UploadBlock::decode(input) else { return Outcome::Refused };
    if !fuzzing::upload(&upload) {
        return Outcome::Refused;
    }
    let covers = Covers { first: upload.first, numbers: upload.numbers };
    match Block::receive(upload.parquet, &Layout::values(ValueType::Int64), covers, upload.digest) {
        Ok(block) => blocks::checked(&block),
        Err(_) => Outcome::Refused,
    }
}
