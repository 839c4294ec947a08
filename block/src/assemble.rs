//! Many blocks in one file, and one block out of a file, without decoding.

use std::{
    io::{self, Read, Write},
    sync::Arc,
};

use bytes::{Buf, Bytes, buf::Reader};
use parquet::{
    errors::ParquetError,
    file::{
        metadata::{ColumnChunkMetaData, KeyValue, RowGroupMetaData},
        reader::{ChunkReader, Length},
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::Type,
};
use swath_kernel::ValueType;

use crate::{
    Block, BlockError, Digest,
    digest::checksum,
    encode::{close_result, properties},
    frame::{check_row_group, footer_of},
    parquet_schema,
};

/// Writes a Parquet file by copying the encoded columns of blocks into it, a row group for each.
pub struct FileAssembler<W: Write + Send> {
    file: SerializedFileWriter<Tee<W>>,
    /// Which columns of a block, by position.
    columns: Vec<usize>,
}

impl<W: Write + Send> FileAssembler<W> {
    /// A file of all columns, of values of this type.
    pub fn new(output: W, value_type: ValueType) -> Result<Self, ParquetError> {
        Self::with_columns(output, value_type, &[0, 1])
    }

    /// A file of these columns, by position and in this order: 0 is `n`, 1 is `value`.
    pub fn with_columns(output: W, value_type: ValueType, columns: &[usize]) -> Result<Self, ParquetError> {
        let schema = parquet_schema(value_type);
        let fields = columns.iter().map(|&column| schema.get_fields().get(column).cloned());
        let unknown = || ParquetError::General(format!("a block has no columns {columns:?}"));
        let fields = fields.collect::<Option<Vec<_>>>().ok_or_else(unknown)?;
        let schema = Type::group_type_builder(schema.name()).with_fields(fields).build()?;
        let output = Tee { output, copy: None };
        let file = SerializedFileWriter::new(output, Arc::new(schema), properties())?;
        Ok(Self { file, columns: columns.to_vec() })
    }

    /// Adds a key and its value to what the file says about itself in its footer.
    pub fn describe(&mut self, key: String, value: String) {
        self.file.append_key_value_metadata(KeyValue::new(key, value));
    }

    /// Appends a block. It is an error if its values are of another type.
    pub fn append(&mut self, block: &Block) -> Result<(), ParquetError> {
        let mut row_group = self.file.next_row_group()?;
        let columns = block.row_group().columns();
        let chosen = self.columns.iter().filter_map(|&column| columns.get(column));
        append_columns(&mut row_group, block.bytes(), chosen, block.rows())?;
        row_group.close()?;
        Ok(())
    }

    /// Writes the footer and gives the output back.
    pub fn finish(self) -> Result<W, ParquetError> {
        self.finish_with_footer().map(|(output, _)| output)
    }

    /// The same, with all bytes of the file that come behind the columns.
    pub fn finish_with_footer(mut self) -> Result<(W, Vec<u8>), ParquetError> {
        self.file.flush()?;
        self.file.inner_mut().copy = Some(Vec::new());
        let Tee { output, copy } = self.file.into_inner()?;
        Ok((output, copy.unwrap_or_default()))
    }
}

/// Keeps a copy of what is written, if it is wanted.
struct Tee<W> {
    output: W,
    copy: Option<Vec<u8>>,
}

impl<W: Write> Write for Tee<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        if let Some(copy) = &mut self.copy {
            copy.extend_from_slice(bytes.get(..written).unwrap_or(bytes));
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

impl Block {
    /// Makes a block of one row group of a larger file.
    ///
    /// `columns` are the bytes of the row group, which begins at the position `start` of the file; an error if they
    /// have not this [digest](Digest::columns).
    pub fn from_row_group(
        group: &RowGroupMetaData,
        start: u64,
        columns: Bytes,
        value_type: ValueType,
        digest: u64,
    ) -> Result<Self, BlockError> {
        if checksum(&columns) != digest {
            return Err(BlockError::Digest);
        }
        check_row_group(group, value_type, start..start.saturating_add(columns.len() as u64))?;
        let slice = FileSlice { start, bytes: columns };
        let buffer = Vec::with_capacity(slice.bytes.len() + 1024);
        let mut file = SerializedFileWriter::new(buffer, parquet_schema(value_type), properties())?;
        let mut row_group = file.next_row_group()?;
        append_columns(&mut row_group, &slice, group.columns().iter(), group.num_rows() as usize)?;
        row_group.close()?;
        let bytes = Bytes::from(file.into_inner()?);
        // Of the columns as they should be: if the copy is another, that is found.
        let digest = Digest::new(digest, bytes.get(footer_of(&bytes)?.start..).unwrap_or_default());
        Self::with_digest(bytes, value_type, digest)
    }
}

fn append_columns<'a, W: Write + Send, R: ChunkReader>(
    output: &mut SerializedRowGroupWriter<'_, W>,
    source: &R,
    columns: impl Iterator<Item = &'a ColumnChunkMetaData>,
    rows: usize,
) -> Result<(), ParquetError> {
    for column in columns {
        output.append_column(source, close_result(column.clone(), rows as u64))?;
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
