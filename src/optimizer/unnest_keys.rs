//! UNNEST repeats its input's keys
//!
//! ```sql
//! SELECT DISTINCT id FROM (SELECT id, unnest(tags) AS tag FROM t)                        -- id is the key of t
//! SELECT id, count(*) FROM (SELECT id, unnest(tags) AS tag FROM t) GROUP BY id
//! SELECT id, unnest(tags) AS tag FROM t ORDER BY id, tag
//! ```
//!
//! DataFusion takes the keys of the input for keys of the output. So it drops the DISTINCT, the second sort key, and a group key that
//! seems to be determined; and its SQL front end adds `tag` to `GROUP BY id`, as it does with all columns that a key
//! determines. No rule can tell afterwards which group keys the user wrote.
//!
//! So knowledge of keys is kept from reaching an UNNEST: the columns go through a function that gives back what it is given, and that
//! DataFusion does not see through. Before: `Unnest ← t`. After: `Unnest ← Projection [keyless(id) AS id, tags] ← t`. It is valid
//! always, since no value changes. It is done twice: while a statement is planned, for every subquery and CTE in FROM
//! ([`UnnestKeysInFrom`]), so that the front end adds no group keys; and as the first rule of the optimizer, for the
//! UNNEST in the select list itself and in views.

use std::cell::RefCell;
use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Unnest};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::sql::sqlparser::ast::TableFactor;

use crate::functions::opaque::keyless;

#[derive(Debug, Default)]
pub struct UnnestKeys;

impl OptimizerRule for UnnestKeys {
    fn name(&self) -> &str {
        "unnest_keys"
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

/// For a session's state: plans what is in FROM as DataFusion does, with no keys above an UNNEST.
#[derive(Debug, Default)]
pub struct UnnestKeysInFrom;

thread_local! {
    /// What is being planned on this thread, outermost first. The context's `plan` asks this planner again first.
    static PLANNING: RefCell<Vec<TableFactor>> = const { RefCell::new(vec![]) };
}

impl RelationPlanner for UnnestKeysInFrom {
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

/// The plan with no keys below any UNNEST, and all keys above taken anew.
fn without_keys(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::Unnest(unnest) if has_keys(&unnest.input));
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if !found {
        return Ok(Transformed::no(plan));
    }
    plan.transform_up_with_subqueries(|node| match &node {
        // Its inputs may have lost keys meanwhile.
        LogicalPlan::Unnest(unnest) if has_keys(&unnest.input) => {
            let input = Arc::new(keyless_input(&unnest.input)?);
            let rebuilt = Unnest::try_new(input, unnest.exec_columns.clone(), unnest.options.clone())?;
            Ok(Transformed::yes(LogicalPlan::Unnest(rebuilt)))
        }
        _ => Ok(Transformed::yes(node.recompute_schema()?)),
    })
}

fn has_keys(plan: &LogicalPlan) -> bool {
    !plan.schema().functional_dependencies().is_empty()
}

/// The plan's rows, with one column of every key hidden.
fn keyless_input(plan: &Arc<LogicalPlan>) -> Result<LogicalPlan> {
    let schema = plan.schema();
    let hidden: Vec<usize> =
        schema.functional_dependencies().iter().filter_map(|key| key.source_indices.first().copied()).collect();
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
