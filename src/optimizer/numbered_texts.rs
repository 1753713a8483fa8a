//! Texts that are grouped by go through joins as numbers.
//!
//! ```sql
//! SELECT i_brand, i_class, sum(ss_net_paid) FROM store_sales JOIN item ON ss_item_sk = i_item_sk GROUP BY i_brand, i_class
//! ```
//! ```text
//! before  Aggregate [i_brand, i_class] ← Join ← item
//! after   Projection [text_of(b), text_of(c)] ← Aggregate [b, c] ← Join ← Projection [number_of(i_brand) AS b, number_of(i_class) AS c] ← item
//! ```
//!
//! A dimension has few rows, and joining it with facts repeats their texts: each is copied, hashed and compared once a fact, at first for
//! the join, then for groups of a thread, for handing them to the thread that has all of a group, and there again. Here each row of the
//! dimension is looked at once. (Columns coded by one dictionary for all rows that meet: Raman and others, *DB2 with BLU Acceleration*, VLDB
//! 2013.)
//!
//! Two texts have one number only if they are equal, byte by byte, which is what equal texts are to a GROUP BY, and NULL stays NULL. So it
//! is valid if nothing but the grouping reads the text between where it is numbered and the groups: no condition, no aggregate, no
//! other column. A join may make NULLs of a row's columns, of which text and number are the same.
//!
//! It pays where joins repeat texts: the rows of the side that they are from have to be few next to those that are grouped. All texts have
//! to be in memory at once, so with a bound they have to be few for that, too. The plan has to be the one that runs.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, internal_err};
use datafusion::error::Result;
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool};
use datafusion::logical_expr::{Aggregate, Expr, Filter, Join, LogicalPlan, Projection};

use super::inputs::with_new_inputs;
use super::joins::with_inputs;
use super::order::cardinality::Estimates;
use super::prune::expressions::column_at;
use crate::execution::groups::numbered_texts::{NumberedTexts, number_of, text_of, under_text_of};
use crate::functions::opaque::{over_opaque, under_opaque};

/// What `SET ostrich.optimizer.disabled_rules` calls it.
pub const NAME: &str = "numbered_texts";

/// Rows that are grouped, for one of the side that a text is from.
const WORTH_IT: f64 = 4.0;
/// With fewer rows it makes no difference.
const MANY_ROWS: f64 = 10_000.0;
/// Bytes that a text and what finds it are thought to take.
const TEXT: f64 = 128.0;
/// Of the memory that there is, the part that the texts of one column may take.
const PART: f64 = 1.0 / 16.0;

/// The plan with numbers in place of texts where that pays; `None`: nowhere.
pub fn with_numbered_texts(plan: &LogicalPlan, pool: &Arc<dyn MemoryPool>) -> Result<Option<LogicalPlan>> {
    let most = match pool.memory_limit() {
        MemoryLimit::Finite(bytes) => bytes as f64 * PART / TEXT,
        MemoryLimit::Infinite | MemoryLimit::Unknown => f64::INFINITY,
    };
    Numbering { pool, most: Some(most), columns: 0 }.rewritten(plan)
}

/// The same, and whether it pays or not: for tests, whose tables are small.
pub fn with_all_texts_numbered(plan: &LogicalPlan, pool: &Arc<dyn MemoryPool>) -> Result<Option<LogicalPlan>> {
    Numbering { pool, most: None, columns: 0 }.rewritten(plan)
}

struct Numbering<'a> {
    pool: &'a Arc<dyn MemoryPool>,
    /// Texts that a column may have, where that counts.
    most: Option<f64>,
    /// That have been numbered.
    columns: usize,
}

