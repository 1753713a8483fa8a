//! What is dropped was not wanted: the same rows with and without the filters.

use datafusion::arrow::util::pretty::pretty_format_batches;

use crate::session::{Session, SessionOptions};

/// Keys of each type, some NULL, in an order that is none; `few` has a part of those of `many`, and others.
const TABLES: [&str; 3] = [
    "CREATE TABLE many STORED AS PARQUET AS SELECT nullif(v * 7919 % 5003, 11) AS k, v * 7919 % 5003 * 1000003 AS wide,
     nullif(concat('key ', v * 7919 % 5003), 'key 13') AS s, DATE '2020-01-01' + CAST(v * 7919 % 5003 AS INT) AS d,
     CAST(v * 7919 % 5003 AS DECIMAL(12, 2)) AS m, CAST(v * 7919 % 5003 AS DOUBLE) - 2500 AS f, CAST(v % 100 AS INT) AS part, v
     FROM (SELECT value AS v FROM generate_series(1, 20000))",
    "CREATE TABLE few STORED AS PARQUET AS SELECT nullif(v * 31, 11 * 31) AS k, v * 31 * 1000003 AS wide,
     nullif(concat('key ', v * 31), 'key 31') AS s, DATE '2020-01-01' + CAST(v * 31 AS INT) AS d,
     CAST(v * 31 AS DECIMAL(12, 2)) AS m, CAST(v * 31 AS DOUBLE) - 2500 AS f, CAST(v % 100 AS INT) AS part, v
     FROM (SELECT value AS v FROM generate_series(0, 300))",
    "CREATE TABLE names STORED AS PARQUET AS SELECT CAST(value AS INT) AS part, concat('part ', value) AS name
     FROM generate_series(0, 99)",
];

/// `$ON` compares the keys of `few` and `many`.
const SHAPES: [&str; 11] = [
    "SELECT count(*), sum(many.v), sum(few.v) FROM few JOIN many ON $ON WHERE few.part < 40",
    "SELECT count(*), sum(many.v), sum(few.v) FROM few LEFT JOIN many ON $ON AND many.part > 30",
    "SELECT count(*), sum(many.v), sum(few.v) FROM many LEFT JOIN few ON $ON AND few.part < 40",
    "SELECT count(*), sum(many.v), sum(few.v) FROM many FULL JOIN few ON $ON",
    "SELECT count(*), sum(few.v) FROM few WHERE EXISTS (SELECT 1 FROM many WHERE $ON AND many.part <> few.part)",
    "SELECT count(*), sum(few.v) FROM few WHERE NOT EXISTS (SELECT 1 FROM many WHERE $ON AND many.part < 20)",
    "SELECT count(*), sum(many.v) FROM many WHERE EXISTS (SELECT 1 FROM few WHERE $ON)",
    "SELECT count(*), sum(many.v) FROM many WHERE NOT EXISTS (SELECT 1 FROM few WHERE $ON)",
    "SELECT count(*), sum(many.n), sum(few.v) FROM few
     JOIN (SELECT k, wide, s, d, m, f, part, count(*) AS n FROM many GROUP BY k, wide, s, d, m, f, part) many ON $ON",
    "SELECT count(*), sum(many.v), max(name) FROM few JOIN many ON $ON JOIN names ON names.part = many.part
     WHERE names.name LIKE 'part 1%'",
    "SELECT count(*), sum(many.v) FROM few JOIN (SELECT * FROM many WHERE v < 9000 UNION ALL SELECT * FROM few) many ON $ON",
];

const KEYS: [&str; 10] = [
    "few.k = many.k",
    "few.wide = many.wide",
    "few.s = many.s",
    "few.d = many.d",
    "few.m = many.m",
    "few.f = many.f",
    "few.k = many.k AND few.s = many.s",
    "few.k IS NOT DISTINCT FROM many.k",
    "few.m = many.k",
    "few.k + 1 = many.k",
];

async fn session(folder: &tempfile::TempDir) -> Session {
    let session =
        Session::open(SessionOptions { base: Some(folder.path().into()), ..SessionOptions::default() }).await.unwrap();
    for table in TABLES {
        session.query(table).await.unwrap();
    }
    session
}

