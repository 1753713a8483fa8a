//! A column inside a function or cast where the column itself could be used.
//!
//! ```sql
//! … WHERE substr(o.code, 1, 3) = 'EU-'        -- o.code LIKE 'EU-%'
//! … WHERE date_trunc('month', o.day) = DATE '2026-01-01'
//!                                              -- o.day >= DATE '2026-01-01' AND o.day < DATE '2026-02-01'
//! … FROM a JOIN b ON CAST(a.id AS VARCHAR) = b.id
//! ```
//!
//! Minimum and maximum of a file or row group are the column's; of the function's value nothing is known, so that all of Parquet is read.
//! And a key or foreign key says nothing of a computed value: a join on one is never found unneeded.
//!
//! The filters are those of the optimized plan: what the optimizer has turned into a comparison of the column is not told. Nothing is said
//! of formats without statistics, of functions for which no comparison of the column is the same (`lower(x) = 'a'`), of filters on
//! partition columns alone (their folders are chosen by the computed value too), and of casts between numbers.

use chrono::{Datelike, NaiveDate};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, TableProviderFilterPushDown, TableScan,
};

use super::converted_join_key::{Family, equalities};
use super::{Check, Subject, walk, words};
use crate::catalog::model::FileFormat;
use crate::explain::report::{Finding, Severity};
use crate::names::quote_string;
use crate::optimizer::facts::KnownTable;

#[derive(Debug)]
pub struct ComputedColumn;

impl Check for ComputedColumn {
    fn code(&self) -> &'static str {
        "OST003"
    }

    fn look(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let mut found = Vec::new();
        walk::each_node(subject.optimized, &mut |node, _| match node {
            LogicalPlan::TableScan(scan) => in_scan(scan, scan.filters.iter(), subject, &mut found),
            LogicalPlan::Filter(filter) => {
                if let LogicalPlan::TableScan(scan) = filter.input.as_ref() {
                    let pushed = |part: &&Expr| !scan.filters.contains(part);
                    in_scan(scan, split_conjunction(&filter.predicate).into_iter().filter(pushed), subject, &mut found);
                }
            }
            _ => {}
        });
        walk::each_node(subject.written, &mut |node, _| {
            for (left, right, schema) in equalities(node) {
                found.extend(join_key(left, right, schema, subject).or_else(|| join_key(right, left, schema, subject)));
            }
        });
        found
    }
}

fn in_scan<'e>(
    scan: &TableScan,
    filters: impl Iterator<Item = &'e Expr>,
    subject: &Subject<'_>,
    found: &mut Vec<Finding>,
) {
    let Some(table) = KnownTable::of(&scan.source) else { return };
    let Some(files) = subject.files.get(&table.facts().name) else { return };
    for filter in filters.flat_map(split_conjunction) {
        let columns = filter.column_refs();
        let on_partitions = columns.iter().filter(|column| files.partition_columns.contains(&column.name)).count();
        let name = &table.facts().name.name;
        let rows = files.rows.unwrap_or(0) as f64;
        if on_partitions > 0 {
            if decides_on_folders(scan, filter) {
                continue;
            }
            // A comparison of columns that the query did not fix to a value is the query's meaning.
            if on_partitions == columns.len() || !has_function(filter) {
                continue;
            }
            found.push(Finding {
                code: "OST003",
                severity: Severity::Advice,
                span: subject.place_of(filter).or_else(|| subject.place_of_table(&table.facts().name)),
                message: format!(
                    "{} mixes a partition column of {name} with others: no folder can be left out by it, and all {} files are read",
                    words::sql(filter),
                    words::count(files.files as u64),
                ),
                fix: Some("add a condition on the partition column alone".to_owned()),
                saved_rows: rows,
            });
        } else if files.format == FileFormat::Parquet
            && let Some(plain) = plain_comparison(filter, &scan.projected_schema)
        {
            found.push(Finding {
                code: "OST003",
                severity: Severity::Advice,
                span: subject.place_of(filter).or_else(|| subject.place_of_table(&table.facts().name)),
                message: format!(
                    "{} is computed for each row of {name}: the minimum and maximum of its row groups cannot leave any out",
                    words::sql(filter),
                ),
                fix: Some(format!("write {plain}")),
                saved_rows: rows,
            });
        }
    }
}

fn decides_on_folders(scan: &TableScan, filter: &Expr) -> bool {
    // A filter that cannot be judged is taken as a good one.
    scan.source
        .supports_filters_pushdown(&[filter])
        .is_ok_and(|support| support.first().is_none_or(|support| *support == TableProviderFilterPushDown::Exact))
}

fn has_function(expr: &Expr) -> bool {
    expr.exists(|part| Ok(matches!(part, Expr::ScalarFunction(_) | Expr::Cast(_)))).unwrap_or(false)
}

