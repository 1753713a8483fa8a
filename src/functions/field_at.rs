//! A field of a struct by its position: columns of a table function are told by where they stand

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::{is_null, nullif};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

/// `ostrich_field_at(struct, position)`; the position is a constant and counts from 0.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct FieldAt {
    signature: Signature,
}

impl FieldAt {
    pub(super) fn new() -> Self {
        FieldAt { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for FieldAt {
    fn name(&self) -> &str {
        "ostrich_field_at"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        plan_err!("the type is that of the field")
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let Some(position) = arguments.scalar_arguments.get(1).copied().flatten().and_then(whole) else {
            return plan_err!("the position of a field is a constant");
        };
        match arguments.arg_fields.first().map(|field| field.data_type()) {
            Some(DataType::Struct(fields)) => match fields.get(position) {
                Some(field) => Ok(Arc::new(Field::new(self.name(), field.data_type().clone(), true))),
                None => plan_err!("the table function gives {} columns; more have names", fields.len()),
            },
            Some(other) => plan_err!("the items are {other}, and no structs whose fields could be columns"),
            None => plan_err!("a struct is needed"),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [structs, position] = arguments.args.as_slice() else { return exec_err!("two arguments are needed") };
        let ColumnarValue::Scalar(position) = position else { return exec_err!("the position is a constant") };
        let array = structs.to_array(arguments.number_rows)?;
        let (Some(structs), Some(position)) = (array.as_struct_opt(), whole(position)) else {
            return exec_err!("a struct and a position are needed");
        };
        let Some(field) = structs.columns().get(position) else { return exec_err!("there is no such field") };
        // A field of no struct is NULL, whatever lies below.
        let field: ArrayRef = match structs.null_count() {
            0 => Arc::clone(field),
            _ => nullif(field, &is_null(structs)?)?,
        };
        Ok(ColumnarValue::Array(field))
    }
}

fn whole(value: &ScalarValue) -> Option<usize> {
    match value {
        ScalarValue::Int64(Some(value)) => usize::try_from(*value).ok(),
        ScalarValue::Int32(Some(value)) => usize::try_from(*value).ok(),
        _ => None,
    }
}
