use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{LogicalPlan, TableScanBuilder, col, lit};

use super::*;
use crate::optimizer::testing::{Lab, lab};

fn set(columns: &[usize]) -> ColumnSet {
    columns.iter().copied().collect()
}

/// Whether exactly these columns are listed as a key: `Some(strict)`.
fn key(facts: &Facts, columns: &[usize]) -> Option<bool> {
    let keys = facts.keys.iter().filter(|key| key.columns == set(columns));
    keys.map(|key| key.strict).reduce(|one, other| one | other)
}

/// Whether the columns are a key under IS NOT DISTINCT FROM.
fn strict(facts: &Facts, columns: &[usize]) -> bool {
    facts.key_within(&set(columns), true).is_some()
}

/// Whether the columns are a key under `=`.
fn lax(facts: &Facts, columns: &[usize]) -> bool {
    facts.key_within(&set(columns), false).is_some()
}

fn not_null(facts: &Facts) -> Vec<usize> {
    (0..facts.columns.len()).filter(|column| facts.is_not_null(*column).is_some()).collect()
}

fn names(because: &Because) -> Vec<String> {
    because.iter().map(|reference| format!("{}.{}", reference.table.name, reference.name)).collect()
}

fn constant(facts: &Facts, column: usize) -> Option<&Constant> {
    facts.columns[column].constant.as_ref()
}

fn integer(value: i64) -> ScalarValue {
    ScalarValue::Int64(Some(value))
}

fn complete(facts: &Facts) -> Vec<bool> {
    facts.instances.iter().map(|instance| instance.complete).collect()
}

#[test]
fn a_scan_has_what_is_declared() {
    let facts = lab().facts("SELECT * FROM customer");
    assert_eq!(not_null(&facts), [0, 1, 5]);
    assert_eq!(names(facts.is_not_null(0).unwrap()), ["customer.primary key"]);
    assert_eq!((key(&facts, &[0]), key(&facts, &[2])), (Some(true), Some(false)));
    assert_eq!(facts.columns[3].origin, Some(Origin { instance: 0, column: 3 }));
    assert!(facts.instances[0].complete && facts.instances[0].at_most_once && !facts.instances[0].null_extended);
    assert_eq!(facts.rows.most, None);
    assert!(strict(&facts, &[0]) && lax(&facts, &[2]) && !strict(&facts, &[2]));
    assert!(lab().facts("SELECT * FROM loose").keys.is_empty());
}

#[test]
fn a_key_over_floating_point_numbers_is_none() {
    let lab = Lab::new("CREATE TABLE t (x DOUBLE PRECISION PRIMARY KEY, y BIGINT UNIQUE)");
    let facts = lab.facts("SELECT * FROM t");
    assert!(!strict(&facts, &[0]) && lax(&facts, &[1]));
    assert_eq!(not_null(&facts), [0]);
}

#[test]
fn a_scan_has_what_the_files_say_only_if_they_may_be_asked() {
    let facts = lab().facts("SELECT * FROM orders");
    assert_eq!((facts.rows.least, facts.rows.most), (0, None));
    assert!(facts.columns[0].min.is_none());
    let facts = lab().with_file_facts().facts("SELECT * FROM orders");
    assert_eq!((facts.rows.least, facts.rows.most), (6, Some(6)));
    assert_eq!(facts.rows.most_because[0].trust, Trust::Files);
    let (max, because) = facts.columns[0].max.as_ref().unwrap();
    assert_eq!((max, because[0].name.as_str()), (&integer(6), "maximum of id"));
    let facts = lab().with_file_facts().facts("SELECT * FROM line");
    assert_eq!(names(facts.is_not_null(4).unwrap()), ["line.not null price"]);
    let facts = lab().without("region", "not null size").with_file_facts().facts("SELECT size FROM region");
    assert_eq!(names(facts.is_not_null(0).unwrap()), ["region.null count of size"]);
    assert!(lab().with_file_facts().facts("SELECT * FROM void").no_rows().is_some());
}

