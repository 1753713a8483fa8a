//! What is read page by page is what the `parquet` crate's reader reads, whatever the writer did.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array as _, ArrayRef, AsArray, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array, Float32Array,
    Float64Array, Int32Array, Int64Array, StringViewArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    UInt32Array, new_empty_array,
};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::{concat_batches, filter_record_batch, take};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetSource;
use datafusion::datasource::physical_plan::parquet::DefaultParquetFileReaderFactory;
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, DynamicFilterPhysicalExpr, IsNullExpr, Literal};
use datafusion::physical_expr_adapter::DefaultPhysicalExprAdapterFactory;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::TryStreamExt as _;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use proptest::prelude::*;

use super::chunk::{ChunkBytes, Pages};
use super::condition::KeyFilter;
use super::file::{Opened, open};
use super::rows::rows_of;
use super::{LastFile, OpenFile, Reading};

/// How a file is written.
#[derive(Debug, Clone)]
struct Written {
    rows: usize,
    rows_in_group: usize,
    rows_in_page: usize,
    has_dictionaries: bool,
    dictionary_bytes: usize,
    is_version_2: bool,
    compression: Compression,
    /// Different values of a column.
    distinct: u64,
    /// Of ten rows so many are NULL.
    nulls: u64,
    seed: u64,
}

fn written() -> impl Strategy<Value = Written> {
    let compression = prop::sample::select(vec![
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::ZSTD(ZstdLevel::default()),
    ]);
    let sizes = (0_usize..3000, 1_usize..1500, 1_usize..400);
    let dictionaries = (prop::bool::weighted(0.8), 40_usize..4000, any::<bool>());
    let values = (
        prop::sample::select(vec![1_u64, 2, 7, 90, 3000]),
        prop::sample::select(vec![0_u64, 1, 5, 9, 10]),
        any::<u64>(),
    );
    (sizes, dictionaries, compression, values).prop_map(
        |(
            (rows, rows_in_group, rows_in_page),
            (has_dictionaries, dictionary_bytes, is_version_2),
            compression,
            values,
        )| Written {
            rows,
            rows_in_group,
            rows_in_page,
            has_dictionaries,
            dictionary_bytes,
            is_version_2,
            compression,
            distinct: values.0,
            nulls: values.1,
            seed: values.2,
        },
    )
}

/// Steps of splitmix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A column of each type that is known, from numbers, some of them NULL; the last one has no NULLs.
fn columns(file: &Written) -> Vec<(&'static str, ArrayRef)> {
    let mut state = file.seed;
    let mut numbers = |nulls: u64| -> Vec<Option<i64>> {
        let mut run = Some(0);
        (0..file.rows)
            .map(|_| {
                // Values in a row, as in files that were sorted.
                if !random(&mut state).is_multiple_of(3) {
                    run = (random(&mut state) % 10 >= nulls).then(|| (random(&mut state) % file.distinct) as i64 - 3);
                }
                run
            })
            .collect()
    };
    let text = |number: i64| {
        if number % 2 == 0 { format!("{number}") } else { format!("a text of more than twelve: {number} ü") }
    };
    let nulls = file.nulls;
    vec![
        ("int", Arc::new(numbers(nulls).into_iter().map(|n| n.map(|n| n as i32)).collect::<Int32Array>())),
        ("date", Arc::new(numbers(nulls).into_iter().map(|n| n.map(|n| n as i32)).collect::<Date32Array>())),
        ("long", Arc::new(numbers(nulls).into_iter().map(|n| n.map(|n| n << 33)).collect::<Int64Array>())),
        ("micros", Arc::new(numbers(nulls).into_iter().collect::<TimestampMicrosecondArray>())),
        ("millis", Arc::new(numbers(nulls).into_iter().collect::<TimestampMillisecondArray>())),
        ("small", decimals(numbers(nulls), 7, 2)),
        ("middle", decimals(numbers(nulls), 15, 2)),
        ("large", decimals(numbers(nulls), 30, 4)),
        ("float", Arc::new(numbers(nulls).into_iter().map(|n| n.map(|n| n as f32 / 8.0)).collect::<Float32Array>())),
        ("double", Arc::new(numbers(nulls).into_iter().map(|n| n.map(|n| n as f64 / 8.0)).collect::<Float64Array>())),
        ("text", Arc::new(numbers(nulls).into_iter().map(|n| n.map(text)).collect::<StringViewArray>())),
        (
            "bytes",
            Arc::new(numbers(nulls).into_iter().map(|n| n.map(|n| n.to_le_bytes())).collect::<BinaryViewArray>()),
        ),
        ("required", Arc::new(numbers(0).into_iter().map(|n| n.map(|n| n as i32)).collect::<Int32Array>())),
    ]
}