/// A comparison of the plain column that is true for the same rows.
fn plain_comparison(filter: &Expr, schema: &DFSchema) -> Option<String> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = filter else { return None };
    let (call, value) = match (left.as_ref(), right.as_ref()) {
        (Expr::ScalarFunction(call), Expr::Literal(value, _))
        | (Expr::Literal(value, _), Expr::ScalarFunction(call)) => (call, value),
        _ => return None,
    };
    match call.func.name() {
        "substr" | "substring" | "left" => prefix(call, value),
        "date_trunc" => truncated(call, value, schema),
        _ => None,
    }
}

/// `substr(x, 1, 3) = 'EU-'` and `left(x, 3) = 'EU-'` are `x LIKE 'EU-%'`, if the value is as long as it can be.
fn prefix(call: &ScalarFunction, value: &ScalarValue) -> Option<String> {
    let text = value.try_as_str()??;
    let (column, from, length) = match (call.func.name(), call.args.as_slice()) {
        ("left", [column, length]) => (column, 1, integer(length)?),
        (_, [column, from, length]) => (column, integer(from)?, integer(length)?),
        _ => return None,
    };
    let column = column_under_text_cast(column)?;
    let characters = i64::try_from(text.chars().count()).ok()?;
    if from != 1 || length != characters || characters == 0 {
        return None;
    }
    if text.contains(['%', '_', '\\']) {
        return None;
    }
    Some(format!("{} LIKE {}", words::column(column), quote_string(&format!("{text}%"))))
}

fn integer(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::Int64(number), _) => *number,
        Expr::Literal(ScalarValue::Int32(number), _) => number.map(i64::from),
        _ => None,
    }
}

/// A text column, perhaps in another representation of text.
fn column_under_text_cast(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Column(column) => Some(column),
        Expr::Cast(cast) if cast.field.data_type().is_string() => match cast.expr.as_ref() {
            Expr::Column(column) => Some(column),
            _ => None,
        },
        _ => None,
    }
}

/// `date_trunc('month', day) = DATE '2026-01-01'` is a range of days.
fn truncated(call: &ScalarFunction, value: &ScalarValue, schema: &DFSchema) -> Option<String> {
    let [Expr::Literal(unit, _), argument] = call.args.as_slice() else { return None };
    let column = match argument {
        Expr::Column(column) => column,
        Expr::Cast(cast) => match cast.expr.as_ref() {
            Expr::Column(column) => column,
            _ => return None,
        },
        _ => return None,
    };
    // A zone would move the ends of the range.
    let is_local = match schema.field(schema.maybe_index_of_column(column)?).data_type() {
        DataType::Date32 | DataType::Date64 => true,
        DataType::Timestamp(_, zone) => zone.is_none(),
        _ => false,
    };
    if !is_local || !matches!(value.data_type(), DataType::Date32 | DataType::Timestamp(_, None)) {
        return None;
    }
    let day = value.cast_to(&DataType::Date32).ok()?;
    // A time of day is never the start of a month.
    if value.cast_to(&DataType::Timestamp(datafusion::arrow::datatypes::TimeUnit::Nanosecond, None)).ok()?
        != day.cast_to(&DataType::Timestamp(datafusion::arrow::datatypes::TimeUnit::Nanosecond, None)).ok()?
    {
        return None;
    }
    let ScalarValue::Date32(Some(days)) = day else { return None };
    let start = NaiveDate::from_epoch_days(days)?;
    let end = match unit.try_as_str()?? {
        "day" => start.succ_opt()?,
        "month" if start.day() == 1 => start.checked_add_months(chrono::Months::new(1))?,
        "year" if start.ordinal() == 1 => start.checked_add_months(chrono::Months::new(12))?,
        _ => return None,
    };
    let column = words::column(column);
    Some(format!("{column} >= DATE '{start}' AND {column} < DATE '{end}'"))
}

/// `CAST(a.id AS VARCHAR) = b.id`
fn join_key(computed: &Expr, other: &Expr, schema: &DFSchema, subject: &Subject<'_>) -> Option<Finding> {
    let column = computed_of(computed, schema)?;
    let others = other.column_refs();
    // One relation's columns against each other, or against a value, make a filter.
    if column.relation.is_none() || others.is_empty() || others.iter().any(|other| other.relation == column.relation) {
        return None;
    }
    let (text, name) = (words::sql(computed), words::column(column));
    Some(Finding {
        code: "OST003",
        severity: Severity::Advice,
        span: subject.place_of_column(column),
        message: format!(
            "the join compares {text} and not {name}: it is computed for each row, and keys, foreign keys and minimum and maximum \
             of {name} are of no use to it"
        ),
        fix: Some(format!(
            "store {text} as a column of its own, or give both columns one type and spelling, and compare plain columns"
        )),
        saved_rows: 0.0,
    })
}

