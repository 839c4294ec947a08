//! Blocks that come from workers, before they are taken in.

use swath_block::{Block, BlockError};
use swath_model::{Covers, Layout};
use swath_proto::v1;

/// Checks a block as deeply as any reader does, on a thread that may block: first its digest, before anything is
/// parsed, then its frame and its pages, then that it has the numbers that the message names. An error is a sentence.
pub(super) async fn check(upload: &mut v1::UploadBlock, layout: &Layout) -> Result<Block, String> {
    let (parquet, digest) = (std::mem::take(&mut upload.parquet), upload.digest);
    let (layout, covers) = (layout.clone(), Covers { first: upload.first, numbers: upload.numbers });
    let checked = tokio::task::spawn_blocking(move || -> Result<Block, BlockError> {
        let block = Block::receive(parquet, &layout, covers, digest)?;
        block.check()?;
        Ok(block)
    });
    checked.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}
