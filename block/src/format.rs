//! A layout as Parquet describes it: its columns, how each is encoded, and what a footer may say of them.

use std::{ops::Range, sync::Arc};

use arrow_schema::SchemaRef;
use parquet::{
    arrow::ArrowSchemaConverter,
    errors::ParquetError,
    schema::types::{SchemaDescPtr, Type, TypePtr},
};
use swath_model::{Layout, Shape, ValueType};

use crate::{stored, widths::leaf_widths};

/// The Parquet schema of blocks, parts and files of this layout.
///
/// # Errors
/// A type that Parquet does not have; none of those that a [`Layout`] takes.
pub fn parquet_schema(layout: &Layout) -> Result<TypePtr, ParquetError> {
    Format::new(layout).map(|format| format.descriptor.root_schema_ptr())
}

/// How a column is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The numbers of [`Shape::Dense`]: they follow each other and stand in one page.
    Consecutive,
    /// Written and read by this crate.
    Fast(ValueType),
    /// Written and read by the parquet crate.
    General,
}

/// A column of a layout.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) kind: Kind,
    /// Its columns in Parquet, where a nested type has several.
    pub(crate) leaves: Range<usize>,
}

/// A column of Parquet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaf {
    /// The column of the layout that it belongs to.
    pub(crate) column: usize,
    pub(crate) kind: Kind,
    /// The least bytes that each of its values is counted with.
    pub(crate) width: usize,
    /// Whether a row has exactly one value.
    pub(crate) is_flat: bool,
}

/// A layout and all that follows from it.
#[derive(Debug)]
pub(crate) struct Format {
    pub(crate) layout: Layout,
    pub(crate) descriptor: SchemaDescPtr,
    /// The types of the columns as they are given to the parquet crate.
    pub(crate) stored: SchemaRef,
    /// In the order of the schema of the layout.
    pub(crate) columns: Vec<Column>,
    pub(crate) leaves: Vec<Leaf>,
    /// How many children each element of the Parquet schema has, in the order of a footer.
    pub(crate) children: Vec<usize>,
    /// The most bytes of the footer of a block.
    pub(crate) most_footer_bytes: usize,
}

/// The footer of a block without what grows with its columns.
const FOOTER_BYTES: usize = 64 << 10;
/// What a footer says of a column, without the names in its path.
const FOOTER_BYTES_OF_LEAF: usize = 1024;

impl Format {
    pub(crate) fn new(layout: &Layout) -> Result<Arc<Self>, ParquetError> {
        let stored = stored::schema(layout);
        let descriptor = Arc::new(ArrowSchemaConverter::new().schema_root("swath").convert(&stored)?);
        let (mut columns, mut leaves) = (Vec::new(), Vec::new());
        for (position, field) in layout.schema().fields().iter().enumerate() {
            let kind = match (layout.shape(), position, ValueType::of(field)) {
                (Shape::Dense, 0, _) => Kind::Consecutive,
                (_, _, Some(value_type)) => Kind::Fast(value_type),
                _ => Kind::General,
            };
            let start = leaves.len();
            leaf_widths(field.data_type(), &mut |width| {
                leaves.push(Leaf { column: position, kind, width, is_flat: true });
            });
            columns.push(Column { kind, leaves: start..leaves.len() });
        }
        let mut most_footer_bytes = FOOTER_BYTES;
        for (leaf, description) in leaves.iter_mut().zip(descriptor.columns()) {
            leaf.is_flat = description.max_rep_level() == 0;
            let path: usize = description.path().parts().iter().map(|part| part.len() + 16).sum();
            most_footer_bytes += FOOTER_BYTES_OF_LEAF + 4 * path;
        }
        if leaves.len() != descriptor.num_columns() {
            return Err(ParquetError::General(format!("cannot tell the columns of {layout} in Parquet")));
        }
        let mut children = Vec::new();
        count_children(descriptor.root_schema(), &mut children);
        Ok(Arc::new(Self { layout: layout.clone(), descriptor, stored, columns, leaves, children, most_footer_bytes }))
    }

    /// The name of the column that a column of Parquet belongs to.
    pub(crate) fn name_of_leaf(&self, leaf: usize) -> &str {
        let column = self.leaves.get(leaf).and_then(|leaf| self.layout.schema().fields().get(leaf.column));
        column.map_or("?", |field| field.name())
    }

    /// Whether the first column is that of numbers.
    pub(crate) fn has_numbers(&self) -> bool {
        self.layout.shape() != Shape::Reduced
    }
}

fn count_children(element: &Type, children: &mut Vec<usize>) {
    let fields = if element.is_group() { element.get_fields() } else { &[] };
    children.push(fields.len());
    fields.iter().for_each(|field| count_children(field, children));
}
