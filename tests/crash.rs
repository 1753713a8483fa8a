//! Writers that are killed at random moments and at each step of a commit, while this process reads all the while.
//!
//! A child runs batches of statements and says after each that it is done. Batch by batch it
//! - overwrites the partitions `a` and `b` with rows that carry the batch's number, in one statement,
//! - adds three rows with the number to the partition `log`,
//! - now and then makes a table of the rows of `a`.
//!
//! So the partitions `a` and `b` have one number between them and all their rows, each number is in `log` three times or not at all, and
//! what was done stays done.

#[path = "common/s3.rs"]
mod server;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use datafusion::arrow::array::AsArray as _;
use datafusion::arrow::datatypes::Int64Type;
use ostrich::session::{Session, SessionOptions};
use ostrich::sql::dialect::Dialect;
use ostrich::storage::Location;
use ostrich::storage::listing;
use server::Server;

/// Rows of the partitions `a` and `b` together.
const ROWS: i64 = 6;
/// Batches of one child; more than it lives for.
const BATCHES: u64 = 200;

/// Where the tables are, and at what steps a writer there can be made to die (`storage/commit`).
enum Place {
    Disk,
    Store(Server),
}

impl Place {
    fn steps(&self) -> &'static [&'static str] {
        match self {
            Place::Disk => &["staged", "prepared", "moving", "moved", "committed", "deleted"],
            Place::Store(_) => &["begun", "turn", "staged", "committed", "deleted", "unmarked"],
        }
    }
}

struct World {
    place: Place,
    folder: tempfile::TempDir,
}

impl World {
    fn catalog(&self) -> PathBuf {
        self.folder.path().join("catalog")
    }

    fn location(&self, table: &str) -> String {
        match self.place {
            Place::Disk => self.folder.path().join(table).display().to_string(),
            Place::Store(_) => format!("s3://lake/{table}"),
        }
    }

    /// The table's folder as this machine has it: the server keeps objects as files.
    fn files(&self, table: &str) -> PathBuf {
        match &self.place {
            Place::Disk => self.folder.path().join(table),
            Place::Store(server) => server.bucket().join(table),
        }
    }

    async fn session(&self) -> Session {
        let stores = match &self.place {
            Place::Disk => None,
            Place::Store(server) => Some(server.config()),
        };
        let options = SessionOptions {
            catalog: Some(self.catalog()),
            dialect: Dialect::Hive,
            stores,
            ..SessionOptions::default()
        };
        Session::open(options).await.expect("a session")
    }

    /// A child that writes batches from a number on.
    fn writer(&self, first: u64, dies_at: Option<&str>) -> Child {
        let mut script = "SET ostrich.write.lease = 1s; SET ostrich.write.lock_timeout = 60s;\n".to_string();
        for batch in first..first + BATCHES {
            if batch % 4 == 0 {
                script.push_str(&format!(
                    "CREATE EXTERNAL TABLE c{batch} LOCATION '{}' AS SELECT id FROM t WHERE dt = 'a';\n",
                    self.location(&format!("c{batch}"))
                ));
            }
            script.push_str(&format!(
                "INSERT OVERWRITE TABLE t PARTITION (dt) \
                 SELECT {batch}, dt FROM (VALUES ('a'), ('a'), ('a'), ('b'), ('b'), ('b')) AS v (dt);\n\
                 INSERT INTO t PARTITION (dt = 'log') VALUES ({batch}), ({batch}), ({batch});\n\
                 SELECT 'done {batch}' AS done;\n"
            ));
        }
        let path = self.folder.path().join("batches.hql");
        std::fs::write(&path, script).expect("the script is written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_ostrich"));
        command.args(["--no-init", "-q", "--format", "csv", "--catalog"]).arg(self.catalog()).arg("-f").arg(path);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Place::Store(server) = &self.place {
            command.envs(server.variables());
        }
        if let Some(step) = dies_at {
            command.env("OSTRICH_FAIL_AT", step);
        }
        command.spawn().expect("the command runs")
    }
}

