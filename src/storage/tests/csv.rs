//! CSV: NULL and empty strings, headers, files that differ, broken files, large files in parts.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::prelude::SessionConfig;

use super::Session;
use crate::catalog::model::FileFormat;
use crate::error::ErrorKind;
use crate::storage::TableSpec;

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn with_options(session: &Session, text: &str, options: &[(&str, &str)]) -> TableSpec {
    let options = options.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    TableSpec { options, format: Some(FileFormat::Csv), ..TableSpec::of(session.location(text)) }
}

fn columns(fields: &[(&str, DataType)]) -> Option<SchemaRef> {
    Some(Arc::new(Schema::new(fields.iter().map(|(n, t)| Field::new(*n, t.clone(), true)).collect::<Vec<_>>())))
}

#[tokio::test]
async fn one_table_in_every_kind_of_csv() {
    let session = Session::testdata();
    for file in ["tiny.csv", "tiny.tsv", "tiny.csv.gz", "tiny.csv.bz2", "tiny.csv.zst"] {
        session.table(&format!("formats/{file}")).await.unwrap();
        assert_eq!(session.columns().await, ["id Int64", "name Utf8View", "price Float64", "day Date32"], "{file}");
        let rows = session.rows("select * from t order by id").await.unwrap();
        assert_eq!(rows.len(), 5, "{file}");
        let nulls = session.rows("select id from t where name is null").await.unwrap();
        let empty = session.rows("select id from t where name = ''").await.unwrap();
        assert_eq!((nulls, empty), (vec!["2".to_string()], vec!["3".to_string()]), "{file}");
    }
}

#[tokio::test]
async fn csv_and_parquet_hold_the_same_rows() {
    let session = Session::testdata();
    let mut results = Vec::new();
    for file in ["tpch/lineitem.parquet", "tpch-csv/lineitem.csv.gz"] {
        session.table(file).await.unwrap();
        let sql =
            "select count(*), sum(l_quantity)::decimal(20,2), min(l_shipdate), max(l_comment), sum(l_orderkey) from t";
        results.push(session.rows(sql).await.unwrap());
    }
    assert_eq!(results[0], results[1]);
}

#[tokio::test]
async fn columns_of_files_are_found_by_name() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "t/a.csv", "id,name\n1,x\n");
    write(dir.path(), "t/b.csv", "name,id,extra\ny,2,3.5\n");
    write(dir.path(), "t/empty.csv", "");
    let session = Session::at(dir.path());
    session.table("t").await.unwrap();
    assert_eq!(session.columns().await, ["id Int64", "name Utf8View", "extra Float64"]);
    assert_eq!(session.rows("select id, name, extra from t order by id").await.unwrap(), ["1|x|~", "2|y|3.5"]);
    assert_eq!(session.rows("select extra, id from t where id = 2").await.unwrap(), ["3.5|2"]);
    assert_eq!(session.rows("select count(*) from t").await.unwrap(), ["2"]);
}

#[tokio::test]
async fn partitions_of_csv() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "t/y=2025/a.csv", "id,y\n1,0\n");
    write(dir.path(), "t/y=2026/a.csv", "id,y\n2,0\n");
    let session = Session::at(dir.path());
    session.table("t").await.unwrap();
    assert_eq!(session.rows("select id, y from t where y > 2025").await.unwrap(), ["2|2026"]);
}

/// What the first lines are taken for is what the reader can read.
#[tokio::test]
async fn inferred_types_are_read() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        "t.csv",
        "i,h,f,b,d,ts,tz,ns,s\n\
         +5,12345678901234567890,1e3,TRUE, 2026-01-31 ,2026-01-31 10:00:00,2026-01-31T10:00:00Z,2026-01-31 10:00:00.123456789,007x\n\
         -7,1,NaN,false,2026-02-01,2026-01-31,2026-01-31 10:00:00+09:00,2026-01-31 10:00:00,\n\
         ,-1,-inf,,,,,,\" \"\n",
    );
    let session = Session::at(dir.path());
    session.table("t.csv").await.unwrap();
    assert_eq!(
        session.columns().await,
        [
            "i Int64",
            "h Decimal128(38, 0)",
            "f Float64",
            "b Boolean",
            "d Date32",
            "ts Timestamp(µs)",
            "tz Timestamp(µs, \"UTC\")",
            "ns Timestamp(ns)",
            "s Utf8View"
        ]
    );
    let rows = session.rows("select * from t order by i nulls last").await.unwrap();
    assert_eq!(
        rows,
        [
            "-7|1|NaN|false|2026-02-01|2026-01-31T00:00:00|2026-01-31T01:00:00Z|2026-01-31T10:00:00|~",
            "5|12345678901234567890|1000.0|true|2026-01-31|2026-01-31T10:00:00|2026-01-31T10:00:00Z|2026-01-31T10:00:00.123456789|007x",
            "~|-1|-inf|~|~|~|~|~| "
        ]
    );
}

#[tokio::test]
async fn hive_text() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "t/000000_0", "1\u{1}ann\u{1}2026-01-31\n2\u{1}\\N\u{1}\\N\n3\u{1}\u{1}\n");
    let session = Session::at(dir.path());
    let options = [("delimiter", "\\001"), ("null", "\\N"), ("quote", ""), ("header", "false")];
    let declared = columns(&[("id", DataType::Int32), ("name", DataType::Utf8View), ("day", DataType::Date32)]);
    let spec = TableSpec { columns: declared, ..with_options(&session, "t", &options) };
    session.table_of(spec).await.unwrap();
    let rows = session.rows("select id, name, day, name = '' from t order by id").await.unwrap();
    assert_eq!(rows, ["1|ann|2026-01-31|false", "2|~|~|~", "3||~|true"]);
}

