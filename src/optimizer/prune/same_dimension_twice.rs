//! Two LEFT joins of one parent on the same columns of the child give the same row twice.
//!
//! Before: `SELECT c1.name, c2.city FROM o LEFT JOIN c c1 ON o.cid = c1.id LEFT JOIN c c2 ON o.cid = c2.id`
//! After: `SELECT c1.name, c1.city FROM o LEFT JOIN c c1 ON o.cid = c1.id`
//!
//! If the second is an inner join, `WHERE c1.id IS NOT NULL` is added: it drops the rows that found none. (Two inner joins are merged by
//! `self_join`.) Safe if both compare the same columns of the child with the same columns of the table, a declared key of it, as of the same
//! files, both filter it alike, and ON says nothing else.
//!
//! Not valid
//! - without a key: two partners each make four rows, not two;
//! - if only one is filtered: `c2.city` is NULL where the filter does not hold;
//! - for columns that are computed: `coalesce(c2.city, '')` inside a subquery is NULL where there is no partner, `coalesce(c1.city, '')`
//!   above the join is not. Only plain columns are merged.

use std::collections::HashMap;

use datafusion::common::Column;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Join, JoinType, LogicalPlan};

use super::conditions::{Candidate, Proof, Side, join_of};
use super::expressions::{column_at, plain_column};
use super::inlined::{Inlined, is_same_table};
use super::record::{removed, without};
use super::{Context, Needs, PruneRule};
use crate::optimizer::facts::{Because, ColumnSet, TableFacts};

#[derive(Debug)]
pub struct SameDimensionTwice;

impl PruneRule for SameDimensionTwice {
    fn name(&self) -> &'static str {
        "same_dimension_twice"
    }

    fn rewrite(&self, plan: &LogicalPlan, needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let Some(join) = join_of(plan) else { return Ok(None) };
        for side in Side::BOTH {
            let candidate = Candidate::new(join, side, context.facts);
            let inner = match candidate.kind() {
                JoinType::Inner => true,
                JoinType::Left => false,
                _ => continue,
            };
            let Some(table) = Inlined::table_of(candidate.gone) else { continue };
            if !candidate.stays_facts.instances.iter().any(|mention| is_same_table(table, &mention.table)) {
                continue;
            }
            let Some(second) = Dimension::of(&candidate)? else { continue };
            let Some((first, key)) = find(candidate.stays, &second, context)? else { continue };
            let schema = candidate.stays.schema();
            let read =
                |column: usize| first.get(&column).filter(|column| schema.maybe_index_of_column(column).is_some());
            let mut replaced = HashMap::new();
            for column in candidate.gone_needed(needs) {
                let Some(with) = second.inlined.table_column(column).and_then(read) else { break };
                replaced.insert(column, Expr::Column(with.clone()));
            }
            let mut filters = Vec::new();
            if inner {
                for (_, column) in &second.compared {
                    let Some(with) = read(*column) else { break };
                    filters.push(Expr::IsNotNull(Box::new(Expr::Column(with.clone()))));
                }
            }
            if replaced.len() != candidate.gone_needed(needs).len() || (inner && filters.len() != second.compared.len())
            {
                continue;
            }
            let sentence = format!("{} is the same row of the same table as another join gives", candidate.gone_name());
            removed(context, self.name(), &candidate, sentence, key, &filters);
            return without(&candidate, Proof { filters, replaced, ..Proof::default() }).map(Some);
        }
        Ok(None)
    }
}

/// A table that is looked up by equality alone.
struct Dimension {
    inlined: Inlined,
    /// The child's column and the table's.
    compared: Vec<(Column, usize)>,
}

impl Dimension {
    fn of(candidate: &Candidate<'_>) -> Result<Option<Dimension>> {
        if candidate.pairs.is_empty() || !candidate.rest.is_empty() {
            return Ok(None);
        }
        let Some(inlined) = Inlined::of(candidate.gone)? else { return Ok(None) };
        let mut compared = Vec::new();
        for pair in &candidate.pairs {
            let there = plain_column(&pair.gone)
                .and_then(|column| candidate.gone.schema().maybe_index_of_column(column))
                .and_then(|position| inlined.table_column(position));
            let here =
                plain_column(&pair.stays).and_then(|column| candidate.stays.schema().maybe_index_of_column(column));
            let (Some(here), Some(there), false) = (here, there, pair.nulls_equal) else { return Ok(None) };
            let Expr::Column(here) = column_at(candidate.stays.schema(), here) else { return Ok(None) };
            let part = (here, there);
            if !compared.contains(&part) {
                compared.push(part);
            }
        }
        Ok(Some(Dimension { inlined, compared }))
    }

