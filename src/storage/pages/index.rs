//! Files of which the statistics of pages leave few rows.
//!
//! In a file that is sorted, what meets a condition on the columns it is sorted by is in few pages of a row group. DataFusion's reader
//! fetches these alone by the page index. The reader here fetches whole column chunks, which pays where it is asked of dictionaries
//! which rows are wanted; with few pages wanted there is little left to be asked, and what is not fetched from a store far away counts
//! more.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::config::ParquetOptions;
use datafusion::datasource::physical_plan::parquet::{
    PagePruningAccessPlanFilter, ParquetAccessPlan, ParquetFileMetrics, RowGroupAccess,
};
use datafusion::physical_expr::{PhysicalExpr, conjunction, split_conjunction};
use datafusion::physical_expr_common::physical_expr::snapshot_generation;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};

use super::known::{columns_of, leaf_of};
use super::pruning::{GroupPruner, Pruning};

/// Of so many rows in row groups that may have wanted ones, at most one may be in a page that may.
const FEW: usize = 8;
/// With fewer rows in these row groups there is little to be left out.
const MANY_ROWS: usize = 1 << 16;

/// Whether the page index leaves few of a file's rows. The answer is the same for all partitions of a scan, each of which reads
/// a part of the file in the way that is chosen: it does not depend on what joins have found by now.
pub(super) async fn leaves_few_rows(
    reader: &mut Box<dyn AsyncFileReader>,
    footer: &Arc<ParquetMetaData>,
    schema: &SchemaRef,
    condition: &Arc<dyn PhysicalExpr>,
    options: &ParquetOptions,
) -> Result<bool> {
    let stays = |part: &&Arc<dyn PhysicalExpr>| snapshot_generation(part) == 0;
    let fixed: Vec<_> = split_conjunction(condition).into_iter().filter(stays).cloned().collect();
    let fixed = conjunction(fixed);
    if !options.enable_page_index || !has_page_index(footer, &fixed) {
        return Ok(false);
    }
    let metrics = ParquetFileMetrics::new(0, "", &ExecutionPlanMetricsSet::new());
    let pruning = Pruning::new(Arc::clone(&fixed), Arc::clone(schema), options);
    let groups = GroupPruner::new(Some(pruning), Arc::clone(footer)).groups(|_| true, &metrics);
    // A file all of whose row groups may have wanted rows is not sorted by them, and so their pages may, too.
    if groups.len() == footer.num_row_groups() && groups.len() > 1 {
        return Ok(false);
    }
    let rows_of = |group: usize| usize::try_from(footer.row_group(group).num_rows()).unwrap_or_default();
    let rows: usize = groups.iter().map(|group| rows_of(*group)).sum();
    if rows < MANY_ROWS {
        return Ok(false);
    }
    let indexed = match with_page_index(footer, reader).await {
        Ok(indexed) => indexed,
        // A store that fails now may not fail for the next partition, which would then read the file in another way.
        Err(error @ ParquetError::External(_)) => return Err(error),
        // A broken index is broken for all of them, and leaves nothing out.
        Err(_) => return Ok(false),
    };
    let mut plan = ParquetAccessPlan::new_none(footer.num_row_groups());
    groups.iter().for_each(|group| plan.scan(*group));
    let plan = PagePruningAccessPlanFilter::new(&fixed, Arc::clone(schema)).prune_plan_with_page_index(
        plan,
        schema,
        footer.file_metadata().schema_descr(),
        &indexed,
        &metrics,
    );
    let left = plan.inner().iter().enumerate().map(|(group, access)| match access {
        RowGroupAccess::Skip => 0,
        RowGroupAccess::Scan => rows_of(group),
        RowGroupAccess::Selection(selection) => selection.row_count(),
    });
    Ok(left.sum::<usize>() * FEW <= rows)
}

async fn with_page_index(
    footer: &Arc<ParquetMetaData>,
    reader: &mut Box<dyn AsyncFileReader>,
) -> Result<Arc<ParquetMetaData>> {
    if footer.column_index().is_some() && footer.offset_index().is_some() {
        return Ok(Arc::clone(footer));
    }
    let mut loader = ParquetMetaDataReader::new_with_metadata(footer.as_ref().clone())
        .with_page_index_policy(PageIndexPolicy::Optional);
    loader.load_page_index(reader).await?;
    Ok(Arc::new(loader.finish()?))
}

/// Whether there are statistics of the pages of a column that the condition is on.
fn has_page_index(footer: &ParquetMetaData, condition: &Arc<dyn PhysicalExpr>) -> bool {
    let schema = footer.file_metadata().schema_descr();
    let mut leaves = columns_of(condition).into_iter().filter_map(|column| leaf_of(schema, column));
    leaves.any(|leaf| {
        let mut chunks = footer.row_groups().iter().map(|group| group.column(leaf));
        chunks.any(|chunk| chunk.column_index_offset().is_some() && chunk.offset_index_offset().is_some())
    })
}
