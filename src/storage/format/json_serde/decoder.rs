//! From lines with JSON objects to batches.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::JsonReading;
use super::scan::{Scanner, Wrong, unescape};
use crate::error::Result;
use crate::storage::format::hive_values::decimal::decimal;
use crate::storage::format::hive_values::number::{boolean, integer, java_float};
use crate::storage::format::hive_values::{Column, ValueRules, in_unit, time, unsupported};
use crate::storage::format::lines::RowDecoder;

/// Makes rows of lines.
pub(super) struct JsonDecoder {
    reading: Arc<JsonReading>,
    projected: SchemaRef,
    /// The rows as one struct.
    columns: Vec<Column>,
    members: Members,
    scratch: Vec<u8>,
}

/// What a value of a column is taken apart into.
enum Shape {
    Single,
    Items(Box<Shape>),
    Entries(Box<Shape>),
    Members(Members),
}

/// The members of objects that are columns.
struct Members {
    by_name: HashMap<String, usize>,
    shapes: Vec<Shape>,
    /// The names as they followed each other in the last object, and the columns that they are. Most objects are alike.
    known: Vec<(Vec<u8>, Option<usize>)>,
}

impl Shape {
    fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::List(item) => Shape::Items(Box::new(Shape::of(item.data_type()))),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => {
                    Shape::Entries(Box::new(Shape::of(fields[1].data_type())))
                }
                _ => Shape::Single,
            },
            DataType::Struct(fields) => Shape::Members(Members::of(fields.iter().map(AsRef::as_ref))),
            _ => Shape::Single,
        }
    }
}

impl Members {
    fn of<'f>(fields: impl Iterator<Item = &'f Field>) -> Self {
        let mut members = Members { by_name: HashMap::new(), shapes: Vec::new(), known: Vec::new() };
        for (index, field) in fields.enumerate() {
            members.by_name.entry(field.name().to_lowercase()).or_insert(index);
            members.shapes.push(Shape::of(field.data_type()));
        }
        members
    }

    /// The column of the member that comes as the one of this number in its object.
    fn column(&mut self, number: usize, name: &[u8]) -> Option<usize> {
        if let Some((known, column)) = self.known.get(number)
            && known == name
        {
            return *column;
        }
        let mut plain = Vec::new();
        unescape(name, &mut plain);
        let column = self.by_name.get(&String::from_utf8_lossy(&plain).to_lowercase()).copied();
        if number < self.known.len() {
            self.known[number] = (name.to_vec(), column);
        } else if number == self.known.len() && number < 1000 {
            self.known.push((name.to_vec(), column));
        }
        column
    }

    /// Adds the members of an object to their columns. Nothing is added if the text is no object.
    fn push(
        &mut self,
        columns: &mut [Column],
        text: &[u8],
        reading: &JsonReading,
        scratch: &mut Vec<u8>,
    ) -> Result<(), Wrong> {
        // Of a member that is there twice, the last counts.
        let mut values: Vec<Option<&[u8]>> = vec![None; columns.len()];
        let mut number = 0;
        Scanner::new(text).members(|name, value| {
            if let Some(slot) = self.column(number, name).and_then(|column| values.get_mut(column)) {
                *slot = Some(value);
            }
            number += 1;
        })?;
        for ((column, shape), value) in columns.iter_mut().zip(&mut self.shapes).zip(values) {
            match value {
                Some(value) => push_value(column, shape, value, reading, scratch),
                None => column.push_null(),
            }
        }
        Ok(())
    }
}

/// Adds a value, or NULL where it does not fit.
fn push_value(column: &mut Column, shape: &mut Shape, text: &[u8], reading: &JsonReading, scratch: &mut Vec<u8>) {
    match (text.first(), column, shape) {
        (Some(b'n'), column, _) => column.push_null(),
        (Some(b'['), Column::List(list), Shape::Items(shape)) => {
            let item = &mut list.item;
            // What is pushed was checked when the object around it was read.
            let found = Scanner::new(text).items(|value| push_value(item, shape, value, reading, scratch));
            list.end(found.is_ok());
        }
        (Some(b'{'), Column::Map(map), Shape::Entries(shape)) => {
            let is_valid = match entries(text, &map.key, reading, scratch) {
                Some(entries) => {
                    for (key, value) in entries {
                        push_single(&mut map.key, &key, reading, scratch);
                        push_value(&mut map.value, shape, value, reading, scratch);
                    }
                    true
                }
                None => false,
            };
            map.end(is_valid);
        }
        (Some(b'{'), Column::Struct(of), Shape::Members(members)) => {
            match members.push(&mut of.columns, text, reading, scratch) {
                Ok(()) => of.end(true),
                Err(_) => {
                    of.columns.iter_mut().for_each(Column::push_null);
                    of.end(false);
                }
            }
        }
        (Some(_), column @ (Column::List(_) | Column::Map(_) | Column::Struct(_)), _) => column.push_null(),
        (Some(b'{' | b'['), column @ (Column::Utf8(_) | Column::LargeUtf8(_) | Column::Utf8View(_)), _) => {
            without_blanks(text, scratch);
            column.push_string(scratch);
        }
        (_, column, _) => push_single(column, text, reading, scratch),
    }
}

