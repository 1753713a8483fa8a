//! The proleptic Gregorian calendar over the whole range of DATE and TIMESTAMP
//!
//! chrono ends at the year 262142 and DATE does not; the arithmetic of eras of 400 years has no such end, and no case that could fail.

/// Microseconds.
pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    /// From 1.
    pub(crate) month: i64,
    /// From 1.
    pub(crate) day: i64,
}

/// The date that is so many days after 1970-01-01.
pub(crate) fn civil(days: i64) -> Civil {
    // Years begin in March here, so that the leap day is their last.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Civil { year, month, day }
}

/// Days from 1970-01-01 to a date of which month and day are in range.
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

pub(crate) fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(is_leap(year)),
        _ => 31,
    }
}

/// The date if there is such a one.
pub(crate) fn checked_days(year: i64, month: i64, day: i64) -> Option<i64> {
    ((1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month)).then(|| days(year, month, day))
}

/// From 0 for Sunday.
pub(crate) fn weekday(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

/// From 1.
pub(crate) fn day_of_year(days_since_epoch: i64) -> i64 {
    days_since_epoch - days(civil(days_since_epoch).year, 1, 1) + 1
}

/// ISO weeks begin on Monday, and the first is the one with January 4th.
pub(crate) fn iso_week(days_since_epoch: i64) -> i64 {
    let thursday = days_since_epoch - (days_since_epoch + 3).rem_euclid(7) + 3;
    (day_of_year(thursday) - 1) / 7 + 1
}

/// The day `months` later, or the last of its month if that is shorter.
pub(crate) fn add_months(date: Civil, months: i64) -> Civil {
    let month = date.year * 12 + date.month - 1 + months;
    let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
    Civil { year, month, day: date.day.min(days_in_month(year, month)) }
}

impl Civil {
    pub(crate) fn days(self) -> i64 {
        days(self.year, self.month, self.day)
    }

    pub(crate) fn is_last_of_month(self) -> bool {
        self.day == days_in_month(self.year, self.month)
    }
}

/// The day of a timestamp.
pub(crate) fn date_of_time(micros: i64) -> Option<i32> {
    i32::try_from(micros.div_euclid(DAY)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_of_eight_centuries_and_of_both_ends_come_back() {
        let ends = [i64::from(i32::MIN), i64::from(i32::MAX), -719_529, -719_528, 2_932_896, 2_932_897];
        for day in (-146_097..146_097).chain(ends) {
            let date = civil(day);
            assert_eq!(checked_days(date.year, date.month, date.day), Some(day), "{date:?}");
        }
        assert_eq!(civil(0), Civil { year: 1970, month: 1, day: 1 });
        assert_eq!(civil(19_782), Civil { year: 2024, month: 2, day: 29 });
        assert_eq!(checked_days(2023, 2, 29), None);
        assert_eq!(checked_days(1900, 2, 29), None);
        assert!(checked_days(2000, 2, 29).is_some());
    }

    #[test]
    fn weeks_at_the_turn_of_the_year() {
        assert_eq!(iso_week(days(2024, 12, 30)), 1);
        assert_eq!(iso_week(days(2021, 1, 3)), 53);
        assert_eq!(iso_week(days(2021, 1, 4)), 1);
        assert_eq!(weekday(days(1969, 12, 28)), 0);
    }
}
