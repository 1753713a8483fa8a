//! Reads a time that is spelled in one of Java's patterns
//!
//! As strictly as Hive 4 and Spark do: `MM` wants two digits, nothing may follow, and February 30th is NULL, not March 1st.

use super::calendar::{self, DAY, HOUR, MINUTE, SECOND};
use super::pattern::{Item, Pattern};
use super::text::number;
use super::zones::Zone;
use crate::functions::calendar_names::{MONTHS, WEEKDAYS};

/// What has been read so far.
#[derive(Default)]
struct Read {
    year: Option<i64>,
    is_before_christ: bool,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: Option<i64>,
    hour_of_half: Option<i64>,
    is_afternoon: Option<bool>,
    minute: i64,
    second: i64,
    micros: i64,
    zone: Option<Zone>,
}

impl Pattern {
    /// Microseconds since 1970 in UTC, or `None` where the text is spelled otherwise. What the pattern leaves out is as on
    /// 1970-01-01 at midnight.
    pub(crate) fn read(&self, text: &str) -> Option<i64> {
        let mut read = Read::default();
        let mut rest = text;
        for (index, item) in self.items.iter().enumerate() {
            match item {
                Item::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
                Item::Field(letter, count) => {
                    let is_followed =
                        matches!(self.items.get(index + 1), Some(Item::Field(next, _)) if is_digits(*next));
                    rest = read.field(*letter, *count, is_followed, rest)?;
                }
            }
        }
        if rest.is_empty() { read.time() } else { None }
    }
}

/// Whether a letter stands for digits, so that those before it cannot run on.
fn is_digits(letter: char) -> bool {
    "yuMLdDHhkKmsS".contains(letter)
}

impl Read {
    fn field<'a>(&mut self, letter: char, count: usize, is_followed: bool, text: &'a str) -> Option<&'a str> {
        // One letter is a number of any length, more are just so many digits.
        let digits = |most: usize| {
            let (least, most) = if count == 1 && !is_followed { (1, most) } else { (count, count) };
            prefix_number(text, least, most)
        };
        let rest;
        match letter {
            'y' | 'u' if count == 2 => {
                let (value, after) = prefix_number(text, 2, 2)?;
                self.year = Some(2000 + value);
                rest = after;
            }
            'y' | 'u' => {
                let (negative, unsigned) = match text.strip_prefix('-') {
                    Some(unsigned) if letter == 'u' => (true, unsigned),
                    _ => (false, text.strip_prefix('+').unwrap_or(text)),
                };
                let (value, after) =
                    if is_followed { prefix_number(unsigned, count, count)? } else { number(unsigned, count, 7)? };
                // As far as TIMESTAMP reaches, and some more.
                self.year = (value < 1_000_000).then_some(if negative { -value } else { value });
                self.year?;
                rest = after;
            }
            'M' | 'L' if count > 2 => {
                let (index, after) = name(text, &MONTHS, count)?;
                self.month = Some(index + 1);
                rest = after;
            }
            'M' | 'L' => (self.month, rest) = some(digits(2)?),
            'd' => (self.day, rest) = some(digits(2)?),
            'D' => (self.day_of_year, rest) = some(digits(3)?),
            'H' => (self.hour, rest) = some(digits(2)?),
            'k' => {
                let (value, after) = digits(2)?;
                self.hour = (1..=24).contains(&value).then_some(value % 24);
                self.hour?;
                rest = after;
            }
            'h' => {
                let (value, after) = digits(2)?;
                self.hour_of_half = (1..=12).contains(&value).then_some(value % 12);
                self.hour_of_half?;
                rest = after;
            }
            'K' => {
                let (value, after) = digits(2)?;
                self.hour_of_half = (0..=11).contains(&value).then_some(value);
                self.hour_of_half?;
                rest = after;
            }
            'm' => (self.minute, rest) = digits(2)?,
            's' => (self.second, rest) = digits(2)?,
            'S' => {
                let (fraction, after) = text.split_at_checked(count)?;
                if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
                    return None;
                }
                let micros = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
                self.micros = micros.fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0'));
                rest = after;
            }
            'a' => {
                let (half, after) = text.split_at_checked(2)?;
                self.is_afternoon = Some(match half {
                    half if half.eq_ignore_ascii_case("AM") => false,
                    half if half.eq_ignore_ascii_case("PM") => true,
                    _ => return None,
                });
                rest = after;
            }
            'G' => {
                let (era, after) = text.split_at_checked(2)?;
                self.is_before_christ = match era {
                    "AD" => false,
                    "BC" => true,
                    _ => return None,
                };
                rest = after;
            }
            // Java wants the weekday to be right, too; no script depends on that.
            'E' => rest = name(text, &WEEKDAYS, count)?.1,
            'z' | 'Z' | 'X' | 'x' | 'V' => {
                let length = text.find(|c: char| !(c.is_alphanumeric() || "+-:/_".contains(c))).unwrap_or(text.len());
                let (zone, after) = text.split_at_checked(length)?;
                self.zone = Some(Zone::parse(zone)?);
                rest = after;
            }
            // Weeks and quarters do not tell the day.
            _ => return None,
        }
        Some(rest)
    }

    fn time(self) -> Option<i64> {
        let year = match self.year.unwrap_or(1970) {
            year if self.is_before_christ => 1 - year,
            year => year,
        };
        let days = match self.day_of_year {
            Some(day) => {
                let last = 365 + i64::from(calendar::is_leap(year));
                (1..=last).contains(&day).then(|| calendar::days(year, 1, 1) + day - 1)?
            }
            None => calendar::checked_days(year, self.month.unwrap_or(1), self.day.unwrap_or(1))?,
        };
        let hour = match (self.hour, self.hour_of_half) {
            (Some(hour), _) => hour,
            (None, Some(hour)) => hour + if self.is_afternoon == Some(true) { 12 } else { 0 },
            (None, None) => 0,
        };
        if hour > 23 || self.minute > 59 || self.second > 59 {
            return None;
        }
        let of_day = hour * HOUR + self.minute * MINUTE + self.second * SECOND + self.micros;
        let local = days.checked_mul(DAY)?.checked_add(of_day)?;
        match self.zone {
            Some(zone) => zone.to_utc(local),
            None => Some(local),
        }
    }
}

