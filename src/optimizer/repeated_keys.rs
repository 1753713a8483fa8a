//! What repeats rows repeats their keys: UNNEST, and a join below a GROUP BY
//!
//! ```sql
//! SELECT DISTINCT id FROM (SELECT id, unnest(tags) AS tag FROM t)                        -- id is the key of t
//! SELECT id, count(*) FROM (SELECT id, unnest(tags) AS tag FROM t) GROUP BY id
//! SELECT id, unnest(tags) AS tag FROM t ORDER BY id, tag
//!
//! SELECT t.id, u.x FROM t, u GROUP BY t.id, u.x ORDER BY t.id, u.x
//! SELECT DISTINCT id FROM (SELECT t.id, u.x FROM t, u GROUP BY t.id, u.x)
//! SELECT DISTINCT t.id, u.x FROM t, u ORDER BY t.id, u.x
//! ```
//!
//! DataFusion takes the keys of the input for keys of the output. So it drops the DISTINCT, the second sort key, and a group key that
//! seems to be determined; and its SQL front end adds `tag` to `GROUP BY id`, as it does with all columns that a key
//! determines. No rule can tell afterwards which group keys the user wrote. Above a join it knows that `id` may occur several times;
//! a GROUP BY of it and of a column of another table makes it believe that `id` alone is the key of the groups.
//!
//! So knowledge of keys is kept from reaching an UNNEST, and such a GROUP BY: the columns go through a function that gives back what it
//! is given, and that DataFusion does not see through; our rules do. Before: `Unnest ← t`. After: `Unnest ← Projection [keyless(id) AS id,
//! tags] ← t`. It is valid always, since no value changes. It is done twice: while a statement is planned, for every subquery and CTE in FROM
//! ([`RepeatedKeysInFrom`]), so that the front end adds no group keys; and as the first rule of the optimizer, for the
//! UNNEST in the select list itself, for the query's own GROUP BY, and in views.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Dependency, FunctionalDependence};
use datafusion::error::Result;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{Aggregate, Distinct, DistinctOn, Expr, LogicalPlan, Projection, Unnest};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::sql::sqlparser::ast::TableFactor;

use super::facts::plain_column;
use crate::functions::opaque::keyless;

#[derive(Debug, Default)]
pub struct RepeatedKeys;

impl OptimizerRule for RepeatedKeys {
    fn name(&self) -> &str {
        "repeated_keys"
    }

    // By itself: what is above has to take its keys anew as well.
    fn apply_order(&self) -> Option<ApplyOrder> {
        None
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        without_keys(plan)
    }
}

/// For a session's state: plans what is in FROM as DataFusion does, with no keys that are repeated.
#[derive(Debug, Default)]
pub struct RepeatedKeysInFrom;

thread_local! {
    /// What is being planned on this thread, outermost first. The context's `plan` asks this planner again first.
    static PLANNING: RefCell<Vec<TableFactor>> = const { RefCell::new(vec![]) };
}

impl RelationPlanner for RepeatedKeysInFrom {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        // A CTE is read as a table.
        let is_query = matches!(relation, TableFactor::Derived { .. } | TableFactor::Table { args: None, .. });
        let is_asked_again = PLANNING.with_borrow(|planning| planning.last() == Some(&relation));
        if !is_query || is_asked_again {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        }
        PLANNING.with_borrow_mut(|planning| planning.push(relation.clone()));
        let planned = context.plan(relation);
        PLANNING.with_borrow_mut(|planning| planning.pop());
        let plan = without_keys(planned?)?.data;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))))
    }
}

