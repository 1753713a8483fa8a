//! Conditions joined by AND: `l_shipdate >= … AND l_discount BETWEEN … AND l_quantity < 24`
//!
//! DataFusion computes one after the other. Where the first leave at most a fifth of the rows, it copies those of *all* columns, computes the
//! next condition on them, and puts its answers back among the others one by one: half of the time of TPC-H 6. A comparison of two numbers
//! costs less than such a copy. So here conditions are sorted by what they cost, those that cost least are computed on all rows,
//! and a dear one on the rows that are left, of which only the columns that it reads are copied.
//!
//! Answers are those of a filter, for which NULL is as good as false. A condition that can fail (a division, a cast) is computed after those
//! that cannot, and only of rows for which these are true.

use std::fmt::{self, Display, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, BooleanArray};
use datafusion::arrow::buffer::{BooleanBuffer, Buffer};
use datafusion::arrow::compute::FilterBuilder;
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{ScalarValue, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr, Literal,
};
use datafusion::physical_expr::utils::collect_columns;

use super::comparison::Comparison;

/// As rules are named.
pub(super) const NAME: &str = "conjunctions";

/// The condition of a filter with its conjunctions computed here.
pub(super) fn in_filter(
    predicate: Arc<dyn PhysicalExpr>,
    schema: &SchemaRef,
) -> Result<Transformed<Arc<dyn PhysicalExpr>>> {
    let Some(operation) = predicate.downcast_ref::<BinaryExpr>() else { return Ok(Transformed::no(predicate)) };
    match operation.op() {
        Operator::And => {
            let mut conditions = Vec::new();
            collect(operation, &mut conditions);
            let parts = conditions.into_iter().map(|condition| Condition::new(below_and(condition, schema)?, schema));
            let mut parts = parts.collect::<Result<Vec<_>>>()?;
            // Stable: of one cost, what was written first comes first.
            parts.sort_by_key(|part| part.cost);
            Ok(Transformed::yes(Arc::new(Conjunction { planned: Arc::clone(&predicate), parts })))
        }
        op if is_comparison(*op) => {
            let part = Condition::new(Arc::clone(&predicate), schema)?;
            Ok(match part.comparison {
                Some(_) => Transformed::yes(Arc::new(Conjunction { planned: predicate, parts: vec![part] })),
                None => Transformed::no(predicate),
            })
        }
        // Neither AND nor OR tells NULL from false where their own answers need not.
        Operator::Or => {
            let left = in_filter(Arc::clone(operation.left()), schema)?;
            let right = in_filter(Arc::clone(operation.right()), schema)?;
            Ok(match left.transformed || right.transformed {
                true => Transformed::yes(Arc::new(BinaryExpr::new(left.data, Operator::Or, right.data))),
                false => Transformed::no(predicate),
            })
        }
        _ => Ok(Transformed::no(predicate)),
    }
}

/// A condition of a conjunction, which computes comparisons itself.
fn below_and(condition: &Arc<dyn PhysicalExpr>, schema: &SchemaRef) -> Result<Arc<dyn PhysicalExpr>> {
    match condition.downcast_ref::<BinaryExpr>() {
        Some(either) if *either.op() == Operator::Or => Ok(in_filter(Arc::clone(condition), schema)?.data),
        _ => Ok(Arc::clone(condition)),
    }
}

fn collect<'a>(operation: &'a BinaryExpr, conditions: &mut Vec<&'a Arc<dyn PhysicalExpr>>) {
    for side in [operation.left(), operation.right()] {
        match side.downcast_ref::<BinaryExpr>().filter(|side| *side.op() == Operator::And) {
            Some(side) => collect(side, conditions),
            None => conditions.push(side),
        }
    }
}

/// What a condition costs for a row, and so from what share of rows on it is better computed on all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cost {
    /// A comparison of numbers.
    Least,
    /// A comparison of texts.
    Text,
    /// A pattern that a text is like.
    Pattern,
    /// Anything; it may fail.
    Unknown,
}

