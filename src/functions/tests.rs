//! Every example in the help gives what the help says, and the corners of each function

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::config::Dialect as ParserDialect;
use datafusion::datasource::MemTable;
use datafusion::error::Result;
use datafusion::execution::{SessionStateBuilder, SessionStateDefaults};
use datafusion::prelude::{SessionConfig, SessionContext};

use super::entry::{Callable, Entry};
use super::{ansi, entries, hive, shared};
use crate::session::{Session, SessionOptions};
use crate::sql::dialect::Dialect;

fn register(context: &SessionContext, entries: Vec<Entry>) {
    for entry in entries {
        match entry.function {
            Callable::Scalar(function) => context.register_udf(function.as_ref().clone()),
            Callable::Aggregate(function) => context.register_udaf(function.as_ref().clone()),
            Callable::Window(function) => context.register_udwf(function.as_ref().clone()),
            Callable::Known => {}
        }
    }
}

fn hive_context() -> SessionContext {
    let mut config = SessionConfig::new().with_target_partitions(1);
    config.options_mut().sql_parser.dialect = ParserDialect::Hive;
    let mut planners = hive::expr_planners();
    planners.extend(SessionStateDefaults::default_expr_planners());
    let state = SessionStateBuilder::new().with_config(config).with_default_features().with_expr_planners(planners);
    let context = SessionContext::new_with_state(state.build());
    datafusion_spark::register_all(&mut *context.state_ref().write()).unwrap();
    register(&context, shared::entries());
    register(&context, hive::entries());
    context
}

fn ansi_context() -> SessionContext {
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    register(&context, shared::entries());
    register(&context, ansi::entries());
    context
}

/// A row a line, values separated by commas, as the help has it.
async fn rows(context: &SessionContext, query: &str) -> Result<String> {
    lines(&context.sql(query).await?.collect().await?)
}

fn lines(batches: &[RecordBatch]) -> Result<String> {
    let options = FormatOptions::default().with_null("NULL");
    let mut lines = Vec::new();
    for batch in batches {
        let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            lines.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join(","));
        }
    }
    Ok(lines.join("\n"))
}

