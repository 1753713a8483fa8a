//! Constraints and the data: checking them, and what a statement may take for granted.
//!
//! A check opens the tables concerned, reads them, and opens them once more: only if their files are still the same does its
//! result count, and then it is bound to these files as evidence. Where files only came since the last check, only what they
//! can change is looked at again.

mod dense;
pub(in crate::session) mod facts;
mod queries;
pub(in crate::session) mod standing;
mod violations;

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::catalog::TableProvider as _;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::physical_plan::ExecutionPlan as _;
use futures::StreamExt as _;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

pub use violations::Offender;

use self::dense::{Added, DenseSet, Space};
use self::queries::Counted;
use self::standing::{Concerned, Listed, judge, referenced, subject};
use self::violations::Wanted;
use super::Session;
use super::plan::Planned;
use super::resolve::no_table;
use crate::catalog::evidence::{Difference, Evidence, FileSet, Standing};
use crate::catalog::model::{Constraint, ConstraintKind, Relation, Table, TableName};
use crate::error::{Error, Result};
use crate::execution::progress::for_each_scan;
use crate::storage::listing::time_of_change;
use crate::storage::{FileTable, RowFacts};

/// Rows that a violation remembers, at most.
pub(crate) const MOST_ROWS: usize = 20;
/// Rows that it names, if nobody asks for more.
pub(crate) const NAMED_ROWS: usize = 5;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Holds,
    Violated {
        /// How many rows violate it: those with a NULL where none may be, those that share a key, those without a parent.
        rows: u64,
        /// The first of them.
        shown: Vec<Offender>,
    },
}

/// How a check came to its verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The evidence of an earlier check counts.
    Unchanged,
    /// The files' footers told, without a look at the rows.
    Footers,
    /// Files came since the last check, and only what they might change was checked.
    Appended,
    Full,
}

impl Way {
    pub fn word(self) -> &'static str {
        match self {
            Way::Unchanged => "unchanged",
            Way::Footers => "footers",
            Way::Appended => "appended files",
            Way::Full => "full",
        }
    }
}

/// A constraint that was checked.
#[derive(Debug, Clone)]
pub struct Checked {
    pub table: TableName,
    pub constraint: Constraint,
    pub verdict: Verdict,
    pub way: Way,
    /// Rows that were read, of all tables concerned.
    pub rows_read: u64,
    pub elapsed: Duration,
    pub checked_at: DateTime<Utc>,
    evidence: Evidence,
    files: Vec<FileSet>,
}

impl Checked {
    /// The error of a statement that wants the constraint to hold.
    pub fn require(&self) -> Result<()> {
        self.require_naming(NAMED_ROWS)
    }

    /// The same; the error names so many rows, if it remembers them.
    pub(crate) fn require_naming(&self, rows_named: usize) -> Result<()> {
        match &self.verdict {
            Verdict::Holds => Ok(()),
            Verdict::Violated { rows, shown } => {
                let mut error = Error::statement(format!("{} does not hold: {}", self.title(), self.what(*rows)));
                let shown = shown.get(..rows_named).unwrap_or(shown);
                for row in shown {
                    error = error.help(row.to_string());
                }
                let more = rows.saturating_sub(shown.len() as u64);
                Err(match more {
                    0 => error,
                    1 => error.help("and one more row"),
                    more => error.help(format!("and {more} more rows")),
                })
            }
        }
    }

    fn title(&self) -> String {
        let constraint = &self.constraint;
        let columns = constraint.kind.columns().join(", ");
        format!("constraint \"{}\" of {}, {} ({columns}),", constraint.name, self.table, constraint.kind.keywords())
    }

    fn what(&self, rows: u64) -> String {
        let counted = if rows == 1 { "1 row".to_string() } else { format!("{rows} rows") };
        let verb = |one: &'static str, more: &'static str| if rows == 1 { one } else { more };
        match &self.constraint.kind {
            ConstraintKind::NotNull { .. } => format!("{counted} {} NULL", verb("has", "have")),
            ConstraintKind::Unique { .. } => format!("{counted} {} a key with another", verb("shares", "share")),
            ConstraintKind::PrimaryKey { .. } => {
                format!("{counted} {} NULL or share a key with another", verb("has", "have"))
            }
            ConstraintKind::ForeignKey { references, .. } => {
                format!("{counted} {} no row in {references}", verb("has", "have"))
            }
        }
    }
}

