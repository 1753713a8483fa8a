//! DELETE and UPDATE: the partitions with rows that are concerned are written anew.
//!
//! Files cannot be changed in place. So the rows of each partition in which some row meets the condition go to new files, but for
//! those that are deleted, and these take the place of the old files as INSERT OVERWRITE's do: at once, or not at all. A row for which
//! the condition is NULL stays as it is.
//!
//! A condition of the row alone can be turned round: kept is what does not meet it. One with a subquery cannot, for joins do not tell
//! false from NULL; and one that differs from time to time (`random()`) must be asked once. Then the rows are numbered first, in a
//! copy, and the numbers of those that meet the condition are written down: what follows goes by the numbers.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use datafusion::arrow::array::{AsArray as _, Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::catalog::TableProvider as _;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::common::{Column as PlanColumn, JoinType, ScalarValue, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::SessionState;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility, lit, when,
};
use futures::StreamExt as _;
use sqlparser::ast::Spanned as _;

use super::insert::all_columns;
use super::plan::{Planned, plan_ast};
use super::resolve::fold;
use super::show::no_column;
use super::write::Replaces;
use super::{Outcome, Session};
use crate::catalog::model::{Column, FileFormat, Table, TableKind, TableName};
use crate::error::datafusion::in_statement;
use crate::error::{Error, Result};
use crate::functions;
use crate::sql::parser::change_rows::{ROW, TARGET, value_name};
use crate::sql::statement::{ChangeRows, ParsedStatement};
use crate::storage::FileTable;
use crate::storage::commit::Staging;

/// A statement with what it is about.
struct Change<'a> {
    table: Table,
    /// The table's files as they were listed behind the lock.
    open: FileTable,
    /// Where files may lie that nobody else sees.
    aside: std::path::PathBuf,
    /// The places of the assigned columns, in the order of SET.
    assigned: Vec<usize>,
    statement: &'a ChangeRows,
    parsed: &'a ParsedStatement,
}

/// The query for the rows, taken apart.
struct Rows {
    /// The new values, in the order of SET.
    values: Vec<Expr>,
    condition: Option<Expr>,
    /// The table in FROM.
    input: LogicalPlan,
    state: SessionState,
}

impl Session {
    pub(super) async fn change_rows(&self, statement: &ChangeRows, parsed: &ParsedStatement) -> Result<Outcome> {
        let table = self.table_to_change(&statement.table, &parsed.source).await?;
        let at = |error: Error| error.at(&parsed.source, statement.table.span());
        let location = self.location(&table.location)?;
        if table.kind != TableKind::Managed {
            return Err(at(Error::statement(format!(
                "{} is an external table: its files are not Ostrich's own",
                table.name
            ))
            .help("INSERT OVERWRITE TABLE … SELECT … writes the rows that are to be there")));
        }
        let aside = match location.local_root() {
            Some(root) => root,
            None => self.scratch()?,
        };
        // Before the rows are read: what is written depends on them.
        let write = self.begin_locked_write(&location).await?;
        let open = self.tables.open(&self.context.state(), &table).await?;
        let assigned = assigned(statement, &table, &open, parsed)?;
        let change = Change { table, open, aside, assigned, statement, parsed };
        let (touched, rows) = self.touched(&change).await?;
        if touched.is_empty() {
            return Ok(Outcome::Done { rows: Some(0) });
        }
        let part = change.open.only(|file| touched.contains(change.open.path_of(file)));
        let concerned = self.rows_of(&change, &part).await?;
        let (plan, state, aside) = match must_be_asked_once(&concerned)? {
            false => (changed_in_place(&change, &concerned)?, concerned.state, None),
            true => {
                let (plan, state, aside) = self.changed_by_numbers(&change, &part).await?;
                (plan, state, Some(aside))
            }
        };
        let replaces = Replaces::Files(touched);
        self.write(&change.table, &location, (plan, state), write, replaces, &parsed.source).await?;
        drop(aside);
        Ok(Outcome::Done { rows: Some(rows) })
    }

