//! How a table's files are written, in Hive's words: ROW FORMAT, STORED AS, CLUSTERED BY, SKEWED BY.

use sqlparser::ast::Ident;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Span, Token};

use super::{Parsed, words};
use crate::catalog::model::{BucketSort, Buckets, FileFormat};
use crate::sql::statement::CreateTable;
use crate::storage::{HiveNames, HiveStorage};

/// Properties of a table that its reader needs.
const READERS_PROPERTIES: &[&str] = &[
    "skip.header.line.count",
    "skip.footer.line.count",
    "timestamp.formats",
    "hive.serialization.extend.nesting.levels",
];

/// A format if one is meant, and what its reader is told.
type FormatAndOptions = (Option<FileFormat>, Vec<(String, String)>);

/// The clauses of one table, which mean a format together.
#[derive(Debug, Default)]
pub(super) struct Storage {
    stored_as: Option<String>,
    serde: Option<String>,
    input_format: Option<String>,
    output_format: Option<String>,
    options: Vec<(String, String)>,
    buckets: Option<Buckets>,
    /// Of the first clause.
    span: Option<Span>,
}

impl Storage {
    /// Takes a clause if one comes next.
    pub(super) fn clause(&mut self, parser: &mut Parser) -> Parsed<bool> {
        let span = parser.peek_token_ref().span;
        if words::take(parser, &["ROW", "FORMAT"]) {
            if words::take(parser, &["DELIMITED"]) {
                self.delimited(parser)?;
            } else {
                words::expect(parser, &["SERDE"])?;
                self.serde = Some(words::string(parser)?.0);
                if words::take(parser, &["WITH", "SERDEPROPERTIES"]) {
                    self.add_options(words::pairs(parser)?);
                }
            }
        } else if words::take(parser, &["WITH", "SERDEPROPERTIES"]) {
            self.add_options(words::pairs(parser)?);
        } else if words::take(parser, &["STORED", "AS", "INPUTFORMAT"]) {
            self.input_format = Some(words::string(parser)?.0);
            words::expect(parser, &["OUTPUTFORMAT"])?;
            self.output_format = Some(words::string(parser)?.0);
        } else if words::take(parser, &["STORED", "BY"]) {
            return words::refuse("storage handlers are not supported; a table is a folder of files", span);
        } else if words::take(parser, &["CLUSTERED", "BY"]) {
            self.buckets = Some(buckets(parser)?);
        } else if words::take(parser, &["SKEWED", "BY"]) {
            words::names_in_parentheses(parser)?;
            words::expect(parser, &["ON"])?;
            parenthesized(parser)?;
            let _ = words::take(parser, &["STORED", "AS", "DIRECTORIES"]);
        } else {
            return Ok(false);
        }
        self.span.get_or_insert(span);
        Ok(true)
    }

    /// The word behind STORED AS, if it is one of Hive's.
    pub(super) fn stored_as(&mut self, parser: &mut Parser) -> bool {
        let span = parser.peek_token_ref().span;
        let Some(word) = words::peek(parser, 0) else { return false };
        let is_hives = matches!(
            word.as_str(),
            "TEXTFILE" | "SEQUENCEFILE" | "RCFILE" | "ORC" | "ORCFILE" | "JSONFILE" | "PARQUETFILE" | "AVROFILE"
        );
        if is_hives {
            parser.next_token();
            self.stored_as = Some(word);
            self.span.get_or_insert(span);
        }
        is_hives
    }