impl Session {
    /// Checks a constraint of the catalog and stores what was found, be it good or bad. Evidence that counts is taken for an
    /// answer, unless it is to be checked `again`.
    pub async fn check_constraint(&self, table: &Table, constraint: &Constraint, again: bool) -> Result<Checked> {
        let checked = self.check_on_data(table, constraint, again).await?;
        self.keep_evidence(&checked).await?;
        Ok(checked)
    }

    pub(super) async fn keep_evidence(&self, checked: &Checked) -> Result<()> {
        if checked.way == Way::Unchanged {
            return Ok(());
        }
        self.metastore.store_evidence(&checked.table, &checked.constraint, &checked.evidence, &checked.files).await
    }

    /// Checks a constraint; the catalog stays as it is. The table need not be in it yet.
    pub(super) async fn check_on_data(&self, table: &Table, constraint: &Constraint, again: bool) -> Result<Checked> {
        let start = Instant::now();
        let concerned = self.concerned(table, constraint).await?;
        let stored = self.metastore.evidence(&table.name).await?;
        let stored = stored.into_iter().find(|evidence| evidence.constraint == constraint.name).filter(|_| !again);
        let standing = judge(self.metastore.as_ref(), constraint, stored.as_ref(), &concerned).await?;
        if let (Some(evidence), None) = (&stored, &standing.why_not) {
            return Ok(Checked {
                table: table.name.clone(),
                constraint: constraint.clone(),
                verdict: Verdict::Holds,
                way: Way::Unchanged,
                rows_read: 0,
                elapsed: start.elapsed(),
                checked_at: evidence.checked_at,
                evidence: evidence.clone(),
                files: Vec::new(),
            });
        }
        let subject = subject(constraint, &concerned)?;
        let appended = match stored {
            Some(evidence) if evidence.violations == 0 && evidence.subject == subject => {
                self.appended(constraint, &concerned).await?
            }
            _ => None,
        };
        let check = Check { session: self, constraint, concerned: &concerned, rows_read: AtomicU64::new(0) };
        wait_until_changes_show(concerned.sides()).await;
        let outcome = check.run(appended.as_ref()).await;
        // A file that goes or changes makes reading fail, or makes one answer of two states: that is the better message.
        self.require_unchanged(&concerned).await?;
        let (verdict, way) = outcome?;
        // As the catalog keeps it.
        let now = Utc::now();
        let checked_at = DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now);
        let violations = match &verdict {
            Verdict::Holds => 0,
            Verdict::Violated { rows, .. } => *rows,
        };
        Ok(Checked {
            table: table.name.clone(),
            constraint: constraint.clone(),
            verdict,
            way,
            rows_read: check.rows_read.into_inner(),
            elapsed: start.elapsed(),
            checked_at,
            evidence: Evidence {
                constraint: constraint.name.clone(),
                subject,
                checked_at,
                violations,
                digests: concerned.digests(),
            },
            files: concerned.file_sets(),
        })
    }

    /// How far the evidence on a table's constraints goes now, in their order.
    pub async fn constraint_standings(&self, table: &Table) -> Result<Vec<Standing>> {
        self.statement_tables(&table.name.database).resolver().standings(table).await
    }

    /// The table of the catalog with this name.
    pub async fn table_of_catalog(&self, name: &TableName) -> Result<Table> {
        match self.metastore.relation(name).await? {
            Some(Relation::Table(table)) => Ok(table),
            Some(Relation::View(_)) => Err(Error::statement(format!("{name} is a view, not a table"))),
            None => Err(no_table(self.metastore.as_ref(), name).await),
        }
    }

    /// Reads a table's name as it would stand in SQL: `orders`, `sales.orders`, `"Orders"`.
    pub fn name_of_table(&self, text: &str) -> Result<TableName> {
        let dialect = self.dialect();
        let name = Parser::new(dialect.tokens()).try_with_sql(text).and_then(|mut parser| {
            let name = parser.parse_object_name(false)?;
            parser.expect_token(&Token::EOF)?;
            Ok(name)
        });
        match name {
            Ok(name) => self.table_name(&name),
            Err(_) => Err(Error::usage(format!("\"{text}\" is not a table's name"))),
        }
    }

    /// Opens the tables that a constraint is about.
    async fn concerned(&self, table: &Table, constraint: &Constraint) -> Result<Concerned> {
        let own = self.list(table.clone()).await?;
        let parent = match referenced(constraint) {
            None => None,
            Some(parent) if *parent == table.name => Some(own.clone()),
            Some(parent) => match self.metastore.relation(parent).await? {
                Some(Relation::Table(parent)) => Some(self.list(parent).await?),
                _ => {
                    return Err(Error::statement(format!(
                        "constraint \"{}\" of {} references {parent}, which is no table now",
                        constraint.name, table.name
                    )));
                }
            },
        };
        Ok(Concerned { own, parent })
    }

    pub(super) async fn list(&self, table: Table) -> Result<Listed> {
        let partitions = self.metastore.partitions(&table.name).await?;
        let open = self.tables.open_with(&self.context.state(), &table, partitions).await?;
        Ok(Listed::new(table, Arc::new(open)))
    }

    /// The paths of the table's files that came since its evidence, if that is all that happened to the tables concerned.
    async fn appended(&self, constraint: &Constraint, concerned: &Concerned) -> Result<Option<HashSet<String>>> {
        let lists = self.metastore.evidence_files(&concerned.own.table.name, &constraint.name).await?;
        if lists.len() != concerned.sides().count() {
            return Ok(None);
        }
        let mut own = None;
        for (before, side) in lists.iter().zip(concerned.sides()) {
            let difference = Difference::between(before, side.files.files());
            if !difference.only_added() {
                return Ok(None);
            }
            own.get_or_insert_with(|| difference.added.iter().map(|file| file.path.clone()).collect());
        }
        Ok(own)
    }

    /// An error if a table's files are no longer those that were checked.
    async fn require_unchanged(&self, concerned: &Concerned) -> Result<()> {
        for side in concerned.sides() {
            let now = self.list(side.table.as_ref().clone()).await?;
            if now.files.digest() != side.files.digest() {
                let difference = Difference::between(side.files.files(), now.files.files());
                let words = difference.in_words("its file", None).unwrap_or_else(|| "its files changed".to_string());
                return Err(Error::storage(format!(
                    "the files of {} were changed while it was checked: {words}",
                    side.table.name
                ))
                .help("nothing was stored; check it again when nobody writes to it"));
            }
        }
        Ok(())
    }
}

