//! Aggregates of large groups, made of the aggregates of small ones: `sum(x)` is the sum of sums, `count(x)` the sum of counts.
//!
//! Least and greatest values likewise, and averages by way of a sum and a count. DISTINCT is not made of parts; other aggregates may
//! not be. The rows of a group are summed in another order, which shows in the last digits of doubles, as it does from one run to the
//! next.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use datafusion::common::{Column, exec_err};
use datafusion::error::Result;
use datafusion::functions_aggregate::average::Avg;
use datafusion::functions_aggregate::count::{Count, count_udaf};
use datafusion::functions_aggregate::min_max::{Max, Min};
use datafusion::functions_aggregate::sum::{Sum, sum_udaf};
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams, Case};
use datafusion::logical_expr::{
    Aggregate, AggregateUDF, Cast, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Projection, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};
use datafusion_functions_aggregate_common::utils::DecimalAverager;

fn part_name(number: usize) -> String {
    format!("__part_{number}")
}

/// What is aggregated in small groups, and how that is put together for larger ones.
#[derive(Default)]
pub(super) struct Parts {
    below: Vec<Expr>,
    above: Vec<Arc<AggregateUDF>>,
    wholes: Vec<Whole>,
}

/// An aggregate of a larger group, by the numbers of its parts.
enum Whole {
    Part(usize),
    /// A sum of counts, which is never NULL.
    Count(usize),
    Average {
        sum: usize,
        count: usize,
        data_type: DataType,
    },
}

impl Whole {
    fn value(&self) -> Expr {
        let part = |number: usize| Expr::Column(Column::from_name(part_name(number)));
        match self {
            Whole::Part(number) => part(*number),
            // No coalesce(): that has to be simplified before it runs.
            Whole::Count(number) => Expr::Case(Case::new(
                None,
                vec![(Box::new(part(*number).is_not_null()), Box::new(part(*number)))],
                Some(Box::new(lit(0_i64))),
            )),
            Whole::Average { sum, count, data_type } => Average::of(data_type).call(vec![part(*sum), part(*count)]),
        }
    }
}

impl Parts {
    /// Of all that is aggregated. `None`: it is not made of parts, or how is not known.
    pub fn of_aggregate(aggregate: &Aggregate) -> Option<Self> {
        let mut parts = Parts::default();
        let keys = aggregate.schema.fields().len() - aggregate.aggr_expr.len();
        for (expr, field) in aggregate.aggr_expr.iter().zip(&aggregate.schema.fields()[keys..]) {
            let whole = parts.of(expr, field.data_type())?;
            parts.wholes.push(whole);
        }
        Some(parts)
    }

    pub fn is_empty(&self) -> bool {
        self.below.is_empty()
    }

    /// What the small groups aggregate, under the names that [`Self::put_together`] knows.
    pub fn below(&self) -> Vec<Expr> {
        self.below.iter().enumerate().map(|(number, part)| part.clone().alias(part_name(number))).collect()
    }

    /// What `aggregate` gives, from an input that has the parts among its columns. `keys` are its own, as they are to be read there.
    pub fn put_together(&self, aggregate: &Aggregate, keys: Vec<Expr>, input: Arc<LogicalPlan>) -> Result<LogicalPlan> {
        let above = self.above.iter().enumerate().map(|(number, combine)| {
            let params = AggregateFunctionParams {
                args: vec![Expr::Column(Column::from_name(part_name(number)))],
                distinct: false,
                filter: None,
                order_by: Vec::new(),
                null_treatment: None,
            };
            Expr::AggregateFunction(AggregateFunction { func: Arc::clone(combine), params }).alias(part_name(number))
        });
        let combined = Aggregate::try_new(input, keys, above.collect())?;
        let combined = Arc::new(LogicalPlan::Aggregate(combined));

        let names = aggregate.schema.columns();
        let keys = names.len() - aggregate.aggr_expr.len();
        let mut items: Vec<Expr> = names.iter().take(keys).cloned().map(Expr::Column).collect();
        for ((whole, name), field) in self.wholes.iter().zip(&names[keys..]).zip(&aggregate.schema.fields()[keys..]) {
            let value = whole.value();
            let value = match value.get_type(combined.schema())? == *field.data_type() {
                true => value,
                false => Expr::Cast(Cast::new(Box::new(value), field.data_type().clone())),
            };
            items.push(value.alias_qualified(name.relation.clone(), name.name.clone()));
        }
        Ok(LogicalPlan::Projection(Projection::try_new(items, combined)?))
    }

