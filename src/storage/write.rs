//! Rows to files: INSERT INTO and COPY … TO.
//!
//! Rows are appended as new files with random names. What DataFusion's sinks get wrong is put right on the way: NULL in a
//! partition column becomes the folder for NULL, columns of any type may be partition columns, and CSV keeps NULL and the
//! empty string apart.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array as _, ArrayRef, AsArray as _, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::{GetExt, ScalarValue, Statistics, exec_err};
use datafusion::config::ConfigOptions;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::{FileFormat as PlannedFormat, FileFormatFactory};
use datafusion::datasource::physical_plan::{FileOutputMode, FileScanConfig, FileSinkConfig, FileSource};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::SessionState;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexRequirement, PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use futures::future::BoxFuture;
use object_store::{ObjectMeta, ObjectStore};

use super::errors::format_name;
use super::format::{self, TableFormat};
use super::location::{Location, Scheme};
use super::named_write::named;
use super::partitioned_write::{PartitionedSink, WriteLimits};
use super::partitions::NULL_PARTITION;
use crate::catalog::model::FileFormat;
use crate::error::{Error, Result};
use crate::functions::hive::cast::java_numbers;

/// A plan that appends the rows of `input` to a folder. `schema` has the columns of files and then the partition columns.
pub(crate) async fn append(
    format: &Arc<dyn TableFormat>,
    location: &Location,
    schema: &SchemaRef,
    partition_columns: &[FieldRef],
    state: &dyn Session,
    input: Arc<dyn ExecutionPlan>,
    op: InsertOp,
) -> Result<Arc<dyn ExecutionPlan>> {
    if op != InsertOp::Append {
        return Err(Error::statement("INSERT OVERWRITE is not supported yet").help("INSERT INTO appends rows"));
    }
    check_writable(location)?;
    let sink = FileSinkConfig {
        original_url: location.absolute(),
        object_store_url: location.store().clone(),
        file_group: Default::default(),
        table_paths: vec![location.sink_url()?],
        output_schema: Arc::clone(schema),
        table_partition_cols: partition_columns.iter().map(|f| (f.name().clone(), f.data_type().clone())).collect(),
        insert_op: op,
        keep_partition_by_columns: false,
        file_extension: format.extension(),
        file_output_mode: FileOutputMode::Directory,
    };
    let order = input.properties().output_ordering().cloned().map(Into::into);
    write(format, state, input, sink, order).await
}

fn check_writable(location: &Location) -> Result<()> {
    let cannot = |why: &str| Error::statement(format!("rows cannot be appended to {location}: {why}"));
    if location.is_glob() {
        return Err(cannot("it is a glob").help("a table that is written to has a folder as its LOCATION"));
    }
    if location.scheme() == Scheme::Http {
        return Err(cannot("it is on a web server"));
    }
    if !location.is_folder() {
        return Err(cannot("it is a single file").help("a table that is written to has a folder as its LOCATION"));
    }
    Ok(())
}

async fn write(
    format: &Arc<dyn TableFormat>,
    state: &dyn Session,
    input: Arc<dyn ExecutionPlan>,
    mut sink: FileSinkConfig,
    mut order: Option<LexRequirement>,
) -> Result<Arc<dyn ExecutionPlan>> {
    if sink.keep_partition_by_columns {
        return Err(Error::statement("partition columns are kept in folder names only")
            .help("write the column twice, under two names, to keep it in the files too"));
    }
    sink.keep_partition_by_columns = false;
    let mut input = input;
    if !sink.table_partition_cols.is_empty() {
        if sink.table_partition_cols.len() >= sink.output_schema.fields().len() {
            return Err(Error::statement(
                "all columns are partition columns: there is nothing to write into the files",
            ));
        }
        // The texts of folder names have an order of their own.
        order = order.and_then(|order| before_partition_columns(order, &sink));
        (input, sink.output_schema) = with_folder_values(input, &sink)?;
        for (_, data_type) in &mut sink.table_partition_cols {
            *data_type = DataType::Utf8;
        }
    }
    let limits =
        state.config().get_extension::<WriteLimits>().map_or_else(WriteLimits::default, |limits| (*limits).clone());
    let is_one_file = sink.table_paths.first().is_some_and(|place| sink.file_output_mode.single_file_output(place));
    let is_divided = !sink.table_partition_cols.is_empty() || (limits.target_file_size.is_some() && !is_one_file);
    let is_local = sink.object_store_url == ObjectStoreUrl::local_filesystem();
    let plan: Arc<dyn ExecutionPlan> = match state.as_any().downcast_ref::<SessionState>() {
        Some(state) if is_divided => {
            let schema = input.schema();
            let sink = PartitionedSink::try_new(Arc::clone(format), state.clone(), sink, limits, order.clone(), schema)
                .map_err(super::errors::from_datafusion)?;
            Arc::new(DataSinkExec::new(input, Arc::new(sink), order))
        }
        _ => format.writer(state, input, sink, order).await?,
    };
    Ok(if is_local { plan } else { named(plan) })
}

