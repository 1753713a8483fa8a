//! The statement that makes a table or view: what SHOW CREATE TABLE shows.
//!
//! Pasted into an empty catalog it makes the same table, but for secrets among its options, which are not shown.
//! Clauses with nothing to say are left out:
//!
//! ```text
//! CREATE EXTERNAL TABLE sales.orders (
//!   o_orderkey BIGINT COMMENT 'never used twice',
//!   o_custkey BIGINT,
//!   CONSTRAINT orders_pkey PRIMARY KEY (o_orderkey) ENABLE NOVALIDATE RELY
//! )
//! COMMENT 'as they came in'
//! PARTITIONED BY (dt VARCHAR)
//! STORED AS CSV
//! LOCATION 's3://lake/orders/'
//! OPTIONS ('delimiter' '|')
//! TBLPROPERTIES ('owner' = 'sales')
//! ```

use std::collections::BTreeMap;

use super::CATALOG;
use super::model::{
    BucketSort, Buckets, Column, Constraint, ConstraintKind, Relation, Table, TableKind, TableName, View,
    split_database,
};
use crate::names::{quote_identifier, quote_string};
use crate::sql::types::to_sql;

/// The CREATE statement of a table or view, without a semicolon.
///
/// A view's query is the user's text: its names without a database mean the database that was current then
/// ([`View::database`]), and it is in the dialect of then ([`View::dialect`]).
pub fn create_statement(relation: &Relation) -> String {
    match relation {
        Relation::Table(table) => create_table(table),
        Relation::View(view) => create_view(view),
    }
}

/// A constraint as it is declared: `CONSTRAINT name UNIQUE (a) ENABLE NOVALIDATE NORELY`.
pub fn constraint_clause(constraint: &Constraint) -> String {
    let mut text = format!("CONSTRAINT {} {}", quote_identifier(&constraint.name), constraint.kind.keywords());
    text += &format!(" ({})", names(constraint.kind.columns()));
    if let ConstraintKind::ForeignKey { references, referenced_columns, .. } = &constraint.kind {
        text += &format!(" REFERENCES {} ({})", qualified_name(references), names(referenced_columns));
    }
    text += if constraint.enabled { " ENABLE" } else { " DISABLE" };
    text += if constraint.validate { " VALIDATE" } else { " NOVALIDATE" };
    text + if constraint.rely { " RELY" } else { " NORELY" }
}

/// A table's name with its database, as it must stand in SQL; with its catalog if that is not our own.
pub fn qualified_name(name: &TableName) -> String {
    let (catalog, database) = split_database(&name.database);
    let in_database = format!("{}.{}", quote_identifier(database), quote_identifier(&name.name));
    if catalog == CATALOG { in_database } else { format!("{}.{in_database}", quote_identifier(catalog)) }
}

fn create_table(table: &Table) -> String {
    let external = match table.kind {
        TableKind::Managed => "",
        TableKind::External => "EXTERNAL ",
    };
    let mut text = format!("CREATE {external}TABLE {}", qualified_name(&table.name));
    let columns = table.columns.iter().map(column_definition);
    let elements: Vec<_> = columns.chain(table.constraints.iter().map(constraint_clause)).collect();
    if !elements.is_empty() {
        text += &format!(" (\n  {}\n)", elements.join(",\n  "));
    }
    let partitions = table.partition_columns.iter().flatten().map(column_definition).collect::<Vec<_>>().join(", ");
    let clauses = [
        table.comment.as_ref().map(|comment| format!("COMMENT {}", quote_string(comment))),
        (!partitions.is_empty()).then(|| format!("PARTITIONED BY ({partitions})")),
        table.buckets.as_ref().map(buckets_clause),
        Some(format!("STORED AS {}", table.format)),
        // Where managed tables lie is the catalog's business.
        (table.kind == TableKind::External).then(|| format!("LOCATION {}", quote_string(&table.location))),
        pairs(&without_secrets(&table.options), " ").map(|options| format!("OPTIONS ({options})")),
        pairs(&table.properties, " = ").map(|properties| format!("TBLPROPERTIES ({properties})")),
    ];
    for clause in clauses.into_iter().flatten() {
        text += "\n";
        text += &clause;
    }
    text
}

fn buckets_clause(buckets: &Buckets) -> String {
    let sorted: Vec<String> = buckets.sorted_by.iter().map(sort_column).collect();
    let sorted = if sorted.is_empty() { String::new() } else { format!(" SORTED BY ({})", sorted.join(", ")) };
    format!("CLUSTERED BY ({}){sorted} INTO {} BUCKETS", names(&buckets.columns), buckets.count)
}

fn sort_column(sort: &BucketSort) -> String {
    format!("{}{}", quote_identifier(&sort.column), if sort.descending { " DESC" } else { "" })
}

/// What stands in the place of a secret.
const HIDDEN: &str = "********";

/// Options as they may be shown: passwords and keys to a store are not for everybody who can see the table.
pub fn without_secrets(options: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let shown = |(key, value): (&String, &String)| {
        (key.clone(), if is_secret(key) { HIDDEN.to_owned() } else { value.clone() })
    };
    options.iter().map(shown).collect()
}

fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    ["secret", "password", "token", "credential", "private_key", "account_key", "access_key", "sas_key"]
        .iter()
        .any(|word| key.contains(word))
        && !key.ends_with("access_key_id")
}

