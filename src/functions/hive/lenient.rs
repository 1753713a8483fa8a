//! Functions that DataFusion or datafusion-spark has right, except that they do not take text for a number
//!
//! The call becomes theirs where no argument is text, so that nothing is lost of what the optimizer knows of them.

use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{ScalarValue, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::operand::{convert, to_floats};
use crate::sql::types::display_name;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lenient {
    name: &'static str,
    syntax: &'static str,
    inner: Arc<ScalarUDF>,
    aliases: Vec<String>,
    signature: Signature,
}

impl Lenient {
    pub(crate) fn new(name: &'static str, syntax: &'static str, inner: Arc<ScalarUDF>) -> Self {
        let aliases = inner.aliases().to_vec();
        Lenient { name, syntax, inner, aliases, signature: Signature::user_defined(Volatility::Immutable) }
    }

    pub(crate) fn aliases(mut self, aliases: &[&str]) -> Self {
        self.aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
        self
    }

    /// What the inner function makes of these types, text being a number.
    fn inner_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let fields: Vec<FieldRef> = types
            .iter()
            .map(|given| {
                let taken = if is_text(given) || given.is_null() { &DataType::Float64 } else { given };
                Arc::new(Field::new("a", taken.clone(), true))
            })
            .collect();
        match fields_with_udf(&fields, self.inner.as_ref()) {
            Ok(fields) => Ok(fields.iter().map(|field| field.data_type().clone()).collect()),
            Err(_) => {
                let given: Vec<String> = types.iter().map(display_name).collect();
                plan_err!("{0} is called as {1}, not as {0}({2})", self.name, self.syntax, given.join(", "))
            }
        }
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

impl ScalarUDFImpl for Lenient {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = self.inner_types(arg_types)?;
        for (coerced, given) in types.iter_mut().zip(arg_types) {
            if is_text(given) {
                coerced.clone_from(given);
            }
        }
        Ok(types)
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        exec_err!("the type of {} depends on its arguments", self.name)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let given: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let types = self.inner_types(&given)?;
        let has_text = given.iter().any(is_text);
        let fields: Vec<FieldRef> = types
            .into_iter()
            .zip(args.arg_fields)
            .map(|(data_type, field)| {
                let nullable = field.is_nullable() || has_text;
                Arc::new(field.as_ref().clone().with_data_type(data_type).with_nullable(nullable))
            })
            .collect();
        let no_constants = vec![None; fields.len()];
        let scalar_arguments = if has_text { &no_constants } else { args.scalar_arguments };
        self.inner.return_field_from_args(ReturnFieldArgs { arg_fields: &fields, scalar_arguments })
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        for arg in &args {
            if is_text(&arg.get_type(info.schema())?) {
                return Ok(ExprSimplifyResult::Original(args));
            }
        }
        Ok(ExprSimplifyResult::Simplified(Expr::ScalarFunction(ScalarFunction::new_udf(self.inner.clone(), args))))
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let given: Vec<DataType> = args.args.iter().map(ColumnarValue::data_type).collect();
        let types = self.inner_types(&given)?;
        for (index, data_type) in types.into_iter().enumerate() {
            if !given.get(index).is_some_and(is_text) {
                continue;
            }
            if let Some(arg) = args.args.get_mut(index) {
                *arg = match arg {
                    ColumnarValue::Array(array) => {
                        ColumnarValue::Array(convert(&(Arc::new(to_floats(array)?) as Arc<dyn Array>), &data_type)?)
                    }
                    ColumnarValue::Scalar(value) => {
                        let floats: Arc<dyn Array> = Arc::new(to_floats(&value.to_array()?)?);
                        let converted = convert(&floats, &data_type)?;
                        ColumnarValue::Scalar(ScalarValue::try_from_array(&converted, 0)?)
                    }
                };
            }
            if let Some(field) = args.arg_fields.get_mut(index) {
                *field = Arc::new(field.as_ref().clone().with_data_type(data_type).with_nullable(true));
            }
        }
        self.inner.invoke_with_args(args)
    }
}
