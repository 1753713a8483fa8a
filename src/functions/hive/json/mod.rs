//! Texts that hold JSON

mod get_json_object;
mod json_tuple;
mod path;
mod read;

use crate::functions::entry::Entry;

pub(super) fn entries() -> Vec<Entry> {
    let mut entries = get_json_object::entries();
    entries.extend(json_tuple::entries());
    entries
}
