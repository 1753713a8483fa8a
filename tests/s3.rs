//! Tables in a bucket: read, written and refused by a true S3 server in the test's process.

#[path = "common/s3.rs"]
mod server;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use ostrich::catalog::model::FileFormat;
use ostrich::storage::{
    FileTable, Location, StorageCaches, StoreConfig, StoreRegistry, TableSpec, register_output_formats,
};
use ostrich::{Error, ErrorKind};

use server::{SECRET, Server};

/// Puts a folder of the repository's test data into the bucket.
fn upload(server: &Server, from: &str, to: &str) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(from);
    copy(&from, &server.bucket().join(to));
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
    }
}

struct Client {
    context: SessionContext,
    caches: Arc<StorageCaches>,
}

impl Client {
    fn new(config: StoreConfig) -> Self {
        let runtime = RuntimeEnvBuilder::new()
            .with_object_store_registry(Arc::new(StoreRegistry::new(config)))
            .build_arc()
            .unwrap();
        let mut state = SessionStateBuilder::new()
            .with_config(SessionConfig::new().with_target_partitions(8))
            .with_runtime_env(runtime)
            .with_default_features()
            .build();
        register_output_formats(&mut state).unwrap();
        Client { context: SessionContext::new_with_state(state), caches: Arc::default() }
    }

    async fn open(&self, spec: TableSpec) -> Result<FileTable, Error> {
        FileTable::open(&self.context.state(), &self.caches, spec).await
    }

    async fn table(&self, text: &str) -> Result<(), Error> {
        self.table_of(TableSpec::of(Location::parse(text, Path::new("/")).unwrap())).await
    }

    async fn table_of(&self, spec: TableSpec) -> Result<(), Error> {
        let table = self.open(spec).await?;
        let _ = self.context.deregister_table("t");
        self.context.register_table("t", Arc::new(table)).unwrap();
        Ok(())
    }