#[test]
fn filters_inside_a_scan_end_completeness_unless_they_drop_nothing() {
    let plan = lab().plan("SELECT id, email FROM customer");
    let LogicalPlan::Projection(projection) = &plan else { panic!("{plan}") };
    let LogicalPlan::TableScan(scan) = projection.input.as_ref() else { panic!("{plan}") };
    let facts = |filters: Vec<datafusion::logical_expr::Expr>, fetch: Option<usize>| {
        let builder = TableScanBuilder::new("customer", Arc::clone(&scan.source)).with_filters(filters);
        let scan = builder.with_projection(Some(vec![2, 0])).with_fetch(fetch).build().unwrap();
        FactsCache::default().of(&LogicalPlan::TableScan(scan))
    };
    let plain = facts(vec![], None);
    assert!(plain.instances[0].complete);
    assert_eq!((key(&plain, &[1]), key(&plain, &[0])), (Some(true), Some(false)));
    assert!(facts(vec![col("customer.id").is_not_null()], None).instances[0].complete);
    assert!(!facts(vec![col("customer.email").is_not_null()], None).instances[0].complete);
    assert!(!facts(vec![col("customer.age").gt(lit(3i64))], None).instances[0].complete);
    assert!(!facts(vec![], Some(1)).instances[0].complete);
    // A source that may return more than it is asked for bounds nothing.
    assert_eq!(facts(vec![], Some(1)).rows.most, None);
    // The table does not apply filters: what they say is not known here.
    assert!(!not_null(&facts(vec![col("customer.email").is_not_null()], None)).contains(&0));
}

#[test]
fn a_projection_keeps_what_its_columns_keep() {
    let facts = lab().facts("SELECT id + 1 AS next, id AS number, email, 7 AS seven, id AS again FROM customer");
    assert_eq!(key(&facts, &[1]), Some(true));
    assert!(strict(&facts, &[4]) && !strict(&facts, &[0]));
    assert!(facts.equal.are_equal(1, 4));
    assert!(facts.closure(&set(&[1])).0.contains(&0));
    assert_eq!(not_null(&facts), [0, 1, 3, 4]);
    assert_eq!(constant(&facts, 3), Some(&Constant::Value(integer(7))));
    assert_eq!(facts.columns[1].origin, Some(Origin { instance: 0, column: 0 }));
    assert_eq!(facts.columns[0].origin, None);
    let facts = lab().facts("SELECT name, vip FROM customer");
    assert!(facts.keys.is_empty());
}

#[test]
fn a_cast_keeps_a_key_only_if_it_tells_values_apart() {
    let lab = Lab::new("CREATE TABLE t (i INT PRIMARY KEY, t TIMESTAMP UNIQUE)");
    assert!(strict(&lab.facts("SELECT CAST(i AS BIGINT) FROM t"), &[0]));
    assert!(!strict(&lab.facts("SELECT CAST(i AS SMALLINT) FROM t"), &[0]));
    assert!(!strict(&lab.facts("SELECT CAST(i AS DOUBLE) FROM t"), &[0]));
    assert!(!lax(&lab.facts("SELECT CAST(t AS DATE) FROM t"), &[0]));
}

#[test]
fn volatile_expressions_are_no_constants() {
    let facts = lab().facts("SELECT random() AS r, now() AS n, id FROM customer");
    assert_eq!(constant(&facts, 0), None);
    assert!(!facts.closure(&set(&[2])).0.is_empty());
    // The key determines the row, and so its random number as well; nothing else does.
    assert!(!facts.closure(&set(&[])).0.contains(&0));
}

