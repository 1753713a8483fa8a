//! What went wrong, where, and what to do about it.
//!
//! Every failure that a user can cause ends as an [`Error`]: its kind decides the exit code, its position (when there
//! is one) points into the *file* the statement came from, and its help lines say what was meant or what to do. How it
//! looks on a terminal is the business of `cli::errors`.

pub(crate) mod casts;
pub(crate) mod datafusion;
mod memory;
mod words;

use std::fmt;
use std::sync::Arc;

use crate::sql::source::{Source, Span};

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure this is. Decides the exit code and whether a script may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The statement is wrong or could not be run: syntax, names, types, data.
    Statement,
    /// The command line or a configuration file is wrong.
    Usage,
    /// A file, an object store or the catalog could not be reached or is damaged.
    Storage,
    /// The memory or disk that the settings allow did not suffice.
    Resources,
    /// The time limit was reached.
    Timeout,
    /// The user stopped it.
    Cancelled,
    /// A check or a comparison found a difference.
    Check,
    /// A table was written to while the statement was planned over it. Nothing has been done: it can be run again.
    Changed,
}

impl ErrorKind {
    /// The process's exit code when a command ends with this failure.
    pub fn exit_code(self) -> u8 {
        match self {
            ErrorKind::Statement | ErrorKind::Resources => 1,
            ErrorKind::Usage => 2,
            ErrorKind::Storage | ErrorKind::Changed => 3,
            ErrorKind::Timeout => 4,
            ErrorKind::Check => 5,
            ErrorKind::Cancelled => 130,
        }
    }
}

/// A place in a source text.
#[derive(Debug, Clone)]
pub struct Position {
    pub source: Arc<Source>,
    pub span: Span,
}

/// A failure, with its place and its way out.
#[derive(Debug, Clone)]
pub struct Error {
    inner: Box<ErrorInner>,
}

#[derive(Debug, Clone)]
struct ErrorInner {
    kind: ErrorKind,
    message: String,
    position: Option<Position>,
    help: Vec<String>,
    /// The type that a value could not be converted to.
    failed_cast: Option<String>,
}

impl Error {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error {
            inner: Box::new(ErrorInner {
                kind,
                message: message.into(),
                position: None,
                help: Vec::new(),
                failed_cast: None,
            }),
        }
    }

    /// A wrong statement.
    pub fn statement(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Statement, message)
    }

    /// A wrong command line or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// A file, store or catalog that cannot be used.
    pub fn storage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Storage, message)
    }

    /// Adds a line that says what was meant or what to do.
    #[must_use]
    pub fn help(mut self, line: impl Into<String>) -> Self {
        self.inner.help.push(line.into());
        self
    }

    /// Points at a place, unless the error has one already: the innermost place is the most exact.
    #[must_use]
    pub fn at(mut self, source: &Arc<Source>, span: Span) -> Self {
        // A part of the text that the parser gives no place for is "at line 0".
        if self.inner.position.is_none() && span.start.line > 0 {
            self.inner.position = Some(Position { source: Arc::clone(source), span });
        }
        self
    }

    /// Puts what was being done before the message: `reading orders.parquet: …`.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.inner.message = format!("{what}: {}", self.inner.message);
        self
    }

    /// The name of the type that a value could not be converted to, if it is that what failed.
    pub(crate) fn failed_cast(&self) -> Option<&str> {
        self.inner.failed_cast.as_deref()
    }

    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    pub fn message(&self) -> &str {
        &self.inner.message
    }

    pub fn position(&self) -> Option<&Position> {
        self.inner.position.as_ref()
    }

    pub fn help_lines(&self) -> &[String] {
        &self.inner.help
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = self.position() {
            let start = position.span.start;
            write!(f, "{}:{}:{}: ", position.source.name(), start.line, start.column)?;
        }
        write!(f, "{}", self.message())?;
        for line in self.help_lines() {
            write!(f, " ({line})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Lets an [`Error`] travel through DataFusion's traits; `Error::from` unpacks it again with its position intact.
impl From<Error> for ::datafusion::error::DataFusionError {
    fn from(error: Error) -> Self {
        ::datafusion::error::DataFusionError::External(Box::new(error))
    }
}
