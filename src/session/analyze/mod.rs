//! ANALYZE TABLE: how many rows and bytes a table has, and of its columns how many NULLs, the least and the greatest value, and
//! about how many different values.
//!
//! Each folder of files, which is a partition, has statistics of its own, bound to the files that they were taken from. A folder
//! whose files are the same is not read again; where files only came, only these are. What holds for the table is put together
//! from its folders.

mod current;
mod scan;
mod sketch;
mod summary;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider as _;
use datafusion::common::ScalarValue;
use futures::{StreamExt as _, TryStreamExt as _};
use sqlparser::ast::Ident;

pub(super) use current::{Comparisons, estimates, validity};
pub(super) use sketch::distinct_in;

use self::scan::Found;
use super::Session;
use super::constraints::standing::Listed;
use super::constraints::wait_until_changes_show;
use super::ddl::partition::matches;
use super::ddl::table::columns_of;
use super::partition_clause::partition_spec;
use super::resolve::fold;
use super::show::no_column;
use crate::catalog::evidence::{Difference, FileFingerprint, FileSet};
use crate::catalog::model::Table;
use crate::catalog::statistics::PartitionStatistics;
use crate::error::{Error, Result};
use crate::sql::source::Source;
use crate::sql::statement::{Analyze, Analyzed, ParsedStatement};
use crate::sql::types::to_sql;
use crate::storage::FileTable;

/// A folder with files of a table, as it is now.
#[derive(Debug)]
struct Folder {
    /// Below the table's location; empty for a table without partitions.
    path: String,
    files: FileSet,
    /// The values of the partition columns.
    partition: Vec<ScalarValue>,
}

/// What has to be read of a folder.
#[derive(Debug)]
struct Work<'a> {
    folder: &'a Folder,
    /// The paths of the files.
    files: HashSet<&'a str>,
    /// Places in the table's schema.
    columns: Vec<usize>,
    /// What is known already.
    known: Known,
}

#[derive(Debug)]
enum Known {
    Nothing,
    /// Other columns of the same files.
    Columns(PartitionStatistics),
    /// The same columns of the folder's other files.
    Files(PartitionStatistics),
}

impl Session {
    /// Why a table's statistics are not those of its files as they are now; `None`: they are, or there are none.
    pub async fn statistics_differ(&self, table: &Table) -> Result<Option<String>> {
        self.statement_tables(&table.name.database).resolver().statistics_differ(table).await
    }

    pub(super) async fn analyze(&self, analyze: &Analyze, parsed: &ParsedStatement) -> Result<()> {
        let mut table = self.table_to_change(&analyze.table, &parsed.source).await?;
        let name = table.name.clone();
        let open = self.tables.open(&self.context.state(), &table).await?;
        if table.partition_columns.is_none() {
            table.partition_columns = Some(columns_of(open.partitions().columns()));
        }
        let wanted = partition_spec(&analyze.partition, &table, &parsed.source)?;
        let subject = current::subject(&table, &open)?;
        let listed = Listed::new(table, Arc::new(open));
        let schema = listed.open.schema();
        let columns = self.columns_to_analyze(&analyze.what, &listed, &parsed.source)?;
        wait_until_changes_show([&listed].into_iter()).await;

        let folders = folders_of(&listed.open);
        let stored = self.metastore.partition_statistics(&name).await?;
        let mut known: BTreeMap<String, PartitionStatistics> =
            stored.into_iter().map(|found| (found.folder.clone(), found)).collect();
        let is_wanted = |folder: &&Folder| matches(&listed.table, &folder.path, &wanted);
        let now = now();
        let mut fresh: Vec<PartitionStatistics> = Vec::new();
        if analyze.what == Analyzed::Files {
            let changed = folders.iter().filter(is_wanted).filter(|folder| {
                let before = known.get(&folder.path);
                before.is_none_or(|before| before.files.digest() != folder.files.digest() || before.subject != subject)
            });
            fresh.extend(changed.map(|folder| folder.of_files_alone(&subject, now)));
        } else {
            let work = folders.iter().filter(is_wanted);
            let work: Vec<Work<'_>> = work
                .filter_map(|folder| work_on(folder, known.get(&folder.path), &columns, &listed, &subject))
                .collect();
            let (work, open) = (&work, listed.open.as_ref());
            let together = self.context.state().config().target_partitions().max(1);
            let found = futures::stream::iter(0..work.len()).map(|index| async move {
                let work = &work[index];
                Ok::<_, Error>((index, self.look_into(open, &work.files, &work.columns).await?))
            });
            let found: Vec<(usize, Found)> = found.buffer_unordered(together).try_collect().await?;
            for (index, found) in found {
                fresh.push(work[index].finished(found, &schema, &subject, now)?);
            }
        }
        // A file that changed while it was read may have been read in two states.
        let changed = self.changed_since(&listed, &mut fresh).await?;
        known.extend(fresh.iter().map(|found| (found.folder.clone(), found.clone())));
        let partitions = listed.open.partitions().columns().len();
        let whole = summary::of_table(&schema, partitions, &folders, &known, &subject, now)?;
        let there: HashSet<&str> = folders.iter().map(|folder| folder.path.as_str()).collect();
        let gone: Vec<String> = known.into_keys().filter(|folder| !there.contains(folder.as_str())).collect();
        self.metastore.store_statistics(&name, &whole, &fresh, &gone).await?;
        match changed {
            None => Ok(()),
            Some(words) => {
                Err(Error::storage(format!("the files of {name} were changed while they were analyzed: {words}"))
                    .help("nothing was kept of what they are in; analyze the table again when nobody writes to it"))
            }
        }
    }

