//! A function of ours together with what `\df` says about it.

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};

/// One line of help and an example, which the tests run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Help {
    /// In lower case; other names of the function have entries of their own only if they need other words.
    pub name: &'static str,
    /// How it is called: `instr(text, part)`.
    pub syntax: &'static str,
    /// What it does, in one sentence.
    pub line: &'static str,
    /// A query.
    pub example: &'static str,
    /// What the query gives, as the CSV output writes it without its header: a row a line, values separated by commas.
    pub gives: &'static str,
}

/// Where a function comes from.
#[derive(Debug, Clone)]
pub enum Callable {
    Scalar(Arc<ScalarUDF>),
    Aggregate(Arc<AggregateUDF>),
    Window(Arc<WindowUDF>),
    /// DataFusion, datafusion-spark or a rewrite has it; only the help is ours.
    Known,
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub function: Callable,
    pub help: Help,
}

impl Entry {
    pub(super) fn scalar(function: impl Into<ScalarUDF>, help: Help) -> Self {
        Entry { function: Callable::Scalar(Arc::new(function.into())), help }
    }

    pub(super) fn aggregate(function: impl Into<AggregateUDF>, help: Help) -> Self {
        Entry { function: Callable::Aggregate(Arc::new(function.into())), help }
    }

    pub(super) fn known(help: Help) -> Self {
        Entry { function: Callable::Known, help }
    }
}
