//! A window of the plan, computed batch by batch.

use std::fmt::{self, Formatter};
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::compute::{concat, partition};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput as _};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::BoundedWindowAggExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, InputOrderMode};
use futures::StreamExt as _;

use super::function::{Function, Places};
use crate::execution::stand_in::looks_as_planned;

/// Does the work of a window.
#[derive(Debug)]
pub(super) struct RunningExec {
    planned: Arc<dyn ExecutionPlan>,
    window: Window,
    metrics: ExecutionPlanMetricsSet,
}

/// What is to be computed.
#[derive(Debug, Clone)]
struct Window {
    schema: SchemaRef,
    functions: Vec<Function>,
    partition_by: Vec<Arc<dyn PhysicalExpr>>,
    order_by: Vec<Arc<dyn PhysicalExpr>>,
}

impl RunningExec {
    /// `None`: it is no window, or one that DataFusion's operator has to do.
    pub(super) fn in_place_of(planned: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        let window = planned.downcast_ref::<BoundedWindowAggExec>()?;
        if window.input_order_mode != InputOrderMode::Sorted || window.state_observer().is_some() {
            return None;
        }
        let input = window.input().schema();
        let exprs = window.window_expr();
        let first = exprs.first()?;
        let are_alike =
            exprs.iter().all(|expr| expr.partition_by() == first.partition_by() && expr.order_by() == first.order_by());
        let partition_by = first.partition_by().to_vec();
        let order_by: Vec<_> = first.order_by().iter().map(|sort| Arc::clone(&sort.expr)).collect();
        let can_be_compared = |key: &Arc<dyn PhysicalExpr>| key.data_type(&input).is_ok_and(|key| is_comparable(&key));
        if !are_alike || !partition_by.iter().chain(&order_by).all(can_be_compared) {
            return None;
        }
        let functions = exprs.iter().map(|expr| Function::of(expr.as_ref(), &input)).collect::<Option<_>>()?;
        let window = Window { schema: window.schema(), functions, partition_by, order_by };
        Some(RunningExec { planned: Arc::clone(planned), window, metrics: ExecutionPlanMetricsSet::new() })
    }

    fn for_planned(&self, planned: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(match Self::in_place_of(&planned) {
            Some(running) => Arc::new(running),
            None => planned,
        })
    }
}

/// Of floating-point numbers, 0.0 and -0.0 are equal to some and not to others, and so are NaNs.
fn is_comparable(key: &DataType) -> bool {
    !key.is_floating() && !key.is_nested() && !matches!(key, DataType::Dictionary(..) | DataType::RunEndEncoded(..))
}

impl DisplayAs for RunningExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut Formatter) -> fmt::Result {
        self.planned.fmt_as(format, f)
    }
}

impl ExecutionPlan for RunningExec {
    looks_as_planned!();

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let inputs = self.planned.children();
        let [input] = inputs[..] else { return self.planned.execute(partition, context) };
        let input = input.execute(partition, context)?;
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let mut rows = Rows { window: self.window.clone(), last: None };
        let batches = input.map(move |batch| {
            let batch = batch?;
            let _timer = metrics.elapsed_compute().timer();
            Ok(rows.with_columns(&batch)?.record_output(&metrics))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The rows of one partition of the plan, as they come.
struct Rows {
    window: Window,
    last: Option<LastRow>,
}

/// The row before the batch that comes.
struct LastRow {
    /// One row of each column.
    partition: Vec<ArrayRef>,
    order: Vec<ArrayRef>,
    functions: Vec<ArrayRef>,
    /// Of its partition, up to it.
    rows: usize,
}

impl Rows {
    fn with_columns(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let schema = Arc::clone(&self.window.schema);
        let rows = batch.num_rows();
        let mut columns = batch.columns().to_vec();
        if rows == 0 {
            return Ok(RecordBatch::new_empty(schema));
        }
        let value = |expr: &Arc<dyn PhysicalExpr>| expr.evaluate(batch)?.into_array(rows);
        let partition_by = self.window.partition_by.iter().map(value).collect::<Result<Vec<_>>>()?;
        let order_by = self.window.order_by.iter().map(value).collect::<Result<Vec<_>>>()?;
        let last = self.last.take();
        let places = places(last.as_ref(), &partition_by, &order_by, rows)?;
        let is_continued = places.rows_before.is_some();
        let mut functions = Vec::with_capacity(self.window.functions.len());
        for (place, function) in self.window.functions.iter().enumerate() {
            let argument = function.argument.as_ref().map(value).transpose()?;
            let before = last.as_ref().filter(|_| is_continued).and_then(|last| last.functions.get(place));
            functions.push(function.column(argument.as_ref(), &places, before)?);
        }
        let of_last_row = |columns: &[ArrayRef]| columns.iter().map(|column| column.slice(rows - 1, 1)).collect();
        let before = places.rows_before.filter(|_| places.partitions.len() == 1).unwrap_or(0);
        self.last = Some(LastRow {
            partition: of_last_row(&partition_by),
            order: of_last_row(&order_by),
            functions: of_last_row(&functions),
            rows: before + places.partitions.last().map_or(0, Range::len),
        });
        columns.extend(functions);
        Ok(RecordBatch::try_new(schema, columns)?)
    }
}

fn places(last: Option<&LastRow>, partition_by: &[ArrayRef], order_by: &[ArrayRef], rows: usize) -> Result<Places> {
    let in_partition = match last {
        Some(last) => is_equal(&last.partition, partition_by)?,
        None => false,
    };
    let peers_before = match last {
        Some(last) if in_partition => is_equal(&last.order, order_by)?,
        _ => false,
    };
    let both: Vec<ArrayRef> = partition_by.iter().chain(order_by).map(Arc::clone).collect();
    Ok(Places {
        partitions: equal_rows(partition_by, rows)?,
        rows_before: last.filter(|_| in_partition).map(|last| last.rows),
        peers: equal_rows(&both, rows)?,
        peers_before,
    })
}

/// Where rows that are equal in all columns lie, one behind the other.
fn equal_rows(columns: &[ArrayRef], rows: usize) -> Result<Vec<Range<usize>>> {
    // Without a column all rows are equal.
    let all = std::iter::once(0..rows);
    Ok(if columns.is_empty() { all.collect() } else { partition(columns)?.ranges() })
}

/// Whether a row is equal to the first one of other columns.
fn is_equal(row: &[ArrayRef], columns: &[ArrayRef]) -> Result<bool> {
    let pair = |(one, column): (&ArrayRef, &ArrayRef)| Ok(concat(&[one.as_ref(), column.slice(0, 1).as_ref()])?);
    let pairs = row.iter().zip(columns).map(pair).collect::<Result<Vec<_>>>()?;
    Ok(equal_rows(&pairs, 2)?.len() == 1)
}
