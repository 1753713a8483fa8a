//! ALTER TABLE: rename, properties, columns, partitions, constraints and their checks.

use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::{Parsed, columns, constraint, create, partition, words};
use crate::sql::statement::{AlterAction, AlterTable, ColumnDefinition, Statement};

pub(super) fn alter(parser: &mut Parser) -> Parsed<Statement> {
    words::expect(parser, &["ALTER"])?;
    words::expect(parser, &["TABLE"])?;
    let if_exists = words::if_exists(parser);
    let name = parser.parse_object_name(false)?;
    let action = action(parser)?;
    Ok(Statement::AlterTable(Box::new(AlterTable { name, if_exists, action })))
}

fn action(parser: &mut Parser) -> Parsed<AlterAction> {
    if words::take(parser, &["RENAME", "TO"]) {
        return Ok(AlterAction::Rename(parser.parse_object_name(false)?));
    }
    if let Some(partition) = partition::clause(parser)? {
        return partition::of_one(parser, partition);
    }
    if words::take(parser, &["EXCHANGE"]) {
        return partition::exchange(parser);
    }
    if words::take(parser, &["SET", "LOCATION"]) {
        let (place, place_span) = words::string(parser)?;
        return Ok(AlterAction::SetLocation { partition: Vec::new(), place, place_span });
    }
    if let Some(action) = columns::change(parser)? {
        return Ok(action);
    }
    if words::take(parser, &["SET", "TBLPROPERTIES"]) {
        return Ok(AlterAction::SetProperties(words::pairs(parser)?));
    }
    if words::take(parser, &["SET", "PROPERTY"]) {
        let properties = parser.parse_comma_separated(|parser| {
            let key = words::key(parser)?;
            parser.expect_token(&Token::Eq)?;
            Ok((key, words::value(parser)?))
        })?;
        return Ok(AlterAction::SetProperties(properties));
    }
    if words::take(parser, &["UNSET", "PROPERTY"]) {
        let names = parser.parse_comma_separated(words::key)?;
        return Ok(AlterAction::UnsetProperties { names, if_exists: false });
    }
    if words::take(parser, &["UNSET", "TBLPROPERTIES"]) {
        let if_exists = words::if_exists(parser);
        parser.expect_token(&Token::LParen)?;
        let names = parser.parse_comma_separated(words::key)?;
        parser.expect_token(&Token::RParen)?;
        return Ok(AlterAction::UnsetProperties { names, if_exists });
    }
    if words::take(parser, &["DROP", "CONSTRAINT"]) {
        let if_exists = words::if_exists(parser);
        return Ok(AlterAction::DropConstraint { name: parser.parse_identifier()?, if_exists });
    }
    if words::take(parser, &["VALIDATE", "CONSTRAINT"]) {
        return Ok(AlterAction::ValidateConstraint(parser.parse_identifier()?));
    }
    // Tajo has the condition in front.
    if words::take(parser, &["IF", "NOT", "EXISTS", "ADD"]) {
        return match partition::add(parser)? {
            Some(AlterAction::AddPartitions { partitions, .. }) => {
                Ok(AlterAction::AddPartitions { partitions, if_not_exists: true })
            }
            _ => words::unexpected(parser, "PARTITION (…)"),
        };
    }
    if words::take(parser, &["IF", "EXISTS", "DROP"]) {
        return match partition::drop(parser)? {
            Some(AlterAction::DropPartitions { partitions, .. }) => {
                Ok(AlterAction::DropPartitions { partitions, if_exists: true })
            }
            _ => words::unexpected(parser, "PARTITION (…)"),
        };
    }
    if words::take(parser, &["ADD"]) {
        return match partition::add(parser)? {
            Some(action) => Ok(action),
            None => add(parser),
        };
    }
    if words::take(parser, &["DROP"]) {
        return match partition::drop(parser)? {
            Some(action) => Ok(action),
            None => columns::drop(parser),
        };
    }
    if words::take(parser, &["RECOVER", "PARTITIONS"]) || words::take(parser, &["REPAIR", "PARTITION"]) {
        return Ok(AlterAction::RecoverPartitions);
    }
    words::unexpected(
        parser,
        "RENAME TO, SET TBLPROPERTIES, SET LOCATION, ADD COLUMNS, CHANGE, RENAME COLUMN, REPLACE COLUMNS, ADD PARTITION, DROP PARTITION, EXCHANGE PARTITION, ADD CONSTRAINT, DROP CONSTRAINT or VALIDATE CONSTRAINT",
    )
}

/// `ADD COLUMNS (a INT, …)`, `ADD [COLUMN] [IF NOT EXISTS] a INT`, `ADD CONSTRAINT …`
fn add(parser: &mut Parser) -> Parsed<AlterAction> {
    if constraint::comes_next(parser) {
        return Ok(AlterAction::AddConstraint(constraint::table_constraint(parser)?));
    }
    if words::take(parser, &["COLUMNS"]) || parser.peek_token_ref().token == Token::LParen {
        parser.expect_token(&Token::LParen)?;
        let columns = parser.parse_comma_separated(plain_column)?;
        parser.expect_token(&Token::RParen)?;
        columns::cascade(parser);
        return Ok(AlterAction::AddColumns { columns, if_not_exists: false });
    }
    words::take(parser, &["COLUMN"]);
    let if_not_exists = words::if_not_exists(parser);
    Ok(AlterAction::AddColumns { columns: vec![plain_column(parser)?], if_not_exists })
}

/// A column without constraints: they would hold for files that are there already, so they are added by a statement of their own.
pub(super) fn plain_column(parser: &mut Parser) -> Parsed<ColumnDefinition> {
    let (column, constraints) = create::column(parser)?;
    match constraints.first() {
        None => Ok(column),
        Some(constraint) => words::refuse(
            "a column that is added takes no constraint; add it with ALTER TABLE … ADD CONSTRAINT",
            constraint.span,
        ),
    }
}
