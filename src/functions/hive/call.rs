//! One shape for scalar functions, so that a function is its kernel and a line on what it takes
//!
//! Hive converts arguments freely: text is a number or a date wherever one is wanted, and what cannot be converted is NULL. DataFusion's
//! casts fail instead. Arguments therefore reach a kernel in the type they have, and [`super::operand`] reads them.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::{ScalarValue, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::sql::types::display_name;

/// What an argument may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A date, a timestamp, or text that spells one.
    Date,
    /// A number, or text that spells one.
    Number,
    /// Text, or anything that is written as text.
    Text,
    Boolean,
}

impl Kind {
    fn takes(self, data_type: &DataType) -> bool {
        use DataType as T;
        let is_text = matches!(data_type, T::Utf8 | T::LargeUtf8 | T::Utf8View);
        match self {
            _ if data_type.is_null() => true,
            Kind::Date => is_text || matches!(data_type, T::Date32 | T::Date64 | T::Timestamp(..)),
            Kind::Number => is_text || data_type.is_numeric() || *data_type == T::Boolean,
            Kind::Text => is_text || (!data_type.is_nested() && !is_binary(data_type)),
            Kind::Boolean => *data_type == T::Boolean,
        }
    }

    /// The type in which the kernel gets it.
    fn given(self, data_type: &DataType) -> DataType {
        match (self, data_type) {
            (Kind::Date, DataType::Null) => DataType::Date32,
            (Kind::Number, DataType::Null) => DataType::Int64,
            (Kind::Text, DataType::Null) => DataType::Utf8,
            (Kind::Boolean, DataType::Null) => DataType::Boolean,
            _ => data_type.clone(),
        }
    }
}

pub(crate) fn is_binary(data_type: &DataType) -> bool {
    use DataType as T;
    matches!(data_type, T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_))
}

/// The types of arguments.
#[derive(Clone, Copy)]
pub(crate) enum Takes {
    /// The first of these that has as many arguments, and takes each.
    OneOf(&'static [&'static [Kind]]),
    /// Whatever the function says they are converted to, or `None`.
    By(fn(&[DataType]) -> Option<Vec<DataType>>),
}

/// The type of the result.
#[derive(Clone)]
pub(crate) enum Gives {
    Always(DataType),
    By(fn(&ReturnFieldArgs) -> Result<DataType>),
}

pub(crate) const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

type Simplify = fn(Vec<Expr>, &SimplifyContext) -> Result<ExprSimplifyResult>;

/// A scalar function.
pub(crate) struct Function {
    name: &'static str,
    /// For the message when it is called otherwise.
    syntax: &'static str,
    aliases: Vec<String>,
    signature: Signature,
    takes: Takes,
    gives: Gives,
    run: fn(&Call) -> Result<ArrayRef>,
    simplify: Option<Simplify>,
}

impl Function {
    pub(crate) fn new(
        name: &'static str,
        syntax: &'static str,
        takes: Takes,
        gives: Gives,
        run: fn(&Call) -> Result<ArrayRef>,
    ) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Function { name, syntax, aliases: vec![], signature, takes, gives, run, simplify: None }
    }

    pub(crate) fn aliases(mut self, aliases: &[&str]) -> Self {
        self.aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
        self
    }

    pub(crate) fn simplify(mut self, simplify: Simplify) -> Self {
        self.simplify = Some(simplify);
        self
    }

    /// Its result holds for one query only.
    pub(crate) fn stable(mut self) -> Self {
        self.signature.volatility = Volatility::Stable;
        self
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        exec_err!("the type of {} depends on its arguments", self.name)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let data_type = match &self.gives {
            Gives::Always(data_type) => data_type.clone(),
            Gives::By(gives) => gives(&args)?,
        };
        Ok(Field::new(self.name, data_type, true).into())
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let types: Vec<DataType> = arg_types.iter().map(plain).collect();
        let coerced = match self.takes {
            Takes::By(by) => by(&types),
            Takes::OneOf(choices) => choices
                .iter()
                .find(|kinds| {
                    kinds.len() == types.len() && kinds.iter().zip(&types).all(|(kind, given)| kind.takes(given))
                })
                .map(|kinds| kinds.iter().zip(&types).map(|(kind, given)| kind.given(given)).collect()),
        };
        match coerced {
            Some(coerced) => Ok(coerced),
            None => {
                let given: Vec<String> = arg_types.iter().map(display_name).collect();
                plan_err!("{0} is called as {1}, not as {0}({2})", self.name, self.syntax, given.join(", "))
            }
        }
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        match self.simplify {
            Some(simplify) => simplify(args, info),
            None => Ok(ExprSimplifyResult::Original(args)),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = !args.args.is_empty() && args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if is_constant { 1 } else { args.number_rows };
        let mut result = (self.run)(&Call { args: &args, rows })?;
        if result.data_type() != args.return_field.data_type() {
            result = cast(&result, args.return_field.data_type())?;
        }
        if is_constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

/// The type of the values where they are stored in some compressed way.
fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain(values),
        DataType::RunEndEncoded(_, values) => plain(values.data_type()),
        other => other.clone(),
    }
}

