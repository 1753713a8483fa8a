//! Text to statements: splitting, variables, dialects, parsing, rewrites to what DataFusion plans.

pub mod dialect;
pub(crate) mod parser;
pub(crate) mod rewrite;
pub mod source;
pub mod splitter;
pub mod statement;
pub mod types;
pub mod variables;
pub(crate) mod visit;
