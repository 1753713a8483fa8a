//! How many distinct values a Parquet column has, as its dictionaries tell.
//!
//! A column chunk that is encoded by a dictionary throughout has each value once in its dictionary page, which stands in front of the
//! data and is small. One row group of a file is a sample: where it has few values, the other row groups are taken to have the same ones,
//! else to have others, as keys do that come in the order in which they were made. An estimate for join ordering, and never a fact.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use datafusion::arrow::datatypes::Schema;
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};
use parquet::arrow::parquet_column;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;

/// A larger dictionary is not read: its column has many values, which is what is assumed of a column of which nothing is known.
const LARGEST_DICTIONARY: u64 = 128 * 1024;
/// So many values, in a sample of ten times as many rows, are taken for all that there are.
const FEW: u64 = 1000;

/// The distinct values of each column of `schema`, in a table of `rows` rows of which this file is one; `None`: not known.
pub(crate) async fn of_parquet(
    store: &dyn ObjectStore,
    file: &ObjectMeta,
    footer: &ParquetMetaData,
    schema: &Schema,
    rows: u64,
) -> Vec<Option<u64>> {
    let Some(group) = footer.row_groups().iter().max_by_key(|group| group.num_rows()) else {
        return vec![None; schema.fields().len()];
    };
    let in_group = u64::try_from(group.num_rows()).unwrap_or_default();
    let of_column = |name: &str| {
        let (index, field) = parquet_column(footer.file_metadata().schema_descr(), schema, name)?;
        let column = group.columns().get(index).filter(|_| !field.data_type().is_nested())?;
        is_dictionary_only(column).then_some(column)
    };
    let mut of_columns = FuturesOrdered::new();
    for field in schema.fields() {
        let chunk = of_column(field.name());
        of_columns.push_back(async move {
            // What cannot be read is the scan's to report.
            let values = dictionary_size(store, file, chunk?).await.ok().flatten()?;
            Some(in_all(values, in_group, rows))
        });
    }
    of_columns.collect().await
}

fn is_dictionary_only(column: &ColumnChunkMetaData) -> bool {
    column.dictionary_page_offset().is_some()
        && column
            .page_encoding_stats_mask()
            .is_some_and(|mask| mask.is_only(Encoding::PLAIN_DICTIONARY) || mask.is_only(Encoding::RLE_DICTIONARY))
}

/// The values in a table of `rows` rows, if a sample of `sampled` rows has `values`.
fn in_all(values: u64, sampled: u64, rows: u64) -> u64 {
    if values <= FEW && values <= sampled / 10 {
        return values;
    }
    let all = values as f64 * rows as f64 / sampled.max(1) as f64;
    (all as u64).clamp(values, rows.max(values))
}

async fn dictionary_size(
    store: &dyn ObjectStore,
    file: &ObjectMeta,
    column: &ColumnChunkMetaData,
) -> Result<Option<u64>> {
    let offset =
        |offset: i64| u64::try_from(offset).map_err(|_| ParquetError::General("a negative offset".to_string()));
    let Some(start) = column.dictionary_page_offset() else { return Ok(None) };
    let (start, end) = (offset(start)?, offset(column.data_page_offset())?);
    if end <= start || end - start > LARGEST_DICTIONARY || end > file.size {
        return Ok(None);
    }
    let bytes = store.get_range(&file.location, start..end).await?;
    let part = Arc::new(PartOfFile { start, bytes, size: file.size });
    let mut pages = SerializedPageReader::new(part, column, usize::MAX, None)?;
    Ok(match pages.get_next_page()? {
        Some(Page::DictionaryPage { num_values, .. }) => Some(u64::from(num_values)),
        _ => None,
    })
}

/// The bytes of a file from `start` on, as far as they were read.
struct PartOfFile {
    start: u64,
    bytes: Bytes,
    size: u64,
}

impl PartOfFile {
    fn from(&self, start: u64) -> Result<Bytes> {
        let skipped = start.checked_sub(self.start).and_then(|skipped| usize::try_from(skipped).ok());
        match skipped.filter(|skipped| *skipped <= self.bytes.len()) {
            Some(skipped) => Ok(self.bytes.slice(skipped..)),
            None => Err(ParquetError::EOF("beyond the dictionary".to_string())),
        }
    }
}

impl Length for PartOfFile {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for PartOfFile {
    type T = Reading;

    fn get_read(&self, start: u64) -> Result<Reading> {
        self.from(start).map(Reading)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let bytes = self.from(start)?;
        if length > bytes.len() {
            return Err(ParquetError::EOF("beyond the dictionary".to_string()));
        }
        Ok(bytes.slice(..length))
    }
}

struct Reading(Bytes);

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(self.0.len());
        self.0.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_all_there_are_and_many_grow_with_the_rows() {
        assert_eq!(in_all(7, 1000, 1_000_000), 7);
        assert_eq!(in_all(100, 1000, 1_000_000), 100);
        assert_eq!(in_all(500, 1000, 10_000), 5000);
        assert_eq!(in_all(10_000, 150_000, 3_000_000), 200_000);
        assert_eq!(in_all(1000, 1000, 1000), 1000);
    }
}
