//! A table that only connects two others by its key can be stepped over.
//!
//! Before: `SELECT a.x, p.y FROM a JOIN c ON a.cid = c.id JOIN p ON p.cid = c.id`
//! After: `SELECT a.x, p.y FROM a JOIN p ON a.cid = p.cid` (and `p.cid IS NOT NULL`, if it may be NULL)
//!
//! Joins are associative: `(a ⋈ c) ⋈ p` is `a ⋈ (c ⋈ p)`, and in the second form `inner_join_by_foreign_key` may drop `c` thanks to a
//! foreign key of `p`, reading `p.cid` for `c.id`. So the rule tries that form for the upper join's two inputs, and takes it only if `c`
//! goes. If it is `a` that has the foreign key, `c` goes in the first form.
//!
//! Not valid
//! - if `p` has no foreign key to `c`: the rows of `a` and `p` that agree on a customer who does not exist would appear;
//! - if anything but the key of `c` is read, or `c` is filtered by more than its key;
//! - for outer joins, which are not associative this way: `a LEFT JOIN c … LEFT JOIN p` works where the foreign key of `a` lets `c` go
//!   (`outer_parent_key_read`).

use std::sync::Arc;

use datafusion::common::{DFSchema, NullEquality};
use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Join, JoinConstraint, JoinType, LogicalPlan};

use super::conditions::{Candidate, Side, inner_parent_goes, join_of};
use super::expressions::{columns_read, conjuncts, has_subquery, touches};
use super::inner_join_by_foreign_key::references;
use super::plans::with_columns;
use super::record::{removed, without};
use super::{Context, Needs, PruneRule};
use crate::optimizer::facts::{ColumnSet, Facts, KnownConstraint, KnownConstraintKind};

#[derive(Debug)]
pub struct Bridge;

impl PruneRule for Bridge {
    fn name(&self) -> &'static str {
        "bridge"
    }

    fn rewrite(&self, plan: &LogicalPlan, needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        match join_of(plan) {
            Some(upper) => step_over(upper, needs, context),
            None => Ok(None),
        }
    }
}

/// The join without a table that only connects two of its inputs.
fn step_over(upper: &Join, needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
    if !is_plain_inner(upper) {
        return Ok(None);
    }
    for (lower, child) in [(&upper.left, &upper.right), (&upper.right, &upper.left)] {
        if !has_foreign_key(&context.facts.of_input(child)) {
            continue;
        }
        let mut above = Vec::new();
        let Some(lower) = below_filters(lower, &mut above) else { continue };
        for (other, parent) in [(&lower.left, &lower.right), (&lower.right, &lower.left)] {
            let shape = Shape { upper, lower, above: &above, other, parent, child };
            if let Some(done) = shape.step_over(needs, context)? {
                return Ok(Some(done));
            }
        }
    }
    Ok(None)
}

fn has_foreign_key(facts: &Facts) -> bool {
    let is_foreign_key =
        |constraint: &KnownConstraint| matches!(constraint.kind, KnownConstraintKind::ForeignKey { .. });
    facts.instances.iter().any(|instance| instance.table.constraints.iter().any(is_foreign_key))
}

/// `(other ⋈ parent) ⋈ child`, with filters between the two joins.
struct Shape<'a> {
    upper: &'a Join,
    lower: &'a Join,
    above: &'a [Expr],
    other: &'a Arc<LogicalPlan>,
    parent: &'a Arc<LogicalPlan>,
    child: &'a Arc<LogicalPlan>,
}

impl Shape<'_> {
    fn step_over(&self, needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let (other, parent, child) = (self.other.schema(), self.parent.schema(), self.child.schema());
        // The conditions between the parent and the child go down, all others stay where the other side is.
        let (mut between, mut outside) = (Vec::new(), Vec::new());
        for term in conditions(self.upper) {
            let goes_down = !touches(&term, other) && touches(&term, parent) && !has_subquery(&term);
            if goes_down { between.push(term) } else { outside.push(term) }
        }
        let compares = |term: &Expr| touches(term, child) && touches(term, parent);
        if !between.iter().any(compares) {
            return Ok(None);
        }
        outside.extend(conditions(self.lower));
        outside.extend(self.above.iter().cloned());
        if outside.iter().chain(&between).any(|term| has_subquery(term) || term.is_volatile()) {
            return Ok(None);
        }
        let inner = inner_join(self.child, self.parent, between)?;
        let candidate = Candidate::new(&inner, Side::Right, context.facts);
        // Of both sides: the table to step over may turn out to stand below the child.
        let mut read: ColumnSet = needed_of(needs, &self.upper.schema, &inner.schema).into_iter().collect();
        for term in &outside {
            read.extend(columns_read(term, &inner.schema));
        }
        let inner_needs = Needs { columns: read, ..needs.clone() };
        let side = match inner_parent_goes(&candidate, &inner_needs) {
            Ok(proof) => {
                let sentence = references(&candidate, "it only connects the two sides by its key");
                removed(context, Bridge.name(), &candidate, sentence, proof.because.clone(), &proof.filters);
                Arc::new(without(&candidate, proof)?)
            }
            // The table to step over may stand further below.
            Err(_) => match step_over(&inner, &inner_needs, context)? {
                Some(side) => Arc::new(side),
                None => return Ok(None),
            },
        };
        let joined = LogicalPlan::Join(inner_join(self.other, &side, outside)?);
        with_columns(joined, &self.upper.schema, &std::collections::HashMap::new()).map(Some)
    }
}

