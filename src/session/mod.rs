//! A session: what one user has open. Builds DataFusion's state from catalog, front end, rules and functions, and takes
//! statements from text to rows.

mod analyze;
mod call_places;
pub(crate) mod cast_places;
mod change_rows;
mod check;
pub mod constraints;
mod copy;
mod ddl;
mod describe;
mod explain;
mod insert;
mod multi_insert;
mod named;
mod numbered;
mod partition_clause;
mod patterns;
mod plan;
mod resolve;
mod settings;
mod show;
mod undisturbed;
mod unfinished;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt;
use futures::future::BoxFuture;
use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;

pub(crate) use named::Named;
pub use resolve::RegisteredData;
pub(crate) use resolve::StatementTables;
pub(crate) use resolve::files_of;
pub use settings::Setting;
pub use show::Function;

use crate::catalog::hive::{HIVE, HiveMetastore, HiveOptions};
use crate::catalog::layered::LayeredMetastore;
use crate::catalog::memory::MemoryMetastore;
use crate::catalog::model::{DEFAULT_DATABASE, Database, Relation, Table, TableKind, TableName, in_catalog};
use crate::catalog::sqlite::SqliteMetastore;
use crate::catalog::{CATALOG, Catalogs, IfExists, Metastore};
use crate::error::{Error, Result};
use crate::execution::memory::{TrackedPool, default_limit};
use crate::execution::{Execution, Executor, LocalExecutor, with_physical_planner};
use crate::optimizer::trace::SharedTrace;
use crate::sql::dialect::Dialect;
use crate::sql::parser;
use crate::sql::source::Source;
use crate::sql::splitter::{self, Piece, PieceKind};
use crate::sql::statement::{ParsedStatement, Statement};
use crate::sql::types::SqlTypePlanner;
use crate::sql::variables::Variables;
use crate::storage::location::Location;
use crate::storage::register_output_formats;
use crate::storage::stores::{StoreConfig, StoreRegistry};
use settings::OwnSettings;

/// How a session is opened.
#[derive(Debug, Clone, Default)]
pub struct SessionOptions {
    /// Folder of the lasting catalog; `None`: in memory, gone with the session.
    pub catalog: Option<PathBuf>,
    /// Relative paths in SQL start here; `None`: the working folder.
    pub base: Option<PathBuf>,
    pub dialect: Dialect,
    /// Bytes that queries may take; `None`: 80 % of what the machine gives.
    pub memory_limit: Option<u64>,
    /// How many tasks run at once; `None`: one a core.
    pub threads: Option<usize>,
    pub timeout: Option<Duration>,
    /// Where data is spilled; `None`: the system's folder for temporary files.
    pub temp_directory: Option<PathBuf>,
    /// Where queries are run; `None`: on the runtime that the session is opened on. With threads of their own, queries cannot keep
    /// time limits and signals from being noticed.
    pub workers: Option<Handle>,
    /// Statements are only checked, and the catalog is a copy in memory, so that a script's own tables are known to the statements
    /// after them and nothing is changed.
    pub check_only: bool,
    /// Keys and endpoints of object stores; `None`: from the environment.
    pub stores: Option<StoreConfig>,
    /// A Hive Metastore, to be the catalog `hive`. It is not talked to before somebody names something of it.
    pub hive: Option<HiveOptions>,
}

/// What one user has open: names, settings, variables, and the engine behind them.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use ostrich::session::{Session, SessionOptions};
///
/// let session = Session::open(SessionOptions::default()).await?;
/// let batches = session.query("SELECT 1 + 1 AS two").await?;
/// assert_eq!(batches[0].num_rows(), 1);
/// # Ok::<(), ostrich::Error>(())
/// # }).unwrap();
/// ```
pub struct Session {
    context: SessionContext,
    executor: Arc<dyn Executor>,
    catalogs: Arc<Catalogs>,
    /// The same, for whom it is one.
    metastore: Arc<dyn Metastore>,
    /// Tables of `--data`: they are this session's and no one else's.
    data: Arc<MemoryMetastore>,
    tables: Arc<resolve::TableOpener>,
    base: PathBuf,
    warehouse: PathBuf,
    /// Holds the warehouse of a catalog in memory, and deletes it at the end.
    _temporary: Option<tempfile::TempDir>,
    /// Holds the files of temporary tables; made for the first of them.
    scratch: Mutex<Option<tempfile::TempDir>>,
    check_only: bool,
    /// What the optimizer dropped from the last statement.
    trace: SharedTrace,
    own: RwLock<OwnSettings>,
    dialects: Arc<crate::functions::Dialects>,
    variables: RwLock<Variables>,
    database: RwLock<String>,
    pool: Mutex<Arc<TrackedPool>>,
    /// The plan that runs now or ran last, for those who watch.
    running: Mutex<Option<Arc<dyn ExecutionPlan>>>,
}

