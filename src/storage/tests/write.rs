//! INSERT INTO and COPY … TO.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::SessionContext;
use parquet::file::reader::{FileReader as _, SerializedFileReader};

use super::Session;
use crate::catalog::model::FileFormat;
use crate::error::Result;
use crate::storage::{TableSpec, register_output_formats};

fn spec(
    session: &Session,
    text: &str,
    format: FileFormat,
    columns: &[(&str, DataType)],
    partitions: &[(&str, DataType)],
) -> TableSpec {
    let fields =
        |list: &[(&str, DataType)]| list.iter().map(|(n, t)| Field::new(*n, t.clone(), true)).collect::<Vec<_>>();
    TableSpec {
        format: Some(format),
        columns: Some(Arc::new(Schema::new(fields(columns)))),
        partition_columns: Some(fields(partitions)),
        former_names: Default::default(),
        ..TableSpec::of(session.location(text))
    }
}

const TEXTS: &str = "(values (1, 'a,b'), (2, ''), (3, null), (4, 'say \"x\"'), (5, 'two\nlines'), (6, 'NULL'))";

#[tokio::test]
async fn what_is_inserted_is_read_back_in_every_format() {
    for format in [FileFormat::Parquet, FileFormat::Csv, FileFormat::Json, FileFormat::Arrow] {
        let dir = tempfile::tempdir().unwrap();
        let session = Session::at(dir.path());
        let spec = spec(&session, "t", format, &[("n", DataType::Int64), ("s", DataType::Utf8View)], &[]);
        for _ in 0..2 {
            session.table_of(spec.clone()).await.unwrap();
            assert_eq!(
                session.rows(&format!("insert into t select * from {TEXTS}")).await.unwrap(),
                ["6"],
                "{format:?}"
            );
        }
        session.table_of(spec).await.unwrap();
        let rows = session.rows("select n, s, count(*) from t group by n, s order by n").await.unwrap();
        assert_eq!(rows, ["1|a,b|2", "2||2", "3|~|2", "4|say \"x\"|2", "5|two\nlines|2", "6|NULL|2"], "{format:?}");
    }
}

#[tokio::test]
async fn partition_values_of_every_kind_come_back() {
    for format in [FileFormat::Parquet, FileFormat::Csv, FileFormat::Json, FileFormat::Arrow] {
        let dir = tempfile::tempdir().unwrap();
        let session = Session::at(dir.path());
        let partitions = [("p", DataType::Utf8View), ("d", DataType::Date32), ("q", DataType::Decimal128(5, 2))];
        let spec = spec(&session, "t", format, &[("n", DataType::Int64)], &partitions);
        session.table_of(spec.clone()).await.unwrap();
        let values = "values (1, 'a/b', date '2026-01-31', 1.5), (2, null, null, null), (3, '', date '2026-01-31', 2),
                      (4, 'é ü?*%', null, 0), (5, '100%', null, 0), (6, 'a=b', null, 0), (7, '.', null, 0)";
        session.rows(&format!("insert into t select * from ({values})")).await.unwrap();
        session.table_of(spec).await.unwrap();
        let rows = session.rows("select n, p, d, q from t order by n").await.unwrap();
        assert_eq!(
            rows,
            [
                "1|a/b|2026-01-31|1.50",
                "2|~|~|~",
                "3||2026-01-31|2.00",
                "4|é ü?*%|~|0.00",
                "5|100%|~|0.00",
                "6|a=b|~|0.00",
                "7|.|~|0.00"
            ],
            "{format:?}"
        );
        assert_eq!(session.rows("select n from t where p is null").await.unwrap(), ["2"]);
        assert!(dir.path().join("t/p=__HIVE_DEFAULT_PARTITION__/d=__HIVE_DEFAULT_PARTITION__").is_dir());
    }
}

#[tokio::test]
async fn inserts_that_cannot_be_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.csv"), "n\n1\n").unwrap();
    let session = Session::at(dir.path());
    for text in ["a.csv", "*.csv"] {
        session.table(text).await.unwrap();
        let error = session.rows("insert into t values (2)").await.unwrap_err();
        assert!(error.message().contains(text), "{error}");
    }
    let folder = spec(&session, "t", FileFormat::Parquet, &[("n", DataType::Int64)], &[]);
    session.table_of(folder).await.unwrap();
    let error = session.rows("insert overwrite t values (2)").await.unwrap_err();
    assert!(error.message().contains("INSERT OVERWRITE is not supported yet"), "{error}");
    let avro = spec(&session, "t", FileFormat::Avro, &[("n", DataType::Int64)], &[]);
    session.table_of(avro).await.unwrap();
    assert!(session.rows("insert into t values (2)").await.unwrap_err().message().contains("Avro"));
}

#[tokio::test]
async fn the_options_of_a_table_hold_for_what_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::at(dir.path());
    let options = [("delimiter", "\\001"), ("null", "\\N"), ("quote", ""), ("escape", "\\"), ("header", "false")];
    let options = options.map(|(key, value)| (key.to_string(), value.to_string())).into();
    let columns = [("n", DataType::Int64), ("s", DataType::Utf8View)];
    let spec = TableSpec { options, ..spec(&session, "t", FileFormat::Csv, &columns, &[]) };
    session.table_of(spec.clone()).await.unwrap();
    session.rows("insert into t values (1, null), (2, '\\N'), (3, ''), (4, 'a\u{1}b\nc')").await.unwrap();
    session.table_of(spec).await.unwrap();
    let rows = session.rows("select n, s from t order by n").await.unwrap();
    assert_eq!(rows, ["1|~", "2|\\N", "3|", "4|a\u{1}b\nc"]);
}

