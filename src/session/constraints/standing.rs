//! Whether a constraint's evidence counts now.
//!
//! It counts if the same thing was checked, read in the same way, on exactly the files that the tables concerned have in the
//! listing at hand. Comparing digests of the lists tells; the lists themselves are fetched only to say what is different.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use serde::Serialize;

use crate::catalog::Metastore;
use crate::catalog::evidence::{Difference, Evidence, FileSet, Standing};
use crate::catalog::model::{Constraint, ConstraintKind, Table, TableName};
use crate::error::Result;
use crate::session::ddl::columns::former_names;
use crate::sql::types::to_sql;
use crate::storage::{FileTable, FormerNames};

/// A table as one listing found it.
#[derive(Debug, Clone)]
pub(in crate::session) struct Listed {
    pub table: Arc<Table>,
    pub open: Arc<FileTable>,
    pub files: Arc<FileSet>,
}

impl Listed {
    pub fn new(table: Table, open: Arc<FileTable>) -> Self {
        let files = Arc::new(open.fingerprints());
        Listed { table: Arc::new(table), open, files }
    }

    /// The places of columns in the table's schema; else the name of one that is not there.
    pub fn places(&self, columns: &[String]) -> std::result::Result<Vec<usize>, String> {
        let schema = self.open.schema();
        columns.iter().map(|name| schema.index_of(name).map_err(|_| name.clone())).collect()
    }

    /// What the location is called if it is a file.
    fn itself(&self) -> String {
        self.open.files().first().map_or_else(String::new, |file| {
            file.meta.location.filename().unwrap_or_else(|| file.meta.location.as_ref()).to_string()
        })
    }
}

/// The tables that a constraint is about.
#[derive(Debug, Clone)]
pub(in crate::session) struct Concerned {
    pub own: Listed,
    /// The table that a foreign key references; it may be the table itself.
    pub parent: Option<Listed>,
}

impl Concerned {
    pub fn file_sets(&self) -> Vec<FileSet> {
        self.sides().map(|side| side.files.as_ref().clone()).collect()
    }

    pub fn digests(&self) -> Vec<String> {
        self.sides().map(|side| side.files.digest().to_string()).collect()
    }

    pub fn sides(&self) -> impl Iterator<Item = &Listed> {
        [&self.own].into_iter().chain(&self.parent)
    }
}

/// The table that a foreign key references.
pub(in crate::session) fn referenced(constraint: &Constraint) -> Option<&TableName> {
    match &constraint.kind {
        ConstraintKind::ForeignKey { references, .. } => Some(references),
        ConstraintKind::PrimaryKey { .. } | ConstraintKind::Unique { .. } | ConstraintKind::NotNull { .. } => None,
    }
}

/// What a check finds out about, in a text that differs where the outcome might. Names of tables are not in it: a table keeps
/// its evidence when it is renamed.
#[derive(Serialize)]
struct Subject<'a> {
    kind: &'static str,
    own: Side<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    references: Option<Side<'a>>,
}

#[derive(Serialize)]
struct Side<'a> {
    /// With their types: what is equal depends on them.
    columns: Vec<(&'a str, String)>,
    format: &'static str,
    options: &'a BTreeMap<String, String>,
    /// On the local disk the files' fingerprints tell two places apart, and a catalog's folder may be moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
    /// Where columns are found by their places in a line, these: another order of columns makes other columns of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    places: Vec<usize>,
    /// What the columns are called in older files.
    #[serde(skip_serializing_if = "FormerNames::is_empty")]
    former_names: FormerNames,
}

impl<'a> Side<'a> {
    fn new(listed: &'a Listed, columns: &'a [String]) -> Self {
        let schema = listed.open.schema();
        let typed = |name: &'a String| {
            let data_type = schema.field_with_name(name).map(|field| to_sql(field.data_type()));
            (name.as_str(), data_type.unwrap_or_default())
        };
        Side {
            columns: columns.iter().map(typed).collect(),
            format: listed.open.format().name(),
            options: &listed.table.options,
            location: (!listed.open.location().is_local()).then_some(listed.table.location.as_str()),
            places: match listed.open.format().is_text() {
                true => columns.iter().filter_map(|name| schema.index_of(name).ok()).collect(),
                false => Vec::new(),
            },
            former_names: former_names(&listed.table)
                .into_iter()
                .filter(|(column, _)| columns.contains(column))
                .collect(),
        }
    }
}

pub(in crate::session) fn subject(constraint: &Constraint, concerned: &Concerned) -> Result<String> {
    let references = match (&constraint.kind, &concerned.parent) {
        (ConstraintKind::ForeignKey { referenced_columns, .. }, Some(parent)) => {
            Some(Side::new(parent, referenced_columns))
        }
        _ => None,
    };
    let own = Side::new(&concerned.own, constraint.kind.columns());
    let subject = Subject { kind: constraint.kind.keywords(), own, references };
    serde_json::to_string(&subject)
        .map_err(|error| crate::error::Error::statement(format!("a constraint cannot be described: {error}")))
}

/// How far a constraint's evidence goes for the tables as they were listed.
pub(in crate::session) async fn judge(
    metastore: &dyn Metastore,
    constraint: &Constraint,
    evidence: Option<&Evidence>,
    concerned: &Concerned,
) -> Result<Standing> {
    let mut standing = Standing {
        constraint: constraint.name.clone(),
        checked_at: evidence.map(|evidence| evidence.checked_at),
        violations: evidence.map(|evidence| evidence.violations),
        why_not: None,
    };
    let Some(evidence) = evidence else {
        standing.why_not = Some("it was never checked".to_string());
        return Ok(standing);
    };
    standing.why_not = if evidence.subject != subject(constraint, concerned)? {
        Some("the table's definition was changed since it was checked".to_string())
    } else if evidence.digests != concerned.digests() {
        Some(what_is_different(metastore, constraint, concerned).await?)
    } else if !concerned.sides().all(|side| side.files.shows_changes()) {
        Some("its files tell neither time nor tag, so that a change would not be seen".to_string())
    } else {
        match evidence.violations {
            0 => None,
            1 => Some("it was checked and does not hold: 1 row violates it".to_string()),
            rows => Some(format!("it was checked and does not hold: {rows} rows violate it")),
        }
    };
    Ok(standing)
}

async fn what_is_different(
    metastore: &dyn Metastore,
    constraint: &Constraint,
    concerned: &Concerned,
) -> Result<String> {
    let lists = metastore.evidence_files(&concerned.own.table.name, &constraint.name).await?;
    for (number, (before, side)) in lists.iter().zip(concerned.sides()).enumerate() {
        let name = side.table.name.to_string();
        let of = (number > 0).then_some(name.as_str());
        if let Some(words) = Difference::between(before, side.files.files()).in_words(&side.itself(), of) {
            return Ok(format!("{words} since it was checked"));
        }
    }
    Ok("its files were changed since it was checked".to_string())
}
