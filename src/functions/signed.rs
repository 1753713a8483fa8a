//! `ostrich_signed(n)`: an unsigned number as a signed one, and any other value as it is
//!
//! For a rewrite of the text, which does not know types. It lasts until the types of a plan are settled ([`super::settle`]), which writes
//! a cast in its place, or nothing. Counts of rows are BIGINTs to a user, so that is what the widest ones become; one that does not fit
//! is an error when it is cast.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

pub(super) const NAME: &str = "ostrich_signed";

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Signed {
    signature: Signature,
}

impl Signed {
    pub(super) fn new() -> Self {
        Signed { signature: Signature::any(1, Volatility::Immutable) }
    }
}

/// The signed type for values of this one.
pub(super) fn type_of(value: &DataType) -> DataType {
    match value {
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        other => other.clone(),
    }
}

impl ScalarUDFImpl for Signed {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [value] => Ok(type_of(value)),
            _ => plan_err!("{NAME} takes one value"),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match arguments.args.first() {
            Some(value) => value.cast_to(arguments.return_field.data_type(), None),
            None => exec_err!("{NAME} takes one value"),
        }
    }
}
