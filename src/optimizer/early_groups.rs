//! Rows are grouped before they are joined, where that leaves few of them to join.
//!
//! ```sql
//! SELECT c.name, sum(s.paid) FROM sales s JOIN customer c ON s.customer = c.id GROUP BY c.name
//! -- becomes
//! SELECT c.name, sum(part)
//! FROM (SELECT customer, sum(paid) AS part FROM sales GROUP BY customer) s JOIN customer c ON s.customer = c.id
//! GROUP BY c.name
//! ```
//!
//! That is eager aggregation (Yan and Larson: Eager Aggregation and Lazy Aggregation, VLDB 1995). Rows that agree in all columns that are
//! read above go through the joins in the same way: they find the same partners, as often, and end in the same groups. So the part of
//! such rows can stand for them. No key is asked for.
//!
//! Safe if
//! - all that is aggregated is from one side of each join on the way down, and is made of parts (`aggregate_parts.rs`);
//! - the joins are inner ones, or outer ones that keep that side: another would make rows of NULLs on it, which no part stands for;
//! - there is a GROUP BY: of no rows at all, the count would be NULL;
//! - nothing that is aggregated can fail: it is computed for rows, too, that find no partner;
//! - none of the columns read above is a floating-point number, of which unlike ones may be equal (`0.0`, `-0.0`).
//!
//! Whether it pays is for the estimates to say. The level of the joins at which it pays most is taken.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::{Aggregate, BinaryExpr, Expr, ExprSchemable, Filter, JoinType, LogicalPlan, Operator};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::aggregate_parts::Parts;
use super::joins::with_inputs;
use super::order::Estimates;
use super::prune::expressions::{can_be_moved, column_at};

/// What `SET ostrich.optimizer.disabled_rules` calls it.
pub const NAME: &str = "early_groups";

/// What is left of the work has to be at most this part of it.
const WORTH_IT: f64 = 0.7;
/// The groups have to be at most this part of the rows: estimates are vague.
const FEWER: f64 = 0.2;
/// Of fewer rows nothing is saved.
const MANY_ROWS: f64 = 10_000.0;
/// More groups than this do not stay in the processor's caches: each further doubling makes a row half as dear again as it was at first.
const MANY_GROUPS: f64 = 50_000.0;

/// The rule that DataFusion's optimizer runs.
#[derive(Debug, Default)]
pub struct EarlyGroups {
    always: bool,
}

impl EarlyGroups {
    /// Groups as early as it is safe, whether it pays or not: for tests, whose tables are small.
    pub fn always() -> Self {
        EarlyGroups { always: true }
    }
}

impl OptimizerRule for EarlyGroups {
    fn name(&self) -> &str {
        NAME
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
        let changed = grouped_early(aggregate, self.always)?;
        Ok(changed.map_or_else(|| Transformed::no(plan), Transformed::yes))
    }
}

fn grouped_early(aggregate: &Aggregate, always: bool) -> Result<Option<LogicalPlan>> {
    let keys = &aggregate.group_expr;
    if keys.is_empty() || matches!(keys.as_slice(), [Expr::GroupingSet(_)]) || !keys.iter().all(can_be_moved) {
        return Ok(None);
    }
    let estimates = Estimates::default();
    let levels = levels(aggregate, &estimates);
    if levels.is_empty() || !aggregate.aggr_expr.iter().all(|call| never_fails(call, aggregate.input.schema())) {
        return Ok(None);
    }
    let Some(parts) = Parts::of_aggregate(aggregate) else { return Ok(None) };
    let chosen = match always {
        true => deepest(&levels, &parts)?,
        false => cheapest(aggregate, &levels, &parts, &estimates)?,
    };
    let Some((number, early)) = chosen else { return Ok(None) };
    let input = above_of(&aggregate.input, &levels[..=number], Arc::new(LogicalPlan::Aggregate(early)))?;
    parts.put_together(aggregate, keys.clone(), input).map(Some)
}

/// The number of the level at which most is saved, and its rows in groups; `None` if it is not enough.
fn cheapest<'a>(
    aggregate: &'a Aggregate,
    levels: &[Level<'a>],
    parts: &Parts,
    estimates: &Estimates<'a>,
) -> Result<Option<(usize, Aggregate)>> {
    let Some(top) = estimates.rows(&aggregate.input).filter(|rows| *rows >= MANY_ROWS) else { return Ok(None) };
    let row_at_last = cost_of_a_row(aggregate.group_expr.iter(), aggregate.input.schema());
    let mut best: Option<(f64, usize, Aggregate)> = None;
    // What the joins give, from the top down to the level.
    let mut joined = 0.0;
    let mut above = top;
    for (number, level) in levels.iter().enumerate() {
        joined += above;
        let Some(rows) = estimates.rows(level.plan) else { return Ok(None) };
        above = rows;
        if rows < MANY_ROWS {
            continue;
        }
        let Some(early) = level.grouped(parts)? else { continue };
        let groups = estimates.groups(&early, level.plan).filter(|groups| *groups <= FEWER * rows);
        let Some(groups) = groups else { continue };
        let row_at_first = cost_of_a_row(level.needed.iter(), level.plan.schema());
        let late = joined + top * row_at_last * of_groups(groups.min(top));
        let saved = late - rows * row_at_first * of_groups(groups) - late * groups / rows;
        if saved >= (1.0 - WORTH_IT) * late && best.as_ref().is_none_or(|(most, ..)| saved > *most) {
            best = Some((saved, number, early));
        }
    }
    Ok(best.map(|(_, number, early)| (number, early)))
}

