//! `SELECT (SELECT max(x) FROM u WHERE u.a > t.a) FROM t`: subqueries that are computed for each row of their outer query
//!
//! DataFusion makes joins of the correlated subqueries whose outer columns stand in equalities of a WHERE, and fails with the others.
//! Those are made joins here, whatever their form, by the method of Neumann and Kemper (Unnesting Arbitrary Queries, BTW 2015): the
//! subquery is computed once for each *combination of values* of the outer columns that it reads, by joining these with its tables,
//! and its rows then find the rows of the outer query by the values.
//!
//! ```sql
//! SELECT t.b, (SELECT max(x) FROM u WHERE u.a > t.a) FROM t
//! -- becomes
//! SELECT t.b, s.x
//! FROM t LEFT JOIN (
//!     SELECT d.a, max(x) AS x FROM u, (SELECT DISTINCT a FROM t) AS d WHERE u.a > d.a GROUP BY d.a
//! ) AS s ON t.a IS NOT DISTINCT FROM s.a
//! ```
//!
//! | in the outer query | the join |
//! |---|---|
//! | `(SELECT …)` as a value | left join; a second row for one combination is an error (`functions/only_value.rs`) |
//! | EXISTS | left join with the combinations that have a row, and a test whether there is a partner |
//! | `x IN (SELECT …)` in a filter | EXISTS over the rows that are equal to `x`, which is one more outer value |
//! | LATERAL | inner or left join, as it was |
//!
//! How a combination gets through the nodes of the subquery is in `bind.rs`.
//!
//! Not valid where the outer query would give other rows when it is computed again for its combinations: with volatile functions, and
//! with LIMIT below a grouping. A LIMIT above is left out: more combinations than needed do no harm. These are errors.
//!
//! This is no rule of the optimizer, since DataFusion checks before its first rule that subqueries have a form it knows.

mod bind;
mod correlation;

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, Filter, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Operator, Projection,
    Sort, Subquery, lit,
};

use self::bind::Outer;
use self::correlation::{
    Which, add_columns_of_subqueries, asks_twice, has_lateral, has_subquery, is_ours, outer_columns, pulls_up_lateral,
    reads_only, subquery_of, with_not_in,
};
use super::lateral_unnest::is_computed_on_the_row;
use super::prune::needs::{has_volatile, is_volatile};
use crate::error::Error;
use crate::functions::only_value::only_value;

