use datafusion::arrow::datatypes::TimeUnit;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::*;
use crate::catalog::model::*;
use crate::catalog::suite::{self, EmptyTables, column, constraint, create, create_database, name, table, texts};
use crate::catalog::{CATALOG, MemoryMetastore, OstrichCatalog};

async fn session(metastore: Arc<dyn Metastore>) -> SessionContext {
    let config = SessionConfig::new()
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, DEFAULT_DATABASE);
    let context = SessionContext::new_with_config(config);
    let catalogs = Arc::clone(context.state().catalog_list());
    let catalog = OstrichCatalog::new(metastore, Arc::new(EmptyTables), &catalogs, HashMap::new());
    context.register_catalog(CATALOG, Arc::new(catalog));
    context
}

async fn query(context: &SessionContext, sql: &str) -> String {
    let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
    pretty_format_batches(&batches).unwrap().to_string()
}

/// Tables with constraints, a view, a table that cannot be read, and one whose columns are in its files.
async fn filled() -> SessionContext {
    let store: Arc<dyn Metastore> = Arc::new(MemoryMetastore::new());
    create_database(store.as_ref(), "sales").await;
    let key = |columns| ConstraintKind::PrimaryKey { columns };
    let customer = Table {
        name: TableName::new("sales", "customer"),
        columns: vec![column("c_nation", DataType::Utf8View), column("c_id", DataType::Int64)],
        constraints: vec![Constraint { rely: true, ..constraint("customer_pkey", key(texts(["c_nation", "c_id"]))) }],
        ..table("customer")
    };
    let foreign_key = |columns, references: TableName, referenced_columns| ConstraintKind::ForeignKey {
        columns,
        references,
        referenced_columns,
    };
    let orders = Table {
        columns: vec![
            column("id", DataType::Int32),
            column("Größe", DataType::Decimal128(12, 2)),
            column("note", DataType::Utf8),
            column("at", DataType::Timestamp(TimeUnit::Microsecond, None)),
        ],
        partition_columns: Some(vec![column("dt", DataType::Date32)]),
        constraints: vec![
            constraint("orders_pkey", key(texts(["id"]))),
            Constraint {
                rely: true,
                enabled: false,
                validate: true,
                ..constraint("nn", ConstraintKind::NotNull { columns: texts(["note"]) })
            },
            constraint(
                "to_customer",
                foreign_key(texts(["id", "note"]), customer.name.clone(), texts(["c_id", "c_nation"])),
            ),
            constraint("to_nowhere", foreign_key(texts(["id"]), name("dropped"), texts(["x"]))),
        ],
        ..table("orders")
    };
    create(store.as_ref(), customer).await;
    create(store.as_ref(), orders).await;
    create(store.as_ref(), Table { columns: vec![], location: "/gone/".into(), ..table("lost") }).await;
    create(store.as_ref(), Table { columns: vec![], ..table("undeclared") }).await;
    create(store.as_ref(), View { columns: texts(["a"]), ..suite::view("v") }).await;
    session(store).await
}