#[tokio::test]
async fn broken_files_are_named_with_their_line() {
    let session = Session::testdata();
    for (file, why) in [
        ("broken/ragged.csv", "broken/ragged.csv, line 3: 2 fields in place of 3"),
        ("broken/invalid_utf8.csv", "broken/invalid_utf8.csv, line 3: column"),
    ] {
        session.table(file).await.unwrap();
        let error = session.rows("select * from t").await.unwrap_err();
        assert!(error.message().starts_with(why), "{error}");
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(!error.help_lines().is_empty());
    }
    let error = session.table("broken/empty.csv").await.unwrap_err();
    assert!(error.message().contains("broken/empty.csv is empty"), "{error}");
}

#[tokio::test]
async fn ragged_files_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a.csv", "a,b,c\n1,2,3\n4\n");
    let session = Session::at(dir.path());
    session.table_of(with_options(&session, "a.csv", &[("ragged", "true")])).await.unwrap();
    assert_eq!(session.rows("select * from t order by a").await.unwrap(), ["1|2|3", "4|~|~"]);
}

#[tokio::test]
async fn values_of_another_type_are_named_with_their_line() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "t/a.csv", "id,n\n1,2\n\n\"x\ny\",3\n");
    let session = Session::at(dir.path());
    let spec = TableSpec {
        columns: columns(&[("id", DataType::Int64), ("n", DataType::Int64)]),
        ..with_options(&session, "t", &[])
    };
    session.table_of(spec).await.unwrap();
    assert_eq!(session.rows("select n from t order by n").await.unwrap(), ["2", "3"]);
    let error = session.rows("select id from t").await.unwrap_err();
    assert!(error.message().starts_with("t/a.csv, line 4: 'x"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Statement);
}

#[tokio::test]
async fn headers_blank_lines_and_byte_order_marks() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "bom.csv", "\u{feff}id,n\r\n1,2\r\n");
    write(dir.path(), "one.csv", "name\nx\n\ny\n\"\"\n");
    write(dir.path(), "none.csv", "1,x\n2,y");
    write(dir.path(), "skip.csv", "a title\nid,n\n1,2\n");
    let session = Session::at(dir.path());
    session.table("bom.csv").await.unwrap();
    assert_eq!(session.rows("select id, n from t").await.unwrap(), ["1|2"]);
    session.table("one.csv").await.unwrap();
    assert_eq!(
        session.rows("select count(*), count(name), count(*) filter (where name = '') from t").await.unwrap(),
        ["4|3|1"]
    );
    session.table("none.csv").await.unwrap();
    assert_eq!(session.rows("select column_1, column_2 from t order by 1").await.unwrap(), ["1|x", "2|y"]);
    session.table_of(with_options(&session, "skip.csv", &[("skip", "1")])).await.unwrap();
    assert_eq!(session.rows("select id, n from t").await.unwrap(), ["1|2"]);
    std::fs::write(dir.path().join("utf16.csv"), [0xFF, 0xFE, b'a', 0, b'\n', 0]).unwrap();
    assert!(session.table("utf16.csv").await.unwrap_err().message().contains("UTF-16"));
}

/// A file that is read by several readers at once, with line ends and quotes within fields, gives each row once.
#[tokio::test]
async fn large_files_are_split_between_records() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = String::from("id,note\n");
    for id in 0..30_000 {
        match id % 3 {
            0 => text.push_str(&format!("{id},\"two\nlines, \"\"{id}\"\"\"\n")),
            1 => text.push_str(&format!("{id},5\" pipe\n")),
            _ => text.push_str(&format!("{id},\n")),
        }
    }
    write(dir.path(), "big.csv", &text);
    let mut config = SessionConfig::new().with_target_partitions(7);
    config.options_mut().optimizer.repartition_file_min_size = 1;
    let session = Session::with(dir.path(), config);
    session.table("big.csv").await.unwrap();
    let plan = session.rows("explain format indent select id from t").await.unwrap().join("\n");
    assert!(plan.contains("7 groups"), "{plan}");
    let rows = session
        .rows("select count(*), count(distinct id), sum(id), count(note), max(length(note)) from t")
        .await
        .unwrap();
    assert_eq!(rows, ["30000|30000|449985000|20000|18"]);

    // Without quotes, lines are records.
    write(dir.path(), "plain.csv", &(0..30_000).map(|id| format!("{id},{}\n", "x".repeat(id % 9))).collect::<String>());
    session.table("plain.csv").await.unwrap();
    let rows = session.rows("select count(*), count(distinct column_1), sum(column_1) from t").await.unwrap();
    assert_eq!(rows, ["30000|30000|449985000"]);

    // The line of an error is counted from the start of the file, in whichever part it is.
    let bad = text.replacen("\n29999,", "\nx,", 1);
    assert_ne!(bad, text);
    write(dir.path(), "big.csv", &bad);
    session.table("big.csv").await.unwrap();
    let error = session.rows("select sum(id) from t").await.unwrap_err();
    let line = bad[..bad.find("\nx,").unwrap()].matches('\n').count() + 2;
    assert!(error.message().starts_with(&format!("big.csv, line {line}: 'x'")), "{error}");
}

#[tokio::test]
async fn unknown_options_are_refused() {
    let session = Session::testdata();
    let error = session.table_of(with_options(&session, "formats/tiny.csv", &[("delimeter", ";")])).await.unwrap_err();
    assert_eq!(error.help_lines(), ["did you mean \"delimiter\"?"]);
}
