//! What is known of a table's rows before any query is asked: the constraints that may be used *now*, and what the files
//! themselves say. It travels with the table's provider, as [`KnownTable`].

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{ScanArgs, ScanResult, Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{Constraint, Constraints, DFSchemaRef, ScalarValue, Statistics};
use datafusion::datasource::DefaultTableSource;
use datafusion::error::Result;
use datafusion::logical_expr::dml::{InsertOp, MergeIntoClause};
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown, TableSource, TableType};
use datafusion::physical_plan::ExecutionPlan;
use futures::future::BoxFuture;

use super::ColumnFacts;
use crate::catalog::model::TableName;

/// Why a constraint may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trust {
    /// The user said RELY.
    Rely,
    /// It was checked on exactly the files that the table has now.
    Checked,
    /// The files' own statistics say so (row counts, null counts, minimum and maximum).
    Files,
}

impl Trust {
    /// The word in EXPLAIN's JSON.
    pub fn word(self) -> &'static str {
        match self {
            Trust::Rely => "rely",
            Trust::Checked => "checked",
            Trust::Files => "files",
        }
    }
}

/// A constraint as messages, the trace and proofs name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConstraintRef {
    pub table: TableName,
    /// Its name in the catalog; for facts from the files a phrase such as `null count of c_custkey`.
    pub name: String,
    pub trust: Trust,
}

/// A constraint on a table's rows that may be used now. Columns are positions in the table's schema.
#[derive(Debug, Clone)]
pub struct KnownConstraint {
    pub reference: Arc<ConstraintRef>,
    pub kind: KnownConstraintKind,
}

#[derive(Debug, Clone)]
pub enum KnownConstraintKind {
    /// No two rows are equal (`=`) in all of `columns`. A PRIMARY KEY also says NOT NULL of each column: the maker adds
    /// `NotNull` for it.
    Unique {
        columns: Vec<usize>,
        primary: bool,
    },
    /// Every row without a NULL in `columns` has a row in `parent` whose `parent_columns` (by name, pairwise) are equal.
    ForeignKey {
        columns: Vec<usize>,
        parent: TableName,
        parent_columns: Vec<String>,
    },
    NotNull {
        columns: Vec<usize>,
    },
}

/// A declared constraint that may not be used now.
#[derive(Debug, Clone)]
pub struct UnusedConstraint {
    pub name: String,
    pub kind: KnownConstraintKind,
    /// A clause: `it was never checked`, `part-3.parquet was added since it was checked`.
    pub why: String,
}

/// Exact facts on one column, from the files' statistics; `None`: not known.
#[derive(Debug, Clone, Default)]
pub struct FileColumnFacts {
    pub nulls: Option<u64>,
    pub min: Option<ScalarValue>,
    pub max: Option<ScalarValue>,
}

/// All that is known of a table while a statement is planned.
#[derive(Debug, Clone)]
pub struct TableFacts {
    pub name: TableName,
    pub constraints: Vec<KnownConstraint>,
    pub unused: Vec<UnusedConstraint>,
    /// Exact number of rows; from the files.
    pub rows: Option<u64>,
    /// One a column of the table's schema, or empty: nothing is known.
    pub columns: Vec<FileColumnFacts>,
    /// How many distinct values each column is *thought* to have: for estimates, never for proofs. Empty: nothing is known.
    pub distinct: Arc<Vec<Option<u64>>>,
    /// Stands for "this table, as its files are in this statement": two instances with the same number read the same rows.
    pub snapshot: u64,
}

/// Which mention of a table in the user's text a scan comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceTag {
    /// Number of the mention in the statement; scans of one mention (a CTE read twice) share it.
    pub mention: usize,
    pub table: TableName,
    /// The alias it has in FROM, or the table's own name.
    pub alias: String,
}

impl TableFacts {
    /// The constraint that says that a column is never NULL.
    pub fn not_null(&self, column: usize) -> Option<&Arc<ConstraintRef>> {
        self.constraints.iter().find_map(|constraint| match &constraint.kind {
            KnownConstraintKind::NotNull { columns } if columns.contains(&column) => Some(&constraint.reference),
            _ => None,
        })
    }

    /// The files' statistics as a reason.
    pub fn by_files(&self, name: String) -> Arc<ConstraintRef> {
        Arc::new(ConstraintRef { table: self.name.clone(), name, trust: Trust::Files })
    }

    /// What DataFusion's own rules may know: keys whose columns are all NOT NULL by constraints. A key over nullable columns is
    /// kept from them, since they let a NULL in it count as a value that occurs once.
    fn strict_keys(&self) -> Constraints {
        let never_null: HashSet<usize> = self
            .constraints
            .iter()
            .filter_map(|constraint| match &constraint.kind {
                KnownConstraintKind::NotNull { columns } => Some(columns),
                _ => None,
            })
            .flatten()
            .copied()
            .collect();
        let keys = self.constraints.iter().filter_map(|constraint| match &constraint.kind {
            KnownConstraintKind::Unique { columns, .. }
                if !columns.is_empty() && columns.iter().all(|column| never_null.contains(column)) =>
            {
                Some(Constraint::PrimaryKey(columns.clone()))
            }
            _ => None,
        });
        Constraints::new_unverified(keys.collect())
    }
}

/// A table with what is known of it. Everything else is the inner provider's.
#[derive(Debug, Clone)]
pub struct KnownTable {
    inner: Arc<dyn TableProvider>,
    facts: Arc<TableFacts>,
    constraints: Constraints,
    /// Made when first asked for, once for all mentions.
    columns: Arc<OnceLock<Vec<ColumnFacts>>>,
    tag: Option<InstanceTag>,
}