#[test]
fn a_filter_teaches() {
    let lab = lab();
    let facts = lab.facts("SELECT * FROM customer WHERE age > 30 AND region_id = 2 AND email IS NOT NULL");
    assert_eq!(not_null(&facts), [0, 1, 2, 3, 4, 5]);
    assert!(facts.is_not_null(4).unwrap().is_empty());
    assert_eq!(facts.columns[4].min.as_ref().unwrap().0, integer(31));
    assert_eq!(constant(&facts, 3), Some(&Constant::Value(integer(2))));
    assert!(!facts.instances[0].complete && facts.instances[0].at_most_once);
    assert!(strict(&facts, &[2]));
    let facts = lab.facts("SELECT * FROM customer WHERE id IS NOT NULL");
    assert!(facts.instances[0].complete);
    let facts = lab.facts("SELECT a, b FROM loose WHERE a = b");
    assert!(facts.equal.are_equal(0, 1));
    assert_eq!(not_null(&facts), [0, 1]);
    let facts = lab.facts("SELECT a, b FROM loose WHERE a IS NOT DISTINCT FROM b");
    assert!(facts.equal.are_equal(0, 1) && not_null(&facts).is_empty());
    let facts = lab.facts("SELECT x FROM loose WHERE x = 1.5");
    assert_eq!((constant(&facts, 0), not_null(&facts)), (None, vec![0]));
    let facts = lab.facts("SELECT id FROM customer WHERE random() > 0.5");
    assert!(!facts.instances[0].complete);
}

#[test]
fn a_key_fixed_by_constants_leaves_one_row() {
    let lab = lab();
    for sql in [
        "SELECT * FROM customer WHERE id = 1",
        "SELECT * FROM customer WHERE email = 'a@x'",
        "SELECT * FROM line WHERE order_id = 1 AND number = 2",
        "SELECT * FROM line WHERE order_id = number AND number = 2",
    ] {
        assert_eq!(lab.facts(sql).rows.most, Some(1), "{sql}");
    }
    for sql in [
        "SELECT * FROM customer WHERE email IS NULL",
        "SELECT * FROM customer WHERE email IS NOT DISTINCT FROM NULL",
        "SELECT * FROM line WHERE order_id = 1",
        "SELECT * FROM customer WHERE id > 1",
        "SELECT * FROM customer WHERE id = 1 OR id = 2",
    ] {
        assert_eq!(lab.facts(sql).rows.most, None, "{sql}");
    }
    let facts = lab.facts("SELECT * FROM line WHERE number = 1");
    assert_eq!(key(&facts, &[0]), Some(true));
}

#[test]
fn contradictions_leave_no_row() {
    let lab = lab();
    for sql in [
        "SELECT * FROM customer WHERE id IS NULL",
        "SELECT * FROM customer WHERE age > 5 AND age < 6",
        "SELECT * FROM customer WHERE age = 5 AND age = region_id AND region_id = 6",
    ] {
        assert!(lab.facts(sql).no_rows().is_some(), "{sql}");
    }
    assert_eq!(
        names(lab.facts("SELECT * FROM customer WHERE id IS NULL").no_rows().unwrap()),
        ["customer.primary key"]
    );
    let facts = lab.with_file_facts().facts("SELECT * FROM orders WHERE id > 100");
    assert_eq!(names(facts.no_rows().unwrap()), ["orders.maximum of id"]);
}

#[test]
fn grouping_makes_keys() {
    let lab = lab();
    let facts = lab.facts(
        "SELECT region_id, count(*) AS n, max(id) AS top, min(age) AS youngest FROM customer GROUP BY region_id",
    );
    assert_eq!(key(&facts, &[0]), Some(true));
    assert!(facts.key_within(&set(&[0]), true).unwrap().is_empty());
    assert_eq!(not_null(&facts), [1, 2]);
    assert_eq!(facts.columns[0].origin.unwrap().column, 3);
    assert_eq!(facts.rows.most, None);
    let facts = lab.facts("SELECT count(*), max(id) FROM customer");
    assert_eq!((facts.rows.least, facts.rows.most), (1, Some(1)));
    assert_eq!(not_null(&facts), [0]);
    let facts = lab.facts("SELECT count(*), max(id) FROM customer WHERE id = 3 HAVING count(*) > 0");
    assert_eq!((facts.rows.least, facts.rows.most), (0, Some(1)));
    // A group that is there is not empty, but its FILTER may be.
    let facts = lab.facts("SELECT age, max(id) FILTER (WHERE vip) FROM customer GROUP BY age");
    assert_eq!(not_null(&facts), Vec::<usize>::new());
    let facts = lab.facts("SELECT x, count(*) FROM loose GROUP BY x");
    assert!(!strict(&facts, &[0]));
}

