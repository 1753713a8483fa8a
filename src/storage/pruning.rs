//! Partitions that a query's filters leave.

use std::sync::Arc;

use datafusion::arrow::array::{Array as _, AsArray as _, BooleanArray};
use datafusion::arrow::compute::and_kleene;
use datafusion::arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::datasource::listing::helpers::expr_applicable_for_cols;
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::create_physical_expr;

use super::partitions::Partitions;

/// Whether a filter can be decided by folder names alone: all its columns are partition columns, and it means the same
/// whenever it is evaluated.
pub(crate) fn decides_on_partitions(filter: &Expr, partition_columns: &[FieldRef]) -> bool {
    if partition_columns.is_empty() {
        return false;
    }
    let names: Vec<&str> = partition_columns.iter().map(|field| field.name().as_str()).collect();
    expr_applicable_for_cols(&names, filter) && !needs_other_plans(filter)
}

/// Subqueries and variables get their values only while the plan runs.
fn needs_other_plans(filter: &Expr) -> bool {
    let mut needs = false;
    let walked = filter.apply(|expr| {
        needs |= matches!(
            expr,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(_, _)
                | Expr::ScalarVariable(_, _)
                | Expr::GroupingSet(_)
                | Expr::Lambda(_)
                | Expr::LambdaVariable(_)
        );
        Ok(if needs { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    walked.is_err() || needs
}

/// For each partition, whether rows in it can pass all the filters. The filters are such that
/// [`decides_on_partitions`] holds.
pub(crate) fn remaining(partitions: &Partitions, filters: &[&Expr]) -> Result<Vec<bool>> {
    let count = partitions.rows().len();
    if filters.is_empty() || count == 0 {
        return Ok(vec![true; count]);
    }
    let schema = Arc::new(Schema::new(partitions.columns().to_vec()));
    let df_schema = DFSchema::try_from(Arc::clone(&schema))?;
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    let batch = RecordBatch::try_new_with_options(schema, partitions.arrays()?, &options)?;
    let mut passes = BooleanArray::from(vec![true; count]);
    for filter in filters {
        let filter =
            create_physical_expr(filter, &df_schema, &ExecutionProps::new(), &PhysicalPlanningContext::default())?;
        let result = filter.evaluate(&batch)?.into_array(count)?;
        // A bare NULL has no type of its own; it passes nothing.
        let result = match result.data_type() {
            DataType::Boolean => result.as_boolean().clone(),
            _ => BooleanArray::new_null(count),
        };
        passes = and_kleene(&passes, &result)?;
    }
    Ok((0..count).map(|row| passes.is_valid(row) && passes.value(row)).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path as FsPath;

    use datafusion::logical_expr::{col, lit};
    use object_store::ObjectMeta;
    use object_store::path::Path;

    use super::*;
    use crate::storage::location::Location;

    fn view(text: &str) -> Expr {
        lit(datafusion::common::ScalarValue::Utf8View(Some(text.to_string())))
    }

    fn partitions() -> Partitions {
        let files: Vec<ObjectMeta> = ["c=KR/d=1", "c=US/d=2", "c=__HIVE_DEFAULT_PARTITION__/d=2"]
            .iter()
            .map(|folder| ObjectMeta {
                location: Path::parse(format!("t/{folder}/x")).unwrap(),
                last_modified: Default::default(),
                size: 1,
                e_tag: None,
                version: None,
            })
            .collect();
        let location = Location::parse("/t/", FsPath::new("/")).unwrap();
        Partitions::of(&location, &files, None).unwrap().0
    }

    #[test]
    fn null_partitions_pass_only_what_null_passes() {
        let partitions = partitions();
        let keep = |filter: Expr| remaining(&partitions, &[&filter]).unwrap();
        assert_eq!(keep(col("c").eq(view("KR"))), [true, false, false]);
        assert_eq!(keep(col("c").not_eq(view("KR"))), [false, true, false]);
        assert_eq!(keep(col("c").is_null()), [false, false, true]);
        assert_eq!(keep(lit(datafusion::common::ScalarValue::Null)), [false, false, false]);
    }

    #[test]
    fn all_filters_have_to_pass() {
        let (a, b) = (col("d").eq(lit(2i64)), col("c").is_not_null());
        assert_eq!(remaining(&partitions(), &[&a, &b]).unwrap(), [false, true, false]);
    }

    #[test]
    fn filters_on_other_columns_do_not_decide() {
        let partitions = partitions();
        assert!(decides_on_partitions(&col("c").eq(col("d")), partitions.columns()));
        assert!(!decides_on_partitions(&col("c").eq(col("x")), partitions.columns()));
        assert!(!decides_on_partitions(&lit(true), &[]));
    }
}
