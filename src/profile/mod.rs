//! What is in a table: its columns, and the keys and foreign keys that its rows obey.
//!
//! A data engineer who gets a folder of files wants to know what identifies a row, and what refers to what, before anything is
//! declared. So [`profile`] looks: one scan tells of all columns, and with that most candidates for keys and foreign keys are out; what
//! is left is proved on all rows. [`ddl`] writes what was found as statements to paste.
//!
//! Of a sample nothing is proved. It is called a sample wherever it is shown, and its statements are comments.

mod budget;
mod collect;
mod column;
pub mod ddl;
mod footers;
mod keys;
mod names;
mod pairs;
mod proof;
mod raw;
mod references;
pub mod rows;
mod scan;
mod sketch;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use datafusion::catalog::TableProvider;

use self::budget::Budget;
use self::collect::collect;
pub use self::column::{ColumnFacts, Distinct};
use self::keys::{Columns, Key, can_be_key, is_fraction, is_free_text};
use self::names::{ColumnName, column_names};
use self::proof::count_distinct;
use self::raw::Raw;
use self::references::{Child, NeededKey, Parent, ParentKey, Reference};
use crate::catalog::model::{Constraint, ConstraintKind, Relation, Table, TableName};
use crate::error::{Error, Result};
use crate::session::{Named, Session, StatementTables};

/// What is to be looked at.
#[derive(Debug, Clone, Default)]
pub struct ProfileRequest {
    /// Names of tables and views, and paths of files; none: all tables of the current database.
    pub names: Vec<String>,
    /// Only some rows of them.
    pub sample: Option<Sample>,
    /// Count distinct values exactly, however many there are.
    pub exact: bool,
}

/// Some rows of a table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sample {
    /// The first rows.
    Rows(u64),
    /// Rows picked at random, so many of a hundred.
    Percent(f64),
}

impl FromStr for Sample {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong =
            || Error::usage(format!("\"{text}\" is no size of a sample")).help("write rows, 10000, or a part, 5%");
        match text.trim().strip_suffix('%') {
            Some(percent) => match percent.trim().parse::<f64>() {
                Ok(percent) if percent > 0.0 && percent <= 100.0 => Ok(Sample::Percent(percent)),
                _ => Err(wrong()),
            },
            None => match text.trim().parse::<u64>() {
                Ok(rows) if rows > 0 => Ok(Sample::Rows(rows)),
                _ => Err(wrong()),
            },
        }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sample::Rows(rows) => write!(f, "the first {rows} rows"),
            Sample::Percent(percent) => write!(f, "{percent} % of the rows"),
        }
    }
}

/// What was found.
#[derive(Debug)]
pub struct Profile {
    pub tables: Vec<TableProfile>,
    /// What could not be looked at, and why.
    pub notes: Vec<String>,
}

/// What was found in a table.
#[derive(Debug)]
pub struct TableProfile {
    pub source: ProfileSource,
    /// Rows that were looked at.
    pub rows: u64,
    /// `None`: all rows were looked at.
    pub sample: Option<Sample>,
    pub columns: Vec<ColumnFacts>,
    /// The likeliest first.
    pub keys: Vec<FoundKey>,
    /// The likeliest first.
    pub references: Vec<FoundReference>,
    /// Constraints that were declared already.
    pub declared: Vec<Constraint>,
}

/// Where the rows are from.
#[derive(Debug, Clone)]
pub enum ProfileSource {
    Table(TableName),
    /// A view takes no constraints.
    View(TableName),
    /// Files that are no table of the catalog, as the table that they would be.
    File(Box<Table>),
}

impl ProfileSource {
    pub fn name(&self) -> &TableName {
        match self {
            ProfileSource::Table(name) | ProfileSource::View(name) => name,
            ProfileSource::File(table) => &table.name,
        }
    }
}

