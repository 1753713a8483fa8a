//! Rows that an outer join extends with NULLs need not be made if nothing above can use them.
//!
//! Before: `SELECT … FROM (a LEFT JOIN b ON a.id = b.aid) JOIN c ON b.x = c.y`
//! After: `SELECT … FROM (a JOIN b ON a.id = b.aid) JOIN c ON b.x = c.y`
//!
//! `b.x = c.y` is not true where `b.x` is NULL. Whatever rejects NULLs does it: WHERE and HAVING on group keys, the ON conditions of joins
//! above (of inner joins on both sides, of outer joins on the side that is not kept, of semi joins on both, of anti and mark joins on the
//! tested side), an aggregation without GROUP BY all of whose aggregates have a FILTER that rejects them or ignore NULL
//! (`sum(b.x)`). The condition is followed down through projections, aliases, sorts, DISTINCT, group keys, unions and other joins.
//! RIGHT is the mirror image of LEFT; FULL becomes LEFT, RIGHT or INNER.
//!
//! Not valid
//! - for conditions that may be true of NULL: `b.x IS NULL`, `coalesce(b.x, 0) = 0`, `b.x = 1 OR a.y = 2`, `NOT (b.x = 1 AND a.y = 2)`;
//! - across LIMIT (`(… LEFT JOIN … LIMIT 10) WHERE b.x = 1` would be filled up with other rows) and windows, which count rows;
//! - across an outer join that keeps the side: `(a LEFT JOIN b) LEFT JOIN c ON b.x = c.y` shows the rows of `a` all the same;
//! - for NOT IN on its tested side, where NULLs matter, and for joins that compare with IS NOT DISTINCT FROM;
//! - under an aggregation with GROUP BY, whose groups would be gone, or with one aggregate that counts the rows: `count(*)`.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::{Column, DFSchema, NullEquality};
use datafusion::error::Result;
use datafusion::functions_aggregate::average::Avg;
use datafusion::functions_aggregate::count::Count;
use datafusion::functions_aggregate::min_max::{Max, Min};
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, Distinct, Expr, Join, JoinType, LogicalPlan};

use super::conditions::{Side, join_of, side_of};
use super::expressions::{can_be_moved, conjuncts, plain_column, sql, substitute};
use super::null_rejection::rejects_nulls;
use super::record::changed;
use super::{Context, Needs, PruneRule, inputs};

#[derive(Debug)]
pub struct OuterToInner;

impl PruneRule for OuterToInner {
    fn name(&self) -> &'static str {
        "outer_to_inner"
    }

    fn rewrite(&self, plan: &LogicalPlan, _needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        if !plan.inputs().into_iter().any(has_outer_join) {
            return Ok(None);
        }
        let below = conditions_below(plan);
        let mut inputs = inputs::inputs(plan);
        let mut any = false;
        for (input, conditions) in inputs.iter_mut().zip(below) {
            for condition in conditions {
                if let Some(done) = follow(input, &condition, context)? {
                    *input = Arc::new(done);
                    any = true;
                }
            }
        }
        if !any {
            return Ok(None);
        }
        inputs::with_inputs(plan, inputs).map(Some)
    }
}

fn has_outer_join(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Join(join) if join.join_type.is_outer())
        || plan.inputs().into_iter().any(has_outer_join)
}

/// Something that a row must make true to matter to the node above.
#[derive(Debug, Clone)]
struct Condition {
    expr: Expr,
    /// As the user wrote it.
    original: Arc<Expr>,
}

/// Stands for the table of a column that is out of sight.
const OTHER_SIDE: &str = "__other_side";

impl Condition {
    fn new(expr: Expr) -> Self {
        Condition { original: Arc::new(expr.clone()), expr }
    }

    /// What it says to one side of a join: the other side's columns are out of sight, lest they be taken for columns of the same name
    /// further below.
    fn on_side(&self, join: &Join, side: Side) -> Condition {
        let hidden: HashMap<Column, Expr> = self
            .expr
            .column_refs()
            .into_iter()
            .filter(|column| side_of(column, join) != Some(side))
            .map(|column| (column.clone(), Expr::Column(Column::new(Some(OTHER_SIDE), &column.name))))
            .collect();
        let expr = substitute(self.expr.clone(), &hidden).unwrap_or_else(|_| datafusion::logical_expr::lit(true));
        Condition { expr, original: Arc::clone(&self.original) }
    }
}

