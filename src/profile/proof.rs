//! Exact answers: plans that look at all rows, and spill where memory does not suffice.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::JoinType;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, col, ident, lit, try_cast};
use datafusion::physical_plan::aggregates::group_values::new_group_values;
use datafusion::physical_plan::aggregates::order::GroupOrdering;
use futures::StreamExt;

use super::raw::Raw;
use crate::error::{Error, Result};
use crate::session::Session;

/// Whether two rows have the same values in `columns`. A row with a NULL in one of them is like no other.
pub(super) async fn has_duplicates(session: &Session, table: &Arc<Raw>, columns: &[usize]) -> Result<bool> {
    let plan = grouped(table, columns, None)?.filter(col("rows").gt(lit(1_i64)))?.limit(0, Some(1))?;
    Ok(first_count(session, plan.build()?).await?.is_some())
}

/// Whether two of the first `rows` rows have: it costs little to see that most columns are no key.
pub(super) async fn begins_with_duplicates(
    session: &Session,
    table: &Arc<Raw>,
    columns: &[usize],
    rows: usize,
) -> Result<bool> {
    let plan = grouped(table, columns, Some(rows))?.filter(col("rows").gt(lit(1_i64)))?.limit(0, Some(1))?;
    Ok(first_count(session, plan.build()?).await?.is_some())
}

/// How many distinct values a column has, without NULL.
pub(super) async fn count_distinct(session: &Session, table: &Arc<Raw>, column: usize) -> Result<u64> {
    let plan = grouped(table, &[column], None)?.aggregate(Vec::<Expr>::new(), [count(col("rows")).alias("count")])?;
    let found = first_count(session, plan.build()?).await?;
    Ok(found.and_then(|count| u64::try_from(count).ok()).unwrap_or_default())
}

/// The rows without NULL, counted by their values: `rows` is the only column. `first`: only so many rows are looked at.
fn grouped(table: &Arc<Raw>, columns: &[usize], first: Option<usize>) -> Result<LogicalPlanBuilder> {
    let scan = table.scan_of(columns)?;
    let scan = if first.is_some() { scan.limit(0, first)? } else { scan };
    let (plan, names) = named(present(scan, &keys(table, columns))?, keys(table, columns), "key_")?;
    let names = names.iter().map(|name| col(name.as_str())).collect::<Vec<_>>();
    Ok(plan.aggregate(names, [count(lit(1_i64)).alias("rows")])?.project([col("rows")])?)
}

/// The columns under names that no table can get into the way of.
fn named(plan: LogicalPlanBuilder, keys: Vec<Expr>, prefix: &str) -> Result<(LogicalPlanBuilder, Vec<String>)> {
    let names: Vec<String> = (0..keys.len()).map(|number| format!("{prefix}{number}")).collect();
    let named = keys.into_iter().zip(&names).map(|(key, name)| key.alias(name.as_str()));
    Ok((plan.project(named)?, names))
}

fn keys(table: &Arc<Raw>, columns: &[usize]) -> Vec<Expr> {
    let schema = table.schema();
    columns.iter().map(|column| ident(schema.field(*column).name())).collect()
}

/// Only rows that have a value in each column.
fn present(plan: LogicalPlanBuilder, keys: &[Expr]) -> Result<LogicalPlanBuilder> {
    let all = keys.iter().cloned().map(Expr::is_not_null).reduce(Expr::and);
    Ok(match all {
        Some(all) => plan.filter(all)?,
        None => plan,
    })
}

/// The last column of the plan's first row, which is a count.
async fn first_count(session: &Session, plan: LogicalPlan) -> Result<Option<i64>> {
    let mut stream = session.run_plan(plan).await?.stream;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(Error::from)?;
        if batch.num_rows() > 0 {
            let counts = batch.columns().last().and_then(|column| column.as_primitive_opt::<Int64Type>());
            return Ok(counts.map(|counts| counts.value(0)));
        }
    }
    Ok(None)
}

/// Whether a row of `child` has values that no row of `parent` has. A row with a NULL in one of the columns refers to nothing.
pub(super) async fn has_orphans(
    session: &Session,
    (child, child_columns): (&Arc<Raw>, &[usize]),
    (parent, parent_columns): (&Arc<Raw>, &[usize]),
    types: &[DataType],
) -> Result<bool> {
    // What does not fit into the type becomes NULL only behind the filter: of a child it is like no value of the parent.
    let values = |table: &Arc<Raw>, columns: &[usize], prefix: &str| -> Result<(LogicalPlanBuilder, Vec<String>)> {
        let (schema, keys) = (table.schema(), keys(table, columns));
        let plan = present(table.scan_of(columns)?, &keys)?;
        let in_type = keys.into_iter().zip(columns).zip(types).map(|((key, column), data_type)| {
            if schema.field(*column).data_type() == data_type { key } else { try_cast(key, data_type.clone()) }
        });
        named(plan, in_type.collect(), prefix)
    };
    let (children, child_names) = values(child, child_columns, "child_")?;
    let (parents, parent_names) = values(parent, parent_columns, "parent_")?;
    // Each value is looked up once.
    let plan = children
        .distinct()?
        .join(parents.build()?, JoinType::LeftAnti, (child_names, parent_names), None)?
        .project([lit(1_i64).alias("orphan")])?
        .limit(0, Some(1))?;
    Ok(first_count(session, plan.build()?).await?.is_some())
}

/// Whether all values of `child` are among those of `parent`, both without duplicates and without NULL. `None` if they cannot be
/// compared in `data_type`.
pub(super) fn includes(parent: &ArrayRef, child: &ArrayRef, data_type: &DataType) -> Result<Option<bool>> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let (Ok(parent), Ok(child)) =
        (cast_with_options(parent, data_type, &options), cast_with_options(child, data_type, &options))
    else {
        return Ok(None);
    };
    let schema = Arc::new(Schema::new(vec![Field::new("value", data_type.clone(), true)]));
    let mut values = new_group_values(schema, &GroupOrdering::None)?;
    let mut groups = Vec::new();
    values.intern(&[parent], &mut groups)?;
    let known = values.len();
    values.intern(&[child], &mut groups)?;
    Ok(Some(values.len() == known))
}
