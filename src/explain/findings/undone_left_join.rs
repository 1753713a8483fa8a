//! A LEFT JOIN whose rows without a partner are dropped again.
//!
//! ```sql
//! SELECT … FROM orders o LEFT JOIN shipment s ON s.order_id = o.id WHERE s.carrier = 'DHL'
//! ```
//!
//! Where there is no shipment `s.carrier` is NULL, and the condition is not true: the join is an inner one. Either JOIN was meant, or the
//! condition belongs into ON. The same goes for the ON of an inner join above, and for RIGHT JOIN mirrored.
//!
//! Nothing is said of conditions that can be true of NULL (`s.id IS NULL`, `coalesce(s.x, 0) = 0`, `s.x = 1 OR o.y = 2`), of those in the
//! ON of an outer join that keeps the side, nor of joins within a view or subquery, whose text serves others too.

use datafusion::common::{Column, DFSchema, JoinType};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, Join, LogicalPlan};

use super::joined::{in_from, name_of};
use super::{Check, Subject, walk, words};
use crate::explain::report::{Finding, Severity};
use crate::optimizer::facts::rejects_nulls;
use crate::optimizer::prune::is_volatile;

#[derive(Debug)]
pub struct UndoneLeftJoin;

impl Check for UndoneLeftJoin {
    fn code(&self) -> &'static str {
        "OST004"
    }

    fn look(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let mut found: Vec<Finding> = Vec::new();
        let mut told: Vec<*const Join> = Vec::new();
        walk::each_node(subject.written, &mut |node, _| {
            for condition in conditions(node) {
                for input in node.inputs() {
                    follow(input, &condition, subject, &mut told, &mut found);
                }
            }
        });
        found
    }
}

/// Something that every row that matters above a node makes true.
struct Condition<'a> {
    /// What is not true of NULL: a whole predicate, or one side of an equality.
    expr: &'a Expr,
    /// NULL is enough to fail.
    is_operand: bool,
    text: String,
    clause: &'static str,
}

fn conditions(node: &LogicalPlan) -> Vec<Condition<'_>> {
    match node {
        LogicalPlan::Filter(filter) => predicates(&filter.predicate, "the filter"),
        LogicalPlan::Join(join) if join.join_type == JoinType::Inner => {
            let mut all = Vec::new();
            for (left, right) in &join.on {
                let text = format!("{} = {}", words::sql(left), words::sql(right));
                for expr in [left, right] {
                    all.push(Condition { expr, is_operand: true, text: text.clone(), clause: "the join condition" });
                }
            }
            if join.null_equality == datafusion::common::NullEquality::NullEqualsNull {
                all.clear();
            }
            all.extend(join.filter.iter().flat_map(|filter| predicates(filter, "the join condition")));
            all
        }
        _ => vec![],
    }
}

fn predicates<'a>(predicate: &'a Expr, clause: &'static str) -> Vec<Condition<'a>> {
    split_conjunction(predicate)
        .into_iter()
        .filter(|expr| !is_volatile(expr))
        .map(|expr| Condition { expr, is_operand: false, text: words::sql(expr), clause })
        .collect()
}

/// Looks for outer joins in `plan` whose NULLs `condition` rejects. Only filters and joins are between, under which the columns keep
/// their names.
fn follow(
    plan: &LogicalPlan,
    condition: &Condition<'_>,
    subject: &Subject<'_>,
    told: &mut Vec<*const Join>,
    found: &mut Vec<Finding>,
) {
    match plan {
        LogicalPlan::Filter(filter) => follow(&filter.input, condition, subject, told, found),
        LogicalPlan::Join(join) => {
            let (optional, keyword) = match join.join_type {
                JoinType::Left => (Some(&join.right), "LEFT JOIN"),
                JoinType::Right => (Some(&join.left), "RIGHT JOIN"),
                _ => (None, ""),
            };
            if let Some(optional) = optional
                && !told.contains(&std::ptr::from_ref(join))
                && rejects(condition, optional.schema())
            {
                told.push(std::ptr::from_ref(join));
                found.push(finding(join, optional, keyword, condition, subject));
            }
            match join.join_type {
                JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
                    follow(&join.left, condition, subject, told, found);
                    follow(&join.right, condition, subject, told, found);
                }
                JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => {
                    follow(&join.left, condition, subject, told, found);
                }
                JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => {
                    follow(&join.right, condition, subject, told, found);
                }
            }
        }
        _ => {}
    }
}

/// Whether the condition fails for a row that has NULL in all columns of `side`.
fn rejects(condition: &Condition<'_>, side: &DFSchema) -> bool {
    let is_null = |column: &Column| is_of(column, side);
    if !condition.expr.column_refs().into_iter().any(is_null) {
        return false;
    }
    if condition.is_operand {
        // `x = y` fails where `x` is NULL; so does `x IS NOT NULL`.
        return rejects_nulls(&condition.expr.clone().is_not_null(), &is_null);
    }
    rejects_nulls(condition.expr, &is_null)
}

