//! Tables in Azure's containers and Google's buckets, as the command reads, writes and refuses them.
//!
//! Azure is Azurite, Microsoft's emulator: `OSTRICH_AZURITE` is its command, `azurite-blob` if it is not set. Where it is missing, the
//! tests say so and are over. The emulators of Google's storage do not know the requests that object_store writes with, so it is played by
//! `common/gcs.rs`; `OSTRICH_FAKE_GCS_SERVER` can be the command of fake-gcs-server (`fake-gcs-server` if it is not set), from which files
//! are read as well.

#[path = "common/gcs.rs"]
mod gcs;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use gcs::Gcs;

/// How long an emulator may take to begin to listen.
const START: Duration = Duration::from_secs(120);
/// The account of every Azurite, and its key, which Microsoft publishes.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// A signature with that key that allows everything, until 2099.
const SAS: &str = "sv=2020-10-02&ss=b&srt=sco&sp=rwdlac&se=2099-01-01T00%3A00%3A00Z&sig=GEp8iyVVTmUQ2xM1yRTQ4XCpgi5lwRML3Ec6aQYKXp4%3D";

/// The command with the variables that lead it to a store, and a catalog of its own.
struct Client {
    /// `az://lake` or `gs://lake`.
    base: &'static str,
    variables: Vec<(&'static str, String)>,
    folder: tempfile::TempDir,
}

impl Client {
    fn new(base: &'static str, variables: &[(&'static str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| (*name, value.to_string())).collect();
        Client { base, variables, folder: tempfile::tempdir().unwrap() }
    }

    /// The command for a text in which '@' stands for the bucket.
    fn command(&self, sql: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ostrich"));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if ["OSTRICH_", "AZURE_", "AZURITE_", "GOOGLE_", "STORAGE_"].iter().any(|start| name.starts_with(start)) {
                command.env_remove(name.as_ref());
            }
        }
        command
            .args(["--no-init", "-q", "--dialect", "hive", "--format", "csv", "--no-header", "--null", "~"])
            .arg("--catalog")
            .arg(self.folder.path().join("lake"))
            .args(["-e", &sql.replace('@', self.base)])
            .env("HOME", self.folder.path())
            .env("XDG_CONFIG_HOME", self.folder.path().join("config"))
            .env("NO_COLOR", "1")
            .envs(self.variables.iter().map(|(name, value)| (*name, value.as_str())))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, sql: &str) -> Output {
        self.command(sql).output().unwrap()
    }

    /// The rows of a text of statements that succeed, divided by spaces.
    fn rows(&self, sql: &str) -> String {
        rows(sql, &self.run(sql))
    }

    /// What is said of a text of statements that the store refuses, soon.
    fn refused(&self, sql: &str) -> String {
        let start = Instant::now();
        let output = self.run(sql);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{sql}\n{said}");
        assert!(start.elapsed() < Duration::from_secs(20), "{sql} took {:?}", start.elapsed());
        assert!(!said.contains(KEY) && !said.contains("GEp8iyVV"), "{said}");
        said
    }
}

