//! A look at all pages of a block, as deep as a reader looks.
//!
//! What passes is what this program writes: readers of Parquet find neither an encoding nor a size that surprises them,
//! and all values can be decoded. Integers are not unpacked for that, except those that are the numbers of a sparse
//! block. So of their statistics is known that the first value of each page is within them; booleans, floats and
//! decimals are looked at each, and their statistics are exact. General columns are decoded.

use parquet::{
    basic::Encoding,
    file::{metadata::ColumnChunkMetaData, statistics::Statistics},
};
use swath_model::{Shape, ValueType};

use crate::{
    Block, BlockError, Digest, MAX_ROWS, PAGE_ROWS, delta, fast, format::Kind, general, pages::Pages, span::Span,
    stored,
};

impl Block {
    /// Checks all of a block that has come from elsewhere: its pages, to the last byte, and what the footer says of
    /// them.
    pub fn check(&self) -> Result<(), BlockError> {
        let Some(group) = self.row_group() else { return Ok(()) };
        let mut general = Vec::new();
        for (position, column) in self.format().columns.iter().enumerate() {
            for leaf in column.leaves.clone() {
                let metadata = group.columns().get(leaf).ok_or_else(|| BlockError::columns(self.format()))?;
                self.check_metadata(leaf, column.kind, metadata)?;
            }
            let leaf = column.leaves.start;
            match column.kind {
                Kind::Consecutive => self.check_consecutive(leaf)?,
                Kind::Fast(value_type) => self.check_fast(leaf, value_type)?,
                Kind::General => general.push(position),
            }
        }
        if self.layout().shape() == Shape::Sparse {
            self.check_numbers()?;
        }
        if general.is_empty() { Ok(()) } else { self.check_general(general) }
    }

    /// Checks whether the block is still what it was when it came, and all that [`check`](Self::check) does; also that
    /// its statistics are exact, for which integers are decoded and general columns encoded once more.
    pub fn verify(&self) -> Result<(), BlockError> {
        if !self.is_intact() {
            return Err(BlockError::Digest);
        }
        self.check()?;
        let Some(group) = self.row_group() else { return Ok(()) };
        for (position, column) in self.format().columns.iter().enumerate() {
            let metadata = group.columns().get(column.leaves.start);
            let statistics = metadata.and_then(ColumnChunkMetaData::statistics);
            let (Kind::Fast(ValueType::Int64), Some(stated)) =
                (column.kind, fast::stated(statistics, ValueType::Int64).ok().flatten())
            else {
                continue;
            };
            let mut values = vec![0; self.rows()];
            self.decode_int64(position, &mut values)?;
            if Span::of(values.into_iter().map(i128::from)) != Some(stated) {
                return Err(BlockError::Statistics);
            }
        }
        self.verify_general()
    }

    /// Whether the block is still what it was when it came.
    pub fn is_intact(&self) -> bool {
        Digest::of(self.bytes()).is_ok_and(|digest| digest == self.digest())
    }

    /// Of a column of Parquet: that it has nothing but pages, all of one encoding.
    fn check_metadata(&self, leaf: usize, kind: Kind, metadata: &ColumnChunkMetaData) -> Result<(), BlockError> {
        let is_right = match kind {
            Kind::Consecutive => metadata.encodings_mask().is_only(Encoding::DELTA_BINARY_PACKED),
            Kind::Fast(value_type) => metadata.encodings_mask().is_only(fast::encoding(value_type)),
            // The levels of what may be null, or is a list, are run lengths.
            Kind::General => metadata.encodings().all(|found| matches!(found, Encoding::PLAIN | Encoding::RLE)),
        };
        if !is_right {
            return Err(BlockError::page(self.format(), leaf, "are said to have another encoding"));
        }
        let has_more = metadata.file_path().is_some()
            || metadata.index_page_offset().is_some()
            || metadata.bloom_filter_offset().is_some()
            || metadata.column_index_offset().is_some()
            || metadata.offset_index_offset().is_some()
            || metadata.page_encoding_stats().is_some_and(|stats| !stats.is_empty())
            || metadata.geo_statistics().is_some()
            || metadata.definition_level_histogram().is_some()
            || metadata.repetition_level_histogram().is_some();
        let what = "are said to have indexes, which no block has";
        if has_more { Err(BlockError::page(self.format(), leaf, what)) } else { Ok(()) }
    }

    /// Checks the numbers of a dense block.
    fn check_consecutive(&self, leaf: usize) -> Result<(), BlockError> {
        let mut pages = Pages::open(self, leaf)?;
        let first = self.covers().first;
        match pages.next_page()? {
            Some((rows, page)) if rows == self.rows() && delta::is_consecutive(page, first, rows) => {}
            _ => return Err(BlockError::Numbers),
        }
        check_end(pages)
    }

