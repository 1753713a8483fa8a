//! From the values of Arrow columns to texts, as Hive writes them.

use std::io::Write as _;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray as _, BooleanArray, ListArray, MapArray, PrimitiveArray, StructArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};

use super::{base64, time};
use crate::error::{Error, Result};
use crate::sql::types::display_name;

/// A column with its type found out once.
pub(crate) enum Values {
    Null,
    Boolean(BooleanArray),
    Int8(PrimitiveArray<Int8Type>),
    Int16(PrimitiveArray<Int16Type>),
    Int32(PrimitiveArray<Int32Type>),
    Int64(PrimitiveArray<Int64Type>),
    Float32(PrimitiveArray<Float32Type>),
    Float64(PrimitiveArray<Float64Type>),
    Decimal(PrimitiveArray<Decimal128Type>, i8),
    Date(PrimitiveArray<Date32Type>),
    /// The nanoseconds of one unit go along.
    Timestamp(PrimitiveArray<Int64Type>, i128),
    Text(ArrayRef),
    Binary(ArrayRef),
    List(ListArray, Box<Values>),
    Map(MapArray, Box<Values>, Box<Values>),
    Struct(StructArray, Vec<Values>),
}

impl Values {
    pub(crate) fn of(array: &ArrayRef) -> Result<Self> {
        fn primitive<T: ArrowPrimitiveType>(array: &ArrayRef) -> PrimitiveArray<T> {
            array.as_primitive::<T>().clone()
        }
        Ok(match array.data_type() {
            DataType::Null => Values::Null,
            DataType::Boolean => Values::Boolean(array.as_boolean().clone()),
            DataType::Int8 => Values::Int8(primitive(array)),
            DataType::Int16 => Values::Int16(primitive(array)),
            DataType::Int32 => Values::Int32(primitive(array)),
            DataType::Int64 => Values::Int64(primitive(array)),
            DataType::Float32 => Values::Float32(primitive(array)),
            DataType::Float64 => Values::Float64(primitive(array)),
            DataType::Decimal128(_, scale) => Values::Decimal(primitive(array), *scale),
            DataType::Date32 => Values::Date(primitive(array)),
            DataType::Timestamp(TimeUnit::Second, _) => {
                Values::Timestamp(primitive::<TimestampSecondType>(array).reinterpret_cast(), 1_000_000_000)
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                Values::Timestamp(primitive::<TimestampMillisecondType>(array).reinterpret_cast(), 1_000_000)
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Values::Timestamp(primitive::<TimestampMicrosecondType>(array).reinterpret_cast(), 1000)
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                Values::Timestamp(primitive::<TimestampNanosecondType>(array).reinterpret_cast(), 1)
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Values::Text(Arc::clone(array)),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Values::Binary(Arc::clone(array)),
            DataType::List(_) => {
                let list = array.as_list::<i32>().clone();
                let items = Values::of(list.values())?;
                Values::List(list, Box::new(items))
            }
            DataType::Map(_, _) => {
                let map = array.as_map().clone();
                let (keys, of_keys) = (Values::of(map.keys())?, Values::of(map.values())?);
                Values::Map(map, Box::new(keys), Box::new(of_keys))
            }
            DataType::Struct(_) => {
                let of = array.as_struct().clone();
                let columns = of.columns().iter().map(Values::of).collect::<Result<Vec<_>>>()?;
                Values::Struct(of, columns)
            }
            other => {
                let texts = cast(array, &DataType::Utf8);
                let texts = texts.ok().filter(|texts| texts.null_count() == array.logical_null_count());
                let cannot = || Error::statement(format!("{} cannot be written as text", display_name(other)));
                Values::Text(texts.ok_or_else(cannot)?)
            }
        })
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        match self {
            Values::Null => true,
            Values::Boolean(values) => values.is_null(row),
            Values::Int8(values) => values.is_null(row),
            Values::Int16(values) => values.is_null(row),
            Values::Int32(values) => values.is_null(row),
            Values::Int64(values) | Values::Timestamp(values, _) => values.is_null(row),
            Values::Float32(values) => values.is_null(row),
            Values::Float64(values) => values.is_null(row),
            Values::Decimal(values, _) => values.is_null(row),
            Values::Date(values) => values.is_null(row),
            Values::Text(values) | Values::Binary(values) => values.is_null(row),
            Values::List(values, _) => values.is_null(row),
            Values::Map(values, _, _) => values.is_null(row),
            Values::Struct(values, _) => values.is_null(row),
        }
    }

    /// Adds the text of a value that is not NULL. Lists, maps and structs have none, and strings get no escapes.
    pub(crate) fn write_text(&self, row: usize, text: &mut Vec<u8>) -> Result<()> {
        match self {
            Values::Boolean(values) => text.extend_from_slice(if values.value(row) { b"true" } else { b"false" }),
            Values::Int8(values) => whole(text, values.value(row)),
            Values::Int16(values) => whole(text, values.value(row)),
            Values::Int32(values) => whole(text, values.value(row)),
            Values::Int64(values) => whole(text, values.value(row)),
            Values::Float32(values) => {
                let value = values.value(row);
                java_float(text, value, value.into());
            }
            Values::Float64(values) => java_float(text, values.value(row), values.value(row)),
            Values::Decimal(values, scale) => decimal(text, values.value(row), *scale),
            Values::Date(values) => time::write_date(values.value(row).into(), text)
                .ok_or_else(|| Error::statement("a date outside the years 0 to 9999 cannot be written as text"))?,
            Values::Timestamp(values, nanos) => time::write_timestamp(i128::from(values.value(row)) * nanos, text)
                .ok_or_else(|| Error::statement("a time outside the years 0 to 9999 cannot be written as text"))?,
            Values::Text(values) => text.extend_from_slice(text_at(values, row).as_bytes()),
            Values::Binary(values) => base64::encode(bytes_at(values, row), text),
            Values::Null | Values::List(..) | Values::Map(..) | Values::Struct(..) => {}
        }
        Ok(())
    }
}

/// A text of a column of any type of texts.
pub(crate) fn text_at(values: &ArrayRef, row: usize) -> &str {
    match values.data_type() {
        DataType::Utf8 => values.as_string::<i32>().value(row),
        DataType::LargeUtf8 => values.as_string::<i64>().value(row),
        _ => values.as_string_view().value(row),
    }
}

pub(crate) fn bytes_at(values: &ArrayRef, row: usize) -> &[u8] {
    match values.data_type() {
        DataType::Binary => values.as_binary::<i32>().value(row),
        DataType::LargeBinary => values.as_binary::<i64>().value(row),
        _ => values.as_binary_view().value(row),
    }
}

fn whole(text: &mut Vec<u8>, value: impl itoa::Integer) {
    text.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Adds a number as Java writes it: `1.0`, `1.0E10`, `NaN`.
fn java_float(text: &mut Vec<u8>, value: impl std::fmt::Display + std::fmt::LowerExp, number: f64) {
    let size = number.abs();
    // Writing into memory does not fail.
    if size.is_nan() {
        text.extend_from_slice(b"NaN");
    } else if size.is_infinite() {
        text.extend_from_slice(if number < 0.0 { b"-Infinity" } else { b"Infinity" });
    } else if size == 0.0 || (1e-3..1e7).contains(&size) {
        let start = text.len();
        let _ = write!(text, "{value}");
        if !text[start..].contains(&b'.') {
            text.extend_from_slice(b".0");
        }
    } else {
        let start = text.len();
        let _ = write!(text, "{value:e}");
        let exponent = text[start..].iter().position(|byte| *byte == b'e').map_or(text.len(), |at| start + at);
        if !text[start..exponent].contains(&b'.') {
            text.splice(exponent..exponent, *b".0");
        }
        if let Some(letter) = text[start..].iter_mut().find(|byte| **byte == b'e') {
            *letter = b'E';
        }
    }
}

fn decimal(text: &mut Vec<u8>, value: i128, scale: i8) {
    if value < 0 {
        text.push(b'-');
    }
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value.unsigned_abs()).as_bytes();
    match usize::try_from(scale) {
        Ok(0) => text.extend_from_slice(digits),
        Ok(scale) => {
            let (before, behind) = digits.split_at(digits.len().saturating_sub(scale));
            text.extend_from_slice(if before.is_empty() { b"0" } else { before });
            text.push(b'.');
            text.extend(std::iter::repeat_n(b'0', scale - behind.len()));
            text.extend_from_slice(behind);
        }
        Err(_) => {
            text.extend_from_slice(digits);
            if value != 0 {
                text.extend(std::iter::repeat_n(b'0', usize::from(scale.unsigned_abs())));
            }
        }
    }
}
