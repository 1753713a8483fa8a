//! Which field of a record belongs to which column of the table.

use std::collections::HashSet;

use datafusion::arrow::datatypes::Schema;

use super::records::{FieldText, Splitter};
use crate::error::{Error, Result};
use crate::storage::errors::Names;

/// The names in a header record, as columns are called: without blanks around them, `column_3` for an empty one, and
/// `name_1` for the second of the same name.
pub(crate) fn names(splitter: &mut Splitter, data: &[u8]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(splitter.fields());
    let mut taken = HashSet::new();
    for index in 0..splitter.fields() {
        let text = match splitter.field(data, index) {
            Some(FieldText { bytes, .. }) => String::from_utf8_lossy(bytes).trim().to_string(),
            None => String::new(),
        };
        let name = if text.is_empty() { unnamed(index) } else { text };
        let mut unique = name.clone();
        let mut number = 0;
        while !taken.insert(unique.clone()) {
            number += 1;
            unique = format!("{name}_{number}");
        }
        names.push(unique);
    }
    names
}

/// What a column without a name is called.
pub(crate) fn unnamed(index: usize) -> String {
    format!("column_{}", index + 1)
}

/// The fields of one file's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// For each column of the table the field that holds it.
    pub field_of: Vec<Option<usize>>,
    /// How many fields a record has.
    pub fields: usize,
}

impl Layout {
    /// The layout of files without a header: fields are in the columns' order.
    pub(crate) fn positional(columns: usize) -> Self {
        Layout { field_of: (0..columns).map(Some).collect(), fields: columns }
    }

    /// The layout of a file with a header.
    ///
    /// Columns are found by their names. Where columns were declared, a header with other names is taken for a list in
    /// the declared order, as in Hive and Spark, if it is as long. Names in `ignored` are not looked for.
    pub(crate) fn by_header(
        table: &Schema,
        header: &[String],
        declared: bool,
        ignored: &[String],
        shown: &str,
    ) -> Result<Self> {
        let position = |name: &str| {
            header.iter().position(|other| other == name).or_else(|| {
                let same = |other: &&String| declared && other.eq_ignore_ascii_case(name);
                header.iter().find(same).and_then(|found| header.iter().position(|other| other == found))
            })
        };
        let field_of: Vec<Option<usize>> = table.fields().iter().map(|field| position(field.name())).collect();
        let unknown: Vec<String> = header
            .iter()
            .enumerate()
            .filter(|(index, _)| !field_of.contains(&Some(*index)))
            .filter(|(_, name)| !ignored.iter().any(|other| other.eq_ignore_ascii_case(name)))
            .map(|(_, name)| name.clone())
            .collect();
        let missing = field_of.iter().filter(|field| field.is_none()).count();
        let by_name = Layout { field_of, fields: header.len() };
        if unknown.is_empty() || (declared && missing == 0) {
            return Ok(by_name);
        }
        if !declared {
            return Err(Error::storage(format!(
                "{shown} has columns that the table does not have: {}",
                Names(&unknown)
            ))
            .help("they were not there when the table was opened: run the statement again"));
        }
        // Those that are found must be where the declaration has them, or the order is not the declared one.
        let in_order =
            by_name.field_of.iter().enumerate().all(|(index, field)| field.is_none_or(|field| field == index));
        if in_order && header.len() == table.fields().len() {
            return Ok(Layout::positional(header.len()));
        }
        Err(Error::storage(format!(
            "the header of {shown} does not have the declared columns: it has {}",
            Names(header)
        ))
        .help(format!(
            "the table declares {}",
            table.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(", ")
        )))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field};

    use super::*;
    use crate::storage::format::csv::records::{Step, Syntax};

    fn schema(names: &[&str]) -> Schema {
        Schema::new(names.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect::<Vec<_>>())
    }

    fn layout(table: &[&str], header: &[&str], declared: bool) -> Result<Layout> {
        let header: Vec<String> = header.iter().map(|name| name.to_string()).collect();
        Layout::by_header(&schema(table), &header, declared, &["dt".to_string()], "f.csv")
    }

    #[test]
    fn names_are_made_usable() {
        let mut splitter = Splitter::new(Syntax::default());
        let data = b"id, \"a b\" ,,id,id,\n";
        assert!(matches!(splitter.step(data, true), Ok(Step::Record(_))));
        assert_eq!(names(&mut splitter, data), ["id", "\"a b\"", "column_3", "id_1", "id_2", "column_6"]);
    }

    #[test]
    fn columns_are_found_by_name() {
        let found = layout(&["a", "b", "c"], &["c", "a"], false).unwrap();
        assert_eq!(found, Layout { field_of: vec![Some(1), None, Some(0)], fields: 2 });
        assert_eq!(layout(&["a"], &["DT", "a"], false).unwrap(), Layout { field_of: vec![Some(1)], fields: 2 });
        assert!(layout(&["a"], &["a", "x"], false).unwrap_err().message().contains("x"));
    }

    #[test]
    fn declared_columns_may_be_in_other_case_or_in_order() {
        assert_eq!(layout(&["id", "name"], &["NAME", "ID"], true).unwrap().field_of, [Some(1), Some(0)]);
        assert_eq!(layout(&["id", "name"], &["Order ID", "Full Name"], true).unwrap().field_of, [Some(0), Some(1)]);
        assert_eq!(layout(&["id", "name"], &["x", "name", "id"], true).unwrap().field_of, [Some(2), Some(1)]);
        assert_eq!(layout(&["id", "later"], &["id"], true).unwrap().field_of, [Some(0), None]);
        // One name is found at another place: the order cannot be meant.
        assert!(layout(&["id", "name"], &["name", "Order ID"], true).is_err());
        assert!(layout(&["id", "name"], &["x"], true).is_err());
    }
}