fn deepest(levels: &[Level<'_>], parts: &Parts) -> Result<Option<(usize, Aggregate)>> {
    for (number, level) in levels.iter().enumerate().rev() {
        if let Some(early) = level.grouped(parts)? {
            return Ok(Some((number, early)));
        }
    }
    Ok(None)
}

/// A place below joins where rows could be grouped.
struct Level<'a> {
    plan: &'a Arc<LogicalPlan>,
    /// The side of the join on which it stands.
    is_left: bool,
    /// Its columns that are read above, but for those that are aggregated only.
    needed: Vec<Expr>,
}

impl Level<'_> {
    /// `None`: the rows cannot be told apart by what is read of them.
    fn grouped(&self, parts: &Parts) -> Result<Option<Aggregate>> {
        let schema = self.plan.schema();
        let is_float = |key: &Expr| key.get_type(schema).map_or(true, |data_type| data_type.is_floating());
        if self.needed.is_empty() || self.needed.iter().any(is_float) {
            return Ok(None);
        }
        Aggregate::try_new(Arc::clone(self.plan), self.needed.clone(), parts.below()).map(Some)
    }
}

/// The places on the way down from the aggregation, on the side that has what is aggregated.
fn levels<'a>(aggregate: &'a Aggregate, estimates: &Estimates<'a>) -> Vec<Level<'a>> {
    let aggregated: HashSet<&Column> = aggregate.aggr_expr.iter().flat_map(Expr::column_refs).collect();
    let mut read: HashSet<&Column> = aggregate.group_expr.iter().flat_map(Expr::column_refs).collect();
    let mut levels = Vec::new();
    let mut plan = &aggregate.input;
    loop {
        match plan.as_ref() {
            LogicalPlan::Filter(filter) if can_be_moved(&filter.predicate) => {
                read.extend(filter.predicate.column_refs());
                plan = &filter.input;
            }
            // The order of the columns does not matter here.
            LogicalPlan::Projection(projection) if projection.expr.iter().all(|e| matches!(e, Expr::Column(_))) => {
                plan = &projection.input;
            }
            // Before a join's equalities are taken out of its condition, nothing is known of how many rows it gives.
            LogicalPlan::Join(join) if !join.on.is_empty() => {
                let on = join.on.iter().flat_map(|(left, right)| [left, right]);
                if !on.clone().chain(&join.filter).all(can_be_moved) {
                    return levels;
                }
                let has_all = |side: &LogicalPlan| aggregated.iter().all(|column| side.schema().has_column(column));
                let is_left = match (has_all(&join.left), has_all(&join.right)) {
                    // Rows are counted: those of the larger side are worth it.
                    (true, true) => estimates.rows(&join.left) >= estimates.rows(&join.right),
                    (true, false) => true,
                    (false, true) => false,
                    (false, false) => return levels,
                };
                if !keeps(join.join_type, is_left) {
                    return levels;
                }
                read.extend(on.chain(&join.filter).flat_map(Expr::column_refs));
                plan = if is_left { &join.left } else { &join.right };
                let schema = plan.schema();
                let here: BTreeSet<usize> =
                    read.iter().filter_map(|column| schema.maybe_index_of_column(column)).collect();
                let needed = here.into_iter().map(|position| column_at(schema, position)).collect();
                levels.push(Level { plan, is_left, needed });
            }
            _ => return levels,
        }
    }
}

/// Whether every row that the join gives has a row of this side in it.
fn keeps(join: JoinType, is_left: bool) -> bool {
    match join {
        JoinType::Inner => true,
        JoinType::Left => is_left,
        JoinType::Right => !is_left,
        _ => false,
    }
}