fn rows(sql: &str, output: &Output) -> String {
    assert!(output.status.success(), "{sql}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().collect::<Vec<_>>().join(" ")
}

/// What somebody else puts into the bucket and finds there.
trait Bucket {
    fn put(&self, key: &str, content: &[u8]);
    fn keys(&self) -> Vec<String>;

    /// The files of a table's folder, and what is left of writes to it, as paths below it.
    fn left(&self, table: &str) -> (Vec<String>, Vec<String>) {
        let keys = self.keys();
        let below = keys.iter().filter_map(|key| key.strip_prefix(table)?.strip_prefix('/'));
        let (marks, files): (Vec<&str>, Vec<&str>) = below.partition(|name| name.starts_with("_ostrich/"));
        // What was decided is known for a while.
        let stays = |name: &str| name.starts_with("_ostrich/turn-") || name.ends_with(".decided");
        let texts = |names: Vec<&str>| names.iter().map(|name| name.to_string()).collect();
        (texts(files), texts(marks.into_iter().filter(|name| !stays(name)).collect()))
    }
}

impl Bucket for Gcs {
    fn put(&self, key: &str, content: &[u8]) {
        Gcs::put(self, key, content);
    }

    fn keys(&self) -> Vec<String> {
        Gcs::keys(self)
    }
}

/// An emulator that runs until it is dropped.
struct Emulator {
    process: Child,
    address: String,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The command of an emulator, if it is there.
fn find(variable: &str, name: &str) -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os(variable) {
        return Ok(PathBuf::from(path));
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| format!("there is no {name} in PATH; {variable} can name it"))
}

fn start(command: &Path, arguments: impl Fn(&str) -> Vec<String>) -> Emulator {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let process = Command::new(command)
        .args(arguments(&port))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{} does not run: {error}", command.display()));
    let emulator = Emulator { process, address: format!("127.0.0.1:{port}") };
    let begin = Instant::now();
    while TcpStream::connect(&emulator.address).is_err() {
        assert!(begin.elapsed() < START, "{} does not listen", command.display());
        std::thread::sleep(Duration::from_millis(100));
    }
    emulator
}

/// The answer to one request, or a panic.
fn http(address: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {length}\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.split(' ').nth(1).is_some_and(|status| status.starts_with('2')), "{method} {path}\n{answer}");
    answer
}

fn encoded(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
    key.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Starts Azurite with the container `lake`.
fn azurite() -> Result<Emulator, String> {
    let command = find("OSTRICH_AZURITE", "azurite-blob")?;
    let azurite = start(&command, |port| {
        ["--inMemoryPersistence", "--disableTelemetry", "--silent", "--blobHost", "127.0.0.1", "--blobPort", port]
            .map(str::to_string)
            .to_vec()
    });
    http(&azurite.address, "PUT", &format!("/{ACCOUNT}/lake?restype=container&{SAS}"), "", b"");
    Ok(azurite)
}

impl Emulator {
    fn endpoint(&self) -> String {
        format!("http://{}/{ACCOUNT}", self.address)
    }

    fn azure(&self, base: &'static str) -> Client {
        let emulator = format!("http://{}", self.address);
        Client::new(base, &[("AZURE_STORAGE_USE_EMULATOR", "true"), ("AZURITE_BLOB_STORAGE_URL", &emulator)])
    }
}

/// Azurite's container `lake`.
impl Bucket for Emulator {
    fn put(&self, key: &str, content: &[u8]) {
        let path = format!("/{ACCOUNT}/lake/{}?{SAS}", encoded(key));
        http(&self.address, "PUT", &path, "x-ms-blob-type: BlockBlob\r\n", content);
    }

    fn keys(&self) -> Vec<String> {
        let listed = http(&self.address, "GET", &format!("/{ACCOUNT}/lake?restype=container&comp=list&{SAS}"), "", b"");
        let names = listed.split("<Name>").skip(1).filter_map(|rest| rest.split_once("</Name>"));
        names.map(|(name, _)| name.to_string()).collect()
    }
}

fn testdata(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(below)
}

fn upload(bucket: &dyn Bucket, from: &Path, to: &str) {
    if from.is_dir() {
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            upload(bucket, &entry.path(), &format!("{to}/{}", entry.file_name().to_str().unwrap()));
        }
    } else {
        bucket.put(to, &std::fs::read(from).unwrap());
    }
}

