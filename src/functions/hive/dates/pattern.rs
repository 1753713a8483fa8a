//! Java's patterns for dates: `yyyy-MM-dd'T'HH:mm:ss.SSS`
//!
//! Letters mean what Hive's manual says of them, which is `DateTimeFormatter`; where scripts rely on the older `SimpleDateFormat`, a
//! single `u` is still the number of the weekday, as that formatter has no use for it that a script could mean.

use std::fmt::Write;

use super::calendar::{self, Civil, DAY, HOUR, MINUTE, SECOND};
use crate::functions::calendar_names::{MONTHS, WEEKDAYS};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    pub(super) items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Literal(String),
    /// A letter, and how often it stands there.
    Field(char, usize),
}

impl Pattern {
    /// `None` for a pattern with a letter that means nothing, with one of the signs that Java keeps for later, or with an open quote.
    pub(crate) fn parse(pattern: &str) -> Option<Pattern> {
        let mut items = vec![];
        let mut literal = String::new();
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            if c == '\'' {
                if chars.next_if_eq(&'\'').is_some() {
                    literal.push('\'');
                    continue;
                }
                loop {
                    match chars.next()? {
                        '\'' if chars.next_if_eq(&'\'').is_some() => literal.push('\''),
                        '\'' => break,
                        quoted => literal.push(quoted),
                    }
                }
            } else if matches!(c, '{' | '}' | '#') {
                return None;
            } else if c.is_ascii_alphabetic() {
                let mut count = 1;
                while chars.next_if_eq(&c).is_some() {
                    count += 1;
                }
                if !"yuYMLdDQqHhkKmsSaEeFwWzZXxVG".contains(c) || count > 18 {
                    return None;
                }
                if !literal.is_empty() {
                    items.push(Item::Literal(std::mem::take(&mut literal)));
                }
                items.push(Item::Field(c, count));
            } else {
                literal.push(c);
            }
        }
        if !literal.is_empty() {
            items.push(Item::Literal(literal));
        }
        Some(Pattern { items })
    }

    /// Appends a time, given in microseconds since 1970.
    pub(crate) fn write(&self, out: &mut String, time: i64) {
        let days = time.div_euclid(DAY);
        let of_day = time.rem_euclid(DAY);
        let date = calendar::civil(days);
        for item in &self.items {
            match item {
                Item::Literal(literal) => out.push_str(literal),
                Item::Field(letter, count) => write_field(out, *letter, *count, days, date, of_day),
            }
        }
    }
}

fn write_field(out: &mut String, letter: char, count: usize, days: i64, date: Civil, of_day: i64) {
    let hour = of_day / HOUR;
    match letter {
        'y' => write_year(out, if date.year > 0 { date.year } else { 1 - date.year }, count),
        'u' if count == 1 => pad(out, (calendar::weekday(days) + 6) % 7 + 1, 1),
        'u' => write_year(out, date.year, count),
        'Y' => write_year(out, week_of_year(days, date).0, count),
        'M' | 'L' if count <= 2 => pad(out, date.month, count),
        'M' | 'L' => write_name(out, &MONTHS, date.month - 1, count),
        'd' => pad(out, date.day, count),
        'D' => pad(out, calendar::day_of_year(days), count),
        'Q' | 'q' => {
            let quarter = (date.month - 1) / 3 + 1;
            match count {
                1 | 2 => pad(out, quarter, count),
                3 => out.extend(['Q', digit(quarter)]),
                4 => {
                    out.push(digit(quarter));
                    out.push_str(["st", "nd", "rd", "th"].get((quarter - 1) as usize).unwrap_or(&""));
                    out.push_str(" quarter");
                }
                _ => pad(out, quarter, 1),
            }
        }
        'H' => pad(out, hour, count),
        'k' => pad(out, if hour == 0 { 24 } else { hour }, count),
        'K' => pad(out, hour % 12, count),
        'h' => pad(out, if hour % 12 == 0 { 12 } else { hour % 12 }, count),
        'm' => pad(out, of_day % HOUR / MINUTE, count),
        's' => pad(out, of_day % MINUTE / SECOND, count),
        'S' => {
            let micros = of_day % SECOND;
            for place in 0..count {
                out.push(if place < 6 { digit(micros / 10_i64.pow(5 - place as u32) % 10) } else { '0' });
            }
        }
        'a' => out.push_str(if hour < 12 { "AM" } else { "PM" }),
        'E' => write_name(out, &WEEKDAYS, calendar::weekday(days), count),
        'e' if count <= 2 => pad(out, calendar::weekday(days) + 1, count),
        'e' => write_name(out, &WEEKDAYS, calendar::weekday(days), count),
        'F' => pad(out, (date.day - 1) / 7 + 1, count),
        'w' => pad(out, week_of_year(days, date).1, count),
        'W' => {
            let first = calendar::weekday(calendar::days(date.year, date.month, 1));
            pad(out, (date.day - 1 + first) / 7 + 1, count);
        }
        // The session's zone is UTC.
        'z' if count >= 4 => out.push_str("Coordinated Universal Time"),
        'z' | 'V' => out.push_str("UTC"),
        'Z' if count == 4 => out.push_str("GMT"),
        'Z' if count == 5 => out.push('Z'),
        'Z' => out.push_str("+0000"),
        'X' => out.push('Z'),
        'x' => out.push_str(match count {
            1 => "+00",
            2 | 4 => "+0000",
            _ => "+00:00",
        }),
        'G' => out.push_str(match (count >= 4, date.year > 0) {
            (false, true) => "AD",
            (false, false) => "BC",
            (true, true) => "Anno Domini",
            (true, false) => "Before Christ",
        }),
        // Pattern::parse lets no other pass.
        _ => {}
    }
}

