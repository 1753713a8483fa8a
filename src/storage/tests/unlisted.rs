//! Tables of many partitions whose files nobody has listed.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};

use super::Session;
use crate::catalog::model::FileFormat;
use crate::storage::{TableSpec, UnlistedTable};

fn put(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A table of text in `t/` with the partition columns `p` and `q`: 20 partitions by `p`, each with a file of one row.
fn lake() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..20 {
        put(dir.path(), &format!("t/p={number}/q=a/x"), &format!("{number}\n"));
    }
    dir
}

fn spec(session: &Session) -> TableSpec {
    TableSpec {
        format: Some(FileFormat::TextFile),
        columns: Some(Arc::new(Schema::new(vec![Field::new("a", DataType::Int32, true)]))),
        partition_columns: Some(vec![
            Field::new("p", DataType::Int64, true),
            Field::new("q", DataType::Utf8View, true),
        ]),
        ..TableSpec::of(session.location("t/"))
    }
}

/// Makes `t` the unlisted table.
async fn open(session: &Session, spec: &TableSpec) {
    let table = UnlistedTable::open(&session.context.state(), &session.caches, spec, 16).await.unwrap().unwrap();
    let _ = session.context.deregister_table("t");
    session.context.register_table("t", Arc::new(table)).unwrap();
}

async fn is_listed(session: &Session, spec: &TableSpec) -> bool {
    UnlistedTable::open(&session.context.state(), &session.caches, spec, 16).await.unwrap().is_none()
}

#[tokio::test]
async fn rows_are_those_of_the_listed_table() {
    let dir = lake();
    put(dir.path(), "t/p=3/q=__HIVE_DEFAULT_PARTITION__/y", "30\n31\n");
    put(dir.path(), "t/P=4/q=100%25 %2F/deeper/z", "40\n");
    put(dir.path(), "t/p=4/q=a/_hidden", "41\n");
    put(dir.path(), "t/_SUCCESS", "");
    put(dir.path(), "t/.git/x", "42\n");
    fs::create_dir(dir.path().join("t/p=77")).unwrap();
    let session = Session::at(dir.path());
    for sql in [
        "SELECT * FROM t ORDER BY a",
        "SELECT * FROM t WHERE p = 3 ORDER BY a",
        "SELECT a FROM t WHERE q IS NULL ORDER BY a",
        "SELECT a, q FROM t WHERE q = '100% /'",
        "SELECT count(*) FROM t WHERE p > 17 OR a = 5",
        "SELECT count(*) FROM t WHERE p = 77",
        "SELECT x.a, y.a FROM t x JOIN t y ON x.a = y.a + 1 WHERE x.p = 4 AND y.p IN (3, 4) ORDER BY 1",
        "SELECT p FROM t WHERE p < 2 ORDER BY p LIMIT 1",
    ] {
        session.table_of(spec(&session)).await.unwrap();
        let expected = session.rows(sql).await.unwrap();
        open(&session, &spec(&session)).await;
        assert_eq!(session.rows(sql).await.unwrap(), expected, "{sql}");
    }
}

#[tokio::test]
async fn only_the_partitions_that_are_read_are_looked_into() {
    let dir = lake();
    let session = Session::at(dir.path());
    open(&session, &spec(&session)).await;
    // Nobody finds out.
    fs::remove_dir_all(dir.path().join("t/p=5")).unwrap();
    put(dir.path(), "t/p=6/q=a/y", "60\n");
    assert_eq!(session.rows("SELECT a FROM t WHERE p = 6 ORDER BY a").await.unwrap(), ["6", "60"]);
    // What one scan has seen, the next one sees, too.
    put(dir.path(), "t/p=6/q=a/z", "61\n");
    assert_eq!(session.rows("SELECT a FROM t WHERE p = 6 ORDER BY a").await.unwrap(), ["6", "60"]);
}

#[tokio::test]
async fn what_only_a_listing_of_files_can_judge_is_listed() {
    let few = tempfile::tempdir().unwrap();
    put(few.path(), "t/p=1/q=a/x", "1\n");
    let session = Session::at(few.path());
    assert!(is_listed(&session, &spec(&session)).await);
    for stray in ["t/x", "t/p=1/x", "t/other/q=a/x", "t/p=1/r=a/x", "t/p=no number/q=a/x"] {
        let dir = lake();
        put(dir.path(), stray, "1\n");
        let session = Session::at(dir.path());
        assert!(is_listed(&session, &spec(&session)).await, "{stray}");
    }
    let dir = lake();
    let session = Session::at(dir.path());
    assert!(!is_listed(&session, &spec(&session)).await);
    let undeclared = TableSpec { columns: None, ..spec(&session) };
    assert!(is_listed(&session, &undeclared).await);
    // Its header may be in one file alone.
    let of_csv = TableSpec { format: Some(FileFormat::Csv), ..spec(&session) };
    assert!(is_listed(&session, &of_csv).await);
}

#[tokio::test]
async fn a_write_between_folders_and_files_is_an_error() {
    let dir = lake();
    let session = Session::at(dir.path());
    open(&session, &spec(&session)).await;
    assert_eq!(session.rows("SELECT a FROM t WHERE p = 6").await.unwrap(), ["6"]);
    put(dir.path(), "t/_ostrich/last", "another write");
    let error = session.rows("SELECT a FROM t WHERE p = 7").await.unwrap_err();
    assert!(error.to_string().contains("was written to while the statement was planned"), "{error}");
}
