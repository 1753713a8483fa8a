//! `coalesce` and `nvl` of values of any types: which one they have in common is said by the dialect (`functions/coercion`)
//!
//! DataFusion's asks for it while a query is planned, and finds none for a text and a date.

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::functions::core;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    let coalesce = Coalesce {
        aliases: vec!["nvl".to_owned(), "ifnull".to_owned()],
        signature: Signature::user_defined(Volatility::Immutable),
    };
    vec![Entry::scalar(
        coalesce,
        Help {
            name: "coalesce",
            syntax: "coalesce(value, …)",
            line: "The first argument that is not NULL.",
            example: "SELECT coalesce(NULL, 2, 1), nvl(NULL, 'none')",
            gives: "2,none",
        },
    )]
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Coalesce {
    aliases: Vec<String>,
    signature: Signature,
}

impl ScalarUDFImpl for Coalesce {
    fn name(&self) -> &str {
        "coalesce"
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        exec_err!("the type of coalesce depends on its arguments")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        core::coalesce().return_field_from_args(args)
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        if given.is_empty() {
            return exec_err!("coalesce is called as coalesce(value, …), not with 0 argument(s)");
        }
        // Different ones are made one later.
        Ok(core::coalesce().coerce_types(given).unwrap_or_else(|_| given.to_vec()))
    }

    fn simplify(&self, args: Vec<Expr>, context: &SimplifyContext) -> Result<ExprSimplifyResult> {
        core::coalesce().simplify(args, context)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        exec_err!("coalesce is a CASE once a plan is simplified")
    }

    fn short_circuits(&self) -> bool {
        true
    }

    fn conditional_arguments<'a>(&self, args: &'a [Expr]) -> Option<(Vec<&'a Expr>, Vec<&'a Expr>)> {
        args.split_first().map(|(first, others)| (vec![first], others.iter().collect()))
    }
}
