//! Where something stands in the user's text.
//!
//! A column keeps its place from the parser, but not in which text: the statement's or a view's. So a place is only told if
//! exactly one of the texts has that column's name there.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Span};
use datafusion::logical_expr::Expr;
use sqlparser::ast::Ident;
use sqlparser::tokenizer::Location;

use super::{QueryText, Subject};
use crate::catalog::model::TableName;
use crate::explain::mentions::{Mention, MentionKind};
use crate::explain::report::Place;

impl Subject<'_> {
    /// The place of a column, if it can be told.
    pub(super) fn place_of_column(&self, column: &Column) -> Option<Place> {
        let spans = column.spans().iter().copied();
        spans.filter_map(|span| self.place_of_name(span, &column.name)).next()
    }

    /// The place of an expression: from its first column to its last.
    pub(super) fn place_of(&self, expr: &Expr) -> Option<Place> {
        let mut found: Vec<Place> = Vec::new();
        // Collecting cannot fail.
        let _ = expr.apply(|part| {
            match part {
                Expr::Column(column) | Expr::OuterReferenceColumn(_, column) => {
                    found.extend(self.place_of_column(column));
                }
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        });
        let first = found.iter().min()?.clone();
        let last =
            found.into_iter().filter(|place| place.view == first.view).max_by_key(|p| (p.end_line, p.end_column))?;
        Some(Place { end_line: last.end_line, end_column: last.end_column, ..first })
    }

    /// The place of the first of several expressions that has one.
    pub(super) fn place_of_any<'e>(&self, exprs: impl IntoIterator<Item = &'e Expr>) -> Option<Place> {
        exprs.into_iter().find_map(|expr| self.place_of(expr))
    }

    /// The place where a table is first named.
    pub(super) fn place_of_table(&self, table: &TableName) -> Option<Place> {
        let is_table = |mention: &&Mention| matches!(&mention.kind, MentionKind::Table(name) if name == table);
        let mention = self.mentions.iter().map(|(_, mention)| mention).find(is_table)?;
        Place::new(mention.factor, mention.view.as_ref())
    }

    fn place_of_name(&self, span: Span, name: &str) -> Option<Place> {
        let mut texts = self.queries.iter().filter(|text| is_named(text, span, name));
        let text = texts.next()?;
        if texts.next().is_some() {
            return None;
        }
        let start = Location::new(span.start.line, span.start.column);
        let end = Location::new(span.end.line, span.end.column);
        Place::new(sqlparser::tokenizer::Span::new(start, end), text.view.as_ref())
    }
}

/// Whether the text between the ends of `span` is `name`, with or without a qualifier.
fn is_named(text: &QueryText, span: Span, name: &str) -> bool {
    let Some(line) = text.source.line(span.end.line) else { return false };
    let column = |column: u64| usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
    let from = if span.start.line == span.end.line { column(span.start.column) } else { 0 };
    let written: String = line.chars().take(column(span.end.column)).skip(from).collect();
    let last = written.rsplit('.').next().unwrap_or_default().trim();
    last.trim_matches(['"', '`']).eq_ignore_ascii_case(name)
}

/// The place of a name in the parsed text.
pub(super) fn of_ident(ident: &Ident, text: &QueryText) -> Option<Place> {
    Place::new(ident.span, text.view.as_ref())
}
