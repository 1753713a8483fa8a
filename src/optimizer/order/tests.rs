//! Which joins move, and which must not.

use std::collections::HashSet;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::{Filter, LogicalPlan};

use super::cardinality::estimate;
use crate::optimizer::testing::Lab;

/// A fact table of 3,000 rows with two dimensions, and details of it.
fn star() -> Lab {
    let list = |count: usize, row: &dyn Fn(usize) -> String| (0..count).map(row).collect::<Vec<_>>().join(", ");
    let sale = |id: usize| format!("({id}, {}, {}, nullif({id}, {}))", id % 500, id % 20, id / 7 * 7);
    Lab::new(&format!(
        "CREATE TABLE item (item_id BIGINT PRIMARY KEY, kind BIGINT, label TEXT);
         CREATE TABLE store (store_id BIGINT PRIMARY KEY, city BIGINT);
         CREATE TABLE sale (sale_id BIGINT PRIMARY KEY, item BIGINT, store BIGINT, coupon BIGINT);
         CREATE TABLE detail (sale BIGINT, line BIGINT, price BIGINT);
         CREATE TABLE refund (sale BIGINT, amount BIGINT);
         INSERT INTO item VALUES {};
         INSERT INTO store VALUES {};
         INSERT INTO sale VALUES {};
         INSERT INTO detail VALUES {};
         INSERT INTO refund VALUES {};",
        list(500, &|id| format!("({id}, {}, 'item {}')", id % 50, id % 9)),
        list(20, &|id| format!("({id}, {})", id % 10)),
        list(3000, &sale),
        list(6000, &|id| format!("({}, {}, {})", id / 2, id % 2, id % 100)),
        list(30, &|id| format!("({}, {id})", id * 3)),
    ))
    .with_file_facts()
}

/// The tables in the order in which the joins read them, deepest first.
fn order(plan: &LogicalPlan) -> Vec<String> {
    fn walk(plan: &LogicalPlan, found: &mut Vec<String>) {
        if let LogicalPlan::TableScan(scan) = plan {
            found.push(scan.table_name.table().to_string());
        }
        let mut inputs = plan.inputs();
        inputs.sort_by_key(|input| std::cmp::Reverse(depth(input)));
        inputs.into_iter().for_each(|input| walk(input, found));
    }
    fn depth(plan: &LogicalPlan) -> usize {
        let below = plan.inputs().into_iter().map(depth).max().unwrap_or_default();
        below + usize::from(matches!(plan, LogicalPlan::Join(_)))
    }
    let mut found = Vec::new();
    walk(plan, &mut found);
    found
}

fn check(sql: &str) -> Vec<String> {
    let lab = star();
    let off = HashSet::from(["join_order".to_string()]);
    assert_eq!(lab.rows(sql, &HashSet::new()), lab.rows(sql, &off), "{sql}");
    order(&lab.pruned(sql))
}

#[test]
fn the_most_selective_dimension_comes_first() {
    let order = check(
        "SELECT d.price, s.city, i.label FROM detail d JOIN sale f ON d.sale = f.sale_id JOIN store s ON f.store = s.store_id
         JOIN item i ON f.item = i.item_id WHERE i.kind = 7",
    );
    assert!(order[..2].contains(&"item".to_string()) && order[..2].contains(&"sale".to_string()), "{order:?}");
    assert_eq!(order.len(), 4);
}

#[test]
fn a_semi_join_goes_to_the_table_that_it_reads() {
    let order = check(
        "SELECT d.price, i.label FROM item i JOIN sale f ON i.item_id = f.item JOIN detail d ON d.sale = f.sale_id
         WHERE f.sale_id IN (SELECT r.sale FROM refund r WHERE r.amount > 3)",
    );
    assert!(order[..2].contains(&"sale".to_string()) && order[..2].contains(&"refund".to_string()), "{order:?}");
}

#[test]
fn an_anti_join_keeps_its_meaning_with_nulls() {
    for negated in ["NOT IN (SELECT r.amount FROM refund r)", "NOT IN (SELECT nullif(r.amount, 3) FROM refund r)"] {
        check(&format!(
            "SELECT d.price, i.label FROM item i JOIN sale f ON i.item_id = f.item JOIN detail d ON d.sale = f.sale_id
             WHERE i.kind = 3 AND f.coupon {negated}"
        ));
    }
}

