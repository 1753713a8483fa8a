//! `substr` with Hive's positions: 0 is 1, and a negative one counts from the end
//!
//! `substring(…)` is syntax, for which DataFusion takes its own function whatever is registered; hence the planner.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::error::Result;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult};
use datafusion::logical_expr::{Expr, ScalarUDF};

use crate::functions::columns::{BytesBuilder, characters, offset_of, parts};
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Callable, Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "substr",
                syntax: "substr(text or bytes, start[, length])",
                line: "A part of a text; the first character is 1 (and 0), a negative start counts from the end.",
                example: "SELECT substr('facebook', 5), substr('facebook', -5, 3), substring('facebook', 0, 4)",
                gives: "book,ebo,face",
            },
            &[Kind::TextOrBytes, Kind::Integer],
            Gives::SameAsFirst,
            substring,
        )
        .optional(&[Kind::Integer])
        .aliases(&["substring"])
        .entry(),
    ]
}

/// Gives `substring(…)` this meaning.
#[derive(Debug)]
pub struct Substring {
    function: Option<Arc<ScalarUDF>>,
}

impl Default for Substring {
    fn default() -> Self {
        let function = entries().into_iter().find_map(|entry| match entry.function {
            Callable::Scalar(function) => Some(function),
            _ => None,
        });
        Substring { function }
    }
}

impl ExprPlanner for Substring {
    fn plan_substring(&self, arguments: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        match &self.function {
            Some(function) => Ok(PlannerResult::Planned(function.call(arguments))),
            None => Ok(PlannerResult::Original(arguments)),
        }
    }
}

/// From where to where, counted from 0, in something of a length. A start outside of it gives nothing, as in Hive: Spark takes
/// `substr('abc', -5, 4)` for two characters before the text and two of it.
fn range(start: i64, length: Option<i64>, whole: usize) -> (usize, usize) {
    let whole = i64::try_from(whole).unwrap_or(i64::MAX);
    let length = length.unwrap_or(i64::MAX);
    if length <= 0 || start.unsigned_abs() > whole.unsigned_abs() {
        return (0, 0);
    }
    let from = match start {
        1.. => start - 1,
        0 => 0,
        _ => whole + start,
    };
    (from as usize, from.saturating_add(length).min(whole) as usize)
}

fn substring(call: &Call) -> Result<ArrayRef> {
    let starts = call.integers(1)?;
    let lengths = call.optional_integers(2)?;
    let bounds = |row: usize| -> Option<(i64, Option<i64>)> {
        match &lengths {
            Some(lengths) => Some((starts.get(row)?, Some(lengths.get(row)?))),
            None => Some((starts.get(row)?, None)),
        }
    };
    if call.is_bytes(0) {
        let bytes = call.bytes(0)?;
        let mut builder = BytesBuilder::new();
        for row in 0..call.rows {
            let part = bytes.get(row).zip(bounds(row)).map(|(bytes, (start, length))| {
                let (from, to) = range(start, length, bytes.len());
                bytes.get(from..to).unwrap_or_default()
            });
            builder.push(part)?;
        }
        return Ok(builder.finish());
    }
    let texts = call.texts(0)?;
    parts(&texts, call.rows, |row| {
        let (Some(text), Some((start, length))) = (texts.get(row), bounds(row)) else { return Ok(None) };
        let is_ascii = text.is_ascii();
        let (from, to) = range(start, length, characters(text, is_ascii));
        let from_offset = offset_of(text, from, is_ascii);
        Ok(Some((from_offset, from_offset + offset_of(&text[from_offset..], to - from, is_ascii))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_hives() {
        assert_eq!(range(0, Some(2), 3), (0, 2));
        assert_eq!(range(1, None, 3), (0, 3));
        assert_eq!(range(-2, Some(1), 3), (1, 2));
        assert_eq!(range(4, None, 3), (0, 0));
        assert_eq!(range(-5, Some(4), 3), (0, 0));
        assert_eq!(range(2, Some(i64::MAX), 3), (1, 3));
        assert_eq!(range(i64::MIN, Some(-1), 3), (0, 0));
        assert_eq!(range(i64::MIN, None, 0), (0, 0));
    }
}
