//! Names in FROM to tables that can be scanned.
//!
//! One listing serves a statement: however often a table is named, its files are listed once, when it is first met.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::catalog::CatalogProviderList;
use datafusion::catalog::{MemoryCatalogProviderList, TableProvider};
use datafusion::common::TableReference;
use datafusion::datasource::ViewTable;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlanBuilder, col};
use datafusion::sql::parser::{CopyToSource, Statement as PlannedStatement};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use sqlparser::ast::{ObjectName, Spanned, TableFactor, Visitor};
use sqlparser::tokenizer::Span;

use super::Session;
use super::analyze::{Comparisons, estimates, validity};
use super::constraints::facts::{MOST_FILES, MOST_FILES_IN_FOLDERS, OpenedTable, facts_of, facts_of_files};
use super::constraints::standing::{Concerned, Listed, judge, referenced};
use super::ddl::columns::former_names;
use super::numbered::Numbers;
use crate::catalog::evidence::{Evidence, Standing};
use crate::catalog::memory::MemoryMetastore;
use crate::catalog::model::{
    Constraint, FileFormat, Partition, Relation, Table, TableName, View, beside, in_catalog, split_database,
};
use crate::catalog::provider::{OstrichCatalog, OtherCatalog, RelationResolver};
use crate::catalog::{CATALOG, Catalogs, IfExists, Metastore, unknown_database};
use crate::error::datafusion::in_statement;
use crate::error::{Error, Result};
use crate::functions;
use crate::names::nearest;
use crate::optimizer::facts::KnownTable;
use crate::sql::dialect::Dialect;
use crate::sql::parser;
use crate::sql::rewrite::ColumnSpellings;
use crate::sql::source::Source;
use crate::sql::visit::visit;
use crate::storage::kind::format_at;
use crate::storage::listing::discover;
use crate::storage::location::Location;
use crate::storage::table::{FileTable, ListedPartition, TableSpec};
use crate::storage::{RowFacts, StorageCaches, UnlistedTable};

/// How deep views may stand on views.
const VIEW_DEPTH: usize = 64;

type OpenTables = Arc<Mutex<HashMap<TableName, Arc<dyn TableProvider>>>>;

/// The tables of one statement, and DataFusion's state to plan it with.
pub(crate) struct StatementTables {
    state: SessionState,
    resolver: Arc<Resolver>,
    /// The current one.
    database: String,
}

impl Session {
    pub(super) fn statement_tables(&self, database: &str) -> StatementTables {
        self.statement_tables_in(database, self.dialect())
    }

    /// For a statement in a dialect: it decides what functions and operators mean.
    pub(super) fn statement_tables_in(&self, database: &str, dialect: Dialect) -> StatementTables {
        self.resolver_in(dialect).tables(database)
    }

    /// For a plan that is going to run: files of a table with many partitions are listed where scans ask for them.
    pub(super) fn tables_to_scan(&self, dialect: Dialect) -> StatementTables {
        Resolver { lists_late: true, ..self.resolver_in(dialect) }.tables(&self.database())
    }

    fn resolver_in(&self, dialect: Dialect) -> Resolver {
        let mut state = self.context.state();
        // Writes find it there.
        state.config_mut().set_extension(Arc::new(self.own_settings().write));
        // And the physical planner this.
        state.config_mut().set_extension(Arc::new(dialect));
        Resolver {
            state,
            dialects: Arc::clone(&self.dialects),
            metastore: Arc::new(self.catalogs.for_statement()),
            opener: Arc::clone(&self.tables),
            open: OpenTables::default(),
            known: Arc::default(),
            data_facts: !self.own_settings().no_data_facts,
            views: Vec::new(),
            numbers: None,
            dialect,
            lists_late: false,
        }
    }
}

impl StatementTables {
    pub(super) fn state(&self) -> SessionState {
        self.state.clone()
    }

    /// That of the statement's text.
    pub(super) fn dialect(&self) -> Dialect {
        self.resolver.dialect
    }