impl Numbering<'_> {
    fn rewritten(&mut self, plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
        let inputs = plan.inputs().into_iter().map(|input| self.rewritten(input)).collect::<Result<Vec<_>>>()?;
        let changed = with_new_inputs(plan, inputs)?;
        Ok(match changed.as_ref().unwrap_or(plan) {
            LogicalPlan::Aggregate(aggregate) => self.by_numbers(aggregate)?.or(changed),
            LogicalPlan::Filter(_) | LogicalPlan::Sort(_) | LogicalPlan::Limit(_) => match changed {
                Some(plan) => Some(below_texts(&plan)?.unwrap_or(plan)),
                None => None,
            },
            _ => changed,
        })
    }

    /// The aggregation with numbers for the texts that it groups by, and the texts above it.
    fn by_numbers(&mut self, aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
        let found = self.found(aggregate);
        if found.is_empty() {
            return Ok(None);
        }
        let mut input = Arc::clone(&aggregate.input);
        let mut numbered = Vec::new();
        for (column, way) in found {
            let Some(position) = input.schema().maybe_index_of_column(&column) else { continue };
            let Some(texts) = way.texts.or_else(|| {
                let (_, field) = input.schema().qualified_field(position);
                NumberedTexts::new(field.data_type(), self.pool)
            }) else {
                continue;
            };
            let name = format!("__text_{}", self.columns);
            self.columns += 1;
            input = Arc::new(with_number(&input, position, way.joins, &name, &texts)?);
            numbered.push((column, Column::from_name(name), texts));
        }
        let by_number = |expr: Expr| {
            let number = numbered.iter().find(|(column, ..)| matches!(&expr, Expr::Column(other) if other == column));
            Ok(number.map_or_else(
                || Transformed::no(expr.clone()),
                |(_, number, _)| Transformed::yes(Expr::Column(number.clone())),
            ))
        };
        let keys = aggregate.group_expr.iter().map(|key| key.clone().transform(by_number).data());
        let keys = keys.collect::<Result<Vec<_>>>()?;
        let by_numbers = Aggregate::try_new(input, keys, aggregate.aggr_expr.clone())?;
        let columns = by_numbers.schema.columns().into_iter().zip(aggregate.schema.columns());
        let items = columns.map(|(column, before)| match numbered.iter().find(|(_, number, _)| *number == column) {
            Some((_, number, texts)) => {
                text_of(Expr::Column(number.clone()), texts).alias_qualified(before.relation, before.name)
            }
            None => Expr::Column(column),
        });
        let items = items.collect();
        let texts = Projection::try_new(items, Arc::new(LogicalPlan::Aggregate(by_numbers)))?;
        Ok(Some(LogicalPlan::Projection(texts)))
    }

    /// The texts that are worth it, with their ways.
    fn found(&self, aggregate: &Aggregate) -> Vec<(Column, Way)> {
        let keys = match aggregate.group_expr.as_slice() {
            [Expr::GroupingSet(sets)] => sets.distinct_expr(),
            keys => keys.iter().collect(),
        };
        let mut read: HashSet<&Column> = aggregate.aggr_expr.iter().flat_map(Expr::column_refs).collect();
        read.extend(keys.iter().filter(|key| !matches!(key, Expr::Column(_))).flat_map(|key| key.column_refs()));
        let schema = aggregate.input.schema();
        let estimates = Estimates::default();
        let mut found = Vec::new();
        for key in keys {
            let Expr::Column(column) = key else { continue };
            let Some(position) = schema.maybe_index_of_column(column) else { continue };
            if read.contains(column) || !schema.field(position).data_type().is_string() {
                continue;
            }
            let mut way = Way::default();
            way.descend(&aggregate.input, position, &estimates);
            if way.texts.is_some() || self.is_worth_it(&mut way, estimates.rows(&aggregate.input)) {
                found.push((column.clone(), way));
            }
        }
        found
    }

    /// Whether there are few rows where the text comes from. The way ends there then.
    fn is_worth_it(&self, way: &mut Way, grouped: Option<f64>) -> bool {
        let Some(most) = self.most else {
            way.joins = way.sides.len();
            return way.joins > 0;
        };
        let Some(grouped) = grouped.filter(|rows| *rows >= MANY_ROWS) else { return false };
        let sides = way.sides.iter().enumerate().filter_map(|(place, rows)| Some((place, (*rows)?)));
        let Some((place, rows)) = sides.min_by(|(_, one), (_, other)| one.total_cmp(other)) else { return false };
        way.joins = place + 1;
        rows * WORTH_IT <= grouped && rows <= most
    }
}

/// How a column comes to where it is grouped by.
#[derive(Debug, Default)]
struct Way {
    /// The rows of the sides of joins that it comes from, from the top down.
    sides: Vec<Option<f64>>,
    /// The joins on the way to where it is numbered.
    joins: usize,
    /// At the end there are numbers, of these texts.
    texts: Option<Arc<NumberedTexts>>,
}

