//! Grouping sets are computed from the finest groups up.
//!
//! ```sql
//! SELECT a, b, sum(x), count(*) FROM t GROUP BY ROLLUP (a, b)
//! -- becomes
//! SELECT a, b, sum(s), sum(n)
//! FROM (SELECT a, b, sum(x) AS s, count(*) AS n FROM t GROUP BY a, b)
//! GROUP BY ROLLUP (a, b)
//! ```
//!
//! DataFusion puts every row into a group of each set: three times for these. Here each row is put into one group, and the groups, of
//! which there are fewer, into those of the sets. What is aggregated has to be made of what its parts gave: sums, counts, least
//! and greatest values, and averages by way of a sum and a count. DISTINCT is not; other aggregates may not be.
//!
//! The rows of a group are summed in another order, which shows in the last digits of doubles, as it does from one run to the next.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, exec_err};
use datafusion::error::Result;
use datafusion::functions::expr_fn::coalesce;
use datafusion::functions_aggregate::average::Avg;
use datafusion::functions_aggregate::count::{Count, count_udaf};
use datafusion::functions_aggregate::min_max::{Max, Min};
use datafusion::functions_aggregate::sum::{Sum, sum_udaf};
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::{
    Aggregate, AggregateUDF, Cast, ColumnarValue, Expr, ExprSchemable, GroupingSet, LogicalPlan, Projection,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion_functions_aggregate_common::utils::DecimalAverager;

use super::order::estimated_rows;

/// What `SET ostrich.optimizer.disabled_rules` calls it.
pub const NAME: &str = "finest_groups";

/// The finest groups have to be so much fewer than the rows.
const WORTH_IT: f64 = 0.5;

/// The rule that DataFusion's optimizer runs.
#[derive(Debug, Default)]
pub struct FinestGroups;

impl OptimizerRule for FinestGroups {
    fn name(&self) -> &str {
        NAME
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        plan.transform_up_with_subqueries(|plan| match &plan {
            LogicalPlan::Aggregate(aggregate) => match from_finest(aggregate)? {
                Some(changed) => Ok(Transformed::yes(changed)),
                None => Ok(Transformed::no(plan)),
            },
            _ => Ok(Transformed::no(plan)),
        })
    }
}

/// The grouping over the finest one, if that is known to have fewer rows than what is grouped.
fn from_finest(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let [Expr::GroupingSet(sets)] = aggregate.group_expr.as_slice() else { return Ok(None) };
    let keys: Vec<Expr> = sets.distinct_expr().into_iter().cloned().collect();
    let is_repeated = keys.iter().enumerate().any(|(at, key)| keys.iter().take(at).any(|other| other == key));
    if keys.is_empty() || is_repeated || keys.iter().chain(&aggregate.aggr_expr).any(Expr::is_volatile) {
        return Ok(None);
    }
    let mut parts = Parts::default();
    let types = aggregate.schema.fields().iter().skip(keys.len() + 1).map(|field| field.data_type());
    let wholes = aggregate.aggr_expr.iter().zip(types).map(|(expr, data_type)| parts.of(expr, data_type));
    let Some(wholes) = wholes.collect::<Option<Vec<_>>>() else { return Ok(None) };
    if parts.below.is_empty() {
        return Ok(None);
    }
    let below = parts.below.iter().enumerate().map(|(number, part)| part.clone().alias(part_name(number))).collect();
    let finest = Aggregate::try_new(Arc::clone(&aggregate.input), keys.clone(), below)?;
    let finest = Arc::new(LogicalPlan::Aggregate(finest));
    match (estimated_rows(&finest), estimated_rows(&aggregate.input)) {
        // Of no rows at all there are no fewer groups.
        (Some(groups), Some(rows)) if rows > 0.0 && groups <= WORTH_IT * rows => {}
        _ => return Ok(None),
    }
    let columns = finest.schema().columns();
    let of_key = |key: &Expr| keys.iter().position(|other| other == key).and_then(|at| columns.get(at));
    let Some(sets) = with_columns(sets, of_key) else { return Ok(None) };
    let above = parts.above.iter().enumerate().map(|(number, combine)| {
        let part = Expr::Column(Column::from_name(part_name(number)));
        let params = AggregateFunctionParams {
            args: vec![part],
            distinct: false,
            filter: None,
            order_by: Vec::new(),
            null_treatment: None,
        };
        Expr::AggregateFunction(AggregateFunction { func: Arc::clone(combine), params }).alias(part_name(number))
    });
    let combined = Aggregate::try_new(finest, vec![Expr::GroupingSet(sets)], above.collect())?;
    let combined = Arc::new(LogicalPlan::Aggregate(combined));

    let names = aggregate.schema.columns();
    let grouping = keys.len() + 1;
    let mut items: Vec<Expr> = names.iter().take(grouping).cloned().map(Expr::Column).collect();
    for ((whole, name), field) in wholes.iter().zip(&names[grouping..]).zip(&aggregate.schema.fields()[grouping..]) {
        let value = whole.value();
        let value = match value.get_type(combined.schema())? == *field.data_type() {
            true => value,
            false => Expr::Cast(Cast::new(Box::new(value), field.data_type().clone())),
        };
        items.push(value.alias_qualified(name.relation.clone(), name.name.clone()));
    }
    Ok(Some(LogicalPlan::Projection(Projection::try_new(items, combined)?)))
}

fn part_name(number: usize) -> String {
    format!("__part_{number}")
}

/// The sets, of columns in the places of what they were of.
fn with_columns<'a>(sets: &GroupingSet, column: impl Fn(&Expr) -> Option<&'a Column>) -> Option<GroupingSet> {
    let all = |keys: &[Expr]| keys.iter().map(|key| column(key).cloned().map(Expr::Column)).collect::<Option<Vec<_>>>();
    Some(match sets {
        GroupingSet::Rollup(keys) => GroupingSet::Rollup(all(keys)?),
        GroupingSet::Cube(keys) => GroupingSet::Cube(all(keys)?),
        GroupingSet::GroupingSets(sets) => {
            GroupingSet::GroupingSets(sets.iter().map(|keys| all(keys)).collect::<Option<Vec<_>>>()?)
        }
    })
}