    /// Opens every table that the statement names, and tells how their columns are spelt.
    pub(super) async fn open_all(
        &self,
        references: &[TableReference],
        statement: &PlannedStatement,
        source: &Arc<Source>,
    ) -> Result<ColumnSpellings> {
        let places = Places::of(statement);
        let options = &self.state.config_options().catalog;
        let mut spellings = ColumnSpellings::default();
        for reference in references {
            let place = places.of_reference(reference);
            if place.is_some_and(|place| place.is_function) {
                continue;
            }
            let at = |error: Error| match place {
                Some(place) => error.at(source, place.span),
                None => error,
            };
            let resolved = reference.clone().resolve(&options.default_catalog, &options.default_schema);
            let Ok(schema) = self.state.schema_for_ref(resolved.clone()) else {
                return Err(at(self.no_database(&in_catalog(&resolved.catalog, &resolved.schema)).await));
            };
            let table = schema.table(&resolved.table).await.map_err(|error| at(in_statement(&error, source)))?;
            match table {
                Some(table) => spellings.add(&table.schema()),
                None => {
                    let database = in_catalog(&resolved.catalog, &resolved.schema);
                    return Err(at(self.no_table(&database, &resolved.table).await));
                }
            }
        }
        Ok(spellings)
    }

    pub(super) fn data_facts(&self) -> bool {
        self.resolver.data_facts
    }

    pub(super) fn metastore(&self) -> &dyn Metastore {
        self.resolver.metastore.as_ref()
    }

    /// Lets a path stand for a table of this statement alone.
    pub(super) fn put(&self, path: &str, table: Arc<dyn TableProvider>) {
        self.resolver.open.lock().insert(TableName::new("", path), table);
    }

    /// The tables of the catalog that are open, by snapshot.
    pub(super) fn opened(&self) -> HashMap<u64, OpenedTable> {
        self.resolver.known.lock().clone()
    }

    /// Opens what the catalog has.
    pub(crate) async fn open_relation(&self, relation: Relation) -> Result<Arc<dyn TableProvider>> {
        self.resolver.resolve(relation).await
    }

    /// Opens files that no table of the catalog stands for.
    pub(super) async fn open_location(&self, location: Location) -> Result<FileTable> {
        self.resolver.opener.open_spec(&self.state, TableSpec::of(location)).await
    }

    pub(super) fn resolver(&self) -> &dyn RelationResolver {
        self.resolver.as_ref()
    }

    pub(super) fn shared_resolver(&self) -> Arc<Resolver> {
        Arc::clone(&self.resolver)
    }

    /// The same tables over the same files, for a plan whose scans are numbered.
    pub(super) fn numbered(&self, numbers: Numbers) -> StatementTables {
        self.resolver.numbered(numbers).tables(&self.database)
    }

    /// The database that names without one mean.
    pub(super) fn database(&self) -> &str {
        &self.database
    }

    /// Gives numbers out, if the plan is to have them.
    pub(super) fn numbers(&self) -> Option<&Numbers> {
        self.resolver.numbers.as_ref()
    }

    /// The view whose text is being planned.
    pub(super) fn view_in_work(&self) -> Option<&TableName> {
        self.resolver.views.last()
    }

    /// Opens a table, view or file.
    pub(super) async fn open(&self, name: &ObjectName) -> Result<Arc<dyn TableProvider>> {
        if let [part] = name.0.as_slice()
            && let Some(ident) = part.as_ident()
            && ident.quote_style == Some('\'')
            && let Some(table) = self.resolver.resolve_path(&ident.value).await?
        {
            return Ok(table);
        }
        let name = table_name(name, &self.database)?;
        match self.provider(&name.database, &name.name).await? {
            Some(table) => Ok(table),
            None => Err(self.no_table(&name.database, &name.name).await),
        }
    }

    pub(super) async fn provider(&self, database: &str, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let (catalog, schema) = split_database(database);
        match self.state.schema_for_ref(TableReference::full(catalog, schema, name)) {
            Ok(schema) => Ok(schema.table(name).await?),
            Err(_) => Err(self.no_database(database).await),
        }
    }

