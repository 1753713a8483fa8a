//! How many bytes a scan has read: of Parquet, DataFusion's reader counts them, of all other formats this store does
//!
//! A local file comes as a handle, which its reader may leave half-way. A reader that counts for itself what it takes asks for the count in
//! the options of its request ([`Asked`]); of the others the whole range counts.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::physical_plan::metrics::Count;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// Where a reader is given the count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked(Arc<OnceLock<Count>>);

impl Asked {
    /// To be called with each piece that was read.
    pub(crate) fn add(&self, bytes: usize) {
        if let Some(count) = self.0.get() {
            count.add(bytes);
        }
    }
}

/// The store of a scan.
#[derive(Debug)]
pub(crate) struct CountedStore {
    inner: Arc<dyn ObjectStore>,
    bytes: Count,
}

impl CountedStore {
    pub(crate) fn new(inner: Arc<dyn ObjectStore>, bytes: Count) -> Self {
        CountedStore { inner, bytes }
    }
}

impl fmt::Display for CountedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for CountedStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let (asked, head) = (options.extensions.get::<Asked>().cloned(), options.head);
        let mut result = self.inner.get_opts(location, options).await?;
        if head {
            return Ok(result);
        }
        let length = usize::try_from(result.range.end - result.range.start).unwrap_or(usize::MAX);
        result.payload = match (result.payload, asked) {
            (GetResultPayload::Stream(stream), _) => {
                let bytes = self.bytes.clone();
                GetResultPayload::Stream(stream.inspect_ok(move |piece| bytes.add(piece.len())).boxed())
            }
            (file, Some(asked)) => {
                // It can be set already only if the request is made a second time.
                let _ = asked.0.set(self.bytes.clone());
                file
            }
            (file, None) => {
                self.bytes.add(length);
                file
            }
        };
        Ok(result)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let pieces = self.inner.get_ranges(location, ranges).await?;
        self.bytes.add(pieces.iter().map(Bytes::len).sum());
        Ok(pieces)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