/// A key that the rows have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundKey {
    /// PRIMARY KEY or UNIQUE.
    pub kind: ConstraintKind,
    /// Why it may hold by chance.
    pub weak: Option<&'static str>,
    /// The name of the constraint that says so.
    pub declared: Option<String>,
}

/// A foreign key that the rows have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundReference {
    pub kind: ConstraintKind,
    pub weak: Option<&'static str>,
    pub declared: Option<String>,
    /// The key of the other table that has to be declared first.
    pub needs: Option<ConstraintKind>,
}

/// Most weak keys of a table that are told.
const MOST_WEAK_KEYS: usize = 5;

/// Looks at tables, views and files.
pub async fn profile(session: &Session, request: &ProfileRequest) -> Result<Profile> {
    let tables = session.tables();
    let budget = Budget::new(&session.context().runtime_env().memory_pool);
    let mut looked_at = Vec::new();
    for named in named(session, request, &tables).await? {
        let target = Target::look_at(session, named, request, &tables, &budget).await;
        looked_at.push(target?);
    }
    let mut notes = Vec::new();
    let parents = parents(session, &looked_at, &tables, &budget, &mut notes).await?;
    let mut profiles = Vec::new();
    for target in looked_at {
        let references = references::find(session, &target.child(), &parents).await;
        profiles.push(target.profile(references?));
    }
    Ok(Profile { tables: profiles, notes })
}

/// What the request names, each once.
async fn named(session: &Session, request: &ProfileRequest, tables: &StatementTables) -> Result<Vec<Named>> {
    let mut found = Vec::new();
    if request.names.is_empty() {
        let all = session.tables_of(&session.database()).await?;
        found.extend(all.into_iter().map(|table| Named::Relation(table.into())));
        if found.is_empty() {
            return Err(Error::usage("there are no tables to profile")
                .help("name a table or a file, or give a folder of them with --data DIR"));
        }
    }
    let mut seen = BTreeSet::new();
    for name in &request.names {
        let named = session.named(name, tables).await?;
        let (name, place) = match &named {
            Named::Relation(relation) => (relation.name().clone(), String::new()),
            Named::File(table, _) => (table.name.clone(), table.location.clone()),
        };
        if seen.insert((name, place)) {
            found.push(named);
        }
    }
    Ok(found)
}

/// A table that was looked at, before its foreign keys are known.
struct Target {
    source: ProfileSource,
    declared: Vec<Constraint>,
    table: Arc<Raw>,
    names: Vec<ColumnName>,
    rows: u64,
    facts: Vec<ColumnFacts>,
    keys: Vec<Key>,
    sample: Option<Sample>,
}

impl Target {
    async fn look_at(
        session: &Session,
        named: Named,
        request: &ProfileRequest,
        tables: &StatementTables,
        budget: &Arc<Budget>,
    ) -> Result<Self> {
        let (source, declared, provider) = match named {
            Named::Relation(Relation::Table(table)) => {
                let provider = tables.open_relation(Relation::Table(table.clone())).await?;
                (ProfileSource::Table(table.name), table.constraints, provider)
            }
            Named::Relation(Relation::View(view)) => {
                let name = view.name.clone();
                (ProfileSource::View(name), Vec::new(), tables.open_relation(Relation::View(view)).await?)
            }
            Named::File(table, provider) => (ProfileSource::File(Box::new(table)), Vec::new(), provider),
        };
        let schema = provider.schema();
        let names = column_names(&source.name().name, schema.fields().iter().map(|field| field.name().as_str()));
        let table = Raw::new(provider);
        let all: Vec<usize> = (0..schema.fields().len()).collect();
        let found = collect(session, &table, &all, request.sample, budget).await?;
        let mut target = Target {
            source,
            declared,
            table,
            names,
            rows: found.rows,
            facts: found.columns,
            keys: Vec::new(),
            sample: request.sample,
        };
        target.keys = keys::find(session, &target.table, target.columns(), target.sample).await?;
        target.settle_counts(session, request).await?;
        target.let_values_go();
        Ok(target)
    }

