//! Comparisons of numbers, dates and timestamps: of a column with a constant, or of two columns
//!
//! Arrow's kernel tests a value and sets a bit, one after the other. Tests that go into bytes are done by the processor sixteen or more at a
//! time, and eight bytes of 0 or 1 become eight bits by one multiplication.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Int32Type, Int64Type, Schema, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};

/// `column op column` or `column op constant`.
#[derive(Debug)]
pub(super) struct Comparison {
    left: usize,
    op: Operator,
    right: Operand,
}

#[derive(Debug)]
enum Operand {
    Column(usize),
    /// An array of one value, not NULL.
    Constant(ArrayRef),
}

/// What is compared.
enum Values<'a> {
    Short(&'a [i32]),
    Long(&'a [i64]),
    Wide(&'a [i128]),
}

impl Comparison {
    /// `None` if it is something else, or of other types.
    pub(super) fn of(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<Option<Self>> {
        let Some(comparison) = expr.downcast_ref::<BinaryExpr>() else { return Ok(None) };
        let (left, right) = (comparison.left(), comparison.right());
        let (column, other, op) = match (left.downcast_ref::<Column>(), right.downcast_ref::<Column>()) {
            (Some(column), _) => (column, right, Some(*comparison.op())),
            (None, Some(column)) => (column, left, comparison.op().swap()),
            (None, None) => return Ok(None),
        };
        let Some(op) = op.filter(|op| is_of_order(*op)) else { return Ok(None) };
        let data_type = left.data_type(schema)?;
        if right.data_type(schema)? != data_type {
            return Ok(None);
        }
        let right = match (other.downcast_ref::<Column>(), other.downcast_ref::<Literal>()) {
            (Some(column), _) => Operand::Column(column.index()),
            (None, Some(constant)) if !constant.value().is_null() => Operand::Constant(constant.value().to_array()?),
            _ => return Ok(None),
        };
        Ok(is_known(&data_type).then(|| Comparison { left: column.index(), op, right }))
    }

    /// The rows for which it is true, and not NULL; `None` if the columns are of other types than they were planned with.
    pub(super) fn trues(&self, batch: &RecordBatch) -> Option<BooleanBuffer> {
        let left = batch.column(self.left);
        let (right, nulls) = match &self.right {
            Operand::Column(right) => {
                let right = batch.column(*right);
                (right, NullBuffer::union(left.nulls(), right.nulls()))
            }
            Operand::Constant(constant) => (constant, left.nulls().cloned()),
        };
        let is_constant = matches!(self.right, Operand::Constant(_));
        let trues = match (values(left)?, values(right)?) {
            (Values::Short(left), Values::Short(right)) => compared(left, self.op, right, is_constant),
            (Values::Long(left), Values::Long(right)) => compared(left, self.op, right, is_constant),
            (Values::Wide(left), Values::Wide(right)) => compared(left, self.op, right, is_constant),
            _ => None,
        }?;
        Some(match nulls {
            Some(nulls) => &trues & nulls.inner(),
            None => trues,
        })
    }
}

fn is_of_order(op: Operator) -> bool {
    matches!(op, Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq)
}

/// Types of which [`values`] gives the values. Floating point numbers have an order of their own.
fn is_known(data_type: &DataType) -> bool {
    use DataType::{Date32, Decimal128, Int32, Int64, Timestamp};
    matches!(data_type, Int32 | Int64 | Date32 | Decimal128(..) | Timestamp(..))
}

fn values(array: &ArrayRef) -> Option<Values<'_>> {
    Some(match array.data_type() {
        DataType::Int32 => Values::Short(array.as_primitive_opt::<Int32Type>()?.values()),
        DataType::Date32 => Values::Short(array.as_primitive_opt::<Date32Type>()?.values()),
        DataType::Int64 => Values::Long(array.as_primitive_opt::<Int64Type>()?.values()),
        DataType::Decimal128(..) => Values::Wide(array.as_primitive_opt::<Decimal128Type>()?.values()),
        DataType::Timestamp(unit, _) => Values::Long(match unit {
            TimeUnit::Second => array.as_primitive_opt::<TimestampSecondType>()?.values(),
            TimeUnit::Millisecond => array.as_primitive_opt::<TimestampMillisecondType>()?.values(),
            TimeUnit::Microsecond => array.as_primitive_opt::<TimestampMicrosecondType>()?.values(),
            TimeUnit::Nanosecond => array.as_primitive_opt::<TimestampNanosecondType>()?.values(),
        }),
        _ => return None,
    })
}

/// One bit a row; of a constant, `right` has the one value.
fn compared<T: Copy + Ord>(left: &[T], op: Operator, right: &[T], is_constant: bool) -> Option<BooleanBuffer> {
    if is_constant {
        let right = *right.first()?;
        return Some(match op {
            Operator::Eq => of_each(left, |value| value == right),
            Operator::NotEq => of_each(left, |value| value != right),
            Operator::Lt => of_each(left, |value| value < right),
            Operator::LtEq => of_each(left, |value| value <= right),
            Operator::Gt => of_each(left, |value| value > right),
            Operator::GtEq => of_each(left, |value| value >= right),
            _ => return None,
        });
    }
    Some(match op {
        Operator::Eq => of_pairs(left, right, |left, right| left == right),
        Operator::NotEq => of_pairs(left, right, |left, right| left != right),
        Operator::Lt => of_pairs(left, right, |left, right| left < right),
        Operator::LtEq => of_pairs(left, right, |left, right| left <= right),
        Operator::Gt => of_pairs(left, right, |left, right| left > right),
        Operator::GtEq => of_pairs(left, right, |left, right| left >= right),
        _ => return None,
    })
}

fn of_each<T: Copy>(values: &[T], test: impl Fn(T) -> bool) -> BooleanBuffer {
    let (chunks, rest) = values.as_chunks::<64>();
    let word = |chunk: &[T; 64]| packed(&std::array::from_fn(|at| u8::from(test(chunk[at]))));
    let last = |rest: &[T]| packed(&std::array::from_fn(|at| rest.get(at).map_or(0, |value| u8::from(test(*value)))));
    let words = chunks.iter().map(word).chain((!rest.is_empty()).then(|| last(rest)));
    BooleanBuffer::new(Buffer::from_vec(words.collect::<Vec<u64>>()), 0, values.len())
}

fn of_pairs<T: Copy>(left: &[T], right: &[T], test: impl Fn(T, T) -> bool) -> BooleanBuffer {
    let rows = left.len().min(right.len());
    let ((left, left_rest), (right, right_rest)) = (left[..rows].as_chunks::<64>(), right[..rows].as_chunks::<64>());
    let word =
        |(left, right): (&[T; 64], &[T; 64])| packed(&std::array::from_fn(|at| u8::from(test(left[at], right[at]))));
    let last = || {
        packed(&std::array::from_fn(|at| match (left_rest.get(at), right_rest.get(at)) {
            (Some(left), Some(right)) => u8::from(test(*left, *right)),
            _ => 0,
        }))
    };
    let words = left.iter().zip(right).map(word).chain((!left_rest.is_empty()).then(last));
    BooleanBuffer::new(Buffer::from_vec(words.collect::<Vec<u64>>()), 0, rows)
}

/// The bits of 64 bytes that are 0 or 1, the first one lowest.
#[inline(always)]
fn packed(bytes: &[u8; 64]) -> u64 {
    // Byte `i` times `2^(7 (8 - i))` is bit `56 + i`; no two products of a byte and another power meet in one bit.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (eights, _) = bytes.as_chunks::<8>();
    let bits = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56;
    eights.iter().enumerate().fold(0, |word, (at, eight)| word | (bits(eight) << (8 * at)))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Date32Array, Decimal128Array, Int64Array};
    use datafusion::common::ScalarValue;
    use datafusion::physical_expr::expressions::{binary, col, lit};
    use proptest::prelude::*;

    use super::*;

    const OPS: [Operator; 6] =
        [Operator::Eq, Operator::NotEq, Operator::Lt, Operator::LtEq, Operator::Gt, Operator::GtEq];

    fn columns(values: &[Option<i32>]) -> [ArrayRef; 3] {
        let wide = |value: &Option<i32>| value.map(|value| i128::from(value) << 64);
        [
            Arc::new(Int64Array::from_iter(values.iter().map(|value| value.map(|value| i64::from(value) << 32)))),
            Arc::new(Date32Array::from_iter(values.iter().copied())),
            Arc::new(Decimal128Array::from_iter(values.iter().map(wide))),
        ]
    }

    proptest! {
        /// The rows for which it is true are those of DataFusion's comparison.
        #[test]
        fn as_datafusion_compares(
            rows in prop::collection::vec(prop::array::uniform2(prop::option::weighted(0.9, -3_i32..4)), 1..200),
            op in prop::sample::select(OPS.to_vec()),
            from in 0..70_usize,
            constant in prop::option::of(prop::bool::ANY),
        ) {
            let (left, right): (Vec<_>, Vec<_>) = rows.iter().map(|[left, right]| (*left, *right)).unzip();
            for (left, right) in columns(&left).into_iter().zip(columns(&right)) {
                let value = ScalarValue::try_from_array(&right, 0).unwrap();
                let batch = RecordBatch::try_from_iter_with_nullable([("l", left, true), ("r", right, true)]).unwrap();
                let from = from.min(batch.num_rows());
                let batch = batch.slice(from, batch.num_rows() - from);
                let schema = batch.schema();
                let (left, right) = (col("l", &schema).unwrap(), col("r", &schema).unwrap());
                let planned = match constant {
                    None => binary(left, op, right, &schema),
                    Some(true) => binary(left, op, lit(value.clone()), &schema),
                    Some(false) => binary(lit(value.clone()), op, left, &schema),
                }.unwrap();
                let Some(comparison) = Comparison::of(&planned, &schema).unwrap() else {
                    prop_assert!(constant.is_some() && value.is_null(), "{planned}");
                    continue;
                };
                let expected = planned.evaluate(&batch).unwrap().into_array(batch.num_rows()).unwrap();
                let expected: Vec<bool> = expected.as_boolean().iter().map(|answer| answer == Some(true)).collect();
                prop_assert_eq!(comparison.trues(&batch).unwrap().iter().collect::<Vec<_>>(), expected, "{}", planned);
            }
        }
    }

    #[test]
    fn other_comparisons_are_not_taken() {
        let schema = Schema::new(vec![datafusion::arrow::datatypes::Field::new("x", DataType::Float64, true)]);
        let planned = binary(col("x", &schema).unwrap(), Operator::Lt, lit(1.0), &schema).unwrap();
        assert!(Comparison::of(&planned, &schema).unwrap().is_none());
    }
}
