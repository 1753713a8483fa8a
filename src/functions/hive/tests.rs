//! Every function through SQL: each help's example gives what it says, and the edges that examples leave out

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringViewArray};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::error::Result;
use datafusion::execution::{FunctionRegistry, SessionStateBuilder, SessionStateDefaults};
use datafusion::prelude::{SessionConfig, SessionContext};

use super::entries;
use crate::functions::entry::Callable;

fn context() -> Result<SessionContext> {
    // Two partitions, so that aggregates merge their states.
    let config = SessionConfig::new().with_target_partitions(2).set_str("datafusion.sql_parser.dialect", "hive");
    let mut planners = super::expr_planners();
    planners.extend(SessionStateDefaults::default_expr_planners());
    let state = SessionStateBuilder::new_with_default_features().with_config(config).with_expr_planners(planners);
    let mut context = SessionContext::new_with_state(state.build());
    datafusion_spark::register_all(&mut context)?;
    for entry in entries() {
        match entry.function {
            Callable::Scalar(function) => context.register_udf(function.as_ref().clone()),
            Callable::Aggregate(function) => context.register_udaf(function.as_ref().clone()),
            Callable::Window(function) => context.register_udwf(function.as_ref().clone()),
            Callable::Known => {}
        }
    }
    context.register_batch("t", table()?)?;
    Ok(context)
}

/// Five rows that begin in the middle of their arrays.
fn table() -> Result<RecordBatch> {
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
        Some(vec![Some(9)]),
        Some(vec![Some(3), Some(1), None, Some(2)]),
        Some(vec![]),
        None,
        Some(vec![None]),
        Some(vec![Some(5), Some(5)]),
    ]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from(vec![0, 1, 2, 3, 4, 5]))),
        ("n", Arc::new(Int64Array::from(vec![Some(0), Some(1), Some(2), None, Some(-4), Some(i64::MAX)]))),
        ("l", Arc::new(lists)),
        (
            "s",
            Arc::new(StringViewArray::from(vec![
                Some("first"),
                Some("2024-02-29"),
                Some("1969-12-31 23:59:59"),
                None,
                Some("no date"),
                Some("12000-01-31"),
            ])),
        ),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))?
        .slice(1, 5))
}

/// Rows as the CSV output writes them, a line each.
async fn rows(context: &SessionContext, query: &str) -> Result<String> {
    let options = FormatOptions::new().with_null("NULL").with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"));
    let mut lines = vec![];
    for batch in context.sql(query).await?.collect().await? {
        let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            lines.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join(","));
        }
    }
    Ok(lines.join("\n"))
}