/// In a session, as a user would run them.
async fn examples_hold(dialect: Dialect) {
    let options = SessionOptions { dialect, ..SessionOptions::default() };
    let session = Session::open(options).await.expect("a session");
    let mut wrong = Vec::new();
    for help in entries(dialect).iter().map(|entry| entry.help) {
        match session.query(help.example).await.map_err(|error| error.to_string()) {
            Ok(batches) => match lines(&batches) {
                Ok(given) if given == help.gives => {}
                Ok(given) => wrong.push(format!("{}: {given:?} instead of {:?}", help.example, help.gives)),
                Err(error) => wrong.push(format!("{}: {error}", help.example)),
            },
            Err(error) => wrong.push(format!("{}: {error}", help.example)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_examples_of_hive_hold() {
    examples_hold(Dialect::Hive).await;
}

#[tokio::test]
async fn the_examples_of_ansi_hold() {
    examples_hold(Dialect::Ansi).await;
}

async fn gives(context: &SessionContext, cases: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (expression, expected) in cases {
        match rows(context, &format!("SELECT {expression}")).await {
            Ok(given) if given == *expected => {}
            Ok(given) => wrong.push(format!("{expression}: {given:?} instead of {expected:?}")),
            Err(error) => wrong.push(format!("{expression}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn fails(context: &SessionContext, cases: &[(&str, &str)]) {
    for (expression, reason) in cases {
        let error = rows(context, &format!("SELECT {expression}")).await.expect_err(expression).to_string();
        assert!(error.contains(reason), "{expression}: {error}");
    }
}

/// A table with NULLs, empty texts and characters of more than one byte, in batches that are slices of a larger one.
fn with_rows(context: &SessionContext) {
    let texts = StringArray::from(vec![
        Some("before"),
        Some("abc"),
        None,
        Some(""),
        Some("äöü😀x"),
        Some("a,b,,c"),
        Some("after"),
    ]);
    let numbers = Int32Array::from(vec![Some(9), Some(1), Some(2), None, Some(-2), Some(0), Some(9)]);
    let batch =
        RecordBatch::try_from_iter([("t", Arc::new(texts) as ArrayRef), ("n", Arc::new(numbers) as ArrayRef)]).unwrap();
    let schema =
        Arc::new(Schema::new(vec![Field::new("t", DataType::Utf8, true), Field::new("n", DataType::Int32, true)]));
    let batches = vec![batch.slice(1, 3), batch.slice(0, 0), batch.slice(4, 2)]
        .into_iter()
        .map(|batch| RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec()).unwrap())
        .collect();
    let table = MemTable::try_new(schema, vec![batches]).unwrap();
    context.register_table("rows", Arc::new(table)).unwrap();
}

async fn columns_give(context: &SessionContext, cases: &[(&str, [&str; 5])]) {
    with_rows(context);
    for types in ["t", "arrow_cast(t, 'LargeUtf8')", "arrow_cast(t, 'Utf8View')"] {
        for (expression, expected) in cases {
            let query = format!("SELECT {expression} FROM (SELECT {types} AS t, n FROM rows)");
            let given = rows(context, &query).await.unwrap_or_else(|error| panic!("{query}: {error}"));
            assert_eq!(given, expected.join("\n"), "{query}");
        }
    }
    for (expression, _) in cases {
        let query = format!("SELECT {expression} FROM rows WHERE t = 'there is none'");
        assert_eq!(rows(context, &query).await.unwrap(), "", "{query}");
    }
}

#[tokio::test]
async fn hives_functions_take_columns() {
    let cases = [
        ("substr(t, 2)", ["bc", "NULL", "", "öü😀x", ",b,,c"]),
        ("substr(t, n, 2)", ["ab", "NULL", "NULL", "😀x", "a,"]),
        ("substr('constant', n)", ["constant", "onstant", "NULL", "nt", "constant"]),
        ("length(t)", ["3", "NULL", "0", "5", "6"]),
        ("concat(t, '-', n)", ["abc-1", "NULL", "NULL", "äöü😀x--2", "a,b,,c-0"]),
        ("concat_ws('-', t, n)", ["abc-1", "2", "", "äöü😀x--2", "a,b,,c-0"]),
        ("lpad(t, 4, 'é')", ["éabc", "NULL", "éééé", "äöü😀", "a,b,"]),
        ("rpad(t, n, '*')", ["a", "NULL", "NULL", "", ""]),
        ("repeat(t, n)", ["abc", "NULL", "NULL", "", ""]),
        ("instr(t, 'ü')", ["0", "NULL", "0", "3", "0"]),
        ("instr('abc', t)", ["1", "NULL", "1", "0", "0"]),
        ("locate('b', t, n)", ["2", "NULL", "0", "0", "0"]),
        ("field('abc', t)", ["1", "0", "0", "0", "0"]),
        ("initcap(t)", ["Abc", "NULL", "", "Äöü😀x", "A,b,,c"]),
        ("reverse(t)", ["cba", "NULL", "", "x😀üöä", "c,,b,a"]),
        ("translate(t, 'aä', 'A')", ["Abc", "NULL", "", "öü😀x", "A,b,,c"]),
        ("replace(t, ',', ';;')", ["abc", "NULL", "", "äöü😀x", "a;;b;;;;c"]),
        ("regexp_extract(t, '(.)$')", ["c", "NULL", "", "x", "c"]),
        ("regexp_replace(t, '[bö]', '<$0>')", ["a<b>c", "NULL", "", "ä<ö>ü😀x", "a,<b>,,c"]),
        ("regexp_replace('abc', t, '-')", ["-", "NULL", "-a-b-c-", "abc", "abc"]),
        ("rlike(t, '^.{5}$')", ["false", "NULL", "false", "true", "false"]),
        ("array_length(split(t, ','))", ["1", "NULL", "1", "1", "4"]),
        ("map_keys(str_to_map(t))[1]", ["abc", "NULL", "", "äöü😀x", "a"]),
        ("hash(t, n)", ["2986975", "2", "0", "-1467066486", "1540054996"]),
        ("mask(t)", ["xxx", "NULL", "", "xxx😀x", "x,x,,x"]),
        ("isnull(t)", ["false", "true", "false", "false", "false"]),
        ("get_json_object(t, '$.a')", ["NULL"; 5]),
        ("parse_url(concat('http://h/', t), 'FILE')", ["/abc", "NULL", "/", "/äöü😀x", "/a,b,,c"]),
        ("format_number(n, 1)", ["1.0", "2.0", "NULL", "-2.0", "0.0"]),
        ("decode(encode(t, 'UTF-16'), 'UTF-16')", ["abc", "NULL", "", "äöü😀x", "a,b,,c"]),
    ];
    columns_give(&hive_context(), &cases).await;
}

#[tokio::test]
async fn ansis_functions_take_columns() {
    let cases = [
        ("split_part(t, ',', 2)", ["NULL", "NULL", "NULL", "NULL", "b"]),
        ("split_part(t, ',', 1)", ["abc", "NULL", "", "äöü😀x", "a"]),
        ("split_part('a,b', ',', n)", ["a", "b", "NULL", "a", "NULL"]),
        ("strposb(t, 'ü')", ["0", "NULL", "0", "5", "0"]),
        ("locate(t, 'b', n)", ["2", "NULL", "NULL", "0", "3"]),
        ("quote_ident(t)", ["abc", "NULL", "\"\"", "\"äöü😀x\"", "\"a,b,,c\""]),
        ("to_bin(n)", ["1", "10", "NULL", "11111111111111111111111111111110", "0"]),
        ("decode(encode(t, 'base64'), 'base64')", ["abc", "NULL", "", "äöü😀x", "a,b,,c"]),
        ("decode(encode(t, 'unicode'), 'unicode')", ["abc", "NULL", "", "äöü😀x", "a,b,,c"]),
        ("digest(t, 'sha256') = encode(sha256(t), 'hex')", ["true", "NULL", "true", "true", "true"]),
        ("mod(7, n + 3)", ["3", "2", "NULL", "0", "1"]),
        ("to_char(n, 'FM99')", ["1", "2", "NULL", "-2", "0"]),
        ("json_array_get('[1,2,3]', n)", ["2", "3", "NULL", "2", "1"]),
        (
            "add_days(DATE '2024-02-28', n)",
            ["2024-02-29T00:00:00", "2024-03-01T00:00:00", "NULL", "2024-02-26T00:00:00", "2024-02-28T00:00:00"],
        ),
    ];
    columns_give(&ansi_context(), &cases).await;
}

#[tokio::test]
async fn the_corners_of_hives_functions() {
    let context = hive_context();
    gives(
        &context,
        &[
            (
                "concat(CAST(1e10 AS DOUBLE), '|', 0.001, '|', TIMESTAMP '2024-01-02 03:04:05.120')",
                "1.0E10|0.001|2024-01-02 03:04:05.12",
            ),
            (
                "concat(arrow_cast('2024-01-02T03:04:05', 'Timestamp(Second, Some(\"+02:00\"))'), '')",
                "2024-01-02 03:04:05",
            ),
            ("substr('abc', -5, 4), substr('abc', 9), substr(NULL, 1)", ",,NULL"),
            ("substring('Facebook' FROM 5 FOR 2), substring(12345, 2, 2)", "bo,23"),
            ("repeat('', 1000000000000), repeat('a', -9223372036854775807)", ","),
            ("lpad('a', 3, ''), rpad('a', 0, 'x')", "NULL,"),
            ("locate('a', 'aaa', 0), locate('a', 'aaa', NULL), locate('a', 'aaa', -9223372036854775807)", "0,0,0"),
            ("instr('', ''), instr('a', ''), instr('', 'a')", "1,1,0"),
            ("regexp_replace('a1b22', '([a-z])(\\d)', '$2$1'), regexp_replace('abc', 'b', '\\$')", "1a2b2,a$c"),
            ("regexp_extract('ab', '(a)|(b)', 2), regexp_extract('x', 'y(.)')", "NULL,"),
            ("length(regexp_replace('a\nb', '.', ''))", "1"),
            ("split('a.b', '.')", "[, , , ]"),
            ("split('abc', '')", "[a, b, c, ]"),
            ("str_to_map('a=1&b=2&a=3', '&', '=')", "{a: 3, b: 2}"),
            ("format_number(NULL, 2), format_number(1, NULL), format_number(1, -1)", "NULL,NULL,NULL"),
            ("format_number(CAST(-2.5 AS DECIMAL(3,1)), 0), format_number(0.5, '0%')", "-2,50%"),
            ("field('1', 1, '2'), field('x', NULL)", "1,0"),
            ("find_in_set('a,b', 'a,b'), find_in_set(2, '1,2')", "0,2"),
            ("hash(-1, CAST(-1 AS INT)), hash(1.5, DATE '1970-01-02')", "-1,-1089994751"),
            ("mask_first_n('Ab1', 2), mask_show_last_n(12345, 2), mask('Ab1', -1, -1, -1)", "Xx1,11145,Ab1"),
            ("mask(DATE '2024-05-06'), mask_first_n('äB', 9), mask_last_n('abc', -1)", "0001-01-01,xX,abc"),
            ("initcap('straße ßx'), initcap('')", "Straße Ssx,"),
            ("get_json_object('{\"a\":1', '$.a'), get_json_object(NULL, '$.a')", "NULL,NULL"),
            ("parse_url('not an address', 'HOST'), parse_url('http://h/', 'QUERY', 'k')", "NULL,NULL"),
            ("chr(0) = '', translate('abc', '', 'x'), soundex('')", "false,abc,"),
        ],
    )
    .await;
    fails(
        &context,
        &[
            ("repeat('ab', 1000000000000)", "more than 2 GiB"),
            ("space(3000000000)", "more than 2 GiB"),
            ("rpad('a', 9223372036854775807, 'b')", "more than 2 GiB"),
            ("regexp_extract('a', '(?=a)')", "lookahead"),
            ("regexp_extract('a', 'a', 1)", "there is no group 1"),
            ("regexp_replace('a', 'a', '$')", "a $ without a group"),
            ("rlike('a', '(')", "is not a regular expression"),
            ("rlike('a', '(x{1000}){1000}')", "or it is too large"),
            ("lpad('a')", "lpad(text, length[, with])"),
            ("lpad(make_array('a'), 1)", "lpad(text, length[, with])"),
            ("concat()", "concat(text, …)"),
            ("encode('ä', 'US-ASCII')", "has a character"),
            ("encode('ä', 'EBCDIC')", "there is no character set"),
            ("assert_true(1 > 2, 'as said')", "as said"),
            ("assert_true(NULL)", "does not hold"),
            ("format_number('1', make_array(1))", "format_number"),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_corners_of_ansis_functions() {
    let context = ansi_context();
    gives(
        &context,
        &[
            ("to_char(TIMESTAMP '2024-01-02 15:04:05.006', 'HH12:MI:SS.MS AM'), to_char(DATE '2024-12-30', 'IYYY-IW')", "03:04:05.006 PM,2025-01"),
            ("to_char(DATE '2024-01-02', '%Y/%m'), to_char(NULL, 'YYYY'), to_char(1, NULL)", "2024/01,NULL,NULL"),
            ("to_char(arrow_cast('2024-01-02T03:04:05', 'Timestamp(Second, Some(\"+02:00\"))'), 'HH24 TZ TZH:TZM')", "03 +02:00 +02:00"),
            ("to_char(485, '999th'), to_char(-0.5, '0.9'), to_char(CAST(1234.5 AS DECIMAL(9,2)), 'FM9,999.00')", " 485th,-0.5,1,234.50"),
            ("to_date('2024/02/29', '%Y/%m/%d'), to_date(NULL, 'YYYY'), to_date('2024060', 'YYYYDDD')", "2024-02-29,NULL,2024-02-29"),
            ("to_timestamp(1.5), to_timestamp('2024-01-02 03:04:00')", "1970-01-01T00:00:01.500,2024-01-02T03:04:00"),
            ("split_part('', ',', 1), split_part('a', ',', 0)", ",NULL"),
            ("locate('abc', ''), locate('abc', '', 4), locate('abc', '', 5), locate('abc', 'a', -1)", "1,4,0,0"),
            ("mod(-7, 3), mod(7.5, 2.0), mod(CAST(7.5 AS DECIMAL(3,1)), 2), mod(NULL, 2)", "-1,1.5,1.5,NULL"),
            ("mod(1.0, 0.0)", "NaN"),
            ("digest('a', NULL), digest('', 'md5'), length(digest('a', 'sha224'))", "NULL,d41d8cd98f00b204e9800998ecf8427e,56"),
            ("json_extract_path_text('{\"a\":[{\"b\":null}]}', '$.a[0].b'), json_array_get('x', 0), json_array_contains('[1,2.5]', 2.5)", "NULL,NULL,true"),
            ("add_months(TIMESTAMP '2024-03-31 01:02:03', -1)", "2024-02-29T01:02:03"),
            ("utc_usec_to('month', -1), utc_usec_to('hour', -1)", "-2678400000000,-3600000000"),
            ("to_bin(-1), to_bin(9223372036854775807) = repeat('1', 63)", "11111111111111111111111111111111,true"),
        ],
    )
    .await;
    fails(
        &context,
        &[
            ("mod(1, 0)", "ivide by zero"),
            ("decode('zz', 'hex')", "'zz' is not hex"),
            ("decode('ff', 'hex')", "bytes that are no text"),
            ("encode('a', 'rot13')", "'rot13' is no encoding"),
            ("add_days(DATE '2024-01-01', 9223372036854775807)", "out of the range"),
            ("add_months(DATE '2024-01-01', -9223372036854775807)", "out of the range"),
            ("utc_usec_to('eon', 1)", "not to 'eon'"),
            ("to_date('2024-02-30', 'YYYY-MM-DD')", "no such date"),
            ("to_char('text', 'YYYY')", "to_char takes a date"),
            ("to_char(1, '9.9.9')", "two points"),
            ("digest('a', 'crc')", "crc"),
            ("locate('a')", "locate(text, part[, start])"),
        ],
    )
    .await;
}
