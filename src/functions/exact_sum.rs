//! `sum()` that leaves the range of its type is an error in ansi, and no other number
//!
//! DataFusion's goes around at the end of BIGINT and of DECIMAL(38). This one is DataFusion's in all but the adding. As the
//! operators of `exact_integers.rs`, it takes its place when the plan is optimized.

use std::mem::size_of_val;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, BooleanArray};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, FieldRef, Int64Type, UInt64Type};
use datafusion::common::{ScalarValue, internal_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, SetMonotonicity, Signature,
};
use datafusion_functions_aggregate_common::aggregate::groups_accumulator::prim_op::PrimitiveGroupsAccumulator;

use crate::error::Error;
use crate::sql::types;

static SUM: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(ExactSum { wrapping: Sum::new() })));

/// So many digits that 10 more, which `sum` adds to its argument's, do not fit: a sum of fewer cannot leave its type within ten
/// thousand million rows.
const MANY_DIGITS: u8 = 28;

/// The sum to be taken for DataFusion's, if it may leave the type of its argument.
pub(super) fn instead_of(function: &AggregateUDF, argument: &DataType) -> Option<Arc<AggregateUDF>> {
    let may_leave = match argument {
        DataType::Decimal128(digits, _) => *digits > MANY_DIGITS,
        data_type => data_type.is_integer(),
    };
    (may_leave && function.inner().downcast_ref::<Sum>().is_some()).then(|| Arc::clone(&SUM))
}

