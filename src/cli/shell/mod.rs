//! (placeholder until the shell lands)
use super::meta::Meta;
use super::runner::{Ended, Runner};
use crate::error::Result;
pub async fn run(_: Runner, _: Meta) -> Result<Ended> {
    Ok(Ended::Done)
}