fn decimals(numbers: Vec<Option<i64>>, precision: u8, scale: i8) -> ArrayRef {
    let numbers = numbers.into_iter().map(|n| n.map(i128::from)).collect::<Decimal128Array>();
    Arc::new(numbers.with_precision_and_scale(precision, scale).unwrap())
}

fn batch(file: &Written) -> RecordBatch {
    let columns = columns(file);
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), *name != "required"))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, column)| column).collect())
        .unwrap()
}

fn bytes(file: &Written, batch: &RecordBatch) -> bytes::Bytes {
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(file.rows_in_group))
        .set_data_page_row_count_limit(file.rows_in_page)
        .set_write_batch_size(file.rows_in_page.min(64))
        .set_dictionary_enabled(file.has_dictionaries)
        .set_dictionary_page_size_limit(file.dictionary_bytes)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_writer_version(if file.is_version_2 { WriterVersion::PARQUET_2_0 } else { WriterVersion::PARQUET_1_0 })
        .set_compression(file.compression)
        // What version 2 writes in place of it is for the other reader.
        .set_encoding(Encoding::PLAIN)
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap().into()
}

/// What is read of a file by the `parquet` crate.
fn read_otherwise(bytes: &bytes::Bytes, schema: &SchemaRef) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).unwrap().build().unwrap();
    let batches = reader.collect::<Result<Vec<_>, _>>().unwrap();
    concat_batches(schema, &batches).unwrap()
}

async fn opened(
    bytes: bytes::Bytes,
    schema: &SchemaRef,
    predicate: Option<Arc<dyn PhysicalExpr>>,
    keys: Vec<(usize, Arc<dyn KeyFilter>)>,
) -> Result<(Reading, Opened)> {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let path = Path::from("file.parquet");
    let size = bytes.len() as u64;
    store.put(&path, bytes.into()).await.unwrap();
    let factory = Arc::new(DefaultParquetFileReaderFactory::new(store));
    let mut source = ParquetSource::new(Arc::clone(schema)).with_parquet_file_reader_factory(factory);
    if let Some(predicate) = predicate {
        source = source.with_predicate(predicate);
    }
    let reading = Reading {
        source,
        keys,
        adapter: Arc::new(DefaultPhysicalExprAdapterFactory),
        schema: Arc::clone(schema),
        batch_size: 100,
        partition: 0,
        partitions: 1,
        metrics: ExecutionPlanMetricsSet::new(),
        local: None,
        last: LastFile::default(),
    };
    let opened = open(&reading, PartitionedFile::new("file.parquet", size)).await?;
    Ok((reading, opened))
}

async fn read(
    bytes: bytes::Bytes,
    schema: &SchemaRef,
    predicate: Option<Arc<dyn PhysicalExpr>>,
    keys: Vec<(usize, Arc<dyn KeyFilter>)>,
) -> Result<RecordBatch> {
    let (reading, opened) = opened(bytes, schema, predicate, keys).await?;
    let Opened::ByPages(file) = opened else { panic!("the file is not read page by page") };
    rows(*file, &reading).await
}

async fn rows(file: OpenFile, reading: &Reading) -> Result<RecordBatch> {
    let batches: Vec<RecordBatch> = rows_of(file, &reading.schema, reading.batch_size)?.try_collect().await?;
    assert!(batches.iter().all(|batch| batch.num_rows() > 0 && batch.num_rows() <= reading.batch_size));
    Ok(concat_batches(&reading.schema, &batches)?)
}

