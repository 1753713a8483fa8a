//! Reading files for statistics: one aggregate for all columns, that streams like any query.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::TableProvider as _;
use datafusion::common::{Column, ScalarValue, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::functions_aggregate::expr_fn::{count, max, min};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use futures::StreamExt as _;

use super::sketch::{SKETCH, Sketch};
use super::summary::bound_text;
use crate::catalog::statistics::ColumnSketch;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::sql::types::to_sql;
use crate::storage::FileTable;

/// What was found in some files.
#[derive(Debug)]
pub(super) struct Found {
    pub rows: u64,
    /// By name.
    pub columns: BTreeMap<String, ColumnSketch>,
}

impl Session {
    /// Looks into files of a table, which are named by their paths below its location. `columns` are places in its schema.
    pub(super) async fn look_into(&self, open: &FileTable, files: &HashSet<&str>, columns: &[usize]) -> Result<Found> {
        let part = open.only(|file| files.contains(open.path_of(file)));
        let mut execution = self.run_plan(plan(&part, columns)?).await?;
        let mut found = None;
        while let Some(batch) = execution.stream.next().await {
            let batch = batch.map_err(Error::from)?;
            if batch.num_rows() > 0 {
                found = Some(self::found(&batch, open, columns)?);
            }
        }
        found.ok_or_else(|| Error::statement("an aggregate of all rows gave none"))
    }
}

fn plan(part: &FileTable, columns: &[usize]) -> Result<LogicalPlan> {
    let table = TableReference::bare("t");
    let schema = part.schema();
    let mut projection = columns.to_vec();
    projection.sort_unstable();
    let scan = LogicalPlanBuilder::scan(table.clone(), provider_as_source(Arc::new(part.clone())), Some(projection))?;
    let mut aggregates = vec![count(lit(1_i64)).alias("rows")];
    for (number, place) in columns.iter().enumerate() {
        let field = schema.field(*place);
        let column = Expr::Column(Column::new(Some(table.clone()), field.name()));
        aggregates.push(count(column.clone()).alias(format!("count{number}")));
        aggregates.push(SKETCH.call(vec![column.clone()]).alias(format!("sketch{number}")));
        if has_bounds(field.data_type()) {
            aggregates.push(min(column.clone()).alias(format!("min{number}")));
            aggregates.push(max(column).alias(format!("max{number}")));
        }
    }
    Ok(scan.aggregate(Vec::<Expr>::new(), aggregates)?.build()?)
}

/// Types whose least and greatest value are worth keeping.
pub(super) fn has_bounds(data_type: &DataType) -> bool {
    use DataType::*;
    data_type.is_numeric()
        || data_type.is_string()
        || matches!(data_type, Boolean | Date32 | Date64 | Timestamp(..) | Time32(_) | Time64(_))
}

fn found(batch: &RecordBatch, open: &FileTable, columns: &[usize]) -> Result<Found> {
    let value = |name: &str| match batch.column_by_name(name) {
        Some(column) => ScalarValue::try_from_array(column, 0).map(Some),
        None => Ok(None),
    };
    let number = |name: &str| -> Result<u64> {
        match value(name)? {
            Some(ScalarValue::Int64(Some(count))) => Ok(u64::try_from(count).unwrap_or_default()),
            other => Err(Error::statement(format!("a count of rows was {other:?}"))),
        }
    };
    let rows = number("rows")?;
    let schema = open.schema();
    let mut found = BTreeMap::new();
    for (index, place) in columns.iter().enumerate() {
        let field = schema.field(*place);
        let bound = |which: &str| -> Result<Option<String>> {
            Ok(value(&format!("{which}{index}"))?.and_then(|bound| bound_text(&bound)))
        };
        let sketch = match value(&format!("sketch{index}"))? {
            Some(ScalarValue::Binary(Some(saved))) => saved,
            _ => Sketch::new()?.save()?,
        };
        let column = ColumnSketch {
            data_type: to_sql(field.data_type()),
            nulls: rows.saturating_sub(number(&format!("count{index}"))?),
            min: bound("min")?,
            max: bound("max")?,
            sketch,
        };
        found.insert(field.name().clone(), column);
    }
    Ok(Found { rows, columns: found })
}
