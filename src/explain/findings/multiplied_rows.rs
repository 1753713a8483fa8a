//! A sum over rows that a join has multiplied.
//!
//! ```sql
//! SELECT o.region, sum(p.amount)
//! FROM orders o JOIN payment p ON p.order_id = o.id JOIN shipment s ON s.order_id = o.id
//! GROUP BY o.region
//! ```
//!
//! An order with two shipments counts each of its payments twice. And `sum(o.total)` over `orders JOIN line` adds an order's total once for
//! each of its lines.
//!
//! Which relations multiply each other follows from keys. So nothing is said of relations without a known key, of grouping by a key of
//! the multiplied rows, of aggregates that do not count (`min`, `count(DISTINCT …)`), of conditions that may leave one of several rows
//! (`d.is_current`, `f.day BETWEEN d.valid_from AND d.valid_to`, comparisons of different types), nor of arguments that
//! are made of all multiplied relations (`sum(p.amount * s.share)`): those mean the pairs. Nor, with one side multiplied only, of sums that
//! count (`sum(CASE WHEN o.urgent THEN 1 ELSE 0 END)`).

use datafusion::logical_expr::{Aggregate, BinaryExpr, Expr, LogicalPlan};

use super::joined::{Joined, matched};
use super::{Check, Subject, walk, words};
use crate::catalog::show_create::qualified_name;
use crate::explain::report::{Finding, Severity};
use crate::names::quote_identifier;
use crate::optimizer::facts::{ColumnSet, FactsCache, plain_column};
use crate::optimizer::prune::is_duplicate_insensitive;

#[derive(Debug)]
pub struct MultipliedRows;

impl Check for MultipliedRows {
    fn code(&self) -> &'static str {
        "OST001"
    }

    fn look(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let cache = FactsCache::default();
        let mut found = Vec::new();
        walk::each_node(subject.written, &mut |node, _| {
            if let LogicalPlan::Aggregate(aggregate) = node
                && let Ok(matched) = matched(&aggregate.input)
                && let Some(joined) = Joined::of(&matched, &cache)
            {
                found.extend(in_aggregate(aggregate, &joined, subject));
            }
        });
        found
    }
}

fn in_aggregate(aggregate: &Aggregate, joined: &Joined<'_>, subject: &Subject<'_>) -> Option<Finding> {
    let mut group = ColumnSet::new();
    for expr in &aggregate.group_expr {
        // An expression tells fewer rows apart than its columns; taking those errs on the silent side.
        match plain_column(expr, joined.schema) {
            Some(column) => drop(group.insert(column)),
            None => group.extend(joined.columns_read(expr)),
        }
    }
    let grain = joined.grain(&group)?;
    let calls = || aggregate.aggr_expr.iter().map(unaliased).filter(|call| !is_duplicate_insensitive(call));
    match grain.as_slice() {
        [] => None,
        [many] => calls().find_map(|call| one_side(call, *many, &group, joined, subject)),
        several => calls().find_map(|call| pairs(call, several, &group, joined, subject)),
    }
}

/// `sum(o.total)` over the lines of orders.
fn one_side(
    call: &Expr,
    many: usize,
    group: &ColumnSet,
    joined: &Joined<'_>,
    subject: &Subject<'_>,
) -> Option<Finding> {
    let units = joined.units_read(call);
    let Expr::AggregateFunction(function) = call else { return None };
    if !matches!(function.func.name(), "sum" | "avg")
        || !function.params.args.iter().any(takes_values)
        || units.is_empty()
        || joined.tells_apart(group, &units)
    {
        return None;
    }
    // A condition may have left one row of the many.
    if joined.conditions.iter().any(|condition| joined.may_pin(condition, many)) {
        return None;
    }
    let many_unit = joined.units.get(many)?;
    let names: Vec<String> = units.iter().filter_map(|unit| joined.units.get(*unit)).map(|unit| unit.name()).collect();
    let (one, of_many) = (words::list(&names), many_unit.name());
    let text = words::sql(call);
    Some(Finding {
        code: "OST001",
        severity: Severity::Warning,
        span: subject.place_of(call),
        message: format!(
            "{text} takes a value of {one} once for every row of {of_many}{} that goes with it: {of_many} is joined on {}, which holds \
             no key of it",
            rows_of(joined, many),
            join_columns(joined, many),
        ),
        fix: Some(format!(
            "compute {text} from {one} without {of_many}; if a row of {one} has one row of {of_many} at most, say so: {}",
            unique_ddl(joined, many)?
        )),
        saved_rows: 0.0,
    })
}

