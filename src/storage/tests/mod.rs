//! Tables over real files, read through SQL.

mod csv;
mod formats;
mod listed;
mod parquet;
mod unlisted;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::errors::from_datafusion;
use super::{FileTable, Location, StorageCaches, StoreConfig, StoreRegistry, TableSpec};
use crate::error::Result;

/// A session with our stores, and the caches that go with it.
pub(super) struct Session {
    pub context: SessionContext,
    pub caches: Arc<StorageCaches>,
    base: PathBuf,
}

impl Session {
    /// `base` is where relative paths start.
    pub fn at(base: &Path) -> Self {
        Self::with(base, SessionConfig::new().with_target_partitions(3))
    }

    pub fn with(base: &Path, config: SessionConfig) -> Self {
        let runtime = RuntimeEnvBuilder::new()
            .with_object_store_registry(Arc::new(StoreRegistry::new(StoreConfig::default())))
            .build_arc()
            .unwrap();
        let context = SessionContext::new_with_config_rt(config, runtime);
        Session { context, caches: Arc::default(), base: base.to_path_buf() }
    }

    /// The files that come with the repository.
    pub fn testdata() -> Self {
        Self::at(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata"))
    }

    pub fn location(&self, text: &str) -> Location {
        Location::parse(text, &self.base).unwrap()
    }

    pub async fn open(&self, spec: TableSpec) -> Result<FileTable> {
        FileTable::open(&self.context.state(), &self.caches, spec).await
    }

    /// Makes `t` the table at a location.
    pub async fn table(&self, text: &str) -> Result<()> {
        self.table_of(TableSpec::of(self.location(text))).await
    }

    pub async fn table_of(&self, spec: TableSpec) -> Result<()> {
        let table = self.open(spec).await?;
        let _ = self.context.deregister_table("t");
        self.context.register_table("t", Arc::new(table)).map_err(from_datafusion)?;
        Ok(())
    }

    pub async fn batches(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        let frame = self.context.sql(sql).await.map_err(from_datafusion)?;
        frame.collect().await.map_err(from_datafusion)
    }

    /// The rows, each as its values joined by `|`; NULL is shown as `~`.
    pub async fn rows(&self, sql: &str) -> Result<Vec<String>> {
        let options = FormatOptions::new().with_null("~");
        let mut rows = Vec::new();
        for batch in self.batches(sql).await? {
            let columns: Vec<_> =
                batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
            for row in 0..batch.num_rows() {
                rows.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|"));
            }
        }
        Ok(rows)
    }

    /// The columns of `t` as `name type`, with a `!` behind those that cannot be NULL.
    pub async fn columns(&self) -> Vec<String> {
        let table = self.context.table_provider("t").await.unwrap();
        let shown = |field: &datafusion::arrow::datatypes::FieldRef| {
            format!("{} {}{}", field.name(), field.data_type(), if field.is_nullable() { "" } else { "!" })
        };
        table.schema().fields().iter().map(shown).collect()
    }
}
