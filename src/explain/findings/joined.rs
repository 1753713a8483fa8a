//! What a chain of joins brings together, and how often each row of it can occur in the result.
//!
//! `FROM a JOIN b … JOIN c … WHERE …` is taken apart into its relations and conditions, whatever tree the joins form. Each relation with a
//! key has its rows told apart in the result by that key's columns, so the question "can a row of `a` occur more than once?" is
//! whether `a`'s key is a key of the result.

use std::ops::Range;
use std::sync::Arc;

use datafusion::common::JoinType::{Full, Inner, Left, Right};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType};
use datafusion::error::Result;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Filter, Join, LogicalPlan, Operator};

use crate::names::quote_identifier;
use crate::optimizer::facts::{ColumnSet, Facts, FactsCache, KnownTable, TableFacts};

/// A relation of a FROM.
pub(super) struct Unit<'a> {
    pub plan: &'a LogicalPlan,
    pub facts: Arc<Facts>,
    /// Where its columns stand in the result.
    pub columns: Range<usize>,
    /// An outer join keeps rows without a partner in this relation.
    pub optional: bool,
}

/// A condition of ON or WHERE.
pub(super) struct Condition<'a> {
    pub parts: Parts<'a>,
    /// The relations that it reads, as positions in [`Joined::units`].
    pub units: Vec<usize>,
}

pub(super) enum Parts<'a> {
    Equal(&'a Expr, &'a Expr),
    Other(&'a Expr),
}

impl<'a> Parts<'a> {
    pub fn exprs(&self) -> Vec<&'a Expr> {
        match self {
            Parts::Equal(left, right) => vec![left, right],
            Parts::Other(expr) => vec![expr],
        }
    }
}

/// Relations brought together by joins and filters.
pub(super) struct Joined<'a> {
    pub units: Vec<Unit<'a>>,
    pub conditions: Vec<Condition<'a>>,
    /// Of the whole.
    pub facts: Arc<Facts>,
    pub schema: &'a DFSchema,
}

