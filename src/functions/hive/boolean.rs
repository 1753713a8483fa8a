//! `hive_spelled_boolean(text)`: what a text beside a BOOLEAN is taken for, as in `flag = 'true'`
//!
//! A cast takes each text for true that is not one of a few; compared, one that spells neither is NULL.

use std::sync::Arc;

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::datatypes::DataType;

use super::call::{Function, Gives, Kind, Takes};

pub(super) fn spelled() -> Function {
    Function::new(
        "hive_spelled_boolean",
        "hive_spelled_boolean(text)",
        Takes::OneOf(&[&[Kind::Text]]),
        Gives::Always(DataType::Boolean),
        |call| {
            let texts = call.texts(0)?;
            let values = (0..call.rows()).map(|row| texts.at(row).and_then(boolean));
            Ok(Arc::new(values.collect::<BooleanArray>()))
        },
    )
}

fn boolean(text: &str) -> Option<bool> {
    let text = text.trim();
    let is_one_of = |words: [&str; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match text {
        _ if is_one_of(["t", "true", "y", "yes", "1"]) => Some(true),
        _ if is_one_of(["f", "false", "n", "no", "0"]) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::boolean;

    #[test]
    fn what_spells_neither_is_null() {
        for text in ["true", " T ", "YES", "y", "1"] {
            assert_eq!(boolean(text), Some(true), "{text}");
        }
        for text in ["false", "F", "no", "N", "0"] {
            assert_eq!(boolean(text), Some(false), "{text}");
        }
        for text in ["", "on", "off", "2", "truth"] {
            assert_eq!(boolean(text), None, "{text}");
        }
    }
}