/// Keeps the values that come first in their order of bits, as a join might.
#[derive(Debug)]
struct SomeValues(ArrayRef);

impl KeyFilter for SomeValues {
    fn keep(&self, values: &ArrayRef) -> Result<Option<BooleanBuffer>> {
        let (values, wanted) = (values.as_primitive_opt::<Int64Type>(), self.0.as_primitive_opt::<Int64Type>());
        let (Some(values), Some(wanted)) = (values, wanted) else { return Ok(None) };
        Ok(Some(values.iter().map(|value| value.is_some() && wanted.iter().any(|wanted| wanted == value)).collect()))
    }
}

fn filtered(batch: &RecordBatch, predicate: &Arc<dyn PhysicalExpr>) -> RecordBatch {
    let keep = predicate.evaluate(batch).unwrap().into_array(batch.num_rows()).unwrap();
    filter_record_batch(batch, keep.as_boolean()).unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_rows_are_those_of_the_other_reader(file in written()) {
        let batch = batch(&file);
        let bytes = bytes(&file, &batch);
        let read = runtime().block_on(read(bytes.clone(), &batch.schema(), None, Vec::new())).unwrap();
        prop_assert_eq!(&read, &batch);
        prop_assert_eq!(&read, &read_otherwise(&bytes, &batch.schema()));
    }

    /// No row that is wanted is left out, and what is left out of it stays in order.
    #[test]
    fn the_rows_that_are_wanted_are_there(
        file in written(),
        conditions in prop::collection::vec((0_usize..13, any::<prop::sample::Index>(), 0_usize..4), 1..4),
        key in prop::option::of(prop::collection::vec(any::<prop::sample::Index>(), 0..20)),
    ) {
        let batch = batch(&file);
        let schema = batch.schema();
        let mut predicate: Option<Arc<dyn PhysicalExpr>> = None;
        for (column, row, kind) in conditions {
            let values = batch.column(column);
            let of_column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(schema.field(column).name(), column));
            let value = if file.rows == 0 { ScalarValue::try_from(values.data_type()).unwrap() } else {
                ScalarValue::try_from_array(values, row.index(file.rows)).unwrap()
            };
            let operator = [Operator::Eq, Operator::LtEq, Operator::IsNotDistinctFrom].get(kind).copied();
            let condition: Arc<dyn PhysicalExpr> = match operator {
                Some(operator) => Arc::new(BinaryExpr::new(of_column, operator, Arc::new(Literal::new(value)))),
                None => Arc::new(IsNullExpr::new(of_column)),
            };
            predicate = Some(match predicate {
                Some(others) => Arc::new(BinaryExpr::new(others, Operator::And, condition)),
                None => condition,
            });
        }
        let predicate = predicate.unwrap();
        let long = schema.index_of("long").unwrap();
        let wanted = key.map(|rows| {
            let rows: UInt32Array = rows.iter().filter(|_| file.rows > 0).map(|row| Some(row.index(file.rows) as u32)).collect();
            Arc::new(SomeValues(take(batch.column(long), &rows, None).unwrap()))
        });
        let keys = wanted.iter().map(|wanted| (long, Arc::clone(wanted) as Arc<dyn KeyFilter>)).collect();
        let read = runtime().block_on(read(bytes(&file, &batch), &schema, Some(Arc::clone(&predicate)), keys)).unwrap();
        let with_keys = |batch: RecordBatch| match &wanted {
            Some(wanted) => {
                let keep = wanted.keep(batch.column(long)).unwrap().unwrap();
                filter_record_batch(&batch, &BooleanArray::new(keep, None)).unwrap()
            }
            None => batch,
        };
        prop_assert_eq!(with_keys(filtered(&read, &predicate)), with_keys(filtered(&batch, &predicate)));
    }

    /// Whatever is wrong in a file, there are rows or an error.
    #[test]
    fn a_broken_file_is_no_panic(
        file in written(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        few in any::<bool>(),
    ) {
        let batch = batch(&file);
        let mut broken = bytes(&Written { compression: Compression::UNCOMPRESSED, ..file }, &batch).to_vec();
        // The footer is not read here.
        let footer = u32::from_le_bytes(*broken[..broken.len() - 4].last_chunk().unwrap()) as usize;
        let end = broken.len() - footer - 8;
        for (place, byte) in places {
            broken[place.index(end)] = byte;
        }
        let schema = batch.schema();
        let predicate: Option<Arc<dyn PhysicalExpr>> = few.then(|| {
            let (int, zero) = (Column::new("int", 0), Literal::new(ScalarValue::from(0_i32)));
            Arc::new(BinaryExpr::new(Arc::new(int), Operator::Eq, Arc::new(zero))) as Arc<dyn PhysicalExpr>
        });
        let _ = runtime().block_on(async {
            let (reading, opened) = opened(broken.into(), &schema, predicate, Vec::new()).await?;
            match opened {
                Opened::ByPages(file) => rows(*file, &reading).await.map(Some),
                Opened::Unwanted | Opened::Otherwise => Ok(None),
            }
        });
    }
}

