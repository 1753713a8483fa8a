//! Reads arguments as Hive converts them: what cannot be converted is NULL, never an error
//!
//! A constant stays one value; [`Operand::at`] and the maps below know, so that nothing is repeated for each row.

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, LargeStringArray, PrimitiveArray, StringArray,
    StringViewArray, new_null_array,
};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::error::Result;

use super::call::Call;
use super::dates::{calendar, text};

/// Like [`datafusion::arrow::compute::cast`], with NULL for what does not fit.
pub(crate) fn convert(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    if array.data_type().is_null() {
        return Ok(new_null_array(to, array.len()));
    }
    Ok(cast_with_options(array, to, &CastOptions { safe: true, ..Default::default() })?)
}

/// A primitive argument.
pub(crate) struct Operand<T: ArrowPrimitiveType> {
    pub(crate) values: PrimitiveArray<T>,
    /// 0 if there is one value for all rows.
    step: usize,
}

impl<T: ArrowPrimitiveType> Operand<T> {
    pub(crate) fn at(&self, row: usize) -> Option<T::Native> {
        let index = row * self.step;
        self.values.is_valid(index).then(|| self.values.value(index))
    }

    /// The value if it is the same for all rows: itself NULL or not.
    pub(crate) fn constant(&self) -> Option<Option<T::Native>> {
        (self.step == 0).then(|| self.at(0))
    }
}

/// A text argument in any of Arrow's layouts.
pub(crate) struct Texts {
    values: TextArray,
    step: usize,
}

enum TextArray {
    Small(StringArray),
    Large(LargeStringArray),
    View(StringViewArray),
}

impl Texts {
    pub(crate) fn at(&self, row: usize) -> Option<&str> {
        let index = row * self.step;
        match &self.values {
            TextArray::Small(array) => array.is_valid(index).then(|| array.value(index)),
            TextArray::Large(array) => array.is_valid(index).then(|| array.value(index)),
            TextArray::View(array) => array.is_valid(index).then(|| array.value(index)),
        }
    }

    pub(crate) fn constant(&self) -> Option<Option<&str>> {
        (self.step == 0).then(|| self.at(0))
    }
}

/// What is made of a text (a pattern, a zone, a unit): once if the text is constant, else again only where it changes.
pub(crate) struct Made<'a, M> {
    texts: &'a Texts,
    make: fn(&str) -> Option<M>,
    last: Option<(&'a str, Option<M>)>,
}

impl<'a, M> Made<'a, M> {
    pub(crate) fn new(texts: &'a Texts, make: fn(&str) -> Option<M>) -> Self {
        Made { texts, make, last: None }
    }

    pub(crate) fn at(&mut self, row: usize) -> Option<&M> {
        let text = self.texts.at(row)?;
        if self.last.as_ref().is_none_or(|(last, _)| *last != text) {
            self.last = Some((text, (self.make)(text)));
        }
        self.last.as_ref().and_then(|(_, made)| made.as_ref())
    }
}

impl Call<'_> {
    pub(crate) fn texts(&self, index: usize) -> Result<Texts> {
        let (array, step) = self.compact(index)?;
        let values = match array.data_type() {
            DataType::LargeUtf8 => TextArray::Large(array.as_string::<i64>().clone()),
            DataType::Utf8View => TextArray::View(array.as_string_view().clone()),
            _ => TextArray::Small(convert(&array, &DataType::Utf8)?.as_string::<i32>().clone()),
        };
        Ok(Texts { values, step })
    }

    pub(crate) fn floats(&self, index: usize) -> Result<Operand<Float64Type>> {
        let (array, step) = self.compact(index)?;
        Ok(Operand { values: to_floats(&array)?, step })
    }

    /// Fractions are cut off.
    pub(crate) fn ints(&self, index: usize) -> Result<Operand<Int64Type>> {
        let (array, step) = self.compact(index)?;
        Ok(Operand { values: to_ints(&array)?, step })
    }

    /// For an argument that is left out.
    pub(crate) fn zero(&self) -> Operand<Int64Type> {
        Operand { values: PrimitiveArray::from_value(0, 1), step: 0 }
    }

    pub(crate) fn dates(&self, index: usize) -> Result<Operand<Date32Type>> {
        let (array, step) = self.compact(index)?;
        Ok(Operand { values: to_dates(&array)?, step })
    }

    pub(crate) fn times(&self, index: usize) -> Result<Operand<TimestampMicrosecondType>> {
        let (array, step) = self.compact(index)?;
        Ok(Operand { values: to_times(&array)?, step })
    }

    /// A value for each row.
    pub(crate) fn map<A: ArrowPrimitiveType, O: ArrowPrimitiveType>(
        &self,
        a: &Operand<A>,
        f: impl Fn(A::Native) -> Option<O::Native>,
    ) -> PrimitiveArray<O> {
        match a.constant() {
            Some(value) => PrimitiveArray::from_iter(std::iter::repeat_n(value.and_then(f), self.rows())),
            None => a.values.unary_opt(f),
        }
    }

    /// A value for each row that is not NULL.
    pub(crate) fn map_all<A: ArrowPrimitiveType, O: ArrowPrimitiveType>(
        &self,
        a: &Operand<A>,
        f: impl Fn(A::Native) -> O::Native,
    ) -> PrimitiveArray<O> {
        match a.constant() {
            Some(value) => PrimitiveArray::from_iter(std::iter::repeat_n(value.map(f), self.rows())),
            None => a.values.unary(f),
        }
    }

    /// A value for each row where neither is NULL.
    pub(crate) fn map2<A: ArrowPrimitiveType, B: ArrowPrimitiveType, O: ArrowPrimitiveType>(
        &self,
        a: &Operand<A>,
        b: &Operand<B>,
        f: impl Fn(A::Native, B::Native) -> Option<O::Native>,
    ) -> PrimitiveArray<O> {
        match (a.constant(), b.constant()) {
            (None, Some(Some(b))) => a.values.unary_opt(|a| f(a, b)),
            (Some(Some(a)), None) => b.values.unary_opt(|b| f(a, b)),
            (Some(None), _) | (_, Some(None)) => PrimitiveArray::new_null(self.rows()),
            _ => (0..self.rows()).map(|row| f(a.at(row)?, b.at(row)?)).collect(),
        }
    }
}

