//! JSON, Avro and Arrow files, and folders of mixed files.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::ipc::writer::{FileWriter, StreamWriter};
use datafusion::prelude::SessionConfig;

use super::Session;
use super::parquet::{ints, longs, strings};
use crate::catalog::model::FileFormat;
use crate::error::ErrorKind;
use crate::storage::TableSpec;

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn batch(columns: &[(&str, ArrayRef)]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.iter().map(|(name, array)| (*name, Arc::clone(array), true)))
        .unwrap()
}

fn write_arrow(path: &Path, as_stream: bool, columns: &[(&str, ArrayRef)]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let batch = batch(columns);
    let file = std::fs::File::create(path).unwrap();
    if as_stream {
        let mut writer = StreamWriter::try_new(file, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
    } else {
        let mut writer = FileWriter::try_new(file, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
    }
}

#[tokio::test]
async fn one_table_in_every_format() {
    let session = Session::testdata();
    session.table("formats/tiny.parquet").await.unwrap();
    let sql = "select id::bigint as id, name::varchar as name, price, day::date as day from t order by id";
    let expected = session.rows(sql).await.unwrap();
    assert_eq!(expected.len(), 5);
    for file in ["tiny.json", "tiny.jsonl", "tiny.jsonl.gz", "tiny.avro", "tiny.arrow"] {
        session.table(&format!("formats/{file}")).await.unwrap();
        assert_eq!(session.rows(sql).await.unwrap(), expected, "{file}");
        assert_eq!(session.rows("select count(*), count(name) from t").await.unwrap(), ["5|4"], "{file}");
        assert_eq!(session.rows("select price from t where id = 4 limit 1").await.unwrap().len(), 1, "{file}");
    }
    session.table("formats/tiny.jsonl").await.unwrap();
    assert_eq!(session.columns().await, ["id Int64", "name Utf8View", "price Float64", "day Date32"]);
}

#[tokio::test]
async fn json_lines_and_arrays_in_one_folder() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "t/a.json", "\u{feff}[{\"a\":1,\"s\":\"x\"},\n {\"a\":2,\"s\":7}]\n");
    write(dir.path(), "t/b.jsonl", "{\"a\":3.5,\"extra\":[1,2]}\n\n{\"a\":null,\"s\":\"y\"}");
    write(dir.path(), "t/c.json", "{\n  \"a\": 9,\n  \"s\": null\n}\n{\"a\": 10}\n");
    write(dir.path(), "t/empty.json", "");
    let session = Session::at(dir.path());
    session.table("t").await.unwrap();
    assert_eq!(session.columns().await[..2], ["a Float64", "s Utf8View"]);
    let rows = session.rows("select a, s, extra from t order by a nulls last").await.unwrap();
    assert_eq!(rows, ["1.0|x|~", "2.0|7|~", "3.5|~|[1, 2]", "9.0|~|~", "10.0|~|~", "~|y|~"]);
    assert_eq!(session.rows("select count(*) from t").await.unwrap(), ["6"]);
}

#[tokio::test]
async fn broken_json_is_named_with_its_line() {
    let session = Session::testdata();
    session.table("broken/bad.jsonl").await.unwrap();
    let error = session.rows("select * from t").await.unwrap_err();
    assert!(error.message().starts_with("broken/bad.jsonl, line 3: "), "{error}");
    assert_eq!(error.kind(), ErrorKind::Storage);

    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "t.jsonl", "{\"a\":1}\n{\"a\":\"x\"}\n");
    write(dir.path(), "open.json", "[{\"a\":1},");
    write(dir.path(), "numbers.json", "[1,2]");
    let session = Session::at(dir.path());
    let columns = Some(Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)])));
    session
        .table_of(TableSpec { columns: columns.clone(), ..TableSpec::of(session.location("t.jsonl")) })
        .await
        .unwrap();
    let error = session.rows("select a from t").await.unwrap_err();
    assert!(error.message().starts_with("t.jsonl, line 2: "), "{error}");
    session.table_of(TableSpec { columns, ..TableSpec::of(session.location("open.json")) }).await.unwrap();
    let error = session.rows("select a from t").await.unwrap_err();
    assert!(error.message().contains("open.json") && error.message().contains("]"), "{error}");
    assert!(session.table("numbers.json").await.unwrap_err().message().contains("a row is an object"));
}

#[tokio::test]
async fn large_json_files_are_split_between_lines() {
    let dir = tempfile::tempdir().unwrap();
    let lines: String = (0..5000).map(|id| format!("{{\"id\":{id},\"s\":\"{}\"}}\n", "x".repeat(id % 50))).collect();
    write(dir.path(), "big.jsonl", &lines);
    let array = format!("[{}]", lines.trim().replace('\n', ","));
    write(dir.path(), "big.json", &array);
    let pretty = lines.replace(",\"s\"", ",\n\"s\"");
    write(dir.path(), "pretty.json", &pretty);
    let mut config = SessionConfig::new().with_target_partitions(7);
    config.options_mut().optimizer.repartition_file_min_size = 1;
    let session = Session::with(dir.path(), config);
    for file in ["big.jsonl", "big.json", "pretty.json"] {
        session.table(file).await.unwrap();
        let rows = session.rows("select count(*), count(distinct id), sum(id), sum(length(s)) from t").await.unwrap();
        assert_eq!(rows, ["5000|5000|12497500|122500"], "{file}");
    }
}

