//! DuckDB and Spark read the tables that we write, and we read theirs: NULL partitions, special characters in folder names, decimals,
//! times, nested types, dictionaries.
//!
//! They are looked for in the Pythons that `OSTRICH_DUCKDB_PYTHON` and `OSTRICH_PYSPARK_PYTHON` name, or else in `python3`. Where they are
//! missing, the tests say so and pass.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use ostrich::session::{Session, SessionOptions};
use ostrich::sql::dialect::Dialect;

/// The rows of the Parquet tables, ours and theirs.
const ROWS: &[&str] = &[
    "1|plain|12.345|2026-01-31 12:34:56.789012|2026-01-31|1.5|true|1|2|1|x|1|a/b:c%d=e f é한|7",
    "2|~|~|~|~|~|~|~|~|~|~|~|~|~",
    "3|plain|-0.001|1969-12-31 23:59:59.5|1969-12-31|0.25|false|3|~|~|y|~|plain|-1",
];

const COLUMNS: &str = "id, s, CAST(d AS STRING), CAST(ts AS STRING), CAST(dt AS STRING), f, b, \
                       arr[0], arr[1], st.a, st.b, m['k'], p, n";

/// A Python that has a module; `None` with a message if there is none.
fn python(variable: &str, module: &str) -> Option<String> {
    let python = std::env::var(variable).unwrap_or_else(|_| "python3".to_string());
    let has = Command::new(&python).args(["-c", &format!("import {module}")]).output();
    if has.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    eprintln!("skipped: {python} has no module {module}; {variable} names a Python that has it");
    None
}

/// Runs a script of `tests/interop/` on a folder. Returns what it showed, by title.
fn other_side(python: &str, script: &str, folder: &Path) -> BTreeMap<String, Vec<String>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(script);
    let output = Command::new(python)
        .arg(script)
        .arg(folder)
        .current_dir(folder)
        .env("PYTHONIOENCODING", "utf-8")
        .output()
        .expect("python");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut title = String::new();
    for line in text.lines() {
        match line.strip_prefix("== ") {
            Some(next) => {
                title = next.to_string();
                shown.insert(title.clone(), Vec::new());
            }
            None => shown.entry(title.clone()).or_default().push(line.to_string()),
        }
    }
    shown
}

async fn session() -> Session {
    Session::open(SessionOptions { dialect: Dialect::Hive, ..SessionOptions::default() }).await.expect("a session")
}

async fn rows(session: &Session, sql: &str) -> Vec<String> {
    let batches = session.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let options = FormatOptions::new().with_null("~");
    let mut rows = Vec::new();
    for batch in &batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).expect("a text")).collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|"));
        }
    }
    rows
}

/// The tables `parquet`, `text` and `json` in `ours/`.
async fn write_ours(folder: &Path) {
    let session = session().await;
    let ours = folder.join("ours").display().to_string();
    let sql = format!(
        "CREATE EXTERNAL TABLE r (id INT, s STRING, d DECIMAL(12,3), ts TIMESTAMP, dt DATE, f DOUBLE, b BOOLEAN, arr ARRAY<INT>, \
             st STRUCT<a: INT, b: STRING>, m MAP<STRING, INT>) PARTITIONED BY (p STRING, n INT) \
             STORED AS PARQUET LOCATION '{ours}/parquet/';
         INSERT INTO r PARTITION (p, n)
         SELECT 1, 'plain', 12.345, TIMESTAMP '2026-01-31 12:34:56.789012', DATE '2026-01-31', 1.5, true, array(1, 2), \
             named_struct('a', 1, 'b', 'x'), map('k', 1), 'a/b:c%d=e f é한', 7;
         INSERT INTO r PARTITION (p, n) (id) SELECT 2, NULL, NULL;
         INSERT INTO r PARTITION (p = 'plain', n = -1)
         SELECT 3, 'plain', -0.001, TIMESTAMP '1969-12-31 23:59:59.5', DATE '1969-12-31', 0.25, false, array(3, NULL), \
             named_struct('a', CAST(NULL AS INT), 'b', 'y'), map('j', 2);
         CREATE EXTERNAL TABLE x (id INT, s STRING, d DECIMAL(12,3), ts TIMESTAMP, arr ARRAY<INT>, m MAP<STRING, INT>) \
             PARTITIONED BY (p STRING) STORED AS TEXTFILE LOCATION '{ours}/text/';
         INSERT INTO x PARTITION (p) SELECT id, s, d, ts, arr, m, p FROM r;
         CREATE EXTERNAL TABLE j (id INT, s STRING, arr ARRAY<INT>) \
             PARTITIONED BY (p STRING) STORED AS JSONFILE LOCATION '{ours}/json/';
         INSERT INTO j PARTITION (p) SELECT id, s, arr, p FROM r;"
    );
    session.query(&sql).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(rows(&session, &format!("SELECT {COLUMNS} FROM r ORDER BY id")).await, ROWS);
}

