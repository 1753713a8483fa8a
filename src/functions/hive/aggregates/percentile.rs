//! `percentile(number, p)`: exact, between two values in proportion, for one `p` or an array of them
//!
//! DataFusion's `percentile_cont` is the same for one `p`, and has no arrays.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility};

use super::summary::{Groups, One, Summary, constant_doubles, doubles, state_fields};
use crate::functions::entry::{Entry, Help};
use crate::functions::hive::collections::lists::{element, list_of};

pub(super) fn entries() -> Vec<Entry> {
    vec![Entry::aggregate(
        Percentile { signature: Signature::user_defined(Volatility::Immutable) },
        Help {
            name: "percentile",
            syntax: "percentile(number, p or array of p)",
            line: "The number below which a part p of the others is, from 0 to 1; exact.",
            example: "SELECT percentile(x, 0.5), percentile(x, array(0.0, 0.3, 1)) FROM (VALUES (1), (2), (4), (8)) AS t(x)",
            gives: "3.0,[1.0, 1.9, 8.0]",
        },
    )]
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Percentile {
    signature: Signature,
}

/// The types of a number, and of one `p` or an array of them.
pub(super) fn number_and_parts(number: &DataType, parts: &DataType) -> Option<[DataType; 2]> {
    let is_number = |data_type: &DataType| data_type.is_numeric() || data_type.is_null();
    if !is_number(number) {
        return None;
    }
    match element(parts) {
        Some(element) if !parts.is_null() && is_number(element.data_type()) => {
            Some([DataType::Float64, list_of(DataType::Float64)])
        }
        None if parts.is_numeric() => Some([DataType::Float64, DataType::Float64]),
        _ => None,
    }
}

impl Percentile {
    fn summary(args: &AccumulatorArgs) -> Result<Values> {
        let (parts, is_array) = constant_doubles(args, 1, "the part")?;
        if !parts.iter().all(|part| (0.0..=1.0).contains(part)) {
            return exec_err!("the part of {} must be from 0 to 1", args.name);
        }
        Ok(Values { parts, is_array, is_distinct: args.is_distinct })
    }
}

impl AggregateUDFImpl for Percentile {
    fn name(&self) -> &str {
        "percentile"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [number, parts] if number_and_parts(number, parts).is_some() => {
                Ok(number_and_parts(number, parts).map(Vec::from).unwrap_or_default())
            }
            _ => plan_err!("it is percentile(number, p or array of p)"),
        }
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        Ok(match arg_types {
            [_, parts @ DataType::List(_)] => parts.clone(),
            _ => DataType::Float64,
        })
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(state_fields(&args))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(One::new(Self::summary(&args)?)))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::new(Self::summary(&args)?)))
    }
}

#[derive(Debug)]
struct Values {
    parts: Vec<f64>,
    is_array: bool,
    is_distinct: bool,
}

impl Summary for Values {
    type State = Vec<f64>;

    fn add(&self, state: &mut Vec<f64>, value: f64) {
        state.push(value);
    }

    fn save(&self, state: &mut Vec<f64>, saved: &mut Vec<f64>) {
        saved.append(state);
    }

    fn load(&self, state: &mut Vec<f64>, saved: &[f64]) {
        state.extend_from_slice(saved);
    }

    fn finish(&self, states: &mut [Vec<f64>]) -> Result<ArrayRef> {
        doubles(states, self.is_array, |values| {
            if values.is_empty() {
                return None;
            }
            if let ([part], false) = (self.parts.as_slice(), self.is_distinct) {
                return Some(vec![selected(values, *part)]);
            }
            values.sort_unstable_by(f64::total_cmp);
            if self.is_distinct {
                values.dedup();
            }
            Some(self.parts.iter().map(|part| sorted(values, *part)).collect())
        })
    }

    fn size(state: &Vec<f64>) -> usize {
        state.capacity() * size_of::<f64>()
    }
}

/// Where a percentile is: the index below, and how far from there to the next.
fn position(count: usize, part: f64) -> (usize, f64) {
    let position = (count - 1) as f64 * part;
    ((position.floor() as usize).min(count - 1), position.fract())
}

fn between(lower: f64, upper: f64, fraction: f64) -> f64 {
    if lower == upper { lower } else { (1.0 - fraction) * lower + fraction * upper }
}

/// Of sorted values.
fn sorted(values: &[f64], part: f64) -> f64 {
    let (index, fraction) = position(values.len(), part);
    match values.get(index + 1) {
        Some(upper) if fraction > 0.0 => between(values[index], *upper, fraction),
        _ => values[index],
    }
}

/// Without sorting more than is needed for one percentile.
fn selected(values: &mut [f64], part: f64) -> f64 {
    let (index, fraction) = position(values.len(), part);
    let (_, lower, above) = values.select_nth_unstable_by(index, f64::total_cmp);
    let lower = *lower;
    if fraction == 0.0 {
        return lower;
    }
    match above.iter().copied().min_by(f64::total_cmp) {
        Some(upper) => between(lower, upper, fraction),
        None => lower,
    }
}