/// What a statement gave.
pub enum Outcome {
    /// Rows, as they come.
    Rows(Rows),
    /// Something was done; nothing to show but perhaps a count of rows written.
    Done { rows: Option<u64> },
}

/// Rows of a running query. Dropping it stops the query.
pub struct Rows {
    pub stream: SendableRecordBatchStream,
    /// The plan that makes them, where there is one: its metrics tell how far it is.
    pub plan: Option<Arc<dyn ExecutionPlan>>,
    pub planning: Duration,
    /// What the user should know about how it is run.
    pub notes: Vec<String>,
    /// The joins that were not needed and so are not done, a sentence each.
    pub dropped: Vec<String>,
}

impl Rows {
    pub fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }

    /// All rows. `source` is the text of the statement, for places in errors.
    pub async fn collect(mut self, source: &Arc<Source>) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        while let Some(batch) = self.stream.next().await {
            batches.push(batch.map_err(|error| crate::error::datafusion::in_statement(&error, source))?);
        }
        Ok(batches)
    }

    /// Rows that are known already: an answer from the catalog.
    fn ready(batch: RecordBatch) -> Self {
        let schema = batch.schema();
        let stream = RecordBatchStreamAdapter::new(schema, futures::stream::iter([Ok(batch)]));
        Rows { stream: Box::pin(stream), plan: None, planning: Duration::ZERO, notes: Vec::new(), dropped: Vec::new() }
    }
}

impl Session {
    /// Opens a session; a lasting catalog is made if its folder is missing or empty.
    pub async fn open(options: SessionOptions) -> Result<Self> {
        let base = match options.base {
            Some(base) => base,
            None => std::env::current_dir()
                .map_err(|error| Error::storage(format!("the working folder cannot be used: {error}")))?,
        };
        let pool = TrackedPool::new(
            options.memory_limit.map_or_else(default_limit, |limit| usize::try_from(limit).unwrap_or(usize::MAX)),
        );
        let mut runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::clone(&pool) as _).with_object_store_registry(
            Arc::new(StoreRegistry::new(options.stores.unwrap_or_else(StoreConfig::from_env))),
        );
        if let Some(folder) = options.temp_directory {
            runtime = runtime.with_temp_file_path(folder);
        }
        let trace = SharedTrace::default();
        let builder = with_physical_planner(SessionStateBuilder::new(), &Default::default());
        let mut state = builder
            .with_config(config(options.threads))
            .with_runtime_env(runtime.build_arc()?)
            .with_default_features()
            .with_expr_planners(crate::functions::expr_planners())
            .with_type_planner(Arc::new(SqlTypePlanner))
            .with_relation_planners(vec![Arc::new(crate::optimizer::RepeatedKeysInFrom)])
            .with_optimizer_rules(crate::optimizer::rules_with_prune(&Default::default(), Arc::clone(&trace)))
            .build();
        register_output_formats(&mut state)?;
        crate::functions::register(&mut state)?;
        let context = SessionContext::new_with_state(state);

