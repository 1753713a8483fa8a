//! Files of lines as a table's format.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::datasource::physical_plan::{FileSinkConfig, FileSource};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::physical_expr::LexRequirement;
use datafusion::physical_plan::ExecutionPlan;
use object_store::ObjectMeta;

use super::RowFormat;
use super::source::LineSource;
use super::write::LineSink;
use crate::catalog::model::FileFormat;
use crate::error::{Error, Result};
use crate::storage::errors::format_name;
use crate::storage::format::csv::extension_of;
use crate::storage::format::{Reading, TableFormat};

/// A SerDe over files of lines.
#[derive(Debug)]
pub(crate) struct LineTable {
    kind: FileFormat,
    format: Arc<dyn RowFormat>,
    /// The extension of written files.
    extension: &'static str,
}

impl LineTable {
    /// `declared` are the columns in the files.
    pub(crate) fn new(
        kind: FileFormat,
        format: Arc<dyn RowFormat>,
        extension: &'static str,
        declared: Option<&Schema>,
    ) -> Result<Self> {
        if let Some(declared) = declared {
            format.check(declared)?;
        }
        Ok(LineTable { kind, format, extension })
    }
}

#[async_trait]
impl TableFormat for LineTable {
    fn kind(&self) -> FileFormat {
        self.kind
    }

    fn fingerprint(&self) -> String {
        format!("{:?}", self.format)
    }

    async fn infer_schema(&self, reading: &Reading<'_>, _files: &[ObjectMeta]) -> Result<SchemaRef> {
        let format = format_name(self.kind);
        Err(Error::statement(format!(
            "the columns of {} are not declared, and {format} has no names",
            reading.location
        ))
        .help("declare the columns in CREATE TABLE"))
    }

    fn file_source(
        &self,
        reading: &Reading<'_>,
        schema: TableSchema,
        files: &[ObjectMeta],
    ) -> Result<Arc<dyn FileSource>> {
        let mut any_compressed = false;
        for file in files {
            let compression = self.format.layout().compression_of(file.location.filename().unwrap_or_default())?;
            any_compressed |= compression != CompressionTypeVariant::UNCOMPRESSED;
        }
        let location = Arc::new(reading.location.clone());
        Ok(Arc::new(LineSource::new(Arc::clone(&self.format), location, schema, any_compressed)))
    }

    fn extension(&self) -> String {
        let compression = self.format.layout().compression.unwrap_or(CompressionTypeVariant::UNCOMPRESSED);
        format!("{}{}", self.extension, extension_of(compression))
    }

    async fn writer(
        &self,
        _state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        sink: FileSinkConfig,
        order: Option<LexRequirement>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let layout = self.format.layout();
        if layout.header > 0 || layout.footer > 0 {
            return Err(Error::statement(
                "a table with skip.header.line.count or skip.footer.line.count is read, not written",
            )
            .help("rows that are written would be taken for the header of their file"));
        }
        let partitions = &sink.table_partition_cols;
        let is_in_file = |name: &str| !partitions.iter().any(|(partition, _)| partition == name);
        let in_files = sink.output_schema.fields().iter().filter(|field| is_in_file(field.name())).cloned();
        let serializer = self.format.serializer(&Schema::new(in_files.collect::<Vec<_>>()))?;
        let compression = layout.compression.unwrap_or(CompressionTypeVariant::UNCOMPRESSED);
        let sink = LineSink::new(sink, self.format.name(), serializer, compression);
        Ok(Arc::new(DataSinkExec::new(input, Arc::new(sink), order)))
    }
}
