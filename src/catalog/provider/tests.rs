use datafusion::prelude::{SessionConfig, SessionContext};

use super::*;
use crate::catalog::evidence::{Evidence, FileFingerprint, FileSet};
use crate::catalog::model::{Constraint, DEFAULT_DATABASE, Database};
use crate::catalog::suite::{EmptyTables, create, create_database, table, view};
use crate::catalog::{CATALOG, IfExists, MemoryMetastore, Metastore, TableChange};

fn session(metastore: Arc<dyn Metastore>) -> (SessionContext, Arc<OstrichCatalog>) {
    let config = SessionConfig::new()
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, DEFAULT_DATABASE);
    let context = SessionContext::new_with_config(config);
    let catalogs = Arc::clone(context.state().catalog_list());
    let catalog = Arc::new(OstrichCatalog::new(metastore, Arc::new(EmptyTables), &catalogs, HashMap::new()));
    context.register_catalog(CATALOG, Arc::clone(&catalog) as _);
    (context, catalog)
}

async fn column_names(context: &SessionContext, sql: &str) -> Vec<String> {
    let plan = context.sql(sql).await.unwrap();
    plan.schema().fields().iter().map(|field| field.name().clone()).collect()
}

#[tokio::test]
async fn names_resolve_through_the_metastore() {
    let store: Arc<dyn Metastore> = Arc::new(MemoryMetastore::new());
    let (context, _) = session(Arc::clone(&store));
    assert!(context.sql("SELECT * FROM t").await.is_err());

    // What is made later is there for the next statement.
    create(store.as_ref(), table("t")).await;
    create_database(store.as_ref(), "Sales \"x\"").await;
    let elsewhere = TableName::new("Sales \"x\"", "größe");
    create(store.as_ref(), Table { name: elsewhere, columns: vec![], ..table("t") }).await;
    assert_eq!(column_names(&context, "SELECT * FROM t").await, ["id"]);
    assert_eq!(column_names(&context, "SELECT * FROM ostrich.default.t").await, ["id"]);
    assert_eq!(column_names(&context, "SELECT * FROM \"Sales \"\"x\"\"\".größe").await, ["found"]);

    store.drop_relation(&TableName::new("default", "t")).await.unwrap();
    assert!(context.sql("SELECT * FROM t").await.is_err());
}

#[tokio::test]
async fn paths_are_tables_unless_a_table_has_the_name() {
    let store: Arc<dyn Metastore> = Arc::new(MemoryMetastore::new());
    let (context, _) = session(Arc::clone(&store));
    assert_eq!(column_names(&context, "SELECT * FROM 'dir/*.parquet'").await, ["from_path"]);
    assert!(context.sql("SELECT * FROM 'elsewhere/*.parquet'").await.is_err());
    create(store.as_ref(), Table { columns: vec![], ..table("dir/a.csv") }).await;
    assert_eq!(column_names(&context, "SELECT * FROM 'dir/a.csv'").await, ["found"]);
}

#[test]
fn what_looks_like_a_path() {
    for path in ["a/b", "/", "*.x", "orders.parquet", "Orders.CSV", "x.csv.gz", "x.JSON.ZST", "s3://b/k", "part-?"] {
        assert!(looks_like_a_path(path), "{path}");
    }
    for name in ["orders", "orders.v2", "csv", "archive.gz", "x.exe", "", "größe", "parquet.gz"] {
        assert!(!looks_like_a_path(name), "{name}");
    }
}

#[tokio::test]
async fn what_cannot_be_resolved_says_why() {
    let store: Arc<dyn Metastore> = Arc::new(MemoryMetastore::new());
    create(store.as_ref(), Table { location: "/gone/".into(), ..table("t") }).await;
    let (context, _) = session(store);
    let error = context.sql("SELECT * FROM t").await.unwrap_err();
    assert!(error.to_string().contains("no files in /gone/"), "{error}");
}

#[tokio::test]
async fn schemas_and_tables_are_listed() {
    let store: Arc<dyn Metastore> = Arc::new(MemoryMetastore::new());
    create_database(store.as_ref(), "sales").await;
    create(store.as_ref(), table("t")).await;
    create(store.as_ref(), view("v")).await;
    let (_, catalog) = session(store);
    assert_eq!(catalog.schema_names(), ["default", "sales", "information_schema"]);
    assert!(catalog.schema("nowhere").is_none());
    let schema = catalog.schema("default").unwrap();
    assert_eq!(schema.table_names(), ["t", "v"]);
    assert!(schema.table_exist("t") && !schema.table_exist("u"));
    // Without a look at the files.
    assert_eq!(schema.table_type("t").await.unwrap(), Some(TableType::Base));
    assert_eq!(schema.table_type("v").await.unwrap(), Some(TableType::View));
    assert_eq!(schema.table_type("u").await.unwrap(), None);
}

