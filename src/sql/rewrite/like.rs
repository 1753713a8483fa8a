//! `s LIKE 'a!%' ESCAPE '!'` → `s LIKE 'a\%'`, `s LIKE ANY ('a%', 'b%')` → `(s LIKE 'a%' OR s LIKE 'b%')`, and LIKE ALL with AND
//!
//! DataFusion knows the backslash only, and says so when the query runs already. LIKE ALL it takes for a call of a function
//! named `all`.

use sqlparser::ast::{
    Array, BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Spanned, ValueWithSpan,
};
use sqlparser::tokenizer::Span;

use super::Refusal;
use super::ast::{bare, is_word, joined, string, string_literal, string_value};

pub(super) fn to_datafusion(expr: &mut Expr) -> Result<(), Refusal> {
    spread(expr)?;
    match expr {
        Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
            to_backslashes(pattern, escape_char)
        }
        _ => Ok(()),
    }
}

fn to_backslashes(pattern: &mut Expr, escape: &mut Option<ValueWithSpan>) -> Result<(), Refusal> {
    let Some(value) = escape.as_ref() else { return Ok(()) };
    let escape_char = escape_of(value)?;
    if escape_char == Some('\\') {
        return Ok(());
    }
    let span = pattern.span();
    let Some(text) = string_literal(pattern) else {
        return Err(Refusal::new("ESCAPE is supported for patterns that are literals", span)
            .help("write the pattern with backslashes, and leave out ESCAPE"));
    };
    let mut converted = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if Some(char) == escape_char {
            let Some(escaped) = chars.next() else { return Err(ends_with_escape(span)) };
            if matches!(escaped, '%' | '_' | '\\') {
                converted.push('\\');
            }
            converted.push(escaped);
        } else {
            if char == '\\' {
                converted.push('\\');
            }
            converted.push(char);
        }
    }
    *pattern = string(converted, span);
    *escape = None;
    Ok(())
}

/// The character behind ESCAPE; `None` if it is '': nothing is escaped then.
pub(super) fn escape_of(value: &ValueWithSpan) -> Result<Option<char>, Refusal> {
    let wrong = || Refusal::new("ESCAPE takes one character", value.span);
    let mut chars = string_value(&value.value).ok_or_else(wrong)?.chars();
    match (chars.next(), chars.next()) {
        (char, None) => Ok(char),
        _ => Err(wrong()),
    }
}

pub(super) fn ends_with_escape(span: Span) -> Refusal {
    Refusal::new("the pattern ends with its escape character", span)
}

/// A comparison for each pattern.
fn spread(expr: &mut Expr) -> Result<(), Refusal> {
    let (any, pattern) = match &*expr {
        Expr::Like { any, pattern, .. } | Expr::ILike { any, pattern, .. } => (*any, pattern.as_ref()),
        _ => return Ok(()),
    };
    let patterns = if any { Some(members(pattern)) } else { all_of(pattern) };
    let Some(patterns) = patterns else { return Ok(()) };
    let word = if any { "ANY" } else { "ALL" };
    if patterns.is_empty() {
        return Err(Refusal::new(format!("LIKE {word} is not supported here"), expr.span())
            .help("write a LIKE for each pattern, joined with OR or AND"));
    }
    let each = patterns.into_iter().map(|one| {
        let mut like = expr.clone();
        if let Expr::Like { any, pattern, .. } | Expr::ILike { any, pattern, .. } = &mut like {
            *any = false;
            **pattern = one;
        }
        like
    });
    let operator = if any { BinaryOperator::Or } else { BinaryOperator::And };
    if let Some(all) = joined(each.collect(), operator) {
        *expr = Expr::Nested(Box::new(all));
    }
    if let Expr::Nested(inner) = expr {
        each_like(inner)?;
    }
    Ok(())
}

/// The comparisons that came of one, with their ESCAPE.
fn each_like(expr: &mut Expr) -> Result<(), Refusal> {
    match expr {
        Expr::BinaryOp { left, right, .. } => {
            each_like(left)?;
            each_like(right)
        }
        Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
            to_backslashes(pattern, escape_char)
        }
        _ => Ok(()),
    }
}

/// The patterns of a list or an array literal.
fn members(pattern: &Expr) -> Vec<Expr> {
    match pattern {
        Expr::Tuple(patterns) | Expr::Array(Array { elem: patterns, .. }) => patterns.clone(),
        Expr::Nested(inner) => match inner.as_ref() {
            Expr::Array(Array { elem, .. }) => elem.clone(),
            _ if string_literal(inner).is_some() => vec![inner.as_ref().clone()],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The arguments of what was taken for a function.
fn all_of(pattern: &Expr) -> Option<Vec<Expr>> {
    let Expr::Function(function) = pattern else { return None };
    if !bare(&function.name).is_some_and(|name| is_word(name, "all")) {
        return None;
    }
    let FunctionArguments::List(list) = &function.args else { return Some(Vec::new()) };
    list.args
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(pattern)) => Some(pattern.clone()),
            _ => None,
        })
        .collect::<Option<Vec<_>>>()
        .or(Some(Vec::new()))
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused, rewritten, unchanged};

    #[test]
    fn another_escape_becomes_a_backslash() {
        assert_eq!(
            rewritten(r"SELECT s LIKE 'a!%b!!c!x\' ESCAPE '!', s NOT ILIKE 'é%é_' ESCAPE 'é' FROM t"),
            r"SELECT s LIKE 'a\%b!cx\\', s NOT ILIKE '\%\_' FROM t"
        );
        assert_eq!(rewritten(r"SELECT s LIKE 'a\%' ESCAPE '' FROM t"), r"SELECT s LIKE 'a\\%' FROM t");
    }

    #[test]
    fn lists_of_patterns_are_compared_one_by_one() {
        assert_eq!(
            rewritten(
                "SELECT s LIKE ANY ('a%', 'b!%' ) FROM t WHERE s ILIKE ANY (ARRAY['x%']) AND s LIKE ALL ('a%', '%b')"
            ),
            "SELECT (s LIKE 'a%' OR s LIKE 'b!%') FROM t WHERE (s ILIKE 'x%') AND (s LIKE 'a%' AND s LIKE '%b')"
        );
    }

    #[test]
    fn patterns_with_backslashes_are_left_alone() {
        unchanged(r"SELECT s LIKE 'a\%', s LIKE 'a\%' ESCAPE '\', s LIKE p, s LIKE upper(p) FROM t");
    }

    #[test]
    fn what_cannot_be_converted_is_refused() {
        refused("SELECT s LIKE ▸p ESCAPE '!' FROM t", "ESCAPE is supported for patterns that are literals");
        refused("SELECT s LIKE 'a' ESCAPE ▸'!!' FROM t", "ESCAPE takes one character");
        refused("SELECT s LIKE ▸'a!' ESCAPE '!' FROM t", "the pattern ends with its escape character");
        assert_eq!(
            rewritten("SELECT s NOT LIKE ANY ('a%', 'b%') FROM t"),
            "SELECT (s NOT LIKE 'a%' OR s NOT LIKE 'b%') FROM t"
        );
        assert_eq!(
            rewritten("SELECT s NOT LIKE ALL ('a%', 'b%') FROM t"),
            "SELECT (s NOT LIKE 'a%' AND s NOT LIKE 'b%') FROM t"
        );
        refused("SELECT ▸s LIKE ANY (p) FROM t", "LIKE ANY is not supported here");
    }
}
