//! Writes rows as files of lines.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::common::runtime::SpawnedTask;
use datafusion::datasource::file_format::write::BatchSerializer;
use datafusion::datasource::file_format::write::demux::DemuxedStreamReceiver;
use datafusion::datasource::file_format::write::orchestration::spawn_writer_tasks_and_join;
use datafusion::datasource::physical_plan::{FileSink, FileSinkConfig};
use datafusion::datasource::sink::DataSink;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType};
use object_store::ObjectStore;

/// Writes the rows of a plan.
pub(super) struct LineSink {
    config: FileSinkConfig,
    name: &'static str,
    serializer: Arc<dyn BatchSerializer>,
    compression: CompressionTypeVariant,
}

impl LineSink {
    pub(super) fn new(
        config: FileSinkConfig,
        name: &'static str,
        serializer: Arc<dyn BatchSerializer>,
        compression: CompressionTypeVariant,
    ) -> Self {
        LineSink { config, name, serializer, compression }
    }
}

impl fmt::Debug for LineSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineSink").field("format", &self.name).finish_non_exhaustive()
    }
}

impl DisplayAs for LineSink {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match t {
            DisplayFormatType::Default | DisplayFormatType::Verbose => write!(f, "LineSink(format={})", self.name),
            DisplayFormatType::TreeRender => writeln!(f, "format: {}", self.name),
        }
    }
}

#[async_trait]
impl FileSink for LineSink {
    fn config(&self) -> &FileSinkConfig {
        &self.config
    }

    async fn spawn_writer_tasks_and_join(
        &self,
        context: &Arc<TaskContext>,
        demux_task: SpawnedTask<Result<()>>,
        file_stream_rx: DemuxedStreamReceiver,
        object_store: Arc<dyn ObjectStore>,
    ) -> Result<u64> {
        let serializer = Arc::clone(&self.serializer);
        let compression = self.compression.into();
        spawn_writer_tasks_and_join(context, serializer, compression, None, object_store, demux_task, file_stream_rx)
            .await
    }
}

#[async_trait]
impl DataSink for LineSink {
    fn schema(&self) -> &SchemaRef {
        self.config.output_schema()
    }

    async fn write_all(&self, data: SendableRecordBatchStream, context: &Arc<TaskContext>) -> Result<u64> {
        FileSink::write_all(self, data, context).await
    }
}
