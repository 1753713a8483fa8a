//! Urls to object stores, files to tables: where data lies and how it is read and written.

mod adapter;
mod cache;
pub(crate) mod commit;
mod counted;
mod distinct;
pub(crate) mod errors;
mod estimates;
mod footers;
mod format;
mod forward;
pub mod kind;
mod listed;
pub mod listing;
pub mod location;
pub(crate) mod magic;
mod named_write;
mod partitioned_write;
pub(crate) mod partitions;
mod pruning;
mod scan;
mod schema;
mod statistics;
pub mod stores;
mod struct_nulls;
pub mod table;
mod task;
#[cfg(test)]
mod tests;
mod unlisted;
mod write;

pub use adapter::FormerNames;
pub use cache::StorageCaches;
pub use estimates::{ColumnEstimates, Estimates};
pub use footers::{ColumnFacts, RowFacts};
pub use format::serde_names::{HiveClasses, HiveNames, HiveStorage};
pub use location::Location;
pub use partitioned_write::WriteLimits;
pub use partitions::{NULL_PARTITION, Partitions};
pub use scan::with_plain_readers;
pub(crate) use scan::{filtered_first, is_file_scan_that_filters_later};
pub use stores::{StoreConfig, StoreRegistry};
pub use table::{DataFile, FileTable, TableSpec};
pub(crate) use unlisted::UnlistedTable;
pub(crate) use write::folder_value;
pub use write::register_output_formats;
