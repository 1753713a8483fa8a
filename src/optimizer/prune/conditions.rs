//! Whether a side of a join may go: the conditions that the join rules share, each giving either a proof or the obstacle.
//!
//! The rules ask to act, [`verdict`](super::verdict) asks the same functions to say why a join stays, so that an explanation cannot
//! differ from what was done.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::{Column, NullEquality};
use datafusion::logical_expr::{BinaryExpr, Expr, Join, JoinType, LogicalPlan, Operator};

use super::Needs;
use super::expressions::{
    can_be_moved, column_at, column_under_widening, columns_read, conjuncts, equal_means_same, has_subquery, name_at,
    plain_column, sql, touches,
};
use super::key_filters::{by_name, divide, remaining_filter, strip};
use super::missing::{self, Missing};
use super::plans::{has_exactly, list, names};
use super::planted::broken;
use crate::optimizer::facts::{
    Because, ColumnSet, ConstraintRef, Facts, FactsCache, Instance, Origin, foreign_key_match, has_foreign_key,
};
use crate::optimizer::trace::MissingConstraint;

/// Why something may be done.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// The constraints that it rests on.
    pub because: Because,
    /// What has to be tested in place of what goes, over the side that stays. All of it must be true.
    pub filters: Vec<Expr>,
    /// Columns of the side that goes (positions in its schema) that are still read, and what to read in their place.
    pub replaced: HashMap<usize, Expr>,
}

/// The first condition that failed.
#[derive(Debug, Clone)]
pub struct Obstacle {
    /// A clause for the user: `column c.c_name is read`.
    pub because: String,
    /// Constraints that would clear it. Empty: nothing that could be declared would.
    pub missing: Vec<MissingConstraint>,
}

impl Obstacle {
    pub fn new(because: impl Into<String>) -> Self {
        Obstacle { because: because.into(), missing: vec![] }
    }

    fn would_help(&mut self, missing: Missing) {
        if let Some(why) = missing.unused {
            self.because = format!("{}: {why}", self.because);
        }
        self.missing.push(missing.constraint);
    }
}

pub type Verdict<T> = std::result::Result<T, Obstacle>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Left,
    Right,
}

impl Side {
    /// The right side first: that is where SQL puts what is looked up.
    pub const BOTH: [Side; 2] = [Side::Right, Side::Left];
}

/// `stays = gone`, one of the equalities of a join's ON.
#[derive(Debug, Clone)]
pub struct Pair {
    pub stays: Expr,
    pub gone: Expr,
    /// Compared by IS NOT DISTINCT FROM.
    pub nulls_equal: bool,
}

/// The join that a plan is, if its sides stand on their own. The side of a LATERAL join that was not unnested reads columns of the
/// other one in places that no need speaks of.
pub fn join_of(plan: &LogicalPlan) -> Option<&Join> {
    match plan {
        LogicalPlan::Join(join) if !is_lateral(&join.left) && !is_lateral(&join.right) => Some(join),
        _ => None,
    }
}

fn is_lateral(side: &LogicalPlan) -> bool {
    match side {
        LogicalPlan::Subquery(_) => true,
        // Where a subquery may stand at all: under its alias, and what was put between the two.
        LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::Join(_) => side.inputs().into_iter().any(is_lateral),
        _ => false,
    }
}

/// A join, seen as: one side stays, the other may go.
pub struct Candidate<'a> {
    pub join: &'a Join,
    pub side: Side,
    pub stays: &'a Arc<LogicalPlan>,
    pub gone: &'a Arc<LogicalPlan>,
    pub stays_facts: Arc<Facts>,
    pub gone_facts: Arc<Facts>,
    pub pairs: Vec<Pair>,
    /// What ON says beside the pairs.
    pub rest: Vec<Expr>,
    cache: &'a FactsCache,
    /// Somebody reads the obstacles. Rules only ask whether there is one, at every join.
    explains: bool,
}

