//! GROUP BY keys that do not split any group
//!
//! ```sql
//! SELECT d_year, c, sum(x) FROM … WHERE d_year = 2000 GROUP BY d_year, c
//! SELECT 2000 AS d_year, c, sum(x) FROM … WHERE d_year = 2000 GROUP BY c
//!
//! SELECT c_custkey, sum(x) FROM … GROUP BY c_custkey, c_name, c_address   -- c_custkey is the key of customer
//! SELECT c_custkey, sum(x) FROM … GROUP BY c_custkey
//! ```
//!
//! A key goes if the keys that stay determine it, NULL taken for equal to NULL. Where its column is still read, it has to be
//! had from somewhere: a constant is written down, a column that equals another key is read from there. A key that is determined in
//! another way, and read above, stays: an aggregate such as `min(c_name)` in its place costs as much as the key does.
//!
//! DataFusion adds to `GROUP BY c_custkey` every column of customer by itself, so that they can be selected. This is the rule
//! that takes them away again; nothing is said of them in the trace, since nobody wrote them.
//!
//! Not safe:
//!
//! - the last key, be it constant: over an empty table `GROUP BY 1` gives no row, and no GROUP BY at all gives one;
//! - with GROUPING SETS, whose totals have NULL in the place of a key;
//! - a key determined by a UNIQUE column that can be NULL: in the rows without it anything can be;
//! - a volatile expression, even of constants.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ScalarValue, get_target_functional_dependencies};
use datafusion::error::Result;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, Projection};

use super::exprs::{column_at, determined_by, groups_plainly, literal, name, named_as, names, position};
use super::{Context, Needs, PruneRule};
use crate::optimizer::facts::{Because, ColumnSet, Constant, Facts};
use crate::optimizer::trace::{Change, Clause, Event};

#[derive(Debug)]
pub struct FewerGroupKeys;

/// A key that can go.
struct Dropped {
    /// Where its column is among the keys.
    key: usize,
    /// Its value, from the columns of the aggregation without it; `None`: nobody reads it.
    value: Option<Expr>,
    /// The key that its value is read from, which has to stay.
    read_from: Option<usize>,
    /// What to say of it, unless it is a key that nobody may have written.
    because: Option<String>,
    constraints: Because,
}

impl PruneRule for FewerGroupKeys {
    fn name(&self) -> &'static str {
        "fewer_group_keys"
    }

    fn rewrite(&self, plan: &LogicalPlan, needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = plan else { return Ok(None) };
        // For a DISTINCT too: a column that others determine tells no rows apart.
        if aggregate.group_expr.len() < 2 || !groups_plainly(aggregate) {
            return Ok(None);
        }
        let facts = context.facts.of_input(&aggregate.input);
        let mut dropped: Vec<Dropped> = vec![];
        // From the back: keys that depend on others are usually written after them.
        for key in (0..aggregate.group_expr.len()).rev() {
            if dropped.len() + 1 == aggregate.group_expr.len() {
                break;
            }
            if dropped.iter().any(|gone| gone.read_from == Some(key)) {
                continue;
            }
            let others: Vec<usize> = (0..aggregate.group_expr.len())
                .filter(|other| *other != key && !dropped.iter().any(|gone| gone.key == *other))
                .collect();
            if let Some(unneeded) = droppable(aggregate, key, &others, &facts, needs.columns.contains(&key)) {
                dropped.push(unneeded);
            }
        }
        if dropped.is_empty() {
            return Ok(None);
        }
        let rewritten = without(aggregate, &dropped, needs)?;
        for gone in dropped {
            let Some(because) = gone.because else { continue };
            context.trace.record(Event {
                rule: self.name(),
                change: Change::Clause(Clause::GroupByKeys),
                because,
                constraints: gone.constraints,
                added_filter: None,
            });
        }
        Ok(Some(rewritten))
    }
}

/// How the key can go, if the `others` stay.
fn droppable(aggregate: &Aggregate, key: usize, others: &[usize], facts: &Facts, read: bool) -> Option<Dropped> {
    let input = aggregate.input.schema();
    let expr = &aggregate.group_expr[key];
    let reads = determined_by(expr, input)?;

    if let Some(value) = constant_value(expr, facts, input) {
        let data_type = aggregate.schema.field(key).data_type();
        let value = match value {
            Expr::Literal(value, _) => literal(&value, data_type),
            other => other,
        };
        let because = format!("{} is {value} in every row", name_of(aggregate, key));
        let value = read.then_some(value);
        return Some(Dropped { key, value, read_from: None, because: Some(because), constraints: vec![] });
    }

    let kept = others.iter().filter_map(|other| position(&aggregate.group_expr[*other], input)).collect::<ColumnSet>();
    if let Some(own) = position(expr, input) {
        let twin = others.iter().find(|other| {
            let column = position(&aggregate.group_expr[**other], input);
            column.is_some_and(|column| {
                column != own
                    && facts.equal.are_equal(own, column)
                    && input.field(own).data_type() == input.field(column).data_type()
            })
        });
        if let Some(twin) = twin {
            let because = format!("{} equals {}", name_of(aggregate, key), name_of(aggregate, *twin));
            let value = read.then(|| column_at(&aggregate.schema, *twin));
            let read_from = read.then_some(*twin);
            return Some(Dropped { key, value, read_from, because: Some(because), constraints: vec![] });
        }
    }
    if read {
        return None;
    }
    let (determined, constraints) = facts.closure(&kept);
    if !reads.is_subset(&determined) {
        return None;
    }
    let by = names(&shortest_determinant(facts, &kept, &reads), input);
    let because = format!("{} is the same wherever {by} is, and is not read", name_of(aggregate, key));
    let because = (!is_added_anyway(aggregate, key, others)).then_some(because);
    Some(Dropped { key, value: None, read_from: None, because, constraints })
}

