use std::path::PathBuf;

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;
use tempfile::TempDir;

use super::*;
use crate::optimizer::facts::{KnownConstraintKind, KnownTable, TableFacts, Trust};
use crate::session::SessionOptions;
use crate::sql::source::Source;

/// A session over a folder of data files.
struct Lake {
    session: Session,
    folder: TempDir,
}

impl Lake {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SessionOptions {
            base: Some(folder.path().to_path_buf()),
            catalog: Some(folder.path().join("catalog")),
            threads: Some(2),
            ..SessionOptions::default()
        };
        Lake { session: Session::open(options).await.unwrap(), folder }
    }

    async fn run(&self, sql: &str) {
        self.session.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    async fn fails(&self, sql: &str) -> Error {
        self.session.query(sql).await.map(|_| ()).expect_err(sql)
    }

    /// Writes the rows of a query as a file.
    async fn write(&self, file: &str, query: &str) {
        self.run(&format!("COPY ({query}) TO '{file}'")).await;
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    async fn table(&self, name: &str) -> Table {
        self.session.table_of_catalog(&TableName::new("default", name)).await.unwrap()
    }

    async fn check(&self, table: &str, constraint: &str) -> Checked {
        let table = self.table(table).await;
        let found = table.constraints.iter().find(|found| found.name == constraint).unwrap();
        self.session.check_constraint(&table, found, false).await.unwrap()
    }

    /// Declares a constraint, checks it, and takes it away again. How many rows violate it, and which.
    async fn violations(&self, table: &str, constraint: &str) -> (u64, Vec<String>) {
        self.run(&format!("ALTER TABLE {table} ADD CONSTRAINT probe {constraint}")).await;
        let checked = self.check(table, "probe").await;
        self.run(&format!("ALTER TABLE {table} DROP CONSTRAINT probe")).await;
        match checked.verdict {
            Verdict::Holds => (0, Vec::new()),
            Verdict::Violated { rows, shown } => {
                let folder = format!("{}/", self.folder.path().display());
                (rows, shown.iter().map(|row| row.to_string().replace(&folder, "")).collect())
            }
        }
    }

    async fn why_not(&self, table: &str, constraint: &str) -> Option<String> {
        let table = self.table(table).await;
        let standings = self.session.constraint_standings(&table).await.unwrap();
        standings.into_iter().find(|standing| standing.constraint == constraint).unwrap().why_not
    }

    /// The facts on each mention of a table in a query's plan.
    async fn facts(&self, sql: &str) -> Vec<Arc<TableFacts>> {
        let source = Source::new("test", sql);
        let parsed = self.session.parse(&self.session.split(&source)[0]).unwrap();
        let planned = self.session.plan(&parsed).await.unwrap();
        let mut found = Vec::new();
        let visited = planned.plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node {
                found.extend(KnownTable::of(&scan.source).map(|known| Arc::clone(known.facts())));
            }
            Ok(TreeNodeRecursion::Continue)
        });
        visited.unwrap();
        found
    }
}

fn used(facts: &TableFacts) -> Vec<(&str, Trust)> {
    facts.constraints.iter().map(|known| (known.reference.name.as_str(), known.reference.trust)).collect()
}

fn unused(facts: &TableFacts) -> Vec<(&str, &str)> {
    facts.unused.iter().map(|unused| (unused.name.as_str(), unused.why.as_str())).collect()
}

/// `parent` with keys 1 to 100 and `child` with two rows for each, as one file each.
async fn parent_and_child() -> Lake {
    let lake = Lake::new().await;
    lake.write("parent/a.parquet", "SELECT x AS id, 'name ' || x AS name FROM generate_series(1, 100) t(x)").await;
    lake.write(
        "child/a.parquet",
        "SELECT x AS id, 1 + x % 100 AS parent_id, 'name ' || (1 + x % 100) AS parent_name FROM generate_series(1, 200) t(x)",
    )
    .await;
    lake.run(
        "CREATE EXTERNAL TABLE parent STORED AS PARQUET LOCATION 'parent/';
         CREATE EXTERNAL TABLE child STORED AS PARQUET LOCATION 'child/';
         ALTER TABLE parent ADD CONSTRAINT parent_pk PRIMARY KEY (id) VALIDATE;
         ALTER TABLE parent ADD CONSTRAINT parent_name UNIQUE (name) VALIDATE;
         ALTER TABLE child ADD CONSTRAINT child_pk PRIMARY KEY (id) VALIDATE;
         ALTER TABLE child ADD CONSTRAINT child_fk FOREIGN KEY (parent_id) REFERENCES parent (id) VALIDATE;
         ALTER TABLE child ADD CONSTRAINT child_name_fk FOREIGN KEY (parent_name) REFERENCES parent (name) VALIDATE;
         ALTER TABLE child ADD CONSTRAINT child_nn NOT NULL (parent_id) VALIDATE",
    )
    .await;
    lake
}