#[test]
fn a_left_join_moves_and_keeps_rows_without_a_partner() {
    check(
        "SELECT f.sale_id, r.amount, i.label, d.price FROM sale f LEFT JOIN refund r ON f.sale_id = r.sale
         JOIN detail d ON d.sale = f.sale_id JOIN item i ON f.item = i.item_id WHERE i.kind = 7",
    );
    // What is read of it is read after it is there.
    check(
        "SELECT f.sale_id, r.amount, i.label FROM sale f LEFT JOIN refund r ON f.sale_id = r.sale
         JOIN item i ON f.item = i.item_id AND (i.kind = 7 OR r.amount IS NULL) JOIN detail d ON d.sale = f.sale_id",
    );
    // One left join reads what another has added.
    check(
        "SELECT f.sale_id, r.amount, x.label, i.kind FROM sale f LEFT JOIN refund r ON f.sale_id = r.sale
         LEFT JOIN item x ON r.amount = x.item_id JOIN item i ON f.item = i.item_id JOIN detail d ON d.sale = f.sale_id
         WHERE i.kind = 7",
    );
}

#[test]
fn equal_columns_join_in_any_order() {
    let order = check(
        "SELECT d.price, r.amount FROM detail d JOIN sale f ON d.sale = f.sale_id JOIN refund r ON r.sale = f.sale_id
         JOIN store s ON f.store = s.store_id AND s.city = d.line",
    );
    assert!(order[..2].contains(&"refund".to_string()), "{order:?}");
}

#[test]
fn every_condition_is_kept() {
    check(
        "SELECT d.price FROM detail d JOIN sale f ON d.sale = f.sale_id AND d.price > f.store JOIN item i ON f.item = i.item_id
         AND i.kind + f.store = d.line + 7 JOIN store s ON f.store = s.store_id AND (s.city = 3 OR i.kind = 4)",
    );
    // Two columns of one table that equal one of another.
    check(
        "SELECT d.price FROM detail d JOIN sale f ON d.sale = f.sale_id AND d.sale = f.coupon JOIN item i ON f.item = i.item_id
         WHERE i.kind = 7",
    );
}

#[test]
fn an_order_that_is_best_stays() {
    let sql = "SELECT d.price, s.city, i.label FROM detail d JOIN sale f ON d.sale = f.sale_id
               JOIN store s ON f.store = s.store_id JOIN item i ON f.item = i.item_id WHERE i.kind = 7";
    let once = star().pruned(sql);
    let again = super::Walk { arbitrary: None }.ordered(once.clone()).unwrap();
    assert!(!again.transformed, "{once}\n{}", again.data);
}

