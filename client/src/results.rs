//! The blocks of a job on their way to a client.

use swath_block::{Block, BlockError};
use swath_model::{Covers, Fingerprint, Layout, Range, Shape};
use swath_proto::v1;
use tonic::Streaming;

use crate::{
    connection::{Connection, status},
    error::ClientError,
    job::{Job, Wanted},
    patience::Pauses,
};

/// The blocks of a job in the order of the number, without gaps or repetitions. If the connection breaks or the
/// coordinator is restarted, the download continues where it stopped. Blocks of a job with reductions may come again
/// from the first one on then: a block that does not begin after the one before it means that those before are void.
pub struct Results {
    connection: Connection,
    job: u64,
    /// What the job computes.
    fingerprint: Fingerprint,
    /// The numbers that are wanted.
    range: Range,
    layout: Layout,
    /// `None` while it is broken.
    blocks: Option<Streaming<v1::ResultBlock>>,
    /// Numbers received so far, with and without a result.
    received: u64,
    /// Numbers without a result so far.
    missing: u64,
    first_missing: Option<i64>,
    wanted: Wanted,
    /// How thoroughly blocks are checked.
    depth: Depth,
}

/// How thoroughly a block is checked before it is returned. Its digest is always checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Its frame only, because it will be copied.
    Frame,
    /// All its pages, so that decoding cannot fail.
    Pages,
}

/// How often a block may be damaged before the download fails.
const MOST_DAMAGED: u32 = 3;

/// What comes next.
pub(crate) enum Item {
    Block {
        first: i64,
        block: Block,
    },
    /// Numbers without a result; [`Results::missing`] counts them.
    Missing,
}

impl Results {
    /// The results of these numbers of a job.
    pub(crate) async fn open(
        connection: Connection,
        job: &Job,
        range: Range,
        wanted: Wanted,
    ) -> Result<Self, ClientError> {
        let blocks = match connection.read(job.id, range, wanted).await {
            Ok(blocks) => Some(blocks),
            Err(error) => return Err(connection.explain(job.id, wanted, error).await),
        };
        let fingerprint = job.fingerprint;
        let (job, layout) = (job.id, job.layout.clone());
        Ok(Self {
            connection,
            job,
            fingerprint,
            range,
            layout,
            blocks,
            received: 0,
            missing: 0,
            first_missing: None,
            wanted,
            depth: Depth::Pages,
        })
    }

    /// Checks the frame and the digest of blocks only, because they will be copied and not decoded.
    pub(crate) fn for_copying(self) -> Self {
        Self { depth: Depth::Frame, ..self }
    }

    /// What the rows of its blocks look like.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How many numbers are still to come, with a result or without.
    pub fn remaining(&self) -> u64 {
        self.range.count() - self.received
    }

    /// How many of the numbers before the next block have no result. They are in failed chunks or, in partial results,
    /// were never committed.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// The first of them.
    pub fn first_missing(&self) -> Option<i64> {
        self.first_missing
    }

    /// The next block and its first number; `None` after the last. A damaged block is read again; the coordinator
    /// checks its own copy then, and has it computed again if that is damaged. An error if the job fails or is
    /// cancelled, if the blocks are not in order, or if the coordinator cannot be reached for too long.
    pub async fn next(&mut self) -> Result<Option<(i64, Block)>, ClientError> {
        loop {
            match self.next_item().await? {
                Some(Item::Block { first, block }) => return Ok(Some((first, block))),
                Some(Item::Missing) => {}
                None => return Ok(None),
            }
        }
    }

    /// The same, but also returns at missing numbers.
    pub(crate) async fn next_item(&mut self) -> Result<Option<Item>, ClientError> {
        let mut pauses = Pauses::new(self.connection.persistence());
        let mut damaged = 0;
        while self.received < self.range.count() {
            match self.next_message().await {
                Ok(message) if message.missing => {
                    self.skip(&message)?;
                    return Ok(Some(Item::Missing));
                }
                Ok(message) => {
                    let (first, numbers) = (message.first, message.numbers);
                    match self.open_block(message) {
                        Ok(block) if self.must_begin_again(first) => drop(block),
                        Ok(block) => {
                            let (first, block) = self.place(first, block)?;
                            return Ok(Some(Item::Block { first, block }));
                        }
                        Err(error) => {
                            damaged += 1;
                            if damaged == MOST_DAMAGED {
                                return Err(ClientError::Damaged { first, times: damaged, reason: error.to_string() });
                            }
                            self.reject(first, numbers, &mut pauses).await?;
                        }
                    }
                }
                Err(error) => {
                    self.blocks = None;
                    let error = self.connection.explain(self.job, self.wanted, error).await;
                    pauses.wait_after(error).await?;
                }
            }
        }
        Ok(None)
    }