impl Cost {
    fn of(condition: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<Self> {
        let is_plain = |expr: &Arc<dyn PhysicalExpr>| {
            expr.downcast_ref::<Column>().is_some() || expr.downcast_ref::<Literal>().is_some()
        };
        let of_type = |data_type: &DataType| if data_type.is_primitive() { Cost::Least } else { Cost::Text };
        if condition.downcast_ref::<Column>().is_some() {
            return Ok(Cost::Least);
        }
        if let Some(test) = condition.downcast_ref::<IsNullExpr>() {
            return Ok(if is_plain(test.arg()) { Cost::Least } else { Cost::Unknown });
        }
        if let Some(test) = condition.downcast_ref::<IsNotNullExpr>() {
            return Ok(if is_plain(test.arg()) { Cost::Least } else { Cost::Unknown });
        }
        if let Some(list) = condition.downcast_ref::<InListExpr>() {
            return Ok(if is_plain(list.expr()) && list.list().iter().all(is_plain) {
                Cost::Text
            } else {
                Cost::Unknown
            });
        }
        if let Some(like) = condition.downcast_ref::<LikeExpr>() {
            return Ok(if is_plain(like.expr()) && is_plain(like.pattern()) { Cost::Pattern } else { Cost::Unknown });
        }
        match condition.downcast_ref::<BinaryExpr>() {
            Some(test) if is_regex(*test.op()) && is_plain(test.left()) && is_plain(test.right()) => Ok(Cost::Pattern),
            Some(comparison)
                if is_comparison(*comparison.op()) && is_plain(comparison.left()) && is_plain(comparison.right()) =>
            {
                Ok(of_type(&comparison.left().data_type(schema)?).max(of_type(&comparison.right().data_type(schema)?)))
            }
            _ => Ok(Cost::Unknown),
        }
    }

    /// Whether a condition is better computed on a copy of the rows that are left.
    fn wants_copy(self, left: usize, rows: usize) -> bool {
        match self {
            Cost::Least => left < rows / 32,
            Cost::Text => left < rows / 4,
            Cost::Pattern => left < rows / 4 * 3,
            // `b <> 0 AND a / b > 2`: no row that is out is asked.
            Cost::Unknown => left < rows,
        }
    }
}

fn is_regex(op: Operator) -> bool {
    use Operator::{RegexIMatch, RegexMatch, RegexNotIMatch, RegexNotMatch};
    matches!(op, RegexMatch | RegexIMatch | RegexNotMatch | RegexNotIMatch)
}

fn is_comparison(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// One of the conditions.
#[derive(Debug)]
struct Condition {
    cost: Cost,
    whole: Arc<dyn PhysicalExpr>,
    /// The same, if there is a quicker way to compute it.
    comparison: Option<Comparison>,
    /// Not of an expression that may find its input otherwise than by the places of columns.
    narrow: Option<Narrow>,
}

/// A condition on the columns that it reads.
#[derive(Debug)]
struct Narrow {
    condition: Arc<dyn PhysicalExpr>,
    /// Their places among all, ascending.
    columns: Vec<usize>,
    schema: SchemaRef,
}

impl Condition {
    fn new(whole: Arc<dyn PhysicalExpr>, schema: &SchemaRef) -> Result<Self> {
        Ok(Condition {
            cost: Cost::of(&whole, schema)?,
            comparison: Comparison::of(&whole, schema)?,
            narrow: Narrow::of(&whole, schema)?,
            whole,
        })
    }

    /// The rows for which it is true, of all.
    fn of_all(&self, batch: &RecordBatch) -> Result<BooleanBuffer> {
        match self.comparison.as_ref().and_then(|comparison| comparison.trues(batch)) {
            Some(answers) => Ok(answers),
            None => trues(self.whole.evaluate(batch)?, batch.num_rows()),
        }
    }

    /// Those of the rows `left` for which the condition is true; of all rows if nothing is known of them yet.
    fn keep(&self, left: Option<BooleanBuffer>, batch: &RecordBatch) -> Result<BooleanBuffer> {
        let rows = batch.num_rows();
        let Some(left) = left else { return self.of_all(batch) };
        let count = left.count_set_bits();
        match &self.narrow {
            _ if count == 0 => Ok(left),
            Some(narrow) if self.cost.wants_copy(count, rows) => narrow.keep(left, count, batch),
            _ => Ok(&left & &self.of_all(batch)?),
        }
    }
}

impl Narrow {
    fn of(whole: &Arc<dyn PhysicalExpr>, schema: &SchemaRef) -> Result<Option<Self>> {
        let mut columns: Vec<usize> = collect_columns(whole).iter().map(Column::index).collect();
        columns.sort_unstable();
        columns.dedup();
        let mut reads_columns_only = true;
        let condition = Arc::clone(whole).transform_up(|part| {
            if let Some(column) = part.downcast_ref::<Column>() {
                let place = columns.partition_point(|place| *place < column.index());
                return Ok(Transformed::yes(Arc::new(Column::new(column.name(), place)) as _));
            }
            reads_columns_only &= !part.children().is_empty() || part.downcast_ref::<Literal>().is_some();
            Ok(Transformed::no(part))
        })?;
        if !reads_columns_only {
            return Ok(None);
        }
        Ok(Some(Narrow { condition: condition.data, schema: Arc::new(schema.project(&columns)?), columns }))
    }

    /// As [`Condition::keep`], of `count` rows.
    fn keep(&self, left: BooleanBuffer, count: usize, batch: &RecordBatch) -> Result<BooleanBuffer> {
        let mask = BooleanArray::new(left, None);
        let mut filter = FilterBuilder::new(&mask);
        if self.columns.len() > 1 {
            filter = filter.optimize();
        }
        let filter = filter.build();
        let columns = self.columns.iter().map(|column| filter.filter(batch.column(*column)));
        let columns = columns.collect::<Result<_, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let narrow = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        let kept = trues(self.condition.evaluate(&narrow)?, count)?;
        Ok(among(mask.values(), &kept))
    }
}

/// The rows for which a condition is true, and not NULL.
fn trues(answers: ColumnarValue, rows: usize) -> Result<BooleanBuffer> {
    match answers {
        ColumnarValue::Scalar(ScalarValue::Boolean(answer)) => {
            Ok(if answer == Some(true) { BooleanBuffer::new_set(rows) } else { BooleanBuffer::new_unset(rows) })
        }
        ColumnarValue::Array(answers) => match answers.as_boolean_opt() {
            Some(answers) => Ok(match answers.nulls() {
                Some(nulls) => answers.values() & nulls.inner(),
                None => answers.values().clone(),
            }),
            None => internal_err!("a condition of type {}", answers.data_type()),
        },
        ColumnarValue::Scalar(other) => internal_err!("a condition of type {}", other.data_type()),
    }
}

/// Of the rows that are set in `left`, those of whose answers `kept` has one for each.
fn among(left: &BooleanBuffer, kept: &BooleanBuffer) -> BooleanBuffer {
    let mut words = vec![0_u64; left.len().div_ceil(64)];
    for (row, is_kept) in left.set_indices().zip(kept) {
        words[row / 64] |= u64::from(is_kept) << (row % 64);
    }
    BooleanBuffer::new(Buffer::from_vec(words), 0, left.len())
}

/// Conditions joined by AND, shown as they were planned.
#[derive(Debug)]
struct Conjunction {
    planned: Arc<dyn PhysicalExpr>,
    parts: Vec<Condition>,
}

impl PhysicalExpr for Conjunction {
    fn data_type(&self, _schema: &Schema) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn nullable(&self, _schema: &Schema) -> Result<bool> {
        Ok(false)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let mut left = None;
        for part in &self.parts {
            left = Some(part.keep(left, batch)?);
        }
        let left = left.unwrap_or_else(|| BooleanBuffer::new_set(batch.num_rows()));
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::new(left, None))))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        self.planned.children()
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        Arc::clone(&self.planned).with_new_children(children)
    }

    fn fmt_sql(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.planned.fmt_sql(f)
    }
}

