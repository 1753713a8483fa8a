//! Dates and times read by PostgreSQL's templates
//!
//! A separator in a template stands for any other, or for none. What the text does not say is the first of its kind: year 0 (1 BC),
//! January, the first day, midnight.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Weekday};
use datafusion::common::exec_err;
use datafusion::error::Result;

use super::time_template::{Field, Node, Template};
use crate::functions::calendar_names::{MONTHS, WEEKDAYS};

/// Reads texts, and keeps the last template.
#[derive(Default)]
pub struct Reader {
    last: Option<(String, Template)>,
}

impl Reader {
    pub fn read(&mut self, text: &str, template: &str) -> Result<NaiveDateTime> {
        let (_, parsed) = match self.last.take() {
            Some(last) if last.0 == template => self.last.insert(last),
            _ => self.last.insert((template.to_owned(), Template::new(template))),
        };
        let mut found = Found::default();
        match found.read(text, &parsed.nodes).and_then(|()| found.time()) {
            Ok(time) => Ok(time),
            Err(reason) => exec_err!("'{text}' cannot be read by '{template}': {reason}"),
        }
    }
}

type Reason = String;

/// What a text says of a time.
#[derive(Debug, Default)]
struct Found {
    year: Option<i64>,
    century: Option<i64>,
    is_before_christ: bool,
    iso_year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    iso_week: Option<i64>,
    iso_day: Option<i64>,
    iso_day_of_year: Option<i64>,
    week: Option<i64>,
    julian: Option<i64>,
    hour: Option<i64>,
    has_half_days: bool,
    is_afternoon: Option<bool>,
    minute: i64,
    second: i64,
    second_of_day: Option<i64>,
    nanoseconds: i64,
    zone_hours: i64,
    zone_minutes: i64,
    zone_is_west: bool,
}

impl Found {
    fn read(&mut self, text: &str, nodes: &[Node]) -> Result<(), Reason> {
        let mut rest = text;
        for (index, node) in nodes.iter().enumerate() {
            if rest.is_empty() {
                break;
            }
            match node {
                Node::Quoted(quoted) => {
                    rest = skip(rest, quoted.chars().count());
                }
                Node::Character(c) if c.is_alphanumeric() => rest = skip(rest, 1),
                Node::Character(_) => {
                    // A separator stands for any, and for none.
                    rest = rest.trim_start();
                    let is_sign_of_zone =
                        matches!(nodes.get(index + 1), Some(Node::Field { field: Field::ZoneHours, .. }))
                            && rest.starts_with(['+', '-']);
                    if !is_sign_of_zone && rest.starts_with(|c: char| c.is_ascii_punctuation()) {
                        rest = skip(rest, 1);
                    }
                }
                Node::Field { field, is_filled, ordinal } => {
                    rest = rest.trim_start();
                    let is_alone = !is_filled
                        || ordinal.is_some()
                        || !matches!(nodes.get(index + 1), Some(Node::Field { field, .. }) if field.is_number());
                    rest = self.field(*field, is_alone, rest)?;
                    if ordinal.is_some() {
                        rest = skip(rest, 2);
                    }
                }
            }
        }
        Ok(())
    }

