//! Functions that are about no one type: hashes, masks, conditions

mod coalesce;
mod conditional;
mod hash;
mod known;
mod mask;
mod session;

use crate::functions::entry::Entry;

pub(super) fn entries() -> Vec<Entry> {
    let mut entries = Vec::new();
    for family in
        [coalesce::entries, conditional::entries, hash::entries, known::entries, mask::entries, session::entries]
    {
        entries.extend(family());
    }
    entries
}