impl<'a> Candidate<'a> {
    /// `side` is the one that may go. Its obstacles say nothing.
    pub fn new(join: &'a Join, side: Side, cache: &'a FactsCache) -> Self {
        let (stays, gone) = match side {
            Side::Right => (&join.left, &join.right),
            Side::Left => (&join.right, &join.left),
        };
        let nulls_equal = join.null_equality == NullEquality::NullEqualsNull;
        let in_order = |(left, right): &(Expr, Expr)| match side {
            Side::Right => Pair { stays: left.clone(), gone: right.clone(), nulls_equal },
            Side::Left => Pair { stays: right.clone(), gone: left.clone(), nulls_equal },
        };
        let mut pairs: Vec<Pair> = join.on.iter().map(in_order).collect();
        let mut rest = Vec::new();
        for term in conjuncts(join.filter.as_ref()) {
            match as_pair(&term, stays, gone) {
                Some(pair) => pairs.push(pair),
                None => rest.push(term),
            }
        }
        rest.retain(|term| !is_true(term));
        Candidate {
            join,
            side,
            stays,
            gone,
            stays_facts: cache.of_input(stays),
            gone_facts: cache.of_input(gone),
            pairs,
            rest,
            cache,
            explains: false,
        }
    }

    /// The same, whose obstacles say what stopped it, and what would help.
    pub fn explained(join: &'a Join, side: Side, cache: &'a FactsCache) -> Self {
        Candidate { explains: true, ..Candidate::new(join, side, cache) }
    }

    fn obstacle(&self, because: impl FnOnce() -> String) -> Obstacle {
        Obstacle::new(if self.explains { because() } else { String::new() })
    }

    /// The join's type if the side that may go stood on the right: what is said of LEFT then holds for RIGHT, mirrored.
    pub fn kind(&self) -> JoinType {
        match self.side {
            Side::Right => self.join.join_type,
            Side::Left => self.join.join_type.swap(),
        }
    }

    /// What is read of the side that may go (its own positions) by the nodes above the join.
    pub fn gone_needed(&self, needs: &Needs) -> ColumnSet {
        let left_columns = self.join.left.schema().fields().len();
        match (self.join.join_type, self.side) {
            (JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full, Side::Left) => {
                needs.columns.iter().copied().filter(|column| *column < left_columns).collect()
            }
            (JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full, Side::Right) => {
                needs.columns.iter().filter_map(|column| column.checked_sub(left_columns)).collect()
            }
            // Semi, anti and mark joins do not give columns of the side that they test.
            _ => ColumnSet::new(),
        }
    }

    /// Where a column of the side that may go stands in the join's schema.
    pub fn position_in_join(&self, gone: usize) -> usize {
        match self.side {
            Side::Left => gone,
            Side::Right => self.join.left.schema().fields().len() + gone,
        }
    }

    pub fn gone_name(&self) -> String {
        names(self.gone)
    }

    /// Nothing above reads a column of the side that may go.
    pub fn is_unused(&self, needs: &Needs) -> Verdict<()> {
        match self.gone_needed(needs).first() {
            Some(column) => Err(self.is_read(*column)),
            None => Ok(()),
        }
    }

    fn is_read(&self, column: usize) -> Obstacle {
        self.obstacle(|| format!("column {} is read", name_at(self.gone.schema(), column)))
    }

    /// No row of the side that stays finds two partners: `key(R, J)`.
    pub fn matches_at_most_once(&self) -> Verdict<Because> {
        let schema = self.gone.schema();
        let mut columns = ColumnSet::new();
        let mut nulls_equal = false;
        for pair in &self.pairs {
            if let Some(column) = column_under_widening(&pair.gone, schema)
                && let Some(position) = schema.maybe_index_of_column(column)
                && !pair.stays.is_volatile()
            {
                columns.insert(position);
                nulls_equal |= pair.nulls_equal;
            }
        }
        for term in &self.rest {
            if let Some(column) = fixed_column(term)
                && let Some(position) = schema.maybe_index_of_column(column)
                && !touches(term, self.stays.schema())
            {
                columns.insert(position);
            }
        }
        if let Some(because) = self.gone_facts.key_within(&columns, nulls_equal) {
            return Ok(because);
        }
        if !self.explains {
            return Err(self.obstacle(String::new));
        }
        let gone = self.gone_name();
        if columns.is_empty() {
            return Err(Obstacle::new(format!(
                "no column of {gone} is compared with =, so a row may find many in {gone}"
            )));
        }
        let listed = list(columns.iter().map(|column| name_at(schema, *column)));
        let mut obstacle = Obstacle::new(format!("{listed} is not known to be unique, so {gone} may repeat rows"));
        if let Some((instance, positions)) = one_origin(&self.gone_facts, columns.iter().copied())
            && self.gone_facts.instances.get(instance).is_some_and(|instance| instance.at_most_once)
            && !nulls_equal
        {
            let instance = &self.gone_facts.instances[instance];
            obstacle.would_help(missing::key(instance, &positions));
        }
        Err(obstacle)
    }

