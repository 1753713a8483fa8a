//! The whole of it: on TPC-H, and on random tables against a plain computation.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::session::{Outcome, SessionOptions};
use crate::sql::source::Source;

async fn session_of(folder: &Path) -> Session {
    let session = Session::open(SessionOptions { threads: Some(2), ..SessionOptions::default() }).await.unwrap();
    session.register_data(&folder.display().to_string()).await.unwrap();
    session
}

async fn tpch() -> Session {
    session_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/tpch")).await
}

fn request(names: &[&str]) -> ProfileRequest {
    ProfileRequest { names: names.iter().map(|name| name.to_string()).collect(), ..ProfileRequest::default() }
}

/// The statements that are not comments.
fn statements(profile: &Profile) -> Vec<String> {
    let text = ddl::statements(profile);
    text.lines().filter(|line| !line.starts_with("--") && !line.is_empty()).map(str::to_string).collect()
}

fn strong(profile: &Profile) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut keys, mut references) = (BTreeSet::new(), BTreeSet::new());
    for table in &profile.tables {
        let name = &table.source.name().name;
        for key in table.keys.iter().filter(|key| matches!(key.kind, ConstraintKind::PrimaryKey { .. })) {
            keys.insert(format!("{name}({})", key.kind.columns().join(",")));
        }
        for reference in table.references.iter().filter(|reference| reference.weak.is_none()) {
            let ConstraintKind::ForeignKey { columns, references: parent, referenced_columns } = &reference.kind else {
                panic!("a foreign key is one")
            };
            references.insert(format!(
                "{name}({})->{}({})",
                columns.join(","),
                parent.name,
                referenced_columns.join(",")
            ));
        }
    }
    (keys, references)
}

const TPCH_KEYS: [&str; 8] = [
    "customer(c_custkey)",
    "lineitem(l_orderkey,l_linenumber)",
    "nation(n_nationkey)",
    "orders(o_orderkey)",
    "part(p_partkey)",
    "partsupp(ps_partkey,ps_suppkey)",
    "region(r_regionkey)",
    "supplier(s_suppkey)",
];

