//! One value as text, for every format that is text.
//!
//! arrow's own formatter serves many needs, but not these: it cannot show the whole range of dates and timestamps, writes
//! nested values as something that no program reads back, binary as bare digits, and goes through `std::fmt` for
//! each cell. Here a column is taken apart once a batch, and then each cell is appended to a byte buffer, without an
//! allocation.
//!
//! | type | as text | in JSON |
//! |---|---|---|
//! | float | shortest that reads back: `1.0`, `1e16`, `NaN`, `-Infinity` | the same; NaN and infinities see [`Style`] |
//! | decimal | with its scale: `-12.50` | the same, as a number |
//! | date, time | `2026-01-31`, `12:34:56.789` | the same, as a string |
//! | timestamp | `2026-01-31 12:34:56.789`, with a zone `…+09` | RFC 3339: `2026-01-31T12:34:56.789+09:00` |
//! | interval, duration | `1 year 2 mons -3 days +04:05:06` | the same, as a string |
//! | binary | `\xdeadbeef` | `"deadbeef"`, which is what arrow's JSON reader takes for binary |
//! | list, struct, map, union | the JSON text | array, object, object, object with the one field |

mod interval;
mod nested;
mod number;
mod temporal;

pub(super) use nested::leads;

use datafusion::arrow::array::{Array, ArrayAccessor, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalDayTimeType, IntervalMonthDayNanoType,
    IntervalUnit, IntervalYearMonthType, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use crate::error::{Error, Result};

/// What the text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// A cell of a table or a CSV file.
    Text,
    /// A value in a JSON document. JSON has no NaN and no infinities: they become `null`, as arrow writes them.
    Json,
    /// A value within a nested value that is shown as text. NaN and infinities stay visible, as strings.
    JsonInText,
}

impl Style {
    /// The style of the values within a nested value of this style.
    fn nested(self) -> Style {
        match self {
            Style::Text | Style::JsonInText => Style::JsonInText,
            Style::Json => Style::Json,
        }
    }

    fn is_json(self) -> bool {
        self != Style::Text
    }
}

/// Writes one value that is not NULL.
trait Encode {
    fn encode(&self, row: usize, out: &mut Vec<u8>);
}

/// An array that is ready to be written value by value.
pub(super) struct Column<'a> {
    nulls: Option<NullBuffer>,
    encode: Box<dyn Encode + 'a>,
}

impl<'a> Column<'a> {
    /// # Errors
    ///
    /// A timestamp with an unknown time zone, or a type that has no text.
    pub(super) fn try_new(array: &'a dyn Array, style: Style) -> Result<Self> {
        // The *logical* NULLs: a dictionary may have its NULLs among the values, and an array of type Null has no bitmap.
        Ok(Column { nulls: array.logical_nulls(), encode: encoder(array, style)? })
    }

    pub(super) fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// Appends the value of a row that is not NULL.
    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) {
        self.encode.encode(row, out);
    }

    /// Appends the value in JSON, where NULL has a word.
    pub(super) fn write_json(&self, row: usize, out: &mut Vec<u8>) {
        if self.is_null(row) { out.extend_from_slice(b"null") } else { self.write(row, out) }
    }
}

/// All columns of a batch.
pub(super) fn columns(batch: &RecordBatch, style: Style) -> Result<Vec<Column<'_>>> {
    let schema = batch.schema_ref();
    let named = schema.fields().iter().zip(batch.columns());
    named
        .map(|(field, array)| {
            Column::try_new(array, style).map_err(|error| error.context(format!("column \"{}\"", field.name())))
        })
        .collect()
}

/// Numbers stand at the right of their column.
pub(super) fn is_number(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_number(values),
        DataType::RunEndEncoded(_, values) => is_number(values.data_type()),
        other => other.is_numeric(),
    }
}

/// Types whose text has neither quotes, backslashes, commas nor control characters, so that nobody needs to look for any.
pub(super) fn is_plain(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_plain(values),
        DataType::RunEndEncoded(_, values) => is_plain(values.data_type()),
        other => other.is_numeric() || other.is_temporal() || matches!(other, DataType::Null | DataType::Boolean),
    }
}