impl Way {
    /// Goes down as far as nobody else reads the column.
    fn descend<'a>(&mut self, plan: &'a LogicalPlan, position: usize, estimates: &Estimates<'a>) {
        match plan {
            LogicalPlan::Projection(projection) => match source(projection, position) {
                Some(Source::Column(column, _)) => {
                    if let Some(position) = projection.input.schema().maybe_index_of_column(column) {
                        self.descend(&projection.input, position, estimates);
                    }
                }
                Some(Source::Number(_, texts)) => {
                    self.texts = Some(Arc::clone(texts));
                    self.joins = usize::MAX;
                }
                None => {}
            },
            LogicalPlan::Filter(filter) if !reads(plan, position, std::iter::once(&filter.predicate)) => {
                self.descend(&filter.input, position, estimates);
            }
            LogicalPlan::Join(join) => {
                let on = join.on.iter().flat_map(|(left, right)| [left, right]);
                let (input, position) = match side(join, position) {
                    Some(side) if !reads(side.0, side.1, on.chain(&join.filter)) => side,
                    _ => return,
                };
                self.sides.push(estimates.rows(input));
                self.descend(input, position, estimates);
            }
            _ => {}
        }
    }
}

/// Where a column of a projection comes from.
enum Source<'a> {
    /// A column that no other item reads, and the call of a function that hides what is known of it, if it comes through one.
    Column(&'a Column, Option<&'a Expr>),
    /// A number.
    Number(&'a Expr, &'a Arc<NumberedTexts>),
}

fn source(projection: &Projection, position: usize) -> Option<Source<'_>> {
    let mut expr = projection.expr.get(position)?;
    while let Expr::Alias(alias) = expr {
        expr = &alias.expr;
    }
    if let Some((number, texts)) = under_text_of(expr) {
        return Some(Source::Number(number, texts));
    }
    let hidden = under_opaque(expr);
    let Expr::Column(column) = hidden.unwrap_or(expr) else { return None };
    let others = projection.expr.iter().enumerate().filter(|(other, _)| *other != position);
    let is_read = others.map(|(_, expr)| expr).any(|expr| expr.column_refs().contains(column));
    (!is_read).then_some(Source::Column(column, hidden.map(|_| expr)))
}

/// The input of a join that one of its columns comes from, and the column's place there.
fn side(join: &Join, position: usize) -> Option<(&Arc<LogicalPlan>, usize)> {
    let column = join.schema.columns().into_iter().nth(position)?;
    let sides = [&join.left, &join.right];
    let mut sides = sides.into_iter().filter_map(|side| Some((side, side.schema().maybe_index_of_column(&column)?)));
    sides.next().filter(|_| sides.next().is_none())
}

fn reads<'a>(plan: &LogicalPlan, position: usize, mut exprs: impl Iterator<Item = &'a Expr>) -> bool {
    let Expr::Column(column) = column_at(plan.schema(), position) else { return true };
    exprs.any(|expr| expr.column_refs().contains(&column))
}

/// The plan with a number, of this name, in the place of a text; below so many joins.
fn with_number(
    plan: &Arc<LogicalPlan>,
    position: usize,
    joins: usize,
    name: &str,
    texts: &Arc<NumberedTexts>,
) -> Result<LogicalPlan> {
    let number = Expr::Column(Column::from_name(name));
    match plan.as_ref() {
        LogicalPlan::Projection(projection) => {
            let mut items = projection.expr.clone();
            let mut input = Arc::clone(&projection.input);
            let Some(item) = items.get_mut(position) else {
                return internal_err!("column {position} of {projection:?}");
            };
            match source(projection, position) {
                _ if joins == 0 => *item = number_of(item.clone().unalias(), texts).alias(name),
                Some(Source::Number(number, _)) => *item = number.clone().alias(name),
                Some(Source::Column(column, hidden)) => {
                    let position = input.schema().index_of_column(column)?;
                    input = Arc::new(with_number(&input, position, joins, name, texts)?);
                    *item = hidden.map_or(number.clone(), |call| over_opaque(call, number).alias(name));
                }
                None => return internal_err!("a text that is computed: {item}"),
            }
            Projection::try_new(items, input).map(LogicalPlan::Projection)
        }
        plan if joins == 0 => {
            let item = |at| match column_at(plan.schema(), at) {
                text if at == position => number_of(text, texts).alias(name),
                other => other,
            };
            let items = (0..plan.schema().fields().len()).map(item).collect();
            Projection::try_new(items, Arc::new(plan.clone())).map(LogicalPlan::Projection)
        }
        LogicalPlan::Filter(filter) => {
            let input = with_number(&filter.input, position, joins, name, texts)?;
            Filter::try_new(filter.predicate.clone(), Arc::new(input)).map(LogicalPlan::Filter)
        }
        LogicalPlan::Join(join) => {
            let Some((input, position)) = side(join, position) else {
                return internal_err!("no side of a join has a column");
            };
            let numbered = Arc::new(with_number(input, position, joins - 1, name, texts)?);
            let (left, right) = match Arc::ptr_eq(input, &join.left) {
                true => (numbered, Arc::clone(&join.right)),
                false => (Arc::clone(&join.left), numbered),
            };
            with_inputs(join, left, right).map(LogicalPlan::Join)
        }
        other => internal_err!("no way for a text through {}", other.display()),
    }
}