    /// Every row of the side that stays whose foreign key is not NULL has its parent: `fk(C→P)` and `complete(P)`. What else decides
    /// whether a row finds a partner is in the proof's filters: IS NOT NULL, filters on the key, conditions on the child alone.
    pub fn finds_its_parent(&self) -> Verdict<Reference> {
        if self.join.null_aware {
            return Err(self.obstacle(|| "NOT IN is also decided by NULLs in the subquery".to_owned()));
        }
        let (stays, gone) = (self.stays.schema(), self.gone.schema());
        if self.pairs.is_empty() {
            return Err(self.obstacle(|| format!("no column of {} is compared with =", self.gone_name())));
        }
        if !self.explains && !has_foreign_key(&self.stays_facts) {
            return Err(self.obstacle(String::new));
        }
        let mut positions = Vec::with_capacity(self.pairs.len());
        let mut key = HashMap::new();
        for pair in &self.pairs {
            let found = plain_column(&pair.gone)
                .and_then(|column| gone.maybe_index_of_column(column))
                .zip(plain_column(&pair.stays).and_then(|column| stays.maybe_index_of_column(column)));
            let Some((parent, child)) = found else {
                let expr = if plain_column(&pair.gone).is_some() { &pair.stays } else { &pair.gone };
                return Err(self.obstacle(|| format!("the join compares an expression: {}", sql(expr))));
            };
            if !equal_means_same(gone.field(parent).data_type(), stays.field(child).data_type()) {
                return Err(self.obstacle(|| format!("values of {} may be equal and yet differ", sql(&pair.gone))));
            }
            key.entry(parent).or_insert_with(|| column_at(stays, child));
            positions.push((child, parent));
        }
        let mut filters = Vec::new();
        let (on_child, on_parent): (Vec<Expr>, Vec<Expr>) =
            self.rest.iter().cloned().partition(|term| !touches(term, gone) && can_be_moved(term));
        // Conditions between the child and the parent's key are conditions on the child.
        let (moved, blocking) = match on_parent.is_empty() {
            true => (vec![], vec![]),
            false => {
                let mut readable = by_name(gone, &key);
                for position in 0..stays.fields().len() {
                    let column = Column::from(stays.qualified_field(position));
                    readable.insert(column.clone(), Expr::Column(column));
                }
                divide(on_parent, &readable).map_err(|error| Obstacle::new(error.to_string()))?
            }
        };
        if let Some(term) = blocking.first() {
            return Err(self.obstacle(|| format!("ON also tests {}", sql(term))));
        }
        let stripped = strip(self.gone, &key).map_err(|error| Obstacle::new(error.to_string()))?;
        let facts =
            if stripped.moved.is_empty() { Arc::clone(&self.gone_facts) } else { self.cache.of_input(&stripped.plan) };
        let parent = one_origin(&facts, positions.iter().map(|(_, parent)| *parent));
        let Some((instance, parent_columns)) = parent else {
            let because = || format!("what {} is joined by is not the columns of one table", self.gone_name());
            return Err(self.obstacle(because));
        };
        let instance = &facts.instances[instance];
        if !instance.complete {
            return Err(self.obstacle(|| self.why_incomplete(&stripped.plan, instance)));
        }
        let Some(found) = foreign_key_match(&self.stays_facts, &facts, &positions) else {
            return Err(self.no_foreign_key(instance, &positions, &parent_columns));
        };
        let mut not_null = Vec::new();
        for ((child, parent), pair) in positions.iter().zip(&self.pairs) {
            if !found.nullable.contains(child) || broken("nullable foreign key") {
                continue;
            }
            if pair.nulls_equal && facts.is_not_null(*parent).is_none() {
                // Rows with NULL may find a parent whose key is NULL, or not.
                return Err(self.obstacle(|| {
                    format!("{} may be NULL and is compared with IS NOT DISTINCT FROM", name_at(stays, *child))
                }));
            }
            let term = Expr::IsNotNull(Box::new(column_at(stays, *child)));
            if !not_null.contains(&term) {
                not_null.push(term);
            }
        }
        let nullable = not_null.len();
        filters.append(&mut not_null);
        filters.extend(moved);
        filters.extend(stripped.moved);
        filters.extend(on_child);
        Ok(Reference { because: found.because, filters, nullable })
    }