/// How finely file systems tell the time of a change, with room to spare.
const CLOCK_TICK: Duration = Duration::from_millis(50);

/// Waits if a file was changed just now. A system's clock for files goes in ticks: a file that is changed twice in one tick
/// looks the same after the second change. Once the tick is over, whatever is changed while or after it is read shows.
pub(super) async fn wait_until_changes_show<'a>(tables: impl Iterator<Item = &'a Listed>) {
    let now = Utc::now().timestamp_nanos_opt().map_or(0, i128::from);
    let tick = i128::try_from(CLOCK_TICK.as_nanos()).unwrap_or(i128::MAX);
    let files = tables.filter(|side| side.open.location().is_local()).flat_map(|side| side.files.files());
    let mut changed = files.map(|file| file.tag.as_deref().and_then(time_of_change).unwrap_or(now));
    if changed.any(|changed| now - changed < tick) {
        tokio::time::sleep(CLOCK_TICK).await;
    }
}

/// A check on its way.
struct Check<'a> {
    session: &'a Session,
    constraint: &'a Constraint,
    concerned: &'a Concerned,
    rows_read: AtomicU64,
}

/// Rows that violate a constraint.
#[derive(Debug, Default)]
struct Violations {
    rows: u64,
    shown: Vec<Offender>,
}

