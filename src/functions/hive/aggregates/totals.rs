//! `sum` and `avg` of decimals: what goes beyond 38 digits is NULL, and never a wrong number
//!
//! DataFusion's sum wraps around, and its mean fails. Of all but decimals DataFusion's are right, and are called.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Int64Type};
use datafusion::common::{ScalarValue, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature, Volatility,
};

use crate::functions::decimals::Division;
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::aggregate(
            Total::new("avg", &["mean"], avg_udaf(), Finish::Mean),
            Help {
                name: "avg",
                syntax: "avg(number)",
                line: "The mean: a double, or of decimals a decimal with four places more.",
                example: "SELECT avg(x), avg(y) FROM (VALUES (1, CAST(1 AS DECIMAL(4,1))), (2, 2), (2, 2), (NULL, NULL)) AS t(x, y)",
                gives: "1.6666666666666667,1.66667",
            },
        ),
        Entry::aggregate(
            Total::new("sum", &[], sum_udaf(), Finish::Sum),
            Help {
                name: "sum",
                syntax: "sum(number)",
                line: "The sum: of integers a BIGINT, of decimals one with ten digits more; NULL beyond 38 digits.",
                example: "SELECT sum(x), arrow_typeof(sum(y)) FROM (VALUES (1, CAST(1 AS DECIMAL(4,1)))) AS t(x, y)",
                gives: "1,Decimal128(14, 1)",
            },
        ),
    ]
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Total {
    name: &'static str,
    aliases: Vec<String>,
    theirs: Arc<AggregateUDF>,
    finish: Finish,
    signature: Signature,
}

