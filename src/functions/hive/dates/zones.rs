//! `from_utc_timestamp` and `to_utc_timestamp`, and zones by every name that Java takes
//!
//! datafusion-spark has both, but fails on an unknown zone, on `PST`, and on a time that the clocks skip.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, Offset, TimeZone};
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{ArrayRef, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::TimestampMicrosecondType;
use datafusion::error::Result;

use super::calendar::{HOUR, MINUTE, SECOND};
use crate::functions::entry::{Entry, Help};
use crate::functions::hive::call::{Call, Function, Gives, Kind, TIMESTAMP, Takes};
use crate::functions::hive::operand::Made;

pub(super) fn entries() -> Vec<Entry> {
    const TAKES: Takes = Takes::OneOf(&[&[Kind::Date, Kind::Text]]);
    vec![
        Entry::scalar(
            Function::new(
                "from_utc_timestamp",
                "from_utc_timestamp(timestamp, zone)",
                TAKES,
                Gives::Always(TIMESTAMP),
                |call| shift(call, Zone::local_of),
            ),
            Help {
                name: "from_utc_timestamp",
                syntax: "from_utc_timestamp(timestamp, zone)",
                line: "The time that clocks in the zone show at a time given in UTC.",
                example: "SELECT from_utc_timestamp('2024-07-01 12:00:00', 'America/New_York')",
                gives: "2024-07-01T08:00:00",
            },
        ),
        Entry::scalar(
            Function::new(
                "to_utc_timestamp",
                "to_utc_timestamp(timestamp, zone)",
                TAKES,
                Gives::Always(TIMESTAMP),
                |call| shift(call, Zone::to_utc),
            ),
            Help {
                name: "to_utc_timestamp",
                syntax: "to_utc_timestamp(timestamp, zone)",
                line: "The time in UTC when clocks in the zone show the given time.",
                example: "SELECT to_utc_timestamp('2024-01-01 12:00:00', 'Asia/Tokyo')",
                gives: "2024-01-01T03:00:00",
            },
        ),
    ]
}

fn shift(call: &Call, to: fn(&Zone, i64) -> Option<i64>) -> Result<ArrayRef> {
    let zones = call.texts(1)?;
    let mut made = Made::new(&zones, Zone::parse);
    let times = call.times(0)?;
    if zones.constant().is_some() {
        let Some(zone) = made.at(0) else {
            return Ok(Arc::new(TimestampMicrosecondArray::new_null(call.rows())));
        };
        return Ok(Arc::new(call.map::<_, TimestampMicrosecondType>(&times, |time| to(zone, time))));
    }
    let shifted: TimestampMicrosecondArray = (0..call.rows()).map(|row| to(made.at(row)?, times.at(row)?)).collect();
    Ok(Arc::new(shifted))
}

#[derive(Debug, Clone)]
pub(crate) enum Zone {
    /// Microseconds to the east.
    Fixed(i64),
    Region(Tz),
}

impl Zone {
    pub(crate) fn parse(name: &str) -> Option<Zone> {
        let name = name.trim();
        if let Some(offset) = offset(name) {
            return Some(Zone::Fixed(offset));
        }
        let region = match name {
            "UTC" | "GMT" | "UT" | "Z" => return Some(Zone::Fixed(0)),
            "EST" => return Some(Zone::Fixed(-5 * HOUR)),
            "MST" => return Some(Zone::Fixed(-7 * HOUR)),
            "HST" => return Some(Zone::Fixed(-10 * HOUR)),
            // Java's short names.
            "ACT" => "Australia/Darwin",
            "AET" => "Australia/Sydney",
            "AGT" => "America/Argentina/Buenos_Aires",
            "ART" => "Africa/Cairo",
            "AST" => "America/Anchorage",
            "BET" => "America/Sao_Paulo",
            "BST" => "Asia/Dhaka",
            "CAT" => "Africa/Harare",
            "CNT" => "America/St_Johns",
            "CST" => "America/Chicago",
            "CTT" => "Asia/Shanghai",
            "EAT" => "Africa/Addis_Ababa",
            "ECT" => "Europe/Paris",
            "IET" => "America/Indiana/Indianapolis",
            "IST" => "Asia/Kolkata",
            "JST" => "Asia/Tokyo",
            "MIT" => "Pacific/Apia",
            "NET" => "Asia/Yerevan",
            "NST" => "Pacific/Auckland",
            "PLT" => "Asia/Karachi",
            "PNT" => "America/Phoenix",
            "PRT" => "America/Puerto_Rico",
            "PST" => "America/Los_Angeles",
            "SST" => "Pacific/Guadalcanal",
            "VST" => "Asia/Ho_Chi_Minh",
            name => name,
        };
        region.parse().ok().map(Zone::Region)
    }

    /// What clocks show at a time in UTC.
    pub(crate) fn local_of(&self, time: i64) -> Option<i64> {
        match self {
            Zone::Fixed(offset) => time.checked_add(*offset),
            Zone::Region(zone) => time.checked_add(offset_at(*zone, naive(time)?)),
        }
    }

    /// The time in UTC when clocks show a time: the first if they do so twice; if never, as far after the gap as `time` is in it.
    pub(crate) fn to_utc(&self, time: i64) -> Option<i64> {
        let zone = match self {
            Zone::Fixed(offset) => return time.checked_sub(*offset),
            Zone::Region(zone) => *zone,
        };
        let offset = match zone.offset_from_local_datetime(&naive(time)?).earliest() {
            Some(offset) => i64::from(offset.fix().local_minus_utc()) * SECOND,
            // In a gap. Clocks are set at most a few hours, so that a day before they had the offset from before it.
            None => offset_at(zone, naive(time.checked_sub(24 * HOUR)?)?),
        };
        time.checked_sub(offset)
    }
}

fn naive(time: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(time).map(|time| time.naive_utc())
}

fn offset_at(zone: Tz, utc: NaiveDateTime) -> i64 {
    i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()) * SECOND
}

