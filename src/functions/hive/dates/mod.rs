//! Dates and timestamps.

mod arithmetic;
pub(crate) mod calendar;
mod fields;
mod format;
mod now;
mod pattern;
mod pattern_read;
pub(crate) mod text;
mod truncate;
mod zones;

use crate::functions::entry::{Entry, Help};

pub(crate) fn entries() -> Vec<Entry> {
    let mut entries = arithmetic::entries();
    entries.extend(fields::entries());
    entries.extend(format::entries());
    entries.extend(now::entries());
    entries.extend(truncate::entries());
    entries.extend(zones::entries());
    entries.push(Entry::known(Help {
        name: "extract",
        syntax: "extract(field FROM date)",
        line: "A field of a date or timestamp: year, month, day, hour, minute, second, quarter, week.",
        example: "SELECT extract(year FROM DATE '2024-02-29')",
        gives: "2024",
    }));
    entries
}
