//! Statements that change the catalog.

mod alter;
mod constraint;
mod database;
mod drop;
mod partition;
pub(super) mod table;
mod view;
