//! Conditions on partitions: `PARTITION (dt >= '2026-01-01', dt < '2026-02-01', country = 'KR')`.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;
use sqlparser::ast::{BinaryOperator, Expr, Spanned};

use crate::catalog::model::Table;
use crate::error::{Error, Result};
use crate::session::partition_clause::{literal, partition_column, partition_of};
use crate::sql::source::Source;
use crate::sql::types::display_name;
use crate::storage::partitions::{NULL_PARTITION, typed_value};

/// Conditions that all have to hold.
#[derive(Debug)]
pub(super) struct PartitionFilter(Vec<Condition>);

/// `column op value`
#[derive(Debug)]
struct Condition {
    column: String,
    data_type: DataType,
    op: BinaryOperator,
    /// NULL stands for the folder of NULL.
    value: ScalarValue,
}

impl PartitionFilter {
    pub(super) fn read(clause: &[Expr], table: &Table, source: &Arc<Source>) -> Result<Self> {
        let mut conditions = Vec::new();
        for expr in clause {
            read(expr, table, source, &mut conditions)?;
        }
        Ok(PartitionFilter(conditions))
    }

    /// Whether the partition of a folder meets all conditions. A folder whose value is none of its column's type meets none.
    pub(super) fn accepts(&self, folder: &str) -> bool {
        let values = partition_of(folder);
        self.0.iter().all(|condition| {
            let value = values.iter().find(|(column, _)| column.eq_ignore_ascii_case(&condition.column));
            value.is_some_and(|(_, value)| condition.accepts(value.as_deref()))
        })
    }
}

impl Condition {
    fn accepts(&self, value: Option<&str>) -> bool {
        let Some(text) = value else {
            // NULL is not less, greater or unequal; it has a folder of its own, which has a name.
            return self.value.is_null() && self.op == BinaryOperator::Eq;
        };
        if self.value.is_null() {
            return self.op == BinaryOperator::NotEq;
        }
        let Some(order) = typed_value(text, &self.data_type).ok().and_then(|value| value.partial_cmp(&self.value))
        else {
            return false;
        };
        match self.op {
            BinaryOperator::NotEq => order != Ordering::Equal,
            BinaryOperator::Lt => order == Ordering::Less,
            BinaryOperator::LtEq => order != Ordering::Greater,
            BinaryOperator::Gt => order == Ordering::Greater,
            BinaryOperator::GtEq => order != Ordering::Less,
            _ => order == Ordering::Equal,
        }
    }
}

fn read(expr: &Expr, table: &Table, source: &Arc<Source>, conditions: &mut Vec<Condition>) -> Result<()> {
    let wrong = || {
        Error::statement(format!("PARTITION takes comparisons of columns with values, not {expr}"))
            .at(source, expr.span())
            .help("PARTITION (dt < '2024-01-01', country = 'KR')")
    };
    let Expr::BinaryOp { left, op, right } = expr else {
        return match expr {
            Expr::Identifier(name) => {
                let (column, _) = partition_column(name, table, source)?;
                Err(Error::statement(format!("PARTITION needs a value for {column} here"))
                    .at(source, name.span)
                    .help("a column that is left out stands for all of its values"))
            }
            _ => Err(wrong()),
        };
    };
    match op {
        BinaryOperator::And => {
            read(left, table, source, conditions)?;
            return read(right, table, source, conditions);
        }
        BinaryOperator::Eq
        | BinaryOperator::NotEq
        | BinaryOperator::Lt
        | BinaryOperator::LtEq
        | BinaryOperator::Gt
        | BinaryOperator::GtEq => {}
        _ => return Err(wrong()),
    }
    let Expr::Identifier(name) = left.as_ref() else { return Err(wrong()) };
    let (column, data_type) = partition_column(name, table, source)?;
    let value = literal(right, source)?;
    // The folder of NULL goes by its name, too.
    let value = match &value {
        ScalarValue::Utf8(Some(text)) if text == NULL_PARTITION => ScalarValue::Utf8(None),
        _ => value,
    };
    let typed = value.cast_to(&data_type).ok().filter(|typed| typed.is_null() == value.is_null());
    let Some(value) = typed else {
        return Err(Error::statement(format!(
            "{value} is no {} for the partition column {column}",
            display_name(&data_type)
        ))
        .at(source, right.span()));
    };
    if value.is_null() && !matches!(op, BinaryOperator::Eq | BinaryOperator::NotEq) {
        return Err(Error::statement(format!("nothing is less or greater than NULL, the value of {column}"))
            .at(source, expr.span()));
    }
    conditions.push(Condition { column, data_type, op: op.clone(), value });
    Ok(())
}
