//! Tables of Hive's text formats, read and written through SQL.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::prelude::SessionConfig;

use crate::catalog::model::FileFormat;
use crate::error::Result;
use crate::sql::types::parse_type;
use crate::storage::TableSpec;
use crate::storage::tests::Session;

fn spec(
    session: &Session,
    format: FileFormat,
    columns: &[(&str, &str)],
    options: &[(&str, &str)],
    partitions: &[(&str, &str)],
) -> TableSpec {
    let fields = |columns: &[(&str, &str)]| {
        let field = |(name, data_type): &(&str, &str)| Field::new(*name, parse_type(data_type).unwrap(), true);
        columns.iter().map(field).collect::<Vec<_>>()
    };
    TableSpec {
        format: Some(format),
        options: options.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        columns: Some(Arc::new(Schema::new(fields(columns)))),
        partition_columns: Some(fields(partitions)),
        former_names: Default::default(),
        ..TableSpec::of(session.location("t/"))
    }
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = dir.path().join("t").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    dir
}

async fn rows_of(
    dir: &Path,
    format: FileFormat,
    columns: &[(&str, &str)],
    options: &[(&str, &str)],
    sql: &str,
) -> Result<Vec<String>> {
    let session = Session::at(dir);
    session.table_of(spec(&session, format, columns, options, &[])).await?;
    session.rows(sql).await
}

const COMMA: (&str, &str) = ("field.delim", ",");

#[tokio::test]
async fn lines_end_as_hadoop_has_it_whatever_files_are_called() {
    let dir =
        folder(&[("part-0", b"\xEF\xBB\xBF1,a\r\n2,b\r3,c\n\n"), ("data.csv", b"4,d"), ("x.parquet.txt", b"5,e,x\n")]);
    let columns = [("n", "INT"), ("s", "VARCHAR")];
    let rows = rows_of(dir.path(), FileFormat::TextFile, &columns, &[COMMA], "select * from t order by n, s").await;
    assert_eq!(rows.unwrap(), ["1|a", "2|b", "3|c", "4|d", "5|e", "~|~"]);
}

#[tokio::test]
async fn headers_and_footers_are_no_rows_in_any_file() {
    let dir = folder(&[("a", b"n,s\n#\n1,a\n2,b\nend\n"), ("b", b"n,s\n#\n3,c\nend"), ("c", b"n,s\n"), ("d", b"")]);
    let columns = [("n", "INT"), ("s", "VARCHAR")];
    let options = [COMMA, ("skip.header.line.count", "2"), ("skip.footer.line.count", "1")];
    let rows = rows_of(dir.path(), FileFormat::TextFile, &columns, &options, "select n, s from t order by n").await;
    assert_eq!(rows.unwrap(), ["1|a", "2|b", "3|c"]);
}

#[tokio::test]
async fn each_file_is_compressed_as_its_name_says() {
    // What gzip and bzip2 make of "2\n" and "3\n".
    let gz: &[u8] = &[31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 51, 226, 2, 0, 144, 175, 124, 76, 2, 0, 0, 0];
    let bz2: &[u8] = &[
        66, 90, 104, 57, 49, 65, 89, 38, 83, 89, 146, 219, 191, 178, 0, 0, 0, 200, 0, 0, 16, 8, 0, 32, 0, 33, 0, 130,
        177, 119, 36, 83, 133, 9, 9, 45, 187, 251, 32,
    ];
    let dir = folder(&[("plain", b"1\n"), ("two.gz", gz), ("three.bz2", bz2), ("nothing.gz", b"")]);
    let rows = rows_of(dir.path(), FileFormat::TextFile, &[("n", "INT")], &[], "select n from t order by n").await;
    assert_eq!(rows.unwrap(), ["1", "2", "3"]);
    std::fs::write(dir.path().join("t/two.gz"), &gz[..15]).unwrap();
    let rows = rows_of(dir.path(), FileFormat::TextFile, &[("n", "INT")], &[], "select n from t").await;
    assert!(rows.unwrap_err().message().contains("two.gz"));
    std::fs::write(dir.path().join("t/four.snappy"), b"x").unwrap();
    let rows = rows_of(dir.path(), FileFormat::TextFile, &[("n", "INT")], &[], "select n from t").await;
    assert!(rows.unwrap_err().message().contains("four.snappy"));
}

#[tokio::test]
async fn a_large_file_is_shared_without_losing_or_doubling_a_row() {
    let mut text = String::from("header\n");
    for number in 0..5000 {
        text.push_str(&format!("{number},{}\r\n", "x".repeat(number % 37)));
    }
    let dir = folder(&[("big", text.as_bytes())]);
    for partitions in [1, 3, 8] {
        let config = SessionConfig::new()
            .with_target_partitions(partitions)
            .with_batch_size(100)
            .set_usize("datafusion.optimizer.repartition_file_min_size", 1);
        let session = Session::with(dir.path(), config);
        let options = [COMMA, ("skip.header.line.count", "1")];
        let columns = [("n", "BIGINT"), ("s", "VARCHAR")];
        session.table_of(spec(&session, FileFormat::TextFile, &columns, &options, &[])).await.unwrap();
        let sql = "select count(*), count(distinct n), sum(n), sum(length(s)), max(n) from t";
        assert_eq!(session.rows(sql).await.unwrap(), ["5000|5000|12497500|89920|4999"], "{partitions}");
        assert_eq!(session.rows("select count(*) from t").await.unwrap(), ["5000"]);
        assert_eq!(session.rows("select n from t where n = 4321").await.unwrap(), ["4321"]);
    }
}

