//! Dates and times written by PostgreSQL's templates

use std::fmt::Write;

use chrono::{Datelike, NaiveDateTime, Timelike};

use super::time_template::{Case, Field, Node, Template};
use crate::functions::calendar_names::{MONTHS, WEEKDAYS};

const ROMAN: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

impl Template {
    /// Writes a local time. The zone and its seconds east of Greenwich are those that the time has, if it has one.
    pub fn write(&self, time: &NaiveDateTime, zone: Option<(&str, i64)>, out: &mut String) {
        for node in &self.nodes {
            match node {
                Node::Character(c) => out.push(*c),
                Node::Quoted(text) => out.push_str(text),
                Node::Field { field, is_filled, ordinal } => {
                    let start = out.len();
                    write_field(*field, *is_filled, time, zone, out);
                    if let Some(case) = ordinal
                        && field.is_number()
                    {
                        let suffix = ordinal_suffix(&out[start..]);
                        match case {
                            Case::Lower => out.push_str(suffix),
                            _ => out.push_str(&suffix.to_ascii_uppercase()),
                        }
                    }
                }
            }
        }
    }
}

pub fn ordinal_suffix(digits: &str) -> &'static str {
    let mut last = digits.bytes().rev();
    match (last.next(), last.next()) {
        (_, Some(b'1')) => "th",
        (Some(b'1'), _) => "st",
        (Some(b'2'), _) => "nd",
        (Some(b'3'), _) => "rd",
        _ => "th",
    }
}

fn write_field(field: Field, is_filled: bool, time: &NaiveDateTime, zone: Option<(&str, i64)>, out: &mut String) {
    // Writing to a text does not fail.
    let mut number = |value: i64, width: usize| {
        let width = if is_filled { width } else { 0 };
        let _ = write!(out, "{value:0width$}");
    };
    // There is no year 0: before 1 comes 1 BC.
    let era_year = |year: i32| if year <= 0 { 1 - i64::from(year) } else { i64::from(year) };
    let year_digits = |year: i64, digits: usize| if digits < 4 { year % 10i64.pow(digits as u32) } else { year };
    let week = time.iso_week();
    let year = era_year(time.year());
    let half_hours = (time.hour() + 11) % 12 + 1;
    match field {
        Field::Year(digits) => number(year_digits(year, digits), digits),
        Field::YearWithComma => {
            let _ = write!(out, "{},{:03}", year / 1000, year % 1000);
        }
        Field::IsoYear(digits) => number(year_digits(era_year(week.year()), digits), digits),
        Field::Month => number(i64::from(time.month()), 2),
        Field::DayOfYear => number(i64::from(time.ordinal()), 3),
        Field::IsoDayOfYear => {
            let days = (i64::from(week.week()) - 1) * 7 + i64::from(time.weekday().number_from_monday());
            number(days, 3);
        }
        Field::DayOfMonth => number(i64::from(time.day()), 2),
        Field::DayOfWeek => number(i64::from(time.weekday().number_from_sunday()), 1),
        Field::IsoDayOfWeek => number(i64::from(time.weekday().number_from_monday()), 1),
        Field::WeekOfMonth => number(i64::from((time.day() - 1) / 7 + 1), 1),
        Field::WeekOfYear => number(i64::from((time.ordinal() - 1) / 7 + 1), 2),
        Field::IsoWeek => number(i64::from(week.week()), 2),
        Field::Quarter => number(i64::from((time.month() - 1) / 3 + 1), 1),
        Field::Century if time.year() > 0 => number((year + 99) / 100, 2),
        Field::Century => number(-((year + 99) / 100), 2),
        // Of 1970-01-01 it is 2440588.
        Field::JulianDay => number(time.and_utc().timestamp().div_euclid(86_400) + 2_440_588, 1),
        Field::Hour24 => number(i64::from(time.hour()), 2),
        Field::Hour12 => number(i64::from(half_hours), 2),
        Field::Minute => number(i64::from(time.minute()), 2),
        Field::Second => number(i64::from(time.second()), 2),
        Field::SecondOfDay => number(i64::from(time.num_seconds_from_midnight()), 1),
        Field::Fraction(digits) => {
            let nanoseconds = i64::from(time.nanosecond() % 1_000_000_000);
            let _ = write!(out, "{:0digits$}", nanoseconds / 10i64.pow(9 - digits as u32));
        }
        Field::MonthName(case) => name(MONTHS[time.month0() as usize % 12], case, if is_filled { 9 } else { 0 }, out),
        Field::MonthAbbreviation(case) => name(&MONTHS[time.month0() as usize % 12][..3], case, 0, out),
        Field::RomanMonth(case) => {
            let case = if case == Case::Lower { Case::Lower } else { Case::Upper };
            name(ROMAN[time.month0() as usize % 12], case, if is_filled { 4 } else { 0 }, out);
        }
        Field::DayName(case) => {
            let day = WEEKDAYS[time.weekday().num_days_from_sunday() as usize % 7];
            name(day, case, if is_filled { 9 } else { 0 }, out);
        }
        Field::DayAbbreviation(case) => {
            name(&WEEKDAYS[time.weekday().num_days_from_sunday() as usize % 7][..3], case, 0, out);
        }
        Field::Meridiem { is_upper, has_points } => out.push_str(match (time.hour() < 12, is_upper, has_points) {
            (true, true, false) => "AM",
            (true, true, true) => "A.M.",
            (true, false, false) => "am",
            (true, false, true) => "a.m.",
            (false, true, false) => "PM",
            (false, true, true) => "P.M.",
            (false, false, false) => "pm",
            (false, false, true) => "p.m.",
        }),
        Field::Era { is_upper, has_points } => out.push_str(match (time.year() > 0, is_upper, has_points) {
            (true, true, false) => "AD",
            (true, true, true) => "A.D.",
            (true, false, false) => "ad",
            (true, false, true) => "a.d.",
            (false, true, false) => "BC",
            (false, true, true) => "B.C.",
            (false, false, false) => "bc",
            (false, false, true) => "b.c.",
        }),
        Field::Zone { is_upper } => {
            if let Some((zone, _)) = zone {
                out.push_str(&if is_upper { zone.to_uppercase() } else { zone.to_lowercase() });
            }
        }
        Field::ZoneOffset | Field::ZoneHours | Field::ZoneMinutes => {
            let seconds = zone.map_or(0, |(_, seconds)| seconds);
            let (hours, minutes) = (seconds.abs() / 3600, seconds.abs() / 60 % 60);
            if field != Field::ZoneMinutes {
                let width = if is_filled || field == Field::ZoneHours { 2 } else { 0 };
                let _ = write!(out, "{}{hours:0width$}", if seconds < 0 { '-' } else { '+' });
            }
            if field == Field::ZoneMinutes {
                let _ = write!(out, "{minutes:02}");
            } else if field == Field::ZoneOffset && minutes > 0 {
                let _ = write!(out, ":{minutes:02}");
            }
        }
    }
}

fn name(name: &str, case: Case, width: usize, out: &mut String) {
    let _ = match case {
        Case::Upper => write!(out, "{:width$}", name.to_ascii_uppercase()),
        Case::Title => write!(out, "{name:width$}"),
        Case::Lower => write!(out, "{:width$}", name.to_ascii_lowercase()),
    };
}
