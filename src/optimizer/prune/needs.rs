//! What a node needs of its inputs, given what is needed of the node.
//!
//! Whatever is not known here is needed in full: every column, how often each row occurs, and in which order.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, JoinType};
use datafusion::error::Result;
use datafusion::functions_aggregate::average::Avg;
use datafusion::functions_aggregate::bool_and_or::{BoolAnd, BoolOr};
use datafusion::functions_aggregate::count::Count;
use datafusion::functions_aggregate::min_max::{Max, Min};
use datafusion::logical_expr::expr::{AggregateFunction, Exists, InSubquery, SetComparison};
use datafusion::logical_expr::{Aggregate, Distinct, Expr, Join, LogicalPlan, Partitioning, Subquery};

use crate::optimizer::facts::ColumnSet;

/// What the nodes above can see of a node's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// The columns that are read, as positions in the node's schema.
    pub columns: ColumnSet,
    /// How often a row occurs can be seen. False is "DI": only whether it occurs matters.
    pub duplicates: bool,
    /// The order of the rows can be seen.
    pub order: bool,
}

impl Needs {
    /// Everything is seen, as at the root.
    pub fn everything(schema: &DFSchema) -> Needs {
        Needs { columns: (0..schema.fields().len()).collect(), duplicates: true, order: true }
    }

    /// All columns, but neither how often a row occurs nor in which order.
    pub fn set(schema: &DFSchema) -> Needs {
        Needs { duplicates: false, order: false, ..Needs::everything(schema) }
    }

    /// No column is read of those at `positions`.
    pub fn reads_none(&self, positions: impl IntoIterator<Item = usize>) -> bool {
        positions.into_iter().all(|position| !self.columns.contains(&position))
    }

    fn read(&mut self, expr: &Expr, schema: &DFSchema) -> Result<()> {
        columns_read(expr, schema, &mut self.columns)
    }
}

/// What `plan` needs of each of its inputs.
pub fn of_inputs(plan: &LogicalPlan, needs: &Needs) -> Result<Vec<Needs>> {
    let everything = || plan.inputs().into_iter().map(|input| Needs::everything(input.schema())).collect();
    Ok(match plan {
        LogicalPlan::Projection(node) => {
            let volatile = node.expr.iter().any(is_volatile);
            let mut input = Needs {
                columns: ColumnSet::new(),
                // A volatile function gives as many values as there are rows.
                duplicates: needs.duplicates || volatile,
                order: needs.order,
            };
            for expr in &node.expr {
                input.read(expr, node.input.schema())?;
            }
            vec![input]
        }
        LogicalPlan::Filter(node) => {
            let mut input = needs.clone();
            // Each of several equal rows has its own chance to pass `random() < 0.5`.
            input.duplicates |= is_volatile(&node.predicate);
            input.read(&node.predicate, node.input.schema())?;
            vec![input]
        }
        LogicalPlan::SubqueryAlias(_) => vec![needs.clone()],
        LogicalPlan::Aggregate(node) => vec![of_aggregate_input(node)?],
        LogicalPlan::Window(node) => {
            let width = node.input.schema().fields().len();
            let mut input = Needs {
                columns: needs.columns.iter().copied().filter(|column| *column < width).collect(),
                // Every row counts in a frame, and equal rows under ORDER BY are taken as they come.
                duplicates: true,
                order: true,
            };
            for expr in &node.window_expr {
                input.read(expr, node.input.schema())?;
            }
            vec![input]
        }
        LogicalPlan::Sort(node) => {
            let mut input = Needs {
                columns: needs.columns.clone(),
                duplicates: needs.duplicates || node.fetch.is_some(),
                order: false,
            };
            for sort in &node.expr {
                input.read(&sort.expr, node.input.schema())?;
            }
            vec![input]
        }
        LogicalPlan::Limit(_) => vec![Needs { duplicates: true, order: true, ..needs.clone() }],
        LogicalPlan::Distinct(Distinct::All(input)) => vec![Needs::set(input.schema())],
        LogicalPlan::Distinct(Distinct::On(node)) => {
            let sorts = node.sort_expr.iter().flatten().map(|sort| &sort.expr);
            let mut input = Needs { columns: ColumnSet::new(), duplicates: false, order: node.sort_expr.is_none() };
            for expr in node.on_expr.iter().chain(&node.select_expr).chain(sorts) {
                input.duplicates |= is_volatile(expr);
                input.read(expr, node.input.schema())?;
            }
            vec![input]
        }
        LogicalPlan::Repartition(node) => {
            let mut input = needs.clone();
            match &node.partitioning_scheme {
                Partitioning::Hash(exprs, _) | Partitioning::DistributeBy(exprs) => {
                    for expr in exprs {
                        input.read(expr, node.input.schema())?;
                    }
                }
                Partitioning::Range(range) => {
                    for sort in range.ordering() {
                        input.read(&sort.expr, node.input.schema())?;
                    }
                }
                Partitioning::RoundRobinBatch(_) => {}
            }
            vec![input]
        }
        LogicalPlan::Unnest(node) => {
            let mut columns = ColumnSet::new();
            for column in &needs.columns {
                // Else the node's own book-keeping is not as expected.
                let Some(input) = node.dependency_indices.get(*column) else { return Ok(everything()) };
                columns.insert(*input);
            }
            let mut input = Needs { columns, ..needs.clone() };
            for column in &node.exec_columns {
                input.read(&Expr::Column(column.clone()), node.input.schema())?;
            }
            vec![input]
        }
        LogicalPlan::Union(node) => {
            // Columns are paired by position: all branches must keep all of them.
            let of = |input: &Arc<LogicalPlan>| Needs {
                duplicates: needs.duplicates,
                order: false,
                ..Needs::everything(input.schema())
            };
            node.inputs.iter().map(of).collect()
        }
        LogicalPlan::Join(node) => of_join_inputs(node, needs)?,
        _ => everything(),
    })
}