fn files_are_read(client: &Client, bucket: &dyn Bucket) {
    upload(bucket, &testdata("events"), "events");
    upload(bucket, &testdata("formats"), "formats");
    for (files, rows) in [("tiny.csv", "5 "), ("tiny.parquet", "5 "), ("tiny.jsonl.gz", "5 "), ("tiny.avro", "5 ")] {
        let sql = format!("SELECT count(*) FROM '@/formats/{files}'");
        assert_eq!(client.rows(&sql), rows.trim(), "{files}");
    }
    // Of the hidden files none counts.
    let sql = "SELECT country, count(*) FROM '@/events/' WHERE dt = '2026-01-03' GROUP BY country ORDER BY country;
        SELECT count(*) FROM '@/events/country=KR/*/*.parquet';
        CREATE EXTERNAL TABLE events STORED AS PARQUET LOCATION '@/events';
        SELECT count(*) FROM events WHERE country = 'EU:West'";
    assert_eq!(client.rows(sql), "EU:West,28 KR,25 ~,20 115 28");
    assert_eq!(client.rows("DROP TABLE events; SELECT count(*) > 0 FROM '@/events/'"), "true", "its files stay");
}

fn tables_are_written(client: &Client, bucket: &dyn Bucket) {
    client.rows(
        "CREATE EXTERNAL TABLE p (id INT) PARTITIONED BY (dt STRING) STORED AS PARQUET LOCATION '@/w/p';
         INSERT INTO p PARTITION (dt = 'a') VALUES (1), (2);
         INSERT INTO p PARTITION (dt) SELECT 3, 'b'",
    );
    let seen = "SELECT id, dt FROM p ORDER BY id";
    assert_eq!(client.rows(seen), "1,a 2,a 3,b");
    client.rows("INSERT OVERWRITE TABLE p PARTITION (dt = 'a') SELECT 7");
    assert_eq!(client.rows(seen), "3,b 7,a");
    client.rows("INSERT OVERWRITE TABLE p PARTITION (dt) SELECT id * 10, dt FROM p WHERE dt = 'a'");
    client.rows("INSERT INTO p PARTITION (dt) VALUES (4, NULL), (5, 'x/y:z%= é한')");
    assert_eq!(client.rows(seen), "3,b 4,~ 5,x/y:z%= é한 70,a");
    let (files, marks) = bucket.left("w/p");
    let folders: Vec<&str> = files.iter().map(|file| file.rsplit_once('/').unwrap().0).collect();
    assert_eq!(folders, ["dt=__HIVE_DEFAULT_PARTITION__", "dt=a", "dt=b", "dt=x%2Fy%3Az%25%3D é한"]);
    assert_eq!(marks, [""; 0]);
    client.rows("ALTER TABLE p SET TBLPROPERTIES ('external.table.purge' = 'true')");
    client.rows("ALTER TABLE p DROP PARTITION (dt = 'x/y:z%= é한')");
    assert_eq!(client.rows(seen), "3,b 4,~ 70,a");
    client.rows("TRUNCATE TABLE p");
    assert_eq!(client.rows(seen), "");
    assert_eq!(bucket.left("w/p"), (Vec::new(), Vec::new()));

    // Of queries: a table, text, one file, partitions, and a file of several parts.
    client.rows("CREATE EXTERNAL TABLE c STORED AS TEXTFILE LOCATION '@/w/c' AS SELECT 1 AS id, 'x' AS s");
    assert_eq!(client.rows("INSERT INTO c VALUES (2, NULL); SELECT * FROM c ORDER BY id"), "1,x 2,~");
    let said = client.refused("CREATE EXTERNAL TABLE d LOCATION '@/w/c' AS SELECT 1 AS id");
    assert!(said.contains(&format!("{}/w/c/ is not empty", client.base)), "{said}");
    client.rows("COPY (SELECT 1 AS id, NULL AS s UNION ALL SELECT 2, '') TO '@/out/x.csv' STORED AS CSV");
    assert_eq!(client.rows("SELECT id, s FROM '@/out/x.csv' ORDER BY id"), "1,~ 2,\"\"");
    client.rows("COPY (SELECT id, id % 2 AS k FROM (SELECT explode(sequence(1, 9)) AS id) t) TO '@/out/k/' STORED AS PARQUET PARTITIONED BY (k)");
    assert_eq!(client.rows("SELECT k, count(*) FROM '@/out/k/' GROUP BY k ORDER BY k"), "0,4 1,5");
    client.rows(
        "COPY (SELECT id, repeat('x', 500) AS s FROM (SELECT explode(sequence(1, 50000)) AS id) t) TO '@/out/big.csv'",
    );
    assert_eq!(client.rows("SELECT count(*), sum(id), min(length(s)) FROM '@/out/big.csv'"), "50000,1250025000,500");
}

