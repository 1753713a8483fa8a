//! How many rows a plan gives, and how many distinct values its columns have.
//!
//! Row counts, minima and maxima come from the files' footers, distinct values from ANALYZE, from keys, and from the width of a
//! range of whole numbers. Where a table's number of rows is not known, nothing is guessed: its joins stay as they were written.

use std::cell::RefCell;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::rc::Rc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::stats::Precision;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, FetchType, Filter, Join, JoinType, LogicalPlan, Operator, Projection, SkipType,
    TableScan,
};

use super::selectivity::{filtered, number};
use crate::execution::groups::numbered_texts::under_number_or_text;
use crate::functions::opaque::{under_keyless, under_opaque};
use crate::optimizer::facts::{KnownConstraintKind, KnownTable, plain_column};

/// What is thought of a plan's rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    pub rows: f64,
    /// Rows before filters: the column estimates' own.
    pub base_rows: f64,
    /// One an output column.
    pub columns: Vec<ColumnEstimate>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnEstimate {
    /// After predicates on this very column, and no others.
    pub distinct: Option<f64>,
    /// On the line of numbers; text has none.
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// The part of the rows that is NULL.
    pub nulls: f64,
    /// No two rows have the same value.
    pub unique: bool,
    /// The mention of a table that it is of.
    pub table: Option<Origin>,
}

/// A table where a query mentions it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Origin {
    /// No other mention has it.
    mention: usize,
    /// Those that the table's own filters leave.
    rows: f64,
}

impl ColumnEstimate {
    /// The number of distinct values. Text in tables of `rows` rows mostly names something: there are fewer names than rows.
    pub fn distinct_or_guess(&self, rows: f64) -> f64 {
        self.distinct.unwrap_or_else(|| rows.max(1.0).powf(0.6).min(200.0))
    }
}

impl Estimate {
    /// Of a plan of which nothing is known.
    pub fn unknown(width: usize) -> Estimate {
        Estimate::unknown_columns(1000.0, width)
    }

    fn unknown_columns(rows: f64, width: usize) -> Estimate {
        Estimate { rows, base_rows: rows, columns: vec![ColumnEstimate::default(); width] }
    }

    fn limited(mut self, most: f64) -> Estimate {
        self.rows = self.rows.min(most);
        self
    }
}

/// The estimates of a plan's nodes, each made once: one that looks at all joins would make those of the lowest once a join.
///
/// It borrows the plan, so that a node's address stands for that node only.
#[derive(Debug, Default)]
pub struct Estimates<'a> {
    known: RefCell<HashMap<*const LogicalPlan, Option<Rc<Estimate>>>>,
    plan: PhantomData<&'a LogicalPlan>,
}

impl<'a> Estimates<'a> {
    /// The estimate for a node; `None`: the size of a table below it is not known.
    pub fn of(&self, plan: &'a LogicalPlan) -> Option<Rc<Estimate>> {
        let address = std::ptr::from_ref(plan);
        if let Some(known) = self.known.borrow().get(&address) {
            return known.clone();
        }
        let estimate = made(plan, self).map(Rc::new);
        self.known.borrow_mut().insert(address, estimate.clone());
        estimate
    }

    /// How many rows a node gives.
    pub fn rows(&self, plan: &'a LogicalPlan) -> Option<f64> {
        self.of(plan).map(|estimate| estimate.rows)
    }

    /// How many groups an aggregation would make of a node's rows.
    pub fn groups(&self, aggregate: &Aggregate, of: &'a LogicalPlan) -> Option<f64> {
        self.of(of).map(|input| of_aggregate(aggregate, &input).rows)
    }

    /// The same as [`Estimates::of`], to be changed.
    fn copy_of(&self, plan: &'a LogicalPlan) -> Option<Estimate> {
        self.of(plan).map(Rc::unwrap_or_clone)
    }
}

/// The estimate for a plan; `None`: the size of a table in it is not known.
pub fn estimate(plan: &LogicalPlan) -> Option<Estimate> {
    made(plan, &Estimates::default())
}

