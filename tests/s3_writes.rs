//! Statements that write to tables in a bucket: what they leave there, and what others see meanwhile.

#[path = "common/s3.rs"]
mod server;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use ostrich::Error;
use ostrich::session::{Session, SessionOptions};
use ostrich::sql::dialect::Dialect;
use server::{SECRET, Server};

async fn session(server: &Server, catalog: Option<&Path>) -> Session {
    let options = SessionOptions {
        dialect: Dialect::Hive,
        stores: Some(server.config()),
        catalog: catalog.map(Path::to_path_buf),
        ..SessionOptions::default()
    };
    Session::open(options).await.unwrap()
}

async fn rows(session: &Session, sql: &str) -> Result<String, Error> {
    let batches = session.query(sql).await?;
    let options = FormatOptions::new().with_null("~");
    let mut rows = Vec::new();
    for batch in &batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join(" "));
        }
    }
    Ok(rows.join(","))
}

async fn run(session: &Session, sql: &str) {
    session.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn seen(session: &Session) -> String {
    rows(session, "SELECT id, dt FROM p ORDER BY id").await.unwrap()
}

async fn partitioned(session: &Session) {
    run(
        session,
        "CREATE EXTERNAL TABLE p (id INT) PARTITIONED BY (dt STRING) STORED AS PARQUET LOCATION 's3://lake/p'",
    )
    .await;
    run(session, "INSERT INTO p PARTITION (dt = 'a') VALUES (1), (2)").await;
    run(session, "INSERT INTO p PARTITION (dt) SELECT 3, 'b'").await;
}

/// The folders and endings of the objects below a folder of the bucket.
fn objects(server: &Server, folder: &str) -> Vec<String> {
    fn walk(folder: &Path, below: &str, found: &mut Vec<String>) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries.map(|entry| entry.unwrap()) {
            let name = entry.file_name().into_string().unwrap();
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{below}{name}/"), found);
            } else {
                found.push(format!("{below}{name}"));
            }
        }
    }
    let mut found = Vec::new();
    walk(&server.bucket().join(folder), "", &mut found);
    found.sort();
    found
}

/// Data files, and what is left in the hidden folder.
fn left(server: &Server, folder: &str) -> (usize, Vec<String>) {
    let (marks, files): (Vec<_>, Vec<_>) =
        objects(server, folder).into_iter().partition(|name| name.starts_with("_ostrich/"));
    // What was decided is known for a while.
    let stays = |name: &str| name.starts_with("_ostrich/turn-") || name.ends_with(".decided");
    let marks = marks.iter().filter(|name| !stays(name)).cloned().collect();
    (files.len(), marks)
}

