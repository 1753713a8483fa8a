//! Values that cannot be converted, in SQL's words: `'x' cannot be converted to INT`
//!
//! Arrow says it in a dozen ways, with its own names of types. Which type was wanted stays with the error, so that the cast can be found in
//! the text.

use super::Error;
use super::words::in_sql;

/// The error of a cast that failed.
pub(crate) fn error(message: &str) -> Error {
    match read(message.trim()) {
        Some(Failed { value, problem, wanted }) => {
            let mut error = Error::statement(match problem {
                Problem::Unlike => format!("{value} cannot be converted to {wanted}"),
                Problem::OutOfRange(bound) => format!("{value} is out of range for {wanted}{bound}"),
            })
            .help("TRY_CAST gives NULL for what cannot be converted");
            error.inner.failed_cast = Some(wanted);
            error
        }
        None => Error::statement(in_sql(message)).help("TRY_CAST gives NULL for what cannot be converted"),
    }
}

/// Whether Arrow's message, of whatever variant, is of a cast.
pub(super) fn is_of_cast(message: &str) -> bool {
    read(message.trim()).is_some()
}

struct Failed {
    value: String,
    problem: Problem,
    /// The name of the type.
    wanted: String,
}

enum Problem {
    Unlike,
    /// With what the bound is, if that is known.
    OutOfRange(String),
}

fn read(message: &str) -> Option<Failed> {
    let quoted = |text: &str| format!("'{text}'");
    for opening in ["Cannot cast string '", "Cannot cast value '"] {
        if let Some(rest) = message.strip_prefix(opening) {
            let (value, wanted) = rest.rsplit_once("' to value of ")?;
            let wanted = wanted.strip_suffix(" type").unwrap_or(wanted);
            return Some(Failed { value: quoted(value), problem: Problem::Unlike, wanted: type_name(wanted) });
        }
    }
    if let Some(rest) = message.strip_prefix("Error parsing timestamp from '") {
        let (value, _) = rest.rsplit_once("': ")?;
        return Some(Failed { value: quoted(value), problem: Problem::Unlike, wanted: "TIMESTAMP".to_string() });
    }
    if let Some((value, wanted)) =
        message.strip_prefix("value of ").and_then(|rest| rest.split_once(" is out of range "))
    {
        let problem = Problem::OutOfRange(String::new());
        return Some(Failed { value: value.to_string(), problem, wanted: type_name(wanted) });
    }
    if let Some((value, wanted)) =
        message.strip_prefix("Can't cast value ").and_then(|rest| rest.split_once(" to type "))
    {
        let problem = Problem::OutOfRange(String::new());
        return Some(Failed { value: value.to_string(), problem, wanted: type_name(wanted) });
    }
    let (value, rest) = message
        .split_once(" is too large to store in a Decimal")
        .or_else(|| message.split_once(" is too small to store in a Decimal"))?;
    let (_, rest) = rest.split_once(" of precision ")?;
    let (digits, bound) = rest.split_once(". ")?;
    let bound = bound.split_once(" is ").map_or(bound, |(_, bound)| bound);
    let problem = Problem::OutOfRange(format!(" of {digits} digits, which ends at {}", bound.trim_end_matches('.')));
    Some(Failed { value: value.to_string(), problem, wanted: "DECIMAL".to_string() })
}

/// SQL's name of one of Arrow's types. What a DECIMAL's digits are on the way to another one says nothing to a user.
fn type_name(arrow: &str) -> String {
    if arrow.starts_with("Timestamp") {
        return "TIMESTAMP".to_string();
    }
    if arrow.starts_with("Time32") || arrow.starts_with("Time64") {
        return "TIME".to_string();
    }
    if arrow.starts_with("Decimal") {
        return "DECIMAL".to_string();
    }
    in_sql(arrow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrow_says_of_a_cast_is_said_in_sql() {
        for (theirs, ours) in [
            ("Cannot cast string 'it's' to value of Int32 type", "'it's' cannot be converted to INT"),
            ("Cannot cast value 'x' to value of Boolean type", "'x' cannot be converted to BOOLEAN"),
            ("Cannot cast string 'x' to value of Decimal128(38, 10) type", "'x' cannot be converted to DECIMAL"),
            (
                "Error parsing timestamp from 'x': timestamp must contain at least 10 characters",
                "'x' cannot be converted to TIMESTAMP",
            ),
            ("value of 1000 is out of range Int32", "1000 is out of range for INT"),
            ("Can't cast value 300 to type Int8", "300 is out of range for TINYINT"),
            (
                "123456.00 is too large to store in a Decimal128 of precision 5. Max is 999.99",
                "123456.00 is out of range for DECIMAL of 5 digits, which ends at 999.99",
            ),
            ("Casting from Int64 to Utf8 not supported", "Casting from BIGINT to VARCHAR not supported"),
        ] {
            assert_eq!(error(theirs).message(), ours);
        }
        assert_eq!(error("Can't cast value 300 to type Int8").failed_cast(), Some("TINYINT"));
        assert!(!is_of_cast("It may have multiple causes. Value is too small"));
    }
}
