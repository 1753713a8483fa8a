//! What the formats' tests share: rows that are hard to write, and a sink to look into.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use datafusion::arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int32Array,
    Int64Array, ListArray, MapBuilder, RecordBatch, RecordBatchOptions, StringArray, StringBuilder, StringViewArray,
    StructArray, TimestampMicrosecondArray, TimestampMillisecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef, UInt16Type};

use super::{Destination, Format, OutputOptions, RowWriter, Summary, writer};

/// Remembers what is written; a reader that goes away after `limit` bytes.
#[derive(Clone, Default)]
pub(super) struct Memory {
    bytes: Arc<Mutex<Vec<u8>>>,
    limit: Option<usize>,
}

impl Memory {
    pub(super) fn limited(limit: usize) -> Self {
        Memory { bytes: Arc::default(), limit: Some(limit) }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().expect("no panic elsewhere").clone()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.bytes()).expect("text is UTF-8")
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = self.bytes.lock().expect("no panic elsewhere");
        if self.limit.is_some_and(|limit| all.len() >= limit) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        all.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn options(format: Format) -> OutputOptions {
    OutputOptions { format, ..OutputOptions::new(Destination::Pipe) }
}

/// All that `options` makes of these batches, which have one schema.
pub(super) fn written(options: &OutputOptions, batches: &[RecordBatch]) -> Vec<u8> {
    let memory = Memory::default();
    let mut writer = writer(options, Box::new(memory.clone())).expect("a writer");
    write_all(writer.as_mut(), batches);
    memory.bytes()
}

pub(super) fn text(options: &OutputOptions, batches: &[RecordBatch]) -> String {
    String::from_utf8(written(options, batches)).expect("text is UTF-8")
}

/// Writes as a session does: until there are no rows, or no wish for more.
pub(super) fn write_all(writer: &mut dyn RowWriter, batches: &[RecordBatch]) {
    let schema = batches.first().expect("at least one batch").schema();
    writer.begin(&schema).expect("begun");
    for batch in batches {
        if !writer.wants_more() {
            break;
        }
        writer.write(batch).expect("written");
    }
    writer.finish(&Summary::default()).expect("finished");
}

/// One column of integers, `from` up to but without `to`.
pub(super) fn numbers(from: i64, to: i64) -> RecordBatch {
    batch(vec![("n", Arc::new(Int64Array::from_iter_values(from..to)))])
}

pub(super) fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields = columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    RecordBatch::try_new(schema, columns.into_iter().map(|(_, array)| array).collect()).expect("columns of one length")
}

pub(super) fn no_columns(rows: usize) -> RecordBatch {
    let schema: SchemaRef = Arc::new(Schema::empty());
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, Vec::new(), &options).expect("rows without columns")
}

/// Four rows with everything that a format can get wrong. The last is all NULL but for its `id`.
pub(super) fn tricky() -> RecordBatch {
    let text: StringViewArray = [Some("plain"), Some(""), Some("a,\"b\"\r\nc\td\\e|f"), None].into_iter().collect();
    let again: DictionaryArray<UInt16Type> = [Some("😀"), Some("日本語"), Some("😀"), None].into_iter().collect();
    let amount = Decimal128Array::from(vec![Some(-1250), Some(5), Some(9_999_999_999), None]);
    let at = TimestampMillisecondArray::from(vec![Some(1_767_270_896_789), Some(-1), Some(0), None]);
    let zoned = TimestampMicrosecondArray::from(vec![Some(1_767_270_896_500_000), Some(0), Some(-1), None]);
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
        Some(vec![Some(1), None]),
        Some(vec![]),
        Some(vec![Some(3)]),
        None,
    ]);
    batch(vec![
        ("id", Arc::new(Int32Array::from(vec![1, 2, 3, 4]))),
        ("text", Arc::new(text)),
        ("text", Arc::new(again)),
        ("amount", Arc::new(amount.with_precision_and_scale(12, 2).expect("fits"))),
        ("ratio", Arc::new(Float64Array::from(vec![Some(0.1), Some(f64::NAN), Some(f64::NEG_INFINITY), None]))),
        ("ok", Arc::new(BooleanArray::from(vec![Some(true), Some(false), Some(true), None]))),
        ("day", Arc::new(Date32Array::from(vec![Some(20_454), Some(0), Some(-1), None]))),
        ("at", Arc::new(at)),
        ("zoned", Arc::new(zoned.with_timezone("Asia/Seoul"))),
        ("raw", Arc::new(BinaryArray::from(vec![Some(b"\x00\xff".as_slice()), Some(b""), Some(b"A"), None]))),
        ("list", Arc::new(list)),
        ("info", info()),
        ("map", map()),
        ("long", Arc::new(StringArray::from(vec![Some("-".repeat(50)), Some("\u{1b}[31m".to_string()), None, None]))),
    ])
}

fn info() -> ArrayRef {
    let name: ArrayRef = Arc::new(StringArray::from(vec![Some("x\"y"), None, Some("z"), None]));
    let share: ArrayRef = Arc::new(Float64Array::from(vec![Some(f64::NAN), Some(1.0), None, None]));
    let fields = vec![Field::new("name", DataType::Utf8, true), Field::new("share", DataType::Float64, true)];
    let nulls = vec![true, true, true, false].into();
    Arc::new(StructArray::new(fields.into(), vec![name, share], Some(nulls)))
}

fn map() -> ArrayRef {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), Int64Array::builder(4));
    builder.keys().append_value("k");
    builder.values().append_value(i64::MAX);
    builder.keys().append_value("é\n");
    builder.values().append_null();
    builder.append(true).expect("two entries");
    builder.append(true).expect("no entries");
    builder.keys().append_value("k");
    builder.values().append_value(-1);
    builder.append(true).expect("one entry");
    builder.append(false).expect("no map");
    Arc::new(builder.finish())
}

/// Makes visible what a snapshot cannot show: tabs, carriage returns and escapes.
pub(super) fn visible(text: &str) -> String {
    text.replace('\t', "␉").replace('\r', "␍").replace('\x1b', "␛")
}
