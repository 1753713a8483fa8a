//! A store in memory that fails at random: before a request took effect or after it, slowly, and with listings that take their time.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::sync::Arc;

/// How many objects a page of a listing has. Between two pages anything may happen.
const PAGE: usize = 3;

/// Random numbers from a seed (SplitMix64).
#[derive(Debug)]
pub(super) struct Random(AtomicU64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Random(AtomicU64::new(seed))
    }

    pub(super) fn below(&self, end: u32) -> u32 {
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((z ^ (z >> 31)) % u64::from(end.max(1))).unwrap()
    }
}

#[derive(Debug)]
pub(super) struct Flaky {
    inner: Arc<InMemory>,
    random: Arc<Random>,
    /// Of a thousand requests, how many fail.
    rate: Arc<AtomicU32>,
    ignores_conditions: bool,
}

enum Fate {
    Fine,
    /// It fails without having done anything.
    Before,
    /// It is done, and the answer is lost.
    After,
}

impl Flaky {
    pub(super) fn new(seed: u64, rate: u32) -> Self {
        Flaky {
            inner: Arc::new(InMemory::new()),
            random: Arc::new(Random::new(seed)),
            rate: Arc::new(AtomicU32::new(rate)),
            ignores_conditions: false,
        }
    }

    pub(super) fn without_conditions() -> Self {
        Flaky { ignores_conditions: true, ..Self::new(0, 0) }
    }

    pub(super) fn rate(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.rate)
    }

    async fn fate(&self) -> Fate {
        fate(&self.random, &self.rate).await
    }
}

async fn fate(random: &Random, rate: &AtomicU32) -> Fate {
    tokio::time::sleep(Duration::from_micros(u64::from(random.below(2000)))).await;
    let rate = rate.load(Ordering::Relaxed);
    match random.below(1000) {
        draw if draw < rate / 2 => Fate::Before,
        draw if draw < rate => Fate::After,
        _ => Fate::Fine,
    }
}

fn failure() -> object_store::Error {
    object_store::Error::Generic { store: "Flaky", source: "connection reset".into() }
}

impl fmt::Display for Flaky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a flaky store")
    }
}

#[async_trait]
impl ObjectStore for Flaky {
    async fn put_opts(&self, location: &Path, payload: PutPayload, mut options: PutOptions) -> Result<PutResult> {
        if self.ignores_conditions {
            options.mode = PutMode::Overwrite;
        }
        match self.fate().await {
            Fate::Before => Err(failure()),
            Fate::After => self.inner.put_opts(location, payload, options).await.and_then(|_| Err(failure())),
            Fate::Fine => self.inner.put_opts(location, payload, options).await,
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        match self.fate().await {
            Fate::Fine => self.inner.get_opts(location, options).await,
            _ => Err(failure()),
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (inner, random, rate) = (Arc::clone(&self.inner), Arc::clone(&self.random), Arc::clone(&self.rate));
        locations
            .then(move |location| {
                let (inner, random, rate) = (Arc::clone(&inner), Arc::clone(&random), Arc::clone(&rate));
                async move {
                    let fate = fate(&random, &rate).await;
                    let location = location?;
                    if !matches!(fate, Fate::Before) {
                        let one = futures::stream::iter([Ok(location.clone())]).boxed();
                        inner.delete_stream(one).try_collect::<Vec<_>>().await?;
                    }
                    match fate {
                        Fate::Fine => Ok(location),
                        _ => Err(failure()),
                    }
                }
            })
            .boxed()
    }

    /// A page at a time, each as the store is then.
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (inner, random, rate) = (Arc::clone(&self.inner), Arc::clone(&self.random), Arc::clone(&self.rate));
        let prefix = prefix.cloned();
        let pages = futures::stream::try_unfold(Some(Path::default()), move |after| {
            let (inner, random, rate) = (Arc::clone(&inner), Arc::clone(&random), Arc::clone(&rate));
            let prefix = prefix.clone();
            async move {
                let Some(after) = after else { return Ok(None) };
                // A listing has many pages.
                let fails = !matches!(fate(&random, &rate).await, Fate::Fine);
                if fails && random.below(8) == 0 {
                    return Err(failure());
                }
                let page: Vec<ObjectMeta> =
                    inner.list_with_offset(prefix.as_ref(), &after).take(PAGE).try_collect().await?;
                let next = page.get(PAGE - 1).map(|last| last.location.clone());
                Ok(Some((futures::stream::iter(page.into_iter().map(Ok)), next)))
            }
        });
        pages.try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
