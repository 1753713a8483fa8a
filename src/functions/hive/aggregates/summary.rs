//! What the aggregates over doubles share: a state for each group that is saved as a list of doubles
//!
//! A summary says how a value enters a state, how states are saved and merged, and what comes of them in the end; this is DataFusion's side
//! of it, for groups and for one state alone.

use std::fmt::Debug;

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Float64Builder, ListBuilder, RecordBatch, RecordBatchOptions,
};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Schema};
use datafusion::common::{ScalarValue, exec_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use crate::functions::hive::operand::to_floats;

pub(super) trait Summary: Debug + Send + Sync + 'static {
    type State: Debug + Default + Send + Sync;

    fn add(&self, state: &mut Self::State, value: f64);
    fn add_all(&self, state: &mut Self::State, values: &[f64]) {
        values.iter().for_each(|value| self.add(state, *value));
    }
    fn save(&self, state: &mut Self::State, saved: &mut Vec<f64>);
    fn load(&self, state: &mut Self::State, saved: &[f64]);
    /// A value for each state. The states may be asked again, and get more values.
    fn finish(&self, states: &mut [Self::State]) -> Result<ArrayRef>;
    /// In bytes, on the heap.
    fn size(state: &Self::State) -> usize;
}

/// The state's type, for [`datafusion::logical_expr::AggregateUDFImpl::state_fields`].
pub(super) fn state_fields(args: &StateFieldsArgs) -> Vec<FieldRef> {
    let doubles = Field::new_list_field(DataType::Float64, true);
    vec![Arc::new(Field::new_list(format_state_name(args.name, "summary"), doubles, true))]
}

/// An argument that must be constant, as an array of one value.
pub(super) fn constant(args: &AccumulatorArgs, index: usize, what: &str) -> Result<ArrayRef> {
    let no_columns = RecordBatch::try_new_with_options(
        Arc::new(Schema::empty()),
        vec![],
        &RecordBatchOptions::new().with_row_count(Some(1)),
    )?;
    match args.exprs.get(index).map(|expr| expr.evaluate(&no_columns)) {
        Some(Ok(value)) => value.into_array(1),
        _ => exec_err!("{what} of {} must be constant", args.name),
    }
}

/// Doubles that must be constant: one, or an array of them. The second of the result is whether it is an array.
pub(super) fn constant_doubles(args: &AccumulatorArgs, index: usize, what: &str) -> Result<(Vec<f64>, bool)> {
    let value = constant(args, index, what)?;
    let (doubles, is_array) = match value.as_list_opt::<i32>() {
        Some(list) if list.len() == 1 && list.is_valid(0) => (to_floats(&list.value(0))?, true),
        Some(_) => return exec_err!("{what} of {} must not be NULL", args.name),
        None => (to_floats(&value)?, false),
    };
    if doubles.null_count() > 0 {
        return exec_err!("{what} of {} must not be NULL", args.name);
    }
    Ok((doubles.values().to_vec(), is_array))
}

/// One state.
#[derive(Debug)]
pub(super) struct One<S: Summary> {
    summary: S,
    state: S::State,
}

impl<S: Summary> One<S> {
    pub(super) fn new(summary: S) -> Self {
        One { summary, state: S::State::default() }
    }
}

fn first(arrays: &[ArrayRef]) -> Result<&ArrayRef> {
    match arrays.first() {
        Some(array) => Ok(array),
        None => exec_err!("an aggregate without arguments"),
    }
}

impl<S: Summary> Accumulator for One<S> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = to_floats(first(values)?)?;
        if values.null_count() == 0 {
            self.summary.add_all(&mut self.state, values.values());
            return Ok(());
        }
        for value in values.iter().flatten() {
            self.summary.add(&mut self.state, value);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let result = self.summary.finish(std::slice::from_mut(&mut self.state))?;
        ScalarValue::try_from_array(&result, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + S::size(&self.state)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let saved = saved(&self.summary, std::slice::from_mut(&mut self.state))?;
        Ok(vec![ScalarValue::try_from_array(&saved, 0)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let states = first(states)?.as_list::<i32>();
        for state in states.iter().flatten() {
            self.summary.load(&mut self.state, state.as_primitive::<Float64Type>().values());
        }
        Ok(())
    }
}

/// A state for each group.
#[derive(Debug)]
pub(super) struct Groups<S: Summary> {
    summary: S,
    states: Vec<S::State>,
}

impl<S: Summary> Groups<S> {
    pub(super) fn new(summary: S) -> Self {
        Groups { summary, states: vec![] }
    }
}

impl<S: Summary> GroupsAccumulator for Groups<S> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.states.resize_with(total_num_groups, S::State::default);
        let values = to_floats(first(values)?)?;
        for (row, (value, group)) in values.iter().zip(group_indices).enumerate() {
            let Some(value) = value.filter(|_| passes(opt_filter, row)) else {
                continue;
            };
            if let Some(state) = self.states.get_mut(*group) {
                self.summary.add(state, value);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.summary.finish(&mut emit_to.take_needed(&mut self.states))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![saved(&self.summary, &mut emit_to.take_needed(&mut self.states))?])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.states.resize_with(total_num_groups, S::State::default);
        let saved = first(values)?.as_list::<i32>();
        for (saved, group) in saved.iter().zip(group_indices) {
            if let (Some(saved), Some(state)) = (saved, self.states.get_mut(*group)) {
                self.summary.load(state, saved.as_primitive::<Float64Type>().values());
            }
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values: Float64Array = to_floats(first(values)?)?;
        let mut built = ListBuilder::new(Float64Builder::with_capacity(values.len()));
        let mut saved = vec![];
        for (row, value) in values.iter().enumerate() {
            if let Some(value) = value.filter(|_| passes(opt_filter, row)) {
                let mut state = S::State::default();
                self.summary.add(&mut state, value);
                saved.clear();
                self.summary.save(&mut state, &mut saved);
                built.values().append_slice(&saved);
            }
            built.append(true);
        }
        Ok(vec![Arc::new(built.finish())])
    }

    fn size(&self) -> usize {
        self.states.capacity() * size_of::<S::State>() + self.states.iter().map(S::size).sum::<usize>()
    }
}

fn passes(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

fn saved<S: Summary>(summary: &S, states: &mut [S::State]) -> Result<ArrayRef> {
    let mut built = ListBuilder::new(Float64Builder::new());
    let mut saved = vec![];
    for state in states {
        saved.clear();
        summary.save(state, &mut saved);
        built.values().append_slice(&saved);
        built.append(true);
    }
    Ok(Arc::new(built.finish()))
}

/// A double for each state, or an array of them; NULL for a state that has none.
pub(super) fn doubles<T>(
    states: &mut [T],
    is_array: bool,
    mut of: impl FnMut(&mut T) -> Option<Vec<f64>>,
) -> Result<ArrayRef> {
    if !is_array {
        let first = |doubles: Vec<f64>| doubles.first().copied();
        return Ok(Arc::new(states.iter_mut().map(|state| of(state).and_then(first)).collect::<Float64Array>()));
    }
    let mut built = ListBuilder::new(Float64Builder::new());
    for state in states {
        let doubles = of(state);
        built.values().append_slice(doubles.as_deref().unwrap_or_default());
        built.append(doubles.is_some());
    }
    Ok(Arc::new(built.finish()))
}
