//! What was found, as statements to paste.
//!
//! Keys go before the foreign keys that refer to them. What was proved on all rows is declared with VALIDATE; what holds perhaps by
//! chance, and everything that only a sample says, is a comment:
//!
//! ```text
//! -- default.orders: 15000 rows, all of them looked at
//! ALTER TABLE default.orders ADD PRIMARY KEY (o_orderkey) VALIDATE;
//! -- weak, free text: ALTER TABLE default.orders ADD UNIQUE (o_comment) VALIDATE;
//!
//! ALTER TABLE default.orders ADD FOREIGN KEY (o_custkey) REFERENCES default.customer (c_custkey) VALIDATE;
//! ```

use super::{Profile, ProfileSource, TableProfile};
use crate::catalog::model::{ConstraintKind, Relation, TableName};
use crate::catalog::show_create::{create_statement, qualified_name};
use crate::names::quote_identifier;

/// The statements, each on a line of its own but for CREATE TABLE.
pub fn statements(profile: &Profile) -> String {
    let mut text = String::new();
    for table in &profile.tables {
        keys_of(table, &mut text);
        text.push('\n');
    }
    let mut declared = Vec::new();
    let mut references = String::new();
    for table in &profile.tables {
        references_of(table, &mut declared, &mut references);
    }
    if references.is_empty() { text.trim_end().to_string() + "\n" } else { text + &references }
}

fn keys_of(table: &TableProfile, text: &mut String) {
    let name = table.source.name();
    let looked_at = match table.sample {
        None => format!("{} rows, all of them looked at", table.rows),
        Some(sample) => format!("a sample of {} rows ({sample}); nothing is proved by it", table.rows),
    };
    *text += &format!("-- {}: {looked_at}\n", commented(&qualified_name(name)));
    if let ProfileSource::File(file) = &table.source {
        put(text, table, None, &create_statement(&Relation::Table(file.as_ref().clone())));
    }
    if let ProfileSource::View(_) = &table.source {
        *text += "-- a view takes no constraints\n";
    }
    for key in table.keys.iter().filter(|key| key.declared.is_none()) {
        put(text, table, key.weak, &add(name, &key.kind));
    }
    let columns = not_null_columns(table);
    if !columns.is_empty() {
        put(text, table, None, &add(name, &ConstraintKind::NotNull { columns }));
    }
}

fn references_of(table: &TableProfile, declared: &mut Vec<String>, text: &mut String) {
    for reference in table.references.iter().filter(|reference| reference.declared.is_none()) {
        // What may hold by chance is no reason to declare a key of another table.
        if let (Some(needed), ConstraintKind::ForeignKey { references, .. }, None) =
            (&reference.needs, &reference.kind, reference.weak)
        {
            let statement = add(references, needed);
            if !declared.contains(&statement) {
                put(text, table, None, &statement);
                declared.push(statement);
            }
        }
        put(text, table, reference.weak, &add(table.source.name(), &reference.kind));
    }
}

/// Columns without a NULL that neither the primary key nor a declaration says it of.
fn not_null_columns(table: &TableProfile) -> Vec<String> {
    let found = table.keys.iter().map(|key| &key.kind).filter(|kind| matches!(kind, ConstraintKind::PrimaryKey { .. }));
    let declared = table.declared.iter().map(|constraint| &constraint.kind);
    let declared =
        declared.filter(|kind| matches!(kind, ConstraintKind::PrimaryKey { .. } | ConstraintKind::NotNull { .. }));
    let said: Vec<&String> = found.chain(declared).flat_map(ConstraintKind::columns).collect();
    let columns = table.columns.iter().filter(|column| column.nulls == 0 && table.rows > 0);
    columns.map(|column| column.name.clone()).filter(|name| !said.contains(&name)).collect()
}

/// The statement that declares a constraint and has it checked.
pub(super) fn add(table: &TableName, kind: &ConstraintKind) -> String {
    let names = |names: &[String]| names.iter().map(|name| quote_identifier(name)).collect::<Vec<_>>().join(", ");
    let mut text = format!("ALTER TABLE {} ADD {} ({})", qualified_name(table), kind.keywords(), names(kind.columns()));
    if let ConstraintKind::ForeignKey { references, referenced_columns, .. } = kind {
        text += &format!(" REFERENCES {} ({})", qualified_name(references), names(referenced_columns));
    }
    text + " VALIDATE"
}

/// Writes a statement, as a comment if it is not to be run as it is.
fn put(text: &mut String, table: &TableProfile, weak: Option<&str>, statement: &str) {
    let is_view = matches!(table.source, ProfileSource::View(_));
    match (weak, table.sample) {
        (Some(weak), None) => *text += &format!("-- weak, {weak}: {};\n", commented(statement)),
        (Some(weak), Some(_)) => *text += &format!("-- sample; weak, {weak}: {};\n", commented(statement)),
        (None, Some(_)) => *text += &format!("-- sample: {};\n", commented(statement)),
        (None, None) if is_view => *text += &format!("-- {};\n", commented(statement)),
        (None, None) => *text += &format!("{statement};\n"),
    }
}

/// A text that goes on behind `--`: a name may hold the end of a line.
fn commented(text: &str) -> String {
    text.replace('\r', " ").replace('\n', "\n-- ")
}
