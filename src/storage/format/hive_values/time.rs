//! Dates and timestamps from the bytes of a text, as Hive reads them, and back.
//!
//! Both are read as Java does: a day that a month does not have is one of the next month, so that 2021-02-29 is
//! 2021-03-01, and an hour of 24 or more is one of the next day.

/// Microseconds of a second and of a day.
const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// The days from 1970-01-01 to a date: `yyyy-m-d`, with nothing before or behind it.
pub(crate) fn date(text: &[u8]) -> Option<i32> {
    if let Some((year, month, day)) = ten_characters(text) {
        return days_of(year, month, day);
    }
    let (days, rest) = leading_date(text)?;
    rest.is_empty().then_some(days)
}

/// What most dates are: year, month and day with all their digits. `None` for all others.
fn ten_characters(text: &[u8]) -> Option<(i64, i64, i64)> {
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
    const ABOVE_NINE: u64 = u64::from_le_bytes([0x76; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    const EVERY_SECOND: u64 = u64::from_le_bytes([0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0]);
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return None };
    // All digits at once: one that is more than 9 gets its highest bit, if it does not have that already.
    let digits = u64::from_le_bytes([y1, y2, y3, y4, m1, m2, d1, d2]) ^ ZEROS;
    if (digits | digits.wrapping_add(ABOVE_NINE)) & HIGH != 0 {
        return None;
    }
    let pairs = (digits & EVERY_SECOND) * 10 + (digits >> 8 & EVERY_SECOND);
    let [century, _, year, _, month, _, day, _] = pairs.to_le_bytes();
    Some((i64::from(century) * 100 + i64::from(year), i64::from(month), i64::from(day)))
}

/// The microseconds from 1970-01-01 to `yyyy-m-d h:m:s`, with a fraction of up to nine digits; blanks may be around it.
pub(crate) fn timestamp(text: &[u8]) -> Option<i64> {
    let (days, rest) = leading_date(super::number::trim_java(text))?;
    let [b' ', time @ ..] = rest else { return None };
    let (hour, time) = number_before(time, b':')?;
    let (minute, time) = number_before(time, b':')?;
    let end = time.iter().position(|byte| *byte == b'.').unwrap_or(time.len());
    let second = small_number(&time[..end])?;
    let micros = match &time[end..] {
        [] => 0,
        [_, fraction @ ..] => fraction_micros(fraction)?,
    };
    in_micros(days, hour * 3600 + minute * 60 + second, micros)
}

fn in_micros(days: i32, seconds: i64, micros: i64) -> Option<i64> {
    i64::from(days).checked_mul(DAY)?.checked_add(seconds * SECOND + micros)
}

/// Up to nine digits behind a point, in microseconds. Further ones are cut off.
fn fraction_micros(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > 9 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let six = digits.iter().copied().chain(std::iter::repeat(b'0')).take(6);
    Some(six.fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0')))
}

/// The number before a sign, and what follows the sign.
fn number_before(text: &[u8], sign: u8) -> Option<(i64, &[u8])> {
    let end = text.iter().position(|byte| *byte == sign)?;
    Some((small_number(&text[..end])?, &text[end + 1..]))
}

/// A number of a few digits.
fn small_number(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 9 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
}

/// The date at the start of a text, and the rest.
fn leading_date(text: &[u8]) -> Option<(i32, &[u8])> {
    let (year, rest) = text.split_at_checked(4)?;
    let [b'-', rest @ ..] = rest else { return None };
    let year = small_number(year)?;
    let (month, rest) = one_or_two_digits(rest)?;
    let [b'-', rest @ ..] = rest else { return None };
    let (day, rest) = one_or_two_digits(rest)?;
    if rest.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    Some((days_of(year, month, day)?, rest))
}

fn one_or_two_digits(text: &[u8]) -> Option<(i64, &[u8])> {
    let count = text.iter().take(2).take_while(|byte| byte.is_ascii_digit()).count();
    Some((small_number(&text[..count])?, &text[count..]))
}

/// The days from 1970-01-01 to a day of up to 31; `None` if there is no such month or day.
pub(crate) fn days_of(year: i64, month: i64, day: i64) -> Option<i32> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Counted from March, so that the day that comes and goes is the last of the year.
    let year = if month > 2 { year } else { year - 1 };
    let month = (month + 9) % 12;
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    i32::try_from(era * 146_097 + day_of_era - 719_468).ok()
}

/// Year, month and day of a number of days from 1970-01-01.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// Adds the text of a date. `None`: its year does not have four digits, so that it could not be read back.
pub(crate) fn write_date(days: i64, text: &mut Vec<u8>) -> Option<()> {
    let (year, month, day) = date_of(days);
    if !(0..=9999).contains(&year) {
        return None;
    }
    push_digits(text, year, 4);
    text.push(b'-');
    push_digits(text, month, 2);
    text.push(b'-');
    push_digits(text, day, 2);
    Some(())
}

/// Adds the text of a timestamp, given in nanoseconds. A fraction has as many digits as it needs.
pub(crate) fn write_timestamp(nanos: i128, text: &mut Vec<u8>) -> Option<()> {
    const NANOS_OF_DAY: i128 = 86_400_000_000_000;
    let of_day = i64::try_from(nanos.rem_euclid(NANOS_OF_DAY)).ok()?;
    write_date(i64::try_from(nanos.div_euclid(NANOS_OF_DAY)).ok()?, text)?;
    let (seconds, fraction) = (of_day / 1_000_000_000, of_day % 1_000_000_000);
    for (sign, part) in [(b' ', seconds / 3600), (b':', seconds / 60 % 60), (b':', seconds % 60)] {
        text.push(sign);
        push_digits(text, part, 2);
    }
    if fraction > 0 {
        text.push(b'.');
        push_digits(text, fraction, 9);
        while text.last() == Some(&b'0') {
            text.pop();
        }
    }
    Some(())
}

fn push_digits(text: &mut Vec<u8>, number: i64, count: u32) {
    for place in (0..count).rev() {
        // One digit of a number that is not negative.
        text.push(b'0' + (number / 10_i64.pow(place) % 10) as u8);
    }
}

/// A pattern of `timestamp.formats`, such as `yyyy-MM-dd'T'HH:mm:ss`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TimestampPattern {
    /// The number of milliseconds since 1970.
    Millis,
    Parts(Vec<Part>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Letter(u8),
    Year,
    Month,
    /// The first three letters of the month's English name, or all of it.
    MonthName,
    Day,
    Hour,
    Minute,
    Second,
    Fraction,
}

impl TimestampPattern {
    /// `None`: the pattern has a letter that is not known.
    pub(crate) fn parse(pattern: &str) -> Option<Self> {
        if pattern.eq_ignore_ascii_case("millis") {
            return Some(TimestampPattern::Millis);
        }
        let mut parts = Vec::new();
        let mut rest = pattern.as_bytes();
        while let [letter, ..] = rest {
            let count = rest.iter().take_while(|byte| *byte == letter).count();
            match letter {
                b'y' | b'u' | b'Y' => parts.push(Part::Year),
                b'M' if count >= 3 => parts.push(Part::MonthName),
                b'M' => parts.push(Part::Month),
                b'd' => parts.push(Part::Day),
                b'H' => parts.push(Part::Hour),
                b'm' => parts.push(Part::Minute),
                b's' => parts.push(Part::Second),
                b'S' => parts.push(Part::Fraction),
                b'\'' => {
                    if count % 2 == 0 {
                        parts.extend(std::iter::repeat_n(Part::Letter(b'\''), count / 2));
                    } else {
                        let quoted = &rest[count..];
                        let end = memchr::memchr(b'\'', quoted)?;
                        parts.extend(quoted[..end].iter().copied().map(Part::Letter));
                        rest = &quoted[end + 1..];
                        continue;
                    }
                }
                letter if letter.is_ascii_alphabetic() => return None,
                letter => parts.extend(std::iter::repeat_n(Part::Letter(*letter), count)),
            }
            rest = &rest[count..];
        }
        Some(TimestampPattern::Parts(parts))
    }

    /// The microseconds since 1970 that a text stands for; `None` if it does not have this pattern.
    pub(crate) fn read(&self, text: &[u8]) -> Option<i64> {
        let parts = match self {
            TimestampPattern::Millis => {
                let millis: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
                return millis.checked_mul(1000);
            }
            TimestampPattern::Parts(parts) => parts,
        };
        let (mut year, mut month, mut day) = (1970, 1, 1);
        let (mut hour, mut minute, mut second, mut micros) = (0, 0, 0, 0);
        let mut rest = text;
        for (index, part) in parts.iter().enumerate() {
            // Where parts follow each other without a sign between, each takes the digits that it has by nature.
            let digits_follow = parts.get(index + 1).is_some_and(|next| !matches!(next, Part::Letter(_)));
            let most = match (part, digits_follow) {
                (Part::Year, true) => 4,
                (Part::Year | Part::Fraction, false) => 9,
                _ => 2,
            };
            let count = rest.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
            let number = small_number(&rest[..count]);
            match part {
                Part::Letter(letter) => {
                    rest = rest.strip_prefix(&[*letter])?;
                    continue;
                }
                Part::MonthName => {
                    let length = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
                    month = month_of_name(&rest[..length])?;
                    rest = &rest[length..];
                    continue;
                }
                Part::Year => year = number?,
                Part::Month => month = number?,
                Part::Day => day = number?,
                Part::Hour => hour = number.filter(|hour| *hour < 24)?,
                Part::Minute => minute = number.filter(|minute| *minute < 60)?,
                Part::Second => second = number.filter(|second| *second < 60)?,
                Part::Fraction => micros = fraction_micros(&rest[..count])?,
            }
            rest = &rest[count..];
        }
        if !rest.is_empty() {
            return None;
        }
        in_micros(days_of(year, month, day)?, hour * 3600 + minute * 60 + second, micros)
    }
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

fn month_of_name(name: &[u8]) -> Option<i64> {
    let is_month = |month: &&str| {
        name.eq_ignore_ascii_case(month.as_bytes())
            || (name.len() == 3 && name.eq_ignore_ascii_case(&month.as_bytes()[..3]))
    };
    (1..).zip(MONTHS).find(|(_, month)| is_month(month)).map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike as _, NaiveDate};
    use proptest::prelude::*;

    use super::*;

    fn shown(days: i32) -> String {
        let mut text = Vec::new();
        write_date(days.into(), &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn dates_are_read_leniently_in_the_day_alone() {
        for (text, date_text) in [
            ("2020-01-31", Some("2020-01-31")),
            ("2020-1-3", Some("2020-01-03")),
            ("2020-02-31", Some("2020-03-02")),
            ("2021-04-31", Some("2021-05-01")),
            ("1500-02-29", Some("1500-03-01")),
            ("0001-01-01", Some("0001-01-01")),
            ("9999-12-31", Some("9999-12-31")),
            ("2020-13-01", None),
            ("2020-00-10", None),
            ("2020-01-32", None),
            ("2020-01-00", None),
            ("20-01-01", None),
            ("2020-01-01 10:00:00", None),
            (" 2020-01-01", None),
            ("2020-01-01 ", None),
            ("2020/01/01", None),
            ("20200101", None),
            ("-2020-01-01", None),
            ("12020-01-01", None),
            ("2020-01-011", None),
            ("2020-01-", None),
            ("", None),
        ] {
            assert_eq!(date(text.as_bytes()).map(shown).as_deref(), date_text, "{text}");
        }
    }

    fn read(text: &str) -> Option<String> {
        let mut shown = Vec::new();
        write_timestamp(i128::from(timestamp(text.as_bytes())?) * 1000, &mut shown).unwrap();
        Some(String::from_utf8(shown).unwrap())
    }

    #[test]
    fn timestamps_need_a_time() {
        for (text, expected) in [
            ("2020-01-31 01:02:03", Some("2020-01-31 01:02:03")),
            ("2020-01-31 01:02:03.5", Some("2020-01-31 01:02:03.5")),
            ("2020-01-31 01:02:03.123456789", Some("2020-01-31 01:02:03.123456")),
            ("2020-1-3 1:2:3", Some("2020-01-03 01:02:03")),
            (" 2020-01-31 01:02:03 ", Some("2020-01-31 01:02:03")),
            ("2020-01-31 24:00:00", Some("2020-02-01 00:00:00")),
            ("2020-01-31 25:61:61", Some("2020-02-01 02:02:01")),
            ("2020-01-31 01:02:03.1234567891", None),
            ("2020-01-31 01:02:03.", None),
            ("2020-01-31", None),
            ("2020-01-31T01:02:03", None),
            ("2020-01-31 01:02", None),
            ("2020-01-31 01:02:03Z", None),
            ("1580000000", None),
            ("", None),
        ] {
            assert_eq!(read(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn patterns_of_a_table_are_read() {
        let read = |pattern: &str, text: &str| {
            let micros = TimestampPattern::parse(pattern).unwrap().read(text.as_bytes())?;
            let mut shown = Vec::new();
            write_timestamp(i128::from(micros) * 1000, &mut shown).unwrap();
            Some(String::from_utf8(shown).unwrap())
        };
        let iso = "yyyy-MM-dd'T'HH:mm:ss.SSS";
        assert_eq!(read(iso, "2020-01-31T01:02:03.5").as_deref(), Some("2020-01-31 01:02:03.5"));
        assert_eq!(read(iso, "2020-01-31 01:02:03.5"), None);
        assert_eq!(read("dd/MM/yyyy HH:mm", "31/1/2020 5:06").as_deref(), Some("2020-01-31 05:06:00"));
        assert_eq!(read("yyyyMMdd", "20200131").as_deref(), Some("2020-01-31 00:00:00"));
        assert_eq!(read("MMM d yyyy", "Jan 5 2020").as_deref(), Some("2020-01-05 00:00:00"));
        assert_eq!(read("millis", "1580000000123").as_deref(), Some("2020-01-26 00:53:20.123"));
        assert_eq!(TimestampPattern::parse("yyyy-MM-dd E"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_read(days in -719_162_i32..2_932_896, of_day in 0_i64..DAY) {
            let date_text = shown(days);
            let expected = NaiveDate::from_num_days_from_ce_opt(days + 719_163).unwrap();
            let expected = format!("{:04}-{:02}-{:02}", expected.year(), expected.month(), expected.day());
            prop_assert_eq!(&date_text, &expected);
            prop_assert_eq!(date(date_text.as_bytes()), Some(days));
            let micros = i64::from(days) * DAY + of_day;
            let mut text = Vec::new();
            write_timestamp(i128::from(micros) * 1000, &mut text).unwrap();
            prop_assert_eq!(timestamp(&text), Some(micros));
        }

        #[test]
        fn ten_characters_are_read_as_all_are(text in "[0-9]{4}-[0-3][0-9]-[0-9]{2}|[-0-9x]{10}|[0-9]{4}-[0-9]-[0-9]{1,3}") {
            let text = text.as_bytes();
            let plain = leading_date(text).filter(|(_, rest)| rest.is_empty()).map(|(days, _)| days);
            prop_assert_eq!(date(text), plain);
        }

        #[test]
        fn any_text_is_survived(text in "[-0-9:. T]{0,30}", bytes in prop::collection::vec(any::<u8>(), 0..30)) {
            let _ = (date(text.as_bytes()), timestamp(text.as_bytes()), date(&bytes), timestamp(&bytes));
        }
    }
}
