//! `SEMI JOIN` → `LEFT SEMI JOIN`, `ANTI JOIN` → `LEFT ANTI JOIN`
//!
//! A join without a condition is refused: DataFusion would join each row with each other one, where ON was forgotten.
//! Joins that it does not know are refused with their place.

use sqlparser::ast::{Join, JoinConstraint, JoinOperator, Select, Spanned, TableFactor, TableWithJoins};

use super::Refusal;
use super::ast::constraint;

pub(super) fn in_select(select: &mut Select) -> Result<(), Refusal> {
    select.from.iter_mut().try_for_each(in_table)
}

pub(super) fn in_table_factor(factor: &mut TableFactor) -> Result<(), Refusal> {
    match factor {
        TableFactor::NestedJoin { table_with_joins, .. } => in_table(table_with_joins),
        _ => Ok(()),
    }
}

fn in_table(table: &mut TableWithJoins) -> Result<(), Refusal> {
    table.joins.iter_mut().try_for_each(in_join)
}

fn in_join(join: &mut Join) -> Result<(), Refusal> {
    let refuse =
        |what: &str, help: &str| Err(Refusal::new(format!("{what} is not supported"), join.relation.span()).help(help));
    match &mut join.join_operator {
        JoinOperator::CrossApply => return refuse("CROSS APPLY", "use CROSS JOIN LATERAL (SELECT …)"),
        JoinOperator::OuterApply => return refuse("OUTER APPLY", "use LEFT JOIN LATERAL (SELECT …) ON true"),
        JoinOperator::StraightJoin(_) => return refuse("STRAIGHT_JOIN", "use JOIN … ON"),
        JoinOperator::AsOf { .. } => {
            return refuse("ASOF JOIN", "join on >=, and keep the latest with QUALIFY row_number() OVER (…) = 1");
        }
        JoinOperator::ArrayJoin | JoinOperator::LeftArrayJoin | JoinOperator::InnerArrayJoin => {
            return refuse("ARRAY JOIN", "use CROSS JOIN unnest(…)");
        }
        operator @ JoinOperator::Semi(_) => {
            if let JoinOperator::Semi(constraint) = std::mem::replace(operator, JoinOperator::CrossApply) {
                *operator = JoinOperator::LeftSemi(constraint);
            }
        }
        operator @ JoinOperator::Anti(_) => {
            if let JoinOperator::Anti(constraint) = std::mem::replace(operator, JoinOperator::CrossApply) {
                *operator = JoinOperator::LeftAnti(constraint);
            }
        }
        _ => {}
    }
    match constraint(&mut join.join_operator) {
        Some(JoinConstraint::None) => {
            Err(Refusal::new("JOIN needs ON or USING to say which rows belong together", join.relation.span())
                .help("CROSS JOIN joins each row with each other one"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused, rewritten, unchanged};

    #[test]
    fn semi_and_anti_joins_keep_the_left_side() {
        assert_eq!(
            rewritten("SELECT * FROM t SEMI JOIN u ON t.a = u.a ANTI JOIN w ON t.a = w.a"),
            "SELECT * FROM t LEFT SEMI JOIN u ON t.a = u.a LEFT ANTI JOIN w ON t.a = w.a"
        );
        unchanged("SELECT * FROM t RIGHT SEMI JOIN u ON t.a = u.a");
    }

    #[test]
    fn a_join_says_which_rows_belong_together() {
        let message = "JOIN needs ON or USING to say which rows belong together";
        refused("SELECT * FROM t JOIN ▸u", message);
        refused("SELECT * FROM t INNER JOIN ▸u JOIN w ON t.a = w.a", message);
        refused("SELECT * FROM (t LEFT JOIN ▸u) JOIN w ON t.a = w.a", message);
        unchanged("SELECT * FROM t CROSS JOIN u JOIN w ON t.a = w.a, v");
        unchanged("SELECT * FROM t LEFT JOIN LATERAL (SELECT t.a) AS x ON true");
    }

    #[test]
    fn unknown_joins_are_refused_at_their_place() {
        refused("SELECT * FROM t CROSS APPLY (▸SELECT 1) x", "CROSS APPLY is not supported");
        refused("SELECT * FROM t OUTER APPLY (▸SELECT 1) x", "OUTER APPLY is not supported");
        refused("SELECT * FROM t ASOF JOIN ▸u MATCH_CONDITION (t.a >= u.a)", "ASOF JOIN is not supported");
    }
}
