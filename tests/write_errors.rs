//! Writes that cannot be done: the error names what is in the way, and the rows that were there before are still there.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct World {
    folder: tempfile::TempDir,
}

impl World {
    /// With the table `t` of two partitions.
    fn new() -> Self {
        let world = World { folder: tempfile::tempdir().expect("a folder") };
        world.rows(&format!(
            "CREATE EXTERNAL TABLE t (s STRING) PARTITIONED BY (p STRING) STORED AS PARQUET LOCATION '{}/'; \
             INSERT INTO t PARTITION (p) VALUES ('one', 'a'), ('two', 'b')",
            world.table().display()
        ));
        world
    }

    fn table(&self) -> PathBuf {
        self.folder.path().join("t")
    }

    fn command(&self, sql: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ostrich"));
        command.current_dir(self.folder.path());
        command.args(["--no-init", "-q", "--dialect", "hive", "--catalog", "c", "--format", "csv", "-e", sql]);
        command
    }

    fn rows(&self, sql: &str) -> String {
        succeeded(sql, &self.command(sql).output().expect("the command runs"))
    }

    fn error(&self, sql: &str) -> String {
        failed(sql, &self.command(sql).output().expect("the command runs"))
    }

    fn assert_unchanged(&self) {
        assert_eq!(self.rows("SELECT s, p FROM t ORDER BY s"), "s,p\none,a\ntwo,b\n");
    }
}

fn succeeded(what: &str, output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn failed(what: &str, output: &Output) -> String {
    assert!(!output.status.success(), "{what} succeeded");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const BOTH: &str =
    "INSERT OVERWRITE TABLE t PARTITION (p) SELECT s, p FROM (VALUES ('new', 'a'), ('new', 'c')) AS v (s, p)";

#[test]
fn a_folder_that_does_not_fit_the_declaration() {
    let world = World::new();
    let stray = world.table().join("month=1");
    std::fs::create_dir(&stray).expect("a folder");
    std::fs::copy(first_file(&world.table().join("p=a")), stray.join("x.parquet")).expect("a file");
    for sql in [BOTH, "SELECT * FROM t", "MSCK REPAIR TABLE t"] {
        let error = world.error(sql);
        assert!(error.contains("month=1/x.parquet does not lie in folders for p=…"), "{sql}: {error}");
    }
    std::fs::remove_dir_all(stray).expect("the folder goes");
    world.assert_unchanged();
}

fn first_file(folder: &Path) -> PathBuf {
    let mut entries = std::fs::read_dir(folder).expect("a folder");
    entries.next().expect("a file").expect("an entry").path()
}

#[test]
fn one_partition_may_have_several_spellings() {
    let world = World::new();
    let place = world.folder.path().join("n");
    world.rows(&format!(
        "CREATE EXTERNAL TABLE n (s STRING) PARTITIONED BY (p INT) STORED AS PARQUET LOCATION '{}/'; \
         INSERT INTO n PARTITION (p = 1) VALUES ('old')",
        place.display()
    ));
    // As other programs write it.
    std::fs::rename(place.join("p=1"), place.join("P=01")).expect("a folder");
    assert_eq!(world.rows("SELECT * FROM n"), "s,p\nold,1\n");
    world.rows("INSERT OVERWRITE TABLE n PARTITION (p = 1) SELECT 'new'");
    assert_eq!(world.rows("SELECT * FROM n"), "s,p\nnew,1\n");
    std::fs::rename(place.join("p=1"), place.join("p=001")).expect("a folder");
    world.rows("INSERT OVERWRITE TABLE n PARTITION (p) SELECT 'newer', 1");
    assert_eq!(world.rows("SELECT * FROM n"), "s,p\nnewer,1\n");
}

#[test]
fn two_tables_over_one_location() {
    let world = World::new();
    let place = world.table();
    let place = place.display();
    let error = world.error(&format!("CREATE EXTERNAL TABLE u LOCATION '{place}/' AS SELECT 'x' AS s"));
    assert!(error.contains("t/ is not empty"), "{error}");
    world.assert_unchanged();
    // Declared, it is the same rows under another name; neither takes them away from the other by going.
    world.rows(&format!(
        "CREATE EXTERNAL TABLE u (s STRING) PARTITIONED BY (p STRING) STORED AS PARQUET LOCATION '{place}/'; \
         INSERT OVERWRITE TABLE u PARTITION (p) SELECT upper(s), p FROM t"
    ));
    assert_eq!(world.rows("SELECT s, p FROM t ORDER BY s"), "s,p\nONE,a\nTWO,b\n");
    world.rows("DROP TABLE u");
    assert_eq!(world.rows("SELECT s, p FROM t ORDER BY s"), "s,p\nONE,a\nTWO,b\n");
}

#[test]
fn a_value_with_a_slash_is_no_path() {
    let world = World::new();
    world.rows("INSERT OVERWRITE TABLE t PARTITION (p) SELECT s, '../../x/y' FROM t WHERE p = 'a'");
    assert_eq!(world.rows("SELECT s, p FROM t ORDER BY p"), "s,p\none,../../x/y\none,a\ntwo,b\n");
    assert!(world.table().join("p=..%2F..%2Fx%2Fy").is_dir());
}

/// What a listing passes over stands where a folder has to be made, so that the write gets as far as moving files.
#[test]
fn a_folder_that_cannot_be_made_half_way() {
    let world = World::new();
    let in_the_way = world.table().join("p=c");
    let socket = std::os::unix::net::UnixListener::bind(&in_the_way).expect("a socket");
    let error = world.error(BOTH);
    assert!(error.contains("p=c"), "{error}");
    drop(socket);
    std::fs::remove_file(&in_the_way).expect("the socket goes");
    world.assert_unchanged();
    world.rows(BOTH);
    assert_eq!(world.rows("SELECT s, p FROM t ORDER BY p"), "s,p\nnew,a\ntwo,b\nnew,c\n");
}

#[test]
fn a_folder_that_may_not_be_written_to() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    let folder = world.table().join("p=a");
    let set = |mode| std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).expect("permissions");
    set(0o555);
    if std::fs::write(folder.join("probe"), "").is_ok() {
        eprintln!("skipped: this user may write everywhere");
        return;
    }
    let error = world.error(BOTH);
    set(0o755);
    assert!(error.contains("p=a") && error.contains("ermission denied"), "{error}");
    world.assert_unchanged();
}