#[test]
fn grouping_sets_make_none() {
    for sets in ["ROLLUP (id, vip)", "CUBE (id, vip)", "GROUPING SETS ((id, vip), (id), ())"] {
        let facts = lab().facts(&format!("SELECT id, vip, count(*) FROM customer WHERE vip GROUP BY {sets}"));
        assert!(facts.keys.is_empty(), "{sets}");
        assert_eq!(not_null(&facts), [2], "{sets}");
        assert_eq!(constant(&facts, 1), None, "{sets}");
    }
}

#[test]
fn distinct_makes_keys() {
    let facts = lab().facts("SELECT DISTINCT age, vip FROM customer");
    assert_eq!(key(&facts, &[0, 1]), Some(true));
    assert!(!strict(&facts, &[0]));
    let facts = FactsCache::default().of(&lab().raw("SELECT DISTINCT age, vip FROM customer WHERE vip"));
    assert!(strict(&facts, &[0]));
    let facts =
        FactsCache::default().of(&lab().raw("SELECT DISTINCT ON (age) age, id, vip FROM customer ORDER BY age, id"));
    assert!(strict(&facts, &[0]) && strict(&facts, &[1]));
    assert!(!facts.instances[0].complete);
    assert!(lab().facts("SELECT DISTINCT x FROM loose").key_within(&set(&[0]), true).is_none());
}

#[test]
fn limits_bound_rows() {
    let lab = lab();
    let facts = lab.facts("SELECT * FROM loose LIMIT 1");
    assert_eq!((facts.rows.most, key(&facts, &[])), (Some(1), Some(true)));
    let facts = lab.facts("SELECT * FROM customer LIMIT 3");
    assert_eq!((facts.rows.most, complete(&facts)), (Some(3), vec![false]));
    let facts = lab.facts("SELECT id FROM customer ORDER BY name");
    assert_eq!((facts.rows.most, complete(&facts)), (None, vec![true]));
    let lab = lab.with_file_facts();
    let facts = lab.facts("SELECT * FROM customer LIMIT 3 OFFSET 1");
    assert_eq!((facts.rows.least, facts.rows.most), (3, Some(3)));
    let facts = lab.facts("SELECT * FROM customer LIMIT 5");
    assert_eq!((facts.rows.least, facts.rows.most, complete(&facts)), (5, Some(5), vec![true]));
    assert_eq!(lab.facts("SELECT * FROM customer OFFSET 5").rows.most, Some(0));
}

#[test]
fn values_are_looked_through() {
    let facts = lab().facts("SELECT * FROM (VALUES (1, 'a', NULL), (2, 'a', NULL), (3, 'a', 4)) AS v (x, y, z)");
    assert_eq!((facts.rows.least, facts.rows.most), (3, Some(3)));
    assert_eq!((key(&facts, &[0]), key(&facts, &[2])), (Some(true), Some(false)));
    assert_eq!(not_null(&facts), [0, 1]);
    assert!(constant(&facts, 1).is_some() && constant(&facts, 2).is_none());
    assert_eq!(facts.columns[0].max.as_ref().unwrap().0, integer(3));
    assert_eq!(lab().facts("SELECT 1").rows.most, Some(1));
    assert!(lab().facts("SELECT id FROM customer WHERE false").no_rows().is_some());
}