    async fn next_message(&mut self) -> Result<v1::ResultBlock, ClientError> {
        let blocks = match &mut self.blocks {
            Some(blocks) => blocks,
            None => {
                let rest = self.rest().ok_or_else(|| ClientError::Protocol("nothing is left to read".to_owned()))?;
                let blocks = self.connection.read(self.job, rest, self.wanted).await?;
                // The coordinator may have been restored from an older copy. Then the id may belong to another job.
                if self.connection.job(self.job).await?.fingerprint != self.fingerprint {
                    return Err(ClientError::JobReplaced(self.job));
                }
                self.blocks.insert(blocks)
            }
        };
        match blocks.message().await.map_err(status)? {
            Some(message) => Ok(message),
            None => {
                let (received, count) = (self.received, self.range.count());
                Err(ClientError::Disconnected(format!("the results ended after {received} of {count} numbers")))
            }
        }
    }

    fn skip(&mut self, message: &v1::ResultBlock) -> Result<(), ClientError> {
        let (first, numbers) = (message.first, message.numbers);
        let is_next = self.range.offset_of(first) == Some(self.received) && numbers > 0;
        if !is_next || numbers > self.range.count() - self.received {
            return Err(ClientError::Protocol(format!("{numbers} numbers from {first} on cannot be missing here")));
        }
        self.received += numbers;
        self.missing += numbers;
        self.first_missing.get_or_insert(first);
        Ok(())
    }

    /// The block of a message, if it is intact.
    fn open_block(&self, message: v1::ResultBlock) -> Result<Block, BlockError> {
        let covers = Covers { first: message.first, numbers: message.numbers };
        let block = Block::receive(message.parquet, &self.layout, covers, message.digest)?;
        if self.depth == Depth::Pages {
            block.check()?;
        }
        Ok(block)
    }

    /// The numbers that are still to come; `None` if that is none.
    fn rest(&self) -> Option<Range> {
        Range::new(self.range.at(self.received)?, self.range.last()).ok()
    }

    /// Reports a damaged block to the coordinator. It is read again in any case.
    async fn reject(&mut self, first: i64, numbers: u64, pauses: &mut Pauses) -> Result<(), ClientError> {
        self.blocks = None;
        while let Err(error) = self.connection.recheck(self.job, first, numbers).await {
            pauses.wait_after(error).await?;
        }
        Ok(())
    }

    /// Whether a block begins before what is still to come, and cannot be cut, because its rows stand for all of its
    /// numbers. Then all blocks are read again, from the first one on: a coordinator that was restarted has other ones.
    fn must_begin_again(&mut self, first: i64) -> bool {
        let is_before = self.rest().is_some_and(|rest| first < rest.first());
        if self.layout.shape() != Shape::Reduced || self.received == 0 || !is_before {
            return false;
        }
        (self.blocks, self.received, self.missing, self.first_missing) = (None, 0, 0, None);
        true
    }

    /// The next block, cut to the numbers that are wanted, and its first number.
    fn place(&mut self, first: i64, block: Block) -> Result<(i64, Block), ClientError> {
        let unexpected = |what: &str| ClientError::Protocol(format!("the block that begins at {first} {what}"));
        let damaged = |error: BlockError| unexpected(&format!("is damaged: {error}"));
        let Some(rest) = self.rest() else { return Err(unexpected("is one too many")) };
        let numbers = block.covers().numbers;
        // How many of its numbers come before those that are wanted, and before the end of those.
        let before = |number: i64| u64::try_from(i128::from(number) - i128::from(first)).ok();
        let (Some(start), Some(end)) = (before(rest.first()), before(rest.last())) else {
            return Err(unexpected("is not the next one"));
        };
        if start >= numbers {
            return Err(unexpected("is not the next one"));
        }
        let end = numbers.min(end.saturating_add(1));
        self.received += end - start;
        // The first block may begin before what is wanted, and the last may end behind it.
        let block = if end - start == numbers { block } else { block.cut(start..end).map_err(damaged)? };
        Ok((rest.first(), block))
    }
}
