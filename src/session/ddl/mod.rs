//! Statements that change the catalog.

mod alter;
mod constraint;
mod database;
mod drop;
mod repair;
pub(super) mod table;
mod view;
