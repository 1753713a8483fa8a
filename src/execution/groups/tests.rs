//! The groups are those of DataFusion's operator, whatever their number and their order, in memory and on disk.

use std::collections::BTreeSet;

use datafusion::arrow::array::AsArray as _;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::arrow::util::pretty::pretty_format_batches;

use crate::session::{Session, SessionOptions};

/// Rows whose groups come together in `near`, are everywhere in `spread`, and are a few in `few`; `one` of a kind. Types of all widths.
const TABLE: &str = "CREATE TABLE facts STORED AS PARQUET AS SELECT v AS one, v / 9 AS near, v * 7919 % 20011 AS spread,
     nullif(v * 31 % 7, 3) AS few, nullif(concat('a text of some length ', v * 7919 % 1009), 'a text of some length 13') AS text,
     nullif(concat('t', v * 7 % 11), 't5') AS short, arrow_cast(concat('b', v * 7 % 11), 'BinaryView') AS binary,
     nullif(DATE '2020-01-01' + CAST(v % 400 AS INT), DATE '2020-02-02') AS day,
     nullif(CAST(v % 300 AS DECIMAL(5, 2)), 17) AS small, nullif(CAST(v % 3000 AS DECIMAL(30, 2)) - 1000, 17) AS large,
     CAST(v % 100 AS TINYINT) AS tiny, CAST(v % 1000 - 500 AS SMALLINT) AS little, CASE v % 3 WHEN 0 THEN true WHEN 1 THEN false END AS yes,
     to_timestamp_millis(v % 77) AS moment, CAST(v % 13 AS DOUBLE) / 4 AS number, v
     FROM (SELECT value AS v FROM generate_series(1, $ROWS))";

/// What is asked of each grouping.
const FUNCTIONS: [&str; 3] = [
    "count(*), sum(v), min(text), max(day), avg(small)",
    "count(few), sum(large), count(DISTINCT few), sum(v) FILTER (WHERE yes), bool_or(yes)",
    "round(stddev(number), 6), min(number), max(v)",
];

const GROUPINGS: [&str; 24] = [
    "one",
    "near",
    "spread",
    "few",
    "text",
    "short",
    "binary",
    "day",
    "small",
    "large",
    "yes",
    "moment",
    "tiny, little, yes",
    "spread, day",
    "near, text, yes",
    "short, text, large",
    "large, small, near, tiny, moment, day",
    "number",
    "number, text",
    "concat(text, short)",
    "arrow_cast(binary, 'Binary'), day",
    "ROLLUP(short, day, few)",
    "CUBE(yes, short, few)",
    "GROUPING SETS ((near), (spread), (text, day), ())",
];

async fn session(folder: &tempfile::TempDir, memory_limit: Option<u64>) -> Session {
    let options = SessionOptions {
        base: Some(folder.path().into()),
        catalog: Some(folder.path().join("catalog")),
        memory_limit,
        ..SessionOptions::default()
    };
    let session = Session::open(options).await.unwrap();
    session.query("SET datafusion.execution.target_partitions = 2").await.unwrap();
    session
}

/// The rows of a grouping, in an order.
async fn rows(session: &Session, grouping: &str, functions: &str) -> Vec<OwnedRow> {
    let sql = format!("SELECT {grouping}, {functions} FROM facts GROUP BY {grouping}");
    let sets =
        grouping.split_once('(').filter(|(word, _)| word.chars().all(|letter| letter.is_uppercase() || letter == ' '));
    let sql = match sets {
        None => sql,
        // Every column that is in a set, and whether it is in this one.
        Some((_, sets)) => {
            let columns: BTreeSet<&str> = sets.split(['(', ')', ',', ' ']).filter(|name| !name.is_empty()).collect();
            let columns: Vec<String> = columns.iter().map(|column| format!("{column}, grouping({column})")).collect();
            format!("SELECT {}, {functions} FROM facts GROUP BY {grouping}", columns.join(", "))
        }
    };
    let batches = session.query(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let fields = batches[0].schema().fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
    let converter = RowConverter::new(fields).unwrap();
    let rows = batches.iter().map(|batch| converter.convert_columns(batch.columns()).unwrap());
    let mut rows: Vec<OwnedRow> =
        rows.flat_map(|rows| rows.iter().map(|row| row.owned()).collect::<Vec<_>>()).collect();
    rows.sort_unstable();
    rows
}

async fn rows_without(session: &Session, grouping: &str, functions: &str) -> Vec<OwnedRow> {
    session.query("SET ostrich.optimizer.disabled_rules = 'packed_groups'").await.unwrap();
    let rows = rows(session, grouping, functions).await;
    session.query("SET ostrich.optimizer.disabled_rules = ''").await.unwrap();
    rows
}

async fn explained(session: &Session, query: &str) -> String {
    let rows = session.query(&format!("EXPLAIN ANALYZE {query}")).await.unwrap();
    pretty_format_batches(&rows).unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_the_same_with_and_without() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&folder, None).await;
    session.query(&TABLE.replace("$ROWS", "60000")).await.unwrap();
    for (turn, grouping) in GROUPINGS.iter().enumerate() {
        let functions = FUNCTIONS[turn % FUNCTIONS.len()];
        let on = rows(&session, grouping, functions).await;
        assert!(on == rows_without(&session, grouping, functions).await, "{grouping}: {functions}");
        assert!(on.len() > 1, "{grouping}");
    }
}

