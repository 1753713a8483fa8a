//! `regexp_extract`, `regexp_extract_all`, `regexp_replace` and `rlike`, with Java's regular expressions
//!
//! DataFusion's functions of these names (or near ones) replace the first match alone, write groups as `\1`, and read patterns as the
//! `regex` crate does.

use datafusion::common::exec_err;
use datafusion::error::Result;

use super::pattern::{Groups, Pattern, Patterns, next_search};
use crate::functions::columns::{PartBuilder, TextBuilder, TextsBuilder, booleans};
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "regexp_extract",
                syntax: "regexp_extract(text, pattern[, group])",
                line: "The first match of a group (1 if not given, 0 for the whole match), or '' without a match.",
                example: r"SELECT regexp_extract('foothebar', 'foo(.*?)(bar)', 2)",
                gives: "bar",
            },
            &[Kind::Text, Kind::Text],
            Gives::Text,
            extract,
        )
        .optional(&[Kind::Integer])
        .entry(),
        Function::new(
            Help {
                name: "regexp_extract_all",
                syntax: "regexp_extract_all(text, pattern[, group])",
                line: "All matches of a group (1 if not given, 0 for the whole match).",
                example: r"SELECT array_to_string(regexp_extract_all('100-200, 300-400', '(\\d+)-(\\d+)', 2), ' ')",
                gives: "200 400",
            },
            &[Kind::Text, Kind::Text],
            Gives::Texts,
            extract_all,
        )
        .optional(&[Kind::Integer])
        .entry(),
        Function::new(
            Help {
                name: "regexp_replace",
                syntax: "regexp_replace(text, pattern, replacement)",
                line: "Replaces all matches; $1 stands for the first group, \\$ for a dollar sign.",
                example: r"SELECT regexp_replace('100-200', '(\\d+)-(\\d+)', '$2-$1')",
                gives: "200-100",
            },
            &[Kind::Text, Kind::Text, Kind::Text],
            Gives::Text,
            replace,
        )
        .entry(),
        Function::new(
            Help {
                name: "rlike",
                syntax: "rlike(text, pattern)",
                line: "Whether a regular expression matches anywhere in a text.",
                example: r"SELECT rlike('foobar', '^f.*r$')",
                gives: "true",
            },
            &[Kind::Text, Kind::Text],
            Gives::Boolean,
            matches,
        )
        .aliases(&["regexp", "regexp_like"])
        .entry(),
    ]
}

/// A group that a pattern has.
fn group_of(name: &str, pattern: &Pattern, group: i64) -> Result<usize> {
    match usize::try_from(group) {
        Ok(index) if index <= pattern.groups() => Ok(index),
        _ => exec_err!("{name}: the regular expression has {} group(s), there is no group {group}", pattern.groups()),
    }
}

fn extract(call: &Call) -> Result<datafusion::arrow::array::ArrayRef> {
    let texts = call.texts(0)?;
    let mut patterns = Patterns::new(call.texts(1)?)?;
    let group = call.optional_integers(2)?;
    let mut groups = Groups::new();
    let mut parts = PartBuilder::new(&texts, call.rows);
    for row in 0..call.rows {
        let group = group.as_ref().map_or(Some(1), |group| group.get(row));
        let (Some(text), Some(group), Some(pattern)) = (texts.get(row), group, patterns.get(row)?) else {
            parts.push_null();
            continue;
        };
        let group = group_of(call.name, pattern, group)?;
        let found = match group {
            0 => pattern.find(text, 0).map(Some),
            _ => pattern.capture(text, 0, &mut groups).then(|| groups[group]),
        };
        match found {
            Some(Some((start, end))) => parts.push(row, start, end),
            // As Java's: NULL for a group that took no part in the match.
            Some(None) => parts.push_null(),
            None => parts.push_empty(),
        }
    }
    parts.finish()
}

fn extract_all(call: &Call) -> Result<datafusion::arrow::array::ArrayRef> {
    let texts = call.texts(0)?;
    let mut patterns = Patterns::new(call.texts(1)?)?;
    let group = call.optional_integers(2)?;
    let mut groups = Groups::new();
    let mut lists = TextsBuilder::new(call.rows);
    for row in 0..call.rows {
        let group = group.as_ref().map_or(Some(1), |group| group.get(row));
        let (Some(text), Some(group), Some(pattern)) = (texts.get(row), group, patterns.get(row)?) else {
            lists.end_row(false);
            continue;
        };
        let group = group_of(call.name, pattern, group)?;
        let mut at = 0;
        while pattern.capture(text, at, &mut groups) {
            lists.push(Some(groups[group].map_or("", |(start, end)| &text[start..end])))?;
            at = next_search(text, groups[0].unwrap_or((at, at)));
        }
        lists.end_row(true);
    }
    Ok(lists.finish())
}

