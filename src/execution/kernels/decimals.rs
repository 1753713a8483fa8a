//! Decimals are computed in 64 bits where their digits allow it: `l_extendedprice * (1 - l_discount)`
//!
//! A DECIMAL(15, 2) has 128 bits, of which its 15 digits use 50. Arrow's kernels multiply all 128 and look at each row for an overflow, a
//! sum brings both sides to one scale by such multiplications; that was a third of TPC-H 1. Where all values of both sides fit into
//! 64 bits, neither their product nor their sum at a common scale can leave 128 bits, so there is nothing to look for, and a
//! multiplication is one instruction. Whether they fit is found out along the way; a batch in which one does not is computed by
//! Arrow's kernels.

use std::fmt::{self, Display, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::kernels::numeric::{add_wrapping, mul_wrapping, sub_wrapping};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::expressions::BinaryExpr;
use datafusion::physical_expr::{PhysicalExpr, PhysicalExprRef};
use datafusion::physical_expr_common::datum::apply;

/// As rules are named.
pub(super) const NAME: &str = "narrow_decimals";

/// Most digits by which a 64-bit number may be shifted for another scale, so that the sum of two of them is below 2^127.
const MOST_DIGITS: u8 = 18;

/// `expr` with its arithmetic on decimals in 64 bits.
pub(super) fn in_words(expr: Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<Transformed<Arc<dyn PhysicalExpr>>> {
    expr.transform_down(|expr| {
        Ok(
            match expr
                .downcast_ref::<BinaryExpr>()
                .map(|planned| Arithmetic::of(planned, schema))
                .transpose()?
                .flatten()
            {
                // It has seen to its sides itself.
                Some(arithmetic) => Transformed::new(Arc::new(arithmetic) as _, true, TreeNodeRecursion::Jump),
                None => Transformed::no(expr),
            },
        )
    })
}

/// A sum, difference or product of two decimals, shown as it was planned.
#[derive(Debug)]
struct Arithmetic {
    planned: BinaryExpr,
    left: Arc<dyn PhysicalExpr>,
    right: Arc<dyn PhysicalExpr>,
    work: Work,
    result: DataType,
}

/// What is done to the digits of the two sides.
#[derive(Debug, Clone, Copy)]
enum Work {
    Multiply,
    /// Brings both sides to one scale, and adds them.
    Add {
        left: i64,
        right: i64,
    },
}

impl Arithmetic {
    /// `None` if the operation is another, on other types, or of scales that are too far apart.
    fn of(planned: &BinaryExpr, schema: &Schema) -> Result<Option<Self>> {
        let sides = (planned.left().data_type(schema)?, planned.right().data_type(schema)?);
        let (DataType::Decimal128(_, left), DataType::Decimal128(_, right)) = sides else { return Ok(None) };
        let result = planned.data_type(schema)?;
        let DataType::Decimal128(_, scale) = result else { return Ok(None) };
        let factor = |from: i8| {
            let digits = u8::try_from(scale.checked_sub(from)?).ok().filter(|digits| *digits <= MOST_DIGITS)?;
            Some(10_i64.pow(digits.into()))
        };
        let work = match planned.op() {
            // Arrow refuses a scale that a decimal cannot have; a cut one would be of other digits.
            Operator::Multiply if left.checked_add(right) == Some(scale) => Some(Work::Multiply),
            Operator::Plus => factor(left).zip(factor(right)).map(|(left, right)| Work::Add { left, right }),
            Operator::Minus => factor(left).zip(factor(right)).map(|(left, right)| Work::Add { left, right: -right }),
            _ => None,
        };
        let Some(work) = work else { return Ok(None) };
        let side = |side: &PhysicalExprRef| in_words(Arc::clone(side), schema).map(|side| side.data);
        let (left, right) = (side(planned.left())?, side(planned.right())?);
        Ok(Some(Arithmetic { planned: planned.clone(), left, right, work, result }))
    }

    /// `None` if not all values fit into 64 bits, or both sides are constants.
    fn in_words(&self, left: &ColumnarValue, right: &ColumnarValue) -> Result<Option<ArrayRef>> {
        let computed = match (left, right) {
            (ColumnarValue::Array(left), ColumnarValue::Array(right)) => {
                let (left, right) = (left.as_primitive::<Decimal128Type>(), right.as_primitive::<Decimal128Type>());
                let nulls = NullBuffer::union(left.nulls(), right.nulls());
                (self.work.of_columns(left.values(), right.values()), nulls)
            }
            (ColumnarValue::Array(left), ColumnarValue::Scalar(right)) => self.work.of_column(left, right),
            (ColumnarValue::Scalar(left), ColumnarValue::Array(right)) => self.work.turned().of_column(right, left),
            (ColumnarValue::Scalar(_), ColumnarValue::Scalar(_)) => return Ok(None),
        };
        let (Some(values), nulls) = computed else { return Ok(None) };
        let array = Decimal128Array::try_new(values.into(), nulls)?.with_data_type(self.result.clone());
        Ok(Some(Arc::new(array)))
    }
}

impl Work {
    /// The same with the sides exchanged.
    fn turned(self) -> Self {
        match self {
            Work::Multiply => Work::Multiply,
            Work::Add { left, right } => Work::Add { left: right, right: left },
        }
    }

    /// With a constant on the right side.
    fn of_column(self, left: &ArrayRef, right: &ScalarValue) -> (Option<Vec<i128>>, Option<NullBuffer>) {
        let left = left.as_primitive::<Decimal128Type>();
        let values = word(right).and_then(|right| match self {
            Work::Multiply => scaled(left.values(), right, 0),
            Work::Add { left: factor, right: other } => {
                scaled(left.values(), factor, i128::from(right) * i128::from(other))
            }
        });
        (values, left.nulls().cloned())
    }

    /// `None` if a value does not fit into 64 bits.
    fn of_columns(self, left: &[i128], right: &[i128]) -> Option<Vec<i128>> {
        match self {
            Work::Multiply => combined(left, right, |left, right| i128::from(left) * i128::from(right)),
            // At one scale.
            Work::Add { left: 1, right: 1 } => {
                combined(left, right, |left, right| i128::from(left) + i128::from(right))
            }
            Work::Add { left: left_factor, right: right_factor } => combined(left, right, |left, right| {
                i128::from(left) * i128::from(left_factor) + i128::from(right) * i128::from(right_factor)
            }),
        }
    }
}

/// The constant, if it has a value that fits into 64 bits.
fn word(constant: &ScalarValue) -> Option<i64> {
    match constant {
        ScalarValue::Decimal128(Some(value), ..) => i64::try_from(*value).ok(),
        _ => None,
    }
}

/// The lower half of a number, and bits of which one is set if the number does not fit into it.
#[inline(always)]
fn halves(value: i128) -> (i64, i64) {
    let word = value as i64;
    (word, (value >> 64) as i64 ^ (word >> 63))
}

/// `f` of each pair; `None` if a value does not fit into 64 bits. Values under NULL count, too: they may be anything.
fn combined(left: &[i128], right: &[i128], f: impl Fn(i64, i64) -> i128) -> Option<Vec<i128>> {
    let mut outside = 0;
    let pair = |(left, right): (&i128, &i128)| {
        let ((left, left_outside), (right, right_outside)) = (halves(*left), halves(*right));
        outside |= left_outside | right_outside;
        f(left, right)
    };
    let values = left.iter().zip(right).map(pair).collect();
    (outside == 0).then_some(values)
}

/// `value * factor + summand` of each value; `None` if one does not fit into 64 bits.
fn scaled(values: &[i128], factor: i64, summand: i128) -> Option<Vec<i128>> {
    let mut outside = 0;
    let one = |value: &i128| {
        let (word, word_outside) = halves(*value);
        outside |= word_outside;
        i128::from(word) * i128::from(factor) + summand
    };
    let values = values.iter().map(one).collect();
    (outside == 0).then_some(values)
}

impl PhysicalExpr for Arithmetic {
    fn data_type(&self, _schema: &Schema) -> Result<DataType> {
        Ok(self.result.clone())
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.planned.nullable(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let (left, right) = (self.left.evaluate(batch)?, self.right.evaluate(batch)?);
        if let Some(array) = self.in_words(&left, &right)? {
            return Ok(ColumnarValue::Array(array));
        }
        match self.planned.op() {
            Operator::Multiply => apply(&left, &right, mul_wrapping),
            Operator::Minus => apply(&left, &right, sub_wrapping),
            _ => apply(&left, &right, add_wrapping),
        }
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        self.planned.children()
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        Arc::new(self.planned.clone()).with_new_children(children)
    }

    fn fmt_sql(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.planned.fmt_sql(f)
    }
}

impl Display for Arithmetic {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.planned.fmt(f)
    }
}

impl PartialEq for Arithmetic {
    fn eq(&self, other: &Self) -> bool {
        self.planned == other.planned
    }
}

impl Eq for Arithmetic {}

impl Hash for Arithmetic {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.planned.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::Field;
    use datafusion::physical_expr::expressions::{Literal, binary, col};
    use proptest::prelude::*;

    use super::*;

    fn column(values: Vec<Option<i128>>, precision: u8, scale: i8) -> ArrayRef {
        let array = Decimal128Array::from(values).with_precision_and_scale(precision, scale);
        Arc::new(array.unwrap())
    }

    fn batch(left: ArrayRef, right: ArrayRef) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable([("l", left, true), ("r", right, true)]).unwrap()
    }

    /// What the operation gives, and whether 64 bits were enough; both sides as they are planned and in words.
    fn both(planned: &Arc<dyn PhysicalExpr>, batch: &RecordBatch) -> (Option<ArrayRef>, Option<ArrayRef>) {
        let quicker = in_words(Arc::clone(planned), &batch.schema()).unwrap();
        assert!(quicker.transformed, "{planned} is not exchanged");
        assert_eq!(quicker.data.to_string(), planned.to_string());
        let array = |expr: &Arc<dyn PhysicalExpr>| {
            expr.evaluate(batch).ok().map(|value| value.into_array(batch.num_rows()).unwrap())
        };
        (array(planned), array(&quicker.data))
    }

    fn value() -> impl Strategy<Value = Option<i128>> {
        let word = i128::from(i64::MAX);
        let edges = [0, 1, -1, word, word + 1, -word - 1, -word - 2, i128::MAX, i128::MIN, 10_i128.pow(37)];
        prop_oneof![
            6 => (-1_000_000_i128..1_000_000).prop_map(Some),
            1 => Just(None),
            1 => prop::sample::select(edges.to_vec()).prop_map(Some),
        ]
    }

    proptest! {
        /// Values, types and errors are those of Arrow's kernels, be a side a column or a constant.
        #[test]
        fn words_give_what_arrow_gives(
            rows in prop::collection::vec((value(), value()), 1..20),
            small in prop::bool::ANY,
            scales in (0_i8..12, 0_i8..12),
            op in prop::sample::select(vec![Operator::Plus, Operator::Minus, Operator::Multiply]),
            constant in prop::option::of(prop::bool::ANY),
        ) {
            let tame = |value: Option<i128>| if small { value.map(|value| value % 1_000_000) } else { value };
            let (left, right): (Vec<_>, Vec<_>) = rows.into_iter().map(|(l, r)| (tame(l), tame(r))).unzip();
            let (first_left, first_right) = (left[0], right[0]);
            let batch = batch(column(left, 15, scales.0), column(right, 18, scales.1));
            let schema = batch.schema();
            let mut sides = [col("l", &schema).unwrap(), col("r", &schema).unwrap()];
            match constant {
                Some(true) => sides[0] = Arc::new(Literal::new(ScalarValue::Decimal128(first_left, 15, scales.0))),
                Some(false) => sides[1] = Arc::new(Literal::new(ScalarValue::Decimal128(first_right, 18, scales.1))),
                None => {}
            }
            let [left, right] = sides;
            let planned = binary(left, op, right, &schema).unwrap();
            let (expected, given) = both(&planned, &batch);
            prop_assert_eq!(&given, &expected);
            prop_assert_eq!(given.map(|array| array.data_type().clone()), expected.map(|array| array.data_type().clone()));
        }
    }

    #[test]
    fn what_is_computed_of_what_is_computed_is_exchanged_too() {
        let batch = batch(column(vec![Some(1000), None], 15, 2), column(vec![Some(5), Some(7)], 15, 2));
        let schema = batch.schema();
        let one = Arc::new(Literal::new(ScalarValue::Decimal128(Some(1), 20, 0)));
        let rest = binary(one, Operator::Minus, col("r", &schema).unwrap(), &schema).unwrap();
        let planned = binary(col("l", &schema).unwrap(), Operator::Multiply, rest, &schema).unwrap();
        let (expected, given) = both(&planned, &batch);
        assert_eq!(given, expected);
        let digits = given.unwrap();
        assert_eq!(digits.as_primitive::<Decimal128Type>().iter().collect::<Vec<_>>(), [Some(95_000), None]);
    }

    #[test]
    fn scales_far_apart_and_other_types_stay() {
        let schema = Schema::new(vec![
            Field::new("a", DataType::Decimal128(38, 0), true),
            Field::new("b", DataType::Decimal128(38, 20), true),
            Field::new("c", DataType::Int64, true),
        ]);
        for (left, op, right) in [("a", Operator::Plus, "b"), ("a", Operator::Divide, "b"), ("c", Operator::Plus, "c")]
        {
            let planned = binary(col(left, &schema).unwrap(), op, col(right, &schema).unwrap(), &schema).unwrap();
            assert!(!in_words(planned, &schema).unwrap().transformed, "{left} {op} {right}");
        }
    }
}