fn is_of(column: &Column, side: &DFSchema) -> bool {
    column.relation.is_some() && side.has_column(column)
}

fn finding(
    join: &Join,
    optional: &LogicalPlan,
    keyword: &str,
    condition: &Condition<'_>,
    subject: &Subject<'_>,
) -> Finding {
    let name = name_of(optional);
    let of_side = |column: &&Column| is_of(column, optional.schema());
    let columns: Vec<String> = {
        let mut columns: Vec<String> =
            condition.expr.column_refs().into_iter().filter(of_side).map(words::column).collect();
        columns.sort_unstable();
        columns
    };
    let verb = if columns.len() == 1 { "is" } else { "are" };
    let only_side = condition.expr.column_refs().iter().all(|column| is_of(column, optional.schema()));
    let mut fix = format!("write JOIN in place of {keyword}");
    if only_side && condition.clause == "the filter" && !is_is_not_null(condition.expr) {
        let mut on: Vec<String> =
            join.on.iter().map(|(left, right)| format!("{} = {}", words::sql(left), words::sql(right))).collect();
        on.extend(join.filter.iter().map(|filter| words::all_of([filter])));
        fix.push_str(&format!(
            ", or, if rows without a partner are wanted, {keyword} {} ON {} AND {}",
            in_from(optional),
            on.join(" AND "),
            words::all_of([condition.expr])
        ));
    }
    Finding {
        code: "OST004",
        severity: Severity::Warning,
        span: subject.place_of(condition.expr),
        message: format!(
            "{} {} drops the rows that {keyword} {name} keeps: {} {verb} NULL in them. It is an inner join",
            condition.clause,
            condition.text,
            words::list(&columns)
        ),
        fix: Some(fix),
        saved_rows: 0.0,
    }
}

fn is_is_not_null(expr: &Expr) -> bool {
    matches!(expr, Expr::IsNotNull(_))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{look, text_at};
    use super::UndoneLeftJoin;

    const TABLES: &str = "
        CREATE TABLE o (id BIGINT PRIMARY KEY, y BIGINT);
        CREATE TABLE s (id BIGINT PRIMARY KEY, order_id BIGINT, x BIGINT, t_id BIGINT);
        CREATE TABLE t (id BIGINT PRIMARY KEY, x BIGINT);
    ";

    fn is_silent(sql: &str) {
        assert_eq!(look(&UndoneLeftJoin, TABLES, sql), vec![], "{sql}");
    }

    fn is_found(sql: &str, at: &str) {
        let found = look(&UndoneLeftJoin, TABLES, sql);
        assert_eq!(found.len(), 1, "{sql}: {found:?}");
        assert_eq!(text_at(&found[0], sql).as_deref(), Some(at), "{sql}");
    }

    #[test]
    fn a_condition_on_the_optional_side_undoes_the_join() {
        let sql = "SELECT o.id, s.x FROM o LEFT JOIN s ON s.order_id = o.id WHERE s.x = 1";
        is_found(sql, "s.x");
        let found = look(&UndoneLeftJoin, TABLES, sql);
        assert!(found[0].fix.as_ref().unwrap().ends_with("LEFT JOIN s ON s.order_id = o.id AND s.x = 1"), "{found:?}");
        is_found("SELECT o.id FROM o LEFT JOIN s ON s.order_id = o.id WHERE s.x > 1 OR s.x < 0", "s.x > 1 OR s.x");
        is_found("SELECT o.id FROM s RIGHT JOIN o ON s.order_id = o.id WHERE s.x = 1", "s.x");
    }

    #[test]
    fn an_inner_join_above_undoes_it() {
        is_found("SELECT o.id, t.x FROM o LEFT JOIN s ON s.order_id = o.id JOIN t ON t.id = s.t_id", "t.id = s.t_id");
        is_silent("SELECT o.id, t.x FROM o LEFT JOIN s ON s.order_id = o.id LEFT JOIN t ON t.id = s.t_id");
    }

    #[test]
    fn conditions_that_hold_for_null_do_not() {
        for condition in
            ["s.id IS NULL", "coalesce(s.x, 0) = 0", "s.x = 1 OR o.y = 2", "o.y = 3", "s.x IS DISTINCT FROM 1"]
        {
            is_silent(&format!("SELECT o.id, s.x FROM o LEFT JOIN s ON s.order_id = o.id WHERE {condition}"));
        }
        is_silent("SELECT o.id, s.x FROM o LEFT JOIN s ON s.order_id = o.id AND s.x = 1");
    }

    #[test]
    fn each_join_is_told_once() {
        let sql = "SELECT o.id FROM o LEFT JOIN s ON s.order_id = o.id WHERE s.x = 1 AND s.t_id = 2";
        assert_eq!(look(&UndoneLeftJoin, TABLES, sql).len(), 1);
    }

    #[test]
    fn a_derived_table_is_not_looked_into() {
        is_silent("SELECT * FROM (SELECT o.id, s.x FROM o LEFT JOIN s ON s.order_id = o.id) d WHERE d.x = 1");
    }
}