    fn field<'a>(&mut self, field: Field, is_alone: bool, rest: &'a str) -> Result<&'a str, Reason> {
        let width = width(field);
        let read = |is_alone: bool| number(rest, if is_alone { 10 } else { width });
        match field {
            Field::Year(4) => {
                let (year, rest, _) = read(is_alone)?;
                self.year = Some(year);
                return Ok(rest);
            }
            Field::Year(_) | Field::IsoYear(_) => {
                let (year, rest, digits) = read(is_alone)?;
                let is_whole = digits >= 4 || matches!(field, Field::IsoYear(4));
                let year = if is_whole { year } else { near_2020(year) };
                match field {
                    Field::Year(_) => self.year = Some(year),
                    _ => self.iso_year = Some(year),
                }
                return Ok(rest);
            }
            Field::YearWithComma => {
                let (thousands, rest, _) = number(rest, 4)?;
                let (year, rest, _) = number(rest.strip_prefix(',').ok_or("a comma is missing in the year")?, 3)?;
                self.year = Some(thousands * 1000 + year);
                return Ok(rest);
            }
            Field::Fraction(_) => {
                let (value, rest, digits) = read(is_alone)?;
                self.nanoseconds = match u32::try_from(digits) {
                    Ok(digits @ 0..=9) => value * 10i64.pow(9 - digits),
                    _ => return Err("the fraction of a second has too many digits".to_owned()),
                };
                return Ok(rest);
            }
            Field::MonthName(_) | Field::MonthAbbreviation(_) => {
                let (month, rest) = named(rest, &MONTHS).ok_or("there is no such month")?;
                self.month = Some(month as i64 + 1);
                return Ok(rest);
            }
            Field::DayName(_) | Field::DayAbbreviation(_) => {
                return named(rest, &WEEKDAYS).map(|(_, rest)| rest).ok_or_else(|| "there is no such day".to_owned());
            }
            Field::RomanMonth(_) => {
                let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
                let months = ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii"];
                let month = months.iter().position(|month| rest[..letters].eq_ignore_ascii_case(month));
                self.month = Some(month.ok_or("there is no such month")? as i64 + 1);
                return Ok(&rest[letters..]);
            }
            Field::Meridiem { .. } => {
                for (written, is_afternoon) in [("A.M.", false), ("P.M.", true), ("AM", false), ("PM", true)] {
                    if rest.get(..written.len()).is_some_and(|start| start.eq_ignore_ascii_case(written)) {
                        self.is_afternoon = Some(is_afternoon);
                        return Ok(&rest[written.len()..]);
                    }
                }
                return Err("AM or PM is missing".to_owned());
            }
            Field::Era { .. } => {
                for (written, is_before) in [("A.D.", false), ("B.C.", true), ("AD", false), ("BC", true)] {
                    if rest.get(..written.len()).is_some_and(|start| start.eq_ignore_ascii_case(written)) {
                        self.is_before_christ = is_before;
                        return Ok(&rest[written.len()..]);
                    }
                }
                return Err("AD or BC is missing".to_owned());
            }
            Field::Zone { .. } | Field::ZoneOffset => return Err("a zone can be read only by TZH and TZM".to_owned()),
            Field::ZoneHours => {
                self.zone_is_west = rest.starts_with('-');
                let (hours, rest, _) = number(rest.strip_prefix(['+', '-']).unwrap_or(rest), 2)?;
                self.zone_hours = hours;
                return Ok(rest);
            }
            _ => {}
        }
        let (value, rest, _) = read(is_alone)?;
        match field {
            Field::Month => self.month = Some(value),
            Field::DayOfYear => self.day_of_year = Some(value),
            Field::IsoDayOfYear => self.iso_day_of_year = Some(value),
            Field::DayOfMonth => self.day = Some(value),
            Field::IsoDayOfWeek => self.iso_day = Some(value),
            Field::WeekOfYear => self.week = Some(value),
            Field::IsoWeek => self.iso_week = Some(value),
            Field::Century => self.century = Some(value),
            Field::JulianDay => self.julian = Some(value),
            Field::Hour24 => self.hour = Some(value),
            Field::Hour12 => {
                self.hour = Some(value);
                self.has_half_days = true;
            }
            Field::Minute => self.minute = value,
            Field::Second => self.second = value,
            Field::SecondOfDay => self.second_of_day = Some(value),
            Field::ZoneMinutes => self.zone_minutes = value,
            // The rest follows from the date.
            _ => {}
        }
        Ok(rest)
    }

    fn time(&self) -> Result<NaiveDateTime, Reason> {
        let date = self.date().ok_or("there is no such date")?;
        let time = match self.second_of_day {
            Some(second) => {
                u32::try_from(second).ok().and_then(|second| NaiveTime::from_num_seconds_from_midnight_opt(second, 0))
            }
            None => {
                let hour = self.hour.unwrap_or(0);
                if (self.has_half_days || self.is_afternoon.is_some()) && !(1..=12).contains(&hour) {
                    return Err(format!("a clock of 12 hours has no hour {hour}"));
                }
                let hour = match self.is_afternoon {
                    Some(true) if hour < 12 => hour + 12,
                    Some(false) if hour == 12 => 0,
                    _ => hour,
                };
                let part = |value: i64| u32::try_from(value).ok();
                let parts = part(hour).zip(part(self.minute)).zip(part(self.second));
                parts.and_then(|((hour, minute), second)| NaiveTime::from_hms_opt(hour, minute, second))
            }
        };
        let time = date.and_time(time.ok_or("there is no such time of day")?);
        let zone = (self.zone_hours * 60 + self.zone_minutes) * if self.zone_is_west { 1 } else { -1 };
        let shift = TimeDelta::minutes(zone) + TimeDelta::nanoseconds(self.nanoseconds);
        time.checked_add_signed(shift).ok_or_else(|| "there is no such date".to_owned())
    }

    fn date(&self) -> Option<NaiveDate> {
        let days = |days: i64| Days::new(days.unsigned_abs());
        if let Some(julian) = self.julian {
            let after_1970 = julian.checked_sub(2_440_588)?;
            let epoch = NaiveDate::default();
            return if after_1970 < 0 {
                epoch.checked_sub_days(days(after_1970))
            } else {
                epoch.checked_add_days(days(after_1970))
            };
        }
        if let (Some(year), Some(week)) = (self.iso_year, self.iso_week) {
            let weekday = Weekday::try_from(u8::try_from(self.iso_day.unwrap_or(1) - 1).ok()?).ok()?;
            return NaiveDate::from_isoywd_opt(i32::try_from(year).ok()?, u32::try_from(week).ok()?, weekday);
        }
        if let (Some(year), Some(day @ 1..=371)) = (self.iso_year, self.iso_day_of_year) {
            return NaiveDate::from_isoywd_opt(i32::try_from(year).ok()?, 1, Weekday::Mon)?
                .checked_add_days(days(day - 1));
        }
        let year = match (self.year.or(self.iso_year), self.century) {
            // Of a year in so many digits the century says the rest.
            (Some(year), Some(century)) => {
                (century - 1) * 100 + year.rem_euclid(100) + if year % 100 == 0 { 100 } else { 0 }
            }
            (Some(year), None) => year,
            (None, Some(century)) => (century - 1) * 100 + 1,
            (None, None) => 0,
        };
        let year = i32::try_from(if self.is_before_christ { 1 - year } else { year }).ok()?;
        if let (Some(day), None) = (self.day_of_year, self.month) {
            self.year.or(self.iso_year)?;
            return NaiveDate::from_yo_opt(year, u32::try_from(day).ok()?);
        }
        if let (Some(week @ 1..=53), None, None) = (self.week, self.month, self.day) {
            let date = NaiveDate::from_yo_opt(year, 1)?.checked_add_days(days((week - 1) * 7))?;
            return (date.year() == year).then_some(date);
        }
        NaiveDate::from_ymd_opt(
            year,
            u32::try_from(self.month.unwrap_or(1)).ok()?,
            u32::try_from(self.day.unwrap_or(1)).ok()?,
        )
    }
}

