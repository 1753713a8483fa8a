//! A subquery for all combinations of its outer values at once: how they get through each kind of node
//!
//! A bound plan has the rows that the plan has for a combination, beside the combination, for all of them. A part that reads none of the
//! outer values has the same rows for each: a cross join. Above it the combination is carried along, and keeps apart what the node
//! would put together: a grouping has it among its keys, a window among its partitions, LIMIT counts for each, a join pairs rows of
//! the same.
//!
//! An aggregation without GROUP BY has a row also for a combination for which there is nothing to aggregate: the combinations once
//! more, left-joined with the groups, and for a missing one what the aggregates give for no rows.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Aggregate, Distinct, DistinctOn, Expr, ExprFunctionExt, FetchType, Filter, Join, JoinType, Limit, LogicalPlan,
    LogicalPlanBuilder, Projection, SkipType, Sort, SortExpr, SubqueryAlias, Union, Window, lit, when,
};

use super::correlation::outer_columns;
use super::{Eliminator, refusal, rows_again, same};

/// The outer query of a subquery, and the columns of it that the subquery reads.
#[derive(Debug)]
pub(super) struct Outer {
    rows: LogicalPlan,
    pub(super) columns: Vec<Column>,
}

impl Outer {
    pub(super) fn of(input: &LogicalPlan, subquery: &LogicalPlan) -> Result<Self> {
        let columns: Vec<Column> =
            outer_columns(subquery)?.into_iter().filter(|column| input.schema().has_column(column)).collect();
        let rows = if columns.is_empty() { LogicalPlan::default() } else { rows_again(input)? };
        Ok(Outer { rows, columns })
    }

    fn is_read_by(&self, plan: &LogicalPlan) -> Result<bool> {
        Ok(outer_columns(plan)?.iter().any(|column| self.columns.contains(column)))
    }
}

/// A plan for all combinations.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) plan: LogicalPlan,
    /// Where the values of a combination are, in the order of the outer columns.
    pub(super) keys: Vec<Column>,
}

impl Bound {
    fn key_columns(&self) -> impl Iterator<Item = Expr> {
        self.keys.iter().cloned().map(Expr::Column)
    }

    /// An expression of the subquery over the bound plan.
    fn value(&self, expr: Expr, outer: &Outer) -> Result<Expr> {
        let changed = expr.transform_up(|expr| match expr {
            Expr::OuterReferenceColumn(field, column) => {
                let key = outer.columns.iter().position(|outer| *outer == column).and_then(|at| self.keys.get(at));
                Ok(match key {
                    Some(key) => Transformed::yes(Expr::Column(key.clone())),
                    None => Transformed::no(Expr::OuterReferenceColumn(field, column)),
                })
            }
            other => Ok(Transformed::no(other)),
        })?;
        Ok(changed.data)
    }

    /// Expressions that are columns of a plan, under their names.
    fn columns(&self, expressions: Vec<Expr>, outer: &Outer) -> Result<Vec<Expr>> {
        let names = NamePreserver::new_for_projection();
        let named = |expr: Expr| {
            let name = names.save(&expr);
            Ok(name.restore(self.value(expr, outer)?))
        };
        expressions.into_iter().map(named).collect()
    }

    fn sort_keys(&self, keys: Vec<SortExpr>, outer: &Outer) -> Result<Vec<SortExpr>> {
        keys.into_iter().map(|key| Ok(SortExpr { expr: self.value(key.expr.clone(), outer)?, ..key })).collect()
    }
}

