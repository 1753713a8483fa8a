//! Wrong rows of DataFusion 55.2 that nobody may get from us: each test shows that DataFusion by itself gives them (so that it can go
//! once it does not any more), and that with our rules the rows are right. Where it was wrong once, the test keeps it from being so again.
//!
//! One is not here, since it is mended in the text of a statement: the column of RIGHT JOIN … USING.

use std::collections::HashSet;

use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::{SessionConfig, SessionContext};

use super::testing::Lab;

/// Tables as DataFusion's own CREATE TABLE knows them, and as ours.
struct Both {
    setup: &'static str,
}

impl Both {
    /// The rows that DataFusion gives by itself, sorted.
    fn stock(&self, sql: &str) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
            for statement in self.setup.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
                context.sql(statement).await.unwrap().collect().await.unwrap();
            }
            let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
            let options = FormatOptions::default().with_null("NULL");
            let mut rows = vec![];
            for batch in &batches {
                let columns: Vec<_> =
                    batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
                for row in 0..batch.num_rows() {
                    rows.push(columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join(" | "));
                }
            }
            rows.sort();
            rows
        })
    }

    /// The rows that we give, sorted; the same with and without the prune rules.
    fn ours(&self, sql: &str) -> Vec<String> {
        let lab = Lab::new(self.setup);
        let rows = lab.rows(sql, &HashSet::new());
        let rules = super::prune::all().iter().map(|rule| rule.name().to_string()).collect();
        assert_eq!(lab.rows(sql, &rules), rows, "without the prune rules: {sql}");
        rows
    }

    fn is_wrong_by_itself(&self, sql: &str, right: &[&str]) {
        assert_eq!(self.ours(sql), right, "ours: {sql}");
        assert_ne!(self.stock(sql), right, "DataFusion has it right by now: {sql}");
    }

    fn is_right_by_itself(&self, sql: &str, right: &[&str]) {
        assert_eq!(self.ours(sql), right, "ours: {sql}");
        assert_eq!(self.stock(sql), right, "DataFusion has it wrong: {sql}");
    }
}

const UNIQUE: Both = Both {
    setup: "CREATE TABLE u (k BIGINT UNIQUE, v BIGINT);
            INSERT INTO u VALUES (NULL, 1), (NULL, 2), (1, 3), (NULL, 2);",
};

#[test]
fn distinct_over_a_nullable_unique_column() {
    UNIQUE.is_wrong_by_itself("SELECT DISTINCT k FROM u", &["1", "NULL"]);
    UNIQUE.is_right_by_itself("SELECT DISTINCT k, v FROM u", &["1 | 3", "NULL | 1", "NULL | 2"]);
}

#[test]
fn group_by_a_nullable_unique_column() {
    UNIQUE.is_wrong_by_itself("SELECT k, count(*) FROM u GROUP BY k, v", &["1 | 1", "NULL | 1", "NULL | 2"]);
    UNIQUE.is_right_by_itself("SELECT k, count(*) FROM u GROUP BY k", &["1 | 1", "NULL | 3"]);
}

#[test]
fn order_by_a_nullable_unique_column() {
    let sql = |order: &str| {
        format!("SELECT v, row_number() OVER () AS n FROM (SELECT v FROM u ORDER BY k, v {order} LIMIT 10)")
    };
    assert_eq!(UNIQUE.ours(&sql("DESC")), ["1 | 4", "2 | 2", "2 | 3", "3 | 1"]);
    assert_eq!(UNIQUE.ours(&sql("ASC")), ["1 | 2", "2 | 3", "2 | 4", "3 | 1"]);
    // The second key has no effect: one of the two is wrong.
    assert_eq!(UNIQUE.stock(&sql("DESC")), UNIQUE.stock(&sql("ASC")));
}

