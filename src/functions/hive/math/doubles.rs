//! Functions from doubles to doubles
//!
//! Text is taken for a number here, and where a function has no value (the root or logarithm of a negative number) the result is NULL
//! as Hive has it, not NaN or an infinity.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float64Array};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::error::Result;

use crate::functions::entry::{Entry, Help};
use crate::functions::hive::call::{Call, Function, Gives, Kind, Takes};

fn function(name: &'static str, syntax: &'static str, run: fn(&Call) -> Result<ArrayRef>) -> Function {
    Function::new(name, syntax, Takes::OneOf(&[&[Kind::Number]]), Gives::Always(DataType::Float64), run)
}

fn constant(name: &'static str, syntax: &'static str, run: fn(&Call) -> Result<ArrayRef>) -> Function {
    Function::new(name, syntax, Takes::OneOf(&[&[]]), Gives::Always(DataType::Float64), run)
}

/// NULLs are computed, too: so the loop has no branch.
fn all(call: &Call, f: impl Fn(f64) -> f64) -> Result<ArrayRef> {
    let numbers = call.floats(0)?;
    match numbers.constant() {
        Some(_) => Ok(Arc::new(call.map::<_, Float64Type>(&numbers, |value| Some(f(value))))),
        None => Ok(Arc::new(numbers.values.unary::<_, Float64Type>(f))),
    }
}

/// NULL where the function has no value.
fn partial(call: &Call, is_defined: impl Fn(f64) -> bool, f: impl Fn(f64) -> f64) -> Result<ArrayRef> {
    let numbers = call.floats(0)?;
    if numbers.constant().is_some() {
        let value = |value| is_defined(value).then(|| f(value));
        return Ok(Arc::new(call.map::<_, Float64Type>(&numbers, value)));
    }
    let values = numbers.values.values();
    let defined = NullBuffer::new(BooleanBuffer::collect_bool(values.len(), |row| is_defined(values[row])));
    let nulls = NullBuffer::union(numbers.values.nulls(), Some(&defined)).filter(|nulls| nulls.null_count() > 0);
    let results: Float64Array = numbers.values.unary(f);
    Ok(Arc::new(Float64Array::new(results.values().clone(), nulls)))
}

/// A root of a negative number is NULL, one of NaN is NaN.
fn is_not_negative(value: f64) -> bool {
    value >= 0.0 || value.is_nan()
}