    pub(super) async fn no_database(&self, name: &str) -> Error {
        let catalogs = &self.resolver.metastore;
        let (catalog, database) = split_database(name);
        if !catalogs.names().any(|known| known == catalog) {
            return catalogs.unknown_catalog(catalog);
        }
        let error = unknown_database(catalogs.as_ref(), name).await;
        match catalogs.names().any(|known| known == database) {
            true => error.help(format!("\"{database}\" is a catalog: write {database}.database.table")),
            false => error,
        }
    }

    async fn no_table(&self, database: &str, name: &str) -> Error {
        let (catalog, schema) = split_database(database);
        if schema == "information_schema"
            && let Ok(schema) = self.state.schema_for_ref(TableReference::full(catalog, schema, name))
        {
            let names = schema.table_names();
            let error = Error::statement(format!("no table \"{name}\" in information_schema"));
            return match nearest(name, names.iter().map(String::as_str)) {
                Some(near) => error.help(format!("did you mean \"{near}\"?")),
                None => error.help(format!("its tables are: {}", names.join(", "))),
            };
        }
        no_table(self.resolver.metastore.as_ref(), &TableName::new(database, name)).await
    }
}

/// The error for a name that is neither table nor view.
pub(super) async fn no_table(metastore: &dyn Metastore, name: &TableName) -> Error {
    let names: Vec<String> = match metastore.relation_names(&name.database).await {
        Ok(entries) => entries.into_iter().map(|entry| entry.name).collect(),
        Err(error) => return error,
    };
    let error = Error::statement(format!("no table \"{}\" in database {}", name.name, name.database));
    match nearest(&name.name, names.iter().map(String::as_str)) {
        Some(near) => error.help(format!("did you mean \"{near}\"?")),
        None if names.is_empty() => error.help(
            "there are no tables yet: --data DIR registers files, or CREATE EXTERNAL TABLE, or FROM 'file.parquet'",
        ),
        None => error.help("SHOW TABLES lists them; a file is read with FROM 'file.parquet'"),
    }
}

/// The database and table that an object name means: `t`, `db.t`, `ostrich.db.t`, `hive.db.t`.
pub(super) fn table_name(name: &ObjectName, database: &str) -> Result<TableName> {
    let mut parts = Vec::new();
    for part in &name.0 {
        match part.as_ident() {
            Some(ident) => parts.push(fold(ident)),
            None => return Err(Error::statement(format!("\"{name}\" is not a table's name"))),
        }
    }
    match parts.as_slice() {
        [table] => Ok(TableName::new(database, table.as_str())),
        [beside_it, table] => Ok(TableName::new(beside(database, beside_it), table.as_str())),
        [catalog, database, table] => Ok(TableName::new(in_catalog(catalog, database), table.as_str())),
        _ => Err(Error::statement(format!("\"{name}\" is not a table's name"))
            .help("write table, database.table or catalog.database.table")),
    }
}

