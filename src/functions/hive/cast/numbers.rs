//! Whole numbers to narrower ones, floating point to whole numbers, and timestamps as seconds.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, PrimitiveArray};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::error::Result;

use super::{MICROSECONDS, safely};

const PER_SECOND: i64 = 1_000_000;
const PER_MILLISECOND: i64 = 1_000;

/// Calls a generic function with the Arrow type of a whole number.
macro_rules! of_whole_type {
    ($to:expr, $function:ident($($argument:expr),*), else $other:expr) => {
        match $to {
            DataType::Int8 => $function::<Int8Type>($($argument),*),
            DataType::Int16 => $function::<Int16Type>($($argument),*),
            DataType::Int32 => $function::<Int32Type>($($argument),*),
            DataType::Int64 => $function::<Int64Type>($($argument),*),
            DataType::UInt8 => $function::<UInt8Type>($($argument),*),
            DataType::UInt16 => $function::<UInt16Type>($($argument),*),
            DataType::UInt32 => $function::<UInt32Type>($($argument),*),
            DataType::UInt64 => $function::<UInt64Type>($($argument),*),
            _ => $other,
        }
    };
}

pub(super) fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    match (array.data_type(), to) {
        (DataType::Timestamp(..), _) => {
            let stamps = safely(array, &MICROSECONDS)?;
            let stamps = stamps.as_primitive::<TimestampMicrosecondType>();
            if to.is_integer() {
                let seconds: PrimitiveArray<Int64Type> =
                    stamps.iter().map(|stamp| stamp.map(|stamp| stamp.div_euclid(PER_SECOND))).collect();
                return cast(&(Arc::new(seconds) as ArrayRef), to);
            }
            let seconds: Float64Array =
                stamps.iter().map(|stamp| stamp.map(|stamp| stamp as f64 / PER_SECOND as f64)).collect();
            safely(&(Arc::new(seconds) as ArrayRef), to)
        }
        (_, DataType::Timestamp(..)) => {
            let seconds = safely(array, &DataType::Float64)?;
            let exact = match array.data_type().is_integer() {
                true => Some(safely(array, &DataType::Int64)?),
                false => None,
            };
            let stamps: PrimitiveArray<TimestampMicrosecondType> = match &exact {
                Some(whole) => whole
                    .as_primitive::<Int64Type>()
                    .iter()
                    .map(|millis| millis.and_then(|millis| millis.checked_mul(PER_MILLISECOND)))
                    .collect(),
                None => seconds
                    .as_primitive::<Float64Type>()
                    .iter()
                    .map(|seconds| seconds.filter(|seconds| seconds.is_finite()).map(micros))
                    .collect(),
            };
            safely(&(Arc::new(stamps) as ArrayRef), to)
        }
        (DataType::Boolean, to) => safely(&safely(array, &DataType::Int8)?, to),
        (from, DataType::Boolean) if from.is_decimal() => safely(&safely(array, &DataType::Float64)?, to),
        (from, to) if from.is_floating() && to.is_decimal() => {
            super::from_text::cast(&super::to_text::cast(array, &DataType::Utf8View)?, to)
        }
        (from, _) if from.is_floating() => {
            let doubles = safely(array, &DataType::Float64)?;
            let doubles = doubles.as_primitive::<Float64Type>();
            Ok(of_whole_type!(to, truncated(doubles), else return safely(array, to)))
        }
        (from, _) if from.is_integer() => {
            let wide = match from {
                // Its upper half has no place in a BIGINT; the bits are what counts.
                DataType::UInt64 => {
                    let bits = array.as_primitive::<UInt64Type>();
                    Arc::new(bits.unary::<_, Int64Type>(|value| value.cast_signed())) as ArrayRef
                }
                _ => safely(array, &DataType::Int64)?,
            };
            let wide = wide.as_primitive::<Int64Type>();
            Ok(of_whole_type!(to, wrapped(wide), else return safely(array, to)))
        }
        _ => safely(array, to),
    }
}

fn micros(seconds: f64) -> i64 {
    (seconds * 1e6) as i64
}

/// The fraction is cut off, the ends of the range hold what is beyond, NaN is 0. To less than an INT it goes by way of an INT, as in Java.
fn truncated<T: ArrowPrimitiveType>(doubles: &Float64Array) -> ArrayRef
where
    T::Native: Truncated,
{
    Arc::new(doubles.unary::<_, T>(T::Native::of_double))
}

/// The lower bits.
fn wrapped<T: ArrowPrimitiveType>(wide: &PrimitiveArray<Int64Type>) -> ArrayRef
where
    T::Native: Truncated,
{
    Arc::new(wide.unary::<_, T>(T::Native::of_bits))
}

trait Truncated {
    fn of_double(value: f64) -> Self;
    fn of_bits(value: i64) -> Self;
}

macro_rules! truncated {
    ($($native:ty: $by_way_of:ty),*) => {
        $(impl Truncated for $native {
            fn of_double(value: f64) -> Self {
                value as $by_way_of as $native
            }

            fn of_bits(value: i64) -> Self {
                value as $native
            }
        })*
    };
}

truncated!(i8: i32, i16: i32, i32: i32, i64: i64, u8: u32, u16: u32, u32: u32, u64: u64);