fn writers_at_once_lose_no_row(client: &Client, bucket: &dyn Bucket) {
    client.rows("CREATE EXTERNAL TABLE m (id INT) STORED AS PARQUET LOCATION '@/w/m'");
    let sql = |writer: u32| -> String {
        (0..3).map(|round| format!("INSERT INTO m VALUES ({});", writer * 10 + round)).collect()
    };
    let writers: Vec<Child> = (0..3).map(|writer| client.command(&sql(writer)).spawn().unwrap()).collect();
    for (writer, process) in (0..).zip(writers) {
        rows(&sql(writer), &process.wait_with_output().unwrap());
    }
    assert_eq!(client.rows("SELECT count(*), count(DISTINCT id) FROM m"), "9,9");
    let (files, marks) = bucket.left("w/m");
    assert_eq!((files.len(), marks), (9, Vec::new()));
}

fn what_is_not_there_is_named(client: &Client, bucket: &dyn Bucket) {
    let base = client.base;
    upload(bucket, &testdata("tpch/region.parquet"), "region.parquet");
    bucket.put("hidden/_SUCCESS", b"done");
    for (place, message) in [
        ("regoin.parquet", format!("there is no file or folder {base}/regoin.parquet")),
        ("regions/", format!("there is no file or folder {base}/regions/")),
        ("hidden", format!("there are no data files in {base}/hidden")),
        ("hidden", "_SUCCESS".to_string()),
        ("regions/*.csv", format!("no file matches {base}/regions/*.csv")),
        ("hidden/*.csv", "_SUCCESS".to_string()),
    ] {
        let said = client.refused(&format!("SELECT * FROM '@/{place}'"));
        assert!(said.contains(&message), "{place}: {said}");
    }
    // Another bucket, to which what is put is refused as well.
    let word = if base.starts_with("gs") { "bucket" } else { "container" };
    let there_is_none = format!("is in a {word} that does not exist");
    for sql in [
        "SELECT * FROM '@nowhere/region.parquet'",
        "SELECT * FROM '@nowhere/'",
        "COPY (SELECT 1 AS id) TO '@nowhere/x.csv'",
        "COPY (SELECT 1 AS id) TO '@nowhere/x/' STORED AS PARQUET",
        "CREATE EXTERNAL TABLE n (id INT) STORED AS PARQUET LOCATION '@nowhere/n/'; INSERT INTO n VALUES (1)",
    ] {
        let said = client.refused(sql);
        assert!(said.contains(&format!("{base}nowhere")) && said.contains(&there_is_none), "{sql}: {said}");
        assert!(said.contains(&format!("check the {word}'s name")), "{sql}: {said}");
    }
}

/// Statements on a table that the store refuses, one by reading and two by writing.
fn a_refusal_says(client: &Client, parts: &[&str]) {
    for sql in [
        "SELECT * FROM '@/region.parquet'",
        "SELECT * FROM '@/x/'",
        "COPY (SELECT 1 AS id) TO '@/x.csv'",
        "CREATE EXTERNAL TABLE x (id INT) STORED AS PARQUET LOCATION '@/x/'; INSERT INTO x VALUES (1)",
    ] {
        let said = client.refused(sql);
        for part in parts.iter().chain([&client.base]) {
            assert!(said.contains(part), "{sql}: no {part:?} in\n{said}");
        }
        assert!(said.lines().count() <= 6, "{sql}: {said}");
    }
}

#[test]
fn tables_in_a_container_of_azure() {
    let azurite = match azurite() {
        Ok(azurite) => azurite,
        Err(why) => return eprintln!("skipped: {why}"),
    };
    let client = azurite.azure("az://lake");
    files_are_read(&client, &azurite);
    tables_are_written(&client, &azurite);
    writers_at_once_lose_no_row(&client, &azurite);
    what_is_not_there_is_named(&client, &azurite);
}

