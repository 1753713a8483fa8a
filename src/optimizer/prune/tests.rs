use std::time::{Duration, Instant};

use datafusion::logical_expr::{Join, JoinType};
use datafusion::optimizer::OptimizerContext;
use parking_lot::Mutex;

use super::*;
use crate::optimizer::testing::{Lab, joins, lab};

fn optimize(rule: Arc<dyn PruneRule>, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    Prune::with_rules(vec![rule], SharedTrace::default()).rewrite(plan, &OptimizerContext::new())
}

/// Writes down what is needed of every node.
#[derive(Debug, Default)]
struct Spy(Mutex<Vec<(String, String)>>);

impl PruneRule for Spy {
    fn name(&self) -> &'static str {
        "spy"
    }

    fn rewrite(&self, plan: &LogicalPlan, needs: &Needs, _: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let columns = plan.schema().columns();
        let mut words: Vec<String> = needs.columns.iter().map(|column| columns[*column].name.clone()).collect();
        if needs.duplicates {
            words.push("DUPLICATES".to_string());
        }
        if needs.order {
            words.push("ORDER".to_string());
        }
        self.0.lock().push((plan.display().to_string(), words.join(" ")));
        Ok(None)
    }
}

/// What is needed of the first node whose text starts like this.
fn needed_in(plan: LogicalPlan, node: &str) -> String {
    let spy = Arc::new(Spy::default());
    let text = plan.display_indent().to_string();
    optimize(Arc::clone(&spy) as _, plan).unwrap();
    let seen = spy.0.lock();
    seen.iter().find(|(found, _)| found.starts_with(node)).unwrap_or_else(|| panic!("no {node}: {text}")).1.clone()
}

fn needed(sql: &str, node: &str) -> String {
    needed_in(lab().plan(sql), node)
}

fn needed_raw(sql: &str, node: &str) -> String {
    needed_in(lab().raw(sql), node)
}

const LEFT_JOIN: &str = "FROM orders o LEFT JOIN customer c ON o.customer_id = c.id";

#[test]
fn everything_is_needed_at_the_root() {
    assert_eq!(needed("SELECT id, note FROM orders", "Projection"), "id note DUPLICATES ORDER");
    assert_eq!(needed("SELECT id FROM orders ORDER BY note", "Sort"), "id DUPLICATES ORDER");
    assert_eq!(needed("SELECT id FROM orders ORDER BY note", "TableScan"), "id note DUPLICATES");
}

#[test]
fn distinct_hides_duplicates() {
    let join = |select: &str| needed(&format!("SELECT {select} {LEFT_JOIN}"), "Left Join");
    assert_eq!(join("DISTINCT o.note"), "note");
    assert_eq!(join("o.note"), "note DUPLICATES ORDER");
    assert_eq!(needed_raw(&format!("SELECT DISTINCT o.note {LEFT_JOIN}"), "Left Join"), "note");
    // Each of several equal rows has its own number, its own chance.
    assert_eq!(join("DISTINCT o.note, random()"), "note DUPLICATES");
    let filtered = needed(&format!("SELECT DISTINCT o.note {LEFT_JOIN} WHERE random() < 0.5"), "Left Join");
    assert_eq!(filtered, "note DUPLICATES");
    let limited = needed(&format!("SELECT DISTINCT note FROM (SELECT o.note {LEFT_JOIN} LIMIT 3)"), "Left Join");
    assert_eq!(limited, "note DUPLICATES ORDER");
    let sorted = format!("SELECT DISTINCT note FROM (SELECT o.note {LEFT_JOIN} ORDER BY o.id LIMIT 3)");
    assert_eq!(needed_raw(&sorted, "Left Join"), "id note DUPLICATES");
    assert_eq!(
        needed_raw(&format!("SELECT DISTINCT ON (o.note) o.note, o.id {LEFT_JOIN}"), "Left Join"),
        "id note ORDER"
    );
}

#[test]
fn aggregates_count_or_do_not() {
    let join = |select: &str| needed(&format!("SELECT {select} {LEFT_JOIN} GROUP BY o.note"), "Left Join");
    assert_eq!(join("max(o.amount), min(o.id)"), "id amount note");
    assert_eq!(join("max(o.amount), count(*)"), "amount note DUPLICATES");
    assert_eq!(join("sum(o.amount)"), "amount note DUPLICATES");
    assert_eq!(join("bool_and(o.amount > 3), bit_or(o.id)"), "id amount note");
    assert_eq!(join("bit_xor(o.id)"), "id note DUPLICATES");
    assert_eq!(join("count(DISTINCT o.id)"), "id note");
    assert_eq!(join("array_agg(o.id)"), "id note DUPLICATES ORDER");
    assert_eq!(join("max(o.amount + random())"), "amount note DUPLICATES");
}

