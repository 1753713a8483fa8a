//! A branch of UNION ALL that gives no rows
//!
//! ```sql
//! SELECT id FROM orders UNION ALL SELECT id FROM archive   -- archive has no rows
//! SELECT id FROM orders
//! ```
//!
//! That a branch has no rows may be known from the files, from `WHERE false`, from LIMIT 0. What stays keeps the names of the
//! first branch. DataFusion drops empty branches, too, but reads the names of the first branch from the one that stays, and fails:
//! here none is left for it that our rules have emptied.
//!
//! Not valid for a branch that has at most one row, and not for one whose files were empty when they were last looked at: the
//! row count has to be that of the files that are read.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::logical_expr::{EmptyRelation, LogicalPlan, Union};

use super::exprs::{column_at, project_as};
use super::{Context, Needs, PruneRule};
use crate::optimizer::facts::{Because, both};
use crate::optimizer::trace::{Change, Clause, Event};

#[derive(Debug)]
pub struct EmptyBranch;

impl PruneRule for EmptyBranch {
    fn name(&self) -> &'static str {
        "empty_branch"
    }

    fn rewrite(&self, plan: &LogicalPlan, _needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let LogicalPlan::Union(union) = plan else { return Ok(None) };
        let mut stay = vec![];
        let mut constraints = Because::new();
        for branch in &union.inputs {
            match context.facts.of_input(branch).no_rows() {
                Some(because) => constraints = both(constraints, because),
                None => stay.push(Arc::clone(branch)),
            }
        }
        if stay.len() == union.inputs.len() {
            return Ok(None);
        }
        let schema = Arc::clone(&union.schema);
        let rewritten = match stay.as_slice() {
            [] => LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema }),
            [only] => {
                let columns: Vec<_> =
                    (0..schema.fields().len()).map(|column| column_at(only.schema(), column)).collect();
                project_as(&columns, &schema, only)?
            }
            _ => LogicalPlan::Union(Union { inputs: stay, schema }),
        };
        context.trace.record(Event {
            rule: self.name(),
            change: Change::Clause(Clause::Union),
            because: "a branch has no rows".to_string(),
            constraints,
            added_filter: None,
        });
        Ok(Some(rewritten))
    }
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::testing::{fires, stays};
    use crate::optimizer::testing::Lab;

    const RULE: &str = "empty_branch";

    #[test]
    fn an_empty_file_is_an_empty_branch() {
        let lab = Lab::new(
            "CREATE TABLE a (id BIGINT, x BIGINT); CREATE TABLE b (id BIGINT, y BIGINT); INSERT INTO b VALUES (3, 5), (4, NULL);",
        );
        stays(&lab, RULE, "SELECT id, x FROM a UNION ALL SELECT id, y FROM b");
        let lab = lab.with_file_facts();
        fires(&lab, RULE, "SELECT id, x FROM a UNION ALL SELECT id, y FROM b");
    }
}