/// An unquoted name is the same in any case; a quoted one is as it is.
pub(super) fn fold(ident: &sqlparser::ast::Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

/// Turns what the catalog knows into tables, for one statement.
#[derive(Debug, Clone)]
pub(super) struct Resolver {
    state: SessionState,
    dialects: Arc<functions::Dialects>,
    metastore: Arc<Catalogs>,
    opener: Arc<TableOpener>,
    open: OpenTables,
    /// Tables of the catalog among those that are open, by snapshot.
    known: Arc<Mutex<HashMap<u64, OpenedTable>>>,
    /// Whether the plan may rest on evidence and on what files say.
    data_facts: bool,
    /// The views being resolved, outermost first.
    views: Vec<TableName>,
    /// Set if each scan is to know its place in the text.
    numbers: Option<Numbers>,
    /// That of the text in work.
    dialect: Dialect,
    /// Whether a table of many partitions may come without a list of its files.
    lists_late: bool,
}

impl Resolver {
    pub(super) fn metastore(&self) -> &dyn Metastore {
        self.metastore.as_ref()
    }

    pub(super) fn numbered(&self, numbers: Numbers) -> Self {
        Resolver { numbers: Some(numbers), ..self.clone() }
    }

    fn tables(self, database: &str) -> StatementTables {
        // Ours have names that no other function has, so that nothing is there twice.
        let mut state = self.dialects.state(&self.state, self.dialect).unwrap_or_else(|_| self.state.clone());
        let (current_catalog, current_database) = split_database(database);
        let defaults = &mut state.config_mut().options_mut().catalog;
        defaults.default_catalog = current_catalog.to_string();
        defaults.default_schema = current_database.to_string();
        let catalogs: Arc<dyn CatalogProviderList> = Arc::new(MemoryCatalogProviderList::new());
        let resolver = Arc::new(self);
        let catalog = Arc::new(OstrichCatalog::with_others(
            Arc::clone(&resolver.metastore) as _,
            resolver.metastore.others(),
            Arc::clone(&resolver) as _,
            &catalogs,
            state.table_functions().clone(),
        ));
        for (name, _) in resolver.metastore.others() {
            let other = OtherCatalog::new(name, Arc::clone(&catalog));
            catalogs.register_catalog(name.to_string(), Arc::new(other));
        }
        catalogs.register_catalog(CATALOG.to_string(), catalog);
        state.register_catalog_list(catalogs);
        StatementTables { state, resolver, database: database.to_string() }
    }

    /// Opens a table of the catalog, with what is known of it now.
    async fn table(&self, table: Table) -> Result<KnownTable> {
        let partitions = match table.partition_columns.as_ref().is_some_and(|columns| !columns.is_empty()) {
            true => self.metastore.partitions(&table.name).await?,
            false => None,
        };
        // Both are judged on all files.
        let needs_files = !table.constraints.is_empty() || table.statistics.is_some();
        if self.lists_late
            && !needs_files
            && partitions.is_none()
            && let Some(open) = self.opener.open_unlisted(&self.state, &table).await?
        {
            let facts = facts_of_files(table.name.clone(), None, next_snapshot());
            return Ok(KnownTable::new(Arc::new(open), Arc::new(facts)));
        }
        let open = self.opener.open_with(&self.state, &table, partitions).await?;
        let files = open.fingerprints();
        let estimates = estimates(self.metastore.as_ref(), &self.opener, &table, &open, &files).await?;
        let open = Arc::new(open.with_estimates(estimates.map(Arc::new)));
        let snapshot = next_snapshot();
        let evidence = match self.data_facts && !table.constraints.is_empty() {
            true => self.metastore.evidence(&table.name).await?,
            false => Vec::new(),
        };
        let listed = Listed { table: Arc::new(table), open: Arc::clone(&open), files: Arc::new(files) };
        let opened = OpenedTable { listed, evidence };
        let row_facts = self.row_facts(&open, opened.listed.files.digest()).await;
        let mut facts =
            facts_of(self.metastore.as_ref(), &opened, self.data_facts, row_facts.as_deref(), snapshot).await?;
        if let Some(row_facts) = &row_facts {
            facts.distinct = open.distinct_values(&self.state, opened.listed.files.digest(), row_facts).await;
        }
        self.known.lock().insert(snapshot, opened);
        Ok(KnownTable::new(open, Arc::new(facts)))
    }

    /// What the files say where that costs little. Trouble with a file is the scan's to report, if it reads it at all.
    async fn row_facts(&self, open: &FileTable, digest: &str) -> Option<Arc<RowFacts>> {
        if !self.data_facts {
            return None;
        }
        let most = if open.partitions().columns().is_empty() { MOST_FILES } else { MOST_FILES_IN_FOLDERS };
        open.row_facts(&self.state, digest, most).await.ok().flatten()
    }

    pub(super) async fn view(&self, view: View) -> Result<Arc<dyn TableProvider>> {
        if self.views.contains(&view.name) {
            return Err(Error::statement(format!("view {} reads itself", view.name)));
        }
        if self.views.len() >= VIEW_DEPTH {
            return Err(Error::statement(format!("views stand on views more than {VIEW_DEPTH} deep")));
        }
        let mut inner = self.clone();
        inner.views.push(view.name.clone());
        inner.dialect = view.dialect.parse()?;
        let name = format!("view {}", view.name);
        let query = parser::parse_query(&view.sql, inner.dialect, &name)?;
        let tables = inner.tables(&view.database);
        let source = Source::new(name.clone(), view.sql.clone());
        let planned = Box::pin(super::plan::plan_ast(PlannedStatement::Statement(query), &tables, &source)).await?;
        let (mut plan, _) = planned.named_plan()?;
        if !view.columns.is_empty() {
            let fields: Vec<_> = plan.schema().columns();
            if fields.len() != view.columns.len() {
                return Err(Error::statement(format!(
                    "{name} names {} columns, but its query gives {}",
                    view.columns.len(),
                    fields.len()
                )));
            }
            let renamed = fields.into_iter().zip(&view.columns).map(|(field, name)| col(field).alias(name.as_str()));
            plan = LogicalPlanBuilder::from(plan).project(renamed)?.build()?;
        }
        Ok(Arc::new(ViewTable::new(plan, Some(view.sql))))
    }
}

impl RelationResolver for Resolver {
    fn resolve(&self, relation: Relation) -> BoxFuture<'_, Result<Arc<dyn TableProvider>>> {
        Box::pin(async move {
            let name = relation.name().clone();
            if let Some(open) = self.open.lock().get(&name) {
                return Ok(Arc::clone(open));
            }
            let table: Arc<dyn TableProvider> = match relation {
                Relation::Table(table) => Arc::new(self.table(table).await?),
                Relation::View(view) => self.view(view).await?,
            };
            self.open.lock().insert(name, Arc::clone(&table));
            Ok(table)
        })
    }

    fn resolve_path<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<Arc<dyn TableProvider>>>> {
        Box::pin(async move {
            // Paths have no database; as a key none is needed.
            let key = TableName::new("", path);
            if let Some(open) = self.open.lock().get(&key) {
                return Ok(Some(Arc::clone(open)));
            }
            let open = self.opener.open_path(&self.state, path).await?;
            let files = open.fingerprints();
            let row_facts = self.row_facts(&open, files.digest()).await;
            let mut facts = facts_of_files(key.clone(), row_facts.as_deref(), next_snapshot());
            if let Some(row_facts) = &row_facts {
                facts.distinct = open.distinct_values(&self.state, files.digest(), row_facts).await;
            }
            let table: Arc<dyn TableProvider> = Arc::new(KnownTable::new(Arc::new(open), Arc::new(facts)));
            self.open.lock().insert(key, Arc::clone(&table));
            Ok(Some(table))
        })
    }

    fn standings<'a>(&'a self, table: &'a Table) -> BoxFuture<'a, Result<Vec<Standing>>> {
        Box::pin(async move {
            let evidence = self.metastore.evidence(&table.name).await?;
            let mut standings = Vec::with_capacity(table.constraints.len());
            for constraint in &table.constraints {
                let of_this = evidence.iter().find(|evidence| evidence.constraint == constraint.name);
                standings.push(match self.standing(table, constraint, of_this).await {
                    Ok(standing) => standing,
                    // A table that cannot be opened has no evidence that counts.
                    Err(error) => Standing {
                        constraint: constraint.name.clone(),
                        checked_at: of_this.map(|evidence| evidence.checked_at),
                        violations: of_this.map(|evidence| evidence.violations),
                        why_not: Some(error.message().to_string()),
                    },
                });
            }
            Ok(standings)
        })
    }

    fn statistics_differ<'a>(&'a self, table: &'a Table) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            let Some(known) = &table.statistics else { return Ok(None) };
            // Of a table that cannot be opened nothing holds.
            let listed = match self.listed(&table.name).await {
                Ok(listed) => listed,
                Err(error) => return Ok(Some(error.message().to_string())),
            };
            let (metastore, comparisons) = (self.metastore.as_ref(), &self.opener.comparisons);
            let validity = validity(metastore, comparisons, table, known, &listed.open, &listed.files).await?;
            Ok(validity.why_not().map(str::to_string))
        })
    }
}