#[tokio::test]
async fn what_is_inserted_is_read_back() {
    let columns =
        [("n", "BIGINT"), ("s", "VARCHAR"), ("l", "ARRAY<VARCHAR>"), ("d", "DECIMAL(5, 2)"), ("t", "TIMESTAMP")];
    for (format, options) in [
        (FileFormat::TextFile, vec![COMMA, ("escape.delim", "\\")]),
        (FileFormat::TextFile, vec![("compression", "gzip")]),
        (FileFormat::TextFile, vec![("field.delim", "<>"), ("multi.delim", "true")]),
        (FileFormat::JsonFile, vec![]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let session = Session::at(dir.path());
        let table = spec(&session, format, &columns, &options, &[("p", "VARCHAR")]);
        session.table_of(table.clone()).await.unwrap();
        let values = "values (1, 'a', make_array('x', null), 1.5, timestamp '2020-01-31 01:02:03.5', 'one'),
                      (2, '', make_array('y'), -0.25, null, 'two'), (3, null, null, null, null, 'one')";
        session.rows(&format!("insert into t select * from ({values})")).await.unwrap();
        session.table_of(table).await.unwrap();
        let rows = session.rows("select n, s, l, d, t, p from t order by n").await.unwrap();
        let expected = ["1|a|[x, ~]|1.50|2020-01-31T01:02:03.500|one", "2||[y]|-0.25|~|two", "3|~|~|~|~|one"];
        assert_eq!(rows, expected, "{format:?} {options:?}");
    }
}

#[tokio::test]
async fn csv_and_regex_tables() {
    let dir = folder(&[("f", b"1,\"a,b\"\n2,\"it \"\"is\"\"\"\n")]);
    let columns = [("n", "VARCHAR"), ("s", "VARCHAR")];
    let rows = rows_of(dir.path(), FileFormat::OpenCsv, &columns, &[], "select n, s from t order by n").await;
    assert_eq!(rows.unwrap(), ["1|a,b", "2|it \"is\""]);
    let options = [("input.regex", "(\\d),(.*)")];
    let rows = rows_of(dir.path(), FileFormat::Regex, &columns, &options, "select s from t where n = '1'").await;
    assert_eq!(rows.unwrap(), ["\"a,b\""]);
    let error = rows_of(dir.path(), FileFormat::Regex, &columns, &[("input.regex", "(a")], "select * from t").await;
    assert!(error.unwrap_err().message().contains("unclosed group"));
}

#[tokio::test]
async fn a_line_that_is_no_json_is_told_with_file_and_line() {
    let mut text = String::from("head\n");
    for number in 0..2000 {
        text.push_str(&if number == 1500 { "{\"n\":oops}\n".to_string() } else { format!("{{\"N\":{number}}}\n") });
    }
    let dir = folder(&[("f.json", text.as_bytes())]);
    let config =
        SessionConfig::new().with_target_partitions(4).set_usize("datafusion.optimizer.repartition_file_min_size", 1);
    let session = Session::with(dir.path(), config);
    let columns = [("n", "INT")];
    let options = [("skip.header.line.count", "1")];
    session.table_of(spec(&session, FileFormat::JsonFile, &columns, &options, &[])).await.unwrap();
    let error = session.rows("select sum(n) from t").await.unwrap_err();
    assert_eq!(error.message(), "t/f.json, line 1502: this is no JSON object, at character 6: a value is expected");
    let options = [("skip.header.line.count", "1"), ("ignore.malformed.json", "true")];
    session.table_of(spec(&session, FileFormat::JsonFile, &columns, &options, &[])).await.unwrap();
    assert_eq!(session.rows("select count(*), count(n) from t").await.unwrap(), ["2000|1999"]);
}

#[tokio::test]
async fn what_a_table_cannot_have_is_refused_when_it_is_opened() {
    let dir = folder(&[("f", b"1\n")]);
    let open = async |format, columns: &[(&str, &str)], options: &[(&str, &str)]| {
        rows_of(dir.path(), format, columns, options, "select * from t").await.unwrap_err()
    };
    let deep = "ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<INT>>>>>>>>";
    assert!(open(FileFormat::TextFile, &[("a", deep)], &[]).await.message().contains("nests deeper"));
    assert!(open(FileFormat::TextFile, &[("a", "TIME")], &[]).await.message().contains("TEXTFILE cannot hold"));
    assert!(open(FileFormat::OpenCsv, &[("a", "ARRAY<INT>")], &[]).await.message().contains("OpenCSVSerde"));
    let error = open(FileFormat::TextFile, &[("a", "INT")], &[("skip.header.line.count", "x")]).await;
    assert!(error.message().contains("skip.header.line.count"), "{error}");
    let session = Session::at(dir.path());
    let undeclared = TableSpec { format: Some(FileFormat::TextFile), ..TableSpec::of(session.location("t/")) };
    assert!(session.table_of(undeclared).await.unwrap_err().message().contains("not declared"));
}