#[test]
fn row_numbers_tell_rows_apart_and_ranks_do_not() {
    let of = |function: &str| {
        lab().facts(&format!(
            "SELECT * FROM (SELECT a, b, {function}() OVER (PARTITION BY a ORDER BY b) AS n FROM loose) WHERE n = 1"
        ))
    };
    assert!(strict(&of("row_number"), &[0]));
    assert!(!strict(&of("row_number"), &[1]));
    assert!(!strict(&of("rank"), &[0]));
    let facts = lab().facts("SELECT a, row_number() OVER () AS n FROM loose");
    assert_eq!(key(&facts, &[1]), Some(true));
    let facts = lab().facts("SELECT id, sum(age) OVER () FROM customer");
    assert!(strict(&facts, &[0]) && facts.instances[0].complete);
    let facts = lab().facts("SELECT a, row_number() OVER (PARTITION BY a + 1) AS n FROM loose");
    assert!(!strict(&facts, &[0, 1]));
}

#[test]
fn unnest_keeps_dependencies_but_no_keys() {
    let facts = lab().facts("SELECT id, name, unnest([1, 2]) AS u FROM customer");
    assert!(!strict(&facts, &[0]));
    assert!(facts.closure(&set(&[0])).0.contains(&1));
    assert!(!facts.closure(&set(&[0])).0.contains(&2));
    assert_eq!((facts.instances[0].complete, facts.instances[0].at_most_once), (false, false));
}

#[test]
fn an_inner_join_keeps_the_keys_of_rows_that_find_one_partner() {
    let lab = lab();
    let facts = lab.facts("SELECT o.id, c.id, c.name FROM orders o JOIN customer c ON o.customer_id = c.id");
    assert!(strict(&facts, &[0]) && !strict(&facts, &[1]));
    assert!(facts.closure(&set(&[1])).0.contains(&2));
    // The foreign key is NOT NULL: no order is lost, but customers may be.
    assert_eq!(complete(&facts), [true, false]);
    assert_eq!(facts.instances.iter().map(|instance| instance.at_most_once).collect::<Vec<_>>(), [true, false]);
    let facts = lab.facts("SELECT o.id, c.id FROM orders o JOIN customer c ON o.referrer_id = c.id");
    assert_eq!(complete(&facts), [false, false]);
    let facts =
        lab.facts("SELECT o.id, c.id FROM orders o JOIN (SELECT * FROM customer WHERE vip) c ON o.customer_id = c.id");
    assert_eq!(complete(&facts), [false, false]);
    let facts = lab.facts("SELECT a.id, b.id FROM orders a JOIN orders b ON a.amount = b.amount");
    assert!(strict(&facts, &[0, 1]) && !strict(&facts, &[0]) && !strict(&facts, &[1]));
    let facts = lab.facts("SELECT l.order_id, p.id, p.kind FROM line l JOIN part p ON l.part_id = p.id");
    assert!(!strict(&facts, &[0]));
}

#[test]
fn a_join_on_a_nullable_unique_column_finds_one_partner_unless_nulls_match() {
    let lab = lab();
    let facts =
        lab.facts("SELECT l.a, c.id FROM (SELECT DISTINCT c AS a FROM loose) l JOIN customer c ON l.a = c.email");
    assert!(strict(&facts, &[0]));
    let facts = lab.facts(
        "SELECT l.a, c.id FROM (SELECT DISTINCT c AS a FROM loose) l JOIN customer c ON l.a IS NOT DISTINCT FROM c.email",
    );
    assert!(!strict(&facts, &[0]) && strict(&facts, &[0, 1]));
}

#[test]
fn a_left_join_fills_its_right_side() {
    let lab = lab();
    let facts =
        lab.facts("SELECT c.id, r.id, r.size, c.region_id FROM customer c LEFT JOIN region r ON c.region_id = r.id");
    assert_eq!(key(&facts, &[0]), Some(true));
    assert_eq!(not_null(&facts), [0]);
    assert_eq!(complete(&facts), [true, false]);
    assert!(facts.instances[1].null_extended && !facts.instances[0].null_extended);
    // What is compared determines the partner, found or not.
    assert!(facts.closure(&set(&[3])).0.is_superset(&set(&[1, 2])));
    // The parent's key is never NULL before, so that it still tells its rows from the filled ones.
    assert!(facts.closure(&set(&[1])).0.contains(&2));
    assert!(!facts.equal.are_equal(1, 3));
    let facts = lab.facts("SELECT r.id, c.id FROM region r LEFT JOIN customer c ON c.region_id = r.id");
    assert!(!strict(&facts, &[0]) && strict(&facts, &[0, 1]) && !strict(&facts, &[1]) && lax(&facts, &[1]));
    let facts =
        lab.facts("SELECT o.id, c.n FROM orders o LEFT JOIN (SELECT id, 1 AS n FROM customer) c ON o.note = c.n");
    assert_eq!(constant(&facts, 1), None);
}