async fn check(cases: &[(&str, &str)]) -> Result<()> {
    let context = context()?;
    let mut wrong = vec![];
    for (query, expected) in cases {
        let found = match rows(&context, query).await {
            Ok(found) => found,
            Err(error) => format!("error: {error}"),
        };
        if found != *expected {
            wrong.push(format!("{query}\n  expected {expected}\n  found    {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn every_function_is_there_by_the_name_of_its_help() -> Result<()> {
    let context = context()?;
    let mut names = std::collections::HashSet::new();
    for entry in entries() {
        let name = entry.help.name;
        assert!(names.insert(name), "{name} has two entries");
        assert_eq!(name, name.to_lowercase());
        match entry.function {
            Callable::Scalar(function) => {
                assert!(function.name() == name || function.aliases().iter().any(|alias| alias == name), "{name}");
            }
            Callable::Aggregate(function) => assert_eq!(function.name(), name),
            Callable::Window(function) => assert_eq!(function.name(), name),
            // EXTRACT is syntax.
            Callable::Known if name == "extract" => {}
            Callable::Known => {
                assert!(
                    context.udf(name).is_ok() || context.udaf(name).is_ok() || context.udwf(name).is_ok(),
                    "{name}"
                );
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn calls_with_wrong_arguments_name_the_right_ones() -> Result<()> {
    let context = context()?;
    for (query, part) in [
        ("SELECT date_add('2024-01-01')", "date_add(date, days)"),
        ("SELECT last_day(1)", "last_day(date)"),
        ("SELECT trunc(array(1))", "trunc(date, unit) or trunc(number[, places])"),
    ] {
        let error = rows(&context, query).await.unwrap_or_else(|error| error.to_string());
        assert!(error.contains(part), "{query}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn dates_of_a_sliced_column() -> Result<()> {
    check(&[
        ("SELECT add_months(s, 1) FROM t", "2024-03-31\n1970-01-31\nNULL\nNULL\n+12000-02-29"),
        (
            "SELECT year(s), dayofweek(s), hour(s) FROM t",
            "2024,5,0\n1969,4,23\nNULL,NULL,NULL\nNULL,NULL,NULL\n12000,2,0",
        ),
        ("SELECT date_add(s, n) FROM t", "2024-03-01\n1970-01-02\nNULL\nNULL\nNULL"),
        ("SELECT date_format(s, 'yyyy-MM-dd') FROM t", "2024-02-29\n1969-12-31\nNULL\nNULL\n+12000-01-31"),
        ("SELECT unix_timestamp(s, 'yyyy-MM-dd') FROM t WHERE id = 1", "1709164800"),
        ("SELECT date_add('2024-01-01', n) FROM t", "2024-01-02\n2024-01-03\nNULL\n2023-12-28\nNULL"),
        (
            "SELECT date_trunc(CASE id WHEN 1 THEN 'MM' WHEN 2 THEN 'hour' ELSE 'x' END, s) FROM t",
            "2024-02-01 00:00:00\n1969-12-31 23:00:00\nNULL\nNULL\nNULL",
        ),
        ("SELECT from_unixtime(n, 'yyyy') FROM t", "1970\n1970\nNULL\n1969\nNULL"),
        ("SELECT year(s) FROM t WHERE id > 9", ""),
    ])
    .await
}

#[tokio::test]
async fn dates_at_the_edges() -> Result<()> {
    check(&[
        ("SELECT add_months('2024-01-30', 1), add_months('2023-01-30', 1), add_months('2024-03-31', -1)", "2024-02-29,2023-02-28,2024-02-29"),
        ("SELECT add_months('2024-01-01', 9223372036854775807), add_months(NULL, 1), add_months('2024-01-01', NULL)", "NULL,NULL,NULL"),
        ("SELECT date_add('2024-01-01', 9223372036854775807), date_sub('2024-01-01', '1')", "NULL,2023-12-31"),
        ("SELECT months_between('2024-01-01', '2024-01-01 10:00:00'), months_between('1996-10-30', '1997-02-28 10:30:00', false)", "0.0,-3.9495967741935485"),
        ("SELECT trunc('2024-02-29', 'WEEK'), trunc('2024-02-29', 'DD'), trunc('1969-12-31', 'YEAR'), trunc('2024-02-29', NULL)", "2024-02-26,NULL,1969-01-01,NULL"),
        ("SELECT trunc(-1234.567, 2), trunc(-1234), trunc(1299, -2), trunc(0.29, 2), trunc(5, -30), trunc(1e300, 2)", "-1234.56,-1234,1200,0.29,0,1e300"),
        ("SELECT trunc(CAST('12.999' AS DECIMAL(8,3)), 1), trunc(CAST('-12.999' AS DECIMAL(8,3)))", "12.9,-12"),
        ("SELECT from_unixtime(9223372036854775807), from_unixtime('86400'), from_unixtime(0, 'bad b')", "NULL,1970-01-02 00:00:00,NULL"),
        ("SELECT unix_timestamp() > 1700000000, unix_timestamp(TIMESTAMP '1969-12-31 23:59:59.5')", "true,-1"),
        ("SELECT date_format(TIMESTAMP '2024-02-29 01:02:03', 'yyyy-MM-dd''T''HH'), date_format('x', 'yyyy'), date_format(NULL, 'yyyy')", "2024-02-29T01,NULL,NULL"),
        ("SELECT to_utc_timestamp('2024-03-10 02:30:00', 'PST'), from_utc_timestamp(DATE '2024-01-01', 'Nowhere')", "2024-03-10 10:30:00,NULL"),
        ("SELECT to_date('12345-01-01') > DATE '2024-01-01', to_date('-0001-01-01') < DATE '2024-01-01'", "true,true"),
        ("SELECT current_date IS NOT NULL, current_timestamp IS NOT NULL", "true,true"),
        ("SELECT datediff(DATE '2024-01-01', NULL), datediff('2024-01-01', 'x')", "NULL,NULL"),
        ("SELECT date_trunc('month', date_add(DATE '9999-12-31', 2000000000)), year(date_add(DATE '9999-12-31', 2000000000)) > 5000000", "NULL,true"),
        ("SELECT next_day('2024-02-29', 'thursday'), next_day(NULL, 'MO')", "2024-03-07,NULL"),
    ])
    .await
}

#[tokio::test]
async fn numbers_at_the_edges() -> Result<()> {
    check(&[
        ("SELECT hive_div(n, 0), hive_mod(n, 0), hive_divide(n, 0), pmod(n, 0) FROM t WHERE id = 1", "NULL,NULL,NULL,NULL"),
        ("SELECT hive_div(-9223372036854775808, -1), hive_mod(-9223372036854775808, -1), pmod(-9223372036854775808, -1)", "-9223372036854775808,0,0"),
        ("SELECT hive_divide(n, 2), hive_mod(n, 2), hive_div(n, 2) FROM t", "0.5,1,0\n1.0,0,1\nNULL,NULL,NULL\n-2.0,0,-2\n4.611686018427388e18,1,4611686018427387903"),
        ("SELECT hive_divide('7', 2), hive_divide('x', 2), hive_divide(NULL, 2), hive_div(7.9, 2), hive_mod(7, NULL)", "3.5,NULL,NULL,3,NULL"),
        ("SELECT hive_divide(CAST('10.00' AS DECIMAL(10,2)), CAST(3 AS INT)), arrow_typeof(hive_divide(CAST('10.00' AS DECIMAL(10,2)), CAST(3 AS INT)))", "3.3333333333333,Decimal128(21, 13)"),
        ("SELECT hive_divide(CAST('-2' AS DECIMAL(38,0)), CAST('3' AS DECIMAL(38,0)))", "-0.666667"),
        ("SELECT hive_divide(CAST('99999999999999999999999999999999999999' AS DECIMAL(38,0)), CAST('0.001' AS DECIMAL(38,3)))", "NULL"),
        ("SELECT hive_mod(CAST('-7.5' AS DECIMAL(4,1)), CAST('2.25' AS DECIMAL(4,2))), pmod(CAST('-7.5' AS DECIMAL(4,1)), 2), hive_div(CAST('-7.5' AS DECIMAL(4,1)), 2)", "-0.75,0.5,-3"),
        ("SELECT hive_divide(1, 3.0), hive_divide(CAST(1 AS DECIMAL(2,0)), 0.5)", "0.3333333333333333,2.0"),
        ("SELECT pmod(CAST(-1 AS DECIMAL(2,0)), CAST(100 AS DECIMAL(5,2))), round(1.5, -9223372036854775808), round(CAST(1.5 AS DECIMAL(3,1)), -9223372036854775808) AS d", "99.00,0.0,0"),
        ("SELECT round(CAST(1.15 AS FLOAT), 1), round(7, 9223372036854775807), trunc(1.5, 9223372036854775807)", "1.1,7,1.5"),
        ("SELECT round(n, -1), bround(n) FROM t", "0,1\n0,2\nNULL,NULL\n0,-4\n-9223372036854775806,9223372036854775807"),
        ("SELECT round(2.345, n) FROM t", "2.3\n2.35\nNULL\n0.0\n2.345"),
        ("SELECT round('2.5'), round('x'), round(NULL), round(1.5, NULL), round(CAST('9.99' AS DECIMAL(3,2)), 1), round(CAST('1.5' AS DECIMAL(3,1)), 3)", "3.0,NULL,NULL,NULL,10.0,1.5"),
        ("SELECT arrow_typeof(round(CAST('9.99' AS DECIMAL(3,2)), 1)), round(CAST(555 AS DECIMAL(3,0)), -1)", "Decimal128(3, 1),560"),
        ("SELECT sqrt(n), ln(n), log(2, n) FROM t WHERE id < 5", "1.0,0.0,0.0\n1.4142135623730951,0.6931471805599453,1.0\nNULL,NULL,NULL\nNULL,NULL,NULL"),
        ("SELECT greatest(n, 2), least(2, n, 1) FROM t", "2,1\n2,1\nNULL,NULL\n2,-4\n9223372036854775807,1"),
        ("SELECT conv(n, 10, 2) FROM t WHERE id < 5", "1\n10\nNULL\n1111111111111111111111111111111111111111111111111111111111111100"),
        ("SELECT shiftleft(n, n) FROM t", "2\n8\nNULL\n-4611686018427387904\n-9223372036854775808"),
        ("SELECT shiftright(CAST(-8 AS INT), 33), shiftleft(CAST(1 AS INT), 31), shiftrightunsigned(CAST(-1 AS TINYINT), 28)", "-4,-2147483648,15"),
        ("SELECT abs(n), ceil(n), floor(n), sign(n), negative(n) FROM t WHERE id = 4", "4,-4,-4,-1.0,4"),
        ("SELECT abs('x'), ceil(NULL), floor('1e300'), pow('2', '3'), factorial('5'), sign('x')", "NULL,NULL,9223372036854775807,8.0,120,NULL"),
        ("SELECT count(DISTINCT rand(7)) FROM t", "5"),
        ("SELECT rand(7) = rand(7) FROM t WHERE id < 3", "true\ntrue"),
        ("SELECT sqrt(n), round(n), rand() FROM t WHERE id > 9", ""),
    ])
    .await
}

#[tokio::test]
async fn collections_at_the_edges() -> Result<()> {
    check(&[
        ("SELECT sort_array(l) FROM t", "[NULL, 1, 2, 3]\n[]\nNULL\n[NULL]\n[5, 5]"),
        ("SELECT sort_array(l, id > 2) FROM t WHERE id < 4", "[3, 2, 1, NULL]\n[]\nNULL"),
        ("SELECT sort_array(array(named_struct('a', 2), named_struct('a', 1))), sort_array(array()), sort_array(array(1), NULL)", "[{a: 1}, {a: 2}],[],NULL"),
        ("SELECT hive_index(l, n) FROM t", "1\nNULL\nNULL\nNULL\nNULL"),
        ("SELECT hive_index(l, 0), hive_index(l, -1), element_at(l, -1), element_at(l, 0) FROM t", "3,NULL,2,NULL\nNULL,NULL,NULL,NULL\nNULL,NULL,NULL,NULL\nNULL,NULL,NULL,NULL\n5,NULL,5,NULL"),
        ("SELECT hive_index(array(1, 2), n) FROM t", "2\nNULL\nNULL\nNULL\nNULL"),
        ("SELECT hive_index(map(n, s), n) FROM t WHERE n IS NOT NULL", "2024-02-29\n1969-12-31 23:59:59\nno date\n12000-01-31"),
        ("SELECT hive_index(map('1', s, 'k', 'v'), id) FROM t", "2024-02-29\nNULL\nNULL\nNULL\nNULL"),
        ("SELECT hive_index(map(1, 'a'), 1.0), hive_index(map('a', 1), NULL), hive_index(CAST(NULL AS ARRAY<INT>), 0)", "a,NULL,NULL"),
        ("SELECT hive_index(map(array(1), 'a', array(2), 'b'), array(2))", "b"),
        ("SELECT map('a', NULL), map(1, 'x', 2.5, NULL)", "{a: NULL},{1.0: x, 2.5: NULL}"),
        ("SELECT map(id, n, 2, 0) FROM t WHERE id < 4", "{1: 1, 2: 0}\n{2: 0}\n{3: NULL, 2: 0}"),
        ("SELECT array_contains(l, n) FROM t", "true\nfalse\nfalse\nfalse\nfalse"),
        ("SELECT array_contains(l, 5), array_contains(l, 2.0), array_contains(array('1', '2'), 1) FROM t", "false,true,true\nfalse,false,true\nfalse,false,true\nfalse,false,true\ntrue,false,true"),
        ("SELECT array_remove(l, 5), array_position(l, 5) FROM t", "[3, 1, NULL, 2],0\n[],0\nNULL,NULL\n[NULL],0\n[],1"),
        ("SELECT array_remove(array(1), NULL), array_position(array(1), NULL)", "NULL,NULL"),
        ("SELECT hive_array_concat(l, array(n)), hive_array_concat(l, l) FROM t", "[3, 1, NULL, 2, 1],[3, 1, NULL, 2, 3, 1, NULL, 2]\n[2],[]\nNULL,NULL\n[NULL, -4],[NULL, NULL]\n[5, 5, 9223372036854775807],[5, 5, 5, 5]"),
        ("SELECT array_prepend(l, n) FROM t", "[1, 3, 1, NULL, 2]\n[2]\nNULL\n[-4, NULL]\n[9223372036854775807, 5, 5]"),
        ("SELECT array_min(l), array_max(l), array_distinct(l), array_join(l, ',') FROM t", "1,3,[3, 1, NULL, 2],3,1,2\nNULL,NULL,[],\nNULL,NULL,NULL,NULL\nNULL,NULL,[NULL],\n5,5,[5],5,5"),
        ("SELECT array_except(l, array(5)), array_intersect(l, array(5, 1)), array_union(l, array(5)), slice(l, 1, 2) FROM t", "[3, 1, NULL, 2],[1],[3, 1, NULL, 2, 5],[3, 1]\n[],[],[5],[]\nNULL,NULL,NULL,NULL\n[NULL],[],[NULL, 5],[NULL]\n[],[5],[5],[5, 5]"),
        ("SELECT sequence(n, 2) FROM t WHERE id < 5", "[1, 2]\n[2]\nNULL\n[-4, -3, -2, -1, 0, 1, 2]"),
        ("SELECT sequence(9223372036854775806, 9223372036854775807), sequence(5, 1, -2), sequence(1, NULL), sequence(3, 3, 0)", "[9223372036854775806, 9223372036854775807],[5, 3, 1],NULL,[3]"),
        ("SELECT sequence(DATE '2024-01-31', DATE '2024-04-30', INTERVAL '1' MONTH), sequence(DATE '2024-01-02', DATE '2024-01-01')", "[2024-01-31, 2024-02-29, 2024-03-31, 2024-04-30],[2024-01-02, 2024-01-01]"),
        ("SELECT flatten(array(l, array(n))) FROM t", "[3, 1, NULL, 2, 1]\n[2]\nNULL\n[NULL, -4]\n[5, 5, 9223372036854775807]"),
        ("SELECT size(l), size(NULL) FROM t", "4,-1\n0,-1\n-1,-1\n1,-1\n2,-1"),
        ("SELECT get_field(struct(id, s), 'col2'), struct(n) FROM t WHERE id = 4", "no date,{col1: -4}"),
        ("SELECT map_keys(map(n, s)), map_values(map(n, s)) FROM t WHERE id = 4", "[-4],[no date]"),
        ("SELECT hive_posexplode(l) FROM t", "[{pos: 0, col: 3}, {pos: 1, col: 1}, {pos: 2, col: NULL}, {pos: 3, col: 2}]\n[]\nNULL\n[{pos: 0, col: NULL}]\n[{pos: 0, col: 5}, {pos: 1, col: 5}]"),
        ("SELECT hive_explode_map(map(id, n)) FROM t WHERE id > 3", "[{key: 4, value: -4}]\n[{key: 5, value: 9223372036854775807}]"),
        ("SELECT u.pos, u.col FROM (SELECT unnest(hive_posexplode(l)) AS u FROM t) WHERE u.pos = 1", "1,1\n1,5"),
        ("SELECT hive_stack(2, id, s, n, 7) FROM t WHERE id < 3", "[{col0: 1, col1: 2024-02-29}, {col0: 1, col1: 7}]\n[{col0: 2, col1: 1969-12-31 23:59:59}, {col0: 2, col1: 7}]"),
        ("SELECT hive_stack(3, 1), sort_array(l), hive_index(l, 0) FROM t WHERE id > 9", ""),
    ])
    .await
}

#[tokio::test]
async fn what_cannot_be_is_an_error_and_no_panic() -> Result<()> {
    let context = context()?;
    for (query, part) in [
        ("SELECT sequence(1, 9223372036854775807)", "more than"),
        ("SELECT sequence(1, 5, -1)", "the other way"),
        (
            "SELECT sequence(DATE '2024-07-01', DATE '2025-01-01', INTERVAL '2' MONTH - INTERVAL '61' DAY)",
            "the other way",
        ),
        ("SELECT sequence(DATE '2024-07-01', date_add(DATE '2024-07-01', 2000000000))", "more than"),
        ("SELECT map(NULL, 1)", "NULL"),
        ("SELECT map(1)", "map(key, value, …)"),
        ("SELECT hive_stack(n, 1) FROM t", "constant"),
        ("SELECT hive_stack(0, 1)", "above 0"),
        ("SELECT hive_index(1, 1)", "hive_index(array or map, index or key)"),
        ("SELECT rand(n) FROM t", "constant"),
    ] {
        let error = rows(&context, query).await.unwrap_or_else(|error| error.to_string());
        assert!(error.contains(part), "{query}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn aggregates_at_the_edges() -> Result<()> {
    check(&[
        ("SELECT percentile(n, 0.5), percentile(n, array(0.0, 1.0)) FROM t WHERE id < 5", "1.0,[-4.0, 2.0]"),
        ("SELECT percentile(n, 0.5), percentile_approx(n, array(0.5)), histogram_numeric(n, 3), avg(CAST(n AS DECIMAL(10,2))) FROM t WHERE id = 3", "NULL,NULL,NULL,NULL"),
        ("SELECT id % 2 AS g, percentile(id, 0.5), percentile(id, array(0.25)), percentile_approx(id, 0.5), histogram_numeric(id, 2) FROM t GROUP BY g ORDER BY g",
         "0,3.0,[2.5],2.0,[{x: 2.0, y: 1.0}, {x: 4.0, y: 1.0}]\n1,3.0,[2.0],2.0,[{x: 1.0, y: 1.0}, {x: 4.0, y: 2.0}]"),
        ("SELECT percentile(DISTINCT x, 0.5), percentile(x, 0.5), sum(x) FROM (VALUES (1), (1), (1), (5)) AS v(x)", "3.0,1.0,8"),
        ("SELECT percentile(x, 0.5) FILTER (WHERE x > 1) FROM (VALUES (1), (1), (3), (5)) AS v(x)", "4.0"),
        ("SELECT percentile(x, 0.5) OVER (ORDER BY x ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM (VALUES (1), (3), (5)) AS v(x)", "1.0\n2.0\n3.0"),
        ("SELECT avg(CAST(x AS DECIMAL(38,0))), avg(CAST(-x AS DECIMAL(5,2))) FROM (VALUES (1), (1), (0)) AS v(x)", "0.6667,-0.666667"),
        ("SELECT avg(x), avg(CAST(x AS DECIMAL(3,1))) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM (VALUES (1), (2), (4)) AS v(x) GROUP BY x", "1.0,1.00000\n2.0,1.50000\n4.0,3.00000"),
        ("SELECT avg(CAST('99999999999999999999999999999999999999' AS DECIMAL(38,0))) FROM t", "NULL"),
        ("SELECT avg(x), avg(NULL), avg(DISTINCT x) FROM (VALUES (1), (1), (4)) AS v(x)", "2.0,NULL,2.5"),
        ("SELECT id % 2 AS g, avg(CAST(id AS DECIMAL(4,1))) FROM t GROUP BY g ORDER BY g", "0,3.00000\n1,3.00000"),
        ("SELECT stddev(n), variance(n), stddev_samp(n), var_samp(n), var_pop(n) FROM t WHERE id = 1", "0.0,0.0,NULL,NULL,0.0"),
        ("SELECT stddev(n), variance(n), corr(n, n), covar_samp(n, n), covar_pop(n, n) FROM t WHERE id = 3", "NULL,NULL,NULL,NULL,NULL"),
        ("SELECT corr(n, n), covar_samp(n, n), covar_pop(n, n) FROM t WHERE id = 1", "NULL,NULL,0.0"),
        ("SELECT collect_list(n), sort_array(collect_set(id % 2)) FROM t WHERE id > 9", "[],[]"),
        ("SELECT abs(percentile_approx(x, 0.5, 50) - 5000) < 500 FROM (SELECT unnest(sequence(1, 10000)) AS x)", "true"),
        ("SELECT id, size(collect_list(n)) FROM t GROUP BY id ORDER BY id", "1,1\n2,1\n3,0\n4,1\n5,1"),
    ])
    .await
}

#[tokio::test]
async fn aggregates_with_wrong_arguments() -> Result<()> {
    let context = context()?;
    for (query, part) in [
        ("SELECT percentile(n, 2) FROM t", "from 0 to 1"),
        ("SELECT percentile(n, n) FROM t", "must be constant"),
        ("SELECT percentile(n) FROM t", "percentile(number, p or array of p)"),
        ("SELECT percentile_approx(n, 0.5, 0) FROM t", "2 or more"),
        ("SELECT histogram_numeric(s, 3) FROM t", "histogram_numeric(number, bins)"),
        ("SELECT percentile(n, array(NULL)) FROM t", "NULL"),
    ] {
        let error = rows(&context, query).await.unwrap_or_else(|error| error.to_string());
        assert!(error.contains(part), "{query}: {error}");
    }
    Ok(())
}