/// The entries of a map, each key as it is written, with the last value of those that are there twice. A key that does
/// not fit is left out, as a map has no NULL among its keys.
fn entries<'t>(
    text: &'t [u8],
    keys: &Column,
    reading: &JsonReading,
    scratch: &mut Vec<u8>,
) -> Option<Vec<(Vec<u8>, &'t [u8])>> {
    let mut found: Vec<(Vec<u8>, &[u8])> = Vec::new();
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    Scanner::new(text)
        .members(|name, value| {
            unescape(name, scratch);
            if !fits(keys, scratch, &reading.rules) {
                return;
            }
            match places.get(scratch.as_slice()) {
                Some(place) => found[*place].1 = value,
                None => {
                    places.insert(scratch.clone(), found.len());
                    let mut quoted = Vec::with_capacity(name.len() + 2);
                    quoted.push(b'"');
                    quoted.extend_from_slice(name);
                    quoted.push(b'"');
                    found.push((quoted, value));
                }
            }
        })
        .ok()?;
    Some(found)
}

/// Whether a text has a value in a column of single values.
fn fits(column: &Column, text: &[u8], rules: &ValueRules) -> bool {
    match column {
        Column::Boolean(_) => boolean(text, false).is_some(),
        Column::Int8(_) => integer::<i8>(text).is_some(),
        Column::Int16(_) => integer::<i16>(text).is_some(),
        Column::Int32(_) => integer::<i32>(text).is_some(),
        Column::Int64(_) => integer::<i64>(text).is_some(),
        Column::Float32(_) | Column::Float64(_) => java_float::<f64>(text).is_some(),
        Column::Decimal { precision, scale, .. } => decimal(text, *precision, *scale).is_some(),
        Column::Date(_) => time::date(text).is_some(),
        Column::Timestamp { unit, .. } => timestamp(text, rules).and_then(|micros| in_unit(micros, *unit)).is_some(),
        Column::Null(_) | Column::List(_) | Column::Map(_) | Column::Struct(_) => false,
        _ => true,
    }
}

/// Adds a string, a number or a boolean.
fn push_single(column: &mut Column, text: &[u8], reading: &JsonReading, scratch: &mut Vec<u8>) {
    let (value, is_string) = match text {
        [b'"', inner @ .., b'"'] => {
            if memchr::memchr(b'\\', inner).is_some() {
                unescape(inner, scratch);
                (scratch.as_slice(), true)
            } else {
                (inner, true)
            }
        }
        other => (other, false),
    };
    match column {
        // A number may be written with an exponent, which texts of whole numbers do not have.
        Column::Int8(_) | Column::Int16(_) | Column::Int32(_) | Column::Int64(_)
            if !is_string && memchr::memchr2(b'e', b'E', value).is_some() =>
        {
            let whole = java_float::<f64>(value).filter(|number| number.abs() < 9e15).map(|number| number as i64);
            match whole {
                Some(whole) => column.push_text(itoa::Buffer::new().format(whole).as_bytes(), &reading.rules),
                None => column.push_null(),
            }
        }
        Column::Timestamp { values, unit, .. } => {
            let micros = timestamp(value, &reading.rules);
            values.append_option(micros.and_then(|micros| in_unit(micros, *unit)));
        }
        Column::Binary(_) | Column::LargeBinary(_) | Column::BinaryView(_) if reading.raw_binary => {
            column.push_bytes(value);
        }
        column => column.push_text(value, &reading.rules),
    }
}

/// A timestamp as tables of text have it, or with a `T` before the time, or without a time.
fn timestamp(text: &[u8], rules: &ValueRules) -> Option<i64> {
    rules.timestamp(text).or_else(|| {
        let text = text.strip_suffix(b"Z").unwrap_or(text);
        match memchr::memchr(b'T', text) {
            Some(at) => {
                let mut spaced = text.to_vec();
                spaced[at] = b' ';
                time::timestamp(&spaced)
            }
            None => time::date(text).map(|days| i64::from(days) * 86_400_000_000),
        }
    })
}

/// The text of an object or an array without the blanks between its parts.
fn without_blanks(text: &[u8], plain: &mut Vec<u8>) {
    plain.clear();
    let (mut in_string, mut escaped) = (false, false);
    for byte in text {
        if in_string || !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            plain.push(*byte);
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ => {}
        }
    }
}

impl JsonDecoder {
    pub(super) fn new(reading: Arc<JsonReading>, schema: &SchemaRef, columns: &[usize], rows: usize) -> Result<Self> {
        let wanted: Vec<FieldRef> = columns.iter().map(|column| Arc::clone(&schema.fields()[*column])).collect();
        let builders = wanted
            .iter()
            .map(|field| Column::new(field.data_type(), rows).ok_or_else(|| unsupported(field, "a JSONFILE")))
            .collect::<Result<Vec<_>>>()?;
        Ok(JsonDecoder {
            reading,
            members: Members::of(wanted.iter().map(AsRef::as_ref)),
            projected: Arc::new(Schema::new(wanted)),
            columns: builders,
            scratch: Vec::new(),
        })
    }
}

impl RowDecoder for JsonDecoder {
    fn push(&mut self, line: &[u8]) -> Result<(), String> {
        let is_blank = line.trim_ascii().is_empty();
        let pushed = match is_blank {
            true => None,
            false => Some(self.members.push(&mut self.columns, line, &self.reading, &mut self.scratch)),
        };
        match pushed {
            Some(Ok(())) => Ok(()),
            Some(Err(Wrong { at, why })) if !self.reading.ignores_malformed => {
                Err(format!("this is no JSON object, at character {}: {why}", at + 1))
            }
            _ => {
                self.columns.iter_mut().for_each(Column::push_null);
                Ok(())
            }
        }
    }

    fn finish(&mut self, rows: usize) -> Result<RecordBatch, ArrowError> {
        let columns = self.columns.iter_mut().map(Column::finish).collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.projected), columns, &options)
    }
}