/// The joins and filters down to the last of the levels, with another plan in its place.
fn above_of(plan: &Arc<LogicalPlan>, levels: &[Level<'_>], early: Arc<LogicalPlan>) -> Result<Arc<LogicalPlan>> {
    let Some((level, below)) = levels.split_first() else { return Ok(early) };
    Ok(Arc::new(match plan.as_ref() {
        LogicalPlan::Filter(filter) => {
            LogicalPlan::Filter(Filter::try_new(filter.predicate.clone(), above_of(&filter.input, levels, early)?)?)
        }
        LogicalPlan::Projection(projection) => return above_of(&projection.input, levels, early),
        LogicalPlan::Join(join) => {
            let (mut left, mut right) = (Arc::clone(&join.left), Arc::clone(&join.right));
            let side = if level.is_left { &mut left } else { &mut right };
            *side = above_of(level.plan, below, early)?;
            LogicalPlan::Join(with_inputs(join, left, right)?)
        }
        _ => return Ok(Arc::clone(plan)),
    }))
}

/// Whether an aggregate can be computed of rows that would have found no partner, without an error that was none before.
fn never_fails(call: &Expr, schema: &DFSchema) -> bool {
    let Expr::AggregateFunction(call) = call.clone().unalias() else { return false };
    let is_sum = call.func.inner().downcast_ref::<Sum>().is_some();
    let no_error = |expr: &Expr| is_plain(expr, schema);
    call.params.filter.iter().all(|filter| is_plain_condition(filter, schema))
        && call.params.args.iter().all(no_error)
        && (!is_sum || call.params.args.iter().all(|arg| sum_has_room(arg, schema)))
}

/// Columns, literals, and arithmetic of decimals and doubles whose type has room for every result.
fn is_plain(expr: &Expr, schema: &DFSchema) -> bool {
    match expr {
        Expr::Column(_) | Expr::Literal(..) => true,
        Expr::Cast(cast) => {
            let widens = |from: &DataType| {
                from.is_integer()
                    && (cast.field.data_type().is_floating() || *cast.field.data_type() == DataType::Int64)
            };
            is_plain(&cast.expr, schema) && cast.expr.get_type(schema).is_ok_and(|from| widens(&from))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let is_defined = match op {
                Operator::Plus | Operator::Minus | Operator::Multiply => true,
                Operator::Divide => is_not_zero(right),
                _ => false,
            };
            let has_room = match expr.get_type(schema) {
                Ok(DataType::Decimal128(precision, _)) => precision < 38,
                Ok(data_type) => data_type.is_floating(),
                Err(_) => false,
            };
            is_defined && has_room && is_plain(left, schema) && is_plain(right, schema)
        }
        _ => false,
    }
}

fn is_not_zero(divisor: &Expr) -> bool {
    match divisor {
        Expr::Literal(ScalarValue::Decimal128(Some(value), ..), _) => *value != 0,
        Expr::Literal(ScalarValue::Float64(Some(value)), _) => *value != 0.0,
        _ => false,
    }
}

/// Comparisons of plain values, joined by AND and OR.
fn is_plain_condition(expr: &Expr, schema: &DFSchema) -> bool {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => {
            is_plain_condition(left, schema) && is_plain_condition(right, schema)
        }
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq,
            right,
        }) => is_plain(left, schema) && is_plain(right, schema),
        Expr::IsNull(expr) | Expr::IsNotNull(expr) => is_plain(expr, schema),
        _ => is_plain(expr, schema),
    }
}

/// Whether no sum of rows that are left out later leaves its type.
fn sum_has_room(arg: &Expr, schema: &DFSchema) -> bool {
    match arg {
        Expr::Cast(cast) => sum_has_room(&cast.expr, schema),
        _ => match arg.get_type(schema) {
            Ok(DataType::Decimal128(precision, _)) => precision <= 28,
            Ok(DataType::Int64 | DataType::UInt64) | Err(_) => false,
            Ok(data_type) => data_type.is_integer() || data_type.is_floating(),
        },
    }
}

/// Putting a row into its group, next to sending it through a join.
fn cost_of_a_row<'a>(keys: impl Iterator<Item = &'a Expr>, schema: &DFSchema) -> f64 {
    let is_text = |key: &Expr| key.get_type(schema).is_ok_and(|data_type| !data_type.is_primitive());
    keys.enumerate().fold(0.0, |cost, (number, key)| {
        cost + if number == 0 { 1.0 } else { 0.5 } + if is_text(key) { 1.0 } else { 0.0 }
    })
}