    async fn rows(&self, sql: &str) -> Vec<String> {
        let batches = self.context.sql(sql).await.unwrap().collect().await.unwrap();
        let options = FormatOptions::new().with_null("~");
        let mut rows = Vec::new();
        for batch in batches {
            let columns: Vec<_> =
                batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
            for row in 0..batch.num_rows() {
                rows.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|"));
            }
        }
        rows
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn partitioned_parquet_is_read() {
    let server = Server::start_with(true, None).await;
    upload(&server, "events", "warehouse/events");
    let client = Client::new(server.config());
    for text in ["s3://lake/warehouse/events/", "s3a://lake/warehouse/events"] {
        client.table(text).await.unwrap();
        let rows = client
            .rows("select country, count(*), sum(amount) from t where dt = date '2026-01-03' group by 1 order by 1 nulls last")
            .await;
        assert_eq!(rows, ["EU:West|28|7583.43", "KR|25|8036.87", "~|20|6424.28"], "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn globs_and_single_objects_are_read() {
    let server = Server::start_with(true, None).await;
    upload(&server, "tpch-csv", "tpch csv%20");
    upload(&server, "formats", "formats");
    let client = Client::new(server.config());
    client.table("s3://lake/tpch csv%20/n*.csv").await.unwrap();
    assert_eq!(client.rows("select count(*) from t").await, ["25"]);
    client.table("s3://lake/tpch csv%20/lineitem.csv.gz").await.unwrap();
    assert_eq!(client.rows("select count(*), sum(l_orderkey) > 0 from t").await, ["60175|true"]);
    for name in ["parquet", "csv", "csv.bz2", "csv.zst", "tsv", "json", "jsonl", "jsonl.gz", "avro", "arrow"] {
        client.table(&format!("s3://lake/formats/tiny.{name}")).await.unwrap();
        assert_eq!(client.rows("select count(*), count(name), min(id) from t").await, ["5|4|1"], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_added_or_replaced_from_outside_are_seen() {
    let server = Server::start_with(true, None).await;
    let path = server.bucket().join("t/a.csv");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/formats/tiny.csv"), &path);
    let client = Client::new(server.config());
    client.table("s3://lake/t/").await.unwrap();
    assert_eq!(client.rows("select count(*) from t").await, ["5"]);
    std::fs::write(server.bucket().join("t/b.csv"), "id,extra\n6,x\n").unwrap();
    client.table("s3://lake/t/").await.unwrap();
    assert_eq!(client.rows("select count(*), count(extra) from t").await, ["6|1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn inserts_append_and_copies_write() {
    let server = Server::start_with(true, None).await;
    let client = Client::new(server.config());
    let spec = TableSpec {
        format: Some(FileFormat::Parquet),
        columns: Some(Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]))),
        partition_columns: Some(vec![Field::new("p", DataType::Utf8View, true)]),
        former_names: Default::default(),
        ..TableSpec::of(Location::parse("s3://lake/new/table", Path::new("/")).unwrap())
    };
    for _ in 0..2 {
        client.table_of(spec.clone()).await.unwrap();
        client.rows("insert into t values (1, 'a/b'), (2, null), (3, 'é')").await;
    }
    client.table_of(spec).await.unwrap();
    let rows = client.rows("select p, count(*), sum(n) from t group by p order by p nulls last").await;
    assert_eq!(rows, ["a/b|2|2", "é|2|6", "~|2|4"]);
    assert!(server.bucket().join("new/table/p=__HIVE_DEFAULT_PARTITION__").is_dir());

    client.rows("copy (select 1 as id, null as s union all select 2, '') to 's3://lake/out/x.csv' stored as csv").await;
    let text = std::fs::read_to_string(server.bucket().join("out/x.csv")).unwrap();
    assert!(text.starts_with("id,s\n") && text.contains("\n2,\"\"\n"), "{text}");
    client.table("s3://lake/out/x.csv").await.unwrap();
    assert_eq!(client.rows("select id, s from t order by id").await, ["1|~", "2|"]);
}

/// More than one part of a multipart upload.
#[tokio::test(flavor = "multi_thread")]
async fn large_objects() {
    let server = Server::start_with(true, None).await;
    let client = Client::new(server.config());
    let rows = "select value as n, repeat('x', 500) as s from generate_series(1, 30000)";
    client.rows(&format!("copy ({rows}) to 's3://lake/big.csv' stored as csv")).await;
    client.table("s3://lake/big.csv").await.unwrap();
    assert_eq!(client.rows("select count(*), sum(n), min(length(s)) from t").await, ["30000|450015000|500"]);
}

/// More than one page of a listing.
#[tokio::test(flavor = "multi_thread")]
async fn many_objects() {
    let server = Server::start_with(true, None).await;
    let client = Client::new(server.config());
    std::fs::create_dir(server.bucket().join("many")).unwrap();
    for number in 0..1100 {
        std::fs::write(server.bucket().join(format!("many/{number}.csv")), format!("n\n{number}\n")).unwrap();
    }
    client.table("s3://lake/many/").await.unwrap();
    assert_eq!(client.rows("select count(*), sum(n) from t").await, ["1100|604450"]);
}

async fn refusal(config: StoreConfig, text: &str) -> Error {
    let start = Instant::now();
    let error = Client::new(config).table(text).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(8), "it took {:?}", start.elapsed());
    assert_eq!(error.kind(), ErrorKind::Storage, "{error}");
    assert!(!error.to_string().contains(SECRET), "{error}");
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_quick_and_clear() {
    let server = Server::start_with(true, None).await;
    upload(&server, "tpch/region.parquet", "region.parquet");
    for text in ["s3://lake/region.parquet", "s3://lake/", "s3://lake/*.parquet"] {
        let wrong_key = refusal(server.config().with("AWS_ACCESS_KEY_ID", "NOBODY"), text).await;
        assert!(wrong_key.message().contains("s3://lake"), "{wrong_key}");
        assert!(wrong_key.help_lines()[0].contains("AWS_ACCESS_KEY_ID"), "{wrong_key}");
        let wrong_secret = refusal(server.config().with("AWS_SECRET_ACCESS_KEY", "wrong"), text).await;
        assert!(wrong_secret.help_lines()[0].contains("AWS_SECRET_ACCESS_KEY"), "{wrong_secret}");
    }
    let missing = refusal(server.config(), "s3://lake/regoin.parquet").await;
    assert_eq!(missing.message(), "there is no file or folder s3://lake/regoin.parquet");
    let no_match = refusal(server.config(), "s3://lake/*.csv").await;
    assert!(no_match.help_lines()[0].contains("region.parquet"), "{no_match}");
    for text in ["s3://nowhere/region.parquet", "s3://nowhere/"] {
        let no_bucket = refusal(server.config(), text).await;
        assert!(no_bucket.message().contains("bucket that does not exist"), "{no_bucket}");
    }
    let no_server = refusal(server.config().with("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), "s3://lake/").await;
    assert!(no_server.message().contains("cannot be reached"), "{no_server}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_vanishes_is_named() {
    let server = Server::start_with(true, None).await;
    upload(&server, "tpch/region.parquet", "t/a.parquet");
    upload(&server, "tpch/region.parquet", "t/b.parquet");
    let client = Client::new(server.config());
    client.table("s3://lake/t/").await.unwrap();
    std::fs::remove_file(server.bucket().join("t/b.parquet")).unwrap();
    let result = client.context.sql("select max(r_comment) from t").await.unwrap().collect().await;
    assert!(result.unwrap_err().to_string().contains("s3://lake/t/b.parquet"));
}

#[tokio::test(flavor = "multi_thread")]
async fn web_servers_are_read() {
    let server = Server::start_with(false, None).await;
    upload(&server, "tpch/region.parquet", "a b/region.parquet");
    upload(&server, "formats/tiny.csv.gz", "tiny.csv.gz");
    let client = Client::new(StoreConfig::default());
    client.table(&format!("{}/lake/a%20b/region.parquet?x=%2Fsigned", server.endpoint)).await.unwrap();
    assert_eq!(client.rows("select count(*), max(r_name) from t").await, ["5|MIDDLE EAST"]);
    client.table(&format!("{}/lake/tiny.csv.gz", server.endpoint)).await.unwrap();
    assert_eq!(client.rows("select count(*), count(name) from t").await, ["5|4"]);

    let missing = refusal(StoreConfig::default(), &format!("{}/lake/none.csv?sig={SECRET}", server.endpoint)).await;
    assert_eq!(missing.message(), format!("there is no file {}/lake/none.csv", server.endpoint));
    let folder = refusal(StoreConfig::default(), &format!("{}/lake/", server.endpoint)).await;
    assert!(folder.message().contains("http has no folders"), "{folder}");
}
