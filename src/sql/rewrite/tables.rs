//! What stands behind a table in FROM.
//!
//! DataFusion's planner reads a table's name and alias and leaves the rest unread: a TABLESAMPLE would give the whole table,
//! `WITH ORDINALITY` no numbers, `a INT` behind an alias no INT. Each is refused. Names of table functions are made lower
//! case, as other names are: `FROM GENERATE_SERIES(1, 2)` → `FROM generate_series(1, 2)`.

use sqlparser::ast::{FunctionArg, Ident, ObjectName, ObjectNamePart, Spanned, TableAlias, TableFactor};
use sqlparser::tokenizer::Span;

use super::Refusal;
use super::ast::{bare, is_word};
use super::cte::refuse_column_types;

pub(super) fn to_datafusion(factor: &mut TableFactor) -> Result<(), Refusal> {
    match factor {
        TableFactor::Table { name, alias, args, with_ordinality, partitions, sample, .. } => {
            refuse_alias(alias.as_ref())?;
            let span = name.span();
            if sample.is_some() {
                return Err(sampled(span));
            }
            if *with_ordinality {
                return Err(numbered(span));
            }
            if let Some(partition) = partitions.first() {
                return Err(Refusal::new("PARTITION behind a table is not supported", partition.span)
                    .help("filter by the partition columns in WHERE"));
            }
            if args.is_some() {
                return table_function(name);
            }
            match (bare(name), alias) {
                (Some(only), Some(alias)) if is_word(only, "only") && !alias.explicit => {
                    Err(Refusal::new("ONLY is not supported", only.span)
                        .help(format!("leave it out: no table inherits from another; FROM {}", alias.name)))
                }
                _ => Ok(()),
            }
        }
        TableFactor::Derived { subquery, alias, sample, .. } => {
            refuse_alias(alias.as_ref())?;
            match sample {
                Some(_) => Err(sampled(alias.as_ref().map_or_else(|| subquery.span(), |alias| alias.name.span))),
                None => Ok(()),
            }
        }
        TableFactor::Function { name, args, with_ordinality, alias, .. } => {
            refuse_alias(alias.as_ref())?;
            if *with_ordinality {
                return Err(numbered(name.span()));
            }
            match args.iter().find_map(name_of) {
                Some((argument, span)) => {
                    Err(Refusal::new(format!("a table function takes no argument by name, as {argument} is"), span)
                        .help("give the arguments in their order"))
                }
                None => Ok(()),
            }
        }
        TableFactor::UNNEST { alias, array_exprs, with_offset, with_ordinality, .. } => {
            refuse_alias(alias.as_ref())?;
            let span = array_exprs.first().map_or(Span::empty(), Spanned::span);
            match (*with_ordinality, *with_offset) {
                (true, _) => Err(numbered(span)),
                (_, true) => Err(Refusal::new("WITH OFFSET is not supported", span).help(NUMBER_ROWS)),
                _ => Ok(()),
            }
        }
        TableFactor::NestedJoin { alias, .. } => refuse_alias(alias.as_ref()),
        TableFactor::TableFunction { expr, .. } => Err(Refusal::new("TABLE(…) in FROM is not supported", expr.span())
            .help("call the function without TABLE: FROM generate_series(1, 10)")),
        TableFactor::Pivot { table, .. } => Err(Refusal::new("PIVOT is not supported", table.span())
            .help("use an aggregate with FILTER for each column: sum(x) FILTER (WHERE kind = 'a') AS a")),
        TableFactor::Unpivot { table, .. } => Err(Refusal::new("UNPIVOT is not supported", table.span())
            .help("select each column in a query of its own and join them with UNION ALL")),
        TableFactor::MatchRecognize { table, .. } => {
            Err(Refusal::new("MATCH_RECOGNIZE is not supported", table.span()).help("window functions may do"))
        }
        TableFactor::JsonTable { json_expr, .. } => Err(Refusal::new("JSON_TABLE is not supported", json_expr.span())),
        TableFactor::OpenJsonTable { json_expr, .. } => {
            Err(Refusal::new("OPENJSON is not supported", json_expr.span()))
        }
        TableFactor::XmlTable { row_expression, .. } => {
            Err(Refusal::new("XMLTABLE is not supported", row_expression.span()))
        }
        TableFactor::SemanticView { name, .. } => Err(Refusal::new("SEMANTIC_VIEW is not supported", name.span())),
    }
}

const NUMBER_ROWS: &str = "row_number() OVER () numbers the rows";

fn sampled(span: Span) -> Refusal {
    Refusal::new("TABLESAMPLE is not supported", span)
        .help("WHERE random() < 0.1 keeps about a tenth of the rows; LIMIT keeps some rows")
}

fn numbered(span: Span) -> Refusal {
    Refusal::new("WITH ORDINALITY is not supported", span).help(NUMBER_ROWS)
}

fn refuse_alias(alias: Option<&TableAlias>) -> Result<(), Refusal> {
    alias.map_or(Ok(()), refuse_column_types)
}