    /// Resolves names and types; nothing is read.
    pub(super) async fn check_change_rows(&self, statement: &ChangeRows, parsed: &ParsedStatement) -> Result<()> {
        let table = self.table_to_change(&statement.table, &parsed.source).await?;
        let open = self.tables.open(&self.context.state(), &table).await?;
        let assigned = assigned(statement, &table, &open, parsed)?;
        let change = Change { table, open: open.clone(), aside: Default::default(), assigned, statement, parsed };
        self.rows_of(&change, &open).await.map(drop)
    }

    /// The query for the rows over some of the table's files.
    async fn rows_of(&self, change: &Change<'_>, part: &FileTable) -> Result<Rows> {
        // Rows have no numbers here.
        let mut query = change.statement.rows.as_ref().clone();
        if let sqlparser::ast::SetExpr::Select(select) = query.body.as_mut() {
            select.projection.remove(0);
            if select.projection.is_empty() {
                let one = sqlparser::ast::Expr::value(sqlparser::ast::Value::Number("1".to_string(), false));
                select.projection.push(sqlparser::ast::SelectItem::UnnamedExpr(one));
            }
        }
        let Planned { plan, state, .. } = self.plan_over(&query, part, change).await?;
        let LogicalPlan::Projection(projection) = plan else {
            return Err(Error::statement("the rows to be changed come from one table"));
        };
        let values = projection.expr.iter().take(change.assigned.len()).map(|expr| expr.clone().unalias()).collect();
        let (condition, input) = match projection.input.as_ref() {
            LogicalPlan::Filter(filter) => (Some(filter.predicate.clone()), filter.input.as_ref().clone()),
            other => (None, other.clone()),
        };
        Ok(Rows { values, condition, input, state })
    }

    /// Plans a query in which the table to be changed stands for some files.
    async fn plan_over(
        &self,
        query: &sqlparser::ast::Query,
        files: &FileTable,
        change: &Change<'_>,
    ) -> Result<Planned> {
        let tables = self.statement_tables_in(&self.database(), change.parsed.dialect);
        tables.put(TARGET, Arc::new(files.clone()));
        let statement = sqlparser::ast::Statement::Query(Box::new(query.clone()));
        let statement = datafusion::sql::parser::Statement::Statement(Box::new(statement));
        plan_ast(statement, &tables, &change.parsed.source).await
    }

    /// The files of the partitions in which rows meet the condition, and how many rows do.
    async fn touched(&self, change: &Change<'_>) -> Result<(HashSet<String>, u64)> {
        let Rows { condition, input, state, .. } = self.rows_of(change, &change.open).await?;
        let partitions = change.open.partitions();
        let qualifier = input.schema().iter().next().and_then(|(qualifier, _)| qualifier.cloned());
        let column = |name: &str| Expr::Column(PlanColumn::new(qualifier.clone(), name));
        let groups: Vec<Expr> = partitions.columns().iter().map(|field| column(field.name())).collect();
        let mut plan = LogicalPlanBuilder::from(input);
        if let Some(condition) = condition {
            plan = plan.filter(condition)?;
        }
        let plan = plan.aggregate(groups, [count(lit(1_i64)).alias("rows")])?.build()?;
        let batches = self.collect(plan, state, change).await?;
        let mut touched: HashSet<Vec<ScalarValue>> = HashSet::new();
        let mut total = 0;
        for batch in &batches {
            let (keys, counts) = batch.columns().split_at(partitions.columns().len());
            let Some(counts) = counts.first().and_then(|counts| counts.as_primitive_opt::<Int64Type>()) else {
                continue;
            };
            for row in (0..batch.num_rows()).filter(|row| counts.value(*row) > 0) {
                total += u64::try_from(counts.value(row)).unwrap_or_default();
                let key = keys.iter().map(|key| ScalarValue::try_from_array(key, row));
                touched.insert(key.collect::<DataFusionResult<_>>()?);
            }
        }
        let of_partition = |partition: u32| partitions.rows().get(partition as usize);
        let files =
            change.open.files().iter().filter(|file| of_partition(file.partition).is_some_and(|p| touched.contains(p)));
        Ok((files.map(|file| change.open.path_of(file).to_string()).collect(), total))
    }