fn encoder<'a>(array: &'a dyn Array, style: Style) -> Result<Box<dyn Encode + 'a>> {
    let json = style.is_json();
    Ok(match array.data_type() {
        DataType::Null => Box::new(AlwaysNull),
        DataType::Boolean => Box::new(Boolean(array.as_boolean())),
        DataType::Int8 => number::integer::<Int8Type>(array),
        DataType::Int16 => number::integer::<Int16Type>(array),
        DataType::Int32 => number::integer::<Int32Type>(array),
        DataType::Int64 => number::integer::<Int64Type>(array),
        DataType::UInt8 => number::integer::<UInt8Type>(array),
        DataType::UInt16 => number::integer::<UInt16Type>(array),
        DataType::UInt32 => number::integer::<UInt32Type>(array),
        DataType::UInt64 => number::integer::<UInt64Type>(array),
        DataType::Float16 => number::float::<Float16Type>(array, style),
        DataType::Float32 => number::float::<Float32Type>(array, style),
        DataType::Float64 => number::float::<Float64Type>(array, style),
        DataType::Decimal32(_, scale) => number::decimal::<Decimal32Type>(array, *scale),
        DataType::Decimal64(_, scale) => number::decimal::<Decimal64Type>(array, *scale),
        DataType::Decimal128(_, scale) => number::decimal::<Decimal128Type>(array, *scale),
        DataType::Decimal256(_, scale) => number::decimal::<Decimal256Type>(array, *scale),
        DataType::Utf8 => text(array.as_string::<i32>(), json),
        DataType::LargeUtf8 => text(array.as_string::<i64>(), json),
        DataType::Utf8View => text(array.as_string_view(), json),
        DataType::Binary => binary(array.as_binary::<i32>(), json),
        DataType::LargeBinary => binary(array.as_binary::<i64>(), json),
        DataType::BinaryView => binary(array.as_binary_view(), json),
        DataType::FixedSizeBinary(_) => binary(array.as_fixed_size_binary(), json),
        DataType::Date32 => in_quotes(temporal::date32(array.as_primitive::<Date32Type>()), json),
        DataType::Date64 => in_quotes(temporal::date64(array.as_primitive::<Date64Type>(), style), json),
        DataType::Time32(TimeUnit::Second) => in_quotes(temporal::time::<Time32SecondType>(array, 1), json),
        DataType::Time32(_) => in_quotes(temporal::time::<Time32MillisecondType>(array, 1_000), json),
        DataType::Time64(TimeUnit::Microsecond) => {
            in_quotes(temporal::time::<Time64MicrosecondType>(array, 1_000_000), json)
        }
        DataType::Time64(_) => in_quotes(temporal::time::<Time64NanosecondType>(array, 1_000_000_000), json),
        DataType::Timestamp(unit, zone) => {
            let zone = zone.as_deref();
            match unit {
                TimeUnit::Second => temporal::timestamp::<TimestampSecondType>(array, zone, style)?,
                TimeUnit::Millisecond => temporal::timestamp::<TimestampMillisecondType>(array, zone, style)?,
                TimeUnit::Microsecond => temporal::timestamp::<TimestampMicrosecondType>(array, zone, style)?,
                TimeUnit::Nanosecond => temporal::timestamp::<TimestampNanosecondType>(array, zone, style)?,
            }
        }
        DataType::Duration(TimeUnit::Second) => in_quotes(interval::duration::<DurationSecondType>(array, 1), json),
        DataType::Duration(TimeUnit::Millisecond) => {
            in_quotes(interval::duration::<DurationMillisecondType>(array, 1_000), json)
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            in_quotes(interval::duration::<DurationMicrosecondType>(array, 1_000_000), json)
        }
        DataType::Duration(TimeUnit::Nanosecond) => {
            in_quotes(interval::duration::<DurationNanosecondType>(array, 1_000_000_000), json)
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            in_quotes(interval::interval::<IntervalYearMonthType>(array), json)
        }
        DataType::Interval(IntervalUnit::DayTime) => in_quotes(interval::interval::<IntervalDayTimeType>(array), json),
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            in_quotes(interval::interval::<IntervalMonthDayNanoType>(array), json)
        }
        DataType::Dictionary(_, _) => nested::dictionary(array, style)?,
        DataType::RunEndEncoded(_, _) => nested::runs(array, style)?,
        DataType::List(_) => nested::list(array.as_list::<i32>(), style.nested())?,
        DataType::LargeList(_) => nested::list(array.as_list::<i64>(), style.nested())?,
        DataType::ListView(_) => nested::list(array.as_list_view::<i32>(), style.nested())?,
        DataType::LargeListView(_) => nested::list(array.as_list_view::<i64>(), style.nested())?,
        DataType::FixedSizeList(_, _) => nested::list(array.as_fixed_size_list(), style.nested())?,
        DataType::Struct(_) => nested::structure(array.as_struct(), style.nested())?,
        DataType::Map(_, _) => nested::map(array.as_map(), style.nested())?,
        DataType::Union(_, _) => nested::union(array.as_union(), style.nested())?,
    })
}

struct AlwaysNull;

impl Encode for AlwaysNull {
    fn encode(&self, _: usize, _: &mut Vec<u8>) {}
}

struct Boolean<'a>(&'a BooleanArray);

impl Encode for Boolean<'_> {
    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.0.value(row) { b"true" } else { b"false" });
    }
}

struct Text<A>(A);

impl<'a, A: ArrayAccessor<Item = &'a str>> Encode for Text<A> {
    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.value(row).as_bytes());
    }
}

struct JsonText<A>(A);

impl<'a, A: ArrayAccessor<Item = &'a str>> Encode for JsonText<A> {
    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        write_json_string(self.0.value(row), out);
    }
}

