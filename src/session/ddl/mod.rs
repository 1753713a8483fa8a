//! Statements that change the catalog.

mod alter;
pub(super) mod columns;
mod constraint;
mod database;
mod drop;
pub(super) mod partition;
mod partition_filter;
mod partition_moves;
#[cfg(test)]
mod round_trip;
pub(super) mod table;
mod view;
