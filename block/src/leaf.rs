//! An encoded column of Parquet, not yet in a file.

use std::{
    io::Write,
    sync::{Arc, LazyLock},
};

use bytes::Bytes;
use parquet::{
    basic::{Compression, Encoding},
    column::{
        page::{CompressedPage, Page, PageWriter},
        writer::ColumnCloseResult,
    },
    errors::ParquetError,
    file::{
        metadata::ColumnChunkMetaData,
        properties::{WriterProperties, WriterPropertiesPtr},
        statistics::Statistics,
        writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite},
    },
    schema::types::ColumnDescPtr,
};

/// An encoded column of Parquet, not yet in a file.
pub(crate) struct EncodedLeaf {
    pub(crate) bytes: Bytes,
    pub(crate) uncompressed: usize,
    pub(crate) values: usize,
    pub(crate) encodings: Vec<Encoding>,
    pub(crate) compression: Compression,
    pub(crate) statistics: Option<Statistics>,
}

impl EncodedLeaf {
    pub(crate) fn append_to<W: Write + Send>(
        self,
        row_group: &mut SerializedRowGroupWriter<'_, W>,
        description: ColumnDescPtr,
        rows: usize,
    ) -> Result<(), ParquetError> {
        let mut metadata = ColumnChunkMetaData::builder(description)
            .set_encodings(self.encodings)
            .set_num_values(self.values as i64)
            .set_compression(self.compression)
            .set_total_compressed_size(self.bytes.len() as i64)
            .set_total_uncompressed_size(self.uncompressed as i64)
            .set_data_page_offset(0);
        if let Some(statistics) = self.statistics {
            metadata = metadata.set_statistics(statistics);
        }
        row_group.append_column(&self.bytes, close_result(metadata.build()?, rows as u64))
    }
}

/// What [`SerializedRowGroupWriter::append_column`] needs to know of an encoded column.
pub(crate) fn close_result(metadata: ColumnChunkMetaData, rows: u64) -> ColumnCloseResult {
    ColumnCloseResult {
        bytes_written: metadata.compressed_size() as u64,
        rows_written: rows,
        metadata,
        bloom_filter: None,
        column_index: None,
        offset_index: None,
    }
}

/// The properties of every file that is written.
pub(crate) fn properties() -> WriterPropertiesPtr {
    static PROPERTIES: LazyLock<WriterPropertiesPtr> = LazyLock::new(|| {
        Arc::new(
            WriterProperties::builder()
                .set_created_by(concat!("swath version ", env!("CARGO_PKG_VERSION")).to_owned())
                .set_offset_index_disabled(true)
                .build(),
        )
    });
    Arc::clone(&PROPERTIES)
}

/// Writes a page and returns its uncompressed size with its header.
pub(crate) fn write_page(
    column: &mut TrackedWrite<Vec<u8>>,
    page: Vec<u8>,
    uncompressed: usize,
    rows: usize,
    encoding: Encoding,
) -> Result<usize, ParquetError> {
    let page = Page::DataPage {
        buf: Bytes::from(page),
        num_values: rows as u32,
        encoding,
        // Required columns have no levels; the format wants the encoding named all the same.
        def_level_encoding: Encoding::RLE,
        rep_level_encoding: Encoding::RLE,
        statistics: None,
    };
    let written = SerializedPageWriter::new(column).write_page(CompressedPage::new(page, uncompressed))?;
    Ok(written.uncompressed_size)
}
