//! Where the records of a large file start, so that several readers can share it.
//!
//! A line end may be part of a quoted field, so a place in the middle of a file tells nothing by itself.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::error::Result as DataFusionResult;
use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use tokio::sync::OnceCell;

use super::dialect::after_lines;
use super::records::{Splitter, Step, after_byte_order_mark};
use super::source::CsvTable;
use crate::storage::format::text::{bytes_of, line_from};

/// Where records start in the files that are read in ranges. Found once for all the ranges of a file.
#[derive(Default)]
pub(super) struct Splits(Mutex<HashMap<SplitKey, Arc<OnceCell<RecordStarts>>>>);

/// A file and where its ranges start.
type SplitKey = (Path, Vec<u64>);

/// For the start of each range the first record that starts there or later.
#[derive(Debug, Clone, Default)]
pub(super) struct RecordStarts(Vec<(u64, u64)>);

impl RecordStarts {
    /// The bytes of the records that start within a range.
    pub(super) fn range(&self, start: u64, end: u64, size: u64) -> Range<u64> {
        let record_at = |place: u64| match place {
            0 => 0,
            _ => self.0.iter().find(|(start, _)| *start >= place).map_or(size, |(_, record)| *record),
        };
        let (start, end) = (record_at(start), if end >= size { size } else { record_at(end) });
        start..end.max(start)
    }
}

impl Splits {
    pub(super) async fn of(
        &self,
        table: &CsvTable,
        store: &Arc<dyn ObjectStore>,
        meta: &ObjectMeta,
        starts: &[u64],
    ) -> DataFusionResult<RecordStarts> {
        let cell = {
            let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(files.entry((meta.location.clone(), starts.to_vec())).or_default())
        };
        cell.get_or_try_init(|| find_record_starts(table, store, meta, starts)).await.cloned()
    }
}

/// Splits a file into records, without looking at their fields, and notes where they start.
async fn find_record_starts(
    table: &CsvTable,
    store: &Arc<dyn ObjectStore>,
    meta: &ObjectMeta,
    starts: &[u64],
) -> DataFusionResult<RecordStarts> {
    if table.dialect.skip == 0 && !may_span_lines(table, store, meta).await? {
        let mut found = Vec::with_capacity(starts.len());
        for start in starts.iter().filter(|start| **start > 0) {
            found.push((*start, line_from(store, meta, *start).await?));
        }
        return Ok(RecordStarts(found));
    }
    let plain = CompressionTypeVariant::UNCOMPRESSED;
    let mut found = Vec::with_capacity(starts.len());
    let mut wanted = starts.iter().copied().filter(|start| *start > 0).peekable();
    let mut splitter = Splitter::new(table.dialect.syntax);
    let mut pieces = bytes_of(store, meta, plain, None).await?;
    let (mut buffer, mut at, mut offset, mut ended) = (Vec::new(), 0_usize, 0_u64, false);
    let mut at_start = true;
    while wanted.peek().is_some() {
        if at_start && (buffer.len() >= PIECE_FOR_START || ended) {
            at = after_byte_order_mark(&buffer).map_or(0, |text| text.start);
            at = buffer.len() - after_lines(&buffer[at..], table.dialect.skip).len();
            at_start = false;
        }
        let step = if at_start { Step::Incomplete } else { splitter.step(&buffer[at..], ended).unwrap_or(Step::End) };
        match step {
            Step::Record(taken) | Step::Blank(taken) | Step::Comment(taken) => {
                at += taken;
                while wanted.next_if(|start| *start <= offset + at as u64).is_some_and(|start| {
                    found.push((start, offset + at as u64));
                    true
                }) {}
            }
            Step::Incomplete | Step::End if ended => break,
            Step::Incomplete | Step::End => {
                let long_record = buffer.len() - at;
                offset += at as u64;
                buffer.drain(..at);
                at = 0;
                // As much again as is there already, so that a long record is not looked at too often.
                while buffer.len() <= 2 * long_record || buffer.is_empty() {
                    match pieces.try_next().await? {
                        Some(piece) => buffer.extend_from_slice(&piece),
                        None => {
                            ended = true;
                            break;
                        }
                    }
                }
            }
        }
    }
    // Ranges that start in the last record have none of their own.
    found.extend(wanted.map(|start| (start, meta.size)));
    Ok(RecordStarts(found))
}

/// Whether a line end may be part of a field. Without a single quote in the file it is not.
async fn may_span_lines(table: &CsvTable, store: &Arc<dyn ObjectStore>, meta: &ObjectMeta) -> DataFusionResult<bool> {
    let Some(quote) = table.dialect.syntax.quote else { return Ok(table.dialect.syntax.escape.is_some()) };
    let mut pieces = bytes_of(store, meta, CompressionTypeVariant::UNCOMPRESSED, None).await?;
    while let Some(piece) = pieces.try_next().await? {
        if memchr::memchr(quote, &piece).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Enough for the lines that are passed over at the start of a file.
const PIECE_FOR_START: usize = 64 * 1024;
