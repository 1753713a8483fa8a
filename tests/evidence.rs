//! Evidence while other processes change the files: each statement is a process of its own, and between them files come, change
//! and go. Evidence must stop counting each time, say why, and the rows must be right.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

struct Lake {
    folder: tempfile::TempDir,
}

impl Lake {
    /// `fact` with a foreign key to `dim`, all constraints checked.
    fn new() -> Self {
        let lake = Lake { folder: tempfile::tempdir().expect("a folder for the test") };
        lake.csv("dim/a.csv", "id,name", &["1,one", "2,two", "3,three"]);
        lake.csv("fact/a.csv", "f,d", &["10,1", "11,2", "12,2"]);
        lake.run(
            "CREATE EXTERNAL TABLE dim STORED AS CSV LOCATION 'dim/';
             CREATE EXTERNAL TABLE fact STORED AS CSV LOCATION 'fact/';
             ALTER TABLE dim ADD CONSTRAINT dim_pk PRIMARY KEY (id) VALIDATE;
             ALTER TABLE fact ADD CONSTRAINT fact_pk PRIMARY KEY (f) VALIDATE;
             ALTER TABLE fact ADD CONSTRAINT fact_fk FOREIGN KEY (d) REFERENCES dim VALIDATE",
        );
        lake
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file as another program would.
    fn csv(&self, name: &str, header: &str, rows: &[&str]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("the folder can be made");
        fs::write(path, format!("{header}\n{}\n", rows.join("\n"))).expect("the file can be written");
    }

    fn command(&self, arguments: &[&str]) -> Output {
        self.command_in("catalog", arguments)
    }

    fn command_in(&self, catalog: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ostrich"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("OSTRICH_") {
                command.env_remove(name);
            }
        }
        let home = self.folder.path();
        command.current_dir(home).env("HOME", home).env("XDG_CONFIG_HOME", home.join("config"));
        command.args(["--catalog", catalog, "--format", "csv", "--no-header"]).args(arguments);
        command.output().expect("the command starts")
    }

    fn run(&self, sql: &str) -> String {
        let output = self.command(&["-e", sql]);
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// `YES` or why not, of each constraint.
    fn standings(&self) -> String {
        self.run(
            "SELECT constraint_name, CASE evidence_current WHEN 'YES' THEN 'YES' ELSE evidence END \
             FROM information_schema.table_constraints ORDER BY constraint_name",
        )
    }

    fn assert_standings(&self, dim_pk: &str, fact_fk: &str, fact_pk: &str) {
        assert_eq!(self.standings(), format!("dim_pk,{dim_pk}\nfact_fk,{fact_fk}\nfact_pk,{fact_pk}\n"));
    }

    fn check(&self) -> (Option<i32>, String) {
        let output = self.command(&["constraints", "check"]);
        let both = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&both).into_owned())
    }

    /// Queries that would give other rows if a constraint were used that does not hold: `expected` are counts.
    fn assert_rows(&self, joined: usize, left_joined: usize, distinct: usize) {
        let counts = self.run(
            "SELECT count(*) FROM fact JOIN dim ON d = id;
             SELECT count(*) FROM fact LEFT JOIN dim ON d = id;
             SELECT count(*) FROM (SELECT DISTINCT f FROM fact);
             SELECT count(*) FROM (SELECT f FROM fact LEFT JOIN dim ON d = id);
             SELECT count(*) FROM (SELECT f FROM fact JOIN dim ON d = id)",
        );
        let expected = [joined, left_joined, distinct, left_joined, joined].map(|count| format!("{count}\n"));
        assert_eq!(counts, expected.concat());
    }
}

const ALL: [&str; 3] = ["YES"; 3];

fn since(what: &str) -> String {
    format!("{what} since it was checked")
}