        let (lasting, warehouse, temporary): (Arc<dyn Metastore>, PathBuf, _) = match &options.catalog {
            Some(folder) => {
                let folder = base.join(folder);
                (Arc::new(SqliteMetastore::open(&folder)?), folder.join("warehouse"), None)
            }
            None => {
                let temporary = temporary_folder()?;
                (Arc::new(MemoryMetastore::new()), temporary.path().to_path_buf(), Some(temporary))
            }
        };
        let lasting: Arc<dyn Metastore> = match options.check_only {
            true => Arc::new(MemoryMetastore::copy_of(lasting.as_ref()).await?),
            false => lasting,
        };
        let data = Arc::new(MemoryMetastore::new());
        let own: Arc<dyn Metastore> = Arc::new(LayeredMetastore::new(Arc::clone(&data), lasting));
        let mut catalogs = Catalogs::new(own);
        let mut database = DEFAULT_DATABASE.to_string();
        if let Some(hive) = options.hive {
            if hive.is_default {
                database = in_catalog(HIVE, DEFAULT_DATABASE);
            }
            catalogs = catalogs.with(HIVE, Arc::new(HiveMetastore::new(HIVE, hive)));
        }
        let catalogs = Arc::new(catalogs);
        let metastore: Arc<dyn Metastore> = Arc::clone(&catalogs) as _;
        let own = OwnSettings { dialect: options.dialect, timeout: options.timeout, ..OwnSettings::default() };
        Ok(Session {
            context,
            executor: Arc::new(LocalExecutor::new(options.workers.unwrap_or_else(Handle::current))),
            catalogs,
            metastore,
            data,
            tables: Arc::new(resolve::TableOpener::new(base.clone())),
            base,
            warehouse,
            _temporary: temporary,
            scratch: Mutex::default(),
            check_only: options.check_only,
            trace,
            own: RwLock::new(own),
            dialects: Arc::default(),
            variables: RwLock::new(Variables::default()),
            database: RwLock::new(database),
            pool: Mutex::new(pool),
            running: Mutex::new(None),
        })
    }

    /// Splits a script in this session's dialect.
    pub fn split(&self, source: &Arc<Source>) -> Vec<Piece> {
        splitter::split(source, self.dialect())
    }

    /// Reads a piece of a script in this session's dialect, with its variables.
    pub fn parse(&self, piece: &Piece) -> Result<ParsedStatement> {
        let variables = self.variables.read().clone();
        parser::parse(piece, self.dialect(), &variables)
    }

    /// Runs a statement. Rows come back as a stream; everything else is done when this returns.
    ///
    /// # Errors
    ///
    /// Those of the statement; usage, in a session that only checks.
    pub async fn execute(&self, parsed: &ParsedStatement) -> Result<Outcome> {
        self.execute_in_color(parsed, false).await
    }

    /// The same; if `color`, an answer that is a text for eyes has a terminal's escapes in it.
    pub async fn execute_in_color(&self, parsed: &ParsedStatement, color: bool) -> Result<Outcome> {
        if self.check_only {
            return Err(Error::usage("this session only checks statements"));
        }
        let attempt = || {
            self.begin();
            self.run(parsed, color)
        };
        let outcome = match &parsed.statement {
            // Nothing has been done before all their tables are planned over.
            Statement::Query(_) | Statement::Explain(_) | Statement::Insert(_) | Statement::Copy(_) => {
                undisturbed::undisturbed(attempt).await
            }
            _ => attempt().await,
        };
        outcome.map_err(|error| cast_places::point(error, parsed).at(&parsed.source, parsed.span))
    }

    /// Forgets what was counted for the last statement.
    fn begin(&self) {
        self.pool.lock().reset_peak();
        *self.running.lock() = None;
        self.trace.clear();
    }

    /// Boxed, so that it is compiled once, with the library: the code of an `async fn` is made where it is awaited.
    fn run<'a>(&'a self, parsed: &'a ParsedStatement, color: bool) -> BoxFuture<'a, Result<Outcome>> {
        Box::pin(async move {
            let done = Outcome::Done { rows: None };
            match &parsed.statement {
                Statement::Query(_) | Statement::Explain(_) => self.run_planned(parsed).await,
                Statement::Insert(ast) => match ast.as_ref() {
                    sqlparser::ast::Statement::Insert(insert) => self.insert(insert, parsed, None).await,
                    _ => self.run_planned(parsed).await,
                },
                Statement::Tune(tune) => self.explain_tune(tune, parsed, color).await.map(Outcome::Rows),
                Statement::Copy(copy) => self.copy(copy, parsed).await.map(|rows| Outcome::Done { rows }),
                Statement::CreateDatabase(create) => self.create_database(create).await.map(|()| done),
                Statement::DropDatabase(drop) => self.drop_database(drop).await.map(|()| done),
                Statement::Use(name) => self.use_database(name, parsed).await.map(|()| done),
                Statement::CreateTable(create) => self.create_table(create, parsed).await,
                Statement::CreateView(create) => self.create_view(create, parsed).await.map(|()| done),
                Statement::Drop(drop) => self.drop_relations(drop, parsed).await.map(|()| done),
                Statement::AlterTable(alter) => self.alter_table(alter, parsed).await.map(|()| done),
                Statement::ChangeRows(change) => self.change_rows(change, parsed).await,
                Statement::Analyze(analyze) => self.analyze(analyze, parsed).await.map(|()| done),
                Statement::Repair(repair) => self.repair(&repair.table).await.map(|()| done),
                Statement::Truncate(truncate) => self.truncate(truncate, parsed).await.map(|()| done),
                Statement::Load(load) => self.load(load, parsed).await.map(|()| done),
                Statement::Inserts(inserts) => self.inserts(inserts, parsed).await,
                Statement::InsertDirectory(insert) => {
                    self.insert_directory(insert, parsed, None).await.map(|rows| Outcome::Done { rows })
                }
                Statement::Show(show) => self.show(show, parsed).await.map(Outcome::Rows),
                Statement::Describe(describe) => self.describe(describe, parsed).await.map(Outcome::Rows),
                Statement::Set(set) => match self.set(&set.name, &set.value).await {
                    Ok(()) => Ok(done),
                    Err(error) => Err(error.at(&parsed.source, set.name_span)),
                },
                Statement::Reset(name) => self.reset(name).await.map(|()| done),
            }
        })
    }

    /// Runs one or more statements and returns the rows of the last one.
    pub async fn query(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        let source = Source::new("sql", sql);
        let mut last = Vec::new();
        for piece in self.split(&source) {
            if piece.kind() == PieceKind::Blank {
                continue;
            }
            let parsed = self.parse(&piece)?;
            last = match self.execute(&parsed).await? {
                Outcome::Done { .. } => Vec::new(),
                Outcome::Rows(rows) => rows.collect(&source).await?,
            };
        }
        Ok(last)
    }

    /// Registers every data file and every folder of data files in `text` (a path or URL) as a table of this session.
    pub async fn register_data(&self, text: &str) -> Result<RegisteredData> {
        let location = Location::parse(text, &self.base)?;
        self.tables.register_folder(&self.context.state(), &location, &self.data).await
    }

    pub fn metastore(&self) -> &Arc<dyn Metastore> {
        &self.metastore
    }

    /// Our own catalog and those of other programs.
    pub fn catalogs(&self) -> &Arc<Catalogs> {
        &self.catalogs
    }

    pub fn database(&self) -> String {
        self.database.read().clone()
    }

    pub fn dialect(&self) -> Dialect {
        self.own.read().dialect
    }

    /// How the statements that follow are read.
    pub fn set_dialect(&self, dialect: Dialect) {
        self.change_own_settings(|own| own.dialect = dialect);
    }

    /// The time limit for a statement.
    pub fn timeout(&self) -> Option<Duration> {
        self.own.read().timeout
    }

    /// The folder where relative paths start.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// The physical plan of the statement that runs now, or of the last one: its metrics tell how far it is. `None` while it is being
    /// planned and for statements without a plan.
    pub fn running_plan(&self) -> Option<Arc<dyn ExecutionPlan>> {
        self.running.lock().clone()
    }

    /// Runs a plan where this session runs plans.
    async fn start(&self, planned: plan::Planned) -> Result<Execution> {
        let started = |plan: &Arc<dyn ExecutionPlan>| *self.running.lock() = Some(Arc::clone(plan));
        self.executor.execute(&planned.state, planned.plan, &started).await
    }

    /// Runs a plan that was built without a statement, where this session runs plans.
    pub(crate) async fn run_plan(&self, plan: LogicalPlan) -> Result<Execution> {
        self.start(plan::Planned { plan, state: self.context.state(), names: Vec::new() }).await
    }

    /// The most memory that the last statement held at one time, in bytes.
    pub fn peak_memory(&self) -> usize {
        self.pool.lock().peak()
    }

    pub fn variable(&self, name: &str) -> Option<String> {
        self.variables.read().get(name).map(str::to_string)
    }

    pub fn set_variable(&self, name: &str, value: &str) {
        self.variables.write().set(name, value);
    }

    /// Returns whether it was there.
    pub fn unset_variable(&self, name: &str) -> bool {
        self.variables.write().unset(name)
    }

    /// All variables with their values, by name.
    pub fn variables(&self) -> Vec<(String, String)> {
        self.variables.read().iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    /// DataFusion's context: for what this library does not offer itself.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    fn own_settings(&self) -> OwnSettings {
        self.own.read().clone()
    }

    fn change_own_settings(&self, change: impl FnOnce(&mut OwnSettings)) {
        change(&mut self.own.write());
    }

    fn variables_mut(&self, change: impl FnOnce(&mut Variables)) {
        change(&mut self.variables.write());
    }

    fn replace_pool(&self, pool: Arc<TrackedPool>) {
        *self.pool.lock() = pool;
    }

    /// Builds DataFusion's state anew with a part of it replaced.
    fn rebuild(&self, change: impl FnOnce(SessionStateBuilder) -> SessionStateBuilder) {
        let state_ref = self.context.state_ref();
        let mut state = state_ref.write();
        *state = change(SessionStateBuilder::new_from_existing(state.clone())).build();
        self.dialects.forget();
    }

    /// Where the files of temporary tables lie.
    fn scratch(&self) -> Result<PathBuf> {
        let mut scratch = self.scratch.lock();
        if let Some(folder) = scratch.as_ref() {
            return Ok(folder.path().to_path_buf());
        }
        let folder = temporary_folder()?;
        let path = folder.path().to_path_buf();
        *scratch = Some(folder);
        Ok(path)
    }

    /// Whether a table's files go with the session.
    fn is_in_scratch(&self, table: &Table) -> bool {
        self.scratch.lock().as_ref().is_some_and(|folder| Path::new(&table.location).starts_with(folder.path()))
    }

    /// Puts a table or view into the session's own layer. Returns whether it was made.
    async fn create_temporary(&self, relation: &Relation, if_exists: IfExists) -> Result<bool> {
        let database = Database::new(relation.name().database.as_str());
        self.data.create_database(&database, IfExists::Keep).await?;
        self.data.create_relation(relation, if_exists).await
    }

    /// An error if a temporary table or view has the name that a lasting one is to get: it would hide it.
    async fn require_not_temporary(&self, name: &TableName) -> Result<()> {
        let kind = match self.data.relation(name).await? {
            Some(Relation::Table(table)) if table.kind == TableKind::Managed => "TABLE",
            Some(Relation::View(_)) => "VIEW",
            // Tables of `--data` are external.
            _ => return Ok(()),
        };
        Err(Error::statement(format!("{name} is a temporary {} of this session", kind.to_lowercase()))
            .help(format!("DROP {kind} {name} drops it")))
    }

    /// The database and name that an object name means.
    fn table_name(&self, name: &sqlparser::ast::ObjectName) -> Result<TableName> {
        resolve::table_name(name, &self.database())
    }
}

