//! `sum(a)` and `sum(CAST(a AS DOUBLE))` in one SELECT
//!
//! DataFusion calls both `sum(a)`, and refuses two columns of one name. In a query where that happened, casts are arguments of this
//! function, which has a name, beside the text of their type; the optimizer takes it away again.

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

/// The value that it is given.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ToldApart {
    signature: Signature,
}

impl ToldApart {
    pub(crate) const NAME: &'static str = "ostrich_told_apart";

    pub(super) fn new() -> Self {
        ToldApart { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ToldApart {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [value, _] => Ok(value.clone()),
            _ => exec_err!("{} takes a value and a type", Self::NAME),
        }
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        match arguments.arg_fields {
            [field, _] => Ok(FieldRef::clone(field)),
            _ => exec_err!("{} takes a value and a type", Self::NAME),
        }
    }

    fn simplify(&self, arguments: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        match arguments.into_iter().next() {
            Some(value) => Ok(ExprSimplifyResult::Simplified(value)),
            None => exec_err!("{} takes a value and a type", Self::NAME),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match arguments.args.into_iter().next() {
            Some(value) => Ok(value),
            None => exec_err!("{} takes a value and a type", Self::NAME),
        }
    }
}