/// Whether an expression comes to a column's values. `CASE WHEN … THEN 1 ELSE 0 END` does not: its sum counts rows.
fn takes_values(expr: &Expr) -> bool {
    match expr {
        Expr::Column(_) => true,
        Expr::Alias(alias) => takes_values(&alias.expr),
        Expr::Cast(cast) => takes_values(&cast.expr),
        Expr::Negative(inner) => takes_values(inner),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            op.is_numerical_operators() && (takes_values(left) || takes_values(right))
        }
        Expr::Case(case) => {
            let then = case.when_then_expr.iter().map(|(_, then)| then);
            then.chain(&case.else_expr).any(|result| takes_values(result))
        }
        Expr::ScalarFunction(call) => call.args.iter().any(takes_values),
        _ => false,
    }
}

/// Rows of several relations, each with each.
fn pairs(
    call: &Expr,
    several: &[usize],
    group: &ColumnSet,
    joined: &Joined<'_>,
    subject: &Subject<'_>,
) -> Option<Finding> {
    let units = joined.units_read(call);
    // An argument of all that are paired means the pairs.
    if !units.is_empty() && joined.tells_apart(group, &units) {
        return None;
    }
    let names: Vec<String> =
        several.iter().filter_map(|unit| joined.units.get(*unit)).map(|unit| unit.name()).collect();
    let keys: Vec<String> = several
        .iter()
        .zip(&names)
        .filter_map(|(unit, name)| Some(format!("{name} {}", words::columns(&joined.key_of(*unit)?, joined.schema))))
        .collect();
    let text = words::sql(call);
    let first = *units.iter().find(|unit| several.contains(unit)).or(several.first())?;
    let fix = reduced(call, *several.iter().find(|unit| **unit != first)?, joined);
    Some(Finding {
        code: "OST001",
        severity: Severity::Warning,
        span: subject.place_of(call).or_else(|| subject.place_of_any(conditions_of(joined, several))),
        message: format!(
            "{text} counts rows several times: the rows of {} are paired each with each where the conditions hold, since no key of \
             theirs is joined on ({})",
            words::list(&names),
            words::list(&keys),
        ),
        fix,
        saved_rows: 0.0,
    })
}

/// How to have one row of a relation for each value of its join columns.
fn reduced(call: &Expr, unit: usize, joined: &Joined<'_>) -> Option<String> {
    let name = joined.units.get(unit)?.name();
    let columns = joined.join_columns(unit);
    if columns.is_empty() {
        return Some(format!("compute {} before {name} is joined", words::sql(call)));
    }
    let columns: Vec<_> = columns.iter().map(|column| quote_identifier(&column.name).into_owned()).collect();
    let columns = columns.join(", ");
    let table = joined
        .units
        .get(unit)?
        .table()
        .map_or_else(|| "…".to_owned(), |table| quote_identifier(&table.name.name).into_owned());
    Some(format!(
        "join one row of {name} for each {columns}: JOIN (SELECT {columns}, … FROM {table} GROUP BY {columns}) AS {}",
        quote_identifier(&name)
    ))
}

fn conditions_of<'a>(joined: &Joined<'a>, units: &[usize]) -> Vec<&'a Expr> {
    let touching = joined.conditions.iter().filter(|condition| condition.units.len() > 1);
    touching
        .filter(|condition| condition.units.iter().any(|unit| units.contains(unit)))
        .flat_map(|condition| condition.parts.exprs())
        .collect()
}

fn join_columns(joined: &Joined<'_>, unit: usize) -> String {
    let columns: Vec<_> =
        joined.join_columns(unit).iter().map(|column| quote_identifier(&column.name).into_owned()).collect();
    format!("({})", columns.join(", "))
}

fn rows_of(joined: &Joined<'_>, unit: usize) -> String {
    match joined.units.get(unit).and_then(|unit| unit.table()).and_then(|table| table.rows) {
        Some(rows) => format!(" ({} rows)", words::count(rows)),
        None => String::new(),
    }
}

