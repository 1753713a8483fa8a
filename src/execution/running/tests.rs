//! The columns are those of DataFusion's operator, wherever batches and partitions end.

use std::collections::HashSet;

use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::SessionContext;

use crate::execution::with_physical_planner;
use crate::session::{Session, SessionOptions};

const TABLE: &str = "CREATE TABLE sales STORED AS PARQUET AS SELECT v, v * 7919 % 97 AS key, nullif(concat('a text of some length ', v * 31 % 5), 'a text of some length 3') AS text,
     nullif(v * 7 % 13, 5) AS day, nullif(CAST(v * 104729 % 10007 AS DECIMAL(17, 2)) / 4, 17) AS amount, nullif(v * 31 % 1009 - 500, 7) AS number,
     nullif(DATE '2020-01-01' + CAST(v * 31 % 400 AS INT), DATE '2020-02-02') AS date, CAST(v % 77 AS DOUBLE) / 4 AS double,
     to_timestamp_millis(v % 77) AS moment
     FROM (SELECT value AS v FROM generate_series(1, 6000))";

const FRAME: &str = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW";

/// Whether it is done here.
const WINDOWS: [(&str, &str, bool); 14] = [
    ("row_number()", "PARTITION BY key ORDER BY v", true),
    ("rank()", "PARTITION BY key ORDER BY day", true),
    ("dense_rank()", "PARTITION BY text, key ORDER BY day DESC, number", true),
    ("rank()", "PARTITION BY text ORDER BY day", true),
    ("dense_rank()", "ORDER BY text", true),
    ("row_number()", "PARTITION BY double ORDER BY v", false),
    ("sum(amount)", "PARTITION BY key ORDER BY v FRAME", true),
    ("sum(number)", "PARTITION BY text ORDER BY v FRAME", true),
    ("count(number)", "PARTITION BY text, day ORDER BY v FRAME", true),
    ("count(*)", "ORDER BY v FRAME", true),
    ("min(date)", "PARTITION BY key ORDER BY v FRAME", true),
    ("max(moment)", "PARTITION BY day ORDER BY v FRAME", true),
    ("sum(double)", "PARTITION BY key ORDER BY v FRAME", false),
    ("sum(amount) FILTER (WHERE day > 3)", "PARTITION BY key ORDER BY v FRAME", false),
];

async fn session(folder: &tempfile::TempDir) -> Session {
    let options = SessionOptions {
        base: Some(folder.path().into()),
        catalog: Some(folder.path().join("catalog")),
        ..SessionOptions::default()
    };
    let session = Session::open(options).await.unwrap();
    for statement in
        [TABLE, "SET datafusion.execution.target_partitions = 2", "SET datafusion.execution.batch_size = 100"]
    {
        session.query(statement).await.unwrap();
    }
    session
}

async fn shown(session: &Session, sql: &str) -> String {
    pretty_format_batches(&session.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}")))
        .unwrap()
        .to_string()
}

fn query(windows: &[(&str, &str, bool)]) -> String {
    let columns: Vec<String> = windows
        .iter()
        .map(|(function, over, _)| format!("{function} OVER ({})", over.replace("FRAME", FRAME)))
        .collect();
    // What rank() says of equal rows is the same whatever their order.
    format!("SELECT v, {} FROM sales ORDER BY v", columns.join(", "))
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_the_same_with_and_without() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&folder).await;
    let all = WINDOWS.iter().map(std::slice::from_ref).chain([&WINDOWS[..]]);
    for sql in all.map(query) {
        let rows = shown(&session, &sql).await;
        session.query("SET ostrich.optimizer.disabled_rules = 'running_windows'").await.unwrap();
        let expected = shown(&session, &sql).await;
        session.query("SET ostrich.optimizer.disabled_rules = ''").await.unwrap();
        assert!(rows == expected, "{sql}");
    }
}

#[tokio::test]
async fn what_is_exact_and_has_no_filter_is_done_here() {
    let state = with_physical_planner(SessionStateBuilder::new().with_default_features(), &HashSet::new()).build();
    let context = SessionContext::new_with_state(state);
    let table = TABLE.replace("STORED AS PARQUET ", "").replace("generate_series(1, 6000)", "generate_series(1, 60)");
    context.sql(&table).await.unwrap().collect().await.unwrap();
    for window in WINDOWS {
        let plan = context.sql(&query(&[window])).await.unwrap().create_physical_plan().await.unwrap();
        assert_eq!(format!("{plan:?}").contains("RunningExec"), window.2, "{window:?}");
    }
}

#[tokio::test]
async fn a_sum_that_leaves_its_type_says_so_in_ansi_only() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&folder).await;
    let sql =
        format!("SELECT max(s) FROM (SELECT sum(v + 9223372036854770000) OVER (ORDER BY v {FRAME}) AS s FROM sales)");
    let error = session.query(&sql).await.unwrap_err().to_string();
    assert!(error.contains("a sum is out of range for BIGINT"), "{error}");
    session.query("SET ostrich.dialect = 'hive'").await.unwrap();
    let wrapped = shown(&session, &sql).await;
    session.query("SET ostrich.optimizer.disabled_rules = 'running_windows'").await.unwrap();
    assert_eq!(wrapped, shown(&session, &sql).await);
}