/// The most rows that a row group of a folder's only file has, and whether the first column has a dictionary.
fn row_groups(folder: &Path) -> (i64, bool) {
    let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let reader = SerializedFileReader::new(std::fs::File::open(file).unwrap()).unwrap();
    let groups = reader.metadata().row_groups();
    let has_dictionary = groups.iter().all(|group| group.column(0).dictionary_page_offset().is_some());
    (groups.iter().map(|group| group.num_rows()).max().unwrap(), has_dictionary)
}

#[tokio::test]
async fn files_beside_others_have_smaller_row_groups() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::at(dir.path());
    let columns = [("n", DataType::Int64)];
    let select = "select n % 20000 as n from (select unnest(range(200000)) as n)";
    let partitions = [("p", DataType::Int64)];
    session.table_of(spec(&session, "parted", FileFormat::Parquet, &columns, &partitions)).await.unwrap();
    session.rows(&format!("insert into t select n, 1 from ({select})")).await.unwrap();
    assert_eq!(row_groups(&dir.path().join("parted/p=1")), (131_072, true));
    // What the table says holds.
    let options = [("row_group_size".to_string(), "150000".to_string())].into();
    let given = TableSpec { options, ..spec(&session, "given", FileFormat::Parquet, &columns, &partitions) };
    session.table_of(given).await.unwrap();
    session.rows(&format!("insert into t select n, 1 from ({select})")).await.unwrap();
    assert_eq!(row_groups(&dir.path().join("given/p=1")).0, 150_000);
}

fn with_output_formats(session: &Session) -> Session {
    let mut state = SessionStateBuilder::new_from_existing(session.context.state()).build();
    register_output_formats(&mut state).unwrap();
    Session {
        context: SessionContext::new_with_state(state),
        caches: Arc::clone(&session.caches),
        base: session.base.clone(),
    }
}

async fn copied(dir: &Path, sql: &str, target: &str) -> Result<Vec<String>> {
    let session = with_output_formats(&Session::at(dir));
    session.rows(&sql.replace("TARGET", &dir.join(target).display().to_string())).await?;
    session.table(target).await?;
    session.rows("select * from t order by 1").await
}

#[tokio::test]
async fn copies_to_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let expected = ["1|x", "2|", "3|~"];
    for (target, format) in [
        ("a.parquet", "parquet"),
        ("a.csv", "csv"),
        ("a.csv.gz", "csv"),
        ("a b%20c.tsv", "csv"),
        ("a.jsonl", "json"),
        ("b.json.zst", "json"),
        ("a.arrow", "arrow"),
    ] {
        let sql = format!(
            "copy (select * from (values (1, 'x'), (2, ''), (3, null)) as v(n, s)) to 'TARGET' stored as {format}"
        );
        assert_eq!(copied(dir.path(), &sql, target).await.unwrap(), expected, "{target}");
        assert!(dir.path().join(target).is_file(), "{target}");
    }
    let gzip = std::fs::read(dir.path().join("a.csv.gz")).unwrap();
    assert_eq!(gzip[..2], [0x1f, 0x8b]);
    assert!(std::fs::read_to_string(dir.path().join("a b%20c.tsv")).unwrap().contains("1\tx"));
}

#[tokio::test]
async fn copies_keep_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let session = with_output_formats(&Session::testdata());
    session.table("tpch/lineitem.parquet").await.unwrap();
    let target = dir.path().join("sorted.csv");
    session
        .rows(&format!(
            "copy (select l_partkey from t order by l_partkey desc) to '{}' stored as csv",
            target.display()
        ))
        .await
        .unwrap();
    let text = std::fs::read_to_string(target).unwrap();
    let keys: Vec<i64> = text.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    assert_eq!(keys.len(), 60175);
    assert!(keys.is_sorted_by(|a, b| a >= b));
}

#[tokio::test]
async fn copies_to_partitioned_folders() {
    let dir = tempfile::tempdir().unwrap();
    let sql = "copy (select * from (values (1, 'x'), (2, null)) as v(n, p)) to 'TARGET/' stored as parquet partitioned by (p)";
    assert_eq!(copied(dir.path(), sql, "out").await.unwrap(), ["1|x", "2|~"]);
    let all = "copy (select 1 as p) to 'TARGET/' stored as parquet partitioned by (p)";
    assert!(copied(dir.path(), all, "all").await.unwrap_err().message().contains("all columns"));
}

#[tokio::test]
async fn options_of_copies() {
    let dir = tempfile::tempdir().unwrap();
    let with = |options: &str| {
        format!(
            "copy (select * from (values (1, 'x'), (2, null)) as v(n, s)) to 'TARGET' stored as csv options ({options})"
        )
    };
    copied(dir.path(), &with("header false, delimiter ';', null 'NULL'"), "a.csv").await.unwrap();
    assert_eq!(std::fs::read_to_string(dir.path().join("a.csv")).unwrap(), "1;x\n2;NULL\n");
    let error = copied(dir.path(), &with("'headre' 'true'"), "b.csv").await.unwrap_err();
    assert_eq!(error.help_lines(), ["did you mean \"header\"?"]);
    let parquet = "copy (select 1 as n) to 'TARGET' stored as parquet options (compression 'zstd(5)')";
    assert_eq!(copied(dir.path(), parquet, "c.parquet").await.unwrap(), ["1"]);
    let wrong = parquet.replace("zstd(5)", "zip");
    assert!(copied(dir.path(), &wrong, "d.parquet").await.unwrap_err().message().contains("zip"));
    let nested = "copy (select make_array(1) as a) to 'TARGET' stored as csv";
    assert!(copied(dir.path(), nested, "e.csv").await.unwrap_err().message().contains("CSV files cannot hold"));
}