    /// The changed rows by way of their numbers, which are in files of their own. These go with the last value.
    async fn changed_by_numbers(
        &self,
        change: &Change<'_>,
        part: &FileTable,
    ) -> Result<(LogicalPlan, SessionState, Staging)> {
        let aside = Staging::begin(&change.aside)?;
        let state = self.context.state();
        // All rows with numbers.
        let scan =
            LogicalPlanBuilder::scan(TableReference::bare("t"), provider_as_source(Arc::new(part.clone())), None)?;
        let mut columns: Vec<Expr> = vec![Numbers::function().call(Vec::new()).alias(ROW)];
        columns.extend(part.schema().fields().iter().map(|field| {
            Expr::Column(PlanColumn::new(Some(TableReference::bare("t")), field.name())).alias(field.name())
        }));
        let numbered = scan.project(columns)?.build()?;
        let all = self.put_aside(numbered, state.clone(), &aside.folder().join("rows"), change).await?;
        // The numbers of those concerned, with their new values.
        let Planned { plan, state, .. } = self.plan_over(&change.statement.rows, &all, change).await?;
        let concerned = self.put_aside(plan, state.clone(), &aside.folder().join("concerned"), change).await?;

        let [all_rows, hit] = [("all", &all), ("hit", &concerned)].map(|(name, files)| {
            LogicalPlanBuilder::scan(TableReference::bare(name), provider_as_source(Arc::new(files.clone())), None)
        });
        let number = |table: &str| PlanColumn::new(Some(TableReference::bare(table)), ROW);
        let keys = (vec![number("all")], vec![number("hit")]);
        let of_all = |name: &str| Expr::Column(PlanColumn::new(Some(TableReference::bare("all")), name));
        let plan = match change.statement.is_update {
            false => {
                let kept = all_rows?.join(hit?.build()?, JoinType::LeftAnti, keys, None)?;
                kept.project(all_columns(&change.table).into_iter().map(|(name, _)| of_all(&name).alias(name)))?
            }
            true => {
                let joined = all_rows?.join(hit?.build()?, JoinType::Left, keys, None)?;
                let is_hit = Expr::Column(number("hit")).is_not_null();
                let values = (0..change.assigned.len())
                    .map(|number| Expr::Column(PlanColumn::new(Some(TableReference::bare("hit")), value_name(number))));
                joined.project(updated(change, values.collect(), &is_hit, of_all)?)?
            }
        };
        Ok((plan.build()?, state, aside))
    }

    /// Writes rows to files that no table has.
    async fn put_aside(
        &self,
        rows: LogicalPlan,
        state: SessionState,
        folder: &Path,
        change: &Change<'_>,
    ) -> Result<FileTable> {
        // Types are settled only then.
        let rows = state
            .analyzer()
            .execute_and_check(rows, state.config_options(), |_, _| {})
            .map_err(|error| in_statement(&error, &change.parsed.source))?;
        let columns = rows.schema().fields().iter().map(|field| Column {
            name: field.name().clone(),
            data_type: field.data_type().clone(),
            comment: None,
        });
        let mut table =
            Table::external(TableName::new("", "rows"), FileFormat::Parquet, format!("{}/", folder.display()));
        table.columns = columns.collect();
        table.partition_columns = Some(Vec::new());
        let open = self.tables.open(&self.context.state(), &table).await?;
        let plan = LogicalPlanBuilder::insert_into(rows, "rows", provider_as_source(Arc::new(open)), InsertOp::Append)?;
        let mut execution = self.start(Planned { plan: plan.build()?, state, names: Vec::new() }).await?;
        super::copy::count_written(&mut execution.stream, &change.parsed.source).await?;
        drop(execution);
        self.tables.open(&self.context.state(), &table).await
    }

    async fn collect(&self, plan: LogicalPlan, state: SessionState, change: &Change<'_>) -> Result<Vec<RecordBatch>> {
        let mut execution = self.start(Planned { plan, state, names: Vec::new() }).await?;
        let mut batches = Vec::new();
        while let Some(batch) = execution.stream.next().await {
            batches.push(batch.map_err(|error| in_statement(&error, &change.parsed.source))?);
        }
        Ok(batches)
    }
}

