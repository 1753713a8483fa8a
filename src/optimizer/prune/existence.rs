//! Whether a table has any row at all is known from its row count, or from a foreign key that references it.
//!
//! Before: `SELECT * FROM o WHERE EXISTS (SELECT 1 FROM c)`
//! After: `SELECT * FROM o`
//!
//! Before: `SELECT DISTINCT o.x FROM o CROSS JOIN c`
//! After: `SELECT DISTINCT o.x FROM o`
//!
//! If `c` has a row, each row of `o` passes the test, and comes out of the cross join at least once. It has one if the files say so,
//! or if `o` has a NOT NULL foreign key to it: either `o` is empty, and so is the result, or the parent of one of its rows is in `c`.
//!
//! Not valid
//! - for a cross join whose duplicates are counted: `c` with three rows triples `o`;
//! - for a nullable foreign key: all of its values may be NULL, and `c` empty;
//! - if `c` is filtered or the referencing table is only there as the NULLs of an outer join.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan};

use super::conditions::{Candidate, Proof, Side, join_of};
use super::expressions::{can_be_moved, touches};
use super::record::{answered, removed, without};
use super::{Context, Needs, PruneRule};
use crate::optimizer::facts::{Because, Facts, Instance, KnownConstraintKind, Origin};

#[derive(Debug)]
pub struct Existence;

impl PruneRule for Existence {
    fn name(&self) -> &'static str {
        "existence"
    }

    fn rewrite(&self, plan: &LogicalPlan, needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let Some(join) = join_of(plan) else { return Ok(None) };
        if !join.on.is_empty() || join.null_aware {
            return Ok(None);
        }
        for side in Side::BOTH {
            let candidate = Candidate::new(join, side, context.facts);
            let only_whether = match candidate.kind() {
                JoinType::Inner => !needs.duplicates && candidate.is_unused(needs).is_ok(),
                JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => true,
                _ => false,
            };
            let only_on_other = |term: &Expr| !touches(term, candidate.gone.schema()) && can_be_moved(term);
            if !only_whether || !candidate.pairs.is_empty() || !candidate.rest.iter().all(only_on_other) {
                continue;
            }
            let Some(because) = is_not_empty(&candidate) else { continue };
            let conditions = candidate.rest.clone();
            let gone = candidate.gone_name();
            let sentence = if join.join_type == JoinType::Inner {
                format!("{gone} has at least one row, no column of it is read, and duplicates do not matter")
            } else {
                format!("{gone} has at least one row")
            };
            removed(context, self.name(), &candidate, sentence, because, &[]);
            return if join.join_type == JoinType::Inner {
                without(&candidate, Proof { filters: conditions, ..Proof::default() }).map(Some)
            } else {
                answered(&candidate, conditions)
            };
        }
        Ok(None)
    }
}

/// The side that may go has a row, or the other side has none.
fn is_not_empty(candidate: &Candidate<'_>) -> Option<Because> {
    let rows = &candidate.gone_facts.rows;
    if rows.least > 0 {
        return Some(rows.least_because.clone());
    }
    let parents = || candidate.gone_facts.instances.iter().filter(|instance| instance.complete);
    candidate.stays_facts.instances.iter().enumerate().find_map(|(number, child)| {
        parents().find_map(|parent| child_of(&candidate.stays_facts, number, child, parent))
    })
}

/// Each row of the child's side has a parent.
fn child_of(facts: &Facts, number: usize, child: &Instance, parent: &Instance) -> Option<Because> {
    if child.null_extended {
        return None;
    }
    child.table.constraints.iter().find_map(|constraint| match &constraint.kind {
        KnownConstraintKind::ForeignKey { columns, parent: referenced, .. } if *referenced == parent.table.name => {
            let mut because = vec![Arc::clone(&constraint.reference)];
            for column in columns {
                because.extend(never_null(facts, number, child, *column)?);
            }
            Some(because)
        }
        _ => None,
    })
}

/// The column of the table is NULL in no row of the node: by its constraint, or by what the plan did.
fn never_null(facts: &Facts, number: usize, child: &Instance, column: usize) -> Option<Because> {
    let declared = child.table.constraints.iter().find_map(|constraint| match &constraint.kind {
        KnownConstraintKind::NotNull { columns } if columns.contains(&column) => {
            Some(vec![Arc::clone(&constraint.reference)])
        }
        _ => None,
    });
    declared.or_else(|| {
        let origin = Some(Origin { instance: number, column });
        facts.columns.iter().find(|known| known.origin == origin && known.not_null.is_some())?.not_null.clone()
    })
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::checks::{fires, stays};
    use crate::optimizer::testing::lab;

    const RULE: &str = "existence";

    #[test]
    fn a_row_is_there() {
        let lab = lab();
        for sql in [
            "SELECT DISTINCT o.note FROM orders o CROSS JOIN customer c",
            "SELECT max(o.id) FROM customer c CROSS JOIN orders o",
            "SELECT o.id FROM orders o WHERE EXISTS (SELECT 1 FROM customer)",
            "SELECT o.id FROM orders o WHERE NOT EXISTS (SELECT 1 FROM customer) OR o.amount > 60",
        ] {
            fires(&lab, RULE, sql, "orders");
        }
        let sql = "SELECT c.id FROM customer c WHERE EXISTS (SELECT 1 FROM loose)";
        stays(&lab, RULE, sql);
        fires(&lab.with_file_facts(), RULE, sql, "customer");
    }

    #[test]
    fn there_may_be_none() {
        let lab = lab();
        for sql in [
            "SELECT o.note FROM orders o CROSS JOIN customer c",
            // nullable: all may be NULL
            "SELECT c.id FROM customer c WHERE EXISTS (SELECT 1 FROM region)",
            "SELECT o.id FROM orders o WHERE EXISTS (SELECT 1 FROM customer WHERE age > 100)",
            "SELECT o.id FROM orders o WHERE EXISTS (SELECT 1 FROM customer OFFSET 10)",
            "SELECT o.id FROM orders o WHERE EXISTS (SELECT 1 FROM loose) OR o.amount > 60",
            "SELECT DISTINCT l.a FROM loose l LEFT JOIN orders o ON l.a = o.id CROSS JOIN customer c",
        ] {
            stays(&lab, RULE, sql);
        }
    }
}
