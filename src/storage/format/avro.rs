//! Avro object container files. They are read, not written.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow_avro::reader::ReaderBuilder;
use datafusion::catalog::Session;
use datafusion::datasource::physical_plan::parquet::transform_schema_to_view;
use datafusion::datasource::physical_plan::{AvroSource, FileSinkConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::physical_expr::LexRequirement;
use datafusion::physical_plan::ExecutionPlan;
use object_store::ObjectMeta;

use super::options::Options;
use super::{Reading, TableFormat, first_bytes, schemas_of, stated_schema};
use crate::catalog::model::FileFormat;
use crate::error::{Error, Result};
use crate::storage::errors::damaged;
use crate::storage::schema;

/// Enough for the header of most files, which holds the schema.
const HEADER: u64 = 64 * 1024;

#[derive(Debug)]
pub(crate) struct Avro;

impl Avro {
    pub(crate) fn new(given: &BTreeMap<String, String>) -> Result<Self> {
        Options::new("Avro", given).finish()?;
        Ok(Avro)
    }
}

#[async_trait]
impl TableFormat for Avro {
    fn kind(&self) -> FileFormat {
        FileFormat::Avro
    }

    fn fingerprint(&self) -> String {
        "avro".to_string()
    }

    async fn infer_schema(&self, reading: &Reading<'_>, files: &[ObjectMeta]) -> Result<SchemaRef> {
        let mut schemas = Vec::with_capacity(files.len());
        for schema in schemas_of(self, reading, files).await? {
            schemas.push(Arc::new(transform_schema_to_view(&schema)));
        }
        schema::merge(&schemas, |file| reading.shown(&files[file]))
    }

    async fn physical_schema(&self, reading: &Reading<'_>, file: &ObjectMeta) -> Result<Option<SchemaRef>> {
        let read = async {
            let mut count = HEADER;
            loop {
                let start = first_bytes(reading, file, count).await?;
                match ReaderBuilder::new().build(Cursor::new(start)) {
                    Ok(reader) => return Ok(reader.schema().fields().clone()),
                    Err(_) if count < file.size => count *= 16,
                    Err(error) => return Err(damaged(FileFormat::Avro, &reading.shown(file), &error.to_string())),
                }
            }
        };
        stated_schema(self, reading, file, read).await
    }

    fn file_source(
        &self,
        _reading: &Reading<'_>,
        schema: TableSchema,
        _files: &[ObjectMeta],
    ) -> Result<Arc<dyn FileSource>> {
        // It makes each file's columns fit the table's by itself.
        Ok(Arc::new(AvroSource::new(schema)))
    }

    fn extension(&self) -> String {
        "avro".to_string()
    }

    async fn writer(
        &self,
        _state: &dyn Session,
        _input: Arc<dyn ExecutionPlan>,
        _sink: FileSinkConfig,
        _order: Option<LexRequirement>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Err(Error::statement("Avro files are read, not written").help("write Parquet, CSV, JSON or Arrow"))
    }
}
