//! What is known of a file, whichever piece of it is read: its columns and conditions, as they are in this file.
//!
//! A large file is read in many pieces, one after the other, by each partition of a scan. To find this out takes about a millisecond, so
//! a partition remembers it of the file that it read last.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::FileSource as _;
use datafusion::datasource::physical_plan::parquet::{ParquetFileMetrics, apply_file_schema_type_coercions};
use datafusion::error::Result;
use datafusion::physical_expr::expressions::{CastExpr, Column, DynamicFilterPhysicalExpr};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{
    PhysicalExpr, PhysicalExprSimplifier, ScalarFunctionExpr, conjunction, split_conjunction,
};
use datafusion::physical_expr_adapter::replace_columns_with_literals;
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_optimizer::pruning::FilePruner;
use datafusion::physical_plan::metrics::Count;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::basic::Encoding;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use parquet::schema::types::{ColumnDescPtr, SchemaDescriptor};

use super::Reading;
use super::condition::Test;
use super::index;
use super::local::LocalFile;
use super::pruning::Pruning;
use super::values::reader_of;

/// What a file is, and how its pieces are to be read.
#[derive(Clone)]
pub(super) enum Known {
    /// It has no row that is wanted, which is counted here.
    Unwanted(Arc<ParquetFileMetrics>),
    ByPages(Arc<KnownFile>),
    /// By the reader that can do all.
    Otherwise,
}

/// A file that can be read page by page.
pub(super) struct KnownFile {
    pub(super) footer: Arc<ParquetMetaData>,
    /// The columns to be decoded.
    pub(super) columns: Arc<[FileColumn]>,
    /// Each with the place of its column among these.
    pub(super) conditions: Vec<(usize, Test)>,
    /// From the decoded columns to those that are asked for.
    pub(super) projection: ProjectionExprs,
    pub(super) pruning: Option<Arc<Pruning>>,
    pub(super) local: Option<LocalFile>,
    pub(super) metrics: ParquetFileMetrics,
}

/// A column of the file.
pub(super) struct FileColumn {
    /// Its place in the row groups.
    pub(super) leaf: usize,
    pub(super) descriptor: ColumnDescPtr,
    pub(super) name: String,
    pub(super) data_type: DataType,
}

/// Encodings of pages that are known here, and of the levels in them.
const ENCODINGS: [Encoding; 5] = [
    Encoding::PLAIN,
    Encoding::PLAIN_DICTIONARY,
    Encoding::RLE_DICTIONARY,
    Encoding::RLE,
    #[expect(deprecated, reason = "old files have it, for levels")]
    Encoding::BIT_PACKED,
];