#[tokio::test]
async fn what_was_checked_is_known_to_the_plan() {
    let lake = parent_and_child().await;
    let facts = lake.facts("SELECT * FROM parent").await;
    assert_eq!(
        used(&facts[0]),
        [("parent_pk", Trust::Checked), ("parent_pk", Trust::Checked), ("parent_name", Trust::Checked)]
    );
    assert!(matches!(&facts[0].constraints[0].kind,
        KnownConstraintKind::Unique { columns, primary: true } if *columns == [0]));
    assert!(matches!(&facts[0].constraints[1].kind, KnownConstraintKind::NotNull { columns } if *columns == [0]));
    assert_eq!(facts[0].rows, Some(100));
    assert_eq!(facts[0].columns[0].nulls, Some(0));
    assert_eq!(facts[0].columns[0].max, Some(ScalarValue::from(100_i64)));

    lake.run("ALTER TABLE parent ADD CONSTRAINT unchecked UNIQUE (id, name)").await;
    let facts = lake.facts("SELECT * FROM parent").await;
    assert_eq!(unused(&facts[0]), [("unchecked", "it was never checked")]);
}

#[tokio::test]
async fn a_foreign_key_is_known_when_both_tables_are_in_the_statement() {
    let lake = parent_and_child().await;
    let alone = lake.facts("SELECT * FROM child").await;
    assert!(!used(&alone[0]).iter().any(|(name, _)| name.ends_with("_fk")));
    assert!(unused(&alone[0]).contains(&("child_fk", "default.parent is not in the statement")));

    lake.run("CREATE VIEW both AS SELECT c.id, p.name FROM child c LEFT JOIN parent p ON p.id = c.parent_id").await;
    for sql in [
        "SELECT * FROM child c JOIN parent p ON p.id = c.parent_id",
        "SELECT * FROM child WHERE parent_id IN (SELECT id FROM parent)",
        "SELECT id FROM both",
        "EXPLAIN SELECT id FROM both",
    ] {
        let facts = lake.facts(sql).await;
        let child = facts.iter().find(|facts| facts.name.name == "child").unwrap();
        assert!(used(child).contains(&("child_fk", Trust::Checked)), "{sql}: {child:?}");
        assert_eq!(unused(child), [], "{sql}");
    }
}

#[tokio::test]
async fn mentions_of_a_table_share_a_snapshot_and_tables_do_not() {
    let lake = parent_and_child().await;
    let facts =
        lake.facts("SELECT * FROM parent a, parent b, child c, 'parent/a.parquet' d, 'parent/a.parquet' e").await;
    let snapshots: Vec<u64> = facts.iter().map(|facts| facts.snapshot).collect();
    assert_eq!(snapshots[0], snapshots[1]);
    assert_eq!(snapshots[3], snapshots[4]);
    assert_eq!(HashSet::<u64>::from_iter(snapshots).len(), 3);
    assert_eq!(facts[3].rows, Some(100));
}

#[tokio::test]
async fn without_data_facts_only_rely_is_left() {
    let lake = parent_and_child().await;
    lake.run("ALTER TABLE child ADD CONSTRAINT trusted FOREIGN KEY (id) REFERENCES parent RELY").await;
    lake.run("SET ostrich.optimizer.data_facts = false").await;
    let facts = lake.facts("SELECT * FROM child c, parent p").await;
    assert_eq!(used(&facts[0]), [("trusted", Trust::Rely)]);
    assert!(unused(&facts[0]).iter().all(|(_, why)| *why == "ostrich.optimizer.data_facts is off"));
    assert_eq!((facts[0].rows, facts[0].columns.len()), (None, 0));
    lake.run("RESET ostrich.optimizer.data_facts").await;
    let facts = lake.facts("SELECT * FROM child c, parent p").await;
    assert_eq!(facts[0].rows, Some(200));
    assert!(
        lake.fails("SET ostrich.optimizer.data_facts = perhaps").await.message().contains("neither true nor false")
    );
}