fn made<'a>(plan: &'a LogicalPlan, below: &Estimates<'a>) -> Option<Estimate> {
    let width = plan.schema().fields().len();
    let estimate = |plan: &'a LogicalPlan| below.copy_of(plan);
    match plan {
        LogicalPlan::TableScan(scan) => of_scan(scan),
        LogicalPlan::Filter(filter) => {
            let schema = filter.input.schema();
            let Some(predicate) = not_in_scan(filter) else { return estimate(&filter.input) };
            let input = below.of(&filter.input)?;
            Some(filtered(&input, &predicate, &|column| schema.maybe_index_of_column(column)))
        }
        LogicalPlan::Projection(projection) => Some(of_projection(projection, below.of(&projection.input)?.as_ref())),
        LogicalPlan::SubqueryAlias(alias) => estimate(&alias.input),
        LogicalPlan::Sort(sort) => {
            let input = estimate(&sort.input)?;
            Some(match sort.fetch {
                Some(fetch) => input.limited(fetch as f64),
                None => input,
            })
        }
        LogicalPlan::Limit(limit) => {
            let input = estimate(&limit.input)?;
            let FetchType::Literal(fetch) = limit.get_fetch_type().ok()? else { return Some(input) };
            let skip = if let Ok(SkipType::Literal(skip)) = limit.get_skip_type() { skip as f64 } else { 0.0 };
            let left = (input.rows - skip).max(0.0);
            Some(input.limited(fetch.map_or(left, |fetch| left.min(fetch as f64))))
        }
        LogicalPlan::Aggregate(aggregate) => Some(of_aggregate(aggregate, below.of(&aggregate.input)?.as_ref())),
        LogicalPlan::Distinct(Distinct::All(input)) => {
            let mut input = estimate(input)?;
            input.rows = groups(&input, (0..input.columns.len()).map(|column| input.columns.get(column)));
            Some(input)
        }
        LogicalPlan::Window(window) => {
            let mut input = estimate(&window.input)?;
            input.columns.resize(width, ColumnEstimate::default());
            Some(input)
        }
        LogicalPlan::Join(join) => {
            let (left, right) = (below.of(&join.left)?, below.of(&join.right)?);
            Some(of_join(join, &left, &right))
        }
        LogicalPlan::Union(union) => {
            let mut rows = 0.0;
            for input in &union.inputs {
                rows += below.of(input)?.rows;
            }
            Some(Estimate::unknown_columns(rows, width))
        }
        LogicalPlan::Values(values) => Some(Estimate::unknown_columns(values.values.len() as f64, width)),
        LogicalPlan::EmptyRelation(empty) => {
            Some(Estimate::unknown_columns(f64::from(u8::from(empty.produce_one_row)), width))
        }
        _ => None,
    }
}

/// What a filter asks beyond the scan that it stands on. Conditions that the scan need not keep to the letter are in both.
fn not_in_scan(filter: &Filter) -> Option<Expr> {
    let LogicalPlan::TableScan(scan) = filter.input.as_ref() else { return Some(filter.predicate.clone()) };
    conjunction(split_conjunction(&filter.predicate).into_iter().filter(|part| !scan.filters.contains(part)).cloned())
}