    /// The columns in files that statistics are asked for, as places in the schema. Those in folder names cost nothing and are
    /// always known.
    fn columns_to_analyze(&self, what: &Analyzed, listed: &Listed, source: &Arc<Source>) -> Result<BTreeSet<usize>> {
        let schema = listed.open.schema();
        let in_files = listed.open.file_schema().fields().len();
        match what {
            Analyzed::Files | Analyzed::Rows => Ok(BTreeSet::new()),
            Analyzed::AllColumns => Ok((0..in_files).collect()),
            Analyzed::Columns(names) => {
                let places = names.iter().map(|name| place_of(name, &schema, listed, source));
                let places: BTreeSet<usize> = places.collect::<Result<_>>()?;
                Ok(places.into_iter().filter(|place| *place < in_files).collect())
            }
        }
    }

    /// Takes out what was found in folders whose files were changed since they were listed; says what happened to the first.
    async fn changed_since(&self, listed: &Listed, fresh: &mut Vec<PartitionStatistics>) -> Result<Option<String>> {
        if fresh.is_empty() {
            return Ok(None);
        }
        let open = self.list(listed.table.as_ref().clone()).await?;
        if open.files.digest() == listed.files.digest() {
            return Ok(None);
        }
        let now: BTreeMap<String, Folder> =
            folders_of(&open.open).into_iter().map(|folder| (folder.path.clone(), folder)).collect();
        let mut first = None;
        fresh.retain(|found| {
            let files = now.get(&found.folder).map_or(&[][..], |folder| folder.files.files());
            let difference = Difference::between(found.files.files(), files);
            // Files that came meanwhile do no harm: they were not looked at.
            if difference.only_added() {
                return true;
            }
            first = first.take().or_else(|| difference.in_words("its file", None));
            false
        });
        Ok(first)
    }
}

impl Folder {
    fn of_files_alone(&self, subject: &str, now: DateTime<Utc>) -> PartitionStatistics {
        PartitionStatistics {
            folder: self.path.clone(),
            files: self.files.clone(),
            subject: subject.to_string(),
            rows: None,
            bytes: self.files.files().iter().map(|file| file.size).sum(),
            columns: BTreeMap::new(),
            analyzed_at: now,
        }
    }
}

