//! Constraints with their words on trust, as Hive writes them.
//!
//! `[CONSTRAINT name] PRIMARY KEY (a) | UNIQUE (a) | FOREIGN KEY (a) REFERENCES t (b) | NOT NULL (a)
//! [ENABLE|DISABLE] [VALIDATE|NOVALIDATE] [RELY|NORELY]`, and behind a column without the list.

use sqlparser::ast::Ident;
use sqlparser::parser::Parser;

use super::{Parsed, words};
use crate::sql::statement::{ConstraintDefinition, ConstraintDefinitionKind};

/// Whether a table constraint comes next, in the place of a column.
pub(super) fn comes_next(parser: &Parser) -> bool {
    match words::peek(parser, 0).as_deref() {
        Some("CONSTRAINT") => true,
        Some("PRIMARY" | "FOREIGN") => words::peek(parser, 1).as_deref() == Some("KEY"),
        Some("UNIQUE") => parser.peek_nth_token_ref(1).token == sqlparser::tokenizer::Token::LParen,
        Some("NOT") => words::peek(parser, 1).as_deref() == Some("NULL"),
        _ => false,
    }
}

/// A constraint that stands for itself, with its list of columns.
pub(super) fn table_constraint(parser: &mut Parser) -> Parsed<ConstraintDefinition> {
    let start = parser.peek_token_ref().span;
    let name = name(parser)?;
    let kind = if words::take(parser, &["PRIMARY", "KEY"]) {
        ConstraintDefinitionKind::PrimaryKey(words::names_in_parentheses(parser)?)
    } else if words::take(parser, &["UNIQUE"]) {
        ConstraintDefinitionKind::Unique(words::names_in_parentheses(parser)?)
    } else if words::take(parser, &["FOREIGN", "KEY"]) {
        let columns = words::names_in_parentheses(parser)?;
        words::expect(parser, &["REFERENCES"])?;
        references(parser, columns)?
    } else if words::take(parser, &["NOT", "NULL"]) {
        ConstraintDefinitionKind::NotNull(words::names_in_parentheses(parser)?)
    } else {
        return words::unexpected(parser, "PRIMARY KEY, UNIQUE, FOREIGN KEY or NOT NULL");
    };
    with_trust(parser, name, kind, start)
}

/// A constraint behind a column; `None` if none comes next.
pub(super) fn column_constraint(parser: &mut Parser, column: &Ident) -> Parsed<Option<ConstraintDefinition>> {
    let start = parser.peek_token_ref().span;
    let name = name(parser)?;
    let columns = || vec![column.clone()];
    let kind = if words::take(parser, &["PRIMARY", "KEY"]) {
        ConstraintDefinitionKind::PrimaryKey(columns())
    } else if words::take(parser, &["UNIQUE"]) {
        ConstraintDefinitionKind::Unique(columns())
    } else if words::take(parser, &["REFERENCES"]) {
        references(parser, columns())?
    } else if words::take(parser, &["NOT", "NULL"]) {
        ConstraintDefinitionKind::NotNull(columns())
    } else if name.is_some() {
        return words::unexpected(parser, "PRIMARY KEY, UNIQUE, REFERENCES or NOT NULL");
    } else {
        return Ok(None);
    };
    with_trust(parser, name, kind, start).map(Some)
}

fn name(parser: &mut Parser) -> Parsed<Option<Ident>> {
    if words::take(parser, &["CONSTRAINT"]) { parser.parse_identifier().map(Some) } else { Ok(None) }
}

/// `t [(a, b)]`, behind REFERENCES.
fn references(parser: &mut Parser, columns: Vec<Ident>) -> Parsed<ConstraintDefinitionKind> {
    let references = parser.parse_object_name(false)?;
    let referenced_columns = match parser.peek_token_ref().token {
        sqlparser::tokenizer::Token::LParen => words::names_in_parentheses(parser)?,
        _ => Vec::new(),
    };
    Ok(ConstraintDefinitionKind::ForeignKey { columns, references, referenced_columns })
}

/// The words behind a constraint, in any order.
fn with_trust(
    parser: &mut Parser,
    name: Option<Ident>,
    kind: ConstraintDefinitionKind,
    start: sqlparser::tokenizer::Span,
) -> Parsed<ConstraintDefinition> {
    let mut constraint = ConstraintDefinition { name, kind, enabled: false, validate: false, rely: false, span: start };
    let mut said: [Option<bool>; 3] = [None; 3];
    loop {
        let (what, value) = match words::peek(parser, 0).as_deref() {
            Some("ENABLE") => (0, true),
            Some("DISABLE") => (0, false),
            Some("VALIDATE") => (1, true),
            Some("NOVALIDATE") => (1, false),
            Some("RELY") => (2, true),
            Some("NORELY") => (2, false),
            Some("ENFORCED" | "DEFERRABLE" | "INITIALLY") => {
                return words::refuse(
                    "constraints here take [ENABLE|DISABLE] [VALIDATE|NOVALIDATE] [RELY|NORELY]; there is nothing that enforces them on files",
                    parser.peek_token_ref().span,
                );
            }
            _ => break,
        };
        if said[what].is_some_and(|before| before != value) {
            return words::refuse("this word contradicts one before it", parser.peek_token_ref().span);
        }
        said[what] = Some(value);
        parser.next_token();
    }
    let [enabled, validate, rely] = said.map(|word| word.unwrap_or(false));
    (constraint.enabled, constraint.validate, constraint.rely) = (enabled, validate, rely);
    Ok(constraint)
}