#[tokio::test]
async fn appended_files_are_checked_alone() {
    let lake = parent_and_child().await;
    lake.write(
        "child/b.parquet",
        "SELECT x AS id, 100 AS parent_id, 'name 5' AS parent_name FROM generate_series(201, 210) t(x)",
    )
    .await;
    assert_eq!(lake.why_not("child", "child_pk").await.unwrap(), "b.parquet was added since it was checked");
    for constraint in ["child_pk", "child_fk", "child_name_fk", "child_nn"] {
        let checked = lake.check("child", constraint).await;
        assert_eq!((checked.verdict, checked.way), (Verdict::Holds, Way::Appended), "{constraint}");
        assert_eq!(lake.why_not("child", constraint).await, None, "{constraint}");
        assert_eq!(lake.check("child", constraint).await.way, Way::Unchanged, "{constraint}");
    }

    // A parent that grew takes nothing from a foreign key; one that lost a row does.
    lake.write("parent/b.parquet", "SELECT 101 AS id, 'name 101' AS name").await;
    assert_eq!(
        lake.why_not("child", "child_fk").await.unwrap(),
        "b.parquet of default.parent was added since it was checked"
    );
    let checked = lake.check("child", "child_fk").await;
    assert_eq!((checked.verdict, checked.way), (Verdict::Holds, Way::Appended));
    lake.write("parent/a.parquet", "SELECT x AS id, 'name ' || x AS name FROM generate_series(1, 99) t(x)").await;
    assert_eq!(
        lake.why_not("child", "child_fk").await.unwrap(),
        "a.parquet of default.parent was changed since it was checked"
    );
    let checked = lake.check("child", "child_fk").await;
    assert_eq!(checked.way, Way::Full);
    assert!(matches!(checked.verdict, Verdict::Violated { rows: 12, .. }), "{:?}", checked.verdict);
    assert_eq!(
        lake.why_not("child", "child_fk").await.unwrap(),
        "it was checked and does not hold: 12 rows violate it"
    );
}

#[tokio::test]
async fn appended_files_break_keys_of_both_sorts() {
    let lake = parent_and_child().await;
    // By bits, and by grouping: an old key again, and a new key twice.
    for (again, expected) in [
        ("SELECT 7 AS id, 'new' AS name", "parent/a.parquet row 7: id = 7"),
        ("SELECT x AS id, 'new ' || x AS name FROM (VALUES (555), (555)) t(x)", "parent/b.parquet row 1: id = 555"),
    ] {
        lake.write("parent/b.parquet", again).await;
        let checked = lake.check("parent", "parent_pk").await;
        let Verdict::Violated { rows: 2, shown } = checked.verdict else { panic!("{checked:?}") };
        assert!(shown[0].to_string().ends_with(expected), "{shown:?}");
        std::fs::remove_file(lake.path("parent/b.parquet")).unwrap();
        assert_eq!(lake.check("parent", "parent_pk").await.verdict, Verdict::Holds);
    }
    for again in
        ["SELECT 1000 AS id, 'name 7' AS name", "SELECT x AS id, 'twice' AS name FROM (VALUES (1000), (1001)) t(x)"]
    {
        lake.write("parent/b.parquet", again).await;
        let checked = lake.check("parent", "parent_name").await;
        assert!(matches!(checked.verdict, Verdict::Violated { rows: 2, .. }), "{:?}", checked.verdict);
        std::fs::remove_file(lake.path("parent/b.parquet")).unwrap();
        assert_eq!(lake.check("parent", "parent_name").await.verdict, Verdict::Holds);
    }
}