/// Finds it out, with what `reader` reads of the file.
pub(super) async fn know(
    reading: &Reading,
    file: &PartitionedFile,
    reader: &mut Box<dyn AsyncFileReader>,
) -> Result<Known> {
    let source = &reading.source;
    let options = &source.table_parquet_options().global;
    let location = &file.object_meta.location;
    let metrics = ParquetFileMetrics::new(reading.partition, location.as_ref(), &reading.metrics);
    let logical = source.table_schema().file_schema();

    let literals = partition_values(reading, file);
    let of_file = |expr: Arc<dyn PhysicalExpr>| replace_columns_with_literals(expr, &literals);
    let predicate = source.filter().map(of_file).transpose()?;
    let Some(projection) = source.projection().filter(|columns| !columns.expr_iter().any(|expr| asks_for_file(&expr)))
    else {
        return Ok(Known::Otherwise);
    };
    let projection = projection.clone().try_map_exprs(of_file)?;
    if let Some(predicate) = &predicate
        && let Some(mut pruner) = FilePruner::try_new(Arc::clone(predicate), logical, file, Count::new())
        && pruner.should_prune()?
    {
        return Ok(Known::Unwanted(Arc::new(metrics)));
    }

    let footer_options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Skip);
    let known = ArrowReaderMetadata::load_async(reader, footer_options).await?;
    let footer = Arc::clone(known.metadata());
    let physical = match apply_file_schema_type_coercions(logical, known.schema()) {
        Some(coerced) => Arc::new(coerced),
        None => Arc::clone(known.schema()),
    };
    let adapter = reading.adapter.create(Arc::clone(logical), Arc::clone(&physical))?;
    let simplifier = PhysicalExprSimplifier::new(&physical);
    let in_file = |expr| simplifier.simplify(without_empty_casts(adapter.rewrite(expr)?, &physical)?);
    let predicate = predicate.map(in_file).transpose()?;
    let projection = projection.try_map_exprs(in_file)?;
    if has_bloom_filters(&footer, predicate.as_ref()) && options.bloom_filter_on_read {
        return Ok(Known::Otherwise);
    }
    if let Some(predicate) = &predicate
        && index::leaves_few_rows(reader, &footer, &physical, predicate, options).await?
    {
        return Ok(Known::Otherwise);
    }

    let conditions = conditions(reading, predicate.as_ref(), &projection, &physical)?;
    let mut wanted: Vec<usize> = projection.expr_iter().flat_map(|expr| columns_of(&expr)).collect();
    wanted.extend(conditions.iter().map(|(column, _)| *column));
    wanted.sort_unstable();
    wanted.dedup();
    let columns = wanted.iter().map(|column| file_column(&footer, &physical, *column)).collect::<Option<Vec<_>>>();
    let Some(columns) = columns.filter(|columns| !columns.is_empty()) else { return Ok(Known::Otherwise) };

    let place = |column: usize| wanted.binary_search(&column).ok();
    let in_place = |(column, test)| Some((place(column)?, test));
    let conditions = conditions.into_iter().filter_map(in_place).collect();
    let projection = projection.try_map_exprs(|expr| moved(expr, place))?;
    Ok(Known::ByPages(Arc::new(KnownFile {
        local: reading.local.as_ref().and_then(|spare| LocalFile::new(location, Arc::clone(spare))),
        footer,
        columns: columns.into(),
        conditions,
        projection,
        pruning: predicate.filter(|_| options.pruning).map(|predicate| Pruning::new(predicate, physical, options)),
        metrics,
    })))
}

/// Whether a function is called that may want to know the file: it is `input_file_name()`, or another one without arguments.
fn asks_for_file(expr: &Arc<dyn PhysicalExpr>) -> bool {
    let is_bare = |expr: &Arc<dyn PhysicalExpr>| {
        Ok(expr.downcast_ref::<ScalarFunctionExpr>().is_some_and(|call| call.args().is_empty()))
    };
    expr.exists(is_bare).unwrap_or(true)
}

/// The values that all rows of a file have in the partition columns.
fn partition_values(reading: &Reading, file: &PartitionedFile) -> HashMap<String, ScalarValue> {
    let columns = reading.source.table_schema().table_partition_cols().iter();
    columns.zip(&file.partition_values).map(|(field, value)| (field.name().clone(), value.clone())).collect()
}

pub(super) fn columns_of(expr: &Arc<dyn PhysicalExpr>) -> Vec<usize> {
    collect_columns(expr).iter().map(Column::index).collect()
}