/// For each input of a node, what its rows must make true to matter to the node.
fn conditions_below(plan: &LogicalPlan) -> Vec<Vec<Condition>> {
    match plan {
        LogicalPlan::Filter(filter) => vec![usable(conjuncts(Some(&filter.predicate)))],
        LogicalPlan::Aggregate(aggregate) => vec![usable(of_aggregate(aggregate).into_iter().collect())],
        LogicalPlan::Join(_) => match join_of(plan) {
            Some(join) => {
                let (left, right) = rejected_sides(join);
                let all = usable(of_join(join));
                let on = |side: Side| all.iter().map(|condition| condition.on_side(join, side)).collect::<Vec<_>>();
                vec![if left { on(Side::Left) } else { vec![] }, if right { on(Side::Right) } else { vec![] }]
            }
            None => vec![vec![], vec![]],
        },
        _ => plan.inputs().iter().map(|_| vec![]).collect(),
    }
}

fn usable(terms: Vec<Expr>) -> Vec<Condition> {
    terms.into_iter().filter(can_be_moved).map(Condition::new).collect()
}

/// The sides whose rows do not matter if ON is not true.
fn rejected_sides(join: &Join) -> (bool, bool) {
    match join.join_type {
        JoinType::Inner | JoinType::LeftSemi | JoinType::RightSemi => (true, true),
        JoinType::Left | JoinType::LeftMark => (false, true),
        JoinType::LeftAnti => (false, !join.null_aware),
        JoinType::Right | JoinType::RightMark => (true, false),
        JoinType::RightAnti => (!join.null_aware, false),
        JoinType::Full => (false, false),
    }
}

fn of_join(join: &Join) -> Vec<Expr> {
    let equalities = join.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
    // IS NOT DISTINCT FROM finds partners for NULL.
    let equalities = equalities.filter(|_| join.null_equality == NullEquality::NullEqualsNothing);
    equalities.chain(conjuncts(join.filter.as_ref())).collect()
}

/// Of an aggregation without GROUP BY: that a row is taken by at least one aggregate.
fn of_aggregate(aggregate: &Aggregate) -> Option<Expr> {
    if !aggregate.group_expr.is_empty() {
        return None;
    }
    let taken = aggregate.aggr_expr.iter().map(is_taken).collect::<Option<Vec<_>>>()?;
    taken.into_iter().reduce(Expr::or)
}

/// When an aggregate takes a row: its FILTER is true, and its argument is not NULL if it ignores that.
fn is_taken(aggregate: &Expr) -> Option<Expr> {
    match aggregate {
        Expr::Alias(alias) => is_taken(&alias.expr),
        Expr::AggregateFunction(AggregateFunction { func, params }) => {
            let function = func.inner();
            let ignores_null = function.is::<Sum>()
                || function.is::<Min>()
                || function.is::<Max>()
                || function.is::<Avg>()
                || function.is::<Count>();
            let argument = match params.args.as_slice() {
                [argument] if ignores_null => Some(argument.clone().is_not_null()),
                _ => None,
            };
            let filter = params.filter.as_ref().map(|filter| filter.as_ref().clone());
            match (filter, argument) {
                (Some(filter), Some(argument)) => Some(filter.and(argument)),
                (one, other) => one.or(other),
            }
        }
        _ => None,
    }
}

