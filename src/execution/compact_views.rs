//! Text on a join's build side is kept in few buffers.
//!
//! A column of views points into buffers of text. What a join gives out keeps the buffers of its build side, all of them in every batch; what is
//! built of its batches has them once for each batch, and every batch that is looked up in that copies the list. Two joins above one another
//! had 23,000 buffers for the names of 25 nations, and TPC-H 9 spent half of its time counting references to them. So where the
//! build side of a join comes out of another join, text is copied together if it lies in more than a few buffers.

use std::fmt::{self, Formatter};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, GenericByteViewArray, RecordBatchOptions};
use datafusion::arrow::datatypes::{BinaryViewType, ByteViewType, DataType, StringViewType};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Statistics;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use futures::StreamExt as _;

use super::one_input::{has_no_expressions, looks_like_its_input, over_inputs, statistics_of_input};

/// What `SET ostrich.optimizer.disabled_rules` calls it.
pub const NAME: &str = "compact_views";

/// More buffers than this in a column of a batch are made one.
const FEW: usize = 4;

/// Puts [`CompactViewsExec`] where text comes out of one join into the hash table of another.
#[derive(Debug)]
pub(super) struct CompactViews;

impl PhysicalOptimizerRule for CompactViews {
    fn name(&self) -> &str {
        NAME
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let Some(join) = node.downcast_ref::<HashJoinExec>() else { return Ok(Transformed::no(node)) };
            let has_text = join.left().schema().fields().iter().any(|field| is_view(field.data_type()));
            if !has_text || !has_join(join.left())? {
                return Ok(Transformed::no(node));
            }
            let built = Arc::new(CompactViewsExec { input: Arc::clone(join.left()) });
            let sides: Vec<Arc<dyn ExecutionPlan>> = vec![built, Arc::clone(join.right())];
            Ok(Transformed::yes(over_inputs(node, sides)?))
        })
        .data()
    }
}

fn is_view(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8View | DataType::BinaryView)
}

fn has_join(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    plan.exists(|node| Ok(node.downcast_ref::<HashJoinExec>().is_some()))
}

/// Its input's rows, with text in few buffers.
#[derive(Debug)]
struct CompactViewsExec {
    input: Arc<dyn ExecutionPlan>,
}

impl CompactViewsExec {
    fn over(&self, input: Arc<dyn ExecutionPlan>) -> Self {
        CompactViewsExec { input }
    }
}

impl DisplayAs for CompactViewsExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut Formatter) -> fmt::Result {
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => f.write_str("CompactViewsExec"),
            DisplayFormatType::TreeRender => Ok(()),
        }
    }
}

impl ExecutionPlan for CompactViewsExec {
    fn name(&self) -> &'static str {
        "CompactViewsExec"
    }

    looks_like_its_input!();
    has_no_expressions!();

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let schema = input.schema();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, input.map(|batch| compact(batch?)))))
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        Ok(statistics_of_input(inputs, &self.schema()))
    }
}

fn compact(batch: RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(|column| match column.data_type() {
        DataType::Utf8View => in_few_buffers::<StringViewType>(column),
        DataType::BinaryView => in_few_buffers::<BinaryViewType>(column),
        _ => Arc::clone(column),
    });
    let columns = columns.collect();
    Ok(RecordBatch::try_new_with_options(
        batch.schema(),
        columns,
        &RecordBatchOptions::new().with_row_count(Some(batch.num_rows())),
    )?)
}

fn in_few_buffers<T: ByteViewType>(column: &ArrayRef) -> ArrayRef {
    let views: &GenericByteViewArray<T> = column.as_byte_view();
    if views.data_buffers().len() > FEW { Arc::new(views.gc()) } else { Arc::clone(column) }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::StringViewArray;
    use datafusion::arrow::compute::concat;
    use datafusion::arrow::util::pretty::pretty_format_batches;

    use super::*;
    use crate::session::{Session, SessionOptions};

    #[test]
    fn many_buffers_become_one_with_the_same_text() {
        let part = |n: usize| -> ArrayRef {
            Arc::new(StringViewArray::from(vec![Some(format!("a text that is not short: {n}")), None]))
        };
        let parts: Vec<ArrayRef> = (0..10).map(part).collect();
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        let many = concat(&parts).unwrap();
        assert_eq!(many.as_string_view().data_buffers().len(), 10);
        let batch = RecordBatch::try_from_iter_with_nullable([("text", Arc::clone(&many), true)]).unwrap();
        let few = compact(batch).unwrap();
        assert_eq!(few.column(0), &many);
        assert_eq!(few.column(0).as_string_view().data_buffers().len(), 1);
    }

    #[tokio::test]
    async fn text_of_a_join_is_copied_on_its_way_into_another_unless_the_session_is_told_not_to() {
        let base = Some(env!("CARGO_MANIFEST_DIR").into());
        let session = Session::open(SessionOptions { base, ..SessionOptions::default() }).await.unwrap();
        let joined = "EXPLAIN SELECT n_name, o_orderkey FROM 'testdata/tpch/nation.parquet'
                      JOIN 'testdata/tpch/customer.parquet' ON n_nationkey = c_nationkey";
        let again = &format!("{joined} JOIN 'testdata/tpch/orders.parquet' ON c_custkey = o_custkey");
        let once = &joined.replace("o_orderkey", "c_custkey");
        let copies = async |sql: &str| {
            let plan = pretty_format_batches(&session.query(sql).await.unwrap()).unwrap().to_string();
            (plan.matches("HashJoinExec").count(), plan.matches("CompactViewsExec").count())
        };
        assert_eq!((copies(once).await, copies(again).await), ((1, 0), (2, 1)));
        session.query("SET ostrich.optimizer.disabled_rules = 'compact_views'").await.unwrap();
        assert_eq!(copies(again).await, (2, 0));
    }
}
