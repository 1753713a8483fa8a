//! Writes to object stores whose failures say what happened where.
//!
//! DataFusion's sinks tell of a file that a store did not take no more than that something went wrong at the end, and of some failures
//! only the path without the bucket. So what the store says is noted down on its way to them.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::datasource::sink::{DataSink, DataSinkExec};
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use futures::FutureExt as _;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use parking_lot::Mutex;
use url::Url;

use super::errors::write_error;
use super::task;
use crate::error::Error;

/// The same write, if it is one, with the store's own words where it fails.
pub(super) fn named(plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    let Some(write) = plan.downcast_ref::<DataSinkExec>() else { return plan };
    let (input, order) = (Arc::clone(write.input()), write.sort_order().clone());
    let schema = Arc::clone(write.sink().schema());
    Arc::new(DataSinkExec::new(input, Arc::new(NamedSink { plan, schema }), order))
}

#[derive(Debug)]
struct NamedSink {
    /// The plan whose sink writes.
    plan: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
}

impl NamedSink {
    fn sink(&self) -> Option<&dyn DataSink> {
        self.plan.downcast_ref::<DataSinkExec>().map(DataSinkExec::sink)
    }
}

impl DisplayAs for NamedSink {
    fn fmt_as(&self, form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sink().map_or(Ok(()), |sink| sink.fmt_as(form, f))
    }
}

#[async_trait]
impl DataSink for NamedSink {
    fn metrics(&self) -> Option<MetricsSet> {
        self.sink().and_then(DataSink::metrics)
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    async fn write_all(&self, data: SendableRecordBatchStream, context: &Arc<TaskContext>) -> DataFusionResult<u64> {
        let Some(sink) = self.sink() else { return Ok(0) };
        let noted = Noted::default();
        let mut runtime: RuntimeEnv = context.runtime_env().as_ref().clone();
        let stores = Arc::clone(&runtime.object_store_registry);
        runtime.object_store_registry = Arc::new(NotingRegistry { stores, noted: Arc::clone(&noted) });
        let context = task::changed(context, context.session_config().clone(), Arc::new(runtime));
        let result = sink.write_all(data, &context).await;
        match (result, noted.lock().take()) {
            (Err(_), Some(why)) => Err(why.into()),
            (result, _) => result,
        }
    }
}

/// The first failure.
type Noted = Arc<Mutex<Option<Error>>>;

#[derive(Debug)]
struct NotingRegistry {
    stores: Arc<dyn ObjectStoreRegistry>,
    noted: Noted,
}

impl ObjectStoreRegistry for NotingRegistry {
    fn register_store(&self, url: &Url, store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        self.stores.register_store(url, store)
    }

    fn deregister_store(&self, url: &Url) -> DataFusionResult<Arc<dyn ObjectStore>> {
        self.stores.deregister_store(url)
    }

    fn get_store(&self, url: &Url) -> DataFusionResult<Arc<dyn ObjectStore>> {
        let store = self.stores.get_store(url)?;
        let place = url[..url::Position::AfterPort].to_string();
        let notes = Notes { noted: Arc::clone(&self.noted), place, scheme: url.scheme().to_string() };
        Ok(Arc::new(NotingStore { store, notes }))
    }
}

#[derive(Debug, Clone)]
struct Notes {
    noted: Noted,
    /// The store's URL, without a slash at the end.
    place: String,
    scheme: String,
}

impl Notes {
    fn note<T>(&self, result: Result<T>, file: &Path) -> Result<T> {
        if let Err(error) = &result {
            let shown = format!("{}/{file}", self.place);
            self.noted.lock().get_or_insert_with(|| write_error(error, &shown, &self.scheme));
        }
        result
    }
}

/// Notes why the store beneath did not take a file.
#[derive(Debug)]
struct NotingStore {
    store: Arc<dyn ObjectStore>,
    notes: Notes,
}

impl fmt::Display for NotingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for NotingStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let result = self.store.put_opts(location, payload, options).await;
        self.notes.note(result, location)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let result = self.store.put_multipart_opts(location, options).await;
        let upload = self.notes.note(result, location)?;
        Ok(Box::new(NotingUpload { upload, file: location.clone(), notes: self.notes.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.store.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.store.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct NotingUpload {
    upload: Box<dyn MultipartUpload>,
    file: Path,
    notes: Notes,
}

#[async_trait]
impl MultipartUpload for NotingUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (notes, file) = (self.notes.clone(), self.file.clone());
        self.upload.put_part(data).map(move |result| notes.note(result, &file)).boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let result = self.upload.complete().await;
        self.notes.note(result, &self.file)
    }

    async fn abort(&mut self) -> Result<()> {
        self.upload.abort().await
    }
}
