//! What every metastore must do, run against each of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::catalog::TableProvider;
use datafusion::datasource::empty::EmptyTable;
use futures::executor::block_on;
use futures::future::BoxFuture;

use super::evidence::{Evidence, FileFingerprint, FileSet};
use super::model::*;
use super::statistics::{ColumnSketch, PartitionStatistics};
use super::{IfExists, Metastore, RelationResolver};
use crate::error::{Error, ErrorKind};

/// One test function for each name and metastore. `$new` makes an empty metastore, and what must live as long.
macro_rules! metastore_suite {
    ($new:expr, $($test:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $test() {
                let (store, _guard) = $new;
                crate::catalog::suite::$test(&store).await;
            }
        )*
    };
    ($new:expr) => {
        crate::catalog::suite::metastore_suite!(
            $new,
            a_new_catalog_has_the_default_database,
            databases_come_and_go,
            taken_database_names,
            wrong_database_names,
            a_database_with_tables_is_dropped_only_by_cascade,
            tables_come_back_as_they_were,
            views_come_back_as_they_were,
            relations_are_listed_by_name,
            taken_relation_names,
            tables_and_views_do_not_replace_each_other,
            unknown_names_are_errors_with_the_nearest,
            wrong_tables_are_refused,
            dropped_tables_are_gone_with_all_they_had,
            renaming_takes_everything_along,
            renaming_needs_a_free_name_and_a_database,
            updates_are_stored_whole_or_not_at_all,
            evidence_comes_back_as_it_was,
            evidence_goes_with_what_it_is_about,
            evidence_is_stored_only_for_what_was_checked,
            statistics_come_back_as_they_were,
            statistics_go_with_their_table,
        );
    };
}
pub(super) use metastore_suite;

pub(super) fn name(name: &str) -> TableName {
    TableName::new(DEFAULT_DATABASE, name)
}

pub(super) fn column(name: &str, data_type: DataType) -> Column {
    Column { name: name.into(), data_type, comment: None }
}

pub(super) fn table(table_name: &str) -> Table {
    Table {
        name: name(table_name),
        kind: TableKind::Managed,
        format: FileFormat::Parquet,
        location: format!("/warehouse/{table_name}/"),
        columns: vec![column("id", DataType::Int64)],
        partition_columns: Some(vec![]),
        options: BTreeMap::new(),
        properties: BTreeMap::new(),
        buckets: None,
        comment: None,
        constraints: vec![],
        statistics: None,
    }
}

pub(super) fn view(view_name: &str) -> View {
    View {
        name: name(view_name),
        sql: "SELECT 1".into(),
        columns: vec![],
        database: DEFAULT_DATABASE.into(),
        dialect: "ansi".into(),
        comment: None,
    }
}

pub(super) fn constraint(name: &str, kind: ConstraintKind) -> Constraint {
    Constraint { name: name.into(), kind, enabled: true, validate: false, rely: false }
}

pub(super) fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

fn map<const N: usize>(entries: [(&str, &str); N]) -> BTreeMap<String, String> {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// A resolver whose tables are empty and have the declared columns. Files of tables without any have one column,
/// `found BIGINT`; those of tables whose location says "gone" cannot be read. Paths in `dir/` are tables.
#[derive(Debug)]
pub(super) struct EmptyTables;

impl RelationResolver for EmptyTables {
    fn resolve(&self, relation: Relation) -> BoxFuture<'_, Result<Arc<dyn TableProvider>, Error>> {
        Box::pin(async move {
            let columns = match relation {
                Relation::Table(table) if table.location.contains("gone") => {
                    return Err(Error::storage(format!("no files in {}", table.location)));
                }
                Relation::Table(table) if table.columns.is_empty() => vec![column("found", DataType::Int64)],
                Relation::Table(table) => [table.columns, table.partition_columns.unwrap_or_default()].concat(),
                Relation::View(view) => view.columns.iter().map(|name| column(name, DataType::Utf8View)).collect(),
            };
            let fields: Vec<_> =
                columns.into_iter().map(|column| Field::new(column.name, column.data_type, true)).collect();
            let table: Arc<dyn TableProvider> = Arc::new(EmptyTable::new(Arc::new(Schema::new(fields))));
            Ok(table)
        })
    }

    fn resolve_path<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<Arc<dyn TableProvider>>, Error>> {
        Box::pin(async move {
            if !path.starts_with("dir/") {
                return Ok(None);
            }
            let schema = Schema::new(vec![Field::new("from_path", DataType::Int64, true)]);
            let table: Arc<dyn TableProvider> = Arc::new(EmptyTable::new(Arc::new(schema)));
            Ok(Some(table))
        })
    }
}

