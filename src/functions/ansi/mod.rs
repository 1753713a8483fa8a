//! Functions of PostgreSQL's and Tajo's that DataFusion lacks, or has with another meaning
//!
//! Where the two differ, as in the order of `locate`'s arguments, it is Tajo's meaning: the functions are there for its scripts.

mod calendar;
mod encoding;
mod json;
mod known;
mod modulo;
mod number_template;
mod text;
mod time_reader;
mod time_template;
mod time_writer;
mod to_char;
mod to_time;

use super::entry::Entry;

pub(crate) fn entries() -> Vec<Entry> {
    let mut entries = Vec::new();
    for family in [
        calendar::entries,
        encoding::entries,
        json::entries,
        known::entries,
        modulo::entries,
        text::entries,
        to_char::entries,
        to_time::entries,
    ] {
        entries.extend(family());
    }
    entries
}
