//! Which part of the rows a predicate leaves.
//!
//! The model is System R's (Selinger and others, *Access Path Selection in a Relational Database Management System*, 1979): values
//! are spread evenly over a column's distinct values and between its minimum and maximum, and columns do not depend on each
//! other. Since real columns do, each further predicate on one table counts for less than the one before (exponential backoff, as in
//! SQL Server). Constants without any statistics behind them stand at the top.

use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Operator};

use super::cardinality::{ColumnEstimate, Estimate};

/// A comparison of which nothing is known.
const COMPARISON: f64 = 0.3;
/// A comparison of a number that was computed.
const COMPUTED: f64 = 0.1;
/// A LIKE pattern, or an equality with something that is not known.
const PATTERN: f64 = 0.1;
/// Any other predicate.
const PREDICATE: f64 = 0.25;
/// A predicate leaves no less than this: estimates of 0 rows make everything above them look free.
const LEAST: f64 = 1e-7;

/// What is left of `input` where `predicate` is true. `position` finds a column among those of the estimate.
pub fn filtered(input: &Estimate, predicate: &Expr, position: &dyn Fn(&Column) -> Option<usize>) -> Estimate {
    let mut result = input.clone();
    let mut factors = Vec::new();
    let mut ranges: Vec<(usize, Range)> = Vec::new();
    for conjunct in split_conjunction(predicate) {
        let context = Context { estimate: input, position };
        if let Some((column, range)) = context.range(conjunct) {
            match ranges.iter_mut().find(|(other, _)| *other == column) {
                Some((_, known)) => known.narrow(&range),
                None => ranges.push((column, range)),
            }
            continue;
        }
        if let Some((column, values)) = context.values(conjunct)
            && let Some(estimate) = result.columns.get_mut(column)
        {
            estimate.distinct = Some(values.min(estimate.distinct.unwrap_or(values)));
        }
        factors.push(context.selectivity(conjunct));
    }
    for (column, range) in ranges {
        let Some(estimate) = result.columns.get_mut(column) else { continue };
        let factor = range.part_of(estimate);
        if factor < 1.0 {
            estimate.distinct = estimate.distinct.map(|distinct| (distinct * factor).max(1.0));
            estimate.min = range.low.or(estimate.min);
            estimate.max = range.high.or(estimate.max);
        }
        factors.push(factor);
    }
    result.rows *= backoff(factors);
    result
}

/// The factors' product, in which the second counts as its square root, the third as its fourth root, and so on.
fn backoff(mut factors: Vec<f64>) -> f64 {
    factors.sort_by(f64::total_cmp);
    let mut product = 1.0;
    let mut exponent = 1.0;
    for factor in factors {
        product *= factor.clamp(LEAST, 1.0).powf(exponent);
        exponent /= 2.0;
    }
    product.clamp(LEAST, 1.0)
}

/// Bounds of a column, both inclusive: what is cut off by `<` in place of `<=` does not matter here.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Range {
    low: Option<f64>,
    high: Option<f64>,
}

impl Range {
    fn narrow(&mut self, other: &Range) {
        self.low = [self.low, other.low].into_iter().flatten().reduce(f64::max);
        self.high = [self.high, other.high].into_iter().flatten().reduce(f64::min);
    }

    /// The part of a column's values that lies in the range.
    fn part_of(&self, column: &ColumnEstimate) -> f64 {
        let (Some(min), Some(max)) = (column.min, column.max) else {
            // A computed number: HAVING sum(x) > 300 is written to leave little.
            return COMPUTED;
        };
        let (low, high) = (self.low.unwrap_or(min).max(min), self.high.unwrap_or(max).min(max));
        if high < low {
            return LEAST;
        }
        let least = column.distinct.map_or(LEAST, |distinct| 1.0 / distinct.max(1.0));
        let part = if max > min { (high - low) / (max - min) } else { 1.0 };
        part.max(least).min(1.0)
    }
}

