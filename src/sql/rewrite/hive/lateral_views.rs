//! `FROM t LATERAL VIEW explode(t.items) v AS x` → `FROM t CROSS JOIN LATERAL (SELECT unnest(t.items) AS x) AS v`
//!
//! OUTER keeps the rows for which there is nothing, as a left join does. Several follow each other, and each may read those before it.

use sqlparser::ast::{
    Ident, Join, JoinConstraint, JoinOperator, LateralView, Select, Spanned, TableAlias, TableWithJoins,
};

use super::super::Refusal;
use super::super::ast::boolean;
use super::super::unnest::lateral;
use super::table_functions;

pub(super) fn to_joins(select: &mut Select) -> Result<(), Refusal> {
    for view in std::mem::take(&mut select.lateral_views) {
        let span = view.lateral_view.span();
        let LateralView { lateral_view, lateral_view_name, lateral_col_alias, outer } = view;
        let Some(items) = table_functions::spread(&lateral_view, &lateral_col_alias)? else {
            return Err(Refusal::new("LATERAL VIEW takes a table function", span).help(table_functions::KNOWN));
        };
        let name = lateral_view_name.0.last().and_then(|part| part.as_ident()).cloned();
        join(select, lateral(items, name.map(alias)), outer);
    }
    Ok(())
}

pub(super) fn alias(name: Ident) -> TableAlias {
    TableAlias { explicit: true, name, columns: Vec::new(), at: None }
}

/// Joins what each row makes itself to the rows in FROM.
pub(super) fn join(select: &mut Select, relation: sqlparser::ast::TableFactor, outer: bool) {
    let operator = match outer {
        true => JoinOperator::LeftOuter(JoinConstraint::On(boolean(true))),
        false => JoinOperator::CrossJoin(JoinConstraint::None),
    };
    match select.from.as_mut_slice() {
        [] => select.from.push(TableWithJoins { relation, joins: Vec::new() }),
        [only] => only.joins.push(Join { relation, global: false, join_operator: operator }),
        // Of several tables, a join would see the last one only.
        [.., last] => match outer {
            true => last.joins.push(Join { relation, global: false, join_operator: operator }),
            false => select.from.push(TableWithJoins { relation, joins: Vec::new() }),
        },
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused_hive, rewritten_hive};

    #[test]
    fn lateral_views_are_lateral_joins() {
        for (from, becomes) in [
            ("LATERAL VIEW explode(t.a) v AS x", "CROSS JOIN LATERAL (SELECT unnest(t.a) AS x) AS v"),
            ("LATERAL VIEW explode(a) v", "CROSS JOIN LATERAL (SELECT unnest(a) AS col) AS v"),
            ("LATERAL VIEW OUTER explode(a) v AS x", "LEFT OUTER JOIN LATERAL (SELECT unnest(a) AS x) AS v ON true"),
            (
                "LATERAL VIEW explode(m) v AS k, w",
                "CROSS JOIN LATERAL (SELECT ostrich_field_at(unnest(hive_explode_map(m)), 0) AS k, \
                 ostrich_field_at(unnest(hive_explode_map(m)), 1) AS w) AS v",
            ),
            (
                "LATERAL VIEW explode(a) v AS x LATERAL VIEW explode(x) w AS y",
                "CROSS JOIN LATERAL (SELECT unnest(a) AS x) AS v CROSS JOIN LATERAL (SELECT unnest(x) AS y) AS w",
            ),
        ] {
            assert_eq!(
                rewritten_hive(&format!("SELECT 1 AS c FROM t {from}")),
                format!("SELECT 1 AS c FROM t {becomes}")
            );
        }
    }

    #[test]
    fn only_table_functions_make_rows() {
        refused_hive("SELECT 1 FROM t LATERAL VIEW ▸upper(a) v AS x", "LATERAL VIEW takes a table function");
    }
}