async fn answer(session: &Session, sql: &str) -> String {
    match session.query(sql).await {
        Ok(rows) => pretty_format_batches(&rows).unwrap().to_string(),
        Err(error) => panic!("{sql}: {error}"),
    }
}

/// A line of a plan that was run, from its operator on.
fn line<'a>(plan: &'a str, operator: &str) -> Option<&'a str> {
    plan.lines().find_map(|line| line.find(operator).map(|place| &line[place..]))
}

#[tokio::test]
async fn rows_are_the_same_with_and_without() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&folder).await;
    session.query("SET datafusion.execution.batch_size = 512").await.unwrap();
    let queries: Vec<String> = SHAPES.iter().flat_map(|shape| KEYS.map(|keys| shape.replace("$ON", keys))).collect();
    session.query("SET datafusion.execution.target_partitions = 3").await.unwrap();
    // Into one hash table for all threads, then into parts of it.
    for rows in [3_000_000, 0] {
        for setting in ["hash_join_single_partition_threshold", "hash_join_single_partition_threshold_rows"] {
            session.query(&format!("SET datafusion.optimizer.{setting} = {rows}")).await.unwrap();
        }
        for query in &queries {
            session.query("SET ostrich.optimizer.disabled_rules = 'page_scans'").await.unwrap();
            let on = answer(&session, query).await;
            session.query("SET ostrich.optimizer.disabled_rules = 'page_scans,runtime_filters'").await.unwrap();
            assert_eq!(on, answer(&session, query).await, "{rows}; {query}");
            // The scans ask, too.
            session.query("SET ostrich.optimizer.disabled_rules = ''").await.unwrap();
            assert_eq!(on, answer(&session, query).await, "{rows}; by pages: {query}");
        }
    }
}

#[tokio::test]
async fn a_join_is_joined_again_in_each_round_of_a_recursive_query() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&folder).await;
    let query = "WITH RECURSIVE reached AS (
                     SELECT CAST(31 AS BIGINT) AS k, 1 AS depth
                     UNION ALL
                     SELECT many.v % 4000 AS k, depth + 1 FROM reached JOIN many ON many.k = reached.k WHERE depth < 6
                 ) SELECT count(*), sum(k), max(depth) FROM reached";
    let on = answer(&session, query).await;
    session.query("SET ostrich.optimizer.disabled_rules = 'runtime_filters'").await.unwrap();
    assert_eq!(on, answer(&session, query).await);
}

#[tokio::test]
async fn rows_end_above_the_scan() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(&folder).await;
    session.query("SET ostrich.optimizer.disabled_rules = 'page_scans'").await.unwrap();
    let grouped = "EXPLAIN ANALYZE SELECT * FROM few
                   JOIN (SELECT wide, count(*) AS n FROM many GROUP BY wide) many ON few.wide = many.wide WHERE few.v < 20";
    let plan = answer(&session, grouped).await;
    let filter = line(&plan, "RuntimeFilterExec: keys=[wide@0]").unwrap_or_else(|| panic!("no filter in {plan}"));
    // 20 of 5003 keys; a Bloom filter may let others through.
    let rows: usize = filter.split("output_rows=").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    assert!((70..300).contains(&rows), "{filter}");
    assert!(plan.contains("CollectKeysExec: keys=[wide@"), "{plan}");

    // The join that gets the rows next has a table of eleven keys, which is as quick to ask.
    let next =
        "EXPLAIN ANALYZE SELECT count(*) FROM names JOIN many ON names.part = many.part WHERE name LIKE 'part 1%'";
    let plan = answer(&session, next).await;
    let filter = line(&plan, "RuntimeFilterExec").unwrap_or_else(|| panic!("no filter in {plan}"));
    assert!(filter.contains("output_rows=20.00 K"), "{filter}");

    session.query("SET ostrich.optimizer.disabled_rules = 'page_scans,runtime_filters'").await.unwrap();
    assert_eq!(line(&answer(&session, grouped).await, "RuntimeFilterExec"), None);
}