fn even(rows: usize) -> Written {
    Written {
        rows,
        rows_in_group: rows,
        rows_in_page: 20_000,
        has_dictionaries: true,
        dictionary_bytes: 1 << 20,
        is_version_2: false,
        compression: Compression::SNAPPY,
        distinct: 50,
        nulls: 1,
        seed: 7,
    }
}

/// The rows that a condition leaves out do not come, and NULL is none of those that do: of each type, from dictionaries and from plain
/// pages.
#[test]
fn rows_that_a_condition_leaves_out_do_not_come() {
    for has_dictionaries in [true, false] {
        let file = Written { has_dictionaries, ..even(10_000) };
        let batch = batch(&file);
        let schema = batch.schema();
        let bytes = bytes(&file, &batch);
        for (column, field) in schema.fields().iter().enumerate() {
            let value = (0..10_000).find_map(|row| {
                let value = ScalarValue::try_from_array(batch.column(column), row).unwrap();
                (!value.is_null()).then_some(value)
            });
            let predicate: Arc<dyn PhysicalExpr> = Arc::new(BinaryExpr::new(
                Arc::new(Column::new(field.name(), column)),
                Operator::Eq,
                Arc::new(Literal::new(value.unwrap())),
            ));
            let read =
                runtime().block_on(read(bytes.clone(), &schema, Some(Arc::clone(&predicate)), Vec::new())).unwrap();
            assert_eq!(read, filtered(&batch, &predicate), "{field}");
            assert!(read.num_rows() > 50 && read.num_rows() < 1_000, "{field}: {}", read.num_rows());
        }
    }
}

/// A table says that there may be NULLs where the file says that there are none. That is no cast, and what a join hands down as a condition
/// is not asked where its keys are.
#[test]
fn a_column_without_nulls_is_a_column_nevertheless() {
    let file = even(100);
    let batch = batch(&file);
    let nullable = |field: &Arc<Field>| field.as_ref().clone().with_nullable(true);
    let schema: SchemaRef = Arc::new(Schema::new(batch.schema().fields().iter().map(nullable).collect::<Vec<_>>()));
    let required = schema.index_of("required").unwrap();
    let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new("required", required));
    let literal = Arc::new(Literal::new(ScalarValue::Int32(Some(3))));
    let written: Arc<dyn PhysicalExpr> = Arc::new(BinaryExpr::new(Arc::clone(&column), Operator::Lt, literal.clone()));
    let found: Arc<dyn PhysicalExpr> =
        Arc::new(DynamicFilterPhysicalExpr::new(vec![column], Arc::new(Literal::new(ScalarValue::from(true)))));
    let key: Arc<dyn KeyFilter> = Arc::new(SomeValues(new_empty_array(&DataType::Int64)));
    let conditions = |predicate: &Arc<dyn PhysicalExpr>, keys: Vec<(usize, Arc<dyn KeyFilter>)>| {
        let opened = opened(bytes(&file, &batch), &schema, Some(Arc::clone(predicate)), keys);
        let (_, opened) = runtime().block_on(opened).unwrap();
        let Opened::ByPages(file) = opened else { panic!("the file is not read page by page") };
        assert!(file.projection.expr_iter().all(|expr| expr.is::<Column>()));
        file.conditions.len()
    };
    assert_eq!(conditions(&found, Vec::new()), 1);
    assert_eq!(conditions(&found, vec![(required, Arc::clone(&key))]), 1);
    assert_eq!(conditions(&written, vec![(required, key)]), 2);
}

