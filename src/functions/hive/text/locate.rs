//! Where a text lies in another, or in a list of texts
//!
//! `instr` and `locate` say the same with their arguments in another order.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::Int32Type;
use datafusion::error::Result;

use crate::functions::columns::{Texts, characters, numbers, offset_of};
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};
use crate::functions::search::Searcher;

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "instr",
                syntax: "instr(text, part)",
                line: "Where a part first begins in a text, counted from 1, or 0.",
                example: "SELECT instr('dabta', 'a'), instr('dabta', 'x')",
                gives: "2,0",
            },
            &[Kind::Text, Kind::Text],
            Gives::Integer,
            |call| positions(call, &call.texts(0)?, &call.texts(1)?, false),
        )
        .entry(),
        Function::new(
            Help {
                name: "locate",
                syntax: "locate(part, text[, start])",
                line: "Where a part first begins in a text, from a position on, or 0.",
                example: "SELECT locate('bar', 'foobarbar'), locate('bar', 'foobarbar', 5)",
                gives: "4,7",
            },
            &[Kind::Text, Kind::Text],
            Gives::Integer,
            |call| positions(call, &call.texts(1)?, &call.texts(0)?, true),
        )
        .optional(&[Kind::Integer])
        .entry(),
        Function::new(
            Help {
                name: "field",
                syntax: "field(text, text, …)",
                line: "Which of the texts that follow is the first one, counted from 1, or 0.",
                example: "SELECT field('b', 'a', 'b', 'c'), field(NULL, 'a')",
                gives: "2,0",
            },
            &[Kind::Text, Kind::Text],
            Gives::Integer,
            field,
        )
        .rest(Kind::Text)
        .entry(),
        Function::over(
            Help {
                name: "find_in_set",
                syntax: "find_in_set(text, list)",
                line: "Where a text stands in a list that is separated by commas, counted from 1, or 0.",
                example: "SELECT find_in_set('ab', 'abc,b,ab,c,def')",
                gives: "3",
            },
            &[Kind::Text, Kind::Text],
            Gives::Integer,
            datafusion::functions::unicode::find_in_set(),
        )
        .entry(),
    ]
}

fn positions(call: &Call, texts: &Texts, sought: &Texts, has_start: bool) -> Result<ArrayRef> {
    let starts = if has_start { call.optional_integers(2)? } else { None };
    let mut searcher = Searcher::default();
    numbers::<Int32Type>(call.rows, |row| {
        let (Some(text), Some(part)) = (texts.get(row), sought.get(row)) else { return Ok(None) };
        // A start that is NULL is one at which nothing is found.
        let start = starts.as_ref().map_or(1, |starts| starts.get(row).unwrap_or(0));
        let before = match usize::try_from(start) {
            Ok(start @ 1..) => start - 1,
            _ => return Ok(Some(0)),
        };
        if part.is_empty() {
            return Ok(Some(1));
        }
        let is_ascii = text.is_ascii();
        let offset = offset_of(text, before, is_ascii);
        let found = searcher.find(&text[offset..], part);
        let position = found.map_or(0, |found| characters(&text[..offset + found], is_ascii) + 1);
        Ok(Some(i32::try_from(position).unwrap_or(i32::MAX)))
    })
}

fn field(call: &Call) -> Result<ArrayRef> {
    let sought = call.texts(0)?;
    let others = call.texts_from(1)?;
    numbers::<Int32Type>(call.rows, |row| {
        let place = sought.get(row).and_then(|sought| others.iter().position(|other| other.get(row) == Some(sought)));
        Ok(Some(place.map_or(0, |place| i32::try_from(place + 1).unwrap_or(i32::MAX))))
    })
}
