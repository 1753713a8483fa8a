//! Tajo's words for how a table's files are written: `USING TEXT WITH ('text.delimiter' = '|')`.

use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::{Parsed, words};
use crate::catalog::model::FileFormat;
use crate::sql::statement::CreateTable;

/// What Tajo's texts are separated by if nothing is said.
const DELIMITER: &str = "|";

/// Options and their values.
type Pairs = Vec<(String, String)>;

/// Tajo's options of texts, and ours.
const OPTIONS: &[(&str, &str)] = &[
    ("text.delimiter", "field.delim"),
    ("csvfile.delimiter", "field.delim"),
    ("text.null", "serialization.null.format"),
    ("csvfile.null", "serialization.null.format"),
    ("text.skip.headerlines", "skip.header.line.count"),
];

/// `[USING format [WITH (…)]]` of INSERT INTO LOCATION.
pub(super) fn storage(parser: &mut Parser) -> Parsed<(FileFormat, Pairs)> {
    let mut options = vec![("field.delim".to_string(), DELIMITER.to_string())];
    let mut format = FileFormat::TextFile;
    if words::take(parser, &["USING"]) {
        format = self::format(parser)?;
        if format != FileFormat::TextFile {
            options.clear();
        }
    }
    if options_come_next(parser) {
        words::expect(parser, &["WITH"])?;
        for (key, value) in words::pairs(parser)? {
            let ours = OPTIONS.iter().find(|(theirs, _)| key.eq_ignore_ascii_case(theirs));
            let key = ours.map_or(key, |(_, ours)| ours.to_string());
            options.retain(|(known, _)| *known != key);
            options.push((key, value));
        }
    }
    Ok((format, options))
}

/// The format behind USING.
pub(super) fn using(parser: &mut Parser, table: &mut CreateTable) -> Parsed<()> {
    let format = format(parser)?;
    table.format = Some(format);
    if format == FileFormat::TextFile {
        table.options.push(("field.delim".to_string(), DELIMITER.to_string()));
    }
    Ok(())
}

fn format(parser: &mut Parser) -> Parsed<FileFormat> {
    Ok(match words::peek(parser, 0).as_deref() {
        Some("TEXT" | "CSV" | "TEXTFILE") => {
            parser.next_token();
            FileFormat::TextFile
        }
        Some(name @ ("SEQUENCEFILE" | "RCFILE" | "RAW" | "ROWFILE")) => {
            let span = parser.peek_token_ref().span;
            return words::refuse(
                &format!(
                    "{name} files cannot be read; make PARQUET or ORC of them with Tajo: CREATE TABLE … USING PARQUET AS SELECT …"
                ),
                span,
            );
        }
        _ => words::format(parser)?,
    })
}

/// Whether `WITH (` comes next.
pub(super) fn options_come_next(parser: &Parser) -> bool {
    words::peek(parser, 0).as_deref() == Some("WITH") && parser.peek_nth_token_ref(1).token == Token::LParen
}

/// `WITH ('text.delimiter' = '|', …)`. What no reader knows is kept as a property.
pub(super) fn options(parser: &mut Parser, table: &mut CreateTable) -> Parsed<()> {
    words::expect(parser, &["WITH"])?;
    for (key, value) in words::pairs(parser)? {
        match OPTIONS.iter().find(|(theirs, _)| key.eq_ignore_ascii_case(theirs)) {
            Some((_, ours)) => {
                table.options.retain(|(key, _)| key != ours);
                table.options.push((ours.to_string(), value));
            }
            None => table.properties.push((key, value)),
        }
    }
    Ok(())
}
