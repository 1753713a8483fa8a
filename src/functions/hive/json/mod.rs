//! Texts that hold JSON

mod get_json_object;
mod path;

use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    let mut entries = get_json_object::entries();
    entries.push(Entry::known(Help {
        name: "json_tuple",
        syntax: "json_tuple(json, key, …)",
        line: "The values of keys of an object, as fields c0, c1, … of a struct; LATERAL VIEW makes columns of them.",
        example: r#"SELECT get_field(json_tuple('{"a":1, "b":"x"}', 'b', 'c', 'a'), 'c0')"#,
        gives: "x",
    }));
    entries
}
