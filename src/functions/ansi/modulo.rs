//! `mod(a, b)`, which is `a % b`

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::kernels::numeric::rem;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use crate::functions::define::{Call, Function, Gives, Kind, cast_to};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "mod",
                syntax: "mod(number, number)",
                line: "What is left of a division, with the sign of the first number.",
                example: "SELECT mod(9, 4), mod(-9, 4), mod(7.5, 2)",
                gives: "1,-1,1.5",
            },
            &[Kind::Number, Kind::Number],
            Gives::Of(|given| match given {
                [left, right] => BinaryTypeCoercer::new(left, &Operator::Modulo, right).get_result_type(),
                _ => plan_err!("mod takes two numbers"),
            }),
            modulo,
        )
        .simplified(|arguments| {
            let [left, right] = <[Expr; 2]>::try_from(arguments)?;
            Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), Operator::Modulo, Box::new(right))))
        })
        .entry(),
    ]
}

/// If the planner did not make an operator of it.
fn modulo(call: &Call) -> Result<ArrayRef> {
    let (left, right) = (call.data_type(0), call.data_type(1));
    let (left_type, right_type): (DataType, DataType) =
        BinaryTypeCoercer::new(&left, &Operator::Modulo, &right).get_input_types()?;
    let left = cast_to(&call.full_array(0)?, &left_type)?;
    let right = cast_to(&call.full_array(1)?, &right_type)?;
    Ok(rem(&left, &right)?)
}
