//! The rows of a file's row groups, a batch after the other.
//!
//! Of each batch of rows the columns with conditions come first, the condition that keeps least before the others. Other columns are
//! fetched when there is a row that is wanted, and decoded for the rows that are left.

use std::sync::Arc;

use datafusion::arrow::compute::BatchCoalescer;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::Result;
use datafusion::physical_expr::projection::Projector;
use futures::stream::{self, Stream};

use super::bits::Bits;
use super::chunk::ChunkBytes;
use super::column::{ColumnReader, Passing};
use super::condition::Condition;
use super::file::OpenFile;
use super::values::reader_of;

/// Batches without a row that is wanted, after which other work of the thread has its turn.
const QUIET_BATCHES: usize = 32;

/// If a condition keeps at most this part of the rows, so many batches of rows are looked at together: what is done once a batch would take
/// longer than the rows that are left.
const PART_OF_FEW: f64 = 1.0 / 16.0;
const BATCHES_OF_FEW: usize = 4;

/// The rows of an open file that its conditions leave, with the columns that are asked for.
pub(super) fn rows_of(
    file: OpenFile,
    schema: &SchemaRef,
    batch_size: usize,
) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + 'static + use<>> {
    let fields = file.columns.iter().map(|column| Field::new(&column.name, column.data_type.clone(), true));
    let decoded = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let rows = Rows {
        projector: file.projection.make_projector(&decoded)?,
        schema: Arc::clone(schema),
        decoded,
        batch_size,
        next: 0,
        group: None,
        idle: file.columns.iter().map(|_| None).collect(),
        whole: BatchCoalescer::new(Arc::clone(schema), batch_size)
            .with_biggest_coalesce_batch_size(Some(batch_size / 2)),
        is_at_end: false,
        file,
    };
    Ok(stream::try_unfold(rows, |mut rows| async move { Ok(rows.next_batch().await?.map(|batch| (batch, rows))) }))
}

struct Rows {
    file: OpenFile,
    /// Of the columns that are decoded.
    decoded: SchemaRef,
    projector: Projector,
    /// Of what is given out.
    schema: SchemaRef,
    batch_size: usize,
    /// The next row group, by its place among those that are read.
    next: usize,
    group: Option<Group>,
    /// Readers of the columns of row groups that were read, to read those of others.
    idle: Vec<Option<Box<ColumnReader>>>,
    /// Rows on the way to whole batches.
    whole: BatchCoalescer,
    is_at_end: bool,
}

/// A row group that is being read.
struct Group {
    place: usize,
    /// Rows that were not looked at.
    rows: usize,
    /// One a column.
    columns: Vec<Slot>,
    is_fetched: bool,
}

/// A column of a row group.
enum Slot {
    /// Not fetched: rows of it to be passed over.
    Behind(usize),
    Fetched {
        reader: Box<ColumnReader>,
        /// Of the batch at hand.
        is_read: bool,
    },
}