/// The places of the columns that SET names.
fn assigned(statement: &ChangeRows, table: &Table, open: &FileTable, parsed: &ParsedStatement) -> Result<Vec<usize>> {
    let schema = open.schema();
    let mut places: Vec<usize> = Vec::new();
    for name in &statement.columns {
        let wanted = fold(name);
        let place = schema.index_of(&wanted).ok();
        let place =
            place.or_else(|| schema.fields().iter().position(|field| field.name().eq_ignore_ascii_case(&wanted)));
        let place = place.ok_or_else(|| no_column(&schema, &wanted, &table.name).at(&parsed.source, name.span))?;
        if places.contains(&place) {
            return Err(Error::statement(format!("SET assigns \"{wanted}\" twice")).at(&parsed.source, name.span));
        }
        places.push(place);
    }
    Ok(places)
}

/// Whether the rows that meet the condition can only be found by asking for them.
fn must_be_asked_once(rows: &Rows) -> Result<bool> {
    let mut found = false;
    for expr in rows.condition.iter().chain(&rows.values) {
        expr.apply(|expr| {
            found |= matches!(
                expr,
                Expr::Exists(_)
                    | Expr::InSubquery(_)
                    | Expr::ScalarSubquery(_)
                    | Expr::SetComparison(_)
                    | Expr::OuterReferenceColumn(..)
            ) || expr.is_volatile_node();
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
    }
    // What the planner made of it may be a join below.
    rows.input.apply_with_subqueries(|node| {
        found |= !matches!(node, LogicalPlan::TableScan(_) | LogicalPlan::SubqueryAlias(_));
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// The changed rows, for a condition that can be turned round.
fn changed_in_place(change: &Change<'_>, rows: &Rows) -> Result<LogicalPlan> {
    let qualifier = rows.input.schema().iter().next().and_then(|(qualifier, _)| qualifier.cloned());
    let column = |name: &str| Expr::Column(PlanColumn::new(qualifier.clone(), name));
    let is_hit = rows.condition.clone().unwrap_or_else(|| lit(true));
    let plan = LogicalPlanBuilder::from(rows.input.clone());
    let plan = match change.statement.is_update {
        false => {
            let kept = plan.filter(is_hit.is_not_true())?;
            kept.project(all_columns(&change.table).into_iter().map(|(name, _)| column(&name).alias(name)))?
        }
        true => plan.project(updated(change, rows.values.clone(), &is_hit, column)?)?,
    };
    Ok(plan.build()?)
}

/// All columns of the table: assigned ones have their new values where the row is hit.
fn updated(change: &Change<'_>, values: Vec<Expr>, is_hit: &Expr, column: impl Fn(&str) -> Expr) -> Result<Vec<Expr>> {
    let columns = all_columns(&change.table).into_iter().enumerate().map(|(place, (name, data_type))| {
        let old = column(&name);
        let number = change.assigned.iter().position(|assigned| *assigned == place);
        let Some(value) = number.and_then(|number| values.get(number)) else { return Ok(old.alias(name)) };
        let new = functions::cast(change.parsed.dialect, value.clone(), &data_type);
        Ok(when(is_hit.clone(), new).otherwise(old)?.alias(name))
    });
    columns.collect()
}

/// Gives each row a number that no other has.
#[derive(Debug)]
struct Numbers {
    signature: Signature,
    next: AtomicI64,
}

impl Numbers {
    fn function() -> ScalarUDF {
        ScalarUDF::from(Numbers { signature: Signature::nullary(Volatility::Volatile), next: AtomicI64::new(0) })
    }
}

impl PartialEq for Numbers {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Numbers {}

impl std::hash::Hash for Numbers {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        std::ptr::from_ref(self).hash(state);
    }
}

impl ScalarUDFImpl for Numbers {
    fn name(&self) -> &str {
        "ostrich_row_number"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let rows = i64::try_from(arguments.number_rows).unwrap_or(i64::MAX);
        let first = self.next.fetch_add(rows, Ordering::Relaxed);
        Ok(ColumnarValue::Array(Arc::new(Int64Array::from_iter_values(first..first.saturating_add(rows)))))
    }
}
