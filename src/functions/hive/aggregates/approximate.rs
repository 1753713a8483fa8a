//! `percentile_approx` and `histogram_numeric`, by Hive's histogram
//!
//! DataFusion's `approx_percentile_cont` is another sketch with other answers: Hive's is exact to the interpolation as long as there are no
//! more different values than bins.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, ListArray, StructArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{exec_err, not_impl_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility};

use super::histogram::Histogram;
use super::percentile::number_and_parts;
use super::summary::{Groups, One, Summary, constant, constant_doubles, doubles, state_fields};
use crate::functions::entry::{Entry, Help};
use crate::functions::hive::operand::to_ints;

pub(super) fn entries() -> Vec<Entry> {
    let signature = || Signature::user_defined(Volatility::Immutable);
    vec![
        Entry::aggregate(
            Approximate { is_histogram: false, signature: signature() },
            Help {
                name: "percentile_approx",
                syntax: "percentile_approx(number, p or array of p[, bins])",
                line: "About the number below which a part p of the others is, by a histogram of 10000 bins or so many.",
                example: "SELECT percentile_approx(x, 0.5), percentile_approx(x, array(0.25, 0.3), 100) FROM (VALUES (1), (2), (3), (4)) AS t(x)",
                gives: "2.0,[1.0, 1.2]",
            },
        ),
        Entry::aggregate(
            Approximate { is_histogram: true, signature: signature() },
            Help {
                name: "histogram_numeric",
                syntax: "histogram_numeric(number, bins)",
                line: "A histogram of so many bins: an array of their centres x and heights y.",
                example: "SELECT histogram_numeric(x, 2) FROM (VALUES (1), (2), (9)) AS t(x)",
                gives: "[{x: 1.5, y: 2.0}, {x: 9.0, y: 1.0}]",
            },
        ),
    ]
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Approximate {
    is_histogram: bool,
    signature: Signature,
}

impl Approximate {
    fn syntax(&self) -> &'static str {
        if self.is_histogram {
            "histogram_numeric(number, bins)"
        } else {
            "percentile_approx(number, p or array of p[, bins])"
        }
    }

    fn bins(args: &AccumulatorArgs, index: usize) -> Result<usize> {
        let bins = to_ints(&constant(args, index, "the number of bins")?)?.iter().next().flatten();
        match bins.and_then(|bins| usize::try_from(bins).ok()) {
            // Hive wants two at least.
            Some(bins) if bins >= 2 => Ok(bins),
            _ => exec_err!("the number of bins of {} must be 2 or more", args.name),
        }
    }

    fn summary(&self, args: &AccumulatorArgs) -> Result<Bins> {
        if args.is_distinct {
            return not_impl_err!("{}(DISTINCT …)", args.name);
        }
        if self.is_histogram {
            return Ok(Bins { limit: Self::bins(args, 1)?, quantiles: None });
        }
        let limit = if args.exprs.len() > 2 { Self::bins(args, 2)? } else { 10_000 };
        let (parts, is_array) = constant_doubles(args, 1, "the part")?;
        if !parts.iter().all(|part| (0.0..=1.0).contains(part)) {
            return exec_err!("the part of {} must be from 0 to 1", args.name);
        }
        Ok(Bins { limit, quantiles: Some((parts, is_array)) })
    }
}

impl AggregateUDFImpl for Approximate {
    fn name(&self) -> &str {
        if self.is_histogram { "histogram_numeric" } else { "percentile_approx" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let coerced = match arg_types {
            [number, bins] if self.is_histogram && (number.is_numeric() || number.is_null()) && bins.is_integer() => {
                Some(vec![DataType::Float64, DataType::Int64])
            }
            [number, parts] if !self.is_histogram => number_and_parts(number, parts).map(Vec::from),
            [number, parts, bins] if !self.is_histogram && bins.is_integer() => {
                number_and_parts(number, parts).map(|types| [types.to_vec(), vec![DataType::Int64]].concat())
            }
            _ => None,
        };
        match coerced {
            Some(coerced) => Ok(coerced),
            None => plan_err!("it is {}", self.syntax()),
        }
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        if self.is_histogram {
            return Ok(DataType::List(Arc::new(Field::new_list_field(DataType::Struct(bin_fields()), true))));
        }
        Ok(match arg_types.get(1) {
            Some(parts @ DataType::List(_)) => parts.clone(),
            _ => DataType::Float64,
        })
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(state_fields(&args))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(One::new(self.summary(&args)?)))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::new(self.summary(&args)?)))
    }
}

fn bin_fields() -> Fields {
    vec![Field::new("x", DataType::Float64, true), Field::new("y", DataType::Float64, true)].into()
}

#[derive(Debug)]
struct Bins {
    limit: usize,
    /// The parts, and whether they are an array; `None` for the histogram itself.
    quantiles: Option<(Vec<f64>, bool)>,
}

impl Summary for Bins {
    type State = Histogram;

    fn add(&self, state: &mut Histogram, value: f64) {
        match self.quantiles {
            Some(_) => state.add_later(&[value], self.limit),
            None => state.add(value, self.limit),
        }
    }

    fn add_all(&self, state: &mut Histogram, values: &[f64]) {
        match self.quantiles {
            Some(_) => state.add_later(values, self.limit),
            None => values.iter().for_each(|value| state.add(*value, self.limit)),
        }
    }

    fn save(&self, state: &mut Histogram, saved: &mut Vec<f64>) {
        state.settle(self.limit);
        state.save(saved);
    }

    fn load(&self, state: &mut Histogram, saved: &[f64]) {
        match self.quantiles {
            Some(_) => state.merge_later(saved, self.limit),
            None => state.merge(saved, self.limit),
        }
    }

    fn finish(&self, states: &mut [Histogram]) -> Result<ArrayRef> {
        if let Some((parts, is_array)) = &self.quantiles {
            return doubles(states, *is_array, |state| {
                state.settle(self.limit);
                parts.iter().map(|part| state.quantile(*part)).collect()
            });
        }
        let bins = || states.iter().flat_map(|state| &state.bins);
        let (xs, ys) = (bins().map(|bin| bin.x), bins().map(|bin| bin.y));
        let columns: Vec<ArrayRef> =
            vec![Arc::new(Float64Array::from_iter_values(xs)), Arc::new(Float64Array::from_iter_values(ys))];
        let structs = StructArray::try_new(bin_fields(), columns, None)?;
        let field = Field::new_list_field(DataType::Struct(bin_fields()), true);
        let offsets = OffsetBuffer::from_lengths(states.iter().map(|state| state.bins.len()));
        let nulls = NullBuffer::from_iter(states.iter().map(|state| !state.bins.is_empty()));
        Ok(Arc::new(ListArray::try_new(Arc::new(field), offsets, Arc::new(structs), Some(nulls))?))
    }

    fn size(state: &Histogram) -> usize {
        state.size()
    }
}