#[test]
fn windows_see_every_row() {
    let sql = format!("SELECT DISTINCT o.note, max(o.id) OVER (PARTITION BY o.day) {LEFT_JOIN}");
    assert_eq!(needed(&sql, "Left Join"), "id day note DUPLICATES ORDER");
}

#[test]
fn joins_need_what_they_compare() {
    let sql = format!("SELECT o.note {LEFT_JOIN} AND c.age > o.amount");
    assert_eq!(needed(&sql, "TableScan: orders"), "customer_id amount note DUPLICATES");
    assert_eq!(needed(&sql, "TableScan: customer"), "id age DUPLICATES");
    let sql = format!("SELECT DISTINCT o.note {LEFT_JOIN} AND random() > 0.5");
    assert_eq!(needed(&sql, "TableScan: orders"), "customer_id note DUPLICATES");
    let semi = "SELECT note FROM orders WHERE customer_id IN (SELECT region_id FROM customer WHERE vip)";
    assert_eq!(needed(semi, "TableScan: customer"), "region_id vip");
    assert_eq!(needed(semi, "TableScan: orders"), "customer_id note DUPLICATES");
}

#[test]
fn subqueries_need_their_own_columns_and_read_outer_ones() {
    let exists = "SELECT o.id FROM orders o WHERE EXISTS (SELECT c.name FROM customer c WHERE c.id = o.customer_id)";
    assert_eq!(needed_raw(exists, "TableScan: customer"), "id name ORDER");
    assert_eq!(needed_raw(exists, "TableScan: orders"), "id customer_id DUPLICATES ORDER");
    let scalar = "SELECT (SELECT max(age) FROM customer) FROM orders";
    assert_eq!(needed_raw(scalar, "TableScan: customer"), "age");
    let scalar = "SELECT (SELECT age FROM customer) FROM orders";
    assert_eq!(needed_raw(scalar, "TableScan: customer"), "age DUPLICATES ORDER");
    let nested = "SELECT o.id FROM orders o WHERE EXISTS (SELECT 1 FROM customer c WHERE EXISTS (
        SELECT 1 FROM region r WHERE r.id = o.amount AND r.size = c.age))";
    assert_eq!(needed_raw(nested, "TableScan: orders"), "id amount DUPLICATES ORDER");
    let lateral =
        "SELECT o.id, l.name FROM orders o, LATERAL (SELECT name FROM customer c WHERE c.id = o.customer_id LIMIT 1) l";
    assert_eq!(needed_raw(lateral, "TableScan: orders"), "id customer_id DUPLICATES");
    assert_eq!(needed_raw(lateral, "TableScan: customer"), "id name DUPLICATES ORDER");
}

#[test]
fn what_is_not_read_of_a_view_is_not_computed() {
    let view = "(SELECT o.id, o.note, c.name, c.age {} FROM orders o LEFT JOIN customer c ON o.customer_id = c.id) v";
    let of =
        |select: &str, more: &str| needed(&format!("SELECT {select} FROM {}", view.replace("{}", more)), "Left Join");
    assert_eq!(of("note", ""), "note DUPLICATES ORDER");
    assert_eq!(of("count(*)", ""), "DUPLICATES");
    assert_eq!(of("max(note)", ", upper(c.name)"), "note");
    let union = format!(
        "SELECT note FROM (SELECT o.note, c.name {LEFT_JOIN} UNION ALL SELECT o.note, c.name {LEFT_JOIN} WHERE o.id > 3)"
    );
    assert_eq!(needed(&union, "Left Join"), "note DUPLICATES");
    let grouped = format!("SELECT note FROM (SELECT o.note, max(c.age), count(*) {LEFT_JOIN} GROUP BY o.note)");
    assert_eq!(needed(&grouped, "Left Join"), "note");
}