    fn columns(&self) -> Columns<'_> {
        Columns { rows: self.rows, facts: &self.facts, names: &self.names }
    }

    fn child(&self) -> Child<'_> {
        Child {
            name: self.source.name(),
            table: &self.table,
            columns: self.columns(),
            keys: &self.keys,
            sample: self.sample,
        }
    }

    /// A column that is a key has as many values as rows; others are counted if that was asked for.
    async fn settle_counts(&mut self, session: &Session, request: &ProfileRequest) -> Result<()> {
        for column in 0..self.facts.len() {
            let is_key = self.sample.is_none() && self.keys.iter().any(|key| key.columns == [column]);
            let values = self.rows - self.facts[column].nulls;
            let Some(distinct) = self.facts[column].distinct.filter(|distinct| !distinct.exact) else { continue };
            if is_key {
                self.facts[column].distinct = Some(Distinct { count: values, exact: true });
            } else if request.exact && self.sample.is_none() {
                let count = count_distinct(session, &self.table, column).await?;
                self.facts[column].distinct = Some(Distinct { count, exact: true });
            } else {
                let count = distinct.count.min(values);
                self.facts[column].distinct = Some(Distinct { count, exact: false });
            }
        }
        Ok(())
    }

    /// Gives back the memory for values that nothing refers to.
    fn let_values_go(&mut self) {
        for facts in &mut self.facts {
            if !can_be_key(&facts.data_type) || is_fraction(&facts.data_type) || is_free_text(facts) {
                facts.values = None;
            }
        }
    }

    fn profile(self, references: Vec<Reference>) -> TableProfile {
        let found_keys = self.found_keys();
        let found_references = references.into_iter().map(|reference| self.found_reference(reference)).collect();
        TableProfile {
            source: self.source,
            rows: self.rows,
            sample: self.sample,
            columns: self.facts,
            keys: found_keys,
            references: found_references,
            declared: self.declared,
        }
    }

    fn found_keys(&self) -> Vec<FoundKey> {
        let declared_primary = self.declared.iter().find_map(|constraint| match &constraint.kind {
            ConstraintKind::PrimaryKey { columns } => Some(columns.as_slice()),
            _ => None,
        });
        let mut has_primary = false;
        let mut weak = 0;
        let mut found = Vec::new();
        for key in &self.keys {
            weak += usize::from(key.weak.is_some());
            if key.weak.is_some() && weak > MOST_WEAK_KEYS {
                continue;
            }
            let columns = self.column_names(&key.columns);
            let is_primary = match declared_primary {
                Some(declared) => same_columns(declared, &columns),
                None => !has_primary && key.is_not_null && key.weak.is_none(),
            };
            has_primary |= is_primary;
            let declared = self.declared.iter().find(|constraint| match &constraint.kind {
                ConstraintKind::PrimaryKey { columns: declared } | ConstraintKind::Unique { columns: declared } => {
                    same_columns(declared, &columns)
                }
                _ => false,
            });
            let declared = declared.map(|constraint| constraint.name.clone());
            let kind =
                if is_primary { ConstraintKind::PrimaryKey { columns } } else { ConstraintKind::Unique { columns } };
            found.push(FoundKey { kind, weak: key.weak, declared });
        }
        // The primary key goes first.
        found.sort_by_key(|key| !matches!(key.kind, ConstraintKind::PrimaryKey { .. }));
        found
    }

    fn found_reference(&self, reference: Reference) -> FoundReference {
        let referenced = reference.parent_columns;
        let kind = ConstraintKind::ForeignKey {
            columns: self.column_names(&reference.columns),
            references: reference.parent,
            referenced_columns: referenced.clone(),
        };
        let declared = self.declared.iter().find(|constraint| constraint.kind == kind);
        let needs = reference.needs.map(|needed| match needed {
            NeededKey::Primary => ConstraintKind::PrimaryKey { columns: referenced },
            NeededKey::Unique => ConstraintKind::Unique { columns: referenced },
        });
        FoundReference {
            declared: declared.map(|constraint| constraint.name.clone()),
            kind,
            weak: reference.weak,
            needs,
        }
    }

    fn column_names(&self, columns: &[usize]) -> Vec<String> {
        columns.iter().map(|column| self.facts[*column].name.clone()).collect()
    }
}

