use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::physical_plan::collect;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};

use super::*;
use crate::session::{Session, SessionOptions};
use crate::sql::source::Source;

/// `big` with the numbers from 0 to 999 as `k` and a tenth of them as `g`; `small` with 0 to 9 as `g` and the same as `x`. They are files:
/// scans of memory do not count.
async fn context(folder: &Path) -> SessionContext {
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
    let big = [("k", (0..1000).collect()), ("g", (0..1000).map(|k| k / 10).collect())];
    for (name, columns) in [("big", big), ("small", [("g", (0..10).collect()), ("x", (0..10).collect())])] {
        let columns =
            columns.map(|(name, values): (_, Vec<i64>)| (name, Arc::new(Int64Array::from(values)) as ArrayRef));
        let rows = context.read_batch(RecordBatch::try_from_iter(columns).unwrap()).unwrap();
        let path = folder.join(format!("{name}.parquet")).display().to_string();
        rows.write_parquet(&path, DataFrameWriteOptions::new().with_single_file_output(true), None).await.unwrap();
        context.register_parquet(name, &path, ParquetReadOptions::default()).await.unwrap();
    }
    context
}

async fn tree_of(sql: &str, run: bool) -> PlanNode {
    let folder = tempfile::tempdir().unwrap();
    let context = context(folder.path()).await;
    let plan = context.sql(sql).await.unwrap().into_optimized_plan().unwrap();
    let state = context.state();
    let physical = state.query_planner().create_physical_plan(&plan, &state).await.unwrap();
    if run {
        collect(Arc::clone(&physical), context.task_ctx()).await.unwrap();
    }
    tree(&plan, Some(&physical), run)
}

/// A line for each node with what `figures` says of it, indented.
fn lines_with(node: &PlanNode, figures: &dyn Fn(&PlanNode) -> String) -> String {
    fn add(node: &PlanNode, depth: usize, figures: &dyn Fn(&PlanNode) -> String, lines: &mut String) {
        lines.push_str(&format!("{}{} {}\n", "  ".repeat(depth), node.node, figures(node)));
        node.children.iter().for_each(|child| add(child, depth + 1, figures, lines));
    }
    let mut text = String::new();
    add(node, 0, figures, &mut text);
    text
}

fn or_unknown(rows: Option<u64>) -> String {
    rows.map_or_else(|| "?".to_string(), |rows| rows.to_string())
}

/// `Node estimated/actual`, indented.
fn lines(node: &PlanNode) -> String {
    lines_with(node, &|node| format!("{}/{}", or_unknown(node.estimated_rows), or_unknown(node.actual_rows)))
}

