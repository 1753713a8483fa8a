//! What Hive means, in the words that the other rules read.
//!
//! Comes before them, one construct a file. What operators and functions do is in `functions/hive`; here only the syntax changes.

mod alternatives;
mod casts;
mod column_names;
mod functions;
mod grouping_id;
mod intervals;
mod lateral_views;
mod literals;
mod operators;
pub(crate) mod own_names;
mod sampling;
mod sorting;
mod table_functions;
pub(crate) mod types;
mod virtual_columns;
mod windows;

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, JoinConstraint, JoinOperator, ObjectNamePart, Query, Select, SetExpr, SetOperator, TableFactor, VisitMut,
    VisitorMut,
};

use super::Refusal;
use crate::catalog::provider::looks_like_a_path;
use crate::sql::visit::visit_mut;

pub(super) fn to_ansi(part: &mut impl VisitMut) -> Result<(), Refusal> {
    match visit_mut(part, &mut Translator) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(refusal) => Err(refusal),
    }
}

struct Translator;

impl VisitorMut for Translator {
    type Break = Refusal;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Refusal> {
        minus_to_except(&mut query.body);
        flow(
            sorting::to_order_by(query)
                .and_then(|()| grouping_id::to_function(&mut query.body, query.order_by.as_mut())),
        )
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Refusal> {
        flow(table_functions::from_select_list(select).and_then(|()| lateral_views::to_joins(select)).map(|()| {
            cross_joins(select);
            virtual_columns::of_files(select);
            column_names::by_position(select);
        }))
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Refusal> {
        keep_case_of_path(factor);
        flow(sampling::to_filter(factor))
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refusal> {
        flow(virtual_columns::refuse_unknown(expr))
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refusal> {
        alternatives::in_other_words(expr);
        operators::to_functions(expr);
        functions::to_ansi(expr);
        windows::ignore_nulls(expr);
        intervals::to_function(expr);
        literals::with_types(expr);
        flow(casts::to_function(expr))
    }
}

fn flow(result: Result<(), Refusal>) -> ControlFlow<Refusal> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(refusal) => ControlFlow::Break(refusal),
    }
}

/// `a MINUS b` → `a EXCEPT b`
fn minus_to_except(body: &mut SetExpr) {
    if let SetExpr::SetOperation { op, left, right, .. } = body {
        if *op == SetOperator::Minus {
            *op = SetOperator::Except;
        }
        minus_to_except(left);
        minus_to_except(right);
    }
}

/// Names are the same in any case, also in backticks. A path is not.
fn keep_case_of_path(factor: &mut TableFactor) {
    if let TableFactor::Table { name, .. } = factor
        && let [ObjectNamePart::Identifier(path)] = name.0.as_mut_slice()
        && path.quote_style.is_none()
        && looks_like_a_path(&path.value)
    {
        path.quote_style = Some('"');
    }
}

/// `a JOIN b` without a condition joins each row with each other one.
fn cross_joins(select: &mut Select) {
    for join in select.from.iter_mut().flat_map(|from| &mut from.joins) {
        if let JoinOperator::Join(JoinConstraint::None) | JoinOperator::Inner(JoinConstraint::None) = join.join_operator
        {
            join.join_operator = JoinOperator::CrossJoin(JoinConstraint::None);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::rewritten_hive;

    #[test]
    fn minus_is_except() {
        assert_eq!(rewritten_hive("SELECT a FROM t MINUS SELECT a FROM u"), "SELECT a FROM t EXCEPT SELECT a FROM u");
    }

    #[test]
    fn a_join_without_a_condition_is_a_cross_join() {
        assert_eq!(rewritten_hive("SELECT a FROM t JOIN u"), "SELECT a FROM t CROSS JOIN u");
    }

    #[test]
    fn a_path_in_backticks_keeps_its_case() {
        assert_eq!(
            rewritten_hive("SELECT `A` FROM `Data/country=KR/*.parquet` JOIN `T`"),
            "SELECT A FROM \"Data/country=KR/*.parquet\" CROSS JOIN T"
        );
    }

    #[test]
    fn names_in_backticks_are_the_same_in_any_case_and_no_keywords() {
        assert_eq!(
            rewritten_hive("SELECT `Select` FROM `T` WHERE `a b` = \"x\""),
            "SELECT Select FROM T WHERE a b = 'x'"
        );
    }
}