#[tokio::test(flavor = "multi_thread")]
async fn overwriting_replaces_what_it_says_and_leaves_plain_files() {
    let server = Server::start_with(true, Some(2)).await;
    let session = session(&server, None).await;
    partitioned(&session).await;
    assert_eq!(seen(&session).await, "1 a,2 a,3 b");
    run(&session, "INSERT OVERWRITE TABLE p PARTITION (dt = 'a') SELECT 7").await;
    assert_eq!(seen(&session).await, "3 b,7 a");
    // From itself, and only the partitions that rows come into.
    run(&session, "INSERT OVERWRITE TABLE p PARTITION (dt) SELECT id * 10, dt FROM p WHERE dt = 'a'").await;
    assert_eq!(seen(&session).await, "3 b,70 a");
    run(&session, "INSERT OVERWRITE TABLE p PARTITION (dt = 'b') SELECT 1 WHERE false").await;
    assert_eq!(seen(&session).await, "70 a");
    run(&session, "INSERT INTO p PARTITION (dt) VALUES (4, NULL), (5, 'x/y:z%= é한')").await;
    assert_eq!(seen(&session).await, "4 ~,5 x/y:z%= é한,70 a");
    let folders: BTreeSet<String> =
        objects(&server, "p").iter().map(|name| name.rsplit_once('/').unwrap().0.to_string()).collect();
    let expected = ["_ostrich", "dt=__HIVE_DEFAULT_PARTITION__", "dt=a", "dt=x%2Fy%3Az%25%3D é한"];
    assert_eq!(folders, expected.map(str::to_string).into());
    assert_eq!(rows(&session, "SHOW PARTITIONS p").await.unwrap(), expected[1..].join(","));
    let refused = session.query("TRUNCATE TABLE p").await.unwrap_err().to_string();
    assert!(refused.contains("p is an external table: its files are not Ostrich's own"), "{refused}");
    run(&session, "ALTER TABLE p SET TBLPROPERTIES ('external.table.purge' = 'true')").await;
    run(&session, "ALTER TABLE p DROP PARTITION (dt = 'x/y:z%= é한')").await;
    assert_eq!(seen(&session).await, "4 ~,70 a");
    run(&session, "TRUNCATE TABLE p PARTITION (dt = NULL)").await;
    assert_eq!(seen(&session).await, "70 a");
    assert_eq!(left(&server, "p"), (1, Vec::new()));
    run(&session, "TRUNCATE TABLE p").await;
    assert_eq!(seen(&session).await, "");
    assert_eq!(left(&server, "p"), (0, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_and_folders_are_made_of_queries() {
    let server = Server::start_with(true, None).await;
    let session = session(&server, None).await;
    run(&session, "CREATE EXTERNAL TABLE t LOCATION 's3://lake/t' AS SELECT 1 AS id, 'x' AS s").await;
    assert_eq!(rows(&session, "SELECT * FROM t").await.unwrap(), "1 x");
    assert_eq!(left(&server, "t"), (1, Vec::new()));
    let error = session.query("CREATE EXTERNAL TABLE u LOCATION 's3://lake/t' AS SELECT 2 AS id").await.unwrap_err();
    assert!(error.message().contains("s3://lake/t/ is not empty"), "{error}");
    assert_eq!(rows(&session, "SELECT * FROM t").await.unwrap(), "1 x");
    for row in ["1,x", "2,y"] {
        run(
            &session,
            &format!(
                "INSERT OVERWRITE DIRECTORY 's3://lake/out' ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' SELECT '{row}'"
            ),
        )
        .await;
    }
    let files = objects(&server, "out");
    let file = files.iter().find(|name| !name.starts_with("_ostrich/")).unwrap();
    assert_eq!(std::fs::read_to_string(server.bucket().join("out").join(file)).unwrap(), "2,y\n");
    assert_eq!(left(&server, "out"), (1, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_whose_rows_break_off_is_not_there() {
    let server = Server::start_with(true, None).await;
    let session = session(&server, None).await;
    let sql = "CREATE EXTERNAL TABLE t LOCATION 's3://lake/t' AS SELECT assert_true(1 > 2, 'stop') IS NULL AS id";
    let error = session.query(sql).await.unwrap_err();
    assert!(error.message().contains("stop"), "{error}");
    assert!(session.query("SELECT * FROM t").await.is_err());
    assert_eq!(left(&server, "t").0, 0);
    run(&session, "CREATE EXTERNAL TABLE t LOCATION 's3://lake/t' AS SELECT 1 AS id").await;
    assert_eq!(rows(&session, "SELECT * FROM t").await.unwrap(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_loaded_from_disk_and_within_the_store() {
    let server = Server::start_with(true, None).await;
    let session = session(&server, None).await;
    let folder = tempfile::tempdir().unwrap();
    let csv = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    run(
        &session,
        "CREATE EXTERNAL TABLE l (id INT) PARTITIONED BY (dt STRING) \
         ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION 's3://lake/l/'",
    )
    .await;
    let one = csv("one.csv", "1\n");
    run(&session, &format!("LOAD DATA LOCAL INPATH '{one}' INTO TABLE l PARTITION (dt = 'a b')")).await;
    assert!(Path::new(&one).exists(), "LOCAL copies");
    run(&session, &format!("LOAD DATA LOCAL INPATH '{one}' INTO TABLE l PARTITION (dt = 'a b')")).await;
    assert_eq!(rows(&session, "SELECT * FROM l").await.unwrap(), "1 a b,1 a b");
    std::fs::create_dir(server.bucket().join("incoming")).unwrap();
    std::fs::write(server.bucket().join("incoming/two.csv"), "2\n").unwrap();
    run(&session, "LOAD DATA INPATH 's3://lake/incoming/' OVERWRITE INTO TABLE l PARTITION (dt = 'a b')").await;
    assert_eq!(rows(&session, "SELECT * FROM l").await.unwrap(), "2 a b");
    assert_eq!(objects(&server, "incoming"), Vec::<String>::new(), "without LOCAL they are moved");
    assert_eq!(left(&server, "l"), (1, Vec::new()));
    // And back to this machine.
    let here = folder.path().join("here");
    run(&session, &format!("CREATE EXTERNAL TABLE h (id INT) STORED AS TEXTFILE LOCATION '{}'", here.display())).await;
    std::fs::write(server.bucket().join("incoming/three.csv"), "3\n").unwrap();
    run(&session, "LOAD DATA INPATH 's3://lake/incoming/three.csv' INTO TABLE h").await;
    assert_eq!(rows(&session, "SELECT * FROM h").await.unwrap(), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_write_to_one_table_lose_no_row() {
    let server = Arc::new(Server::start_with(true, Some(3)).await);
    let catalog = tempfile::tempdir().unwrap();
    let first = session(&server, Some(catalog.path())).await;
    partitioned(&first).await;
    let writers: Vec<_> = (0..3)
        .map(|writer| {
            let (server, catalog) = (Arc::clone(&server), catalog.path().to_path_buf());
            tokio::spawn(async move {
                let session = session(&server, Some(&catalog)).await;
                for round in 0..5 {
                    let id = 1000 + writer * 100 + round;
                    // Two to one partition, and one that is written anew each time.
                    match writer {
                        2 => {
                            run(
                                &session,
                                &format!("INSERT OVERWRITE TABLE p PARTITION (dt = 'o') VALUES ({id}), ({id})"),
                            )
                            .await
                        }
                        _ => run(&session, &format!("INSERT INTO p PARTITION (dt = 'w') VALUES ({id})")).await,
                    }
                }
            })
        })
        .collect();
    let mut most = 0;
    for _ in 0..10 {
        let sql = "SELECT count(IF(dt = 'w', 1, NULL)), count(IF(dt = 'o', 1, NULL)), count(DISTINCT IF(dt = 'o', id, NULL)) FROM p";
        let counts: Vec<u32> = match rows(&first, sql).await {
            Ok(text) => text.split(' ').map(|count| count.parse().unwrap()).collect(),
            // Listed before it was replaced.
            Err(error) if error.message().contains("there is no file") => continue,
            Err(error) => panic!("{error}"),
        };
        assert!(counts[0] >= most && [0, 2].contains(&counts[1]) && counts[2] <= 1, "{counts:?} after {most}");
        most = counts[0];
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let counts = rows(&first, "SELECT count(*), count(DISTINCT id), max(IF(dt = 'o', id, 0)) FROM p").await.unwrap();
    assert_eq!(counts, "15 14 1204");
    assert_eq!(left(&server, "p").1, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_write_to_one_table_lose_no_row() {
    let server = Server::start_with(true, Some(3)).await;
    let catalog = tempfile::tempdir().unwrap();
    let session = session(&server, Some(catalog.path())).await;
    partitioned(&session).await;
    let children: Vec<_> = (0..3)
        .map(|writer| {
            let rounds = (0..4).map(|round| {
                let id = 1000 + writer * 100 + round;
                match writer {
                    2 => format!("INSERT OVERWRITE TABLE p PARTITION (dt = 'o') VALUES ({id}), ({id});"),
                    _ => format!("INSERT INTO p PARTITION (dt = 'w') VALUES ({id});"),
                }
            });
            let script: String = rounds.collect();
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ostrich"));
            command.args(["--no-init", "-q", "--dialect", "hive", "-e", &script, "--catalog"]).arg(catalog.path());
            command.envs(server.variables()).stderr(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let ended = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
    let counts = rows(&session, "SELECT count(*), count(DISTINCT id), max(IF(dt = 'o', id, 0)) FROM p").await.unwrap();
    assert_eq!(counts, "13 12 1203");
    assert_eq!(left(&server, "p").1, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_name_the_place_and_leave_the_rows() {
    let server = Server::start_with(true, None).await;
    let session = session(&server, None).await;
    partitioned(&session).await;
    let error = session.query("ALTER TABLE p ADD PARTITION (dt = 'q')").await.unwrap_err();
    assert!(error.message().contains("no empty folders"), "{error}");
    // A key that may not write.
    let folder = server.bucket().join("p/_ostrich");
    let cannot = ostrich::storage::StoreConfig::default();
    let options = SessionOptions {
        dialect: Dialect::Hive,
        stores: Some(server.variables().iter().fold(cannot, |config, (name, value)| {
            config.with(*name, if *name == "AWS_SECRET_ACCESS_KEY" { "wrong" } else { *value })
        })),
        ..SessionOptions::default()
    };
    let stranger = Session::open(options).await.unwrap();
    run(
        &stranger,
        "CREATE EXTERNAL TABLE p (id INT) PARTITIONED BY (dt STRING) STORED AS PARQUET LOCATION 's3://lake/p/'",
    )
    .await;
    let error = stranger.query("INSERT OVERWRITE TABLE p PARTITION (dt = 'a') VALUES (9)").await.unwrap_err();
    assert!(error.message().contains("s3://lake/p"), "{error}");
    assert!(!error.to_string().contains(SECRET), "{error}");
    assert!(folder.is_dir());
    // A store without conditional puts.
    let options = SessionOptions {
        dialect: Dialect::Hive,
        stores: Some(server.config().with("AWS_CONDITIONAL_PUT", "disabled")),
        ..SessionOptions::default()
    };
    let plain = Session::open(options).await.unwrap();
    run(
        &plain,
        "CREATE EXTERNAL TABLE p (id INT) PARTITIONED BY (dt STRING) STORED AS PARQUET LOCATION 's3://lake/p/'",
    )
    .await;
    let error = plain.query("INSERT INTO p PARTITION (dt = 'a') VALUES (9)").await.unwrap_err();
    assert!(error.message().contains("conditional puts") && error.help_lines()[0].contains("COPY"), "{error}");
    // A folder that does not fit the declaration.
    std::fs::create_dir(server.bucket().join("p/month=1")).unwrap();
    std::fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/tpch/region.parquet"),
        server.bucket().join("p/month=1/x.parquet"),
    )
    .unwrap();
    let error = session.query("INSERT OVERWRITE TABLE p PARTITION (dt = 'a') VALUES (9)").await.unwrap_err();
    assert!(error.message().contains("month=1/x.parquet does not lie in folders for dt=…"), "{error}");
    std::fs::remove_dir_all(server.bucket().join("p/month=1")).unwrap();
    assert_eq!(seen(&session).await, "1 a,2 a,3 b");
}

/// A database in a bucket has its managed tables there. DROP deletes their objects, and no others.
#[tokio::test(flavor = "multi_thread")]
async fn managed_tables_of_a_database_in_a_bucket() {
    let server = Server::start_with(true, None).await;
    let session = session(&server, None).await;
    run(&session, "CREATE DATABASE d LOCATION 's3://lake/d'").await;
    run(&session, "CREATE TABLE d.t AS SELECT 1 AS id").await;
    run(&session, "CREATE TABLE d.tt AS SELECT 3 AS id").await;
    run(&session, "INSERT INTO d.t VALUES (2)").await;
    assert_eq!(rows(&session, "SELECT id FROM d.t ORDER BY id").await.unwrap(), "1,2");
    let of = |table: &str| objects(&server, "d").iter().filter(|name| name.starts_with(table)).count();
    assert!(of("t-") >= 2, "{:?}", objects(&server, "d"));
    // By the row alone, and by way of the numbers of rows.
    run(&session, "UPDATE d.t SET id = id + 10 WHERE id > 1").await;
    run(&session, "INSERT INTO d.t VALUES (4), (5)").await;
    run(&session, "DELETE FROM d.t WHERE id IN (SELECT id + 1 FROM d.tt)").await;
    assert_eq!(rows(&session, "SELECT id FROM d.t ORDER BY id").await.unwrap(), "1,5,12");
    run(&session, "DELETE FROM d.t WHERE id = 1").await;
    assert_eq!(rows(&session, "SELECT id FROM d.t ORDER BY id").await.unwrap(), "5,12");
    run(&session, "DROP TABLE d.t").await;
    assert_eq!(of("t-"), 0, "{:?}", objects(&server, "d"));
    assert_eq!(rows(&session, "SELECT id FROM d.tt").await.unwrap(), "3");
    run(&session, "DROP DATABASE d CASCADE").await;
    assert_eq!(objects(&server, "d"), Vec::<String>::new());
}