/// What is aggregated in the finest groups, and how that is put together for larger ones.
#[derive(Default)]
struct Parts {
    below: Vec<Expr>,
    above: Vec<Arc<AggregateUDF>>,
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
            Whole::Count(number) => coalesce(vec![part(*number), lit(0_i64)]),
            Whole::Average { sum, count, data_type } => Average::of(data_type).call(vec![part(*sum), part(*count)]),
        }
    }
}

impl Parts {
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
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::config::ConfigOptions;

    use super::*;
    use crate::session::{Session, SessionOptions};

    async fn explained(select: &str) -> String {
        let base = Some(env!("CARGO_MANIFEST_DIR").into());
        let session = Session::open(SessionOptions { base, ..SessionOptions::default() }).await.unwrap();
        let batches = session.query(&format!("EXPLAIN {select}")).await.unwrap();
        pretty_format_batches(&batches).unwrap().to_string()
    }

    #[tokio::test]
    async fn few_groups_of_many_rows_are_made_first() {
        let lineitem = "'testdata/tpch/lineitem.parquet'";
        let sets = "GROUP BY ROLLUP (l_returnflag, l_linestatus)";
        let plan = explained(&format!("SELECT l_returnflag, avg(l_quantity), count(*) FROM {lineitem} {sets}")).await;
        assert!(plan.contains("sum(__part_0)"), "{plan}");
        let plan = explained(&format!("SELECT l_returnflag, count(DISTINCT l_tax) FROM {lineitem} {sets}")).await;
        assert!(!plan.contains("__part_"), "{plan}");
        let many = "'testdata/tpch/orders.parquet' GROUP BY ROLLUP (o_orderkey, o_custkey)";
        let plan = explained(&format!("SELECT o_orderkey, count(*) FROM {many}")).await;
        assert!(!plan.contains("__part_"), "each row is a group of its own: {plan}");
    }

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
