//! Functions that return what they are given, and that the optimizer cannot see through: nothing is known of their result, or just
//! not that it is a key, or that it is never NULL.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{ScalarValue, exec_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};

static OPAQUE: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    // Volatile: else the logical rules would take it for constant where its argument is.
    function(Opaque {
        name: "ostrich_opaque",
        nullable: false,
        signature: Signature::variadic_any(Volatility::Volatile),
    })
});

static KEYLESS: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    function(Opaque { name: "ostrich_keyless", nullable: false, signature: Signature::any(1, Volatility::Immutable) })
});

static NULLABLE: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    function(Opaque { name: "ostrich_nullable", nullable: true, signature: Signature::any(1, Volatility::Immutable) })
});

static NOTHING: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(Nothing { signature: Signature::nullary(Volatility::Volatile) })));

fn function(opaque: Opaque) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(opaque))
}

/// The same value, about which nothing is known, not even that it is constant. DataFusion's physical plans take a call for constant if
/// its arguments are, volatile or not, so that one more is needed that is none. And they take two calls of the same for one value, which they
/// need not stay: `number` tells those of a plan node apart.
pub fn opaque(expr: Expr, number: usize) -> Expr {
    OPAQUE.call(vec![expr, NOTHING.call(vec![]), lit(u64::try_from(number).unwrap_or(u64::MAX))])
}

/// The same value, of which it is not known that it is (part of) a key. Filters and constants go through.
pub fn keyless(expr: Expr) -> Expr {
    KEYLESS.call(vec![expr])
}

/// The same value, which may be NULL for all the optimizer knows.
pub fn nullable(expr: Expr) -> Expr {
    NULLABLE.call(vec![expr])
}

pub fn is_nullable(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(function) if function.func == *NULLABLE)
}

/// The value that a call of [`keyless`] is given.
pub fn under_keyless(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::ScalarFunction(function) if function.func == *KEYLESS => function.args.first(),
        _ => None,
    }
}

pub fn is_opaque(expr: &Expr) -> bool {
    under_opaque(expr).is_some()
}

/// The value that a call of [`opaque`] is given.
pub fn under_opaque(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::ScalarFunction(function) if function.func == *OPAQUE => function.args.first(),
        _ => None,
    }
}

/// A call of [`opaque`] with another value.
pub fn over_opaque(call: &Expr, value: Expr) -> Expr {
    let mut call = call.clone();
    if let Expr::ScalarFunction(function) = &mut call
        && let Some(first) = function.args.first_mut()
    {
        *first = value;
    }
    call
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Opaque {
    name: &'static str,
    nullable: bool,
    signature: Signature,
}

impl ScalarUDFImpl for Opaque {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [data_type, ..] => Ok(data_type.clone()),
            [] => exec_err!("{} takes one value", self.name),
        }
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        match arguments.arg_fields {
            [field, ..] if self.nullable => Ok(Arc::new(field.as_ref().clone().with_nullable(true))),
            [field, ..] => Ok(Arc::clone(field)),
            [] => exec_err!("{} takes one value", self.name),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match arguments.args.into_iter().next() {
            Some(value) => Ok(value),
            None => exec_err!("{} takes one value", self.name),
        }
    }
}

/// NULL, which is not known to be the same in every row.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Nothing {
    signature: Signature,
}

impl ScalarUDFImpl for Nothing {
    fn name(&self) -> &str {
        "ostrich_nothing"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Null)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(ScalarValue::Null))
    }
}
