//! The blocks of a job on their way to a client.

use swath_block::Block;
use swath_kernel::ValueType;
use swath_proto::v1;
use swath_scheduler::Range;
use tonic::Streaming;

use crate::{ClientError, Job};

/// The blocks of a job in the order of the number; each is checked to follow the one before.
pub struct Results {
    blocks: Streaming<v1::ResultBlock>,
    range: Range,
    value_type: ValueType,
    /// Numbers received so far.
    received: u64,
}

impl Results {
    pub(crate) fn new(blocks: Streaming<v1::ResultBlock>, job: &Job) -> Self {
        Self { blocks, range: job.range, value_type: job.value_type, received: 0 }
    }

    /// The next block and its first number; `None` after the last. An error when the job fails or is cancelled, or
    /// when what came is not what should follow.
    pub async fn next(&mut self) -> Result<Option<(i64, Block)>, ClientError> {
        let Some(message) = self.blocks.message().await? else {
            if self.received < self.range.count() {
                let (received, count) = (self.received, self.range.count());
                return Err(ClientError::Broken(format!("the results ended after {received} of {count} numbers")));
            }
            return Ok(None);
        };
        let first = message.first;
        if self.range.at(self.received) != Some(first) {
            return Err(ClientError::Protocol(format!("the block that begins at {first} is not the next one")));
        }
        let block = Block::parse(message.parquet, self.value_type)
            .map_err(|error| ClientError::Protocol(format!("the block that begins at {first} is damaged: {error}")))?;
        self.received += block.rows() as u64;
        if self.received > self.range.count() {
            return Err(ClientError::Protocol(format!("the block that begins at {first} is too long")));
        }
        Ok(Some((first, block)))
    }
}
