//! `collect_set`: datafusion-spark's, with a quick way for numbers, dates and times
//!
//! Theirs makes a row of bytes of each value and looks that up; a number is looked up as it is. Both leave NULLs out, and give no list of
//! nothing but an empty one.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, FieldRef, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use datafusion::common::ScalarValue;
use datafusion::common::hash_utils::RandomState;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature};
use datafusion_spark::function::aggregate::collect::SparkCollectSet;

use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![Entry::aggregate(
        CollectSet(SparkCollectSet::new()),
        Help {
            name: "collect_set",
            syntax: "collect_set(value)",
            line: "The values as an array, each once, without NULLs.",
            example: "SELECT collect_set(x) FROM (VALUES (1), (NULL), (1)) AS t(x)",
            gives: "[1]",
        },
    )]
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CollectSet(SparkCollectSet);

impl AggregateUDFImpl for CollectSet {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.0.return_type(arg_types)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.0.state_fields(args)
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        self.0.default_value(data_type)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let data_type = args.expr_fields.first().map(|field| field.data_type().clone());
        match data_type.and_then(|data_type| numbers(&data_type)) {
            Some(numbers) => Ok(numbers),
            None => self.0.accumulator(args),
        }
    }
}

/// The quick way, if there is one for a type. Doubles have none: which of them are equal is not for their bits to say.
fn numbers(data_type: &DataType) -> Option<Box<dyn Accumulator>> {
    Some(match data_type {
        DataType::Int8 => Numbers::<Int8Type>::boxed(data_type),
        DataType::Int16 => Numbers::<Int16Type>::boxed(data_type),
        DataType::Int32 => Numbers::<Int32Type>::boxed(data_type),
        DataType::Int64 => Numbers::<Int64Type>::boxed(data_type),
        DataType::UInt8 => Numbers::<UInt8Type>::boxed(data_type),
        DataType::UInt16 => Numbers::<UInt16Type>::boxed(data_type),
        DataType::UInt32 => Numbers::<UInt32Type>::boxed(data_type),
        DataType::UInt64 => Numbers::<UInt64Type>::boxed(data_type),
        DataType::Date32 => Numbers::<Date32Type>::boxed(data_type),
        DataType::Timestamp(TimeUnit::Second, _) => Numbers::<TimestampSecondType>::boxed(data_type),
        DataType::Timestamp(TimeUnit::Millisecond, _) => Numbers::<TimestampMillisecondType>::boxed(data_type),
        DataType::Timestamp(TimeUnit::Microsecond, _) => Numbers::<TimestampMicrosecondType>::boxed(data_type),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => Numbers::<TimestampNanosecondType>::boxed(data_type),
        _ => return None,
    })
}

#[derive(Debug)]
struct Numbers<T: ArrowPrimitiveType> {
    /// How often each value is there, because values leave a window's frame one by one.
    counts: HashMap<T::Native, u64, RandomState>,
    data_type: DataType,
}

impl<T: ArrowPrimitiveType<Native: Eq + Hash> + Debug> Numbers<T> {
    fn boxed(data_type: &DataType) -> Box<dyn Accumulator> {
        Box::new(Numbers::<T> { counts: HashMap::default(), data_type: data_type.clone() })
    }

    fn add(&mut self, values: &PrimitiveArray<T>) {
        for value in values.iter().flatten() {
            *self.counts.entry(value).or_default() += 1;
        }
    }
}

impl<T: ArrowPrimitiveType<Native: Eq + Hash> + Debug> Accumulator for Numbers<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values.iter().for_each(|values| self.add(values.as_primitive()));
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in values.iter().flat_map(|values| values.as_primitive::<T>()).flatten() {
            if let Place::Occupied(mut place) = self.counts.entry(value) {
                *place.get_mut() -= 1;
                if *place.get() == 0 {
                    place.remove();
                }
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let values = PrimitiveArray::<T>::from_iter_values(self.counts.keys().copied());
        let values = values.with_data_type(self.data_type.clone());
        Ok(SingleRowListArrayBuilder::new(Arc::new(values)).build_list_scalar())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for values in states.iter().flat_map(|states| states.as_list::<i32>().iter()).flatten() {
            self.add(values.as_primitive());
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.counts.capacity() * (size_of::<(T::Native, u64)>() + 1)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Array, Int64Array};

    use super::*;

    fn set(accumulator: &mut dyn Accumulator) -> Vec<i64> {
        let ScalarValue::List(list) = accumulator.evaluate().unwrap() else { panic!("no list") };
        assert_eq!(list.null_count(), 0);
        let mut values: Vec<i64> = list.value(0).as_primitive::<Int64Type>().iter().flatten().collect();
        values.sort_unstable();
        values
    }

    #[test]
    fn values_stay_as_long_as_one_of_them_is_there() {
        let mut accumulator = numbers(&DataType::Int64).unwrap();
        assert!(set(accumulator.as_mut()).is_empty());
        let batch = |values: &[Option<i64>]| [Arc::new(Int64Array::from(values.to_vec())) as ArrayRef];
        accumulator.update_batch(&batch(&[Some(1), None, Some(2), Some(1)])).unwrap();
        assert_eq!(set(accumulator.as_mut()), [1, 2]);
        accumulator.retract_batch(&batch(&[Some(1), None, Some(2)])).unwrap();
        assert_eq!(set(accumulator.as_mut()), [1]);
        accumulator.retract_batch(&batch(&[Some(1)])).unwrap();
        assert!(set(accumulator.as_mut()).is_empty());
    }

    #[test]
    fn states_are_merged() {
        let mut whole = numbers(&DataType::Int64).unwrap();
        for values in [vec![], vec![None], vec![Some(1), Some(2)], vec![Some(2), Some(3), None]] {
            let mut part = numbers(&DataType::Int64).unwrap();
            part.update_batch(&[Arc::new(Int64Array::from(values))]).unwrap();
            let state = part.state().unwrap();
            whole.merge_batch(&[state[0].to_array().unwrap()]).unwrap();
        }
        assert_eq!(set(whole.as_mut()), [1, 2, 3]);
    }

    #[test]
    fn times_keep_their_zone() {
        let data_type = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let mut accumulator = numbers(&data_type).unwrap();
        let ScalarValue::List(list) = accumulator.evaluate().unwrap() else { panic!("no list") };
        assert_eq!(list.value_type(), data_type);
    }
}