impl KnownTable {
    pub fn new(inner: Arc<dyn TableProvider>, facts: Arc<TableFacts>) -> Self {
        let constraints = facts.strict_keys();
        KnownTable { inner, facts, constraints, columns: Arc::default(), tag: None }
    }

    /// The same table at one place of the user's text.
    pub fn tagged(&self, tag: InstanceTag) -> Self {
        KnownTable { tag: Some(tag), ..self.clone() }
    }

    /// The same table, of whose keys DataFusion's rules know nothing.
    pub fn without_keys(&self) -> Self {
        KnownTable { constraints: Constraints::default(), ..self.clone() }
    }

    pub fn inner(&self) -> &Arc<dyn TableProvider> {
        &self.inner
    }

    pub fn facts(&self) -> &Arc<TableFacts> {
        &self.facts
    }

    /// What is known of each column, which `make` makes of the table's facts and schema.
    pub(super) fn columns(&self, make: fn(&TableFacts, &Schema) -> Vec<ColumnFacts>) -> &[ColumnFacts] {
        self.columns.get_or_init(|| make(&self.facts, &self.inner.schema()))
    }

    pub fn tag(&self) -> Option<&InstanceTag> {
        self.tag.as_ref()
    }

    /// The table behind a scan, if anything is known of it.
    pub fn of(source: &Arc<dyn TableSource>) -> Option<&KnownTable> {
        let source = source.downcast_ref::<DefaultTableSource>()?;
        source.table_provider.downcast_ref::<KnownTable>()
    }
}

#[async_trait]
impl TableProvider for KnownTable {
    fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }

    fn constraints(&self) -> Option<&Constraints> {
        Some(&self.constraints)
    }

    fn table_type(&self) -> TableType {
        self.inner.table_type()
    }

    fn get_table_definition(&self) -> Option<&str> {
        self.inner.get_table_definition()
    }

    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        self.inner.get_logical_plan()
    }

    fn get_column_default(&self, column: &str) -> Option<&Expr> {
        self.inner.get_column_default(column)
    }

    // Not `async`: see "Build time" in CONTRIBUTING.md.
    fn scan<'s, 'c, 'p, 'f, 'r>(
        &'s self,
        state: &'c dyn Session,
        projection: Option<&'p Vec<usize>>,
        filters: &'f [Expr],
        limit: Option<usize>,
    ) -> BoxFuture<'r, Result<Arc<dyn ExecutionPlan>>>
    where
        's: 'r,
        'c: 'r,
        'p: 'r,
        'f: 'r,
        Self: 'r,
    {
        self.inner.scan(state, projection, filters, limit)
    }

    fn scan_with_args<'a, 's, 'c, 'r>(
        &'s self,
        state: &'c dyn Session,
        args: ScanArgs<'a>,
    ) -> BoxFuture<'r, Result<ScanResult>>
    where
        'a: 'r,
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        self.inner.scan_with_args(state, args)
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        self.inner.supports_filters_pushdown(filters)
    }

    /// What the files say, exact, and beside it what ANALYZE found: how many values of a column are different, for one. `None`: neither
    /// says anything.
    fn statistics(&self) -> Option<Statistics> {
        let of_inner = self.inner.statistics();
        if of_inner.is_none() && self.facts.rows.is_none() && self.facts.columns.is_empty() {
            return None;
        }
        let mut statistics = of_inner.unwrap_or_else(|| Statistics::new_unknown(&self.schema()));
        let exact = |count: u64| Precision::Exact(usize::try_from(count).unwrap_or(usize::MAX));
        if let Some(rows) = self.facts.rows {
            statistics.num_rows = exact(rows);
        }
        for (column, facts) in statistics.column_statistics.iter_mut().zip(&self.facts.columns) {
            if let Some(nulls) = facts.nulls {
                column.null_count = exact(nulls);
            }
            if let Some(min) = &facts.min {
                column.min_value = Precision::Exact(min.clone());
            }
            if let Some(max) = &facts.max {
                column.max_value = Precision::Exact(max.clone());
            }
        }
        Some(statistics)
    }

    async fn insert_into(
        &self,
        state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        insert_op: InsertOp,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.inner.insert_into(state, input, insert_op).await
    }

    fn delete_from<'s, 'c, 'r>(
        &'s self,
        state: &'c dyn Session,
        filters: Vec<Expr>,
    ) -> BoxFuture<'r, Result<Arc<dyn ExecutionPlan>>>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        self.inner.delete_from(state, filters)
    }

    fn update<'s, 'c, 'r>(
        &'s self,
        state: &'c dyn Session,
        assignments: Vec<(String, Expr)>,
        filters: Vec<Expr>,
    ) -> BoxFuture<'r, Result<Arc<dyn ExecutionPlan>>>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        self.inner.update(state, assignments, filters)
    }

    async fn truncate(&self, state: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        self.inner.truncate(state).await
    }

    fn merge_into<'s, 'c, 'r>(
        &'s self,
        state: &'c dyn Session,
        source: Arc<dyn ExecutionPlan>,
        merge_schema: DFSchemaRef,
        on: Expr,
        clauses: Vec<MergeIntoClause>,
    ) -> BoxFuture<'r, Result<Arc<dyn ExecutionPlan>>>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        self.inner.merge_into(state, source, merge_schema, on, clauses)
    }
}
