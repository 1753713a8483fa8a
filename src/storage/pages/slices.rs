//! Which rows of a file a piece of it has: whole row groups, or slices of them.
//!
//! ```text
//! item.parquet, one row group, two threads      one would read it, and the other wait: each reads half of its rows
//! ```
//!
//! A slice reads the bytes of the row group's columns as they are, and passes over the pages of rows that are not its own; only dictionaries
//! are decompressed by each. So there are slices where row groups are too few to be dealt evenly, and of local files, whose bytes need not come
//! over a network twice.
//!
//! A slice, as a row group, is read by the piece in which it begins, and all pieces of a file have to cut it in the same way: what that
//! depends on is the same for all of them.

use std::ops::Range;

use datafusion::datasource::listing::FileRange;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

/// A slice with fewer rows is not worth it.
const LEAST_ROWS: usize = 1 << 14;
/// More row groups for a partition are dealt evenly enough.
const ENOUGH: usize = 4;
const MOST: usize = 8;

/// Into how many slices each row group is cut for `partitions`.
pub(super) fn slices_of_group(footer: &ParquetMetaData, partitions: usize) -> usize {
    let groups = footer.num_row_groups();
    if partitions < 2 || groups.is_multiple_of(partitions) || groups >= ENOUGH * partitions {
        return 1;
    }
    partitions.min(MOST)
}

/// The rows of a row group that are in the slices that begin in the range. The row group has `rows`, and the file `size` bytes.
pub(super) fn rows_in_range(
    group: &RowGroupMetaData,
    rows: usize,
    size: u64,
    slices: usize,
    range: Option<&FileRange>,
) -> Range<usize> {
    let (Some(range), Some(first)) = (range, group.columns().first()) else { return 0..rows };
    let slices = slices.min(rows / LEAST_ROWS).max(1) as i128;
    // Where DataFusion's reader takes a row group to begin.
    let start = i128::from(first.dictionary_page_offset().unwrap_or_else(|| first.data_page_offset()));
    let len: i128 = match slices {
        1 => 0,
        _ => group.columns().iter().map(|column| i128::from(column.compressed_size())).sum(),
    };
    let len = len.min(i128::from(size) - start).max(0);
    // Slices that begin before a byte.
    let before = |byte: i64| (0..slices).take_while(|slice| start + len * slice / slices < i128::from(byte)).count();
    let first_row = |slice: usize| (rows as u128 * slice as u128 / slices as u128) as usize;
    first_row(before(range.start))..first_row(before(range.end))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;
    use proptest::prelude::*;

    use super::*;
    use crate::session::{Session, SessionOptions};

    fn footer(rows: usize, rows_in_group: usize) -> (ParquetMetaData, u64) {
        let column: ArrayRef = Arc::new((0..rows as i64).collect::<Int64Array>());
        let batch = RecordBatch::try_from_iter([("a", Arc::clone(&column)), ("b", column)]).unwrap();
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(rows_in_group)).build();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        let footer = writer.close().unwrap();
        (footer, bytes.len() as u64)
    }

    #[test]
    fn few_row_groups_are_cut() {
        let slices = |groups: usize, partitions: usize| slices_of_group(&footer(groups * 10, 10).0, partitions);
        assert_eq!(
            [slices(1, 1), slices(1, 2), slices(2, 2), slices(3, 2), slices(8, 2), slices(9, 2)],
            [1, 2, 1, 2, 1, 1]
        );
        assert_eq!([slices(1, 16), slices(20, 16)], [8, 8]);
    }

    #[tokio::test]
    async fn all_threads_read_one_row_group() {
        let folder = tempfile::tempdir().unwrap();
        let base = Some(folder.path().to_path_buf());
        let options =
            SessionOptions { base, catalog: Some(folder.path().join("catalog")), ..SessionOptions::default() };
        let session = Session::open(options).await.unwrap();
        for statement in [
            // One file, and in it one row group.
            "SET datafusion.execution.minimum_parallel_output_files = 1",
            "CREATE TABLE t STORED AS PARQUET AS SELECT value AS v, nullif(value % 97, 5) AS k, concat('text ', value % 1000) AS s
             FROM generate_series(1, 100000)",
            "SET datafusion.optimizer.repartition_file_min_size = 0",
        ] {
            session.query(statement).await.unwrap();
        }
        let mut answers = Vec::new();
        for partitions in [1, 3] {
            session.query(&format!("SET datafusion.execution.target_partitions = {partitions}")).await.unwrap();
            let mut answer = String::new();
            for condition in ["true", "k = 7", "v > 99000 AND s > 'text 5'", "v % 1000 = 3"] {
                let sql = format!(
                    "SELECT count(*), sum(v), sum(k), count(s), min(s), count(DISTINCT v) FROM t WHERE {condition}"
                );
                let rows = session.query(&sql).await.unwrap();
                answer += &pretty_format_batches(&rows).unwrap().to_string();
            }
            answers.push(answer);
        }
        assert!(answers[0].contains("| 5000050000 |"), "{}", answers[0]);
        assert_eq!(answers[0], answers[1]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]

        /// However a file is divided, each row is in one of its pieces.
        #[test]
        fn pieces_have_all_rows(
            rows in 1_usize..200_000,
            rows_in_group in 10_000_usize..100_000,
            slices in 1_usize..9,
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let (footer, size) = footer(rows, rows_in_group);
            let mut cuts: Vec<i64> = cuts.iter().map(|cut| cut.index(size as usize) as i64).collect();
            cuts.extend([0, size as i64]);
            cuts.sort_unstable();
            for group in footer.row_groups() {
                let of_group = group.num_rows() as usize;
                let mut next = 0;
                for piece in cuts.windows(2) {
                    let range = FileRange { start: piece[0], end: piece[1] };
                    let rows = rows_in_range(group, of_group, size, slices, Some(&range));
                    if !rows.is_empty() {
                        prop_assert_eq!(rows.start, next);
                        next = rows.end;
                    }
                }
                prop_assert_eq!(next, of_group);
                prop_assert_eq!(rows_in_range(group, of_group, size, slices, None), 0..of_group);
            }
        }
    }
}