/// The single column in a function, or in a cast to another family of types.
fn computed_of<'e>(expr: &'e Expr, schema: &DFSchema) -> Option<&'e Column> {
    match expr {
        Expr::Alias(alias) => computed_of(&alias.expr, schema),
        Expr::Cast(cast) => {
            let Expr::Column(column) = cast.expr.as_ref() else { return computed_of(&cast.expr, schema) };
            let from = Family::of(&cast.expr.get_type(schema).ok()?)?;
            (Family::of(cast.field.data_type())? != from).then_some(column)
        }
        Expr::ScalarFunction(call) => {
            let mut columns = Vec::new();
            for argument in &call.args {
                // Collecting cannot fail.
                let _ = argument.apply(|part| {
                    if let Expr::Column(column) = part {
                        columns.push(column);
                    }
                    Ok(TreeNodeRecursion::Continue)
                });
            }
            match columns.as_slice() {
                [column] => Some(column),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{look, look_with, text_at};
    use super::ComputedColumn;
    use crate::catalog::model::FileFormat::{Csv, Parquet};
    use crate::explain::report::{Finding, PlanNode};
    use crate::optimizer::testing::Lab;

    const TABLES: &str = "
        CREATE TABLE orders (id BIGINT PRIMARY KEY, code TEXT, day DATE, at TIMESTAMP, number INT);
        CREATE TABLE feed (order_id TEXT, code TEXT, number BIGINT);
    ";

    fn in_parquet(sql: &str) -> Vec<Finding> {
        look_with(&ComputedColumn, &Lab::new(TABLES), sql, &[("orders", Parquet, 1, 10, &[])], &PlanNode::default())
    }

    fn fix(condition: &str) -> String {
        let sql = format!("SELECT o.id FROM orders o WHERE {condition}");
        let found = in_parquet(&sql);
        assert_eq!(found.len(), 1, "{condition}: {found:?}");
        found[0].fix.clone().unwrap()
    }

    #[test]
    fn a_prefix_is_a_range_of_the_column() {
        for condition in ["substr(o.code, 1, 3) = 'EU-'", "left(o.code, 3) = 'EU-'", "'EU-' = substring(o.code, 1, 3)"]
        {
            assert!(fix(condition).ends_with("code LIKE 'EU-%'"), "{condition}: {}", fix(condition));
        }
    }

    #[test]
    fn a_truncated_date_is_a_range_of_days() {
        let range = fix("date_trunc('month', o.at) = TIMESTAMP '2026-01-01 00:00:00'");
        assert!(range.contains(">= DATE '2026-01-01' AND") && range.ends_with("< DATE '2026-02-01'"), "{range}");
    }

    #[test]
    fn what_no_plain_comparison_says_is_left_alone() {
        for condition in [
            "substr(o.code, 1, 3) = 'EU'",
            "substr(o.code, 2, 3) = 'EU-'",
            "lower(o.code) = 'eu'",
            "o.code LIKE 'EU-%'",
            "date_trunc('month', o.at) = TIMESTAMP '2026-01-02 00:00:00'",
            "CAST(o.number AS BIGINT) = 7",
        ] {
            assert_eq!(in_parquet(&format!("SELECT o.id FROM orders o WHERE {condition}")), vec![], "{condition}");
        }
        let files = [("orders", Csv, 1, 10, &[] as &[&str])];
        let sql = "SELECT id FROM orders WHERE substr(code, 1, 3) = 'EU-'";
        assert_eq!(look_with(&ComputedColumn, &Lab::new(TABLES), sql, &files, &PlanNode::default()), vec![]);
    }

    #[test]
    fn a_computed_join_key_is_told() {
        for (on, at) in [
            ("CAST(o.id AS TEXT) = f.order_id", "o.id"),
            ("f.code = upper(o.code)", "o.code"),
            ("trim(f.code) = o.code", "f.code"),
        ] {
            let sql = format!("SELECT o.id FROM orders o JOIN feed f ON {on}");
            let found = look(&ComputedColumn, TABLES, &sql);
            assert_eq!(found.len(), 1, "{on}");
            assert_eq!(text_at(&found[0], &sql).as_deref(), Some(at));
        }
    }

    #[test]
    fn plain_keys_and_casts_between_numbers_are_not() {
        for on in ["f.number = o.id", "f.number = CAST(o.number AS BIGINT)", "f.code = o.code AND lower(f.code) = 'x'"]
        {
            assert_eq!(
                look(&ComputedColumn, TABLES, &format!("SELECT o.id FROM orders o JOIN feed f ON {on}")),
                vec![],
                "{on}"
            );
        }
    }
}