fn of_scan(scan: &TableScan) -> Option<Estimate> {
    let table = KnownTable::of(&scan.source)?;
    let facts = table.facts();
    let rows = facts.rows? as f64;
    let schema = scan.source.schema();
    let statistics = table.inner().statistics();
    let mut columns: Vec<ColumnEstimate> = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(index, field)| {
            let known = facts.columns.get(index);
            let bound = |of: Option<&datafusion::common::ScalarValue>| of.and_then(number);
            let (min, max) =
                (bound(known.and_then(|known| known.min.as_ref())), bound(known.and_then(|known| known.max.as_ref())));
            let nulls = known.and_then(|known| known.nulls).map_or(0.0, |nulls| nulls as f64 / rows.max(1.0));
            let counted = statistics.as_ref().and_then(|of| of.column_statistics.get(index)).and_then(|of| {
                match of.distinct_count {
                    Precision::Exact(distinct) | Precision::Inexact(distinct) => Some(distinct as f64),
                    Precision::Absent => None,
                }
            });
            let sampled = facts.distinct.get(index).copied().flatten().map(|distinct| distinct as f64);
            let not_null = (rows * (1.0 - nulls)).max(1.0);
            let in_range = match (min, max) {
                (Some(min), Some(max)) if is_whole(field.data_type()) => Some((max - min + 1.0).min(not_null)),
                _ => None,
            };
            let boolean = (*field.data_type() == DataType::Boolean).then_some(2.0);
            // Two that are both no more than a guess: the smaller is the better bound.
            let guessed = [sampled, in_range].into_iter().flatten().reduce(f64::min);
            ColumnEstimate { distinct: counted.or(boolean).or(guessed), min, max, nulls, unique: false, table: None }
        })
        .collect();
    for constraint in &facts.constraints {
        if let KnownConstraintKind::Unique { columns: key, .. } = &constraint.kind
            && let [column] = key.as_slice()
            && let Some(column) = columns.get_mut(*column)
        {
            column.unique = true;
            column.distinct = Some((rows * (1.0 - column.nulls)).max(1.0));
        }
    }
    let mut result = Estimate { rows, base_rows: rows, columns };
    for predicate in &scan.filters {
        result = filtered(&result, predicate, &|column| schema.index_of(&column.name).ok());
    }
    if let Some(fetch) = scan.fetch {
        result = result.limited(fetch as f64);
    }
    let origin = Origin { mention: std::ptr::from_ref(scan) as usize, rows: result.rows };
    for column in &mut result.columns {
        column.table = Some(origin);
    }
    if let Some(projection) = &scan.projection {
        result.columns =
            projection.iter().map(|column| result.columns.get(*column).cloned().unwrap_or_default()).collect();
    }
    Some(result)
}

fn is_whole(data_type: &DataType) -> bool {
    data_type.is_integer() || matches!(data_type, DataType::Date32)
}

fn of_projection(projection: &Projection, input: &Estimate) -> Estimate {
    let schema = projection.input.schema();
    let columns = projection.expr.iter().map(|expr| of_expr(expr, input, schema)).collect();
    Estimate { rows: input.rows, base_rows: input.base_rows, columns }
}

fn of_expr(expr: &Expr, input: &Estimate, schema: &DFSchema) -> ColumnEstimate {
    if let Some(column) = plain_column(expr, schema) {
        return input.columns.get(column).cloned().unwrap_or_default();
    }
    match expr {
        Expr::Alias(alias) => of_expr(&alias.expr, input, schema),
        Expr::Literal(..) => ColumnEstimate { distinct: Some(1.0), ..ColumnEstimate::default() },
        Expr::Cast(cast) => ColumnEstimate { min: None, max: None, ..of_expr(&cast.expr, input, schema) },
        _ => {
            let same = under_keyless(expr).or_else(|| under_opaque(expr)).or_else(|| under_number_or_text(expr));
            same.map_or_else(ColumnEstimate::default, |expr| of_expr(expr, input, schema))
        }
    }
}

fn of_aggregate(aggregate: &Aggregate, input: &Estimate) -> Estimate {
    let width = aggregate.schema.fields().len();
    let schema = aggregate.input.schema();
    let (keys, sets): (Vec<&Expr>, f64) = match aggregate.group_expr.as_slice() {
        [Expr::GroupingSet(set)] => (set.distinct_expr(), 2.0),
        keys => (keys.iter().collect(), 1.0),
    };
    let mut columns: Vec<ColumnEstimate> = keys.iter().map(|key| of_expr(key, input, schema)).collect();
    let rows = if keys.is_empty() { 1.0 } else { (sets * groups(input, columns.iter().map(Some))).min(input.rows) };
    for column in &mut columns {
        column.distinct = Some(column.distinct_or_guess(input.base_rows).min(rows.max(1.0)));
        column.unique = false;
    }
    if let [column] = columns.as_mut_slice() {
        column.unique = true;
        column.distinct = Some(rows.max(1.0));
    }
    columns.resize(width, ColumnEstimate::default());
    Estimate { rows, base_rows: rows, columns }
}

