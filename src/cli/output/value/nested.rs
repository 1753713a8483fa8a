//! Values within values. Lists, structs, maps and unions are JSON, whatever the style around them; dictionaries and runs
//! are only another way to store plain values, so they look like those.

use std::ops::Range;

use datafusion::arrow::array::{
    Array, AsArray, DictionaryArray, FixedSizeListArray, GenericListArray, GenericListViewArray, MapArray,
    OffsetSizeTrait, RunArray, StructArray, UnionArray,
};
use datafusion::arrow::datatypes::{
    ArrowDictionaryKeyType, ArrowNativeType, DataType, Int16Type, Int32Type, Int64Type, RunEndIndexType,
};
use datafusion::arrow::downcast_dictionary_array;

use super::super::names;
use super::{Column, Encode, Style, write_json_string};
use crate::error::{Error, Result};

/// The arrays whose values are runs of another array's values.
pub(super) trait ListLike {
    fn items(&self) -> &dyn Array;
    fn range(&self, row: usize) -> Range<usize>;
}

impl<O: OffsetSizeTrait> ListLike for GenericListArray<O> {
    fn items(&self) -> &dyn Array {
        self.values()
    }

    fn range(&self, row: usize) -> Range<usize> {
        let offsets = self.value_offsets();
        match (offsets.get(row), offsets.get(row + 1)) {
            (Some(start), Some(end)) => start.as_usize()..end.as_usize(),
            _ => 0..0,
        }
    }
}

impl<O: OffsetSizeTrait> ListLike for GenericListViewArray<O> {
    fn items(&self) -> &dyn Array {
        self.values()
    }

    fn range(&self, row: usize) -> Range<usize> {
        let start = self.value_offset(row).as_usize();
        start..start + self.value_size(row).as_usize()
    }
}

impl ListLike for FixedSizeListArray {
    fn items(&self) -> &dyn Array {
        self.values()
    }

    fn range(&self, row: usize) -> Range<usize> {
        let length = self.value_length().as_usize();
        row * length..(row + 1) * length
    }
}

struct List<'a, L> {
    array: &'a L,
    items: Column<'a>,
}

impl<L: ListLike> Encode for List<'_, L> {
    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        out.push(b'[');
        for (position, item) in self.array.range(row).enumerate() {
            if position > 0 {
                out.push(b',');
            }
            self.items.write_json(item, out);
        }
        out.push(b']');
    }
}

pub(super) fn list<'a, L: ListLike>(array: &'a L, style: Style) -> Result<Box<dyn Encode + 'a>> {
    Ok(Box::new(List { array, items: Column::try_new(array.items(), style)? }))
}

/// Fields with the text in front of each: a comma or brace, the name, a colon.
struct Struct<'a> {
    fields: Vec<(Vec<u8>, Column<'a>)>,
}

impl Encode for Struct<'_> {
    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        if self.fields.is_empty() {
            out.push(b'{');
        }
        for (lead, column) in &self.fields {
            out.extend_from_slice(lead);
            column.write_json(row, out);
        }
        out.push(b'}');
    }
}

pub(super) fn structure<'a>(array: &'a StructArray, style: Style) -> Result<Box<dyn Encode + 'a>> {
    let names = leads(array.fields().iter().map(|field| field.name().as_str()));
    let fields =
        names.into_iter().zip(array.columns()).map(|(lead, column)| Ok((lead, Column::try_new(column, style)?)));
    Ok(Box::new(Struct { fields: fields.collect::<Result<_>>()? }))
}

/// What stands in front of the values of an object with these names: `{"a":`, `,"b":`, `,"a_1":`.
pub(in super::super) fn leads<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<Vec<u8>> {
    let unique = names::unique(names);
    let keys = unique.iter().enumerate();
    keys.map(|(position, name)| {
        let mut lead = vec![if position == 0 { b'{' } else { b',' }];
        write_json_string(name, &mut lead);
        lead.push(b':');
        lead
    })
    .collect()
}

