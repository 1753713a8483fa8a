//! Functions that give several columns or rows: `SELECT id, explode(m) AS (k, v) FROM t` →
//! `SELECT id, k, v FROM t CROSS JOIN LATERAL (SELECT … AS k, … AS v)`
//!
//! Each is a function of one row that gives an array of structs, which `unnest()` unfolds, and whose fields are the columns by their
//! position.

use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Select, SelectItem, Spanned, Value,
};
use sqlparser::tokenizer::Span;

use super::super::Refusal;
use super::super::ast::{bare, call, folded, number};
use super::super::unnest::lateral;
use super::{lateral_views, own_names};

/// What the tables are called to which calls of the SELECT list move.
pub(super) const MOVED: &str = "_rows";

pub(super) const KNOWN: &str = "table functions are: explode, posexplode, inline, stack, json_tuple, parse_url_tuple";

/// Moves the table functions of the select list to FROM.
pub(super) fn from_select_list(select: &mut Select) -> Result<(), Refusal> {
    let mut count = 0;
    let tables = lateral_views::table_names(select);
    let mut projection = Vec::with_capacity(select.projection.len());
    for item in std::mem::take(&mut select.projection) {
        let spread = match &item {
            SelectItem::UnnamedExpr(expr) => spread(expr, &[])?,
            SelectItem::ExprWithAlias { expr, alias } => spread(expr, std::slice::from_ref(alias))?,
            SelectItem::ExprWithAliases { expr, aliases } => match spread(expr, aliases)? {
                None => {
                    return Err(Refusal::new("only a table function gives several columns", expr.span()).help(KNOWN));
                }
                spread => spread,
            },
            _ => None,
        };
        let Some(mut items) = spread else {
            projection.push(item);
            continue;
        };
        for item in &mut items {
            if let SelectItem::ExprWithAlias { expr, .. } = item {
                lateral_views::fields_as_calls(expr, &tables);
            }
        }
        let table = Ident::new(format!("{MOVED}{count}"));
        count += 1;
        projection.extend(selected(&items, &table));
        lateral_views::join(select, lateral(items, Some(lateral_views::alias(table))));
    }
    select.projection = projection;
    Ok(())
}

/// The columns `items` of a table, by their names.
pub(super) fn selected(items: &[SelectItem], table: &Ident) -> Vec<SelectItem> {
    let column = |item: &SelectItem| match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(SelectItem::ExprWithAlias {
            expr: Expr::CompoundIdentifier(vec![table.clone(), Ident { span: Span::empty(), ..alias.clone() }]),
            alias: alias.clone(),
        }),
        _ => None,
    };
    items.iter().filter_map(column).collect()
}

/// The columns of a call of a table function, under the given names or the function's own; `None` for any other expression.
pub(super) fn spread(expr: &Expr, names: &[Ident]) -> Result<Option<Vec<SelectItem>>, Refusal> {
    let Expr::Function(function) = expr else { return Ok(None) };
    let Some(name) = bare(&function.name).map(folded) else { return Ok(None) };
    let arguments = arguments(&function.args);
    let span = expr.span();
    match (name.as_str(), arguments.as_slice(), names) {
        ("explode", [only], [alias]) => return Ok(Some(elements(only.clone(), alias.clone()))),
        (_, [only], []) => {
            if let Some(waiting) = own_names::waiting(&name, only.clone()) {
                return Ok(Some(vec![waiting]));
            }
        }
        _ => {}
    }
    let (rows, own_names): (Expr, Vec<String>) = match (name.as_str(), arguments.as_slice()) {
        ("explode", [only]) => (rows(&name, only.clone()), strings(&["key", "value"])),
        ("posexplode", [only]) => {
            let own = if names.len() == 3 { strings(&["pos", "key", "value"]) } else { strings(&["pos", "col"]) };
            (rows(&name, only.clone()), own)
        }
        ("inline", [only]) => (rows(&name, only.clone()), names.iter().map(|name| name.value.clone()).collect()),
        ("stack", [rows, values @ ..]) if !values.is_empty() => {
            let Some(count) = whole(rows).filter(|count| *count > 0) else {
                return Err(Refusal::new("the first argument of stack() is the number of rows", rows.span()));
            };
            let columns = values.len().div_ceil(count);
            (unfolded(call("hive_stack", arguments.clone(), span)), numbered("col", columns))
        }
        ("json_tuple" | "parse_url_tuple", [_, keys @ ..]) if !keys.is_empty() => {
            (call(&name, arguments.clone(), span), numbered("c", keys.len()))
        }
        ("explode" | "posexplode" | "inline", _) => {
            return Err(Refusal::new(format!("{name}() takes one argument"), span));
        }
        ("stack" | "json_tuple" | "parse_url_tuple", _) => {
            return Err(Refusal::new(format!("{name}() takes two arguments or more"), span));
        }
        _ => return Ok(None),
    };
    if !names.is_empty() && names.len() != own_names.len() {
        let given = names.len();
        let message = format!("{name}() gives {} columns here, and {given} names are given", own_names.len());
        return Err(Refusal::new(message, span));
    }
    let names = match names {
        [] => own_names.iter().map(Ident::new).collect(),
        names => names.to_vec(),
    };
    Ok(Some(columns(&rows, names, span)))
}

