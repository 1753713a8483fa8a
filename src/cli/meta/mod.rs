//! (placeholder until the shell lands)
use super::runner::{Ended, MetaCommands, Runner};
use crate::error::{Error, Result};
use crate::sql::splitter::Piece;
#[derive(Default)]
pub struct Meta;
impl MetaCommands for Meta {
    fn run_meta<'a>(&'a mut self, _: &'a mut Runner, _: &'a Piece) -> futures::future::BoxFuture<'a, Result<Ended>> {
        Box::pin(async { Err(Error::statement("no commands yet")) })
    }
}
