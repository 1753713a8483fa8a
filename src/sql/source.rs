//! A text of SQL and places in it.
//!
//! Errors name the file, line and column that the user has open in an editor, so every token keeps its place in the
//! whole file, not in its statement.

use std::sync::Arc;

pub use sqlparser::tokenizer::{Location, Span};

/// A named text: a query file, standard input, a `-e` argument, a line of the shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
}

impl Source {
    /// `name` is what error messages show in front of line and column: a path as the user wrote it, or a word for texts without one.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Source { name: name.into(), text: text.into() })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line `number` (from 1) without its line end; `None` past the end.
    pub fn line(&self, number: u64) -> Option<&str> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        self.text.split('\n').nth(index).map(|line| line.strip_suffix('\r').unwrap_or(line))
    }
}