    fn no_foreign_key(&self, parent: &Instance, positions: &[(usize, usize)], parent_columns: &[usize]) -> Obstacle {
        if !self.explains {
            return self.obstacle(String::new);
        }
        let children: Vec<usize> = positions.iter().map(|(child, _)| *child).collect();
        let listed = list(children.iter().map(|column| name_at(self.stays.schema(), *column)));
        let mut obstacle = Obstacle::new(format!(
            "{listed} is not known to reference {}, so the join may drop rows",
            self.gone_name()
        ));
        let Some((instance, child_columns)) = one_origin(&self.stays_facts, children.iter().copied()) else {
            return obstacle;
        };
        let same_types = positions.iter().all(|(child, parent)| {
            self.stays.schema().field(*child).data_type() == self.gone.schema().field(*parent).data_type()
        });
        let child = &self.stays_facts.instances[instance];
        let null_safe = self.pairs.iter().any(|pair| pair.nulls_equal);
        if null_safe || !same_types || has_repeats(&child_columns) || has_repeats(parent_columns) {
            return obstacle;
        }
        // A foreign key has to reference a key.
        if !missing::has_key_of(&parent.table, parent_columns) {
            obstacle.would_help(missing::key(parent, parent_columns));
        }
        obstacle.would_help(missing::foreign_key(child, &child_columns, parent, parent_columns));
        obstacle
    }

    fn why_incomplete(&self, plan: &LogicalPlan, instance: &Instance) -> String {
        let table = instance.tag.as_ref().map_or_else(|| instance.table.name.name.clone(), |tag| tag.alias.clone());
        match remaining_filter(plan) {
            Some(filter) => format!("filter {} may drop rows of {table}", sql(&filter)),
            None => match limits_or_joins(plan) {
                Some(what) => format!("{what} may drop rows of {table}"),
                None => format!("not every row of {table} is there"),
            },
        }
    }

    /// What may be read in place of the columns of the parent that are needed: those that equal its key.
    pub fn key_in_place(&self, needs: &Needs, key: &HashMap<usize, Expr>) -> Verdict<HashMap<usize, Expr>> {
        let mut replaced = HashMap::new();
        for column in self.gone_needed(needs) {
            let class = self.gone_facts.equal.class_of(column);
            let same_type = |other: &&usize| {
                equal_means_same(
                    self.gone.schema().field(column).data_type(),
                    self.gone.schema().field(**other).data_type(),
                )
            };
            match class.iter().filter(same_type).find_map(|other| key.get(other)) {
                Some(with) => replaced.insert(column, with.clone()),
                None => return Err(self.is_read(column)),
            };
        }
        Ok(replaced)
    }

    /// The compared columns of the side that may go, with the column of the other side that equals each in every joined row.
    pub fn compared_columns(&self) -> HashMap<usize, Expr> {
        let (stays, gone) = (self.stays.schema(), self.gone.schema());
        let mut key = HashMap::new();
        for pair in &self.pairs {
            if let Some(parent) = plain_column(&pair.gone).and_then(|column| gone.maybe_index_of_column(column))
                && let Some(child) = plain_column(&pair.stays).and_then(|column| stays.maybe_index_of_column(column))
                && equal_means_same(gone.field(parent).data_type(), stays.field(child).data_type())
            {
                key.entry(parent).or_insert_with(|| column_at(stays, child));
            }
        }
        key
    }
}