/// An object with the keys' text as names, since JSON's names are strings.
struct Map<'a> {
    array: &'a MapArray,
    keys: Column<'a>,
    values: Column<'a>,
}

impl Encode for Map<'_> {
    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        let offsets = self.array.value_offsets();
        let range = match (offsets.get(row), offsets.get(row + 1)) {
            (Some(start), Some(end)) => start.as_usize()..end.as_usize(),
            _ => 0..0,
        };
        let mut key = Vec::new();
        out.push(b'{');
        for (position, entry) in range.enumerate() {
            if position > 0 {
                out.push(b',');
            }
            key.clear();
            self.keys.write(entry, &mut key);
            write_json_string(&String::from_utf8_lossy(&key), out);
            out.push(b':');
            self.values.write_json(entry, out);
        }
        out.push(b'}');
    }
}

pub(super) fn map<'a>(array: &'a MapArray, style: Style) -> Result<Box<dyn Encode + 'a>> {
    let keys = Column::try_new(array.keys(), Style::Text)?;
    Ok(Box::new(Map { array, keys, values: Column::try_new(array.values(), style)? }))
}

/// An object with the one field that the row has.
struct Union<'a> {
    array: &'a UnionArray,
    children: Vec<(i8, Vec<u8>, Column<'a>)>,
}

impl Encode for Union<'_> {
    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        let type_id = self.array.type_id(row);
        if let Some((_, lead, column)) = self.children.iter().find(|(id, _, _)| *id == type_id) {
            out.extend_from_slice(lead);
            column.write_json(self.array.value_offset(row), out);
            out.push(b'}');
        }
    }
}

pub(super) fn union<'a>(array: &'a UnionArray, style: Style) -> Result<Box<dyn Encode + 'a>> {
    let children = array.fields().iter().map(|(id, field)| {
        let mut lead = vec![b'{'];
        write_json_string(field.name(), &mut lead);
        lead.push(b':');
        Ok((id, lead, Column::try_new(array.child(id), style)?))
    });
    Ok(Box::new(Union { array, children: children.collect::<Result<_>>()? }))
}

struct Dictionary<'a, K: ArrowDictionaryKeyType> {
    array: &'a DictionaryArray<K>,
    values: Column<'a>,
}

impl<K: ArrowDictionaryKeyType> Encode for Dictionary<'_, K> {
    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        self.values.write(self.array.keys().value(row).as_usize(), out);
    }
}

fn typed_dictionary<'a, K: ArrowDictionaryKeyType>(
    array: &'a DictionaryArray<K>,
    style: Style,
) -> Result<Box<dyn Encode + 'a>> {
    Ok(Box::new(Dictionary { array, values: Column::try_new(array.values(), style)? }))
}

pub(super) fn dictionary<'a>(array: &'a dyn Array, style: Style) -> Result<Box<dyn Encode + 'a>> {
    downcast_dictionary_array! {
        array => typed_dictionary(array, style),
        other => Err(no_text(other)),
    }
}

struct Runs<'a, R: RunEndIndexType> {
    array: &'a RunArray<R>,
    values: Column<'a>,
}

impl<R: RunEndIndexType> Encode for Runs<'_, R> {
    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        self.values.write(self.array.get_physical_index(row), out);
    }
}

fn typed_runs<'a, R: RunEndIndexType>(array: &'a RunArray<R>, style: Style) -> Result<Box<dyn Encode + 'a>> {
    Ok(Box::new(Runs { array, values: Column::try_new(array.values(), style)? }))
}

pub(super) fn runs<'a>(array: &'a dyn Array, style: Style) -> Result<Box<dyn Encode + 'a>> {
    if let Some(runs) = array.as_run_opt::<Int16Type>() {
        typed_runs(runs, style)
    } else if let Some(runs) = array.as_run_opt::<Int32Type>() {
        typed_runs(runs, style)
    } else if let Some(runs) = array.as_run_opt::<Int64Type>() {
        typed_runs(runs, style)
    } else {
        Err(no_text(array.data_type()))
    }
}