impl Resolver {
    async fn standing(&self, table: &Table, constraint: &Constraint, evidence: Option<&Evidence>) -> Result<Standing> {
        if evidence.is_none() {
            // No listing is needed to say so.
            return Ok(Standing {
                constraint: constraint.name.clone(),
                checked_at: None,
                violations: None,
                why_not: Some("it was never checked".to_string()),
            });
        }
        let own = self.listed(&table.name).await?;
        let parent = match referenced(constraint) {
            Some(parent) => Some(self.listed(parent).await?),
            None => None,
        };
        judge(self.metastore.as_ref(), constraint, evidence, &Concerned { own, parent }).await
    }

    /// A table of the catalog as this statement lists it.
    async fn listed(&self, name: &TableName) -> Result<Listed> {
        let Some(Relation::Table(table)) = self.metastore.relation(name).await? else {
            return Err(Error::statement(format!("{name} is no table now")));
        };
        let open = self.resolve(Relation::Table(table)).await?;
        let snapshot = open.downcast_ref::<KnownTable>().map(|known| known.facts().snapshot);
        let listed = snapshot.and_then(|snapshot| Some(self.known.lock().get(&snapshot)?.listed.clone()));
        listed.ok_or_else(|| Error::statement(format!("{name} is no table of files")))
    }
}

