//! `repeat` and `space`
//!
//! Datafusion-spark's `space` makes the spaces before it asks how many they are.

use datafusion::arrow::array::ArrayRef;
use datafusion::common::exec_err;
use datafusion::error::Result;

use crate::functions::columns::{Integers, Texts, texts, within_a_batch};
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "repeat",
                syntax: "repeat(text, count)",
                line: "A text so many times.",
                example: "SELECT repeat('ab', 3), repeat('ab', -1)",
                gives: "ababab,",
            },
            &[Kind::Text, Kind::Integer],
            Gives::Text,
            |call| repeated(call, Some(&call.texts(0)?), &call.integers(1)?),
        )
        .entry(),
        Function::new(
            Help {
                name: "space",
                syntax: "space(count)",
                line: "So many spaces.",
                example: "SELECT concat('<', space(3), '>')",
                gives: "<   >",
            },
            &[Kind::Integer],
            Gives::Text,
            |call| repeated(call, None, &call.integers(0)?),
        )
        .entry(),
    ]
}

fn repeated(call: &Call, values: Option<&Texts>, counts: &Integers) -> Result<ArrayRef> {
    texts(call.rows, |row, text| {
        let value = values.map_or(Some(" "), |values| values.get(row));
        let (Some(value), Some(count)) = (value, counts.get(row)) else { return Ok(false) };
        let count = usize::try_from(count).unwrap_or(0);
        let Some(length) = value.len().checked_mul(count) else {
            return exec_err!("{} would make a text of more than 2 GiB", call.name);
        };
        within_a_batch(0, length)?;
        text.reserve(length);
        if !value.is_empty() {
            for _ in 0..count {
                text.push_str(value);
            }
        }
        Ok(true)
    })
}