fn create_view(view: &View) -> String {
    let mut text = format!("CREATE VIEW {}", qualified_name(&view.name));
    if !view.columns.is_empty() {
        text += &format!(" ({})", names(&view.columns));
    }
    if let Some(comment) = &view.comment {
        text += &format!(" COMMENT {}", quote_string(comment));
    }
    format!("{text} AS {}", view.sql)
}

fn column_definition(column: &Column) -> String {
    let text = format!("{} {}", quote_identifier(&column.name), to_sql(&column.data_type));
    match &column.comment {
        Some(comment) => format!("{text} COMMENT {}", quote_string(comment)),
        None => text,
    }
}

fn names(names: &[String]) -> String {
    names.iter().map(|name| quote_identifier(name)).collect::<Vec<_>>().join(", ")
}

fn pairs(map: &BTreeMap<String, String>, between: &str) -> Option<String> {
    let pair = |(key, value): (&String, &String)| format!("{}{between}{}", quote_string(key), quote_string(value));
    (!map.is_empty()).then(|| map.iter().map(pair).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::DataType;

    use super::*;
    use crate::catalog::suite;

    fn statement(relation: impl Into<Relation>) -> String {
        create_statement(&relation.into())
    }

    #[test]
    fn a_plain_table() {
        assert_eq!(statement(suite::table("t")), "CREATE TABLE default.t (\n  id BIGINT\n)\nSTORED AS PARQUET");
    }

    #[test]
    fn a_table_with_everything() {
        // SQL has no way to write a NUL.
        insta::assert_snapshot!(statement(suite::full_table()).replace('\0', " "), @r#"
        CREATE EXTERNAL TABLE default."Order ""Lines"" – 注文" (
          "it's" VARCHAR COMMENT '',
          b DECIMAL(12, 2) COMMENT 'a ''quoted'' "comment"
        of two lines',
          "no word in SQL" ARROW('Dictionary(UInt16, Utf8)'),
          CONSTRAINT "z comes first" PRIMARY KEY ("it's", b) ENABLE NOVALIDATE NORELY,
          CONSTRAINT a_key UNIQUE (b) DISABLE VALIDATE RELY,
          CONSTRAINT fk FOREIGN KEY ("it's", b) REFERENCES "sales ""x"""."größe" (y, x) ENABLE NOVALIDATE NORELY,
          CONSTRAINT nn NOT NULL ("Dt") ENABLE NOVALIDATE NORELY
        )
        COMMENT ''
        PARTITIONED BY ("Dt" DATE, hour ARROW('Timestamp(s, "+02:00")'))
        CLUSTERED BY (b, "it's") SORTED BY (b DESC, "it's") INTO 32 BUCKETS
        STORED AS CSV
        LOCATION 's3://bucket/dir with space/*.csv'
        OPTIONS ('delimiter' '|', 'null' '', 'quote' '''')
        TBLPROPERTIES ('' = 'empty key', 'it''s' = 'a b', 'owner' = 'größe')
        "#);
    }

    #[test]
    fn a_table_whose_columns_are_in_its_files() {
        let table = Table {
            kind: TableKind::External,
            location: "/data/it's/".into(),
            columns: vec![],
            partition_columns: None,
            ..suite::table("select")
        };
        assert_eq!(
            statement(table),
            "CREATE EXTERNAL TABLE default.\"select\"\nSTORED AS PARQUET\nLOCATION '/data/it''s/'"
        );
    }

    #[test]
    fn a_managed_table_keeps_its_place_to_itself() {
        let table = Table { kind: TableKind::Managed, ..suite::full_table() };
        let text = statement(table);
        assert!(text.starts_with("CREATE TABLE ") && !text.contains("LOCATION"), "{text}");
    }

    #[test]
    fn secrets_are_not_shown() {
        let options = [
            ("aws.access_key_id", "AKIA"),
            ("aws.secret_access_key", "hidden1"),
            ("azure.account_key", "hidden2"),
            ("AWS.SESSION_TOKEN", "hidden3"),
            ("header", "true"),
        ];
        let options = options.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let text = statement(Table { options, ..suite::table("t") });
        assert!(!text.contains("hidden"), "{text}");
        assert!(text.contains("'aws.secret_access_key' '********'"), "{text}");
        assert!(text.contains("'aws.access_key_id' 'AKIA', ") && text.contains("'header' 'true'"), "{text}");
    }

    #[test]
    fn partition_columns_have_comments_too() {
        let dt = Column { name: "dt".into(), data_type: DataType::Utf8View, comment: Some("day".into()) };
        let text = statement(Table { partition_columns: Some(vec![dt]), ..suite::table("t") });
        assert!(text.contains("\nPARTITIONED BY (dt VARCHAR COMMENT 'day')\n"), "{text}");
    }

    #[test]
    fn views() {
        let view = View {
            name: TableName::new("sales", "Top 10"),
            sql: "SELECT a, b\nFROM t -- all".into(),
            columns: vec!["a".into(), "B".into()],
            database: "sales".into(),
            dialect: "ansi".into(),
            comment: None,
        };
        assert_eq!(statement(view.clone()), "CREATE VIEW sales.\"Top 10\" (a, \"B\") AS SELECT a, b\nFROM t -- all");
        let view = View { columns: vec![], comment: Some("it's".into()), sql: "SELECT 1".into(), ..view };
        assert_eq!(statement(view), "CREATE VIEW sales.\"Top 10\" COMMENT 'it''s' AS SELECT 1");
    }
}