/// The part of an order that comes before the first partition column.
fn before_partition_columns(order: LexRequirement, sink: &FileSinkConfig) -> Option<LexRequirement> {
    let is_partition = |name: &str| sink.table_partition_cols.iter().any(|(column, _)| column == name);
    let kept = order.into_iter().take_while(|sort| {
        let columns = datafusion::physical_expr::utils::collect_columns(&sort.expr);
        !columns.iter().any(|column| is_partition(column.name()))
    });
    LexRequirement::new(kept.collect::<Vec<_>>())
}

/// Replaces the partition columns by the texts that their folders are named with.
fn with_folder_values(
    input: Arc<dyn ExecutionPlan>,
    sink: &FileSinkConfig,
) -> Result<(Arc<dyn ExecutionPlan>, SchemaRef)> {
    let is_partition = |name: &str| sink.table_partition_cols.iter().any(|(column, _)| column == name);
    let schema = input.schema();
    let function = Arc::new(ScalarUDF::from(FolderValue::new()));
    let columns = schema.fields().iter().enumerate().map(|(index, field)| {
        let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), index));
        let expr = if is_partition(field.name()) {
            let call = ScalarFunctionExpr::try_new(
                Arc::clone(&function),
                vec![column],
                &schema,
                Arc::new(ConfigOptions::default()),
            )?;
            Arc::new(call) as Arc<dyn PhysicalExpr>
        } else {
            column
        };
        Ok(ProjectionExpr::new(expr, field.name().clone()))
    });
    let columns = columns.collect::<DataFusionResult<Vec<_>>>().map_err(super::errors::from_datafusion)?;
    let projection = ProjectionExec::try_new(columns, input).map_err(super::errors::from_datafusion)?;
    let fields = sink.output_schema.fields().iter().map(|field| match is_partition(field.name()) {
        true => Arc::new(Field::new(field.name(), DataType::Utf8, false)),
        false => Arc::clone(field),
    });
    let output = Arc::new(Schema::new(fields.collect::<Vec<FieldRef>>()));
    Ok((Arc::new(projection), output))
}

/// The text that stands for a value in a folder's name. What the text has of characters that cannot be in a name, the
/// store's paths encode.
#[derive(Debug, PartialEq, Eq, Hash)]
struct FolderValue {
    signature: Signature,
}