struct Context<'a> {
    estimate: &'a Estimate,
    position: &'a dyn Fn(&Column) -> Option<usize>,
}

impl Context<'_> {
    fn selectivity(&self, predicate: &Expr) -> f64 {
        let factor = match predicate {
            Expr::Literal(ScalarValue::Boolean(Some(true)), _) => 1.0,
            Expr::Literal(..) => LEAST,
            Expr::Not(inner) => 1.0 - self.selectivity(inner),
            Expr::IsNull(inner) => self.nulls(inner),
            Expr::IsNotNull(inner) => 1.0 - self.nulls(inner),
            Expr::Like(like) => negated(like.negated, PATTERN),
            Expr::Between(between) => match self.range(predicate) {
                Some((column, range)) => range.part_of(&self.estimate.columns[column]),
                None => negated(between.negated, COMPARISON * COMPARISON),
            },
            Expr::InList(list) => negated(list.negated, self.equality(&list.expr) * list.list.len() as f64),
            Expr::BinaryExpr(binary) => self.binary(predicate, binary),
            _ => PREDICATE,
        };
        factor.clamp(LEAST, 1.0)
    }

    fn binary(&self, predicate: &Expr, binary: &BinaryExpr) -> f64 {
        let BinaryExpr { left, op, right } = binary;
        match op {
            Operator::And => self.selectivity(left) * self.selectivity(right),
            Operator::Or => {
                let (one, other) = (self.selectivity(left), self.selectivity(right));
                one + other - one * other
            }
            Operator::Eq | Operator::IsNotDistinctFrom => self.equality(left).min(self.equality(right)),
            Operator::NotEq | Operator::IsDistinctFrom => 1.0 - self.equality(left).min(self.equality(right)),
            Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq => match self.range(predicate) {
                Some((column, range)) => range.part_of(&self.estimate.columns[column]),
                None => COMPARISON,
            },
            _ => PREDICATE,
        }
    }

    /// The part of the rows that has one certain value of an expression.
    fn equality(&self, expr: &Expr) -> f64 {
        match expr {
            // The other side decides.
            Expr::Literal(..) | Expr::ScalarSubquery(_) | Expr::Placeholder(_) => 1.0,
            _ => match self.column(expr) {
                Some(column) => {
                    let column = &self.estimate.columns[column];
                    (1.0 - column.nulls) / column.distinct_or_guess(self.estimate.base_rows).max(1.0)
                }
                None => PATTERN,
            },
        }
    }

    fn nulls(&self, expr: &Expr) -> f64 {
        self.column(expr).map_or(PATTERN, |column| self.estimate.columns[column].nulls)
    }

    fn column(&self, expr: &Expr) -> Option<usize> {
        match expr {
            Expr::Column(column) => (self.position)(column).filter(|position| *position < self.estimate.columns.len()),
            Expr::Cast(cast) => self.column(&cast.expr),
            Expr::Alias(alias) => self.column(&alias.expr),
            _ => None,
        }
    }

    /// The column and the number of values that an equality or IN leaves of it.
    fn values(&self, predicate: &Expr) -> Option<(usize, f64)> {
        match predicate {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => match (left.as_ref(), right.as_ref()) {
                (column, Expr::Literal(..)) | (Expr::Literal(..), column) => Some((self.column(column)?, 1.0)),
                _ => None,
            },
            Expr::InList(InList { expr, list, negated: false }) => Some((self.column(expr)?, list.len() as f64)),
            _ => None,
        }
    }

    /// The column and the range that a comparison with constants leaves of it.
    fn range(&self, predicate: &Expr) -> Option<(usize, Range)> {
        match predicate {
            Expr::Between(Between { expr, negated: false, low, high }) => {
                let range = Range { low: Some(number_of(low)?), high: Some(number_of(high)?) };
                Some((self.column(expr)?, range))
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let (column, bound, op) = match (number_of(left), number_of(right)) {
                    (None, Some(bound)) => (left, bound, *op),
                    (Some(bound), None) => (right, bound, op.swap()?),
                    _ => return None,
                };
                let range = match op {
                    Operator::Lt | Operator::LtEq => Range { low: None, high: Some(bound) },
                    Operator::Gt | Operator::GtEq => Range { low: Some(bound), high: None },
                    _ => return None,
                };
                Some((self.column(column)?, range))
            }
            _ => None,
        }
    }
}

