//! Numbers.

mod bases;
mod bits;
pub(super) mod decimals;
mod division;
mod doubles;
mod extremes;
pub(crate) mod random;
pub(crate) mod rounding;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array};
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::functions::math::signum;
use datafusion::logical_expr::ReturnFieldArgs;
use datafusion_spark::function::math;

use super::call::{Function, Gives, Kind, Takes};
use super::lenient::Lenient;
use super::operand::convert;
use crate::functions::entry::{Entry, Help};

pub(crate) fn entries() -> Vec<Entry> {
    let mut entries = doubles::entries();
    entries.extend(rounding::entries());
    entries.extend(division::entries());
    entries.extend(bases::entries());
    entries.extend(bits::entries());
    entries.extend(extremes::entries());
    entries.extend(random::entries());
    entries.extend(theirs());
    entries.push(positive());
    entries.push(factorial());
    entries
}

fn theirs() -> Vec<Entry> {
    vec![
        Entry::scalar(
            Lenient::new("abs", "abs(number)", math::abs()),
            Help {
                name: "abs",
                syntax: "abs(number)",
                line: "The number without its sign.",
                example: "SELECT abs(-3), abs('-3')",
                gives: "3,3.0",
            },
        ),
        Entry::scalar(
            Lenient::new("ceil", "ceil(number)", math::ceil()),
            Help {
                name: "ceil",
                syntax: "ceil(number)",
                line: "The least integer that is not less; ceiling is the same.",
                example: "SELECT ceil(1.2), ceiling('-1.2'), ceil(CAST('1.2' AS DECIMAL(2,1)))",
                gives: "2,-1,2",
            },
        ),
        Entry::scalar(
            Lenient::new("floor", "floor(number)", math::floor()),
            Help {
                name: "floor",
                syntax: "floor(number)",
                line: "The greatest integer that is not greater.",
                example: "SELECT floor(-1.2), floor('1.9')",
                gives: "-2,1",
            },
        ),
        Entry::scalar(
            Lenient::new("negative", "negative(number)", math::negative()),
            Help {
                name: "negative",
                syntax: "negative(number)",
                line: "The number with the other sign.",
                example: "SELECT negative(3)",
                gives: "-3",
            },
        ),
        Entry::scalar(
            Lenient::new("sign", "sign(number)", signum()).aliases(&["signum"]),
            Help {
                name: "sign",
                syntax: "sign(number)",
                line: "-1, 0 or 1; signum is the same.",
                example: "SELECT sign(-2.5), signum('7'), sign(0)",
                gives: "-1.0,1.0,0.0",
            },
        ),
        Entry::scalar(
            Function::new(
                "pow",
                "pow(base, exponent)",
                Takes::OneOf(&[&[Kind::Number, Kind::Number]]),
                Gives::Always(DataType::Float64),
                |call| {
                    let (bases, exponents) = (call.floats(0)?, call.floats(1)?);
                    let powers = call.map2::<_, _, Float64Type>(
                        &bases,
                        &exponents,
                        // Java: one to the power of NaN or of an infinity is NaN.
                        |base, exponent| {
                            Some(if base.abs() == 1.0 && !exponent.is_finite() {
                                f64::NAN
                            } else {
                                base.powf(exponent)
                            })
                        },
                    );
                    Ok(Arc::new(powers) as ArrayRef)
                },
            )
            .aliases(&["power"]),
            Help {
                name: "pow",
                syntax: "pow(base, exponent)",
                line: "The base to the power of the exponent, a double; power is the same.",
                example: "SELECT pow(2, 10), power(0, -1)",
                gives: "1024.0,inf",
            },
        ),
        Entry::known(Help {
            name: "bin",
            syntax: "bin(integer)",
            line: "The integer in binary digits.",
            example: "SELECT bin(13)",
            gives: "1101",
        }),
        Entry::known(Help {
            name: "hex",
            syntax: "hex(value)",
            line: "An integer, or the bytes of text or binary, in hexadecimal digits.",
            example: "SELECT hex(255), hex('Hive'), hex(-1)",
            gives: "FF,48697665,FFFFFFFFFFFFFFFF",
        }),
        Entry::known(Help {
            name: "unhex",
            syntax: "unhex(text)",
            line: "The bytes that hexadecimal digits stand for; NULL if they are none.",
            example: "SELECT CAST(unhex('48697665') AS STRING), unhex('xyz')",
            gives: "Hive,NULL",
        }),
        Entry::known(Help {
            name: "width_bucket",
            syntax: "width_bucket(number, least, greatest, buckets)",
            line: "The number of the bucket that a number is in, of so many equal ones; 0 below the first.",
            example: "SELECT width_bucket(5, 0, 10, 4), width_bucket(-1, 0, 10, 4), width_bucket(10, 0, 10, 4)",
            gives: "3,0,5",
        }),
    ]
}

fn positive() -> Entry {
    let gives = |args: &ReturnFieldArgs| {
        Ok(match args.arg_fields.first().map(|field| field.data_type()) {
            Some(data_type) if data_type.is_numeric() => data_type.clone(),
            _ => DataType::Float64,
        })
    };
    Entry::scalar(
        Function::new("positive", "positive(number)", Takes::OneOf(&[&[Kind::Number]]), Gives::By(gives), |call| {
            if call.data_type(0).is_numeric() {
                return call.column(0);
            }
            let (numbers, rows) = (call.floats(0)?, call.rows());
            convert(
                &(Arc::new((0..rows).map(|row| numbers.at(row)).collect::<Float64Array>()) as ArrayRef),
                call.gives(),
            )
        }),
        Help {
            name: "positive",
            syntax: "positive(number)",
            line: "The number itself.",
            example: "SELECT positive(-3)",
            gives: "-3",
        },
    )
}

fn factorial() -> Entry {
    Entry::scalar(
        Function::new(
            "factorial",
            "factorial(integer)",
            Takes::OneOf(&[&[Kind::Number]]),
            Gives::Always(DataType::Int64),
            |call| {
                let numbers = call.ints(0)?;
                let factorials: Vec<i64> = (0..=20)
                    .scan(1, |product: &mut i64, n: i64| {
                        *product *= n.max(1);
                        Some(*product)
                    })
                    .collect();
                let of = |n: i64| usize::try_from(n).ok().and_then(|n| factorials.get(n).copied());
                Ok(Arc::new(call.map::<_, Int64Type>(&numbers, of)))
            },
        ),
        Help {
            name: "factorial",
            syntax: "factorial(integer)",
            line: "The factorial of 0 to 20; NULL of others.",
            example: "SELECT factorial(5), factorial(21), factorial(-1)",
            gives: "120,NULL,NULL",
        },
    )
}