fn is_positive(value: f64) -> bool {
    value > 0.0 || value.is_nan()
}

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::scalar(
            function("acos", "acos(number)", |call| all(call, f64::acos)),
            Help {
                name: "acos",
                syntax: "acos(number)",
                line: "The angle with this cosine, in radians; NaN beyond -1 and 1.",
                example: "SELECT acos(1)",
                gives: "0.0",
            },
        ),
        Entry::scalar(
            function("asin", "asin(number)", |call| all(call, f64::asin)),
            Help {
                name: "asin",
                syntax: "asin(number)",
                line: "The angle with this sine, in radians; NaN beyond -1 and 1.",
                example: "SELECT asin('0'), asin(2)",
                gives: "0.0,NaN",
            },
        ),
        Entry::scalar(
            function("atan", "atan(number)", |call| all(call, f64::atan)),
            Help {
                name: "atan",
                syntax: "atan(number)",
                line: "The angle with this tangent, in radians.",
                example: "SELECT atan(0)",
                gives: "0.0",
            },
        ),
        Entry::scalar(
            function("cbrt", "cbrt(number)", |call| all(call, f64::cbrt)),
            Help {
                name: "cbrt",
                syntax: "cbrt(number)",
                line: "The cube root.",
                example: "SELECT cbrt(-27)",
                gives: "-3.0",
            },
        ),
        Entry::scalar(
            function("cos", "cos(angle)", |call| all(call, f64::cos)),
            Help {
                name: "cos",
                syntax: "cos(angle)",
                line: "The cosine of an angle in radians.",
                example: "SELECT cos(0)",
                gives: "1.0",
            },
        ),
        Entry::scalar(
            function("sin", "sin(angle)", |call| all(call, f64::sin)),
            Help {
                name: "sin",
                syntax: "sin(angle)",
                line: "The sine of an angle in radians.",
                example: "SELECT sin(0)",
                gives: "0.0",
            },
        ),
        Entry::scalar(
            function("tan", "tan(angle)", |call| all(call, f64::tan)),
            Help {
                name: "tan",
                syntax: "tan(angle)",
                line: "The tangent of an angle in radians.",
                example: "SELECT tan('0')",
                gives: "0.0",
            },
        ),
        Entry::scalar(
            // By the factor that Java has.
            function("degrees", "degrees(radians)", |call| all(call, |angle| angle * (180.0 / std::f64::consts::PI))),
            Help {
                name: "degrees",
                syntax: "degrees(radians)",
                line: "An angle in degrees.",
                example: "SELECT degrees(pi())",
                gives: "180.0",
            },
        ),
        Entry::scalar(
            function("radians", "radians(degrees)", |call| all(call, |angle| angle * (std::f64::consts::PI / 180.0))),
            Help {
                name: "radians",
                syntax: "radians(degrees)",
                line: "An angle in radians.",
                example: "SELECT radians(180) = pi()",
                gives: "true",
            },
        ),
        Entry::scalar(
            function("exp", "exp(number)", |call| all(call, f64::exp)),
            Help {
                name: "exp",
                syntax: "exp(number)",
                line: "Euler's number to the power of the given one.",
                example: "SELECT exp(0)",
                gives: "1.0",
            },
        ),
        Entry::scalar(
            function("ln", "ln(number)", |call| partial(call, is_positive, f64::ln)),
            Help {
                name: "ln",
                syntax: "ln(number)",
                line: "The natural logarithm; NULL if the number is not positive.",
                example: "SELECT ln(1), ln(0), ln(-1)",
                gives: "0.0,NULL,NULL",
            },
        ),
        Entry::scalar(
            function("log10", "log10(number)", |call| partial(call, is_positive, f64::log10)),
            Help {
                name: "log10",
                syntax: "log10(number)",
                line: "The decimal logarithm; NULL if the number is not positive.",
                example: "SELECT log10(1000), log10(0)",
                gives: "3.0,NULL",
            },
        ),
        Entry::scalar(
            // As Java has to, without a function of its own: the last digit is the same.
            function("log2", "log2(number)", |call| {
                partial(call, is_positive, |number| number.ln() / std::f64::consts::LN_2)
            }),
            Help {
                name: "log2",
                syntax: "log2(number)",
                line: "The binary logarithm; NULL if the number is not positive.",
                example: "SELECT log2(8), log2(0)",
                gives: "3.0,NULL",
            },
        ),
        Entry::scalar(
            Function::new(
                "log",
                "log([base, ]number)",
                Takes::OneOf(&[&[Kind::Number], &[Kind::Number, Kind::Number]]),
                Gives::Always(DataType::Float64),
                |call| {
                    if call.len() == 1 {
                        return partial(call, is_positive, f64::ln);
                    }
                    let (bases, numbers) = (call.floats(0)?, call.floats(1)?);
                    Ok(Arc::new(call.map2::<_, _, Float64Type>(&bases, &numbers, |base, number| {
                        (base > 1.0 && number > 0.0).then(|| number.ln() / base.ln())
                    })))
                },
            ),
            Help {
                name: "log",
                syntax: "log([base, ]number)",
                line: "The logarithm, natural if no base is given; NULL if the number is not positive or the base not above 1.",
                example: "SELECT log(2, 8), log(1), log(1, 8), log(10, 0)",
                gives: "3.0,0.0,NULL,NULL",
            },
        ),
        Entry::scalar(
            function("sqrt", "sqrt(number)", |call| partial(call, is_not_negative, f64::sqrt)),
            Help {
                name: "sqrt",
                syntax: "sqrt(number)",
                line: "The square root; NULL of a negative number.",
                example: "SELECT sqrt('4'), sqrt(-1)",
                gives: "2.0,NULL",
            },
        ),
        Entry::scalar(
            constant("e", "e()", |call| Ok(Arc::new(Float64Array::from_value(std::f64::consts::E, call.rows())))),
            Help {
                name: "e",
                syntax: "e()",
                line: "Euler's number.",
                example: "SELECT e()",
                gives: "2.718281828459045",
            },
        ),
        Entry::known(Help {
            name: "pi",
            syntax: "pi()",
            line: "The number pi.",
            example: "SELECT pi()",
            gives: "3.141592653589793",
        }),
    ]
}
