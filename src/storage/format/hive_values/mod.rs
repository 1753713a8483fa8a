//! Columns of any type that are filled value by value: what the readers of Hive's text formats build.

pub(crate) mod base64;
pub(crate) mod decimal;
pub(crate) mod number;
pub(crate) mod output;
mod texts;
pub(crate) mod time;

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryBuilder, BinaryViewBuilder, BooleanBuilder, LargeBinaryBuilder, LargeStringBuilder, ListArray,
    MapArray, NullArray, PrimitiveArray, PrimitiveBuilder, StringBuilder, StructArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, FieldRef, Fields, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use datafusion::arrow::error::ArrowError;

use self::time::TimestampPattern;
use crate::error::{Error, Result};
use crate::sql::types::display_name;

/// What a table's properties change in how texts become values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ValueRules {
    /// Whether `t`, `f`, `1` and `0` are booleans.
    pub(crate) boolean_letters: bool,
    /// Tried before the usual way of writing a timestamp.
    pub(crate) timestamps: Vec<TimestampPattern>,
}

impl ValueRules {
    pub(crate) fn timestamp(&self, text: &[u8]) -> Option<i64> {
        self.timestamps.iter().find_map(|pattern| pattern.read(text)).or_else(|| time::timestamp(text))
    }
}

/// A column in the making.
#[derive(Debug)]
pub(crate) enum Column {
    Null(usize),
    Boolean(BooleanBuilder),
    Int8(PrimitiveBuilder<Int8Type>),
    Int16(PrimitiveBuilder<Int16Type>),
    Int32(PrimitiveBuilder<Int32Type>),
    Int64(PrimitiveBuilder<Int64Type>),
    Float32(PrimitiveBuilder<Float32Type>),
    Float64(PrimitiveBuilder<Float64Type>),
    Decimal { values: PrimitiveBuilder<Decimal128Type>, precision: u8, scale: i8 },
    Date(PrimitiveBuilder<Date32Type>),
    Timestamp { values: PrimitiveBuilder<Int64Type>, unit: TimeUnit, zone: Option<Arc<str>> },
    Utf8(StringBuilder),
    LargeUtf8(LargeStringBuilder),
    Utf8View(BinaryViewBuilder),
    Binary(BinaryBuilder),
    LargeBinary(LargeBinaryBuilder),
    BinaryView(BinaryViewBuilder),
    List(ListColumn),
    Map(MapColumn),
    Struct(StructColumn),
}

/// Values of a list, one behind the other.
#[derive(Debug)]
pub(crate) struct ListColumn {
    pub(crate) item: Box<Column>,
    field: FieldRef,
    rows: Rows,
}

/// Keys and values of a map, one behind the other.
#[derive(Debug)]
pub(crate) struct MapColumn {
    pub(crate) key: Box<Column>,
    pub(crate) value: Box<Column>,
    entries: FieldRef,
    fields: Fields,
    sorted: bool,
    rows: Rows,
}

#[derive(Debug)]
pub(crate) struct StructColumn {
    pub(crate) columns: Vec<Column>,
    fields: Fields,
    valid: Vec<bool>,
}

/// Where the items of each row end.
#[derive(Debug)]
struct Rows {
    offsets: Vec<i32>,
    valid: Vec<bool>,
}

impl Rows {
    fn with_capacity(rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Rows { offsets, valid: Vec::with_capacity(rows) }
    }

    /// Ends a row; `items` counts those of all rows so far.
    fn end(&mut self, items: usize, is_valid: bool) {
        // An item takes a byte of a line at least, and lines of a batch have less bytes than that.
        self.offsets.push(i32::try_from(items).unwrap_or(i32::MAX));
        self.valid.push(is_valid);
    }

    fn finish(&mut self) -> (OffsetBuffer<i32>, Option<NullBuffer>) {
        let rows = self.valid.len();
        let empty = Rows::with_capacity(rows);
        let Rows { offsets, valid } = std::mem::replace(self, empty);
        (OffsetBuffer::new(ScalarBuffer::from(offsets)), nulls(&valid))
    }
}