fn unique_ddl(joined: &Joined<'_>, unit: usize) -> Option<String> {
    let table = joined.units.get(unit)?.table()?;
    if joined.join_columns(unit).is_empty() {
        return None;
    }
    Some(format!("ALTER TABLE {} ADD UNIQUE {} VALIDATE", qualified_name(&table.name), join_columns(joined, unit)))
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::look;
    use super::MultipliedRows;

    const TABLES: &str = "
        CREATE TABLE orders (id BIGINT PRIMARY KEY, region TEXT, total BIGINT);
        CREATE TABLE payment (id BIGINT PRIMARY KEY, order_id BIGINT, amount BIGINT);
        CREATE TABLE shipment (id BIGINT PRIMARY KEY, order_id BIGINT, weight BIGINT, latest BOOLEAN, day DATE);
        CREATE TABLE note (order_id BIGINT, text TEXT);
    ";

    fn messages(sql: &str) -> Vec<String> {
        look(&MultipliedRows, TABLES, sql).into_iter().map(|finding| finding.message).collect()
    }

    fn is_silent(sql: &str) {
        assert_eq!(messages(sql), Vec::<String>::new(), "{sql}");
    }

    #[test]
    fn two_children_of_one_parent_multiply_each_other() {
        for from in [
            "orders o JOIN payment p ON p.order_id = o.id JOIN shipment s ON s.order_id = o.id",
            "orders o LEFT JOIN payment p ON p.order_id = o.id LEFT JOIN shipment s ON s.order_id = o.id",
            "orders o, payment p, shipment s WHERE p.order_id = o.id AND o.id = s.order_id",
            "payment p JOIN shipment s USING (order_id)",
        ] {
            let found = look(&MultipliedRows, TABLES, &format!("SELECT sum(p.amount) FROM {from}"));
            assert_eq!(found.len(), 1, "{from}");
            assert!(found[0].message.contains("rows of p and s are paired"), "{}", found[0].message);
            assert!(
                found[0].fix.as_ref().unwrap().contains("SELECT order_id, … FROM shipment GROUP BY order_id"),
                "{found:?}"
            );
            let place = found[0].span.as_ref().unwrap();
            assert_eq!((place.line, place.column), (1, 12), "{from}");
        }
    }

    #[test]
    fn a_count_of_pairs_is_told_too() {
        let found = messages(
            "SELECT o.region, count(*) FROM orders o JOIN payment p ON p.order_id = o.id \
             JOIN shipment s ON s.order_id = o.id GROUP BY o.region",
        );
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_sum_of_the_parents_values_takes_each_several_times() {
        let found = messages("SELECT sum(o.total) FROM orders o JOIN payment p ON p.order_id = o.id");
        assert!(found[0].contains("sum(o.total) takes a value of o once for every row of p"), "{found:?}");
        is_silent("SELECT sum(p.amount), count(*), count(o.id) FROM orders o JOIN payment p ON p.order_id = o.id");
        is_silent("SELECT sum(p.amount), count(*), count(o.id) FROM orders o LEFT JOIN payment p ON p.order_id = o.id");
        is_silent("SELECT count(*) FROM orders o LEFT JOIN payment p ON p.order_id = o.id WHERE p.id IS NULL");
        // A count of payments in another dress.
        is_silent(
            "SELECT sum(CASE WHEN o.region = 'x' THEN 1 ELSE 0 END) FROM orders o JOIN payment p ON p.order_id = o.id",
        );
        is_silent("SELECT sum(o.total * p.amount) FROM orders o JOIN payment p ON p.order_id = o.id");
        is_silent("SELECT p.id, sum(o.total) FROM orders o JOIN payment p ON p.order_id = o.id GROUP BY p.id");
    }

    #[test]
    fn aggregates_that_do_not_count_are_right() {
        is_silent(
            "SELECT max(p.amount), count(DISTINCT p.id) FROM orders o \
             JOIN payment p ON p.order_id = o.id JOIN shipment s ON s.order_id = o.id",
        );
    }

    #[test]
    fn pairs_that_are_meant_are_left_alone() {
        is_silent("SELECT sum(p.amount * s.weight) FROM payment p JOIN shipment s ON s.order_id = p.order_id");
        is_silent("SELECT p.id, sum(s.weight) FROM payment p JOIN shipment s ON s.order_id = p.order_id GROUP BY p.id");
    }

    #[test]
    fn without_keys_nothing_is_known() {
        is_silent("SELECT count(*) FROM note a JOIN payment p ON a.order_id = p.order_id");
    }

    #[test]
    fn one_row_for_each_value_multiplies_nothing() {
        is_silent(
            "SELECT sum(p.amount) FROM payment p \
             JOIN (SELECT order_id, sum(weight) AS w FROM shipment GROUP BY order_id) s ON s.order_id = p.order_id",
        );
        is_silent("SELECT sum(p.amount) FROM payment p CROSS JOIN (SELECT max(day) FROM shipment) s");
        is_silent("SELECT sum(p.amount) FROM payment p WHERE p.order_id IN (SELECT order_id FROM shipment)");
    }

    #[test]
    fn conditions_that_may_choose_one_of_several_silence_it() {
        let from = "SELECT sum(p.amount) FROM payment p JOIN shipment s ON s.order_id = p.order_id";
        is_silent(&format!("{from} AND s.latest"));
        is_silent(&format!("{from} WHERE s.weight = 1"));
        is_silent(&format!("{from} AND s.weight < p.amount"));
        is_silent(&format!("{from} WHERE s.day = (SELECT max(day) FROM shipment)"));
        is_silent(
            "SELECT sum(p.amount) FROM payment p JOIN shipment s ON CAST(s.order_id AS TEXT) = CAST(p.order_id AS TEXT)",
        );
    }
}
