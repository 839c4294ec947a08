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
    schema::types::{SchemaDescPtr, Type},
};
use swath_model::{Covers, Layout};

use crate::{
    Block, BlockError, Digest,
    digest::checksum,
    format::Format,
    frame::{check_row_group, footer_of},
    leaf::{close_result, properties},
};

/// Writes a Parquet file by copying the encoded columns of blocks into it, a row group for each.
pub struct FileAssembler<W: Write + Send> {
    file: SerializedFileWriter<Tee<W>>,
    /// Which columns of Parquet of a block.
    leaves: Vec<usize>,
    /// Those of a block.
    descriptor: SchemaDescPtr,
}

impl<W: Write + Send> FileAssembler<W> {
    /// A file of all columns of this layout.
    pub fn new(output: W, layout: &Layout) -> Result<Self, ParquetError> {
        let all: Vec<usize> = (0..layout.schema().fields().len()).collect();
        Self::with_columns(output, layout, &all)
    }

    /// A file of these columns, by position in the schema of the layout, in this order.
    pub fn with_columns(output: W, layout: &Layout, columns: &[usize]) -> Result<Self, ParquetError> {
        let format = Format::new(layout)?;
        let schema = format.descriptor.root_schema();
        let (mut fields, mut leaves) = (Vec::new(), Vec::new());
        for &position in columns {
            let (Some(field), Some(column)) = (schema.get_fields().get(position), format.columns.get(position)) else {
                return Err(ParquetError::General(format!("results of this layout have no column {position}")));
            };
            fields.push(Arc::clone(field));
            leaves.extend(column.leaves.clone());
        }
        let schema = Type::group_type_builder(schema.name()).with_fields(fields).build()?;
        let output = Tee { output, copy: None };
        let file = SerializedFileWriter::new(output, Arc::new(schema), properties())?;
        Ok(Self { file, leaves, descriptor: Arc::clone(&format.descriptor) })
    }

    /// Adds a key and its value to what the file says about itself in its footer.
    pub fn describe(&mut self, key: String, value: String) {
        self.file.append_key_value_metadata(KeyValue::new(key, value));
    }

    /// Appends a block; one without rows adds nothing. It is an error if its columns are others.
    pub fn append(&mut self, block: &Block) -> Result<(), ParquetError> {
        let Some(group) = block.row_group() else { return Ok(()) };
        if !Arc::ptr_eq(&self.descriptor, &block.format().descriptor) && self.descriptor != block.format().descriptor {
            return Err(ParquetError::General("a block of other columns cannot be appended".to_owned()));
        }
        let mut row_group = self.file.next_row_group()?;
        let chosen = self.leaves.iter().filter_map(|&leaf| group.columns().get(leaf));
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
        layout: &Layout,
        covers: Covers,
        digest: u64,
    ) -> Result<Self, BlockError> {
        if checksum(&columns) != digest {
            return Err(BlockError::Digest);
        }
        let format = Format::new(layout)?;
        check_row_group(group, &format, covers, start..start.saturating_add(columns.len() as u64))?;
        let slice = FileSlice { start, bytes: columns };
        let buffer = Vec::with_capacity(slice.bytes.len() + 1024);
        let mut file = SerializedFileWriter::new(buffer, format.descriptor.root_schema_ptr(), properties())?;
        let mut row_group = file.next_row_group()?;
        append_columns(&mut row_group, &slice, group.columns().iter(), group.num_rows() as usize)?;
        row_group.close()?;
        let bytes = Bytes::from(file.into_inner()?);
        // Of the columns as they should be: if the copy is another, that is found.
        let digest = Digest::new(digest, bytes.get(footer_of(&bytes)?.start..).unwrap_or_default());
        Self::with_digest(bytes, format, covers, digest)
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
