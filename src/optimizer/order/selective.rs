//! Which scans decode the columns of their filters first, and of the others only the rows that are left.
//!
//! A Parquet reader can do that (late materialization; Abadi and others, *Materialization Strategies in a Column-Oriented DBMS*, ICDE
//! 2007). It pays where few rows are left and much is not decoded for the others. Where half of the rows are left it takes twice the
//! time, for what passes is then put together from short runs. DataFusion has one setting for all scans, which is off; here each scan
//! has what the estimates say.
//!
//! Filters are the conditions on the table, and at run time the keys on the build side of the joins above it, which DataFusion hands
//! down to the scan on the probe side:
//!
//! ```text
//! build: 30 days of date_dim  ⋈  probe: sales      1 row in 60 of sales is left
//! ```

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::{Column, JoinType};
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::logical_expr::{Aggregate, Expr, Filter, Join, LogicalPlan, Projection, TableScan, Union};

use super::cardinality::{Estimate, Estimates, part_with_partner};
use crate::optimizer::facts::KnownTable;
use crate::optimizer::inputs::with_new_inputs;
use crate::optimizer::joins::with_inputs;

/// What `SET ostrich.optimizer.disabled_rules` calls it.
pub const NAME: &str = "selective_scans";

/// The part of the rows that may be left.
const FEW: f64 = 0.02;
/// Conditions on the table come before what joins find. Where they leave more than this, they only make the other columns slower.
const MOST: f64 = 0.1;
/// How much is not decoded, next to what the filters need, to be worth it.
const MUCH: f64 = 1.0;

/// A condition that rows have to pass.
#[derive(Debug, Clone)]
struct Condition {
    columns: Vec<Column>,
    /// The part of the rows that does.
    part: f64,
    /// It is written down, and not what a join finds.
    is_on_table: bool,
}

/// The plan with those scans marked for which it pays. It must not be changed after that: the sides of the joins count.
pub fn with_selective_scans(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    marked(plan, &[], &Estimates::default())
}

/// `None`: nothing is to be marked in it.
fn marked<'a>(
    plan: &'a LogicalPlan,
    conditions: &[Condition],
    estimates: &Estimates<'a>,
) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            return Ok(is_worth_it(scan, conditions).then(|| filtering_first(scan)).flatten());
        }
        LogicalPlan::Join(join) => return of_join(join, conditions, estimates),
        _ => {}
    }
    let below = match plan {
        LogicalPlan::Filter(filter) => of_filter(filter, estimates.of(plan), conditions),
        LogicalPlan::Projection(projection) => mapped(conditions, |column| through_projection(projection, column)),
        LogicalPlan::SubqueryAlias(alias) => mapped(conditions, |column| {
            let position = alias.schema.maybe_index_of_column(column)?;
            Some(Column::from(alias.input.schema().qualified_field(position)))
        }),
        // A group that nobody asks for need not be made.
        LogicalPlan::Aggregate(aggregate) => mapped(conditions, |column| through_groups(aggregate, column)),
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => conditions.to_vec(),
        LogicalPlan::Union(union) => return of_union(plan, union, conditions, estimates),
        // What they hand down is not looked into.
        _ => Vec::new(),
    };
    let inputs = plan.inputs().into_iter().map(|input| marked(input, &below, estimates)).collect::<Result<Vec<_>>>()?;
    with_new_inputs(plan, inputs)
}

fn of_join<'a>(join: &'a Join, conditions: &[Condition], estimates: &Estimates<'a>) -> Result<Option<LogicalPlan>> {
    let of_side =
        |side: &LogicalPlan| mapped(conditions, |column| side.schema().has_column(column).then(|| column.clone()));
    let (left_passes, right_passes) = match join.join_type {
        JoinType::Inner => (true, true),
        JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => (true, false),
        JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => (false, true),
        JoinType::Full => (false, false),
    };
    let of_left = if left_passes { of_side(&join.left) } else { Vec::new() };
    let mut of_right = if right_passes { of_side(&join.right) } else { Vec::new() };
    // The table is built of the left side; the right one need not keep rows that find nothing there.
    let probes = matches!(
        join.join_type,
        JoinType::Inner
            | JoinType::Left
            | JoinType::LeftSemi
            | JoinType::RightSemi
            | JoinType::LeftAnti
            | JoinType::LeftMark
    );
    if probes && let (Some(left), Some(right)) = (estimates.of(&join.left), estimates.of(&join.right)) {
        let keys = join.on.iter().filter_map(|(_, right)| right.try_as_col().cloned());
        of_right.push(Condition {
            columns: keys.collect(),
            part: part_with_partner(join, &left, &right),
            is_on_table: false,
        });
    }
    let (left, right) = (marked(&join.left, &of_left, estimates)?, marked(&join.right, &of_right, estimates)?);
    if left.is_none() && right.is_none() {
        return Ok(None);
    }
    let left = left.map_or_else(|| Arc::clone(&join.left), Arc::new);
    let right = right.map_or_else(|| Arc::clone(&join.right), Arc::new);
    with_inputs(join, left, right).map(|join| Some(LogicalPlan::Join(join)))
}