#[test]
fn azure_is_found_and_refuses() {
    let azurite = match azurite() {
        Ok(azurite) => azurite,
        Err(why) => return eprintln!("skipped: {why}"),
    };
    upload(&azurite, &testdata("tpch/region.parquet"), "region.parquet");
    let endpoint = azurite.endpoint();
    let connection =
        format!("DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={endpoint};");
    let signed = format!("BlobEndpoint={endpoint};AccountName={ACCOUNT};SharedAccessSignature={SAS}");
    let at = ("AZURE_STORAGE_ENDPOINT", endpoint.as_str());
    let account = ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT);
    let ways: [&[(&str, &str)]; 5] = [
        &[at, account, ("AZURE_STORAGE_ACCOUNT_KEY", KEY)],
        &[at, ("AZURE_STORAGE_ACCOUNT", ACCOUNT), ("AZURE_STORAGE_KEY", KEY)],
        &[at, account, ("AZURE_STORAGE_SAS_TOKEN", SAS)],
        &[("AZURE_STORAGE_CONNECTION_STRING", &connection)],
        &[("AZURE_STORAGE_CONNECTION_STRING", &signed)],
    ];
    for (number, variables) in ways.iter().enumerate() {
        let client = Client::new("az://lake", variables);
        let sql = format!("COPY (SELECT {number} AS n) TO '@/out/{number}.csv'; SELECT n FROM '@/out/{number}.csv';
            CREATE EXTERNAL TABLE t (n INT) STORED AS PARQUET LOCATION '@/t/{number}/'; INSERT OVERWRITE TABLE t SELECT 7;
            INSERT OVERWRITE TABLE t SELECT 8; SELECT n FROM t; SELECT count(*) FROM '@/region.parquet'");
        assert_eq!(client.rows(&sql), format!("{number} 8 5"), "{variables:?}");
    }
    // Hadoop's way to write it.
    let client = azurite.azure("abfss://lake@devstoreaccount1.dfs.core.windows.net");
    assert_eq!(client.rows("SELECT count(*) FROM '@/region.parquet'"), "5");
    client.rows("CREATE EXTERNAL TABLE t (n INT) STORED AS PARQUET LOCATION '@/t/h/'; INSERT INTO t VALUES (1)");
    assert_eq!(client.rows("INSERT OVERWRITE TABLE t SELECT 2; SELECT n FROM t"), "2");

    let wrong_key = Client::new("az://lake", &[at, account, ("AZURE_STORAGE_ACCOUNT_KEY", "d3Jvbmc=")]);
    a_refusal_says(&wrong_key, &["AZURE_STORAGE_ACCOUNT_KEY"]);
    let said = wrong_key.refused("SELECT * FROM '@/x/'");
    assert!(said.contains("(AuthorizationFailure)") && !said.contains("RequestId"), "{said}");
    let signature = SAS.replace("GEp8iyVV", "AAAAAAAA");
    let wrong_signature = Client::new("az://lake", &[at, account, ("AZURE_STORAGE_SAS_TOKEN", &signature)]);
    a_refusal_says(&wrong_signature, &["AZURE_STORAGE_SAS_TOKEN"]);
    let no_key = Client::new("az://lake", &[account, ("AZURE_STORAGE_ACCOUNT_KEY", "no base64")]);
    a_refusal_says(&no_key, &["AZURE_STORAGE_ACCOUNT_KEY"]);
    let nowhere = [("AZURE_STORAGE_ENDPOINT", "http://127.0.0.1:1/x"), account, ("AZURE_STORAGE_SAS_TOKEN", SAS)];
    a_refusal_says(&Client::new("az://lake", &nowhere), &["cannot be", "AZURE_STORAGE_ACCOUNT_NAME"]);
}

