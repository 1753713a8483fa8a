//! Two mentions of a table, joined on its key, speak of the same row: what is read by way of one can be read by way of the other.

use std::collections::HashMap;

use datafusion::common::Column;
use datafusion::error::Result;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use super::conditions::{Candidate, Pair, origins_of_class};
use super::expressions::{can_be_moved, column_at, plain_column, substitute};
use super::inlined::{Inlined, is_same_table, key_of_table};
use crate::optimizer::facts::{Because, ColumnSet, Origin};

/// The side that may go, in terms of the side that stays.
pub struct SameRow {
    /// The key of the table that the join compares; `None`: it compares columns that are no key.
    pub key: Option<Because>,
    pub because: Because,
    /// IS NOT NULL for the compared columns that may be NULL here.
    pub not_null: Vec<Expr>,
    /// The filters of the side that may go, over the side that stays.
    pub filters: Vec<Expr>,
    /// What ON says beside, over the side that stays.
    pub rest: Vec<Expr>,
    /// The columns of the side that may go; `None`: not available on the side that stays.
    pub columns: Vec<Option<Expr>>,
}

/// `None`: the sides are not shown to speak of the same table.
pub fn same_row(candidate: &Candidate<'_>) -> Result<Option<SameRow>> {
    if candidate.pairs.is_empty() {
        return Ok(None);
    }
    let mentions = &candidate.stays_facts.instances;
    let Some(table) = Inlined::table_of(candidate.gone) else { return Ok(None) };
    if !mentions.iter().any(|mention| is_same_table(table, &mention.table)) {
        return Ok(None);
    }
    let Some(inlined) = Inlined::of(candidate.gone)? else { return Ok(None) };
    for (number, mention) in mentions.iter().enumerate() {
        if inlined.is_same_table(&mention.table)
            && let Some(same) = by_way_of(candidate, &inlined, number)?
        {
            return Ok(Some(same));
        }
    }
    Ok(None)
}

fn by_way_of(candidate: &Candidate<'_>, inlined: &Inlined, number: usize) -> Result<Option<SameRow>> {
    let (stays, gone) = (candidate.stays.schema(), candidate.gone.schema());
    let facts = &candidate.stays_facts;
    let mut compared = ColumnSet::new();
    let (mut not_null, mut because) = (Vec::new(), Vec::new());
    let mut others: Vec<&Pair> = Vec::new();
    for pair in &candidate.pairs {
        let positions = plain_column(&pair.stays)
            .and_then(|column| stays.maybe_index_of_column(column))
            .zip(plain_column(&pair.gone).and_then(|column| gone.maybe_index_of_column(column)));
        let same = positions.and_then(|(here, there)| {
            let column = inlined.table_column(there)?;
            let wanted = Origin { instance: number, column };
            origins_of_class(facts, here).contains(&wanted).then_some((here, column))
        });
        let Some((here, column)) = same else {
            others.push(pair);
            continue;
        };
        match facts.is_not_null(here) {
            Some(why) => because.extend(why.iter().cloned()),
            // Several rows may have NULL there, and match each other.
            None if pair.nulls_equal => return Ok(None),
            None => not_null.push(Expr::IsNotNull(Box::new(column_at(stays, here)))),
        }
        compared.insert(column);
    }
    if compared.is_empty() {
        return Ok(None);
    }
    // The table's columns where the side that stays has them.
    let mut available: HashMap<Column, Expr> = HashMap::new();
    for (position, known) in facts.columns.iter().enumerate() {
        if let Some(origin) = known.origin
            && origin.instance == number
        {
            available.entry(inlined.column(origin.column)).or_insert_with(|| column_at(stays, position));
        }
    }
    let here = |expr: &Expr| -> Result<Option<Expr>> {
        if expr.column_refs().iter().all(|column| available.contains_key(*column)) {
            substitute(expr.clone(), &available).map(Some)
        } else {
            Ok(None)
        }
    };
    let mut columns = Vec::with_capacity(inlined.columns.len());
    for column in &inlined.columns {
        columns.push(here(column)?);
    }
    let mut filters = Vec::new();
    for filter in &inlined.filters {
        let Some(filter) = here(filter)? else { return Ok(None) };
        filters.push(filter);
    }
    // What ON says beside, with the columns of the side that may go in terms of the other one.
    let mut readable: HashMap<Column, Expr> = HashMap::new();
    for (position, column) in columns.iter().enumerate() {
        if let Some(column) = column {
            readable.insert(Column::from(gone.qualified_field(position)), column.clone());
        }
    }
    for column in stays.columns() {
        readable.insert(column.clone(), Expr::Column(column));
    }
    let as_condition = |pair: &&Pair| {
        let op = if pair.nulls_equal { Operator::IsNotDistinctFrom } else { Operator::Eq };
        Expr::BinaryExpr(BinaryExpr::new(Box::new(pair.stays.clone()), op, Box::new(pair.gone.clone())))
    };
    let mut rest = Vec::new();
    for term in others.iter().map(as_condition).chain(candidate.rest.iter().cloned()) {
        if !can_be_moved(&term) || !term.column_refs().iter().all(|column| readable.contains_key(*column)) {
            return Ok(None);
        }
        rest.push(substitute(term, &readable)?);
    }
    let key = key_of_table(&inlined.facts, &compared);
    Ok(Some(SameRow { key, because, not_null, filters, rest, columns }))
}