    fn check_fast(&self, leaf: usize, value_type: ValueType) -> Result<(), BlockError> {
        let metadata = self.row_group().and_then(|group| group.columns().get(leaf));
        let stated = fast::stated(metadata.and_then(ColumnChunkMetaData::statistics), value_type)?;
        let mut pages = Pages::open(self, leaf)?;
        let found = pages.check_all(value_type)?;
        check_end(pages)?;
        match (stated, found) {
            (Some(stated), found) if !found.is_some_and(|found| stated.suits(found, value_type)) => {
                Err(BlockError::Statistics)
            }
            _ => Ok(()),
        }
    }

    /// Checks the numbers of a sparse block: that they ascend, and that the statistics are theirs.
    fn check_numbers(&self) -> Result<(), BlockError> {
        let metadata = self.row_group().and_then(|group| group.columns().first());
        let stated = fast::stated(metadata.and_then(ColumnChunkMetaData::statistics), ValueType::Int64)?;
        let mut numbers = vec![0; self.rows().min(MAX_ROWS)];
        self.decode_int64(0, &mut numbers)?;
        let (Some(&first), Some(&last), Some(stated)) = (numbers.first(), numbers.last(), stated) else {
            return Err(BlockError::Numbers);
        };
        let is_exact = stated == Span::new(first, last);
        let is_covered = self.covers().contains(first) && self.covers().contains(last);
        if is_exact && is_covered && numbers.is_sorted() { Ok(()) } else { Err(BlockError::Numbers) }
    }

    /// Decodes general columns.
    fn check_general(&self, columns: Vec<usize>) -> Result<(), BlockError> {
        let mut reader = general::Reader::open(self, columns, PAGE_ROWS)?;
        let mut rows = self.rows();
        while rows > 0 {
            let batch = rows.min(PAGE_ROWS);
            for array in reader.next(batch)? {
                stored::check_decimals(&array).map_err(|error| BlockError::Decode(error.to_string()))?;
            }
            rows -= batch;
        }
        reader.end()
    }

    /// Checks that the statistics of general columns are those that this program writes.
    fn verify_general(&self) -> Result<(), BlockError> {
        let format = self.format();
        let decode = |error: &dyn std::fmt::Display| BlockError::Decode(error.to_string());
        let Some(mut writer) = general::Writer::new(format)? else { return Ok(()) };
        let positions = format.columns.iter().enumerate();
        let general = positions.filter(|(_, column)| column.kind == Kind::General).map(|(position, _)| position);
        let general: Vec<usize> = general.collect();
        let mut reader = general::Reader::open(self, general.clone(), PAGE_ROWS)?;
        let mut rows = self.rows();
        while rows > 0 {
            let batch = rows.min(PAGE_ROWS);
            let mut columns = vec![None; format.columns.len()];
            for (array, &position) in reader.next(batch)?.into_iter().zip(&general) {
                if let Some(place) = columns.get_mut(position) {
                    *place = Some(array);
                }
            }
            writer.push(&columns, format).map_err(|error| decode(&error))?;
            rows -= batch;
        }
        let written = writer.finish().map_err(|error| decode(&error))?;
        let leaves = format.leaves.iter().enumerate().filter(|(_, leaf)| leaf.kind == Kind::General);
        for ((leaf, _), written) in leaves.zip(written) {
            let stated = self.row_group().and_then(|group| group.columns().get(leaf)?.statistics());
            let says_the_same = |stated| written.statistics.as_ref().is_some_and(|written| is_same(stated, written));
            if !stated.is_none_or(says_the_same) {
                return Err(BlockError::Statistics);
            }
        }
        Ok(())
    }
}

/// Whether statistics say the same; those that were read do not remember how they were written.
fn is_same(stated: &Statistics, written: &Statistics) -> bool {
    let ends = |statistics: &Statistics| {
        let (least, greatest) = (statistics.min_bytes_opt(), statistics.max_bytes_opt());
        (least.map(<[u8]>::to_vec), greatest.map(<[u8]>::to_vec))
    };
    let counts = |statistics: &Statistics| (statistics.null_count_opt(), statistics.distinct_count_opt());
    ends(stated) == ends(written)
        && counts(stated) == counts(written)
        && stated.min_is_exact() == written.min_is_exact()
        && stated.max_is_exact() == written.max_is_exact()
}

/// After the last page of a column.
fn check_end(mut pages: Pages) -> Result<(), BlockError> {
    match pages.next_values()? {
        Some(_) => Err(pages.error("go on after the last value")),
        None => Ok(()),
    }
}