#[tokio::test]
async fn rows_that_violate_are_named_with_file_and_row() {
    let lake = Lake::new().await;
    lake.write(
        "t/a.parquet",
        "SELECT * FROM (VALUES (1, 'a', 1.5, 10), (2, 'b', CAST('0.0' AS DOUBLE), 20), (NULL, 'c', NULL, 30), (2, 'b', 2.0, 30)) v(i, s, f, r)",
    )
    .await;
    lake.write(
        "t/b.parquet",
        "SELECT * FROM (VALUES (3, 'a', CAST('-0.0' AS DOUBLE), 10), (NULL, NULL, NULL, NULL)) v(i, s, f, r)",
    )
    .await;
    lake.write("p.parquet", "SELECT * FROM (VALUES (10), (20), (NULL)) v(id)").await;
    lake.run(
        "CREATE EXTERNAL TABLE t (i INT, s VARCHAR, f DOUBLE, r INT) STORED AS PARQUET LOCATION 't/';
         CREATE EXTERNAL TABLE p (id BIGINT, UNIQUE (id)) STORED AS PARQUET LOCATION 'p.parquet'",
    )
    .await;
    let (rows, shown) = lake.violations("t", "UNIQUE (i)").await;
    assert_eq!(rows, 2);
    assert_eq!(shown, ["t/a.parquet row 2: i = 2", "t/a.parquet row 4: i = 2"]);
    let (rows, shown) = lake.violations("t", "UNIQUE (s)").await;
    assert_eq!(rows, 4);
    assert_eq!(shown[..2], ["t/a.parquet row 1: s = a", "t/b.parquet row 1: s = a"]);
    let (rows, shown) = lake.violations("t", "UNIQUE (i, s)").await;
    assert_eq!((rows, shown[1].as_str()), (2, "t/a.parquet row 4: i = 2, s = b"));
    assert_eq!(lake.violations("t", "UNIQUE (i, s, f)").await.0, 0);
    let (rows, shown) = lake.violations("t", "PRIMARY KEY (i)").await;
    assert_eq!((rows, shown[0].as_str()), (4, "t/a.parquet row 3: i = NULL"));
    let (rows, shown) = lake.violations("t", "NOT NULL (i, s)").await;
    assert_eq!((rows, shown[1].as_str()), (2, "t/b.parquet row 2: i = NULL, s = NULL"));
    // Zero is zero, whatever its sign.
    let (rows, shown) = lake.violations("t", "UNIQUE (f)").await;
    assert_eq!((rows, shown.len()), (2, 2));
    let (rows, shown) = lake.violations("t", "FOREIGN KEY (r) REFERENCES p (id)").await;
    assert_eq!(rows, 2);
    assert_eq!(shown, ["t/a.parquet row 3: r = 30", "t/a.parquet row 4: r = 30"]);
}

#[tokio::test]
async fn a_few_rows_are_named_and_all_are_counted() {
    let lake = Lake::new().await;
    lake.write("t.parquet", "SELECT x % 500 AS id FROM generate_series(1, 1000) t(x)").await;
    lake.run("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 't.parquet'").await;
    let error = lake.fails("ALTER TABLE t ADD CONSTRAINT k UNIQUE (id) VALIDATE").await;
    assert_eq!(
        error.message(),
        "constraint \"k\" of default.t, UNIQUE (id), does not hold: 1000 rows share a key with another"
    );
    let lines = error.help_lines();
    assert_eq!((lines.len(), lines[5].as_str()), (6, "and 995 more rows"));
    assert!(lines[0].contains("t.parquet row ") && lines[0].ends_with(": id = 0"), "{lines:?}");
    assert_eq!(lake.table("t").await.constraints, [], "the catalog is as it was");
}

#[tokio::test]
async fn keys_in_folders_and_in_text_files_are_checked_too() {
    let lake = Lake::new().await;
    for (folder, rows) in [("day=1", "1,a\n2,b\n"), ("day=2", "1,a\n2,\n")] {
        std::fs::create_dir_all(lake.path(&format!("t/{folder}"))).unwrap();
        std::fs::write(lake.path(&format!("t/{folder}/x.csv")), format!("id,s\n{rows}")).unwrap();
    }
    lake.run("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 't/'").await;
    assert_eq!(lake.violations("t", "PRIMARY KEY (day, id)").await.0, 0);
    let (rows, shown) = lake.violations("t", "UNIQUE (id)").await;
    assert_eq!((rows, shown[1].as_str()), (4, "t/day=2/x.csv row 1: id = 1"));
    assert_eq!(lake.violations("t", "NOT NULL (s)").await.1, ["t/day=2/x.csv row 2: s = NULL"]);
    assert_eq!(lake.violations("t", "NOT NULL (day)").await.0, 0);
}

#[tokio::test]
async fn keys_far_apart_and_without_bounds_are_checked_by_grouping() {
    let lake = Lake::new().await;
    lake.write("t.parquet", "SELECT x * 1000000000000 AS id, x AS n FROM generate_series(-50, 50) t(x)").await;
    lake.write("u.parquet", "SELECT 7000000000000 AS id UNION ALL SELECT 7000000000001").await;
    lake.run(
        "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 't.parquet';
         CREATE EXTERNAL TABLE u STORED AS PARQUET LOCATION 'u.parquet';
         ALTER TABLE t ADD CONSTRAINT k PRIMARY KEY (id) VALIDATE",
    )
    .await;
    let (rows, shown) = lake.violations("u", "FOREIGN KEY (id) REFERENCES t").await;
    assert_eq!((rows, shown.len()), (1, 1));
    assert!(shown[0].ends_with("id = 7000000000001"), "{shown:?}");
}