fn basis(digest: &str) -> Box<StatisticsBasis> {
    Box::new(StatisticsBasis { digest: digest.into(), subject: "it's".into(), analyzed_at: time() })
}

fn time() -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap()
}

/// A table with something in every place, and names that need care.
pub(super) fn full_table() -> Table {
    let references = TableName::new("sales \"x\"", "größe");
    let statistics = TableStatistics {
        rows: Some(3),
        bytes: None,
        files: Some(2),
        columns: BTreeMap::from([
            (
                "it's".to_owned(),
                ColumnStatistics {
                    nulls: Some(0),
                    distinct: Some(3),
                    min: Some("".into()),
                    max: Some("ÿ".into()),
                    data_type: Some("VARCHAR".into()),
                },
            ),
            ("b".to_owned(), ColumnStatistics::default()),
        ]),
        basis: Some(basis("größe")),
    };
    Table {
        name: name("Order \"Lines\" – 注文"),
        kind: TableKind::External,
        format: FileFormat::Csv,
        location: "s3://bucket/dir with space/*.csv".into(),
        columns: vec![
            Column { comment: Some("".into()), ..column("it's", DataType::Utf8View) },
            Column {
                comment: Some("a 'quoted' \"comment\"\nof two lines".into()),
                ..column("b", DataType::Decimal128(12, 2))
            },
            column("no word in SQL", DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8))),
        ],
        partition_columns: Some(vec![
            column("Dt", DataType::Date32),
            column("hour", DataType::Timestamp(TimeUnit::Second, Some("+02:00".into()))),
        ]),
        options: map([("delimiter", "|"), ("null", ""), ("quote", "'")]),
        properties: map([("owner", "größe"), ("", "empty key"), ("it's", "a\0b")]),
        buckets: Some(Buckets {
            columns: texts(["b", "it's"]),
            sorted_by: vec![
                BucketSort { column: "b".into(), descending: true },
                BucketSort { column: "it's".into(), descending: false },
            ],
            count: 32,
        }),
        comment: Some("".into()),
        constraints: vec![
            constraint("z comes first", ConstraintKind::PrimaryKey { columns: texts(["it's", "b"]) }),
            Constraint {
                enabled: false,
                validate: true,
                rely: true,
                ..constraint("a_key", ConstraintKind::Unique { columns: texts(["b"]) })
            },
            constraint(
                "fk",
                ConstraintKind::ForeignKey {
                    columns: texts(["it's", "b"]),
                    references,
                    referenced_columns: texts(["y", "x"]),
                },
            ),
            constraint("nn", ConstraintKind::NotNull { columns: texts(["Dt"]) }),
        ],
        statistics: Some(statistics),
    }
}

pub(super) async fn create(store: &dyn Metastore, relation: impl Into<Relation>) {
    assert!(store.create_relation(&relation.into(), IfExists::Fail).await.unwrap());
}

pub(super) async fn create_database(store: &dyn Metastore, name: &str) {
    assert!(store.create_database(&Database::new(name), IfExists::Fail).await.unwrap());
}

async fn database_names(store: &dyn Metastore) -> Vec<String> {
    store.databases().await.unwrap().into_iter().map(|database| database.name).collect()
}

async fn names(store: &dyn Metastore, database: &str) -> Vec<String> {
    store.relations(database).await.unwrap().into_iter().map(|relation| relation.name().name.clone()).collect()
}

pub(super) fn assert_fails<T: std::fmt::Debug>(outcome: Result<T, Error>, message: &str, help: Option<&str>) {
    let error = outcome.expect_err(message);
    assert_eq!(error.kind(), ErrorKind::Statement);
    assert_eq!(error.message(), message);
    if let Some(help) = help {
        assert_eq!(error.help_lines(), [help]);
    }
}

pub(super) async fn a_new_catalog_has_the_default_database(store: &dyn Metastore) {
    assert_eq!(store.databases().await.unwrap(), [Database::new("default")]);
    assert_eq!(store.relations("default").await.unwrap(), []);
    assert_fails(store.drop_database("default", true).await, "the database \"default\" cannot be dropped", None);
    assert_eq!(database_names(store).await, ["default"]);
}