fn matches(call: &Call) -> Result<datafusion::arrow::array::ArrayRef> {
    let texts = call.texts(0)?;
    let mut patterns = Patterns::new(call.texts(1)?)?;
    booleans(call.rows, |row| match (texts.get(row), patterns.get(row)?) {
        (Some(text), Some(pattern)) => Ok(Some(pattern.is_match(text))),
        _ => Ok(None),
    })
}

#[derive(Debug, PartialEq)]
enum Piece {
    Text(String),
    Group(usize),
}

/// A replacement as Java reads it: as many digits after `$` as make the number of a group that there is.
fn pieces(replacement: &str, pattern: &Pattern) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = replacement.chars().peekable();
    while let Some(c) = rest.next() {
        let group = match c {
            '\\' => {
                match rest.next() {
                    Some(escaped) => text.push(escaped),
                    None => return exec_err!("the replacement '{replacement}' ends in a backslash"),
                }
                continue;
            }
            '$' if rest.next_if_eq(&'{').is_some() => {
                let name: String = rest.by_ref().take_while(|c| *c != '}').collect();
                match pattern.group_named(&name) {
                    Some(group) => group,
                    None => return exec_err!("the replacement '{replacement}' names a group that there is not"),
                }
            }
            '$' => {
                let Some(first) = rest.next().and_then(|c| c.to_digit(10)) else {
                    return exec_err!("the replacement '{replacement}' has a $ without a group; \\$ is a dollar sign");
                };
                let mut group = group_of("regexp_replace", pattern, i64::from(first))?;
                while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)) {
                    let longer = group * 10 + digit as usize;
                    if longer > pattern.groups() {
                        break;
                    }
                    group = longer;
                    rest.next();
                }
                group
            }
            c => {
                text.push(c);
                continue;
            }
        };
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(Piece::Group(group));
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

fn replace(call: &Call) -> Result<datafusion::arrow::array::ArrayRef> {
    let texts = call.texts(0)?;
    let patterns_are_constant = call.texts(1)?.constant().is_some();
    let mut patterns = Patterns::new(call.texts(1)?)?;
    let replacements = call.texts(2)?;
    let is_constant = patterns_are_constant && replacements.constant().is_some();
    let mut parsed: Option<Vec<Piece>> = None;
    let mut groups = Groups::new();
    let mut builder = TextBuilder::new(call.rows);
    let mut result = String::new();
    for row in 0..call.rows {
        let (Some(text), Some(replacement), Some(pattern)) =
            (texts.get(row), replacements.get(row), patterns.get(row)?)
        else {
            builder.push(None::<&str>)?;
            continue;
        };
        // Where nothing matches, Java does not look at the replacement.
        let Some(first) = pattern.find(text, 0) else {
            builder.push(Some(text))?;
            continue;
        };
        if parsed.is_none() || !is_constant {
            parsed = Some(pieces(replacement, pattern)?);
        }
        let pieces = parsed.as_deref().unwrap_or_default();
        let needs_groups = pieces.iter().any(|piece| matches!(piece, Piece::Group(1..)));
        result.clear();
        let (mut copied, mut found) = (0, Some(first));
        while let Some((start, end)) = found {
            if needs_groups && !pattern.capture(text, start, &mut groups) {
                break;
            }
            result.push_str(&text[copied..start]);
            for piece in pieces {
                match piece {
                    Piece::Text(piece) => result.push_str(piece),
                    Piece::Group(0) => result.push_str(&text[start..end]),
                    Piece::Group(group) => {
                        if let Some((from, to)) = groups.get(*group).copied().flatten() {
                            result.push_str(&text[from..to]);
                        }
                    }
                }
            }
            copied = end;
            found = pattern.find(text, next_search(text, (start, end)));
        }
        result.push_str(&text[copied..]);
        builder.push(Some(&result))?;
    }
    Ok(builder.finish())
}
