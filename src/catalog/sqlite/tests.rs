use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::catalog::model::Table;
use crate::catalog::suite;
use crate::error::ErrorKind;

fn new_catalog() -> (SqliteMetastore, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteMetastore::open(dir.path()).unwrap();
    (store, dir)
}

suite::metastore_suite!(new_catalog());

fn file(dir: &TempDir) -> PathBuf {
    dir.path().join(FILE_NAME)
}

/// Opening must fail with an error that names the file, and leave the file as it is.
fn assert_refused(dir: &TempDir, message: &str) {
    let file = file(dir);
    let before = fs::read(&file).unwrap();
    let error = SqliteMetastore::open(dir.path()).map(|_| ()).expect_err(message);
    assert_eq!(error.kind(), ErrorKind::Storage);
    let canonical = dir.path().canonicalize().unwrap().join(FILE_NAME);
    assert!(error.message().contains(&canonical.display().to_string()), "{error}");
    assert!(error.message().contains(message), "{error}");
    assert!(!error.help_lines().is_empty(), "{error}");
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn what_is_stored_is_there_at_the_next_opening() {
    let (store, dir) = new_catalog();
    store.create_relation(&suite::full_table().into(), IfExists::Fail).await.unwrap();
    drop(store);
    let store = SqliteMetastore::open(dir.path()).unwrap();
    assert_eq!(store.relation(&suite::full_table().name).await.unwrap(), Some(suite::full_table().into()));
}

#[tokio::test]
async fn a_missing_folder_is_made_and_one_with_other_files_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("a/b");
    SqliteMetastore::open(&deep).unwrap();
    assert!(deep.join(FILE_NAME).is_file());

    fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    SqliteMetastore::open(dir.path()).unwrap_err();
    assert!(!file(&dir).exists());
    assert_eq!(fs::read_to_string(dir.path().join("notes.txt")).unwrap(), "mine");
    // Beside a catalog other files are nobody's business.
    fs::write(deep.join("notes.txt"), "mine").unwrap();
    SqliteMetastore::open(&deep).unwrap();
}

#[test]
fn an_empty_file_becomes_a_catalog() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(file(&dir), "").unwrap();
    let store = SqliteMetastore::open(dir.path()).unwrap();
    assert_eq!(futures::executor::block_on(store.databases()).unwrap().len(), 1);
}

#[tokio::test]
async fn a_moved_folder_takes_its_tables_along() {
    let parent = tempfile::tempdir().unwrap();
    let (old, new) = (parent.path().join("old"), parent.path().join("new"));
    let store = SqliteMetastore::open(&old).unwrap();
    let inside = format!("{}/default/t/", store.warehouse().display());
    let table = Table { location: inside.clone(), ..suite::table("inside") };
    let outside = Table { location: "/elsewhere/t/".into(), ..suite::table("outside") };
    let database = Database { location: Some(inside.clone()), ..Database::new("sales") };
    store.create_relation(&table.clone().into(), IfExists::Fail).await.unwrap();
    store.create_relation(&outside.clone().into(), IfExists::Fail).await.unwrap();
    store.create_database(&database, IfExists::Fail).await.unwrap();
    // An update stores the location anew.
    store.update_table(&table.name, Box::new(|_| Ok(()))).await.unwrap();
    assert_eq!(store.relation(&table.name).await.unwrap(), Some(table.clone().into()));
    drop(store);

    fs::rename(&old, &new).unwrap();
    let store = SqliteMetastore::open(&new).unwrap();
    let moved = format!("{}/default/t/", store.warehouse().display());
    assert_ne!(moved, inside);
    let table = Table { location: moved.clone(), ..table };
    assert_eq!(store.relation(&table.name).await.unwrap(), Some(table.into()));
    assert_eq!(store.relation(&outside.name).await.unwrap(), Some(outside.into()));
    assert_eq!(store.database("sales").await.unwrap().unwrap().location, Some(moved));
}

#[test]
fn an_empty_file_beside_tables_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(file(&dir), "").unwrap();
    fs::create_dir_all(dir.path().join(super::WAREHOUSE).join("default")).unwrap();
    assert_refused(&dir, "it is empty, but there are tables beside it");
}

#[test]
fn files_that_are_no_catalog_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for content in ["x", "just a text", &"a text of some length\n".repeat(1000)] {
        fs::write(file(&dir), content).unwrap();
        assert_refused(&dir, "it is not a SQLite file");
    }
}

#[test]
fn the_database_of_another_program_is_refused() {
    for statement in
        ["CREATE TABLE theirs (a)", "PRAGMA user_version = 1", "PRAGMA application_id = 7; CREATE TABLE a (b)"]
    {
        let dir = tempfile::tempdir().unwrap();
        Connection::open(file(&dir)).unwrap().execute_batch(statement).unwrap();
        assert_refused(&dir, "it belongs to another program");
    }
}

#[test]
fn a_newer_layout_is_refused() {
    let (store, dir) = new_catalog();
    drop(store);
    let connection = Connection::open(file(&dir)).unwrap();
    connection.pragma_update(None, "user_version", migrations::CURRENT_VERSION + 1).unwrap();
    drop(connection);
    assert_refused(&dir, "was made by a newer version of Ostrich");
}

#[test]
fn a_read_only_file_is_refused() {
    let (store, dir) = new_catalog();
    drop(store);
    let mut permissions = fs::metadata(file(&dir)).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(file(&dir), permissions).unwrap();
    assert_refused(&dir, "is read-only");
}

#[test]
fn a_folder_in_the_files_place_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(file(&dir)).unwrap();
    let error = SqliteMetastore::open(dir.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains("it is not a file"), "{error}");
}