impl Check<'_> {
    async fn run(&self, appended: Option<&HashSet<String>>) -> Result<(Verdict, Way)> {
        let own = &self.concerned.own;
        let places = self.places(own, self.constraint.kind.columns())?;
        let (new, old) = match appended {
            None => (own.open.as_ref().clone(), None),
            Some(paths) => {
                let is_new = |file: &crate::storage::DataFile| paths.contains(own.open.path_of(file));
                (own.open.only(is_new), Some(own.open.only(|file| !is_new(file))))
            }
        };
        let mut found = Violations::default();
        match &self.constraint.kind {
            ConstraintKind::NotNull { .. } => found = self.nulls(&new, &places).await?,
            ConstraintKind::Unique { .. } => found = self.repeated(&new, old.as_ref(), &places).await?,
            ConstraintKind::PrimaryKey { .. } => {
                found.add(self.nulls(&new, &places).await?);
                found.add(self.repeated(&new, old.as_ref(), &places).await?);
            }
            ConstraintKind::ForeignKey { referenced_columns, .. } => {
                if let Some(parent) = &self.concerned.parent {
                    let parent_places = self.places(parent, referenced_columns)?;
                    found = self.orphans(&new, &places, &parent.open, &parent_places).await?;
                }
            }
        }
        let way = match (appended, self.rows_read.load(Ordering::Relaxed)) {
            (Some(_), _) => Way::Appended,
            (None, 0) if !own.open.files().is_empty() => Way::Footers,
            (None, _) => Way::Full,
        };
        Ok(match found.rows {
            0 => (Verdict::Holds, way),
            rows => (Verdict::Violated { rows, shown: found.shown }, way),
        })
    }

    fn places(&self, listed: &Listed, columns: &[String]) -> Result<Vec<usize>> {
        listed.places(columns).map_err(|missing| {
            Error::statement(format!(
                "constraint \"{}\" cannot be checked: {} has no column \"{missing}\" now",
                self.constraint.name, listed.table.name
            ))
        })
    }

    /// Runs a plan and hands its batches on until one is enough.
    async fn for_each(
        &self,
        plan: LogicalPlanBuilder,
        mut each: impl FnMut(&RecordBatch) -> Result<ControlFlow<()>> + Send,
    ) -> Result<()> {
        let planned = Planned { plan: plan.build()?, state: self.session.context.state(), names: Vec::new() };
        let mut execution = self.session.start(planned).await?;
        while let Some(batch) = execution.stream.next().await {
            if each(&batch?)?.is_break() {
                break;
            }
        }
        for_each_scan(&execution.plan, &mut |scan, _| {
            let rows = scan.metrics().and_then(|metrics| metrics.output_rows()).unwrap_or(0);
            self.rows_read.fetch_add(rows as u64, Ordering::Relaxed);
        });
        Ok(())
    }

    async fn row_facts(&self, open: &FileTable) -> Result<Option<RowFacts>> {
        open.row_facts_of_files(&self.session.context.state()).await
    }

    /// Rows with a NULL in one of the columns.
    async fn nulls(&self, open: &FileTable, places: &[usize]) -> Result<Violations> {
        let by_footers = self.row_facts(open).await?.and_then(|facts| {
            let nulls = places.iter().map(|place| facts.columns.get(*place)?.nulls);
            nulls.sum::<Option<u64>>()
        });
        if by_footers == Some(0) {
            return Ok(Violations::default());
        }
        let mut rows = 0;
        self.for_each(queries::count_nulls(open, places)?, |batch| {
            let counts = batch.columns().first().and_then(|counts| counts.as_primitive_opt::<Int64Type>());
            rows += counts.map_or(0, |counts| counts.iter().flatten().sum::<i64>());
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        let rows = u64::try_from(rows).unwrap_or(0);
        if rows == 0 {
            return Ok(Violations::default());
        }
        Ok(Violations { rows, shown: self.session.find_rows(open, places, Wanted::Nulls).await? })
    }

    /// Rows that share a key without a NULL. `old` are files in which there are none.
    async fn repeated(&self, new: &FileTable, old: Option<&FileTable>, places: &[usize]) -> Result<Violations> {
        let holds = match self.is_unique_by_bits(new, old, places).await? {
            Some(holds) => holds,
            None => self.is_unique(new, old, places).await?,
        };
        if holds {
            return Ok(Violations::default());
        }
        let all = &self.concerned.own.open;
        let found = self.counted(queries::repeated(all, places)?).await?;
        self.shown(found, all, places, true).await
    }

    /// `None` if the keys do not lie close together.
    async fn is_unique_by_bits(
        &self,
        new: &FileTable,
        old: Option<&FileTable>,
        places: &[usize],
    ) -> Result<Option<bool>> {
        let Some(mut set) = self.dense_set(new, places).await? else { return Ok(None) };
        let mut outcome = Added::New;
        self.for_each(queries::plain(new, places)?, |batch| {
            outcome = set.add(batch)?;
            Ok(if outcome == Added::New { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })
        .await?;
        match (outcome, old) {
            (Added::Outside, _) => Ok(None),
            (Added::Repeated, _) => Ok(Some(false)),
            (Added::New, None) => Ok(Some(true)),
            (Added::New, Some(old)) => {
                let mut meets = false;
                self.for_each(queries::plain(old, places)?, |batch| {
                    meets = set.has_some(batch)?;
                    Ok(if meets { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
                })
                .await?;
                Ok(Some(!meets))
            }
        }
    }

    async fn is_unique(&self, new: &FileTable, old: Option<&FileTable>, places: &[usize]) -> Result<bool> {
        let Some(old) = old else { return self.is_empty(queries::repeated(new, places)?).await };
        Ok(self.is_empty(queries::repeated(new, places)?).await?
            && self.is_empty(queries::common(new, old, places)?).await?)
    }

    async fn is_empty(&self, plan: LogicalPlanBuilder) -> Result<bool> {
        let mut is_empty = true;
        self.for_each(plan, |batch| {
            is_empty &= batch.num_rows() == 0;
            Ok(if is_empty { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })
        .await?;
        Ok(is_empty)
    }

    /// A set with a place for each key that the footers let there be.
    async fn dense_set(&self, open: &FileTable, places: &[usize]) -> Result<Option<DenseSet>> {
        let schema = open.schema();
        if !places.iter().all(|place| dense::is_whole(schema.field(*place).data_type())) {
            return Ok(None);
        }
        let Some(facts) = self.row_facts(open).await? else { return Ok(None) };
        let columns: Option<Vec<_>> = places.iter().map(|place| facts.columns.get(*place)).collect();
        let space = columns.and_then(|columns| Space::between(&columns, facts.rows));
        let pool = Arc::clone(&self.session.context.runtime_env().memory_pool);
        Ok(space.and_then(|space| DenseSet::new(space, &pool)))
    }

    /// Rows of `child` with a key without a NULL that `parent` lacks.
    async fn orphans(
        &self,
        child: &FileTable,
        places: &[usize],
        parent: &FileTable,
        parent_places: &[usize],
    ) -> Result<Violations> {
        if self.all_have_parents_by_bits(child, places, parent, parent_places).await? == Some(true) {
            return Ok(Violations::default());
        }
        let found = self.counted(queries::orphans(child, places, parent, parent_places)?).await?;
        self.shown(found, child, places, false).await
    }

    /// `None` if the parent's keys do not lie close together.
    async fn all_have_parents_by_bits(
        &self,
        child: &FileTable,
        places: &[usize],
        parent: &FileTable,
        parent_places: &[usize],
    ) -> Result<Option<bool>> {
        let (child_schema, parent_schema) = (child.schema(), parent.schema());
        let alike = places.iter().zip(parent_places).all(|(own, other)| {
            dense::are_whole_alike(child_schema.field(*own).data_type(), parent_schema.field(*other).data_type())
        });
        if !alike {
            return Ok(None);
        }
        let Some(mut set) = self.dense_set(parent, parent_places).await? else { return Ok(None) };
        let mut outside = false;
        self.for_each(queries::plain(parent, parent_places)?, |batch| {
            // Keys of the parent may be there twice: that is another constraint.
            outside = set.add(batch)? == Added::Outside;
            Ok(if outside { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })
        .await?;
        if outside {
            return Ok(None);
        }
        let mut all = true;
        self.for_each(queries::plain(child, places)?, |batch| {
            all = set.has_all(batch)?;
            Ok(if all { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })
        .await?;
        Ok(Some(all))
    }

    async fn counted(&self, plan: LogicalPlanBuilder) -> Result<Counted> {
        let mut counted = Counted::default();
        self.for_each(plan, |batch| {
            counted.add(batch)?;
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        Ok(counted)
    }

    async fn shown(&self, found: Counted, open: &FileTable, places: &[usize], as_zero: bool) -> Result<Violations> {
        match &found.keys {
            Some(keys) if found.rows > 0 => {
                let shown = self.session.find_rows(open, places, Wanted::Keys { keys, as_zero }).await?;
                Ok(Violations { rows: found.rows, shown })
            }
            _ => Ok(Violations::default()),
        }
    }
}

impl Violations {
    fn add(&mut self, other: Violations) {
        self.rows += other.rows;
        self.shown.extend(other.shown);
        self.shown.truncate(MOST_ROWS);
    }
}

#[cfg(test)]
mod tests;