    /// `None`: it is not made of parts, or how is not known.
    fn of(&mut self, expr: &Expr, data_type: &DataType) -> Option<Whole> {
        let Expr::AggregateFunction(call) = expr.clone().unalias() else { return None };
        let AggregateFunctionParams { args, distinct: false, order_by, null_treatment: None, .. } = &call.params else {
            return None;
        };
        let [_] = args.as_slice() else { return None };
        if !order_by.is_empty() {
            return None;
        }
        let function = call.func.inner();
        if function.downcast_ref::<Sum>().is_some()
            || function.downcast_ref::<Min>().is_some()
            || function.downcast_ref::<Max>().is_some()
        {
            let same = Arc::clone(&call.func);
            return Some(Whole::Part(self.add(call, same)));
        }
        if function.downcast_ref::<Count>().is_some() {
            return Some(Whole::Count(self.add(call, sum_udaf())));
        }
        if function.downcast_ref::<Avg>().is_some() && is_averaged(data_type) {
            let part = |func: Arc<AggregateUDF>| AggregateFunction { func, params: call.params.clone() };
            let sum = self.add(part(sum_udaf()), sum_udaf());
            let count = self.add(part(count_udaf()), sum_udaf());
            return Some(Whole::Average { sum, count, data_type: data_type.clone() });
        }
        None
    }

    fn add(&mut self, part: AggregateFunction, combine: Arc<AggregateUDF>) -> usize {
        let part = Expr::AggregateFunction(part);
        if let Some(number) = self.below.iter().position(|other| *other == part) {
            return number;
        }
        self.below.push(part);
        self.above.push(combine);
        self.below.len() - 1
    }
}

/// The types of averages that can be made of a sum and a count as DataFusion does it.
fn is_averaged(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Float64 | DataType::Decimal128(..))
}

/// `average(sum, count)`, with DataFusion's digits.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Average {
    gives: DataType,
    signature: Signature,
}

impl Average {
    fn of(data_type: &DataType) -> ScalarUDF {
        Average { gives: data_type.clone(), signature: Signature::any(2, Volatility::Immutable) }.into()
    }

    fn decimals(&self, sums: &ArrayRef, counts: &[Option<i64>], precision: u8, scale: i8) -> Result<ArrayRef> {
        let DataType::Decimal128(_, sum_scale) = *sums.data_type() else {
            return exec_err!("{} takes a sum of decimals, not {}", self.name(), sums.data_type());
        };
        let averager = DecimalAverager::<Decimal128Type>::try_new(sum_scale, precision, scale)?;
        let averages =
            sums.as_primitive::<Decimal128Type>().iter().zip(counts).map(|(sum, count)| match (sum, count) {
                (Some(sum), Some(count)) if *count != 0 => averager.avg(sum, i128::from(*count)).map(Some),
                _ => Ok(None),
            });
        let averages = averages.collect::<Result<Decimal128Array>>()?;
        Ok(Arc::new(averages.with_precision_and_scale(precision, scale)?))
    }
}

impl ScalarUDFImpl for Average {
    fn name(&self) -> &str {
        "average"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.gives.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [sums, counts] = arrays.as_slice() else { return exec_err!("{} takes a sum and a count", self.name()) };
        let Some(counts) = counts.as_primitive_opt::<Int64Type>() else {
            return exec_err!("{} takes a count, not {}", self.name(), counts.data_type());
        };
        let counts: Vec<Option<i64>> = counts.iter().collect();
        let averages: ArrayRef = match self.gives {
            DataType::Decimal128(precision, scale) => self.decimals(sums, &counts, precision, scale)?,
            _ => {
                let Some(sums) = sums.as_primitive_opt::<Float64Type>() else {
                    return exec_err!("{} takes a sum of doubles, not {}", self.name(), sums.data_type());
                };
                let averages = sums.iter().zip(counts).map(|(sum, count)| match (sum, count) {
                    (Some(sum), Some(count)) if count != 0 => Some(sum / count as f64),
                    _ => None,
                });
                Arc::new(averages.collect::<Float64Array>())
            }
        };
        Ok(ColumnarValue::Array(averages))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Int64Array;
    use datafusion::arrow::datatypes::Field;
    use datafusion::config::ConfigOptions;

    use super::*;

    #[test]
    fn averages_have_the_digits_of_datafusion() {
        let average = |gives: DataType, sums: ArrayRef| {
            let field = |data_type: &DataType| Arc::new(Field::new("x", data_type.clone(), true));
            let counts: ArrayRef = Arc::new(Int64Array::from(vec![3, 0]));
            let args = ScalarFunctionArgs {
                arg_fields: vec![field(sums.data_type()), field(&DataType::Int64)],
                args: vec![ColumnarValue::Array(sums), ColumnarValue::Array(counts)],
                number_rows: 2,
                return_field: field(&gives),
                config_options: Arc::new(ConfigOptions::default()),
            };
            match Average::of(&gives).invoke_with_args(args).unwrap() {
                ColumnarValue::Array(averages) => averages,
                ColumnarValue::Scalar(value) => panic!("{value} for two rows"),
            }
        };
        let sums = Decimal128Array::from(vec![Some(200), None]).with_precision_and_scale(17, 2).unwrap();
        let averages = average(DataType::Decimal128(11, 6), Arc::new(sums));
        assert_eq!(averages.as_primitive::<Decimal128Type>().value(0), 666_666);
        assert!(averages.is_null(1));
        let averages = average(DataType::Float64, Arc::new(Float64Array::from(vec![1.0, 0.0])));
        assert_eq!(averages.as_primitive::<Float64Type>().value(0), 1.0 / 3.0);
        assert!(averages.is_null(1));
    }
}