/// Whether DataFusion's front end adds the key to the others by itself.
fn is_added_anyway(aggregate: &Aggregate, key: usize, others: &[usize]) -> bool {
    let input = aggregate.input.schema();
    let written = others.iter().map(|other| aggregate.group_expr[*other].schema_name().to_string()).collect::<Vec<_>>();
    let added = get_target_functional_dependencies(input, &written).unwrap_or_default();
    position(&aggregate.group_expr[key], input).is_some_and(|column| added.contains(&column))
}

/// The one column that determines `wanted` by itself, if there is one; else all.
fn shortest_determinant(facts: &Facts, columns: &ColumnSet, wanted: &ColumnSet) -> ColumnSet {
    columns
        .iter()
        .map(|column| ColumnSet::from([*column]))
        .find(|column| wanted.is_subset(&facts.closure(column).0))
        .unwrap_or_else(|| columns.clone())
}

/// The expression's value if it is the same in every row, and known.
fn constant_value(expr: &Expr, facts: &Facts, input: &DFSchema) -> Option<Expr> {
    let value_of = |column: usize| match facts.columns.get(column)?.constant.as_ref()? {
        Constant::Value(value) => Some(value.clone()),
        Constant::Unknown => None,
    };
    if let Some(column) = position(expr, input) {
        return Some(Expr::Literal(value_of(column)?, None));
    }
    let values: Vec<(usize, ScalarValue)> = determined_by(expr, input)?
        .into_iter()
        .map(|column| Some((column, value_of(column)?)))
        .collect::<Option<_>>()?;
    let written = expr.clone().unalias().transform(|expr| {
        let value = position(&expr, input)
            .filter(|_| matches!(expr, Expr::Column(_)))
            .and_then(|column| values.iter().find(|(known, _)| *known == column));
        Ok(match value {
            Some((column, value)) => Transformed::yes(literal(value, input.field(*column).data_type())),
            None => Transformed::no(expr),
        })
    });
    written.ok().map(|written| written.data)
}

fn name_of(aggregate: &Aggregate, key: usize) -> String {
    name(key, &aggregate.schema)
}

/// The aggregation without the keys, and their values above it under their old names.
fn without(aggregate: &Aggregate, dropped: &[Dropped], needs: &Needs) -> Result<LogicalPlan> {
    let keys = aggregate.group_expr.iter().enumerate();
    let kept = keys.filter(|(key, _)| !dropped.iter().any(|gone| gone.key == *key)).map(|(_, expr)| expr.clone());
    let smaller = Aggregate::try_new(Arc::clone(&aggregate.input), kept.collect(), aggregate.aggr_expr.clone())?;
    let schema = &aggregate.schema;
    let columns = (0..schema.fields().len()).filter_map(|column| {
        match dropped.iter().find(|gone| gone.key == column) {
            None => Some(column_at(schema, column)),
            // A twin may have gone itself, if it equals a third: see to it that only what is there is read.
            Some(gone) => gone.value.clone().map(|value| named_as(resolve(value, schema, dropped), schema, column)),
        }
    });
    let columns: Vec<Expr> = columns.collect();
    if columns.is_empty() || dropped.iter().all(|gone| gone.value.is_none()) || needs.columns.is_empty() {
        return Ok(LogicalPlan::Aggregate(smaller));
    }
    Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(LogicalPlan::Aggregate(smaller)))?))
}