/// How many rows the first step of an aggregation lets out.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_step_keeps_few_groups() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&folder, None).await;
    session.query(&TABLE.replace("$ROWS", "100000")).await.unwrap();
    let rows_of_first_step = async |grouping: &str| -> f64 {
        let plan = explained(&session, &format!("SELECT {grouping}, count(*) FROM facts GROUP BY {grouping}")).await;
        let line = plan.lines().find(|line| line.contains("mode=Partial")).unwrap_or_else(|| panic!("{plan}"));
        let rows = line.split("output_rows=").nth(1).unwrap().split(',').next().unwrap().trim().to_string();
        let (number, unit) = rows.split_once(' ').unwrap_or((&rows, ""));
        number.parse::<f64>().unwrap() * if unit == "K" { 1e3 } else { 1.0 }
    };
    // 11,112 groups, of which each is in one batch or two, though they are more than are kept.
    let near = rows_of_first_step("near").await;
    assert!((11_111.0..11_600.0).contains(&near), "{near}");
    // No row more, where groups are no gain.
    assert_eq!(rows_of_first_step("one").await, 100_000.0);
    // 21 in two partitions.
    assert_eq!(rows_of_first_step("yes, few").await, 42.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_that_do_not_fit_go_to_disk() {
    let folder = tempfile::tempdir().unwrap();
    let unbounded = session(&folder, None).await;
    unbounded.query(&TABLE.replace("$ROWS", "60000")).await.unwrap();
    let bounded = session(&folder, Some(6 << 20)).await;
    for (grouping, functions) in [
        ("spread, day", FUNCTIONS[0]),
        ("near, text, yes", FUNCTIONS[2]),
        ("short, text, large", "count(*), sum(v)"),
        ("GROUPING SETS ((near), (spread), (text, day), ())", "sum(v)"),
    ] {
        let expected = rows_without(&unbounded, grouping, functions).await;
        assert!(expected == rows(&bounded, grouping, functions).await, "{grouping}: {functions}");
    }
    let plan = explained(&bounded, "SELECT spread, day, min(text) FROM facts GROUP BY spread, day").await;
    let complete = plan.lines().find(|line| line.contains("mode=FinalPartitioned")).unwrap_or_else(|| panic!("{plan}"));
    assert!(!complete.contains("spill_count=0,"), "{complete}");
}

#[tokio::test]
async fn no_rows_have_no_groups_but_a_total() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&folder, None).await;
    session.query(&TABLE.replace("$ROWS", "10")).await.unwrap();
    let answer = async |sql: &str| pretty_format_batches(&session.query(sql).await.unwrap()).unwrap().to_string();
    for (grouping, rows) in [("few", 0), ("ROLLUP(few, yes)", 1), ("GROUPING SETS ((few), (yes))", 0)] {
        let sql =
            format!("SELECT count(*) FROM (SELECT few, count(*), sum(v) FROM facts WHERE v > 10 GROUP BY {grouping})");
        assert!(answer(&sql).await.contains(&format!("| {rows} ")), "{grouping}: {}", answer(&sql).await);
    }
}

/// DataFusion knows that groups come in an order if their rows do, and leaves the sort out. What goes to disk comes back in another order.
#[tokio::test]
async fn an_order_that_is_relied_on_is_kept() {
    let sql =
        "SELECT a + b, count(*), sum(b), min(b), max(b), avg(b), stddev(a), stddev(b), sum(a), min(a), max(a) FROM
               (SELECT a, b FROM (SELECT value % 10003 AS a, value AS b FROM generate_series(1, 60000))
                ORDER BY a + b LIMIT 59999)
               GROUP BY a, b ORDER BY a + b";
    let mut ends = [0, 0];
    for memory in [4_000, 5_000, 6_000, 8_000, 10_000, 12_000, 64_000] {
        let options =
            SessionOptions { memory_limit: Some(memory * 1000), threads: Some(1), ..SessionOptions::default() };
        let session = Session::open(options).await.unwrap();
        match session.query(sql).await {
            Ok(batches) => {
                let sums =
                    batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec());
                assert!(sums.is_sorted(), "{memory}");
                ends[0] += 1;
            }
            Err(error) => {
                assert!(error.to_string().contains("not enough memory"), "{error}");
                ends[1] += 1;
            }
        }
    }
    assert!(ends.iter().all(|ends| *ends > 0), "{ends:?}");
}
