//! Intervals and durations, as psql and DuckDB show them: `1 year 2 mons -3 days +04:05:06.5`.
//!
//! A part that is zero is left out; a positive part behind a negative one says so. Months, days and time stay apart,
//! because a month is not a number of days. PostgreSQL and DuckDB write and read this form; arrow's parser reads it only
//! as long as there is no time of day in it.

use datafusion::arrow::array::{Array, AsArray, PrimitiveArray};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, IntervalDayTimeType, IntervalMonthDayNanoType, IntervalYearMonthType,
};

use super::Encode;
use super::temporal::write_time;

const NANOSECONDS: i128 = 1_000_000_000;
const NANOSECONDS_PER_DAY: i128 = 86_400 * NANOSECONDS;

/// An interval of any unit.
struct Parts {
    months: i64,
    days: i64,
    nanoseconds: i128,
}

impl Parts {
    fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let mut after_negative = false;
        let named = [(self.months / 12, "year"), (self.months % 12, "mon"), (self.days, "day")];
        for (count, unit) in named.into_iter().filter(|(count, _)| *count != 0) {
            separate(start, out);
            if after_negative && count > 0 {
                out.push(b'+');
            }
            out.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
            out.push(b' ');
            out.extend_from_slice(unit.as_bytes());
            if count != 1 {
                out.push(b's');
            }
            after_negative = count < 0;
        }
        if self.nanoseconds != 0 || out.len() == start {
            separate(start, out);
            if self.nanoseconds < 0 {
                out.push(b'-');
            } else if after_negative {
                out.push(b'+');
            }
            let size = self.nanoseconds.unsigned_abs();
            let (seconds, rest) = (size / NANOSECONDS as u128, size % NANOSECONDS as u128);
            write_time(i64::try_from(seconds).unwrap_or(i64::MAX), i64::try_from(rest).unwrap_or(0), out);
        }
    }
}

fn separate(start: usize, out: &mut Vec<u8>) {
    if out.len() > start {
        out.push(b' ');
    }
}

/// The parts of one interval value.
pub(super) trait IntervalParts: ArrowPrimitiveType {
    fn months_days_nanoseconds(value: Self::Native) -> (i32, i32, i64);
}

impl IntervalParts for IntervalYearMonthType {
    fn months_days_nanoseconds(value: i32) -> (i32, i32, i64) {
        (value, 0, 0)
    }
}

impl IntervalParts for IntervalDayTimeType {
    fn months_days_nanoseconds(value: Self::Native) -> (i32, i32, i64) {
        (0, value.days, i64::from(value.milliseconds) * 1_000_000)
    }
}

impl IntervalParts for IntervalMonthDayNanoType {
    fn months_days_nanoseconds(value: Self::Native) -> (i32, i32, i64) {
        (value.months, value.days, value.nanoseconds)
    }
}

struct Interval<'a, T: IntervalParts>(&'a PrimitiveArray<T>);

impl<T: IntervalParts> Encode for Interval<'_, T> {
    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        let (months, days, nanoseconds) = T::months_days_nanoseconds(self.0.value(row));
        Parts { months: months.into(), days: days.into(), nanoseconds: nanoseconds.into() }.write(out);
    }
}

pub(super) fn interval<'a, T: IntervalParts>(array: &'a dyn Array) -> impl Encode + 'a {
    Interval(array.as_primitive::<T>())
}

struct Duration<'a, T: ArrowPrimitiveType> {
    array: &'a PrimitiveArray<T>,
    per_second: i64,
}

impl<T: ArrowPrimitiveType<Native = i64>> Encode for Duration<'_, T> {
    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        let nanoseconds = i128::from(self.array.value(row)) * (NANOSECONDS / i128::from(self.per_second));
        let days = i64::try_from(nanoseconds / NANOSECONDS_PER_DAY).unwrap_or(i64::MAX);
        Parts { months: 0, days, nanoseconds: nanoseconds % NANOSECONDS_PER_DAY }.write(out);
    }
}

/// `per_second` is how many of the type's units make a second.
pub(super) fn duration<'a, T: ArrowPrimitiveType<Native = i64>>(
    array: &'a dyn Array,
    per_second: i64,
) -> impl Encode + 'a {
    Duration { array: array.as_primitive::<T>(), per_second }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{
        DurationMillisecondArray, DurationSecondArray, IntervalDayTimeArray, IntervalMonthDayNanoArray,
        IntervalYearMonthArray,
    };
    use datafusion::arrow::datatypes::{IntervalDayTime, IntervalMonthDayNano};

    use super::super::Style;
    use super::super::tests::one;

    fn months_days_nanoseconds(months: i32, days: i32, nanoseconds: i64) -> String {
        let value = IntervalMonthDayNano { months, days, nanoseconds };
        one(&IntervalMonthDayNanoArray::from(vec![value]), Style::Text)
    }

    #[test]
    fn parts_that_are_zero_are_left_out() {
        assert_eq!(months_days_nanoseconds(14, 3, 14_706_500_000_000), "1 year 2 mons 3 days 04:05:06.5");
        assert_eq!(months_days_nanoseconds(1, 0, 0), "1 mon");
        assert_eq!(months_days_nanoseconds(0, 0, 0), "00:00:00");
        assert_eq!(one(&IntervalYearMonthArray::from(vec![24]), Style::Text), "2 years");
    }

    #[test]
    fn each_part_has_its_own_sign() {
        assert_eq!(months_days_nanoseconds(-1, 2, -1), "-1 mons +2 days -00:00:00.000000001");
        assert_eq!(months_days_nanoseconds(0, -1, 1_000_000_000), "-1 days +00:00:01");
        let value = IntervalDayTime { days: 0, milliseconds: -1500 };
        assert_eq!(one(&IntervalDayTimeArray::from(vec![value]), Style::Json), "\"-00:00:01.5\"");
    }

    #[test]
    fn durations_count_days() {
        assert_eq!(one(&DurationMillisecondArray::from(vec![90_061_001]), Style::Text), "1 day 01:01:01.001");
        assert_eq!(one(&DurationMillisecondArray::from(vec![-1]), Style::Text), "-00:00:00.001");
        assert_eq!(one(&DurationSecondArray::from(vec![i64::MAX]), Style::Text), "106751991167300 days 15:30:07");
    }
}