impl Eliminator {
    /// The rows of `plan` for all combinations of values that the outer columns have.
    pub(super) fn bind(&mut self, plan: LogicalPlan, outer: &Outer) -> Result<Bound> {
        if outer.columns.is_empty() {
            return Ok(Bound { plan, keys: Vec::new() });
        }
        if !outer.is_read_by(&plan)? {
            let combinations = self.combinations(outer)?;
            let plan = LogicalPlanBuilder::from(plan).cross_join(combinations.plan)?.build()?;
            return Ok(Bound { plan, keys: combinations.keys });
        }
        match plan {
            LogicalPlan::Projection(projection) => {
                let bound = self.bind(Arc::unwrap_or_clone(projection.input), outer)?;
                let mut expressions = bound.columns(projection.expr, outer)?;
                expressions.extend(bound.key_columns());
                let plan = Projection::try_new(expressions, Arc::new(bound.plan))?;
                Ok(Bound { plan: LogicalPlan::Projection(plan), keys: bound.keys })
            }
            LogicalPlan::Filter(filter) => {
                let bound = self.bind(Arc::unwrap_or_clone(filter.input), outer)?;
                let predicate = bound.value(filter.predicate, outer)?;
                let plan = LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(bound.plan))?);
                Ok(Bound { plan, keys: bound.keys })
            }
            LogicalPlan::SubqueryAlias(alias) => {
                let bound = self.bind(Arc::unwrap_or_clone(alias.input), outer)?;
                let keys = bound.keys.iter().map(|key| Column::new(Some(alias.alias.clone()), &key.name)).collect();
                let plan = SubqueryAlias::try_new(Arc::new(bound.plan), alias.alias)?;
                Ok(Bound { plan: LogicalPlan::SubqueryAlias(plan), keys })
            }
            LogicalPlan::Subquery(subquery) => self.bind(Arc::unwrap_or_clone(subquery.subquery), outer),
            LogicalPlan::Sort(sort) => {
                let bound = self.bind(Arc::unwrap_or_clone(sort.input), outer)?;
                let expr = bound.sort_keys(sort.expr, outer)?;
                let plan = LogicalPlan::Sort(Sort { expr, input: Arc::new(bound.plan), fetch: sort.fetch });
                Ok(Bound { plan, keys: bound.keys })
            }
            LogicalPlan::Limit(limit) => self.limit(limit, outer),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let bound = self.bind(Arc::unwrap_or_clone(input), outer)?;
                let plan = LogicalPlan::Distinct(Distinct::All(Arc::new(bound.plan)));
                Ok(Bound { plan, keys: bound.keys })
            }
            LogicalPlan::Distinct(Distinct::On(distinct)) => self.distinct_on(distinct, outer),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate, outer),
            LogicalPlan::Window(window) => self.window(window, outer),
            LogicalPlan::Union(union) => self.union(union, outer),
            LogicalPlan::Join(join) => self.join(join, outer),
            LogicalPlan::Unnest(unnest) => {
                let bound = self.bind(Arc::unwrap_or_clone(unnest.input), outer)?;
                let plan = LogicalPlanBuilder::from(bound.plan)
                    .unnest_columns_with_options(unnest.exec_columns, unnest.options)?
                    .build()?;
                Ok(Bound { plan, keys: bound.keys })
            }
            LogicalPlan::Values(_) => Err(refusal("VALUES read its columns; use SELECT … UNION ALL SELECT …")),
            LogicalPlan::RecursiveQuery(_) => Err(refusal("a recursive query reads its columns")),
            other => Err(refusal(&format!("{} reads its columns", other.display()))),
        }
    }

    /// The combinations of values of the outer columns, under names of their own.
    fn combinations(&mut self, outer: &Outer) -> Result<Bound> {
        let stem = self.name("outer");
        let names: Vec<String> = (1..=outer.columns.len()).map(|number| format!("{stem}_{number}")).collect();
        let columns = outer.columns.iter().zip(&names).map(|(column, name)| Expr::Column(column.clone()).alias(name));
        let plan = LogicalPlanBuilder::from(outer.rows.clone()).project(columns.collect::<Vec<_>>())?.distinct()?;
        Ok(Bound { plan: plan.build()?, keys: names.into_iter().map(Column::from_name).collect() })
    }

    /// So many rows for each combination.
    fn limit(&mut self, limit: Limit, outer: &Outer) -> Result<Bound> {
        let (SkipType::Literal(skip), FetchType::Literal(fetch)) = (limit.get_skip_type()?, limit.get_fetch_type()?)
        else {
            return Err(refusal("its LIMIT is no constant"));
        };
        // What is computed of each row can be computed afterwards, and the order is below it.
        if let LogicalPlan::Projection(projection) = limit.input.as_ref() {
            let below = LogicalPlan::Limit(Limit { input: Arc::clone(&projection.input), ..limit.clone() });
            let above = Projection::try_new_with_schema(
                projection.expr.clone(),
                Arc::new(below),
                Arc::clone(&projection.schema),
            )?;
            return self.bind(LogicalPlan::Projection(above), outer);
        }
        let (input, order) = match Arc::unwrap_or_clone(limit.input) {
            LogicalPlan::Sort(sort) => (Arc::unwrap_or_clone(sort.input), sort.expr),
            input => (input, Vec::new()),
        };
        let bound = self.bind(input, outer)?;
        if fetch == Some(0) {
            let plan = LogicalPlanBuilder::from(bound.plan).filter(lit(false))?.build()?;
            return Ok(Bound { plan, keys: bound.keys });
        }
        let order = bound.sort_keys(order, outer)?;
        let keys = bound.keys;
        let columns: Vec<Expr> = bound.plan.schema().columns().into_iter().map(Expr::Column).collect();
        let (plan, order) = self.order_by_columns(bound.plan, order)?;
        let name = self.name("row");
        let number =
            row_number().partition_by(keys.iter().cloned().map(Expr::Column).collect()).order_by(order).build()?;
        let position = || Expr::Column(Column::from_name(&name));
        let as_count = |rows: usize| lit(u64::try_from(rows).unwrap_or(u64::MAX));
        let mut terms = Vec::new();
        if skip > 0 {
            terms.push(position().gt(as_count(skip)));
        }
        if let Some(fetch) = fetch {
            terms.push(position().lt_eq(as_count(skip.saturating_add(fetch))));
        }
        let numbered = LogicalPlanBuilder::from(plan).window([number.alias(&name)])?;
        let taken = match terms.into_iter().reduce(Expr::and) {
            Some(predicate) => numbered.filter(predicate)?,
            None => numbered,
        };
        Ok(Bound { plan: taken.project(columns)?.build()?, keys })
    }

    /// An order by columns only, and not by none: DataFusion loses a window's order by expressions above some joins, and fails without any.
    fn order_by_columns(&mut self, plan: LogicalPlan, order: Vec<SortExpr>) -> Result<(LogicalPlan, Vec<SortExpr>)> {
        let mut columns: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
        if order.is_empty() {
            let first = columns.first().cloned().map(|column| column.sort(true, false));
            return Ok((plan, first.into_iter().collect()));
        }
        let mut keys = Vec::with_capacity(order.len());
        for key in order {
            let column = match key.expr {
                Expr::Column(_) => key.expr.clone(),
                _ => {
                    let name = self.name("key");
                    columns.push(key.expr.clone().alias(&name));
                    Expr::Column(Column::from_name(name))
                }
            };
            keys.push(key.with_expr(column));
        }
        Ok((LogicalPlanBuilder::from(plan).project(columns)?.build()?, keys))
    }

    fn distinct_on(&mut self, distinct: DistinctOn, outer: &Outer) -> Result<Bound> {
        let bound = self.bind(Arc::unwrap_or_clone(distinct.input), outer)?;
        let with_keys = |expressions: Vec<Expr>| -> Result<Vec<Expr>> {
            Ok(bound.key_columns().chain(bound.columns(expressions, outer)?).collect())
        };
        let on = with_keys(distinct.on_expr)?;
        let mut select = bound.columns(distinct.select_expr, outer)?;
        select.extend(bound.key_columns());
        let sort = match distinct.sort_expr {
            Some(keys) => {
                let combination = bound.key_columns().map(|key| key.sort(true, false));
                Some(combination.chain(bound.sort_keys(keys, outer)?).collect())
            }
            None => None,
        };
        let keys = bound.keys.clone();
        let plan = LogicalPlanBuilder::from(bound.plan).distinct_on(on, select, sort)?.build()?;
        Ok(Bound { plan, keys })
    }

    fn aggregate(&mut self, aggregate: Aggregate, outer: &Outer) -> Result<Bound> {
        if aggregate.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_))) {
            return Err(refusal("it has grouping sets"));
        }
        let bound = self.bind(Arc::unwrap_or_clone(aggregate.input), outer)?;
        let groups: Vec<Expr> =
            bound.key_columns().chain(bound.columns(aggregate.group_expr.clone(), outer)?).collect();
        let mut aggregates = bound.columns(aggregate.aggr_expr.clone(), outer)?;
        if !aggregate.group_expr.is_empty() {
            let keys = bound.keys.clone();
            let plan = LogicalPlanBuilder::from(bound.plan).aggregate(groups, aggregates)?.build()?;
            return Ok(Bound { plan, keys });
        }
        let found = self.name("rows");
        aggregates.push(count(lit(1_i64)).alias(&found));
        let plan = LogicalPlanBuilder::from(bound.plan).aggregate(groups, aggregates)?.build()?;
        let all = self.combinations(outer)?;
        let conditions: Vec<Expr> = same(&all.plan, &all.keys, &plan, &bound.keys)?.collect();
        let joined = LogicalPlanBuilder::from(all.plan).join_on(plan, JoinType::Left, conditions)?;
        let mut values = Vec::with_capacity(aggregate.aggr_expr.len() + all.keys.len());
        for ((relation, field), expr) in aggregate.schema.iter().zip(&aggregate.aggr_expr) {
            let (relation, name) = (relation.cloned(), field.name());
            let value = Expr::Column(Column::new(relation.clone(), name));
            let value = match of_no_rows(expr, field.data_type())? {
                Some(default) => {
                    let is_missing = Expr::Column(Column::from_name(&found)).is_null();
                    when(is_missing, default).otherwise(value)?.alias_qualified(relation, name)
                }
                None => value,
            };
            values.push(value);
        }
        values.extend(all.keys.iter().cloned().map(Expr::Column));
        Ok(Bound { plan: joined.project(values)?.build()?, keys: all.keys })
    }

    fn window(&mut self, window: Window, outer: &Outer) -> Result<Bound> {
        let bound = self.bind(Arc::unwrap_or_clone(window.input), outer)?;
        let names = NamePreserver::new_for_projection();
        let mut calls = Vec::with_capacity(window.window_expr.len());
        for call in window.window_expr {
            let name = names.save(&call);
            let call = bound.value(call, outer)?.transform_up(|expr| match expr {
                Expr::WindowFunction(call) => {
                    let WindowFunction { fun, params } = *call;
                    let partition_by = bound.key_columns().chain(params.partition_by).collect();
                    let params = WindowFunctionParams { partition_by, ..params };
                    Ok(Transformed::yes(Expr::WindowFunction(Box::new(WindowFunction { fun, params }))))
                }
                other => Ok(Transformed::no(other)),
            })?;
            calls.push(name.restore(call.data));
        }
        let keys = bound.keys.clone();
        Ok(Bound { plan: LogicalPlanBuilder::from(bound.plan).window(calls)?.build()?, keys })
    }

    fn union(&mut self, union: Union, outer: &Outer) -> Result<Bound> {
        let stem = self.name("outer");
        let names: Vec<String> = (1..=outer.columns.len()).map(|number| format!("{stem}_{number}")).collect();
        let mut inputs = Vec::with_capacity(union.inputs.len());
        for input in union.inputs {
            let columns = input.schema().columns();
            let bound = self.bind(Arc::unwrap_or_clone(input), outer)?;
            let keys = bound.keys.iter().zip(&names).map(|(key, name)| Expr::Column(key.clone()).alias(name));
            let expressions: Vec<Expr> = columns.into_iter().map(Expr::Column).chain(keys).collect();
            inputs.push(Arc::new(LogicalPlanBuilder::from(bound.plan).project(expressions)?.build()?));
        }
        let plan = LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?);
        Ok(Bound { plan, keys: names.into_iter().map(Column::from_name).collect() })
    }

    fn join(&mut self, join: Join, outer: &Outer) -> Result<Bound> {
        let (left, right) = (Arc::unwrap_or_clone(join.left), Arc::unwrap_or_clone(join.right));
        let (left_reads, right_reads) = (outer.is_read_by(&left)?, outer.is_read_by(&right)?);
        // A row without a partner has to know its combination, so the side whose rows all stay is always bound.
        let (bind_left, bind_right) = match join.join_type {
            JoinType::Inner => (left_reads || !right_reads, right_reads),
            JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => (true, right_reads),
            JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => (left_reads, true),
            JoinType::Full => return Err(refusal("a FULL JOIN reads its columns")),
        };
        let side = |eliminator: &mut Self, plan: LogicalPlan, bind: bool| match bind {
            true => eliminator.bind(plan, outer),
            false => Ok(Bound { plan, keys: Vec::new() }),
        };
        let left = side(self, left, bind_left)?;
        let right = side(self, right, bind_right)?;
        let keys_are_left = match join.join_type {
            JoinType::Inner => bind_left,
            JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => true,
            _ => false,
        };
        let mut conditions: Vec<Expr> = match bind_left && bind_right {
            true => same(&left.plan, &left.keys, &right.plan, &right.keys)?.collect(),
            false => Vec::new(),
        };
        let keyed = if keys_are_left { &left } else { &right };
        let on =
            join.on.into_iter().map(|(first, second)| Ok((keyed.value(first, outer)?, keyed.value(second, outer)?)));
        let on = on.collect::<Result<Vec<_>>>()?;
        if let Some(filter) = join.filter {
            conditions.push(keyed.value(filter, outer)?);
        }
        let filter = conditions.into_iter().reduce(Expr::and).or_else(|| on.is_empty().then(|| lit(true)));
        let keys = keyed.keys.clone();
        let plan = LogicalPlan::Join(Join::try_new(
            Arc::new(left.plan),
            Arc::new(right.plan),
            on,
            filter,
            join.join_type,
            join.join_constraint,
            join.null_equality,
            join.null_aware,
        )?);
        Ok(Bound { plan, keys })
    }
}

/// What an aggregate gives for no rows, if it is not NULL.
fn of_no_rows(expr: &Expr, data_type: &DataType) -> Result<Option<Expr>> {
    match expr {
        Expr::Alias(alias) => of_no_rows(&alias.expr, data_type),
        Expr::AggregateFunction(call) => {
            let default = call.func.default_value(data_type)?;
            Ok((!default.is_null()).then(|| Expr::Literal(default, None)))
        }
        _ => Ok(None),
    }
}
