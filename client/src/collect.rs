//! All values of a job in one array.

use std::{
    num::NonZero,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use arrow_array::{Array, ArrayRef, Int64Array, new_empty_array};
use arrow_buffer::{Buffer, ScalarBuffer};
use bytes::Bytes;
use memmap2::{Advice, MmapMut};
use swath_block::Block;
use swath_model::{Shape, ValueType};
use zerocopy::FromBytes;

use crate::{ClientError, Results, results::Item};

/// Blocks that may wait to be decoded.
const BLOCKS_WAITING: usize = 4;

impl Results {
    /// Waits for all values and returns them in the order of their numbers, decoded by all cores as they come: the
    /// values of the only column of a job in which each number has a row. An error also if a number has no result: the
    /// array could not say which.
    pub async fn collect(mut self) -> Result<ArrayRef, ClientError> {
        let [column] = &self.layout().columns().fields()[..] else {
            let columns = self.layout().columns().fields().len();
            return Err(ClientError::Invalid(format!("the results have {columns} columns, and an array has one")));
        };
        if self.layout().shape() != Shape::Dense {
            return Err(ClientError::Invalid("not every number has a row, so an array could not say which".to_owned()));
        }
        let (count, data_type) = (self.remaining(), column.data_type().clone());
        let value_type = ValueType::of(column);
        let values = usize::try_from(count).map_err(|_| too_many(count))?;
        if values == 0 {
            // All of them were taken block by block.
            return Ok(new_empty_array(&data_type));
        }
        let (sender, blocks) = tokio::sync::mpsc::channel(BLOCKS_WAITING);
        let decoding = tokio::task::spawn_blocking(move || match value_type {
            Some(ValueType::Int64) => decode_int64(values, blocks),
            _ => decode_others(blocks),
        });
        let fetched = self.fetch(&sender).await;
        drop(sender);
        let decoded = decoding.await.map_err(|error| ClientError::Protocol(error.to_string()))?;
        fetched?;
        decoded
    }

    async fn fetch(&mut self, decoding: &tokio::sync::mpsc::Sender<Block>) -> Result<(), ClientError> {
        if self.missing() > 0 {
            return Err(ClientError::Missing(self.missing()));
        }
        while let Some(item) = self.next_item().await? {
            match item {
                Item::Block { block, .. } => {
                    if decoding.send(block).await.is_err() {
                        // Decoding has failed and says why.
                        return Ok(());
                    }
                }
                Item::Missing => return Err(ClientError::Missing(self.missing())),
            }
        }
        Ok(())
    }
}

type Blocks = tokio::sync::mpsc::Receiver<Block>;

/// Integers go straight to their places in one piece of memory.
fn decode_int64(values: usize, blocks: Blocks) -> Result<ArrayRef, ClientError> {
    let bytes = values.checked_mul(size_of::<i64>()).ok_or_else(|| too_many(values as u64))?;
    let mut memory = MmapMut::map_anon(bytes).map_err(|error| no_memory(bytes, &error))?;
    // Most of the time of a large array is the system's, who clears its pages: large ones cost several times less. It
    // is an advice, which need not be taken.
    let _ = memory.advise(Advice::HugePage);
    let places = <[i64]>::mut_from_bytes(&mut memory).map_err(|error| ClientError::Protocol(error.to_string()))?;
    fill(places, blocks)?;
    let memory = memory.make_read_only().map_err(|error| no_memory(bytes, &error))?;
    let values = ScalarBuffer::from(Buffer::from(Bytes::from_owner(memory)));
    Ok(Arc::new(Int64Array::new(values, None)))
}

/// Decodes blocks to their places, one after the other, with all cores.
fn fill(places: &mut [i64], mut blocks: Blocks) -> Result<(), ClientError> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let (sender, tasks) = mpsc::sync_channel::<(&mut [i64], Block)>(threads);
    let tasks = Mutex::new(tasks);
    let next = || tasks.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
    let work = || -> Result<(), ClientError> {
        let mut worked = Ok(());
        // Also after an error: the tasks must be received, or the sender would block.
        while let Some((places, block)) = next() {
            worked = worked.and(block.decode_int64(1, places).map_err(|error| damaged(&error)));
        }
        worked
    };
    let mut rest = places;
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        while let Some(block) = blocks.blocking_recv() {
            let Some((places, after)) = std::mem::take(&mut rest).split_at_mut_checked(block.rows()) else { break };
            rest = after;
            if sender.send((places, block)).is_err() {
                break;
            }
        }
        drop(sender);
        let panicked = || ClientError::Protocol("decoding panicked".to_owned());
        let ended = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err(panicked())));
        ended.collect::<Result<(), _>>()
    })?;
    match rest.len() {
        0 => Ok(()),
        missing => Err(ClientError::Protocol(format!("{missing} values are missing"))),
    }
}

fn decode_others(mut blocks: Blocks) -> Result<ArrayRef, ClientError> {
    let mut arrays: Vec<ArrayRef> = Vec::new();
    while let Some(block) = blocks.blocking_recv() {
        for batch in block.columns(&[1], block.rows()).map_err(|error| damaged(&error))? {
            let batch = batch.map_err(|error| ClientError::Protocol(error.to_string()))?;
            arrays.push(Arc::clone(batch.column(0)));
        }
    }
    let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    arrow_select::concat::concat(&arrays).map_err(|error| ClientError::Protocol(error.to_string()))
}

fn damaged(error: &swath_block::BlockError) -> ClientError {
    ClientError::Protocol(format!("a block is damaged: {error}"))
}

fn too_many(values: u64) -> ClientError {
    ClientError::Memory(format!("{values} values are more than one array can have"))
}

fn no_memory(bytes: usize, error: &std::io::Error) -> ClientError {
    ClientError::Memory(format!("there are no {bytes} bytes of memory: {error}"))
}