fn of_groups(groups: f64) -> f64 {
    1.0 + 0.5 * (groups / MANY_GROUPS).log2().max(0.0)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;

    use crate::session::{Session, SessionOptions};

    async fn session() -> Session {
        let base = Some(env!("CARGO_MANIFEST_DIR").into());
        Session::open(SessionOptions { base, ..SessionOptions::default() }).await.unwrap()
    }

    async fn shown(session: &Session, sql: &str) -> String {
        pretty_format_batches(&session.query(sql).await.unwrap()).unwrap().to_string()
    }

    fn sorted(text: &str) -> Vec<&str> {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        lines
    }

    /// With the tables of testdata, whose names stand for their files.
    fn on_files(sql: &str) -> String {
        ["orders", "customer", "lineitem", "nation"].iter().fold(sql.to_string(), |sql, table| {
            sql.replace(&format!("${table}"), &format!("'testdata/tpch/{table}.parquet'"))
        })
    }

    async fn is_early(sql: &str) -> bool {
        shown(&session().await, &format!("EXPLAIN {}", on_files(sql))).await.contains("__part_")
    }

    const EARLY: [&str; 9] = [
        "SELECT c_name, sum(o_totalprice), count(*), avg(o_totalprice), max(o_orderdate) FROM $orders
         JOIN $customer ON o_custkey = c_custkey GROUP BY c_name",
        "SELECT n_name, count(*), min(o_orderpriority) FROM $orders JOIN $customer ON o_custkey = c_custkey
         JOIN $nation ON c_nationkey = n_nationkey GROUP BY n_name",
        // outer joins that keep the rows
        "SELECT c_name, count(o_orderkey) FROM $orders LEFT JOIN $customer ON o_custkey = c_custkey AND c_acctbal > 0
         GROUP BY c_name",
        "SELECT c_name, sum(o_shippriority) FROM $customer RIGHT JOIN $orders ON o_custkey = c_custkey GROUP BY c_name",
        // rows that find several partners
        "SELECT b.c_nationkey, sum(a.o_totalprice) FROM $orders a JOIN $customer b ON a.o_custkey % 100 = b.c_custkey % 50
         AND a.o_custkey < 200 GROUP BY b.c_nationkey",
        // columns of the rows among the keys
        "SELECT c_mktsegment, o_orderstatus, sum(o_totalprice) FILTER (WHERE o_orderdate > DATE '1995-01-01') FROM $orders
         JOIN $customer ON o_custkey = c_custkey GROUP BY c_mktsegment, o_orderstatus",
        "SELECT c_mktsegment, sum(l_extendedprice * (1 - l_discount)) FROM $lineitem JOIN $orders ON l_orderkey = o_orderkey
         JOIN $customer ON o_custkey = c_custkey GROUP BY c_mktsegment, o_custkey % 2",
        "SELECT c_name, sum((o_totalprice + 1.5) * 2.0) FROM $orders JOIN $customer ON o_custkey = c_custkey GROUP BY c_name",
        "SELECT n_name, c_mktsegment, sum(o_totalprice) FROM $orders JOIN $customer ON o_custkey = c_custkey
         JOIN $nation ON c_nationkey = n_nationkey GROUP BY ROLLUP (n_name, c_mktsegment)",
    ];

    #[tokio::test]
    async fn rows_are_the_same() {
        let (early, late) = (session().await, session().await);
        late.query("SET ostrich.optimizer.disabled_rules = 'early_groups'").await.unwrap();
        for sql in EARLY {
            let sql = on_files(sql);
            assert_eq!(sorted(&shown(&early, &sql).await), sorted(&shown(&late, &sql).await), "{sql}");
        }
    }

    #[tokio::test]
    async fn where_few_groups_are_left() {
        for sql in [EARLY[0], EARLY[1], EARLY[2], EARLY[3], EARLY[7], EARLY[8]] {
            assert!(is_early(sql).await, "{sql}");
        }
    }

    #[tokio::test]
    async fn not_where_it_is_not_safe_or_does_not_pay() {
        for sql in [
            // an orderless customer has a row of NULLs
            "SELECT c_name, count(*) FROM $customer LEFT JOIN $orders ON o_custkey = c_custkey AND o_totalprice > 0
             GROUP BY c_name, o_orderstatus",
            "SELECT c_name, sum(o_totalprice) FROM $orders FULL JOIN $customer ON o_custkey = c_custkey GROUP BY c_name",
            // no GROUP BY
            "SELECT count(o_totalprice) FROM $orders JOIN $customer ON o_custkey = c_custkey",
            // not made of parts
            "SELECT c_name, count(DISTINCT o_orderstatus) FROM $orders JOIN $customer ON o_custkey = c_custkey GROUP BY c_name",
            // from both sides
            "SELECT c_name, sum(o_totalprice - c_acctbal) FROM $orders JOIN $customer ON o_custkey = c_custkey GROUP BY c_name",
            // an error for rows that are left out
            "SELECT c_name, sum(o_totalprice / o_custkey) FROM $orders JOIN $customer ON o_custkey = c_custkey GROUP BY c_name",
            "SELECT c_name, sum(1 / o_shippriority) FROM $orders JOIN $customer ON o_custkey = c_custkey GROUP BY c_name",
            // each row is a group of its own
            "SELECT o_orderkey, sum(o_totalprice) FROM $orders JOIN $customer ON o_custkey = c_custkey
             GROUP BY o_orderkey, c_name",
        ] {
            assert!(!is_early(sql).await, "{sql}");
        }
    }
}