impl Rows {
    async fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let mut quiet = 0;
        loop {
            if let Some(batch) = self.whole.next_completed_batch() {
                return Ok(Some(batch));
            }
            if self.is_at_end {
                return Ok(None);
            }
            match self.group.take() {
                None => self.next_group().await?,
                Some(mut group) => {
                    self.add_batch(&mut group).await?;
                    match group.rows {
                        0 => self.put_aside(group),
                        _ => self.group = Some(group),
                    }
                }
            }
            quiet += 1;
            if quiet % QUIET_BATCHES == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Opens the next row group with rows that may be wanted.
    async fn next_group(&mut self) -> Result<()> {
        let Some((place, rows)) = self.file.groups.get(self.next).cloned() else {
            self.is_at_end = true;
            self.whole.finish_buffered_batch()?;
            return Ok(());
        };
        self.next += 1;
        if !self.file.pruner.is_wanted(place) {
            self.file.metrics.row_groups_pruned_dynamic_filter.add(1);
            return Ok(());
        }
        for condition in &mut self.file.conditions {
            condition.begin();
        }
        self.file.conditions.sort_by(|one, other| one.part().total_cmp(&other.part()));
        let columns = self.file.columns.iter().map(|_| Slot::Behind(rows.start)).collect();
        let mut group = Group { place, rows: rows.len(), columns, is_fetched: false };
        let mut first: Vec<usize> = self.file.conditions.iter().map(|condition| condition.column).collect();
        first.sort_unstable();
        first.dedup();
        self.fetch(&mut group, &first).await?;
        self.group = Some(group).filter(|group| group.rows > 0);
        Ok(())
    }

    /// A row group is read.
    fn put_aside(&mut self, group: Group) {
        for (idle, slot) in self.idle.iter_mut().zip(group.columns) {
            if let Slot::Fetched { reader, .. } = slot {
                *idle = Some(reader);
            }
        }
    }

    /// Fetches those of the columns that were not fetched before.
    async fn fetch(&mut self, group: &mut Group, columns: &[usize]) -> Result<()> {
        let footer = Arc::clone(&self.file.footer);
        let metadata = footer.row_group(group.place);
        let is_missing = |column: &usize| matches!(group.columns[*column], Slot::Behind(_));
        let columns: Vec<usize> = columns.iter().copied().filter(is_missing).collect();
        if columns.is_empty() {
            return Ok(());
        }
        let range = |column: &usize| self.file.chunk_range(metadata.column(self.file.columns[*column].leaf));
        let ranges = columns.iter().map(range).collect::<Result<_>>()?;
        let rows_of_group = self.file.rows_of_group(group.place)?;
        let fetched = self.file.read(ranges).await?;
        for (place, bytes) in columns.into_iter().zip(fetched) {
            let column = &self.file.columns[place];
            let chunk = metadata.column(column.leaf);
            let bytes = ChunkBytes { start: chunk.byte_range().0, bytes };
            let mut reader = match self.idle[place].take() {
                Some(mut reader) => {
                    reader.begin(chunk, bytes, rows_of_group)?;
                    reader
                }
                None => {
                    let Some(values) = reader_of(&column.descriptor, &column.data_type) else { continue };
                    Box::new(ColumnReader::new(chunk, bytes, rows_of_group, column.data_type.clone(), values)?)
                }
            };
            if let Slot::Behind(rows) = group.columns[place] {
                reader.skip(rows);
            }
            group.columns[place] = Slot::Fetched { reader, is_read: false };
        }
        Ok(())
    }

    /// Looks at the next rows of a group: at more of them where few are expected to be wanted.
    async fn add_batch(&mut self, group: &mut Group) -> Result<()> {
        let least = self.file.conditions.iter().map(Condition::part).fold(1.0, f64::min);
        let batches = if least <= PART_OF_FEW { BATCHES_OF_FEW } else { 1 };
        let count = group.rows.min(self.batch_size * batches);
        group.rows -= count;
        for slot in &mut group.columns {
            if let Slot::Fetched { is_read, .. } = slot {
                *is_read = false;
            }
        }
        let mut rows = Bits::ones(count);
        let mut left = count;
        for condition in &mut self.file.conditions {
            if condition.rests() {
                continue;
            }
            if let Some((reader, is_now)) =
                read(&mut group.columns, condition.column, &rows, left, condition.passing())?
            {
                left = condition.keep(reader, is_now, &mut rows)?;
            }
            if left == 0 {
                break;
            }
        }
        self.file.metrics.pushdown_rows_pruned.add(count - left);
        self.file.metrics.pushdown_rows_matched.add(left);
        if left == 0 {
            for slot in &mut group.columns {
                match slot {
                    Slot::Behind(behind) => *behind += count,
                    Slot::Fetched { is_read: true, .. } => {}
                    Slot::Fetched { reader, .. } => reader.skip(count),
                }
            }
            return Ok(());
        }
        if !std::mem::replace(&mut group.is_fetched, true) {
            let all: Vec<usize> = (0..group.columns.len()).collect();
            self.fetch(group, &all).await?;
        }
        let mut arrays = Vec::with_capacity(group.columns.len());
        for place in 0..group.columns.len() {
            if let Some((reader, _)) = read(&mut group.columns, place, &rows, left, None)? {
                arrays.push(reader.take(&rows)?);
            }
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.decoded), arrays)?;
        let batch = self.projector.project_batch(&batch)?;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), batch.columns().to_vec())?;
        for start in (0..batch.num_rows()).step_by(self.batch_size) {
            let batch = batch.slice(start, self.batch_size.min(batch.num_rows() - start));
            if batch.num_rows() * 2 >= self.batch_size {
                // What waits goes first, so that this one need not be copied.
                self.whole.finish_buffered_batch()?;
            }
            self.whole.push_batch(batch)?;
        }
        Ok(())
    }
}

/// The column with the batch at hand, of which only the `wanted` rows, which are `left`, are asked for; `None` if it was not fetched. `true`:
/// it was read now, and asked what is `passing`.
fn read<'a>(
    columns: &'a mut [Slot],
    place: usize,
    wanted: &Bits,
    left: usize,
    passing: Option<&Passing>,
) -> Result<Option<(&'a ColumnReader, bool)>> {
    match columns.get_mut(place) {
        Some(Slot::Fetched { reader, is_read }) => {
            let is_now = !std::mem::replace(is_read, true);
            if is_now {
                reader.read(wanted, left, passing)?;
            }
            Ok(Some((reader, is_now)))
        }
        _ => Ok(None),
    }
}