const KEYED: Both = Both {
    setup: "CREATE TABLE o (id BIGINT PRIMARY KEY, n BIGINT, m BIGINT);
            CREATE TABLE i (k BIGINT, x BIGINT);
            CREATE TABLE e (id BIGINT PRIMARY KEY, n BIGINT);
            INSERT INTO o VALUES (1, 2, 0), (2, 0, 1), (3, NULL, 3);
            INSERT INTO i VALUES (1, 5), (1, 5), (3, NULL), (NULL, 7);",
};

#[test]
fn volatile_functions_under_distinct() {
    // Four rows come out of the join: o 1 twice.
    KEYED.is_wrong_by_itself(
        "SELECT count(*) FROM (SELECT DISTINCT random() AS r FROM o LEFT JOIN i ON o.id = i.k)",
        &["4"],
    );
    KEYED.is_wrong_by_itself(
        "SELECT count(*) FROM (SELECT random() AS r FROM o LEFT JOIN i ON o.id = i.k GROUP BY random())",
        &["4"],
    );
}

#[test]
fn keys_below_an_unnest() {
    KEYED.is_wrong_by_itself(
        "SELECT DISTINCT id FROM (SELECT id, unnest(make_array(n, m)) AS v FROM o)",
        &["1", "2", "3"],
    );
    KEYED.is_right_by_itself("SELECT DISTINCT id, unnest(make_array(m, m)) AS v FROM o", &["1 | 0", "2 | 1", "3 | 3"]);
    KEYED.is_wrong_by_itself(
        "SELECT id, count(*) FROM (SELECT id, unnest(make_array(n, m)) AS v FROM o) GROUP BY id, v",
        &["1 | 1", "1 | 1", "2 | 1", "2 | 1", "3 | 1", "3 | 1"],
    );
    KEYED.is_wrong_by_itself(
        "SELECT v, row_number() OVER () AS r
         FROM (SELECT id, unnest(make_array(n, m)) AS v FROM o WHERE id < 3 ORDER BY id, v LIMIT 10)",
        &["0 | 1", "0 | 3", "1 | 4", "2 | 2"],
    );
}

#[test]
fn group_by_what_was_a_key_below_an_unnest() {
    // Two defects that cancel each other out by themselves: keys are added while planning and dropped by the optimizer.
    for from in ["o", "(SELECT x AS id, count(*) AS n, max(k) AS m FROM i GROUP BY x)"] {
        let sql = format!("SELECT count(*) FROM (SELECT id, unnest(make_array(n, m)) AS v FROM {from}) GROUP BY id");
        assert_eq!(KEYED.ours(&sql), ["2", "2", "2"], "{sql}");
    }
    let sql = "WITH c AS (SELECT id, unnest(make_array(n, m)) AS v FROM o) SELECT id, sum(v) FROM c GROUP BY id";
    assert_eq!(KEYED.ours(sql), ["1 | 2", "2 | 1", "3 | 3"]);
}

#[test]
fn exists_over_a_scalar_aggregate() {
    KEYED.is_wrong_by_itself(
        "SELECT id FROM o WHERE EXISTS (SELECT count(*) FROM i WHERE i.k = o.id)",
        &["1", "2", "3"],
    );
    KEYED.is_wrong_by_itself("SELECT id FROM o WHERE NOT EXISTS (SELECT max(x) FROM i WHERE i.k = o.id)", &[]);
    KEYED.is_wrong_by_itself(
        "SELECT id FROM o WHERE EXISTS (SELECT max(x) FROM i WHERE i.k = o.id HAVING count(*) = 0)",
        &["2"],
    );
    KEYED.is_wrong_by_itself(
        "SELECT id FROM o WHERE NOT EXISTS (SELECT 1 FROM i WHERE i.k = o.id HAVING count(*) < 2)",
        &["1"],
    );
    KEYED.is_right_by_itself("SELECT id FROM o WHERE EXISTS (SELECT max(x) FROM i WHERE i.k = 17)", &["1", "2", "3"]);
    KEYED.is_right_by_itself("SELECT id FROM o WHERE EXISTS (SELECT 1 FROM i HAVING count(*) = 0)", &[]);
}

