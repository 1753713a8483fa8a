//! Whether the first rows of each partition are looked for among all rows, or all rows are sorted.
//!
//! ```sql
//! SELECT * FROM (SELECT *, rank() OVER (PARTITION BY i_category ORDER BY sales DESC) AS rk FROM s) WHERE rk <= 100
//! ```
//!
//! DataFusion can keep a heap of so many rows a partition in place of a sort (its option `optimizer.enable_window_topn`), which it leaves to
//! the user to decide: with many partitions the heaps take more memory than a sort, and more time, and they cannot go to disk. Here the
//! estimates decide, for a statement: the heaps of all partitions have to be few rows, and few of those that there are.

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionDefinition};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, Operator, Window};

use super::order::cardinality::estimate;

/// What `SET ostrich.optimizer.disabled_rules` calls it.
pub const NAME: &str = "ranked_rows";

/// Rows in all heaps together.
const MOST: f64 = 100_000.0;
/// There have to be so many times as many rows.
const WORTH_IT: f64 = 8.0;

/// Whether there are ranks that a condition bounds, and all of them are better found with heaps.
pub fn are_few(plan: &LogicalPlan) -> Result<bool> {
    let (mut few, mut others) = (false, false);
    plan.apply(|node| {
        if let LogicalPlan::Filter(filter) = node
            && let Some(window) = window_below(&filter.input)
            && let Some(bound) = split_conjunction(&filter.predicate).into_iter().filter_map(bound).reduce(f64::max)
        {
            let rankings = window.window_expr.iter().filter_map(ranking);
            for are_few in rankings.map(|ranking| has_small_heaps(window, ranking, bound)) {
                few |= are_few;
                others |= !are_few;
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(few && !others)
}

fn window_below(plan: &LogicalPlan) -> Option<&Window> {
    match plan {
        LogicalPlan::Window(window) => Some(window),
        LogicalPlan::Projection(projection) => window_below(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => window_below(&alias.input),
        _ => None,
    }
}

/// What a condition compares with, if it is a whole number.
fn bound(condition: &Expr) -> Option<f64> {
    let Expr::BinaryExpr(comparison) = condition else { return None };
    let number = match (comparison.left.as_ref(), comparison.op, comparison.right.as_ref()) {
        (Expr::Column(_), Operator::LtEq | Operator::Lt, Expr::Literal(number, _)) => number,
        (Expr::Literal(number, _), Operator::GtEq | Operator::Gt, Expr::Column(_)) => number,
        _ => return None,
    };
    match number {
        ScalarValue::UInt64(Some(number)) => Some(*number as f64),
        ScalarValue::Int64(Some(number)) => Some(*number as f64),
        ScalarValue::Int32(Some(number)) => Some(f64::from(*number)),
        _ => None,
    }
}

/// A function that heaps can take the place of.
fn ranking(expr: &Expr) -> Option<&WindowFunction> {
    match expr {
        Expr::Alias(alias) => ranking(&alias.expr),
        Expr::WindowFunction(function) => {
            let WindowFunctionDefinition::WindowUDF(udf) = &function.fun else { return None };
            let is_ranking = matches!(udf.name(), "rank" | "row_number") && !function.params.partition_by.is_empty();
            is_ranking.then_some(function)
        }
        _ => None,
    }
}

fn has_small_heaps(window: &Window, ranking: &WindowFunction, bound: f64) -> bool {
    let Some(input) = estimate(&window.input) else { return false };
    let values = |key: &Expr| {
        let Expr::Column(column) = key else { return None };
        let column = input.columns.get(window.input.schema().maybe_index_of_column(column)?)?;
        // NULL is one more.
        column.distinct.map(|distinct| distinct + 1.0)
    };
    let partitions = ranking.params.partition_by.iter().map(values).product::<Option<f64>>();
    let in_heaps = partitions.map(|partitions| partitions * bound);
    in_heaps.is_some_and(|rows| rows <= MOST && rows * WORTH_IT <= input.rows)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;

    use crate::session::{Session, SessionOptions};

    async fn explained(session: &Session, sql: &str) -> String {
        let batches = session.query(&format!("EXPLAIN {sql}")).await.unwrap();
        pretty_format_batches(&batches).unwrap().to_string()
    }

    #[tokio::test]
    async fn the_first_of_few_partitions_are_kept_in_heaps() {
        let folder = tempfile::tempdir().unwrap();
        let base = Some(folder.path().to_path_buf());
        let options =
            SessionOptions { base, catalog: Some(folder.path().join("catalog")), ..SessionOptions::default() };
        let session = Session::open(options).await.unwrap();
        let table = "CREATE TABLE sales STORED AS PARQUET AS SELECT nullif(concat('category ', v % 7), 'category 3') AS category,
                     concat('item ', v) AS item, CAST(v % 11 AS INT) AS store, v * 7919 % 20011 AS sold
                     FROM (SELECT value AS v FROM generate_series(1, 20000))";
        session.query(table).await.unwrap();
        let ranked = |function: &str, key: &str, condition: &str| {
            format!(
                "SELECT * FROM (SELECT *, {function} OVER (PARTITION BY {key} ORDER BY sold DESC, item) AS rk FROM sales)
                 WHERE {condition} ORDER BY item, rk"
            )
        };
        for (sql, heaps) in [
            (ranked("rank()", "category", "rk <= 10"), true),
            (ranked("row_number()", "category, store", "rk < 4"), true),
            (ranked("rank()", "item", "rk <= 10"), false),
            (ranked("rank()", "category", "rk <= 1000000"), false),
            (ranked("rank()", "category", "rk >= 10"), false),
            (ranked("dense_rank()", "category", "rk <= 10"), false),
        ] {
            let plan = explained(&session, &sql).await;
            assert_eq!(plan.contains("PartitionedTopKExec"), heaps, "{sql}\n{plan}");
            let rows = session.query(&sql).await.unwrap();
            session.query("SET ostrich.optimizer.disabled_rules = 'ranked_rows'").await.unwrap();
            assert!(!explained(&session, &sql).await.contains("PartitionedTopKExec"));
            let expected = session.query(&sql).await.unwrap();
            session.query("SET ostrich.optimizer.disabled_rules = ''").await.unwrap();
            let shown = |rows| pretty_format_batches(rows).unwrap().to_string();
            assert_eq!(shown(&rows), shown(&expected), "{sql}");
        }
    }
}