    /// `FIELDS TERMINATED BY '|' ESCAPED BY '\\' COLLECTION ITEMS TERMINATED BY ',' …`, in any order.
    fn delimited(&mut self, parser: &mut Parser) -> Parsed<()> {
        const CLAUSES: &[(&[&str], &str)] = &[
            (&["FIELDS", "TERMINATED", "BY"], "field.delim"),
            (&["ESCAPED", "BY"], "escape.delim"),
            (&["COLLECTION", "ITEMS", "TERMINATED", "BY"], "collection.delim"),
            (&["MAP", "KEYS", "TERMINATED", "BY"], "mapkey.delim"),
            (&["LINES", "TERMINATED", "BY"], "line.delim"),
            (&["NULL", "DEFINED", "AS"], "serialization.null.format"),
        ];
        'clauses: loop {
            for (clause, option) in CLAUSES {
                if words::take(parser, clause) {
                    self.options.push((option.to_string(), words::string(parser)?.0));
                    continue 'clauses;
                }
            }
            return Ok(());
        }
    }

    fn add_options(&mut self, options: Vec<(String, String)>) {
        self.options.extend(options.into_iter().map(|(key, value)| (key.to_lowercase(), value)));
    }

    /// Writes format and options into the table, once all clauses are read.
    pub(super) fn finish(mut self, table: &mut CreateTable) -> Parsed<()> {
        table.buckets = self.buckets.take();
        if self.span.is_none() {
            return Ok(());
        }
        let (format, options) = self.format_and_options(table.format)?;
        table.format = format;
        table.options.extend(options);
        let properties = table.properties.iter().filter(|(key, _)| READERS_PROPERTIES.contains(&key.as_str()));
        table.options.extend(properties.cloned());
        Ok(())
    }

    /// What the clauses mean together; `format` is what another one said.
    pub(super) fn format_and_options(self, format: Option<FileFormat>) -> Parsed<FormatAndOptions> {
        let Some(span) = self.span else { return Ok((format, Vec::new())) };
        let has_rows = !self.options.is_empty();
        let names = HiveNames {
            stored_as: self.stored_as.as_deref(),
            serde: self.serde.as_deref(),
            input_format: self.input_format.as_deref(),
            output_format: self.output_format.as_deref(),
        };
        let storage = match HiveStorage::of(names) {
            Ok(storage) => storage,
            Err(error) => {
                let help = error.help_lines().first().map(|line| format!("; {line}")).unwrap_or_default();
                return words::refuse(&format!("{}{help}", error.message()), span);
            }
        };
        let mut options = Vec::new();
        let format = match storage {
            Some(storage) => {
                options.extend(storage.options.iter().map(|(key, value)| (key.to_string(), value.to_string())));
                Some(storage.format)
            }
            // ROW FORMAT DELIMITED alone.
            None if has_rows && format.is_none() => Some(FileFormat::TextFile),
            None => format,
        };
        options.extend(self.options);
        Ok((format, options))
    }
}

/// `(a) [SORTED BY (b DESC)] INTO 32 BUCKETS`, behind CLUSTERED BY. What is written here is not divided so; what is read may be.
fn buckets(parser: &mut Parser) -> Parsed<Buckets> {
    let columns = words::names_in_parentheses(parser)?.iter().map(folded).collect();
    let mut sorted_by = Vec::new();
    if words::take(parser, &["SORTED", "BY"]) {
        parser.expect_token(&Token::LParen)?;
        sorted_by = parser.parse_comma_separated(|parser| {
            let column = folded(&parser.parse_identifier()?);
            let descending = words::take(parser, &["DESC"]);
            if !descending {
                words::take(parser, &["ASC"]);
            }
            Ok(BucketSort { column, descending })
        })?;
        parser.expect_token(&Token::RParen)?;
    }
    words::expect(parser, &["INTO"])?;
    let span = parser.peek_token_ref().span;
    let count = parser.parse_literal_uint()?;
    if count == 0 {
        return words::refuse("there is at least one bucket", span);
    }
    words::expect(parser, &["BUCKETS"])?;
    Ok(Buckets { columns, sorted_by, count })
}

/// An unquoted name is the same in any case.
fn folded(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

/// Passes over what stands in parentheses.
fn parenthesized(parser: &mut Parser) -> Parsed<()> {
    parser.expect_token(&Token::LParen)?;
    let mut open = 1;
    while open > 0 {
        let token = parser.next_token();
        match token.token {
            Token::LParen => open += 1,
            Token::RParen => open -= 1,
            Token::EOF => return parser.expected("')'", token),
            _ => {}
        }
    }
    Ok(())
}
