//! Whatever SHOW CREATE TABLE prints makes the same table.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::catalog::model::{
    BucketSort, Buckets, Column, Constraint, ConstraintKind, FileFormat, Relation, Table, TableKind, TableName,
};
use crate::catalog::show_create::create_statement;
use crate::session::{Session, SessionOptions};

/// Anything that a name, a comment or a property may be; no NUL, which SQL cannot write, and no `$`, which begins a variable.
const TEXT: &str = "[^\0$]{0,12}";
const NAME: &str = "[a-c]{1,2}|select|[A-Z][a-z]|[^\0$]{1,8}";

fn data_type() -> impl Strategy<Value = DataType> {
    use DataType::*;
    let item = |data_type| Field::new_list_field(data_type, true).into();
    let simple = prop::sample::select(vec![
        Boolean,
        Int8,
        Int16,
        Int32,
        Int64,
        UInt32,
        Float32,
        Float64,
        Utf8View,
        Utf8,
        BinaryView,
        Date32,
        Decimal128(38, 10),
        Timestamp(TimeUnit::Microsecond, None),
        Timestamp(TimeUnit::Millisecond, Some("Europe/Berlin".into())),
        Time64(TimeUnit::Nanosecond),
        Dictionary(Box::new(UInt16), Box::new(Utf8)),
    ]);
    simple.prop_recursive(2, 6, 3, move |inner| {
        prop_oneof![
            inner.clone().prop_map(move |data_type| List(item(data_type))),
            prop::collection::vec((NAME, inner), 1..3).prop_map(|fields| {
                let mut seen = std::collections::HashSet::new();
                let fields = fields.into_iter().filter(|(name, _)| seen.insert(name.to_lowercase()));
                Struct(fields.map(|(name, data_type)| Field::new(name, data_type, true)).collect())
            }),
        ]
    })
}

fn column() -> impl Strategy<Value = Column> {
    (NAME, data_type(), prop::option::of(TEXT)).prop_map(|(name, data_type, comment)| Column {
        name,
        data_type,
        comment,
    })
}

fn texts(key: &'static str) -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map(key, TEXT, 0..3)
}

/// Which constraints a table gets: of how many of its columns, and how they are meant.
fn constraint() -> impl Strategy<Value = (u8, String, usize, [bool; 2])> {
    (0_u8..4, NAME, 1_usize..3, any::<[bool; 2]>())
}

fn table() -> impl Strategy<Value = Table> {
    let parts = (
        prop::collection::vec(column(), 1..5),
        prop::collection::vec(
            (NAME, prop::sample::select(vec![DataType::Int32, DataType::Utf8View, DataType::Date32])),
            0..3,
        ),
        prop::sample::select(FileFormat::ALL.to_vec()),
        (texts("[a-z.' ]{1,10}"), texts(TEXT)),
        (prop::option::of(TEXT), NAME),
        prop::collection::vec(constraint(), 0..4),
        prop::option::of((1_u64..100, any::<bool>())),
        any::<bool>(),
    );
    parts.prop_map(
        |(columns, partitions, format, (options, properties), (comment, name), constraints, buckets, is_external)| {
            let mut seen = std::collections::HashSet::new();
            let mut columns: Vec<Column> =
                columns.into_iter().filter(|column| seen.insert(column.name.to_lowercase())).collect();
            if format == FileFormat::OpenCsv {
                columns.iter_mut().for_each(|column| column.data_type = DataType::Utf8View);
            }
            let partition_columns = partitions.into_iter().filter(|(name, _)| seen.insert(name.to_lowercase()));
            let partition_columns =
                partition_columns.map(|(name, data_type)| Column { name, data_type, comment: None });
            let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
            let mut taken = std::collections::HashSet::new();
            let mut has_key = false;
            let constraints = constraints.into_iter().filter_map(|(kind, name, count, [enabled, rely])| {
                let columns: Vec<String> = names.iter().take(count).cloned().collect();
                let kind = match kind {
                    0 if !std::mem::replace(&mut has_key, true) => ConstraintKind::PrimaryKey { columns },
                    0 | 1 => ConstraintKind::Unique { columns },
                    2 => ConstraintKind::NotNull { columns },
                    _ => return None,
                };
                taken.insert(name.clone()).then_some(Constraint { name, kind, enabled, validate: false, rely })
            });
            Table {
                name: TableName::new("default", name),
                kind: if is_external { TableKind::External } else { TableKind::Managed },
                format,
                location: "/nowhere/it's/".into(),
                constraints: constraints.collect(),
                buckets: buckets.map(|(count, descending)| Buckets {
                    columns: names.iter().take(1).cloned().collect(),
                    sorted_by: names
                        .iter()
                        .skip(1)
                        .map(|name| BucketSort { column: name.clone(), descending })
                        .collect(),
                    count,
                }),
                columns,
                partition_columns: Some(partition_columns.collect()),
                options,
                properties,
                comment,
                statistics: None,
            }
        },
    )
}

#[test]
fn what_is_shown_makes_the_same_table() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let session = runtime.block_on(Session::open(SessionOptions::default())).unwrap();
    // A foreign key with an odd name to an odd table, beside what is found at random.
    let parent = r#"CREATE TABLE "Par""ent" ("k 1" BIGINT, PRIMARY KEY ("k 1"))"#;
    runtime.block_on(session.query(parent)).unwrap();
    let mut runner = TestRunner::new(Config { cases: 200, ..Config::default() });
    let outcome = runner.run(&table(), |mut table| {
        if table.columns.first().is_some_and(|column| column.data_type == DataType::Int64) {
            let columns = vec![table.columns[0].name.clone()];
            let references = TableName::new("default", "Par\"ent");
            let kind = ConstraintKind::ForeignKey { columns, references, referenced_columns: vec!["k 1".into()] };
            table.constraints.push(Constraint {
                name: "the 'fk'".into(),
                kind,
                enabled: true,
                validate: false,
                rely: true,
            });
        }
        prop_assume!(table.name.name != "Par\"ent");
        let statement = create_statement(&Relation::Table(table.clone()));
        let made = runtime.block_on(async {
            session.query(&statement).await?;
            let made = session.metastore().relation(&table.name).await?;
            session.metastore().drop_relation(&table.name).await?;
            Ok::<_, crate::error::Error>(made)
        });
        let made = made.map_err(|error| TestCaseError::fail(format!("{error}\n{statement}")))?;
        let Some(Relation::Table(mut made)) = made else { return Err(TestCaseError::fail("no table was made")) };
        if table.kind == TableKind::Managed {
            // Where it lies is the catalog's business.
            made.location.clone_from(&table.location);
        }
        prop_assert_eq!(made, table, "{}", statement);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
