//! Many blocks in one file, and one block out of a file, without decoding.

use std::io::{self, Read, Write};

use bytes::{Buf, Bytes, buf::Reader};
use parquet::{
    errors::ParquetError,
    file::{
        metadata::RowGroupMetaData,
        reader::{ChunkReader, Length},
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
};
use swath_kernel::ValueType;

use crate::{
    Block, BlockError,
    block::check_row_group,
    encode::{close_result, properties},
    parquet_schema,
};

/// Writes a Parquet file by copying the encoded columns of blocks into it, a row group for each.
pub struct FileAssembler<W: Write + Send> {
    file: SerializedFileWriter<W>,
}

impl<W: Write + Send> FileAssembler<W> {
    /// A file of values of this type.
    pub fn new(output: W, value_type: ValueType) -> Result<Self, ParquetError> {
        Ok(Self { file: SerializedFileWriter::new(output, parquet_schema(value_type), properties())? })
    }

    /// Appends a block. It is an error if its values are of another type.
    pub fn append(&mut self, block: &Block) -> Result<(), ParquetError> {
        let mut row_group = self.file.next_row_group()?;
        append_columns(&mut row_group, block.bytes(), block.row_group())?;
        row_group.close()?;
        Ok(())
    }

    /// Writes the footer and gives the output back.
    pub fn finish(self) -> Result<W, ParquetError> {
        self.file.into_inner()
    }
}

impl Block {
    /// Makes a block of one row group of a larger file.
    ///
    /// `columns` are the bytes of the file from the position `start` on, which must include the row group.
    pub fn from_row_group(
        group: &RowGroupMetaData,
        start: u64,
        columns: Bytes,
        value_type: ValueType,
    ) -> Result<Self, BlockError> {
        let end = start.saturating_add(columns.len() as u64);
        check_row_group(group, value_type, end)?;
        let slice = FileSlice { start, bytes: columns };
        let buffer = Vec::with_capacity(slice.bytes.len() + 1024);
        let mut file = SerializedFileWriter::new(buffer, parquet_schema(value_type), properties())?;
        let mut row_group = file.next_row_group()?;
        append_columns(&mut row_group, &slice, group)?;
        row_group.close()?;
        Self::parse(Bytes::from(file.into_inner()?), value_type)
    }
}

fn append_columns<W: Write + Send, R: ChunkReader>(
    output: &mut SerializedRowGroupWriter<'_, W>,
    source: &R,
    group: &RowGroupMetaData,
) -> Result<(), ParquetError> {
    for column in group.columns() {
        output.append_column(source, close_result(column.clone(), group.num_rows() as u64))?;
    }
    Ok(())
}

/// A part of a file that knows where in the file it lies.
struct FileSlice {
    start: u64,
    bytes: Bytes,
}

impl FileSlice {
    fn from(&self, position: u64) -> Result<Bytes, ParquetError> {
        match position.checked_sub(self.start) {
            Some(offset) if offset <= self.bytes.len() as u64 => Ok(self.bytes.slice(offset as usize..)),
            _ => Err(ParquetError::EOF(format!("position {position} is outside of what was read"))),
        }
    }
}

impl Length for FileSlice {
    fn len(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl ChunkReader for FileSlice {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let mut bytes = vec![0; length];
        self.get_read(start)?
            .read_exact(&mut bytes)
            .map_err(|error: io::Error| ParquetError::External(error.into()))?;
        Ok(bytes.into())
    }
}