fn of_aggregate_input(node: &Aggregate) -> Result<Needs> {
    let exprs = || node.group_expr.iter().chain(&node.aggr_expr);
    let mut input = Needs {
        columns: ColumnSet::new(),
        duplicates: !node.aggr_expr.iter().all(is_duplicate_insensitive) || exprs().any(is_volatile),
        order: node.aggr_expr.iter().any(is_order_sensitive),
    };
    for expr in exprs() {
        input.read(expr, node.input.schema())?;
    }
    Ok(input)
}

/// DataFusion qualifies a mark by the name that all columns of the tested side share: as long as one of them stays, or, if they share
/// none, all of them.
fn what_names_the_mark(tested: &DFSchema) -> ColumnSet {
    let mut qualifiers = tested.iter().map(|(qualifier, _)| qualifier);
    let first = qualifiers.next().flatten();
    let share_one = first.is_some() && qualifiers.all(|qualifier| qualifier == first);
    (0..if share_one { 1 } else { tested.fields().len() }).collect()
}

fn of_join_inputs(node: &Join, needs: &Needs) -> Result<Vec<Needs>> {
    let (left_schema, right_schema) = (node.left.schema(), node.right.schema());
    let (left_width, right_width) = (left_schema.fields().len(), right_schema.fields().len());
    // The other side of a semi, anti or mark join: only whether a row is there can be seen.
    let filtering = || Needs { columns: ColumnSet::new(), duplicates: false, order: false };
    let preserved = |width: usize| Needs {
        columns: needs.columns.iter().copied().filter(|column| *column < width).collect(),
        duplicates: needs.duplicates,
        order: false,
    };
    let (mut left, mut right) = match node.join_type {
        JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
            let right = Needs {
                columns: needs.columns.iter().filter_map(|column| column.checked_sub(left_width)).collect(),
                duplicates: needs.duplicates,
                order: false,
            };
            (preserved(left_width), right)
        }
        JoinType::LeftSemi | JoinType::LeftAnti => (preserved(left_width), filtering()),
        JoinType::RightSemi | JoinType::RightAnti => (filtering(), preserved(right_width)),
        JoinType::LeftMark => {
            (preserved(left_width), Needs { columns: what_names_the_mark(right_schema), ..filtering() })
        }
        JoinType::RightMark => {
            (Needs { columns: what_names_the_mark(left_schema), ..filtering() }, preserved(right_width))
        }
    };
    for (left_key, right_key) in &node.on {
        left.read(left_key, left_schema)?;
        right.read(right_key, right_schema)?;
    }
    if let Some(filter) = &node.filter {
        // A name means one column of the two together: asking both sides finds it in one.
        left.read_present(filter, left_schema)?;
        right.read_present(filter, right_schema)?;
    }
    let conditions = || node.on.iter().flat_map(|(left, right)| [left, right]).chain(&node.filter);
    if conditions().any(is_volatile) {
        left.duplicates = true;
        right.duplicates = true;
    }
    // A lateral side reads columns of the other one.
    for outer in outer_references(&node.right)? {
        left.read_present(&outer, left_schema)?;
    }
    for outer in outer_references(&node.left)? {
        right.read_present(&outer, right_schema)?;
    }
    if is_lateral(&node.right) || is_lateral(&node.left) {
        left.duplicates = true;
        right.duplicates = true;
    }
    Ok(vec![left, right])
}

impl Needs {
    /// The columns of `schema` among those that `expr` reads.
    fn read_present(&mut self, expr: &Expr, schema: &DFSchema) -> Result<()> {
        each_column_read(expr, &mut |column| self.columns.extend(schema.maybe_index_of_column(column)))
    }
}

/// The positions in `schema` of the columns that `expr` reads, with those that its subqueries read of it. If one cannot be found,
/// all are taken as read.
fn columns_read(expr: &Expr, schema: &DFSchema, into: &mut ColumnSet) -> Result<()> {
    let mut unknown = false;
    each_own_column(expr, &mut |column| match schema.maybe_index_of_column(column) {
        Some(position) => {
            into.insert(position);
        }
        None => unknown = true,
    })?;
    each_column_read(expr, &mut |column| into.extend(schema.maybe_index_of_column(column)))?;
    if unknown {
        into.extend(0..schema.fields().len());
    }
    Ok(())
}

