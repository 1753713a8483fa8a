//! Writes that are killed at each step: a reader sees the old rows or the new ones, and the next write cleans up.

use std::path::Path;
use std::process::{Command, Output};

/// The steps of a commit at which the command can be made to die (`storage/commit`), and whether the new rows count by then.
const STEPS: &[(&str, bool)] = &[
    ("staged", false),
    ("prepared", false),
    ("moving", false),
    ("moved", false),
    ("committed", true),
    ("deleted", true),
];

fn ostrich(folder: &Path, sql: &str, dies_at: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ostrich"));
    command.current_dir(folder).args([
        "--no-init",
        "-q",
        "--dialect",
        "hive",
        "--catalog",
        "c",
        "--format",
        "csv",
        "-e",
        sql,
    ]);
    if let Some(step) = dies_at {
        command.env("OSTRICH_FAIL_AT", step);
    }
    command.output().expect("the command runs")
}

fn rows(folder: &Path, sql: &str) -> String {
    let output = ostrich(folder, sql, None);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{sql}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

fn setup(folder: &Path) {
    rows(
        folder,
        "CREATE TABLE p (id INT) PARTITIONED BY (dt STRING); \
         INSERT INTO p PARTITION (dt = 'a') VALUES (1), (2); INSERT INTO p PARTITION (dt = 'b') VALUES (3)",
    );
}

/// What the statement does, and the rows before and after it.
const WRITES: &[(&str, &str, &str)] = &[
    ("INSERT INTO p PARTITION (dt) SELECT 9, 'b' UNION ALL SELECT 8, 'c'", "1 a,2 a,3 b", "1 a,2 a,3 b,8 c,9 b"),
    ("INSERT OVERWRITE TABLE p PARTITION (dt = 'a') SELECT 7", "1 a,2 a,3 b", "3 b,7 a"),
    ("INSERT OVERWRITE TABLE p PARTITION (dt) SELECT id * 10, dt FROM p", "1 a,2 a,3 b", "10 a,20 a,30 b"),
    ("TRUNCATE TABLE p", "1 a,2 a,3 b", ""),
    ("ALTER TABLE p DROP PARTITION (dt = 'a')", "1 a,2 a,3 b", "3 b"),
    ("ALTER TABLE p DROP PARTITION (dt > 'a')", "1 a,2 a,3 b", "1 a,2 a"),
    ("ALTER TABLE p PARTITION (dt = 'a') RENAME TO PARTITION (dt = 'c')", "1 a,2 a,3 b", "1 c,2 c,3 b"),
    ("DELETE FROM p WHERE id = 1", "1 a,2 a,3 b", "2 a,3 b"),
    ("DELETE FROM p WHERE id IN (SELECT min(id) FROM p)", "1 a,2 a,3 b", "2 a,3 b"),
    ("UPDATE p SET id = id * 10 WHERE dt = 'a'", "1 a,2 a,3 b", "3 b,10 a,20 a"),
    ("UPDATE p SET id = id + (SELECT max(id) FROM p), dt = 'b' WHERE id = 2", "1 a,2 a,3 b", "1 a,3 b,5 b"),
];

fn seen(folder: &Path) -> String {
    let text = rows(folder, "SELECT concat(id, ' ', dt) AS r FROM p ORDER BY id");
    text.lines().skip(1).collect::<Vec<_>>().join(",")
}

/// The table's hidden folder, wherever the catalog has put the table.
fn hidden(folder: &Path) -> Vec<String> {
    let tables = std::fs::read_dir(folder.join("c/warehouse/default")).expect("the warehouse");
    let table = tables.map(|entry| entry.expect("an entry").path()).next().expect("the table");
    let mut names: Vec<String> = std::fs::read_dir(table.join("_ostrich"))
        .expect("the hidden folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_writer_that_dies_leaves_the_old_rows_or_the_new_ones() {
    for (sql, before, after) in WRITES {
        for (step, is_done) in STEPS {
            let folder = tempfile::tempdir().expect("a folder");
            setup(folder.path());
            let killed = ostrich(folder.path(), sql, Some(step));
            // Some writes have no such step: nothing to move, or nothing to delete.
            let died = !killed.status.success();
            let expected = if *is_done || !died { after } else { before };
            assert_eq!(seen(folder.path()), *expected, "{sql}, killed at {step}");
            // Run again, it gives the same rows as if it had run once.
            if died && !*is_done {
                rows(folder.path(), sql);
                assert_eq!(seen(folder.path()), *after, "{sql}, again after {step}");
            }
            rows(folder.path(), "INSERT INTO p PARTITION (dt = 'z') VALUES (100)");
            let wanted = if after.is_empty() { "100 z".to_string() } else { format!("{after},100 z") };
            assert_eq!(seen(folder.path()), wanted, "{sql}, after {step} and one more");
            assert_eq!(hidden(folder.path()), ["last", "lock"], "{sql}, {step}");
        }
    }
}

/// Two tables have no commit in common: what dies between is finished by the same statement, and no row is ever lost.
#[test]
fn an_exchange_that_dies_is_finished_when_it_is_run_again() {
    let exchange = "ALTER TABLE p EXCHANGE PARTITION (dt = 'c') WITH TABLE q";
    for (step, _) in STEPS {
        let folder = tempfile::tempdir().expect("a folder");
        setup(folder.path());
        rows(folder.path(), "CREATE TABLE q LIKE p; INSERT INTO q PARTITION (dt = 'c') VALUES (7), (8)");
        let both =
            "SELECT count(DISTINCT id) AS n FROM (SELECT id FROM p UNION ALL SELECT id FROM q) AS b WHERE id > 6";
        ostrich(folder.path(), exchange, Some(step));
        assert_eq!(rows(folder.path(), both), "n\n2\n", "killed at {step}");
        ostrich(folder.path(), exchange, None);
        assert_eq!(seen(folder.path()), "1 a,2 a,3 b,7 c,8 c", "again after {step}");
        assert_eq!(rows(folder.path(), "SELECT count(*) AS n FROM q"), "n\n0\n", "again after {step}");
    }
}

#[test]
fn two_writers_lose_no_row() {
    let folder = tempfile::tempdir().expect("a folder");
    setup(folder.path());
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let folder = folder.path().to_path_buf();
            std::thread::spawn(move || {
                for round in 0..5 {
                    let id = 1000 + writer * 100 + round;
                    rows(&folder, &format!("INSERT INTO p PARTITION (dt = 'w{}') VALUES ({id})", writer % 2));
                }
            })
        })
        .collect();
    // A reader beside them sees whole writes only: rows never become fewer.
    let mut most = 0;
    for _ in 0..10 {
        let count: usize = rows(folder.path(), "SELECT count(*) AS n FROM p")
            .lines()
            .nth(1)
            .and_then(|n| n.parse().ok())
            .expect("a number");
        assert!(count >= most, "{count} rows after {most}");
        most = count;
    }
    for writer in writers {
        writer.join().expect("a writer");
    }
    assert_eq!(rows(folder.path(), "SELECT count(*) AS n, count(DISTINCT id) AS d FROM p"), "n,d\n23,23\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_one_process_lose_no_row() {
    use ostrich::session::{Session, SessionOptions};
    use ostrich::sql::dialect::Dialect;

    let folder = tempfile::tempdir().expect("a folder");
    setup(folder.path());
    let catalog = folder.path().join("c");
    let writers: Vec<_> = (0..3)
        .map(|writer| {
            let catalog = Some(catalog.clone());
            tokio::spawn(async move {
                let options = SessionOptions { catalog, dialect: Dialect::Hive, ..SessionOptions::default() };
                let session = Session::open(options).await.expect("a session");
                for round in 0..10 {
                    let id = 1000 + writer * 100 + round;
                    // Two into one partition, and one that is written anew each time.
                    let sql = match writer {
                        2 => format!("INSERT OVERWRITE TABLE p PARTITION (dt = 'o') VALUES ({id}), ({id})"),
                        _ => format!("INSERT INTO p PARTITION (dt = 'w') VALUES ({id})"),
                    };
                    session.query(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("a writer");
    }
    let sql = "SELECT count(*) AS n, count(DISTINCT id) AS d, max(IF(dt = 'o', id, 0)) AS o FROM p";
    assert_eq!(rows(folder.path(), sql), "n,d,o\n25,24,1209\n");
    assert_eq!(hidden(folder.path()), ["last", "lock"]);
}

/// A database that says where it lies has its managed tables there, and takes them away again.
#[test]
fn managed_tables_lie_where_their_database_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("elsewhere");
    rows(
        folder.path(),
        "CREATE DATABASE d LOCATION 'elsewhere'; CREATE TABLE d.t AS SELECT 1 AS id; INSERT INTO d.t VALUES (2); \
         CREATE TABLE other AS SELECT 5 AS id; CREATE TEMPORARY TABLE d.passing AS SELECT 3 AS id",
    );
    let tables = || -> Vec<String> {
        let entries = std::fs::read_dir(&place).expect("the database's folder");
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect()
    };
    assert!(matches!(tables().as_slice(), [table] if table.starts_with("t-")), "{:?}", tables());
    assert_eq!(rows(folder.path(), "SELECT id FROM d.t ORDER BY id"), "id\n1\n2\n");
    rows(folder.path(), "DROP TABLE d.t");
    assert!(tables().is_empty(), "{:?}", tables());
}
