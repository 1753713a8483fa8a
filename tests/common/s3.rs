//! A true S3 server in the test's process, whose buckets are the folders of a temporary folder.
//!
//! `s3s-fs` looks whether an object is there, and writes it later; it walks folders while others change them. S3 does neither, so requests
//! that have to be one step are kept from each other here. Listings come in pages of a few names, for what happens between two pages is
//! worth testing.

use std::path::PathBuf;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use ostrich::storage::StoreConfig;
use s3s::auth::SimpleAuth;
use s3s::dto::*;
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Request, S3Response, S3Result};
use tokio::sync::RwLock;

const KEY: &str = "OSTRICHKEY";
pub const SECRET: &str = "a-secret-that-nobody-may-see";

/// The server, and how to reach it.
pub struct Server {
    root: tempfile::TempDir,
    pub endpoint: String,
}

impl Server {
    /// Starts with the bucket `lake`.
    ///
    /// Without keys it is a web server as well. `page` is how many names a listing gives at a time.
    pub async fn start_with(keys: bool, page: Option<i32>) -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("lake")).unwrap();
        let files = s3s_fs::FileSystem::new(root.path()).unwrap();
        let mut service = S3ServiceBuilder::new(Atomic { files, gate: RwLock::new(()), page });
        if keys {
            service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        }
        let service = service.build();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let connection = Builder::new(TokioExecutor::new());
                    let _ = connection.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Server { root, endpoint }
    }

    pub fn bucket(&self) -> PathBuf {
        self.root.path().join("lake")
    }

    /// The variables that lead a process here.
    pub fn variables(&self) -> [(&'static str, &str); 4] {
        [
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
        ]
    }

    pub fn config(&self) -> StoreConfig {
        self.variables().iter().fold(StoreConfig::default(), |config, (name, value)| config.with(*name, *value))
    }
}

/// Lets a listing, and a put with a condition, be alone.
struct Atomic {
    files: s3s_fs::FileSystem,
    gate: RwLock<()>,
    page: Option<i32>,
}

type Answer<T> = S3Result<S3Response<T>>;

#[async_trait::async_trait]
impl S3 for Atomic {
    async fn put_object(&self, request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        if request.input.if_none_match.is_some() || request.input.if_match.is_some() {
            let _alone = self.gate.write().await;
            return self.files.put_object(request).await;
        }
        let _turn = self.gate.read().await;
        self.files.put_object(request).await
    }

    async fn list_objects_v2(&self, mut request: S3Request<ListObjectsV2Input>) -> Answer<ListObjectsV2Output> {
        let _alone = self.gate.write().await;
        request.input.max_keys = self.page.or(request.input.max_keys);
        self.files.list_objects_v2(request).await
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        let _turn = self.gate.read().await;
        self.files.get_object(request).await
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        let _turn = self.gate.read().await;
        self.files.head_object(request).await
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        let _turn = self.gate.read().await;
        self.files.copy_object(request).await
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        let _turn = self.gate.read().await;
        self.files.delete_object(request).await
    }

    async fn delete_objects(&self, request: S3Request<DeleteObjectsInput>) -> Answer<DeleteObjectsOutput> {
        let _turn = self.gate.read().await;
        self.files.delete_objects(request).await
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        let _turn = self.gate.read().await;
        self.files.create_multipart_upload(request).await
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        let _turn = self.gate.read().await;
        self.files.upload_part(request).await
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        let _turn = self.gate.read().await;
        self.files.complete_multipart_upload(request).await
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        let _turn = self.gate.read().await;
        self.files.abort_multipart_upload(request).await
    }
}
