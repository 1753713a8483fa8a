//! `hive_number(value)`: a text as the DOUBLE that it says; anything else as it is
//!
//! Aggregates over numbers take texts in Hive. Which a column is, is known only when types are.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::cast;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ToDouble {
    signature: Signature,
}

impl ToDouble {
    pub(super) fn new() -> Self {
        ToDouble { signature: Signature::any(1, Volatility::Immutable) }
    }

    fn applies(&self, data_type: &DataType) -> bool {
        matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
    }

    fn gives(&self, data_type: &DataType) -> DataType {
        if self.applies(data_type) { DataType::Float64 } else { data_type.clone() }
    }
}

impl ScalarUDFImpl for ToDouble {
    fn name(&self) -> &str {
        "hive_number"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [argument] => Ok(self.gives(argument)),
            _ => plan_err!("one value is needed"),
        }
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        match arguments.arg_fields {
            [field] => {
                let nullable = field.is_nullable() || self.applies(field.data_type());
                Ok(Arc::new(Field::new(self.name(), self.gives(field.data_type()), nullable)))
            }
            _ => plan_err!("one value is needed"),
        }
    }

    fn simplify(&self, mut arguments: Vec<Expr>, context: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let stays =
            arguments.first().is_some_and(|value| context.get_data_type(value).is_ok_and(|from| !self.applies(&from)));
        match arguments.pop() {
            Some(value) if stays => Ok(ExprSimplifyResult::Simplified(value)),
            value => Ok(ExprSimplifyResult::Original(value.into_iter().collect())),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = arguments.args.as_slice() else { return exec_err!("one value is needed") };
        cast::cast_value(value, &self.gives(&value.data_type()))
    }
}
