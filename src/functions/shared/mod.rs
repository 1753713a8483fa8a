//! Functions that mean the same in all dialects

mod version;

use super::entry::Entry;

pub(crate) fn entries() -> Vec<Entry> {
    version::entries()
}