impl<'a> Joined<'a> {
    /// `None` if `plan` is no chain of joins.
    pub fn of(plan: &'a LogicalPlan, cache: &FactsCache) -> Option<Joined<'a>> {
        let mut joined = Joined { units: vec![], conditions: vec![], facts: cache.of(plan), schema: plan.schema() };
        let mut parts = Vec::new();
        collect(plan, 0, false, cache, &mut joined.units, &mut parts)?;
        if joined.units.len() < 2 || joined.facts.columns.len() != joined.schema.fields().len() {
            return None;
        }
        joined.conditions = parts
            .into_iter()
            .map(|part| {
                let mut units: Vec<usize> = part.exprs().into_iter().flat_map(|expr| joined.units_read(expr)).collect();
                units.sort_unstable();
                units.dedup();
                Condition { parts: part, units }
            })
            .collect();
        Some(joined)
    }

    /// The positions in the result of the columns that an expression reads.
    pub fn columns_read(&self, expr: &Expr) -> ColumnSet {
        expr.column_refs().into_iter().filter_map(|column| self.schema.maybe_index_of_column(column)).collect()
    }

    pub fn unit_of(&self, column: usize) -> Option<usize> {
        self.units.iter().position(|unit| unit.columns.contains(&column))
    }

    /// The relations that an expression reads.
    pub fn units_read(&self, expr: &Expr) -> Vec<usize> {
        let mut units: Vec<usize> =
            self.columns_read(expr).into_iter().filter_map(|column| self.unit_of(column)).collect();
        units.dedup();
        units
    }

    /// The columns of a relation's shortest key that tells its rows apart in the result too.
    pub fn key_of(&self, unit: usize) -> Option<ColumnSet> {
        let unit = self.units.get(unit)?;
        if unit.facts.at_most_one_row().is_some() {
            return Some(ColumnSet::new());
        }
        let moved =
            |columns: &ColumnSet| columns.iter().map(|column| column + unit.columns.start).collect::<ColumnSet>();
        let usable = unit.facts.keys.iter().filter(|key| {
            key.strict || moved(&key.columns).iter().all(|column| self.facts.is_not_null(*column).is_some())
        });
        usable.map(|key| moved(&key.columns)).min_by_key(ColumnSet::len)
    }

    /// Whether the rows of the result that agree in `group` are told apart by the keys of `units`.
    pub fn tells_apart(&self, group: &ColumnSet, units: &[usize]) -> bool {
        let mut columns = group.clone();
        for unit in units {
            match self.key_of(*unit) {
                Some(key) => columns.extend(key),
                None => return false,
            }
        }
        self.facts.key_within(&columns, true).is_some()
    }

    /// A smallest set of relations whose keys tell apart the rows that agree in `group`. With one, each of its rows occurs once. With two or
    /// more, rows of one are paired with several rows of another.
    ///
    /// `None` if that is not known: a relation without a key, or conditions from which facts conclude nothing.
    pub fn grain(&self, group: &ColumnSet) -> Option<Vec<usize>> {
        let mut units: Vec<usize> = (0..self.units.len()).collect();
        if !self.tells_apart(group, &units) {
            return None;
        }
        for candidate in 0..self.units.len() {
            let without: Vec<usize> = units.iter().copied().filter(|unit| *unit != candidate).collect();
            if self.tells_apart(group, &without) {
                units = without;
            }
        }
        let unclear = |unit: &usize| self.conditions.iter().any(|condition| self.may_pin(condition, *unit));
        if units.len() > 1 && units.iter().any(unclear) {
            return None;
        }
        Some(units)
    }

    /// Whether a condition may leave fewer rows of a relation than its keys say: a computed or inexact comparison with another
    /// relation (`f.day BETWEEN d.valid_from AND d.valid_to`), or one of its columns fixed to a value (`d.is_current`).
    pub fn may_pin(&self, condition: &Condition<'_>, unit: usize) -> bool {
        if !condition.units.contains(&unit) {
            return false;
        }
        match (&condition.parts, condition.units.len()) {
            (Parts::Equal(left, right), 1) => {
                is_plain(left) || is_plain(right) || left.column_refs().is_empty() || right.column_refs().is_empty()
            }
            (Parts::Equal(left, right), _) => !self.is_exact(left, right),
            (Parts::Other(expr), 1) => is_flag(expr),
            (Parts::Other(_), _) => true,
        }
    }

    /// Plain columns of one type: facts draw conclusions from their equality.
    fn is_exact(&self, left: &Expr, right: &Expr) -> bool {
        let of = |expr: &Expr| match expr {
            Expr::Column(column) => self.schema.maybe_index_of_column(column),
            _ => None,
        };
        match (of(left), of(right)) {
            (Some(left), Some(right)) => {
                self.schema.field(left).data_type() == self.schema.field(right).data_type()
                    && !self.schema.field(left).data_type().is_floating()
            }
            _ => false,
        }
    }

    /// The columns of a relation that are compared with another relation's by `=`.
    pub fn join_columns(&self, unit: usize) -> Vec<&'a Column> {
        let mut columns: Vec<&Column> = Vec::new();
        for condition in self.conditions.iter().filter(|condition| condition.units.len() > 1) {
            let Parts::Equal(left, right) = condition.parts else { continue };
            for expr in [left, right] {
                if let Expr::Column(column) = expr
                    && self.schema.maybe_index_of_column(column).and_then(|column| self.unit_of(column)) == Some(unit)
                    && !columns.contains(&column)
                {
                    columns.push(column);
                }
            }
        }
        columns
    }
}

fn is_plain(expr: &Expr) -> bool {
    matches!(expr, Expr::Column(_))
}

/// A condition on one relation that is likely to choose one row of several: a boolean column, `IS NULL`, an equality in IN.
fn is_flag(expr: &Expr) -> bool {
    match expr {
        Expr::Column(_) | Expr::IsNull(_) | Expr::IsTrue(_) | Expr::InSubquery(_) | Expr::Exists(_) => true,
        Expr::InList(list) => !list.negated && list.list.len() == 1,
        Expr::Not(inner) => is_flag(inner),
        _ => expr
            .exists(|part| Ok(matches!(part, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_))))
            .unwrap_or(true),
    }
}