impl FolderValue {
    fn new() -> Self {
        FolderValue { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for FolderValue {
    fn name(&self) -> &str {
        "ostrich_folder_value"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Utf8)
    }

    fn return_field_from_args(
        &self,
        _arguments: datafusion::logical_expr::ReturnFieldArgs<'_>,
    ) -> DataFusionResult<FieldRef> {
        Ok(Arc::new(Field::new(self.name(), DataType::Utf8, false)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let [value] = arguments.args.as_slice() else { return exec_err!("{} takes one value", self.name()) };
        Ok(ColumnarValue::Array(folder_values(&value.to_array(arguments.number_rows)?)?))
    }
}

/// The text that stands for one value in a folder's name.
pub(crate) fn folder_value(value: &ScalarValue) -> Result<String> {
    let texts = value.to_array().and_then(|values| folder_values(&values)).map_err(super::errors::from_datafusion)?;
    Ok(texts.as_string::<i32>().iter().flatten().next().unwrap_or(NULL_PARTITION).to_string())
}

fn folder_values(values: &ArrayRef) -> DataFusionResult<ArrayRef> {
    let texts = match values.data_type() {
        // Hive and Spark name folders by the texts that Java has for these: `x=1.0E20`, `t=2024-01-01 10:00:00.5`.
        DataType::Float16 | DataType::Float32 | DataType::Float64 => java_numbers(values)?,
        DataType::Timestamp(_, None) => {
            let texts = cast(values, &DataType::Utf8)?;
            Arc::new(texts.as_string::<i32>().iter().map(|text| text.map(java_time)).collect::<StringArray>())
        }
        _ => cast(values, &DataType::Utf8)?,
    };
    let texts = texts.as_string::<i32>();
    // A value that lost its text in the cast would land in the folder for NULL.
    if texts.null_count() != values.logical_null_count() {
        return Err(
            Error::statement("a value of a partition column has no text, so no folder can be named after it").into()
        );
    }
    let names = texts.iter().map(|text| match text {
        None => Ok(NULL_PARTITION),
        Some(NULL_PARTITION) => Err(Error::statement(format!(
            "the text {NULL_PARTITION} cannot be a partition value: as a folder it stands for NULL"
        ))),
        Some(text) => Ok(text),
    });
    let names = names.collect::<Result<Vec<&str>>>()?;
    Ok(Arc::new(StringArray::from(names)))
}

/// `2024-01-01T10:00:00.500` → `2024-01-01 10:00:00.5`
fn java_time(text: &str) -> String {
    let text = text.replacen('T', " ", 1);
    match text.contains('.') {
        true => text.trim_end_matches('0').to_string(),
        false => text,
    }
}

/// Makes COPY … TO write as INSERT INTO does. For every format that can be written.
pub fn register_output_formats(state: &mut SessionState) -> Result<()> {
    for format in [FileFormat::Parquet, FileFormat::Csv, FileFormat::Json, FileFormat::Arrow, FileFormat::Avro] {
        state
            .register_file_format(Arc::new(OutputFormatFactory { format }), true)
            .map_err(super::errors::from_datafusion)?;
    }
    Ok(())
}

/// A format as COPY names it.
#[derive(Debug)]
struct OutputFormatFactory {
    format: FileFormat,
}

impl GetExt for OutputFormatFactory {
    fn get_ext(&self) -> String {
        format_name(self.format).to_ascii_lowercase()
    }
}

impl FileFormatFactory for OutputFormatFactory {
    fn create(
        &self,
        state: &dyn Session,
        options: &HashMap<String, String>,
    ) -> DataFusionResult<Arc<dyn PlannedFormat>> {
        let options: BTreeMap<String, String> = options
            .iter()
            .filter(|(key, _)| !key.starts_with("execution."))
            .map(|(key, value)| {
                let key = key.to_ascii_lowercase();
                (key.strip_prefix("format.").unwrap_or(&key).to_string(), value.clone())
            })
            .collect();
        // Wrong options are told when the statement is planned, whatever the target.
        let format = format::for_output(self.format, &options, state, "")?;
        Ok(Arc::new(OutputFormat { kind: self.format, extension: format.extension(), options }))
    }

    fn default(&self) -> Arc<dyn PlannedFormat> {
        Arc::new(OutputFormat { kind: self.format, extension: self.get_ext(), options: BTreeMap::new() })
    }
}

/// A format with the options of one COPY.
#[derive(Debug)]
struct OutputFormat {
    kind: FileFormat,
    extension: String,
    options: BTreeMap<String, String>,
}

impl OutputFormat {
    /// The plan that writes the rows of `input`, with the options of the format.
    fn writer<'a>(
        &'a self,
        input: Arc<dyn ExecutionPlan>,
        state: &'a dyn Session,
        mut sink: FileSinkConfig,
        order: Option<LexRequirement>,
    ) -> BoxFuture<'a, DataFusionResult<Arc<dyn ExecutionPlan>>> {
        Box::pin(async move {
            let target = sink.table_paths.first();
            let is_single = target.is_some_and(|target| sink.file_output_mode.single_file_output(target));
            let name = match (is_single, target) {
                (true, Some(target)) => target.prefix().filename().unwrap_or_default().to_string(),
                _ => String::new(),
            };
            let format = format::for_output(self.kind, &self.options, state, &name)?;
            sink.file_extension = format.extension();
            Ok(write(&format, state, input, sink, order).await?)
        })
    }
}

#[async_trait]
impl PlannedFormat for OutputFormat {
    fn get_ext(&self) -> String {
        self.extension.clone()
    }

    fn get_ext_with_compression(&self, _compression: &FileCompressionType) -> DataFusionResult<String> {
        Ok(self.extension.clone())
    }

    fn compression_type(&self) -> Option<FileCompressionType> {
        None
    }

    async fn infer_schema(
        &self,
        _state: &dyn Session,
        _store: &Arc<dyn ObjectStore>,
        _files: &[ObjectMeta],
    ) -> DataFusionResult<SchemaRef> {
        exec_err!("this format is for writing only")
    }

    async fn infer_stats(
        &self,
        _state: &dyn Session,
        _store: &Arc<dyn ObjectStore>,
        schema: SchemaRef,
        _file: &ObjectMeta,
    ) -> DataFusionResult<Statistics> {
        Ok(Statistics::new_unknown(&schema))
    }

    async fn create_physical_plan(
        &self,
        _state: &dyn Session,
        _config: FileScanConfig,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        exec_err!("this format is for writing only")
    }

    // Not `async`: see "Build time" in CONTRIBUTING.md.
    fn create_writer_physical_plan<'s, 'c, 'r>(
        &'s self,
        input: Arc<dyn ExecutionPlan>,
        state: &'c dyn Session,
        sink: FileSinkConfig,
        order: Option<LexRequirement>,
    ) -> BoxFuture<'r, DataFusionResult<Arc<dyn ExecutionPlan>>>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        self.writer(input, state, sink, order)
    }