pub(super) async fn databases_come_and_go(store: &dyn Metastore) {
    let sales = Database {
        name: "Sales \"größe\"".into(),
        comment: Some("it's".into()),
        location: Some("s3://bucket/sales/".into()),
    };
    assert!(store.create_database(&sales, IfExists::Fail).await.unwrap());
    assert_eq!(store.database(&sales.name).await.unwrap(), Some(sales.clone()));
    assert_eq!(store.database("sales \"größe\"").await.unwrap(), None);
    create_database(store, "a").await;
    assert_eq!(database_names(store).await, ["Sales \"größe\"", "a", "default"]);
    assert_eq!(store.drop_database(&sales.name, false).await.unwrap(), []);
    assert_eq!(store.database(&sales.name).await.unwrap(), None);
}

pub(super) async fn taken_database_names(store: &dyn Metastore) {
    create_database(store, "sales").await;
    create(store, Table { name: TableName::new("sales", "t"), ..table("t") }).await;
    let again = Database { comment: Some("new".into()), ..Database::new("sales") };
    assert_fails(
        store.create_database(&again, IfExists::Fail).await,
        "the database \"sales\" already exists",
        Some("CREATE DATABASE IF NOT EXISTS leaves it as it is"),
    );
    assert!(!store.create_database(&again, IfExists::Keep).await.unwrap());
    assert_eq!(store.database("sales").await.unwrap(), Some(Database::new("sales")));
    assert!(store.create_database(&again, IfExists::Replace).await.unwrap());
    assert_eq!(store.database("sales").await.unwrap(), Some(again));
    assert_eq!(names(store, "sales").await, ["t"]);
}

pub(super) async fn wrong_database_names(store: &dyn Metastore) {
    let create = async |name: &str| store.create_database(&Database::new(name), IfExists::Keep).await;
    assert_fails(create("").await, "a database needs a name", None);
    assert_fails(
        create("information_schema").await,
        "\"information_schema\" is the name of the catalog's own tables",
        Some("choose another name"),
    );
}

pub(super) async fn a_database_with_tables_is_dropped_only_by_cascade(store: &dyn Metastore) {
    create_database(store, "sales").await;
    let inside = |name: &str| TableName::new("sales", name);
    let dropped_table = Table { name: inside("t"), ..full_table() };
    let dropped_view = View { name: inside("v"), ..view("v") };
    create(store, dropped_view.clone()).await;
    create(store, dropped_table.clone()).await;
    create(store, table("t")).await;
    assert_fails(
        store.drop_database("sales", false).await,
        "the database \"sales\" is not empty: it holds 2 tables and views",
        Some("DROP DATABASE sales CASCADE drops them too"),
    );
    assert_eq!(names(store, "sales").await, ["t", "v"]);
    let dropped = store.drop_database("sales", true).await.unwrap();
    assert_eq!(dropped, [Relation::Table(dropped_table), Relation::View(dropped_view)]);
    assert_eq!(database_names(store).await, ["default"]);
    assert_eq!(store.relation(&inside("t")).await.unwrap(), None);
    assert_eq!(names(store, "default").await, ["t"]);
    // Nothing of the old one comes back with its name.
    create_database(store, "sales").await;
    assert_eq!(store.relations("sales").await.unwrap(), []);
}

pub(super) async fn tables_come_back_as_they_were(store: &dyn Metastore) {
    let undeclared = Table { columns: vec![], partition_columns: None, ..table("undeclared") };
    let no_numbers = Table { statistics: Some(TableStatistics::default()), ..table("no_numbers") };
    for table in [table("t"), full_table(), undeclared, no_numbers] {
        create(store, table.clone()).await;
        assert_eq!(store.relation(&table.name).await.unwrap(), Some(Relation::Table(table)));
    }
}

pub(super) async fn views_come_back_as_they_were(store: &dyn Metastore) {
    let full = View {
        name: name("A view – 景"),
        sql: "SELECT 'it''s' AS \"A\",\n  1 -- one".into(),
        columns: texts(["B", "a"]),
        database: "sales".into(),
        dialect: "hive".into(),
        comment: Some("".into()),
    };
    for view in [view("v"), full] {
        create(store, view.clone()).await;
        assert_eq!(store.relation(&view.name).await.unwrap(), Some(Relation::View(view)));
    }
}