#[test]
fn tables_in_a_bucket_of_google() {
    let gcs = Gcs::start();
    let client = Client::new("gs://lake", &[("STORAGE_EMULATOR_HOST", &gcs.address)]);
    files_are_read(&client, &gcs);
    tables_are_written(&client, &gcs);
    writers_at_once_lose_no_row(&client, &gcs);
    what_is_not_there_is_named(&client, &gcs);
}

#[test]
fn google_is_found_and_refuses() {
    let gcs = Gcs::start();
    upload(&gcs, &testdata("tpch/region.parquet"), "region.parquet");
    let url = format!("http://{}", gcs.address);
    let account = format!(
        r#"{{"gcs_base_url": "{url}", "disable_oauth": true, "client_email": "", "private_key": "", "private_key_id": ""}}"#
    );
    let ways: [&[(&str, &str)]; 3] = [
        &[("GOOGLE_SERVICE_ACCOUNT_KEY", &account)],
        &[("GOOGLE_BASE_URL", &url), ("GOOGLE_SKIP_SIGNATURE", "true")],
        &[("STORAGE_EMULATOR_HOST", &url)],
    ];
    for variables in ways {
        let client = Client::new("gs://lake", variables);
        client.rows(
            "CREATE EXTERNAL TABLE t (n INT) STORED AS PARQUET LOCATION '@/t/'; INSERT OVERWRITE TABLE t SELECT 8",
        );
        assert_eq!(client.rows("SELECT n FROM t; SELECT count(*) FROM '@/region.parquet'"), "8 5", "{variables:?}");
    }
    let stranger = Client::new("gs://private", &[("STORAGE_EMULATOR_HOST", &url)]);
    a_refusal_says(&stranger, &["GOOGLE_APPLICATION_CREDENTIALS"]);
    let said = stranger.refused("SELECT * FROM '@/x/'");
    assert!(said.contains("Authentication required: Anonymous caller does not have storage.objects.list"), "{said}");
    let no_file = Client::new("gs://lake", &[("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")]);
    a_refusal_says(&no_file, &["/nowhere/key.json", "GOOGLE_APPLICATION_CREDENTIALS"]);
    let nowhere = Client::new("gs://lake", &[("STORAGE_EMULATOR_HOST", "127.0.0.1:1")]);
    a_refusal_says(&nowhere, &["cannot be", "GOOGLE_APPLICATION_CREDENTIALS"]);
}

/// What fake-gcs-server knows: listing and reading.
#[test]
fn an_emulator_of_google_is_read() {
    let command = match find("OSTRICH_FAKE_GCS_SERVER", "fake-gcs-server") {
        Ok(command) => command,
        Err(why) => return eprintln!("skipped: {why}"),
    };
    let emulator = start(&command, |port| {
        let public = format!("127.0.0.1:{port}");
        ["-scheme", "http", "-backend", "memory", "-host", "127.0.0.1", "-port", port, "-public-host", &public]
            .map(str::to_string)
            .to_vec()
    });
    let json = "Content-Type: application/json\r\n";
    http(&emulator.address, "POST", "/storage/v1/b?project=x", json, br#"{"name": "lake"}"#);
    struct Emulated<'e>(&'e Emulator);
    impl Bucket for Emulated<'_> {
        fn put(&self, key: &str, content: &[u8]) {
            let name = encoded(key).replace('/', "%2F");
            let path = format!("/upload/storage/v1/b/lake/o?uploadType=media&name={name}");
            http(&self.0.address, "POST", &path, "Content-Type: application/octet-stream\r\n", content);
        }

        fn keys(&self) -> Vec<String> {
            unimplemented!()
        }
    }
    let client = Client::new("gs://lake", &[("STORAGE_EMULATOR_HOST", &emulator.address)]);
    files_are_read(&client, &Emulated(&emulator));
    let said = client.refused("SELECT * FROM '@/nothing/'");
    assert!(said.contains("there is no file or folder gs://lake/nothing/"), "{said}");
}
