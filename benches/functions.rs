//! How do our functions compare with DataFusion's nearest relatives, on a million rows? See README.md.

mod harness {
    pub mod outcome;
}

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use harness::outcome::exit_code;
use ostrich::session::{Session, SessionOptions};
use ostrich::sql::dialect::Dialect;

#[derive(Parser)]
struct Arguments {
    /// The best of so many runs counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    rows: usize,
    /// Only calls that contain this
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,
    /// Given by cargo bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// A call of ours, the dialect that has it, the relative's call, and a column that it reads.
type Pair = (Dialect, &'static str, &'static str, &'static str);

use Dialect::{Ansi, Hive};

/// What is compared: the greatest value of each call, so that all of them are computed.
const PAIRS: &[Pair] = &[
    // Strings
    (Hive, "max(instr(s, 'ar'))", "max(strpos(s, 'ar'))", "s"),
    (Hive, "max(locate('ar', s))", "max(strpos(s, 'ar'))", "s"),
    (Hive, "max(concat_ws('-', s, digits))", "max(concat_ws('-', s, digits))", "s"),
    (Hive, "max(concat(s, digits))", "max(s || digits)", "s"),
    (Hive, "max(initcap(s))", "max(initcap(s))", "s"),
    (Hive, "max(lpad(s, 30, '*'))", "max(lpad(s, 30, '*'))", "s"),
    (Hive, "max(rpad(s, 30, '*'))", "max(rpad(s, 30, '*'))", "s"),
    (Hive, "max(substr(s, 3, 5))", "max(substr(s, 3, 5))", "s"),
    (Hive, "max(substring_index(s, ' ', 2))", "max(substr_index(s, ' ', 2))", "s"),
    (Hive, "max(translate(s, 'aeiou', 'AEIOU'))", "max(translate(s, 'aeiou', 'AEIOU'))", "s"),
    (Hive, "max(regexp_replace(s, '[aeiou]+', '_'))", "max(regexp_replace(s, '[aeiou]+', '_', 'g'))", "s"),
    (Hive, "max(regexp_extract(s, '([a-z]+) ([a-z]+)', 2))", "max(regexp_match(s, '([a-z]+) ([a-z]+)')[2])", "s"),
    (Hive, "max(size(split(s, ' ')))", "max(array_length(string_to_array(s, ' ')))", "s"),
    (Hive, "max(levenshtein(s, digits))", "max(levenshtein(s, digits))", "s"),
    (Hive, "max(find_in_set('7', digits))", "max(find_in_set('7', digits))", "digits"),
    (Hive, "max(length(s))", "max(character_length(s))", "s"),
    (Hive, "max(upper(s))", "max(upper(s))", "s"),
    (Hive, "max(trim(s))", "max(trim(s))", "s"),
    (Hive, "max(reverse(s))", "max(reverse(s))", "s"),
    (Hive, "max(hex(n))", "max(to_hex(n))", "n"),
    (Hive, "max(conv(n, 10, 16))", "max(to_hex(n))", "n"),
    (Hive, "max(md5(s))", "max(md5(s))", "s"),
    (Hive, "max(sha2(s, 256))", "max(encode(sha256(s), 'hex'))", "s"),
    (Hive, "max(base64(cast(s AS BINARY)))", "max(encode(s, 'base64'))", "s"),
    (Hive, "max(cast(digits AS BIGINT))", "max(try_cast(digits AS BIGINT))", "digits"),
    (Hive, "max(s LIKE '%ar%')", "max(s LIKE '%ar%')", "s"),
    (Hive, "max(s RLIKE 'ar.*e')", "max(s ~ 'ar.*e')", "s"),
    (Ansi, "max(split_part(s, ' ', 2))", "max(split_part(s, ' ', 2))", "s"),
    (Ansi, "max(encode(s, 'base64'))", "max(encode(s, 'base64'))", "s"),
    (Ansi, "max(strposb(s, 'ar'))", "max(strpos(s, 'ar'))", "s"),
    (Ansi, "max(mod(n, 7))", "max(n % 7)", "n"),
    // Dates
    (Hive, "max(add_months(d, 1))", "max(d + INTERVAL '1 month')", "d"),
    (Hive, "max(date_add(d, 3))", "max(d + INTERVAL '3 days')", "d"),
    (Hive, "max(datediff(d, DATE '2020-01-01'))", "max(d - DATE '2020-01-01')", "d"),
    (Hive, "max(date_format(ts, 'yyyy-MM-dd HH:mm'))", "max(to_char(ts, '%Y-%m-%d %H:%M'))", "ts"),
    (Hive, "max(from_unixtime(n))", "max(to_char(to_timestamp_seconds(n), '%Y-%m-%d %H:%M:%S'))", "n"),
    (Hive, "max(unix_timestamp(ts))", "max(to_unixtime(ts))", "ts"),
    (Hive, "max(last_day(d))", "max(date_trunc('month', d))", "d"),
    (Hive, "max(trunc(d, 'MM'))", "max(date_trunc('month', d))", "d"),
    (Hive, "max(next_day(d, 'MON'))", "max(date_trunc('week', d))", "d"),
    (Hive, "max(year(d))", "max(date_part('year', d))", "d"),
    (Hive, "max(weekofyear(d))", "max(date_part('week', d))", "d"),
    (Hive, "max(to_date(ts))", "max(cast(ts AS DATE))", "ts"),
    (Hive, "max(cast(day AS DATE))", "max(try_cast(day AS DATE))", "day"),
    (Ansi, "max(to_char(ts, 'YYYY-MM-DD HH24:MI'))", "max(to_char(ts, '%Y-%m-%d %H:%M'))", "ts"),
    (Ansi, "max(to_date(day, 'YYYY-MM-DD'))", "max(to_date(day, '%Y-%m-%d'))", "day"),
    (Ansi, "max(date_part('month', ts))", "max(date_part('month', ts))", "ts"),
    // Collections
    (Hive, "max(sort_array(xs)[0])", "max(array_sort(xs)[1])", "n"),
    (Hive, "max(array_contains(xs, 3))", "max(array_has(xs, 3))", "n"),
    (Hive, "max(size(xs))", "max(array_length(xs))", "n"),
    (Hive, "max(xs[1])", "max(xs[2])", "n"),
    (Hive, "max(map('a', n)['a'])", "max(map(['a'], [n])['a'])", "n"),
    (Hive, "max(size(map_keys(map('a', n))))", "max(array_length(map_keys(map(['a'], [n]))))", "n"),
    (Hive, "max(array(n, 1)[0])", "max(make_array(n, 1)[1])", "n"),
    // Aggregates
    (Hive, "size(collect_list(n))", "array_length(array_agg(n))", "n"),
    (Hive, "size(collect_set(n % 1000))", "array_length(array_agg(DISTINCT n % 1000))", "n"),
    (Hive, "percentile_approx(x, 0.5)", "approx_percentile_cont(x, 0.5)", "x"),
    (Hive, "stddev_pop(x)", "stddev_pop(x)", "x"),
    // Numbers
    (Hive, "max(bround(x, 1))", "max(round(x, 1))", "x"),
    (Hive, "max(round(x, 1))", "max(round(x, 1))", "x"),
    (Hive, "max(pmod(n, 7))", "max(n % 7)", "n"),
    (Hive, "max(n / 7)", "max(cast(n AS DOUBLE) / 7)", "n"),
    (Hive, "max(shiftleft(n, 2))", "max(n << 2)", "n"),
];

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Runtime::new();
    exit_code(runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run(&arguments))))
}