/// The value, with the columns of dropped keys replaced by theirs.
fn resolve(value: Expr, schema: &DFSchema, dropped: &[Dropped]) -> Expr {
    match position(&value, schema).and_then(|column| dropped.iter().find(|gone| gone.key == column)) {
        Some(Dropped { value: Some(further), .. }) => resolve(further.clone(), schema, dropped),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use crate::optimizer::prune::testing::{fires, stays};
    use crate::optimizer::testing::{Lab, lab};

    const RULE: &str = "fewer_group_keys";

    fn keys(lab: &Lab, sql: &str) -> String {
        let plan = lab.optimized(sql, &[RULE]).display_indent().to_string();
        let line = plan.lines().find(|line| line.contains("Aggregate")).unwrap_or_default();
        line.trim().split(", aggr").next().unwrap_or_default().to_string()
    }

    #[test]
    fn a_constant_is_written_down() {
        let lab = lab();
        let sql = "SELECT age, vip, count(*) AS n FROM customer WHERE age = 30 GROUP BY age, vip";
        assert_eq!(fires(&lab, RULE, sql), "customer.age is Int64(30) in every row");
        assert_eq!(keys(&lab, sql), "Aggregate: groupBy=[[customer.vip]]");
        fires(&lab, RULE, "SELECT vip, age, arrow_typeof(age) FROM customer WHERE age = 30 GROUP BY vip, age");
        fires(&lab, RULE, "SELECT a + 1, b, sum(x) FROM loose WHERE a = 2 GROUP BY a + 1, b");
    }

    #[test]
    fn through_joins_and_subqueries() {
        let lab = lab();
        // The shape of TPC-DS 78.
        let sql = "
            SELECT s.y, s.c, s.n, t.n FROM
                (SELECT note AS y, customer_id AS c, count(*) AS n FROM orders WHERE note = 'a' GROUP BY note, customer_id) s
                LEFT JOIN (SELECT note AS y, customer_id AS c, count(*) AS n FROM orders GROUP BY note, customer_id) t
                ON s.y = t.y AND s.c = t.c";
        fires(&lab, RULE, sql);
        let sql = "SELECT r.size, c.vip, count(*) FROM customer c JOIN region r ON c.region_id = r.id
                   WHERE r.size = 20 GROUP BY r.size, c.vip";
        fires(&lab, RULE, sql);
        assert_eq!(keys(&lab, sql), "Aggregate: groupBy=[[c.vip]]");
    }

    #[test]
    fn the_last_key_stays() {
        let lab = lab();
        stays(&lab, RULE, "SELECT a, count(*) FROM void WHERE a = 1 GROUP BY a");
        let sql = "SELECT a, id, count(*) FROM void WHERE a = 1 AND id = 2 GROUP BY a, id";
        fires(&lab, RULE, sql);
        assert!(keys(&lab, sql).contains("void."), "{}", keys(&lab, sql));
    }

    #[test]
    fn what_the_front_end_added_goes() {
        let lab = lab();
        let sql = "SELECT id, array_agg(note) FROM orders GROUP BY id";
        assert_eq!(keys(&lab, sql), "Aggregate: groupBy=[[orders.id]]");
        let sql = "SELECT o.id, count(l.price) FROM orders o LEFT JOIN line l ON l.order_id = o.id GROUP BY o.id";
        assert_eq!(keys(&lab, sql), "Aggregate: groupBy=[[o.id]]");
        // Nobody wrote them.
        stays(&lab, RULE, sql);
    }

    #[test]
    fn a_determined_key_goes_if_nobody_reads_it() {
        let lab = lab();
        let said = fires(
            &lab,
            RULE,
            "SELECT o.id, count(*) FROM orders o JOIN line l ON l.order_id = o.id JOIN customer c ON o.customer_id = c.id
             GROUP BY o.id, c.name, c.id",
        );
        assert!(said.contains("c.name is the same wherever o.id is, and is not read ["), "{said}");
        // It is read: it stays.
        let sql =
            "SELECT c.name, c.id, sum(l.price) FROM customer c JOIN line l ON l.part_id = c.id GROUP BY c.id, c.name";
        assert!(keys(&lab, sql).contains("c.name"), "{}", keys(&lab, sql));
    }

    #[test]
    fn a_key_that_equals_another_is_read_from_there() {
        let lab = lab();
        let sql = "SELECT o.customer_id, c.id, sum(l.price) FROM orders o JOIN customer c ON o.customer_id = c.id
                   JOIN line l ON l.order_id = o.id GROUP BY o.customer_id, c.id";
        fires(&lab, RULE, sql);
        let sql =
            "SELECT o.referrer_id, c.id, count(*) FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id AND c.vip
             GROUP BY o.referrer_id, c.id";
        assert_eq!(keys(&lab, sql), "Aggregate: groupBy=[[o.referrer_id, c.id]]");
    }

    #[test]
    fn a_key_that_another_is_read_from_stays() {
        let lab = lab();
        let sql = "SELECT x.c FROM (SELECT DISTINCT age AS a, age AS b, age AS c, id AS d FROM customer) x
                   JOIN region r ON r.id = x.d";
        fires(&lab, RULE, sql);
    }

    #[test]
    fn a_nullable_unique_column_determines_nothing() {
        let lab = lab();
        stays(&lab, RULE, "SELECT name, count(*) FROM region GROUP BY name, size");
        stays(&lab, RULE, "SELECT c.email, count(*) FROM customer c GROUP BY c.email, c.age");
    }

    #[test]
    fn grouping_sets_and_volatile_keys_stay() {
        let lab = lab();
        stays(&lab, RULE, "SELECT age, vip, count(*) FROM customer WHERE age = 30 GROUP BY ROLLUP (age, vip)");
        stays(&lab, RULE, "SELECT count(*) > 0 FROM customer WHERE age = 30 GROUP BY vip, age + random() < 1000");
    }
}