#[test]
fn exists_over_a_scalar_aggregate_that_reads_the_outer_query_twice() {
    let sql = "SELECT id FROM o WHERE EXISTS (SELECT 1 FROM i WHERE i.k = o.id HAVING count(*) = o.n)";
    assert_eq!(KEYED.ours(sql), ["1", "2"]);
    let sql = "SELECT id FROM o WHERE m > 100 OR EXISTS (SELECT count(*) FROM i WHERE i.k > o.id)";
    assert_eq!(KEYED.ours(sql), ["1", "2", "3"]);
}

#[test]
fn in_over_a_scalar_aggregate() {
    KEYED.is_wrong_by_itself("SELECT id FROM o WHERE n IN (SELECT count(*) FROM i WHERE i.k = o.id)", &["1", "2"]);
    KEYED.is_wrong_by_itself(
        "SELECT id FROM o WHERE n IN (SELECT count(*) FROM i WHERE i.k = o.id HAVING count(*) < 2)",
        &["2"],
    );
    // DataFusion by itself has no plan for NOT IN with a correlation.
    assert_eq!(KEYED.ours("SELECT id FROM o WHERE m NOT IN (SELECT max(x) FROM i WHERE i.k = o.id)"), ["1"]);
    let having = "SELECT id FROM o WHERE n NOT IN (SELECT count(*) FROM i WHERE i.k = o.id HAVING count(*) = 0)";
    assert_eq!(KEYED.ours(having), ["1", "3"]);
}

#[test]
fn exists_with_an_offset() {
    KEYED.is_wrong_by_itself("SELECT id FROM o WHERE EXISTS (SELECT x FROM i WHERE i.k = o.id OFFSET 1)", &["1"]);
    KEYED.is_wrong_by_itself(
        "SELECT id FROM o WHERE NOT EXISTS (SELECT x FROM i WHERE i.k = o.id LIMIT 1 OFFSET 1)",
        &["2", "3"],
    );
    KEYED.is_right_by_itself("SELECT id FROM o WHERE EXISTS (SELECT x FROM i WHERE i.k = o.id LIMIT 1)", &["1", "3"]);
}

/// apache/datafusion#23626, mended in 55.
#[test]
fn distinct_over_a_key_that_a_join_repeats() {
    KEYED.is_right_by_itself("SELECT DISTINCT o.id FROM o LEFT JOIN i ON o.id = i.k", &["1", "2", "3"]);
}

/// apache/datafusion#12980, mended.
#[test]
fn keys_below_a_union() {
    KEYED.is_right_by_itself(
        "SELECT id, sum(n) FROM (SELECT id, n FROM o UNION ALL SELECT id, m FROM o) GROUP BY id",
        &["1 | 2", "2 | 1", "3 | 3"],
    );
    KEYED.is_right_by_itself("SELECT DISTINCT id FROM (SELECT id FROM o UNION ALL SELECT id FROM o)", &["1", "2", "3"]);
}

#[test]
fn group_by_a_constant_over_nothing() {
    KEYED.is_right_by_itself("SELECT 'a' AS k, count(*) FROM e GROUP BY k", &[]);
    KEYED.is_right_by_itself("SELECT n, count(*) FROM e WHERE n = 1 GROUP BY n", &[]);
    KEYED.is_right_by_itself("SELECT count(*) FROM e WHERE n = 1", &["0"]);
    KEYED.is_right_by_itself("SELECT 1 AS a, 2 AS b, count(*) FROM e GROUP BY a, b", &[]);
}

#[test]
fn keys_on_the_null_extended_side() {
    KEYED.is_right_by_itself(
        "SELECT o.id, count(*) FROM i LEFT JOIN o ON i.k = o.id GROUP BY o.id, o.n",
        &["1 | 2", "3 | 1", "NULL | 1"],
    );
    KEYED.is_right_by_itself("SELECT DISTINCT o.id FROM i LEFT JOIN o ON i.k + 100 = o.id", &["NULL"]);
}
