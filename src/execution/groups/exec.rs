//! An aggregation of the plan whose groups are packed.

use std::fmt::{self, Formatter};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateInputMode, AggregateMode, AggregateOutputMode};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput as _, SpillMetrics,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, InputOrderMode, ReplaceChildrenOptions,
    SpillManager,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::complete::Complete;
use super::keys::can_be_packed;
use super::partial::Partial;
use super::rows::Leaving;
use super::state::GroupState;
use crate::execution::stand_in::looks_as_planned;

/// Does the work of an aggregation.
#[derive(Debug)]
pub(super) struct GroupsExec {
    planned: Arc<dyn ExecutionPlan>,
    aggregation: Arc<AggregateExec>,
    /// Of what is known of groups that are not complete: their values, and the functions' states.
    states: SchemaRef,
    metrics: ExecutionPlanMetricsSet,
}

impl GroupsExec {
    /// `None`: it is no aggregation, or one that DataFusion's operator has to do.
    pub(super) fn in_place_of(planned: &Arc<dyn ExecutionPlan>) -> Result<Option<Self>> {
        let Some(aggregation) = planned.downcast_ref::<AggregateExec>() else { return Ok(None) };
        if !groups_in_words(aggregation)? {
            return Ok(None);
        }
        let mode = aggregation.mode();
        let states = match (mode.input_mode(), mode.output_mode()) {
            (AggregateInputMode::Partial, _) => aggregation.input().schema(),
            (_, AggregateOutputMode::Partial) => aggregation.schema(),
            (AggregateInputMode::Raw, AggregateOutputMode::Final) => AggregateExec::try_new(
                AggregateMode::Partial,
                aggregation.group_expr().clone(),
                aggregation.aggr_expr().to_vec(),
                aggregation.filter_expr().to_vec(),
                Arc::clone(aggregation.input()),
                aggregation.input_schema(),
            )?
            .schema(),
        };
        Ok(Some(GroupsExec {
            planned: Arc::clone(planned),
            aggregation: Arc::new(aggregation.clone()),
            states,
            metrics: ExecutionPlanMetricsSet::new(),
        }))
    }

    fn for_planned(&self, planned: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(match Self::in_place_of(&planned)? {
            Some(groups) => Arc::new(groups),
            None => planned,
        })
    }
}

/// Whether an aggregation is done here: it has groups, which come in no order and go on without a limit, and its values can be packed.
fn groups_in_words(aggregation: &AggregateExec) -> Result<bool> {
    let by = aggregation.group_expr();
    let merges_only = *aggregation.mode() == AggregateMode::PartialReduce;
    if by.is_true_no_grouping()
        || merges_only
        || *aggregation.input_order_mode() != InputOrderMode::Linear
        || aggregation.limit_options().is_some()
        // Those above may rely on an order, and take a total that comes twice for two.
        || (by.has_grouping_set() && aggregation.properties().output_ordering().is_some())
    {
        return Ok(false);
    }
    // Those that need their rows in an order get them from an ordered aggregation, or keep them.
    let is_plain =
        |call: &Arc<AggregateFunctionExpr>| call.groups_accumulator_supported() && call.order_bys().is_empty();
    Ok(aggregation.aggr_expr().iter().all(is_plain)
        && can_be_packed(by.group_schema(&aggregation.input().schema())?.as_ref()))
}

impl DisplayAs for GroupsExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut Formatter) -> fmt::Result {
        self.planned.fmt_as(format, f)
    }
}

impl ExecutionPlan for GroupsExec {
    looks_as_planned!();

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.aggregation.input().execute(partition, Arc::clone(&context))?;
        let partition = Partition {
            aggregation: Arc::clone(&self.aggregation),
            states: Arc::clone(&self.states),
            metrics: BaselineMetrics::new(&self.metrics, partition),
            spill_metrics: SpillMetrics::new(&self.metrics, partition),
            memory: MemoryConsumer::new(format!("AggregateExec[{partition}]"))
                .with_can_spill(true)
                .register(context.memory_pool()),
        };
        let is_raw = self.aggregation.mode().input_mode() == AggregateInputMode::Raw;
        if !is_raw || !self.aggregation.group_expr().has_grouping_set() {
            return partition.groups_of(input, &context);
        }
        let schema = self.schema();
        let planned = Arc::clone(&self.planned);
        let groups = async move {
            match first_rows(input).await? {
                Some(input) => partition.groups_of(input, &context),
                None => of_no_rows(planned, context),
            }
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream::once(groups).try_flatten())))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// What one partition needs.
struct Partition {
    aggregation: Arc<AggregateExec>,
    states: SchemaRef,
    metrics: BaselineMetrics,
    spill_metrics: SpillMetrics,
    memory: MemoryReservation,
}

impl Partition {
    fn groups_of(self, input: SendableRecordBatchStream, context: &TaskContext) -> Result<SendableRecordBatchStream> {
        let Partition { aggregation, states, metrics, spill_metrics, memory } = self;
        let schema = aggregation.schema();
        let config = context.session_config();
        let output = metrics.clone();
        let leaving = Leaving::new(memory, config.batch_size());
        let batches = if aggregation.mode().output_mode() == AggregateOutputMode::Partial {
            let groups = GroupState::new(&aggregation)?;
            let partial = Partial::new(input, groups, states, leaving, metrics);
            stream::try_unfold(partial, async |mut partial: Partial| {
                Ok(partial.next().await?.map(|batch| (batch, partial)))
            })
            .boxed()
        } else {
            let spills = SpillManager::new(context.runtime_env(), spill_metrics, states)
                .with_compression_type(config.spill_compression());
            let complete = Complete::new(aggregation, input, leaving, metrics, spills)?;
            stream::try_unfold(complete, async |mut complete: Complete| {
                Ok(complete.next().await?.map(|batch| (batch, complete)))
            })
            .boxed()
        };
        let counted = batches.map_ok(move |batch: RecordBatch| batch.record_output(&output));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, counted)))
    }
}

/// The same rows, if there is one.
async fn first_rows(mut input: SendableRecordBatchStream) -> Result<Option<SendableRecordBatchStream>> {
    while let Some(batch) = input.try_next().await? {
        if batch.num_rows() > 0 {
            let schema = input.schema();
            let rows = stream::once(async { Ok(batch) }).chain(input);
            return Ok(Some(Box::pin(RecordBatchStreamAdapter::new(schema, rows))));
        }
    }
    Ok(None)
}

/// What grouping sets give that have a total, of no rows.
fn of_no_rows(aggregation: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
    let inputs = aggregation.children();
    let nothing = inputs.iter().map(|input| Arc::new(EmptyExec::new(input.schema())) as Arc<dyn ExecutionPlan>);
    let nothing = nothing.collect();
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    aggregation.replace_children(nothing, options)?.execute(0, context)
}
