//! What readers that stand around another reader say of themselves: what the inner one says.

/// The methods of `FileSource` that tell about a reader, for one whose field `inner` knows.
macro_rules! describe_by_inner {
    () => {
        fn table_schema(&self) -> &datafusion::datasource::table_schema::TableSchema {
            self.inner.table_schema()
        }

        fn projection(&self) -> Option<&datafusion::physical_expr::projection::ProjectionExprs> {
            self.inner.projection()
        }

        fn metrics(&self) -> &datafusion::physical_plan::metrics::ExecutionPlanMetricsSet {
            self.inner.metrics()
        }

        fn file_type(&self) -> &str {
            self.inner.file_type()
        }

        fn fmt_extra(
            &self,
            t: datafusion::physical_plan::DisplayFormatType,
            f: &mut std::fmt::Formatter<'_>,
        ) -> std::fmt::Result {
            self.inner.fmt_extra(t, f)
        }

        fn apply_expressions(
            &self,
            f: &mut dyn FnMut(
                &std::sync::Arc<dyn datafusion::physical_expr::PhysicalExpr>,
            ) -> datafusion::error::Result<datafusion::common::tree_node::TreeNodeRecursion>,
        ) -> datafusion::error::Result<datafusion::common::tree_node::TreeNodeRecursion> {
            self.inner.apply_expressions(f)
        }
    };
}

pub(crate) use describe_by_inner;