/// The names of the tables on the left of the plan's joins, and the joins' kinds.
fn builds(sql: &str) -> Vec<String> {
    let plan = super::sides::oriented(&star().pruned(sql)).unwrap().unwrap();
    let mut found = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Join(join) = node {
            found.push(format!("{}: {}", join.join_type, order(&join.left).join(", ")));
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .unwrap();
    found
}

#[test]
fn the_smaller_side_comes_first() {
    assert_eq!(builds("SELECT d.price, r.amount FROM detail d JOIN refund r ON d.sale = r.sale"), ["Inner: refund"]);
    assert_eq!(builds("SELECT d.price, r.amount FROM refund r JOIN detail d ON d.sale = r.sale"), ["Inner: refund"]);
    assert_eq!(
        builds("SELECT d.price, r.amount FROM detail d LEFT JOIN refund r ON d.sale = r.sale"),
        ["Right: refund"]
    );
    let semi = "SELECT d.price FROM detail d WHERE d.sale IN (SELECT sale FROM refund)";
    assert_eq!(builds(semi), ["RightSemi: refund"]);
    let anti = "SELECT d.price FROM detail d WHERE NOT EXISTS (SELECT 1 FROM refund r WHERE r.sale = d.sale)";
    assert_eq!(builds(anti), ["RightAnti: refund"]);
}

#[test]
fn not_in_keeps_its_sides() {
    let sql = "SELECT d.price FROM detail d WHERE d.sale NOT IN (SELECT nullif(sale, 3) FROM refund)";
    assert_eq!(builds(sql), ["LeftAnti: detail"]);
}

#[test]
fn columns_stay_in_their_order() {
    let sql = "SELECT * FROM detail d JOIN refund r ON d.sale = r.sale";
    let plan = star().pruned(sql);
    assert_eq!(super::sides::oriented(&plan).unwrap().unwrap().schema().columns(), plan.schema().columns());
}

#[test]
fn a_condition_that_the_scan_has_too_counts_once() {
    let plan = star().pruned("SELECT * FROM item WHERE kind = 1 OR label LIKE '%7'");
    let LogicalPlan::Filter(filter) = &plan else { panic!("{plan}") };
    let LogicalPlan::TableScan(scan) = filter.input.as_ref() else { panic!("{plan}") };
    let mut with_filter = scan.clone();
    with_filter.filters.push(filter.predicate.clone());
    let input = LogicalPlan::TableScan(with_filter).into();
    let twice = LogicalPlan::Filter(Filter::try_new(filter.predicate.clone(), input).unwrap());
    assert_eq!(estimate(&twice).unwrap().rows, estimate(&plan).unwrap().rows);
}

#[test]
fn columns_of_one_table_make_no_more_groups_than_it_has_rows() {
    let groups = |sql: &str| estimate(&star().pruned(sql)).unwrap().rows;
    let of_item = groups("SELECT 1 FROM sale f JOIN item i ON f.item = i.item_id GROUP BY i.item_id, i.kind, i.label");
    assert!(of_item <= 500.0, "{of_item}");
    // Of two mentions there are combinations.
    let of_two = groups(
        "SELECT 1 FROM sale f JOIN item i ON f.item = i.item_id JOIN item j ON f.store = j.kind
         GROUP BY i.item_id, i.kind, j.item_id, j.kind",
    );
    assert!(of_two > 500.0, "{of_two}");
}

#[test]
fn rows_without_a_partner_are_null() {
    let rows = |sql: &str| estimate(&star().pruned(sql)).unwrap().rows;
    // 30 of 3,000 sales have a refund.
    let alone = rows("SELECT f.item FROM sale f LEFT JOIN refund r ON f.sale_id = r.sale WHERE r.amount IS NULL");
    assert!((2000.0..=3000.0).contains(&alone), "{alone}");
    let refunded = rows("SELECT f.item FROM sale f RIGHT JOIN refund r ON f.sale_id = r.sale WHERE f.item IS NULL");
    assert!(refunded < 30.0, "{refunded}");
}

#[test]
fn several_keys_have_no_more_combinations_than_there_are_rows() {
    let sql = "SELECT 1 FROM detail a JOIN detail b ON a.sale = b.sale AND a.line = b.line AND a.price = b.price";
    let rows = estimate(&star().pruned(sql)).unwrap().rows;
    assert!((5000.0..=7000.0).contains(&rows), "{rows}");
}

#[test]
fn another_value_among_several_partners_is_likely() {
    let rows = |sql: &str| estimate(&star().pruned(sql)).unwrap().rows;
    // Of 1,000 places each has six details of one number or other.
    let exists = "EXISTS (SELECT 1 FROM detail d WHERE d.price = f.store AND d.line <> f.item)";
    let (some, none) = (
        rows(&format!("SELECT f.item FROM sale f WHERE {exists}")),
        rows(&format!("SELECT f.item FROM sale f WHERE NOT {exists}")),
    );
    assert!(some > 2900.0 && none <= 301.0, "{some} {none}");
    // With one partner or none, it is by chance.
    let refunded = rows(
        "SELECT f.item FROM sale f WHERE EXISTS (SELECT 1 FROM refund r WHERE r.sale = f.sale_id AND r.amount <> f.item)",
    );
    assert!((15.0..=45.0).contains(&refunded), "{refunded}");
}

/// The tables whose rows are one hash table for `threads`.
fn small(sql: &str, threads: usize, most: usize) -> Vec<String> {
    let plan = star().pruned(sql);
    let plan = super::sides::oriented(&plan).unwrap().unwrap_or(plan);
    let plan = super::small_sides::with_small_sides(&plan, threads, most).unwrap().unwrap_or(plan);
    let mut found = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Extension(mark) = node {
            found.extend(mark.node.inputs().into_iter().map(|side| order(side).join(" ")));
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .unwrap();
    found
}

#[test]
fn a_side_is_small_next_to_the_other_for_so_many_threads() {
    // 30 rows and 6,000.
    let refunds = "SELECT d.price, r.amount FROM detail d JOIN refund r ON d.sale = r.sale";
    assert_eq!(small(refunds, 2, 1000), ["refund"]);
    assert_eq!(small(refunds, 64, 1000), ["refund"]);
    assert!(small(refunds, 128, 1000).is_empty());
    // With one thread there is nothing to split.
    assert!(small(refunds, 1, 1000).is_empty());
    // Not more rows than the setting allows, and no join without a key.
    assert!(small(refunds, 2, 30).is_empty());
    assert!(small("SELECT d.price FROM detail d JOIN refund r ON d.sale > r.sale", 2, 1000).is_empty());
    let semi = "SELECT d.price FROM detail d WHERE d.sale IN (SELECT sale FROM refund)";
    assert_eq!(small(semi, 2, 1000), ["refund"]);
    // Joins below the side of a join are looked at, too.
    let deep = "SELECT d.price FROM detail d JOIN sale f ON d.sale = f.sale_id JOIN refund r ON f.sale_id = r.sale";
    assert_eq!(small(deep, 2, 1000).len(), 2, "{:?}", small(deep, 2, 1000));
}