#[tokio::test]
async fn datafusion_does_not_change_the_catalog() {
    let store: Arc<dyn Metastore> = Arc::new(MemoryMetastore::new());
    create(store.as_ref(), table("t")).await;
    let (context, catalog) = session(Arc::clone(&store));
    for statement in ["CREATE TABLE x AS SELECT 1", "CREATE SCHEMA s", "DROP TABLE t", "DROP SCHEMA default CASCADE"] {
        let outcome = context.sql(statement).await;
        assert!(outcome.is_err(), "{statement}");
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains("in no other way") || error.contains("doesn't exist"), "{error}");
    }
    let error = catalog.schema("default").unwrap().deregister_table("t").unwrap_err();
    assert!(error.to_string().contains("the catalog is changed by DROP TABLE"), "{error}");
    assert_eq!(store.relations("default").await.unwrap().len(), 1);
}

#[test]
fn the_catalog_goes_with_its_session() {
    let (context, catalog) = session(Arc::new(MemoryMetastore::new()));
    let watched = Arc::downgrade(&catalog);
    drop((context, catalog));
    assert!(watched.upgrade().is_none());
}

/// A metastore whose file has been taken away.
#[derive(Debug)]
struct Broken;

fn broken<T>() -> Result<T> {
    Err(Error::storage("the catalog is damaged"))
}

#[async_trait]
impl Metastore for Broken {
    async fn databases(&self) -> Result<Vec<Database>> {
        broken()
    }

    async fn database(&self, _: &str) -> Result<Option<Database>> {
        broken()
    }

    async fn create_database(&self, _: &Database, _: IfExists) -> Result<bool> {
        broken()
    }

    async fn drop_database(&self, _: &str, _: bool) -> Result<Vec<Relation>> {
        broken()
    }

    async fn relations(&self, _: &str) -> Result<Vec<Relation>> {
        broken()
    }

    async fn relation(&self, _: &TableName) -> Result<Option<Relation>> {
        broken()
    }

    async fn create_relation(&self, _: &Relation, _: IfExists) -> Result<bool> {
        broken()
    }

    async fn drop_relation(&self, _: &TableName) -> Result<Relation> {
        broken()
    }

    async fn rename_relation(&self, _: &TableName, _: &TableName) -> Result<()> {
        broken()
    }

    async fn update_table(&self, _: &TableName, _: TableChange) -> Result<()> {
        broken()
    }

    async fn evidence(&self, _: &TableName) -> Result<Vec<Evidence>> {
        broken()
    }

    async fn evidence_files(&self, _: &TableName, _: &str) -> Result<Vec<Vec<FileFingerprint>>> {
        broken()
    }

    async fn store_evidence(&self, _: &TableName, _: &Constraint, _: &Evidence, _: &[FileSet]) -> Result<()> {
        broken()
    }

    async fn delete_evidence(&self, _: &TableName, _: &str) -> Result<()> {
        broken()
    }
}

#[tokio::test]
async fn a_broken_metastore_does_not_look_like_an_empty_one() {
    let (context, _) = session(Arc::new(Broken));
    for query in ["SELECT * FROM t", "SELECT * FROM information_schema.tables"] {
        let outcome = async { context.sql(query).await?.collect().await };
        let error = outcome.await.unwrap_err();
        assert!(error.to_string().contains("the catalog is damaged"), "{error}");
    }
}

#[tokio::test]
async fn columns_are_the_declared_ones_or_those_of_the_files() {
    let with_comment = |mut column: Column| {
        column.comment = Some("its comment".into());
        column
    };
    let declared = Table { location: "/gone/".into(), ..crate::catalog::suite::full_table() };
    let names = |columns: Vec<Column>| columns.into_iter().map(|column| column.name).collect::<Vec<_>>();
    assert_eq!(
        names(columns_of(&declared, &EmptyTables).await.unwrap()),
        ["it's", "b", "no word in SQL", "Dt", "hour"]
    );
    // Partition columns that are to be found need a look at the folders.
    let half = Table { partition_columns: None, ..table("t") };
    let half = Table { columns: half.columns.iter().cloned().map(with_comment).collect(), ..half };
    let found = columns_of(&half, &EmptyTables).await.unwrap();
    assert_eq!(found, half.columns);
    let gone = Table { location: "/gone/".into(), ..half };
    assert!(columns_of(&gone, &EmptyTables).await.is_err());
}
