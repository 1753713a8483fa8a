//! `CAST(value AS type)` as Hive does it: what cannot be converted is NULL
//!
//! | from | to | differs from an ansi cast |
//! |---|---|---|
//! | text | whole number | blanks around it and a fraction are allowed, the fraction is cut off; out of range is NULL |
//! | text | date, timestamp | `2024-1-5`, a time behind a date, blanks around it; 30 February is NULL |
//! | text | boolean | false for `false`, `no`, `off`, `0` in any case and an empty text; true for every other |
//! | boolean | text | `TRUE`, `FALSE` |
//! | whole number | narrower one | the upper bits are cut off, as in Java |
//! | floating point | whole number | the fraction is cut off, the ends of the range hold what is beyond, NaN is 0 |
//! | floating point | text | as Java writes it: `1.0E10` |
//! | timestamp | text | `2024-01-05 10:00:00`, with as many digits of the second as needed |
//! | timestamp | number | seconds since 1970, and back; but a whole number has milliseconds |
//!
//! Everything else is Arrow's cast, with NULL for what fails. Where the types allow a plain cast it becomes one when the plan is
//! simplified, so that filters still reach the files.

mod from_text;
mod numbers;
mod to_text;

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    Cast, ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, TryCast, Volatility,
};
use datafusion::scalar::ScalarValue;

pub(super) use to_text::java as java_double;

/// Floating point numbers as the texts that Java has for them.
pub(crate) fn java_numbers(values: &ArrayRef) -> Result<ArrayRef> {
    to_text::cast(values, &DataType::Utf8)
}

use crate::functions::entry::Help;
use crate::sql::types;

pub(super) const HELP: Help = Help {
    name: "hive_cast",
    syntax: "hive_cast(value, 'type')",
    line: "What CAST means in the hive dialect: NULL for what cannot be converted.",
    example: "SELECT hive_cast(' 12.7 ', 'INT'), hive_cast('twelve', 'INT')",
    gives: "12,NULL",
};

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct HiveCast {
    signature: Signature,
}

impl HiveCast {
    pub(super) fn new() -> Self {
        HiveCast { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for HiveCast {
    fn name(&self) -> &str {
        HELP.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        plan_err!("the type is the second argument")
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let to = target(arguments.scalar_arguments.get(1).copied().flatten())?;
        // Nearly every cast can fail.
        Ok(Arc::new(Field::new(self.name(), to, true)))
    }

    fn simplify(&self, arguments: Vec<Expr>, context: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let [value, Expr::Literal(to, _)] = arguments.as_slice() else {
            return Ok(ExprSimplifyResult::Original(arguments));
        };
        let (Ok(from), Ok(to)) = (context.get_data_type(value), target(Some(to))) else {
            return Ok(ExprSimplifyResult::Original(arguments));
        };
        let value = value.clone();
        Ok(match kind(&from, &to) {
            Kind::Nothing => ExprSimplifyResult::Simplified(value),
            Kind::Widening => ExprSimplifyResult::Simplified(Expr::Cast(Cast::new(Box::new(value), to))),
            Kind::Arrow => ExprSimplifyResult::Simplified(Expr::TryCast(TryCast::new(Box::new(value), to))),
            Kind::Ours => ExprSimplifyResult::Original(arguments),
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value, ColumnarValue::Scalar(to)] = arguments.args.as_slice() else {
            return exec_err!("hive_cast takes a value and the name of a type");
        };
        let to = target(Some(to))?;
        cast_value(value, &to)
    }
}

/// The value as another type.
pub(super) fn cast_value(value: &ColumnarValue, to: &DataType) -> Result<ColumnarValue> {
    match value {
        ColumnarValue::Array(array) => Ok(ColumnarValue::Array(cast(array, to)?)),
        ColumnarValue::Scalar(scalar) => {
            let one = cast(&scalar.to_array_of_size(1)?, to)?;
            Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&one, 0)?))
        }
    }
}

fn target(name: Option<&ScalarValue>) -> Result<DataType> {
    match name.and_then(ScalarValue::try_as_str).flatten() {
        Some(name) => Ok(types::parse_type(name)?),
        None => plan_err!("hive_cast takes the name of a type as its second argument"),
    }
}

/// Who does a cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nothing,
    /// Arrow, and it cannot fail.
    Widening,
    /// Arrow, with NULL for what fails.
    Arrow,
    Ours,
}

fn kind(from: &DataType, to: &DataType) -> Kind {
    use DataType as T;
    let is_text = |data_type: &DataType| matches!(data_type, T::Utf8 | T::LargeUtf8 | T::Utf8View);
    match (from, to) {
        _ if from == to => Kind::Nothing,
        (from, to) if is_text(from) && is_text(to) => Kind::Widening,
        (from, T::Boolean | T::Date32 | T::Timestamp(..)) if is_text(from) => Kind::Ours,
        (from, to) if is_text(from) && to.is_numeric() => Kind::Ours,
        (T::Boolean | T::Float16 | T::Float32 | T::Float64 | T::Timestamp(..), to) if is_text(to) => Kind::Ours,
        (T::Boolean, to) | (to, T::Boolean) if to.is_decimal() => Kind::Ours,
        (from, to) if from.is_floating() && to.is_decimal() => Kind::Ours,
        (from, to) if from.is_integer() && to.is_integer() => match widens(from, to) {
            true => Kind::Widening,
            false => Kind::Ours,
        },
        (from, to) if from.is_integer() && to.is_floating() => Kind::Widening,
        (T::Float32, T::Float64) => Kind::Widening,
        (from, to) if from.is_floating() && to.is_integer() => Kind::Ours,
        (T::Timestamp(..), to) if to.is_numeric() => Kind::Ours,
        (from, T::Timestamp(..)) if from.is_numeric() || *from == T::Boolean => Kind::Ours,
        (T::Date32, T::Timestamp(..)) => Kind::Widening,
        _ => Kind::Arrow,
    }
}

/// Whether Arrow's cast would say something else, or fail where Hive has NULL.
pub(super) fn is_ours(from: &DataType, to: &DataType) -> bool {
    kind(from, to) == Kind::Ours
}

/// Whether every value of one whole-number type is one of the other.
fn widens(from: &DataType, to: &DataType) -> bool {
    let (Some(from_width), Some(to_width)) = (from.primitive_width(), to.primitive_width()) else { return false };
    match (from.is_signed_integer(), to.is_signed_integer()) {
        (true, true) | (false, false) => from_width <= to_width,
        (false, true) => from_width < to_width,
        (true, false) => false,
    }
}

pub(super) fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    use DataType as T;
    match kind(array.data_type(), to) {
        Kind::Nothing => Ok(Arc::clone(array)),
        Kind::Widening | Kind::Arrow => safely(array, to),
        Kind::Ours => match (array.data_type(), to) {
            (T::Utf8 | T::LargeUtf8 | T::Utf8View, _) => from_text::cast(array, to),
            (_, T::Utf8 | T::LargeUtf8 | T::Utf8View) => to_text::cast(array, to),
            _ => numbers::cast(array, to),
        },
    }
}

/// Arrow's cast, with NULL for what fails.
fn safely(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    Ok(cast_with_options(array, to, &CastOptions { safe: true, ..CastOptions::default() })?)
}

/// The timestamp that is computed with before it gets its own unit.
const MICROSECONDS: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

#[cfg(test)]
mod tests;