#[test]
fn unnest_and_recursion_need_their_input() {
    let sql = format!("SELECT DISTINCT id, unnest(l) FROM (SELECT o.id, o.note, [o.amount, 1] AS l {LEFT_JOIN})");
    assert_eq!(needed_raw(&sql, "Left Join"), "id amount");
    let sql = format!(
        "WITH RECURSIVE r AS (SELECT o.id, o.note {LEFT_JOIN} UNION SELECT id + 10, note FROM r WHERE id < 5) SELECT id FROM r"
    );
    assert_eq!(needed_raw(&sql, "Left Join"), "id note DUPLICATES ORDER");
}

/// Drops the right side of a left join of which nothing is read, whether that is right or not.
#[derive(Debug)]
struct DropUnread;

impl PruneRule for DropUnread {
    fn name(&self) -> &'static str {
        "drop_unread"
    }

    fn rewrite(&self, plan: &LogicalPlan, needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let LogicalPlan::Join(join @ Join { join_type: JoinType::Left, .. }) = plan else { return Ok(None) };
        let left = join.left.schema().fields().len();
        let facts = context.facts.of(plan);
        assert_eq!(facts.columns.len(), plan.schema().fields().len());
        Ok(needs.reads_none(left..facts.columns.len()).then(|| join.left.as_ref().clone()))
    }
}

#[test]
fn a_chain_goes_in_one_optimization() {
    let sql = "SELECT l.price FROM line l LEFT JOIN orders o ON l.order_id = o.id LEFT JOIN customer c ON o.customer_id = c.id
        LEFT JOIN region r ON c.region_id = r.id";
    let plan = optimize(Arc::new(DropUnread), lab().plan(sql)).unwrap();
    assert!(plan.transformed);
    assert_eq!(joins(&plan.data), 0, "{}", plan.data);
    let needed = sql.replace("l.price", "r.name");
    let plan = optimize(Arc::new(DropUnread), lab().plan(&needed)).unwrap();
    assert!(!plan.transformed);
    assert_eq!(joins(&plan.data), 3);
}

#[test]
fn a_join_goes_in_every_place() {
    let view = format!("(SELECT o.id, o.note, o.day, c.name {LEFT_JOIN}) v");
    for sql in [
        "SELECT id FROM {}",
        "SELECT DISTINCT note FROM {}",
        "SELECT note, count(*) FROM {} GROUP BY note HAVING count(*) > 1",
        "SELECT note, count(*) FROM {} GROUP BY ROLLUP (note)",
        "SELECT count(*) FROM {}",
        "SELECT id, rank() OVER (ORDER BY day) FROM {}",
        "SELECT id FROM {} ORDER BY day LIMIT 2",
        "SELECT id FROM {} UNION ALL SELECT id FROM {}",
        "SELECT id FROM {} WHERE note = 'a'",
        "SELECT r.id FROM region r LEFT JOIN {} ON r.id = v.id",
        "SELECT id FROM region WHERE id IN (SELECT id FROM {})",
        "SELECT id FROM region WHERE (SELECT max(id) FROM {}) > id",
        "SELECT DISTINCT ON (note) note, day FROM {} ORDER BY note, day",
        "SELECT id, unnest([id, 3]) FROM {}",
        "SELECT id FROM {} EXCEPT SELECT id FROM {} WHERE id > 2",
        "WITH RECURSIVE r AS (SELECT id FROM {} UNION ALL SELECT id + 10 FROM r WHERE id < 30) SELECT * FROM r",
    ] {
        let sql = sql.replace("{}", &view);
        for plan in [lab().plan(&sql), lab().raw(&sql)] {
            let before = plan.schema().clone();
            let joined = joins(&plan);
            let pruned = optimize(Arc::new(DropUnread), plan).unwrap_or_else(|error| panic!("{sql}\n{error}")).data;
            let text = pruned.display_indent().to_string();
            assert!(!text.contains("customer"), "{sql}\n{text}");
            assert!(joins(&pruned) < joined, "{sql}\n{text}");
            assert!(before.logically_equivalent_names_and_types(pruned.schema()), "{sql}\n{text}");
            pruned.check_invariants(datafusion::logical_expr::InvariantLevel::Executable).unwrap();
        }
    }
}

/// Swaps the sides of inner joins, once.
#[derive(Debug, Default)]
struct Swap(Mutex<bool>);