/// The arguments of one call.
pub(crate) struct Call<'a> {
    args: &'a ScalarFunctionArgs,
    rows: usize,
}

impl Call<'_> {
    /// How many rows the result has: one where all arguments are constant.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn len(&self) -> usize {
        self.args.args.len()
    }

    /// The type of the result.
    pub(crate) fn gives(&self) -> &DataType {
        self.args.return_field.data_type()
    }

    pub(crate) fn data_type(&self, index: usize) -> DataType {
        self.args.args.get(index).map_or(DataType::Null, ColumnarValue::data_type)
    }

    /// An argument with a value for each row.
    pub(crate) fn column(&self, index: usize) -> Result<ArrayRef> {
        match self.args.args.get(index) {
            Some(ColumnarValue::Array(array)) => Ok(array.clone()),
            Some(ColumnarValue::Scalar(value)) => value.to_array_of_size(self.rows),
            None => exec_err!("the call lacks argument {}", index + 1),
        }
    }

    /// An argument with one value if it is constant (the second of the result is 0 then), else with one for each row.
    pub(crate) fn compact(&self, index: usize) -> Result<(ArrayRef, usize)> {
        match self.args.args.get(index) {
            Some(ColumnarValue::Array(array)) => Ok((array.clone(), 1)),
            Some(ColumnarValue::Scalar(value)) => Ok((value.to_array()?, 0)),
            None => exec_err!("the call lacks argument {}", index + 1),
        }
    }

    pub(crate) fn is_constant(&self, index: usize) -> bool {
        matches!(self.args.args.get(index), Some(ColumnarValue::Scalar(_)))
    }

    /// An argument as it is.
    pub(crate) fn value(&self, index: usize) -> Result<ColumnarValue> {
        match self.args.args.get(index) {
            Some(value) => Ok(value.clone()),
            None => exec_err!("the call lacks argument {}", index + 1),
        }
    }

    /// The same call of another function, with these arguments.
    pub(crate) fn delegate(&self, function: &ScalarUDF, args: Vec<ColumnarValue>) -> Result<ArrayRef> {
        let arg_fields: Vec<FieldRef> = args
            .iter()
            .enumerate()
            .map(|(index, arg)| Arc::new(Field::new(format!("a{index}"), arg.data_type(), true)))
            .collect();
        let constants: Vec<Option<&ScalarValue>> = args
            .iter()
            .map(|arg| match arg {
                ColumnarValue::Scalar(value) => Some(value),
                ColumnarValue::Array(_) => None,
            })
            .collect();
        let return_field = function
            .return_field_from_args(ReturnFieldArgs { arg_fields: &arg_fields, scalar_arguments: &constants })?;
        let args = ScalarFunctionArgs {
            args,
            arg_fields,
            number_rows: self.rows,
            return_field,
            config_options: self.args.config_options.clone(),
        };
        function.invoke_with_args(args)?.into_array(self.rows)
    }
}
