//! A table as nothing but its rows.
//!
//! What is declared of a table must not answer the question whether it is true: a declared key would let the optimizer drop the very
//! GROUP BY that looks for duplicates. So plans that look at data read tables through [`Raw`], which has no constraints, and behind
//! which no rule finds the table of the catalog.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use futures::future::BoxFuture;

/// What scans of it are called in plans.
const NAME: &str = "profiled";

/// The rows of a table, without what is declared of them.
#[derive(Debug)]
pub(super) struct Raw(Arc<dyn TableProvider>);

impl Raw {
    pub(super) fn new(table: Arc<dyn TableProvider>) -> Arc<Self> {
        Arc::new(Raw(table))
    }

    /// Values as a table of one column.
    pub(super) fn of_values(name: &str, values: &ArrayRef) -> Result<Arc<Self>> {
        let batch = RecordBatch::try_from_iter([(name, Arc::clone(values))])?;
        Ok(Self::new(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?)))
    }

    /// A scan of some columns, in the order of the table.
    pub(super) fn scan_of(self: &Arc<Self>, columns: &[usize]) -> Result<LogicalPlanBuilder> {
        let source = provider_as_source(Arc::clone(self) as Arc<dyn TableProvider>);
        LogicalPlanBuilder::scan(NAME, source, Some(columns.to_vec()))
    }
}

impl TableProvider for Raw {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        self.0.supports_filters_pushdown(filters)
    }

    // Not `async`: see "Build time" in CONTRIBUTING.md.
    fn scan<'s, 'c, 'p, 'f, 'r>(
        &'s self,
        state: &'c dyn Session,
        projection: Option<&'p Vec<usize>>,
        filters: &'f [Expr],
        limit: Option<usize>,
    ) -> BoxFuture<'r, Result<Arc<dyn ExecutionPlan>>>
    where
        's: 'r,
        'c: 'r,
        'p: 'r,
        'f: 'r,
        Self: 'r,
    {
        self.0.scan(state, projection, filters, limit)
    }
}