impl Total {
    fn new(name: &'static str, aliases: &[&str], theirs: Arc<AggregateUDF>, finish: Finish) -> Self {
        let aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
        Total { name, aliases, theirs, finish, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for Total {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let keeps_whole_numbers = self.finish == Finish::Sum;
        Ok(vec![match arg_types {
            [DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale)] => {
                DataType::Decimal128(*precision, *scale)
            }
            [DataType::Decimal256(precision, scale)] => DataType::Decimal128((*precision).min(38), *scale),
            [decimal @ DataType::Decimal128(..)] => decimal.clone(),
            [number] if keeps_whole_numbers && number.is_signed_integer() => DataType::Int64,
            [number] if keeps_whole_numbers && number.is_unsigned_integer() => DataType::UInt64,
            [number] if number.is_numeric() || number.is_null() => DataType::Float64,
            [DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View] => DataType::Float64,
            _ => return plan_err!("it is {}(number)", self.name),
        }])
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        Ok(match (self.finish, arg_types) {
            (Finish::Mean, [DataType::Decimal128(precision, scale)]) => {
                DataType::Decimal128(precision.saturating_add(4).min(38), scale.saturating_add(4).min(38))
            }
            (Finish::Sum, [DataType::Decimal128(precision, scale)]) => {
                DataType::Decimal128(precision.saturating_add(10).min(38), *scale)
            }
            (Finish::Sum, [whole @ (DataType::Int64 | DataType::UInt64)]) => whole.clone(),
            _ => DataType::Float64,
        })
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        match args.input_fields.first().map(|field| field.data_type()) {
            Some(DataType::Decimal128(_, scale)) if args.is_distinct => {
                let item = Field::new_list_field(DataType::Decimal128(38, *scale), true);
                let name = format_state_name(args.name, "distinct values");
                Ok(vec![Arc::new(Field::new_list(name, item, true))])
            }
            Some(DataType::Decimal128(_, scale)) => Ok(vec![
                Arc::new(Field::new(format_state_name(args.name, "sum"), DataType::Decimal128(38, *scale), true)),
                Arc::new(Field::new(format_state_name(args.name, "count"), DataType::Int64, true)),
            ]),
            _ => self.theirs.state_fields(args),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match Decimals::new(&args, self.finish) {
            Some(decimals) if args.is_distinct => Ok(decimals.distinct_accumulator()),
            Some(decimals) => Ok(decimals.accumulator()),
            None => self.theirs.accumulator(args),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        match Decimals::new(&args, self.finish) {
            Some(decimals) => Ok(decimals.groups_accumulator()),
            None => self.theirs.create_groups_accumulator(args),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match Decimals::new(&args, self.finish) {
            Some(decimals) if args.is_distinct => Ok(decimals.distinct_accumulator()),
            Some(decimals) => Ok(decimals.accumulator()),
            None => self.theirs.create_sliding_accumulator(args),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
}

/// What comes of a sum and a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Finish {
    Sum,
    Mean,
}

/// Of what, and what comes of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decimals {
    finish: Finish,
    scale: i8,
    given: (u8, i8),
}

#[derive(Debug, Clone, Copy)]
struct Sum {
    /// `None` beyond the range.
    sum: Option<i128>,
    count: i64,
}

impl Default for Sum {
    fn default() -> Self {
        Sum { sum: Some(0), count: 0 }
    }
}

impl Sum {
    fn add(&mut self, value: Option<i128>, count: i64) {
        self.sum = self.sum.zip(value).and_then(|(sum, value)| sum.checked_add(value));
        self.count += count;
    }
}

impl Decimals {
    /// `None` if the arguments are no decimals.
    pub(super) fn new(args: &AccumulatorArgs, finish: Finish) -> Option<Self> {
        match (args.expr_fields.first().map(|field| field.data_type()), args.return_field.data_type()) {
            (Some(DataType::Decimal128(_, scale)), DataType::Decimal128(precision, given)) => {
                Some(Decimals { finish, scale: *scale, given: (*precision, *given) })
            }
            _ => None,
        }
    }

    pub(super) fn accumulator(self) -> Box<dyn Accumulator> {
        Box::new(One { decimals: self, sum: Sum::default() })
    }

    /// Of each value once.
    pub(super) fn distinct_accumulator(self) -> Box<dyn Accumulator> {
        Box::new(Distinct { decimals: self, values: HashSet::new() })
    }

    pub(super) fn groups_accumulator(self) -> Box<dyn GroupsAccumulator> {
        Box::new(Groups { decimals: self, sums: vec![] })
    }

    fn finished(&self, sum: &Sum) -> Option<i128> {
        let (precision, scale) = self.given;
        let finished = match self.finish {
            Finish::Sum => sum.sum.filter(|_| sum.count != 0)?,
            Finish::Mean => Division::to_more_digits(i16::from(scale) - i16::from(self.scale))
                .quotient(sum.sum?, sum.count.into())?,
        };
        let end = 10_u128.checked_pow(precision.into())?;
        (finished.unsigned_abs() < end).then_some(finished)
    }

    fn all_finished(&self, sums: &[Sum]) -> Result<ArrayRef> {
        let finished: Decimal128Array = sums.iter().map(|sum| self.finished(sum)).collect();
        Ok(Arc::new(finished.with_precision_and_scale(self.given.0, self.given.1)?))
    }

    fn state(&self, sums: &[Sum]) -> Result<Vec<ArrayRef>> {
        let limit = 10_u128.pow(38);
        let values = sums.iter().map(|sum| sum.sum.filter(|sum| sum.unsigned_abs() < limit));
        let values = values.collect::<Decimal128Array>().with_precision_and_scale(38, self.scale)?;
        let counts = Int64Array::from_iter_values(sums.iter().map(|sum| sum.count));
        Ok(vec![Arc::new(values), Arc::new(counts)])
    }
}

fn decimals(arrays: &[ArrayRef]) -> Result<&Decimal128Array> {
    match arrays.first().and_then(|array| array.as_primitive_opt::<Decimal128Type>()) {
        Some(decimals) => Ok(decimals),
        None => exec_err!("a sum of decimals got something else"),
    }
}

/// Sums and counts; a sum that is NULL was beyond the range, unless nothing was counted.
fn states(arrays: &[ArrayRef]) -> Result<impl Iterator<Item = (Option<i128>, i64)>> {
    let sums = decimals(arrays)?;
    match arrays.get(1).and_then(|array| array.as_primitive_opt::<Int64Type>()) {
        Some(counts) => Ok(sums.iter().zip(counts.values().iter().copied()).filter(|(_, count)| *count > 0)),
        None => exec_err!("the state of a sum has no count"),
    }
}

#[derive(Debug)]
struct One {
    decimals: Decimals,
    sum: Sum,
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = decimals(values)?;
        if values.null_count() == 0 {
            let sum = values.values().iter().try_fold(0_i128, |sum, value| sum.checked_add(*value));
            self.sum.add(sum, values.len() as i64);
            return Ok(());
        }
        for value in values.iter().flatten() {
            self.sum.add(Some(value), 1);
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in decimals(values)?.iter().flatten() {
            self.sum.add(value.checked_neg(), -1);
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let (precision, scale) = self.decimals.given;
        Ok(ScalarValue::Decimal128(self.decimals.finished(&self.sum), precision, scale))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let state = self.decimals.state(&[self.sum])?;
        state.iter().map(|array| ScalarValue::try_from_array(array, 0)).collect()
    }

    fn merge_batch(&mut self, arrays: &[ArrayRef]) -> Result<()> {
        for (sum, count) in states(arrays)? {
            self.sum.add(sum, count);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Distinct {
    decimals: Decimals,
    values: HashSet<i128>,
}

impl Accumulator for Distinct {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.values.extend(decimals(values)?.iter().flatten());
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut sum = Sum::default();
        self.values.iter().for_each(|value| sum.add(Some(*value), 1));
        let (precision, scale) = self.decimals.given;
        Ok(ScalarValue::Decimal128(self.decimals.finished(&sum), precision, scale))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<i128>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let data_type = DataType::Decimal128(38, self.decimals.scale);
        let values: Vec<ScalarValue> =
            self.values.iter().map(|value| ScalarValue::Decimal128(Some(*value), 38, self.decimals.scale)).collect();
        Ok(vec![ScalarValue::List(ScalarValue::new_list_nullable(&values, &data_type))])
    }

    fn merge_batch(&mut self, arrays: &[ArrayRef]) -> Result<()> {
        let Some(lists) = arrays.first().and_then(|array| array.as_list_opt::<i32>()) else {
            return exec_err!("the state of a sum of distinct values is no list");
        };
        for list in lists.iter().flatten() {
            self.values.extend(decimals(&[list])?.iter().flatten());
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Groups {
    decimals: Decimals,
    sums: Vec<Sum>,
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.sums.resize(total_num_groups, Sum::default());
        let values = decimals(values)?;
        if values.null_count() == 0 && opt_filter.is_none() {
            for (value, group) in values.values().iter().zip(group_indices) {
                if let Some(sum) = self.sums.get_mut(*group) {
                    sum.add(Some(*value), 1);
                }
            }
            return Ok(());
        }
        for (row, (value, group)) in values.iter().zip(group_indices).enumerate() {
            let passes = opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if let (Some(value), true, Some(sum)) = (value, passes, self.sums.get_mut(*group)) {
                sum.add(Some(value), 1);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.decimals.all_finished(&emit_to.take_needed(&mut self.sums))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.decimals.state(&emit_to.take_needed(&mut self.sums))
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.sums.resize(total_num_groups, Sum::default());
        let counts = match values.get(1).and_then(|array| array.as_primitive_opt::<Int64Type>()) {
            Some(counts) => counts.values(),
            None => return exec_err!("the state of a sum has no count"),
        };
        for ((value, count), group) in decimals(values)?.iter().zip(counts).zip(group_indices) {
            if let (true, Some(sum)) = (*count > 0, self.sums.get_mut(*group)) {
                sum.add(value, *count);
            }
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let sums = decimals(values)?.iter().enumerate().map(|(row, value)| {
            let passes = opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            match value.filter(|_| passes) {
                Some(value) => Sum { sum: Some(value), count: 1 },
                None => Sum::default(),
            }
        });
        self.decimals.state(&sums.collect::<Vec<_>>())
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<Sum>()
    }
}
