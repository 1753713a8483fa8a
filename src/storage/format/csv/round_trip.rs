//! What is written as CSV is read back as the same rows.

use std::path::Path as FsPath;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{Array as _, ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::datasource::file_format::write::BatchSerializer as _;
use object_store::ObjectMeta;
use object_store::path::Path;
use proptest::prelude::*;

use super::decoder::Decoder;
use super::dialect::{CsvOptions, Dialect};
use super::records::Syntax;
use super::source::CsvTable;
use super::write::CsvSerializer;
use crate::storage::location::Location;

type Row = (Option<String>, Option<i64>, Option<String>);

fn schema(columns: usize) -> SchemaRef {
    let fields = [("s", DataType::Utf8), ("n", DataType::Int64), ("t", DataType::Utf8)];
    Arc::new(Schema::new(fields[..columns].iter().map(|(n, t)| Field::new(*n, t.clone(), true)).collect::<Vec<_>>()))
}

fn batch(rows: &[Row], columns: usize) -> RecordBatch {
    let arrays: [ArrayRef; 3] = [
        Arc::new(rows.iter().map(|row| row.0.as_deref()).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.1).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.2.as_deref()).collect::<StringArray>()),
    ];
    RecordBatch::try_new(schema(columns), arrays[..columns].to_vec()).unwrap()
}

fn read(dialect: &Dialect, columns: usize, text: &[u8], piece: usize) -> Vec<Row> {
    let location = Location::parse("/t.csv", FsPath::new("/")).unwrap();
    let table = CsvTable {
        dialect: dialect.clone(),
        declared: true,
        in_folder_names: Vec::new(),
        location: Arc::new(location),
    };
    let meta = ObjectMeta {
        location: Path::from("t.csv"),
        last_modified: Default::default(),
        size: text.len() as u64,
        e_tag: None,
        version: None,
    };
    let all: Vec<usize> = (0..columns).collect();
    let mut decoder = Decoder::new(Arc::new(table), &schema(columns), &all, 3, &meta);
    let mut pieces = text.chunks(piece);
    let mut rows = Vec::new();
    let mut ended = false;
    loop {
        match decoder.next_batch(ended) {
            Ok(Some(batch)) => rows.extend(rows_of(&batch)),
            Ok(None) if ended => return rows,
            Ok(None) => match pieces.next() {
                Some(piece) => decoder.push(&Bytes::copy_from_slice(piece)),
                None => ended = true,
            },
            Err(_) => panic!("{:?} cannot be read back with {dialect:?}", String::from_utf8_lossy(text)),
        }
    }
}

fn rows_of(batch: &RecordBatch) -> Vec<Row> {
    let text = |column: usize, row: usize| {
        let column = batch.columns().get(column)?.as_string::<i32>();
        column.is_valid(row).then(|| column.value(row).to_string())
    };
    let number = |row: usize| {
        let column = batch.columns().get(1)?.as_primitive::<Int64Type>();
        column.is_valid(row).then(|| column.value(row))
    };
    (0..batch.num_rows()).map(|row| (text(0, row), number(row), text(2, row))).collect()
}

fn dialects() -> Vec<Dialect> {
    let plain = Dialect::of_new_table(&CsvOptions::default());
    let syntax = |syntax: Syntax, null: &str| Dialect { syntax, null: null.to_string(), ..plain.clone() };
    let comma = Syntax::default();
    vec![
        plain.clone(),
        Dialect { header: false, ..plain.clone() },
        syntax(Syntax { delimiter: b';', ..comma }, "NULL"),
        syntax(Syntax { delimiter: b'|', trailing_delimiter: true, ..comma }, ""),
        syntax(Syntax { escape: Some(b'\\'), ..comma }, "\\N"),
        syntax(Syntax { comment: Some(b'#'), ..comma }, ""),
        syntax(Syntax { delimiter: 1, quote: None, escape: Some(b'\\'), ..comma }, "\\N"),
    ]
}

fn text() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        2 => Just(None),
        2 => Just(Some(String::new())),
        1 => Just(Some("NULL".to_string())),
        1 => Just(Some("\\N".to_string())),
        4 => "[a-cé,;|#\"'\\\\ \t\r\n\u{1}]{0,6}".prop_map(Some),
        1 => ".{0,5}".prop_map(Some),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_the_same_after_writing_and_reading(
        rows in prop::collection::vec((text(), any::<Option<i64>>(), text()), 0..8),
        columns in 1usize..=3,
        piece in 1usize..40,
    ) {
        let expected: Vec<Row> = rows
            .into_iter()
            .map(|(s, n, t)| (s, n.filter(|_| columns > 1), t.filter(|_| columns > 2)))
            .collect();
        for dialect in dialects() {
            let written = CsvSerializer::new(dialect.clone()).serialize(batch(&expected, columns), true);
            let Ok(written) = written else {
                // Only what would begin a comment may be refused.
                prop_assert!(dialect.syntax.comment.is_some());
                continue;
            };
            prop_assert_eq!(&read(&dialect, columns, &written, piece), &expected, "{:?} {:?}", dialect, written);
        }
    }
}
