//! A DOUBLE beside a DECIMAL is a DOUBLE
//!
//! DataFusion makes both DECIMAL(30, 15): `1e-20 > 0.0` is false then, and a number of more than fifteen digits before the point, or
//! NaN, is an error. PostgreSQL, DuckDB, Hive and Spark make both DOUBLE.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{BinaryExpr, Expr, lit};

use super::{Meeting, Rules};
use crate::functions::exact_integers;
use crate::sql::dialect::Dialect;

#[derive(Debug)]
pub(in crate::functions) struct Ansi;

impl Rules for Ansi {
    fn dialect(&self) -> Dialect {
        Dialect::Ansi
    }

    fn compared(&self, left: &DataType, right: &DataType) -> Meeting {
        doubles(left, right)
    }

    fn either(&self, left: &DataType, right: &DataType) -> Meeting {
        doubles(left, right)
    }

    fn to_compare(&self, value: Expr, from: &DataType, to: &DataType) -> Expr {
        in_type(value, from, to)
    }

    fn to_result(&self, value: Expr, from: &DataType, to: &DataType) -> Expr {
        in_type(value, from, to)
    }

    fn operation(&self, operation: BinaryExpr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        exact_integers::of_constants(operation, schema)
    }
}

/// DOUBLE, if a floating point number meets a decimal.
pub(in crate::functions) fn doubles(left: &DataType, right: &DataType) -> Meeting {
    match (left, right) {
        (a, b) | (b, a) if a.is_floating() && b.is_decimal() => Meeting::In(DataType::Float64),
        _ => Meeting::Unsaid,
    }
}

fn in_type(value: Expr, from: &DataType, to: &DataType) -> Expr {
    match from == to || from.is_null() {
        true => value,
        false => as_number(value, from, to),
    }
}

/// A constant at once, so that files are still pruned by it; and from its digits, which is exact.
pub(in crate::functions) fn as_number(value: Expr, from: &DataType, to: &DataType) -> Expr {
    match &value {
        Expr::Literal(constant, None) if from.is_decimal() && *to == DataType::Float64 => {
            match constant.to_string().parse::<f64>() {
                Ok(number) => lit(number),
                Err(_) => Expr::Cast(Cast::new(Box::new(value), to.clone())),
            }
        }
        _ => Expr::Cast(Cast::new(Box::new(value), to.clone())),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::scalar::ScalarValue;

    use super::*;

    #[test]
    fn constants_keep_their_digits() {
        let double = |value| {
            let constant = ScalarValue::Decimal128(Some(value), 4, 2);
            as_number(lit(constant.clone()), &constant.data_type(), &DataType::Float64)
        };
        assert_eq!(double(125), lit(1.25));
        assert_eq!(double(-10), lit(-0.1));
    }

    #[test]
    fn only_doubles_and_decimals_are_of_concern() {
        let (double, real, int) = (DataType::Float64, DataType::Float32, DataType::Int64);
        let decimal = DataType::Decimal128(4, 2);
        assert_eq!(doubles(&double, &decimal), Meeting::In(DataType::Float64));
        assert_eq!(doubles(&decimal, &real), Meeting::In(DataType::Float64));
        assert_eq!(doubles(&int, &decimal), Meeting::Unsaid);
        assert_eq!(doubles(&int, &double), Meeting::Unsaid);
    }
}