fn no_text(data_type: &DataType) -> Error {
    Error::statement(format!("values of type {data_type} have no text form"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        ArrayRef, Int32Array, Int64Array, ListArray, ListViewArray, MapBuilder, StringArray, StringBuilder,
    };
    use datafusion::arrow::datatypes::{Field, UInt8Type, UnionFields};

    use super::super::tests::rendered;
    use super::*;

    fn texts(array: &dyn Array, style: Style) -> Vec<String> {
        rendered(array, style).into_iter().map(|value| value.unwrap_or_else(|| "NULL".to_string())).collect()
    }

    #[test]
    fn lists_of_all_kinds_are_arrays() {
        let lists = vec![Some(vec![Some(1), None]), None, Some(vec![Some(2)]), Some(vec![])];
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>(lists.clone());
        assert_eq!(texts(&list, Style::Text), ["[1,null]", "NULL", "[2]", "[]"]);
        assert_eq!(texts(&list.slice(2, 2), Style::Json), ["[2]", "[]"]);
        let view = ListViewArray::from(list);
        assert_eq!(texts(&view.slice(1, 2), Style::Text), ["NULL", "[2]"]);
        let pairs = vec![Some(vec![Some(1), Some(2)]), None, Some(vec![None, Some(4)])];
        let fixed = FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(pairs, 2);
        assert_eq!(texts(&fixed.slice(1, 2), Style::Text), ["NULL", "[null,4]"]);
    }

    #[test]
    fn dictionaries_and_runs_look_like_their_values() {
        let values: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
        let keys = [Some(0), Some(1), None, Some(0)].into_iter().collect();
        let dictionary = DictionaryArray::<UInt8Type>::new(keys, Arc::clone(&values));
        assert_eq!(texts(&dictionary, Style::Text), ["a", "NULL", "NULL", "a"], "NULL as a key and as a value");
        assert_eq!(texts(&dictionary.slice(3, 1), Style::Json), ["\"a\""]);
        let runs = RunArray::try_new(&Int32Array::from(vec![2, 3]), &values).expect("runs");
        assert_eq!(texts(&runs, Style::Text), ["a", "a", "NULL"]);
        assert_eq!(texts(&runs.slice(1, 2), Style::Text), ["a", "NULL"]);
    }

    #[test]
    fn map_keys_are_strings_whatever_their_type() {
        let mut builder = MapBuilder::new(None, Int64Array::builder(1), StringBuilder::new());
        builder.keys().append_value(7);
        builder.values().append_value("x");
        builder.append(true).expect("one entry");
        assert_eq!(texts(&builder.finish(), Style::Json), [r#"{"7":"x"}"#]);
    }

    #[test]
    fn structs_number_their_repeated_fields() {
        let one: ArrayRef = Arc::new(Int32Array::from(vec![1]));
        let fields = vec![Field::new("a", DataType::Int32, true), Field::new("a", DataType::Int32, true)];
        let array = StructArray::new(fields.into(), vec![Arc::clone(&one), one], None);
        assert_eq!(texts(&array, Style::Text), [r#"{"a":1,"a_1":1}"#]);
        assert_eq!(texts(&StructArray::new_empty_fields(1, None), Style::Text), ["{}"]);
    }

    #[test]
    fn a_union_shows_the_field_that_the_row_has() {
        let fields = UnionFields::try_new(
            [0, 5],
            [Field::new("n", DataType::Int32, true), Field::new("s", DataType::Utf8, true)],
        );
        let children: Vec<ArrayRef> =
            vec![Arc::new(Int32Array::from(vec![1])), Arc::new(StringArray::from(vec![None, Some("x")]))];
        let offsets = Some(vec![0, 0, 1].into());
        let array =
            UnionArray::try_new(fields.expect("two ids"), vec![0, 5, 5].into(), offsets, children).expect("a union");
        assert_eq!(texts(&array, Style::Text), [r#"{"n":1}"#, "NULL", r#"{"s":"x"}"#]);
    }
}