const TPCH_REFERENCES: [&str; 10] = [
    "customer(c_nationkey)->nation(n_nationkey)",
    "lineitem(l_orderkey)->orders(o_orderkey)",
    "lineitem(l_partkey)->part(p_partkey)",
    "lineitem(l_partkey,l_suppkey)->partsupp(ps_partkey,ps_suppkey)",
    "lineitem(l_suppkey)->supplier(s_suppkey)",
    "nation(n_regionkey)->region(r_regionkey)",
    "orders(o_custkey)->customer(c_custkey)",
    "partsupp(ps_partkey)->part(p_partkey)",
    "partsupp(ps_suppkey)->supplier(s_suppkey)",
    "supplier(s_nationkey)->nation(n_nationkey)",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_tpch_are_found() {
    let session = tpch().await;
    let found = profile(&session, &request(&[])).await.unwrap();
    let (keys, references) = strong(&found);
    assert_eq!(keys, TPCH_KEYS.map(str::to_string).into());
    assert_eq!(references, TPCH_REFERENCES.map(str::to_string).into());
    assert!(found.notes.is_empty(), "{:?}", found.notes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_alone_finds_the_tables_that_it_refers_to() {
    let session = tpch().await;
    for table in ["lineitem", "partsupp", "nation", "orders"] {
        let found = profile(&session, &request(&[table])).await.unwrap();
        let own = |all: &[&str]| {
            all.iter().filter(|of| of.starts_with(&format!("{table}("))).map(|of| of.to_string()).collect()
        };
        let (keys, references) = strong(&found);
        assert_eq!((keys, references), (own(&TPCH_KEYS), own(&TPCH_REFERENCES)));
    }
    let found = profile(&session, &request(&["lineitem"])).await.unwrap();
    let text = statements(&found);
    let at = |wanted: &str| {
        text.iter().position(|statement| statement == wanted).unwrap_or_else(|| panic!("{wanted} in {text:#?}"))
    };
    let parent = at("ALTER TABLE default.partsupp ADD PRIMARY KEY (ps_partkey, ps_suppkey) VALIDATE;");
    let child = at(
        "ALTER TABLE default.lineitem ADD FOREIGN KEY (l_partkey, l_suppkey) REFERENCES default.partsupp (ps_partkey, ps_suppkey) VALIDATE;",
    );
    assert!(parent < child);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_of_columns_is_what_sql_says() {
    let session = tpch().await;
    let found = profile(&session, &request(&["orders"])).await.unwrap();
    let table = &found.tables[0];
    assert_eq!(table.rows, 15_000);
    for column in &table.columns {
        let name = &column.name;
        let sql = format!(
            "SELECT count(*) - count({name}), count(DISTINCT {name}), CAST(min({name}) AS VARCHAR), CAST(max({name}) AS VARCHAR) FROM orders"
        );
        let batches = session.query(&sql).await.unwrap();
        let row: Vec<String> = (0..4)
            .map(|index| {
                rows::value_text(&datafusion::common::ScalarValue::try_from_array(batches[0].column(index), 0).unwrap())
            })
            .collect();
        let told = [
            column.nulls.to_string(),
            column.distinct.unwrap().count.to_string(),
            rows::value_text(column.min.as_ref().unwrap()),
            rows::value_text(column.max.as_ref().unwrap()),
        ];
        assert_eq!(told.to_vec(), row, "{name}");
    }
    let status = table.columns.iter().find(|column| column.name == "o_orderstatus").unwrap();
    let top: Vec<_> = status.top.iter().map(|(value, count)| (rows::value_text(value), *count)).collect();
    assert_eq!(top.len(), 3);
    assert_eq!(top.iter().map(|(_, count)| count).sum::<u64>(), 15_000);
    assert!(top.is_sorted_by_key(|(_, count)| std::cmp::Reverse(*count)));
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_read_back_and_make_what_was_found() {
    let session = tpch().await;
    let found = profile(&session, &request(&[])).await.unwrap();
    // Whether they are checked is another matter than how they are read.
    let text = ddl::statements(&found).replace(" VALIDATE;", ";");
    session.query(&text).await.unwrap();
    let again = profile(&session, &request(&[])).await.unwrap();
    assert_eq!(statements(&again), Vec::<String>::new(), "all of it is declared now");
    assert_eq!(strong(&again), strong(&found));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_key_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.csv"), "id,v\n1,1\n1,2\n2,3\n").unwrap();
    let session = session_of(folder.path()).await;
    session.query("ALTER TABLE t ADD PRIMARY KEY (id) RELY").await.unwrap();
    let found = profile(&session, &request(&["t"])).await.unwrap();
    assert!(found.tables[0].keys.iter().all(|key| key.kind.columns() != ["id"]), "{:?}", found.tables[0].keys);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_proves_nothing() {
    let session = tpch().await;
    for sample in ["1000", "10%"] {
        let sampled = ProfileRequest { sample: Some(sample.parse().unwrap()), ..request(&["orders"]) };
        let found = profile(&session, &sampled).await.unwrap();
        assert!((500..2_500).contains(&found.tables[0].rows), "{}", found.tables[0].rows);
        assert!(
            strong(&found).1.contains("orders(o_custkey)->customer(c_custkey)"),
            "{sample}: it is told all the same"
        );
        assert_eq!(statements(&found), Vec::<String>::new(), "{sample}");
        assert!(ddl::statements(&found).contains("a sample of"));
        let rows = rows::rows(&found).unwrap();
        let evidence = datafusion::arrow::util::pretty::pretty_format_batches(&[rows]).unwrap().to_string();
        assert!(!evidence.contains("all rows"), "{evidence}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_made_a_table_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("It's new.csv");
    std::fs::write(&path, "id,a b\n1,x\n2,\n3,y\n").unwrap();
    let session = Session::open(SessionOptions::default()).await.unwrap();
    let found = profile(&session, &request(&[&path.display().to_string()])).await.unwrap();
    let text = ddl::statements(&found);
    assert!(text.contains("CREATE EXTERNAL TABLE default.it_s_new\nSTORED AS CSV\nLOCATION '"), "{text}");
    assert!(
        text.contains("ALTER TABLE default.it_s_new ADD UNIQUE (\"a b\") VALIDATE;\n") || text.contains("-- weak"),
        "{text}"
    );
    session.query(&text.replace(" VALIDATE;", ";")).await.unwrap();
    assert!(text.contains("ALTER TABLE default.it_s_new ADD PRIMARY KEY (id) VALIDATE;\n"), "{text}");
    // Now it is a table of the catalog.
    let found = profile(&session, &request(&[&path.display().to_string()])).await.unwrap();
    assert!(matches!(found.tables[0].source, ProfileSource::Table(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_tables_and_nested_columns_have_no_keys() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let session = Session::open(SessionOptions::default()).await.unwrap();
    session.query("CREATE TABLE empty (id INT, v VARCHAR)").await.unwrap();
    let found = profile(&session, &request(&["empty"])).await.unwrap();
    assert!(found.tables[0].keys.is_empty() && found.tables[0].references.is_empty());
    assert_eq!(statements(&found), Vec::<String>::new());
    let events = data.join("events").display().to_string();
    let found = profile(&session, &request(&[&events])).await.unwrap();
    let tags = found.tables[0].columns.iter().find(|column| column.name == "tags").unwrap();
    assert_eq!((tags.nulls, tags.distinct), (50, None));
    let (keys, _) = strong(&found);
    assert_eq!(keys, ["events(id)".to_string()].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_table_beside_it_is_a_note() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.csv"), "id,v\n1,1\n2,2\n3,3\n").unwrap();
    let session = session_of(folder.path()).await;
    let broken = folder.path().join("broken.parquet");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/tpch/region.parquet"), &broken).unwrap();
    let create = format!("CREATE EXTERNAL TABLE broken STORED AS PARQUET LOCATION '{}'", broken.display());
    session.query(&create).await.unwrap();
    std::fs::write(&broken, "no parquet").unwrap();
    let found = profile(&session, &request(&["t"])).await.unwrap();
    assert_eq!(found.notes.len(), 1);
    assert!(found.notes[0].contains("default.broken"), "{:?}", found.notes);
}

/// A table of small numbers, some of them NULL.
type Numbers = Vec<Vec<Option<i64>>>;

fn numbers() -> impl Strategy<Value = Numbers> {
    (2_usize..5, 0_usize..14, 1_i64..12).prop_flat_map(|(columns, rows, most)| {
        let value = prop_oneof![9 => (0..most).prop_map(Some), 1 => Just(None)];
        prop::collection::vec(prop::collection::vec(value, columns), rows).prop_map(move |mut table| {
            // Often, the first column counts the rows.
            if most % 2 == 0 {
                table.iter_mut().zip(0..).for_each(|(row, number)| row[0] = Some(number));
            }
            table
        })
    })
}

const COLUMN_NAMES: [[&str; 4]; 2] = [["a_id", "b_id", "day", "v"], ["id", "a_id", "b_id", "w"]];

async fn with_tables(tables: &[Numbers]) -> Session {
    let session = Session::open(SessionOptions { threads: Some(2), ..SessionOptions::default() }).await.unwrap();
    for (number, table) in tables.iter().enumerate() {
        let columns = table.first().map_or(2, Vec::len);
        let names = &COLUMN_NAMES[number % 2][..columns];
        let definitions: Vec<String> = names.iter().map(|name| format!("{name} BIGINT")).collect();
        session.query(&format!("CREATE TABLE t{number} ({})", definitions.join(", "))).await.unwrap();
        if table.is_empty() {
            continue;
        }
        let text = |value: &Option<i64>| value.map_or("NULL".to_string(), |value| value.to_string());
        let rows: Vec<String> =
            table.iter().map(|row| format!("({})", row.iter().map(text).collect::<Vec<_>>().join(", "))).collect();
        let source = Source::new("t", format!("INSERT INTO t{number} VALUES {}", rows.join(", ")));
        let pieces = session.split(&source);
        let parsed = session.parse(&pieces[0]).unwrap();
        assert!(matches!(session.execute(&parsed).await.unwrap(), Outcome::Done { .. }));
    }
    session
}

/// The rows of some columns, without those that have a NULL.
fn projected(table: &Numbers, names: &[&str], columns: &[String]) -> Vec<Vec<i64>> {
    let places: Vec<usize> =
        columns.iter().map(|column| names.iter().position(|name| name == column).unwrap()).collect();
    table.iter().filter_map(|row| places.iter().map(|place| row[*place]).collect::<Option<Vec<i64>>>()).collect()
}

fn is_unique(rows: &[Vec<i64>]) -> bool {
    rows.iter().collect::<BTreeSet<_>>().len() == rows.len()
}

/// Everything that is said of the tables is true, and no key of one column is missed.
async fn check(tables: &[Numbers]) {
    let session = with_tables(tables).await;
    let found = profile(&session, &ProfileRequest::default()).await.unwrap();
    assert_eq!(found.tables.len(), tables.len());
    let by_name: BTreeMap<String, (&Numbers, &[&str])> = tables
        .iter()
        .enumerate()
        .map(|(number, table)| (format!("t{number}"), (table, &COLUMN_NAMES[number % 2][..])))
        .collect();
    for of_table in &found.tables {
        let (table, names) = by_name[&of_table.source.name().name];
        for key in &of_table.keys {
            let rows = projected(table, names, key.kind.columns());
            assert!(is_unique(&rows), "{key:?} of {table:?}");
            if let ConstraintKind::PrimaryKey { .. } = key.kind {
                assert_eq!(rows.len(), table.len(), "a primary key has no NULL: {key:?} of {table:?}");
            }
        }
        for (column, facts) in of_table.columns.iter().enumerate() {
            let values: Vec<i64> = table.iter().filter_map(|row| row[column]).collect();
            let distinct: BTreeSet<i64> = values.iter().copied().collect();
            assert_eq!(facts.nulls as usize, table.len() - values.len());
            assert_eq!(facts.distinct, Some(Distinct { count: distinct.len() as u64, exact: true }));
            let is_found = of_table.keys.iter().any(|key| key.kind.columns() == [facts.name.clone()]);
            assert_eq!(is_found, !values.is_empty() && distinct.len() == values.len(), "{} of {table:?}", facts.name);
        }
        for reference in &of_table.references {
            let ConstraintKind::ForeignKey { columns, references, referenced_columns } = &reference.kind else {
                panic!("a foreign key is one")
            };
            let (parent, parent_names) = by_name[&references.name];
            let parents = projected(parent, parent_names, referenced_columns);
            assert!(is_unique(&parents), "{reference:?} refers to no key of {parent:?}");
            let parents: BTreeSet<_> = parents.into_iter().collect();
            let children = projected(table, names, columns);
            assert!(children.iter().all(|row| parents.contains(row)), "{reference:?} of {table:?} to {parent:?}");
        }
    }
}

#[test]
fn what_is_found_in_random_tables_is_true() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(tables in prop::collection::vec(numbers(), 1..4))| {
        runtime.block_on(check(&tables));
    });
}