#[tokio::test]
async fn not_null_is_told_by_footers() {
    let lake = parent_and_child().await;
    let table = lake.table("child").await;
    let constraint = table.constraints.iter().find(|constraint| constraint.name == "child_nn").unwrap();
    let checked = lake.session.check_constraint(&table, constraint, true).await.unwrap();
    assert_eq!((checked.way, checked.rows_read), (Way::Footers, 0));
}

#[tokio::test]
async fn files_that_change_during_a_check_leave_no_evidence() {
    let lake = parent_and_child().await;
    let table = lake.table("child").await;
    let constraint = table.constraints.iter().find(|constraint| constraint.name == "child_fk").unwrap();
    let concerned = lake.session.concerned(&table, constraint).await.unwrap();
    lake.session.require_unchanged(&concerned).await.unwrap();
    lake.write("parent/b.parquet", "SELECT 101 AS id, 'name 101' AS name").await;
    let error = lake.session.require_unchanged(&concerned).await.unwrap_err();
    assert_eq!(error.message(), "the files of default.parent were changed while it was checked: b.parquet was added");
    std::fs::remove_file(lake.path("parent/b.parquet")).unwrap();
    std::fs::remove_file(lake.path("child/a.parquet")).unwrap();
    let error = lake.session.require_unchanged(&concerned).await.unwrap_err();
    assert!(error.message().ends_with("a.parquet is gone"), "{error}");
}

#[tokio::test]
async fn evidence_lasts_until_the_table_is_read_in_another_way() {
    let lake = parent_and_child().await;
    lake.run("ALTER TABLE child SET TBLPROPERTIES ('a' = 'b'); ALTER TABLE child ADD COLUMNS (more INT)").await;
    assert_eq!(lake.why_not("child", "child_fk").await, None);
    lake.run("ALTER TABLE parent RENAME TO elder; ALTER TABLE child RENAME TO younger").await;
    assert_eq!(lake.why_not("younger", "child_fk").await, None);
    lake.run(
        "CREATE EXTERNAL TABLE c (id INT, s VARCHAR, CONSTRAINT k UNIQUE (s)) STORED AS PARQUET LOCATION 'child/';
         CREATE OR REPLACE EXTERNAL TABLE c (id INT, s VARCHAR, CONSTRAINT k UNIQUE (s) VALIDATE) STORED AS PARQUET LOCATION 'child/'",
    )
    .await;
    assert_eq!(lake.why_not("c", "k").await, None);
    lake.run("CREATE OR REPLACE EXTERNAL TABLE c (id INT, s VARCHAR, CONSTRAINT k UNIQUE (s)) STORED AS PARQUET LOCATION 'child/'")
        .await;
    assert_eq!(lake.why_not("c", "k").await.unwrap(), "it was never checked");
}

#[tokio::test]
async fn tables_are_made_only_with_constraints_that_hold() {
    let lake = parent_and_child().await;
    let error =
        lake.fails("CREATE TABLE t (CONSTRAINT k UNIQUE (id) VALIDATE) AS SELECT 1 AS id UNION ALL SELECT 1").await;
    assert!(error.message().contains("2 rows share a key"), "{error}");
    assert!(lake.session.metastore().relation(&TableName::new("default", "t")).await.unwrap().is_none());
    lake.run("CREATE TABLE t (CONSTRAINT k UNIQUE (id) VALIDATE) AS SELECT 1 AS id UNION ALL SELECT 2").await;
    assert_eq!(lake.why_not("t", "k").await, None);
    // A table without rows obeys all constraints; the first rows are not checked yet.
    lake.run("CREATE TABLE e (id INT PRIMARY KEY VALIDATE)").await;
    assert_eq!(lake.why_not("e", "e_pkey").await, None);
    lake.run("INSERT INTO e VALUES (1), (1)").await;
    assert!(lake.why_not("e", "e_pkey").await.unwrap().ends_with("was added since it was checked"));
    let error = lake.fails("ALTER TABLE e VALIDATE CONSTRAINT e_pkey").await;
    assert!(error.message().contains("2 rows have NULL or share a key"), "{error}");
    assert!(lake.why_not("e", "e_pkey").await.unwrap().ends_with("was added since it was checked"));
}

#[tokio::test]
async fn a_referenced_table_is_not_dropped() {
    let lake = parent_and_child().await;
    let error = lake.fails("DROP TABLE parent").await;
    assert_eq!(
        error.message(),
        "default.parent cannot be dropped: the foreign key \"child_fk\" of default.child references it"
    );
    lake.run("DROP TABLE parent, child").await;
}