fn collect<'a>(
    plan: &'a LogicalPlan,
    start: usize,
    optional: bool,
    cache: &FactsCache,
    units: &mut Vec<Unit<'a>>,
    parts: &mut Vec<Parts<'a>>,
) -> Option<()> {
    match plan {
        LogicalPlan::Filter(filter) => {
            parts.extend(conditions(&filter.predicate));
            collect(&filter.input, start, optional, cache, units, parts)
        }
        LogicalPlan::Join(join) => {
            let middle = start + join.left.schema().fields().len();
            let (left, right) = match join.join_type {
                JoinType::Inner => (optional, optional),
                JoinType::Left => (optional, true),
                JoinType::Right => (true, optional),
                JoinType::Full => (true, true),
                // Only whether there is a partner counts: nothing is multiplied.
                JoinType::LeftSemi | JoinType::LeftAnti => {
                    return collect(&join.left, start, optional, cache, units, parts);
                }
                _ => return None,
            };
            for (one, other) in &join.on {
                parts.push(Parts::Equal(one, other));
            }
            parts.extend(join.filter.iter().flat_map(conditions));
            collect(&join.left, start, left, cache, units, parts)?;
            collect(&join.right, middle, right, cache, units, parts)
        }
        _ => {
            let columns = start..start + plan.schema().fields().len();
            units.push(Unit { plan, facts: cache.of(plan), columns, optional });
            Some(())
        }
    }
}

fn conditions(predicate: &Expr) -> impl Iterator<Item = Parts<'_>> {
    split_conjunction(predicate).into_iter().map(|part| match part {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => Parts::Equal(left, right),
        other => Parts::Other(other),
    })
}

impl Unit<'_> {
    /// What the user calls it.
    pub fn name(&self) -> String {
        name_of(self.plan)
    }

    /// The table that it is, if it is one and nothing else.
    pub fn table(&self) -> Option<&Arc<TableFacts>> {
        table_of(self.plan)
    }
}

/// What the user calls a relation: its alias, or its table.
pub(super) fn name_of(plan: &LogicalPlan) -> String {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => alias.alias.table().to_owned(),
        LogicalPlan::TableScan(scan) => scan.table_name.table().to_owned(),
        LogicalPlan::Filter(filter) => name_of(&filter.input),
        LogicalPlan::Projection(projection) => name_of(&projection.input),
        _ => {
            let names = tables_in(plan);
            if names.is_empty() { "the subquery".to_owned() } else { names.join(", ") }
        }
    }
}

/// The table that a relation is, if it is one whole table.
pub(super) fn table_of(plan: &LogicalPlan) -> Option<&Arc<TableFacts>> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => table_of(&alias.input),
        LogicalPlan::TableScan(scan) if scan.filters.is_empty() && scan.fetch.is_none() => {
            KnownTable::of(&scan.source).map(KnownTable::facts)
        }
        _ => None,
    }
}

/// A relation as it stands in FROM.
pub(super) fn in_from(plan: &LogicalPlan) -> String {
    let name = name_of(plan);
    let alias = quote_identifier(&name);
    match table_of(plan) {
        Some(table) if table.name.name == name => alias.into_owned(),
        Some(table) => format!("{} AS {alias}", quote_identifier(&table.name.name)),
        None => format!("(…) AS {alias}"),
    }
}

/// `plan` with the outer joins of its chain made inner ones: the rows that found a partner everywhere. What multiplies rows
/// multiplies these, while rows without a partner are told apart by more columns than their keys.
pub(super) fn matched(plan: &LogicalPlan) -> Result<LogicalPlan> {
    Ok(match plan {
        LogicalPlan::Filter(filter) => {
            let input = Arc::new(matched(&filter.input)?);
            LogicalPlan::Filter(Filter::try_new(filter.predicate.clone(), input)?)
        }
        LogicalPlan::Join(join) if matches!(join.join_type, Inner | Left | Right | Full) => {
            LogicalPlan::Join(Join::try_new(
                Arc::new(matched(&join.left)?),
                Arc::new(matched(&join.right)?),
                join.on.clone(),
                join.filter.clone(),
                Inner,
                join.join_constraint,
                join.null_equality,
                join.null_aware,
            )?)
        }
        other => other.clone(),
    })
}

/// The tables that a plan reads, as the user calls them.
pub(super) fn tables_in(plan: &LogicalPlan) -> Vec<String> {
    let mut names = Vec::new();
    // Collecting cannot fail.
    let _ = plan.apply(|node| {
        match node {
            LogicalPlan::SubqueryAlias(_) | LogicalPlan::TableScan(_) => names.push(name_of(node)),
            _ => return Ok(TreeNodeRecursion::Continue),
        }
        Ok(TreeNodeRecursion::Jump)
    });
    names
}