#[tokio::test]
async fn tables_lists_everything() {
    let context = filled().await;
    insta::assert_snapshot!(query(&context, "SELECT * FROM information_schema.tables").await, @r"
    +---------------+--------------------+-------------------------+------------+
    | table_catalog | table_schema       | table_name              | table_type |
    +---------------+--------------------+-------------------------+------------+
    | ostrich       | default            | lost                    | BASE TABLE |
    | ostrich       | default            | orders                  | BASE TABLE |
    | ostrich       | default            | undeclared              | BASE TABLE |
    | ostrich       | default            | v                       | VIEW       |
    | ostrich       | sales              | customer                | BASE TABLE |
    | ostrich       | information_schema | tables                  | VIEW       |
    | ostrich       | information_schema | views                   | VIEW       |
    | ostrich       | information_schema | columns                 | VIEW       |
    | ostrich       | information_schema | df_settings             | VIEW       |
    | ostrich       | information_schema | schemata                | VIEW       |
    | ostrich       | information_schema | routines                | VIEW       |
    | ostrich       | information_schema | parameters              | VIEW       |
    | ostrich       | information_schema | table_constraints       | VIEW       |
    | ostrich       | information_schema | key_column_usage        | VIEW       |
    | ostrich       | information_schema | referential_constraints | VIEW       |
    | ostrich       | information_schema | table_statistics        | VIEW       |
    | ostrich       | information_schema | column_statistics       | VIEW       |
    +---------------+--------------------+-------------------------+------------+
    ");
}

#[tokio::test]
async fn columns_have_types_in_sql_and_count_from_one() {
    let context = filled().await;
    insta::assert_snapshot!(query(
        &context,
        "SELECT table_schema, table_name, column_name, ordinal_position AS position, is_nullable, data_type,
                numeric_precision AS precision, numeric_precision_radix AS radix, numeric_scale AS scale,
                datetime_precision AS digits
         FROM information_schema.columns"
    ).await, @r"
    +--------------+------------+-------------+----------+-------------+----------------+-----------+-------+-------+--------+
    | table_schema | table_name | column_name | position | is_nullable | data_type      | precision | radix | scale | digits |
    +--------------+------------+-------------+----------+-------------+----------------+-----------+-------+-------+--------+
    | default      | orders     | id          | 1        | YES         | INT            | 32        | 2     | 0     |        |
    | default      | orders     | Größe       | 2        | YES         | DECIMAL(12, 2) | 12        | 10    | 2     |        |
    | default      | orders     | note        | 3        | NO          | VARCHAR        |           |       |       |        |
    | default      | orders     | at          | 4        | YES         | TIMESTAMP      |           |       |       | 6      |
    | default      | orders     | dt          | 5        | YES         | DATE           |           |       |       | 0      |
    | default      | undeclared | found       | 1        | YES         | BIGINT         | 64        | 2     | 0     |        |
    | default      | v          | a           | 1        | YES         | VARCHAR        |           |       |       |        |
    | sales        | customer   | c_nation    | 1        | NO          | VARCHAR        |           |       |       |        |
    | sales        | customer   | c_id        | 2        | NO          | BIGINT         | 64        | 2     | 0     |        |
    +--------------+------------+-------------+----------+-------------+----------------+-----------+-------+-------+--------+
    ");
}

#[tokio::test]
async fn views_lists_views_only() {
    let context = filled().await;
    insta::assert_snapshot!(query(&context, "SELECT * FROM information_schema.views").await, @r"
    +---------------+--------------+------------+------------+-----------------+
    | table_catalog | table_schema | table_name | definition | view_definition |
    +---------------+--------------+------------+------------+-----------------+
    | ostrich       | default      | v          | SELECT 1   | SELECT 1        |
    +---------------+--------------+------------+------------+-----------------+
    ");
}

#[tokio::test]
async fn constraints_with_their_trust() {
    let context = filled().await;
    insta::assert_snapshot!(query(
        &context,
        "SELECT * EXCLUDE (constraint_catalog, table_catalog, constraint_schema, is_deferrable, initially_deferred)
         FROM information_schema.table_constraints"
    ).await, @r"
    +-----------------+--------------+------------+-----------------+--------+---------+-----------+------------+------------------+----------+
    | constraint_name | table_schema | table_name | constraint_type | trust  | enabled | validated | checked_at | evidence_current | evidence |
    +-----------------+--------------+------------+-----------------+--------+---------+-----------+------------+------------------+----------+
    | orders_pkey     | default      | orders     | PRIMARY KEY     | norely | YES     | NO        |            | NO               |          |
    | nn              | default      | orders     | NOT NULL        | rely   | NO      | YES       |            | NO               |          |
    | to_customer     | default      | orders     | FOREIGN KEY     | norely | YES     | NO        |            | NO               |          |
    | to_nowhere      | default      | orders     | FOREIGN KEY     | norely | YES     | NO        |            | NO               |          |
    | customer_pkey   | sales        | customer   | PRIMARY KEY     | rely   | YES     | NO        |            | NO               |          |
    +-----------------+--------------+------------+-----------------+--------+---------+-----------+------------+------------------+----------+
    ");
}

#[tokio::test]
async fn columns_of_constraints() {
    let context = filled().await;
    insta::assert_snapshot!(query(
        &context,
        "SELECT constraint_name, table_name, column_name, ordinal_position AS position,
                position_in_unique_constraint AS in_unique, referenced_table_schema AS to_schema,
                referenced_table_name AS to_table, referenced_column_name AS to_column
         FROM information_schema.key_column_usage"
    ).await, @r"
    +-----------------+------------+-------------+----------+-----------+-----------+----------+-----------+
    | constraint_name | table_name | column_name | position | in_unique | to_schema | to_table | to_column |
    +-----------------+------------+-------------+----------+-----------+-----------+----------+-----------+
    | orders_pkey     | orders     | id          | 1        |           |           |          |           |
    | nn              | orders     | note        | 1        |           |           |          |           |
    | to_customer     | orders     | id          | 1        | 2         | sales     | customer | c_id      |
    | to_customer     | orders     | note        | 2        | 1         | sales     | customer | c_nation  |
    | to_nowhere      | orders     | id          | 1        |           | default   | dropped  | x         |
    | customer_pkey   | customer   | c_nation    | 1        |           |           |          |           |
    | customer_pkey   | customer   | c_id        | 2        |           |           |          |           |
    +-----------------+------------+-------------+----------+-----------+-----------+----------+-----------+
    ");
}

#[tokio::test]
async fn foreign_keys_and_the_keys_they_reference() {
    let context = filled().await;
    insta::assert_snapshot!(query(
        &context,
        "SELECT constraint_schema, constraint_name, unique_constraint_schema AS unique_schema,
                unique_constraint_name AS unique_name, match_option, table_name,
                referenced_table_schema AS to_schema, referenced_table_name AS to_table
         FROM information_schema.referential_constraints"
    ).await, @r"
    +-------------------+-----------------+---------------+---------------+--------------+------------+-----------+----------+
    | constraint_schema | constraint_name | unique_schema | unique_name   | match_option | table_name | to_schema | to_table |
    +-------------------+-----------------+---------------+---------------+--------------+------------+-----------+----------+
    | default           | to_customer     | sales         | customer_pkey | NONE         | orders     | sales     | customer |
    | default           | to_nowhere      |               |               | NONE         | orders     | default   | dropped  |
    +-------------------+-----------------+---------------+---------------+--------------+------------+-----------+----------+
    ");
}

#[tokio::test]
async fn an_empty_catalog_has_empty_tables() {
    let context = session(Arc::new(MemoryMetastore::new())).await;
    for own in Own::ALL {
        let count = query(
            &context,
            &format!(
                "SELECT count(*) AS n FROM information_schema.{} WHERE {} <> 'information_schema'",
                own.name(),
                match own {
                    Own::Schemata => "schema_name",
                    Own::ReferentialConstraints => "constraint_schema",
                    _ => "table_schema",
                },
            ),
        )
        .await;
        // The database `default` is always there.
        let expected = if own == Own::Schemata { "| 1 |" } else { "| 0 |" };
        assert!(count.contains(expected), "{}: {count}", own.name());
    }
}

#[tokio::test]
async fn columns_are_those_that_are_announced() {
    let context = filled().await;
    for own in Own::ALL {
        let sources = Sources {
            catalog: "ostrich".into(),
            metastore: Arc::new(MemoryMetastore::new()),
            resolver: Arc::new(EmptyTables),
        };
        let rows = Rows::new(own, sources);
        let read = context.sql(&format!("SELECT * FROM information_schema.{}", own.name())).await.unwrap();
        assert_eq!(read.schema().fields(), rows.schema.fields());
        for batch in read.collect().await.unwrap() {
            assert_eq!(batch.schema().fields(), rows.schema.fields());
        }
    }
}

#[tokio::test]
async fn datafusions_own_tables_are_there() {
    let context = filled().await;
    let settings = query(
        &context,
        "SELECT name FROM information_schema.df_settings WHERE name = 'datafusion.execution.batch_size'",
    );
    assert!(settings.await.contains("batch_size"));
    let functions =
        query(&context, "SELECT DISTINCT routine_name FROM information_schema.routines WHERE routine_name = 'abs'");
    assert!(functions.await.contains("abs"));
    let parameters = query(&context, "SELECT count(*) > 0 AS some FROM information_schema.parameters");
    assert!(parameters.await.contains("true"));
    let schemas = query(&context, "SELECT schema_name FROM information_schema.schemata ORDER BY 1");
    let schemas = schemas.await;
    assert!(schemas.contains("default") && schemas.contains("sales"), "{schemas}");
    // SHOW is a query on these tables.
    let shown = query(&context, "SHOW COLUMNS FROM orders").await;
    assert!(shown.contains("DECIMAL(12, 2)"), "{shown}");
    assert!(query(&context, "SHOW datafusion.execution.batch_size").await.contains("8192"));
}

#[tokio::test]
async fn all_tables_that_are_listed_can_be_read() {
    let context = filled().await;
    for name in table_names() {
        context.sql(&format!("SELECT * FROM information_schema.{name}")).await.unwrap().collect().await.unwrap();
    }
    assert!(context.sql("SELECT * FROM information_schema.nothing").await.is_err());
}
