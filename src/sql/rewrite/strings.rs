//! `SELECT 'a' 'b'`: refused
//!
//! DataFusion would name the column `b`, where two strings side by side mean one string to others.

use sqlparser::ast::{Expr, Select, SelectItem};

use super::Refusal;
use super::ast::string_value;
use super::text::next_char;
use crate::sql::source::{Source, Span};

pub(super) fn refuse_side_by_side(select: &Select, source: &Source) -> Result<(), Refusal> {
    let doubtful = select.projection.iter().find_map(|item| match item {
        SelectItem::ExprWithAlias { expr: Expr::Value(value), alias }
            if alias.quote_style == Some('\'') && string_value(&value.value).is_some() =>
        {
            // The name has no place of its own.
            match next_char(source, value.span.end)? {
                ('\'', place) => Some(Span::new(place, place)),
                _ => None,
            }
        }
        _ => None,
    });
    match doubtful {
        Some(span) => Err(Refusal::new("two strings side by side are not one string", span)
            .help("|| joins them; AS gives the column a name")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused, unchanged};

    #[test]
    fn a_string_behind_a_string_is_no_name() {
        refused("SELECT 1, 'a' ▸'b' FROM t", "two strings side by side are not one string");
        refused("SELECT 'a'\n  ▸'b'", "two strings side by side are not one string");
    }

    #[test]
    fn names_are_left_alone() {
        unchanged("SELECT 'a' AS 'b', 'a' AS b, s AS 'c' FROM t");
    }
}