fn skip(text: &str, count: usize) -> &str {
    text.char_indices().nth(count).map_or("", |(offset, _)| &text[offset..])
}

/// A year of one to three digits.
fn near_2020(year: i64) -> i64 {
    match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        100..520 => year + 2000,
        520..1000 => year + 1000,
        _ => year,
    }
}

/// A number of so many digits at most, what follows, and how many digits it has.
fn number(text: &str, most: usize) -> Result<(i64, &str, usize), Reason> {
    let digits = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    match text[..digits].parse() {
        Ok(number) => Ok((number, &text[digits..], digits)),
        Err(_) => Err(format!("a number is missing at '{text}'")),
    }
}

/// A name, or its first three letters.
fn named<'a>(text: &'a str, names: &[&str]) -> Option<(usize, &'a str)> {
    let matches = |name: &str| text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    let whole = names.iter().position(|name| matches(name)).map(|index| (index, names[index].len()));
    let found = whole.or_else(|| names.iter().position(|name| matches(&name[..3])).map(|index| (index, 3)));
    found.map(|(index, length)| (index, &text[length..]))
}

fn width(field: Field) -> usize {
    match field {
        Field::Year(digits) | Field::IsoYear(digits) | Field::Fraction(digits) => digits,
        Field::DayOfYear | Field::IsoDayOfYear => 3,
        Field::DayOfWeek | Field::IsoDayOfWeek | Field::WeekOfMonth | Field::Quarter => 1,
        Field::JulianDay => 7,
        Field::SecondOfDay => 5,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, template: &str) -> String {
        match Reader::default().read(text, template) {
            Ok(time) => time.to_string(),
            Err(_) => "error".to_owned(),
        }
    }

    #[test]
    fn templates_read_as_in_postgresql() {
        for (text, template, expected) in [
            ("05 Dec 2000", "DD Mon YYYY", "2000-12-05 00:00:00"),
            ("20240229", "YYYYMMDD", "2024-02-29 00:00:00"),
            ("2024-02-29 13:04:05.678", "YYYY-MM-DD HH24:MI:SS.MS", "2024-02-29 13:04:05.678"),
            ("12:30 AM", "HH12:MI AM", "0000-01-01 00:30:00"),
            ("2024 366", "YYYY DDD", "2024-12-31 00:00:00"),
            ("2024-01-4", "IYYY-IW-ID", "2024-01-04 00:00:00"),
            ("99-1-2", "YY-MM-DD", "1999-01-02 00:00:00"),
            ("2000JUN", "YYYY///MON", "2000-06-01 00:00:00"),
            ("2000/JUN", "YYYY MON", "2000-06-01 00:00:00"),
            ("on 3rd May 2001", "\"on \"DDth Month YYYY", "2001-05-03 00:00:00"),
            ("12.3", "SS.MS", "0000-01-01 00:00:12.300"),
            ("2000-01-01 00:00 +02", "YYYY-MM-DD HH24:MI TZH", "1999-12-31 22:00:00"),
            ("2024-02-30", "YYYY-MM-DD", "error"),
            ("2024-13-01", "YYYY-MM-DD", "error"),
            ("13 AM", "HH12 AM", "error"),
            ("x", "YYYY", "error"),
            ("99999999999999999999", "YYYY", "error"),
        ] {
            assert_eq!(read(text, template), expected, "{text} by {template}");
        }
    }
}