/// Makes joins of the correlated subqueries of a fresh plan for which DataFusion cannot.
///
/// # Errors
///
/// If a subquery cannot be computed for the combinations of its outer values.
pub(crate) fn eliminate_dependent_joins(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut is_correlated = false;
    plan.apply_with_subqueries(|node| {
        is_correlated |= node.contains_outer_reference();
        Ok(if is_correlated { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if !is_correlated {
        return Ok(plan);
    }
    let plan = Eliminator::default().in_plan(plan, Which::Others)?;
    match outer_columns(&plan)?.first() {
        Some(column) => Err(refusal(&format!("it reads {column}, which is not known where it stands"))),
        None => Ok(plan),
    }
}

#[derive(Debug, Default)]
struct Eliminator {
    /// So many names were made.
    names: usize,
    /// So many queries are around the one that is looked at.
    depth: usize,
}

/// The input of a node, and what its subqueries have given it.
#[derive(Debug)]
struct Joined {
    /// Without any of them: what the combinations of the next one are taken from, as long as it reads no other's value.
    base: LogicalPlan,
    plan: LogicalPlan,
    /// The subqueries for values, and the columns that have them.
    values: Vec<(Arc<LogicalPlan>, Expr)>,
}

impl Joined {
    fn new(input: LogicalPlan) -> Self {
        Joined { base: input.clone(), plan: input, values: Vec::new() }
    }

    fn outer(&self, subquery: &LogicalPlan) -> Result<Outer> {
        match reads_only(subquery, self.base.schema())? {
            true => Outer::of(&self.base, subquery),
            false => Outer::of(&self.plan, subquery),
        }
    }
}

impl Eliminator {
    fn name(&mut self, stem: &str) -> String {
        self.names += 1;
        format!("__{stem}_{}", self.names)
    }

    /// Subqueries within subqueries come first: what is left of them are joins, which get combinations as all others do.
    fn in_plan(&mut self, plan: LogicalPlan, which: Which) -> Result<LogicalPlan> {
        match plan {
            LogicalPlan::Join(join) if self.is_lateral(&join)? => {
                let left = self.in_plan(Arc::unwrap_or_clone(join.left), which)?;
                self.lateral(Join { left: Arc::new(left), ..join }, which)
            }
            plan => {
                let plan = plan.map_children(|child| Ok(Transformed::yes(self.in_plan(child, which)?)))?.data;
                self.in_expressions(plan, which)
            }
        }
    }

    fn in_subquery(&mut self, plan: LogicalPlan, which: Which) -> Result<LogicalPlan> {
        self.depth += 1;
        let changed = self.in_plan(plan, which);
        self.depth -= 1;
        changed
    }

    /// Whether a join is lateral. The planner says so only where the right side itself reads the left one, and not where a subquery of it
    /// does; in a query that is in no other, it cannot read anything else.
    fn is_lateral(&self, join: &Join) -> Result<bool> {
        Ok((self.depth == 0 || has_lateral(&join.right)) && !outer_columns(&join.right)?.is_empty())
    }

    fn lateral(&mut self, join: Join, which: Which) -> Result<LogicalPlan> {
        let left = Arc::clone(&join.left);
        let is_ours = which == Which::All
            || !reads_only(&join.right, left.schema())?
            || !(is_computed_on_the_row(&join) || pulls_up_lateral(&join.right)?);
        if !is_ours {
            let right = self.in_subquery(Arc::unwrap_or_clone(join.right), which)?;
            return Ok(LogicalPlan::Join(Join { right: Arc::new(right), ..join }));
        }
        let right = self.in_subquery(Arc::unwrap_or_clone(join.right), Which::All)?;
        if !matches!(join.join_type, JoinType::Inner | JoinType::Left) {
            return Err(refusal("LATERAL on the right of a RIGHT or FULL JOIN has no row to be computed for"));
        }
        let columns: Vec<Expr> = join.schema.columns().into_iter().map(Expr::Column).collect();
        let outer = Outer::of(&left, &right)?;
        let bound = self.bind(right, &outer)?;
        let written = join.on.iter().map(|(left, right)| left.clone().eq(right.clone())).chain(join.filter.clone());
        let conditions: Vec<Expr> = written.chain(same(&left, &outer.columns, &bound.plan, &bound.keys)?).collect();
        LogicalPlanBuilder::from(left.as_ref().clone())
            .join_on(bound.plan, join.join_type, or_true(conditions))?
            .project(columns)?
            .build()
    }

    /// The subqueries in the expressions of a node.
    fn in_expressions(&mut self, plan: LogicalPlan, which: Which) -> Result<LogicalPlan> {
        let plan = match plan {
            LogicalPlan::Filter(_) | LogicalPlan::Join(_) => {
                plan.map_expressions(|expr| Ok(Transformed::yes(with_not_in(expr)?)))?.data
            }
            plan => plan,
        };
        // DataFusion makes no joins of those in ORDER BY.
        let which = if matches!(plan, LogicalPlan::Sort(_)) { Which::All } else { which };
        if !self.asks(&plan, which)? {
            return Ok(plan
                .map_subqueries(|inner| Ok(Transformed::yes(self.in_subquery(inner, Which::Others)?)))?
                .data);
        }
        match plan {
            LogicalPlan::Filter(filter) => self.filter(filter, which),
            LogicalPlan::Projection(projection) => {
                let mut input = Joined::new(Arc::unwrap_or_clone(projection.input));
                let names = NamePreserver::new_for_projection();
                let mut expressions = Vec::with_capacity(projection.expr.len());
                for expr in projection.expr {
                    let name = names.save(&expr);
                    expressions.push(name.restore(self.value(expr, &mut input, which)?));
                }
                Ok(LogicalPlan::Projection(Projection::try_new(expressions, Arc::new(input.plan))?))
            }
            LogicalPlan::Sort(sort) => {
                let columns = sort.input.schema().columns();
                let mut asked = Vec::new();
                add_columns_of_subqueries(&LogicalPlan::Sort(sort.clone()), &mut asked)?;
                let mut input = Joined::new(with_columns(Arc::unwrap_or_clone(sort.input), asked)?);
                let mut keys = Vec::with_capacity(sort.expr.len());
                for key in sort.expr {
                    let expr = self.value(key.expr.clone(), &mut input, which)?;
                    keys.push(key.with_expr(expr));
                }
                only(columns, LogicalPlan::Sort(Sort { expr: keys, input: Arc::new(input.plan), fetch: sort.fetch }))
            }
            LogicalPlan::Join(join) if join.join_type == JoinType::Inner => self.condition(join, which),
            LogicalPlan::Join(_) => Err(refusal("it stands in the condition of an outer join")),
            LogicalPlan::Aggregate(_) => Err(refusal("it stands in the arguments of an aggregate")),
            LogicalPlan::Window(_) => Err(refusal("it stands in the arguments of a window")),
            other => Err(refusal(&format!("it stands in {}", other.display()))),
        }
    }

    /// What an inner join asks of its rows can be asked of the joined ones.
    fn condition(&mut self, join: Join, which: Which) -> Result<LogicalPlan> {
        let Some(filter) = join.filter else { return Err(refusal("it stands in the keys of a join")) };
        let (asking, plain): (Vec<Expr>, Vec<Expr>) =
            split_conjunction_owned(filter).into_iter().partition(has_subquery);
        let join = LogicalPlan::Join(Join { filter: conjunction(plain), ..join });
        match conjunction(asking) {
            Some(asking) => self.filter(Filter::try_new(asking, Arc::new(join))?, which),
            None => Err(refusal("it stands in the keys of a join")),
        }
    }

    fn filter(&mut self, filter: Filter, which: Which) -> Result<LogicalPlan> {
        let columns = filter.input.schema().columns();
        let mut input = Arc::unwrap_or_clone(filter.input);
        let (asking, plain): (Vec<Expr>, Vec<Expr>) = split_conjunction_owned(filter.predicate)
            .into_iter()
            .partition(|term| is_volatile(term) || has_subquery(term));
        // The rows that are left need fewer combinations.
        if let Some(plain) = conjunction(plain) {
            input = LogicalPlan::Filter(Filter::try_new(plain, Arc::new(input))?);
        }
        let mut input = Joined::new(input);
        let mut terms = Vec::with_capacity(asking.len());
        for term in asking {
            terms.push(self.value(term, &mut input, which)?);
        }
        let filtered = match conjunction(terms) {
            Some(predicate) => LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(input.plan))?),
            None => input.plan,
        };
        only(columns, filtered)
    }

    /// Whether a node has a subquery in its expressions that is to be made a join.
    fn asks(&self, plan: &LogicalPlan, which: Which) -> Result<bool> {
        let mut found = false;
        plan.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Some((subquery, form)) = subquery_of(expr) {
                    found |= asks_twice(expr);
                    for input in plan.inputs() {
                        found |= is_ours(subquery, form, input.schema(), which)?;
                    }
                }
                Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })
        })?;
        Ok(found)
    }

    /// The expression over the input, which is joined with what its subqueries give.
    fn value(&mut self, expr: Expr, input: &mut Joined, which: Which) -> Result<Expr> {
        let changed = expr.transform_down(|expr| {
            let Some((subquery, form)) = subquery_of(&expr) else { return Ok(Transformed::no(expr)) };
            if !is_ours(subquery, form, input.plan.schema(), which)? && !asks_twice(&expr) {
                let plan = Arc::new(self.in_subquery(subquery.subquery.as_ref().clone(), Which::Others)?);
                let inner = Subquery { subquery: plan, ..subquery.clone() };
                return Ok(Transformed::new(with_subquery(expr, inner), true, TreeNodeRecursion::Jump));
            }
            Ok(Transformed::new(self.subquery(expr, input)?, true, TreeNodeRecursion::Jump))
        })?;
        Ok(changed.data)
    }

    fn subquery(&mut self, expr: Expr, input: &mut Joined) -> Result<Expr> {
        match expr {
            Expr::ScalarSubquery(subquery) => {
                if let Some((_, value)) = input.values.iter().find(|(plan, _)| *plan == subquery.subquery) {
                    return Ok(value.clone());
                }
                let plan = self.in_subquery(subquery.subquery.as_ref().clone(), Which::All)?;
                // One with random() is another subquery where it stands again.
                let is_volatile = has_volatile(&plan);
                let value = self.join_value(plan, input)?;
                if !is_volatile {
                    input.values.push((subquery.subquery, value.clone()));
                }
                Ok(value)
            }
            Expr::Exists(exists) => {
                let plan = self.in_subquery(Arc::unwrap_or_clone(exists.subquery.subquery), Which::All)?;
                Ok(negated_if(exists.negated, self.join_rows(plan, input)?))
            }
            Expr::InSubquery(within) => {
                let given = self.value(*within.expr, input, Which::All)?;
                let plan = self.in_subquery(Arc::unwrap_or_clone(within.subquery.subquery), Which::All)?;
                let found = plan.schema().columns().into_iter().next().map(Expr::Column);
                let Some(found) = found else { return Err(refusal("it has no column")) };
                let is_equal = as_outer(given, input.plan.schema())?.eq(found);
                // It stands in a filter, where IN may as well be false if it is unknown, and NOT IN is not true then.
                let partner = if within.negated { Expr::IsNotFalse(Box::new(is_equal)) } else { is_equal };
                let partners = LogicalPlan::Filter(Filter::try_new(partner, Arc::new(plan))?);
                Ok(negated_if(within.negated, self.join_rows(partners, input)?))
            }
            other => Ok(other),
        }
    }

    /// The value of a scalar subquery, which the input has a column for afterwards.
    fn join_value(&mut self, plan: LogicalPlan, input: &mut Joined) -> Result<Expr> {
        let is_one_row = plan.max_rows().is_some_and(|rows| rows <= 1);
        let outer = input.outer(&plan)?;
        let bound = self.bind(plan, &outer)?;
        let Some(value) = bound.plan.schema().columns().into_iter().next().map(Expr::Column) else {
            return Err(refusal("it has no column"));
        };
        let name = self.name("value");
        let keys: Vec<Expr> = bound.keys.iter().cloned().map(Expr::Column).collect();
        let rows = LogicalPlanBuilder::from(bound.plan);
        let rows = match is_one_row {
            true => rows.project(keys.into_iter().chain([value.alias(&name)]))?,
            false => rows.aggregate(keys, [only_value(value).alias(&name)])?,
        };
        self.left_join(rows.build()?, &bound.keys, &outer, input)?;
        Ok(Expr::Column(Column::from_name(name)))
    }

    /// Whether a subquery has rows.
    fn join_rows(&mut self, plan: LogicalPlan, input: &mut Joined) -> Result<Expr> {
        let outer = input.outer(&plan)?;
        let bound = self.bind(plan, &outer)?;
        let name = self.name("found");
        let keys: Vec<Expr> = bound.keys.iter().cloned().map(Expr::Column).collect();
        let rows = LogicalPlanBuilder::from(bound.plan).project(keys.into_iter().chain([lit(true).alias(&name)]))?;
        self.left_join(rows.distinct()?.build()?, &bound.keys, &outer, input)?;
        Ok(Expr::Column(Column::from_name(name)).is_not_null())
    }

    /// Joins the input with the rows of a subquery, of which there is at most one for each combination.
    fn left_join(&mut self, rows: LogicalPlan, keys: &[Column], outer: &Outer, input: &mut Joined) -> Result<()> {
        let conditions: Vec<Expr> = same(&input.plan, &outer.columns, &rows, keys)?.collect();
        input.plan = LogicalPlanBuilder::from(std::mem::take(&mut input.plan))
            .join_on(rows, JoinType::Left, or_true(conditions))?
            .build()?;
        Ok(())
    }
}