/// A catalog with enough in it to have many pages.
fn filled_catalog() -> TempDir {
    let (store, dir) = new_catalog();
    for i in 0..40 {
        let table = Table { name: TableName::new("default", format!("t{i}")), ..suite::full_table() };
        futures::executor::block_on(store.create_relation(&table.into(), IfExists::Fail)).unwrap();
    }
    drop(store);
    dir
}

/// Opening, or else the first look at the tables, must fail; the file stays as it is.
fn assert_found_damaged(dir: &TempDir) {
    let before = fs::read(file(dir)).unwrap();
    let error = SqliteMetastore::open(dir.path())
        .and_then(|store| futures::executor::block_on(store.relations("default")))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage, "{error}");
    assert!(error.message().contains(FILE_NAME), "{error}");
    assert!(error.message().contains("is damaged") || error.message().contains("cannot be"), "{error}");
    assert_eq!(fs::read(file(dir)).unwrap(), before);
}

#[test]
fn a_truncated_file_is_an_error() {
    let dir = filled_catalog();
    let content = fs::read(file(&dir)).unwrap();
    assert!(content.len() > 40_000);
    fs::write(file(&dir), &content[..content.len() / 2]).unwrap();
    assert_found_damaged(&dir);
}

#[test]
fn overwritten_pages_are_an_error() {
    let dir = filled_catalog();
    let mut content = fs::read(file(&dir)).unwrap();
    // All but the header.
    content[200..].fill(0xA5);
    fs::write(file(&dir), &content).unwrap();
    assert_found_damaged(&dir);
}

#[tokio::test]
async fn entries_that_cannot_be_read_name_the_table() {
    let (store, dir) = new_catalog();
    store.create_relation(&suite::table("t").into(), IfExists::Fail).await.unwrap();
    Connection::open(file(&dir)).unwrap().execute_batch("UPDATE columns SET type = 'WHATEVER'").unwrap();
    let error = store.relation(&TableName::new("default", "t")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().starts_with("the catalog's entry of default.t cannot be read: the type of its column"));
}

#[test]
fn the_files_pragmas() {
    let (store, dir) = new_catalog();
    let pragma = |name: &str| -> String {
        let connection = store.connection.lock().unwrap();
        connection.query_row(&format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!(pragma("journal_mode"), "wal");
    assert_eq!(pragma("foreign_keys"), "1");
    assert_eq!(pragma("user_version"), migrations::CURRENT_VERSION.to_string());
    // Bytes 68 to 71 say whose file it is; `file` and SQLite's own tools read them.
    drop(store);
    assert_eq!(&fs::read(file(&dir)).unwrap()[68..72], b"Ostr");
}

#[test]
fn nothing_of_a_dropped_table_stays_in_the_file() {
    let (store, _dir) = new_catalog();
    let table = suite::full_table();
    futures::executor::block_on(async {
        store.create_relation(&table.clone().into(), IfExists::Fail).await.unwrap();
        store.update_table(&table.name, Box::new(|_| Ok(()))).await.unwrap();
        for constraint in &table.constraints {
            suite::store_evidence(&store, &table, constraint).await;
        }
        store.drop_relation(&table.name).await.unwrap();
    });
    let connection = store.connection.lock().unwrap();
    for name in [
        "relations",
        "columns",
        "table_options",
        "properties",
        "constraints",
        "constraint_columns",
        "table_statistics",
        "column_statistics",
        "evidence",
        "evidence_files",
        "file_sets",
    ] {
        let rows: i64 = connection.query_row(&format!("SELECT count(*) FROM {name}"), [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0, "{name}");
    }
}

#[test]
fn no_update_is_lost_between_connections() {
    let (first, dir) = new_catalog();
    let mut stores: Vec<Arc<dyn Metastore>> = vec![Arc::new(first)];
    for _ in 0..3 {
        stores.push(Arc::new(SqliteMetastore::open(dir.path()).unwrap()));
    }
    suite::increments_from_many_threads(stores);
}

#[test]
fn a_new_catalog_may_be_opened_by_many_at_once() {
    let dir = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let store = SqliteMetastore::open(dir.path()).unwrap();
                assert_eq!(futures::executor::block_on(store.databases()).unwrap().len(), 1);
            });
        }
    });
}

/// Tells a process that it is the other one of [`no_update_is_lost_between_processes`], and where the catalog is.
const OTHER_PROCESS: &str = "OSTRICH_TEST_INCREMENT_CATALOG";

#[test]
#[ignore = "the other process of no_update_is_lost_between_processes"]
fn increment_in_another_process() {
    let dir = std::env::var_os(OTHER_PROCESS).expect("a catalog");
    let store = SqliteMetastore::open(Path::new(&dir)).unwrap();
    futures::executor::block_on(suite::increment(&store, &TableName::new("default", "t"), 50));
}

#[test]
fn no_update_is_lost_between_processes() {
    let (store, dir) = new_catalog();
    let name = TableName::new("default", "t");
    futures::executor::block_on(store.create_relation(&suite::table("t").into(), IfExists::Fail)).unwrap();
    let mut others: Vec<_> = (0..2)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "catalog::sqlite::tests::increment_in_another_process", "--ignored", "--quiet"])
                .env(OTHER_PROCESS, dir.path())
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    futures::executor::block_on(suite::increment(&store, &name, 50));
    for other in &mut others {
        assert!(other.wait().unwrap().success());
    }
    let Some(Relation::Table(table)) = futures::executor::block_on(store.relation(&name)).unwrap() else {
        panic!("the table is gone")
    };
    assert_eq!(table.properties["count"], "150");
}