/// How many groups the columns make of the input's rows. Columns depend on each other: each further one splits less, and those of one
/// table make no more groups than it has rows.
fn groups<'a>(input: &Estimate, columns: impl Iterator<Item = Option<&'a ColumnEstimate>>) -> f64 {
    let mut factors: Vec<f64> = Vec::new();
    let mut of_tables: Vec<(Origin, Vec<f64>)> = Vec::new();
    for column in columns.flatten() {
        let distinct = column.distinct_or_guess(input.base_rows).max(1.0);
        let Some(origin) = column.table else {
            factors.push(distinct);
            continue;
        };
        match of_tables.iter_mut().find(|(other, _)| other.mention == origin.mention) {
            Some((_, of_table)) => of_table.push(distinct),
            None => of_tables.push((origin, vec![distinct])),
        }
    }
    let of_table = |(origin, distinct): (Origin, Vec<f64>)| together(distinct).min(origin.rows.max(1.0));
    factors.extend(of_tables.into_iter().map(of_table));
    together(factors).min(input.rows).max(1.0)
}

/// The combinations of so many values each.
fn together(mut distinct: Vec<f64>) -> f64 {
    distinct.sort_by(|one, other| other.total_cmp(one));
    let mut product = 1.0;
    let mut exponent = 1.0;
    for distinct in distinct {
        product *= distinct.powf(exponent);
        exponent = (exponent * 0.8_f64).max(0.1);
    }
    product
}

fn of_join(join: &Join, left: &Estimate, right: &Estimate) -> Estimate {
    let matches = match_selectivity(join, left, right);
    let inner = left.rows * right.rows * matches;
    let base_rows = left.base_rows.max(right.base_rows);
    let kept = |rows: f64, of: &Estimate| Estimate { rows, ..of.clone() };
    // The part of one side's rows that has a partner on the other.
    let part = |other: &Estimate| semi_selectivity(join, other, matches);
    match join.join_type {
        JoinType::Inner => {
            Estimate { rows: inner, base_rows, columns: [left.columns.clone(), right.columns.clone()].concat() }
        }
        JoinType::Left => {
            let rows = inner.max(left.rows);
            let alone = left.rows * (1.0 - part(right));
            Estimate { rows, base_rows, columns: [left.columns.clone(), filled(right, alone / rows)].concat() }
        }
        JoinType::Right => {
            let rows = inner.max(right.rows);
            let alone = right.rows * (1.0 - part(left));
            Estimate { rows, base_rows, columns: [filled(left, alone / rows), right.columns.clone()].concat() }
        }
        JoinType::Full => {
            let rows = inner.max(left.rows + right.rows);
            let (left_alone, right_alone) = (left.rows * (1.0 - part(right)), right.rows * (1.0 - part(left)));
            Estimate {
                rows,
                base_rows,
                columns: [filled(left, right_alone / rows), filled(right, left_alone / rows)].concat(),
            }
        }
        JoinType::LeftSemi => kept(left.rows * part(right), left),
        JoinType::LeftAnti => kept(left.rows * (1.0 - part(right)).max(0.1), left),
        JoinType::RightSemi => kept(right.rows * part(left), right),
        JoinType::RightAnti => kept(right.rows * (1.0 - part(left)).max(0.1), right),
        JoinType::LeftMark => {
            let mut marked = left.clone();
            marked.columns.push(ColumnEstimate { distinct: Some(2.0), ..ColumnEstimate::default() });
            marked
        }
        JoinType::RightMark => {
            let mut marked = right.clone();
            marked.columns.push(ColumnEstimate { distinct: Some(2.0), ..ColumnEstimate::default() });
            marked
        }
    }
}