    fn file_source(&self, schema: TableSchema) -> Arc<dyn FileSource> {
        Arc::new(datafusion::datasource::physical_plan::CsvSource::new(schema))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{
        BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, TimestampMicrosecondArray,
        TimestampNanosecondArray,
    };

    use super::*;

    fn names(values: ArrayRef) -> DataFusionResult<Vec<String>> {
        let names = folder_values(&values)?;
        Ok(names.as_string::<i32>().iter().map(|name| name.unwrap().to_string()).collect())
    }

    #[test]
    fn null_has_a_folder_of_its_own() {
        let texts = StringArray::from(vec![Some("a/b"), None, Some("")]);
        assert_eq!(names(Arc::new(texts)).unwrap(), ["a/b", NULL_PARTITION, ""]);
    }

    #[test]
    fn values_of_any_type_have_a_text() {
        assert_eq!(names(Arc::new(Date32Array::from(vec![Some(0), None]))).unwrap(), ["1970-01-01", NULL_PARTITION]);
        assert_eq!(names(Arc::new(BooleanArray::from(vec![true, false]))).unwrap(), ["true", "false"]);
        let decimals = Decimal128Array::from(vec![150, -5]).with_data_type(DataType::Decimal128(10, 2));
        assert_eq!(names(Arc::new(decimals)).unwrap(), ["1.50", "-0.05"]);
    }

    #[test]
    fn numbers_and_times_are_spelled_as_java_spells_them() {
        let nanoseconds = TimestampNanosecondArray::from(vec![1, 500_000_000]);
        assert_eq!(names(Arc::new(nanoseconds)).unwrap(), ["1970-01-01 00:00:00.000000001", "1970-01-01 00:00:00.5"]);
        let stamps = TimestampMicrosecondArray::from(vec![60_000_000, 500_000, -750_000, 123_456]);
        assert_eq!(
            names(Arc::new(stamps)).unwrap(),
            ["1970-01-01 00:01:00", "1970-01-01 00:00:00.5", "1969-12-31 23:59:59.25", "1970-01-01 00:00:00.123456"]
        );
        let doubles = Float64Array::from(vec![1.0, 1e20, 0.1, 1e7, 12_345_678.9, 1e-4, 0.001, f64::NAN, f64::INFINITY]);
        assert_eq!(
            names(Arc::new(doubles)).unwrap(),
            ["1.0", "1.0E20", "0.1", "1.0E7", "1.23456789E7", "1.0E-4", "0.001", "NaN", "Infinity"]
        );
        let floats = Float32Array::from(vec![1.5, 1e20, 12_345_678.9]);
        assert_eq!(names(Arc::new(floats)).unwrap(), ["1.5", "1.0E20", "1.2345679E7"]);
    }

    #[test]
    fn a_value_without_a_text_is_refused() {
        assert!(names(Arc::new(BinaryArray::from(vec![b"\xff".as_slice()]))).is_err());
    }

    #[test]
    fn the_text_of_the_null_folder_is_no_value() {
        assert!(names(Arc::new(StringArray::from(vec![NULL_PARTITION]))).is_err());
    }
}