fn with_subquery(expr: Expr, subquery: Subquery) -> Expr {
    match expr {
        Expr::ScalarSubquery(_) => Expr::ScalarSubquery(subquery),
        Expr::Exists(exists) => Expr::Exists(Exists { subquery, ..exists }),
        Expr::InSubquery(within) => Expr::InSubquery(InSubquery { subquery, ..within }),
        other => other,
    }
}

/// An expression over the columns of an outer query, as a subquery reads it.
fn as_outer(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    let changed = expr.transform_up(|expr| match expr {
        Expr::Column(column) => {
            let field = Arc::clone(schema.qualified_field_from_column(&column)?.1);
            Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(changed.data)
}

/// Conditions that pairs of columns have the same value, or are both NULL. DataFusion makes keys of a join of them only if all are of one
/// kind.
fn same(
    left: &LogicalPlan,
    left_columns: &[Column],
    right: &LogicalPlan,
    right_columns: &[Column],
) -> Result<impl Iterator<Item = Expr> + use<>> {
    let (left, right) = (left.schema(), right.schema());
    let pairs: Vec<(Expr, Expr)> = left_columns
        .iter()
        .zip(right_columns)
        .map(|(left, right)| (Expr::Column(left.clone()), Expr::Column(right.clone())))
        .collect();
    let mut operator = Operator::Eq;
    for (first, second) in &pairs {
        if first.nullable(left.as_ref())? || second.nullable(right.as_ref())? {
            operator = Operator::IsNotDistinctFrom;
        }
    }
    let condition = move |(left, right)| Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)));
    Ok(pairs.into_iter().map(condition))
}

