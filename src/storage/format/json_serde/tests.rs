//! Objects that are read and written.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use proptest::prelude::*;

use super::JsonSerde;
use super::write::JsonSerializer;
use crate::sql::types::parse_type;
use crate::storage::format::lines::RowFormat as _;

fn schema(columns: &[(&str, &str)]) -> SchemaRef {
    let field = |(name, data_type): &(&str, &str)| Field::new(*name, parse_type(data_type).unwrap(), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn batch(properties: &[(&str, &str)], schema: &SchemaRef, lines: &[&str]) -> Result<RecordBatch, String> {
    let given: BTreeMap<String, String> =
        properties.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let all: Vec<usize> = (0..schema.fields().len()).collect();
    let mut decoder = JsonSerde::new(&given).unwrap().decoder(schema, &all, 4).unwrap();
    for line in lines {
        decoder.push(line.as_bytes())?;
    }
    Ok(decoder.finish(lines.len()).unwrap())
}

fn rows(properties: &[(&str, &str)], columns: &[(&str, &str)], lines: &[&str]) -> Result<Vec<String>, String> {
    let batch = batch(properties, &schema(columns), lines)?;
    let options = FormatOptions::new().with_null("~");
    let columns: Vec<_> =
        batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
    let row = |row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|");
    Ok((0..batch.num_rows()).map(row).collect())
}

#[test]
fn members_are_found_in_any_case_and_order() {
    let columns = [("id", "INT"), ("name", "VARCHAR")];
    let lines = [
        r#"{"id":1,"name":"x"}"#,
        r#"{"NAME":"y\n","other":[{}],"Id":2}"#,
        r#"{"name":null}"#,
        "{}",
        r#"{"id":3,"id":4}"#,
        " ",
        r#"{"\u0069d":5}"#,
    ];
    let expected = ["1|x", "2|y\n", "~|~", "~|~", "4|~", "~|~", "5|~"];
    assert_eq!(rows(&[], &columns, &lines).unwrap(), expected);
}

#[test]
fn what_does_not_fit_is_null() {
    let columns = [
        ("i", "INT"),
        ("d", "DOUBLE"),
        ("b", "BOOLEAN"),
        ("s", "VARCHAR"),
        ("t", "TIMESTAMP"),
        ("n", "DECIMAL(5, 2)"),
        ("a", "ARRAY<INT>"),
        ("o", "STRUCT<x INT>"),
        ("m", "MAP<VARCHAR, INT>"),
    ];
    let lines = [
        r#"{"i":1,"d":1.5,"b":true,"s":"x","t":"2020-01-31 01:02:03","n":1.005,"a":[1,null,"x"],"o":{"X":1},"m":{"k":1,"k":2,"l":"x"}}"#,
        r#"{"i":"7","d":"2","b":"TRUE","s":1.50,"t":"2020-01-31T01:02:03.5Z","n":"3","a":{},"o":[1],"m":[]}"#,
        r#"{"i":true,"d":[],"b":1,"s":{"a": [1, "b c"]},"t":5,"n":1e9,"a":1,"o":{"y":1},"m":{}}"#,
        r#"{"i":1e3,"d":{},"b":"x","s":false,"t":"2020-01-31","n":[],"a":[],"o":"x","m":null}"#,
    ];
    assert_eq!(
        rows(&[], &columns, &lines).unwrap(),
        [
            "1|1.5|true|x|2020-01-31T01:02:03|1.01|[1, ~, ~]|{x: 1}|{k: 2, l: ~}",
            "7|2.0|true|1.50|2020-01-31T01:02:03.500|3.00|~|~|~",
            "~|~|~|{\"a\":[1,\"b c\"]}|~|~|~|{x: ~}|{}",
            "1000|~|~|false|2020-01-31T00:00:00|~|[]|~|~"
        ]
    );
}

#[test]
fn a_line_that_is_no_object_is_an_error_unless_it_is_to_be_ignored() {
    let columns = [("a", "INT")];
    let error = rows(&[], &columns, &["{\"a\":1}", "{\"a\":"]).unwrap_err();
    assert_eq!(error, "this is no JSON object, at character 6: the line ends within a value");
    let ignored = rows(&[("ignore.malformed.json", "true")], &columns, &["{\"a\":1}", "{\"a\":", "[]"]).unwrap();
    assert_eq!(ignored, ["1", "~", "~"]);
}

#[test]
fn what_is_written_is_read() {
    let columns = [
        ("i", "INT"),
        ("f", "DOUBLE"),
        ("s", "VARCHAR"),
        ("d", "DATE"),
        ("t", "TIMESTAMP"),
        ("n", "DECIMAL(5, 2)"),
        ("b", "BINARY"),
        ("a", "ARRAY<STRUCT<x INT, y VARCHAR>>"),
        ("m", "MAP<INT, ARRAY<BOOLEAN>>"),
    ];
    let schema = schema(&columns);
    let lines = [
        r#"{"i":1,"f":"NaN","s":"\u0001\"\\\né","d":"2020-01-31","t":"2020-01-31 01:02:03.5","n":-1.05,"b":"YWI=","a":[{"x":1,"y":null},null],"m":{"1":[true,null]}}"#,
        "{}",
    ];
    let first = batch(&[], &schema, &lines).unwrap();
    let text = String::from_utf8(JsonSerializer::new(false).serialize_rows(&first).unwrap()).unwrap();
    assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{text}");
    let again = batch(&[], &schema, &text.lines().collect::<Vec<_>>()).unwrap();
    assert_eq!(format!("{again:?}"), format!("{first:?}"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_survived(text in r#"\{("[amos]":[-0-9\[\]{}:,"a-e\\u. ]{0,12},?){0,3}\}"#, bytes in ".{0,20}") {
        let columns = [("a", "ARRAY<INT>"), ("m", "MAP<DATE, BINARY>"), ("o", "STRUCT<a VARCHAR>"), ("s", "DOUBLE")];
        let found = rows(&[("ignore.malformed.json", "true")], &columns, &[&text, &bytes]).unwrap();
        prop_assert_eq!(found.len(), 2);
    }
}