/// The columns of a side of which an outer join puts NULLs into a part of its rows.
fn filled(side: &Estimate, part: f64) -> Vec<ColumnEstimate> {
    let part = if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 };
    let with_nulls = |column: &ColumnEstimate| ColumnEstimate {
        nulls: column.nulls + (1.0 - column.nulls) * part,
        ..column.clone()
    };
    side.columns.iter().map(with_nulls).collect()
}

/// How many rows a join with `right` makes of each row of the left side, on average.
pub fn growth(join: &Join, left: &Estimate, right: &Estimate) -> f64 {
    let matches = match_selectivity(join, left, right);
    match join.join_type {
        JoinType::LeftSemi => semi_selectivity(join, right, matches),
        JoinType::LeftAnti => (1.0 - semi_selectivity(join, right, matches)).max(0.1),
        JoinType::Left => (right.rows * matches).max(1.0),
        _ => 1.0,
    }
}

/// The part of all pairs of rows that a join's conditions leave.
fn match_selectivity(join: &Join, left: &Estimate, right: &Estimate) -> f64 {
    equal_keys(join, left, right) * join.filter.as_ref().map_or(1.0, residual_selectivity)
}

/// The part of the pairs with the same keys that the rest of a join's conditions leaves. Two values differ more often than not.
fn residual_selectivity(filter: &Expr) -> f64 {
    let differ = |part: &&Expr| match part {
        Expr::BinaryExpr(comparison) => matches!(comparison.op, Operator::NotEq | Operator::IsDistinctFrom),
        _ => false,
    };
    if split_conjunction(filter).iter().all(differ) { 0.9 } else { 0.3 }
}

/// The part of all pairs of rows that have the same keys.
fn equal_keys(join: &Join, left: &Estimate, right: &Estimate) -> f64 {
    let mut factors: Vec<f64> = join
        .on
        .iter()
        .map(|(one, other)| {
            let one = join_values(one, left, join.left.schema());
            let other = join_values(other, right, join.right.schema());
            1.0 / one.max(other).max(1.0)
        })
        .collect();
    factors.sort_by(f64::total_cmp);
    let mut product = 1.0;
    let mut exponent = 1.0;
    for factor in factors {
        product *= factor.powf(exponent);
        exponent *= 0.5;
    }
    // Of several keys there are no more combinations than rows.
    product.max(1.0 / left.base_rows.max(right.base_rows).max(1.0))
}

/// The part of one side's rows for which `other` has a partner: the values of `other` are taken to be among that side's.
fn semi_selectivity(join: &Join, other: &Estimate, matches: f64) -> f64 {
    let partners = other.rows * matches;
    match &join.filter {
        _ if join.on.is_empty() => 0.5,
        None => partners.min(1.0),
        // Each of the rows with the same key passes by chance; none may, where more than one is expected to.
        Some(_) => 1.0 - (-partners).exp(),
    }
}

/// The number of distinct values of a join key. Of a key column only the rows that are left count, since the other side's values
/// are taken to be among them; of others all values do, since which of them are left is not known.
fn join_values(key: &Expr, input: &Estimate, schema: &DFSchema) -> f64 {
    of_key(&of_expr(key, input, schema), input)
}

/// As [`join_values`], of a column that is known.
pub fn of_key(column: &ColumnEstimate, input: &Estimate) -> f64 {
    // Of a column of which nothing is known, few values are assumed: too many make a join look smaller than it is.
    let distinct = column.distinct.unwrap_or_else(|| input.base_rows.max(1.0).sqrt());
    if is_key(column, input) { distinct.min(input.rows.max(1.0)) } else { distinct.max(1.0) }
}

/// Whether no two rows have the same value, or next to none.
pub fn is_key(column: &ColumnEstimate, input: &Estimate) -> bool {
    column.unique || column.distinct.is_some_and(|distinct| distinct >= 0.9 * input.base_rows)
}
