//! All types but the fast ones: they go through the parquet crate, which knows every type.
//!
//! Their pages are PLAIN data pages of version 1, compressed with LZ4, and they never have a dictionary: so no page can
//! stand for more values than it has bytes for, but for nulls and lists, whose number is bounded.

mod page;
mod read;

use std::sync::{Arc, LazyLock};

use arrow_array::ArrayRef;
use arrow_schema::{Field, Schema};
use bytes::Bytes;
use parquet::{
    arrow::{
        ArrowSchemaConverter,
        arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves},
    },
    basic::{Compression, Encoding},
    errors::ParquetError,
    file::{
        metadata::ColumnChunkMetaData,
        properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr, WriterVersion},
        writer::SerializedFileWriter,
    },
};

pub(crate) use self::read::Reader;
use crate::{
    EncodeError, PAGE_ROWS,
    format::{Format, Kind},
    leaf::EncodedLeaf,
    stored,
};

/// The bytes of a page before compression, about; a single value may have more.
const PAGE_BYTES: usize = 1 << 20;
/// Texts in statistics are cut to so many bytes.
const STATISTICS_BYTES: usize = 64;

/// Encodes the general columns of a block.
pub(crate) struct Writer {
    /// Only to be taken apart again.
    file: SerializedFileWriter<Vec<u8>>,
    /// One for each column of Parquet.
    leaves: Vec<ArrowColumnWriter>,
}

impl Writer {
    /// One for the general columns of a layout; `None` if it has none.
    pub(crate) fn new(format: &Format) -> Result<Option<Self>, ParquetError> {
        let fields = format.columns.iter().zip(format.stored.fields());
        let general = fields.filter(|(column, _)| column.kind == Kind::General);
        let fields: Vec<Arc<Field>> = general.map(|(_, field)| Arc::clone(field)).collect();
        if fields.is_empty() {
            return Ok(None);
        }
        let schema = Arc::new(Schema::new(fields));
        let root = ArrowSchemaConverter::new().convert(&schema)?.root_schema_ptr();
        let file = SerializedFileWriter::new(Vec::new(), root, properties())?;
        let leaves = ArrowRowGroupWriterFactory::new(&file, schema).create_column_writers(0)?;
        Ok(Some(Self { file, leaves }))
    }

    /// Appends rows; `columns` are all columns of the layout.
    pub(crate) fn push(&mut self, columns: &[Option<ArrayRef>], format: &Format) -> Result<(), EncodeError> {
        let mut writers = self.leaves.iter_mut();
        for ((column, values), field) in format.columns.iter().zip(columns).zip(format.stored.fields()) {
            let (Kind::General, Some(values)) = (column.kind, values) else { continue };
            let refused = |reason: String| EncodeError::Value { column: field.name().clone(), reason };
            stored::check_decimals(values).map_err(|error| refused(error.to_string()))?;
            let values = stored::convert(values, field.data_type()).map_err(|error| refused(error.to_string()))?;
            for (leaf, writer) in compute_leaves(field, &values)?.iter().zip(writers.by_ref()) {
                writer.write(leaf).map_err(|error| refused(error.to_string()))?;
            }
        }
        Ok(())
    }

    /// About how many bytes they have so far.
    pub(crate) fn encoded_bytes(&self) -> usize {
        self.leaves.iter().map(ArrowColumnWriter::get_estimated_total_bytes).sum()
    }

    /// The encoded columns of Parquet, in their order.
    pub(crate) fn finish(mut self) -> Result<Vec<EncodedLeaf>, EncodeError> {
        let mut row_group = self.file.next_row_group()?;
        for leaf in self.leaves {
            leaf.close()?.append_to_row_group(&mut row_group)?;
        }
        let metadata = row_group.close()?;
        self.file.flush().map_err(ParquetError::from)?;
        let bytes = Bytes::from(std::mem::take(self.file.inner_mut()));
        Ok(metadata.columns().iter().map(|column| taken_from(&bytes, column)).collect())
    }
}

/// A column out of the file that it was written to.
fn taken_from(file: &Bytes, column: &ColumnChunkMetaData) -> EncodedLeaf {
    let (start, length) = column.byte_range();
    EncodedLeaf {
        bytes: file.slice(start as usize..(start + length) as usize),
        uncompressed: column.uncompressed_size() as usize,
        values: column.num_values() as usize,
        encodings: column.encodings().collect(),
        compression: column.compression(),
        statistics: column.statistics().cloned(),
    }
}

fn properties() -> WriterPropertiesPtr {
    static PROPERTIES: LazyLock<WriterPropertiesPtr> = LazyLock::new(|| {
        Arc::new(
            WriterProperties::builder()
                .set_writer_version(WriterVersion::PARQUET_1_0)
                .set_encoding(Encoding::PLAIN)
                .set_dictionary_enabled(false)
                .set_compression(Compression::LZ4_RAW)
                .set_statistics_enabled(EnabledStatistics::Chunk)
                .set_statistics_truncate_length(Some(STATISTICS_BYTES))
                .set_data_page_size_limit(PAGE_BYTES)
                .set_data_page_row_count_limit(PAGE_ROWS)
                .set_offset_index_disabled(true)
                .build(),
        )
    });
    Arc::clone(&PROPERTIES)
}
