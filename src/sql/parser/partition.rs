//! Statements on the partitions of a table.

use sqlparser::parser::Parser;

use super::{Parsed, words};
use crate::sql::statement::{Repair, Statement};

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