/// What a column is not known for is left to the other reader.
#[test]
fn other_types_and_encodings_are_read_otherwise() {
    let is_otherwise = |batch: &RecordBatch, properties: WriterProperties| {
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
        writer.write(batch).unwrap();
        let bytes = writer.into_inner().unwrap().into();
        let (_, opened) = runtime().block_on(opened(bytes, &batch.schema(), None, Vec::new())).unwrap();
        matches!(opened, Opened::Otherwise)
    };
    let of = |column: ArrayRef| RecordBatch::try_from_iter([("c", column)]).unwrap();
    let numbers = of(Arc::new((0..100).map(Some).collect::<Int64Array>()));
    assert!(!is_otherwise(&numbers, WriterProperties::builder().build()));
    let delta = WriterProperties::builder().set_dictionary_enabled(false).set_encoding(Encoding::DELTA_BINARY_PACKED);
    assert!(is_otherwise(&numbers, delta.build()));
    assert!(is_otherwise(&of(Arc::new(BooleanArray::from(vec![true, false]))), WriterProperties::builder().build()));
}

/// Their pages are fetched alone. What a join has found does not count: it is not the same for all that read the file.
#[test]
fn few_rows_by_the_page_index_are_read_otherwise() {
    const ROWS: i64 = 100_000;
    let sorted = Arc::new((0..ROWS).map(Some).collect::<Int64Array>()) as ArrayRef;
    let mixed = Arc::new((0..ROWS).map(|row| Some(row * 7919 % ROWS)).collect::<Int64Array>()) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("sorted", sorted), ("mixed", mixed)]).unwrap();
    let written = |rows_in_group: usize, statistics: EnabledStatistics| -> bytes::Bytes {
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(rows_in_group))
            .set_data_page_row_count_limit(1000)
            .set_write_batch_size(1000)
            .set_statistics_enabled(statistics);
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties.build())).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap().into()
    };
    let below = |column: usize, bound: i64| -> Arc<dyn PhysicalExpr> {
        let column = Arc::new(Column::new(batch.schema().field(column).name(), column));
        Arc::new(BinaryExpr::new(column, Operator::Lt, Arc::new(Literal::new(ScalarValue::from(bound)))))
    };
    let is_otherwise = |bytes: &bytes::Bytes, predicate: Arc<dyn PhysicalExpr>| {
        let schema = batch.schema();
        let opened = opened(bytes.clone(), &schema, Some(predicate), Vec::new());
        matches!(runtime().block_on(opened).unwrap().1, Opened::Otherwise)
    };
    let indexed = written(usize::MAX >> 1, EnabledStatistics::Page);
    assert!(is_otherwise(&indexed, below(0, 2_500)));
    assert!(!is_otherwise(&indexed, below(0, ROWS / 2)));
    assert!(!is_otherwise(&indexed, below(1, 2_500)));
    let both = Arc::new(BinaryExpr::new(below(1, 2_500), Operator::And, below(0, 2_500)));
    assert!(is_otherwise(&indexed, both));
    let found = DynamicFilterPhysicalExpr::new(vec![Arc::new(Column::new("sorted", 0))], below(0, 2_500));
    assert!(!is_otherwise(&indexed, Arc::new(found)));
    assert!(!is_otherwise(&written(usize::MAX >> 1, EnabledStatistics::Chunk), below(0, 2_500)));
    // Of two row groups one is left, and of that few pages; by the other column both are.
    let in_groups = written(70_000, EnabledStatistics::Page);
    assert!(is_otherwise(&in_groups, below(0, 2_500)));
    assert!(!is_otherwise(&in_groups, below(1, 2_500)));
    // So few rows are fetched as quickly as the index.
    assert!(!is_otherwise(&written(10_000, EnabledStatistics::Page), below(0, 500)));
}