/// The plan with the outer joins made inner that extend with NULLs only rows for which the condition is not true. `None`: there are none.
fn follow(plan: &LogicalPlan, condition: &Condition, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
    if condition.expr.column_refs().is_empty() {
        return Ok(None);
    }
    match plan {
        LogicalPlan::Filter(filter) => below(plan, vec![(0, &filter.input, condition.clone())], context),
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => {
            below(plan, vec![(0, &sort.input, condition.clone())], context)
        }
        LogicalPlan::Distinct(Distinct::All(input)) => below(plan, vec![(0, input, condition.clone())], context),
        LogicalPlan::SubqueryAlias(alias) => {
            let inner = alias.input.schema().columns().into_iter().map(Expr::Column);
            let Some(inner) = renamed(condition, alias.schema.as_ref(), inner)? else { return Ok(None) };
            below(plan, vec![(0, &alias.input, inner)], context)
        }
        LogicalPlan::Projection(projection) => {
            let exprs = projection.expr.iter().map(|expr| expr.clone().unalias());
            let Some(inner) = renamed(condition, projection.schema.as_ref(), exprs)? else { return Ok(None) };
            below(plan, vec![(0, &projection.input, inner)], context)
        }
        LogicalPlan::Aggregate(aggregate) => {
            // On group keys: a group that the condition rejects does not matter, nor do its rows.
            if matches!(aggregate.group_expr.as_slice(), [Expr::GroupingSet(_)]) {
                return Ok(None);
            }
            let keys = aggregate.group_expr.iter().map(|expr| expr.clone().unalias());
            let Some(inner) = renamed(condition, aggregate.schema.as_ref(), keys)? else { return Ok(None) };
            below(plan, vec![(0, &aggregate.input, inner)], context)
        }
        LogicalPlan::Union(union) => {
            let mut branches = Vec::new();
            for (number, input) in union.inputs.iter().enumerate() {
                let columns = input.schema().columns().into_iter().map(Expr::Column);
                if let Some(inner) = renamed(condition, union.schema.as_ref(), columns)? {
                    branches.push((number, input, inner));
                }
            }
            below(plan, branches, context)
        }
        LogicalPlan::Join(_) => match join_of(plan) {
            Some(join) => follow_join(plan, join, condition, context),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

fn follow_join(
    plan: &LogicalPlan,
    join: &Join,
    condition: &Condition,
    context: &Context<'_>,
) -> Result<Option<LogicalPlan>> {
    let rejects = |side: Side| {
        join.join_type.is_outer() && rejects_nulls(&condition.expr, &|column| side_of(column, join) == Some(side))
    };
    let (left, right) = (rejects(Side::Left), rejects(Side::Right));
    let to = match (join.join_type, left, right) {
        (JoinType::Left, _, true) | (JoinType::Right, true, _) | (JoinType::Full, true, true) => JoinType::Inner,
        (JoinType::Full, true, false) => JoinType::Left,
        (JoinType::Full, false, true) => JoinType::Right,
        (unchanged, ..) => unchanged,
    };
    // Into a side that the join does not extend with NULLs: there the columns are what they are in the join's output.
    let mut sides = Vec::new();
    let outputs = match to {
        JoinType::Inner => (true, true),
        JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => (true, false),
        JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => (false, true),
        JoinType::Full => (false, false),
    };
    if outputs.0 {
        sides.push((0, &join.left, condition.on_side(join, Side::Left)));
    }
    if outputs.1 {
        sides.push((1, &join.right, condition.on_side(join, Side::Right)));
    }
    let followed = below(plan, sides, context)?;
    if to == join.join_type {
        return Ok(followed);
    }
    let sentence =
        format!("{} is not true of NULLs, so rows without a partner are not needed", sql(&condition.original));
    let extended = if to == JoinType::Left || join.join_type == JoinType::Right { &join.left } else { &join.right };
    changed(context, OuterToInner.name(), (join.join_type, to), extended, sentence, vec![]);
    match followed.as_ref().unwrap_or(plan) {
        LogicalPlan::Join(join) => super::outer_to_inner_by_foreign_key::retyped(join, to).map(Some),
        _ => Ok(None),
    }
}

/// The node with the inputs that changed when the conditions were followed into them.
fn below(
    plan: &LogicalPlan,
    conditions: Vec<(usize, &Arc<LogicalPlan>, Condition)>,
    context: &Context<'_>,
) -> Result<Option<LogicalPlan>> {
    let mut changed: HashMap<usize, LogicalPlan> = HashMap::new();
    for (number, input, condition) in conditions {
        if let Some(done) = follow(input, &condition, context)? {
            changed.insert(number, done);
        }
    }
    if changed.is_empty() {
        return Ok(None);
    }
    let inputs = inputs::inputs(plan).into_iter().enumerate();
    let inputs = inputs.map(|(number, input)| changed.remove(&number).map_or(input, Arc::new)).collect();
    inputs::with_inputs(plan, inputs).map(Some)
}

/// The condition in terms of `below`, which stand for the columns of `schema` by position. `None`: it reads another column, or something
/// that may not be computed twice.
fn renamed(condition: &Condition, schema: &DFSchema, below: impl Iterator<Item = Expr>) -> Result<Option<Condition>> {
    let mut map: HashMap<Column, Expr> = HashMap::new();
    for (column, expr) in schema.columns().into_iter().zip(below) {
        map.insert(column, expr);
    }
    for column in condition.expr.column_refs() {
        if column.relation.as_ref().is_some_and(|relation| relation.table() == OTHER_SIDE) {
            continue;
        }
        let Some(with) = map.get(column) else { return Ok(None) };
        if plain_column(with).is_none() && !can_be_moved(with) {
            return Ok(None);
        }
    }
    let expr = substitute(condition.expr.clone(), &map)?;
    Ok(Some(Condition { expr, original: Arc::clone(&condition.original) }))
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::checks::{fires, stays};
    use crate::optimizer::testing::lab;

    const RULE: &str = "outer_to_inner";

    fn becomes(sql: &str, kind: &str) {
        let lab = lab();
        let (plan, trace) = lab.traced(sql, &[RULE]);
        assert!(!trace.events().is_empty(), "{sql}\n{plan}");
        let text = plan.display_indent().to_string();
        let outer = ["Left Join", "Right Join", "Full Join"].into_iter().find(|kind| text.contains(kind)).unwrap_or("");
        assert_eq!(outer, kind, "{sql}\n{plan}");
        lab.assert_same_rows(sql);
    }

    #[test]
    fn nulls_are_rejected_above() {
        for sql in [
            "SELECT o.id, r.name FROM (orders o LEFT JOIN customer c ON o.referrer_id = c.id) JOIN region r ON c.region_id = r.id",
            "SELECT o.id FROM (orders o LEFT JOIN customer c ON o.referrer_id = c.id) JOIN loose l ON c.age > l.a AND o.id = l.b",
            "SELECT o.id FROM region r JOIN (customer c RIGHT JOIN orders o ON o.referrer_id = c.id) ON c.region_id = r.id",
            "SELECT o.id FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id WHERE c.region_id IN (SELECT id FROM region)",
            "SELECT sum(c.age) FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id",
            "SELECT count(*) FILTER (WHERE c.age > 3), max(c.name) FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id",
            "SELECT age, n FROM (SELECT c.age, count(*) n FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id GROUP BY c.age) \
             WHERE age > 3",
            "SELECT x.name FROM (SELECT DISTINCT c.name FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id) x \
             JOIN loose l ON x.name <> l.c",
        ] {
            becomes(sql, "");
        }
        becomes(
            "SELECT r.id, x.name FROM region r LEFT JOIN (SELECT c.region_id, c.name FROM orders o LEFT JOIN customer c \
             ON o.referrer_id = c.id) x ON x.region_id = r.id",
            "Left Join",
        );
        becomes(
            "SELECT c.id FROM (orders o FULL JOIN customer c ON o.referrer_id = c.id) JOIN region r ON c.region_id = r.id",
            "Right Join",
        );
        becomes(
            "SELECT c.id FROM (orders o FULL JOIN customer c ON o.referrer_id = c.id) JOIN loose l ON o.amount > l.a",
            "Left Join",
        );
    }

    #[test]
    fn nulls_are_seen_above() {
        let lab = lab();
        for sql in [
            "SELECT o.id FROM (orders o LEFT JOIN customer c ON o.referrer_id = c.id) JOIN loose l ON coalesce(c.age, 1) = l.a",
            "SELECT o.id FROM (orders o LEFT JOIN customer c ON o.referrer_id = c.id) JOIN loose l ON c.age IS NOT DISTINCT FROM l.a",
            "SELECT o.id FROM (orders o LEFT JOIN customer c ON o.referrer_id = c.id) JOIN loose l ON c.age = l.a OR o.id = l.b",
            "SELECT o.id FROM (orders o LEFT JOIN customer c ON o.referrer_id = c.id) LEFT JOIN region r ON c.region_id = r.id",
            "SELECT o.id FROM (orders o LEFT JOIN customer c ON o.referrer_id = c.id) JOIN loose l ON o.id = l.a",
            "SELECT sum(c.age), count(*) FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id",
            "SELECT o.note, sum(c.age) FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id GROUP BY o.note",
            "SELECT id FROM (SELECT o.id, c.age FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id ORDER BY o.id LIMIT 2) x \
             JOIN loose l ON l.a < x.age",
            "SELECT l.a FROM loose l WHERE l.a NOT IN (SELECT c.age FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id)",
            "SELECT x.n FROM (SELECT c.region_id, row_number() OVER (ORDER BY o.id) n FROM orders o \
             LEFT JOIN customer c ON o.referrer_id = c.id) x JOIN region r ON x.region_id = r.id",
        ] {
            stays(&lab, RULE, sql);
        }
        fires(
            &lab,
            RULE,
            "SELECT o.id FROM (orders o LEFT JOIN customer c ON o.referrer_id = c.id) JOIN loose l ON c.age = l.a",
            "orders, customer and loose",
        );
    }
}