async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("t.parquet");
    let stock = SessionContext::new();
    make_table(&stock, &file, arguments.rows).await?;
    let path = file.to_string_lossy().into_owned();
    stock.register_parquet("t", &path, ParquetReadOptions::default()).await?;
    let ours = Session::open(SessionOptions { base: Some(folder.path().into()), ..SessionOptions::default() }).await?;
    ours.register_data(&path).await?;

    println!("| call | ms | DataFusion's relative | ms | ratio |\n|---|---:|---|---:|---:|");
    let mut slow = Vec::new();
    for (dialect, call, relative, column) in PAIRS.iter().filter(|pair| pair.1.contains(&arguments.filter)) {
        let mut best = [f64::INFINITY; 3];
        let reading = format!("SELECT max({column}) FROM t");
        let (call_sql, relative_sql) = (format!("SELECT {call} FROM t"), format!("SELECT {relative} FROM t"));
        for _ in 0..arguments.runs {
            ours.set_dialect(*dialect);
            let start = Instant::now();
            ours.query(&call_sql).await.map_err(|error| format!("{call}: {error}"))?;
            best[0] = best[0].min(milliseconds(start));
            for (sql, best) in [&relative_sql, &reading].into_iter().zip(&mut best[1..]) {
                let start = Instant::now();
                stock.sql(sql).await?.collect().await.map_err(|error| format!("{sql}: {error}"))?;
                *best = best.min(milliseconds(start));
            }
        }
        let [call_time, relative_time, reading] = best;
        // The time of reading is not the function's. What is left of a quick function may be noise.
        let own = |time: f64| (time - reading).max(1.0);
        let ratio = own(call_time) / own(relative_time);
        println!("| `{call}` | {call_time:.1} | `{relative}` | {relative_time:.1} | {ratio:.2} |");
        if ratio > 1.5 {
            slow.push(format!("{call} {ratio:.2}"));
        }
    }
    println!("\nSlower than 1.5 times the relative: {}", if slow.is_empty() { "none".into() } else { slow.join(", ") });
    Ok(())
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1000.0
}

/// Texts of two to four words, numbers, days and times, lists of three.
async fn make_table(context: &SessionContext, file: &Path, rows: usize) -> Result<(), Box<dyn Error>> {
    let words = "['apple', 'bar', 'carpet', 'dune', 'early', 'far', 'garden', 'harp']";
    let sql = format!(
        "COPY (SELECT value AS n, value * 0.37 AS x, \
             {words}[value % 8 + 1] || ' ' || {words}[value % 5 + 1] || ' ' || {words}[value % 7 + 1] AS s, \
             CAST(value % 100000 AS VARCHAR) AS digits, \
             DATE '2020-01-01' + CAST(value % 3000 AS INT) AS d, \
             CAST(DATE '2020-01-01' + CAST(value % 3000 AS INT) AS VARCHAR) AS day, \
             to_timestamp_seconds(1577836800 + value * 61) AS ts, \
             [value % 7, value % 3, value % 11] AS xs \
         FROM generate_series(1, {rows})) TO '{}' STORED AS PARQUET",
        file.display()
    );
    context.sql(&sql).await?.collect().await?;
    Ok(())
}