async fn assert_theirs(folder: &Path) {
    let session = session().await;
    let theirs = folder.join("theirs").display().to_string();
    // As they are, and declared.
    let sql =
        format!("CREATE EXTERNAL TABLE u STORED AS PARQUET LOCATION '{theirs}/'; SELECT {COLUMNS} FROM u ORDER BY id");
    assert_eq!(rows(&session, &sql).await, ROWS);
    let sql = format!(
        "CREATE EXTERNAL TABLE t (id INT, s STRING, d DECIMAL(12,3), ts TIMESTAMP, dt DATE, f DOUBLE, b BOOLEAN, arr ARRAY<INT>, \
             st STRUCT<a: INT, b: STRING>, m MAP<STRING, INT>) PARTITIONED BY (p STRING, n INT) \
             STORED AS PARQUET LOCATION '{theirs}/';
         SELECT {COLUMNS} FROM t ORDER BY id"
    );
    assert_eq!(rows(&session, &sql).await, ROWS);
    let sql = "SELECT id FROM t WHERE p = 'a/b:c%d=e f é한' AND n = 7 OR p IS NULL ORDER BY id";
    assert_eq!(rows(&session, sql).await, ["1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn duckdb() {
    let Some(python) = python("OSTRICH_DUCKDB_PYTHON", "duckdb") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    write_ours(folder.path()).await;
    let shown = other_side(&python, "duckdb_side.py", folder.path());
    assert_eq!(shown["parquet"], ROWS);
    assert_eq!(shown["text"], ["1|plain|a/b:c%d=e f é한", "2|~|~", "3|plain|plain"]);
    assert_eq!(shown["json"], ["1|plain|1|a/b:c%d=e f é한", "2|~|~|~", "3|plain|3|plain"]);
    assert_theirs(folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spark() {
    let Some(python) = python("OSTRICH_PYSPARK_PYTHON", "pyspark") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    write_ours(folder.path()).await;
    let shown = other_side(&python, "spark_side.py", folder.path());
    assert_eq!(shown["parquet"], ROWS);
    let text = [
        "1|plain|12.345|2026-01-31 12:34:56.789012|1|1|a/b:c%d=e f é한",
        "2|~|~|~|~|~|~",
        "3|plain|-0.001|1969-12-31 23:59:59.5|3|~|plain",
    ];
    assert_eq!(shown["text"], text);
    let json = ["1|plain|1|a/b:c%d=e f é한", "2|~|~|~", "3|plain|3|plain"];
    assert_eq!(shown["json"], json);
    assert_theirs(folder.path()).await;
    let session = session().await;
    let theirs = folder.path().display();
    let sql = format!(
        "CREATE EXTERNAL TABLE x (id INT, s STRING, d DECIMAL(12,3), ts TIMESTAMP, arr ARRAY<INT>, m MAP<STRING, INT>) \
             PARTITIONED BY (p STRING) STORED AS TEXTFILE LOCATION '{theirs}/theirs_text/';
         SELECT id, s, CAST(d AS STRING), CAST(ts AS STRING), arr[0], m['k'], p FROM x ORDER BY id"
    );
    assert_eq!(rows(&session, &sql).await, text);
    let sql = format!(
        "CREATE EXTERNAL TABLE j (id INT, s STRING, arr ARRAY<INT>) \
             PARTITIONED BY (p STRING) STORED AS JSONFILE LOCATION '{theirs}/theirs_json/';
         SELECT id, s, arr[0], p FROM j ORDER BY id"
    );
    assert_eq!(rows(&session, &sql).await, json);
}