#[tokio::test]
async fn arrow_files_and_streams_with_different_columns() {
    let dir = tempfile::tempdir().unwrap();
    write_arrow(&dir.path().join("t/k=1/a.arrow"), false, &[("x", ints(&[1, 2])), ("s", strings(&["a", "b"]))]);
    write_arrow(&dir.path().join("t/k=2/b.arrow"), true, &[("s", strings(&["c"])), ("x", longs(&[3]))]);
    write_arrow(&dir.path().join("t/k=3/c.ipc"), false, &[("z", longs(&[9]))]);
    let mut config = SessionConfig::new().with_target_partitions(4);
    config.options_mut().optimizer.repartition_file_min_size = 1;
    let session = Session::with(dir.path(), config);
    session.table("t").await.unwrap();
    assert_eq!(session.columns().await, ["x Int64", "s Utf8", "z Int64", "k Int64"]);
    let rows = session.rows("select s, x, k, z from t order by k, x").await.unwrap();
    assert_eq!(rows, ["a|1|1|~", "b|2|1|~", "c|3|2|~", "~|~|3|9"]);
    assert_eq!(session.rows("select count(*), sum(x) from t where k <> 1").await.unwrap(), ["2|3"]);
    assert_eq!(session.rows("select k from t where s = 'c'").await.unwrap(), ["2"]);
    assert_eq!(session.rows("select count(z) from t").await.unwrap(), ["1"]);
}

#[tokio::test]
async fn avro_files_with_columns_that_some_lack() {
    let session = Session::testdata();
    let dir = tempfile::tempdir().unwrap();
    let file = std::fs::read(session.location("formats/tiny.avro").local_root().unwrap()).unwrap();
    std::fs::create_dir_all(dir.path().join("t/k=a")).unwrap();
    std::fs::write(dir.path().join("t/k=a/x.avro"), file).unwrap();
    let session = Session::at(dir.path());
    let columns = Some(Arc::new(Schema::new(vec![
        Field::new("later", DataType::Utf8View, true),
        Field::new("name", DataType::Utf8View, true),
    ])));
    session.table_of(TableSpec { columns, ..TableSpec::of(session.location("t")) }).await.unwrap();
    assert_eq!(session.rows("select count(*), count(later), count(name), min(k) from t").await.unwrap(), ["5|0|4|a"]);
    assert_eq!(session.rows("select later, k from t limit 1").await.unwrap(), ["~|a"]);
    assert_eq!(session.rows("select later from t").await.unwrap().len(), 5);
}

#[tokio::test]
async fn broken_binary_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    for file in ["a.arrow", "a.avro"] {
        write(dir.path(), file, "no such format");
        let session = Session::at(dir.path());
        let error = session.table(file).await.unwrap_err();
        assert!(error.message().starts_with(file), "{error}");
        assert_eq!(error.kind(), ErrorKind::Storage);
    }
    write_arrow(&dir.path().join("cut.arrow"), false, &[("x", longs(&(0..1000).collect::<Vec<_>>()))]);
    let whole = std::fs::read(dir.path().join("cut.arrow")).unwrap();
    std::fs::write(dir.path().join("cut.arrow"), &whole[..whole.len() / 2]).unwrap();
    let session = Session::at(dir.path());
    session.table("cut.arrow").await.unwrap();
    let error = session.rows("select sum(x) from t").await.unwrap_err();
    assert!(error.message().starts_with("cut.arrow"), "{error}");
}

#[tokio::test]
async fn formats_are_told_by_first_bytes_and_do_not_mix() {
    let session = Session::testdata();
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("t")).unwrap();
    std::fs::copy(session.location("tpch/region.parquet").local_root().unwrap(), dir.path().join("t/part-0")).unwrap();
    write(dir.path(), "t/README.md", "# notes");
    write(dir.path(), "mixed/a.csv", "a\n1\n");
    write(dir.path(), "mixed/b.json", "{}");
    write(dir.path(), "odd/a.csv", "a\n1\n");
    write(dir.path(), "odd/b.dat", "?");
    let session = Session::at(dir.path());
    session.table("t").await.unwrap();
    assert_eq!(session.rows("select count(*) from t").await.unwrap(), ["5"]);
    let error = session.table("mixed").await.unwrap_err();
    assert!(error.message().contains("mixed/a.csv is CSV and mixed/b.json is JSON"), "{error}");
    let error = session.table("odd").await.unwrap_err();
    assert!(error.message().contains("odd/b.dat"), "{error}");

    // Where the format is declared, other names are taken for it, but not pages and not other formats.
    let csv = |text: &str| TableSpec { format: Some(FileFormat::Csv), ..TableSpec::of(session.location(text)) };
    std::fs::write(dir.path().join("odd/b.dat"), "a\n2\n").unwrap();
    write(dir.path(), "odd/README.md", "# notes");
    session.table_of(csv("odd")).await.unwrap();
    assert_eq!(session.rows("select sum(a) from t").await.unwrap(), ["3"]);
    let error = session.table_of(csv("mixed")).await.unwrap_err();
    assert!(error.message().contains("mixed/b.json is JSON"), "{error}");
}