fn write_year(out: &mut String, year: i64, count: usize) {
    match count {
        2 => pad(out, year.rem_euclid(100), 2),
        _ => {
            // A year of more digits than the pattern has is told from what stands beside it by a sign.
            if count >= 4 && u32::try_from(count).is_ok_and(|width| year >= 10_i64.pow(width.min(18))) {
                out.push('+');
            }
            pad(out, year, count);
        }
    }
}

fn write_name(out: &mut String, names: &[&str], index: i64, count: usize) {
    let name = names.get(index as usize).copied().unwrap_or_default();
    let length = match count {
        0..=3 => 3,
        4 => name.len(),
        _ => 1,
    };
    out.push_str(name.get(..length).unwrap_or(name));
}

fn digit(value: i64) -> char {
    char::from(b'0' + value.rem_euclid(10) as u8)
}

fn pad(out: &mut String, value: i64, width: usize) {
    // The usual case, without the machinery of format strings.
    if width == 2 && (0..100).contains(&value) {
        out.push(digit(value / 10));
        out.push(digit(value));
    } else if width == 4 && (0..10_000).contains(&value) {
        for power in [1000, 100, 10, 1] {
            out.push(digit(value / power));
        }
    } else {
        let sign = usize::from(value < 0);
        // A String never fails to be written to.
        let _ = write!(out, "{value:0width$}", width = width + sign);
    }
}

/// The year and the number of a week as in the United States: weeks begin on Sunday, and January 1st is in the first.
fn week_of_year(days: i64, date: Civil) -> (i64, i64) {
    let next_year = calendar::days(date.year + 1, 1, 1);
    if days >= next_year - calendar::weekday(next_year) {
        return (date.year + 1, 1);
    }
    let new_year = calendar::days(date.year, 1, 1);
    (date.year, (days - new_year + calendar::weekday(new_year)) / 7 + 1)
}

#[cfg(test)]
mod tests {
    use super::super::text::timestamp;
    use super::*;

    fn written(text: &str, pattern: &str) -> Option<String> {
        let mut out = String::new();
        Pattern::parse(pattern)?.write(&mut out, timestamp(text)?);
        Some(out)
    }

    #[test]
    fn every_letter() {
        let time = "2024-02-09 15:04:05.123456";
        for (pattern, expected) in [
            ("yyyy-MM-dd HH:mm:ss", "2024-02-09 15:04:05"),
            ("yy y yyyyyy M L d D", "24 2024 002024 2 2 9 40"),
            ("MMM MMMM MMMMM E EEEE u", "Feb February F Fri Friday 5"),
            ("h hh K k a", "3 03 3 15 PM"),
            ("S SSS SSSSSS SSSSSSSSS", "1 123 123456 123456000"),
            ("'o''clock' ''", "o'clock '"),
            ("z Z X xxx VV G", "UTC +0000 Z +00:00 UTC AD"),
            ("Q QQ QQQ QQQQ", "1 01 Q1 1st quarter"),
            ("w W F YYYY uuuu", "6 2 2 2024 2024"),
            ("日期 yyyy年", "日期 2024年"),
        ] {
            assert_eq!(written(time, pattern).as_deref(), Some(expected), "{pattern}");
        }
        assert_eq!(written("2024-12-29 00:00:00", "YYYY-w k h").as_deref(), Some("2025-1 24 12"));
        assert_eq!(written("12345-01-01 00:00:00", "yyyy-MM-dd").as_deref(), Some("+12345-01-01"));
        assert_eq!(written("-0001-01-01 00:00:00", "y G uuuu").as_deref(), Some("2 BC -0001"));
        for none in ["'open", "yyyy-bb", "j", "yyyy {", "yyyy#"] {
            assert_eq!(Pattern::parse(none), None, "{none}");
        }
    }
}
