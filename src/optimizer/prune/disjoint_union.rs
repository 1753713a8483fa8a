//! UNION that could be UNION ALL
//!
//! ```sql
//! SELECT 'shop' AS channel, s_id FROM shops  UNION      SELECT 'web', w_id FROM sites   -- s_id and w_id are keys
//! SELECT 'shop' AS channel, s_id FROM shops  UNION ALL  SELECT 'web', w_id FROM sites
//! ```
//!
//! Safe if every branch is free of duplicates (the columns hold a strict key of it), and no row of one can be in another: of any two
//! branches some column has different constants, or ranges without a value in common. The second is not enough where the column can be
//! NULL in both, as NULL is in neither range.
//!
//! Not safe:
//!
//! - branches that are disjoint, but not free of duplicates: `SELECT 1, a FROM t UNION SELECT 2, a FROM t`;
//! - three branches of which only neighbours are disjoint;
//! - keys of the branches that do not tell the branches apart: `SELECT id FROM t UNION SELECT id FROM u`.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, Union};

use super::exprs::{also, as_column, column_at, groups_plainly, name, project_as, strict_key};
use super::value_range::Range;
use super::{Context, Needs, PruneRule};
use crate::optimizer::facts::{Because, ColumnSet, Facts};
use crate::optimizer::trace::{Change, Clause, Event};

#[derive(Debug)]
pub struct DisjointUnion;

impl PruneRule for DisjointUnion {
    fn name(&self) -> &'static str {
        "disjoint_union"
    }

    fn rewrite(&self, plan: &LogicalPlan, _needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let (input, exprs): (_, Vec<Expr>) = match plan {
            LogicalPlan::Aggregate(aggregate) if aggregate.aggr_expr.is_empty() && groups_plainly(aggregate) => {
                (&aggregate.input, aggregate.group_expr.clone())
            }
            LogicalPlan::Distinct(Distinct::All(input)) => {
                (input, (0..input.schema().fields().len()).map(|column| column_at(input.schema(), column)).collect())
            }
            _ => return Ok(None),
        };
        let Some((union, columns)) = union_below(input, &exprs) else { return Ok(None) };
        let Some((column, constraints)) = duplicate_free(union, &columns, context) else { return Ok(None) };
        let rows = project_as(&exprs, plan.schema(), &Arc::clone(input))?;
        context.trace.record(Event {
            rule: self.name(),
            change: Change::Clause(Clause::Union),
            because: format!(
                "no branch has duplicates, and no row is in two of them: {} differs",
                name(column, &union.schema)
            ),
            constraints,
            added_filter: None,
        });
        Ok(Some(rows))
    }
}

/// The UNION ALL below, and its columns that the expressions are.
fn union_below<'a>(plan: &'a LogicalPlan, exprs: &[Expr]) -> Option<(&'a Union, ColumnSet)> {
    let columns: Vec<usize> = exprs
        .iter()
        .map(|expr| as_column(expr).and_then(|column| plan.schema().maybe_index_of_column(column)))
        .collect::<Option<_>>()?;
    match plan {
        LogicalPlan::Union(union) => Some((union, columns.into_iter().collect())),
        LogicalPlan::SubqueryAlias(alias) => {
            let below: Vec<Expr> = columns.iter().map(|column| column_at(alias.input.schema(), *column)).collect();
            union_below(&alias.input, &below)
        }
        LogicalPlan::Projection(projection) => {
            let below: Vec<Expr> = columns.iter().map(|column| projection.expr[*column].clone()).collect();
            union_below(&projection.input, &below)
        }
        _ => None,
    }
}

