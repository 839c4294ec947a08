//! Lists, structs and maps: JSON, which other notations quote as one text.

use std::cell::RefCell;

use arrow_array::{
    Array, FixedSizeListArray, GenericListArray, GenericListViewArray, MapArray, OffsetSizeTrait, StructArray,
};
use arrow_schema::DataType;

use super::{NoText, Notation, PushCell, escape, typed};

pub(super) fn cells(array: &dyn Array, notation: Notation) -> Result<PushCell<'_>, NoText> {
    let json = json(array)?;
    if notation == Notation::Json {
        return Ok(json);
    }
    let text = RefCell::new(Vec::new());
    Ok(Box::new(move |row, out| {
        let mut text = text.borrow_mut();
        text.clear();
        json(row, &mut text);
        notation.push_text(&text, out);
    }))
}

fn json(array: &dyn Array) -> Result<PushCell<'_>, NoText> {
    match array.data_type() {
        DataType::List(_) => list::<i32>(array),
        DataType::LargeList(_) => list::<i64>(array),
        DataType::ListView(_) => list_view::<i32>(array),
        DataType::LargeListView(_) => list_view::<i64>(array),
        DataType::FixedSizeList(..) => {
            let lists = typed::<FixedSizeListArray>(array)?;
            let items = super::cells(lists.values(), Notation::Json)?;
            let length = usize::try_from(lists.value_length()).unwrap_or(0);
            Ok(Box::new(move |row, out| push_list(lists.value_offset_at(row), length, &items, out)))
        }
        DataType::Struct(_) => structs(array),
        DataType::Map(..) => maps(array),
        other => Err(NoText(other.clone())),
    }
}

fn list<O: OffsetSizeTrait>(array: &dyn Array) -> Result<PushCell<'_>, NoText> {
    let lists = typed::<GenericListArray<O>>(array)?;
    let items = super::cells(lists.values(), Notation::Json)?;
    Ok(Box::new(move |row, out| {
        let start = lists.value_offsets().get(row).map_or(0, |start| start.as_usize());
        push_list(start, lists.value_length(row).as_usize(), &items, out);
    }))
}

fn list_view<O: OffsetSizeTrait>(array: &dyn Array) -> Result<PushCell<'_>, NoText> {
    let lists = typed::<GenericListViewArray<O>>(array)?;
    let items = super::cells(lists.values(), Notation::Json)?;
    Ok(Box::new(move |row, out| {
        push_list(lists.value_offset(row).as_usize(), lists.value_size(row).as_usize(), &items, out);
    }))
}

fn push_list(start: usize, length: usize, items: &PushCell<'_>, out: &mut Vec<u8>) {
    out.push(b'[');
    for item in 0..length {
        if item > 0 {
            out.push(b',');
        }
        items(start + item, out);
    }
    out.push(b']');
}

fn structs(array: &dyn Array) -> Result<PushCell<'_>, NoText> {
    let structs = typed::<StructArray>(array)?;
    let mut fields = Vec::new();
    for (name, column) in structs.column_names().iter().zip(structs.columns()) {
        let mut key = if fields.is_empty() { Vec::new() } else { b",".to_vec() };
        escape::push_json(name.as_bytes(), &mut key);
        key.push(b':');
        fields.push((key, super::cells(column, Notation::Json)?));
    }
    Ok(Box::new(move |row, out| {
        out.push(b'{');
        for (key, value) in &fields {
            out.extend_from_slice(key);
            value(row, out);
        }
        out.push(b'}');
    }))
}

/// An object; keys that are not text become text.
fn maps(array: &dyn Array) -> Result<PushCell<'_>, NoText> {
    let maps = typed::<MapArray>(array)?;
    let keys = super::cells(maps.keys(), Notation::Json)?;
    let values = super::cells(maps.values(), Notation::Json)?;
    let key = RefCell::new(Vec::new());
    let offset = |row: usize| maps.value_offsets().get(row).and_then(|&at| usize::try_from(at).ok()).unwrap_or(0);
    Ok(Box::new(move |row, out| {
        let start = offset(row);
        out.push(b'{');
        for entry in start..offset(row + 1) {
            if entry > start {
                out.push(b',');
            }
            let mut key = key.borrow_mut();
            key.clear();
            keys(entry, &mut key);
            if key.starts_with(b"\"") {
                out.extend_from_slice(&key);
            } else {
                escape::push_json(&key, out);
            }
            out.push(b':');
            values(entry, out);
        }
        out.push(b'}');
    }))
}
