//! ALTER TABLE on columns: CHANGE, RENAME COLUMN, ALTER COLUMN, REPLACE COLUMNS, DROP COLUMN.

use sqlparser::ast::Ident;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::{Parsed, alter, words};
use crate::sql::statement::{AlterAction, ChangeColumn, ColumnPlace};

/// What changes columns, if it comes next.
pub(super) fn change(parser: &mut Parser) -> Parsed<Option<AlterAction>> {
    if words::take(parser, &["CHANGE"]) {
        words::take(parser, &["COLUMN"]);
        return change_column(parser).map(Some);
    }
    if words::take(parser, &["RENAME"]) {
        // RENAME TO was looked for before.
        words::take(parser, &["COLUMN"]);
        let name = parser.parse_identifier()?;
        words::expect(parser, &["TO"])?;
        let new_name = Some(parser.parse_identifier()?);
        return Ok(Some(AlterAction::ChangeColumn(ChangeColumn { new_name, ..unchanged(name) })));
    }
    if words::take(parser, &["ALTER"]) {
        words::take(parser, &["COLUMN"]);
        return alter_column(parser).map(Some);
    }
    if words::take(parser, &["REPLACE", "COLUMNS"]) {
        parser.expect_token(&Token::LParen)?;
        let columns = parser.parse_comma_separated(alter::plain_column)?;
        parser.expect_token(&Token::RParen)?;
        cascade(parser);
        return Ok(Some(AlterAction::ReplaceColumns(columns)));
    }
    Ok(None)
}

/// `a b TYPE [COMMENT '…'] [FIRST | AFTER c] [CASCADE | RESTRICT]`
fn change_column(parser: &mut Parser) -> Parsed<AlterAction> {
    let mut change = unchanged(parser.parse_identifier()?);
    change.new_name = Some(parser.parse_identifier()?);
    change.data_type = Some(parser.parse_data_type()?);
    if words::take(parser, &["COMMENT"]) {
        change.comment = Some(words::string(parser)?.0);
    }
    change.place = place(parser)?;
    cascade(parser);
    Ok(AlterAction::ChangeColumn(change))
}

/// `a [SET DATA] TYPE t`, `a COMMENT '…'`, `a FIRST | AFTER c`: PostgreSQL's, Trino's and Spark's.
fn alter_column(parser: &mut Parser) -> Parsed<AlterAction> {
    let mut change = unchanged(parser.parse_identifier()?);
    if words::take(parser, &["SET", "DATA", "TYPE"]) || words::take(parser, &["TYPE"]) {
        change.data_type = Some(parser.parse_data_type()?);
    } else if words::take(parser, &["COMMENT"]) {
        change.comment = Some(words::string(parser)?.0);
    } else {
        change.place = place(parser)?;
        if change.place.is_none() {
            return words::unexpected(parser, "TYPE, SET DATA TYPE, COMMENT, FIRST or AFTER");
        }
    }
    Ok(AlterAction::ChangeColumn(change))
}

fn unchanged(name: Ident) -> ChangeColumn {
    ChangeColumn { name, new_name: None, data_type: None, comment: None, place: None }
}

fn place(parser: &mut Parser) -> Parsed<Option<ColumnPlace>> {
    if words::take(parser, &["FIRST"]) {
        return Ok(Some(ColumnPlace::First));
    }
    if words::take(parser, &["AFTER"]) {
        return parser.parse_identifier().map(ColumnPlace::After).map(Some);
    }
    Ok(None)
}

/// `[COLUMN] [IF EXISTS] a [CASCADE | RESTRICT]`, behind DROP.
pub(super) fn drop(parser: &mut Parser) -> Parsed<AlterAction> {
    words::take(parser, &["COLUMN"]);
    let if_exists = words::if_exists(parser);
    let name = parser.parse_identifier()?;
    cascade(parser);
    Ok(AlterAction::DropColumn { name, if_exists })
}

/// Hive's words for whether partitions are changed too: here they have no columns of their own.
pub(super) fn cascade(parser: &mut Parser) {
    if !words::take(parser, &["CASCADE"]) {
        words::take(parser, &["RESTRICT"]);
    }
}
