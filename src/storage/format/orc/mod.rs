//! ORC: columns in stripes, with types, row counts and statistics in a footer. It is read, not written.

mod footer;
mod source;
mod statistics;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::Statistics;
use datafusion::datasource::physical_plan::parquet::transform_schema_to_view;
use datafusion::datasource::physical_plan::{FileSinkConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::DataFusionError;
use datafusion::physical_expr::LexRequirement;
use datafusion::physical_plan::ExecutionPlan;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::ObjectMeta;

use self::footer::{Footers, fields_of, has_names};
use self::source::OrcSource;
use super::{Reading, TableFormat, stated_schema};
use crate::catalog::model::FileFormat;
use crate::error::{Error, Result};
use crate::storage::errors::{damaged, from_datafusion, read_error};
use crate::storage::schema;

/// The format of one table. Hive's properties of ORC tables are about how files are written, and are passed over.
#[derive(Debug)]
pub(crate) struct Orc {
    footers: Arc<Footers>,
}

impl Orc {
    pub(crate) fn new(_given: &BTreeMap<String, String>) -> Result<Self> {
        Ok(Orc { footers: Arc::default() })
    }

    /// The columns of a file under the names that it has.
    async fn schema_of(&self, reading: &Reading<'_>, file: &ObjectMeta) -> Result<SchemaRef> {
        let read = async {
            let footer = self.footers.of(reading.store, file).await.map_err(|error| failed(reading, file, error))?;
            fields_of(&footer).map_err(|why| damaged(FileFormat::Orc, &reading.shown(file), &why))
        };
        let schema = stated_schema(self, reading, file, read).await?;
        schema.ok_or_else(|| damaged(FileFormat::Orc, &reading.shown(file), "it has no schema"))
    }
}

fn failed(reading: &Reading<'_>, file: &ObjectMeta, error: DataFusionError) -> Error {
    let scheme = reading.location.store_scheme();
    from_datafusion(read_error(error, FileFormat::Orc, &reading.shown(file), scheme))
}

#[async_trait]
impl TableFormat for Orc {
    fn kind(&self) -> FileFormat {
        FileFormat::Orc
    }

    fn fingerprint(&self) -> String {
        "orc".to_string()
    }

    async fn infer_schema(&self, reading: &Reading<'_>, files: &[ObjectMeta]) -> Result<SchemaRef> {
        let schemas = futures::stream::iter(0..files.len())
            .map(|index| async move { self.schema_of(reading, &files[index]).await })
            .buffered(reading.concurrency());
        let schemas: Vec<SchemaRef> =
            schemas.map_ok(|schema| Arc::new(transform_schema_to_view(&schema))).try_collect().await?;
        schema::merge(&schemas, |file| reading.shown(&files[file]))
    }

    async fn physical_schema(&self, reading: &Reading<'_>, file: &ObjectMeta) -> Result<Option<SchemaRef>> {
        // Columns without names are the table's by their places, which statistics by name would take for missing.
        Ok(Some(self.schema_of(reading, file).await?).filter(|schema| has_names(schema)))
    }

    async fn statistics(
        &self,
        reading: &Reading<'_>,
        file: &ObjectMeta,
        schema: &SchemaRef,
    ) -> Result<Option<Statistics>> {
        let footer = self.footers.of(reading.store, file).await.map_err(|error| failed(reading, file, error))?;
        Ok(Some(statistics::of_file(&footer, schema)))
    }

    fn file_source(
        &self,
        _reading: &Reading<'_>,
        schema: TableSchema,
        _files: &[ObjectMeta],
    ) -> Result<Arc<dyn FileSource>> {
        Ok(Arc::new(OrcSource::new(schema, Arc::clone(&self.footers))))
    }

    fn extension(&self) -> String {
        "orc".to_string()
    }

    async fn writer(
        &self,
        _state: &dyn Session,
        _input: Arc<dyn ExecutionPlan>,
        _sink: FileSinkConfig,
        _order: Option<LexRequirement>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Err(Error::statement("ORC files are read, not written").help("write to a table STORED AS PARQUET"))
    }
}
