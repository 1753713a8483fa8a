//! Text to statements: splitting, variables, dialects, parsing, rewrites to what DataFusion plans.

pub mod dialect;
pub mod source;
pub mod splitter;