#[test]
fn a_filled_side_with_a_key_that_may_be_null_has_a_lax_dependency() {
    // A group of the NULLs and a filled row look the same, but for the count.
    let facts = lab().facts(
        "SELECT o.id, g.age, g.n FROM orders o
         LEFT JOIN (SELECT age, count(*) AS n FROM customer GROUP BY age) g ON o.amount > g.n",
    );
    assert!(!facts.closure(&set(&[1])).0.contains(&2));
    assert!(strict(&facts, &[0, 1]));
}

#[test]
fn a_full_join_fills_both_sides() {
    let lab = lab();
    let facts = lab.facts("SELECT c.id, r.id FROM customer c FULL JOIN region r ON c.region_id = r.id");
    assert!(not_null(&facts).is_empty());
    assert!(!strict(&facts, &[0]) && lax(&facts, &[0]) && strict(&facts, &[0, 1]));
    assert_eq!(complete(&facts), [true, true]);
    // NULL on both sides: a row without a partner left and one right look the same.
    let facts = lab.facts(
        "SELECT a.x, b.y FROM (SELECT DISTINCT a AS x FROM loose) a FULL JOIN (SELECT DISTINCT b AS y FROM loose) b
         ON a.x = b.y AND a.x > 100",
    );
    assert!(!strict(&facts, &[0, 1]) && lax(&facts, &[0, 1]));
    let facts = lab.facts(
        "SELECT a.x, b.y FROM (SELECT a AS x FROM loose LIMIT 1) a FULL JOIN (SELECT b AS y FROM loose LIMIT 1) b
         ON a.x = b.y",
    );
    assert_eq!(facts.rows.most, Some(2));
}

#[test]
fn semi_and_anti_joins_keep_one_side() {
    let lab = lab();
    let semi = lab.facts("SELECT id, region_id FROM customer WHERE region_id IN (SELECT id FROM region)");
    assert!(strict(&semi, &[0]) && !semi.instances[0].complete);
    assert_eq!(not_null(&semi), [0, 1]);
    let anti = lab.facts(
        "SELECT id, region_id FROM customer c WHERE NOT EXISTS (SELECT 1 FROM region r WHERE r.id = c.region_id)",
    );
    assert!(strict(&anti, &[0]) && !anti.instances[0].complete);
    assert_eq!(not_null(&anti), [0]);
    let always = lab.facts("SELECT id FROM orders WHERE customer_id IN (SELECT id FROM customer)");
    assert!(always.instances[0].complete);
    let mark = lab.facts("SELECT id FROM customer WHERE vip OR region_id IN (SELECT id FROM region)");
    assert!(strict(&mark, &[0]));
}

#[test]
fn rows_of_joins() {
    let lab = lab().with_file_facts();
    let rows = |sql: &str| {
        let facts = lab.facts(sql);
        (facts.rows.least, facts.rows.most)
    };
    assert_eq!(rows("SELECT o.id FROM orders o JOIN customer c ON o.customer_id = c.id"), (6, Some(6)));
    assert_eq!(rows("SELECT o.id FROM orders o JOIN customer c ON o.referrer_id = c.id"), (0, Some(6)));
    assert_eq!(rows("SELECT o.id FROM orders o CROSS JOIN region"), (24, Some(24)));
    assert_eq!(rows("SELECT o.id FROM orders o LEFT JOIN customer c ON o.note = c.name"), (6, Some(30)));
    assert_eq!(rows("SELECT o.id FROM orders o LEFT JOIN void ON true"), (6, Some(6)));
    assert_eq!(rows("SELECT o.id FROM orders o JOIN void ON true"), (0, Some(0)));
}

