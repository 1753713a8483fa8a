//! What the planner gets of what ANALYZE found.

use datafusion::arrow::array::RecordBatch;
use datafusion::common::Statistics;
use datafusion::common::stats::Precision;
use datafusion::physical_plan::{StatisticsArgs, StatisticsContext};
use futures::StreamExt as _;

use crate::catalog::model::TableName;
use crate::session::{Session, SessionOptions};

async fn session() -> Session {
    Session::open(SessionOptions { threads: Some(2), ..SessionOptions::default() }).await.unwrap()
}

async fn run(session: &Session, sql: &str) -> Vec<RecordBatch> {
    session.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// What the table says of itself, and what a scan of it says.
async fn statistics(session: &Session, table: &str) -> [Statistics; 2] {
    let tables = session.statement_tables("default");
    let provider = tables.provider("default", table).await.unwrap().unwrap();
    let schema = provider.schema();
    let scan = provider.scan(&tables.state(), None, &[], None).await.unwrap();
    let of_scan = StatisticsContext::new().compute(scan.as_ref(), &StatisticsArgs::new()).unwrap();
    [provider.statistics().unwrap_or_else(|| Statistics::new_unknown(&schema)), of_scan.as_ref().clone()]
}

fn distinct(statistics: &Statistics) -> Vec<Precision<usize>> {
    statistics.column_statistics.iter().map(|column| column.distinct_count).collect()
}

const MAKE: &str = "CREATE TABLE t (id INT, kind VARCHAR);
    INSERT INTO t SELECT value, 'kind ' || (value % 10) FROM generate_series(1, 1000)";

#[tokio::test]
async fn distinct_counts_are_there_once_a_table_was_analyzed() {
    let session = session().await;
    run(&session, MAKE).await;
    for statistics in statistics(&session, "t").await {
        assert_eq!(statistics.num_rows, Precision::Exact(1000));
        assert!(distinct(&statistics).iter().all(|count| !matches!(count, Precision::Inexact(_))));
    }
    run(&session, "ANALYZE t").await;
    for statistics in statistics(&session, "t").await {
        let [Precision::Inexact(ids), Precision::Inexact(10)] = distinct(&statistics)[..] else {
            panic!("{statistics:?}")
        };
        assert!((970..=1000).contains(&ids), "{ids}");
    }
}

#[tokio::test]
async fn they_stay_while_files_only_come_and_go_when_one_is_another() {
    let session = session().await;
    run(&session, MAKE).await;
    run(&session, "ANALYZE t; INSERT INTO t SELECT value, 'new' FROM generate_series(1001, 2000)").await;
    for statistics in statistics(&session, "t").await {
        let [Precision::Inexact(ids), Precision::Inexact(10)] = distinct(&statistics)[..] else {
            panic!("{statistics:?}")
        };
        // Where files do not tell their rows, their sizes do, about.
        assert!((1900..=2100).contains(&ids), "a key has as many values as there are rows: {ids}");
    }
    run(&session, "INSERT OVERWRITE TABLE t SELECT 1, 'one'").await;
    for statistics in statistics(&session, "t").await {
        assert!(distinct(&statistics).iter().all(|count| !matches!(count, Precision::Inexact(10))));
    }
}

#[tokio::test]
async fn rows_of_text_are_known_then_and_bounds_are_no_proof() {
    let session = session().await;
    run(
        &session,
        "CREATE TABLE t (id INT, kind VARCHAR) STORED AS CSV;
         INSERT INTO t SELECT value, 'kind ' || (value % 10) FROM generate_series(1, 1000)",
    )
    .await;
    let [_, of_scan] = statistics(&session, "t").await;
    assert_eq!(of_scan.num_rows, Precision::Absent);
    run(&session, "ANALYZE t").await;
    for statistics in statistics(&session, "t").await {
        assert_eq!(statistics.num_rows, Precision::Inexact(1000));
        assert_eq!(statistics.column_statistics[0].max_value, Precision::Inexact(1000.into()));
    }
    // Nothing is answered from them.
    let counted = run(&session, "SELECT count(*) AS n, max(id) AS m FROM t").await;
    assert_eq!(counted.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
    run(&session, "INSERT INTO t VALUES (5000, 'late')").await;
    let source = crate::sql::source::Source::new("sql", "SELECT max(id) AS m, count(*) AS n FROM t");
    let piece = session.split(&source).remove(0);
    let parsed = session.parse(&piece).unwrap();
    let crate::session::Outcome::Rows(mut rows) = session.execute(&parsed).await.unwrap() else { panic!("rows") };
    let batch = rows.stream.next().await.unwrap().unwrap();
    let text = datafusion::arrow::util::pretty::pretty_format_batches(&[batch]).unwrap().to_string();
    assert!(text.contains("5000") && text.contains("1001"), "{text}");
}

#[tokio::test]
async fn only_folders_with_other_files_are_looked_at_again() {
    let session = session().await;
    run(
        &session,
        "CREATE TABLE p (id INT) PARTITIONED BY (day INT); INSERT INTO p VALUES (1, 1), (2, 1), (3, 2); ANALYZE p",
    )
    .await;
    let name = TableName::new("default", "p");
    let times = async || -> Vec<_> {
        let found = session.metastore().partition_statistics(&name).await.unwrap();
        found.into_iter().map(|found| (found.folder, found.analyzed_at)).collect()
    };
    let before = times().await;
    assert_eq!(before.iter().map(|(folder, _)| folder.as_str()).collect::<Vec<_>>(), ["day=1", "day=2"]);
    run(&session, "INSERT INTO p VALUES (4, 2), (5, 3); ANALYZE p").await;
    let now = times().await;
    assert_eq!(now.len(), 3);
    assert_eq!(now[0], before[0]);
    assert!(now[1].1 > before[1].1);
    run(&session, "ALTER TABLE p DROP PARTITION (day = 1); ANALYZE p").await;
    assert_eq!(times().await, now[1..]);
}
