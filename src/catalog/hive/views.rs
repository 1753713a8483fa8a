//! A metastore's view as a view of ours: its text, in the hive dialect, over the tables of its metastore.

use std::collections::BTreeMap;

use super::table::comment;
use super::{spark, wire};
use crate::catalog::model::{TableName, View, in_catalog, split_database};
use crate::error::{Error, Result};
use crate::sql::dialect::Dialect;

pub(super) fn view(name: TableName, table: &wire::Table) -> Result<View> {
    let is_given = |text: &&String| !text.trim().is_empty();
    let original = table.view_original_text.as_ref().filter(is_given);
    // Their types are those of the query.
    let in_lower_case = || table.storage.columns.iter().map(|column| column.name.clone()).collect();
    let columns = spark::spelt_names(table).unwrap_or_else(in_lower_case);
    let made_by_spark =
        table.parameters.keys().any(|key| key.starts_with("view.query.out.") || key == "spark.sql.create.version");
    let sql = match made_by_spark {
        true => original.map(|text| with_the_columns_of_then(text, &table.parameters)),
        // Hive's own text with every name written out.
        false => table.view_expanded_text.as_ref().filter(is_given).or(original).cloned(),
    };
    let Some(sql) = sql else { return Err(Error::statement("the metastore has no text for this view")) };
    let database = database_of_then(&name, &table.parameters);
    Ok(View { name, sql, columns, database, dialect: Dialect::Hive.to_string(), comment: comment(&table.parameters) })
}

/// Spark keeps the user's text, in which `*` means the columns that there were when the view was made.
fn with_the_columns_of_then(text: &str, parameters: &BTreeMap<String, String>) -> String {
    let columns: Vec<&String> =
        (0..).map_while(|number| parameters.get(&format!("view.query.out.col.{number}"))).collect();
    let mut seen = std::collections::HashSet::new();
    if !text.contains('*') || columns.is_empty() || !columns.iter().all(|column| seen.insert(column.to_lowercase())) {
        return text.to_string();
    }
    let list: Vec<String> = columns.iter().map(|column| format!("`{}`", column.replace('`', "``"))).collect();
    // The text may end in a comment.
    format!("SELECT {} FROM (\n{text}\n) AS v", list.join(", "))
}

/// The database that names without one mean: the view's own, or the one that was current in Spark.
fn database_of_then(name: &TableName, parameters: &BTreeMap<String, String>) -> String {
    let (catalog, _) = split_database(&name.database);
    let parts: Vec<&String> =
        (0..).map_while(|number| parameters.get(&format!("view.catalogAndNamespace.part.{number}"))).collect();
    match parts.as_slice() {
        // The first is Spark's name for the metastore.
        [_, database] => in_catalog(catalog, database),
        _ => name.database.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{field, text_map};
    use super::*;

    fn made(original: &str, expanded: &str, parameters: &[(&str, &str)]) -> wire::Table {
        let mut table = wire::Table {
            kind: "VIRTUAL_VIEW".into(),
            view_original_text: Some(original.into()),
            view_expanded_text: Some(expanded.into()),
            parameters: text_map(parameters),
            ..wire::Table::default()
        };
        table.storage.columns = vec![field("a", "int"), field("b", "interval_day_time")];
        table
    }

    fn read(table: &wire::Table) -> View {
        view(TableName::new("hive.sales", "v"), table).unwrap()
    }

    #[test]
    fn hive_has_written_all_names_out() {
        let view = read(&made("select * from t", "select `t`.`a`, `t`.`b` from `sales`.`t`", &[("comment", "c")]));
        assert_eq!(view.sql, "select `t`.`a`, `t`.`b` from `sales`.`t`");
        assert_eq!(
            (view.columns, view.dialect, view.comment),
            (vec!["a".into(), "b".into()], "hive".into(), Some("c".into()))
        );
        assert_eq!(view.database, "hive.sales");
    }

    #[test]
    fn spark_says_what_was_current_and_which_columns_there_were() {
        let of_spark = [
            ("spark.sql.create.version", "4.0"),
            ("view.catalogAndNamespace.numParts", "2"),
            ("view.catalogAndNamespace.part.0", "spark_catalog"),
            ("view.catalogAndNamespace.part.1", "other"),
            ("view.query.out.numCols", "2"),
            ("view.query.out.col.0", "A`x"),
            ("view.query.out.col.1", "b"),
        ];
        let view = read(&made("SELECT * FROM t -- all", "SELECT * FROM t -- all", &of_spark));
        assert_eq!(view.sql, "SELECT `A``x`, `b` FROM (\nSELECT * FROM t -- all\n) AS v");
        assert_eq!(view.database, "hive.other");
        let schema = r#"{"fields":[{"name":"A","type":"integer"},{"name":"b","type":"string"}]}"#;
        let mut spelt = made("SELECT 1 AS A, '' AS b", "", &of_spark);
        spelt.parameters.insert("spark.sql.sources.schema".into(), schema.into());
        assert_eq!(read(&spelt).columns, ["A", "b"]);
        let plain = read(&made("SELECT x AS a, y AS b FROM t", "", &of_spark));
        assert_eq!(plain.sql, "SELECT x AS a, y AS b FROM t");
    }

    #[test]
    fn a_view_without_text_is_an_error() {
        assert!(view(TableName::new("hive.sales", "v"), &made(" ", "", &[])).is_err());
    }
}
