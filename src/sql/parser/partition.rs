//! Statements on a table's partitions and files: MSCK REPAIR, TRUNCATE, LOAD DATA, and PARTITION clauses.

use sqlparser::ast::Expr;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::{Parsed, words};
use crate::sql::statement::{AlterAction, Load, NewPartition, Repair, Statement, Truncate};

/// `MSCK [REPAIR] TABLE t [ADD | DROP | SYNC PARTITIONS]`
pub(super) fn msck(parser: &mut Parser) -> Parsed<Statement> {
    words::expect(parser, &["MSCK"])?;
    let _ = words::take(parser, &["REPAIR"]);
    words::expect(parser, &["TABLE"])?;
    let table = parser.parse_object_name(false)?;
    for which in ["ADD", "DROP", "SYNC"] {
        if words::take(parser, &[which]) {
            words::expect(parser, &["PARTITIONS"])?;
            break;
        }
    }
    Ok(Statement::Repair(Repair { table }))
}

/// `TRUNCATE TABLE t [PARTITION (…)]`
pub(super) fn truncate(parser: &mut Parser) -> Parsed<Statement> {
    words::expect(parser, &["TRUNCATE"])?;
    let _ = words::take(parser, &["TABLE"]);
    let table = parser.parse_object_name(false)?;
    let partition = clause(parser)?.unwrap_or_default();
    Ok(Statement::Truncate(Truncate { table, partition }))
}

/// `LOAD DATA [LOCAL] INPATH 'place' [OVERWRITE] INTO TABLE t [PARTITION (…)]`
pub(super) fn load(parser: &mut Parser) -> Parsed<Statement> {
    words::expect(parser, &["LOAD", "DATA"])?;
    let copies = words::take(parser, &["LOCAL"]);
    words::expect(parser, &["INPATH"])?;
    let (place, place_span) = words::string(parser)?;
    let overwrite = words::take(parser, &["OVERWRITE"]);
    words::expect(parser, &["INTO", "TABLE"])?;
    let table = parser.parse_object_name(false)?;
    let partition = clause(parser)?.unwrap_or_default();
    Ok(Statement::Load(Load { place, place_span, copies, overwrite, table, partition }))
}

/// `PARTITION (dt = '2024-01-01', country)`, if it comes next.
pub(super) fn clause(parser: &mut Parser) -> Parsed<Option<Vec<Expr>>> {
    if !words::take(parser, &["PARTITION"]) {
        return Ok(None);
    }
    parser.expect_token(&Token::LParen)?;
    let columns = parser.parse_comma_separated(Parser::parse_expr)?;
    parser.expect_token(&Token::RParen)?;
    Ok(Some(columns))
}

/// `ADD [IF NOT EXISTS] PARTITION (…) [LOCATION '…'] PARTITION (…) …`, behind ADD; `None` if something else comes.
pub(super) fn add(parser: &mut Parser) -> Parsed<Option<AlterAction>> {
    let has_condition = words::peek(parser, 0).as_deref() == Some("IF");
    let place = if has_condition { 3 } else { 0 };
    if words::peek(parser, place).as_deref() != Some("PARTITION") {
        return Ok(None);
    }
    let if_not_exists = words::if_not_exists(parser);
    let mut partitions = Vec::new();
    while let Some(partition) = clause(parser)? {
        let place = if words::take(parser, &["LOCATION"]) { Some(words::string(parser)?) } else { None };
        partitions.push(NewPartition { values: partition, place });
        let _ = parser.consume_token(&Token::Comma);
    }
    Ok(Some(AlterAction::AddPartitions { partitions, if_not_exists }))
}

/// `PARTITION (…) RENAME TO PARTITION (…)`, `PARTITION (…) SET LOCATION '…'`
pub(super) fn of_one(parser: &mut Parser, partition: Vec<Expr>) -> Parsed<AlterAction> {
    if words::take(parser, &["RENAME", "TO"]) {
        return match clause(parser)? {
            Some(to) => Ok(AlterAction::RenamePartition { from: partition, to }),
            None => words::unexpected(parser, "PARTITION (…)"),
        };
    }
    if words::take(parser, &["SET", "LOCATION"]) {
        let (place, place_span) = words::string(parser)?;
        return Ok(AlterAction::SetLocation { partition, place, place_span });
    }
    words::unexpected(parser, "RENAME TO PARTITION or SET LOCATION")
}

/// `EXCHANGE PARTITION (…) WITH TABLE u`, behind EXCHANGE.
pub(super) fn exchange(parser: &mut Parser) -> Parsed<AlterAction> {
    let Some(partition) = clause(parser)? else { return words::unexpected(parser, "PARTITION (…)") };
    words::expect(parser, &["WITH", "TABLE"])?;
    Ok(AlterAction::ExchangePartition { partition, with: parser.parse_object_name(false)? })
}

/// `DROP [IF EXISTS] PARTITION (…), PARTITION (…) [PURGE]`, behind DROP; `None` if something else comes.
pub(super) fn drop(parser: &mut Parser) -> Parsed<Option<AlterAction>> {
    let has_condition = words::peek(parser, 0).as_deref() == Some("IF");
    let place = if has_condition { 2 } else { 0 };
    if words::peek(parser, place).as_deref() != Some("PARTITION") {
        return Ok(None);
    }
    let if_exists = words::if_exists(parser);
    let mut partitions = Vec::new();
    while let Some(partition) = clause(parser)? {
        partitions.push(partition);
        let _ = parser.consume_token(&Token::Comma);
    }
    let _ = words::take(parser, &["PURGE"]);
    Ok(Some(AlterAction::DropPartitions { partitions, if_exists }))
}
