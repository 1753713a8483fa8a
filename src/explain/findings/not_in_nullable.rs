//! NOT IN over a column that may be NULL.
//!
//! ```sql
//! SELECT … FROM customer WHERE id NOT IN (SELECT customer_id FROM orders)
//! ```
//!
//! One order with a NULL `customer_id`, and not a single row comes back: `id <> NULL` is never true. NOT EXISTS asks what was meant, and can be
//! run as a plain anti join.
//!
//! Nothing is said where NULL is ruled out: by a constraint, by the files' null counts, or by the subquery itself
//! (`WHERE customer_id IS NOT NULL`). Nor of a subquery that reads the row outside, whose NULLs matter to that row alone.

use datafusion::logical_expr::expr::InSubquery;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::joined::{name_of, table_of};
use super::{Check, Subject, walk, words};
use crate::explain::report::{Finding, Severity};
use crate::names::quote_identifier;
use crate::optimizer::facts::{Facts, FactsCache};

#[derive(Debug)]
pub struct NotInNullable;

impl Check for NotInNullable {
    fn code(&self) -> &'static str {
        "OST007"
    }

    fn look(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let cache = FactsCache::default();
        let mut found = Vec::new();
        walk::each_node(subject.written, &mut |node, _| {
            // Under OR, or in the output, rows come all the same.
            let LogicalPlan::Filter(filter) = node else { return };
            for test in split_conjunction(&filter.predicate).into_iter().filter_map(not_in) {
                found.extend(finding(test, &cache, subject));
            }
        });
        found
    }
}

fn not_in(expr: &Expr) -> Option<&InSubquery> {
    match expr {
        Expr::InSubquery(test) if test.negated => Some(test),
        Expr::Not(inner) => match inner.as_ref() {
            Expr::InSubquery(test) if !test.negated => Some(test),
            _ => None,
        },
        _ => None,
    }
}

fn finding(test: &InSubquery, cache: &FactsCache, subject: &Subject<'_>) -> Option<Finding> {
    if !test.subquery.outer_ref_columns.is_empty() {
        return None;
    }
    let plan = test.subquery.subquery.as_ref();
    let facts = cache.of_input(&test.subquery.subquery);
    let (_, field) = plan.schema().iter().next()?;
    if !field.is_nullable() || facts.is_not_null(0).is_some() || facts.no_rows().is_some() {
        return None;
    }
    // Of a computed value it is not known whether it ever is NULL.
    let column = output_column(plan)?;
    let column = words::column(column);
    let tested = words::sql(&test.expr);
    let evidence = match known_nulls(&facts) {
        Some(nulls) => format!("it is NULL in {} rows", words::count(nulls)),
        None => "nothing says that it is never NULL".to_owned(),
    };
    Some(Finding {
        code: "OST007",
        severity: Severity::Warning,
        span: subject.place_of(&test.expr).or_else(|| subject.place_of_any(walk::expressions(plan))),
        message: format!(
            "{tested} NOT IN (SELECT {column} …) gives no row at all as soon as one {column} is NULL, and {evidence}"
        ),
        fix: Some(
            not_exists(plan, &tested, &column).unwrap_or_else(|| {
                format!("write NOT EXISTS, or add {column} IS NOT NULL to the subquery's conditions")
            }),
        ),
        saved_rows: 0.0,
    })
}

/// The plain column that a subquery gives.
fn output_column(plan: &LogicalPlan) -> Option<&datafusion::common::Column> {
    match plan {
        LogicalPlan::Projection(node) => match node.expr.as_slice() {
            [Expr::Column(column)] => Some(column),
            [Expr::Alias(alias)] => match alias.expr.as_ref() {
                Expr::Column(column) => Some(column),
                _ => None,
            },
            _ => None,
        },
        LogicalPlan::Distinct(datafusion::logical_expr::Distinct::All(input)) => output_column(input),
        _ => None,
    }
}

/// How many NULLs the column certainly has.
fn known_nulls(facts: &Facts) -> Option<u64> {
    let origin = facts.columns.first()?.origin?;
    let instance = facts.instances.get(origin.instance)?;
    let nulls = instance.table.columns.get(origin.column)?.nulls?;
    (instance.complete && nulls > 0).then_some(nulls)
}

/// The test as NOT EXISTS, of a subquery over one table.
fn not_exists(plan: &LogicalPlan, tested: &str, column: &str) -> Option<String> {
    let LogicalPlan::Projection(projection) = plan else { return None };
    let (input, condition) = match projection.input.as_ref() {
        LogicalPlan::Filter(filter) => (filter.input.as_ref(), Some(words::all_of([&filter.predicate]))),
        other => (other, None),
    };
    let table = &table_of(input)?.name.name;
    let alias = name_of(input);
    let from = if *table == alias {
        quote_identifier(table).into_owned()
    } else {
        format!("{} AS {}", quote_identifier(table), quote_identifier(&alias))
    };
    let condition = condition.map_or_else(String::new, |condition| format!(" AND {condition}"));
    // A name without qualifier would mean the inner table's column.
    tested
        .contains('.')
        .then(|| format!("write NOT EXISTS (SELECT 1 FROM {from} WHERE {column} = {tested}{condition})"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{look, look_with};
    use super::NotInNullable;
    use crate::explain::report::PlanNode;
    use crate::optimizer::testing::Lab;

    const TABLES: &str = "
        CREATE TABLE customer (id BIGINT PRIMARY KEY, name TEXT);
        CREATE TABLE orders (id BIGINT PRIMARY KEY, customer_id BIGINT, buyer_id BIGINT NOT NULL);
        INSERT INTO orders VALUES (1, 1, 1), (2, NULL, 1), (3, NULL, 2);
    ";

    fn is_silent(sql: &str) {
        assert_eq!(look(&NotInNullable, TABLES, sql), vec![], "{sql}");
    }

    #[test]
    fn a_nullable_column_is_found_with_its_nulls() {
        let sql = "SELECT c.name FROM customer c WHERE c.id NOT IN (SELECT o.customer_id FROM orders o WHERE o.id > 1)";
        let found = look(&NotInNullable, TABLES, sql);
        assert_eq!(found.len(), 1);
        let fix = found[0].fix.as_ref().unwrap();
        assert_eq!(fix, "write NOT EXISTS (SELECT 1 FROM orders AS o WHERE o.customer_id = c.id AND o.id > 1)");
        assert!(found[0].message.contains("nothing says"), "{found:?}");
        let sql = "SELECT c.name FROM customer c WHERE c.id NOT IN (SELECT customer_id FROM orders)";
        let found = look_with(&NotInNullable, &Lab::new(TABLES).with_file_facts(), sql, &[], &PlanNode::default());
        assert!(found[0].message.contains("it is NULL in 2 rows"), "{found:?}");
    }

    #[test]
    fn where_null_is_ruled_out_it_is_silent() {
        is_silent("SELECT name FROM customer WHERE id NOT IN (SELECT buyer_id FROM orders)");
        is_silent(
            "SELECT name FROM customer WHERE id NOT IN (SELECT customer_id FROM orders WHERE customer_id IS NOT NULL)",
        );
        is_silent("SELECT name FROM customer WHERE id NOT IN (SELECT customer_id FROM orders WHERE customer_id > 3)");
        is_silent("SELECT name FROM customer WHERE id IN (SELECT customer_id FROM orders)");
        is_silent("SELECT name FROM customer WHERE id NOT IN (1, 2)");
        is_silent("SELECT name FROM customer WHERE id NOT IN (SELECT customer_id FROM orders) OR id = 1");
    }
}