/// The fields of `rows` under these names.
pub(super) fn columns(rows: &Expr, names: Vec<Ident>, span: Span) -> Vec<SelectItem> {
    let column = |(position, alias)| SelectItem::ExprWithAlias {
        expr: call("ostrich_field_at", vec![rows.clone(), number(position, span)], span),
        alias,
    };
    names.into_iter().enumerate().map(column).collect()
}

/// The one column of `explode` of an array.
pub(super) fn elements(array: Expr, alias: Ident) -> Vec<SelectItem> {
    vec![SelectItem::ExprWithAlias { expr: unfolded(array), alias }]
}

/// The structs of `explode` of a map, `posexplode` or `inline`.
pub(super) fn rows(function: &str, argument: Expr) -> Expr {
    let span = argument.span();
    match function {
        "explode" => unfolded(call("hive_explode_map", vec![argument], span)),
        "posexplode" => unfolded(call("hive_posexplode", vec![argument], span)),
        _ => unfolded(argument),
    }
}

fn unfolded(array: Expr) -> Expr {
    let span = array.span();
    call("unnest", vec![array], span)
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{prefix}{index}")).collect()
}

fn whole(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => text.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn arguments(arguments: &FunctionArguments) -> Vec<Expr> {
    let FunctionArguments::List(list) = arguments else { return Vec::new() };
    list.args
        .iter()
        .filter_map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused_hive, rewritten_hive};

    #[test]
    fn calls_in_the_select_list_move_to_from() {
        assert_eq!(
            rewritten_hive("SELECT id, explode(a) AS x FROM t"),
            "SELECT id, _rows0.x AS x FROM t CROSS JOIN LATERAL (SELECT unnest(a) AS x) AS _rows0"
        );
        assert_eq!(
            rewritten_hive("SELECT json_tuple(j, 'a', 'b') FROM t"),
            "SELECT _rows0.c0 AS c0, _rows0.c1 AS c1 FROM t CROSS JOIN LATERAL \
             (SELECT ostrich_field_at(json_tuple(j, 'a', 'b'), 0) AS c0, \
             ostrich_field_at(json_tuple(j, 'a', 'b'), 1) AS c1) AS _rows0"
        );
        assert_eq!(
            rewritten_hive("SELECT posexplode(a) AS (p, x) FROM t"),
            "SELECT _rows0.p AS p, _rows0.x AS x FROM t CROSS JOIN LATERAL \
             (SELECT ostrich_field_at(unnest(hive_posexplode(a)), 0) AS p, \
             ostrich_field_at(unnest(hive_posexplode(a)), 1) AS x) AS _rows0"
        );
    }

    #[test]
    fn names_and_columns_must_fit() {
        refused_hive(
            "SELECT ▸stack(2, 'a', 1, 'b', 2) AS (x, y, z) FROM t",
            "stack() gives 2 columns here, and 3 names are given",
        );
        refused_hive("SELECT ▸upper(a) AS (x, y) FROM t", "only a table function gives several columns");
        refused_hive("SELECT ▸explode(a, b) FROM t", "explode() takes one argument");
    }
}