fn negated(negated: bool, factor: f64) -> f64 {
    if negated { 1.0 - factor } else { factor }
}

fn number_of(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Literal(value, _) => number(value),
        Expr::Cast(cast) => number_of(&cast.expr),
        _ => None,
    }
}

/// A value's place on its type's line; `None` for text and NULL.
pub fn number(value: &ScalarValue) -> Option<f64> {
    use ScalarValue::*;
    Some(match value {
        Int8(value) => f64::from((*value)?),
        Int16(value) => f64::from((*value)?),
        Int32(value) | Date32(value) => f64::from((*value)?),
        Int64(value)
        | Date64(value)
        | TimestampSecond(value, _)
        | TimestampMillisecond(value, _)
        | TimestampMicrosecond(value, _)
        | TimestampNanosecond(value, _) => (*value)? as f64,
        UInt8(value) => f64::from((*value)?),
        UInt16(value) => f64::from((*value)?),
        UInt32(value) => f64::from((*value)?),
        UInt64(value) => (*value)? as f64,
        Float32(value) => f64::from((*value)?),
        Float64(value) => (*value)?,
        Decimal32(value, _, scale) => f64::from((*value)?) / 10f64.powi(i32::from(*scale)),
        Decimal64(value, _, scale) => (*value)? as f64 / 10f64.powi(i32::from(*scale)),
        Decimal128(value, _, scale) => (*value)? as f64 / 10f64.powi(i32::from(*scale)),
        Dictionary(_, value) => return number(value),
        _ => return None,
    })
    .filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{col, lit};

    use super::*;

    /// 1,000 rows: `day` 0 to 99 and `kind` with 4 values, a tenth of them NULL.
    fn table() -> Estimate {
        let day = ColumnEstimate { distinct: Some(100.0), min: Some(0.0), max: Some(99.0), ..Default::default() };
        let kind = ColumnEstimate { distinct: Some(4.0), nulls: 0.1, ..Default::default() };
        Estimate { rows: 1000.0, base_rows: 1000.0, columns: vec![day, kind] }
    }

    fn rows(predicate: Expr) -> f64 {
        let position = |column: &Column| ["day", "kind"].iter().position(|name| *name == column.name);
        filtered(&table(), &predicate, &position).rows.round()
    }

    #[test]
    fn an_equality_leaves_one_of_the_values() {
        assert_eq!(rows(col("day").eq(lit(5))), 10.0);
        assert_eq!(rows(lit("a").eq(col("kind"))), 225.0);
        assert_eq!(rows(col("kind").not_eq(lit("a"))), 775.0);
        assert_eq!(rows(col("day").in_list(vec![lit(1), lit(2), lit(3)], false)), 30.0);
    }

    #[test]
    fn both_bounds_of_a_column_are_one_range() {
        assert_eq!(rows(col("day").gt_eq(lit(0)).and(col("day").lt_eq(lit(9)))), 91.0);
        assert_eq!(rows(col("day").between(lit(0), lit(9))), 91.0);
        assert_eq!(rows(lit(89).lt(col("day"))), 101.0);
        assert_eq!(rows(col("day").gt(lit(1000))), 0.0);
    }

    #[test]
    fn a_second_predicate_counts_for_less() {
        let both = rows(col("day").eq(lit(5)).and(col("kind").eq(lit("a"))));
        assert!(both > 2.25 && both < 10.0, "{both}");
    }

    #[test]
    fn null_tests_go_by_the_share_of_nulls() {
        assert_eq!(rows(col("kind").is_null()), 100.0);
        assert_eq!(rows(col("kind").is_not_null()), 900.0);
    }
}
