//! `EXPLAIN [ANALYZE] [VERBOSE] [FORMAT f] statement`, `EXPLAIN (ANALYZE, FORMAT f, …) statement`, and of our own
//! `EXPLAIN TUNE [ANALYZE] [FORMAT TEXT|JSON] statement` and `EXPLAIN RULES statement`.

use std::str::FromStr;

use datafusion::common::format::{ExplainFormat, ExplainStatementOptions};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::{Parsed, query, words};
use crate::sql::statement::{Explain, Statement, StatementText, Tune, TuneForm};

pub(super) fn explain(parser: &mut Parser, text: &StatementText) -> Parsed<Statement> {
    words::expect(parser, &["EXPLAIN"])?;
    // Tajo's plan of all workers: here there is one.
    words::take(parser, &["GLOBAL"]);
    if words::take(parser, &["TUNE"]) {
        let form = tune_form(parser)?;
        return tune(parser, text, form);
    }
    if words::take(parser, &["RULES"]) {
        return tune(parser, text, TuneForm::Rules);
    }
    let options = if parser.peek_token_ref().token == Token::LParen && !query::begins(parser) {
        let span = parser.peek_token_ref().span;
        let options = parser.parse_utility_options()?;
        ExplainStatementOptions::from_utility_options(&options)
            .map_err(|error| ParserError::ParserError(format!("{}{}", error.strip_backtrace(), span.start)))?
    } else {
        keywords(parser)?
    };
    let span = parser.peek_token_ref().span;
    let statement = super::statement(parser, text)?;
    match statement {
        Statement::Query(_) | Statement::Insert(_) | Statement::Copy(_) => {
            Ok(Statement::Explain(Box::new(Explain { options, statement })))
        }
        Statement::Explain(_) => words::refuse("EXPLAIN cannot be explained", span),
        _ => words::refuse("only queries, INSERT and COPY have a plan to explain", span),
    }
}

/// The statement behind EXPLAIN TUNE and EXPLAIN RULES.
fn tune(parser: &mut Parser, text: &StatementText, form: TuneForm) -> Parsed<Statement> {
    let span = parser.peek_token_ref().span;
    let statement = super::statement(parser, text)?;
    match statement {
        Statement::Explain(_) | Statement::Tune(_) => words::refuse("EXPLAIN cannot be explained", span),
        statement if statement.query().is_some() => Ok(Statement::Tune(Box::new(Tune { form, statement }))),
        _ => words::refuse("there is no query in this statement to explain", span),
    }
}

fn tune_form(parser: &mut Parser) -> Parsed<TuneForm> {
    let (mut analyze, mut json) = (false, false);
    loop {
        if words::take(parser, &["ANALYZE"]) {
            analyze = true;
        } else if words::take(parser, &["FORMAT"]) {
            let token = parser.next_token();
            let name = match &token.token {
                Token::Word(word) => word.value.clone(),
                Token::SingleQuotedString(text) => text.clone(),
                _ => return parser.expected("a format: text or json", token),
            };
            json = match name.to_ascii_lowercase().as_str() {
                "json" => true,
                "text" => false,
                _ => {
                    let message = format!("unknown format {name}; EXPLAIN TUNE gives text and json");
                    return words::refuse(&message, token.span);
                }
            };
        } else {
            return Ok(TuneForm::Report { analyze, json });
        }
    }
}

fn keywords(parser: &mut Parser) -> Parsed<ExplainStatementOptions> {
    let mut options = ExplainStatementOptions {
        analyze: false,
        verbose: false,
        format: None,
        analyze_level: None,
        analyze_categories: None,
        show_statistics: None,
    };
    loop {
        if words::take(parser, &["ANALYZE"]) {
            options.analyze = true;
        } else if words::take(parser, &["VERBOSE"]) {
            options.verbose = true;
        } else if words::take(parser, &["FORMAT"]) {
            let token = parser.next_token();
            let name = match &token.token {
                Token::Word(word) => word.value.clone(),
                Token::SingleQuotedString(text) => text.clone(),
                _ => return parser.expected("a format: tree, indent, json, pgjson or graphviz", token),
            };
            // PostgreSQL's JSON is the JSON form there is.
            let name = if name.eq_ignore_ascii_case("json") { "pgjson".to_string() } else { name };
            options.format = match ExplainFormat::from_str(&name) {
                Ok(format) => Some(format),
                Err(_) => {
                    return words::refuse(
                        &format!(
                            "unknown EXPLAIN format {name}; the formats are tree, indent, json, pgjson and graphviz"
                        ),
                        token.span,
                    );
                }
            };
        } else {
            return Ok(options);
        }
    }
}