/// A number that no other opening of a table has.
fn next_snapshot() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The files behind a provider, if it is a table of files.
pub(crate) fn files_of(provider: &dyn TableProvider) -> Option<&FileTable> {
    match provider.downcast_ref::<KnownTable>() {
        Some(known) => files_of(known.inner().as_ref()),
        None => provider.downcast_ref::<FileTable>(),
    }
}

/// Opens tables over files; what it has learnt of them stays for the session.
#[derive(Debug)]
pub(super) struct TableOpener {
    base: PathBuf,
    caches: Arc<StorageCaches>,
    /// Which listings have the files of which statistics.
    pub(super) comparisons: Comparisons,
}

impl TableOpener {
    pub(super) fn new(base: PathBuf) -> Self {
        TableOpener { base, caches: Arc::new(StorageCaches::default()), comparisons: Comparisons::default() }
    }

    pub(super) async fn open(&self, state: &SessionState, table: &Table) -> Result<FileTable> {
        self.open_with(state, table, None).await
    }

    /// Opens a table with the partitions that its catalog lists, if it does.
    pub(super) async fn open_with(
        &self,
        state: &SessionState,
        table: &Table,
        partitions: Option<Vec<Partition>>,
    ) -> Result<FileTable> {
        let mut spec = self.spec(table).map_err(|error| error.context(format!("table {}", table.name)))?;
        let listed = |partition: Partition| match Location::parse(&partition.location, &self.base) {
            Ok(location) => ListedPartition {
                values: partition.values,
                location: location.into_folder(),
                unreadable: partition.unreadable,
            },
            // A query that does not need it need not know.
            Err(error) => ListedPartition {
                values: partition.values,
                location: spec.location.clone(),
                unreadable: Some(error.message().to_string()),
            },
        };
        spec.partitions = partitions.map(|partitions| partitions.into_iter().map(listed).collect());
        FileTable::open(state, &self.caches, spec).await.map_err(|error| error.context(format!("table {}", table.name)))
    }

    /// Opens a table of many partitions without its files; `None`: it is not one.
    async fn open_unlisted(&self, state: &SessionState, table: &Table) -> Result<Option<UnlistedTable>> {
        let in_table = |error: Error| error.context(format!("table {}", table.name));
        let spec = self.spec(table).map_err(in_table)?;
        // Where there are no more, files may be looked into while the statement is planned.
        UnlistedTable::open(state, &self.caches, &spec, MOST_FILES_IN_FOLDERS).await.map_err(in_table)
    }

    pub(super) async fn open_spec(&self, state: &SessionState, spec: TableSpec) -> Result<FileTable> {
        FileTable::open(state, &self.caches, spec).await
    }

    async fn open_path(&self, state: &SessionState, path: &str) -> Result<FileTable> {
        let spec = TableSpec::of(Location::parse(path, &self.base)?);
        self.open_spec(state, spec).await
    }

    fn spec(&self, table: &Table) -> Result<TableSpec> {
        let mut spec = TableSpec::of(Location::parse(&table.location, &self.base)?);
        spec.format = Some(table.format);
        spec.options = table.options.clone();
        if !table.columns.is_empty() {
            spec.columns = Some(super::ddl::table::schema_of(&table.columns));
        }
        spec.partition_columns = table.partition_columns.as_ref().map(|columns| super::ddl::table::fields_of(columns));
        spec.former_names = former_names(table);
        Ok(spec)
    }