/// Random numbers from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// What a reader sees of the table: the number of `a` and `b`, and those in `log`. `None` if it came too late for the files it listed.
async fn look(session: &Session) -> Option<(i64, BTreeSet<i64>)> {
    let sql = "SELECT dt = 'log' AS log, id, count(*) AS n FROM t GROUP BY dt = 'log', id";
    let batches = match session.query(sql).await {
        Ok(batches) => batches,
        Err(error) if error.message().contains("there is no file") => return None,
        Err(error) => panic!("{error}"),
    };
    let (mut current, mut log) = (Vec::new(), BTreeSet::new());
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let number =
                i64::from(batch.column(1).as_primitive::<datafusion::arrow::datatypes::Int32Type>().value(row));
            let count = batch.column(2).as_primitive::<Int64Type>().value(row);
            match batch.column(0).as_boolean().value(row) {
                true => {
                    assert_eq!(count, 3, "rows of batch {number} in log");
                    log.insert(number);
                }
                false => current.push((number, count)),
            }
        }
    }
    let [(number, count)] = current.as_slice() else { panic!("a mix of batches: {current:?}") };
    assert_eq!(*count, ROWS, "rows of batch {number}");
    Some((*number, log))
}

/// Files below a folder, those of `_ostrich/` apart.
fn walk(folder: &Path, below: &str, files: &mut BTreeSet<String>, marks: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.map(|entry| entry.expect("an entry")) {
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            walk(&entry.path(), &format!("{name}/"), files, marks);
        } else if let Some(mark) = name.strip_prefix("_ostrich/") {
            let is_empty = entry.metadata().expect("metadata").len() == 0;
            marks.push(format!("{mark}{}", if is_empty { " (empty)" } else { "" }));
        } else {
            files.insert(name);
        }
    }
}

async fn kill_writers(place: Place, kills: u64, seed: u64) {
    if !cfg!(debug_assertions) {
        panic!("optimized builds do not die at a step: run this without --release");
    }
    println!("seed {seed}");
    let mut random = Random(seed);
    let world = Arc::new(World { place, folder: tempfile::tempdir().expect("a folder") });
    let session = world.session().await;
    let setup = format!(
        "CREATE EXTERNAL TABLE t (id INT) PARTITIONED BY (dt STRING) STORED AS PARQUET LOCATION '{}/'; \
         INSERT INTO t PARTITION (dt) \
         SELECT 0, dt FROM (VALUES ('a'), ('a'), ('a'), ('b'), ('b'), ('b')) AS v (dt)",
        world.location("t")
    );
    session.query(&setup).await.expect("the table is made");
    let done = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicU64::new(0));
    let reader = {
        let (world, done, stop) = (Arc::clone(&world), Arc::clone(&done), Arc::clone(&stop));
        tokio::spawn(async move {
            let session = world.session().await;
            let (mut looks, mut late, mut before) = (0, 0, BTreeSet::new());
            while stop.load(Ordering::SeqCst) == 0 {
                let least = i64::try_from(done.load(Ordering::SeqCst)).expect("a number");
                match look(&session).await {
                    Some((number, log)) => {
                        assert!(number >= least, "batch {number} is back, and {least} was done");
                        assert!(log.is_superset(&before), "rows of the log are lost: {before:?} became {log:?}");
                        before = log;
                        looks += 1;
                    }
                    None => late += 1,
                }
            }
            (looks, late)
        })
    };
    let mut first = 1;
    let mut acknowledged = BTreeSet::new();
    for kill in 0..kills {
        // Every other writer dies at a step, the rest at any moment.
        let steps = world.place.steps();
        let step = (kill % 2 == 0).then(|| steps[usize::try_from(random.below(steps.len() as u64)).expect("small")]);
        let mut child = world.writer(first, step);
        // On a store it has to wait first until the one before it counts as dead.
        let lives = match world.place {
            Place::Disk => Duration::from_millis(300 + random.below(1500)),
            Place::Store(_) => Duration::from_millis(300 + random.below(4000)),
        };
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let lines = {
            let done = Arc::clone(&done);
            std::thread::spawn(move || {
                let mut numbers = Vec::new();
                for line in output.lines().map_while(Result::ok) {
                    if let Some(number) = line.strip_prefix("done ").and_then(|number| number.parse::<u64>().ok()) {
                        done.store(number, Ordering::SeqCst);
                        numbers.push(i64::try_from(number).expect("a number"));
                    }
                }
                numbers
            })
        };
        let id = child.id();
        let ended = tokio::task::spawn_blocking(move || {
            if step.is_none() {
                std::thread::sleep(lives);
                child.kill().expect("the child is killed");
            }
            child.wait_with_output().expect("the child ends")
        });
        let ended = ended.await.expect("a thread");
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success() && errors.is_empty(), "seed {seed}: writer {id} ended by itself: {errors}");
        acknowledged.extend(lines.join().expect("a thread"));
        first = acknowledged.last().map_or(first, |last| u64::try_from(*last).expect("a number")).max(first) + BATCHES;
        let seen = loop {
            if let Some(seen) = look(&session).await {
                break seen;
            }
        };
        assert!(acknowledged.is_subset(&seen.1), "seed {seed}: lost of {acknowledged:?}: {:?}", seen.1);
    }
    stop.store(1, Ordering::SeqCst);
    let (looks, late) = reader.await.unwrap_or_else(|error| panic!("seed {seed}: the reader: {error}"));
    println!("{kills} kills, {} batches done, {looks} looks, {late} too late for their files", acknowledged.len());
    assert!(looks > 0 && !acknowledged.is_empty(), "seed {seed}: nothing was tried");
    // The next write leaves nothing but the files that count.
    tokio::time::sleep(Duration::from_secs(3)).await;
    session.query("INSERT INTO t PARTITION (dt = 'log') VALUES (-1), (-1), (-1)").await.expect("a last write");
    assert_tidy(&world, &session, "t").await;
    assert_tables_are_whole(&world, &session, seed).await;
}