fn is_plain_inner(join: &Join) -> bool {
    join.join_type == JoinType::Inner && join.null_equality == NullEquality::NullEqualsNothing
}

/// The inner join that a plan is, under filters, which are collected.
fn below_filters<'a>(plan: &'a LogicalPlan, above: &mut Vec<Expr>) -> Option<&'a Join> {
    match plan {
        LogicalPlan::Filter(filter) => {
            above.extend(conjuncts(Some(&filter.predicate)));
            below_filters(&filter.input, above)
        }
        _ => join_of(plan).filter(|join| is_plain_inner(join)),
    }
}

/// All that ON says, as terms.
fn conditions(join: &Join) -> Vec<Expr> {
    let equalities = join.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
    equalities.chain(conjuncts(join.filter.as_ref())).collect()
}

/// An inner join on terms, those that are equalities between the sides as such.
fn inner_join(left: &Arc<LogicalPlan>, right: &Arc<LogicalPlan>, terms: Vec<Expr>) -> Result<Join> {
    let (mut on, mut rest) = (Vec::new(), Vec::new());
    for term in terms {
        match super::conditions::as_pair(&term, left, right) {
            Some(pair) if !pair.nulls_equal => on.push((pair.stays, pair.gone)),
            _ => rest.push(term),
        }
    }
    Join::try_new(
        Arc::clone(left),
        Arc::clone(right),
        on,
        conjunction(rest),
        JoinType::Inner,
        JoinConstraint::On,
        NullEquality::NullEqualsNothing,
        false,
    )
}

/// The columns of `side` that are needed of a join above it, by their place in `side`.
fn needed_of(needs: &Needs, join: &DFSchema, side: &DFSchema) -> Vec<usize> {
    (0..side.fields().len())
        .filter(|position| {
            let (relation, field) = side.qualified_field(*position);
            needs.columns.iter().any(|column| {
                let (other, name) = join.qualified_field(*column);
                other == relation && name.name() == field.name()
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::checks::{fires, leaves, stays};
    use crate::optimizer::testing::lab;

    const RULE: &str = "bridge";

    #[test]
    fn two_children_of_one_parent() {
        let lab = lab();
        // loose has no foreign key, orders has: the customer only connects them
        for sql in [
            "SELECT l.c, o.id FROM loose l JOIN customer c ON l.a = c.id JOIN orders o ON o.customer_id = c.id",
            "SELECT l.c, o.id, c.id FROM customer c JOIN loose l ON l.a = c.id JOIN orders o ON o.referrer_id = c.id",
            "SELECT l.c, o.id FROM loose l JOIN customer c ON l.a = c.id AND l.b < c.id JOIN orders o ON o.referrer_id = c.id \
             AND o.amount > l.a",
        ] {
            fires(&lab, RULE, sql, "loose and orders");
        }
        fires(
            &lab,
            RULE,
            "SELECT l.c, o.id, r.size FROM loose l JOIN customer c ON l.a = c.id JOIN region r ON r.id = l.b \
             JOIN orders o ON o.customer_id = c.id",
            "region, loose and orders",
        );
        leaves(
            &lab,
            "SELECT o.id, p.id FROM orders o JOIN customer c ON o.customer_id = c.id JOIN orders p ON p.referrer_id = c.id",
            "orders and orders",
        );
    }

    #[test]
    fn no_bridge() {
        let lab = lab();
        for sql in [
            "SELECT l.c, o.id, c.name FROM loose l JOIN customer c ON l.a = c.id JOIN orders o ON o.customer_id = c.id",
            "SELECT l.c, o.id FROM loose l JOIN customer c ON l.a = c.id JOIN orders o ON o.amount = c.id",
            "SELECT l.c, o.id FROM loose l JOIN customer c ON l.a = c.id AND c.vip JOIN orders o ON o.customer_id = c.id",
            "SELECT l.c, o.id FROM loose l LEFT JOIN customer c ON l.a = c.id LEFT JOIN orders o ON o.customer_id = c.id",
            "SELECT l.c, o.id FROM loose l JOIN customer c ON l.c = c.name JOIN orders o ON o.customer_id = c.id",
            // looking below orders for a bridge finds customer on the other side, where more of it is read
            "SELECT l.c, m.c, c.name FROM (loose l JOIN orders o ON l.a = o.id) JOIN (loose m JOIN customer c ON m.a = c.id) \
             ON o.customer_id = c.id",
        ] {
            stays(&lab, RULE, sql);
        }
    }
}