fn nulls(valid: &[bool]) -> Option<NullBuffer> {
    valid.contains(&false).then(|| NullBuffer::from(valid))
}

/// The error for a column whose type a format does not have.
pub(crate) fn unsupported(field: &Field, format: &str) -> Error {
    Error::statement(format!(
        "column \"{}\" is {}, which {format} cannot hold",
        field.name(),
        display_name(field.data_type())
    ))
}

/// Whether there is a [`Column`] for a type.
pub(crate) fn can_hold(data_type: &DataType) -> bool {
    Column::new(data_type, 0).is_some()
}

impl Column {
    /// `None` for a type that Hive does not have.
    pub(crate) fn new(data_type: &DataType, rows: usize) -> Option<Self> {
        Some(match data_type {
            DataType::Null => Column::Null(0),
            DataType::Boolean => Column::Boolean(BooleanBuilder::with_capacity(rows)),
            DataType::Int8 => Column::Int8(PrimitiveBuilder::with_capacity(rows)),
            DataType::Int16 => Column::Int16(PrimitiveBuilder::with_capacity(rows)),
            DataType::Int32 => Column::Int32(PrimitiveBuilder::with_capacity(rows)),
            DataType::Int64 => Column::Int64(PrimitiveBuilder::with_capacity(rows)),
            DataType::Float32 => Column::Float32(PrimitiveBuilder::with_capacity(rows)),
            DataType::Float64 => Column::Float64(PrimitiveBuilder::with_capacity(rows)),
            DataType::Decimal128(precision, scale) => Column::Decimal {
                values: PrimitiveBuilder::with_capacity(rows).with_precision_and_scale(*precision, *scale).ok()?,
                precision: *precision,
                scale: *scale,
            },
            DataType::Date32 => Column::Date(PrimitiveBuilder::with_capacity(rows)),
            DataType::Timestamp(unit, zone) => {
                Column::Timestamp { values: PrimitiveBuilder::with_capacity(rows), unit: *unit, zone: zone.clone() }
            }
            DataType::Utf8 => Column::Utf8(StringBuilder::with_capacity(rows, rows * 8)),
            DataType::LargeUtf8 => Column::LargeUtf8(LargeStringBuilder::with_capacity(rows, rows * 8)),
            DataType::Utf8View => Column::Utf8View(BinaryViewBuilder::with_capacity(rows)),
            DataType::Binary => Column::Binary(BinaryBuilder::with_capacity(rows, rows * 8)),
            DataType::LargeBinary => Column::LargeBinary(LargeBinaryBuilder::with_capacity(rows, rows * 8)),
            DataType::BinaryView => Column::BinaryView(BinaryViewBuilder::with_capacity(rows)),
            DataType::List(field) => Column::List(ListColumn {
                item: Box::new(Column::new(field.data_type(), rows)?),
                field: Arc::clone(field),
                rows: Rows::with_capacity(rows),
            }),
            DataType::Map(entries, sorted) => {
                let DataType::Struct(fields) = entries.data_type() else { return None };
                let [key, value] = fields.as_ref() else { return None };
                if key.data_type().is_nested() {
                    return None;
                }
                Column::Map(MapColumn {
                    key: Box::new(Column::new(key.data_type(), rows)?),
                    value: Box::new(Column::new(value.data_type(), rows)?),
                    entries: Arc::clone(entries),
                    fields: fields.clone(),
                    sorted: *sorted,
                    rows: Rows::with_capacity(rows),
                })
            }
            DataType::Struct(fields) => Column::Struct(StructColumn {
                columns: fields.iter().map(|field| Column::new(field.data_type(), rows)).collect::<Option<_>>()?,
                fields: fields.clone(),
                valid: Vec::with_capacity(rows),
            }),
            _ => return None,
        })
    }