/// DataFusion's builder makes no join of no condition.
fn or_true(conditions: Vec<Expr>) -> Vec<Expr> {
    if conditions.is_empty() { vec![lit(true)] } else { conditions }
}

fn negated_if(negated: bool, expr: Expr) -> Expr {
    if negated { Expr::Not(Box::new(expr)) } else { expr }
}

/// The columns of a SELECT list, and others of its FROM that ORDER BY asks for.
fn with_columns(plan: LogicalPlan, asked: Vec<Column>) -> Result<LogicalPlan> {
    let LogicalPlan::Projection(Projection { mut expr, input, .. }) = plan else { return Ok(plan) };
    expr.extend(asked.into_iter().filter(|column| input.schema().has_column(column)).map(Expr::Column));
    Ok(LogicalPlan::Projection(Projection::try_new(expr, input)?))
}

/// Only these columns of a plan, if it has more.
fn only(columns: Vec<Column>, plan: LogicalPlan) -> Result<LogicalPlan> {
    match plan.schema().fields().len() == columns.len() {
        true => Ok(plan),
        false => LogicalPlanBuilder::from(plan).project(columns.into_iter().map(Expr::Column))?.build(),
    }
}

fn refusal(reason: &str) -> DataFusionError {
    Error::statement(format!("a subquery cannot be computed for each row of its outer query: {reason}"))
        .help("write it as a join")
        .into()
}