#[test]
fn a_union_has_what_all_branches_have() {
    let lab = lab();
    let facts = lab.facts("SELECT id, name FROM customer UNION ALL SELECT id, note FROM orders");
    assert_eq!(not_null(&facts), [0]);
    assert!(facts.keys.is_empty() && facts.instances.is_empty());
    let facts = lab.facts("SELECT id, 1 AS kind FROM customer UNION ALL SELECT id, 2 FROM orders");
    assert!(strict(&facts, &[0, 1]) && !strict(&facts, &[0]));
    assert_eq!(constant(&facts, 1), None);
    let facts = lab.facts("SELECT id FROM customer WHERE id < 3 UNION ALL SELECT id FROM customer WHERE id >= 3");
    assert!(strict(&facts, &[0]));
    let facts = lab.facts("SELECT id FROM customer WHERE id < 3 UNION ALL SELECT id FROM customer WHERE id >= 2");
    assert!(!strict(&facts, &[0]));
    let facts = lab.facts("SELECT email FROM customer WHERE email < 'c' UNION ALL SELECT email FROM customer");
    assert!(!lax(&facts, &[0]));
}

#[test]
fn nothing_is_known_of_recursion() {
    let facts = lab().facts(
        "WITH RECURSIVE r AS (SELECT id FROM customer WHERE id = 1 UNION ALL SELECT id + 1 FROM r WHERE id < 5)
         SELECT id FROM r",
    );
    assert!(facts.keys.is_empty() && facts.rows.most.is_none());
}

#[test]
fn a_lax_key_on_a_concluded_column_is_no_key() {
    // a → b is strict, b is UNIQUE but may be NULL: two rows with the same a may both have NULL in b.
    let mut facts = Facts::nothing(3);
    let because = Because::new();
    facts.dependencies.push(Dependency { from: set(&[0]), to: set(&[1]), strict: true, because: because.clone() });
    facts.keys.push(Key { columns: set(&[1]), strict: false, because: because.clone() });
    assert!(!lax(&facts, &[0]) && !strict(&facts, &[0]));
    assert!(lax(&facts, &[1]) && !strict(&facts, &[1]));
    facts.equal.join(0, 2);
    assert!(!lax(&facts, &[2]));
    facts.columns[1].not_null = Some(because);
    assert!(lax(&facts, &[0]) && strict(&facts, &[0]) && strict(&facts, &[2]));
}

#[test]
fn the_reason_with_the_fewest_constraints_is_given() {
    let lab = Lab::new("CREATE TABLE t (a BIGINT UNIQUE NOT NULL, b BIGINT)");
    let facts = lab.facts("SELECT a, b FROM t");
    assert_eq!(names(&facts.key_within(&set(&[0]), false).unwrap()), ["t.unique a"]);
    assert_eq!(names(&facts.key_within(&set(&[0]), true).unwrap()), ["t.unique a", "t.not null a"]);
}

