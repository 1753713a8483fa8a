//! What values an expression can have, as far as constants, minimum and maximum say.

use std::cmp::Ordering;

use datafusion::common::ScalarValue;

use super::exprs::also;
use crate::optimizer::facts::{Because, Constant, Facts};

/// The values between two ends, both of which are in; without an end it is open there. NULL apart.
#[derive(Debug, Clone, Default)]
pub(super) struct Range {
    low: Option<ScalarValue>,
    high: Option<ScalarValue>,
    pub(super) can_be_null: bool,
    /// What the ends rest on, and that it cannot be NULL.
    pub(super) because: Because,
}

impl Range {
    /// The range of a column's values; `None` if nothing is known of them.
    pub(super) fn of(facts: &Facts, column: usize) -> Option<Range> {
        let known = facts.columns.get(column)?;
        let mut range = Range { can_be_null: known.not_null.is_none(), ..Range::default() };
        also(&mut range.because, known.not_null.as_ref().unwrap_or(&vec![]));
        if let Some(Constant::Value(value)) = &known.constant {
            if value.is_null() || !is_ordered(value) {
                return None;
            }
            range.low = Some(value.clone());
            range.high = Some(value.clone());
            return Some(range);
        }
        if let Some((low, because)) = known.min.as_ref().filter(|(low, _)| !low.is_null() && is_ordered(low)) {
            range.low = Some(low.clone());
            also(&mut range.because, because);
        }
        if let Some((high, because)) = known.max.as_ref().filter(|(high, _)| !high.is_null() && is_ordered(high)) {
            range.high = Some(high.clone());
            also(&mut range.because, because);
        }
        (range.low.is_some() || range.high.is_some() || !range.can_be_null).then_some(range)
    }

    /// The range of one value.
    pub(super) fn of_value(value: &ScalarValue) -> Option<Range> {
        if value.is_null() || !is_ordered(value) {
            return None;
        }
        Some(Range { low: Some(value.clone()), high: Some(value.clone()), can_be_null: false, because: vec![] })
    }

    /// Every value here is less than every value there.
    pub(super) fn is_below(&self, other: &Range) -> bool {
        matches!(compare(&self.high, &other.low), Some(Ordering::Less))
    }

    /// No value here is greater than a value there.
    pub(super) fn is_at_most(&self, other: &Range) -> bool {
        matches!(compare(&self.high, &other.low), Some(Ordering::Less | Ordering::Equal))
    }

    /// Both are one and the same value.
    pub(super) fn is_the_value_of(&self, other: &Range) -> bool {
        self.is_at_most(other) && other.is_at_most(self) && self.is_one() && other.is_one()
    }

    fn is_one(&self) -> bool {
        matches!(compare(&self.low, &self.high), Some(Ordering::Equal))
    }

    /// No row with a value here is `IS NOT DISTINCT FROM` one with a value there, and what that rests on.
    pub(super) fn has_nothing_in_common_with(&self, other: &Range) -> Option<Because> {
        if (self.can_be_null && other.can_be_null) || !(self.is_below(other) || other.is_below(self)) {
            return None;
        }
        let mut because = self.because.clone();
        also(&mut because, &other.because);
        Some(because)
    }
}

fn compare(one: &Option<ScalarValue>, other: &Option<ScalarValue>) -> Option<Ordering> {
    let (one, other) = (one.as_ref()?, other.as_ref()?);
    if one.data_type() != other.data_type() {
        return None;
    }
    one.partial_cmp(other)
}

/// Whether the values of the type have the order here that comparisons in a query have. Floats do not: NaN, and -0.
fn is_ordered(value: &ScalarValue) -> bool {
    use datafusion::arrow::datatypes::DataType;
    let data_type = value.data_type();
    data_type.is_integer()
        || matches!(
            data_type,
            DataType::Boolean
                | DataType::Decimal32(..)
                | DataType::Decimal64(..)
                | DataType::Decimal128(..)
                | DataType::Decimal256(..)
                | DataType::Date32
                | DataType::Date64
                | DataType::Time32(_)
                | DataType::Time64(_)
                | DataType::Timestamp(..)
                | DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Utf8View
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(low: Option<i64>, high: Option<i64>, can_be_null: bool) -> Range {
        let value = |end: Option<i64>| end.map(|end| ScalarValue::Int64(Some(end)));
        Range { low: value(low), high: value(high), can_be_null, because: vec![] }
    }

    #[test]
    fn ranges_without_a_value_in_common_may_have_null_in_common() {
        let (low, high) = (range(Some(1), Some(5), true), range(Some(6), None, true));
        assert!(low.has_nothing_in_common_with(&high).is_none());
        let low = range(Some(1), Some(5), false);
        assert!(low.has_nothing_in_common_with(&high).is_some());
        assert!(high.has_nothing_in_common_with(&low).is_some());
    }

    #[test]
    fn ranges_that_touch_have_a_value_in_common() {
        let (low, high) = (range(Some(1), Some(5), false), range(Some(5), Some(9), false));
        assert!(low.has_nothing_in_common_with(&high).is_none());
        assert!(low.is_at_most(&high) && !low.is_below(&high));
        assert!(!low.is_the_value_of(&high));
        assert!(range(Some(5), Some(5), false).is_the_value_of(&range(Some(5), Some(5), true)));
    }

    #[test]
    fn values_of_different_types_and_floats_are_not_compared() {
        let text = Range::of_value(&ScalarValue::from("1")).expect("ordered");
        let number = Range::of_value(&ScalarValue::Int64(Some(2))).expect("ordered");
        assert!(!number.is_below(&text) && !text.is_below(&number));
        assert!(Range::of_value(&ScalarValue::Float64(Some(1.0))).is_none());
    }
}
