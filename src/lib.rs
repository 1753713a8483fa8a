//! Ostrich: a SQL engine over lake files.

pub mod catalog;
pub mod cli;
pub mod error;
pub mod execution;
pub mod explain;
pub mod functions;
pub mod generate;
mod names;
pub mod optimizer;
pub mod profile;
pub mod session;
pub mod sql;
pub mod storage;

pub use error::{Error, ErrorKind, Result};
