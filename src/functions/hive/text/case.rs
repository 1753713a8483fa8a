//! Upper and lower case, and what else DataFusion has right but only for texts

use datafusion::arrow::array::ArrayRef;
use datafusion::error::Result;
use datafusion::functions::string;

use crate::functions::columns::texts;
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::over(
            Help {
                name: "lower",
                syntax: "lower(text)",
                line: "In lower case.",
                example: "SELECT lower('ÄbC'), lcase('X')",
                gives: "äbc,x",
            },
            &[Kind::Text],
            Gives::Text,
            string::lower(),
        )
        .aliases(&["lcase"])
        .entry(),
        Function::over(
            Help {
                name: "upper",
                syntax: "upper(text)",
                line: "In upper case.",
                example: "SELECT upper('äbC'), ucase('x')",
                gives: "ÄBC,X",
            },
            &[Kind::Text],
            Gives::Text,
            string::upper(),
        )
        .aliases(&["ucase"])
        .entry(),
        Function::new(
            Help {
                name: "initcap",
                syntax: "initcap(text)",
                line: "The first letter of each word in upper case, the others in lower case; words lie between spaces.",
                example: "SELECT initcap('tHE soap-opera')",
                gives: "The Soap-opera",
            },
            &[Kind::Text],
            Gives::Text,
            initcap,
        )
        .entry(),
        Function::over(
            Help {
                name: "levenshtein",
                syntax: "levenshtein(text, text)",
                line: "How many characters have to be changed, added or removed to make one text of another.",
                example: "SELECT levenshtein('kitten', 'sitting')",
                gives: "3",
            },
            &[Kind::Text, Kind::Text],
            Gives::Integer,
            string::levenshtein(),
        )
        .entry(),
        Function::over(
            Help {
                name: "soundex",
                syntax: "soundex(text)",
                line: "A code of what an English word sounds like.",
                example: "SELECT soundex('Miller')",
                gives: "M460",
            },
            &[Kind::Text],
            Gives::Text,
            datafusion_spark::function::string::soundex(),
        )
        .entry(),
    ]
}

fn initcap(call: &Call) -> Result<ArrayRef> {
    let values = call.texts(0)?;
    let mut bytes = Vec::new();
    texts(call.rows, |row, text| {
        let Some(value) = values.get(row) else { return Ok(false) };
        let mut starts_word = true;
        if value.is_ascii() {
            bytes.clear();
            bytes.extend(value.bytes().map(|byte| {
                let byte = if starts_word { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() };
                starts_word = byte.is_ascii_whitespace();
                byte
            }));
            text.push_str(std::str::from_utf8(&bytes).unwrap_or(value));
            return Ok(true);
        }
        for c in value.chars() {
            match starts_word {
                true => {
                    // What becomes two letters, as ß, has but one of them in upper case.
                    let mut letters = c.to_uppercase();
                    text.extend(letters.next());
                    text.extend(letters.flat_map(char::to_lowercase));
                }
                false => text.extend(c.to_lowercase()),
            }
            starts_word = c.is_whitespace();
        }
        Ok(true)
    })
}
