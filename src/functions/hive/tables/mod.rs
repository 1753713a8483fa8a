//! Table functions as scalars that return arrays, which a LATERAL VIEW unnests.

mod explode;
mod stack;

use crate::functions::entry::Entry;

pub(crate) fn entries() -> Vec<Entry> {
    let mut entries = explode::entries();
    entries.extend(stack::entries());
    entries
}