/// A footer can say anything of where its chunks are.
#[test]
fn chunks_lie_in_their_file() {
    let batch = batch(&even(100));
    let bytes = bytes(&even(100), &batch);
    let size = bytes.len() as i64;
    let (_, opened) = runtime().block_on(opened(bytes, &batch.schema(), None, Vec::new())).unwrap();
    let Opened::ByPages(file) = opened else { panic!("the file is not read page by page") };
    let chunk = file.footer.row_group(0).column(0);
    let moved = |start: i64, len: i64| {
        let chunk = chunk.clone().into_builder().set_dictionary_page_offset(Some(start)).set_total_compressed_size(len);
        file.chunk_range(&chunk.build().unwrap()).map_err(|error| error.to_string())
    };
    assert_eq!(moved(4, size - 4).unwrap(), 4..size as u64);
    for (start, len) in [(4, size - 3), (-1, 4), (4, -1), (4, i64::MAX), (i64::MAX, i64::MAX)] {
        let error = moved(start, len).unwrap_err();
        assert!(error.contains("outside of its file"), "{error}");
    }
}

/// A page can say that it is of one version and have the header of the other.
#[test]
fn a_page_has_the_header_of_its_kind() {
    let written = Written { is_version_2: true, has_dictionaries: false, ..even(100) };
    let batch = batch(&written);
    let bytes = bytes(&written, &batch);
    let (_, opened) = runtime().block_on(opened(bytes.clone(), &batch.schema(), None, Vec::new())).unwrap();
    let Opened::ByPages(file) = opened else { panic!("the file is not read page by page") };
    let chunk = file.footer.row_group(0).column(0);
    let start = chunk.data_page_offset() as usize;
    // The first field of the header is the kind: 3 is version 2, and 0 version 1.
    let mut broken = bytes[start..].to_vec();
    assert_eq!(broken[..2], [0x15, 3 << 1]);
    broken[1] = 0;
    let bytes = ChunkBytes { start: start as u64, bytes: broken.into() };
    let error = Pages::new(chunk, bytes, 100).unwrap().skip(100).unwrap_err().to_string();
    assert!(error.contains("header of a page is damaged"), "{error}");
}

/// A text that is none is an error and not a row.
#[test]
fn texts_have_to_be_utf_8() {
    let bytes_of = BinaryViewArray::from_iter_values([b"a long value that is \xff no text".as_slice(), b"b"]);
    for has_dictionaries in [true, false] {
        let binary = RecordBatch::try_from_iter([("c", Arc::new(bytes_of.clone()) as ArrayRef)]).unwrap();
        let properties = WriterProperties::builder().set_dictionary_enabled(has_dictionaries).build();
        let options = parquet::arrow::arrow_writer::ArrowWriterOptions::new()
            .with_properties(properties)
            .with_skip_arrow_metadata(true);
        let mut writer = ArrowWriter::try_new_with_options(Vec::new(), binary.schema(), options).unwrap();
        writer.write(&binary).unwrap();
        let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("c", DataType::Utf8View, true)]));
        let read = runtime().block_on(async {
            let (reading, opened) = opened(writer.into_inner().unwrap().into(), &schema, None, Vec::new()).await?;
            match opened {
                Opened::ByPages(file) => rows(*file, &reading).await.map(Some),
                Opened::Unwanted | Opened::Otherwise => Ok(None),
            }
        });
        let error = read.unwrap_err().to_string();
        assert!(error.contains("not valid UTF-8"), "{error}");
    }
}
