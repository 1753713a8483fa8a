//! How many distinct values a Parquet column has, as its dictionaries tell.
//!
//! A column chunk that is encoded by a dictionary has each value once in its dictionary page, which stands in front of the data and whose
//! header says how many they are: a few bytes to read, however large the dictionary. One row group of a file is a sample: where it has
//! few values, the other row groups are taken to have the same ones, else to have others, as keys do that come in the order in which they
//! were made. A writer that gave up its dictionary, since it grew too large, has at least the values that it had until then. An estimate
//! for join ordering, and never a fact.

use datafusion::arrow::datatypes::Schema;
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};
use parquet::arrow::parquet_column;
use parquet::basic::Encoding;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::statistics::Statistics;
use thrift::protocol::{TCompactInputProtocol, TInputProtocol, TType};

/// So many values, in a sample of ten times as many rows, are taken for all that there are.
const FEW: u64 = 1000;
/// The bytes of a dictionary of some ten thousand numbers.
const SMALL: i64 = 128 * 1024;
/// No header of a dictionary's page is longer: it is a handful of numbers.
const HEADER: u64 = 128;

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
        // Of numbers the range says enough, where they have many values all over the file; of text nothing else says anything.
        let tells = || has_small_dictionary(column) || is_in_order(footer, index);
        (!field.data_type().is_numeric() || (is_dictionary_only(column) && tells())).then_some(column)
    };
    let mut of_columns = FuturesOrdered::new();
    for field in schema.fields() {
        let chunk = of_column(field.name());
        of_columns.push_back(async move {
            // What cannot be read is the scan's to report.
            let values = dictionary_size(store, file, chunk?).await?;
            Some(in_all(values, in_group, rows))
        });
    }
    of_columns.collect().await
}

fn has_small_dictionary(column: &ColumnChunkMetaData) -> bool {
    column.dictionary_page_offset().is_some_and(|start| column.data_page_offset().saturating_sub(start) <= SMALL)
}

/// Each row group has values of its own, or nearly: what one has the others do not. So there are holes where it has some, as in the numbers
/// of orders.
fn is_in_order(footer: &ParquetMetaData, column: usize) -> bool {
    let ranges =
        footer.row_groups().iter().map(|group| range(group.columns().get(column)?)).collect::<Option<Vec<_>>>();
    let Some(ranges) = ranges.filter(|ranges| ranges.len() > 1) else { return false };
    let lowest = ranges.iter().map(|(low, _)| *low).min().unwrap_or_default();
    let highest = ranges.iter().map(|(_, high)| *high).max().unwrap_or_default();
    let covered: i128 = ranges.iter().map(|(low, high)| high - low + 1).sum();
    covered <= (highest - lowest + 1) * 5 / 4
}

/// The least and the greatest whole number of a column chunk.
fn range(column: &ColumnChunkMetaData) -> Option<(i128, i128)> {
    match column.statistics()? {
        Statistics::Int32(values) => Some(((*values.min_opt()?).into(), (*values.max_opt()?).into())),
        Statistics::Int64(values) => Some(((*values.min_opt()?).into(), (*values.max_opt()?).into())),
        _ => None,
    }
}

fn is_dictionary_only(column: &ColumnChunkMetaData) -> bool {
    column
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

/// The values in the dictionary of a column chunk; `None` if it has none, or cannot be read.
async fn dictionary_size(store: &dyn ObjectStore, file: &ObjectMeta, column: &ColumnChunkMetaData) -> Option<u64> {
    let start = u64::try_from(column.dictionary_page_offset()?).ok()?;
    let end = u64::try_from(column.data_page_offset()).ok()?.min(file.size).min(start + HEADER);
    if end <= start {
        return None;
    }
    let header = store.get_range(&file.location, start..end).await.ok()?;
    values_in(&header)
}

/// What the header of a dictionary's page says: a Thrift struct of `parquet.thrift`, `PageHeader`.
fn values_in(header: &[u8]) -> Option<u64> {
    const OF_DICTIONARY: i16 = 7;
    const VALUES: i16 = 1;
    let mut header = TCompactInputProtocol::new(header);
    header.read_struct_begin().ok()?;
    loop {
        let field = header.read_field_begin().ok()?;
        match (field.field_type, field.id) {
            (TType::Stop, _) => return None,
            (TType::Struct, Some(OF_DICTIONARY)) => break,
            (other, _) => header.skip(other).ok()?,
        }
    }
    header.read_struct_begin().ok()?;
    loop {
        let field = header.read_field_begin().ok()?;
        match (field.field_type, field.id) {
            (TType::Stop, _) => return None,
            (TType::I32, Some(VALUES)) => return u64::try_from(header.read_i32().ok()?).ok(),
            (other, _) => header.skip(other).ok()?,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Int64Array, RecordBatch};
    use datafusion::arrow::datatypes::{DataType, Field};
    use parquet::arrow::ArrowWriter;

    use super::*;

    #[test]
    fn few_values_are_all_there_are_and_many_grow_with_the_rows() {
        assert_eq!(in_all(7, 1000, 1_000_000), 7);
        assert_eq!(in_all(100, 1000, 1_000_000), 100);
        assert_eq!(in_all(500, 1000, 10_000), 5000);
        assert_eq!(in_all(10_000, 150_000, 3_000_000), 200_000);
        assert_eq!(in_all(1000, 1000, 1000), 1000);
    }

    #[test]
    fn the_header_of_a_dictionary_says_how_many_values_it_has() {
        // type 2, uncompressed 400, compressed 300, dictionary header { values 100, encoding 0, sorted }
        let header =
            [0x15, 0x04, 0x15, 0xa0, 0x06, 0x15, 0xd8, 0x04, 0x4c, 0x15, 0xc8, 0x01, 0x15, 0x00, 0x11, 0x00, 0x00];
        assert_eq!(values_in(&header), Some(100));
        assert_eq!(values_in(&header[..10]), None);
        // A data page's has another struct.
        let data = [0x15, 0x00, 0x15, 0xa0, 0x06, 0x15, 0xd8, 0x04, 0x2c, 0x15, 0xc8, 0x01, 0x00, 0x00];
        assert_eq!(values_in(&data), None);
        assert_eq!(values_in(&[]), None);
        assert_eq!(values_in(&[0xff; 64]), None);
    }

    /// The footer of a file with a column in row groups of these values.
    fn footer(groups: &[&[i64]]) -> ParquetMetaData {
        let schema = Arc::new(Schema::new(vec![Field::new("x", DataType::Int64, false)]));
        let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), None).unwrap();
        for values in groups {
            let column = Arc::new(Int64Array::from(values.to_vec()));
            writer.write(&RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap()).unwrap();
            writer.flush().unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn values_are_in_order_where_row_groups_share_none() {
        assert!(is_in_order(&footer(&[&[1, 4, 9], &[9, 12, 13], &[15, 20]]), 0));
        assert!(!is_in_order(&footer(&[&[1, 4, 9], &[2, 3, 8]]), 0));
        // One row group tells nothing.
        assert!(!is_in_order(&footer(&[&[1, 4, 9]]), 0));
        assert!(is_in_order(&footer(&[&[i64::MIN], &[i64::MAX]]), 0));
    }
}