/// Files that no reader sees, and marks of writes that are over, are strays.
async fn assert_tidy(world: &World, session: &Session, table: &str) {
    let location = Location::parse(&format!("{}/", world.location(table)), Path::new("/")).expect("a location");
    let store = session.context().runtime_env().object_store(location.store()).expect("a store");
    let found = listing::list(&store, &location).await.expect("a listing");
    let seen: BTreeSet<String> =
        found.files.iter().filter_map(|file| location.below(&file.location)).map(str::to_string).collect();
    let (mut files, mut marks) = (BTreeSet::new(), Vec::new());
    walk(&world.files(table), "", &mut files, &mut marks);
    assert_eq!(files, seen, "files that do not count");
    let is_tidy = |mark: &String| match world.place {
        Place::Disk => mark.starts_with("last") || mark.starts_with("lock"),
        // What was decided is known for a while.
        Place::Store(_) => mark.starts_with("turn-") || mark.contains(".decided"),
    };
    let stray: Vec<_> = marks.iter().filter(|mark| !is_tidy(mark)).collect();
    assert!(stray.is_empty(), "{stray:?}");
}

/// Each table that a CREATE TABLE … AS made has all its rows.
async fn assert_tables_are_whole(world: &World, session: &Session, seed: u64) {
    let tables = session.metastore().relations("default").await.expect("the catalog");
    let names = tables.iter().map(|relation| relation.name().name.clone()).filter(|name| name.starts_with('c'));
    let mut whole = 0;
    for name in names {
        let batches = session.query(&format!("SELECT id FROM {name}")).await.expect("rows");
        let count: usize = batches.iter().map(|batch| batch.num_rows()).sum();
        assert_eq!(count, 3, "seed {seed}: rows of {name} at {}", world.location(&name));
        whole += 1;
    }
    println!("{whole} tables made of queries");
}

fn seed() -> u64 {
    std::env::var("OSTRICH_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |now| now.as_secs())
    })
}

fn many() -> u64 {
    std::env::var("OSTRICH_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(500)
}

/// Pages of a few names: what a reader lists is never of one moment.
async fn store() -> Place {
    Place::Store(Server::start_with(true, Some(4)).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_writers_on_disk() {
    kill_writers(Place::Disk, 30, seed()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_writers_on_a_store() {
    kill_writers(store().await, 30, seed()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long"]
async fn many_killed_writers_on_disk() {
    kill_writers(Place::Disk, many(), seed()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long"]
async fn many_killed_writers_on_a_store() {
    kill_writers(store().await, many(), seed()).await;
}
