//! `a LEFT JOIN (SELECT k, 1 AS one FROM b) s ON a.k = s.k ORDER BY s.one` is sorted by `s.one`
//!
//! `one` is constant in `s`, but above the join it is NULL where no row of `s` was found. DataFusion's physical plans carry the constants
//! of both sides over an outer join, and then drop `one` from sorts, window partitions and groupings: the order is lost. Nothing
//! outside can take that back, but it can be kept from being concluded: the constant goes through a function that DataFusion cannot see
//! through.
//!
//! Before: `Left Join ← Projection k, 1 AS one`
//! After: `Left Join ← Projection k, opaque(one, nothing(), 1) AS one ← Projection k, 1 AS one`
//!
//! It is valid for every join, since the function returns what it is given; it is done only for columns that are read above an outer
//! join which may fill them with NULLs. It comes last but for `opaque_grouping_keys`, so that no rule has to look through it.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::facts::{ColumnSet, FactsCache};
use super::joins::with_inputs;
use super::prune::{Needs, needs_of_inputs};
use crate::functions::opaque::opaque;

#[derive(Debug, Default)]
pub struct FilledConstants;

impl OptimizerRule for FilledConstants {
    fn name(&self) -> &str {
        "filled_constants"
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        if !has_outer_join(&plan) {
            return Ok(Transformed::no(plan));
        }
        let needs = Needs::everything(plan.schema());
        visit(plan, &needs, &FactsCache::default())
    }
}

/// Most plans have none: no facts need to be derived for them.
fn has_outer_join(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Join(join) if fills(join.join_type) != (false, false))
        || plan.inputs().into_iter().any(has_outer_join)
}

/// Whether a join fills columns of its left side with NULLs, and of its right side.
fn fills(join_type: JoinType) -> (bool, bool) {
    match join_type {
        JoinType::Left => (false, true),
        JoinType::Right => (true, false),
        JoinType::Full => (true, true),
        _ => (false, false),
    }
}

fn visit(plan: LogicalPlan, needs: &Needs, facts: &FactsCache) -> Result<Transformed<LogicalPlan>> {
    let mut of_inputs = needs_of_inputs(&plan, needs)?.into_iter();
    let visited = plan.map_children(|input| match of_inputs.next() {
        Some(needs) => visit(input, &needs, facts),
        None => Ok(Transformed::no(input)),
    })?;
    let LogicalPlan::Join(join) = &visited.data else { return Ok(visited) };
    Ok(match hidden(join, needs, facts)? {
        Some(join) => Transformed::yes(LogicalPlan::Join(join)),
        None => visited,
    })
}

/// The join over sides whose constants are hidden, if it fills any that is read.
fn hidden(join: &Join, needs: &Needs, facts: &FactsCache) -> Result<Option<Join>> {
    let width = join.left.schema().fields().len();
    let read = |offset: usize, input: &Arc<LogicalPlan>| -> ColumnSet {
        let columns = 0..input.schema().fields().len();
        let known = facts.of_input(input);
        let is_constant = |column: &usize| known.columns.get(*column).is_some_and(|facts| facts.constant.is_some());
        columns.filter(|column| needs.columns.contains(&(offset + column))).filter(is_constant).collect()
    };
    let (fills_left, fills_right) = fills(join.join_type);
    let left = if fills_left { opaque_columns(&join.left, &read(0, &join.left))? } else { None };
    let right = if fills_right { opaque_columns(&join.right, &read(width, &join.right))? } else { None };
    if left.is_none() && right.is_none() {
        return Ok(None);
    }
    with_inputs(join, left.unwrap_or_else(|| Arc::clone(&join.left)), right.unwrap_or_else(|| Arc::clone(&join.right)))
        .map(Some)
}

/// The plan with `columns` hidden, if there are any. A column that is hidden already is constant no more: it is not hidden twice.
fn opaque_columns(input: &Arc<LogicalPlan>, columns: &ColumnSet) -> Result<Option<Arc<LogicalPlan>>> {
    if columns.is_empty() {
        return Ok(None);
    }
    let exprs = input.schema().columns().into_iter().enumerate().map(|(position, column)| {
        if columns.contains(&position) {
            let (relation, name) = (column.relation.clone(), column.name.clone());
            opaque(Expr::Column(column), position).alias_qualified(relation, name)
        } else {
            Expr::Column(column)
        }
    });
    let plan = LogicalPlanBuilder::from(input.as_ref().clone()).project(exprs.collect::<Vec<_>>())?.build()?;
    Ok(Some(Arc::new(plan)))
}

#[cfg(test)]
mod tests {
    use crate::optimizer::testing::Lab;

    const TABLES: &str = "CREATE TABLE a (k BIGINT, x BIGINT); CREATE TABLE b (k BIGINT, y BIGINT);
        INSERT INTO a VALUES (1, 10), (2, 20), (3, 30), (NULL, 40); INSERT INTO b VALUES (2, 5), (3, NULL);";

    fn text(sql: &str) -> String {
        let lab = Lab::new(TABLES);
        lab.session_state().optimize(&lab.raw(sql)).unwrap().display_indent().to_string()
    }

    #[test]
    fn a_constant_that_is_filled_and_read_is_hidden_once() {
        let text =
            text("SELECT a.x, s.one FROM a LEFT JOIN (SELECT k, 1 AS one FROM b) s ON a.k = s.k ORDER BY s.one, a.x");
        assert_eq!(text.matches("ostrich_opaque").count(), 1, "{text}");
    }

    #[test]
    fn what_is_not_filled_or_not_read_is_left_alone() {
        for sql in [
            "SELECT a.x, s.one FROM a JOIN (SELECT k, 1 AS one FROM b) s ON a.k = s.k",
            "SELECT s.y, t.one FROM b s RIGHT JOIN (SELECT k, 1 AS one FROM a) t ON s.k = t.k",
            "SELECT a.x, s.y FROM a LEFT JOIN (SELECT k, y, 1 AS one FROM b) s ON a.k = s.k",
        ] {
            let text = text(sql);
            assert!(!text.contains("ostrich_opaque"), "{text}");
        }
    }
}
