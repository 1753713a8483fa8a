//! Ostrich: a SQL engine over lake files.

pub mod catalog;
pub mod error;
pub mod sql;
pub mod storage;

pub use error::{Error, ErrorKind, Result};