#[test]
fn what_rejects_nulls() {
    let lab = lab();
    let rejects = |predicate: &str| {
        let plan = lab.raw(&format!("SELECT a FROM loose WHERE {predicate}"));
        let LogicalPlan::Projection(projection) = &plan else { panic!("{plan}") };
        let LogicalPlan::Filter(filter) = projection.input.as_ref() else { panic!("{plan}") };
        rejects_nulls(&filter.predicate, &|column| column.name != "x")
    };
    for predicate in [
        "a = 1",
        "a = b",
        "a + 1 > x",
        "a IS NOT NULL",
        "NOT (a IS NULL)",
        "a = 1 AND x IS NULL",
        "a = 1 OR b = 2",
        "a IN (1, 2)",
        "a NOT IN (1, 2)",
        "a BETWEEN 1 AND 5",
        "c LIKE 'p%'",
        "NOT (a = 1)",
        "(a > 1) IS TRUE",
        "CAST(a AS TEXT) = 'x'",
    ] {
        assert!(rejects(predicate), "{predicate}");
    }
    for predicate in [
        "a IS NULL",
        "a = 1 OR x = 2",
        "coalesce(a, 1) = 1",
        "a IS DISTINCT FROM 1",
        "(a > 1) IS NOT TRUE",
        "a IS NOT DISTINCT FROM b",
        "x > 1",
        "CASE WHEN a = 1 THEN false ELSE true END",
        "NOT (a = 1 AND x = 1)",
    ] {
        assert!(!rejects(predicate), "{predicate}");
    }
}

#[test]
fn foreign_keys_do_not_mix() {
    let lab = Lab::new(
        "CREATE TABLE p (a BIGINT, b BIGINT, c BIGINT UNIQUE, PRIMARY KEY (a, b));
         CREATE TABLE q (a BIGINT, b BIGINT, c BIGINT UNIQUE, PRIMARY KEY (a, b));
         CREATE TABLE k (id BIGINT PRIMARY KEY, x BIGINT NOT NULL, y BIGINT NOT NULL, u BIGINT NOT NULL, v BIGINT NOT NULL,
            FOREIGN KEY (x, y) REFERENCES p (a, b), FOREIGN KEY (u, v) REFERENCES p (a, b))",
    );
    let follows = |child: &str, parent: &str, pairs: &[(usize, usize)]| {
        let (child, parent) = (lab.facts(child), lab.facts(parent));
        foreign_key_match(&child, &parent, pairs).map(|found| found.nullable)
    };
    let k = "SELECT x, y, u, v FROM k";
    let p = "SELECT a, b, c FROM p";
    assert_eq!(follows(k, p, &[(0, 0), (1, 1)]), Some(vec![]));
    assert_eq!(follows(k, p, &[(1, 1), (0, 0), (0, 0)]), Some(vec![]));
    assert_eq!(follows(k, p, &[(2, 0), (3, 1)]), Some(vec![]));
    assert_eq!(follows(k, p, &[(0, 0)]), None);
    assert_eq!(follows(k, p, &[(0, 0), (3, 1)]), None);
    assert_eq!(follows(k, p, &[(0, 1), (1, 0)]), None);
    assert_eq!(follows(k, p, &[(0, 0), (1, 1), (2, 2)]), None);
    assert_eq!(follows(k, p, &[]), None);
    assert_eq!(follows(k, "SELECT a, b, c FROM q", &[(0, 0), (1, 1)]), None);
    assert_eq!(follows(k, "SELECT a, b FROM p WHERE c = 1", &[(0, 0), (1, 1)]), None);
    assert_eq!(follows(k, "SELECT a, b FROM p LIMIT 5", &[(0, 0), (1, 1)]), None);
    assert_eq!(follows(k, "SELECT a, b FROM p GROUP BY a, b", &[(0, 0), (1, 1)]), Some(vec![]));
    assert_eq!(follows("SELECT x + 0, y FROM k", p, &[(0, 0), (1, 1)]), None);
    assert_eq!(follows("SELECT k.x, k.y FROM p LEFT JOIN k ON p.a = k.id", p, &[(0, 0), (1, 1)]), Some(vec![0, 1]));
}

#[test]
fn facts_are_derived_once_a_node() {
    let lab = lab();
    let plan = Arc::new(lab.plan("SELECT o.id FROM orders o JOIN customer c ON o.customer_id = c.id"));
    let cache = FactsCache::default();
    assert!(!Arc::ptr_eq(&cache.of(&plan), &cache.of(&plan)));
    cache.keep(&plan);
    assert!(Arc::ptr_eq(&cache.of(&plan), &cache.of(&plan)));
    assert!(Arc::ptr_eq(&cache.of(&plan), &cache.of_input(&plan)));
}
