//! Tables whose catalog lists their partitions.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};

use super::Session;
use crate::catalog::model::FileFormat;
use crate::storage::TableSpec;
use crate::storage::table::ListedPartition;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = dir.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

/// A table of text in `t/` with the partition column `p`.
fn spec(session: &Session, partitions: &[(Option<&str>, &str, Option<&str>)]) -> TableSpec {
    let listed = |(value, place, unreadable): &(Option<&str>, &str, Option<&str>)| ListedPartition {
        values: vec![value.map(str::to_string)],
        location: session.location(place).into_folder(),
        unreadable: unreadable.map(str::to_string),
    };
    TableSpec {
        format: Some(FileFormat::TextFile),
        columns: Some(Arc::new(Schema::new(vec![Field::new("a", DataType::Int32, true)]))),
        partition_columns: Some(vec![Field::new("p", DataType::Int64, true)]),
        partitions: Some(partitions.iter().map(listed).collect()),
        ..TableSpec::of(session.location("t/"))
    }
}

#[tokio::test]
async fn values_are_those_of_the_list_and_not_of_folders() {
    let dir = folder(&[("t/p=1/x", "1\n2\n"), ("t/p=9/x", "9\n"), ("else/x", "3\n"), ("t/x", "0\n")]);
    let session = Session::at(dir.path());
    let partitions = [(Some("1"), "t/p=1", None), (None, "else", None), (Some("4"), "gone", None)];
    session.table_of(spec(&session, &partitions)).await.unwrap();
    assert_eq!(session.rows("select a, p from t order by a").await.unwrap(), ["1|1", "2|1", "3|~"]);
    assert_eq!(session.rows("select a from t where p is null").await.unwrap(), ["3"]);
    assert_eq!(session.rows("select count(*) from t where p = 4").await.unwrap(), ["0"]);
}

#[tokio::test]
async fn a_folder_with_another_value_is_another_table() {
    let dir = folder(&[("t/p=1/x", "1\n")]);
    let session = Session::at(dir.path());
    let digest = async |value| {
        let table = session.open(spec(&session, &[(Some(value), "t/p=1", None)])).await.unwrap();
        table.fingerprints().digest().to_string()
    };
    assert_eq!(digest("1").await, digest("1").await);
    assert_ne!(digest("1").await, digest("2").await);
}

#[tokio::test]
async fn two_partitions_of_one_folder_both_have_its_rows() {
    let dir = folder(&[("t/p=1/x", "1\n")]);
    let session = Session::at(dir.path());
    let partitions = [(Some("1"), "t/p=1", None), (Some("2"), "t/p=1", None)];
    session.table_of(spec(&session, &partitions)).await.unwrap();
    assert_eq!(session.rows("select a, p from t order by p").await.unwrap(), ["1|1", "1|2"]);
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_where_it_is_needed() {
    let dir = folder(&[("t/p=1/x", "1\n"), ("t/p=2/x.orc", "ORC"), ("t/p=3/x", "3\n")]);
    let session = Session::at(dir.path());
    let in_other_store = "s3://bucket/t/p=3/";
    let partitions =
        [(Some("1"), "t/p=1", None), (Some("2"), "t/p=2", Some("it is ORC")), (Some("3"), in_other_store, None)];
    session.table_of(spec(&session, &partitions)).await.unwrap();
    assert_eq!(session.rows("select a, p from t where p = 1").await.unwrap(), ["1|1"]);
    for (sql, why) in [
        ("select a from t", "p=2"),
        ("select count(*) from t where a = 1", "it is ORC"),
        ("select count(*) from t", "p=2"),
        ("select a from t where p > 2", "p=3 of the table in t/ cannot be read: it is in s3://bucket/t/p=3/"),
    ] {
        let error = session.rows(sql).await.unwrap_err();
        assert!(error.message().contains(why), "{sql}: {error}");
    }
}

#[tokio::test]
async fn values_have_to_fit_the_columns() {
    let dir = folder(&[("t/p=1/x", "1\n")]);
    let session = Session::at(Path::new(dir.path()));
    let error = session.table_of(spec(&session, &[(Some("one"), "t/p=1", None)])).await.unwrap_err();
    assert!(error.message().contains("p=one, which is no BIGINT"), "{error}");
}
