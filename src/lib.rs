//! Ostrich: a SQL engine over lake files.

pub mod catalog;
pub mod error;
pub mod execution;
mod names;
pub mod sql;
pub mod storage;

pub use error::{Error, ErrorKind, Result};