fn temporary_folder() -> Result<tempfile::TempDir> {
    tempfile::Builder::new()
        .prefix("ostrich-")
        .tempdir()
        .map_err(|error| Error::storage(format!("no temporary folder can be made: {error}")))
}

/// DataFusion's settings where ours differ, each for a reason.
fn config(threads: Option<usize>) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, DEFAULT_DATABASE)
        .with_create_default_catalog_and_schema(false)
        // Ours has the views on constraints as well.
        .with_information_schema(false);
    if let Some(threads) = threads {
        config = config.with_target_partitions(threads.max(1));
    }
    let options = config.options_mut();
    // Errors point into the user's file.
    options.sql_parser.collect_spans = true;
    // 0.1 is a decimal, as in PostgreSQL: 0.1 + 0.2 = 0.3.
    options.sql_parser.parse_float_as_decimal = true;
    // Without a zone, TIMESTAMP WITH TIME ZONE would lose its own.
    options.execution.time_zone = Some("+00:00".to_string());
    // It would also take away an ORDER BY that a LIMIT further out depends on.
    options.sql_parser.enable_subquery_sort_elimination = false;
    // In `SELECT min(a), max(b + 0)` it skips rows that cannot change min(a), and with them those that max() needs.
    options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    // Our estimates say when one hash table for all threads pays; this is what may be built by one of them where they err.
    options.optimizer.hash_join_single_partition_threshold_rows = 3_000_000;
    // Level 3 takes a tenth more of the time that a table is written in, for files that are a hundredth smaller.
    options.execution.parquet.compression = Some("zstd(1)".to_string());
    config
}