    pub(crate) fn push_null(&mut self) {
        match self {
            Column::Null(count) => *count += 1,
            Column::Boolean(values) => values.append_null(),
            Column::Int8(values) => values.append_null(),
            Column::Int16(values) => values.append_null(),
            Column::Int32(values) => values.append_null(),
            Column::Int64(values) | Column::Timestamp { values, .. } => values.append_null(),
            Column::Float32(values) => values.append_null(),
            Column::Float64(values) => values.append_null(),
            Column::Decimal { values, .. } => values.append_null(),
            Column::Date(values) => values.append_null(),
            Column::Utf8(values) => values.append_null(),
            Column::LargeUtf8(values) => values.append_null(),
            Column::Utf8View(values) => values.append_null(),
            Column::Binary(values) => values.append_null(),
            Column::LargeBinary(values) => values.append_null(),
            Column::BinaryView(values) => values.append_null(),
            Column::List(list) => list.end(false),
            Column::Map(map) => map.end(false),
            Column::Struct(of) => {
                of.columns.iter_mut().for_each(Column::push_null);
                of.end(true);
                if let Some(last) = of.valid.last_mut() {
                    *last = false;
                }
            }
        }
    }

    /// Adds the value that a text has by Hive's rules; NULL if it has none. Lists, maps and structs have no text of
    /// their own and become NULL.
    #[inline]
    pub(crate) fn push_text(&mut self, text: &[u8], rules: &ValueRules) {
        match self {
            Column::Boolean(values) => values.append_option(number::boolean(text, rules.boolean_letters)),
            Column::Int8(values) => values.append_option(number::integer(text)),
            Column::Int16(values) => values.append_option(number::integer(text)),
            Column::Int32(values) => values.append_option(number::integer(text)),
            Column::Int64(values) => values.append_option(number::integer(text)),
            Column::Float32(values) => values.append_option(number::float(text)),
            Column::Float64(values) => values.append_option(number::float(text)),
            Column::Decimal { values, precision, scale } => {
                values.append_option(decimal::decimal(text, *precision, *scale));
            }
            Column::Date(values) => values.append_option(time::date(text)),
            Column::Timestamp { values, unit, .. } => {
                values.append_option(rules.timestamp(text).and_then(|micros| in_unit(micros, *unit)));
            }
            Column::Utf8(_) | Column::LargeUtf8(_) | Column::Utf8View(_) => self.push_string(text),
            Column::Binary(_) | Column::LargeBinary(_) | Column::BinaryView(_) => {
                self.push_bytes(&base64::decode(text))
            }
            Column::Null(_) | Column::List(_) | Column::Map(_) | Column::Struct(_) => self.push_null(),
        }
    }

    /// Adds a text to a column of texts, with a replacement for what is no UTF-8.
    #[inline]
    pub(crate) fn push_string(&mut self, text: &[u8]) {
        // These are looked at together in the end.
        if let Column::Utf8View(values) = self {
            return values.append_value(text);
        }
        let lossy;
        let text = match std::str::from_utf8(text) {
            Ok(text) => text,
            Err(_) => {
                lossy = String::from_utf8_lossy(text);
                lossy.as_ref()
            }
        };
        match self {
            Column::Utf8(values) => values.append_value(text),
            Column::LargeUtf8(values) => values.append_value(text),
            _ => self.push_null(),
        }
    }