fn some((value, rest): (i64, &str)) -> (Option<i64>, &str) {
    (Some(value), rest)
}

/// Like [`number`], but more digits may follow.
fn prefix_number(text: &str, least: usize, most: usize) -> Option<(i64, &str)> {
    let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if length < least {
        return None;
    }
    let (digits, rest) = text.split_at_checked(length)?;
    Some((digits.parse().ok()?, rest))
}

/// The index of a name, in full or by its first three letters.
fn name<'a>(text: &'a str, names: &[&str], count: usize) -> Option<(i64, &'a str)> {
    for (index, name) in names.iter().enumerate() {
        let length = if count >= 4 { name.len() } else { 3 };
        if let (Some((start, rest)), Some(name)) = (text.split_at_checked(length), name.get(..length))
            && start.eq_ignore_ascii_case(name)
        {
            return Some((index as i64, rest));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::text::timestamp;
    use super::*;

    fn read(text: &str, pattern: &str) -> Option<i64> {
        Pattern::parse(pattern)?.read(text)
    }

    #[test]
    fn texts_that_follow_the_pattern() {
        for (text, pattern, expected) in [
            ("20240229", "yyyyMMdd", "2024-02-29"),
            ("20240229153045123", "yyyyMMddHHmmssSSS", "2024-02-29 15:30:45.123"),
            ("29/Feb/2024:15:30:45 +0200", "dd/MMM/yyyy:HH:mm:ss Z", "2024-02-29 13:30:45"),
            ("2/9/24 3:05 pm", "M/d/yy h:mm a", "2024-02-09 15:05:00"),
            ("2024-060", "yyyy-DDD", "2024-02-29"),
            ("2024-02-29T10:00:00Z", "yyyy-MM-dd'T'HH:mm:ssX", "2024-02-29 10:00:00"),
            ("Thursday, 29 February 2024", "EEEE, d MMMM yyyy", "2024-02-29"),
            ("24:00", "kk:mm", "1970-01-01"),
        ] {
            assert_eq!(read(text, pattern), timestamp(expected), "{text} in {pattern}");
        }
    }

    #[test]
    fn texts_that_do_not() {
        for (text, pattern) in [
            ("2024-02-30", "yyyy-MM-dd"),
            ("2024-2-9", "yyyy-MM-dd"),
            ("2024-02-29 10:00:00", "yyyy-MM-dd"),
            ("2024-02-29", "yyyy-MM-dd HH:mm:ss"),
            ("2024-366 25", "yyyy-DDD HH"),
            ("2023-366", "yyyy-DDD"),
            ("1é", "HH"),
            ("", "yyyy"),
            ("13 AM", "h a"),
            ("2024-W01", "yyyy-'W'ww"),
        ] {
            assert_eq!(read(text, pattern), None, "{text} in {pattern}");
        }
    }
}