/// A node that passes rows on, below the projection that makes texts of numbers: what is left out then needs no text. `None`: it reads a text,
/// or there is no such projection.
fn below_texts(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    let [LogicalPlan::Projection(texts)] = plan.inputs()[..] else { return Ok(None) };
    let is_text = |item: &Expr| matches!(item, Expr::Alias(alias) if under_text_of(&alias.expr).is_some());
    if !texts.expr.iter().any(is_text)
        || !texts.expr.iter().all(|item| is_text(item) || matches!(item, Expr::Column(_)))
    {
        return Ok(None);
    }
    let columns = texts.schema.columns();
    let decoded: HashSet<&Column> =
        columns.iter().zip(&texts.expr).filter(|(_, item)| is_text(item)).map(|(column, _)| column).collect();
    let exprs = plan.expressions();
    if exprs.iter().flat_map(Expr::column_refs).any(|column| decoded.contains(column)) {
        return Ok(None);
    }
    let below = plan.with_new_exprs(exprs, vec![texts.input.as_ref().clone()])?;
    Projection::try_new(texts.expr.clone(), Arc::new(below)).map(|texts| Some(LogicalPlan::Projection(texts)))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;

    use crate::session::{Session, SessionOptions};

    /// With so many columns numbered.
    const QUERIES: [(usize, &str); 19] = [
        (1, "SELECT c_name, sum(o_totalprice) FROM $orders JOIN $customer ON o_custkey = c_custkey GROUP BY c_name"),
        (
            3,
            "SELECT n_name, c_mktsegment, r_name, count(*) AS n FROM $orders JOIN $customer ON o_custkey = c_custkey
             JOIN $nation ON c_nationkey = n_nationkey JOIN $region ON n_regionkey = r_regionkey GROUP BY 1, 2, 3 HAVING count(*) > 5",
        ),
        // from both sides, of which one is the larger one
        (
            1,
            "SELECT c_name, o_orderpriority, count(*) FROM $orders JOIN $customer ON o_custkey = c_custkey GROUP BY 1, 2",
        ),
        // NULL by a join and NULL that was there, and a text that is not
        (
            1,
            "SELECT kind, count(*), max(o_orderdate) FROM $orders LEFT JOIN (SELECT c_custkey, nullif(c_mktsegment, 'BUILDING') AS kind
             FROM $customer WHERE c_acctbal > 0) ON o_custkey = c_custkey GROUP BY kind",
        ),
        (1, "SELECT c_name, count(o_orderkey) FROM $customer RIGHT JOIN $orders ON o_custkey = c_custkey GROUP BY c_name"),
        (
            1,
            "SELECT c_mktsegment, count(*) FROM $orders FULL JOIN $customer ON o_custkey = c_custkey AND o_totalprice > 1000
             GROUP BY c_mktsegment",
        ),
        // computed below, and once more above
        (
            1,
            "SELECT upper(s), n FROM (SELECT s, count(*) AS n FROM $orders JOIN (SELECT c_custkey AS k, substr(c_name, 15) AS s
             FROM $customer) ON k = o_custkey GROUP BY s) WHERE n < 20",
        ),
        // what is left out and ordered by the text
        (
            1,
            "SELECT c_mktsegment, count(*) FROM $orders JOIN $customer ON o_custkey = c_custkey GROUP BY 1
             HAVING min(o_totalprice) < 2000 OR c_mktsegment > 'C' ORDER BY 1 DESC LIMIT 3",
        ),
        // sets, and their finest groups
        (
            2,
            "SELECT c_mktsegment, n_name, grouping(n_name), sum(o_totalprice) FROM $orders JOIN $customer ON o_custkey = c_custkey
             JOIN $nation ON c_nationkey = n_nationkey GROUP BY ROLLUP (c_mktsegment, n_name)",
        ),
        (
            2,
            "SELECT c_mktsegment, n_name, o_orderstatus, count(DISTINCT o_orderdate) FROM $orders
             JOIN $customer ON o_custkey = c_custkey JOIN $nation ON c_nationkey = n_nationkey
             GROUP BY GROUPING SETS ((c_mktsegment, n_name), (n_name), (o_orderstatus), ())",
        ),
        // groups of groups
        (1, "SELECT c_mktsegment, count(DISTINCT o_clerk) FROM $orders JOIN $customer ON o_custkey = c_custkey GROUP BY 1"),
        (
            2,
            "SELECT DISTINCT c_mktsegment, n_name, o_orderstatus FROM $orders JOIN $customer ON o_custkey = c_custkey
             JOIN $nation ON c_nationkey = n_nationkey",
        ),
        // twice the same table
        (
            2,
            "SELECT a.n_name, b.n_name, count(*) FROM $lineitem JOIN $supplier ON l_suppkey = s_suppkey JOIN $orders ON l_orderkey = o_orderkey
             JOIN $customer ON o_custkey = c_custkey JOIN $nation a ON a.n_nationkey = s_nationkey JOIN $nation b ON b.n_nationkey = c_nationkey
             GROUP BY a.n_name, b.n_name",
        ),
        // a key that another determines
        (
            1,
            "SELECT c_mktsegment, length(c_mktsegment), count(*) FROM $orders JOIN $customer ON o_custkey = c_custkey
             GROUP BY c_mktsegment, length(c_mktsegment)",
        ),
        // a query that is read twice
        (
            1,
            "WITH t AS (SELECT c_mktsegment AS m, o_orderpriority AS p, sum(o_totalprice) AS s FROM $orders
             JOIN $customer ON o_custkey = c_custkey GROUP BY 1, 2) SELECT a.m, a.p, b.p, a.s - b.s FROM t a JOIN t b ON a.m = b.m",
        ),
        // Something else reads the text: an aggregate, a condition of a join or behind it, another column
        (0, "SELECT c_name, max(c_name) FROM $orders JOIN $customer ON o_custkey = c_custkey GROUP BY c_name"),
        (
            0,
            "SELECT c_mktsegment, count(*) FROM $orders JOIN $customer ON o_custkey = c_custkey
             AND (o_clerk < c_mktsegment OR o_orderstatus = 'F') GROUP BY c_mktsegment",
        ),
        // of the side with as many rows, and of no join
        (0, "SELECT o_clerk, count(*) FROM $orders JOIN $customer ON o_custkey = c_custkey GROUP BY o_clerk"),
        (0, "SELECT o_clerk, count(*) FROM $orders GROUP BY o_clerk"),
    ];

    async fn session(disabled: &str) -> Session {
        let base = Some(env!("CARGO_MANIFEST_DIR").into());
        let session = Session::open(SessionOptions { base, ..SessionOptions::default() }).await.unwrap();
        session.query(&format!("SET ostrich.optimizer.disabled_rules = '{disabled}'")).await.unwrap();
        session
    }

    async fn shown(session: &Session, sql: &str) -> String {
        let tables = ["orders", "customer", "lineitem", "nation", "region", "supplier"];
        let sql = tables.iter().fold(sql.to_string(), |sql, table| {
            sql.replace(&format!("${table}"), &format!("'testdata/tpch/{table}.parquet'"))
        });
        pretty_format_batches(&session.query(&sql).await.unwrap()).unwrap().to_string()
    }

    fn sorted(rows: &str) -> Vec<&str> {
        let mut rows: Vec<&str> = rows.lines().collect();
        rows.sort_unstable();
        rows
    }

    async fn columns_numbered(session: &Session, sql: &str) -> usize {
        let plan = shown(session, &format!("EXPLAIN {sql}")).await;
        let (_, physical) = plan.split_once("physical_plan").unwrap();
        physical.matches("ostrich_number_of").count()
    }

    #[tokio::test]
    async fn rows_are_the_same() {
        // Few rows are grouped if they are grouped early.
        let (numbers, texts) = (session("early_groups").await, session("early_groups,numbered_texts").await);
        for (columns, sql) in QUERIES {
            assert_eq!(columns_numbered(&numbers, sql).await, columns, "{sql}");
            assert_eq!(columns_numbered(&texts, sql).await, 0, "{sql}");
            let (by_numbers, by_texts) = (shown(&numbers, sql).await, shown(&texts, sql).await);
            assert_eq!(sorted(&by_numbers), sorted(&by_texts), "{sql}");
        }
    }
}