    /// Adds bytes to a column of bytes.
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) {
        match self {
            Column::Binary(values) => values.append_value(bytes),
            Column::LargeBinary(values) => values.append_value(bytes),
            Column::BinaryView(values) => values.append_value(bytes),
            _ => self.push_null(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        use datafusion::arrow::array::ArrayBuilder as _;
        match self {
            Column::Null(count) => *count,
            Column::Boolean(values) => values.len(),
            Column::Int8(values) => values.len(),
            Column::Int16(values) => values.len(),
            Column::Int32(values) => values.len(),
            Column::Int64(values) | Column::Timestamp { values, .. } => values.len(),
            Column::Float32(values) => values.len(),
            Column::Float64(values) => values.len(),
            Column::Decimal { values, .. } => values.len(),
            Column::Date(values) => values.len(),
            Column::Utf8(values) => values.len(),
            Column::LargeUtf8(values) => values.len(),
            Column::Utf8View(values) => values.len(),
            Column::Binary(values) => values.len(),
            Column::LargeBinary(values) => values.len(),
            Column::BinaryView(values) => values.len(),
            Column::List(list) => list.rows.valid.len(),
            Column::Map(map) => map.rows.valid.len(),
            Column::Struct(of) => of.valid.len(),
        }
    }

    /// The column, leaving the builder empty.
    pub(crate) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Column::Null(count) => Arc::new(NullArray::new(std::mem::take(count))),
            Column::Boolean(values) => Arc::new(values.finish()),
            Column::Int8(values) => Arc::new(values.finish()),
            Column::Int16(values) => Arc::new(values.finish()),
            Column::Int32(values) => Arc::new(values.finish()),
            Column::Int64(values) => Arc::new(values.finish()),
            Column::Float32(values) => Arc::new(values.finish()),
            Column::Float64(values) => Arc::new(values.finish()),
            Column::Decimal { values, .. } => Arc::new(values.finish()),
            Column::Date(values) => Arc::new(values.finish()),
            Column::Timestamp { values, unit, zone } => timestamps(values.finish(), *unit, zone.clone()),
            Column::Utf8(values) => Arc::new(values.finish()),
            Column::LargeUtf8(values) => Arc::new(values.finish()),
            Column::Utf8View(values) => Arc::new(texts::texts(&values.finish())),
            Column::Binary(values) => Arc::new(values.finish()),
            Column::LargeBinary(values) => Arc::new(values.finish()),
            Column::BinaryView(values) => Arc::new(values.finish()),
            Column::List(list) => {
                let (offsets, nulls) = list.rows.finish();
                Arc::new(ListArray::try_new(Arc::clone(&list.field), offsets, list.item.finish()?, nulls)?)
            }
            Column::Map(map) => {
                let (offsets, nulls) = map.rows.finish();
                let columns = vec![map.key.finish()?, map.value.finish()?];
                let entries = StructArray::try_new(map.fields.clone(), columns, None)?;
                Arc::new(MapArray::try_new(Arc::clone(&map.entries), offsets, entries, nulls, map.sorted)?)
            }
            Column::Struct(of) => {
                let valid = std::mem::take(&mut of.valid);
                let columns = of.columns.iter_mut().map(Column::finish).collect::<Result<Vec<_>, _>>()?;
                let nulls = nulls(&valid);
                Arc::new(StructArray::try_new_with_length(of.fields.clone(), columns, nulls, valid.len())?)
            }
        })
    }
}

impl ListColumn {
    /// Ends the list whose items were added.
    pub(crate) fn end(&mut self, is_valid: bool) {
        self.rows.end(self.item.len(), is_valid);
    }
}

impl MapColumn {
    /// Ends the map whose keys and values were added.
    pub(crate) fn end(&mut self, is_valid: bool) {
        self.rows.end(self.key.len(), is_valid);
    }
}

impl StructColumn {
    /// Ends the struct whose fields were added.
    pub(crate) fn end(&mut self, is_valid: bool) {
        self.valid.push(is_valid);
    }
}

/// Microseconds in another unit; what does not fit is `None`.
pub(crate) fn in_unit(micros: i64, unit: TimeUnit) -> Option<i64> {
    match unit {
        TimeUnit::Second => Some(micros.div_euclid(1_000_000)),
        TimeUnit::Millisecond => Some(micros.div_euclid(1000)),
        TimeUnit::Microsecond => Some(micros),
        TimeUnit::Nanosecond => micros.checked_mul(1000),
    }
}

fn timestamps(values: PrimitiveArray<Int64Type>, unit: TimeUnit, zone: Option<Arc<str>>) -> ArrayRef {
    match unit {
        TimeUnit::Second => {
            Arc::new(values.reinterpret_cast::<TimestampSecondType>().with_timezone_opt(zone)) as ArrayRef
        }
        TimeUnit::Millisecond => {
            Arc::new(values.reinterpret_cast::<TimestampMillisecondType>().with_timezone_opt(zone))
        }
        TimeUnit::Microsecond => {
            Arc::new(values.reinterpret_cast::<TimestampMicrosecondType>().with_timezone_opt(zone))
        }
        TimeUnit::Nanosecond => Arc::new(values.reinterpret_cast::<TimestampNanosecondType>().with_timezone_opt(zone)),
    }
}
