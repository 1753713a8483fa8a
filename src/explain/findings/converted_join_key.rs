//! Join keys whose types do not agree.
//!
//! ```sql
//! SELECT … FROM orders o JOIN feed f ON f.order_id = o.id     -- VARCHAR = BIGINT
//! ```
//!
//! One side is converted for each row, `'007'` and `'7'` may or may not be the same, and what is known of the column (its key, its foreign key,
//! minimum and maximum) does not apply to the converted value. Told of columns of different families only (numbers, texts, times,
//! booleans): INT = BIGINT costs nothing.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};

use super::{Check, Subject, walk, words};
use crate::explain::report::{Finding, Severity};

#[derive(Debug)]
pub struct ConvertedJoinKey;

impl Check for ConvertedJoinKey {
    fn code(&self) -> &'static str {
        "OST014"
    }

    fn look(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let mut found = Vec::new();
        walk::each_node(subject.written, &mut |node, _| {
            for (left, right, schema) in equalities(node) {
                if let (Expr::Column(left), Expr::Column(right)) = (left, right) {
                    found.extend(finding(left, right, schema, subject));
                }
            }
        });
        found
    }
}

/// What a node compares with `=`, and the schema in which both sides are.
pub(super) fn equalities(node: &LogicalPlan) -> Vec<(&Expr, &Expr, &DFSchema)> {
    let predicate = match node {
        LogicalPlan::Filter(filter) => Some((&filter.predicate, filter.input.schema().as_ref())),
        LogicalPlan::Join(join) => join.filter.as_ref().map(|filter| (filter, join.schema.as_ref())),
        _ => None,
    };
    let mut found = Vec::new();
    if let LogicalPlan::Join(join) = node {
        found.extend(join.on.iter().map(|(left, right)| (left, right, join.schema.as_ref())));
    }
    if let Some((predicate, schema)) = predicate {
        for part in split_conjunction(predicate) {
            if let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = part {
                found.push((left.as_ref(), right.as_ref(), schema));
            }
        }
    }
    found
}

fn finding(left: &Column, right: &Column, schema: &DFSchema, subject: &Subject<'_>) -> Option<Finding> {
    // Two columns of one relation make a filter.
    if left.relation.is_none() || left.relation == right.relation {
        return None;
    }
    let type_of = |column: &Column| Some(schema.field(schema.maybe_index_of_column(column)?).data_type());
    let (left_type, right_type) = (type_of(left)?, type_of(right)?);
    let (left_family, right_family) = (Family::of(left_type)?, Family::of(right_type)?);
    if left_family == right_family {
        return None;
    }
    let (left_text, right_text) = (words::column(left), words::column(right));
    Some(Finding {
        code: "OST014",
        severity: Severity::Warning,
        span: subject.place_of_column(left).or_else(|| subject.place_of_column(right)),
        message: format!(
            "{left_text} is {} and {right_text} is {}: one is converted for each row, values that look alike may differ, and keys \
             and minimum and maximum of the column are of no use to the join",
            left_family.words(),
            right_family.words(),
        ),
        fix: Some(format!("give {left_text} and {right_text} the same type in their tables")),
        saved_rows: 0.0,
    })
}

/// Types that compare as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Number,
    Text,
    Time,
    Boolean,
}

impl Family {
    pub fn of(data_type: &DataType) -> Option<Family> {
        Some(match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Family::Text,
            DataType::Boolean => Family::Boolean,
            DataType::Dictionary(_, value) => return Family::of(value),
            other if other.is_numeric() => Family::Number,
            DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Family::Time,
            _ => return None,
        })
    }

    pub fn words(self) -> &'static str {
        match self {
            Family::Number => "a number",
            Family::Text => "text",
            Family::Time => "a date or time",
            Family::Boolean => "a boolean",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{look, text_at};
    use super::ConvertedJoinKey;

    const TABLES: &str = "
        CREATE TABLE orders (id BIGINT PRIMARY KEY, day DATE, small INT);
        CREATE TABLE feed (order_id TEXT, other_id BIGINT, day_text TEXT);
    ";

    #[test]
    fn different_families_are_told() {
        for sql in [
            "SELECT o.id FROM orders o JOIN feed f ON f.order_id = o.id",
            "SELECT o.id FROM orders o, feed f WHERE f.order_id = o.id",
            "SELECT o.id FROM orders o LEFT JOIN feed f ON f.day_text = o.day",
        ] {
            let found = look(&ConvertedJoinKey, TABLES, sql);
            assert_eq!(found.len(), 1, "{sql}");
            assert!(text_at(&found[0], sql).is_some(), "{sql}");
        }
    }

    #[test]
    fn one_family_is_not() {
        for sql in [
            "SELECT o.id FROM orders o JOIN feed f ON f.other_id = o.id",
            "SELECT o.id FROM orders o JOIN feed f ON f.other_id = o.small",
            "SELECT o.id FROM orders o JOIN feed f ON f.order_id = CAST(o.id AS TEXT)",
            "SELECT o.id FROM orders o WHERE o.id = '7'",
        ] {
            assert_eq!(look(&ConvertedJoinKey, TABLES, sql), vec![], "{sql}");
        }
    }
}