/// A key is the same in any order.
fn same_columns(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().all(|column| other.contains(column))
}

/// The tables that may be referred to: those of the same databases, and the files that were looked at.
async fn parents(
    session: &Session,
    targets: &[Target],
    tables: &StatementTables,
    budget: &Arc<Budget>,
    notes: &mut Vec<String>,
) -> Result<Vec<Parent>> {
    let children: Vec<Child<'_>> = targets.iter().map(Target::child).collect();
    let databases: BTreeSet<&str> = targets.iter().map(|target| target.source.name().database.as_str()).collect();
    let mut parents = Vec::new();
    for target in targets.iter().filter(|target| target.sample.is_none()) {
        if let ProfileSource::File(table) = &target.source {
            parents.push(looked_at(session, target, table).await?);
        }
    }
    for database in databases {
        for table in session.tables_of(database).await? {
            let looked_at_itself = targets.iter().find(|target| {
                target.sample.is_none() && matches!(&target.source, ProfileSource::Table(name) if *name == table.name)
            });
            if let Some(target) = looked_at_itself {
                parents.push(looked_at(session, target, &table).await?);
                continue;
            }
            let name = table.name.clone();
            match unseen(session, table, tables, &children, budget).await {
                Ok(parent) => parents.push(parent),
                // A broken table beside it is no reason to tell nothing of this one.
                Err(error) => {
                    notes.push(format!("foreign keys to {name} were not looked for: {}", error.message()));
                }
            }
        }
    }
    Ok(parents)
}

/// A table that was looked at itself: its keys are known.
async fn looked_at(session: &Session, target: &Target, table: &Table) -> Result<Parent> {
    let mut parent = Parent::new(session, table, &target.table).await?;
    let found = target.keys.iter().filter(|key| key.weak.is_none()).map(|key| key.columns.clone());
    let declared = std::mem::take(&mut parent.declared);
    for key in found.chain(declared) {
        if parent.known.insert(key.clone()) {
            parent.keys.push(ParentKey::of(target.columns(), &key));
        }
    }
    Ok(parent)
}

/// A table that is only looked at for what the others may refer to.
async fn unseen(
    session: &Session,
    table: Table,
    tables: &StatementTables,
    children: &[Child<'_>],
    budget: &Arc<Budget>,
) -> Result<Parent> {
    let provider = tables.open_relation(Relation::Table(table.clone())).await?;
    let mut parent = Parent::new(session, &table, &Raw::new(provider)).await?;
    references::find_keys(session, &mut parent, children, budget).await?;
    Ok(parent)
}

impl Parent {
    async fn new(session: &Session, table: &Table, raw: &Arc<Raw>) -> Result<Self> {
        let schema = raw.schema();
        let names = column_names(&table.name.name, schema.fields().iter().map(|field| field.name().as_str()));
        let place = |name: &String| schema.index_of(name).ok();
        let declared = table.constraints.iter().filter_map(|constraint| match &constraint.kind {
            ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns } => {
                columns.iter().map(place).collect::<Option<Vec<usize>>>()
            }
            _ => None,
        });
        let is_primary = |constraint: &Constraint| matches!(constraint.kind, ConstraintKind::PrimaryKey { .. });
        Ok(Parent {
            name: table.name.clone(),
            table: Arc::clone(raw),
            names,
            footers: footers::read(session, raw).await?,
            declared: declared.collect(),
            has_primary_key: table.constraints.iter().any(is_primary),
            keys: Vec::new(),
            known: BTreeSet::new(),
        })
    }
}
