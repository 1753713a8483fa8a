//! `ostrich_of_type(y, x)`: `y` in the type that `x` has
//!
//! For rewrites of the text, which do not know types. It lasts until the types of a plan are settled ([`super::settle`]), which writes
//! the cast of the dialect in its place.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

pub(super) const NAME: &str = "ostrich_of_type";

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct OfType {
    signature: Signature,
}

impl OfType {
    pub(super) fn new() -> Self {
        OfType { signature: Signature::any(2, Volatility::Immutable) }
    }
}

/// The type of the result: NULL has none to give.
pub(super) fn type_of(value: &DataType, like: &DataType) -> DataType {
    if like.is_null() { value.clone() } else { like.clone() }
}

impl ScalarUDFImpl for OfType {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [value, like] => Ok(type_of(value, like)),
            _ => plan_err!("{NAME} takes a value, and one of the type that it gets"),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match arguments.args.first() {
            Some(value) => value.cast_to(arguments.return_field.data_type(), None),
            None => exec_err!("{NAME} takes a value, and one of the type that it gets"),
        }
    }
}