/// The rows of an outer query among which all are that it may have, so that their values can be computed beforehand.
///
/// # Errors
///
/// If another look at it may give other rows.
fn rows_again(plan: &LogicalPlan) -> Result<LogicalPlan> {
    if has_volatile(plan) {
        return Err(refusal("the outer query has a function that gives another value each time"));
    }
    let unlimited = without_limits(plan.clone())?;
    let mut has_limit = false;
    unlimited.apply_with_subqueries(|node| {
        has_limit |=
            matches!(node, LogicalPlan::Limit(_)) || matches!(node, LogicalPlan::Sort(sort) if sort.fetch.is_some());
        Ok(if has_limit { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    match has_limit {
        true => Err(refusal("a LIMIT in the outer query may give other rows each time")),
        false => Ok(unlimited),
    }
}

/// All rows of which LIMITs take some, through nodes that treat each row by itself.
fn without_limits(plan: LogicalPlan) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Limit(limit) => without_limits(Arc::unwrap_or_clone(limit.input)),
        LogicalPlan::Sort(sort) => without_limits(Arc::unwrap_or_clone(sort.input)),
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) => {
            Ok(plan.map_children(|child| Ok(Transformed::yes(without_limits(child)?)))?.data)
        }
        LogicalPlan::Join(ref join) if join.join_type == JoinType::Inner => {
            Ok(plan.map_children(|child| Ok(Transformed::yes(without_limits(child)?)))?.data)
        }
        other => Ok(other),
    }
}