/// What has to be read of a folder, if anything has to be. Columns that were analyzed before are kept up to date.
fn work_on<'a>(
    folder: &'a Folder,
    known: Option<&PartitionStatistics>,
    asked: &BTreeSet<usize>,
    listed: &Listed,
    subject: &str,
) -> Option<Work<'a>> {
    let schema = listed.open.schema();
    let mut known = known.filter(|known| known.subject == subject && known.rows.is_some()).cloned();
    if let Some(known) = &mut known {
        // What was found of a column that is gone, or in another type, or by an older version, is of no use.
        known.columns.retain(|name, column| {
            let field = schema.column_with_name(name).map(|(_, field)| field);
            field.is_some_and(|field| to_sql(field.data_type()) == column.data_type)
                && sketch::is_readable(&column.sketch)
        });
    }
    let place = |name: &String| schema.index_of(name).ok();
    let before: BTreeSet<usize> = known.iter().flat_map(|known| known.columns.keys().filter_map(place)).collect();
    let missing: Vec<usize> = asked.difference(&before).copied().collect();
    let all_files = || folder.files.files().iter().map(|file| file.path.as_str()).collect();
    let all_columns = || asked.union(&before).copied().collect();
    let Some(known) = known else {
        return Some(Work { folder, files: all_files(), columns: all_columns(), known: Known::Nothing });
    };
    let files = known.files.clone();
    let difference = Difference::between(files.files(), folder.files.files());
    if difference == Difference::default() {
        let work = Work { folder, files: all_files(), columns: missing, known: Known::Columns(known) };
        return (!work.columns.is_empty()).then_some(work);
    }
    if difference.only_added() && missing.is_empty() {
        let added: HashSet<&str> = difference.added.iter().map(|file| file.path.as_str()).collect();
        let files = folder.files.files().iter().map(|file| file.path.as_str());
        let files = files.filter(|path| added.contains(path)).collect();
        return Some(Work { folder, files, columns: before.into_iter().collect(), known: Known::Files(known) });
    }
    Some(Work { folder, files: all_files(), columns: all_columns(), known: Known::Nothing })
}

impl Work<'_> {
    /// What is known of the folder now.
    fn finished(
        &self,
        found: Found,
        schema: &SchemaRef,
        subject: &str,
        now: DateTime<Utc>,
    ) -> Result<PartitionStatistics> {
        let mut statistics = self.folder.of_files_alone(subject, now);
        match &self.known {
            Known::Nothing => {
                statistics.rows = Some(found.rows);
                statistics.columns = found.columns;
            }
            Known::Columns(known) => {
                statistics.rows = Some(found.rows);
                statistics.columns = known.columns.clone();
                statistics.columns.extend(found.columns);
            }
            Known::Files(known) => {
                let before = known.rows.unwrap_or(0);
                statistics.rows = Some(before + found.rows);
                for (name, column) in &found.columns {
                    let Some(old) = known.columns.get(name) else { continue };
                    let values = [before.saturating_sub(old.nulls), found.rows.saturating_sub(column.nulls)];
                    let data_type = schema.field_with_name(name).map_err(datafusion::error::DataFusionError::from)?;
                    let both = summary::together(old, column, values, data_type.data_type())?;
                    statistics.columns.insert(name.clone(), both);
                }
            }
        }
        Ok(statistics)
    }
}

/// The folders with files of a table, by path.
fn folders_of(open: &FileTable) -> Vec<Folder> {
    if open.partitions().columns().is_empty() {
        return vec![Folder { path: String::new(), files: open.fingerprints(), partition: Vec::new() }];
    }
    let mut folders: BTreeMap<&str, (Vec<FileFingerprint>, u32)> = BTreeMap::new();
    for file in open.files() {
        let path = open.path_of(file).rsplit_once('/').map_or("", |(folder, _)| folder);
        let folder = folders.entry(path).or_insert_with(|| (Vec::new(), file.partition));
        folder.0.push(open.fingerprint(file));
    }
    let folder = |(path, (files, partition)): (&str, (Vec<FileFingerprint>, u32))| Folder {
        path: path.to_string(),
        files: FileSet::new(files),
        partition: open.partitions().rows().get(partition as usize).cloned().unwrap_or_default(),
    };
    folders.into_iter().map(folder).collect()
}

/// As the catalog keeps it: to the microsecond.
fn now() -> DateTime<Utc> {
    let now = Utc::now();
    DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
}

fn place_of(name: &Ident, schema: &SchemaRef, listed: &Listed, source: &Arc<Source>) -> Result<usize> {
    let wanted = fold(name);
    let exact = schema.index_of(&wanted).ok();
    // Files may write names in capitals, as queries need not.
    let folded = || schema.fields().iter().position(|field| field.name().eq_ignore_ascii_case(&wanted));
    exact.or_else(folded).ok_or_else(|| no_column(schema.as_ref(), &wanted, &listed.table.name).at(source, name.span))
}