#[test]
fn appended_files_end_evidence_until_the_next_check() {
    let lake = Lake::new();
    lake.assert_standings(ALL[0], ALL[1], ALL[2]);
    lake.assert_rows(3, 3, 3);

    // A child that has no parent, and a key that is there already.
    lake.csv("fact/b.csv", "f,d", &["12,9"]);
    let added = since("b.csv was added");
    lake.assert_standings("YES", &added, &added);
    lake.assert_rows(3, 4, 3);
    let (code, shown) = lake.check();
    assert_eq!(code, Some(5), "{shown}");
    for part in [
        "default.dim,dim_pk,PRIMARY KEY,held,0,0",
        "default.fact,fact_pk,PRIMARY KEY,violated,2,",
        "default.fact,fact_fk,FOREIGN KEY,violated,1,",
        "fact/a.csv row 3: f = 12",
        "fact/b.csv row 1: f = 12",
        "fact/b.csv row 1: d = 9",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let bad = |rows| format!("it was checked and does not hold: {rows}");
    lake.assert_standings("YES", &bad("1 row violates it"), &bad("2 rows violate it"));
    lake.assert_rows(3, 4, 3);

    lake.csv("fact/b.csv", "f,d", &["13,3"]);
    let changed = since("b.csv was changed");
    lake.assert_standings("YES", &changed, &changed);
    assert_eq!(lake.check().0, Some(0));
    lake.assert_standings(ALL[0], ALL[1], ALL[2]);
    lake.assert_rows(4, 4, 4);
}

#[test]
fn a_file_rewritten_with_its_size_and_time_does_not_pass_for_the_old_one() {
    let lake = Lake::new();
    let path = lake.path("dim/a.csv");
    let before = fs::metadata(&path).expect("it is there");
    let modified = before.modified().expect("it has a time");
    std::thread::sleep(Duration::from_millis(20));
    // In place: the inode stays as well.
    lake.csv("dim/a.csv", "id,name", &["1,one", "1,two", "3,three"]);
    fs::File::options()
        .write(true)
        .open(&path)
        .and_then(|file| file.set_modified(modified))
        .expect("its time can be set");
    let after = fs::metadata(&path).expect("it is there");
    assert_eq!((before.len(), modified), (after.len(), after.modified().expect("it has a time")));
    lake.assert_standings(&since("a.csv was changed"), &since("a.csv of default.dim was changed"), "YES");
    // 10 has two rows in dim now; 11 and 12 have none.
    lake.assert_rows(2, 4, 3);
    let (code, shown) = lake.check();
    assert_eq!(code, Some(5));
    assert!(shown.contains("dim/a.csv row 2: id = 1") && shown.contains("fact/a.csv row 3: d = 2"), "{shown}");
}

#[test]
fn a_file_replaced_by_another_one_of_its_size_and_time_is_noticed() {
    let lake = Lake::new();
    let path = lake.path("fact/a.csv");
    let modified = fs::metadata(&path).and_then(|before| before.modified()).expect("it has a time");
    lake.csv("new.csv", "f,d", &["10,1", "10,2", "12,9"]);
    fs::File::options()
        .write(true)
        .open(lake.path("new.csv"))
        .and_then(|file| file.set_modified(modified))
        .expect("its time can be set");
    fs::rename(lake.path("new.csv"), &path).expect("it can be moved");
    let changed = since("a.csv was changed");
    lake.assert_standings("YES", &changed, &changed);
    lake.assert_rows(2, 3, 2);
}

#[test]
fn files_that_go_end_evidence_and_may_come_back() {
    let lake = Lake::new();
    lake.csv("dim/b.csv", "id,name", &["4,four"]);
    lake.csv("fact/b.csv", "f,d", &["13,4"]);
    assert_eq!(lake.check().0, Some(0));
    lake.assert_rows(4, 4, 4);

    fs::rename(lake.path("dim/b.csv"), lake.path("kept.csv")).expect("it can be moved");
    lake.assert_standings(&since("b.csv is gone"), &since("b.csv of default.dim is gone"), "YES");
    lake.assert_rows(3, 4, 4);
    let (code, shown) = lake.check();
    assert_eq!(code, Some(5));
    assert!(shown.contains("fact/b.csv row 1: d = 4"), "{shown}");

    fs::rename(lake.path("kept.csv"), lake.path("dim/b.csv")).expect("it can be moved");
    lake.assert_rows(4, 4, 4);
    assert_eq!(lake.check().0, Some(0));
    lake.assert_standings(ALL[0], ALL[1], ALL[2]);

    fs::remove_dir_all(lake.path("fact")).expect("it can be removed");
    assert!(lake.standings().contains("fact_pk,a.csv and one more file are gone since it was checked"));
    lake.assert_rows(0, 0, 0);
}

#[test]
fn evidence_is_kept_between_sessions_and_goes_with_the_folder() {
    let lake = Lake::new();
    lake.run("CREATE TABLE kept (CONSTRAINT kept_pk PRIMARY KEY (id) VALIDATE) AS SELECT 1 AS id UNION ALL SELECT 2");
    fs::rename(lake.path("catalog"), lake.path("moved")).expect("it can be moved");
    let sql = "SELECT constraint_name, evidence_current FROM information_schema.table_constraints ORDER BY 1";
    let output = lake.command_in("moved", &["-e", sql]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "dim_pk,YES\nfact_fk,YES\nfact_pk,YES\nkept_pk,YES\n");
}

#[test]
fn the_command_checks_what_is_named() {
    let lake = Lake::new();
    let one = lake.command(&["constraints", "check", "dim", "--full"]);
    let shown = String::from_utf8_lossy(&one.stdout).into_owned();
    assert_eq!(one.status.code(), Some(0));
    assert!(shown.contains("dim_pk") && shown.contains(",full") && !shown.contains("fact_pk"), "{shown}");
    let unknown = lake.command(&["constraints", "check", "dmi"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("did you mean \"dim\"?"));
    fs::write(Path::new(&lake.path("fact/b.csv")), "f,d\nx,y\n").expect("the file can be written");
    let (code, shown) = lake.check();
    assert!(
        code != Some(0) && shown.contains("default.dim,dim_pk,PRIMARY KEY,held") && shown.contains("failed"),
        "{shown}"
    );
}
