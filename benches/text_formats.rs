//! How do the readers of Hive's text formats compare with DataFusion's CSV and JSON readers? See README.md.

mod harness {
    pub mod outcome;
}

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use datafusion::prelude::SessionContext;
use harness::outcome::exit_code;
use ostrich::session::{Session, SessionOptions};
use ostrich::sql::dialect::Dialect;

#[derive(Parser)]
struct Arguments {
    /// The table lineitem of TPC-H, a Parquet file
    #[arg(long, value_name = "FILE")]
    lineitem: PathBuf,
    /// The best of so many runs counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Given by cargo bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// The columns of lineitem.
const COLUMNS: [(&str, &str); 16] = [
    ("l_orderkey", "BIGINT"),
    ("l_partkey", "BIGINT"),
    ("l_suppkey", "BIGINT"),
    ("l_linenumber", "INT"),
    ("l_quantity", "DECIMAL(15, 2)"),
    ("l_extendedprice", "DECIMAL(15, 2)"),
    ("l_discount", "DECIMAL(15, 2)"),
    ("l_tax", "DECIMAL(15, 2)"),
    ("l_returnflag", "STRING"),
    ("l_linestatus", "STRING"),
    ("l_shipdate", "DATE"),
    ("l_commitdate", "DATE"),
    ("l_receiptdate", "DATE"),
    ("l_shipinstruct", "STRING"),
    ("l_shipmode", "STRING"),
    ("l_comment", "STRING"),
];

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Runtime::new();
    exit_code(runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run(&arguments))))
}

async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let stock = SessionContext::new();
    let (csv, json) = write_texts(&stock, &arguments.lineitem, folder.path()).await?;
    let columns = |string: &str| {
        COLUMNS.map(|(name, data_type)| format!("{name} {}", data_type.replace("STRING", string))).join(", ")
    };
    for (name, path, format) in
        [("csv", &csv, "OPTIONS ('format.delimiter' '|', 'format.has_header' 'false')"), ("json", &json, "")]
    {
        let columns = columns("VARCHAR");
        stock
            .sql(&format!("CREATE EXTERNAL TABLE {name} ({columns}) STORED AS {name} LOCATION '{path}' {format}"))
            .await?;
    }
    let ours = Session::open(SessionOptions { base: Some(folder.path().into()), ..SessionOptions::default() }).await?;
    ours.set_dialect(Dialect::Hive);
    let pattern = vec![r"([^|]*)"; COLUMNS.len()].join(r"\\|");
    for (name, path, format) in [
        ("hive_text", &csv, "ROW FORMAT DELIMITED FIELDS TERMINATED BY '|' STORED AS TEXTFILE".to_string()),
        (
            "hive_json",
            &json,
            "ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe' STORED AS TEXTFILE".to_string(),
        ),
        (
            "hive_regex",
            &csv,
            format!(
                "ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe' \
                 WITH SERDEPROPERTIES ('input.regex' = '{pattern}') STORED AS TEXTFILE"
            ),
        ),
    ] {
        ours.query(&format!("CREATE EXTERNAL TABLE {name} ({}) {format} LOCATION '{path}'", columns("STRING"))).await?;
    }

    println!("| reader, all columns of lineitem | s | DataFusion's | s | ratio |\n|---|---:|---|---:|---:|");
    for (name, relative) in [("hive_text", "csv"), ("hive_json", "json"), ("hive_regex", "json")] {
        let mut best = [f64::INFINITY; 2];
        for _ in 0..arguments.runs {
            let start = Instant::now();
            let rows = ours.query(&values_of(name)).await?;
            best[0] = best[0].min(start.elapsed().as_secs_f64());
            let start = Instant::now();
            let expected = stock.sql(&values_of(relative)).await?.collect().await?;
            best[1] = best[1].min(start.elapsed().as_secs_f64());
            let shown =
                |batches: &[_]| arrow::util::pretty::pretty_format_batches(batches).map(|text| text.to_string());
            if shown(&rows)? != shown(&expected)? {
                return Err(format!("{name} and {relative} differ:\n{}\n{}", shown(&rows)?, shown(&expected)?).into());
            }
        }
        println!("| {name} | {:.2} | {relative} | {:.2} | {:.2} |", best[0], best[1], best[0] / best[1]);
    }
    Ok(())
}

/// A query that has to read each value of each column.
fn values_of(table: &str) -> String {
    format!("SELECT {} FROM {table}", COLUMNS.map(|(name, _)| format!("max({name}) AS {name}")).join(", "))
}

/// Writes the table as text, and as JSON, each into a folder of its own; gives the folders.
async fn write_texts(
    context: &SessionContext,
    lineitem: &Path,
    folder: &Path,
) -> Result<(String, String), Box<dyn Error>> {
    context.register_parquet("lineitem", lineitem.to_string_lossy(), Default::default()).await?;
    let mut folders = Vec::new();
    for (name, options) in [("csv", "OPTIONS ('format.delimiter' '|', 'format.has_header' 'false')"), ("json", "")] {
        let path = format!("{}/{name}/", folder.display());
        let sql = format!("COPY lineitem TO '{path}' STORED AS {name} {options}");
        context.sql(&sql).await?.collect().await?;
        folders.push(path);
    }
    match <[String; 2]>::try_from(folders) {
        Ok([csv, json]) => Ok((csv, json)),
        Err(_) => Err("two folders were to be written".into()),
    }
}
