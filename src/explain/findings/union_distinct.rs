//! UNION that looks for duplicates where there are none, or where nobody sees them.
//!
//! ```sql
//! SELECT DISTINCT id FROM (SELECT id FROM a UNION SELECT id FROM b) u    -- DISTINCT does it again
//! SELECT … WHERE id IN (SELECT id FROM a UNION SELECT id FROM b)         -- IN asks only whether it is there
//! SELECT 'a' AS kind, id FROM a UNION SELECT 'b', id FROM b              -- disjoint, and id is a key of both
//! ```
//!
//! UNION ALL gives the same rows in each, and nothing has to be held in memory to compare them. Nothing is said where a row might be in two
//! branches or twice in one, and its number can be seen.

use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, Union};

use super::{Check, Subject, walk, words};
use crate::explain::report::{Finding, Severity};
use crate::optimizer::facts::{Constant, Facts, FactsCache};

#[derive(Debug)]
pub struct UnionDistinct;

impl Check for UnionDistinct {
    fn code(&self) -> &'static str {
        "OST005"
    }

    fn look(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let cache = FactsCache::default();
        let mut found = Vec::new();
        // A UNION directly in a UNION (a UNION b UNION c) is one operation to the user and to the optimizer.
        let mut chained: Vec<*const LogicalPlan> = Vec::new();
        walk::each_node(subject.written, &mut |node, needs| {
            let LogicalPlan::Distinct(Distinct::All(input)) = node else { return };
            let LogicalPlan::Union(union) = input.as_ref() else { return };
            chained.extend(union.inputs.iter().map(|input| std::ptr::from_ref(bare(input))));
            if chained.contains(&std::ptr::from_ref(node)) {
                return;
            }
            let why = if !needs.duplicates {
                Some("what is around it does not see how often a row occurs".to_owned())
            } else {
                no_duplicates(union, &cache)
            };
            if let Some(why) = why {
                found.push(finding(union, &why, subject));
            }
        });
        found
    }
}

/// A branch without the projection that gives its columns the types of the others.
fn bare(plan: &LogicalPlan) -> &LogicalPlan {
    match plan {
        LogicalPlan::Projection(node) if node.expr.iter().all(is_only_typed) => bare(&node.input),
        other => other,
    }
}

fn is_only_typed(expr: &Expr) -> bool {
    match expr {
        Expr::Column(_) => true,
        Expr::Alias(alias) => is_only_typed(&alias.expr),
        Expr::Cast(cast) => is_only_typed(&cast.expr),
        _ => false,
    }
}

/// Why no row occurs twice: not within a branch, and not in two of them.
fn no_duplicates(union: &Union, cache: &FactsCache) -> Option<String> {
    let branches: Vec<_> = union.inputs.iter().map(|input| cache.of_input(input)).collect();
    let width = union.schema.fields().len();
    for branch in &branches {
        branch.key_within(&(0..width).collect(), true)?;
    }
    let mut by = None;
    for (index, one) in branches.iter().enumerate() {
        for other in branches.iter().skip(index + 1) {
            by = Some((0..width).find(|column| are_apart(one, other, *column))?);
        }
    }
    let name = union.schema.field(by?).name();
    Some(format!("no branch has a row twice, and {name} tells the branches apart"))
}

/// Whether a column never has the same value on both sides.
fn are_apart(one: &Facts, other: &Facts, column: usize) -> bool {
    let value = |facts: &Facts| match facts.columns.get(column)?.constant.as_ref()? {
        Constant::Value(value) => Some(value.clone()),
        Constant::Unknown => None,
    };
    match (value(one), value(other)) {
        (Some(one), Some(other)) => one.data_type() == other.data_type() && one != other,
        _ => false,
    }
}

fn finding(union: &Union, why: &str, subject: &Subject<'_>) -> Finding {
    let columns = union.inputs.iter().flat_map(|input| walk::expressions(input));
    let most = |input: &LogicalPlan| FactsCache::default().of(input).rows.most;
    let rows = union.inputs.iter().map(|input| most(input)).try_fold(0u64, |sum, rows| Some(sum.saturating_add(rows?)));
    let figures = rows.map_or_else(String::new, |rows| format!(" of up to {} rows", words::count(rows)));
    Finding {
        code: "OST005",
        severity: Severity::Advice,
        span: subject.place_of_any(columns),
        message: format!("UNION removes duplicates{figures} that need no removing: {why}"),
        fix: Some("write UNION ALL: it gives the same result here".to_owned()),
        saved_rows: rows.unwrap_or(0) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::look;
    use super::UnionDistinct;

    const TABLES: &str = "
        CREATE TABLE a (id BIGINT PRIMARY KEY, x BIGINT);
        CREATE TABLE b (id BIGINT PRIMARY KEY, x BIGINT);
    ";

    fn found(sql: &str) -> usize {
        look(&UnionDistinct, TABLES, sql).len()
    }

    #[test]
    fn where_nobody_counts_it_is_told() {
        assert_eq!(found("SELECT DISTINCT u.x FROM (SELECT x FROM a UNION SELECT x FROM b) u"), 1);
        assert_eq!(found("SELECT x FROM a WHERE x IN (SELECT x FROM a UNION SELECT x FROM b)"), 1);
        assert_eq!(found("SELECT max(u.x) FROM (SELECT x FROM a UNION SELECT x FROM b) u"), 1);
    }

    #[test]
    fn where_the_number_is_seen_it_is_silent() {
        assert_eq!(found("SELECT x FROM a UNION SELECT x FROM b"), 0);
        assert_eq!(found("SELECT count(*) FROM (SELECT x FROM a UNION SELECT x FROM b) u"), 0);
        assert_eq!(found("SELECT DISTINCT x FROM (SELECT x FROM a UNION SELECT x FROM b ORDER BY x LIMIT 3) u"), 0);
    }

    #[test]
    fn disjoint_branches_without_duplicates() {
        assert_eq!(found("SELECT 'a' AS kind, id FROM a UNION SELECT 'b', id FROM b"), 1);
        assert_eq!(found("SELECT 'a' AS kind, x FROM a UNION SELECT 'b', x FROM b"), 0);
        assert_eq!(found("SELECT 'a' AS kind, id FROM a UNION SELECT 'a', id FROM b"), 0);
        assert_eq!(found("SELECT id FROM a UNION SELECT id FROM b"), 0);
    }

    #[test]
    fn a_chain_is_one_operation() {
        assert_eq!(found("SELECT x FROM a UNION SELECT x FROM b UNION SELECT id FROM b"), 0);
    }
}