/// The plan with no keys where they are repeated, and all keys above taken anew.
fn without_keys(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= !repeated(node).is_empty();
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if !found {
        return Ok(Transformed::no(plan));
    }
    plan.transform_up_with_subqueries(|node| match &node {
        // Its inputs may have lost keys meanwhile.
        LogicalPlan::Unnest(unnest) => {
            let hidden = repeated(&node);
            if hidden.is_empty() {
                return Ok(Transformed::yes(node.recompute_schema()?));
            }
            let input = Arc::new(keyless_input(&unnest.input, &hidden)?);
            let rebuilt = Unnest::try_new(input, unnest.exec_columns.clone(), unnest.options.clone())?;
            Ok(Transformed::yes(LogicalPlan::Unnest(rebuilt)))
        }
        LogicalPlan::Aggregate(aggregate) => {
            let hidden = repeated(&node);
            let input = match hidden.is_empty() {
                true => Arc::clone(&aggregate.input),
                false => Arc::new(keyless_input(&aggregate.input, &hidden)?),
            };
            let rebuilt = Aggregate::try_new(input, aggregate.group_expr.clone(), aggregate.aggr_expr.clone())?;
            Ok(Transformed::yes(LogicalPlan::Aggregate(rebuilt)))
        }
        LogicalPlan::Distinct(Distinct::All(input)) => {
            let hidden = repeated(&node);
            let input = match hidden.is_empty() {
                true => Arc::clone(input),
                false => Arc::new(keyless_input(input, &hidden)?),
            };
            Ok(Transformed::yes(LogicalPlan::Distinct(Distinct::All(input))))
        }
        LogicalPlan::Distinct(Distinct::On(distinct)) => {
            let hidden = repeated(&node);
            if hidden.is_empty() {
                return Ok(Transformed::yes(node.recompute_schema()?));
            }
            let input = Arc::new(keyless_input(&distinct.input, &hidden)?);
            let rebuilt = DistinctOn { input, ..distinct.clone() };
            Ok(Transformed::yes(LogicalPlan::Distinct(Distinct::On(rebuilt))))
        }
        _ => Ok(Transformed::yes(node.recompute_schema()?)),
    })
}

/// The columns of a node's input that DataFusion would take for keys of what comes out: one of each key.
fn repeated(node: &LogicalPlan) -> Vec<usize> {
    let first = |key: &FunctionalDependence| key.source_indices.first().copied();
    match node {
        LogicalPlan::Unnest(unnest) => {
            unnest.input.schema().functional_dependencies().iter().filter_map(first).collect()
        }
        LogicalPlan::Aggregate(aggregate) => of_groups(&aggregate.group_expr, aggregate.input.schema()),
        // They become groupings.
        LogicalPlan::Distinct(Distinct::On(distinct)) => of_groups(&distinct.on_expr, distinct.input.schema()),
        LogicalPlan::Distinct(Distinct::All(input)) => {
            let columns: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
            of_groups(&columns, input.schema())
        }
        _ => Vec::new(),
    }
}

/// The columns of the input of a grouping that DataFusion would take for keys of the groups, though others are grouped by as well.
fn of_groups(groups: &[Expr], schema: &DFSchema) -> Vec<usize> {
    let keys: Vec<Option<usize>> = groups.iter().map(|key| plain_column(key, schema)).collect();
    let is_repeated = |key: &&FunctionalDependence| {
        key.mode == Dependency::Multi
            && key.source_indices.iter().all(|column| keys.contains(&Some(*column)))
            && keys.iter().any(|group| group.is_none_or(|column| !key.target_indices.contains(&column)))
    };
    schema
        .functional_dependencies()
        .iter()
        .filter(is_repeated)
        .filter_map(|key| key.source_indices.first().copied())
        .collect()
}

/// The positions, and those of the same columns under other names: when one is not read any more, another is taken for the key.
fn with_copies(plan: &LogicalPlan, positions: &[usize]) -> HashSet<usize> {
    let mut all: HashSet<usize> = positions.iter().copied().collect();
    if let LogicalPlan::Projection(projection) = plan {
        let source = |position: usize| projection.expr.get(position).map(|expr| expr.clone().unalias());
        let hidden: Vec<Expr> = positions.iter().filter_map(|position| source(*position)).collect();
        all.extend((0..projection.expr.len()).filter(|at| source(*at).is_some_and(|expr| hidden.contains(&expr))));
    }
    all
}

/// The plan's rows, with some columns hidden.
fn keyless_input(plan: &Arc<LogicalPlan>, hidden: &[usize]) -> Result<LogicalPlan> {
    let schema = plan.schema();
    let hidden = with_copies(plan, hidden);
    let exprs = schema.columns().into_iter().enumerate().map(|(position, column)| {
        let Column { relation, name, .. } = column.clone();
        if hidden.contains(&position) {
            keyless(Expr::Column(column)).alias_qualified(relation, name)
        } else {
            Expr::Column(column)
        }
    });
    Ok(LogicalPlan::Projection(Projection::try_new(exprs.collect(), Arc::clone(plan))?))
}