/// The conditions with a filter's own, which leaves as many rows as `kept` says.
fn of_filter(filter: &Filter, kept: Option<Rc<Estimate>>, conditions: &[Condition]) -> Vec<Condition> {
    let mut below = conditions.to_vec();
    if let LogicalPlan::TableScan(_) = filter.input.as_ref()
        && let Some(kept) = kept
    {
        let columns = filter.predicate.column_refs().into_iter().cloned().collect();
        below.push(Condition { columns, part: kept.rows / kept.base_rows.max(1.0), is_on_table: true });
    }
    below
}

/// Each branch hands down what all rows have to pass.
fn of_union<'a>(
    plan: &'a LogicalPlan,
    union: &'a Union,
    conditions: &[Condition],
    estimates: &Estimates<'a>,
) -> Result<Option<LogicalPlan>> {
    let of_branch = |branch: &'a Arc<LogicalPlan>| {
        let below = mapped(conditions, |column| {
            let position = union.schema.maybe_index_of_column(column)?;
            Some(Column::from(branch.schema().qualified_field(position)))
        });
        marked(branch, &below, estimates)
    };
    with_new_inputs(plan, union.inputs.iter().map(of_branch).collect::<Result<Vec<_>>>()?)
}

fn through_groups(aggregate: &Aggregate, column: &Column) -> Option<Column> {
    let position = aggregate.schema.maybe_index_of_column(column)?;
    // Grouping sets are one expression, and no column.
    match aggregate.group_expr.get(position)?.clone().unalias() {
        Expr::Column(column) => Some(column),
        _ => None,
    }
}

fn through_projection(projection: &Projection, column: &Column) -> Option<Column> {
    let position = projection.schema.maybe_index_of_column(column)?;
    match projection.expr.get(position)?.clone().unalias() {
        Expr::Column(column) => Some(column),
        _ => None,
    }
}

/// The conditions that are left where columns have other names, or are gone.
fn mapped(conditions: &[Condition], map: impl Fn(&Column) -> Option<Column>) -> Vec<Condition> {
    let below = conditions.iter().filter_map(|condition| {
        let columns = condition.columns.iter().map(&map).collect::<Option<Vec<_>>>()?;
        Some(Condition { columns, ..*condition })
    });
    below.collect()
}

fn is_worth_it(scan: &TableScan, conditions: &[Condition]) -> bool {
    // To look up several columns together in a hash table takes longer than to decode them. What other conditions take away is not
    // counted: the parts of several are vague.
    let by_value = conditions.iter().filter(|condition| condition.is_on_table || condition.columns.len() == 1);
    let Some(best) = by_value.min_by(|one, other| one.part.total_cmp(&other.part)) else { return false };
    if best.part > FEW || conditions.iter().any(|condition| condition.is_on_table && condition.part > MOST) {
        return false;
    }
    let needed: HashSet<&str> = best.columns.iter().map(|column| column.name.as_str()).collect();
    let (mut first, mut later) = (0.0, 0.0);
    for field in scan.projected_schema.fields() {
        let cost = if field.data_type().is_primitive() { 1.0 } else { 2.0 };
        if needed.contains(field.name().as_str()) { first += cost } else { later += cost }
    }
    later >= MUCH * first
}

fn filtering_first(scan: &TableScan) -> Option<LogicalPlan> {
    let known: Arc<dyn TableProvider> = Arc::new(KnownTable::of(&scan.source)?.filtering_first());
    Some(LogicalPlan::TableScan(TableScan { source: provider_as_source(known), ..scan.clone() }))
}
