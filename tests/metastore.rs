//! A real Hive Metastore, with tables that PySpark makes in it.
//!
//! Both are in the package `pyspark`; Java 17 runs them. `OSTRICH_PYSPARK_PYTHON` is a Python that has the package, `python3`
//! if it is not set. Where Python, the package or Java is missing, the test says so and is over.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use ostrich::catalog::hive::HiveOptions;
use ostrich::catalog::model::{Relation, TableName};
use ostrich::session::{Session, SessionOptions};

/// How long Java may take to begin to listen.
const START: Duration = Duration::from_secs(300);

/// A metastore that runs until it is dropped.
struct Metastore {
    process: Child,
    uri: String,
    folder: tempfile::TempDir,
}

impl Drop for Metastore {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn python() -> String {
    std::env::var("OSTRICH_PYSPARK_PYTHON").unwrap_or_else(|_| "python3".to_string())
}

/// The folder of Spark's jars, if there is all that is needed.
fn jars() -> Result<PathBuf, String> {
    let python = python();
    let asked = Command::new(&python).args(["-c", "import pyspark; print(pyspark.__path__[0])"]).output();
    let asked = asked.map_err(|error| format!("{python} does not run: {error}"))?;
    if !asked.status.success() {
        return Err(format!("{python} has no package pyspark; OSTRICH_PYSPARK_PYTHON can name another Python"));
    }
    let java = Command::new("java").arg("-version").stderr(Stdio::null()).status();
    if !java.is_ok_and(|status| status.success()) {
        return Err("there is no Java".to_string());
    }
    Ok(Path::new(String::from_utf8_lossy(&asked.stdout).trim()).join("jars"))
}

/// A program that leaves the machine to others.
fn nice(program: &str) -> Command {
    let mut command = Command::new("nice");
    command.args(["-n", "10", program]).stdin(Stdio::null());
    command
}

fn start(jars: &Path) -> Metastore {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings: String = [
        ("hive.async.log.enabled", "false".to_string()),
        ("javax.jdo.option.ConnectionURL", format!("jdbc:derby:;databaseName={root}/db;create=true")),
        ("datanucleus.schema.autoCreateAll", "true".to_string()),
        ("hive.metastore.schema.verification", "false".to_string()),
        ("hive.metastore.warehouse.dir", format!("{root}/warehouse")),
    ]
    .iter()
    .map(|(name, value)| format!("<property><name>{name}</name><value>{value}</value></property>"))
    .collect();
    std::fs::create_dir_all(folder.path().join("conf")).unwrap();
    std::fs::create_dir_all(folder.path().join("warehouse")).unwrap();
    let file = format!("<configuration>{settings}</configuration>");
    std::fs::write(folder.path().join("conf/hive-site.xml"), file).unwrap();
    let log = std::fs::File::create(folder.path().join("metastore.log")).unwrap();
    let process = nice("java")
        .args(["-Xmx512m", "-cp", &format!("{root}/conf:{}/*", jars.display())])
        .args(["org.apache.hadoop.hive.metastore.HiveMetaStore", "-p", &port.to_string()])
        .current_dir(folder.path())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let metastore = Metastore { process, uri: format!("thrift://127.0.0.1:{port}"), folder };
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if begin.elapsed() > START {
            let log = std::fs::read_to_string(metastore.folder.path().join("metastore.log")).unwrap_or_default();
            panic!("the metastore does not listen:\n{log}");
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    metastore
}

/// Runs `tests/metastore/tables.py`.
fn make_tables(metastore: &Metastore) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/metastore/tables.py");
    let made = nice(&python())
        .arg(script)
        .args([metastore.uri.as_str(), metastore.folder.path().join("warehouse").to_str().unwrap()])
        .current_dir(metastore.folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

async fn open(uri: &str, is_default: bool) -> Session {
    let mut hive = HiveOptions::new(uri).unwrap();
    hive.is_default = is_default;
    Session::open(SessionOptions { hive: Some(hive), ..SessionOptions::default() }).await.unwrap()
}

/// The rows as text, with `~` for NULL.
fn lines(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::default().with_null("~");
    let mut lines = Vec::new();
    for batch in batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            lines.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|"));
        }
    }
    lines
}

async fn rows(session: &Session, sql: &str) -> Vec<String> {
    match session.query(sql).await {
        Ok(batches) => lines(&batches),
        Err(error) => panic!("{sql}\n{error}"),
    }
}

async fn refused(session: &Session, sql: &str) -> String {
    match session.query(sql).await {
        Ok(batches) => panic!("{sql}\n{:?}", lines(&batches)),
        Err(error) => error.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_spark_in_a_real_metastore() {
    let jars = match jars() {
        Ok(jars) => jars,
        Err(why) => return eprintln!("skipped: {why}"),
    };
    let mut metastore = start(&jars);
    make_tables(&metastore);
    let session = open(&metastore.uri, false).await;
    names_are_found(&session).await;
    partitions_are_those_of_the_metastore(&session).await;
    formats_of_hive(&session).await;
    tables_made_with_using(&session).await;
    views_are_planned(&session).await;
    constraints_and_statistics(&session).await;
    what_cannot_be_read_says_why(&session).await;
    nothing_is_changed(&session).await;
    catalogs_go_together(&session).await;
    the_default_catalog(&metastore).await;
    the_command_reads_its_settings(&metastore);
    // It goes away, and what is asked next names it.
    metastore.process.kill().unwrap();
    metastore.process.wait().unwrap();
    let error = refused(&session, "SELECT * FROM hive.sales.orders").await;
    assert!(error.contains(&metastore.uri) && error.contains("[catalog.hive]"), "{error}");
    assert_eq!(rows(&session, "SHOW TABLES").await, ["local|table"]);
}

async fn names_are_found(session: &Session) {
    assert_eq!(rows(session, "SHOW CATALOGS").await, ["ostrich", "hive"]);
    assert_eq!(rows(session, "SHOW DATABASES IN hive").await, ["default|~", "sales|~"]);
    assert_eq!(
        rows(session, "SHOW TABLES IN hive.sales LIKE 'spark%'").await,
        ["spark_csv|table", "spark_json|table", "spark_orc|table", "spark_text|table"]
    );
    assert_eq!(
        rows(session, "SHOW VIEWS IN hive.sales").await,
        ["by_country", "everything", "hive_view", "impossible", "odd", "relative"]
    );
    assert_eq!(
        rows(session, "DESCRIBE hive.sales.orders").await,
        [
            "id|BIGINT|false|the number",
            "amount|DECIMAL(10, 2)|false|~",
            "dt|DATE|true|~",
            "country|VARCHAR|true|where to"
        ]
    );
    let create = rows(session, "SHOW CREATE TABLE hive.sales.orders").await.join("\n");
    assert!(
        create.starts_with("CREATE EXTERNAL TABLE hive.sales.orders (\n  id BIGINT COMMENT 'the number'"),
        "{create}"
    );
    assert!(
        create.contains("COMMENT 'all orders'\nPARTITIONED BY (dt DATE, country VARCHAR COMMENT 'where to')"),
        "{create}"
    );
    // Of tables that cannot be read, too, it is known that they are there.
    let listed = rows(
        session,
        "SELECT table_catalog, table_schema, table_type FROM hive.information_schema.tables WHERE table_name IN ('acid', 'odd')",
    );
    assert_eq!(listed.await, ["hive|sales|BASE TABLE", "hive|sales|VIEW"]);
    let columns = "SELECT column_name, data_type, is_nullable FROM hive.information_schema.columns
                   WHERE table_schema = 'sales' AND table_name = 'customers' ORDER BY ordinal_position";
    assert_eq!(rows(session, columns).await, ["id|BIGINT|NO", "code|VARCHAR|YES", "name|VARCHAR|YES"]);
    let own = "SELECT count(*) FROM information_schema.tables WHERE table_catalog <> 'ostrich'";
    assert_eq!(rows(session, own).await, ["0"]);
    let of_completion = session.table_columns(&TableName::new("hive.sales", "events")).await.unwrap();
    assert_eq!(of_completion, ["eventId", "Kind", "size", "day"]);

    let error = refused(session, "SELECT * FROM hive.sales.ordres").await;
    assert!(error.contains("no table \"ordres\" in database hive.sales") && error.contains("\"orders\"?"), "{error}");
    let error = refused(session, "SELECT * FROM hive.sale.orders").await;
    assert!(error.contains("no database \"hive.sale\"") && error.contains("hive.sales"), "{error}");
    let error = refused(session, "SELECT * FROM hiv.sales.orders").await;
    assert!(error.contains("no catalog \"hiv\"") && error.contains("\"hive\"?"), "{error}");
    let error = refused(session, "SELECT * FROM hive.orders").await;
    assert!(error.contains("write hive.database.table"), "{error}");
}

async fn partitions_are_those_of_the_metastore(session: &Session) {
    assert_eq!(
        rows(session, "SELECT id, amount, dt, country FROM hive.sales.orders ORDER BY id").await,
        [
            "1|10.50|2024-01-01|KR",
            "2|20.00|2024-01-01|EU:West",
            "3|30.25|2024-01-02|a/b=c %",
            "4|40.00|2024-01-02|~",
            "5|50.00|2024-01-02|größe 한국",
            "6|60.00|~|KR",
            "7|70.00|2024-01-03|JP"
        ]
    );
    assert_eq!(
        rows(session, "SELECT id FROM hive.sales.orders WHERE country IS NULL OR dt IS NULL ORDER BY id").await,
        ["4", "6"]
    );
    assert_eq!(rows(session, "SELECT id FROM hive.sales.orders WHERE country = 'a/b=c %'").await, ["3"]);
    assert_eq!(
        rows(session, "SELECT count(*), max(dt) FROM hive.sales.orders WHERE dt > '2024-01-01'").await,
        ["4|2024-01-03"]
    );
    assert_eq!(
        rows(session, "SHOW PARTITIONS hive.sales.orders").await,
        [
            "dt=2024-01-01/country=EU%3AWest",
            "dt=2024-01-01/country=KR",
            "dt=2024-01-02/country=__HIVE_DEFAULT_PARTITION__",
            "dt=2024-01-02/country=a%2Fb%3Dc %25",
            "dt=2024-01-02/country=größe 한국",
            "dt=2024-01-03/country=JP",
            "dt=2024-01-04/country=JP",
            "dt=__HIVE_DEFAULT_PARTITION__/country=KR"
        ]
    );
    assert_eq!(rows(session, "SHOW PARTITIONS hive.sales.orders PARTITION (country = 'JP')").await.len(), 2);
    assert_eq!(rows(session, "SELECT * FROM hive.sales.mixed WHERE dt = '2'").await, ["2|parquet|2"]);
    let error = refused(session, "SELECT * FROM hive.sales.mixed").await;
    assert!(
        error.contains("the partition dt=1 of")
            && error.contains("cannot be read: it is TEXTFILE, and the table is PARQUET"),
        "{error}"
    );
}

async fn formats_of_hive(session: &Session) {
    assert_eq!(
        rows(session, "SELECT * FROM hive.sales.nested ORDER BY id").await,
        ["1|0.5|2024-01-01T12:34:56.789|[a, b]|{k: 1}|{city: Seoul, position: {x: 1.5, y: 2.5}}", "2|~|~|~|~|~"]
    );
    assert_eq!(rows(session, "SELECT n.place.position.y FROM hive.sales.nested n WHERE id = 1").await, ["2.5"]);
    assert_eq!(
        rows(session, "SELECT * FROM hive.sales.delimited ORDER BY id").await,
        ["1|one|[a, b]|~", "2|~|[]|~", "3|th\"ree|~|~"]
    );
    assert_eq!(rows(session, "SELECT * FROM hive.sales.plain_text ORDER BY id").await, ["1|one, two", "2|~"]);
    assert_eq!(rows(session, "SELECT * FROM hive.sales.quoted ORDER BY id").await, ["1|one, two", "2|th\"ree"]);
    assert_eq!(
        rows(session, "SELECT * FROM hive.sales.requests ORDER BY host").await,
        ["10.0.0.1|GET", "10.0.0.2|POST", "~|~"]
    );
    assert_eq!(rows(session, "SELECT * FROM hive.sales.in_avro ORDER BY id").await, ["1|one", "2|~"]);
    assert_eq!(rows(session, "SELECT * FROM hive.sales.fewer").await, ["1|one"]);
    assert_eq!(rows(session, "SELECT * FROM hive.sales.empty").await, Vec::<String>::new());
    assert_eq!(rows(session, "SELECT count(*) FROM hive.sales.never_written").await, ["0"]);
}

async fn tables_made_with_using(session: &Session) {
    assert_eq!(
        rows(session, "SELECT eventid, KIND, size, day FROM hive.sales.events ORDER BY eventId").await,
        ["1|open|10|2024-01-01", "2|close|20|~"]
    );
    assert_eq!(rows(session, "SELECT * FROM hive.sales.spark_csv ORDER BY id").await, ["1|a;b", "2|say \"hi\"", "3|~"]);
    assert_eq!(
        rows(session, "SELECT id, j.inner.\"Deep\" FROM hive.sales.spark_json j ORDER BY id").await,
        ["1|x", "2|~"]
    );
    assert_eq!(rows(session, "SELECT * FROM hive.sales.spark_orc").await, ["1|one"]);
    assert_eq!(rows(session, "SELECT * FROM hive.sales.spark_text").await, ["one|two,three"]);
    // Its schema is too long for one property.
    assert_eq!(rows(session, "SELECT count(last) FROM hive.sales.wide").await, ["0"]);
    assert_eq!(session.table_columns(&TableName::new("hive.sales", "wide")).await.unwrap().len(), 201);
}

async fn views_are_planned(session: &Session) {
    assert_eq!(
        rows(session, "SELECT * FROM hive.sales.by_country ORDER BY total").await,
        ["EU:West|20.00", "a/b=c %|30.25", "~|40.00", "größe 한국|50.00", "JP|70.00", "KR|70.50"]
            .map(|line| line.to_string())
    );
    // A column was added to the table behind its `*`.
    assert_eq!(rows(session, "SELECT * FROM hive.sales.everything WHERE id = 1").await, ["1|one|[a, b]"]);
    assert_eq!(rows(session, "SELECT number, label FROM hive.sales.relative").await, ["1|one, two"]);
    assert_eq!(rows(session, "SELECT * FROM hive.sales.hive_view").await, ["1|one, two"]);
    assert_eq!(rows(session, "SELECT count(*) FROM hive.sales.odd").await, ["4"]);
    let error = refused(session, "SELECT * FROM hive.sales.impossible").await;
    assert!(error.contains("view hive.sales.impossible") && error.contains("java_method"), "{error}");
}

async fn constraints_and_statistics(session: &Session) {
    let constraints = "SELECT table_name, constraint_name, constraint_type, trust
                       FROM hive.information_schema.table_constraints ORDER BY 1";
    assert_eq!(
        rows(session, constraints).await,
        ["customers|customers_pk|PRIMARY KEY|rely", "visits|visits_fk|FOREIGN KEY|rely"]
    );
    let join = "SELECT v.at FROM hive.sales.visits v LEFT JOIN hive.sales.customers c ON v.customer = c.id";
    let plan = rows(session, &format!("EXPLAIN TUNE FORMAT JSON {join}")).await.join("\n");
    assert!(plan.contains("\"removed\"") && plan.contains("\"customers_pk\""), "{plan}");
    assert_eq!(rows(session, &format!("{join} ORDER BY 1")).await, ["2024-01-01", "2024-01-02", "~"]);

    let name = TableName::new("hive.sales", "customers");
    let Some(Relation::Table(table)) = session.metastore().relation(&name).await.unwrap() else { panic!("a table") };
    let statistics = table.statistics.unwrap();
    assert_eq!(statistics.rows, Some(2));
    let id = &statistics.columns["id"];
    assert_eq!((id.nulls, id.distinct, id.min.as_deref(), id.max.as_deref()), (Some(0), Some(2), Some("1"), Some("2")));
}

async fn what_cannot_be_read_says_why(session: &Session) {
    for (table, expected) in [
        ("sequence", "SEQUENCEFILE files cannot be read"),
        ("acid", "it is transactional"),
        ("in_hdfs", "hdfs://namenode:8020/in_hdfs"),
        ("iceberg", "it is a table of Iceberg"),
        ("unknown_serde", "com.example.XmlSerDe"),
    ] {
        let error = refused(session, &format!("SELECT * FROM hive.sales.{table}")).await;
        assert!(error.contains(&format!("table hive.sales.{table}")) && error.contains(expected), "{error}");
    }
}

async fn nothing_is_changed(session: &Session) {
    for statement in [
        "INSERT INTO hive.sales.plain_text VALUES (9, 'nine')",
        "INSERT INTO hive.sales.plain_text SELECT 9, 'nine'",
        "CREATE TABLE hive.sales.new_table (a INT)",
        "CREATE TABLE hive.sales.new_table AS SELECT 1 AS a",
        "CREATE VIEW hive.sales.new_view AS SELECT 1 AS a",
        "CREATE DATABASE hive.new_database",
        "DROP TABLE hive.sales.plain_text",
        "DROP TABLE IF EXISTS hive.sales.plain_text",
        "DROP VIEW hive.sales.odd",
        "DROP DATABASE hive.sales CASCADE",
        "ALTER TABLE hive.sales.plain_text RENAME TO other",
        "ALTER TABLE hive.sales.orders ADD PARTITION (dt = '2024-05-05', country = 'KR')",
        "ALTER TABLE hive.sales.orders DROP PARTITION (dt = '2024-01-01')",
        "TRUNCATE TABLE hive.sales.plain_text",
        "MSCK REPAIR TABLE hive.sales.orders",
    ] {
        let error = refused(session, statement).await;
        assert!(error.contains("cannot be changed: the catalog hive is a Hive Metastore"), "{statement}: {error}");
    }
    assert_eq!(rows(session, "SELECT count(*) FROM hive.sales.plain_text").await, ["2"]);
    assert_eq!(rows(session, "SELECT count(*) FROM hive.sales.orders").await, ["7"]);
}

async fn catalogs_go_together(session: &Session) {
    session
        .query("CREATE TABLE local AS SELECT o.id, c.name FROM hive.sales.orders o JOIN hive.sales.customers c ON o.id = c.id")
        .await
        .unwrap();
    assert_eq!(rows(session, "SELECT * FROM local ORDER BY id").await, ["1|Kim", "2|Lee"]);
    session.query("CREATE VIEW of_hive AS SELECT id FROM hive.sales.customers").await.unwrap();
    session.query("USE hive.sales").await.unwrap();
    assert_eq!(rows(session, "SELECT current_database()").await, ["hive.sales"]);
    let both = "SELECT c.name FROM customers c JOIN ostrich.default.local l ON l.id = c.id ORDER BY 1";
    assert_eq!(rows(session, both).await, ["Kim", "Lee"]);
    assert_eq!(rows(session, "SELECT count(*) FROM ostrich.default.of_hive").await, ["2"]);
    assert_eq!(rows(session, "SHOW DATABASES").await, ["default|~", "sales|~"]);
    assert_eq!(rows(session, "SELECT count(*) FROM sales.customers").await, ["2"]);
    let error = refused(session, "CREATE TABLE not_here (a INT)").await;
    assert!(error.contains("hive.sales.not_here cannot be changed"), "{error}");
    session.query("USE default; USE ostrich.default; DROP VIEW of_hive").await.unwrap();
    assert_eq!(session.database(), "default");
    session.query("USE hive; USE ostrich").await.unwrap();
    assert_eq!(session.database(), "default");
}

/// Scripts for Hive run as they are.
async fn the_default_catalog(metastore: &Metastore) {
    let session = open(&metastore.uri, true).await;
    assert_eq!(session.database(), "hive.default");
    session.query("SET ostrich.dialect = hive; USE sales").await.unwrap();
    let sql = "SELECT `o`.country, count(1) FROM sales.orders o LEFT SEMI JOIN customers c ON (o.id = c.id) GROUP BY o.country ORDER BY country";
    assert_eq!(rows(&session, sql).await, ["EU:West|1", "KR|1"]);
}

fn the_command_reads_its_settings(metastore: &Metastore) {
    let project = metastore.folder.path().join("project");
    std::fs::create_dir_all(&project).unwrap();
    let file = format!("[catalog.hive]\nuri = \"{}\"\ntimeout = \"30s\"\n", metastore.uri);
    std::fs::write(project.join("ostrich.toml"), file).unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_ostrich"))
        .args(["-e", "SELECT count(*) AS n FROM hive.sales.customers"])
        .current_dir(&project)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&run.stdout), "n\n2\n", "{}", String::from_utf8_lossy(&run.stderr));
}
