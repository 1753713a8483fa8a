//! A piece of a file that is open, to be read page by page.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetFileMetrics;
use datafusion::error::Result;
use datafusion::physical_expr::projection::ProjectionExprs;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};

use super::Reading;
use super::condition::Condition;
use super::known::{FileColumn, Known, know};
use super::local::LocalFile;
use super::pruning::GroupPruner;
use super::slices::{rows_in_range, slices_of_group};

/// See the module.
pub(super) struct OpenFile {
    reader: Box<dyn AsyncFileReader>,
    local: Option<LocalFile>,
    /// In bytes.
    size: u64,
    pub(super) footer: Arc<ParquetMetaData>,
    /// The row groups to be read, and which rows of each.
    pub(super) groups: Vec<(usize, Range<usize>)>,
    /// The columns to be decoded.
    pub(super) columns: Arc<[FileColumn]>,
    pub(super) conditions: Vec<Condition>,
    /// From the decoded columns to those that are asked for.
    pub(super) projection: ProjectionExprs,
    pub(super) pruner: GroupPruner,
    pub(super) metrics: ParquetFileMetrics,
}

impl OpenFile {
    /// The bytes of all ranges.
    pub(super) async fn read(&mut self, ranges: Vec<Range<u64>>) -> Result<Vec<Bytes>> {
        if let Some(local) = &self.local
            && let Ok(chunks) = local.read(ranges.clone()).await
        {
            self.metrics.bytes_scanned.add(chunks.iter().map(Bytes::len).sum());
            return Ok(chunks);
        }
        Ok(self.reader.get_byte_ranges(ranges).await?)
    }

    pub(super) fn rows_of_group(&self, group: usize) -> Result<usize> {
        rows_of(self.footer.row_group(group))
    }

    /// Where in the file a column chunk lies, if the footer is right.
    pub(super) fn chunk_range(&self, chunk: &ColumnChunkMetaData) -> Result<Range<u64>> {
        let start = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
        let range = u64::try_from(start).ok().zip(u64::try_from(chunk.compressed_size()).ok());
        let range = range.and_then(|(start, len)| Some(start..start.checked_add(len)?));
        let outside = || ParquetError::General("a column chunk lies outside of its file".to_string());
        Ok(range.filter(|range| range.end <= self.size).ok_or_else(outside)?)
    }
}

/// What is to be done with a piece of a file.
pub(super) enum Opened {
    /// It has no row that is wanted.
    Unwanted,
    ByPages(Box<OpenFile>),
    /// It has to be read by the reader that can do all.
    Otherwise,
}

pub(super) async fn open(reading: &Reading, file: PartitionedFile) -> Result<Opened> {
    let source = &reading.source;
    let Some(factory) = source.parquet_file_reader_factory() else { return Ok(Opened::Otherwise) };
    let options = &source.table_parquet_options().global;
    let (range, size) = (file.range.clone(), file.object_meta.size);
    let mut reader: Box<dyn AsyncFileReader> =
        factory.create_reader(reading.partition, file.clone(), options.metadata_size_hint, &reading.metrics)?;
    let known = match reading.last.of(&file.object_meta.location) {
        Some(known) => known,
        None => {
            let known = know(reading, &file, &mut reader).await?;
            reading.last.remember(&file.object_meta.location, &known);
            known
        }
    };
    let known = match known {
        Known::Unwanted(metrics) => {
            metrics.files_ranges_pruned_statistics.add_pruned(1);
            return Ok(Opened::Unwanted);
        }
        Known::Otherwise => return Ok(Opened::Otherwise),
        Known::ByPages(known) => known,
    };
    let footer = Arc::clone(&known.footer);
    let slices = if known.local.is_some() { slices_of_group(&footer, reading.partitions) } else { 1 };
    let here = |group| Ok(rows_in_range(group, rows_of(group)?, size, slices, range.as_ref()));
    let here: Vec<Range<usize>> = footer.row_groups().iter().map(here).collect::<Result<_>>()?;
    let mut pruner = GroupPruner::new(known.pruning.clone(), Arc::clone(&footer));
    let groups = pruner.groups(|group| !here[group].is_empty(), &known.metrics);
    let groups = groups.into_iter().map(|group| (group, here[group].clone())).collect();
    known.metrics.files_ranges_pruned_statistics.add_matched(1);
    Ok(Opened::ByPages(Box::new(OpenFile {
        local: known.local.clone(),
        reader,
        size,
        footer,
        groups,
        columns: Arc::clone(&known.columns),
        conditions: known.conditions.iter().map(|(column, test)| Condition::new(*column, test.clone())).collect(),
        projection: known.projection.clone(),
        pruner,
        metrics: known.metrics.clone(),
    })))
}

/// What the footer says, which need not be a number of rows.
fn rows_of(group: &RowGroupMetaData) -> Result<usize> {
    let rows = usize::try_from(group.num_rows());
    Ok(rows.map_err(|_| ParquetError::General("a row group has fewer rows than none".to_string()))?)
}
