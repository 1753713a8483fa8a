//! A plan over one scan of a table, read as expressions over that table's columns: `SELECT id, a + 1 AS b FROM t WHERE f` is the
//! columns `t.id`, `t.a + 1` and the filter `t.f`. So two mentions of a table can be told to speak of the same row, and what is read by
//! way of one can be read by way of the other.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{Column, TableReference};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::expressions::{can_be_moved, conjuncts, plain_column, substitute};
use crate::optimizer::facts::Because;
use crate::optimizer::facts::{ColumnSet, KnownConstraintKind, KnownTable, TableFacts};

/// Rows of one table, one for each row that passes `filters`.
pub struct Inlined {
    pub facts: Arc<TableFacts>,
    /// One an output column, over the columns that [`Inlined::column`] gives.
    pub columns: Vec<Expr>,
    pub filters: Vec<Expr>,
    schema: SchemaRef,
}

/// Stands in for the table in expressions, so that its columns cannot be taken for others of the query.
const ROW: &str = "__row";

impl Inlined {
    /// `None`: the plan is more than projections and filters over one table of which something is known.
    pub fn of(plan: &LogicalPlan) -> Result<Option<Inlined>> {
        match plan {
            LogicalPlan::TableScan(scan) if scan.fetch.is_none() => {
                let Some(table) = KnownTable::of(&scan.source) else { return Ok(None) };
                let schema = scan.source.schema();
                let mut names = HashMap::new();
                for (position, field) in schema.fields().iter().enumerate() {
                    let stand_in = Self::column_expr(&schema, position);
                    names.insert(Column::new_unqualified(field.name()), stand_in.clone());
                    names.insert(Column::new(Some(scan.table_name.clone()), field.name()), stand_in);
                }
                let mut columns = Vec::new();
                for field in scan.projected_schema.fields() {
                    let Ok(position) = schema.index_of(field.name()) else { return Ok(None) };
                    columns.push(Self::column_expr(&schema, position));
                }
                let Some(filters) = rewritten(&scan.filters, &names)? else { return Ok(None) };
                Ok(Some(Inlined { facts: Arc::clone(table.facts()), columns, filters, schema }))
            }
            LogicalPlan::SubqueryAlias(alias) => Self::of(&alias.input),
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => Self::of(&sort.input),
            LogicalPlan::Filter(filter) => {
                let Some(mut inner) = Self::of(&filter.input)? else { return Ok(None) };
                let names = inner.names(&filter.input);
                let Some(filters) = rewritten(&conjuncts(Some(&filter.predicate)), &names)? else { return Ok(None) };
                inner.filters.extend(filters);
                Ok(Some(inner))
            }
            LogicalPlan::Projection(projection) => {
                let Some(mut inner) = Self::of(&projection.input)? else { return Ok(None) };
                let names = inner.names(&projection.input);
                let exprs: Vec<Expr> = projection.expr.iter().map(|expr| expr.clone().unalias()).collect();
                let Some(columns) = rewritten(&exprs, &names)? else { return Ok(None) };
                inner.columns = columns;
                Ok(Some(inner))
            }
            _ => Ok(None),
        }
    }

    /// The table of which [`Inlined::of`] gives rows, if it does. Costs nothing: most joins are of different tables.
    pub fn table_of(plan: &LogicalPlan) -> Option<&TableFacts> {
        match plan {
            LogicalPlan::TableScan(scan) => KnownTable::of(&scan.source).map(|table| table.facts().as_ref()),
            LogicalPlan::SubqueryAlias(alias) => Self::table_of(&alias.input),
            LogicalPlan::Sort(sort) => Self::table_of(&sort.input),
            LogicalPlan::Filter(filter) => Self::table_of(&filter.input),
            LogicalPlan::Projection(projection) => Self::table_of(&projection.input),
            _ => None,
        }
    }

    /// The columns of the plan by name, as expressions over the row.
    pub fn names(&self, plan: &LogicalPlan) -> HashMap<Column, Expr> {
        let columns = plan.schema().columns();
        columns.into_iter().zip(self.columns.iter().cloned()).collect()
    }

    fn column_expr(schema: &SchemaRef, position: usize) -> Expr {
        Expr::Column(Column::new(Some(TableReference::bare(ROW)), schema.field(position).name()))
    }

    /// How the table's column is written in `columns` and `filters`.
    pub fn column(&self, position: usize) -> Column {
        Column::new(Some(TableReference::bare(ROW)), self.schema.field(position).name())
    }

    /// The position of the table's column that an output column is, unchanged.
    pub fn table_column(&self, output: usize) -> Option<usize> {
        let column = plain_column(self.columns.get(output)?)?;
        self.schema.index_of(&column.name).ok()
    }

    /// Whether two plans read the same rows of the same files.
    pub fn is_same_table(&self, other: &TableFacts) -> bool {
        is_same_table(&self.facts, other)
    }

    /// The constraints that make `columns` (positions in the table) tell its rows apart, as far as they are not NULL.
    pub fn key_within(&self, columns: &ColumnSet) -> Option<Because> {
        key_of_table(&self.facts, columns)
    }
}

/// Whether two scans read the same rows of the same files.
pub fn is_same_table(one: &TableFacts, other: &TableFacts) -> bool {
    one.name == other.name && one.snapshot == other.snapshot
}

/// A declared key of the table within `columns`.
///
/// Keys that hold only thanks to a filter (`UNIQUE (a, b)` under `b = 1` makes `a` a key of the filtered rows) do not count: two
/// mentions of the table may have different filters.
pub fn key_of_table(facts: &TableFacts, columns: &ColumnSet) -> Option<Because> {
    facts.constraints.iter().find_map(|constraint| match &constraint.kind {
        KnownConstraintKind::Unique { columns: key, .. }
            if !key.is_empty() && key.iter().all(|column| columns.contains(column)) =>
        {
            Some(vec![Arc::clone(&constraint.reference)])
        }
        _ => None,
    })
}

/// The expressions over the row; `None` if one of them must stay where it is.
fn rewritten(exprs: &[Expr], names: &HashMap<Column, Expr>) -> Result<Option<Vec<Expr>>> {
    let mut done = Vec::with_capacity(exprs.len());
    for expr in exprs {
        if !can_be_moved(expr) || !expr.column_refs().iter().all(|column| names.contains_key(*column)) {
            return Ok(None);
        }
        done.push(substitute(expr.clone(), names)?);
    }
    Ok(Some(done))
}
