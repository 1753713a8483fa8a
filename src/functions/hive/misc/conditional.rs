//! `isnull`, `isnotnull` and `assert_true`

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, new_null_array};
use datafusion::arrow::compute::{is_not_null, is_null};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Volatility};

use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "isnull",
                syntax: "isnull(value)",
                line: "Whether a value is NULL.",
                example: "SELECT isnull(NULL), isnull(1)",
                gives: "true,false",
            },
            &[Kind::Any],
            Gives::Boolean,
            |call| Ok(Arc::new(is_null(&call.full_array(0)?)?)),
        )
        .simplified(|arguments| only(arguments).map(|argument| argument.is_null()))
        .entry(),
        Function::new(
            Help {
                name: "isnotnull",
                syntax: "isnotnull(value)",
                line: "Whether a value is not NULL.",
                example: "SELECT isnotnull(NULL), isnotnull(1)",
                gives: "false,true",
            },
            &[Kind::Any],
            Gives::Boolean,
            |call| Ok(Arc::new(is_not_null(&call.full_array(0)?)?)),
        )
        .simplified(|arguments| only(arguments).map(|argument| argument.is_not_null()))
        .entry(),
        Function::new(
            Help {
                name: "assert_true",
                syntax: "assert_true(condition[, message])",
                line: "NULL if a condition holds, else an error.",
                example: "SELECT assert_true(1 < 2)",
                gives: "NULL",
            },
            &[Kind::Boolean],
            Gives::Of(|_| Ok(DataType::Null)),
            assert_true,
        )
        .optional(&[Kind::Text])
        // A plan must not do without it.
        .volatility(Volatility::Volatile)
        .entry(),
    ]
}

fn only(arguments: Vec<Expr>) -> Result<Expr, Vec<Expr>> {
    <[Expr; 1]>::try_from(arguments).map(|[argument]| argument)
}

fn assert_true(call: &Call) -> Result<ArrayRef> {
    let conditions = call.booleans(0)?;
    let messages = call.optional_texts(1)?;
    for row in 0..call.rows {
        if conditions.get(row) != Some(true) {
            let message = messages.as_ref().and_then(|messages| messages.get(row));
            return exec_err!("{}", message.unwrap_or("assert_true: the condition does not hold"));
        }
    }
    Ok(new_null_array(&DataType::Null, call.rows))
}