/// A disk of 256 kB, where the system lets a user mount one.
#[test]
fn a_full_disk() {
    let world = World::new();
    let small = world.folder.path().join("small");
    std::fs::create_dir(&small).expect("a folder");
    let run = |sql: &str| format!("{:?}", world.command(sql));
    let script = format!(
        "mount -t tmpfs -o size=256k tmpfs {small} || exit 77\n\
         {setup} || exit 78\n{fill}\necho status $?\n{show}\nfind {small} -path '*_ostrich/*'\n{next} || exit 79\n",
        small = small.display(),
        setup = run(&format!(
            "CREATE EXTERNAL TABLE f (s STRING) STORED AS PARQUET LOCATION '{}/'; INSERT INTO f VALUES ('old')",
            small.display()
        )),
        fill = run(
            "INSERT OVERWRITE TABLE f SELECT concat(uuid(), uuid()) FROM (SELECT explode(sequence(1, 30000)) AS n) AS x"
        ),
        show = run("SELECT * FROM f"),
        next = run("INSERT INTO f VALUES ('next')"),
    );
    let output = Command::new("unshare").args(["-rm", "sh", "-c", &script]).current_dir(world.folder.path()).output();
    let Ok(output) = output.inspect_err(|error| eprintln!("skipped: unshare: {error}")) else { return };
    let errors = String::from_utf8_lossy(&output.stderr);
    if !matches!(output.status.code(), Some(0 | 78 | 79)) {
        eprintln!("skipped: no disk can be mounted: {errors}");
        return;
    }
    let text = succeeded("the script", &output);
    let left = format!("{small}/_ostrich/last\n{small}/_ostrich/lock", small = small.display());
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let mut expected = vec!["status 1", "s", "old"];
    expected.extend(left.lines());
    expected.sort_unstable();
    assert_eq!(lines, expected);
    assert!(errors.contains("small/: the disk is full") && errors.contains("still there"), "{errors}");
}

#[test]
fn a_catalog_that_is_locked() {
    let world = World::new();
    let catalog = rusqlite::Connection::open(world.folder.path().join("c/catalog.sqlite")).expect("the catalog");
    catalog.execute_batch("BEGIN EXCLUSIVE").expect("a lock");
    let made = world.folder.path().join("u");
    let error = world.error(&format!("CREATE EXTERNAL TABLE u LOCATION '{}/' AS SELECT 1 AS a", made.display()));
    assert!(error.contains("catalog.sqlite is in use"), "{error}");
    assert!(!made.exists(), "the rows of a table that was not made");
    catalog.execute_batch("ROLLBACK").expect("no lock");
    drop(catalog);
    world.assert_unchanged();
    assert_eq!(world.rows("SHOW TABLES"), "name,type\nt,table\n");
}