pub(super) async fn relations_are_listed_by_name(store: &dyn Metastore) {
    for table_name in ["b", "ä", "a", "B"] {
        create(store, table(table_name)).await;
    }
    create(store, view("aa")).await;
    assert_eq!(names(store, "default").await, ["B", "a", "aa", "b", "ä"]);
}

pub(super) async fn taken_relation_names(store: &dyn Metastore) {
    create(store, table("t")).await;
    create(store, view("v")).await;
    let new = Relation::from(Table { comment: Some("new".into()), ..full_table() }.named("t"));
    assert_fails(
        store.create_relation(&new, IfExists::Fail).await,
        "the table default.t already exists",
        Some("CREATE OR REPLACE TABLE replaces it, CREATE TABLE IF NOT EXISTS leaves it"),
    );
    assert!(!store.create_relation(&new, IfExists::Keep).await.unwrap());
    assert_eq!(store.relation(&name("t")).await.unwrap(), Some(table("t").into()));
    assert!(store.create_relation(&new, IfExists::Replace).await.unwrap());
    assert_eq!(store.relation(&name("t")).await.unwrap(), Some(new));

    let new = Relation::from(View { sql: "SELECT 2".into(), ..view("v") });
    assert_fails(store.create_relation(&new, IfExists::Fail).await, "the view default.v already exists", None);
    assert!(store.create_relation(&new, IfExists::Replace).await.unwrap());
    assert_eq!(store.relation(&name("v")).await.unwrap(), Some(new));

    // Replace also makes what was not there.
    assert!(store.create_relation(&table("fresh").into(), IfExists::Replace).await.unwrap());
}

pub(super) async fn tables_and_views_do_not_replace_each_other(store: &dyn Metastore) {
    create(store, table("t")).await;
    create(store, view("v")).await;
    assert_fails(
        store.create_relation(&view("t").into(), IfExists::Replace).await,
        "default.t is a table, and no view replaces it",
        Some("DROP TABLE default.t comes first"),
    );
    assert_fails(
        store.create_relation(&table("v").into(), IfExists::Replace).await,
        "default.v is a view, and no table replaces it",
        Some("DROP VIEW default.v comes first"),
    );
    assert_eq!(store.relation(&name("t")).await.unwrap(), Some(table("t").into()));
    assert_eq!(store.relation(&name("v")).await.unwrap(), Some(view("v").into()));
}

pub(super) async fn unknown_names_are_errors_with_the_nearest(store: &dyn Metastore) {
    create_database(store, "sales").await;
    create(store, table("orders")).await;
    create(store, Table { name: TableName::new("sales", "customers"), ..table("customers") }).await;

    let meant = Some("did you mean \"orders\"?");
    assert_fails(store.drop_relation(&name("ordrs")).await, "no table or view \"ordrs\" in default", meant);
    let update = store.update_table(&name("Orders"), Box::new(|_| Ok(()))).await;
    assert_fails(update, "no table or view \"Orders\" in default", meant);
    let rename = store.rename_relation(&name("ordesr"), &name("x")).await;
    assert_fails(rename, "no table or view \"ordesr\" in default", meant);
    assert_fails(
        store.drop_relation(&name("customers")).await,
        "no table or view \"customers\" in default",
        Some("did you mean sales.customers?"),
    );
    let unguessable = store.drop_relation(&name("xyz")).await.unwrap_err();
    assert_eq!(unguessable.help_lines(), [] as [&str; 0]);

    let meant = Some("did you mean \"sales\"?");
    let nowhere = TableName::new("slaes", "t");
    assert_fails(store.relations("slaes").await, "no database \"slaes\"", meant);
    assert_fails(store.drop_database("slaes", true).await, "no database \"slaes\"", meant);
    assert_fails(store.drop_relation(&nowhere).await, "no database \"slaes\"", meant);
    let homeless = Table { name: nowhere.clone(), ..table("t") };
    assert_fails(store.create_relation(&homeless.into(), IfExists::Keep).await, "no database \"slaes\"", meant);
    assert_fails(store.rename_relation(&name("orders"), &nowhere).await, "no database \"slaes\"", meant);
    assert_eq!(store.relation(&nowhere).await.unwrap(), None);
    assert_eq!(store.database("slaes").await.unwrap(), None);
}