pub(crate) fn to_floats(array: &ArrayRef) -> Result<PrimitiveArray<Float64Type>> {
    if let Some(texts) = texts_of(array) {
        return Ok((0..array.len()).map(|row| parse_float(texts.at(row)?)).collect());
    }
    Ok(convert(array, &DataType::Float64)?.as_primitive().clone())
}

/// A number as Java spells it: blanks around it and a letter for its type after it are fine.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim();
    let spelled = match text.trim_start_matches(['+', '-']) {
        "Infinity" | "NaN" => text,
        // `f64` reads "inf" and "nan" in any case, which Java does not.
        digits if digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text)
        }
        _ => return None,
    };
    spelled.parse().ok()
}

pub(crate) fn to_ints(array: &ArrayRef) -> Result<PrimitiveArray<Int64Type>> {
    if let Some(texts) = texts_of(array) {
        return Ok((0..array.len()).map(|row| parse_int(texts.at(row)?)).collect());
    }
    match array.data_type() {
        // Java's conversion has no overflow: it stops at the ends, and NaN is zero.
        DataType::Float64 => Ok(array.as_primitive::<Float64Type>().unary(|value| value as i64)),
        DataType::Float32 => Ok(to_floats(array)?.unary(|value| value as i64)),
        _ => Ok(convert(array, &DataType::Int64)?.as_primitive().clone()),
    }
}

fn parse_int(text: &str) -> Option<i64> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let value = parse_float(text)?.trunc();
        (value >= i64::MIN as f64 && value < i64::MAX as f64).then_some(value as i64)
    })
}

pub(crate) fn to_dates(array: &ArrayRef) -> Result<PrimitiveArray<Date32Type>> {
    if let Some(texts) = texts_of(array) {
        return Ok((0..array.len()).map(|row| text::date(texts.at(row)?)).collect());
    }
    match array.data_type() {
        DataType::Timestamp(..) => Ok(to_times(array)?.unary_opt(calendar::date_of_time)),
        _ => Ok(convert(array, &DataType::Date32)?.as_primitive().clone()),
    }
}

pub(crate) fn to_times(array: &ArrayRef) -> Result<PrimitiveArray<TimestampMicrosecondType>> {
    if let Some(texts) = texts_of(array) {
        return Ok((0..array.len()).map(|row| text::timestamp(texts.at(row)?)).collect());
    }
    match array.data_type() {
        DataType::Date32 => {
            let dates = array.as_primitive::<Date32Type>();
            // DATE reaches further than TIMESTAMP.
            Ok(dates.unary_opt(|days| i64::from(days).checked_mul(calendar::DAY)))
        }
        _ => Ok(convert(array, &DataType::Timestamp(TimeUnit::Microsecond, None))?.as_primitive().clone()),
    }
}

/// Text of any of Arrow's layouts, or `None`.
pub(crate) fn texts_of(array: &ArrayRef) -> Option<Texts> {
    let values = match array.data_type() {
        DataType::Utf8 => TextArray::Small(array.as_string::<i32>().clone()),
        DataType::LargeUtf8 => TextArray::Large(array.as_string::<i64>().clone()),
        DataType::Utf8View => TextArray::View(array.as_string_view().clone()),
        _ => return None,
    };
    Some(Texts { values, step: 1 })
}

/// Which of the rows are neither NULL nor false.
pub(crate) fn is_true(array: &ArrayRef, row: usize) -> bool {
    array.as_boolean_opt().is_some_and(|array: &BooleanArray| array.is_valid(row) && array.value(row))
}
