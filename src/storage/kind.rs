//! Which format the files of a place have, as far as can be told before they are read.

use std::sync::Arc;

use datafusion::catalog::Session;

use super::cache::StorageCaches;
use super::errors::from_datafusion;
use super::format::{self, Reading};
use super::listing;
use super::location::Location;
use crate::catalog::model::FileFormat;
use crate::error::Result;

/// The format of the files at a location, by their names or first bytes. That nothing is there is an error.
pub async fn format_at(state: &dyn Session, caches: &Arc<StorageCaches>, location: &Location) -> Result<FileFormat> {
    let store = state.runtime_env().object_store(location.store()).map_err(from_datafusion)?;
    let found = listing::list(&store, location).await?;
    if found.files.is_empty() {
        return Err(found.nothing(location));
    }
    let reading = Reading { state, caches, store: &store, location };
    format::detect(&reading, found.files).await.map(|(format, _)| format)
}

/// Whether no data file lies at a location.
pub async fn is_empty(state: &dyn Session, location: &Location) -> Result<bool> {
    let store = state.runtime_env().object_store(location.store()).map_err(from_datafusion)?;
    Ok(listing::list(&store, location).await?.files.is_empty())
}