#[tokio::test]
async fn every_node_has_its_rows_after_a_run() {
    let sql =
        "SELECT s.x, count(*) FROM big b JOIN small s ON b.g = s.g WHERE b.k < 50 GROUP BY s.x ORDER BY s.x, 2 LIMIT 3";
    let tree = tree_of(sql, true).await;
    insta::assert_snapshot!(lines(&tree), @r"
    Sort 3/3
      Projection 10/5
        Aggregate 10/5
          Projection 10/50
            Join 10/50
              SubqueryAlias 50/50
                Projection 50/50
                  Filter 50/50
                    TableScan 1000/1000
              SubqueryAlias 10/10
                TableScan 10/10
    ");
    // The group key tells the rows apart: what is sorted by behind it does not count.
    assert_eq!(tree.sort_keys, Some(1));
}

#[tokio::test]
async fn without_a_run_there_are_estimates_alone() {
    let tree = tree_of("SELECT g, count(*) FROM big GROUP BY g", false).await;
    insta::assert_snapshot!(lines(&tree), @r"
    Projection 1000/?
      Aggregate 1000/?
        TableScan 1000/?
    ");
    let mut aggregate = &tree;
    while aggregate.node != "Aggregate" {
        aggregate = &aggregate.children[0];
    }
    assert_eq!((aggregate.group_keys, aggregate.elapsed_ms, aggregate.misestimate), (Some(1), None, None));
}

#[tokio::test]
async fn the_sides_of_a_join_keep_their_rows_when_the_planner_exchanges_them() {
    for sql in [
        "SELECT b.k, s.x FROM big b JOIN small s ON b.g = s.g",
        "SELECT b.k, s.x FROM small s JOIN big b ON b.g = s.g",
        "SELECT b.k, s.x FROM big b LEFT JOIN small s ON b.g = s.g",
        "SELECT b.k, s.x FROM small s RIGHT JOIN big b ON b.g = s.g",
        "SELECT b.k FROM big b LEFT JOIN small s ON b.g = s.g WHERE s.x IS NULL",
    ] {
        let tree = tree_of(sql, true).await;
        let mut found = Vec::new();
        scans(&tree, &mut found);
        assert_eq!(found.len(), 2, "{sql}\n{}", lines(&tree));
        for (detail, rows) in found {
            let expected = if detail.starts_with("big") { 1000 } else { 10 };
            assert_eq!(rows, Some(expected), "{sql}: {detail}\n{}", lines(&tree));
        }
    }
}

fn scans(node: &PlanNode, found: &mut Vec<(String, Option<u64>)>) {
    if node.node == "TableScan" {
        found.push((node.detail.clone(), node.actual_rows));
    }
    node.children.iter().for_each(|child| scans(child, found));
}

#[tokio::test]
async fn what_the_statistics_answer_has_no_rows_below() {
    // Nothing is scanned: the count is known.
    let tree = tree_of("SELECT count(*) FROM big", true).await;
    let mut found = Vec::new();
    scans(&tree, &mut found);
    assert_eq!(found, [("big projection=[]".to_string(), None)], "{}", lines(&tree));
    assert_eq!(tree.actual_rows, Some(1));
}

#[tokio::test]
async fn a_union_has_the_rows_of_each_branch() {
    let tree = tree_of("SELECT k FROM big UNION ALL SELECT x FROM small WHERE x > 4", true).await;
    insta::assert_snapshot!(lines(&tree), @r"
    Union 1005/1005
      TableScan 1000/1000
      Projection 5/5
        Filter 5/5
          TableScan 10/10
    ");
}

/// The tree of a query over `testdata`, planned and run as a session does it.
async fn tree_of_session(sql: &str) -> PlanNode {
    let base = Some(env!("CARGO_MANIFEST_DIR").into());
    let session = Session::open(SessionOptions { base, ..SessionOptions::default() }).await.unwrap();
    let source = Source::new("query", sql);
    let pieces = session.split(&source);
    let parsed = session.parse(&pieces[0]).unwrap();
    session.tune(&parsed, true).await.unwrap().plan
}

/// `Node actual`, and the factor by which the estimate is off, indented.
fn lines_with_factors(node: &PlanNode) -> String {
    lines_with(node, &|node| {
        let factor = node.misestimate.map_or_else(String::new, |factor| format!(", {factor} off"));
        or_unknown(node.actual_rows) + &factor
    })
}

#[tokio::test]
async fn what_joins_do_not_want_is_not_held_against_estimates() {
    let tree = tree_of_session(
        "SELECT c_name, sum(o_totalprice) FROM 'testdata/tpch/customer.parquet' JOIN 'testdata/tpch/orders.parquet'
         ON c_custkey = o_custkey WHERE c_acctbal > 9900 GROUP BY c_name",
    )
    .await;
    insta::assert_snapshot!(lines_with_factors(&tree), @r"
    Aggregate 4, 3 off
      Projection 59, 2 off
        Join 59, 2 off
          Projection 7, 1.7 off
            Filter 7, 1.7 off
              TableScan 7
          TableScan 59
    ");
}

#[tokio::test]
async fn a_shared_subplan_has_its_rows_once() {
    let tree = tree_of_session(
        "WITH c AS (SELECT o_custkey AS k, count(*) AS n FROM 'testdata/tpch/orders.parquet' GROUP BY 1)
         SELECT count(*) FROM c a JOIN c b ON a.n = b.n",
    )
    .await;
    insta::assert_snapshot!(lines_with_factors(&tree), @r"
    Projection 1, 1 off
      Aggregate 1, 1 off
        Projection 46802, 1.2 off
          Join 46802, 1.2 off
            SubqueryAlias 1000, 1.5 off
              SubqueryAlias 1000, 1.5 off
                Projection 1000, 1.5 off
                  Aggregate 1000, 1.5 off
                    TableScan 15000, 1 off
            SubqueryAlias 1000, 1.5 off
              SubqueryAlias 1000, 1.5 off
                Projection 1000, 1.5 off
                  Aggregate 1000, 1.5 off
                    TableScan ?
    ");
}

#[test]
fn a_factor_is_never_below_one() {
    assert_eq!(factor(10, 10), 1.0);
    assert_eq!(factor(0, 0), 1.0);
    assert_eq!(factor(1000, 10), 100.0);
    assert_eq!(factor(10, 1000), 100.0);
    assert_eq!(factor(0, 50), 50.0);
}
