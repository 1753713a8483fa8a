//! What Hive's text can express comes back as it was written.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array as _, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    Int8Array, Int64Array, StringViewArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::decoder::TextDecoder;
use super::properties::tests::syntax;
use super::properties::{FieldDelimiter, TextSyntax};
use super::write::TextSerializer;
use crate::sql::types::parse_type;
use crate::storage::format::lines::{LineEnd, RowDecoder as _};

fn written(syntax: &Arc<TextSyntax>, batch: &RecordBatch) -> Vec<u8> {
    TextSerializer::new(Arc::clone(syntax), LineEnd::Any).serialize_rows(batch).unwrap()
}

fn read(syntax: &Arc<TextSyntax>, schema: &SchemaRef, text: &[u8]) -> RecordBatch {
    let all: Vec<usize> = (0..schema.fields().len()).collect();
    let mut decoder = TextDecoder::new(Arc::clone(syntax), schema, &all, 8).unwrap();
    let lines = text.strip_suffix(b"\n").map(|text| text.split(|byte| *byte == b'\n')).into_iter().flatten();
    let rows = lines.map(|line| decoder.push(line).unwrap()).count();
    decoder.finish(rows).unwrap()
}

fn columns(arrays: Vec<ArrayRef>) -> RecordBatch {
    let fields = arrays
        .iter()
        .enumerate()
        .map(|(index, array)| Field::new(format!("c{index}"), array.data_type().clone(), true));
    RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), arrays).unwrap()
}

/// The syntaxes with an escape, which alone can express every text.
fn escaped() -> Vec<Arc<TextSyntax>> {
    [
        vec![("escape.delim", "\\")],
        vec![("field.delim", ","), ("escape.delim", "\\"), ("collection.delim", "|"), ("mapkey.delim", ":")],
        vec![("field.delim", "||"), ("multi.delim", "true"), ("escape.delim", "\\")],
        vec![("field.delim", "\t"), ("escape.delim", "#"), ("serialization.null.format", "NULL")],
    ]
    .into_iter()
    .map(|properties| Arc::new(syntax(&properties)))
    .collect()
}

#[test]
fn rows_are_written_as_hive_does() {
    let batch = columns(vec![
        Arc::new(Int8Array::from(vec![Some(-1), None])),
        Arc::new(Float64Array::from(vec![Some(1e20), Some(0.1)])),
        Arc::new(Float32Array::from(vec![Some(1.5), Some(f32::NEG_INFINITY)])),
        Arc::new(Float64Array::from(vec![Some(1e-10), Some(100.0)])),
        Arc::new(Decimal128Array::from(vec![Some(1500), Some(-1)]).with_precision_and_scale(10, 3).unwrap()),
        Arc::new(BooleanArray::from(vec![Some(true), None])),
        Arc::new(BinaryArray::from(vec![Some(b"ab!".as_slice()), Some(b"")])),
        Arc::new(StringViewArray::from(vec!["x", ""])),
        Arc::new(TimestampMicrosecondArray::from(vec![0, 1])),
    ]);
    let text = String::from_utf8(written(&Arc::new(syntax(&[("field.delim", ",")])), &batch)).unwrap();
    assert_eq!(
        text,
        "-1,1.0E20,1.5,1.0E-10,1.500,true,YWIh,x,1970-01-01 00:00:00\n\
         \\N,0.1,-Infinity,100.0,-0.001,\\N,,,1970-01-01 00:00:00.000001\n"
    );
}

#[test]
fn delimiters_in_texts_are_escaped_where_there_is_an_escape() {
    let batch = columns(vec![Arc::new(StringViewArray::from(vec![Some("a,b|c\\d\n"), Some("\\N"), None]))]);
    let text = |properties: &[(&str, &str)]| String::from_utf8(written(&Arc::new(syntax(properties)), &batch)).unwrap();
    let comma = [("field.delim", ","), ("escape.delim", "\\"), ("collection.delim", "|")];
    assert_eq!(text(&comma), "a\\,b\\|c\\\\d\\n\n\\\\N\n\\N\n");
    assert_eq!(text(&comma[..1]), "a,b|c\\d\n\n\\N\n\\N\n");
}

#[test]
fn nested_values_come_back() {
    let types = ["ARRAY<VARCHAR>", "MAP<VARCHAR, INT>", "STRUCT<x INT, y ARRAY<VARCHAR>>", "ARRAY<ARRAY<INT>>"];
    let fields = types.iter().map(|text| Field::new("c", parse_type(text).unwrap(), true));
    let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    for text in ["a|\\N|,k:1|l:\\N,1|p:q,1:2|3\n", ",,\\N|\\N,\n", "\\N,\\N,\\N,\\N\n"] {
        let syntax = Arc::new(syntax(&[("field.delim", ","), ("colelction.delim", "|"), ("mapkey.delim", ":")]));
        assert_eq!(String::from_utf8(written(&syntax, &read(&syntax, &schema, text.as_bytes()))).unwrap(), text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(
        rows in vec(
            (of(".{0,8}|[\\\\N,|\n\r\u{1}#:\t]{0,6}"), of(any::<i64>()), of(any::<f64>()), of(any::<f32>())),
            1..6,
        ),
        more in vec(
            (of(-10_i128.pow(18)..10_i128.pow(18)), of(any::<bool>()), of(-700_000_i32..2_900_000), of(any::<i32>()),
             of(vec(any::<u8>(), 0..6))),
            6,
        ),
    ) {
        let more = &more[..rows.len()];
        let texts: Vec<Option<&str>> = rows.iter().map(|row| row.0.as_deref()).collect();
        let bytes: Vec<Option<&[u8]>> = more.iter().map(|row| row.4.as_deref()).collect();
        // The sign of what is no number is not written.
        let doubles: Vec<Option<f64>> =
            rows.iter().map(|row| row.2.map(|value| if value.is_nan() { f64::NAN } else { value })).collect();
        let floats: Vec<Option<f32>> =
            rows.iter().map(|row| row.3.map(|value| if value.is_nan() { f32::NAN } else { value })).collect();
        let times: Vec<Option<i64>> = more.iter().map(|row| row.3.map(|value| i64::from(value) * 30_001)).collect();
        let batch = columns(vec![
            Arc::new(StringViewArray::from(texts)),
            Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.1))),
            Arc::new(Float64Array::from(doubles)),
            Arc::new(Float32Array::from(floats)),
            Arc::new(Decimal128Array::from_iter(more.iter().map(|row| row.0)).with_precision_and_scale(18, 4).unwrap()),
            Arc::new(BooleanArray::from_iter(more.iter().map(|row| row.1))),
            Arc::new(Date32Array::from_iter(more.iter().map(|row| row.2))),
            Arc::new(TimestampMicrosecondArray::from(times)),
            Arc::new(BinaryArray::from(bytes)),
        ]);
        for syntax in escaped() {
            // A text that is the one for NULL needs an escape within it, which only a special byte gets.
            let is_null = |text: &Option<String>| text.as_deref() == Some("NULL");
            if *syntax.null == *b"NULL" && rows.iter().any(|row| is_null(&row.0)) {
                continue;
            }
            // A text that ends as the delimiter begins cannot be told from it.
            let has_bar = |text: &Option<String>| text.as_deref().is_some_and(|text| text.contains('|'));
            if matches!(syntax.field, FieldDelimiter::Text(_)) && rows.iter().any(|row| has_bar(&row.0)) {
                continue;
            }
            let text = written(&syntax, &batch);
            let found = read(&syntax, &batch.schema(), &text);
            prop_assert_eq!(&found, &batch, "{}", String::from_utf8_lossy(&text));
        }
    }
}
