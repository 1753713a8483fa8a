//! A function as one table entry: what it takes, what it gives, and the routine that computes a batch
//!
//! A call with too many arguments, or with a list in place of a text, is refused while the query is planned, with a line that shows how
//! the function is called. The routines need not ask for types.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{ScalarValue, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

pub use super::call::{Call, cast_to};
use super::columns::{Bytes, Integers, Texts};
use super::entry::{Entry, Help};
pub use super::kind::Kind;
use crate::sql::types::display_name;

/// The type of a result.
#[derive(Debug, Clone, Copy)]
pub enum Gives {
    Text,
    Bytes,
    Integer,
    Long,
    Boolean,
    Texts,
    /// Bytes for bytes, else text.
    SameAsFirst,
    Of(fn(&[DataType]) -> Result<DataType>),
}

#[derive(Debug, Clone)]
enum Routine {
    Ours(fn(&Call) -> Result<ArrayRef>),
    /// A function of DataFusion's that is right but for what it accepts.
    Over(Arc<ScalarUDF>),
}

/// A scalar function of ours.
/// The expression that a call with these arguments is, or the arguments as they were.
type Simplified = fn(Vec<Expr>) -> Result<Expr, Vec<Expr>>;

#[derive(Debug, Clone)]
pub struct Function {
    help: Help,
    aliases: Vec<String>,
    takes: Vec<Kind>,
    optional: Vec<Kind>,
    rest: Option<Kind>,
    gives: Gives,
    routine: Routine,
    simplified: Option<Simplified>,
    signature: Signature,
}

impl Function {
    pub fn new(help: Help, takes: &[Kind], gives: Gives, routine: fn(&Call) -> Result<ArrayRef>) -> Self {
        Self::with_routine(help, takes, gives, Routine::Ours(routine))
    }

    /// One of DataFusion's with a wider choice of arguments.
    pub fn over(help: Help, takes: &[Kind], gives: Gives, function: Arc<ScalarUDF>) -> Self {
        Self::with_routine(help, takes, gives, Routine::Over(function))
    }

    fn with_routine(help: Help, takes: &[Kind], gives: Gives, routine: Routine) -> Self {
        Function {
            help,
            aliases: Vec::new(),
            takes: takes.to_vec(),
            optional: Vec::new(),
            rest: None,
            gives,
            routine,
            simplified: None,
            signature: Signature::user_defined(Volatility::Immutable),
        }
        .without_arguments_if_it_has_none()
    }

    fn without_arguments_if_it_has_none(mut self) -> Self {
        if self.takes.is_empty() {
            self.signature = Signature::nullary(self.signature.volatility);
        }
        self
    }

    pub fn aliases(mut self, aliases: &[&str]) -> Self {
        self.aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
        self
    }

    pub fn optional(mut self, kinds: &[Kind]) -> Self {
        self.optional = kinds.to_vec();
        self
    }

    /// Any number of further arguments.
    pub fn rest(mut self, kind: Kind) -> Self {
        self.rest = Some(kind);
        self
    }

    pub fn volatility(mut self, volatility: Volatility) -> Self {
        self.signature.volatility = volatility;
        self
    }

    /// The expression that says the same, if there is one; else the arguments come back.
    pub fn simplified(mut self, simplified: Simplified) -> Self {
        self.simplified = Some(simplified);
        self
    }

    pub fn entry(self) -> Entry {
        let help = self.help;
        Entry::scalar(self, help)
    }

    fn kind(&self, index: usize) -> Option<Kind> {
        self.takes.iter().chain(&self.optional).copied().nth(index).or(self.rest)
    }
}

/// By what it says of itself: two dialects may have functions of one name.
impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.help == other.help
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.help.name.hash(state);
        self.help.line.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.help.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let Help { name, syntax, .. } = self.help;
        if given.len() < self.takes.len() || self.kind(given.len().saturating_sub(1)).is_none() && !given.is_empty() {
            return plan_err!("{name} is called as {syntax}, not with {} argument(s)", given.len());
        }
        let mut coerced = Vec::with_capacity(given.len());
        for (index, given) in given.iter().enumerate() {
            let kind = self.kind(index).unwrap_or(Kind::Any);
            match kind.coerce(given) {
                Some(data_type) => coerced.push(data_type),
                None => {
                    let given = display_name(given);
                    return plan_err!("{name} is called as {syntax}: argument {} is {given}, not {kind}", index + 1);
                }
            }
        }
        Ok(coerced)
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok(match self.gives {
            Gives::Text => DataType::Utf8View,
            Gives::Bytes => DataType::Binary,
            Gives::Integer => DataType::Int32,
            Gives::Long => DataType::Int64,
            Gives::Boolean => DataType::Boolean,
            Gives::Texts => DataType::new_list(DataType::Utf8, true),
            Gives::SameAsFirst => match given.first() {
                Some(DataType::BinaryView) => DataType::Binary,
                _ => DataType::Utf8View,
            },
            Gives::Of(of) => of(given)?,
        })
    }

    fn simplify(&self, arguments: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        match self.simplified.map(|simplified| simplified(arguments.clone())) {
            Some(Ok(expr)) => Ok(ExprSimplifyResult::Simplified(expr)),
            _ => Ok(ExprSimplifyResult::Original(arguments)),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let wanted = arguments.return_field.data_type().clone();
        match &self.routine {
            Routine::Ours(routine) => {
                let call = Call::new(self.help.name, arguments);
                let array = routine(&call)?;
                if array.len() != call.rows {
                    return exec_err!("{} gave {} values for {} rows", self.help.name, array.len(), call.rows);
                }
                if call.all_constant {
                    Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?))
                } else {
                    Ok(ColumnarValue::Array(array))
                }
            }
            Routine::Over(function) => {
                let value = function.inner().invoke_with_args(self.converted(arguments)?)?;
                if value.data_type() == wanted { Ok(value) } else { value.cast_to(&wanted, None) }
            }
        }
    }
}

impl Function {
    /// The arguments as the function below this one wants them.
    fn converted(&self, mut arguments: ScalarFunctionArgs) -> Result<ScalarFunctionArgs> {
        for (index, value) in arguments.args.iter_mut().enumerate() {
            let (array, is_scalar) = match &*value {
                ColumnarValue::Array(array) => (Arc::clone(array), false),
                ColumnarValue::Scalar(scalar) => (scalar.to_array()?, true),
            };
            let array: ArrayRef = match self.kind(index) {
                Some(Kind::Text) => Arc::new(Texts::new(&array, is_scalar)?.array),
                Some(Kind::TextOrBytes) if *array.data_type() != DataType::BinaryView => {
                    Arc::new(Texts::new(&array, is_scalar)?.array)
                }
                Some(Kind::Bytes) => Arc::new(Bytes::new(&array, is_scalar)?.array),
                Some(Kind::Integer) => Arc::new(Integers::new(&array, is_scalar)?.array),
                _ => array,
            };
            if let Some(field) = arguments.arg_fields.get_mut(index)
                && field.data_type() != array.data_type()
            {
                *field = Arc::new(Field::new(field.name(), array.data_type().clone(), true));
            }
            *value = match is_scalar {
                true => ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?),
                false => ColumnarValue::Array(array),
            };
        }
        Ok(arguments)
    }
}