pub(super) async fn wrong_tables_are_refused(store: &dyn Metastore) {
    let refuse = async |wrong: Table, message: &str| {
        assert_fails(store.create_relation(&wrong.into(), IfExists::Fail).await, message, None);
    };
    let id = || column("id", DataType::Int32);
    refuse(table(""), "a table or view needs a name").await;
    let twice = Table { columns: vec![id(), id()], ..table("t") };
    refuse(twice, "default.t has two columns with the name \"id\"").await;
    let twice = Table { partition_columns: Some(vec![id()]), ..table("t") };
    refuse(twice, "default.t has two columns with the name \"id\"").await;
    let nameless = Table { columns: vec![column("", DataType::Int32)], ..table("t") };
    refuse(nameless, "a column of default.t has no name").await;
    let key = || constraint("k", ConstraintKind::Unique { columns: texts(["id"]) });
    let twice = Table { constraints: vec![key(), key()], ..table("t") };
    refuse(twice, "default.t has two constraints with the name \"k\"").await;
    let twice = View { columns: texts(["a", "a"]), ..view("v") };
    assert_fails(
        store.create_relation(&twice.into(), IfExists::Fail).await,
        "default.v has two columns with the name \"a\"",
        None,
    );
    assert_eq!(store.relations("default").await.unwrap(), []);
}

pub(super) async fn dropped_tables_are_gone_with_all_they_had(store: &dyn Metastore) {
    create(store, full_table()).await;
    let dropped = store.drop_relation(&full_table().name).await.unwrap();
    assert_eq!(dropped, Relation::Table(full_table()));
    assert_eq!(store.relation(&full_table().name).await.unwrap(), None);
    let plain = table("t").named(&full_table().name.name);
    create(store, plain.clone()).await;
    assert_eq!(store.relation(&plain.name).await.unwrap(), Some(plain.into()));
}

pub(super) async fn renaming_takes_everything_along(store: &dyn Metastore) {
    create_database(store, "sales").await;
    let references = |to: &TableName| {
        let kind = ConstraintKind::ForeignKey {
            columns: texts(["id"]),
            references: to.clone(),
            referenced_columns: texts(["id"]),
        };
        vec![constraint("fk", kind)]
    };
    let old = name("old");
    let new = TableName::new("sales", "new");
    let to_itself = Table { constraints: references(&old), ..table("old") };
    create(store, to_itself.clone()).await;
    create(store, Table { constraints: references(&old), ..table("other") }).await;
    create(store, Table { constraints: references(&name("older")), ..table("unconcerned") }).await;

    store.rename_relation(&old, &new).await.unwrap();

    assert_eq!(store.relation(&old).await.unwrap(), None);
    let renamed = Table { name: new.clone(), constraints: references(&new), ..to_itself };
    assert_eq!(store.relation(&new).await.unwrap(), Some(renamed.into()));
    let other = Table { constraints: references(&new), ..table("other") };
    assert_eq!(store.relation(&name("other")).await.unwrap(), Some(other.into()));
    let unconcerned = Table { constraints: references(&name("older")), ..table("unconcerned") };
    assert_eq!(store.relation(&name("unconcerned")).await.unwrap(), Some(unconcerned.into()));

    create(store, view("v")).await;
    store.rename_relation(&name("v"), &name("w")).await.unwrap();
    assert_eq!(store.relation(&name("w")).await.unwrap(), Some(view("w").into()));
}

pub(super) async fn renaming_needs_a_free_name_and_a_database(store: &dyn Metastore) {
    create(store, table("a")).await;
    create(store, view("v")).await;
    let rename = async |to: &TableName| store.rename_relation(&name("a"), to).await;
    assert_fails(rename(&name("v")).await, "the view default.v already exists", None);
    assert_fails(rename(&name("a")).await, "the table default.a already exists", None);
    assert_fails(rename(&name("")).await, "a table or view needs a name", None);
    assert_fails(rename(&TableName::new("x", "a")).await, "no database \"x\"", None);
    assert_eq!(names(store, "default").await, ["a", "v"]);
}