/// The conditions on one column each, with its place in the file.
fn conditions(
    reading: &Reading,
    predicate: Option<&Arc<dyn PhysicalExpr>>,
    projection: &ProjectionExprs,
    schema: &Schema,
) -> Result<Vec<(usize, Test)>> {
    let mut found = Vec::new();
    for (output, filter) in &reading.keys {
        let expr = projection.as_ref().get(*output).map(|output| Arc::clone(&output.expr));
        if let Some(column) = expr.as_ref().and_then(|expr| expr.downcast_ref::<Column>()) {
            found.push((column.index(), Test::Key(Arc::clone(filter))));
        }
    }
    let keys: Vec<usize> = found.iter().map(|(column, _)| *column).collect();
    // Conditions on a column are one, to be asked at once.
    let mut of_columns: BTreeMap<usize, Vec<Arc<dyn PhysicalExpr>>> = BTreeMap::new();
    for expr in predicate.map(split_conjunction).unwrap_or_default() {
        // What a join has found is asked by keys.
        let is_asked = |column: &usize| expr.is::<DynamicFilterPhysicalExpr>() && keys.contains(column);
        if let [column] = columns_of(expr)[..]
            && !is_asked(&column)
            && !is_volatile(expr)
        {
            of_columns.entry(column).or_default().push(Arc::clone(expr));
        }
    }
    for (column, exprs) in of_columns {
        // It is asked of NULL, too.
        let Some(field) = schema.fields().get(column) else { continue };
        let schema = Schema::new(vec![field.as_ref().clone().with_nullable(true)]);
        found.push((column, Test::Holds(moved(conjunction(exprs), |_| Some(0))?, Arc::new(schema))));
    }
    Ok(found)
}

/// The expression with columns in place of casts to the type that they have: they say that there may be NULLs, where the file says
/// that there are none.
fn without_empty_casts(expr: Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<Arc<dyn PhysicalExpr>> {
    expr.transform(|expr| {
        let column = expr.downcast_ref::<CastExpr>().and_then(|cast| {
            let field = schema.fields().get(cast.expr().downcast_ref::<Column>()?.index())?;
            (field.data_type() == cast.cast_type()).then(|| Arc::clone(cast.expr()))
        });
        Ok(match column {
            Some(column) => Transformed::yes(column),
            None => Transformed::no(expr),
        })
    })
    .data()
}

/// The expression with its columns in other places.
fn moved(expr: Arc<dyn PhysicalExpr>, place: impl Fn(usize) -> Option<usize>) -> Result<Arc<dyn PhysicalExpr>> {
    expr.transform(|expr| {
        let moved = expr.downcast_ref::<Column>().and_then(|column| {
            let place = place(column.index())?;
            Some(Arc::new(Column::new(column.name(), place)) as Arc<dyn PhysicalExpr>)
        });
        Ok(match moved {
            Some(moved) => Transformed::yes(moved),
            None => Transformed::no(expr),
        })
    })
    .data()
}

/// A column of which every value can be read; `None` if there is something in it that is not known here.
fn file_column(footer: &ParquetMetaData, physical: &Schema, column: usize) -> Option<FileColumn> {
    let schema = footer.file_metadata().schema_descr();
    let leaf = leaf_of(schema, column)?;
    let descriptor = schema.column(leaf);
    let field = physical.fields().get(column)?;
    reader_of(&descriptor, field.data_type())?;
    let is_known = |encoding: Encoding| ENCODINGS.contains(&encoding);
    let all_known = footer.row_groups().iter().all(|group| group.column(leaf).encodings().all(is_known));
    all_known.then(|| FileColumn { leaf, descriptor, name: field.name().clone(), data_type: field.data_type().clone() })
}

/// The place of a column that is no struct, list or map among those that have values.
pub(super) fn leaf_of(schema: &SchemaDescriptor, column: usize) -> Option<usize> {
    let leaf = (0..schema.num_columns()).find(|leaf| schema.get_column_root_idx(*leaf) == column)?;
    let descriptor = schema.column(leaf);
    let is_flat = schema.get_column_root(leaf).is_primitive()
        && descriptor.max_rep_level() == 0
        && descriptor.max_def_level() <= 1;
    is_flat.then_some(leaf)
}

/// Whether row groups could be left out by what the predicate says of a column's Bloom filters.
fn has_bloom_filters(footer: &ParquetMetaData, predicate: Option<&Arc<dyn PhysicalExpr>>) -> bool {
    let schema = footer.file_metadata().schema_descr();
    let columns = predicate.map(columns_of).unwrap_or_default();
    let mut leaves = columns.into_iter().filter_map(|column| leaf_of(schema, column));
    leaves.any(|leaf| footer.row_groups().iter().any(|group| group.column(leaf).bloom_filter_offset().is_some()))
}