fn each_own_column(expr: &Expr, found: &mut dyn FnMut(&datafusion::common::Column)) -> Result<()> {
    expr.apply(|expr| {
        if let Expr::Column(column) = expr {
            found(column);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

/// The columns of `expr`, and the outer references of the subqueries in it, at any depth. (A reference to a query further out is
/// among them too: it names no column here, or one more is taken as read.)
fn each_column_read(expr: &Expr, found: &mut dyn FnMut(&datafusion::common::Column)) -> Result<()> {
    expr.apply(|expr| {
        match expr {
            Expr::Column(column) | Expr::OuterReferenceColumn(_, column) => found(column),
            Expr::Exists(Exists { subquery, .. })
            | Expr::InSubquery(InSubquery { subquery, .. })
            | Expr::SetComparison(SetComparison { subquery, .. })
            | Expr::ScalarSubquery(subquery) => {
                for outer in references_of(subquery)? {
                    if let Expr::OuterReferenceColumn(_, column) = &outer {
                        found(column);
                    }
                }
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

/// The outer references in a subquery, at any depth.
fn references_of(subquery: &Subquery) -> Result<Vec<Expr>> {
    let mut references = subquery.outer_ref_columns.clone();
    subquery.subquery.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if matches!(expr, Expr::OuterReferenceColumn(..)) {
                    references.push(expr.clone());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(references)
}

/// The outer references of a join's side, if it is a lateral one.
fn outer_references(side: &LogicalPlan) -> Result<Vec<Expr>> {
    match lateral(side) {
        Some(subquery) => references_of(subquery),
        None => Ok(vec![]),
    }
}

fn is_lateral(side: &LogicalPlan) -> bool {
    lateral(side).is_some()
}

/// The subquery that a join's side is, under its alias and whatever was put between.
fn lateral(side: &LogicalPlan) -> Option<&Subquery> {
    match side {
        LogicalPlan::Subquery(subquery) => Some(subquery),
        LogicalPlan::SubqueryAlias(node) => lateral(&node.input),
        LogicalPlan::Projection(node) => lateral(&node.input),
        LogicalPlan::Filter(node) => lateral(&node.input),
        LogicalPlan::Unnest(node) => lateral(&node.input),
        LogicalPlan::Join(node) => lateral(&node.left).or_else(|| lateral(&node.right)),
        _ => None,
    }
}

/// Whether an expression, or a subquery in it, may give another value for an equal row.
pub fn is_volatile(expr: &Expr) -> bool {
    let mut volatile = expr.is_volatile();
    // The closures never fail.
    let _ = expr.apply(|expr| {
        if volatile {
            return Ok(TreeNodeRecursion::Stop);
        }
        match expr {
            Expr::Exists(Exists { subquery, .. })
            | Expr::InSubquery(InSubquery { subquery, .. })
            | Expr::SetComparison(SetComparison { subquery, .. })
            | Expr::ScalarSubquery(subquery) => volatile = has_volatile(&subquery.subquery),
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    });
    volatile
}

/// Whether any expression of a plan, at any depth, is volatile.
pub fn has_volatile(plan: &LogicalPlan) -> bool {
    let mut volatile = false;
    let _ = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            volatile |= expr.is_volatile();
            Ok(if volatile { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    });
    volatile
}

/// Whether an aggregate gives the same for a set of rows as for the same rows, each any number of times: `min`, `max`, `bool_and`,
/// `bool_or`, `bit_and`, `bit_or`, and everything over DISTINCT values.
pub fn is_duplicate_insensitive(aggregate: &Expr) -> bool {
    match aggregate {
        Expr::Alias(alias) => is_duplicate_insensitive(&alias.expr),
        Expr::AggregateFunction(AggregateFunction { func, params }) => {
            let function = func.inner();
            params.distinct
                || function.is::<Min>()
                || function.is::<Max>()
                || function.is::<BoolAnd>()
                || function.is::<BoolOr>()
                || matches!(func.name(), "bit_and" | "bit_or")
        }
        _ => false,
    }
}

/// Whether an aggregate may give another value for another order of the rows.
pub fn is_order_sensitive(aggregate: &Expr) -> bool {
    match aggregate {
        Expr::Alias(alias) => is_order_sensitive(&alias.expr),
        // With an ORDER BY of its own, ties are left. Functions that do not say are taken to be sensitive; these do not say.
        Expr::AggregateFunction(AggregateFunction { func, .. }) => {
            !(func.order_sensitivity().is_insensitive()
                || func.inner().is::<Count>()
                || func.inner().is::<Avg>()
                || matches!(func.name(), "bit_and" | "bit_or" | "bit_xor"))
        }
        _ => true,
    }
}