    pub(super) async fn format_at(&self, state: &SessionState, location: &Location) -> Result<FileFormat> {
        format_at(state, &self.caches, location).await
    }

    /// Makes a table of each data file and each folder of data files in `location`, or of itself if it is a file.
    pub(super) async fn register_folder(
        &self,
        state: &SessionState,
        location: &Location,
        metastore: &MemoryMetastore,
    ) -> Result<RegisteredData> {
        let store = state.runtime_env().object_store(location.store())?;
        let mut registered = RegisteredData::default();
        let discovered = discover(&store, location).await?;
        let is_one = discovered.len() == 1;
        for found in discovered {
            let name = found.name.to_lowercase();
            let location = found.location;
            let format = match self.format_at(state, &location).await {
                Ok(format) => format,
                Err(error) if is_one => return Err(error),
                // The others are none the worse for it.
                Err(error) => {
                    registered.failed.push(error.context(format!("{name} is no table")));
                    continue;
                }
            };
            let table_name = TableName::new(crate::catalog::model::DEFAULT_DATABASE, name.as_str());
            let table = Table::external(table_name, format, location.absolute());
            if !metastore.create_relation(&Relation::Table(table.clone()), IfExists::Keep).await? {
                let other = match metastore.relation(&table.name).await? {
                    Some(Relation::Table(other)) => format!("{} and ", other.location),
                    _ => String::new(),
                };
                return Err(Error::usage(format!("two would be table \"{name}\": {other}{}", table.location))
                    .help("give --data the paths of those that are to be tables, or rename one")
                    .help("CREATE EXTERNAL TABLE … LOCATION '…' gives a table any name"));
            }
            registered.names.push(name);
        }
        Ok(registered)
    }
}

/// What came of registering a folder.
#[derive(Debug, Default)]
pub struct RegisteredData {
    /// The tables that there are now.
    pub names: Vec<String>,
    /// Why some are not.
    pub failed: Vec<Error>,
}

/// Where a statement names its tables.
struct Places {
    found: Vec<(ObjectName, Place)>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    span: Span,
    /// `FROM f(1)`: a table function, no table.
    is_function: bool,
}

impl Places {
    fn of(statement: &PlannedStatement) -> Self {
        let mut places = Places { found: Vec::new() };
        places.collect(statement);
        places
    }

    fn collect(&mut self, statement: &PlannedStatement) {
        match statement {
            PlannedStatement::Statement(ast) => {
                let _ = visit(ast.as_ref(), self);
            }
            PlannedStatement::Explain(explain) => self.collect(&explain.statement),
            PlannedStatement::CopyTo(copy) => match &copy.source {
                CopyToSource::Relation(name) => self.add(name, false),
                CopyToSource::Query(query) => {
                    let _ = visit(query.as_ref(), self);
                }
            },
            _ => {}
        }
    }

    fn add(&mut self, name: &ObjectName, is_function: bool) {
        self.found.push((name.clone(), Place { span: name.span(), is_function }));
    }

    fn of_reference(&self, reference: &TableReference) -> Option<Place> {
        let wanted = reference.to_vec();
        let matches = |name: &ObjectName| {
            let parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(fold).collect();
            parts == wanted
        };
        let mut places = self.found.iter().filter(|(name, _)| matches(name)).map(|(_, place)| *place);
        let first = places.next()?;
        // It is a function only if it is one everywhere.
        Some(places.fold(first, |found, place| if found.is_function { place } else { found }))
    }
}

impl Visitor for Places {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> std::ops::ControlFlow<()> {
        if let TableFactor::Table { name, args, .. } = factor {
            self.add(name, args.is_some());
        }
        std::ops::ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> std::ops::ControlFlow<()> {
        // Targets of INSERT are no table factors.
        if !self.found.iter().any(|(name, _)| name == relation) {
            self.add(relation, false);
        }
        std::ops::ControlFlow::Continue(())
    }
}
