//! `FROM t LATERAL VIEW explode(t.items) v AS x` → `FROM t CROSS JOIN LATERAL (SELECT unnest(t.items) AS x) AS v`
//!
//! OUTER keeps the rows for which there is nothing, as a left join does. Several follow each other, and each may read those before it.

use std::collections::HashSet;

use sqlparser::ast::{
    Expr, Function, FunctionArgumentList, FunctionArguments, Ident, Join, JoinConstraint, JoinOperator, ObjectName,
    Select, Spanned, TableAlias, TableFactor, TableWithJoins,
};

use super::super::Refusal;
use super::super::ast::{call, each_expr, folded, string};
use super::super::unnest::lateral;
use super::table_functions;

pub(super) fn to_joins(select: &mut Select) -> Result<(), Refusal> {
    let mut changed = false;
    let tables = table_names(select);
    for factor in select.from.iter_mut().flat_map(factors) {
        let TableFactor::Function { lateral: true, name, args, alias: given, .. } = factor else { continue };
        let span = name.span();
        let (table, columns) = match given.take() {
            Some(alias) => (Some(alias.name), alias.columns.into_iter().map(|column| column.name).collect()),
            None => (None, Vec::new()),
        };
        let mut call = call_of(std::mem::replace(name, ObjectName(Vec::new())), std::mem::take(args));
        fields_as_calls(&mut call, &tables);
        let Some(items) = table_functions::spread(&call, &columns)? else {
            return Err(Refusal::new("LATERAL VIEW takes a table function", span).help(table_functions::KNOWN));
        };
        *factor = lateral(items, table.map(alias));
        changed = true;
    }
    if changed {
        see_all_tables(select);
    }
    Ok(())
}

/// What the tables in FROM are called.
pub(super) fn table_names(select: &mut Select) -> HashSet<String> {
    let names = select.from.iter_mut().flat_map(factors).filter_map(|factor| match factor {
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. }
        | TableFactor::Function { alias: Some(alias), .. } => Some(folded(&alias.name)),
        TableFactor::Table { name, .. } => name.0.last().and_then(|part| part.as_ident()).map(folded),
        _ => None,
    });
    names.collect()
}

/// `items.name` → `hive_field(items, 'name')`, `items` being no table: DataFusion reads no fields of columns from outside of a lateral query.
pub(super) fn fields_as_calls(expr: &mut Expr, tables: &HashSet<String>) {
    let _ = each_expr(expr, |expr| {
        let Expr::CompoundIdentifier(names) = expr else { return Ok::<(), ()>(()) };
        let of_column = match names.as_slice() {
            [first, ..] if tables.contains(&folded(first)) => 2,
            [_, second, ..] if tables.contains(&folded(second)) => 3,
            _ => 1,
        };
        if names.len() <= of_column {
            return Ok(());
        }
        let fields = names.split_off(of_column);
        let column = match names.as_mut_slice() {
            [only] => Expr::Identifier(only.clone()),
            _ => Expr::CompoundIdentifier(std::mem::take(names)),
        };
        *expr = fields.into_iter().fold(column, |value, field| {
            let span = field.span;
            call("hive_field", vec![value, string(folded(&field), span)], span)
        });
        Ok(())
    });
}

fn factors(from: &mut TableWithJoins) -> impl Iterator<Item = &mut TableFactor> {
    std::iter::once(&mut from.relation).chain(from.joins.iter_mut().map(|join| &mut join.relation))
}

fn call_of(name: ObjectName, args: Vec<sqlparser::ast::FunctionArg>) -> Expr {
    Expr::Function(Function {
        name,
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// `FROM a, b LATERAL VIEW explode(a.x) e`: a join would see `b` only, so what is made of it stands beside both.
fn see_all_tables(select: &mut Select) {
    let is_view = |join: &Join| {
        matches!(&join.relation, TableFactor::Derived { lateral: true, .. })
            && matches!(join.join_operator, JoinOperator::CrossJoin(_))
    };
    let [_, .., last] = select.from.as_mut_slice() else { return };
    let others = last.joins.iter().rposition(|join| !is_view(join)).map_or(0, |position| position + 1);
    let views = last.joins.split_off(others);
    select.from.extend(views.into_iter().map(|join| TableWithJoins { relation: join.relation, joins: Vec::new() }));
}

pub(super) fn alias(name: Ident) -> TableAlias {
    TableAlias { explicit: true, name, columns: Vec::new(), at: None }
}

/// Joins what each row makes itself to the rows in FROM.
pub(super) fn join(select: &mut Select, relation: TableFactor) {
    match select.from.as_mut_slice() {
        [only] => only.joins.push(Join {
            relation,
            global: false,
            join_operator: JoinOperator::CrossJoin(JoinConstraint::None),
        }),
        // Of several tables, a join would see the last one only.
        _ => select.from.push(TableWithJoins { relation, joins: Vec::new() }),
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused_hive, rewritten_hive};

    #[test]
    fn lateral_views_are_lateral_joins() {
        for (from, becomes) in [
            ("LATERAL VIEW explode(t.a) v AS x", "CROSS JOIN LATERAL (SELECT unnest(t.a) AS x) AS v"),
            ("LATERAL VIEW OUTER explode(a) v AS x", "LEFT JOIN LATERAL (SELECT unnest(a) AS x) AS v ON true"),
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
    fn fields_of_columns_are_calls() {
        assert_eq!(
            rewritten_hive("SELECT 1 AS c FROM t LATERAL VIEW explode(a.b) v AS x LATERAL VIEW explode(t.a.b) w AS y"),
            "SELECT 1 AS c FROM t CROSS JOIN LATERAL (SELECT unnest(hive_field(a, 'b')) AS x) AS v \
             CROSS JOIN LATERAL (SELECT unnest(hive_field(t.a, 'b')) AS y) AS w"
        );
    }

    #[test]
    fn a_view_behind_several_tables_sees_them_all() {
        assert_eq!(
            rewritten_hive("SELECT 1 AS c FROM t, u LATERAL VIEW explode(t.a) v AS x"),
            "SELECT 1 AS c FROM t, u, LATERAL (SELECT unnest(t.a) AS x) AS v"
        );
    }

    #[test]
    fn only_table_functions_make_rows() {
        refused_hive("SELECT 1 FROM t LATERAL VIEW ▸upper(a) v AS x", "LATERAL VIEW takes a table function");
    }
}
