//! The aggregate functions of an aggregation, for all groups.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use datafusion::common::internal_datafusion_err;
use datafusion::error::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateInputMode, AggregateMode, aggregate_expressions};

/// The functions with what they know of each group.
pub(super) struct Aggregates {
    functions: Vec<Function>,
    /// What comes in is what others know already.
    merges: bool,
}

struct Function {
    call: Arc<AggregateFunctionExpr>,
    arguments: Vec<Arc<dyn PhysicalExpr>>,
    filter: Option<Arc<dyn PhysicalExpr>>,
    groups: Box<dyn GroupsAccumulator>,
}

/// What the functions want to know of a batch: their arguments, and which rows count.
pub(super) struct Arguments(Vec<(Vec<ArrayRef>, Option<BooleanArray>)>);

impl Aggregates {
    pub(super) fn new(aggregation: &AggregateExec, mode: AggregateMode) -> Result<Self> {
        let merges = mode.input_mode() == AggregateInputMode::Partial;
        let calls = aggregation.aggr_expr();
        let arguments = aggregate_expressions(calls, &mode, aggregation.group_expr().num_group_exprs())?;
        let functions =
            calls.iter().zip(arguments).zip(aggregation.filter_expr()).map(|((call, arguments), filter)| {
                let filter = filter.clone().filter(|_| !merges);
                Ok(Function { groups: call.create_groups_accumulator()?, call: Arc::clone(call), arguments, filter })
            });
        Ok(Aggregates { functions: functions.collect::<Result<_>>()?, merges })
    }

    pub(super) fn arguments(&self, batch: &RecordBatch) -> Result<Arguments> {
        let of_function = |function: &Function| {
            let value = |expr: &Arc<dyn PhysicalExpr>| expr.evaluate(batch)?.into_array(batch.num_rows());
            let arguments = function.arguments.iter().map(value).collect::<Result<Vec<_>>>()?;
            let filter = function.filter.as_ref().map(value).transpose()?;
            let filter = filter.map(|filter| {
                let no_filter = || internal_datafusion_err!("a filter of {}", filter.data_type());
                filter.as_boolean_opt().cloned().ok_or_else(no_filter)
            });
            Ok((arguments, filter.transpose()?))
        };
        Ok(Arguments(self.functions.iter().map(of_function).collect::<Result<_>>()?))
    }

    /// Takes rows in: `groups` has the group of each, which is one of the first `count`.
    pub(super) fn update(&mut self, arguments: &Arguments, groups: &[usize], count: usize) -> Result<()> {
        for (function, (arguments, filter)) in self.functions.iter_mut().zip(&arguments.0) {
            if self.merges {
                function.groups.merge_batch(arguments, groups, count)?;
            } else {
                function.groups.update_batch(arguments, groups, filter.as_ref(), count)?;
            }
        }
        Ok(())
    }

    /// The rows as if each were a group.
    pub(super) fn states_of_rows(&self, arguments: &Arguments) -> Result<Vec<ArrayRef>> {
        let of_function = |(function, (arguments, filter)): (&Function, &(Vec<ArrayRef>, Option<BooleanArray>))| {
            function.groups.convert_to_state(arguments, filter.as_ref())
        };
        let states = self.functions.iter().zip(&arguments.0).map(of_function).collect::<Result<Vec<_>>>()?;
        Ok(states.into_iter().flatten().collect())
    }

    /// What the functions know of all groups, and then no longer do.
    pub(super) fn take_states(&mut self) -> Result<Vec<ArrayRef>> {
        let states = self.functions.iter_mut().map(|function| function.groups.state(EmitTo::All));
        Ok(states.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// The results for all groups, of which nothing is known then.
    pub(super) fn take_results(&mut self) -> Result<Vec<ArrayRef>> {
        self.functions.iter_mut().map(|function| function.groups.evaluate(EmitTo::All)).collect()
    }

    /// Begins anew.
    pub(super) fn reset(&mut self) -> Result<()> {
        for function in &mut self.functions {
            function.groups = function.call.create_groups_accumulator()?;
        }
        Ok(())
    }

    /// In bytes.
    pub(super) fn size(&self) -> usize {
        self.functions.iter().map(|function| function.groups.size()).sum()
    }
}
