//! Blocks that come from workers, before they are taken in.

use swath_block::{Block, BlockError};
use swath_kernel::ValueType;
use swath_proto::v1;

/// Checks a block as deeply as any reader does, on a thread that may block: first its digest, before anything is
/// parsed, then its frame and its pages, then that it has the numbers that the message names. An error is a sentence.
pub(super) async fn check(upload: &mut v1::UploadBlock, value_type: ValueType) -> Result<Block, String> {
    let (parquet, digest) = (std::mem::take(&mut upload.parquet), upload.digest);
    let checked = tokio::task::spawn_blocking(move || -> Result<Block, BlockError> {
        let block = Block::receive(parquet, value_type, digest)?;
        block.check()?;
        Ok(block)
    });
    let block = checked.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let (first, numbers) = (upload.first, upload.numbers);
    if block.first() != first || block.rows() != numbers as usize {
        return Err(format!("it does not hold the {numbers} numbers from {first} on that it should hold"));
    }
    Ok(block)
}