    fn is_same(&self, other: &Dimension) -> bool {
        self.inlined.is_same_table(&other.inlined.facts)
            && self.compared.len() == other.compared.len()
            && self.compared.iter().all(|part| other.compared.contains(part))
            && self.inlined.filters.iter().all(|filter| other.inlined.filters.contains(filter))
            && other.inlined.filters.iter().all(|filter| self.inlined.filters.contains(filter))
    }

    fn key(&self) -> Option<Because> {
        let columns: ColumnSet = self.compared.iter().map(|(_, column)| *column).collect();
        self.inlined.key_within(&columns)
    }
}

/// A LEFT join of the same dimension below, under nodes that give its columns on as they are: for each column of the table, where it is.
fn find(
    plan: &LogicalPlan,
    wanted: &Dimension,
    context: &Context<'_>,
) -> Result<Option<(HashMap<usize, Column>, Because)>> {
    let join = match plan {
        LogicalPlan::Join(join) => join,
        LogicalPlan::Filter(filter) => return find(&filter.input, wanted, context),
        LogicalPlan::Sort(sort) => return find(&sort.input, wanted, context),
        LogicalPlan::Limit(limit) => return find(&limit.input, wanted, context),
        _ => return Ok(None),
    };
    for side in Side::BOTH {
        let candidate = Candidate::new(join, side, context.facts);
        let is_wanted = |table: &TableFacts| wanted.inlined.is_same_table(table);
        if candidate.kind() == JoinType::Left
            && Inlined::table_of(candidate.gone).is_some_and(is_wanted)
            && let Some(first) = Dimension::of(&candidate)?
            && first.is_same(wanted)
            && let Some(key) = first.key()
        {
            let mut columns = HashMap::new();
            for (position, column) in candidate.gone.schema().columns().into_iter().enumerate() {
                if let Some(of_table) = first.inlined.table_column(position) {
                    columns.entry(of_table).or_insert(column);
                }
            }
            return Ok(Some((columns, key)));
        }
    }
    for input in kept_sides(join) {
        if let Some(found) = find(input, wanted, context)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The sides whose columns the join gives on without putting NULLs in their place.
fn kept_sides(join: &Join) -> Vec<&LogicalPlan> {
    match join.join_type {
        JoinType::Inner => vec![&join.left, &join.right],
        JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => vec![&join.left],
        JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => vec![&join.right],
        JoinType::Full => vec![],
    }
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::checks::{fires, stays};
    use crate::optimizer::testing::lab;

    const RULE: &str = "same_dimension_twice";

    #[test]
    fn one_row_for_both() {
        let lab = lab();
        for sql in [
            "SELECT c1.name, c2.age FROM orders o LEFT JOIN customer c1 ON o.referrer_id = c1.id \
             LEFT JOIN customer c2 ON o.referrer_id = c2.id",
            "SELECT c1.name, c2.age FROM orders o LEFT JOIN customer c1 ON o.referrer_id = c1.id \
             JOIN customer c2 ON o.referrer_id = c2.id",
            "SELECT c1.name, c2.age FROM orders o LEFT JOIN (SELECT * FROM customer WHERE vip) c1 ON o.referrer_id = c1.id \
             LEFT JOIN (SELECT * FROM customer WHERE vip) c2 ON o.referrer_id = c2.id",
        ] {
            fires(&lab, RULE, sql, "orders and customer");
        }
        fires(
            &lab,
            RULE,
            "SELECT c1.name, r.name, c2.age FROM orders o LEFT JOIN customer c1 ON o.referrer_id = c1.id \
             LEFT JOIN region r ON c1.region_id = r.id LEFT JOIN customer c2 ON o.referrer_id = c2.id",
            "orders, customer and region",
        );
    }

    #[test]
    fn two_rows() {
        let lab = lab();
        for sql in [
            "SELECT c1.name, c2.age FROM orders o LEFT JOIN customer c1 ON o.referrer_id = c1.id \
             LEFT JOIN customer c2 ON o.customer_id = c2.id",
            "SELECT c1.name, c2.age FROM orders o LEFT JOIN (SELECT * FROM customer WHERE vip) c1 ON o.referrer_id = c1.id \
             LEFT JOIN customer c2 ON o.referrer_id = c2.id",
            "SELECT c1.name, c2.age FROM orders o LEFT JOIN customer c1 ON o.referrer_id = c1.id AND c1.vip \
             LEFT JOIN customer c2 ON o.referrer_id = c2.id",
            "SELECT l1.c, l2.c FROM orders o LEFT JOIN loose l1 ON o.id = l1.a LEFT JOIN loose l2 ON o.id = l2.a",
            "SELECT c1.name, c2.x FROM orders o LEFT JOIN customer c1 ON o.referrer_id = c1.id \
             LEFT JOIN (SELECT id, coalesce(age, 0) x FROM customer) c2 ON o.referrer_id = c2.id",
        ] {
            stays(&lab, RULE, sql);
        }
    }
}
