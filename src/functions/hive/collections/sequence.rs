//! `sequence`: integers or dates from one to another, the last included
//!
//! DataFusion's `generate_series` has no step backwards unless it is given, and goes from January 31st by months over February 29th to March
//! 29th; here each date is counted from the first.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Date32Array, Int64Array, ListArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNanoType, IntervalUnit};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::ReturnFieldArgs;

use super::lists::list_of;
use crate::functions::entry::{Entry, Help};
use crate::functions::hive::call::{Call, Function, Gives, Takes};
use crate::functions::hive::dates::calendar;

const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);

pub(super) fn entries() -> Vec<Entry> {
    let takes = |types: &[DataType]| {
        let is_int = |data_type: &DataType| data_type.is_integer() || data_type.is_null();
        let is_date = |data_type: &DataType| matches!(data_type, DataType::Date32 | DataType::Null);
        match types {
            [from, to] if is_int(from) && is_int(to) => Some(vec![DataType::Int64; 2]),
            [from, to, step] if is_int(from) && is_int(to) && is_int(step) => Some(vec![DataType::Int64; 3]),
            [from, to] if is_date(from) && is_date(to) => Some(vec![DataType::Date32; 2]),
            [from, to, DataType::Interval(_)] if is_date(from) && is_date(to) => {
                Some(vec![DataType::Date32, DataType::Date32, INTERVAL])
            }
            _ => None,
        }
    };
    let gives = |args: &ReturnFieldArgs| {
        Ok(list_of(args.arg_fields.first().map_or(DataType::Int64, |field| field.data_type().clone())))
    };
    vec![Entry::scalar(
        Function::new("sequence", "sequence(from, to[, step])", Takes::By(takes), Gives::By(gives), |call| {
            if call.data_type(0) == DataType::Date32 { dates(call) } else { integers(call) }
        }),
        Help {
            name: "sequence",
            syntax: "sequence(from, to[, step])",
            line: "The integers or dates from one to the other, the last included; by default a step of one, in the direction needed.",
            example: "SELECT sequence(1, 3), sequence(3, 1), sequence(0, 5, 2), sequence(DATE '2024-02-28', DATE '2024-03-01')",
            gives: "[1, 2, 3],[3, 2, 1],[0, 2, 4],[2024-02-28, 2024-02-29, 2024-03-01]",
        },
    )]
}

/// Elements row by row.
struct Built<T> {
    values: Vec<T>,
    lengths: Vec<usize>,
    nulls: Vec<bool>,
}

impl<T> Built<T> {
    fn new(rows: usize) -> Self {
        Built { values: vec![], lengths: Vec::with_capacity(rows), nulls: Vec::with_capacity(rows) }
    }

    /// Fails before the memory is used up.
    fn reserve(&mut self, more: i128) -> Result<()> {
        let limit = 1 << 27;
        let Some(more) = usize::try_from(more).ok().filter(|_| self.values.len() as i128 + more <= limit) else {
            return exec_err!("the sequences of one batch have more than {limit} elements");
        };
        match self.values.try_reserve(more) {
            Ok(()) => Ok(()),
            Err(error) => exec_err!("a sequence of {more} elements: {error}"),
        }
    }

    fn end_row(&mut self, first: usize, is_valid: bool) {
        self.lengths.push(self.values.len() - first);
        self.nulls.push(is_valid);
    }

    fn finish(self, call: &Call, values: impl FnOnce(Vec<T>) -> ArrayRef) -> Result<ArrayRef> {
        let DataType::List(field) = call.gives() else {
            return exec_err!("sequence gives {}", call.gives());
        };
        let offsets = OffsetBuffer::from_lengths(self.lengths);
        let nulls = NullBuffer::from(self.nulls);
        Ok(Arc::new(ListArray::try_new(field.clone(), offsets, values(self.values), Some(nulls))?))
    }
}

fn wrong_step(from: impl std::fmt::Display, to: impl std::fmt::Display) -> Result<ArrayRef> {
    exec_err!("sequence({from}, {to}, …): the step goes the other way, or nowhere")
}

fn integers(call: &Call) -> Result<ArrayRef> {
    let (from, to) = (call.ints(0)?, call.ints(1)?);
    let steps = if call.len() > 2 { Some(call.ints(2)?) } else { None };
    let mut built = Built::new(call.rows());
    for row in 0..call.rows() {
        let first = built.values.len();
        let step = |from: i64, to: i64| match &steps {
            Some(steps) => steps.at(row),
            None => Some(if from <= to { 1 } else { -1 }),
        };
        let (Some(from), Some(to)) = (from.at(row), to.at(row)) else {
            built.end_row(first, false);
            continue;
        };
        let Some(step) = step(from, to) else {
            built.end_row(first, false);
            continue;
        };
        let distance = i128::from(to) - i128::from(from);
        if (distance > 0 && step <= 0) || (distance < 0 && step >= 0) {
            return wrong_step(from, to);
        }
        let count = if distance == 0 { 1 } else { distance / i128::from(step) + 1 };
        built.reserve(count)?;
        built.values.extend((0..count).map(|at| (i128::from(from) + at * i128::from(step)) as i64));
        built.end_row(first, true);
    }
    built.finish(call, |values| Arc::new(Int64Array::from(values)))
}

fn dates(call: &Call) -> Result<ArrayRef> {
    let (from, to) = (call.dates(0)?, call.dates(1)?);
    let steps = if call.len() > 2 { Some(call.column(2)?) } else { None };
    let mut built: Built<i32> = Built::new(call.rows());
    for row in 0..call.rows() {
        let first = built.values.len();
        let (Some(from), Some(to)) = (from.at(row), to.at(row)) else {
            built.end_row(first, false);
            continue;
        };
        let (months, days) = match &steps {
            None => (0, if from <= to { 1 } else { -1 }),
            Some(steps) if steps.is_null(row) => {
                built.end_row(first, false);
                continue;
            }
            Some(steps) => {
                let step = steps.as_primitive::<IntervalMonthDayNanoType>().value(row);
                (i64::from(step.months), i64::from(step.days) + step.nanoseconds / (calendar::DAY * 1000))
            }
        };
        let at = |count: i64| {
            let moved = calendar::add_months(calendar::civil(from.into()), months * count);
            moved.days() + days * count
        };
        let is_forward = at(1) > i64::from(from);
        let goes_both_ways = months.signum() * days.signum() < 0;
        if from != to && (goes_both_ways || at(1) == i64::from(from) || is_forward != (to > from)) {
            return wrong_step(from, to);
        }
        let shortest = 28 * months.abs() + days.abs();
        built.reserve(i128::from(i64::from(to) - i64::from(from)).abs() / i128::from(shortest.max(1)) + 1)?;
        let mut count = 0;
        loop {
            let date = at(count);
            let is_past = if is_forward { date > i64::from(to) } else { date < i64::from(to) };
            if is_past || (from == to && count > 0) {
                break;
            }
            // Between two dates there is no other than a date.
            built.values.push(date as i32);
            count += 1;
        }
        built.end_row(first, true);
    }
    built.finish(call, |values| Arc::new(Date32Array::from(values)))
}