fn text<'a, A: ArrayAccessor<Item = &'a str> + 'a>(array: A, json: bool) -> Box<dyn Encode + 'a> {
    if json { Box::new(JsonText(array)) } else { Box::new(Text(array)) }
}

struct Binary<A> {
    array: A,
    prefix: &'static [u8],
}

impl<'a, A: ArrayAccessor<Item = &'a [u8]>> Encode for Binary<A> {
    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(self.prefix);
        for byte in self.array.value(row) {
            out.extend_from_slice(&[hex_digit(byte >> 4), hex_digit(byte & 15)]);
        }
    }
}

fn binary<'a, A: ArrayAccessor<Item = &'a [u8]> + 'a>(array: A, json: bool) -> Box<dyn Encode + 'a> {
    let prefix: &[u8] = if json { b"" } else { b"\\x" };
    in_quotes(Binary { array, prefix }, json)
}

fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

struct Quoted<E>(E);

impl<E: Encode> Encode for Quoted<E> {
    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        self.0.encode(row, out);
        out.push(b'"');
    }
}

/// For text that has nothing to escape.
fn in_quotes<'a>(encode: impl Encode + 'a, json: bool) -> Box<dyn Encode + 'a> {
    if json { Box::new(Quoted(encode)) } else { Box::new(encode) }
}

/// Appends a JSON string with its quotes.
pub(super) fn write_json_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut start = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(bytes.get(start..index).unwrap_or_default());
        start = index + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[hex_digit(control >> 4), hex_digit(control & 15)]);
            }
        }
    }
    out.extend_from_slice(bytes.get(start..).unwrap_or_default());
    out.push(b'"');
}

fn unknown_time_zone(zone: &str) -> Error {
    Error::statement(format!("unknown time zone \"{zone}\""))
        .help("use a name such as Europe/Berlin or an offset such as +02:00")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, BinaryArray, StringArray};
    use proptest::prelude::*;

    use super::*;

    /// All values of an array, NULL as `None`.
    pub(super) fn rendered(array: &dyn Array, style: Style) -> Vec<Option<String>> {
        let column = Column::try_new(array, style).expect("a type with text");
        (0..array.len())
            .map(|row| {
                let mut out = Vec::new();
                column.write(row, &mut out);
                (!column.is_null(row)).then(|| String::from_utf8(out).expect("text is UTF-8"))
            })
            .collect()
    }

    pub(super) fn one(array: &dyn Array, style: Style) -> String {
        rendered(array, style).remove(0).expect("not NULL")
    }

    #[test]
    fn binary_is_hexadecimal_and_prefixed_only_outside_json() {
        let array: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"\x00\xffA"]));
        assert_eq!(one(&array, Style::Text), r"\x00ff41");
        assert_eq!(one(&array, Style::Json), r#""00ff41""#);
    }

    #[test]
    fn an_unknown_time_zone_names_the_column() {
        use datafusion::arrow::array::TimestampSecondArray;
        use datafusion::arrow::datatypes::{Field, Schema};
        let array = TimestampSecondArray::from(vec![0]).with_timezone("Mars/Olympus");
        let schema = Schema::new(vec![Field::new("when", array.data_type().clone(), true)]);
        let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(array)]).expect("a batch");
        let error = columns(&batch, Style::Text).err().expect("no such zone");
        assert_eq!(error.message(), "column \"when\": unknown time zone \"Mars/Olympus\"");
    }

    /// A CSV file that was written here can be a table again.
    #[test]
    fn arrow_reads_the_text_back() {
        use datafusion::arrow::compute::{CastOptions, cast_with_options};
        let strict = CastOptions { safe: false, ..Default::default() };
        let zoned = DataType::Timestamp(TimeUnit::Nanosecond, Some("Asia/Kolkata".into()));
        for (text, data_type) in [
            ("2026-01-01 12:34:56.789", DataType::Timestamp(TimeUnit::Millisecond, None)),
            ("2026-01-01 12:34:56.000000001+05:30", zoned),
            ("2026-01-01 12:34:56+00", DataType::Timestamp(TimeUnit::Second, Some("UTC".into()))),
            ("-0044-03-15", DataType::Date32),
            ("+10000-01-01", DataType::Date32),
            ("12:34:56.5", DataType::Time64(TimeUnit::Microsecond)),
            ("NaN", DataType::Float64),
            ("-Infinity", DataType::Float32),
            ("-0.05", DataType::Decimal128(10, 2)),
            ("1 year 2 mons -3 days", DataType::Interval(IntervalUnit::MonthDayNano)),
        ] {
            let array = cast_with_options(&StringArray::from(vec![text]), &data_type, &strict).expect("arrow reads it");
            assert_eq!(one(&array, Style::Text), text);
        }
    }

    proptest! {
        #[test]
        fn a_json_string_is_read_back_as_it_was(text in any::<String>()) {
            let array = StringArray::from(vec![text.as_str()]);
            let read: String = serde_json::from_str(&one(&array, Style::Json)).expect("valid JSON");
            prop_assert_eq!(read, text);
        }
    }
}