/// Whether it is that sum.
pub(crate) fn is_exact(function: &AggregateUDF) -> bool {
    function.inner().downcast_ref::<ExactSum>().is_some()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ExactSum {
    wrapping: Sum,
}

impl AggregateUDFImpl for ExactSum {
    fn name(&self) -> &str {
        self.wrapping.name()
    }

    fn signature(&self) -> &Signature {
        self.wrapping.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.wrapping.return_type(arguments)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.wrapping.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match args.is_distinct {
            true => self.wrapping.accumulator(args),
            false => Ok(Box::new(Total::new(args.return_field.data_type()))),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match args.is_distinct {
            true => self.wrapping.create_sliding_accumulator(args),
            false => Ok(Box::new(Total::new(args.return_field.data_type()))),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.wrapping.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let data_type = args.return_field.data_type();
        match data_type {
            DataType::Int64 => Ok(Totals::boxed::<Int64Type>(data_type)),
            DataType::UInt64 => Ok(Totals::boxed::<UInt64Type>(data_type)),
            DataType::Decimal128(..) => Ok(Totals::boxed::<Decimal128Type>(data_type)),
            _ => self.wrapping.create_groups_accumulator(args),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.wrapping.reverse_expr()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.wrapping.order_sensitivity()
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.wrapping.set_monotonicity(data_type)
    }
}

/// Of a sum of such a type.
pub(crate) fn out_of_range(data_type: &DataType) -> DataFusionError {
    let error = Error::statement(format!("a sum is out of range for {}", types::to_sql(data_type)));
    match data_type {
        DataType::Decimal128(..) => error.help("sum doubles: sum(CAST(… AS DOUBLE))"),
        _ => error.help("sum decimals: sum(CAST(… AS DECIMAL(38, 0)))"),
    }
    .into()
}

/// The sum of one group, of all rows or those of a window.
#[derive(Debug)]
struct Total {
    /// Wide enough for any number of BIGINTs.
    sum: i128,
    /// How many values are in it: without any, the sum is NULL.
    values: i64,
    data_type: DataType,
}

impl Total {
    fn new(data_type: &DataType) -> Self {
        Total { sum: 0, values: 0, data_type: data_type.clone() }
    }

    /// The sum of an array, and how many values it has.
    fn of(&self, array: &ArrayRef) -> Result<(i128, i64)> {
        let sum = match &self.data_type {
            DataType::Int64 => values::<Int64Type>(array)?.map(i128::from).sum(),
            DataType::UInt64 => values::<UInt64Type>(array)?.map(i128::from).sum(),
            _ => values::<Decimal128Type>(array)?
                .try_fold(0_i128, i128::checked_add)
                .ok_or_else(|| out_of_range(&self.data_type))?,
        };
        Ok((sum, (array.len() - array.null_count()) as i64))
    }

    fn add(&mut self, change: impl Fn(i128, i128) -> Option<i128>, sum: i128) -> Result<()> {
        self.sum = change(self.sum, sum).ok_or_else(|| out_of_range(&self.data_type))?;
        Ok(())
    }
}

fn values<T: ArrowPrimitiveType>(array: &ArrayRef) -> Result<impl Iterator<Item = T::Native>> {
    match array.as_primitive_opt::<T>() {
        Some(array) => Ok(array.iter().flatten()),
        None => internal_err!("a sum of {} is asked to take {}", T::DATA_TYPE, array.data_type()),
    }
}

impl Accumulator for Total {
    fn update_batch(&mut self, arrays: &[ArrayRef]) -> Result<()> {
        let [array] = arrays else { return internal_err!("sum takes one value") };
        let (sum, values) = self.of(array)?;
        self.values += values;
        self.add(i128::checked_add, sum)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn retract_batch(&mut self, arrays: &[ArrayRef]) -> Result<()> {
        let [array] = arrays else { return internal_err!("sum takes one value") };
        let (sum, values) = self.of(array)?;
        self.values -= values;
        self.add(i128::checked_sub, sum)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.values == 0 {
            return ScalarValue::try_from(&self.data_type);
        }
        let value = match self.data_type {
            DataType::Int64 => i64::try_from(self.sum).ok().map(|sum| ScalarValue::Int64(Some(sum))),
            DataType::UInt64 => u64::try_from(self.sum).ok().map(|sum| ScalarValue::UInt64(Some(sum))),
            DataType::Decimal128(digits, scale) => {
                let fits = self.sum.unsigned_abs() < 10_u128.pow(u32::from(digits));
                fits.then_some(ScalarValue::Decimal128(Some(self.sum), digits, scale))
            }
            _ => None,
        };
        value.ok_or_else(|| out_of_range(&self.data_type))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// The sums of many groups: DataFusion's, and whether one of them has left its type.
struct Totals {
    sums: Box<dyn GroupsAccumulator>,
    left: Arc<AtomicBool>,
    data_type: DataType,
}

impl Totals {
    fn boxed<T: ArrowPrimitiveType + Send>(data_type: &DataType) -> Box<dyn GroupsAccumulator> {
        let left = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&left);
        let sums = PrimitiveGroupsAccumulator::<T, _>::new(data_type, move |sum: &mut T::Native, value| {
            match sum.add_checked(value) {
                Ok(added) => *sum = added,
                Err(_) => seen.store(true, Ordering::Relaxed),
            }
        });
        Box::new(Totals { sums: Box::new(sums), left, data_type: data_type.clone() })
    }

    fn checked(&self) -> Result<()> {
        match self.left.load(Ordering::Relaxed) {
            true => Err(out_of_range(&self.data_type)),
            false => Ok(()),
        }
    }

    /// Digits are not counted while adding.
    fn digits_checked(&self, sums: &ArrayRef) -> Result<()> {
        let DataType::Decimal128(digits, _) = self.data_type else { return Ok(()) };
        let too_many = |sum: i128| sum.unsigned_abs() >= 10_u128.pow(u32::from(digits));
        match values::<Decimal128Type>(sums)?.any(too_many) {
            true => Err(out_of_range(&self.data_type)),
            false => Ok(()),
        }
    }
}

impl GroupsAccumulator for Totals {
    fn update_batch(
        &mut self,
        arrays: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total_groups: usize,
    ) -> Result<()> {
        self.sums.update_batch(arrays, groups, filter, total_groups)?;
        self.checked()
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total_groups: usize) -> Result<()> {
        self.sums.merge_batch(states, groups, total_groups)?;
        self.checked()
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let sums = self.sums.evaluate(emit_to)?;
        self.digits_checked(&sums)?;
        Ok(sums)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.sums.state(emit_to)
    }

    fn convert_to_state(&self, arrays: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        self.sums.convert_to_state(arrays, filter)
    }

    fn size(&self) -> usize {
        self.sums.size()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Decimal128Array, Int64Array};

    use super::*;

    fn bigints(values: Vec<Option<i64>>) -> Vec<ArrayRef> {
        vec![Arc::new(Int64Array::from(values))]
    }

    #[test]
    fn a_total_may_leave_the_range_on_the_way() {
        let mut total = Total::new(&DataType::Int64);
        assert_eq!(total.evaluate().unwrap(), ScalarValue::Int64(None));
        total.update_batch(&bigints(vec![Some(i64::MAX), Some(1), None])).unwrap();
        assert!(total.evaluate().unwrap_err().to_string().contains("a sum is out of range for BIGINT"));
        total.retract_batch(&bigints(vec![Some(i64::MAX)])).unwrap();
        assert_eq!(total.evaluate().unwrap(), ScalarValue::Int64(Some(1)));
        total.retract_batch(&bigints(vec![Some(1)])).unwrap();
        assert_eq!(total.evaluate().unwrap(), ScalarValue::Int64(None));
    }

    #[test]
    fn groups_are_told_from_each_other() {
        let mut totals = Totals::boxed::<Int64Type>(&DataType::Int64);
        totals.update_batch(&bigints(vec![Some(i64::MAX), Some(1)]), &[0, 1], None, 2).unwrap();
        let error = totals.update_batch(&bigints(vec![Some(1)]), &[0], None, 2).unwrap_err();
        assert!(error.to_string().contains("out of range"), "{error}");
    }

    #[test]
    fn decimals_have_38_digits() {
        let data_type = DataType::Decimal128(38, 0);
        let most = 10_i128.pow(38) - 1;
        let decimals = |values: Vec<i128>| -> Vec<ArrayRef> {
            vec![Arc::new(Decimal128Array::from(values).with_data_type(data_type.clone()))]
        };
        let mut totals = Totals::boxed::<Decimal128Type>(&data_type);
        totals.update_batch(&decimals(vec![most, 1]), &[0, 0], None, 1).unwrap();
        assert!(totals.evaluate(EmitTo::All).is_err());
        let mut total = Total::new(&data_type);
        total.update_batch(&decimals(vec![most, 1])).unwrap();
        assert!(total.evaluate().is_err());
    }
}