/// `+2`, `+02:00`, `GMT+2`, `UTC-0330`.
fn offset(name: &str) -> Option<i64> {
    let name = ["UTC", "GMT", "UT"].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    let (sign, digits) = match name.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let mut parts = digits.split(':');
    let first = parts.next()?;
    if !(1..=6).contains(&first.len()) || !first.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let first_value: i64 = first.parse().ok()?;
    let (hours, mut minutes, mut seconds) = match first.len() {
        1 | 2 => (first_value, 0, 0),
        4 => (first_value / 100, first_value % 100, 0),
        6 => (first_value / 10_000, first_value / 100 % 100, first_value % 100),
        _ => return None,
    };
    let two_digits = |part: &str| -> Option<i64> {
        (part.len() <= 2 && !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| part.parse().ok())
            .flatten()
    };
    if let Some(part) = parts.next() {
        minutes = two_digits(part)?;
    }
    if let Some(part) = parts.next() {
        seconds = two_digits(part)?;
    }
    let whole = hours * HOUR + minutes * MINUTE + seconds * SECOND;
    (parts.next().is_none() && minutes < 60 && seconds < 60 && whole <= 18 * HOUR).then_some(sign * whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::hive::dates::text::timestamp;

    fn utc(local: &str, zone: &str) -> Option<i64> {
        Zone::parse(zone)?.to_utc(timestamp(local)?)
    }

    #[test]
    fn names_of_zones() {
        for (name, hours) in [("+2", 2), ("GMT+02:00", 2), ("UTC-0330", -4), ("JST", 9), ("Etc/GMT-5", 5)] {
            let shown = Zone::parse(name).and_then(|zone| zone.local_of(0));
            assert_eq!(shown.map(|time| time.div_euclid(HOUR)), Some(hours), "{name}");
        }
        for none in ["", "+", "Nowhere/Land", "+99", "+1:60", "GMT+é", "+123"] {
            assert!(Zone::parse(none).is_none(), "{none}");
        }
    }

    #[test]
    fn clocks_that_skip_an_hour_or_show_it_twice() {
        // 02:30 did not happen; an hour later clocks showed 03:30 in summer time.
        assert_eq!(utc("2024-03-10 02:30:00", "America/Los_Angeles"), timestamp("2024-03-10 10:30:00"));
        assert_eq!(utc("2024-11-03 01:30:00", "America/Los_Angeles"), timestamp("2024-11-03 08:30:00"));
        assert_eq!(Zone::parse("Europe/Paris").and_then(|zone| zone.to_utc(i64::MAX)), None);
    }
}