/// That a foreign key holds between the two sides of a join.
#[derive(Debug, Clone)]
pub struct Reference {
    pub because: Because,
    /// A row of the child finds a parent exactly when all of these are true. Empty: it always does.
    pub filters: Vec<Expr>,
    /// How many of the filters, from the front, are the IS NOT NULL of the foreign key.
    pub nullable: usize,
}

/// Whether an inner join may be replaced by the child's rows (rewrites 5 to 9 and 17 of the catalogue).
pub fn inner_parent_goes(candidate: &Candidate<'_>, needs: &Needs) -> Verdict<Proof> {
    let replaced = candidate.key_in_place(needs, &candidate.compared_columns())?;
    let (because, reference) = parent_of_each(candidate, needs)?;
    Ok(Proof { because: distinct(because), filters: reference.filters, replaced })
}

/// Whether a LEFT join may be replaced by its left side (rewrites 1 and 3).
pub fn outer_side_goes(candidate: &Candidate<'_>, needs: &Needs) -> Verdict<Proof> {
    candidate.is_unused(needs)?;
    let because = if needs.duplicates { candidate.matches_at_most_once()? } else { vec![] };
    Ok(Proof { because: distinct(because), ..Proof::default() })
}

/// Whether a LEFT join may be replaced by its left side although the parent's key is read (rewrite 6): it is the foreign key then,
/// or NULL with it.
pub fn outer_parent_goes(candidate: &Candidate<'_>, needs: &Needs) -> Verdict<Proof> {
    let replaced = candidate.key_in_place(needs, &candidate.compared_columns())?;
    let (because, reference) = parent_of_each(candidate, needs)?;
    if let Some(condition) = reference.filters.get(reference.nullable) {
        return Err(Obstacle::new(format!("the key is NULL where {} does not hold", sql(condition))));
    }
    let mut exact = HashMap::new();
    for (column, with) in replaced {
        // One NULL in a composite foreign key makes all of the parent's key NULL.
        let others: Vec<Expr> = reference
            .filters
            .iter()
            .filter(|term| !matches!(term, Expr::IsNotNull(inner) if **inner == with))
            .cloned()
            .collect();
        let with = match datafusion::logical_expr::utils::conjunction(others) {
            Some(all) => {
                datafusion::logical_expr::when(all, with).end().map_err(|error| Obstacle::new(error.to_string()))?
            }
            None => with,
        };
        exact.insert(column, with);
    }
    Ok(Proof { because: distinct(because), filters: vec![], replaced: exact })
}

/// Each row of the side that stays has its parent, and, where anybody counts them, just one.
fn parent_of_each(candidate: &Candidate<'_>, needs: &Needs) -> Verdict<(Because, Reference)> {
    let at_most_once = if needs.duplicates { candidate.matches_at_most_once() } else { Ok(vec![]) };
    let (mut because, reference) = match at_most_once {
        Err(obstacle) if !candidate.explains => return Err(obstacle),
        at_most_once => both(at_most_once, candidate.finds_its_parent())?,
    };
    because.extend_from_slice(&reference.because);
    Ok((because, reference))
}

/// Both, or what failed first; if declaring constraints would clear it, all of those that would be needed.
fn both<A, B>(first: Verdict<A>, second: Verdict<B>) -> Verdict<(A, B)> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (Err(obstacle), Ok(_)) | (Ok(_), Err(obstacle)) => Err(obstacle),
        (Err(first), Err(second)) if first.missing.is_empty() => {
            // Of two obstacles, the one that no constraint clears is the reason.
            Err(if second.missing.is_empty() { first } else { Obstacle { missing: vec![], ..first } })
        }
        (Err(_), Err(second)) if second.missing.is_empty() => Err(second),
        (Err(mut first), Err(second)) => {
            for constraint in second.missing {
                if !first.missing.contains(&constraint) {
                    first.missing.push(constraint);
                }
            }
            first.because = format!("{}, and {}", first.because, second.because);
            Err(first)
        }
    }
}