impl PruneRule for Swap {
    fn name(&self) -> &'static str {
        "swap"
    }

    fn rewrite(&self, plan: &LogicalPlan, _: &Needs, _: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let LogicalPlan::Join(join) = plan else { return Ok(None) };
        if std::mem::replace(&mut *self.0.lock(), true) {
            return Ok(None);
        }
        let on = join.on.iter().map(|(left, right)| (right.clone(), left.clone())).collect();
        let swapped = Join::try_new(
            Arc::clone(&join.right),
            Arc::clone(&join.left),
            on,
            join.filter.clone(),
            join.join_type,
            join.join_constraint,
            join.null_equality,
            join.null_aware,
        )?;
        Ok(Some(LogicalPlan::Join(swapped)))
    }
}

#[test]
fn the_root_keeps_its_columns_in_their_order() {
    let plan = lab().plan("SELECT * FROM orders o JOIN customer c ON o.customer_id = c.id");
    let LogicalPlan::Projection(projection) = plan else { panic!("{plan}") };
    let join = projection.input.as_ref().clone();
    let swapped = optimize(Arc::new(Swap::default()), join.clone()).unwrap();
    assert!(swapped.transformed);
    assert_eq!(swapped.data.schema().columns(), join.schema().columns());
}

/// Forgets the last column of a scan's projection, needed or not.
#[derive(Debug)]
struct Forget;

impl PruneRule for Forget {
    fn name(&self) -> &'static str {
        "forget"
    }

    fn rewrite(&self, plan: &LogicalPlan, _: &Needs, _: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let LogicalPlan::Projection(projection) = plan else { return Ok(None) };
        let kept = projection.expr[..projection.expr.len() - 1].to_vec();
        let narrow = Projection::try_new(kept, Arc::clone(&projection.input))?;
        Ok(Some(LogicalPlan::Projection(narrow)))
    }
}

#[test]
fn a_rule_that_loses_a_needed_column_is_an_error() {
    let error = optimize(Arc::new(Forget), lab().plan("SELECT id, note FROM orders")).unwrap_err();
    assert!(error.to_string().contains("a needed column got lost: orders.note"), "{error}");
}

/// Says that it did something, for ever.
#[derive(Debug)]
struct Restless;

impl PruneRule for Restless {
    fn name(&self) -> &'static str {
        "restless"
    }

    fn rewrite(&self, plan: &LogicalPlan, _: &Needs, _: &Context<'_>) -> Result<Option<LogicalPlan>> {
        Ok(Some(plan.clone()))
    }
}

#[test]
fn rules_that_never_rest_are_stopped() {
    assert!(optimize(Arc::new(Restless), lab().plan("SELECT id, note FROM orders")).unwrap().transformed);
}

#[test]
fn a_wide_view_of_thirty_joins_takes_little_time() {
    let columns = |prefix: &str| (0..20).map(|n| format!("{prefix}{n} BIGINT")).collect::<Vec<_>>().join(", ");
    let mut tables = String::new();
    let (mut select, mut from) = (String::from("f.id"), String::from("f"));
    let mut keys = String::new();
    for n in 0..30 {
        tables += &format!("CREATE TABLE d{n} (id BIGINT PRIMARY KEY, {});", columns(&format!("d{n}_")));
        keys += &format!(", k{n} BIGINT REFERENCES d{n} (id)");
        select += &(0..20).map(|column| format!(", d{n}_{column}")).collect::<String>();
        from += &format!(" LEFT JOIN d{n} ON f.k{n} = d{n}.id");
    }
    tables += &format!("CREATE TABLE f (id BIGINT PRIMARY KEY, {}{keys});", columns("f_"));
    let lab = Lab::new(&tables).with_file_facts();
    let plan = lab.plan(&format!("SELECT id, d7_3 FROM (SELECT {select} FROM {from}) v"));
    assert_eq!(joins(&plan), 30);
    let start = Instant::now();
    let pruned = optimize(Arc::new(DropUnread), plan.clone()).unwrap().data;
    let took = start.elapsed();
    assert_eq!(joins(&pruned), 1);
    let start = Instant::now();
    let facts = FactsCache::default().of(&plan);
    let derived = start.elapsed();
    assert!(facts.key_within(&ColumnSet::from([0]), true).is_some());
    println!("pruned in {took:?}, facts in {derived:?}");
    // Without optimization and on a busy machine; an exponential or cubic cost would be far beyond it.
    assert!(took + derived < Duration::from_secs(5), "{took:?} {derived:?}");
}