impl Display for Conjunction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.planned.fmt(f)
    }
}

impl PartialEq for Conjunction {
    fn eq(&self, other: &Self) -> bool {
        self.planned.eq(&other.planned)
    }
}

impl Eq for Conjunction {}

impl Hash for Conjunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.planned.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};
    use datafusion::arrow::compute::filter_record_batch;
    use datafusion::physical_expr::expressions::{binary, col, in_list, is_null, lit};
    use proptest::prelude::*;

    use super::*;

    const ROWS: usize = 300;

    fn rows() -> impl Strategy<Value = RecordBatch> {
        let number = || prop::collection::vec(prop::option::weighted(0.9, -100_i64..100), ROWS);
        let text = prop::collection::vec(prop::option::weighted(0.9, "[ab]{0,2}"), ROWS);
        (number(), number(), text).prop_map(|(a, b, t)| {
            let columns: [(&str, ArrayRef, bool); 3] = [
                ("a", Arc::new(Int64Array::from(a)), true),
                ("t", Arc::new(StringArray::from(t)), true),
                ("b", Arc::new(Int64Array::from(b)), true),
            ];
            RecordBatch::try_from_iter_with_nullable(columns).unwrap()
        })
    }

    type Make = fn(&Schema, i64) -> Arc<dyn PhysicalExpr>;

    fn compare(schema: &Schema, name: &str, op: Operator, value: Arc<dyn PhysicalExpr>) -> Arc<dyn PhysicalExpr> {
        binary(col(name, schema).unwrap(), op, value, schema).unwrap()
    }

    /// Of every cost, and what a filter may also have: constants, sums, ANDs below ORs.
    const CONDITIONS: [Make; 10] = [
        |schema, value| compare(schema, "a", Operator::Lt, lit(value)),
        |schema, value| compare(schema, "b", Operator::GtEq, lit(value)),
        |schema, _| compare(schema, "a", Operator::NotEq, col("b", schema).unwrap()),
        |schema, value| compare(schema, "t", Operator::Eq, lit(["a", "ab", "bb"][value.unsigned_abs() as usize % 3])),
        |schema, _| compare(schema, "t", Operator::LikeMatch, lit("a%")),
        |schema, _| in_list(col("t", schema).unwrap(), vec![lit("a"), lit("b"), lit("ba")], &false, schema).unwrap(),
        |schema, _| is_null(col("b", schema).unwrap()).unwrap(),
        |schema, value| {
            let sum = binary(col("b", schema).unwrap(), Operator::Plus, col("a", schema).unwrap(), schema).unwrap();
            binary(sum, Operator::Gt, lit(value), schema).unwrap()
        },
        |_, value| match value % 3 {
            0 => lit(true),
            1 => lit(false),
            _ => lit(ScalarValue::Boolean(None)),
        },
        |schema, value| {
            let both = |value: i64| {
                let (a, b) = (CONDITIONS[0](schema, value), CONDITIONS[1](schema, value));
                binary(a, Operator::And, b, schema).unwrap()
            };
            binary(both(value), Operator::Or, both(-value), schema).unwrap()
        },
    ];

    proptest! {
        /// A filter keeps the rows that it keeps with the conditions as they were planned.
        #[test]
        fn a_filter_keeps_the_same_rows(
            batch in rows(),
            conditions in prop::collection::vec((0..CONDITIONS.len(), -100_i64..100), 2..6),
            from in 0..200_usize,
        ) {
            // A batch may be a slice.
            let batch = batch.slice(from, ROWS - from);
            let schema = batch.schema();
            let parts = conditions.into_iter().map(|(which, value)| CONDITIONS[which](&schema, value));
            let planned = parts.reduce(|left, right| binary(left, Operator::And, right, &schema).unwrap()).unwrap();
            let quicker = in_filter(Arc::clone(&planned), &schema).unwrap();
            prop_assert!(quicker.transformed);
            prop_assert_eq!(quicker.data.to_string(), planned.to_string());
            let kept = |condition: &Arc<dyn PhysicalExpr>| {
                let answers = condition.evaluate(&batch).unwrap().into_array(batch.num_rows()).unwrap();
                filter_record_batch(&batch, answers.as_boolean()).unwrap()
            };
            prop_assert_eq!(kept(&quicker.data), kept(&planned));
        }
    }

    /// `10 / b` of rows where `b` is 0 is an error; the comparison leaves none of them, wherever it is written.
    #[test]
    fn what_may_fail_is_asked_last() {
        let columns: [(&str, ArrayRef); 1] =
            [("b", Arc::new(Int64Array::from_iter_values((0..100).map(|row| row % 2))))];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let schema = batch.schema();
        let part = binary(lit(10_i64), Operator::Divide, col("b", &schema).unwrap(), &schema).unwrap();
        let part = binary(part, Operator::Gt, lit(1_i64), &schema).unwrap();
        let planned = binary(part, Operator::And, compare(&schema, "b", Operator::Gt, lit(0_i64)), &schema).unwrap();
        let quicker = in_filter(planned, &schema).unwrap().data;
        let answers = quicker.evaluate(&batch).unwrap().into_array(100).unwrap();
        assert_eq!(answers.as_boolean().true_count(), 50);
    }
}