pub(super) async fn updates_are_stored_whole_or_not_at_all(store: &dyn Metastore) {
    create(store, table("t")).await;
    create(store, view("v")).await;
    let t = name("t");
    let update = async |change: fn(&mut Table) -> Result<(), Error>| store.update_table(&t, Box::new(change)).await;

    // From little to much, and back.
    update(|table| {
        *table = full_table().named("t");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(store.relation(&t).await.unwrap(), Some(full_table().named("t").into()));
    update(|given| {
        *given = table("t");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(store.relation(&t).await.unwrap(), Some(table("t").into()));

    let stopped = update(|table| {
        table.comment = Some("half done".into());
        Err(Error::statement("stop"))
    });
    assert_fails(stopped.await, "stop", None);
    let renamed = update(|table| {
        table.name.name = "u".into();
        Ok(())
    });
    assert_fails(renamed.await, "default.t cannot become default.u on the way", None);
    let doubled = update(|table| {
        table.columns.push(column("id", DataType::Int32));
        Ok(())
    });
    assert_fails(doubled.await, "default.t has two columns with the name \"id\"", None);
    assert_eq!(store.relation(&t).await.unwrap(), Some(table("t").into()));

    let of_a_view = store.update_table(&name("v"), Box::new(|_| Ok(()))).await;
    assert_fails(of_a_view, "default.v is a view, not a table", None);
}

fn files(paths: &[&str]) -> FileSet {
    let file = |path: &&str| FileFingerprint {
        path: (*path).into(),
        size: u64::MAX,
        modified: -1,
        tag: path.contains('g').then(|| "\"it's\"".into()),
    };
    FileSet::new(paths.iter().map(file).collect())
}

fn evidence_on(constraint: &str, files: &[FileSet]) -> Evidence {
    Evidence {
        constraint: constraint.into(),
        subject: "größe \"x\"".into(),
        checked_at: time(),
        violations: 3,
        digests: files.iter().map(|files| files.digest().to_owned()).collect(),
    }
}

/// Stores some evidence on a constraint, and returns it.
pub(super) async fn store_evidence(store: &dyn Metastore, table: &Table, constraint: &Constraint) -> Evidence {
    let files = [files(&["größe/a.csv", "b"]), files(&["b"])];
    let evidence = evidence_on(&constraint.name, &files);
    store.store_evidence(&table.name, constraint, &evidence, &files).await.unwrap();
    evidence
}

async fn evidence_names(store: &dyn Metastore, table: &TableName) -> Vec<String> {
    store.evidence(table).await.unwrap().into_iter().map(|evidence| evidence.constraint).collect()
}

pub(super) async fn evidence_comes_back_as_it_was(store: &dyn Metastore) {
    let table = full_table();
    create(store, table.clone()).await;
    assert_eq!(store.evidence(&table.name).await.unwrap(), []);
    assert_eq!(store.evidence_files(&table.name, "fk").await.unwrap(), Vec::<Vec<FileFingerprint>>::new());
    let mut stored = Vec::new();
    for constraint in &table.constraints {
        stored.push(store_evidence(store, &table, constraint).await);
    }
    stored.sort_by(|a, b| a.constraint.cmp(&b.constraint));
    assert_eq!(store.evidence(&table.name).await.unwrap(), stored);
    let lists = store.evidence_files(&table.name, "fk").await.unwrap();
    assert_eq!(lists, [files(&["b", "größe/a.csv"]).files(), files(&["b"]).files()]);

    // Newer evidence takes the place of the older.
    let none = [files(&[])];
    let newer = Evidence { violations: 0, ..evidence_on("nn", &none) };
    store.store_evidence(&table.name, &table.constraints[3], &newer, &none).await.unwrap();
    let found = store.evidence(&table.name).await.unwrap();
    assert_eq!(found.iter().find(|evidence| evidence.constraint == "nn"), Some(&newer));
    assert_eq!(found.len(), 4);
    assert_eq!(store.evidence_files(&table.name, "nn").await.unwrap(), [vec![]]);
    // What the others are about is still there.
    assert_eq!(store.evidence_files(&table.name, "a_key").await.unwrap().len(), 2);
}

pub(super) async fn evidence_goes_with_what_it_is_about(store: &dyn Metastore) {
    let table = full_table();
    create(store, table.clone()).await;
    for constraint in &table.constraints {
        store_evidence(store, &table, constraint).await;
    }
    let change = async |change: fn(&mut Table)| {
        let change = move |table: &mut Table| {
            change(table);
            Ok(())
        };
        store.update_table(&full_table().name, Box::new(change)).await.unwrap();
    };
    change(|table| table.comment = None).await;
    assert_eq!(evidence_names(store, &table.name).await, ["a_key", "fk", "nn", "z comes first"]);
    change(|table| table.constraints.retain(|constraint| constraint.name != "nn")).await;
    assert_eq!(evidence_names(store, &table.name).await, ["a_key", "fk", "z comes first"]);
    // Its trust is not what was checked; its columns are.
    change(|table| table.constraints[0].rely = true).await;
    change(|table| table.constraints[1].kind = ConstraintKind::Unique { columns: texts(["Dt"]) }).await;
    assert_eq!(evidence_names(store, &table.name).await, ["fk", "z comes first"]);
    // One that comes back is a new one.
    change(|table| {
        let dropped = constraint("nn", ConstraintKind::NotNull { columns: texts(["Dt"]) });
        table.constraints.push(dropped);
    })
    .await;
    assert_eq!(evidence_names(store, &table.name).await, ["fk", "z comes first"]);

    store.delete_evidence(&table.name, "fk").await.unwrap();
    store.delete_evidence(&table.name, "nothing").await.unwrap();
    store.delete_evidence(&name("nothing"), "nothing").await.unwrap();
    assert_eq!(evidence_names(store, &table.name).await, ["z comes first"]);

    store.rename_relation(&table.name, &name("renamed")).await.unwrap();
    assert_eq!(evidence_names(store, &table.name).await, Vec::<String>::new());
    assert_eq!(evidence_names(store, &name("renamed")).await, ["z comes first"]);
    assert_eq!(store.evidence_files(&name("renamed"), "z comes first").await.unwrap().len(), 2);

    let again = Relation::from(full_table().named("renamed"));
    store.create_relation(&again, IfExists::Replace).await.unwrap();
    assert_eq!(evidence_names(store, &name("renamed")).await, Vec::<String>::new());
    store_evidence(store, &full_table().named("renamed"), &full_table().constraints[0]).await;
    store.drop_relation(&name("renamed")).await.unwrap();
    create(store, full_table().named("renamed")).await;
    assert_eq!(evidence_names(store, &name("renamed")).await, Vec::<String>::new());
}

pub(super) async fn evidence_is_stored_only_for_what_was_checked(store: &dyn Metastore) {
    let table = full_table();
    create(store, table.clone()).await;
    create(store, view("v")).await;
    let one = [files(&["a"])];
    let key = &table.constraints[1];
    let evidence = evidence_on("a_key", &one);
    let other = Constraint { kind: ConstraintKind::Unique { columns: texts(["it's"]) }, ..key.clone() };
    let changed = "was changed or dropped while it was checked";
    let outcome = store.store_evidence(&table.name, &other, &evidence, &one).await;
    assert!(outcome.unwrap_err().message().ends_with(changed));
    let gone = Constraint { name: "gone".into(), ..key.clone() };
    let outcome = store.store_evidence(&table.name, &gone, &evidence_on("gone", &one), &one).await;
    assert!(outcome.unwrap_err().message().ends_with(changed));
    assert_fails(
        store.store_evidence(&name("nothing"), key, &evidence, &one).await,
        "no table or view \"nothing\" in default",
        None,
    );
    assert_fails(
        store.store_evidence(&name("v"), key, &evidence, &one).await,
        "default.v is a view, not a table",
        None,
    );
    assert_eq!(store.evidence(&table.name).await.unwrap(), []);
}

fn statistics_of(folder: &str, paths: &[&str], rows: Option<u64>) -> PartitionStatistics {
    let column = ColumnSketch {
        data_type: "DECIMAL(12, 2)".into(),
        nulls: 7,
        min: None,
        max: Some("it's".into()),
        sketch: vec![0, 255, 1],
    };
    PartitionStatistics {
        folder: folder.into(),
        files: files(paths),
        subject: "größe".into(),
        rows,
        bytes: 5,
        columns: rows.map(|_| ("it's".to_owned(), column)).into_iter().collect(),
        analyzed_at: time(),
    }
}

pub(super) async fn statistics_come_back_as_they_were(store: &dyn Metastore) {
    let t = name("t");
    create(store, table("t")).await;
    create(store, view("v")).await;
    let whole = |digest: &str| TableStatistics { rows: Some(1), basis: Some(basis(digest)), ..Default::default() };
    let one = statistics_of("dt=größe", &["dt=größe/b", "dt=größe/a"], Some(3));
    let two = statistics_of("", &["c"], None);
    store.store_statistics(&t, &whole("1"), &[one.clone(), two.clone()], &[]).await.unwrap();
    assert_eq!(store.partition_statistics(&t).await.unwrap(), [two.clone(), one.clone()]);
    let paths =
        async || -> Vec<String> { store.analyzed_files(&t).await.unwrap().into_iter().map(|file| file.path).collect() };
    assert_eq!(paths().await, ["c", "dt=größe/a", "dt=größe/b"]);
    let Some(Relation::Table(found)) = store.relation(&t).await.unwrap() else { panic!("the table is gone") };
    assert_eq!(found.statistics, Some(whole("1")));

    // Those of a folder take the place of older ones, and others stay.
    let newer = statistics_of("", &["d"], Some(1));
    store.store_statistics(&t, &whole("2"), std::slice::from_ref(&newer), &[]).await.unwrap();
    assert_eq!(store.partition_statistics(&t).await.unwrap(), [newer.clone(), one]);
    store.store_statistics(&t, &whole("3"), &[], &["dt=größe".into(), "nothing".into()]).await.unwrap();
    assert_eq!(store.partition_statistics(&t).await.unwrap(), [newer]);
    assert_eq!(paths().await, ["d"]);

    let nothing = store.store_statistics(&name("nothing"), &whole("1"), &[], &[]).await;
    assert_fails(nothing, "no table or view \"nothing\" in default", None);
    let of_view = store.store_statistics(&name("v"), &whole("1"), &[], &[]).await;
    assert_fails(of_view, "default.v is a view, not a table", None);
}

pub(super) async fn statistics_go_with_their_table(store: &dyn Metastore) {
    let whole = TableStatistics { rows: Some(1), basis: Some(basis("1")), ..Default::default() };
    let folder = statistics_of("", &["a"], Some(1));
    create(store, table("t")).await;
    store.store_statistics(&name("t"), &whole, std::slice::from_ref(&folder), &[]).await.unwrap();
    store.rename_relation(&name("t"), &name("u")).await.unwrap();
    assert_eq!(store.partition_statistics(&name("u")).await.unwrap(), std::slice::from_ref(&folder));
    // Another change leaves them as they are.
    let comment = |table: &mut Table| {
        table.comment = Some("x".into());
        Ok(())
    };
    store.update_table(&name("u"), Box::new(comment)).await.unwrap();
    assert_eq!(store.partition_statistics(&name("u")).await.unwrap(), std::slice::from_ref(&folder));
    store.create_relation(&table("u").into(), IfExists::Replace).await.unwrap();
    assert_eq!(store.partition_statistics(&name("u")).await.unwrap(), []);
    store.store_statistics(&name("u"), &whole, &[folder], &[]).await.unwrap();
    store.drop_relation(&name("u")).await.unwrap();
    create(store, table("u")).await;
    assert_eq!(store.partition_statistics(&name("u")).await.unwrap(), []);
}

/// Adds one to the property `count`, `times` times, each in a transaction of its own.
pub(super) async fn increment(store: &dyn Metastore, table: &TableName, times: usize) {
    for _ in 0..times {
        let add_one = |table: &mut Table| {
            let count: usize = table.properties.get("count").map_or(0, |count| count.parse().unwrap());
            table.properties.insert("count".into(), (count + 1).to_string());
            Ok(())
        };
        store.update_table(table, Box::new(add_one)).await.unwrap();
    }
}

/// No increment is lost when several stores, which may be one, are written to at once.
pub(super) fn increments_from_many_threads(stores: Vec<Arc<dyn Metastore>>) {
    const TIMES: usize = 50;
    let first = Arc::clone(&stores[0]);
    block_on(create(first.as_ref(), table("t")));
    let writers = stores.len();
    std::thread::scope(|scope| {
        for store in stores {
            scope.spawn(move || block_on(increment(store.as_ref(), &name("t"), TIMES)));
        }
    });
    let counted = block_on(first.relation(&name("t"))).unwrap();
    let Some(Relation::Table(table)) = counted else { panic!("the table is gone") };
    assert_eq!(table.properties["count"], (writers * TIMES).to_string());
}

impl Table {
    pub(super) fn named(self, table_name: &str) -> Table {
        Table { name: name(table_name), ..self }
    }
}