/// Whether no two rows of all branches together agree in the columns; a column that differs, and what it rests on.
fn duplicate_free(union: &Union, columns: &ColumnSet, context: &Context<'_>) -> Option<(usize, Because)> {
    let branches: Vec<Arc<Facts>> = union.inputs.iter().map(|input| context.facts.of_input(input)).collect();
    let mut because = Because::new();
    for branch in &branches {
        also(&mut because, &strict_key(branch, columns)?.1);
    }
    let mut differs = None;
    for (index, one) in branches.iter().enumerate() {
        for other in &branches[index + 1..] {
            let (column, ranges) = columns.iter().find_map(|column| {
                let (one, other) = (Range::of(one, *column)?, Range::of(other, *column)?);
                one.has_nothing_in_common_with(&other).map(|because| (*column, because))
            })?;
            also(&mut because, &ranges);
            differs.get_or_insert(column);
        }
    }
    differs.map(|column| (column, because))
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::testing::{fires, stays};
    use crate::optimizer::testing::{Lab, lab};

    const RULE: &str = "disjoint_union";

    #[test]
    fn constants_tell_the_branches_apart() {
        let lab = lab();
        let said = fires(&lab, RULE, "SELECT 'c' AS kind, id FROM customer UNION SELECT 'o', id FROM orders");
        assert!(said.contains("kind differs [customer: primary key, orders: primary key]"), "{said}");
        fires(
            &lab,
            RULE,
            "SELECT id, 1 AS n FROM customer UNION SELECT id, 2 FROM orders UNION SELECT id, 3 FROM region",
        );
        fires(
            &lab,
            RULE,
            "SELECT DISTINCT id, k FROM (SELECT id, vip, 1 AS k FROM customer UNION ALL SELECT id, true, 2 FROM region)",
        );
    }

    #[test]
    fn filters_and_files_tell_the_branches_apart() {
        let lab = lab();
        fires(&lab, RULE, "SELECT id, age FROM customer WHERE id < 3 UNION SELECT id, size FROM region WHERE id >= 3");
        let lab = Lab::new(
            "CREATE TABLE a (id BIGINT PRIMARY KEY, x BIGINT); CREATE TABLE b (id BIGINT PRIMARY KEY, x BIGINT);
             CREATE TABLE c (id BIGINT PRIMARY KEY, x BIGINT);
             INSERT INTO a VALUES (1, 1), (2, NULL); INSERT INTO b VALUES (3, 5), (4, NULL); INSERT INTO c VALUES (4, NULL), (5, 5);",
        );
        stays(&lab, RULE, "SELECT id, x FROM a UNION SELECT id, x FROM b");
        let lab = lab.with_file_facts();
        fires(&lab, RULE, "SELECT id, x FROM a UNION SELECT id, x FROM b");
        // Neighbours, but not all.
        stays(&lab, RULE, "SELECT id, x FROM a UNION SELECT id, x FROM b UNION SELECT id, x FROM c");
    }

    #[test]
    fn null_may_be_in_both() {
        let lab = Lab::new(
            "CREATE TABLE a (id BIGINT PRIMARY KEY, x BIGINT); CREATE TABLE b (id BIGINT PRIMARY KEY, x BIGINT);
             INSERT INTO a VALUES (1, 1), (2, NULL); INSERT INTO b VALUES (2, 5), (3, NULL), (4, NULL);
             INSERT INTO b VALUES (5, NULL);",
        )
        .with_file_facts();
        // x has nothing but NULL in common, and id is no help.
        stays(&lab, RULE, "SELECT x FROM a UNION SELECT x FROM b");
        stays(&lab, RULE, "SELECT id, x FROM a UNION SELECT id, x FROM b");
    }

    #[test]
    fn branches_with_duplicates_or_rows_in_common_stay() {
        let lab = lab();
        stays(&lab, RULE, "SELECT 1 AS n, a FROM loose UNION SELECT 2, b FROM loose");
        stays(&lab, RULE, "SELECT id FROM customer UNION SELECT id FROM orders");
        stays(&lab, RULE, "SELECT 'x' AS k, id FROM customer UNION SELECT 'x', id FROM orders");
        stays(
            &lab,
            RULE,
            "SELECT id FROM (SELECT 1 AS n, id FROM customer UNION ALL SELECT 2, id FROM orders) GROUP BY id",
        );
    }
}
