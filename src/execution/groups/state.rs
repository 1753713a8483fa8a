//! Groups in memory, with what is known of each.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::error::Result;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode, PhysicalGroupBy, evaluate_group_by};

use super::aggregates::Aggregates;
use super::keys::{Groups, groups_of};
use super::rows::GroupRows;

pub(super) struct GroupState {
    by: PhysicalGroupBy,
    groups: Box<dyn Groups>,
    aggregates: Aggregates,
    /// The group of each row of the batch that comes in.
    numbers: Vec<usize>,
}

impl GroupState {
    /// For the rows of the aggregation's input.
    pub(super) fn new(aggregation: &AggregateExec) -> Result<Self> {
        Self::by(aggregation, *aggregation.mode(), aggregation.group_expr().clone(), &aggregation.input().schema())
    }

    /// For what another state knew of its groups, in rows of this schema.
    pub(super) fn merging(aggregation: &AggregateExec, states: &Schema) -> Result<Self> {
        Self::by(aggregation, AggregateMode::Final, aggregation.group_expr().as_final(), states)
    }

    fn by(aggregation: &AggregateExec, mode: AggregateMode, by: PhysicalGroupBy, input: &Schema) -> Result<Self> {
        let groups = groups_of(by.group_schema(input)?.as_ref())?;
        Ok(GroupState { by, groups, aggregates: Aggregates::new(aggregation, mode)?, numbers: Vec::new() })
    }

    /// Takes the rows in. Gives the number of those that are grouped: each counts once for a grouping set.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<usize> {
        let sets = evaluate_group_by(&self.by, batch)?;
        let arguments = self.aggregates.arguments(batch)?;
        for columns in &sets {
            self.groups.intern(columns, &mut self.numbers)?;
            self.aggregates.update(&arguments, &self.numbers, self.groups.len())?;
        }
        Ok(sets.len() * batch.num_rows())
    }

    /// The rows as if each were a group, for which nothing is remembered. There is one grouping set.
    pub(super) fn rows_as_groups(&self, batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
        let arguments = self.aggregates.arguments(batch)?;
        let mut columns: Vec<_> = evaluate_group_by(&self.by, batch)?.into_iter().flatten().collect();
        columns.extend(self.aggregates.states_of_rows(&arguments)?);
        Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
    }

    pub(super) fn has_one_set(&self) -> bool {
        self.by.is_single()
    }

    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    /// In bytes.
    pub(super) fn size(&self) -> usize {
        self.groups.size() + self.aggregates.size() + self.numbers.capacity() * size_of::<usize>()
    }

    /// All groups with what others have to know of them. None is left; memory for as many is kept if `again`.
    pub(super) fn take_states(&mut self, schema: &SchemaRef, again: bool) -> Result<GroupRows> {
        let len = self.groups.len();
        let states = self.aggregates.take_states()?;
        self.aggregates.reset()?;
        Ok(GroupRows::new(Arc::clone(schema), self.groups.take(again), states, len))
    }

    /// All groups with their results. None is left.
    pub(super) fn take_results(&mut self, schema: &SchemaRef) -> Result<GroupRows> {
        let len = self.groups.len();
        let results = self.aggregates.take_results()?;
        Ok(GroupRows::new(Arc::clone(schema), self.groups.take(false), results, len))
    }
}