/// Each constraint once.
pub fn distinct(because: Because) -> Because {
    let mut seen: Vec<Arc<ConstraintRef>> = Vec::with_capacity(because.len());
    for constraint in because {
        if !seen.contains(&constraint) {
            seen.push(constraint);
        }
    }
    seen
}

/// The one instance that columns come from, and their positions in its table.
pub fn one_origin(facts: &Facts, columns: impl IntoIterator<Item = usize>) -> Option<(usize, Vec<usize>)> {
    let mut instance = None;
    let mut positions = Vec::new();
    for column in columns {
        let origin = facts.columns.get(column)?.origin?;
        if *instance.get_or_insert(origin.instance) != origin.instance {
            return None;
        }
        positions.push(origin.column);
    }
    instance.filter(|number| *number < facts.instances.len()).map(|instance| (instance, positions))
}

/// What a column is, and what it equals in every row.
pub fn origins_of_class(facts: &Facts, column: usize) -> Vec<Origin> {
    facts.equal.class_of(column).iter().filter_map(|equal| facts.columns.get(*equal)?.origin).collect()
}

/// The side of a join that has a column. `None` if that is not clear from its name.
pub fn side_of(column: &Column, join: &Join) -> Option<Side> {
    let (left, right) = (join.left.schema(), join.right.schema());
    match (has_exactly(left, column), has_exactly(right, column)) {
        (true, false) => Some(Side::Left),
        (false, true) => Some(Side::Right),
        (true, true) => None,
        (false, false) => match (left.maybe_index_of_column(column), right.maybe_index_of_column(column)) {
            (Some(_), None) => Some(Side::Left),
            (None, Some(_)) => Some(Side::Right),
            _ => None,
        },
    }
}

/// `stays = gone` or `stays IS NOT DISTINCT FROM gone`, in either order.
pub fn as_pair(term: &Expr, stays: &LogicalPlan, gone: &LogicalPlan) -> Option<Pair> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = term else { return None };
    let nulls_equal = match op {
        Operator::Eq => false,
        Operator::IsNotDistinctFrom => true,
        _ => return None,
    };
    if has_subquery(term) {
        return None;
    }
    let is_only = |expr: &Expr, of: &LogicalPlan, other: &LogicalPlan| {
        !columns_read(expr, of.schema()).is_empty() && columns_read(expr, other.schema()).is_empty()
    };
    let (first, second) = (left.as_ref(), right.as_ref());
    if is_only(first, stays, gone) && is_only(second, gone, stays) {
        Some(Pair { stays: first.clone(), gone: second.clone(), nulls_equal })
    } else if is_only(first, gone, stays) && is_only(second, stays, gone) {
        Some(Pair { stays: second.clone(), gone: first.clone(), nulls_equal })
    } else {
        None
    }
}

/// The column in `column = constant`.
fn fixed_column(term: &Expr) -> Option<&Column> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = term else { return None };
    match (plain_column(left), right.as_ref(), left.as_ref(), plain_column(right)) {
        (Some(column), Expr::Literal(..), _, _) | (_, _, Expr::Literal(..), Some(column)) => Some(column),
        _ => None,
    }
}

pub fn is_true(term: &Expr) -> bool {
    matches!(term, Expr::Literal(datafusion::common::ScalarValue::Boolean(Some(true)), _))
}

fn has_repeats(columns: &[usize]) -> bool {
    columns.iter().collect::<std::collections::BTreeSet<_>>().len() != columns.len()
}

/// What else than a filter may drop rows.
fn limits_or_joins(plan: &LogicalPlan) -> Option<String> {
    match plan {
        LogicalPlan::Limit(_) => Some("LIMIT".to_owned()),
        LogicalPlan::Sort(sort) if sort.fetch.is_some() => Some("LIMIT".to_owned()),
        LogicalPlan::TableScan(scan) if scan.fetch.is_some() => Some("LIMIT".to_owned()),
        LogicalPlan::Join(_) => Some("a join below".to_owned()),
        LogicalPlan::Aggregate(_) => Some("GROUP BY".to_owned()),
        _ => plan.inputs().into_iter().find_map(limits_or_joins),
    }
}