fn name_of(argument: &FunctionArg) -> Option<(String, Span)> {
    match argument {
        FunctionArg::Named { name, .. } => Some((name.to_string(), name.span)),
        FunctionArg::ExprNamed { name, .. } => Some((name.to_string(), name.span())),
        FunctionArg::Unnamed(_) => None,
    }
}

/// The planner takes the first part of a name for the function, whatever follows.
fn table_function(name: &mut ObjectName) -> Result<(), Refusal> {
    match name.0.as_mut_slice() {
        [ObjectNamePart::Identifier(function)] => {
            fold(function);
            match reads_a_file(&function.value) {
                true => Err(Refusal::new(format!("there is no table function {}", function.value), function.span)
                    .help("files are read by their path: FROM 'a.parquet', FROM 'logs/*.csv'")),
                false => Ok(()),
            }
        }
        _ => Err(Refusal::new("a table function has no schema in front of its name", name.span())),
    }
}

/// DuckDB's functions for files.
fn reads_a_file(function: &str) -> bool {
    matches!(function.strip_suffix("_scan"), Some("parquet"))
        || matches!(
            function.strip_prefix("read_").map(|format| format.strip_suffix("_auto").unwrap_or(format)),
            Some("parquet" | "csv" | "json" | "ndjson" | "json_objects" | "orc" | "avro" | "text" | "files")
        )
}

fn fold(name: &mut Ident) {
    if name.quote_style.is_none() {
        name.value = name.value.to_lowercase();
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused, rewritten, unchanged};

    #[test]
    fn samples_are_refused() {
        let message = "TABLESAMPLE is not supported";
        refused("SELECT * FROM ▸t TABLESAMPLE (1 PERCENT)", message);
        refused("SELECT * FROM ▸t AS x TABLESAMPLE BERNOULLI (10)", message);
        refused("SELECT * FROM u JOIN ▸t TABLESAMPLE SYSTEM (10) ON t.a = u.a", message);
        refused("SELECT * FROM ▸t SAMPLE (10)", message);
        refused("SELECT * FROM (SELECT * FROM t) ▸x TABLESAMPLE (10 ROWS)", message);
        refused("SELECT 1 FROM (▸SELECT 1) TABLESAMPLE (10 ROWS)", message);
    }

    #[test]
    fn numbers_that_would_be_missing_are_refused() {
        let message = "WITH ORDINALITY is not supported";
        refused("SELECT * FROM ▸generate_series(5, 6) WITH ORDINALITY", message);
        refused("SELECT * FROM ▸t WITH ORDINALITY", message);
        refused("SELECT * FROM t, LATERAL ▸generate_series(5, 6) WITH ORDINALITY", message);
        refused("SELECT * FROM unnest([▸1, 2]) WITH ORDINALITY", message);
    }

    #[test]
    fn types_partitions_and_names_that_would_be_dropped_are_refused() {
        refused("SELECT * FROM (VALUES ('1')) AS x(▸p INT)", "a type behind column p is not supported here");
        refused("SELECT * FROM f() AS x(a, ▸b TEXT)", "a type behind column b is not supported here");
        refused("SELECT * FROM t PARTITION (▸p0)", "PARTITION behind a table is not supported");
        refused(
            "SELECT * FROM t, LATERAL generate_series(▸stop => 5, start => 6)",
            "a table function takes no argument by name, as stop is",
        );
        refused("SELECT * FROM ▸generate_series.foo(5, 6)", "a table function has no schema in front of its name");
        let help = refused("SELECT * FROM ▸ONLY t", "ONLY is not supported");
        assert_eq!(help, "leave it out: no table inherits from another; FROM t");
    }

    #[test]
    fn operations_on_tables_are_refused() {
        refused("SELECT * FROM ▸t PIVOT (sum(b) FOR a IN (1, 2))", "PIVOT is not supported");
        refused("SELECT * FROM ▸t UNPIVOT (v FOR n IN (a, b))", "UNPIVOT is not supported");
        refused("SELECT * FROM TABLE(▸generate_series(1, 2))", "TABLE(…) in FROM is not supported");
    }

    #[test]
    fn functions_that_read_files_are_paths() {
        let help = refused("SELECT * FROM ▸read_csv_auto('a.csv')", "there is no table function read_csv_auto");
        assert_eq!(help, "files are read by their path: FROM 'a.parquet', FROM 'logs/*.csv'");
        refused("SELECT * FROM ▸Read_Parquet('a.parquet')", "there is no table function read_parquet");
        refused("SELECT * FROM ▸parquet_scan('a.parquet')", "there is no table function parquet_scan");
    }

    #[test]
    fn names_of_table_functions_are_folded() {
        assert_eq!(rewritten("SELECT * FROM GENERATE_SERIES(1, 2)"), "SELECT * FROM generate_series(1, 2)");
        unchanged("SELECT * FROM \"Series\"(1, 2)");
    }

    #[test]
    fn plain_tables_are_left_alone() {
        unchanged("SELECT * FROM T AS x (a, b), db.t, (SELECT 1) AS y (p), UNNEST([1]) AS z (q)");
        unchanged("SELECT * FROM \"only\" t");
        unchanged("SELECT * FROM only AS t");
    }
}
