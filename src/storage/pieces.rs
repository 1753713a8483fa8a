//! Files are split into more pieces than there are partitions.
//!
//! Files tend to be sorted by date, and a filter by date leaves the rows of one part. With a piece for each partition, one would read all
//! of those, and the others wait. The partitions of a scan take the next piece when they are idle, so smaller pieces are shared by
//! all of them.

use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileSource};
use datafusion::error::Result;
use datafusion::physical_expr::LexOrdering;

/// How many pieces a partition's share of the files is read in.
const PIECES_OF_PARTITION: usize = 16;

/// In bytes. Opening a piece costs time, too.
const LEAST_PIECE: u64 = 16 << 20;

/// What `reader` makes of `FileSource::repartitioned`, with more pieces where the order of rows does not matter.
pub(super) fn split(
    reader: &dyn FileSource,
    partitions: usize,
    least_size: usize,
    order: Option<LexOrdering>,
    config: &FileScanConfig,
) -> Result<Option<FileScanConfig>> {
    if order.is_some() || config.preserve_order {
        return reader.repartitioned(partitions, least_size, order, config);
    }
    let split = reader.repartitioned(pieces(config, partitions), least_size, order, config)?;
    Ok(split.map(|mut split| {
        split.file_groups = dealt(&split.file_groups, partitions);
        split
    }))
}

fn pieces(config: &FileScanConfig, partitions: usize) -> usize {
    let size: u64 = config.file_groups.iter().flat_map(FileGroup::iter).map(PartitionedFile::effective_size).sum();
    let most = usize::try_from(size / LEAST_PIECE).unwrap_or(usize::MAX);
    most.clamp(partitions, partitions.saturating_mul(PIECES_OF_PARTITION))
}

/// Deals the pieces to `partitions` groups of nearly the same number, in their order; to fewer if there are fewer pieces.
fn dealt(pieces: &[FileGroup], partitions: usize) -> Vec<FileGroup> {
    let partitions = partitions.min(pieces.len());
    let share = |partition: usize| pieces.len() * partition / partitions;
    let files = |groups: &[FileGroup]| groups.iter().flat_map(FileGroup::iter).cloned().collect();
    (0..partitions).map(|at| FileGroup::new(files(&pieces[share(at)..share(at + 1)]))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::datatypes::Schema;
    use datafusion::datasource::physical_plan::{FileScanConfigBuilder, ParquetSource};
    use datafusion::execution::object_store::ObjectStoreUrl;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn config(sizes: &[u64]) -> FileScanConfig {
        let source = Arc::new(ParquetSource::new(Arc::new(Schema::empty())));
        let file = |(number, size): (usize, &u64)| PartitionedFile::new(format!("{number}.parquet"), *size);
        let files = FileGroup::new(sizes.iter().enumerate().map(file).collect());
        FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), source).with_file_group(files).build()
    }

    /// Where the pieces of each partition begin.
    fn starts(sizes: &[u64], partitions: usize) -> Vec<Vec<u64>> {
        let config = config(sizes);
        let split = split(config.file_source.as_ref(), partitions, 0, None, &config).unwrap().unwrap();
        let starts = |group: &FileGroup| group.iter().map(|file| file.range().0).collect();
        split.file_groups.iter().map(starts).collect()
    }

    #[test]
    fn large_files_are_read_in_more_pieces_than_there_are_partitions() {
        assert_eq!(pieces(&config(&[MIB]), 4), 4);
        assert_eq!(pieces(&config(&[90 * MIB, 10 * MIB]), 4), 6);
        assert_eq!(pieces(&config(&[10_000 * MIB]), 4), 64);
    }

    #[test]
    fn pieces_keep_their_order() {
        let step = LEAST_PIECE;
        assert_eq!(starts(&[3 * step, 3 * step], 2), [[0, step, 2 * step], [0, step, 2 * step]]);
    }

    #[test]
    fn every_partition_has_pieces() {
        let step = LEAST_PIECE;
        assert_eq!(starts(&[6 * step], 4), [vec![0], vec![step, 2 * step], vec![3 * step], vec![4 * step, 5 * step]]);
        for partitions in 1..40 {
            let starts = starts(&[50 * step], partitions);
            assert_eq!(starts.len(), partitions);
            assert!(starts.iter().all(|pieces| !pieces.is_empty()), "{partitions}");
            assert!(starts.concat().is_sorted(), "{partitions}");
        }
    }
}
