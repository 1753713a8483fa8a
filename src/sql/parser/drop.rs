//! DROP TABLE, DROP VIEW, DROP DATABASE.

use sqlparser::parser::Parser;

use super::{Parsed, words};
use crate::sql::statement::{Drop, DropDatabase, Statement};

pub(super) fn drop(parser: &mut Parser) -> Parsed<Statement> {
    words::expect(parser, &["DROP"])?;
    if words::take(parser, &["DATABASE"]) || words::take(parser, &["SCHEMA"]) {
        let if_exists = words::if_exists(parser);
        let name = words::database(parser)?;
        let cascade = words::take(parser, &["CASCADE"]);
        if !cascade {
            words::take(parser, &["RESTRICT"]);
        }
        return Ok(Statement::DropDatabase(DropDatabase { name, if_exists, cascade }));
    }
    let view = words::take(parser, &["VIEW"]);
    if !view && !words::take(parser, &["TABLE"]) {
        return words::unexpected(parser, "TABLE, VIEW or DATABASE");
    }
    let if_exists = words::if_exists(parser);
    let names = parser.parse_comma_separated(|parser| parser.parse_object_name(false))?;
    // Hive's word for skipping a trash folder that does not exist here.
    words::take(parser, &["PURGE"]);
    Ok(Statement::Drop(Drop { view, if_exists, names }))
}
