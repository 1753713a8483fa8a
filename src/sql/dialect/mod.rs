//! How text is read: which quotes make a name, which a string, which words are operators.

mod ansi;
mod hive;

use std::fmt;
use std::str::FromStr;

use sqlparser::ast::Expr;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};

use crate::error::{Error, Result};

/// `a IS [NOT] DISTINCT FROM b`, if it comes behind `a`. sqlparser reads all that follows for `b`, also `AND c`.
fn distinct_from(parser: &mut Parser, left: &Expr, precedence: u8) -> Option<Result<Expr, ParserError>> {
    let negated = parser.parse_keywords(&[Keyword::IS, Keyword::NOT, Keyword::DISTINCT, Keyword::FROM]);
    if !negated && !parser.parse_keywords(&[Keyword::IS, Keyword::DISTINCT, Keyword::FROM]) {
        return None;
    }
    let left = Box::new(left.clone());
    Some(parser.parse_subexpr(precedence).map(|right| match negated {
        true => Expr::IsNotDistinctFrom(left, Box::new(right)),
        false => Expr::IsDistinctFrom(left, Box::new(right)),
    }))
}

/// The dialect of a statement. Chosen by `--dialect`, `SET ostrich.dialect` or a file's ending (`.hql`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, clap::ValueEnum)]
pub enum Dialect {
    /// The default: the habits of PostgreSQL and Tajo.
    #[default]
    Ansi,
    /// Hive's: `"x"` is a string, backslashes escape.
    Hive,
}

impl Dialect {
    /// The dialect's rules for sqlparser's tokenizer and parser.
    pub fn tokens(self) -> &'static dyn sqlparser::dialect::Dialect {
        match self {
            Dialect::Ansi => &ansi::AnsiDialect,
            Dialect::Hive => &hive::HiveDialect,
        }
    }

    /// Whether a backslash in a string takes away the next character's meaning.
    pub fn has_backslash_escapes(self) -> bool {
        self.tokens().supports_string_literal_backslash_escape()
    }

    /// The dialect that a file's ending says, if it says one: `.hql`.
    pub fn of_file(path: &str) -> Option<Self> {
        let ending = path.rsplit('/').next()?.rsplit_once('.')?.1;
        ending.eq_ignore_ascii_case("hql").then_some(Dialect::Hive)
    }

    pub fn name(self) -> &'static str {
        match self {
            Dialect::Ansi => "ansi",
            Dialect::Hive => "hive",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dialect {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "ansi" => Ok(Dialect::Ansi),
            "hive" => Ok(Dialect::Hive),
            _ => Err(Error::statement(format!("unknown dialect \"{text}\"")).help("the dialects are: ansi, hive")),
        }
    }
}
